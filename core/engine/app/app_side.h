/* SPDX-License-Identifier: MIT */
/*
 * app_side - the engine's end of each socket of a program: its states, reading, writing and
 * closing.
 *
 * Stages   An outgoing connection is CONNECTING (no engine end yet, or a gated one), then OPEN. An
 *          accepted one is WAITING (no room in the program's accept queue), then UNDECIDED (the
 *          program's accept has not been seen), then OPEN.
 *
 * One unread byte: the kernel reports ECONNRESET to the program only if the engine closes its end
 * with unread input. So the engine leaves the last byte that it has forwarded unread, until an
 * orderly end. The first such byte is the sentinel: the last byte of the connect gate, or the nonce
 * that the shim's accept has written.
 *
 * Some unread bytes: reading frees space in the program's send buffer, and each time raises an
 * EPOLLOUT edge. Kernel TCP raises that edge only after the buffer was full. So the engine peeks
 * (MSG_PEEK) at a short answer and forwards it. It consumes the answer when the next bytes for the
 * program arrive, so both edges become one event. If the program continues to write without
 * waiting, the engine consumes at once.
 *
 * All ends are edge-triggered. What one pass leaves over waits in engine->ready.
 */
#ifndef RUDP_ENGINE_APP_SIDE_H
#define RUDP_ENGINE_APP_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/app/app_ends.h"
#include "engine/carrier/carrier.h"
#include "engine/loop/engine.h"
#include "engine/app/options.h"
#include "engine/connect/connection_tuples.h"
#include "engine/connect/race.h"

#define RUDP_APP_PASS_BYTES (256u << 10) /* moved for one connection before others get a turn */
#define RUDP_APP_PEEK_BYTES 4096         /* above it, FIONREAD first */
#define RUDP_APP_LAST_BYTES 512          /* one read of the rest after a close: mostly nothing */
#define RUDP_APP_UNREAD_BYTES 32 /* stay unread for any time; each may have its own kernel buffer */
#define RUDP_APP_UNREAD_NS                                                                         \
	(40 * RUDP_NS_PER_MS)        /* more than RUDP_APP_UNREAD_BYTES stay this long */
#define RUDP_APP_UNREAD_ANSWERS 8    /* this many are consumed before the next delivery */
#define RUDP_APP_SNDBUF_BYTES 212992 /* net.core.wmem_max by default; the kernel doubles it */
#define RUDP_APP_SAME_HOST_SNDBUF_BYTES (64u << 10) /* see RUDP_SAME_HOST_WINDOW_BYTES, */
#define RUDP_APP_BULK_BYTES (4u << 20)              /* RUDP_SAME_HOST_BULK_BYTES */
#define RUDP_APP_SNDBUF_LEAST_BYTES 2304            /* the kernel's minimum */

enum rudp_app_stage {
	RUDP_APP_CONNECTING, /* outgoing: handshake in progress */
	RUDP_APP_WAITING,    /* accepted: no room in the program's accept queue */
	RUDP_APP_UNDECIDED,  /* accepted: in the accept queue, or its first bytes not examined */
	RUDP_APP_OPEN,
};

struct rudp_app {
	uint64_t id;
	int fd;          /* -1: none yet */
	int join_fd;     /* listener where the engine's end waits for accept; else -1 */
	bool is_joining; /* that is the engine's own (join.h) */
	enum rudp_app_stage stage;
	struct rudp_carrier carrier;
	enum rudp_transport transport;
	enum rudp_reason reason;
	unsigned policy_line;     /* line of the rule that decided; 0: none */
	struct rudp_race race;    /* while it connects */
	uint64_t call_id;         /* blocking connect that waits for the reply; 0: none */
	uint64_t binding_id;      /* the listener that accepted it; 0: outgoing */
	uint32_t early_bytes;     /* written by connect, before the handshake */
	uint32_t gate_bytes;      /* connect gate: precedes all that the program writes */
	uint32_t unread_tail;     /* forwarded bytes at the head of the queue, left unread */
	bool may_read, may_write; /* an edge has been seen and not used up */
	bool urgent;              /* an urgent byte may be in the queue */
	bool bulk;                /* the program's writes are too large for a peek */
	bool was_full;            /* the send buffer was full: the program may have been blocked */
	bool answered;            /* the program has written since the last delivery to it */
	uint8_t unread_answers;   /* answers among the bytes of unread_tail */
	uint64_t delivered_bytes; /* delivered to the program so far */
	bool has_final_sndbuf;    /* our end has its final send buffer size */
	bool watches_epollout;    /* in epoll: the program's reading raises an edge */
	struct rudp_ends ends;
	struct rudp_sock_options options;
	struct rudp_client_program program;
	struct rudp_addr local, remote;
	struct rudp_connection_tuple tuple; /* of local and remote, if it is outgoing */
	struct rudp_list link;              /* in engine->apps */
	struct rudp_list ready_link;
	struct rudp_list starved_link; /* in engine->starved */
	struct rudp_list unread_link;  /* in engine->unread */
	int64_t unread_at_ns;          /* when unread_link was put there */
	uint64_t reset_due_turn;       /* loop turn of the last pass before a reset */
	uint32_t left_bytes;           /* what a closed program has written and is not forwarded */
	int64_t left_at_ns;            /* when that changed */
};

/* Returns  an app without a carrier; NULL: no memory. */
struct rudp_app *rudp_app_new(struct rudp_engine *engine, const struct rudp_sock_options *options,
			      const struct rudp_addr *local, const struct rudp_addr *remote);
