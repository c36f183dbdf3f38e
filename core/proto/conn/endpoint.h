/* SPDX-License-Identifier: MIT */
/*
 * endpoint - all connections and listeners of one engine: demultiplexing, timers, who may send.
 *
 * The four verbs of the protocol:
 *	on_datagram   take a datagram
 *	transmit      give datagrams, a train at a time, until it has none
 *	deadline      when next?
 *	on_time       it is now
 *
 * and next_event, which hands out the connections to which something has happened.
 * Time, randomness and sockets are the owner's: sockets are opaque pointers that come in with a
 * datagram, or with connect, and go out with the trains.
 *
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_PROTO_ENDPOINT_H
#define RUDP_PROTO_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "proto/conn/conn.h"
#include "proto/conn/observer.h"
#include "proto/stream/budget.h"
#include "proto/wire/packet.h"
#include "proto/wire/verdict.h"

#define RUDP_CONNECTIONS_MAX 1000000u
#define RUDP_HALF_OPEN_MAX 4096u          /* SYN_RCVD connections, all listeners together */
#define RUDP_HALF_OPEN_FAIR_NS (3 * RUDP_NS_PER_S) /* older ones make room at that limit */
#define RUDP_HALF_OPEN_COOKIE_COUNT 256u  /* from here on a SYN must bring a cookie, and shares hold */
#define RUDP_HALF_OPEN_SEARCH_MAX 16u     /* of the oldest: one of the same network makes room, */
#define RUDP_HALF_OPEN_WEIGH_MAX 4u       /* and of these one of a network that has far more */
#define RUDP_TRAIN_DATAGRAMS_MAX 64       /* the kernel's limit for UDP_SEGMENT */
#define RUDP_TRAIN_BYTES_MAX 65507u
#define RUDP_SHARERS_MAX 64u /* endpoints at one port; a power of two */
#define RUDP_BUFFER_MAX_BYTES (32u << 20) /* each direction, default */

/* Keys that are good at once. A SYN that fits none of them costs as many attempts to open it. */
#define RUDP_PSKS_MAX 8
#define RUDP_PSK_ID_FIRST 1 /* of the key in the configuration */

/* A pre-shared key. */
struct rudp_psk {
	uint64_t id;                   /* its owner's name for it, the same for the same bytes; not 0 */
	uint8_t bytes[32];
};

struct rudp_endpoint;
struct rudp_datagram;

struct rudp_endpoint_config {
	/* len random bytes of cryptographic quality (the simulator's: seeded). */
	void (*random)(void *context, void *out, size_t len);
	void *random_context;
	bool has_psk;
	uint8_t psk[32];
	uint8_t suite;                 /* enum rudp_suite offered by connect; 0: by the processor */
	uint8_t reset_secret[32];      /* the same after a restart of this host: reset tokens. Endpoints
					* that share it share a port only as below */
	/*
	 * Endpoints that share ports. Each has a number at such a port, less than RUDP_SHARERS_MAX,
	 * which is in the lowest bits of the ids that it chooses there. share_number: of this endpoint
	 * at this socket's port; negative: the port is its own. A datagram that belongs to another
	 * endpoint is not answered but passed on. pass_on: false if no endpoint has that number, so
	 * that the datagram's connection is over; what is passed on may be lost. NULL: none is shared.
	 */
	int (*share_number)(const void *socket);
	bool (*pass_on)(void *socket, const struct rudp_datagram *datagram, unsigned number);
	const struct rudp_cc_ops *cc;  /* NULL: bbr */
	size_t send_buffer_max_bytes;  /* 0: RUDP_BUFFER_MAX_BYTES */
	size_t receive_buffer_max_bytes;
	uint64_t memory_max_bytes;     /* buffers of all connections together (budget.h); 0: no limit */
	/*
	 * The largest datagram (UDP payload) that leaves whole on this socket towards remote, as the
	 * interface there says; 0: no more than the base. Asked at most once in RUDP_MTU_RAISE_NS by a
	 * connection on one path. NULL: nothing but the base is ever sent.
	 */
	uint32_t (*datagram_max)(void *context, void *socket, const struct rudp_addr *remote);
	void *datagram_max_context;
	unsigned half_open_cookie_count; /* 0: RUDP_HALF_OPEN_COOKIE_COUNT */
	unsigned half_open_max;          /* 0: RUDP_HALF_OPEN_MAX */
	const struct rudp_observer *observer; /* NULL: none; outlives the endpoint */
	bool tail_off;                   /* no second copies of sparse traffic: tail.h */
	bool resume_off;               /* see rudp_endpoint_set_resume */
	bool early_off;                /* no early data, whoever asks for it */
};

/* One datagram that has arrived. data may be changed (decrypted in place). */
struct rudp_datagram {
	void *socket;                  /* the owner's handle of the socket it came in on */
	struct rudp_addr local;        /* the address it was sent to */
	struct rudp_addr remote;
	uint8_t *data;
	size_t len;
	uint8_t ecn;                   /* 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE */
};

