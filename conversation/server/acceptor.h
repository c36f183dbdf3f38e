/* SPDX-License-Identifier: MIT */
/*
 * acceptor - accepts TCP connections: listening sockets, limits for each address, the waiting
 * queue, and the choice of a worker.
 *
 * Model    At most clients_max connections are with the workers. Further ones are accepted and wait
 *          here in the order of arrival until a place is free. A connection is refused if
 *          waiting_max others wait, after waiting_ns, or at a limit of its address. A worker then
 *          sends it an ERROR line with the reason and closes it after the client has received the
 *          line.
 *          A connection of a trusted proxy is accepted in this sense once its header has named the
 *          client (proxy_header.h); it is closed if that takes APO_PROXY_HEADER_TIMEOUT_NS.
 * Limits   APO_ACCEPTS_AT_ONCE connections of a listener in a turn; APO_REFUSALS_MAX refusals in
 *          progress: at more, connections are closed without an ERROR line. APO_PROXIED_MAX
 *          connections whose header has not come yet: at more, they are closed.
 * Threads  the main thread.
 */
#ifndef APO_SERVER_ACCEPTOR_H
#define APO_SERVER_ACCEPTOR_H

#include "conversation/server/source.h"
#include "conversation/server/ip_limits.h"
#include "conversation/server/worker.h"

#define APO_ACCEPTS_AT_ONCE 64
#define APO_REFUSALS_MAX 1000
#define APO_PROXIED_MAX 1000
#define APO_PROXY_HEADER_TIMEOUT_NS (5 * RUDP_NS_PER_S)
#define APO_ACCEPT_PAUSE_NS (100 * RUDP_NS_PER_MS)

#define APO_ACCEPTOR_COUNTERS(X)                                                                   \
	X(accepted, "connections accepted")                                                        \
	X(refused_full, "of these, refused because the server and its queue were full")            \
	X(refused_waited, "refused because they had waited too long")                              \
	X(refused_address, "refused because their address had too many")                           \
	X(refused_pace, "refused because their address connected too often")                       \
	X(refused_proxied, "closed because a trusted proxy did not name the client")               \
	X(waited, "had to wait for a place")                                                       \
	X(take_overs, "hand-overs to a new process")                                               \
	X(hand_overs_failed, "times that a hand-over failed and this process continued")           \
	X(accept_failures, "times that accept failed for want of descriptors or memory")

struct apo_acceptor {
	int epoll_fd;
	struct apo_config *config; /* a reference */
	apo_tls_context *tls;      /* NULL: none */
	struct apo_worker *workers;
	unsigned worker_count, next_worker;
	struct apo_ip_limits ip_limits;
	struct apo_listener *listeners[APO_LISTENS_MAX];
	unsigned listener_count;
	unsigned active_count, refusals_count;
	struct rudp_list waiting; /* oldest first */
	unsigned waiting_count;
	struct rudp_list proxied; /* a header is to come; oldest first */
	unsigned proxied_count;
	struct rudp_log_ratelimit ratelimit; /* of lines about bad headers */
	/* When accepting resumes after a pause; RUDP_NEVER: it is not paused. */
	int64_t accept_at_ns;
	bool is_closed;
	struct {
#define APO_ACCEPTOR_COUNTER(name, help) uint64_t name;
		APO_ACCEPTOR_COUNTERS(APO_ACCEPTOR_COUNTER)
#undef APO_ACCEPTOR_COUNTER
	} counters;
};

/* Makes a close-on-exec socket of that type (with further flags of socket(2)) bound to the address;
 * the address "any" includes IPv4. Returns the descriptor or a negative errno value. */
int apo_bind_socket(const struct rudp_addr *address, int type);
/* The same for a listening, non-blocking stream socket. */
int apo_listen_socket(const struct rudp_addr *address, int backlog);

/* accept(2) has failed for want of descriptors or memory. The listener stays readable: without a
 * pause of APO_ACCEPT_PAUSE_NS the loop would spin. */
bool apo_accept_must_pause(int error);

/* Opens the listening sockets; is_takeover: none yet, they will be taken over. Returns 0, or a
 * negative errno value: the reason is in the log and nothing stays open. */
int apo_acceptor_open(struct apo_acceptor *acceptor, int epoll_fd, struct apo_worker *workers,
		      unsigned worker_count, struct apo_config *config, bool is_takeover);
/* Changes to another configuration; listeners that are in both stay open. Errors go to the log. */
void apo_acceptor_configure(struct apo_acceptor *acceptor, struct apo_config *config);
/* Stops listening, and refuses all waiting connections with the reason. */
void apo_acceptor_close(struct apo_acceptor *acceptor, const char *reason);
void apo_acceptor_fini(struct apo_acceptor *acceptor);

/* Admits a session of a peer and takes a reference to it. Returns NULL, or the reason to refuse
 * it. */
const char *apo_acceptor_admit(void *acceptor, struct apo_session *session);

/* Handles an event of a listening socket, of a connection that waits, or of one of a trusted proxy
 * whose header has not come yet. */
void apo_acceptor_on_source(struct apo_acceptor *acceptor, struct apo_event_source *source,
			    int64_t now_at_ns);
/* A worker reports that a connection has gone. */
void apo_acceptor_on_gone(struct apo_acceptor *acceptor, const struct apo_note *note);

/* ---- hand-over (upgrade_state.h) ---- */

struct apo_upgrade_state;

/* Listeners, waiting connections, connection counts of addresses, counters. Reading needs an
 * acceptor that was opened with is_takeover. */
void apo_acceptor_serialize(struct apo_upgrade_state *upgrade, struct apo_acceptor *acceptor);
/* Opens the listeners of the configuration that are not open yet. Errors go to the log. */
void apo_acceptor_listen(struct apo_acceptor *acceptor);
/* Forgets listeners and waiting connections, which now belong to another process. */
void apo_acceptor_release(struct apo_acceptor *acceptor);

int64_t apo_acceptor_next_at_ns(const struct apo_acceptor *acceptor);
void apo_acceptor_on_time(struct apo_acceptor *acceptor, int64_t now_at_ns);

#endif
