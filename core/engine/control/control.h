/* SPDX-License-Identifier: MIT */
/*
 * control - messages from programs: one row of a table an operation.
 *
 * Control listeners are the listening sockets; a call is one connection. Two control listeners are
 * in the user's private directory (the control name and the well-known name), so only this user and
 * root come to them. The third is the control name as an abstract one, for programs that do not
 * reach the directory (a chroot, a worker that has changed its user). Everybody can call there, so
 * the token of the environment is asked for, or a descriptor of this engine. Calls are answered and
 * closed at once, except a blocking CONNECT: that is closed by its caller, so that a GO_ON which
 * crosses the answer cannot destroy it.
 *
 * A caller at the open control listener is an unauthenticated caller until a request proves its
 * right; there is room for a few of those, and the oldest goes for a new one. Descriptors are taken
 * from a message only after its token was checked, or one where the descriptor itself is the proof;
 * what cannot be used is closed in other threads (deferred_close.h), and while too much of that is
 * pending the open control listener is shut.
 */
#ifndef RUDP_ENGINE_CONTROL_H
#define RUDP_ENGINE_CONTROL_H

#include "engine/loop/engine.h"

#define RUDP_CALLS_MAX 65536
#define RUDP_CALLS_PER_PASS 64
#define RUDP_UNAUTHENTICATED_MAX 64
#define RUDP_CALL_LINGER_NS (10 * RUDP_NS_PER_S) /* answered, and the caller does not close */
#define RUDP_ASIDE_MAX 16
#define RUDP_ASIDE_NS (1 * RUDP_NS_PER_MS)
#define RUDP_CONTROL_LISTENER_BACKLOG 4096
#define RUDP_CONTROL_LISTENER_PAUSE_NS (20 * RUDP_NS_PER_MS)

enum rudp_control_listener_kind {
	RUDP_CONTROL_LISTENER_CONTROL,
	RUDP_CONTROL_LISTENER_WELL_KNOWN,
	RUDP_CONTROL_LISTENER_OPEN, /* the abstract control name */
};
#define RUDP_CONTROL_LISTENER_KINDS 3

struct rudp_control_listener {
	uint64_t id;
	int fd;
	enum rudp_control_listener_kind kind;
	uint64_t inode;           /* of its file; 0: it has none */
	bool shut;                /* not watched for the moment: no descriptors */
	uint64_t opened_at_turn;  /* of the loop, for the last who came */
	struct rudp_list link;
};

struct rudp_call {
	uint64_t id;
	int fd;
	int held_fd;              /* the program's descriptor that came along, -1 */
	int second_fd;            /* ADOPT: the kernel's listener; else -1 */
	uint32_t pid, uid;
	bool foreign; /* through the open control listener, whatever right it proves */
	bool unauthenticated;
	bool answered;
	uint64_t app_id;          /* blocking CONNECT under way */
	int64_t since_ns;
	struct rudp_list link;       /* in engine->calls or engine->unauthenticated_calls */
	struct rudp_list aside_link; /* in engine->calls_aside */
};

/*
 * Opens a listening control socket. 0, -EADDRINUSE, -ENOENT (it would be in the private directory, and
 * there is none), -errno.
 */
int rudp_control_listener_open(struct rudp_engine *engine, const struct rudp_name *name,
			       enum rudp_control_listener_kind kind);
/* The same of another engine's, which is open; it owns fd. */
int rudp_control_listener_adopt(struct rudp_engine *engine, int fd,
				enum rudp_control_listener_kind kind);
void rudp_control_listener_close(struct rudp_engine *engine,
				 struct rudp_control_listener *listener);
/* The control listener under the well-known name; NULL. */
struct rudp_control_listener *rudp_control_listener_well_known(struct rudp_engine *engine);
/* Serves the next caller; all who wait, where the turn of the loop before this has served one. */
void rudp_control_listener_on_event(struct rudp_engine *engine,
				    struct rudp_control_listener *listener);
/* Control listeners that were shut are watched again. */
void rudp_control_listeners_reopen(struct rudp_engine *engine);

struct rudp_call *rudp_call_find(struct rudp_engine *engine, uint64_t id);
/*
 * Calls aside (calls_aside.c) are not watched by epoll. Over loopback a request comes, a connect is
 * answered, and its call is closed by its caller, each within some microseconds: to have epoll
 * watch it and tell of that would be as dear as much that the connect needs. While the engine looks on
 * it looks at the oldest of them itself; when it is about to sleep, epoll gets those of which it must
 * hear, and those that were answered RUDP_ASIDE_NS ago and still stand.
 */
void rudp_call_put_aside(struct rudp_engine *engine, struct rudp_call *call);
void rudp_call_leave_aside(struct rudp_engine *engine, struct rudp_call *call);
/* Serves the oldest that is not waiting for its answer, or closes it. false: it has nothing new. */
bool rudp_calls_aside_look(struct rudp_engine *engine);
/* The engine is about to sleep; and when the next of those aside is due, or RUDP_NEVER. */
void rudp_calls_aside_settle(struct rudp_engine *engine);
int64_t rudp_calls_aside_deadline_ns(const struct rudp_engine *engine);

void rudp_call_on_event(struct rudp_engine *engine, struct rudp_call *call, uint32_t events);
/* Closes the held descriptor, then answers. false: the caller has closed its end before. */
bool rudp_call_answer(struct rudp_engine *engine, struct rudp_call *call,
		      struct rudp_control_reply *reply);
void rudp_call_close(struct rudp_engine *engine, struct rudp_call *call);
/* The caller has proved his right. */
void rudp_call_trust(struct rudp_engine *engine, struct rudp_call *call);

/*
 * One request, checked for form, and what stands behind a CONNECT (control_calls.c). Answers, or
 * leaves that for later.
 */
void rudp_control_serve(struct rudp_engine *engine, struct rudp_call *call,
			const struct rudp_control_request *request, const uint8_t *early);
/* Descriptors may be taken from this message: the token is right, or one of them may prove the right. */
bool rudp_control_may_bring_fds(const struct rudp_engine *engine,
				const struct rudp_control_request *request);
/* Descriptors that this operation takes. */
int rudp_control_fds(unsigned operation);
const char *rudp_control_name(unsigned operation);

/* A process that has said HELLO keeps the engine alive (housekeeping.c). */
void rudp_client_add(struct rudp_engine *engine, uint32_t pid);
void rudp_client_on_event(struct rudp_engine *engine, uint64_t id);

#endif