/* Makes conn the carrier, and the app's id the user of conn. */
void rudp_app_take_conn(struct rudp_app *app, struct rudp_conn *conn);
struct rudp_app *rudp_app_find(struct rudp_engine *engine, uint64_t id);
/*
 * Finds the app of a program's descriptor by the name of its connection. NULL: it has none in this
 * engine.
 */
struct rudp_app *rudp_app_of(struct rudp_engine *engine, int fd);
/*
 * Frees all. The carrier delivers what was written in the background, or resets (rudp_app_reset).
 */
void rudp_app_free(struct rudp_engine *engine, struct rudp_app *app);
void rudp_app_reset(struct rudp_engine *engine, struct rudp_app *app);

/* Writes the name to which the engine's end is bound. */
socklen_t rudp_app_name(const struct rudp_engine *engine, const struct rudp_app *app,
			struct sockaddr_un *un);
/* Makes fd the engine's end: sets options, adds it to epoll. 0 or -errno (the caller keeps fd). */
int rudp_app_attach(struct rudp_engine *engine, struct rudp_app *app, int fd);

/* Events. Each may free the app. */
void rudp_app_on_epoll(struct rudp_engine *engine, struct rudp_app *app, uint32_t events);
void rudp_app_on_conn(struct rudp_engine *engine, struct rudp_app *app, unsigned events);
void rudp_app_on_tcp(struct rudp_engine *engine, struct rudp_app *app);
/* The connection has failed, or was not established; error is the errno. */
void rudp_app_fail(struct rudp_engine *engine, struct rudp_app *app, int error);
/*
 * Records the failure, or the change to TCP, for `rudp ss --failed`. error: the program's errno, or
 * 0.
 */
void rudp_app_note_failure(struct rudp_engine *engine, const struct rudp_app *app,
			   enum rudp_failure_cause cause, int error);
/* Moves bytes in both directions, then handles ends. May free the app. */
void rudp_app_pump(struct rudp_engine *engine, struct rudp_app *app);
/* Whether the program has accepted it by now, even if no event has reported that yet. */
bool rudp_app_is_accepted(struct rudp_engine *engine, struct rudp_app *app);
/* Pumps every app that found no memory: there may be some by now. */
void rudp_app_retry_all(struct rudp_engine *engine);
/*
 * Looks for closed programs among the connections of this local port: epoll may not have reported
 * yet.
 */
void rudp_app_look_for_hangups(struct rudp_engine *engine, uint16_t port);
/* Appends the app to engine->ready. */
void rudp_app_again(struct rudp_engine *engine, struct rudp_app *app);

/* From the program to the send buffer (app_in.c). true: more can be moved now. */
bool rudp_app_drain(struct rudp_engine *engine, struct rudp_app *app);
/* The program has shut down or closed, whether or not epoll has reported it. */
bool rudp_app_has_half_closed(const struct rudp_app *app);
/* In the queue of the program's socket, the unread tail included. */
size_t rudp_app_queued_bytes(const struct rudp_app *app);
/* All that the program has written so far has been forwarded. */
bool rudp_app_is_drained(const struct rudp_app *app);
/* Consumes all forwarded bytes, the last one too. */
void rudp_app_consume_all(struct rudp_engine *engine, struct rudp_app *app);
/* Discards bytes that the peer will not get: the program may write again, and gets the error. */
void rudp_app_discard_written(struct rudp_engine *engine, struct rudp_app *app);
/*
 * To call before bytes are delivered to the program: consumes enough waiting answers (see above).
 */
void rudp_app_before_delivery(struct rudp_engine *engine, struct rudp_app *app);
/* Consumes what has stayed unread for RUDP_APP_UNREAD_NS; and when that is next due. */
void rudp_app_consume_due(struct rudp_engine *engine);
int64_t rudp_app_consume_at_ns(const struct rudp_engine *engine);
/*
 * Limits the send buffer of our end, by the program's SO_RCVBUF, and for peers on this host
 * (app_out.c).
 */
void rudp_app_limit_unread(struct rudp_app *app);
/* Enlarges the program's buffer to take all that has arrived, as far as the kernel allows. */
void rudp_app_make_room(struct rudp_app *app);
/* From the receive buffer to the program (app_out.c). true: more can be moved now. */
bool rudp_app_deliver(struct rudp_engine *engine, struct rudp_app *app);
/*
 * From now on the program's reading raises an EPOLLOUT edge. Most connections never need it: all
 * writes fit, and an edge for each read would only cost a turn of the loop.
 */
void rudp_app_await_reading(struct rudp_engine *engine, struct rudp_app *app);
/* Bytes that the program has not read yet. */
int rudp_app_unread(const struct rudp_app *app);

/*
 * Connects the program's socket to the engine (app_connect_gate.c). The program has to wait only
 * for the first half, join_begin: after it the program may write.
 *
 * Returns  0 or -errno. If join_end fails, the caller must reset what join_begin has started.
 */
int rudp_app_join(struct rudp_engine *engine, struct rudp_app *app, int program_fd);
int rudp_app_join_begin(struct rudp_engine *engine, struct rudp_app *app, int program_fd);
int rudp_app_join_end(struct rudp_engine *engine, struct rudp_app *app);
/*
 * Makes the program's socket unwritable until the gate opens. is_foreign: of another user. 0 or
 * -errno.
 */
int rudp_app_connect_gate(struct rudp_app *app, int program_fd, bool is_foreign);
/* Puts in only the sentinel byte. 0 or -errno. */
int rudp_app_put_sentinel(struct rudp_app *app, int program_fd);
/* Reads the gate off, so that the program's socket becomes writable. */
void rudp_app_open_gate(struct rudp_engine *engine, struct rudp_app *app);

#endif
