/* SPDX-License-Identifier: MIT */
/*
 * msg - sends messages between named programs; each message arrives at least once.
 *
 * A *node* has a name. It listens, or connects to others, or both. Two nodes have at most one
 * *connection*. A connection has an id and outlives every break of the network. At any time at most
 * one *link* carries it: a stream, of rudp or of TCP. A message is kept until the peer has
 * acknowledged it. If the link breaks, the node sends the message again on the next link, and the
 * receiver drops messages that it already has. So each message arrives, normally once, in the order
 * of sending. docs/messaging.md has the guarantees, what is not guaranteed, and the wire format.
 *
 * Threads   The nodes of a process share loop threads: as many as there are nodes, but no more than
 *           processors. Each node also has one thread to look up host names, and one to write its
 *           store. Any thread may call any function at any time, except rudpmsg_node_free. A
 *           function that blocks says so, and says what wakes it. Closing the node wakes all.
 * Times     Nanoseconds of CLOCK_MONOTONIC. A timeout of RUDPMSG_FOREVER waits without limit; a
 *           timeout of 0 does not wait.
 * Fork      The node stays with the parent. The child may only execute another program or exit.
 * Errors    Functions return 0 or a negative errno value. None prints, exits or changes signals.
 *           error_text, where there is one, gets a sentence: what failed, where, and what to do.
 */
#ifndef RUDP_MSG_H
#define RUDP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The shared library exports only what is declared from here on. */
#pragma GCC visibility push(default)

#define RUDPMSG_FOREVER INT64_MAX
#define RUDPMSG_PORT 8080
#define RUDPMSG_NAME_MAX 63  /* bytes of a node's name, printable ASCII without space */
#define RUDPMSG_KEY_BYTES 32 /* of a public key of an identity */
#define RUDPMSG_ERROR_TEXT_SIZE 256
#define RUDPMSG_LISTENERS_MAX 64      /* addresses that a node listens on */
#define RUDPMSG_FINAL_EVENTS_MAX 4096 /* removed connections whose last events are not read yet */

struct rudpmsg_node;

/* A connection of this node. Never 0, never used twice in the life of a node. */
typedef uint64_t rudpmsg_conn_id;
/* A message sent on a connection: 1, 2, 3 ... for each connection. With a store the numbers go on
 * after a restart. */
typedef uint64_t rudpmsg_message_id;

/* Meanings of an acknowledgement. The sender asks the peer for it, for each connection. */
enum rudpmsg_ack {
	/* The message is in the memory of the peer's node, and lost if that process dies. If the
	 * peer has a store: the same as STORED. */
	RUDPMSG_ACK_RECEIVED,
	/* The peer's application has called rudpmsg_done for the message. */
	RUDPMSG_ACK_HANDLED,
	/* The message is on the peer's disk (fsync): it survives kill -9 and a loss of power. */
	RUDPMSG_ACK_STORED,
};

enum rudpmsg_transport {
	RUDPMSG_TRANSPORT_RUDP, /* librudp: encrypted, over UDP */
	RUDPMSG_TRANSPORT_TCP,  /* kernel sockets; under the shim rudp carries them as well */
};

/*
 * Limits of a node. Each has a defined outcome when it is reached. A value of 0 means the default,
 * in brackets.
 */
struct rudpmsg_limits {
	/* [1 MiB] Longer messages: sending fails with EMSGSIZE. If a peer sends one, the link ends
	 * and frames_malformed counts it. */
	uint32_t message_bytes_max;
	/* [64 MiB] Unacknowledged bytes of a connection: sending blocks, or fails with EAGAIN. */
	uint64_t queue_bytes_max;
	/* [1,000,000] Unacknowledged messages of a connection: the same. */
	uint64_t queue_messages_max;
	/* [16 MiB] Memory of a connection for received messages that are not done: the node stops
	 * reading, and the stream's flow control stops the peer. */
	uint64_t unread_bytes_max;
	/* [65,536] Connections: the node removes one that the peer used to dial, and that has no
	 * link and nothing queued or unread (event DISCONNECTED, ENFILE). If there is none,
	 * rudpmsg_connect fails with ENFILE, and unauthenticated peers are refused. The same limit
	 * holds for the number of calls of rudpmsg_connect under way. */
	uint32_t connections_max;
	/* [256] Links whose handshake is not over: the oldest is closed. */
	uint32_t unauthenticated_max;
	/* [16 GiB, at least 4 MiB] Size of the store's file, without a reserve of 4 MiB that is
	 * needed to delete from a full store: sending fails with ENOSPC, and peers keep their
	 * messages. */
	uint64_t store_bytes_max;
	/* [65,536] Senders that are remembered without a connection: the one that has been silent
	 * longest is forgotten. Its messages could then be delivered twice. */
	uint32_t senders_max;
};

