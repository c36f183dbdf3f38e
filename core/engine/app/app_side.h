/* SPDX-License-Identifier: MIT */
/*
 * app_side - the engine's ends of the programs' connections.
 *
 * Life     CONNECTING (no end yet, or a gated one) -> OPEN; accepted ones WAITING (no room in the
 *          program's accept queue) -> UNDECIDED (accept has not shown yet) -> OPEN.
 *
 * One byte behind  The kernel tells a program "reset" only if its peer closes with unread input. So the
 *          last byte forwarded stays unread in the engine's end, until an orderly end. At first it is
 *          the sentinel: the last byte of the connect gate, or the nonce that the shim's accept wrote.
 *
 * Or some bytes behind  Reading frees the program's buffer, and each time that raises an edge of
 *          EPOLLOUT, which kernel TCP raises only after it has been full. So a short answer is looked at
 *          (MSG_PEEK) and forwarded, and some of them are read off at once, when the next bytes for
 *          the program are there: then both edges are one event. A program that writes on without
 *          waiting for anything is read at once.
 *
 * All ends are edge-triggered; what one pass leaves over waits in engine->ready.
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
#define RUDP_APP_PEEK_BYTES 4096         /* more is read by asking first how much there is */
#define RUDP_APP_LAST_BYTES 512          /* likewise when the program has closed: mostly none is left */
#define RUDP_APP_UNREAD_NS (40 * RUDP_NS_PER_MS) /* more forwarded bytes stay unread no longer */
#define RUDP_APP_UNREAD_BYTES 32         /* so few may stay, even were each a kernel buffer by itself */
#define RUDP_APP_UNREAD_ANSWERS 8
#define RUDP_APP_SNDBUF_BYTES 212992     /* what any user may ask for; the kernel doubles it */
#define RUDP_APP_SAME_HOST_SNDBUF_BYTES (64u << 10) /* see RUDP_SAME_HOST_WINDOW_BYTES, */
#define RUDP_APP_BULK_BYTES (4u << 20)              /* RUDP_SAME_HOST_BULK_BYTES */
#define RUDP_APP_SNDBUF_LEAST_BYTES 2304 /* the kernel's own */

enum rudp_app_stage {
	RUDP_APP_CONNECTING,
	RUDP_APP_WAITING,
	RUDP_APP_UNDECIDED,
	RUDP_APP_OPEN,
};

struct rudp_app {
	uint64_t id;
	int fd;                       /* -1: none yet */
	int join_fd;                  /* where our end waits to be accepted; else -1 */
	enum rudp_app_stage stage;
	struct rudp_carrier carrier;
	enum rudp_transport transport;
	enum rudp_reason reason;
	unsigned policy_line;         /* of the rule that decided; 0: none */
	struct rudp_race race;        /* while it connects */
	uint64_t call_id;             /* blocking connect that waits for the answer; 0: none */
	uint64_t binding_id;          /* accepted from; 0: active */
	uint32_t early_bytes;         /* written by its call to connect */
	uint32_t gate_bytes;          /* in front of everything the program writes */
	uint32_t unread_tail;         /* first unread bytes, which have been forwarded */
	bool may_read, may_write;     /* an edge has been seen and not been used up */
	bool urgent;                  /* perhaps: an urgent byte is in the queue */
	bool bulk;                    /* the program writes more at a time than is worth a peek */
	bool was_full;                /* there was no room for what it has written: it may wait */
	bool answered;                /* it has written since something was last given to it */
	uint8_t unread_answers;       /* among the bytes behind */
	uint64_t given_bytes;         /* to the program */
	bool roomy;                   /* our end has the largest send buffer that it may have */
	bool awaits_reading;          /* that the program has read raises an edge */
	bool waiting_counted;
	struct rudp_ends ends;
	struct rudp_sock_options options;
	struct rudp_client_program program;
	struct rudp_addr local, remote;
	struct rudp_connection_tuple tuple; /* of these two, where it is an active one */
	struct rudp_list link;        /* in engine->apps */
	struct rudp_list ready_link;
	struct rudp_list starved_link; /* in engine->starved */
	struct rudp_list unread_link; /* in engine->unread */
	int64_t unread_at_ns;         /* when it was put there */
	uint64_t last_call_turn;      /* of the loop: the reset does not leave in that one */
};

/* NULL: no memory. It has no carrier yet. */
struct rudp_app *rudp_app_new(struct rudp_engine *engine, const struct rudp_sock_options *options,
			      const struct rudp_addr *local, const struct rudp_addr *remote);
