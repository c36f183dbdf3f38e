/* SPDX-License-Identifier: MIT */
/*
 * endpoint_private - the inside of an endpoint, for conn*.c and endpoint*.c only.
 */
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
#include "proto/cc/known_paths.h"
#include "proto/conn/refusals.h"
#include "proto/conn/syn_shares.h"

#define RUDP_ANSWERS_MAX 64
#define RUDP_ANSWER_MAX_BYTES RUDP_SYNACK_MAX_BYTES
#define RUDP_SPARE_KEYS_MAX 16      /* what a browser opens at once, and little to compute in vain */
/* in one transmit: about 1 ms; then other datagrams are taken first */
#define RUDP_FEC_TURNS_MAX 64u
#define RUDP_TIMERS_PER_PASS 100000 /* a bound on one on_time, whatever timers do */

struct rudp_listener_key {
	uint64_t socket; /* the handle as a number, so that the key has no padding */
	uint64_t port;
};

struct rudp_listener {
	struct rudp_endpoint *ep;
	struct rudp_listener_key key;
	void *user;
	unsigned backlog;
	unsigned early_max;           /* 0: early data is not taken */
	unsigned queued;              /* in established */
	struct rudp_list established; /* oldest first */
	struct rudp_conn_options options;
	UT_hash_handle hh;
};

struct rudp_endpoint_socket {
	uint64_t handle;
	struct rudp_list users;       /* connections whose path stands on it (user_link) */
	struct rudp_list returners;   /* and those that may go back to it (returner_link) */
	struct rudp_list unused_link; /* in endpoint->unused_sockets */
	bool left_in_order;           /* the last user: rudp_endpoint_next_unused_socket() */
	UT_hash_handle hh;
};

/* A datagram that belongs to no connection: COOKIE, REFUSE, RESET, a SYNACK once more. */
struct rudp_answer {
	void *socket;
	struct rudp_addr local, remote;
	size_t len;
	uint8_t bytes[RUDP_ANSWER_MAX_BYTES];
};

struct rudp_endpoint {
	struct rudp_endpoint_config config;
	struct rudp_psk psks[RUDP_PSKS_MAX]; /* the first is sent; without a key: one of zeros, id 0 */
	unsigned psk_count;           /* at least 1 */
	uint8_t cookie_secret[32];
	struct rudp_x25519 spare_keys[RUDP_SPARE_KEYS_MAX]; /* each for one handshake to come */
	unsigned spare_key_count;
	bool spare_keys_wanted;       /* there have been handshakes since they were complete */
	struct rudp_associations associations;
	struct rudp_known_paths known_paths;
	struct rudp_flow_group *flow_groups;
	struct rudp_startup_groups startup_groups;
	struct rudp_conn *by_short_id;
	struct rudp_conn *last_found; /* by its id; NULL: nobody */
	struct rudp_conn *by_peer_id;
	struct rudp_conn *by_path;    /* several may have one path */
	struct rudp_syn_answer *by_syn;
	struct rudp_listener *listeners;
	struct rudp_endpoint_socket *sockets;
	struct rudp_list unused_sockets; /* the owner has not heard that their last user has left */
	unsigned conn_count;
	struct rudp_budget budget;
	uint64_t owner_bytes;          /* of those used, by rudp_endpoint_charge */
	uint64_t rest_count, free_count; /* ever */
	struct rudp_list half_open;   /* SYN_RCVD, and nobody's yet; of all listeners, oldest first */
	unsigned half_open_count;
	struct rudp_syn_shares syn_shares; /* of those */
	unsigned early_count;         /* SYN_RCVD, but the program has it */
	struct rudp_list ready;       /* connections that may have something to send */
	struct rudp_list events;      /* connections with events to report */
	struct rudp_list free_list;   /* dead and given up by their users (ready_link) */
	struct rudp_timer_wheel wheel;
	struct rudp_pool conns, syn_answers; /* the memory of connections, and of their SYNACKs */
	struct rudp_answer answers[RUDP_ANSWERS_MAX];
	unsigned answer_first, answer_count;
	struct rudp_answer_limit answer_limit;
	int64_t early_syn_window_at_ns;
	unsigned early_syn_count;     /* second SYNs in this second */
	struct rudp_refusals refusals;
	struct rudp_verdict_counts verdicts;
	struct rudp_log_ratelimit ratelimit;             /* about peers */
	uint8_t repair_sum[RUDP_FEC_DATAGRAM_MAX_BYTES]; /* on its way into a packet */
};

