/* SPDX-License-Identifier: MIT */
/*
 * hub_private - the inside of a hub, for hub*.c only.
 *
 * hub.c (making, ending, lists), hub_conn.c (connections), hub_messages.c (the application's
 * verbs), hub_senders.c (whom to know again), hub_dial.c (attempts, retries), hub_handshake.c
 * (handshakes), hub_link.c (states of a link), hub_bytes.c (what goes in and out of it),
 * hub_events.c, hub_store.c (what is to be stored), hub_restore.c (what was).
 */
#ifndef RUDPMSG_HUB_PRIVATE_H
#define RUDPMSG_HUB_PRIVATE_H

#include "base/table.h"
#include "base/timer_wheel.h"
#include "messaging/hub.h"

#define CONTROL_BYTES 1024 /* frames that are not messages, waiting in a link to be written */
#define BYE_NS (2 * RUDP_NS_PER_S)          /* for a last word to be written */
#define STORE_SOON_NS (20 * RUDP_NS_PER_MS) /* what need not be stored at once waits so long */
#define STORE_RETRY_NS RUDP_NS_PER_S        /* after the store has failed altogether */
#define PATIENT_FAILURES 64    /* as if so many attempts had failed: the longest pause */
#define QUIET_NS RUDP_NS_PER_S /* without messages for so long: memory is given back */
/* at connections, for one that can go, when an unauthenticated peer comes */
#define SPARE_LOOKS_MAX 16

#define LINK_STATES(X)                                                                             \
	X(DIALING)         /* the stream is not open */                                            \
	X(ASKING)          /* dialed; WHO is out, IAM is not here */                               \
	X(GREETING)        /* dialed; HANDSHAKE is out, ACK_HANDSHAKE is not here */               \
	X(UNAUTHENTICATED) /* accepted; HANDSHAKE is not here */                                   \
	X(READY)           /* the handshake is over: it is its connection's link */                \
	X(CLOSING) /* what is in control is written, then it ends; what comes is dropped, \
		       * but for the peer's last word */        \
	X(ENDED)   /* to be closed, or closed */

enum link_state {
#define X(name) LINK_##name,
	LINK_STATES(X)
#undef X
};

/* Whose it is, is told by what it is for. */
struct hub_timer {
	struct rudp_timer timer;
	enum { TIMER_LINK, TIMER_RETRY, TIMER_GIVE_UP, TIMER_QUIET, TIMER_STORE } kind;
};

struct rudpmsg_link {
	struct rudp_list all;                      /* hub->links */
	struct rudp_list unauthenticated; /* hub->unauthenticated_links, as long as it is one */
	struct rudp_list dial, write, read, close; /* the lists of things to do */
	struct rudp_list held;                     /* in hub->held: it was refused room to read */
	struct hub_timer timer;                    /* end of patience: handshake, last word */
	enum link_state state;
	bool is_dialed;            /* by us */
	bool has_stood;            /* saying bye: the peer ends it, or what was written is lost */
	bool is_stream_new;        /* of the peer, and no message of it has come yet */
	struct rudpmsg_conn *conn; /* whose link or attempt it is, or NULL */
	struct ticket *ticket;     /* dialed for nobody yet, or NULL */
	uint64_t number;           /* its dialer's, in the order of its HANDSHAKEs */
	char *host;
	uint16_t port;
	void *user;
	struct rudpmsg_chunk *chunk;
	size_t parsed; /* bytes of the chunk that are done with */
	size_t owed;   /* without a chunk: what the next one has (rudpmsg_chunk) */
	uint8_t control[CONTROL_BYTES];
	size_t control_start, control_end;
	struct rudpmsg_handshake greeting; /* the HANDSHAKE taken: the same again is ignored */
};

/* A call of connect: how it ends. Asked of whoever answers it has no connection yet. */
struct ticket {
	struct rudp_list all;
	uint64_t number;
	rudpmsg_conn_id conn;
	int error; /* -EINPROGRESS; 0; or why not */
	bool is_forgotten;
	struct rudpmsg_link *link;
};

