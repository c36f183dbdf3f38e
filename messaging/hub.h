/* SPDX-License-Identifier: MIT */
/*
 * hub - a node without threads, sockets and clock: its connections and links, handshakes, retries.
 *
 * Facts come in ("bytes were read", "the stream has ended", "it is now"), and lists say what is to
 * be done: streams to dial, to close, to write to, and what to store. The node (node.h) does that
 * with real streams, a real disk and real time, the simulator in tests/messaging with neither.
 * docs/messaging.md has the rules.
 *
 * Threads    none: under the node's lock.
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

#define RUDPMSG_WRITE_BYTES (128u << 10) /* given to a link at once */

struct rudpmsg_hub;
struct rudpmsg_conn;
struct rudpmsg_link;

struct rudpmsg_hub_config {
	char name[RUDPMSG_NAME_MAX + 1];
	enum rudpmsg_ack ack;
	bool has_store;
	struct rudpmsg_limits limits; /* no zero left in it */
	int64_t handshake_timeout_ns, backoff_first_ns, backoff_max_ns, give_up_ns;
	uint64_t seed; /* of stream numbers, run, jitter */
	uint64_t run;  /* with a store: above that of each run before; 0: drawn */
};

/* What has changed since it was last asked: who may be waiting for that. */
#define RUDPMSG_CHANGED_ROOM (1u << 0) /* there is room in an outbox, or a connection has gone */
#define RUDPMSG_CHANGED_READABLE (1u << 1) /* a message waits */
#define RUDPMSG_CHANGED_ANSWER (1u << 2)   /* messages were acknowledged, or have failed */
#define RUDPMSG_CHANGED_CONNECT (1u << 3)  /* a handshake is over, well or not */
#define RUDPMSG_CHANGED_EVENT (1u << 4)    /* an event waits */
#define RUDPMSG_CHANGED_WORK (1u << 5)  /* there is something in the lists, or another deadline */
#define RUDPMSG_CHANGED_STORE (1u << 6) /* a batch is to be taken */
#define RUDPMSG_CHANGED_SAVED (1u << 7) /* a batch is in the store, or failed */
#define RUDPMSG_CHANGED_WRITE (1u << 8) /* a link is in the list to write to */

struct rudpmsg_hub *rudpmsg_hub_new(const struct rudpmsg_hub_config *config, int64_t now_at_ns);
/* Links' user pointers are forgotten: their owner closes the streams. */
void rudpmsg_hub_free(struct rudpmsg_hub *hub);
unsigned rudpmsg_hub_take_changes(struct rudpmsg_hub *hub);
struct rudpmsg_stats *rudpmsg_hub_stats(struct rudpmsg_hub *hub);

/* ---- streams ---- */

/* An unauthenticated peer's stream was accepted. NULL: no memory; the caller closes the stream. */
struct rudpmsg_link *rudpmsg_hub_on_accepted(struct rudpmsg_hub *hub, void *user,
					     int64_t now_at_ns);
/* What was to be dialed: error 0 and it is open, or a positive errno value and it is not. */
void rudpmsg_hub_on_dialed(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			   int64_t now_at_ns);

/* Where to read to; 0: not now, somebody is behind with reading (RUDPMSG_CHANGED_WORK says when
 * again). */
size_t rudpmsg_hub_read_room(struct rudpmsg_hub *hub, struct rudpmsg_link *link, uint8_t **room);
void rudpmsg_hub_on_read(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes,
			 int64_t now_at_ns);
/* End of the stream (error 0) or its failure. The link is in the list to close afterwards. */
void rudpmsg_hub_on_ended(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int error,
			  int64_t now_at_ns);

/* What to write to the link, in at most count pieces; 0: nothing. Valid until the hub is called
 * again. */
int rudpmsg_hub_write_next(struct rudpmsg_link *link, struct iovec *iov, int count);
/* Is this piece of it not of a message, but an ACK or another frame of the hub's own? Then a copy of it
 * may be written while the hub is called. */
