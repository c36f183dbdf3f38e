/* SPDX-License-Identifier: MIT */
/*
 * hub_private - what the files of the hub share; only hub*.c include it.
 *
 * hub.c (creation, end, lists of work), hub_conn.c (connections), hub_messages.c (the application's
 * calls), hub_senders.c (senders without a connection), hub_dial.c (attempts, retries),
 * hub_handshake.c (handshakes), hub_link.c (states of a link), hub_bytes.c (its input and output),
 * hub_events.c (events), hub_store.c (operations to store), hub_restore.c (loading a store).
 */
#ifndef RUDPMSG_HUB_PRIVATE_H
#define RUDPMSG_HUB_PRIVATE_H

#include "base/table.h"
#include "base/timer_wheel.h"
#include "messaging/hub.h"

#define CONTROL_BYTES 1024 /* frames other than messages that wait in a link to be written */
#define BYE_NS (2 * RUDP_NS_PER_S)          /* longest time to write a last REFUSE or CLOSE */
#define STORE_SOON_NS (20 * RUDP_NS_PER_MS) /* delay of what need not be stored at once */
#define STORE_RETRY_NS RUDP_NS_PER_S        /* delay after the store could take nothing */
#define LONGEST_PAUSE_FAILURES 64           /* as many failed attempts give the longest pause */
#define QUIET_NS RUDP_NS_PER_S /* a connection without messages this long gives memory back */
/* When connections_max is reached and an unauthenticated peer arrives: connections without a link
 * that are examined, to find one to remove. */
#define REMOVABLE_CHECKS_MAX 16

#define LINK_STATES(X)                                                                             \
	X(DIALING)         /* the stream is not open */                                            \
	X(ASKING)          /* dialed; WHO is sent, IAM has not come */                             \
	X(GREETING)        /* dialed; HANDSHAKE is sent, ACK_HANDSHAKE has not come */             \
	X(UNAUTHENTICATED) /* accepted; HANDSHAKE has not come */                                  \
	X(READY)           /* the handshake is over: it is its connection's link */                \
	X(CLOSING)         /* ends when its control frames are written; only CLOSE is received */  \
	X(ENDED)           /* to be closed, or closed */

enum link_state {
#define X(name) LINK_##name,
	LINK_STATES(X)
#undef X
};

/* kind says which structure contains the timer. */
struct hub_timer {
	struct rudp_timer timer;
	enum { TIMER_LINK, TIMER_RETRY, TIMER_GIVE_UP, TIMER_QUIET, TIMER_STORE } kind;
};

struct rudpmsg_link {
	struct rudp_list all;             /* hub->links */
	struct rudp_list unauthenticated; /* hub->unauthenticated_links, while in that state */
	struct rudp_list dial, write, read, close; /* the hub's lists of work */
	struct rudp_list read_blocked;             /* in hub->read_blocked: may not be read now */
	struct hub_timer timer;                    /* limits the handshake, and CLOSING */
	enum link_state state;
	bool is_dialed;     /* by us */
	bool was_ready;     /* CLOSING after READY: the peer must end the link first, or it could
			     * lose what was written last */
	bool is_stream_new; /* the peer has a new stream, and no message of it has come yet */
	struct rudpmsg_conn *conn; /* the connection that the link or attempt is for, or NULL */
	struct ticket *ticket;     /* the connect call, while the peer's name is unknown, or NULL */
	uint64_t number;           /* the dialer's count of its HANDSHAKEs */
	struct rudpmsg_key key;    /* that the peer has proven on this stream */
	char *host;
	uint16_t port;
	void *user;
	struct rudpmsg_chunk *chunk;
	size_t parsed;           /* bytes of the chunk that are parsed */
	size_t uncharged_before; /* of the next chunk, while there is none */
	uint8_t control[CONTROL_BYTES];
	size_t control_start, control_end;
	struct rudpmsg_handshake greeting; /* the accepted HANDSHAKE: a repetition is ignored */
};

