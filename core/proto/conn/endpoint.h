/* SPDX-License-Identifier: MIT */
/*
 * endpoint - all connections and listeners of one engine: demultiplexing, timers, scheduling.
 *
 * The owner drives the protocol with four functions:
 *
 *	on_datagram   processes a received datagram
 *	transmit      fills trains of datagrams to send, one per call, until there are none
 *	deadline      returns when on_time must be called
 *	on_time       processes the timers that have expired
 *
 * and with next_event, which returns the connections that have events. The owner provides time,
 * randomness and sockets. A socket is an opaque pointer: it comes with a received datagram or with
 * connect, and goes out with the trains.
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
#define RUDP_HALF_OPEN_MAX 4096u                   /* connections in SYN_RCVD, of all listeners */
#define RUDP_HALF_OPEN_FAIR_NS (3 * RUDP_NS_PER_S) /* at the limit, older ones are evicted */
/* from this number on a SYN needs a cookie, and network shares apply */
#define RUDP_HALF_OPEN_COOKIE_COUNT 256u
/* Among this many of the oldest, one of a network that exceeds its share is evicted, ... */
#define RUDP_HALF_OPEN_SEARCH_MAX 16u
/* ... and among this many, one of a network that has far more than the new SYN's network. */
#define RUDP_HALF_OPEN_WEIGH_MAX 4u
#define RUDP_TRAIN_DATAGRAMS_MAX 64 /* the kernel's limit for UDP_SEGMENT */
#define RUDP_TRAIN_BYTES_MAX 65507u
#define RUDP_SHARERS_MAX 64u              /* endpoints that share one port; a power of two */
#define RUDP_BUFFER_MAX_BYTES (32u << 20) /* each direction, default */

/* Keys accepted at the same time. A SYN under none of them costs one trial decryption per key. */
#define RUDP_PSKS_MAX 8
#define RUDP_PSK_ID_FIRST 1 /* of the key in the configuration */

/* A pre-shared key. */
struct rudp_psk {
	uint64_t id; /* chosen by the owner, the same for the same bytes; not 0 */
	uint8_t bytes[32];
};

struct rudp_endpoint;
struct rudp_datagram;

struct rudp_endpoint_config {
	/* Fills len random bytes of cryptographic quality (seeded ones in the simulator). */
	void (*random)(void *context, void *out, size_t len);
	void *random_context;
	bool has_psk;
	uint8_t psk[32];
	/* enum rudp_suite that connect offers; 0: chosen by the processor's features */
	uint8_t suite;
	/*
	 * Secret for reset tokens: must stay the same when this host restarts. Endpoints with the
	 * same secret may share a port only as described below.
	 */
	uint8_t reset_secret[32];
	/*
	 * For endpoints that share ports. At a shared port each endpoint has a number below
	 * RUDP_SHARERS_MAX. It puts the number into the lowest bits of the ids that it chooses.
	 * share_number returns this endpoint's number at the socket's port; negative if the port is
	 * not shared. NULL: no port is shared. A datagram for another endpoint is not answered but
	 * passed to pass_on. That returns false if no endpoint has the number, so that the
	 * datagram's connection no longer exists. A datagram that was passed on may get lost.
	 */
	int (*share_number)(const void *socket);
	bool (*pass_on)(void *socket, const struct rudp_datagram *datagram, unsigned number);
	/*
	 * Decides whether a connection with these credentials is allowed. Listener: called when the
	 * initiator has shown what it can show, with the listener's user. Initiator: called when
	 * the listener has answered, with NULL. NULL: all are allowed. If a listener's function
	 * returns false, the peer's connect fails with EACCES; if an initiator's does, its own.
	 */
	bool (*authorize)(void *context, const struct rudp_conn *conn,
			  const struct rudp_credentials *credentials, void *listener_user);
	void *authorize_context;
	const struct rudp_cc_ops *cc; /* NULL: bbr */
	size_t send_buffer_max_bytes; /* 0: RUDP_BUFFER_MAX_BYTES */
	size_t receive_buffer_max_bytes;
	/* limit for the buffers of all connections together (budget.h); 0: none */
	uint64_t memory_max_bytes;
	/*
	 * The largest datagram (UDP payload) that fits unfragmented into the MTU of the interface
	 * towards remote; 0: no more than the base size. A connection calls it at most once in
	 * RUDP_MTU_RAISE_NS for one path. NULL: only datagrams of the base size are sent.
	 */
	uint32_t (*datagram_max)(void *context, void *socket, const struct rudp_addr *remote);
	void *datagram_max_context;
	unsigned half_open_cookie_count;      /* 0: RUDP_HALF_OPEN_COOKIE_COUNT */
	unsigned half_open_max;               /* 0: RUDP_HALF_OPEN_MAX */
	const struct rudp_observer *observer; /* NULL: none; outlives the endpoint */
	bool tail_off;                        /* no duplicates of sparse traffic, see tail.h */
	bool resume_off;                      /* see rudp_endpoint_set_resume */
	bool early_off;                       /* neither sends nor accepts early data */
};