struct rudpmsg_conn {
	UT_hash_handle by_id, by_name;
	rudpmsg_conn_id id;
	char name[RUDPMSG_NAME_MAX + 1];
	struct rudpmsg_link *link;    /* READY, or NULL */
	struct rudpmsg_link *attempt; /* ours, on its way, or NULL */
	struct rudpmsg_outbox outbox;
	struct rudpmsg_inbox inbox;
	uint64_t stream, peer_stream, peer_run;
	uint64_t known_link;  /* the last one that this run of the peer dialed and that stood */
	uint64_t told;        /* acknowledged to the peer, on the present link */
	bool peer_is_lasting; /* its runs are counted */
	enum rudpmsg_ack peer_ack; /* what the peer asks of us */
	uint32_t peer_message_bytes_max;
	char *host; /* NULL: the peer comes to us */
	uint16_t port;
	unsigned failures; /* attempts in a row */
	int error;         /* of the last attempt, positive; 0: none yet */
	bool has_stood;    /* there was a link */
	bool is_restored; /* it comes out of the store: what it has to send was accepted long ago */
	bool is_leaving;  /* it goes for leave_reason once the application has dealt with what came
			   */
	int leave_reason;
	bool was_active; /* since it was last looked at for memory to give back */
	struct hub_timer retry;
	struct hub_timer give_up;
	struct rudp_list eventful;           /* in hub->eventful */
	unsigned events;                     /* a bit for each kind that waits */
	uint64_t acknowledged_id, failed_id; /* what those events say */
	int broken_reason, failed_reason;
	bool told_readable;
	struct rudp_list waiting;  /* in hub->readable: messages wait */
	struct rudp_list linkless; /* in hub->linkless: its link broke, and the peer dials */
	struct rudp_list busy;     /* in hub->busy: it may hold memory that it does not need */
	struct rudp_list for_room; /* rudpmsg_room, waiting */
	struct rudp_list awaited;  /* in hub->awaited: one may wait */
	/* With a store. */
	struct sender *sender;
	uint64_t received_as;        /* the newest message received: its number in the store */
	uint64_t done_from, done_to; /* numbers that are to be deleted; 0: none */
	uint64_t saving_place;       /* end of the inbox when the batch under way was taken */
	struct rudp_list unsaved;    /* in hub->unsaved: the store knows less than we do */
	struct rudp_list saving;     /* in hub->saving: it is in the batch under way */
};

/*
 * How far a sender has got that has no connection any more. With a store there is one for each peer
 * that the store knows, and it is in hub->sender_ages while the peer has no connection.
 */
struct sender {
	UT_hash_handle hh;
	struct rudp_list age;
	char name[RUDPMSG_NAME_MAX + 1];
	uint64_t stream, received, handled;
	uint64_t number; /* in the store */
	struct rudp_list unsaved;
	struct rudpmsg_peer *record; /* NULL without a store */
};

/* A connection that is gone and has its last event to tell. */
struct final_events {
	struct rudp_list all;
	struct rudpmsg_event acknowledged, failed, disconnected;
};

