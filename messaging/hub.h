/* SPDX-License-Identifier: MIT */
/*
 * hub - the logic of a messaging node: connections, links, handshakes and retries, without threads,
 * sockets or a clock.
 *
 * The caller reports facts: bytes were read, a stream has ended, the time is now. The hub keeps
 * lists of what the caller must do: streams to dial, to close, to write to, and operations to
 * store. The node (node_private.h) does this with real streams, a disk and a clock; the simulator
 * in tests/messaging does it without them. docs/messaging.md has the rules.
 *
 * Threads    none: call it with the node's lock held.
 */
#ifndef RUDPMSG_HUB_H
#define RUDPMSG_HUB_H

#include "base/list.h"
#include "base/time.h"
#include "messaging/batch.h"
#include "messaging/inbox.h"
#include "messaging/outbox.h"
#include "messaging/record.h"
#include "messaging/wire.h"
#include "rudp/msg.h"

#define RUDPMSG_WRITE_BYTES (128u << 10) /* most bytes given to a link at once */

struct rudpmsg_hub;
struct rudpmsg_conn;
struct rudpmsg_link;

struct rudpmsg_hub_config {
	char name[RUDPMSG_NAME_MAX + 1];
	enum rudpmsg_ack ack;
	bool has_store;
	struct rudpmsg_limits limits; /* no value is 0: defaults are filled in */
	int64_t handshake_timeout_ns, backoff_first_ns, backoff_max_ns, give_up_ns;
	uint64_t seed; /* for random stream numbers, run number and jitter */
	uint64_t run;  /* with a store: larger than in each earlier run; 0: the hub draws it */
};

/* Changes since the last call of rudpmsg_hub_take_changes(). The caller wakes the waiters of
 * each. */
#define RUDPMSG_CHANGED_ROOM (1u << 0)     /* an outbox has room, or a connection was removed */
#define RUDPMSG_CHANGED_READABLE (1u << 1) /* a message can be received */
#define RUDPMSG_CHANGED_ANSWER (1u << 2)   /* messages were acknowledged or have failed */
#define RUDPMSG_CHANGED_CONNECT (1u << 3)  /* a handshake has succeeded or failed */
#define RUDPMSG_CHANGED_EVENT (1u << 4)    /* there is an event to read */
#define RUDPMSG_CHANGED_WORK (1u << 5)     /* a list has an entry, or the deadline has changed */
#define RUDPMSG_CHANGED_STORE (1u << 6)    /* there is a batch for the store to take */
#define RUDPMSG_CHANGED_SAVED (1u << 7)    /* the store has written a batch, or has failed */
#define RUDPMSG_CHANGED_WRITE (1u << 8)    /* a link is in the list to write to */

struct rudpmsg_hub *rudpmsg_hub_new(const struct rudpmsg_hub_config *config, int64_t now_at_ns);
/* Frees the hub and its links. The caller closes the streams that the user pointers stand for. */
void rudpmsg_hub_free(struct rudpmsg_hub *hub);
unsigned rudpmsg_hub_take_changes(struct rudpmsg_hub *hub);
struct rudpmsg_stats *rudpmsg_hub_stats(struct rudpmsg_hub *hub);

/* ---- streams ---- */

/* A stream of an unauthenticated peer was accepted. NULL: no memory; the caller closes the
 * stream. */
struct rudpmsg_link *rudpmsg_hub_on_accepted(struct rudpmsg_hub *hub, void *user,
					     int64_t now_at_ns);
/* Dialing has ended: with error 0 the stream is open, with a positive errno value it failed. */
void rudpmsg_hub_on_dialed(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			   int64_t now_at_ns);

/* Says where to read to, and how many bytes. 0: do not read now, because the application is behind
 * with its messages, or the store with a batch. RUDPMSG_CHANGED_WORK says when to go on. */
size_t rudpmsg_hub_read_room(struct rudpmsg_hub *hub, struct rudpmsg_link *link, uint8_t **room);
void rudpmsg_hub_on_read(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes,
			 int64_t now_at_ns);
/* The stream has ended (error 0) or failed. The link is in the list to close afterwards. */
void rudpmsg_hub_on_ended(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			  int64_t now_at_ns);

/* Fills iov with the bytes to write to the link next, in at most count pieces. 0: nothing to write.
 * Valid until the next call of the hub. */
int rudpmsg_hub_write_next(struct rudpmsg_link *link, struct iovec *iov, int count);
/* Returns whether this piece is a control frame (an ACK, for example), not part of a message. The
 * caller may write a copy of a control frame while others call the hub. */