/* A received datagram. The endpoint may change data (it decrypts in place). */
struct rudp_datagram {
	void *socket;           /* the owner's handle of the socket that received it */
	struct rudp_addr local; /* destination address */
	struct rudp_addr remote;
	uint8_t *data;
	size_t len;
	uint8_t ecn; /* 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE */
};

#define RUDP_TOS_DSCP 0xfc

/*
 * Datagrams sent to one address with one system call: count datagrams, back to back in data. Each
 * is segment_bytes long, except that the last may be shorter. This is the format of UDP_SEGMENT.
 */
struct rudp_train {
	uint8_t *data; /* buffer of the caller, cap bytes */
	size_t cap;    /* at least RUDP_TRAIN_BYTES_MAX */
	size_t len;
	size_t segment_bytes;
	unsigned count;
	void *socket;
	struct rudp_addr local; /* source address; the port is the socket's */
	struct rudp_addr remote;
	uint8_t tos; /* DSCP and ECN */
};

/* Creates an endpoint and copies config. NULL: no memory. */
struct rudp_endpoint *rudp_endpoint_new(const struct rudp_endpoint_config *config,
					int64_t now_at_ns);
/* Frees all connections and listeners. Sends nothing to their peers. */
void rudp_endpoint_free(struct rudp_endpoint *ep);

/*
 * Sets the pre-shared keys for new handshakes, 1 to RUDP_PSKS_MAX of them. Initiators use the
 * first; listeners accept all. Associations made under other keys are removed. Existing connections
 * continue.
 *
 * Returns  the number of associations removed.
 */
unsigned rudp_endpoint_set_psks(struct rudp_endpoint *ep, const struct rudp_psk *psks,
				unsigned count);
/*
 * Sets this side's identity, an X25519 private key; NULL: none. Live connections and associations
 * keep what they have proven.
 *
 * Returns  0, or -ENOMEM with nothing changed.
 */
int rudp_endpoint_set_identity(struct rudp_endpoint *ep,
			       const uint8_t private_key[RUDP_STATIC_KEY_BYTES]);
/*
 * Resets the live connections that are bad. Their users and their peers get ECONNRESET. Returns
 * their number.
 */
unsigned rudp_endpoint_reset_bad(struct rudp_endpoint *ep,
				 bool (*is_bad)(void *context, const struct rudp_conn *conn),
				 void *context, int64_t now_at_ns);
/*
 * To be called when authorize denies more than before. Removes the associations whose credentials
 * are not good, so that no early data is sent under them. Resets the connections that authorize
 * denies now and that no program has accepted; their peers get EACCES. Those that are accepted go
 * on.
 *
 * Returns  the number of associations and connections.
 */
unsigned rudp_endpoint_withdraw_rights(struct rudp_endpoint *ep,
				       bool (*is_good)(const void *context,
						       const struct rudp_credentials *credentials),
				       const void *context, int64_t now_at_ns);
/*
 * The number of live connections, half-open ones included, whose handshake used the key of this id.
 */
unsigned rudp_endpoint_count_psk(const struct rudp_endpoint *ep, uint64_t id);
/* The lowest id above after of a key used by a live connection; 0 if there is none. */
uint64_t rudp_endpoint_next_psk(const struct rudp_endpoint *ep, uint64_t after);
/*
 * Resets the live connections of the key. Their users and their peers get ECONNRESET. Returns their
 * number.
 */
unsigned rudp_endpoint_reset_psk(struct rudp_endpoint *ep, uint64_t id, int64_t now_at_ns);

