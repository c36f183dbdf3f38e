/* SPDX-License-Identifier: MIT */
/*
 * acceptor - who comes in: listening, limits by address, whose turn it is, and which worker gets it.
 *
 * Model    as many connections as there may be clients are with the workers. Beyond that they are
 *          accepted and wait here in the order in which they came, and take the places of those who
 *          go. Beyond waiting_max, after waiting_ns, or against a limit of their address they are
 *          told why in an ERROR line, and closed (by a worker, which waits until they have heard
 *          it).
 * Limits   APO_ACCEPTS_AT_ONCE connections of a listener in a turn; APO_REFUSALS_MAX that are being
 *          told why: more are closed without a word.
 * Threads  the main thread's.
 */
#ifndef APO_SERVER_ACCEPTOR_H
#define APO_SERVER_ACCEPTOR_H

#include "conversation/server/source.h"
#include "conversation/server/ip_limits.h"
#include "conversation/server/worker.h"

#define APO_ACCEPTS_AT_ONCE 64
#define APO_REFUSALS_MAX 1000

#define APO_ACCEPTOR_COUNTERS(X)                                                                   \
	X(accepted, "connections accepted")                                                        \
	X(refused_full, "of these, refused because neither a place nor one to wait was free")      \
	X(refused_waited, "refused because they had waited too long")                              \
	X(refused_address, "refused because their address had too many")                           \
	X(refused_pace, "refused because their address connected too often")                       \
	X(waited, "had to wait for a place")                                                       \
	X(take_overs, "times that the next process has taken everything over")                     \
	X(hand_overs_failed, "times that it could not, and this one went on")                      \
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
	unsigned inside_count, refusals_count;
	struct rudp_list waiting; /* who came first is first */
	unsigned waiting_count;
	int64_t accept_at_ns; /* RUDP_NEVER: now */
	bool is_closed;
	struct {
#define APO_ACCEPTOR_COUNTER(name, help) uint64_t name;
		APO_ACCEPTOR_COUNTERS(APO_ACCEPTOR_COUNTER)
#undef APO_ACCEPTOR_COUNTER
	} counters;
};

/* Listens, unless it is to take listeners over (is_heir). Returns 0; else what could not be done is
 * in the log, and nothing is left. */
int apo_acceptor_open(struct apo_acceptor *acceptor, int epoll_fd, struct apo_worker *workers,
		      unsigned worker_count, struct apo_config *config, bool is_heir);
/* Another configuration: listeners that are in both stay. What fails is in the log. */
void apo_acceptor_configure(struct apo_acceptor *acceptor, struct apo_config *config);
/* Listens no more; who waits is told the reason. */
void apo_acceptor_close(struct apo_acceptor *acceptor, const char *reason);
void apo_acceptor_fini(struct apo_acceptor *acceptor);

/* A session of a peer: a reference is taken when it comes in. NULL, or why it may not. */
const char *apo_acceptor_admit(void *acceptor, struct apo_session *session);

/* Something of the acceptor's is readable. */
void apo_acceptor_on_listener(struct apo_acceptor *acceptor, struct apo_event_source *source,
			      int64_t now_at_ns);
void apo_acceptor_on_waiter(struct apo_acceptor *acceptor, struct apo_event_source *source);
/* A worker says that one has gone. */
void apo_acceptor_on_gone(struct apo_acceptor *acceptor, const struct apo_note *note);

/* ---- from one process to another (upgrade_state.h) ---- */

struct apo_upgrade_state;

/* Listeners, who waits, who has connected how often, counters. Read: into an acceptor that was
 * opened with nothing to listen on. */
void apo_acceptor_serialize(struct apo_upgrade_state *upgrade, struct apo_acceptor *acceptor);
/* A connection that is there already is counted. NULL without memory. */
struct apo_ip_entry *apo_acceptor_readmit(struct apo_acceptor *acceptor,
					  const struct rudp_addr *address);
/* So many of them are with the workers. */
void apo_acceptor_set_inside(struct apo_acceptor *acceptor, unsigned count);
/* Listens where the configuration says, beside what it does already. What fails is in the log. */
void apo_acceptor_listen(struct apo_acceptor *acceptor);
/* Listeners and those who wait are another process's now: they are forgotten. */
void apo_acceptor_let_go(struct apo_acceptor *acceptor);

int64_t apo_acceptor_next_at_ns(const struct apo_acceptor *acceptor);
void apo_acceptor_on_time(struct apo_acceptor *acceptor, int64_t now_at_ns);

#endif