#define RUDP_TOS_DSCP 0xfc

/*
 * Datagrams that leave together for one address: count of them, back to back in data, each
 * segment_bytes long but the last, which may be shorter. Just what UDP_SEGMENT takes.
 */
struct rudp_train {
	uint8_t *data;                 /* the caller's, cap bytes */
	size_t cap;                    /* at least RUDP_TRAIN_BYTES_MAX */
	size_t len;
	size_t segment_bytes;
	unsigned count;
	void *socket;
	struct rudp_addr local;        /* source address to use; port as the socket's */
	struct rudp_addr remote;
	uint8_t tos;                   /* DSCP and ECN */
};

/* NULL: no memory. The config is copied. */
struct rudp_endpoint *rudp_endpoint_new(const struct rudp_endpoint_config *config,
					int64_t now_at_ns);
/* Frees all connections and listeners without a word to their peers. */
void rudp_endpoint_free(struct rudp_endpoint *ep);

/*
 * The pre-shared keys for the handshakes that begin from now on, 1 to RUDP_PSKS_MAX of them: the first
 * is sent, each of them is taken. Associations that were made under another key are forgotten;
 * connections that stand go on.
 *
 * Returns  how many associations were forgotten.
 */
unsigned rudp_endpoint_set_psks(struct rudp_endpoint *ep, const struct rudp_psk *psks,
				unsigned count);
/* How many connections, half-open ones included, began with the key of this id, and live. */
unsigned rudp_endpoint_count_psk(const struct rudp_endpoint *ep, uint64_t id);
/* The lowest id above after of a key with which a living connection began; 0: none. */
uint64_t rudp_endpoint_next_psk(const struct rudp_endpoint *ep, uint64_t after);
/* Resets those connections: their users see ECONNRESET, and so do their peers. How many there were. */
unsigned rudp_endpoint_reset_psk(struct rudp_endpoint *ep, uint64_t id, int64_t now_at_ns);

/*
 * Whether handshakes leave an association behind, and later ones use it (docs/protocol.md section 6.7),
 * and whether connections begin with what others have measured of their path (section 11.1).
 * Off: what there is, is forgotten; every connection begins with a full handshake.
 */
void rudp_endpoint_set_resume(struct rudp_endpoint *ep, bool on);

/* Whether connections that begin from now on protect sparse traffic (tail.h). */
void rudp_endpoint_set_tail(struct rudp_endpoint *ep, bool on);

/* Whether SYNs that leave or come from now on may have early data (docs/protocol.md section 6.8). */
void rudp_endpoint_set_early(struct rudp_endpoint *ep, bool on);
/*
 * A connection to remote that asks for it would send early data now: that is on, and a listener there is
 * known to have kept an association.
 */
bool rudp_endpoint_may_send_early(struct rudp_endpoint *ep, const struct rudp_addr *remote,
				  int64_t now_at_ns);

/*
 * Opens a connection from local (port and address as the socket is bound) to remote. target_port is
 * the listener's port, usually that of remote. The SYN leaves with the next transmit.
 *
 * Returns  the connection, or NULL with *error -ENOMEM or -EMFILE (RUDP_CONNECTIONS_MAX).
 */
struct rudp_conn *rudp_endpoint_connect(struct rudp_endpoint *ep, void *socket,
					const struct rudp_addr *local,
					const struct rudp_addr *remote, uint16_t target_port,
					const struct rudp_conn_options *options, int64_t now_at_ns,
					int *error);

/*
 * Listens for SYNs that came in on socket with this target port. At most backlog connections wait in
 * the established queue, and those besides that were half open when it became full; while it is full
 * SYNs are dropped, as TCP does (the peer tries again).
 *
 * Returns  NULL: no memory, or the pair is taken.
 */
struct rudp_listener *rudp_endpoint_listen(struct rudp_endpoint *ep, void *socket,
					   uint16_t target_port, unsigned backlog, void *user,
					   const struct rudp_conn_options *options);
void *rudp_listener_user(const struct rudp_listener *listener);
void rudp_listener_set_backlog(struct rudp_listener *listener, unsigned backlog);
/* The oldest connection of the established queue, or NULL. From now on the caller is its user. */
struct rudp_conn *rudp_listener_accept(struct rudp_listener *listener);
/*
 * Early data is taken while there are fewer than count connections, of all listeners, with such data
 * whose initiator has not been heard since its SYN: they are in the established queue, or accepted, in
 * SYN_RCVD. 0: it is not; that is how a listener begins.
 */
void rudp_listener_set_early(struct rudp_listener *listener, unsigned count);
unsigned rudp_listener_queued(const struct rudp_listener *listener);
/* Half-open and queued connections are reset. */
void rudp_listener_close(struct rudp_listener *listener, int64_t now_at_ns);

/* Takes one datagram. The verdict has been counted already. */
enum rudp_verdict rudp_endpoint_on_datagram(struct rudp_endpoint *ep, struct rudp_datagram *datagram,
					    int64_t now_at_ns);

