/* SPDX-License-Identifier: MIT */
/*
 * msg - at-least-once messages between named peers.
 *
 * A node has a name. It listens, or connects to others, or both; between two nodes there is one
 * *connection*, which has an id and outlives every break of the network: it stands on one *link*
 * after another, each a stream of rudp or TCP. What is sent on a connection is kept until the peer
 * has acknowledged it, and sent again on the next link when the present one breaks. The receiver
 * drops what it has had already. So each message arrives once in the normal case, and never not at
 * all, in the order of sending. docs/messaging.md has the guarantees, what is not guaranteed, and
 * the wire format.
 *
 * Threads   the nodes of a process share loop threads, as many as there are nodes but no more than
 *           processors (and have one each to look up names of hosts, and one to write a store). Any
 *           thread may call any function at any time, but for rudpmsg_node_free. Functions that
 *           block say so, and what wakes them; all of them are woken when the node is closed.
 * Spans     nanoseconds of CLOCK_MONOTONIC. A timeout of RUDPMSG_FOREVER waits without limit, 0
 *           does not wait.
 * Fork      the node stays with the parent; the child may only execute another program or end.
 * Errors    functions return 0 or a negative errno value. None prints, none exits; signals are not
 *           touched. error_text, where there is one, gets a sentence: what, where, what to do.
 */
#ifndef RUDP_MSG_H
#define RUDP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The shared library shows what is declared here, and nothing else. */
#pragma GCC visibility push(default)

#define RUDPMSG_FOREVER INT64_MAX
#define RUDPMSG_PORT 8080
#define RUDPMSG_NAME_MAX 63 /* bytes of a node's name, printable ASCII without space */
#define RUDPMSG_ERROR_TEXT_SIZE 256
#define RUDPMSG_LISTENERS_MAX 64   /* addresses that a node listens on */
#define RUDPMSG_FINAL_EVENTS_MAX 4096 /* connections that are gone whose last events wait */

struct rudpmsg_node;

/* A connection of this node. Never 0, never used twice in the life of a node. */
typedef uint64_t rudpmsg_conn_id;
/* A message sent on a connection: 1, 2, 3 ... for each connection; in a store they go on after a
 * restart. */
typedef uint64_t rudpmsg_message_id;

/* What the peer promises with its acknowledgement. The sender asks for it, connection by
 * connection. */
enum rudpmsg_ack {
	RUDPMSG_ACK_RECEIVED, /* it is in the memory of the peer's node: lost if that process dies,
			       * unless it has a store: then the same as STORED */
	RUDPMSG_ACK_HANDLED,  /* the peer's application has called rudpmsg_done for it */
	RUDPMSG_ACK_STORED, /* it is on the peer's disk (fsync): survives kill -9 and loss of power
			     */
};

enum rudpmsg_transport {
	RUDPMSG_TRANSPORT_RUDP, /* librudp: encrypted, over UDP */
	RUDPMSG_TRANSPORT_TCP, /* plain sockets; carried by rudp as well when the program runs under
				  the shim */
};

/*
 * Every limit has a defined outcome at it; 0 takes the default in brackets.
 */
struct rudpmsg_limits {
	uint32_t message_bytes_max;  /* [1 MiB] longer ones: EMSGSIZE; from a peer: the link ends,
					see counters */
	uint64_t queue_bytes_max;    /* [64 MiB] unacknowledged, each connection: sending blocks, or
					EAGAIN */
	uint64_t queue_messages_max; /* [1,000,000] the same by number */
	uint64_t unread_bytes_max; /* [16 MiB] kept for what was received and is not yet done, each
				    * connection: the peer is held back by the stream's own flow
				    * control */
	uint32_t connections_max;  /* [65,536] one that the peer used to dial, which has no link and
				    * nothing queued or waiting, makes room (DISCONNECTED, ENFILE);
				    * if there is none, rudpmsg_connect: ENFILE, unauthenticated
				    * peers are refused. Attempts under way have the same limit */
	uint32_t strangers_max; /* [256] links whose handshake is not over: the oldest makes room */
	uint64_t store_bytes_max; /* [16 GiB, at least 4 MiB] the store's file, but for 4 MiB more
				   * to empty a full one with: sending fails with ENOSPC, what comes
				   * is left to its sender */
	uint32_t senders_max; /* [65,536] names whose position is remembered after their connection
			       * was forgotten: beyond it the one that was silent longest is
			       * forgotten, and could deliver a message twice */
};

