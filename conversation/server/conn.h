/* SPDX-License-Identifier: MIT */
/*
 * conn - one connection of a worker: what comes in is cut into lines and told to the model, what
 * the model delivers is queued and written.
 *
 * States   FREE -> GREETING -> OPEN -> CLOSING -> FINISHED -> FREE, each step may be left out.
 *          The model knows a connection from the event CONNECTED (OPEN is entered) until either
 *          CLOSED is told or the model says CLOSE. Destroying takes another generation: an effect
 *          that was on its way then meets nobody.
 * Memory   idle: struct apo_conn alone. TLS adds what OpenSSL keeps.
 * Threads  its worker's.
 */
#ifndef APO_SERVER_CONN_H
#define APO_SERVER_CONN_H

#include "base/list.h"
#include "base/timer_wheel.h"
#include "conversation/model/flood.h"
#include "conversation/server/lines.h"
#include "conversation/server/records.h"
#include "conversation/server/sendq.h"

/* States say what has happened. */
#define APO_CONN_STATES(X)                                                                         \
	X(FREE)                                                                                    \
	X(GREETING) /* TLS is being set up; the model does not know it yet */                      \
	X(OPEN)                                                                                    \
	X(CLOSING)  /* the model has forgotten it; what is queued is still written */              \
	X(FINISHED) /* all is written, and the other side told; its own end is waited for */

enum apo_conn_state {
#define APO_CONN_ENUM(name) APO_CONN_##name,
	APO_CONN_STATES(APO_CONN_ENUM)
#undef APO_CONN_ENUM
};

/* A text whose arrival somebody wants to know. */
struct apo_text_watch {
	struct apo_text_watch *next;
	uint64_t watch;
	uint32_t recipient;
	bool is_written;
	uint64_t end_bytes; /* of the stream: queued until then; once written, of the transport */
};

struct apo_conn {
	struct apo_stream stream;
	struct rudp_timer timer;  /* of the state; in OPEN: the next line may be handed over */
	struct rudp_list dirty;   /* worker->dirty: something to write */
	struct rudp_list unread;  /* worker->unread: to be read without being told so */
	struct rudp_list watched; /* worker->watched */
	struct apo_sendq out;
	struct apo_lines lines;
	struct apo_flood flood;
	struct apo_text_watch *watches; /* oldest first */
	struct apo_text_watch *watches_last;
	uint64_t written_bytes;
	void *ip_entry;      /* the acceptor's */
	const char *refusal; /* static: it must hear this and go */
	struct rudp_addr address;
	uint32_t slot, generation;
	uint32_t armed; /* events of epoll */
	uint32_t next_free;
	uint8_t state;
	bool is_blocked;  /* the transport takes no more until EPOLLOUT */
	bool is_held;     /* lines are kept until the timer */
	bool is_paused;   /* and until the model says so: it is being told something long */
	bool wants_room;  /* the model waits for its queue to become short */
	bool has_ended;   /* the other side says no more */
	bool is_operator; /* exempt from flood control */
	bool has_failed;  /* broken: nothing that the transport says counts any more */
};

struct apo_worker;

/* Takes the connection over. Consumes adopt, whatever happens. */
void apo_conn_adopt(struct apo_worker *worker, struct apo_adopt *adopt);

struct apo_peer apo_conn_peer(const struct apo_worker *worker, const struct apo_conn *conn);

/* Goes on with what must be done before anything can be read. */
void apo_conn_greet(struct apo_worker *worker, struct apo_conn *conn);

/* epoll has told. */
void apo_conn_on_events(struct apo_worker *worker, struct apo_conn *conn, uint32_t events);
void apo_conn_on_timer(struct apo_worker *worker, struct apo_conn *conn);

/* Reads once and hands lines over. */
void apo_conn_read(struct apo_worker *worker, struct apo_conn *conn);

/* Queues it, and ends the connection if its queue becomes too long. */
void apo_conn_deliver(struct apo_worker *worker, struct apo_conn *conn, struct apo_share *share);
/* No line of it is handed over, and nothing read but what writing needs; or it goes on. */
void apo_conn_hold(struct apo_worker *worker, struct apo_conn *conn, bool is_paused);
/* The model is told once, as soon as no more than a part of the queue is left to write. */
void apo_conn_want_room(struct apo_worker *worker, struct apo_conn *conn);
/* Writes what it can; the connection may be gone afterwards. */
void apo_conn_write(struct apo_worker *worker, struct apo_conn *conn);

/* ---- the end ---- */

/* The model has forgotten it: last words, then nothing more. Takes the reference. */
void apo_conn_close(struct apo_worker *worker, struct apo_conn *conn, struct apo_text *last_words);
/* The same, broken: with the reason that errno gives. */
void apo_conn_broken(struct apo_worker *worker, struct apo_conn *conn, int error);
/* The connection is over: the model is told. */
void apo_conn_lost(struct apo_worker *worker, struct apo_conn *conn, const char *reason);
/* We end it: the model is told, and the client if it still listens. */
void apo_conn_expel(struct apo_worker *worker, struct apo_conn *conn, const char *reason);
/* At once, without a word to anybody but the acceptor. */
void apo_conn_destroy(struct apo_worker *worker, struct apo_conn *conn);
/* The same without a word to anybody at all: of one that was read from another process in vain,
 * wholly or in part (it may have no stream yet). */
void apo_conn_forget(struct apo_worker *worker, struct apo_conn *conn);

/* ---- receipts (watch.c) ---- */

/* What has been delivered last is watched. Never fails: what cannot be watched has not arrived. */
void apo_conn_watch(struct apo_worker *worker, struct apo_conn *conn, uint64_t watch,
		    uint32_t recipient);
/* The watch, which was allocated, is the connection's from now on. */
void apo_conn_add_watch(struct apo_worker *worker, struct apo_conn *conn,
			struct apo_text_watch *watch);
/* More of the queue has been given to the transport. */
void apo_conn_on_written(struct apo_worker *worker, struct apo_conn *conn);
/* Tells of those that have arrived. */
void apo_conn_poll_watches(struct apo_worker *worker, struct apo_conn *conn);
/* Those that are left never will. */
void apo_conn_drop_watches(struct apo_worker *worker, struct apo_conn *conn);
/* Nobody is told of those that are left. */
void apo_conn_forget_watches(struct apo_worker *worker, struct apo_conn *conn);
void apo_worker_tell_receipt(struct apo_worker *worker, uint64_t watch, uint32_t recipient,
			     bool arrived);

/* Tells epoll what is waited for. */
void apo_conn_arm(struct apo_worker *worker, struct apo_conn *conn);

#endif