/*
 * Turns two things on or off: handshakes create associations and later handshakes resume them
 * (docs/protocol.md section 6.7); connections start with the measurements of known paths (section
 * 11.1). Off removes what is stored, and every connection uses a full handshake.
 */
void rudp_endpoint_set_resume(struct rudp_endpoint *ep, bool on);

/* Turns protection of sparse traffic (tail.h) on or off for new connections. */
void rudp_endpoint_set_tail(struct rudp_endpoint *ep, bool on);

/*
 * Turns early data on or off in SYNs sent and received from now on (docs/protocol.md section 6.8).
 */
void rudp_endpoint_set_early(struct rudp_endpoint *ep, bool on);
/*
 * True if a new connection to remote could send early data now: early data is on, and a listener at
 * remote gave an association.
 */
bool rudp_endpoint_may_send_early(struct rudp_endpoint *ep, const struct rudp_addr *remote,
				  int64_t now_at_ns);

/*
 * Opens a connection from local (address and port to which the socket is bound) to remote.
 * target_port is the listener's port, usually that of remote. The next transmit sends the SYN.
 *
 * Returns  the connection, or NULL with *error -ENOMEM or -EMFILE (RUDP_CONNECTIONS_MAX).
 */
struct rudp_conn *rudp_endpoint_connect(struct rudp_endpoint *ep, void *socket,
					const struct rudp_addr *local,
					const struct rudp_addr *remote, uint16_t target_port,
					const struct rudp_conn_options *options, int64_t now_at_ns,
					int *error);

/*
 * Listens for SYNs with this target port on socket. At most backlog connections wait in the
 * established queue, plus those that were half-open when it became full. While the queue is full,
 * SYNs are dropped, as in TCP (the peer retransmits).
 *
 * Returns  NULL: no memory, or the socket and port already have a listener.
 */
struct rudp_listener *rudp_endpoint_listen(struct rudp_endpoint *ep, void *socket,
					   uint16_t target_port, unsigned backlog, void *user,
					   const struct rudp_conn_options *options);
void *rudp_listener_user(const struct rudp_listener *listener);
void rudp_listener_set_backlog(struct rudp_listener *listener, unsigned backlog);
/* The connections of later SYNs begin with these options. */
void rudp_listener_set_options(struct rudp_listener *listener,
			       const struct rudp_conn_options *options);
/*
 * Removes the oldest connection from the established queue; NULL if it is empty. The caller becomes
 * its user.
 */
struct rudp_conn *rudp_listener_accept(struct rudp_listener *listener);
/*
 * Sets how many connections of all listeners may hold early data from an initiator that has sent
 * nothing after its SYN. Such connections are in SYN_RCVD, queued or already accepted. Early data
 * is accepted below this number. 0, the initial value: it is not accepted.
 */
void rudp_listener_set_early(struct rudp_listener *listener, unsigned count);
unsigned rudp_listener_queued(const struct rudp_listener *listener);
/* Closes a listener and resets its half-open and queued connections. */
void rudp_listener_close(struct rudp_listener *listener, int64_t now_at_ns);

/* Processes one received datagram. The returned verdict is already counted. */
enum rudp_verdict rudp_endpoint_on_datagram(struct rudp_endpoint *ep,
					    struct rudp_datagram *datagram, int64_t now_at_ns);

/*
 * Fills the next train. False if nothing may be sent now. Connections take turns (round robin), one
 * train each.
 */
bool rudp_endpoint_transmit(struct rudp_endpoint *ep, struct rudp_train *train, int64_t now_at_ns);

/*
 * Work for idle time: generates ephemeral key pairs for future handshakes, if there were recent
 * handshakes. Each call of prepare generates one. may_prepare is false if no more are wanted.
 */
bool rudp_endpoint_may_prepare(const struct rudp_endpoint *ep);
void rudp_endpoint_prepare(struct rudp_endpoint *ep);

/*
 * The latest time for the next call of on_time, which may come earlier; RUDP_NEVER if none is
 * needed.
 */
int64_t rudp_endpoint_deadline_ns(const struct rudp_endpoint *ep);
void rudp_endpoint_on_time(struct rudp_endpoint *ep, int64_t now_at_ns);