/* Zero is the default for everything. The node keeps no pointer of it. */
struct rudpmsg_options {
	/* Where messages are kept, with 0700 if it has to be made; NULL: in memory only. It must be
	 * empty or this node's store, and is on a local file system. docs/messaging.md "The store"
	 */
	const char *store_directory;
	enum rudpmsg_transport transport;
	enum rudpmsg_ack ack; /* asked of peers for what this node sends */
	struct rudpmsg_limits limits;
	int64_t handshake_timeout_ns; /* [10 s] */
	int64_t backoff_first_ns; /* [100 ms] before the first new attempt; doubled with jitter, */
	int64_t backoff_max_ns;   /* [30 s] up to this */
	int64_t give_up_ns; /* [never] without a link for so long: what is queued fails (ETIMEDOUT)
			     */
};

/*
 * Opens a node. error_text may be NULL.
 *
 * With a store what the last process with it left is there again: connections with messages that
 * were not acknowledged (to those that it had dialed attempts begin at once) or not done. Their ids
 * are new: rudpmsg_conn_find.
 *
 * Errors   -EINVAL name or options; -ENOMEM; -EMFILE; -EAGAIN no thread can be made; of a store:
 *          -EBUSY another node has it open; -EACCES it is another node's, or not ours to write;
 *          -EBADMSG it is damaged, or no store; -EPROTONOSUPPORT it is another version's;
 *          -ENOTEMPTY there are other things in the directory; -ENFILE limits.connections_max;
 *          -ENOSPC; -EIO. Nothing was changed then.
 */
int rudpmsg_node_open(struct rudpmsg_node **node, const char *name,
		      const struct rudpmsg_options *options,
		      char error_text[RUDPMSG_ERROR_TEXT_SIZE]);

/*
 * Closes gracefully: nothing new is accepted, blocked calls return -ESHUTDOWN, and the node waits
 * until all that was accepted has been acknowledged, but not longer than timeout_ns. Then links
 * end.
 *
 * Returns  0; -ETIMEDOUT: *left messages were not acknowledged, and are gone, or with a store there
 *          when it is opened again. left may be NULL.
 */
int rudpmsg_node_close(struct rudpmsg_node *node, int64_t timeout_ns, uint64_t *left);

/* Ends everything at once (after rudpmsg_node_close: nothing is left to end) and frees the node. No
 * other thread may be in a call, or call later. Waits for a look-up of a host's name that is under
 * way, as long as the system's resolver takes (resolv.conf(5): usually 10 s at most). */
void rudpmsg_node_free(struct rudpmsg_node *node);

/*
 * Accepts links on host (NULL: every address) and port (0: RUDPMSG_PORT) from now on; may be called
 * for several addresses. Of a host's addresses those are left out that this machine does not have (IPv6,
 * say); where one of the others cannot be had, none is taken.
 *
 * Errors   -EADDRINUSE, -EADDRNOTAVAIL, -EACCES; -EHOSTUNREACH the name has no address; -EMFILE no
 *          descriptor, or more than RUDPMSG_LISTENERS_MAX addresses.
 */
int rudpmsg_listen(struct rudpmsg_node *node, const char *host, uint16_t port);

/*
 * Connects to the node that answers at host and port, and keeps it connected: a link that breaks is
 * made anew. peer_name NULL takes whoever answers; a name refuses others, and makes the connection
 * usable at once: messages are queued while there is no link. An attempt elsewhere that is under
 * way is given up for this one.
 *
 * Blocks   until a link stands, at most timeout_ns. If nobody listens there, nobody answers or the
 *          link is reset, the call dials again, with the pauses of options.backoff_first_ns and
 *          options.backoff_max_ns.
 * Returns  0: a link stands; -EINPROGRESS: none does yet, and the node goes on dialing after the call
 *          (rudpmsg_conn_error says why there is none, the event CONNECTED that there is one). Both
 *          set *conn. A connection with that peer may have been there before: it is the same.
 *          Without a name nothing goes on: when the time is over the call returns the error of the
 *          last attempt. A handshake that is under way then may still bring CONNECTED.
 * Errors   A connection is left only if it had a link before, or has messages queued. -EINVAL;
 *          -ENFILE limits.connections_max; -EHOSTUNREACH, -ENETUNREACH no such host, or no route to
 *          it; -EPROTO no node of this protocol answers there; -ENXIO a node of another name does;
 *          -EEXIST the node there has the name of this one; -ESTALE another program has connected to
 *          that peer with the name of this node, and has the link; -EKEYREJECTED the key there is
 *          another; -ENOKEY the key file cannot be used; -EACCES this system does not allow it, or
 *          there is a key and no engine of rudp; -EUSERS the node there has as many connections as it
 *          may; -EOPNOTSUPP options.ack is STORED, and the node there has no store; -ECANCELED,
 *          -ECONNABORTED it was disconnected meanwhile, by this program or by the peer; -ESHUTDOWN;
 *          -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET without a name, or options.give_up_ns is over;
 *          -EMFILE, -ENOMEM and what else connect(2) says.
 */