bool rudpmsg_hub_is_control(const struct rudpmsg_link *link, const struct iovec *piece);
void rudpmsg_hub_on_written(struct rudpmsg_hub *hub, struct rudpmsg_link *link, size_t bytes);

/* The lists. Each call takes one out; NULL: empty. */
struct rudpmsg_link *rudpmsg_hub_next_dial(struct rudpmsg_hub *hub);
struct rudpmsg_link *rudpmsg_hub_next_write(struct rudpmsg_hub *hub);
/* If nothing is to be done but to write to one link: that link, out of the list, as if nothing had
 * changed. NULL: there is nothing, or more. */
struct rudpmsg_link *rudpmsg_hub_sole_write(struct rudpmsg_hub *hub);
/* It could not be written all: it is in the list again. */
void rudpmsg_hub_write_later(struct rudpmsg_hub *hub, struct rudpmsg_link *link);
/* Reading may go on where it was refused room. */
struct rudpmsg_link *rudpmsg_hub_next_read(struct rudpmsg_hub *hub);
/* The stream is to be closed now, and the link to be freed with rudpmsg_link_free. */
struct rudpmsg_link *rudpmsg_hub_next_close(struct rudpmsg_hub *hub);
void rudpmsg_link_free(struct rudpmsg_link *link);

void *rudpmsg_link_user(const struct rudpmsg_link *link);
void rudpmsg_link_set_user(struct rudpmsg_link *link, void *user);
const char *rudpmsg_link_host(const struct rudpmsg_link *link);
uint16_t rudpmsg_link_port(const struct rudpmsg_link *link);

int64_t rudpmsg_hub_deadline_ns(const struct rudpmsg_hub *hub);
void rudpmsg_hub_on_time(struct rudpmsg_hub *hub, int64_t now_at_ns);

/* ---- the store ---- */

/* What is to be written next, all or nothing; NULL: nothing now (RUDPMSG_CHANGED_STORE), or the
 * last one is not answered yet. It stays the hub's, and as it is until then. */
const struct rudpmsg_batch *rudpmsg_hub_take_batch(struct rudpmsg_hub *hub);
/* The batch taken last is on the disk (error 0) or nothing of it is (negative errno value). */
void rudpmsg_hub_on_stored(struct rudpmsg_hub *hub, int error, int64_t now_at_ns);
/* What could wait shall not. */
void rudpmsg_hub_store_now(struct rudpmsg_hub *hub);
/* Positive: the store has failed so that it can take nothing; it is tried again each second. */
int rudpmsg_hub_store_error(const struct rudpmsg_hub *hub);
/* All there is to store is stored. */
bool rudpmsg_hub_is_saved(const struct rudpmsg_hub *hub);

/*
 * What was in the store when the node was opened: peer by peer, behind each its messages in order;
 * then the end, which begins to dial.
 *
 * Returns  0; -EBADMSG what comes contradicts itself; -ENFILE limits.connections_max; -ENOMEM.
 */
int rudpmsg_hub_restore_peer(struct rudpmsg_hub *hub, uint64_t number,
			     const struct rudpmsg_peer *record);
int rudpmsg_hub_restore_sent(struct rudpmsg_hub *hub, uint64_t id, const uint8_t *bytes,
			     size_t length);
int rudpmsg_hub_restore_received(struct rudpmsg_hub *hub, uint64_t number,
				 const struct rudpmsg_received *record);
int rudpmsg_hub_restore_end(struct rudpmsg_hub *hub, int64_t now_at_ns);

/* ---- the application's side: what rudp/msg.h says, without the waiting ---- */

/* Asks for a connection. *ticket is what rudpmsg_hub_connect_result is asked with. */
int rudpmsg_hub_connect(struct rudpmsg_hub *hub, const char *host, uint16_t port,
			const char *peer_name, int64_t now_at_ns, uint64_t *ticket,
			rudpmsg_conn_id *conn);