/* The protocol carries: conn's user is the app's id. */
void rudp_app_take_conn(struct rudp_app *app, struct rudp_conn *conn);
struct rudp_app *rudp_app_find(struct rudp_engine *engine, uint64_t id);
/* The app of the program's descriptor, by its peer's name. NULL: none here. */
struct rudp_app *rudp_app_of(struct rudp_engine *engine, int fd);
/* Gives everything up; the connection goes on in the background, or is given up when reset. */
void rudp_app_free(struct rudp_engine *engine, struct rudp_app *app);
void rudp_app_reset(struct rudp_engine *engine, struct rudp_app *app);

/* Name of the engine's end. */
socklen_t rudp_app_name(const struct rudp_engine *engine, const struct rudp_app *app,
			struct sockaddr_un *un);
/* Makes fd the engine's end: options, epoll. 0 or -errno (fd stays the caller's). */
int rudp_app_attach(struct rudp_engine *engine, struct rudp_app *app, int fd);

/* Facts. Each may free the app. */
void rudp_app_on_epoll(struct rudp_engine *engine, struct rudp_app *app, uint32_t events);
void rudp_app_on_conn(struct rudp_engine *engine, struct rudp_app *app, unsigned events);
void rudp_app_on_tcp(struct rudp_engine *engine, struct rudp_app *app);
/* The connection is over, or did not come about, with this errno. */
void rudp_app_fail(struct rudp_engine *engine, struct rudp_app *app, int error);
/* Keeps for `rudp ss --failed` why it failed, or went over TCP; error: what its program gets, or 0. */
void rudp_app_note_failure(struct rudp_engine *engine, const struct rudp_app *app,
			   enum rudp_failure_cause cause, int error);
/* Moves bytes both ways, then looks whether an end has come. May free the app. */
void rudp_app_pump(struct rudp_engine *engine, struct rudp_app *app);
/* The same for those that have found no memory: it may be there by now. */
void rudp_app_retry_all(struct rudp_engine *engine);
/* The program's closing of a connection of this local port may not have been told by epoll yet. */
void rudp_app_look_for_hangups(struct rudp_engine *engine, uint16_t port);
/* Puts it on the ready list. */
void rudp_app_again(struct rudp_engine *engine, struct rudp_app *app);

/* From the program into the send buffer (app_in.c); true: more is there and there is room. */
bool rudp_app_drain(struct rudp_engine *engine, struct rudp_app *app);
/* The program's close is a reset, so that something must stay unread in our end. */
bool rudp_app_close_resets(const struct rudp_app *app);
/* It has by now, whether or not epoll has told of it. */
bool rudp_app_has_half_closed(const struct rudp_app *app);
/* All that the program has written so far has been taken. */
bool rudp_app_is_drained(const struct rudp_app *app);
/* Reads the forwarded bytes off the end: all but the last; or all. */
void rudp_app_consume(struct rudp_engine *engine, struct rudp_app *app);
void rudp_app_consume_all(struct rudp_engine *engine, struct rudp_app *app);
/* Consumes where that was put off for RUDP_APP_UNREAD_NS; and when that is next due. */
/* Bytes are about to be given to the program: answers that have waited enough are read off. */
void rudp_app_before_delivery(struct rudp_engine *engine, struct rudp_app *app);
void rudp_app_consume_due(struct rudp_engine *engine);
int64_t rudp_app_consume_at_ns(const struct rudp_engine *engine);
/* Bounds our end's send buffer by what the program asked for, and by where the peer is (app_out.c). */
void rudp_app_limit_unread(struct rudp_app *app);
/* From the receive buffer to the program (app_out.c); true: more is there and there is room. */
bool rudp_app_deliver(struct rudp_engine *engine, struct rudp_app *app);
/*
 * From now on the program's reading raises an edge of EPOLLOUT. Most connections never need it: all that
 * is written fits, and an edge at each read would be a turn of the loop for nothing.
 */
void rudp_app_await_reading(struct rudp_engine *engine, struct rudp_app *app);
/* Bytes that the program has not read yet: 0 means all read. */
int rudp_app_unread(const struct rudp_app *app);

/*
 * Connects the program's socket to the engine through a listener of its own (app_connect_gate.c).
 * Of the two halves the first is all that the program must wait for: it may write by then. 0 or
 * -errno; after a failure of the second a reset ends what the first has begun.
 */
int rudp_app_join(struct rudp_engine *engine, struct rudp_app *app, int program_fd);
int rudp_app_join_begin(struct rudp_engine *engine, struct rudp_app *app, int program_fd);
int rudp_app_join_end(struct rudp_engine *engine, struct rudp_app *app);
/* Makes the program's socket unwritable until unplugged; is_foreign: of another user. 0 or -errno. */
int rudp_app_connect_gate(struct rudp_app *app, int program_fd, bool is_foreign);
/* Puts in just the sentinel. */
int rudp_app_put_sentinel(struct rudp_app *app, int program_fd);
void rudp_app_unplug(struct rudp_engine *engine, struct rudp_app *app);

#endif