/*
 * The next connection with pending events, or NULL; rudp_conn_take_events returns the events. A
 * queued connection of a listener reports ESTABLISHED once; it is then in the listener's queue.
 * Only connections that have a user or are queued are reported. The endpoint frees a DEAD
 * connection after its user has called rudp_conn_close.
 */
struct rudp_conn *rudp_endpoint_next_event(struct rudp_endpoint *ep);

/*
 * The next socket that has lost its last connection since the last call; NULL if there are no more.
 * A new connection may use it before its owner looks. *in_order is true if that connection ended
 * with all its data sent and acknowledged, so that no packet of it can still cause an ICMP error.
 */
void *rudp_endpoint_next_unused_socket(struct rudp_endpoint *ep, bool *in_order);
/*
 * True if a live connection whose state is not after last uses this socket. RUDP_STATE_RESET_SENT:
 * all; RUDP_STATE_TIME_WAIT: not one that was reset on this side and only repeats its RESET for a
 * while, which kernel TCP would already have forgotten; RUDP_STATE_LAST_ACK: not one that has
 * exchanged everything and only answers repeated packets.
 */
bool rudp_endpoint_uses_socket(const struct rudp_endpoint *ep, const void *socket,
			       enum rudp_state last);
/* The owner has closed the socket: connections on it send nothing until they are rebound. */
void rudp_endpoint_socket_gone(struct rudp_endpoint *ep, void *socket);
/* Moves a connection to another local socket (connection migration). The new path is validated. */
void rudp_conn_rebind(struct rudp_conn *conn, void *socket, const struct rudp_addr *local,
		      int64_t now_at_ns);
/*
 * The network may be reachable again: sends the next probe now if a probe time-out has expired and
 * as much time has passed since the last probe.
 */
void rudp_conn_probe(struct rudp_conn *conn, int64_t now_at_ns);
void *rudp_conn_socket(const struct rudp_conn *conn);

/* Numbers of entries removed. */
struct rudp_forgotten {
	unsigned associations, paths;
};

/*
 * Removes what connections have stored about a host: associations (association.h), the measured
 * path and refused ports (host_cache.h). Live connections continue. host NULL: all
 * hosts, and also the associations of initiators whose address was never validated.
 */
struct rudp_forgotten rudp_endpoint_forget_host(struct rudp_endpoint *ep,
						const struct rudp_addr *host);

/* The number of times that idle connections have released memory. */
uint64_t rudp_endpoint_rest_count(const struct rudp_endpoint *ep);
/* The number of connections freed, in total. */
uint64_t rudp_endpoint_free_count(const struct rudp_endpoint *ep);
/* The memory that the buffers of all connections use, and its limit. */
const struct rudp_budget *rudp_endpoint_budget(const struct rudp_endpoint *ep);
/* Adds bytes (negative: subtracts) to the budget for memory that the owner holds. */
void rudp_endpoint_charge(struct rudp_endpoint *ep, int64_t bytes);
/* The number of connections in any state, until they are freed. For statistics. */
unsigned rudp_endpoint_conn_count(const struct rudp_endpoint *ep);
/*
 * True if bytes, a FIN or a RESET of this side have not reached a peer yet. If false, the process
 * can exit without loss: a peer that retransmits or has not closed yet gets an ICMP error or a
 * RESET from the host. Visits each connection.
 */
bool rudp_endpoint_owes(const struct rudp_endpoint *ep);

/* Ends all connections and notifies their observers. Nothing is sent or received after this. */
void rudp_endpoint_end(struct rudp_endpoint *ep, int64_t now_at_ns);

/* Calls visit for every connection until it returns false. */
void rudp_endpoint_visit(struct rudp_endpoint *ep,
			 bool (*visit)(void *context, struct rudp_conn *conn), void *context);
struct rudp_conn *rudp_endpoint_find(const struct rudp_endpoint *ep, uint64_t id);
/*
 * The connection with this peer address on this socket; NULL if there is none or more than one. For
 * ICMP errors.
 */
struct rudp_conn *rudp_endpoint_find_peer(const struct rudp_endpoint *ep, const void *socket,
					  const struct rudp_addr *remote);
const struct rudp_verdict_counts *rudp_endpoint_verdicts(const struct rudp_endpoint *ep);

#endif