int rudpmsg_connect(struct rudpmsg_node *node, const char *host, uint16_t port,
		    const char *peer_name, int64_t timeout_ns, rudpmsg_conn_id *conn);

/*
 * Why a connection has no link. Never blocks.
 *
 * Returns  0: it has one; -EINPROGRESS: no attempt has ended yet; -ENOENT: no such connection; else
 *          why the last link or attempt ended, as an error of rudpmsg_connect or reason of BROKEN.
 */
int rudpmsg_conn_error(struct rudpmsg_node *node, rudpmsg_conn_id conn);

/*
 * Forgets a connection. drain: first what is queued is delivered, within timeout_ns; otherwise it
 * fails with ECANCELED. Threads blocked on it are woken.
 *
 * Returns  0; -ENOENT; -ETIMEDOUT as of rudpmsg_node_close, -ESHUTDOWN the node was closed
 *          meanwhile: it is forgotten all the same.
 */
int rudpmsg_disconnect(struct rudpmsg_node *node, rudpmsg_conn_id conn, bool drain,
		       int64_t timeout_ns);

/* The manager: id by name, name by id. -ENOENT: no such connection. */
int rudpmsg_conn_find(struct rudpmsg_node *node, const char *peer_name, rudpmsg_conn_id *conn);
int rudpmsg_conn_name(struct rudpmsg_node *node, rudpmsg_conn_id conn,
		      char name[RUDPMSG_NAME_MAX + 1]);

/*
 * Sends a message; the bytes are copied. It has been *accepted* when this returns 0: it will be
 * delivered or its failure told (rudpmsg_state, RUDPMSG_EVENT_FAILED).
 *
 * With a store it is accepted when it is on the disk: the call waits for that, whatever its
 * timeout. Messages that many threads send meanwhile are on the disk together.
 *
 * Blocks   while the queue is full, at most timeout_ns. Woken by room, by the end of the connection
 *          or node. A broken link does not end it: there is room again when the next link has
 *          brought acknowledgements.
 * Returns  0 and the message's id (id may be NULL).
 * Errors   (in all of them nothing was accepted) -EMSGSIZE; -EAGAIN full, with a timeout of 0;
 *          -ETIMEDOUT; -ENOENT no such connection, or it was disconnected meanwhile; -ESHUTDOWN;
 *          -ENOMEM; -ENOSPC, -EIO the store cannot take it.
 */
int rudpmsg_send(struct rudpmsg_node *node, rudpmsg_conn_id conn, const void *bytes, size_t length,
		 int64_t timeout_ns, rudpmsg_message_id *id);

/*
 * The same without waiting for the store: the message has its place and its id, and is accepted
 * once rudpmsg_accepted says so, or its state is another than STORING. Without a store, the same.
 */
int rudpmsg_submit(struct rudpmsg_node *node, rudpmsg_conn_id conn, const void *bytes,
		   size_t length, int64_t timeout_ns, rudpmsg_message_id *id);

/*
 * Waits until a message that was submitted, and with it all before it, is accepted or not.
 *
 * Blocks   for as long as the disk takes.
 * Returns  0; -ENOSPC, -EIO the store could not take it; -ENOENT no such connection or message, or
 *          it was disconnected meanwhile.
 */
int rudpmsg_accepted(struct rudpmsg_node *node, rudpmsg_conn_id conn, rudpmsg_message_id id);

/* A message received. bytes belong to the node and stay until rudpmsg_done. */
struct rudpmsg_message {
	rudpmsg_conn_id conn;
	rudpmsg_message_id id; /* of the sender */
	const void *bytes;
	size_t length;
	uint64_t place; /* of the node, as is reserved */
	void *reserved;
};