struct rudpmsg_hub {
	struct rudpmsg_hub_config config;
	struct rudpmsg_conn *by_id, *by_name;
	struct sender *senders;
	struct rudp_list sender_ages; /* the one silent longest first */
	unsigned sender_count, unauthenticated_count, ticket_count;
	struct rudp_list links, unauthenticated_links; /* oldest first */
	struct rudp_list linkless; /* the one that broke first first, but for those looked at */
	struct rudp_list to_dial, to_write, to_read, to_close;
	struct rudp_list eventful, readable, tickets, final_events_list, busy, roomy, held, awaited;
	struct hub_timer quiet;
	unsigned final_events_count;
	struct rudp_timer_wheel wheel;
	struct rudpmsg_stats stats;
	uint64_t random, run, last_link, last_conn_id, last_ticket, unanswered;
	unsigned changes;
	int64_t seen_at_ns; /* the newest instant that was heard of */
	/* With a store. */
	struct rudpmsg_batch batches[2];
	struct rudpmsg_batch *filling;
	struct rudp_list unsaved, saving, unsaved_senders, saving_senders;
	struct hub_timer store_timer;
	uint64_t last_peer, last_age;
	int store_error;   /* positive: not even positions could be stored the last time */
	bool is_storing;   /* a batch is under way */
	bool is_store_due; /* another is wanted at once */
	struct rudpmsg_conn *restored;  /* whose messages are being restored, or NULL */
	struct sender *restored_sender; /* the peer whose messages come */
	struct rudpmsg_chunk *restored_chunk;
	bool is_stopped; /* only what is queued is delivered yet */
	bool is_ended;   /* no new links at all */
};

uint64_t rudpmsg_hub_random(struct rudpmsg_hub *hub);
/* RUDP_NEVER cancels. */
void rudpmsg_hub_arm(struct rudpmsg_hub *hub, struct hub_timer *timer, int64_t deadline_at_ns);

/* hub_senders.c */

/* How far its stream has come, so that what comes again after all is known. Without memory it is
 * not, unless there is a store. */
