/* SPDX-License-Identifier: MIT */
/* endpoint_private - the private state of an endpoint, for conn*.c and endpoint*.c only. */
#ifndef RUDP_PROTO_ENDPOINT_PRIVATE_H
#define RUDP_PROTO_ENDPOINT_PRIVATE_H

#include "base/log_ratelimit.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/table.h"
#include "base/timer_wheel.h"
#include "proto/conn/answer_limit.h"
#include "proto/crypto/association.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint.h"
#include "proto/cc/host_cache.h"
#include "proto/conn/syn_shares.h"

#define RUDP_ANSWERS_MAX 64
#define RUDP_ANSWER_MAX_BYTES RUDP_SYNACK_MAX_BYTES
/* as many connections as a browser opens at once; cheap if never used */
#define RUDP_SPARE_KEYS_MAX 16
/* turns of work in one transmit, about 1 ms; then received datagrams come first */
#define RUDP_WORK_TURNS_MAX 64u
/* limit for one on_time, even if timers are armed again at once */
#define RUDP_TIMERS_PER_PASS 100000

struct rudp_listener_key {
	uint64_t socket; /* the handle as a number, so that the key has no padding */
	uint64_t port;
};

struct rudp_listener {
	struct rudp_endpoint *ep;
	struct rudp_listener_key key;
	void *user;
	unsigned backlog;
	unsigned early_max;           /* 0: early data is not accepted */
	unsigned queued;              /* length of established */
	struct rudp_list established; /* oldest first */
	struct rudp_conn_options options;
	UT_hash_handle hh;
};

struct rudp_endpoint_socket {
	uint64_t handle;
	struct rudp_list users;       /* connections whose current path uses it (user_link) */
	struct rudp_list returners;   /* connections whose previous path uses it (returner_link) */
	struct rudp_list unused_link; /* in endpoint->unused_sockets */
	bool left_in_order; /* how the last user ended, see rudp_endpoint_next_unused_socket() */
	UT_hash_handle hh;
};

/* A datagram sent outside a connection: COOKIE, REFUSE, RESET, or a repeated SYNACK. */
struct rudp_answer {
	void *socket;
	struct rudp_addr local, remote;
	size_t len;
	uint8_t bytes[RUDP_ANSWER_MAX_BYTES];
};

struct rudp_endpoint {
	struct rudp_endpoint_config config;
	/* initiators use the first; if there is no key: one of zeros, id 0 */
	struct rudp_psk psks[RUDP_PSKS_MAX];
	unsigned psk_count;            /* at least 1 */
	struct rudp_x25519 static_key; /* empty: none yet */
	bool has_identity;             /* static_key is the one that the owner has set */
	uint8_t cookie_secret[32];
	struct rudp_x25519 spare_keys[RUDP_SPARE_KEYS_MAX]; /* each used for one future handshake */
	unsigned spare_key_count;
	bool spare_keys_wanted; /* a handshake has started since the array was full */
	struct rudp_associations associations;
	struct rudp_host_cache hosts;
	struct rudp_conn *by_short_id;
	struct rudp_conn *last_found; /* the connection of the last packet (a cache); NULL: none */
	struct rudp_conn *by_peer_id; /* by the peer's id of the handshake */
	struct rudp_other_id *by_other_id; /* own ids from SPARE_ID frames, by short_id */
	struct rudp_other_id *by_dest_id;  /* ids of peers from SPARE_ID frames that are in use */
	struct rudp_conn *by_path;         /* several connections may have the same path */
	struct rudp_syn_answer *by_syn;
	struct rudp_listener *listeners;
	struct rudp_endpoint_socket *sockets;
	struct rudp_list unused_sockets; /* sockets without users; not yet reported to the owner */
	unsigned conn_count;
	struct rudp_budget budget;
	/* part of the budget that the owner charged with rudp_endpoint_charge */
	uint64_t owner_bytes;
	uint64_t rest_count, free_count; /* total */
	/* in SYN_RCVD and without a user, of all listeners, oldest first */
	struct rudp_list half_open;
	unsigned half_open_count;
	struct rudp_syn_shares syn_shares; /* of the half-open connections */
	unsigned early_count;       /* in SYN_RCVD, but queued or accepted because of early data */
	struct rudp_list ready;     /* connections that may have something to send */
	struct rudp_list events;    /* connections with events to report */
	struct rudp_list free_list; /* dead and closed by their users (ready_link) */
	struct rudp_timer_wheel wheel;
	struct rudp_pool conns, syn_answers;  /* memory of connections and of their SYNACKs */
	struct rudp_pool conn_ids, other_ids; /* memory of ids beside those of the handshake */
	struct rudp_pool socket_pool;         /* memory of sockets */
	struct rudp_answer answers[RUDP_ANSWERS_MAX];
	unsigned answer_first, answer_count;
	struct rudp_answer_limit answer_limit;
	int64_t early_syn_window_at_ns;
	unsigned early_syn_count; /* repeated SYNs in this second */
	struct rudp_verdict_counts verdicts;
	struct rudp_log_ratelimit ratelimit; /* for log lines that peers can cause */
	/* repair symbol of the packet being built */
	uint8_t repair_symbol[RUDP_FEC_DATAGRAM_MAX_BYTES];
};

/*
 * Lets the next ready connection do a limited part of its work: the rest of a long ACK, or FEC
 * decoding (conn_work.c). *turns counts the turns of this transmit, at most RUDP_WORK_TURNS_MAX.
 * False: the limit is reached, and work continues in the next transmit.
 */