/* Options of a node. 0 means the default, for every member. The node copies what it needs. */
struct rudpmsg_options {
	/* Directory of the store (docs/messaging.md "The store"); NULL: messages are in memory
	 * only. It must be empty or this node's store, on a local file system. A missing one is
	 * made, with mode 0700. */
	const char *store_directory;
	enum rudpmsg_transport transport;
	enum rudpmsg_ack ack; /* the acknowledgement that this node asks its peers for */
	struct rudpmsg_limits limits;
	/* [10 s] */
	int64_t handshake_timeout_ns;
	/* [100 ms] Pause before the second attempt to connect. Each later pause is twice as long,
	 * with jitter, ... */
	int64_t backoff_first_ns;
	/* [30 s] ... but not longer than this. */
	int64_t backoff_max_ns;
	/* [never] After this time without a link queued messages fail with ETIMEDOUT. */
	int64_t give_up_ns;
};

/*
 * Opens a node. error_text may be NULL.
 *
 * With a store the node restores what the last process left in it: connections with messages that
 * were not acknowledged or not done. They have new ids: see rudpmsg_conn_find. The node dials at
 * once the peers that it had dialed before and has messages for.
 *
 * Errors   Nothing was changed after each of these: -EINVAL name or options; -ENOMEM; -EMFILE;
 *          -EAGAIN no thread can be made. Errors of a store: -EBUSY another node has it open;
 *          -EACCES it belongs to another node, or may not be written; -EBADMSG it is damaged, or no
 *          store; -EPROTONOSUPPORT its format has another version; -ENOTEMPTY the directory
 *          contains other files; -ENFILE more connections than limits.connections_max; -ENOSPC;
 *          -EIO.
 */
int rudpmsg_node_open(struct rudpmsg_node **node, const char *name,
		      const struct rudpmsg_options *options,
		      char error_text[RUDPMSG_ERROR_TEXT_SIZE]);

/*
 * Closes a node gracefully: it accepts nothing new, and blocked calls return -ESHUTDOWN. The call
 * waits, at most timeout_ns, until all accepted messages are acknowledged. Then the links end.
 *
 * Returns  0; -ETIMEDOUT: *left messages were not acknowledged. With a store they are sent when it
 *          is opened again, without one they are lost. left may be NULL.
 */
int rudpmsg_node_close(struct rudpmsg_node *node, int64_t timeout_ns, uint64_t *left);

/* Frees the node. If it was not closed with rudpmsg_node_close, everything ends at once. No
 * other thread may be in a call on the node, or make one later. The call waits for a host name
 * look-up that is under way, as long as the system's resolver takes (resolv.conf(5): usually 10
 * s at most). */
void rudpmsg_node_free(struct rudpmsg_node *node);

/*
 * Accepts links on host (NULL: every address) and port (0: RUDPMSG_PORT). May be called for several
 * addresses. If host has several addresses, those that this machine does not support are skipped
 * (IPv6, for example). If one of the others cannot be bound, the call fails and binds none.
 *
 * Errors   -EADDRINUSE, -EADDRNOTAVAIL, -EACCES; -EHOSTUNREACH host has no address; -EMFILE no
 *          descriptor is left, or more than RUDPMSG_LISTENERS_MAX addresses.
 */
int rudpmsg_listen(struct rudpmsg_node *node, const char *host, uint16_t port);