void rudpmsg_sender_remember(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
/* 0 or -ENOMEM. */
int rudpmsg_sender_recall(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
/* One that a store shall know from now on. NULL: no memory. */
struct sender *rudpmsg_sender_new(struct rudpmsg_hub *hub, const char *name, uint64_t number);
/* It has no connection: those that are silent longest make room. */
void rudpmsg_sender_retire(struct rudpmsg_hub *hub, struct sender *sender);
void rudpmsg_senders_free_all(struct rudpmsg_hub *hub);

/* hub_conn.c */
struct rudpmsg_conn *rudpmsg_conn_new(struct rudpmsg_hub *hub, const char *name, int *error);
void rudpmsg_conn_forget(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason);
/* The same, but what has come and been acknowledged is the application's first. */
void rudpmsg_conn_leave(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason);
void rudpmsg_conn_note_active(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			      int64_t now_at_ns);
void rudpmsg_hub_on_quiet(struct rudpmsg_hub *hub, int64_t now_at_ns);
/* While the node closes links are made for what is queued, only. */
bool rudpmsg_conn_may_link(const struct rudpmsg_hub *hub, const struct rudpmsg_conn *conn);
void rudpmsg_conn_free_all(struct rudpmsg_hub *hub);

/* hub_messages.c */
void rudpmsg_conn_note_readable(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
void rudpmsg_conn_on_answered(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t count);
/* There may be room in its outbox, or it goes. */
void rudpmsg_conn_note_room(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
/* The peer has begun to count anew. */
void rudpmsg_conn_take_stream(struct rudpmsg_conn *conn, uint64_t stream);
/* All up to it has been acknowledged, or is to be. */
uint64_t rudpmsg_conn_acknowledged(const struct rudpmsg_conn *conn);
/* Messages of the connection have failed, up to id. */
void rudpmsg_conn_on_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t count,
			    uint64_t id, int reason);

/* hub_dial.c */
int rudpmsg_conn_dial(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns);
void rudpmsg_conn_on_retry(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns);
void rudpmsg_conn_retry_later(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			      int64_t now_at_ns);
/* An attempt has come to nothing; reason RUDPMSG_REASON_NONE: the stream failed with error. */
void rudpmsg_link_on_failed(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			    enum rudpmsg_reason reason, int error, int64_t now_at_ns);
/* The connection is gone: who waits in connect learns why. */
void rudpmsg_tickets_on_forgotten(struct rudpmsg_hub *hub, rudpmsg_conn_id conn, int reason);
void rudpmsg_ticket_settle(struct rudpmsg_hub *hub, struct ticket *ticket, rudpmsg_conn_id conn,
			   int error);

/* hub_handshake.c */
void rudpmsg_link_greet(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_at_ns);
void rudpmsg_link_on_iam(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			 const struct rudpmsg_frame *frame, int64_t now_at_ns);
void rudpmsg_link_on_handshake(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			       const struct rudpmsg_frame *frame, int64_t now_at_ns);
void rudpmsg_link_on_ack_handshake(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
				   const struct rudpmsg_frame *frame, int64_t now_at_ns);

/* hub_link.c */
struct rudpmsg_link *rudpmsg_link_new(struct rudpmsg_hub *hub, enum link_state state);
void rudpmsg_link_enter(struct rudpmsg_hub *hub, struct rudpmsg_link *link, enum link_state next,
			int64_t deadline_at_ns);
/* Ends it with a last word where its state allows one; its connection is not told. */
void rudpmsg_link_bye(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		      enum rudpmsg_reason reason, int64_t now_at_ns);
/* Ends it without a word; its connection is not told. */
void rudpmsg_link_end(struct rudpmsg_hub *hub, struct rudpmsg_link *link);
void rudpmsg_link_want_write(struct rudpmsg_hub *hub, struct rudpmsg_link *link);
/* Room in the control frames that wait; NULL: too many (the peer does not read). */
uint8_t *rudpmsg_link_control_room(struct rudpmsg_link *link, size_t bytes);
void rudpmsg_link_control_commit(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes);
/* ACKs are merged: one is written when there is something new to say and the link can take it. */
void rudpmsg_link_add_ack(struct rudpmsg_link *link);
/* The peer has broken the protocol, in whatever state. */
void rudpmsg_link_on_wrong(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			   enum rudpmsg_reason reason, int64_t now_at_ns);
/* Patience is over. */
void rudpmsg_link_on_time(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_at_ns);
/* Our store cannot take what comes: the peer shall keep it, and not be back too soon. */
void rudpmsg_link_on_store_failed(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
				  int64_t now_at_ns);
/* Its reader was behind and is not any more. */
void rudpmsg_link_read_on(struct rudpmsg_hub *hub, struct rudpmsg_link *link);
/* A READY link has broken: its connection goes on without. error is a positive errno value. */
void rudpmsg_link_on_broken(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			    int64_t now_at_ns);

/* hub_bytes.c */
/* Gives back its chunk when nothing is in it. Returns false: something is. */
bool rudpmsg_link_trim(struct rudpmsg_link *link);

/* hub_store.c. Without a store none of them does anything. */

/* May another message of so many bytes be stored? 0; -EAGAIN not now; -ENOMEM; -ENOSPC, -EIO: the
 * store has failed. With 0 the next one cannot fail. */
int rudpmsg_store_room(struct rudpmsg_hub *hub, size_t length);
void rudpmsg_store_sent(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id,
			const void *bytes, size_t length);
void rudpmsg_store_received(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id,
			    const void *bytes, size_t length);
/* A message received is done: its number in the store. */
void rudpmsg_store_done(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t number);
/* A message has failed that others may be in front of. */
void rudpmsg_store_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id);
/* Positions have changed: it is stored before long. */
void rudpmsg_store_note(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
/* The connection goes, its messages with it. */
void rudpmsg_store_forget(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
void rudpmsg_store_note_sender(struct rudpmsg_hub *hub, struct sender *sender);
/* -ENOMEM: it stays. */
int rudpmsg_store_drop_sender(struct rudpmsg_hub *hub, struct sender *sender);
/* No message is read before the batch has gone. */
bool rudpmsg_store_is_full(const struct rudpmsg_hub *hub);
void rudpmsg_store_on_time(struct rudpmsg_hub *hub);
void rudpmsg_store_init(struct rudpmsg_hub *hub);
void rudpmsg_store_fini(struct rudpmsg_hub *hub);

/* hub_events.c */
void rudpmsg_conn_event(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			enum rudpmsg_event_kind kind);
void rudpmsg_conn_final_events(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason);

#endif