/*
 * The next message of a connection, or with conn 0 of any, in turn.
 *
 * Blocks   until there is one, at most timeout_ns; woken by the end of the connection or node.
 * Returns  0; each message goes to one caller.
 * Errors   -EAGAIN, -ETIMEDOUT, -ENOENT, -ESHUTDOWN (all that had come has been taken).
 */
int rudpmsg_receive(struct rudpmsg_node *node, rudpmsg_conn_id conn, int64_t timeout_ns,
		    struct rudpmsg_message *message);

/* The application has dealt with the message: with RUDPMSG_ACK_HANDLED it is acknowledged now, in a
 * store it is not delivered again (unless the process dies in the 20 ms, or while the disk takes
 * longer, in which the store is told). Messages of a connection may be done in any order;
 * acknowledged is what is done without a gap. */
void rudpmsg_done(struct rudpmsg_node *node, struct rudpmsg_message *message);

/* What is known of a message sent. */
enum rudpmsg_state {
	RUDPMSG_STATE_UNKNOWN, /* never sent here, or failed so long ago that it was forgotten */
	RUDPMSG_STATE_QUEUED,  /* not yet on the present link; will be sent, or sent again */
	RUDPMSG_STATE_SENT,    /* on the present link, not yet acknowledged */
	RUDPMSG_STATE_ACKNOWLEDGED, /* in the sense of options.ack */
	RUDPMSG_STATE_FAILED, /* reason: ETIMEDOUT given up, ECONNABORTED the peer has disconnected,
				 EMSGSIZE longer than it takes, EIO, ENOSPC or ENOMEM store */
	RUDPMSG_STATE_STORING, /* on its way into the store: not accepted yet (rudpmsg_submit) */
};

/* Never blocks. reason may be NULL. Returns 0 or -ENOENT: no such connection. */
int rudpmsg_state(struct rudpmsg_node *node, rudpmsg_conn_id conn, rudpmsg_message_id id,
		  enum rudpmsg_state *state, int *reason);

/*
 * Waits until a message is acknowledged.
 *
 * Blocks   at most timeout_ns; a broken link does not end it.
 * Returns  0 acknowledged; a reason of RUDPMSG_STATE_FAILED: it has failed; -EINPROGRESS the time
 *          is over, it is still queued and will be sent (again); -ENOENT unknown, or its connection
 *          is gone (events tell up to which id it failed); -ESHUTDOWN the node was closed first.
 */
int rudpmsg_wait(struct rudpmsg_node *node, rudpmsg_conn_id conn, rudpmsg_message_id id,
		 int64_t timeout_ns);

enum rudpmsg_event_kind {
	RUDPMSG_EVENT_CONNECTED, /* a link stands; the first, or a new one */
	RUDPMSG_EVENT_BROKEN, /* it has ended, reason says why; a new one is tried, or waited for.
			       * ESTALE: another program uses the name of this node, and has
			       * connected to the same peer */
	RUDPMSG_EVENT_READABLE,     /* messages wait: rudpmsg_receive. Said again only after all had
				       been taken */
	RUDPMSG_EVENT_ACKNOWLEDGED, /* all messages up to id */
	RUDPMSG_EVENT_FAILED,       /* messages up to id that were not acknowledged before */
	RUDPMSG_EVENT_DISCONNECTED, /* the connection is gone: by us, by the peer for good, or given
				       up; the last two only once all that came from it is done */
};

struct rudpmsg_event {
	enum rudpmsg_event_kind kind;
	rudpmsg_conn_id conn;
	rudpmsg_message_id id;
	int reason; /* errno value, or 0 */
};

/*
 * The nudge. The descriptor is readable while events wait; it is the node's, for poll, epoll or any
 * event loop. Events of one kind and connection are merged, so they need a bounded room, and none
 * is lost (of connections that are gone, the last RUDPMSG_FINAL_EVENTS_MAX are kept).
 *
 * rudpmsg_event: the next event; -EAGAIN when there is none. Never blocks.
 */
int rudpmsg_fd(struct rudpmsg_node *node);
int rudpmsg_event(struct rudpmsg_node *node, struct rudpmsg_event *event);
/* The same, for a thread of its own. Blocks at most timeout_ns. -ETIMEDOUT; -ESHUTDOWN: closed,
 * none left. */
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

/* size is sizeof *stats as the program was built with; a newer library fills that much. */
void rudpmsg_stats(struct rudpmsg_node *node, struct rudpmsg_stats *stats, size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
