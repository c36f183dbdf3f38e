/* SPDX-License-Identifier: MIT */
/*
 * conn - one connection of a worker: its input is cut into lines for the model, the model's texts
 * are queued and written.
 *
 * States   FREE -> GREETING -> OPEN -> CLOSING -> FINISHED -> FREE; each step may be left out. The
 *          model knows a connection from the event CONNECTED (on entering OPEN) until the event
 *          CLOSED or the model's effect CLOSE. Destroying a connection changes the generation of
 *          its slot, so that effects that are still on their way are dropped.
 * Memory   idle: struct apo_conn alone. TLS adds the memory of OpenSSL.
 * Threads  its worker.
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
	X(GREETING) /* the TLS handshake is in progress; the model does not know it yet */         \
	X(OPEN)                                                                                    \
	X(CLOSING)  /* the model has forgotten it; the queue is still written */                   \
	X(FINISHED) /* all is written and the peer was told so; waiting for the peer's end */

enum apo_conn_state {
#define APO_CONN_ENUM(name) APO_CONN_##name,
	APO_CONN_STATES(APO_CONN_ENUM)
#undef APO_CONN_ENUM
};

/* A queued text whose arrival is watched for a receipt. */
struct apo_text_watch {
	struct apo_text_watch *next;
	uint64_t watch;
	uint32_t recipient;
	bool is_written;
	/* Position in the stream: while queued, of the queue's bytes; once written, of the
	 * transport's. */
	uint64_t end_bytes;
};

struct apo_conn {
	struct apo_stream stream;
	struct rudp_timer timer;  /* of the state; in OPEN: the time of the next line */
	struct rudp_list dirty;   /* in worker->dirty: there is something to write */
	struct rudp_list unread;  /* in worker->unread: to be read without an event of epoll */
	struct rudp_list watched; /* worker->watched */
	struct apo_sendq out;
	struct apo_lines lines;
	struct apo_flood flood, empty_records;
	struct apo_text_watch *watches; /* oldest first */
	struct apo_text_watch *watches_last;
	uint64_t written_bytes;
	void *ip_entry;      /* of the acceptor */
	const char *refusal; /* static: send this reason and close */
	struct rudp_addr address;
	uint32_t slot, generation;
	uint32_t armed; /* the events that epoll waits for */
	uint32_t next_free;
	uint8_t state;
	bool is_blocked;  /* the transport takes no more until EPOLLOUT */
	bool is_held;     /* lines are kept until the timer expires */
	bool is_paused;   /* lines are kept while the model sends a long answer */
	bool wants_room;  /* tell the model when the queue becomes short */
	bool has_ended;   /* the peer sends no more */
	bool is_operator; /* exempt from flood control */
	bool is_proxied;  /* address is the client's; the socket leads to a proxy */
	bool has_failed;  /* the transport is broken; what it reports is ignored */
};

struct apo_worker;

/* Takes over a connection. Consumes adopt in any case. */
void apo_conn_adopt(struct apo_worker *worker, struct apo_adopt *adopt);

struct apo_peer apo_conn_peer(const struct apo_worker *worker, const struct apo_conn *conn);

/* Continues the TLS handshake. */
void apo_conn_greet(struct apo_worker *worker, struct apo_conn *conn);

/* Records without bytes reach neither flood control nor the receive queue. Returns false if the
 * client has sent too many of them. */
bool apo_conn_may_go_on(const struct apo_worker *worker, struct apo_conn *conn);

/* Handles events of epoll. */
void apo_conn_on_events(struct apo_worker *worker, struct apo_conn *conn, uint32_t events);
void apo_conn_on_timer(struct apo_worker *worker, struct apo_conn *conn);

/* Reads once and hands complete lines to the model. */
void apo_conn_read(struct apo_worker *worker, struct apo_conn *conn);

/* Queues the text. Ends the connection if its queue becomes too long. */
void apo_conn_deliver(struct apo_worker *worker, struct apo_conn *conn, struct apo_share *share);
/* is_paused: stops handing lines over, and reads only what writing needs. Else continues. */
void apo_conn_hold(struct apo_worker *worker, struct apo_conn *conn, bool is_paused);
/* Tells the model once, as soon as only a part of the queue is left to write. */
void apo_conn_want_room(struct apo_worker *worker, struct apo_conn *conn);
/* Writes as much as possible. The connection may be gone afterwards. */
void apo_conn_write(struct apo_worker *worker, struct apo_conn *conn);

/* ---- the end ---- */

/* The model has forgotten the connection: writes last_words, then closes. Takes the reference. */
void apo_conn_close(struct apo_worker *worker, struct apo_conn *conn, struct apo_text *last_words);
/* The transport is broken, with the errno value error. */
void apo_conn_broken(struct apo_worker *worker, struct apo_conn *conn, int error);
/* The connection has ended: tells the model. */
void apo_conn_lost(struct apo_worker *worker, struct apo_conn *conn, const char *reason);
/* The server ends the connection: tells the model, and the client if it still reads. */
void apo_conn_expel(struct apo_worker *worker, struct apo_conn *conn, const char *reason);
/* Closes the connection at once; only the acceptor is told. */
void apo_conn_destroy(struct apo_worker *worker, struct apo_conn *conn);
/* Like apo_conn_destroy without telling the acceptor: for a connection whose hand-over failed. It
 * may be incomplete and without a stream. */
void apo_conn_forget(struct apo_worker *worker, struct apo_conn *conn);

/* ---- receipts (watch.c) ---- */

/* Watches the text that was delivered last. Never fails: if memory is short, the text is reported
 * as not arrived. */
void apo_conn_watch(struct apo_worker *worker, struct apo_conn *conn, uint64_t watch,
		    uint32_t recipient);
/* Adds an allocated watch; the connection owns it from then on. */
void apo_conn_add_watch(struct apo_worker *worker, struct apo_conn *conn,
			struct apo_text_watch *watch);
/* More of the queue has been written to the transport. */
void apo_conn_on_written(struct apo_conn *conn);
/* Reports the watched texts that have arrived. */
void apo_conn_poll_watches(struct apo_worker *worker, struct apo_conn *conn);
/* Reports the remaining texts as not arrived. */
void apo_conn_drop_watches(struct apo_worker *worker, struct apo_conn *conn);
/* Frees the remaining watches without a report. */
void apo_conn_forget_watches(struct apo_worker *worker, struct apo_conn *conn);
void apo_worker_tell_receipt(struct apo_worker *worker, uint64_t watch, uint32_t recipient,
			     bool arrived);

/* Updates the events that epoll waits for. */
void apo_conn_arm(struct apo_worker *worker, struct apo_conn *conn);

#endif