bool rudpmsg_hub_is_control(const struct rudpmsg_link *link, const struct iovec *piece);
void rudpmsg_hub_on_written(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes);

/* The lists of work. Each call removes one entry. NULL: the list is empty. */
struct rudpmsg_link *rudpmsg_hub_next_dial(struct rudpmsg_hub *hub);
struct rudpmsg_link *rudpmsg_hub_next_write(struct rudpmsg_hub *hub);
/* If the only work is to write to one link: removes that link from the list and clears the change.
 * NULL: there is no work, or more than that. */
struct rudpmsg_link *rudpmsg_hub_sole_write(struct rudpmsg_hub *hub);
/* Not all bytes could be written: puts the link into the list again. */
void rudpmsg_hub_write_later(struct rudpmsg_hub *hub, struct rudpmsg_link *link);
/* A link that was refused room and may be read again. */
struct rudpmsg_link *rudpmsg_hub_next_read(struct rudpmsg_hub *hub);
/* The caller closes the stream now, and frees the link with rudpmsg_link_free. */
struct rudpmsg_link *rudpmsg_hub_next_close(struct rudpmsg_hub *hub);
void rudpmsg_link_free(struct rudpmsg_link *link);

void *rudpmsg_link_user(const struct rudpmsg_link *link);
void rudpmsg_link_set_user(struct rudpmsg_link *link, void *user);
/* The peer has proven this key on the link's stream. Call it before bytes of the stream are
 * read. */
void rudpmsg_link_set_key(struct rudpmsg_link *link, const uint8_t key[RUDPMSG_KEY_BYTES]);
const char *rudpmsg_link_host(const struct rudpmsg_link *link);
uint16_t rudpmsg_link_port(const struct rudpmsg_link *link);

int64_t rudpmsg_hub_deadline_ns(const struct rudpmsg_hub *hub);
void rudpmsg_hub_on_time(struct rudpmsg_hub *hub, int64_t now_at_ns);

/* ---- the store ---- */

/* The next batch to write, all or nothing. NULL: there is none now (RUDPMSG_CHANGED_STORE reports
 * one), or rudpmsg_hub_on_stored was not called for the last one. The hub owns the batch and does
 * not change it until then. */
const struct rudpmsg_batch *rudpmsg_hub_take_batch(struct rudpmsg_hub *hub);
/* The last batch is on the disk (error 0), or nothing of it is (negative errno value). */
void rudpmsg_hub_on_stored(struct rudpmsg_hub *hub, int error, int64_t now_at_ns);
/* Stores at once also what could wait (STORE_SOON_NS). */
void rudpmsg_hub_store_now(struct rudpmsg_hub *hub);
/* Positive errno value: the store has failed and takes nothing; the hub tries again each second. */
int rudpmsg_hub_store_error(const struct rudpmsg_hub *hub);
/* true: nothing is waiting to be stored. */
bool rudpmsg_hub_is_saved(const struct rudpmsg_hub *hub);

/*
 * Restores what the store had when the node was opened: each peer, followed by its messages in
 * order. rudpmsg_hub_restore_end comes last and begins to dial.
 *
 * Returns  0; -EBADMSG the records contradict each other; -ENFILE limits.connections_max; -ENOMEM.
 */
int rudpmsg_hub_restore_peer(struct rudpmsg_hub *hub, uint64_t number,
			     const struct rudpmsg_peer *record);
int rudpmsg_hub_restore_sent(struct rudpmsg_hub *hub, uint64_t id, const uint8_t *bytes,
			     size_t length);
int rudpmsg_hub_restore_received(struct rudpmsg_hub *hub, uint64_t number,
				 const struct rudpmsg_received *record);
int rudpmsg_hub_restore_end(struct rudpmsg_hub *hub, int64_t now_at_ns);

/* ---- the application's calls: as rudp/msg.h says, but they never wait ---- */

/* Asks for a connection. *ticket is the argument for rudpmsg_hub_connect_result. */
int rudpmsg_hub_connect(struct rudpmsg_hub *hub, const char *host, uint16_t port,
			const char *peer_name, int64_t now_at_ns, uint64_t *ticket,
			rudpmsg_conn_id *conn);
/* 0: *conn has a link. -EINPROGRESS. Else the final error. */
int rudpmsg_hub_connect_result(const struct rudpmsg_hub *hub, uint64_t ticket,
			       rudpmsg_conn_id *conn);