bool rudp_endpoint_work_turn(struct rudp_endpoint *ep, unsigned *turns, int64_t now_at_ns);
/* A connection may have something to send, another deadline, or buffers of another size. */
void rudp_endpoint_touch(struct rudp_endpoint *ep, struct rudp_conn *conn);
void rudp_endpoint_random(struct rudp_endpoint *ep, void *out, size_t len);
/* Gives an unused ephemeral key pair. Returns 0 or -ENOMEM. */
int rudp_endpoint_take_key(struct rudp_endpoint *ep, struct rudp_x25519 *key);
/* Creates a connection with a new id, in state CLOSED; NULL: no memory. */
struct rudp_conn *rudp_endpoint_add(struct rudp_endpoint *ep, void *socket,
				    const struct rudp_addr *local, const struct rudp_addr *remote,
				    const struct rudp_conn_options *options, int64_t now_at_ns);
/*
 * Ids (endpoint_ids.c). find_short: by the connection's own id of the handshake. find_other: an own
 * id from a SPARE_ID frame. find_receiver: by the destination id of a packet, whichever the
 * connection has. find_reset: the connection that this RESET packet ends. NULL: none.
 */
struct rudp_conn *rudp_endpoint_find_short(const struct rudp_endpoint *ep, uint32_t short_id);
struct rudp_other_id *rudp_endpoint_find_other(const struct rudp_endpoint *ep, uint32_t short_id);
struct rudp_conn *rudp_endpoint_find_receiver(struct rudp_endpoint *ep,
					      const struct rudp_packet *packet);
struct rudp_conn *rudp_endpoint_find_reset(const struct rudp_endpoint *ep,
					   const struct rudp_packet *packet);
/* A random id that no connection has. socket: where its packets will arrive. */
uint64_t rudp_endpoint_new_id(struct rudp_endpoint *ep, const void *socket);
/*
 * Adds the connection to the table of the peers' ids. Returns 0 or -ENOMEM. -EEXIST: the program
 * has early data of the same connection attempt, which came under an association that is now
 * unknown.
 */
int rudp_endpoint_know_peer_id(struct rudp_endpoint *ep, struct rudp_conn *conn, int64_t now_at_ns);
void rudp_endpoint_forget(struct rudp_endpoint *ep, struct rudp_conn *conn);
struct rudp_syn_answer *rudp_endpoint_find_syn(struct rudp_endpoint *ep,
					       const struct rudp_syn_key *key);
/* True if the key of this id is still accepted (endpoint_psks.c). */
bool rudp_endpoint_has_psk(const struct rudp_endpoint *ep, uint64_t id);
bool rudp_conn_lives(const struct rudp_conn *conn);
/* Resets the connection. The user gets an event, as if the peer had sent the RESET. */
void rudp_conn_reset_for_both(struct rudp_conn *conn, int64_t now_at_ns);
/* This side's static key, made now if there is no identity. NULL: no memory. (conn_identity.c) */
const struct rudp_x25519 *rudp_endpoint_static_key(struct rudp_endpoint *ep);

/*
 * Sockets (endpoint_sockets.c). use_socket moves the path to another socket; NULL: to none. Returns
 * 0, or -ENOMEM with nothing changed. remember_path stores a copy of the path to return to; NULL,
 * or no memory: none. Code that changes the path otherwise must call list_path.
 */
int rudp_conn_use_socket(struct rudp_conn *conn, void *handle);
void rudp_conn_list_path(struct rudp_conn *conn);
void rudp_conn_remember_path(struct rudp_conn *conn, const struct rudp_path *path);

/* Datagrams sent outside a connection (endpoint_answer.c). */
void rudp_endpoint_answer(struct rudp_endpoint *ep, const struct rudp_datagram *to,
			  const uint8_t *bytes, size_t len);
/* Sends a REFUSE unless the rate limit is reached (answer_limit.h). */
void rudp_endpoint_refuse(struct rudp_endpoint *ep, const struct rudp_datagram *to, uint64_t id,
			  enum rudp_refusal reason, int64_t now_at_ns);
/* This endpoint's number at the socket's port; negative if the port is not shared. */
int rudp_endpoint_share_number(const struct rudp_endpoint *ep, const void *socket);
/*
 * Passes a datagram with an unknown id to the endpoint that shares the port and owns the id. A
 * RESET from this endpoint would end a live connection of the other. True: it was passed on.
 */
bool rudp_endpoint_pass_on(const struct rudp_endpoint *ep, const struct rudp_datagram *datagram,
			   uint64_t id);
void rudp_endpoint_reset_unknown(struct rudp_endpoint *ep, const struct rudp_datagram *to,
				 uint64_t id, int64_t now_at_ns);
void rudp_endpoint_ask_cookie(struct rudp_endpoint *ep, const struct rudp_datagram *to, uint64_t id,
			      int64_t now_at_ns);
bool rudp_endpoint_transmit_answer(struct rudp_endpoint *ep, struct rudp_train *train);

/* SYNs and listeners (endpoint_listen.c). */
enum rudp_verdict rudp_endpoint_on_syn(struct rudp_endpoint *ep, const struct rudp_packet *packet,
				       const struct rudp_datagram *datagram, int64_t now_at_ns);
void rudp_listener_on_established(struct rudp_listener *listener, struct rudp_conn *conn);
void rudp_listener_forget(struct rudp_conn *conn);

#endif