/*
 * Connects to the node at host and port, and keeps the connection: if a link breaks, the node dials
 * again. With peer_name NULL any node may answer. With a peer_name a node of another name is
 * refused, and the connection can be used at once: messages are queued until there is a link. If an
 * attempt to another address of this peer is under way, this call replaces it.
 *
 * Blocks   until there is a link, at most timeout_ns. If the peer refuses, does not answer or
 *          resets the link, the call dials again, with pauses of options.backoff_first_ns to
 *          options.backoff_max_ns.
 * Returns  0: there is a link. -EINPROGRESS: there is none yet, and the node continues to dial
 *          after the call; rudpmsg_conn_error says why there is none, and the event CONNECTED
 *          reports a link. Both set *conn. If a connection with that peer existed before, it is the
 *          same one.
 *          Without a peer_name the node does not go on dialing: after timeout_ns the call returns
 *          the error of the last attempt. A handshake that is under way then can still succeed and
 *          bring the event CONNECTED.
 * Errors   The connection remains only if it had a link before or has messages queued. -EINVAL;
 *          -ENFILE limits.connections_max; -EHOSTUNREACH, -ENETUNREACH the host has no address, or
 *          no route; -EPROTO the program there does not speak this protocol; -ENXIO the node there
 *          has another name; -EEXIST the node there has the name of this one; -ESTALE another
 *          program uses the name of this node and has the link to that peer; -EKEYREJECTED the peer
 *          has another pre-shared key, or one of the two names is bound to another identity
 *          (rudpmsg_conn_key); -ENOKEY the key file cannot be used; -EACCES this system does not
 *          allow it, or no rudp engine runs and clear text is forbidden (rudp_socket); -EUSERS the
 *          peer has reached its connections_max; -EOPNOTSUPP options.ack is STORED, and the peer
 *          has no store; -ECANCELED this program disconnected meanwhile; -ECONNABORTED the peer
 *          disconnected; -ESHUTDOWN; -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET without a peer_name, or
 *          after options.give_up_ns; -EMFILE, -ENOMEM and other errors of connect(2).
 */
int rudpmsg_connect(struct rudpmsg_node *node, const char *host, uint16_t port,
		    const char *peer_name, int64_t timeout_ns, rudpmsg_conn_id *conn);

/*
 * Says why a connection has no link. Never blocks.
 *
 * Returns  0: it has one; -EINPROGRESS: no attempt has ended yet; -ENOENT: no such connection. Else
 *          why the last link or attempt ended: an error of rudpmsg_connect, or the reason of
 *          BROKEN.
 */
int rudpmsg_conn_error(struct rudpmsg_node *node, rudpmsg_conn_id conn);

/*
 * Removes a connection. With drain the node first delivers the queued messages, within timeout_ns.
 * Messages that remain fail with ECANCELED. Threads that are blocked on the connection wake up.
 *
 * Returns  0; -ENOENT; -ETIMEDOUT not all messages were acknowledged in time; -ESHUTDOWN the node
 *          was closed meanwhile. After the last two the connection is removed all the same.
 */
int rudpmsg_disconnect(struct rudpmsg_node *node, rudpmsg_conn_id conn, bool drain,
		       int64_t timeout_ns);

/* Finds a connection's id by the peer's name, or the name by the id. -ENOENT: no such
 * connection. */
int rudpmsg_conn_find(struct rudpmsg_node *node, const char *peer_name, rudpmsg_conn_id *conn);
int rudpmsg_conn_name(struct rudpmsg_node *node, rudpmsg_conn_id conn,
		      char name[RUDPMSG_NAME_MAX + 1]);

/*
 * Reads the X25519 public key that the name of a connection's peer is bound to. The first peer that
 * proves an identity (rudp_keys(5)) under a name binds it. Each later link of that name must prove
 * the same key; any other is refused with EKEYREJECTED. A node remembers the keys of its
 * connections and of limits.senders_max peers without one; with a store also after a restart.
 *
 * Returns  0; -ENODATA: the peer has proven no key yet; -ENOENT: no such connection.
 */
int rudpmsg_conn_key(struct rudpmsg_node *node, rudpmsg_conn_id conn,
		     uint8_t key[RUDPMSG_KEY_BYTES]);

/*
 * Forgets the key of a name, after the peer has a new one: the next key that a peer of that name
 * proves is bound to it. A link that exists stays.
 *
 * Returns  0; -ENOENT: the name is bound to no key; -EINVAL: peer_name is not a valid name.
 */
