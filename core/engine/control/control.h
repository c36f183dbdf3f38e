/* SPDX-License-Identifier: MIT */
/*
 * control - receives requests from programs over control sockets, and answers them.
 *
 * A control listener is a listening socket; a call is one connection to it. Two control listeners
 * are in the user's private directory (the control name and the well-known name), so only this user
 * and root can connect to them. The third has the control name as an abstract name, for programs
 * that cannot reach the directory (in a chroot, or a worker that has changed its user). Every user
 * can connect to this open listener, so a request there needs the token of the environment, or a
 * descriptor of this engine as proof.
 *
 * A call is answered and closed at once. A blocking CONNECT is different: the caller closes it, so
 * that a GO_ON that crosses the reply on its way meets no closed socket.
 *
 * A caller at the open listener is unauthenticated until a request proves its right.
 * RUDP_UNAUTHENTICATED_MAX of them have room; a new one replaces the oldest. The engine takes
 * descriptors from a message only if its token is right, or if the operation accepts a descriptor
 * as proof. Descriptors that cannot be used are closed in other threads (deferred_close.h). While
 * too many of those wait, the open listener is paused.
 */
#ifndef RUDP_ENGINE_CONTROL_H
#define RUDP_ENGINE_CONTROL_H

#include "engine/loop/engine.h"

#define RUDP_CALLS_MAX 65536
#define RUDP_CALLS_PER_PASS 64
/* A reset after the last bytes takes four turns, if each finds much else to do. */
#define RUDP_CATCH_UP_TURNS 6
#define RUDP_UNAUTHENTICATED_MAX 64
/* A call without a pending connect is closed after this time. */
#define RUDP_CALL_LINGER_NS (10 * RUDP_NS_PER_S)
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
	uint64_t inode;            /* of its socket file; 0: it has no file */
	bool paused;               /* not watched for the moment: no descriptors left */
	uint64_t last_caller_turn; /* last turn of the loop with a caller */
	struct rudp_list link;
};

struct rudp_call {
	uint64_t id;
	int fd;
	int held_fd;   /* the program's descriptor that came with the request; -1 */
	int second_fd; /* ADOPT: the kernel's listener; else -1 */
	uint32_t pid, uid;
	bool foreign; /* came through the open listener, whatever right it proves */
	bool unauthenticated;
	bool answered;
	uint64_t app_id;                   /* blocking CONNECT in progress; 0: none */
	int64_t since_ns;                  /* start of the call, or time of the reply */
	struct rudp_list link;             /* in engine->calls or engine->unauthenticated_calls */
	struct rudp_list aside_link;       /* in engine->calls_aside */
	struct rudp_list catching_up_link; /* in engine->calls_catching_up */
	uint64_t since_turn;               /* CATCH_UP: the turn of the loop in which it came */
};

/*
 * Opens a listening control socket.
 *
 * Returns  0; -EADDRINUSE; -ENOENT: there is no private directory for it; -errno.
 */
int rudp_control_listener_open(struct rudp_engine *engine, const struct rudp_name *name,
			       enum rudp_control_listener_kind kind);
/* The same for an open socket of another engine. Owns fd from now on. */
int rudp_control_listener_adopt(struct rudp_engine *engine, int fd,
				enum rudp_control_listener_kind kind);
void rudp_control_listener_close(struct rudp_engine *engine,
				 struct rudp_control_listener *listener);
/* The listener with the well-known name, or NULL. */
struct rudp_control_listener *rudp_control_listener_well_known(struct rudp_engine *engine);
/* Serves the next caller. If the turn of the loop before served one, too, serves all that wait. */
void rudp_control_listener_on_event(struct rudp_engine *engine,
				    struct rudp_control_listener *listener);
/* Watches paused listeners again. */
void rudp_control_listeners_reopen(struct rudp_engine *engine);

struct rudp_call *rudp_call_find(struct rudp_engine *engine, uint64_t id);
/*
 * Calls aside (calls_aside.c) are not watched by epoll. Over loopback a request comes, is answered,
 * and its call is closed, each within some microseconds: epoll registration would cost as much as
 * the connect itself. While the engine polls it checks the oldest of these calls itself. Before
 * it sleeps, epoll gets the calls without a reply, and those that are still open RUDP_ASIDE_NS
 * after their reply.
 */
void rudp_call_put_aside(struct rudp_engine *engine, struct rudp_call *call);
void rudp_call_leave_aside(struct rudp_engine *engine, struct rudp_call *call);
/* Serves or closes the oldest that does not wait for its reply. false: nothing new has come. */
bool rudp_calls_aside_serve(struct rudp_engine *engine);
/* To call before the engine sleeps; and the time when the next call aside is due, or RUDP_NEVER. */
void rudp_calls_aside_settle(struct rudp_engine *engine);
int64_t rudp_calls_aside_deadline_ns(const struct rudp_engine *engine);

/* Answers those CATCH_UPs that have waited for RUDP_CATCH_UP_TURNS turns of the loop. */
void rudp_calls_catch_up(struct rudp_engine *engine);

void rudp_call_on_event(struct rudp_engine *engine, struct rudp_call *call, uint32_t events);
/* Closes the held descriptors, then sends the reply. false: the caller has closed its end
 * already. */
bool rudp_call_answer(struct rudp_engine *engine, struct rudp_call *call,
		      struct rudp_control_reply *reply);
void rudp_call_close(struct rudp_engine *engine, struct rudp_call *call);
/* The caller has proved its right. */
void rudp_call_trust(struct rudp_engine *engine, struct rudp_call *call);

/*
 * Serves one request of valid form (control_calls.c). more: the bytes that follow a CONNECT.
 * Answers it now or later.
 */
void rudp_control_serve(struct rudp_engine *engine, struct rudp_call *call,
			const struct rudp_control_request *request, const uint8_t *more);
/* The message may bring descriptors: its token is right, or a descriptor may be the proof. */
bool rudp_control_may_bring_fds(const struct rudp_engine *engine,
				const struct rudp_control_request *request);
/* Returns the number of descriptors that this operation takes. */
int rudp_control_fds(unsigned operation);
const char *rudp_control_name(unsigned operation);

/* Adds the process to those that keep the engine alive (housekeeping.c): it has sent HELLO. */
void rudp_client_add(struct rudp_engine *engine, uint32_t pid);
void rudp_client_on_event(struct rudp_engine *engine, uint64_t id);

#endif