/*
 * The next connection in the line solves first, a little (conn_fec.c). turns: taken so far, at most
 * RUDP_FEC_TURNS_MAX; false: enough of that, it goes on in the next transmit.
 */
bool rudp_endpoint_fec(struct rudp_endpoint *ep, unsigned *turns, int64_t now_at_ns);
/* Something may have to leave, a deadline may have moved, or its buffers have another size. */
void rudp_endpoint_touch(struct rudp_endpoint *ep, struct rudp_conn *conn);
void rudp_endpoint_random(struct rudp_endpoint *ep, void *out, size_t len);
/* An ephemeral key pair that nobody has used. 0 or -ENOMEM. */
int rudp_endpoint_take_key(struct rudp_endpoint *ep, struct rudp_x25519 *key);
/* A new connection under a fresh id, in state CLOSED; NULL: no memory. */
struct rudp_conn *rudp_endpoint_add(struct rudp_endpoint *ep, void *socket,
				    const struct rudp_addr *local, const struct rudp_addr *remote,
				    const struct rudp_conn_options *options, int64_t now_at_ns);
/*
 * 0: the peer's id is known now. -ENOMEM; -EEXIST: the program has early data of the same attempt, which
 * goes under an association that is not known any more.
 */
int rudp_endpoint_know_peer_id(struct rudp_endpoint *ep, struct rudp_conn *conn,
			       int64_t now_at_ns);
void rudp_endpoint_forget(struct rudp_endpoint *ep, struct rudp_conn *conn);
struct rudp_syn_answer *rudp_endpoint_find_syn(struct rudp_endpoint *ep,
					       const struct rudp_syn_key *key);
/* The key of this id is still good (endpoint_psks.c). */
bool rudp_endpoint_has_psk(const struct rudp_endpoint *ep, uint64_t id);

/*
 * Sockets (endpoint_sockets.c). use_socket puts the path on another socket, NULL: on none; 0, or -ENOMEM
 * with nothing changed. remember_path keeps a copy to go back to; NULL, or no memory: none. Whoever
 * changes the path otherwise says so with list_path.
 */
int rudp_conn_use_socket(struct rudp_conn *conn, void *handle);
void rudp_conn_list_path(struct rudp_conn *conn);
void rudp_conn_remember_path(struct rudp_conn *conn, const struct rudp_path *path);

/* Stateless answers (endpoint_answer.c). */
void rudp_endpoint_answer(struct rudp_endpoint *ep, const struct rudp_datagram *to,
			  const uint8_t *bytes, size_t len);
/* Nothing where too many have been sent of late (answer_limit.h). */
void rudp_endpoint_refuse(struct rudp_endpoint *ep, const struct rudp_datagram *to, uint64_t id,
			  enum rudp_refusal reason, int64_t now_at_ns);
/* This endpoint's number at the socket's port; negative: the port is not shared. */
int rudp_endpoint_share_number(const struct rudp_endpoint *ep, const void *socket);
/*
 * For a datagram whose id is not known here. The id may be another endpoint's at the same port, which
 * may well know it: a RESET from here would end a living connection. true: the other endpoint has it.
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
void rudp_listener_on_early(struct rudp_listener *listener, struct rudp_conn *conn);
void rudp_listener_forget(struct rudp_conn *conn);

#endif