/*
 * Fills the next train. false: nothing may leave now. Round robin over the connections that may send,
 * at most one train of each at a time.
 */
bool rudp_endpoint_transmit(struct rudp_endpoint *ep, struct rudp_train *train, int64_t now_at_ns);

/*
 * Work that can be done before it is needed, for a caller that has nothing else to do: ephemeral key
 * pairs for handshakes to come, while there have been handshakes of late. One call makes one.
 */
bool rudp_endpoint_may_prepare(const struct rudp_endpoint *ep);
void rudp_endpoint_prepare(struct rudp_endpoint *ep);

/* When on_time wants to be called (or earlier); RUDP_NEVER. */
int64_t rudp_endpoint_deadline_ns(const struct rudp_endpoint *ep);
void rudp_endpoint_on_time(struct rudp_endpoint *ep, int64_t now_at_ns);

/*
 * The next connection with pending events (rudp_conn_take_events gives them), or NULL. Queued
 * connections of a listener report ESTABLISHED once; their listener has them in its queue by then.
 * Only connections with a user, or still in a queue, are reported. A DEAD one is freed by the endpoint
 * after its user has called rudp_conn_close.
 */
struct rudp_conn *rudp_endpoint_next_event(struct rudp_endpoint *ep);

/*
 * The next socket whose last connection has left it since this was asked, though another may be on it
 * again by the time that its owner looks; NULL: no more of them. *in_order: that connection ended with
 * all of it said and acknowledged, so that nothing it has sent can come back as an error any more.
 */
void *rudp_endpoint_next_unused_socket(struct rudp_endpoint *ep, bool *in_order);
/*
 * A living connection is on this socket. after_reset: also one that was reset here, which only repeats
 * itself for a while; kernel TCP would have forgotten it.
 */
bool rudp_endpoint_uses_socket(const struct rudp_endpoint *ep, const void *socket,
			       bool after_reset);
/* The socket handle is no more (closed by its owner): connections on it keep quiet until rebound. */
void rudp_endpoint_socket_gone(struct rudp_endpoint *ep, void *socket);
/* A connection moves to another local socket (roaming): its path is validated anew. */
void rudp_conn_rebind(struct rudp_conn *conn, void *socket, const struct rudp_addr *local,
		      int64_t now_at_ns);
/*
 * There may be a way to the peer again: where a time-out has passed, and since the last probe the time
 * of another one, the next probe leaves now.
 */
void rudp_conn_probe(struct rudp_conn *conn, int64_t now_at_ns);
void *rudp_conn_socket(const struct rudp_conn *conn);

/* What has been forgotten. */
struct rudp_forgotten {
	unsigned associations, paths;
};

/*
 * Forgets what connections have left behind about a host: associations (association.h), the measured
 * path (known_paths.h), refused ports (refusals.h). Connections that live go on. host NULL: all hosts;
 * then associations of initiators that were never proven to be at an address are forgotten, too.
 */
struct rudp_forgotten rudp_endpoint_forget_host(struct rudp_endpoint *ep,
						const struct rudp_addr *host);

/* How often connections have given memory back because they were idle, ever. */
uint64_t rudp_endpoint_rest_count(const struct rudp_endpoint *ep);
/* How many have been freed, ever. */
uint64_t rudp_endpoint_free_count(const struct rudp_endpoint *ep);
/* What the buffers of all connections hold, and may hold. */
const struct rudp_budget *rudp_endpoint_budget(const struct rudp_endpoint *ep);
/* Counts in the same number so many bytes more (or fewer) that the endpoint's owner holds for others. */
void rudp_endpoint_charge(struct rudp_endpoint *ep, int64_t bytes);
/* Connections in any state but freed; for statistics: visit returns false to stop. */
unsigned rudp_endpoint_conn_count(const struct rudp_endpoint *ep);
/*
 * Something of this side's is still to arrive at a peer: bytes, a FIN, a RESET. If not, whoever ends now
 * takes nothing from anybody: a peer that repeats itself or has not closed yet hears from the host.
 * Asks each connection.
 */
bool rudp_endpoint_owes(const struct rudp_endpoint *ep);
/* Nothing more is sent or received: all connections that are left are dead, and observers are told. */
void rudp_endpoint_end(struct rudp_endpoint *ep, int64_t now_at_ns);
void rudp_endpoint_visit(struct rudp_endpoint *ep,
			 bool (*visit)(void *context, struct rudp_conn *conn), void *context);
struct rudp_conn *rudp_endpoint_find(const struct rudp_endpoint *ep, uint64_t id);
/* The connection with this peer address on this socket; NULL if none or several. For ICMP errors. */
struct rudp_conn *rudp_endpoint_find_peer(const struct rudp_endpoint *ep, const void *socket,
					  const struct rudp_addr *remote);
const struct rudp_verdict_counts *rudp_endpoint_verdicts(const struct rudp_endpoint *ep);

/* Every connection's invariants and the endpoint's own. For tests and the simulator. */
bool rudp_endpoint_check(const struct rudp_endpoint *ep);

#endif