int rudpmsg_forget_key(struct rudpmsg_node *node, const char *peer_name);

/*
 * Sends a message; the bytes are copied. When this returns 0, the message is *accepted*: the node
 * will deliver it, or report its failure (rudpmsg_state, RUDPMSG_EVENT_FAILED).
 *
 * With a store a message is accepted once it is on the disk. The call waits for that, even beyond
 * timeout_ns. Messages that many threads send at the same time share one disk write.
 *
 * Blocks   while the queue is full, at most timeout_ns. Room, and the end of the connection or the
 *          node, wake it. A broken link does not wake it: room comes when the next link has brought
 *          acknowledgements.
 * Returns  0 and the message's id (id may be NULL).
 * Errors   After each of these the message was not accepted: -EMSGSIZE; -EAGAIN the queue is full
 *          and timeout_ns is 0; -ETIMEDOUT; -ENOENT there is no such connection, or it was removed
 *          meanwhile; -ESHUTDOWN; -ENOMEM; -ENOSPC, -EIO the store could not write it.
 */
int rudpmsg_send(struct rudpmsg_node *node, rudpmsg_conn_id conn, const void *bytes, size_t length,
		 int64_t timeout_ns, rudpmsg_message_id *id);

/*
 * As rudpmsg_send, but does not wait for the store. The message has its place in the queue and its
 * id. It is accepted once rudpmsg_accepted returns 0, or its state is no longer STORING. Without a
 * store this is the same as rudpmsg_send.
 */
int rudpmsg_submit(struct rudpmsg_node *node, rudpmsg_conn_id conn, const void *bytes,
		   size_t length, int64_t timeout_ns, rudpmsg_message_id *id);

/*
 * Waits until a submitted message, and all messages before it, are accepted or have failed.
 *
 * Blocks   until the disk has finished the write.
 * Returns  0; -ENOSPC, -EIO the store could not write it; -ENOENT there is no such connection or
 *          message, or the connection was removed meanwhile.
 */
int rudpmsg_accepted(struct rudpmsg_node *node, rudpmsg_conn_id conn, rudpmsg_message_id id);

/* A received message. The node owns bytes; they stay valid until rudpmsg_done. */
struct rudpmsg_message {
	rudpmsg_conn_id conn;
	rudpmsg_message_id id; /* chosen by the sender */
	const void *bytes;
	size_t length;
	uint64_t place; /* place and reserved: for the node only */
	void *reserved;
};

/*
 * Takes the next message of a connection. With conn 0: of any connection, in turn.
 *
 * Blocks   until there is a message, at most timeout_ns. The end of the connection or the node
 *          wakes it.
 * Returns  0. Each message goes to one caller.
 * Errors   -EAGAIN, -ETIMEDOUT, -ENOENT; -ESHUTDOWN the node is closed, and all messages that had
 *          arrived are taken.
 */
int rudpmsg_receive(struct rudpmsg_node *node, rudpmsg_conn_id conn, int64_t timeout_ns,
		    struct rudpmsg_message *message);

/* Tells the node that the application has handled the message. If the sender asked for
 * RUDPMSG_ACK_HANDLED, the node acknowledges it now. With a store the message is not delivered
 * again, unless the process dies before the store knows: within 20 ms, or longer if the disk takes
 * longer. The messages of a connection may be reported in any order; the node acknowledges up to
 * the first one that is not. */
void rudpmsg_done(struct rudpmsg_node *node, struct rudpmsg_message *message);

/* The state of a sent message. */
enum rudpmsg_state {
	RUDPMSG_STATE_UNKNOWN, /* never sent here, or failed so long ago that it was forgotten */
	RUDPMSG_STATE_QUEUED,  /* not on the present link yet; will be sent, or sent again */
	RUDPMSG_STATE_SENT,    /* on the present link, not yet acknowledged */
	RUDPMSG_STATE_ACKNOWLEDGED, /* in the sense of options.ack */
	/* reason: ETIMEDOUT give_up_ns is over, ECONNABORTED the peer has disconnected, EMSGSIZE
	 * the message is longer than the peer takes, EIO, ENOSPC or ENOMEM the store failed. */
	RUDPMSG_STATE_FAILED,
	RUDPMSG_STATE_STORING, /* being written to the store: not accepted yet (rudpmsg_submit) */
};