/* A call of connect and its result. Without a peer name it has no connection yet. */
struct ticket {
	struct rudp_list all;
	uint64_t number;
	rudpmsg_conn_id conn;
	int error; /* -EINPROGRESS; 0; or why it failed */
	bool is_forgotten;
	struct rudpmsg_link *link;
};

struct rudpmsg_conn {
	UT_hash_handle by_id, by_name;
	rudpmsg_conn_id id;
	char name[RUDPMSG_NAME_MAX + 1];
	struct rudpmsg_key key;       /* that the name is bound to; each link proves it */
	struct rudpmsg_link *link;    /* in state READY, or NULL */
	struct rudpmsg_link *attempt; /* dialed by us, not READY yet, or NULL */
	struct rudpmsg_outbox outbox;
	struct rudpmsg_inbox inbox;
	uint64_t stream, peer_stream, peer_run;
	uint64_t known_link;    /* last link that this run of the peer dialed and that was READY */
	uint64_t acked_to_peer; /* id acknowledged to the peer on the present link */
	bool peer_is_lasting;   /* the peer has a store, which counts its runs */
	enum rudpmsg_ack peer_ack; /* the acknowledgement that the peer asks for */
	uint32_t peer_message_bytes_max;
	char *host; /* NULL: the peer dials us */
	uint16_t port;
	unsigned failures; /* failed attempts in a row */
	int error;         /* of the last attempt, positive; 0: none yet */
	bool was_ready;    /* it has had a link */
	bool is_restored;  /* loaded from the store: an earlier process accepted its messages */
	bool is_leaving; /* to be removed, for leave_reason, once all received messages are done */
	int leave_reason;
	bool was_active; /* since the last check for memory to give back */
	struct hub_timer retry;
	struct hub_timer give_up;
	struct rudp_list with_events;        /* in hub->with_events: it has events to read */
	unsigned events;                     /* one bit for each kind of event to read */
	uint64_t acknowledged_id, failed_id; /* ids of those events */
	int broken_reason, failed_reason;
	bool readable_reported;
	struct rudp_list waiting;  /* in hub->readable: a message can be received */
	struct rudp_list linkless; /* in hub->linkless: it has no link, and the peer dials */
	struct rudp_list busy;     /* in hub->busy: it may hold memory that it does not need */
	struct rudp_list for_room; /* waiting rudpmsg_room entries */
	struct rudp_list awaited;  /* in hub->awaited: for_room may have entries */
	/* Only with a store: */
	struct sender *sender;
	uint64_t received_as;        /* the store's number of the newest received message */
	uint64_t done_from, done_to; /* numbers of messages to delete; 0: none */
	uint64_t saving_place;       /* end of the inbox when the present batch was taken */
	struct rudp_list unsaved;    /* in hub->unsaved: it has changes that are not in a batch */
	struct rudp_list saving;     /* in hub->saving: it is in the batch that is being written */
};

/*
 * A sender without a connection, and up to which id its messages have come. With a store there is
 * one for each peer that the store knows; it is in hub->sender_ages while the peer has no
 * connection.
 */
struct sender {
	UT_hash_handle hh;
	struct rudp_list age;
	char name[RUDPMSG_NAME_MAX + 1];
	uint64_t stream, received, handled;
	struct rudpmsg_key key;
	uint64_t number; /* in the store */
	struct rudp_list unsaved;
	struct rudpmsg_peer *record; /* only with a store, else NULL */
};

/* The last events of a removed connection that the application has not read. */
struct final_events {
	struct rudp_list all;
	struct rudpmsg_event acknowledged, failed, disconnected;
};