/* 0: *conn stands; -EINPROGRESS; else why not, at last. */
int rudpmsg_hub_connect_result(const struct rudpmsg_hub *hub, uint64_t ticket,
			       rudpmsg_conn_id *conn);
void rudpmsg_hub_connect_forget(struct rudpmsg_hub *hub, uint64_t ticket);
/* The call of connect ends with an error, positive here: a connection that never had a link and has
 * nothing queued is forgotten. */
void rudpmsg_hub_connect_failed(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int error);
/* Does this error of an attempt (negative) pass as soon as the peer is there? */
bool rudpmsg_hub_is_passing(int error);
/* The pause after so many failed attempts. */
int64_t rudpmsg_hub_backoff_ns(struct rudpmsg_hub *hub, unsigned failures);

struct rudpmsg_conn *rudpmsg_hub_conn(const struct rudpmsg_hub *hub, rudpmsg_conn_id id);
struct rudpmsg_conn *rudpmsg_hub_find(const struct rudpmsg_hub *hub, const char *name);
rudpmsg_conn_id rudpmsg_conn_id_of(const struct rudpmsg_conn *conn);
const char *rudpmsg_conn_name_of(const struct rudpmsg_conn *conn);
/* 0: a link stands; -EINPROGRESS: none yet, and the peer only has to be there; else why attempts do
 * not help. */
int rudpmsg_conn_attempt_result(const struct rudpmsg_conn *conn);
/* 0: a link stands; -EINPROGRESS: no attempt has ended yet; else why the last link or attempt ended. */
int rudpmsg_conn_last_error(const struct rudpmsg_conn *conn);

/* -EAGAIN no room. */
int rudpmsg_hub_send(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, const void *bytes,
		     size_t length, rudpmsg_message_id *id, int64_t now_at_ns);
uint32_t rudpmsg_hub_message_bytes_max(const struct rudpmsg_hub *hub);

/* Whoever waits for room in the queue of a connection, or for its end; in its owner's memory. Zero
 * waits for nothing, and rudp_list_remove ends it. */
struct rudpmsg_room {
	struct rudp_list link;
};
void rudpmsg_conn_await_room(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			     struct rudpmsg_room *room);
/* The next whose connection may have room again, or has gone (RUDPMSG_CHANGED_WORK). It waits no
 * more. NULL: none. */
struct rudpmsg_room *rudpmsg_hub_next_room(struct rudpmsg_hub *hub);
/* conn NULL: of any, in turn. -EAGAIN: none waits. */
int rudpmsg_hub_receive(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn,
			struct rudpmsg_message *message);
void rudpmsg_hub_done(struct rudpmsg_hub *hub, rudpmsg_conn_id conn, uint64_t place);
enum rudpmsg_state rudpmsg_conn_state(const struct rudpmsg_conn *conn, uint64_t id, int *reason);
/* Messages of one or all connections that are not acknowledged. */
uint64_t rudpmsg_conn_unanswered(const struct rudpmsg_conn *conn);
uint64_t rudpmsg_hub_unanswered(const struct rudpmsg_hub *hub);
/* What is queued fails with reason; the peer is told GOODBYE if it can be. */
void rudpmsg_hub_disconnect(struct rudpmsg_hub *hub, struct rudpmsg_conn *conn, int reason,
			    int64_t now_at_ns);
/* Nothing new: links are made and taken only for connections with messages queued; others are told
 * CLOSING. What stands goes on. */
void rudpmsg_hub_stop_accepting(struct rudpmsg_hub *hub);
/* All links end, with a last ACK and a word of CLOSING where it can be written; soon none is left,
 * which RUDPMSG_CHANGED_CONNECT tells. */
void rudpmsg_hub_end_links(struct rudpmsg_hub *hub, int64_t now_at_ns);
bool rudpmsg_hub_has_links(const struct rudpmsg_hub *hub);
int rudpmsg_hub_event(struct rudpmsg_hub *hub, struct rudpmsg_event *event);

/* Every invariant. For tests. */
bool rudpmsg_hub_check(const struct rudpmsg_hub *hub);

#endif