void rudpmsg_hub_connect_forget(struct rudpmsg_hub *hub, uint64_t ticket);
/* A call of connect has failed with error (positive). Removes the connection if it never had a link
 * and has nothing queued. */
void rudpmsg_hub_connect_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int error);
/* Returns whether this error of an attempt (negative) is temporary: it ends as soon as the peer
 * runs. */
bool rudpmsg_hub_is_temporary(int error);
/* The pause after that many failed attempts in a row. */
int64_t rudpmsg_hub_backoff_ns(struct rudpmsg_hub *hub, unsigned failures);

struct rudpmsg_conn *rudpmsg_hub_conn(const struct rudpmsg_hub *hub, rudpmsg_conn_id id);
struct rudpmsg_conn *rudpmsg_hub_find(const struct rudpmsg_hub *hub, const char *name);
rudpmsg_conn_id rudpmsg_conn_id_of(const struct rudpmsg_conn *conn);
const char *rudpmsg_conn_name_of(const struct rudpmsg_conn *conn);
/* The key that the name of its peer is bound to. 0, or -ENODATA: none. */
int rudpmsg_conn_key_of(const struct rudpmsg_conn *conn, uint8_t key[RUDPMSG_KEY_BYTES]);
/* The next key that a peer of this name proves is bound to it. 0; -ENOENT; -EINVAL. */
int rudpmsg_hub_forget_key(struct rudpmsg_hub *hub, const char *name);
/* 0: there is a link. -EINPROGRESS: none yet, but further attempts can succeed. Else the error that
 * further attempts cannot cure. */
int rudpmsg_conn_attempt_result(const struct rudpmsg_conn *conn);
/* 0: there is a link. -EINPROGRESS: no attempt has ended yet. Else why the last one ended. */
int rudpmsg_conn_last_error(const struct rudpmsg_conn *conn);

/* -EAGAIN: the outbox is full. Other errors as of rudpmsg_send. */
int rudpmsg_hub_send(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, const void *bytes,
		     size_t length, rudpmsg_message_id *id, int64_t now_at_ns);
uint32_t rudpmsg_hub_message_bytes_max(const struct rudpmsg_hub *hub);

/* Waits for room in the outbox of a connection, or for the end of the connection. It lies in its
 * owner's memory. Zeroed, it waits for nothing; rudp_list_remove cancels the wait. */
struct rudpmsg_room {
	struct rudp_list link;
};
void rudpmsg_conn_await_room(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			     struct rudpmsg_room *room);
/* Removes and returns the next waiter whose connection may have room, or was removed
 * (RUDPMSG_CHANGED_WORK). NULL: none. */
struct rudpmsg_room *rudpmsg_hub_next_room(struct rudpmsg_hub *hub);
/* conn NULL: takes from all connections, in turn. -EAGAIN: there is no message. */
int rudpmsg_hub_receive(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			struct rudpmsg_message *message);
void rudpmsg_hub_done(struct rudpmsg_hub *hub, rudpmsg_conn_id conn, uint64_t place);
enum rudpmsg_state rudpmsg_conn_state(const struct rudpmsg_conn *conn, uint64_t id, int *reason);
/* The number of unacknowledged messages of one connection, or of all. */
uint64_t rudpmsg_conn_unanswered(const struct rudpmsg_conn *conn);
uint64_t rudpmsg_hub_unanswered(const struct rudpmsg_hub *hub);
/* Removes the connection: queued messages fail with reason, and a peer with a link gets GOODBYE. */
void rudpmsg_hub_disconnect(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason,
			    int64_t now_at_ns);
/* The node closes. From now on links are only made for connections with queued messages; other
 * peers get CLOSING. Links that are established go on. */
void rudpmsg_hub_stop_accepting(struct rudpmsg_hub *hub);
/* Ends all links, with a last ACK and a CLOSE frame (reason CLOSING) where they can be written.
 * RUDPMSG_CHANGED_CONNECT reports when no link is left. */
void rudpmsg_hub_end_links(struct rudpmsg_hub *hub, int64_t now_at_ns);
bool rudpmsg_hub_has_links(const struct rudpmsg_hub *hub);
int rudpmsg_hub_event(struct rudpmsg_hub *hub, struct rudpmsg_event *event);

/* Checks every invariant. For tests. */
bool rudpmsg_hub_check(const struct rudpmsg_hub *hub);

#endif