struct rudpmsg_hub {
	struct rudpmsg_hub_config config;
	struct rudpmsg_conn *by_id, *by_name;
	struct sender *senders;
	struct rudp_list sender_ages; /* the sender that has been silent longest is first */
	unsigned sender_count, unauthenticated_count, ticket_count;
	struct rudp_list links, unauthenticated_links; /* oldest first */
	struct rudp_list linkless; /* by the time of the break, but examined ones move to the end */
	struct rudp_list to_dial, to_write, to_read, to_close;
	struct rudp_list with_events, readable, tickets, final_events_list, busy, rooms_ready,
		read_blocked, awaited;
	struct hub_timer quiet;
	unsigned final_events_count;
	struct rudp_timer_wheel wheel;
	struct rudpmsg_stats stats;
	uint64_t random, run, last_link, last_conn_id, last_ticket, unanswered;
	unsigned changes;
	int64_t seen_at_ns; /* the newest instant that the caller has given */
	/* Only with a store: */
	struct rudpmsg_batch batches[2];
	struct rudpmsg_batch *filling;
	struct rudp_list unsaved, saving, unsaved_senders, saving_senders;
	struct hub_timer store_timer;
	uint64_t last_peer, last_age;
	int store_error;   /* positive: the last time not even positions could be stored */
	bool is_storing;   /* a batch is being written */
	bool is_store_due; /* another one is to be taken at once */
	struct rudpmsg_conn *restored; /* the connection whose messages are being loaded, or NULL */
	struct sender *restored_sender; /* the peer whose messages are being loaded */
	struct rudpmsg_chunk *restored_chunk;
	bool is_stopped; /* the node closes: only queued messages are still delivered */
	bool is_ended;   /* no new links at all */
};

uint64_t rudpmsg_hub_random(struct rudpmsg_hub *hub);
/* Sets the timer. RUDP_NEVER cancels it. */
void rudpmsg_hub_arm(struct rudpmsg_hub *hub, struct hub_timer *timer, int64_t deadline_at_ns);

/* hub_senders.c */

/* Remembers up to which id the peer's messages have come, so that duplicates are recognized after
 * the connection is removed. Without memory nothing is remembered, unless there is a store. */