/* Never blocks. reason may be NULL. Returns 0 or -ENOENT: no such connection. */
int rudpmsg_state(struct rudpmsg_node *node, rudpmsg_conn_id conn, rudpmsg_message_id id,
		  enum rudpmsg_state *state, int *reason);

/*
 * Waits until a message is acknowledged.
 *
 * Blocks   at most timeout_ns. A broken link does not end the wait.
 * Returns  0: acknowledged; the negative reason of RUDPMSG_STATE_FAILED: the message has failed;
 *          -EINPROGRESS: the time is over, the message is still queued and will be sent (again);
 *          -ENOENT: the message is unknown, or its connection was removed (events say up to which
 *          id messages failed); -ESHUTDOWN: the node was closed first.
 */
int rudpmsg_wait(struct rudpmsg_node *node, rudpmsg_conn_id conn, rudpmsg_message_id id,
		 int64_t timeout_ns);

enum rudpmsg_event_kind {
	/* There is a link: the first one, or a new one. */
	RUDPMSG_EVENT_CONNECTED,
	/* The link has ended; reason says why. The node dials again, or waits for the peer to
	 * dial. ESTALE: another program uses the name of this node, and has connected to the
	 * same peer. */
	RUDPMSG_EVENT_BROKEN,
	/* There are messages for rudpmsg_receive. The event comes again only after all messages
	 * were taken. */
	RUDPMSG_EVENT_READABLE,
	/* All messages up to id are acknowledged. */
	RUDPMSG_EVENT_ACKNOWLEDGED,
	/* The messages up to id that were not acknowledged before have failed. */
	RUDPMSG_EVENT_FAILED,
	/* The connection is removed: this program disconnected, the peer disconnected, or
	 * give_up_ns is over. In the last two cases the event comes once all received messages are
	 * done. */
	RUDPMSG_EVENT_DISCONNECTED,
};

struct rudpmsg_event {
	enum rudpmsg_event_kind kind;
	rudpmsg_conn_id conn;
	rudpmsg_message_id id;
	int reason; /* errno value, or 0 */
};

/*
 * Reads the next event. The descriptor is readable while there are events; use it with poll, epoll
 * or any event loop. The node owns it. Events of one kind and connection are merged: they need
 * bounded memory, and none is lost. (Of removed connections the last RUDPMSG_FINAL_EVENTS_MAX keep
 * events.)
 *
 * rudpmsg_event: -EAGAIN when there is none. Never blocks.
 */
int rudpmsg_fd(struct rudpmsg_node *node);
int rudpmsg_event(struct rudpmsg_node *node, struct rudpmsg_event *event);
/* As rudpmsg_event, but blocks, at most timeout_ns. -ETIMEDOUT; -ESHUTDOWN: the node is closed and
 * no event is left. */
int rudpmsg_event_wait(struct rudpmsg_node *node, int64_t timeout_ns, struct rudpmsg_event *event);

/* Counters of the node since it was opened; docs/messaging.md, "Counters". */
#define RUDPMSG_COUNTERS(X)                                                                        \
	X(messages_accepted)                                                                       \
	X(messages_acknowledged)                                                                   \
	X(messages_failed)                                                                         \
	X(messages_resent)                                                                         \
	X(messages_received)                                                                       \
	X(messages_duplicate)                                                                      \
	X(links_made)                                                                              \
	X(links_broken)                                                                            \
	X(links_refused)                                                                           \
	X(links_crossed)                                                                           \
	X(links_taken_over)                                                                        \
	X(handshakes_repeated)                                                                     \
	X(frames_malformed)                                                                        \
	X(senders_forgotten)                                                                       \
	X(store_commits)                                                                           \
	X(store_failures)

struct rudpmsg_stats {
#define X(name) uint64_t name;
	RUDPMSG_COUNTERS(X)
#undef X
};

/* Fills stats. size is sizeof *stats in the calling program: a newer library fills no more. */
void rudpmsg_stats(struct rudpmsg_node *node, struct rudpmsg_stats *stats, size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