void rudpmsg_sender_remember(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
/* Gives a new connection what is remembered of its peer. 0 or -ENOMEM. */
int rudpmsg_sender_recall(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
/* The key that the name of a peer without a connection is bound to. NULL: it is not known. */
struct rudpmsg_key *rudpmsg_sender_key(const struct rudpmsg_hub *hub, const char *name);
/* NULL: it is not known. */
struct sender *rudpmsg_sender_find(const struct rudpmsg_hub *hub, const char *name);
/* Makes a sender that is to be stored. NULL: no memory. */
struct sender *rudpmsg_sender_new(struct rudpmsg_hub *hub, const char *name, uint64_t number);
/* The sender has no connection now. Beyond senders_max the longest silent ones are forgotten. */
void rudpmsg_sender_retire(struct rudpmsg_hub *hub, struct sender *sender);
void rudpmsg_senders_free_all(struct rudpmsg_hub *hub);

/* hub_conn.c */
struct rudpmsg_conn *rudpmsg_conn_new(struct rudpmsg_hub *hub, const char *name, int *error);
void rudpmsg_conn_forget(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason);
/* As rudpmsg_conn_forget, but waits until the application is done with the received messages. */
void rudpmsg_conn_leave(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason);
void rudpmsg_conn_note_active(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			      int64_t now_at_ns);
void rudpmsg_hub_on_quiet(struct rudpmsg_hub *hub, int64_t now_at_ns);
/* Returns whether a link may be made for this connection: while the node closes, only if it has
 * messages queued. */
bool rudpmsg_conn_may_link(const struct rudpmsg_hub *hub, const struct rudpmsg_conn *conn);
void rudpmsg_conn_free_all(struct rudpmsg_hub *hub);

/* hub_messages.c */
void rudpmsg_conn_note_readable(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
void rudpmsg_conn_on_answered(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t count);
/* There may be room in the outbox, or the connection is being removed. */
void rudpmsg_conn_note_room(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
/* The peer has begun a new stream of ids. */
void rudpmsg_conn_take_stream(struct rudpmsg_conn *conn, uint64_t stream);
/* The id up to which messages may be acknowledged to the peer now. */
uint64_t rudpmsg_conn_acknowledged(const struct rudpmsg_conn *conn);
/* Messages of the connection up to id have failed. */
void rudpmsg_conn_on_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t count,
			    uint64_t id, int reason);

/* hub_dial.c */
int rudpmsg_conn_dial(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns);
void rudpmsg_conn_on_retry(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int64_t now_at_ns);
void rudpmsg_conn_retry_later(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			      int64_t now_at_ns);
/* An attempt has failed. With reason RUDPMSG_REASON_NONE the stream failed with error. */
void rudpmsg_link_on_failed(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			    enum rudpmsg_reason reason, int error, int64_t now_at_ns);
/* The connection was removed: its connect calls fail with reason. */
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
/* Ends the link, with a REFUSE or CLOSE frame if its state allows one. Does not tell its
 * connection. */
void rudpmsg_link_bye(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
		      enum rudpmsg_reason reason, int64_t now_at_ns);
/* Ends the link without a frame. Does not tell its connection. */
void rudpmsg_link_end(struct rudpmsg_hub *hub, struct rudpmsg_link *link);
void rudpmsg_link_want_write(struct rudpmsg_hub *hub, struct rudpmsg_link *link);
/* Room for another control frame. NULL: too many wait, because the peer does not read. */
uint8_t *rudpmsg_link_control_room(struct rudpmsg_link *link, size_t bytes);
void rudpmsg_link_control_commit(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes);
/* Writes an ACK frame if a larger id can be acknowledged and there is room. ACKs are cumulative. */
void rudpmsg_link_add_ack(struct rudpmsg_link *link);
/* The peer has violated the protocol, in any state. */
void rudpmsg_link_on_violation(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
			       int64_t now_at_ns);
/* The link's timer has expired. */
void rudpmsg_link_on_time(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_at_ns);
/* Our store cannot take received messages. The peer keeps them, and must not be back too soon. */
void rudpmsg_link_on_store_failed(struct rudpmsg_hub *hub, struct rudpmsg_link *link,
				  int64_t now_at_ns);
/* The application or the store has caught up: reading from the link continues. */
void rudpmsg_link_read_on(struct rudpmsg_hub *hub, struct rudpmsg_link *link);
/* A READY link has broken; its connection remains. error is a positive errno value. */
void rudpmsg_link_on_broken(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			    int64_t now_at_ns);

/* hub_bytes.c */
/* Frees the link's chunk if nothing is in it. Returns false: something is. */
bool rudpmsg_link_trim(struct rudpmsg_link *link);

/* hub_store.c. Without a store none of these does anything. */

/* Tests whether another message of length bytes can be stored. Returns 0: it can, and storing the
 * next one cannot fail. -EAGAIN not now; -ENOMEM; -ENOSPC, -EIO the store has failed. */
int rudpmsg_store_room(struct rudpmsg_hub *hub, size_t length);
void rudpmsg_store_sent(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id,
			const void *bytes, size_t length);
void rudpmsg_store_received(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id,
			    const void *bytes, size_t length);
/* A received message is done; number is its number in the store. */
void rudpmsg_store_done(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t number);
/* A message has failed that is not at the head of the outbox. */
void rudpmsg_store_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, uint64_t id);
/* Positions of the connection have changed: they are stored within STORE_SOON_NS. */
void rudpmsg_store_note(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
/* The connection is being removed, with its messages. */
void rudpmsg_store_forget(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn);
void rudpmsg_store_note_sender(struct rudpmsg_hub *hub, struct sender *sender);
/* -ENOMEM: the sender stays. */
int rudpmsg_store_drop_sender(struct rudpmsg_hub *hub, struct sender *sender);
/* The store is to take what has changed. */
void rudpmsg_store_want_batch(struct rudpmsg_hub *hub);
void rudpmsg_store_init(struct rudpmsg_hub *hub);
void rudpmsg_store_fini(struct rudpmsg_hub *hub);

/* hub_events.c */
void rudpmsg_conn_event(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			enum rudpmsg_event_kind kind);
void rudpmsg_conn_final_events(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason);

#endif
