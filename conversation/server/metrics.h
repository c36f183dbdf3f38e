/* SPDX-License-Identifier: MIT */
/*
 * metrics - counters and gauges in the text format of Prometheus, over HTTP/1.0 on a Unix socket or
 * a TCP port:
 *
 *     curl --unix-socket /run/apollonion/metrics http://localhost/metrics
 *     curl http://127.0.0.1:9180/metrics
 *
 * Model    Any request is answered, and its connection is closed. There is no authentication:
 *          the file's mode or the address decides which processes may read.
 * Limits   APO_METRICS_CLIENTS_MAX clients at once; at more the oldest is dropped. Without
 *          descriptors or memory, accepting pauses for a while. A request has
 *          APO_METRICS_REQUEST_MAX bytes at most; at more its connection is closed.
 * Threads  the main thread; the counters of other threads are read while they run.
 */
#ifndef APO_SERVER_METRICS_H
#define APO_SERVER_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "conversation/server/acceptor.h"
#include "conversation/server/history_thread.h"
#include "conversation/server/messaging_node.h"
#include "conversation/server/model_thread.h"

#define APO_METRICS_CLIENTS_MAX 8
#define APO_METRICS_REQUEST_MAX 8192

/* The part of a client's request that has been received. */
struct apo_metrics_request {
	unsigned bytes;
	unsigned line_ends; /* in a row, at the end: with two of them the request is complete */
};

struct apo_metrics {
	int epoll_fd;
	struct apo_event_source source; /* fd < 0: off */
	struct apo_event_source clients[APO_METRICS_CLIENTS_MAX];
	struct apo_metrics_request requests[APO_METRICS_CLIENTS_MAX]; /* of these clients */
	unsigned next_client;
	/* When accepting resumes after a pause; RUDP_NEVER: it is not paused. */
	int64_t accept_at_ns;
	char *path;              /* or the address, as the configuration has it */
	const char *wanted_path; /* the path at which a socket is taken over; NULL: none is */
	const struct apo_acceptor *acceptor;
	const struct apo_messaging_node *messaging_node;
	const struct apo_model_thread *model_thread;
	const struct apo_history_thread *history_thread; /* NULL: there is no history */
	const struct apo_worker *workers;
	unsigned worker_count;
};

/* Opens nothing. Call it first; the caller fills in the members after wanted_path. */
void apo_metrics_init(struct apo_metrics *metrics);
/* The address and port that the text names; false: the text is the path of a Unix socket. */
bool apo_metrics_is_address(const char *path, struct rudp_addr *address);
/* path NULL: off. A socket that was taken over stays. A socket file that no process serves any more
 * is replaced. Returns 0 or a negative errno value. */
int apo_metrics_open(struct apo_metrics *metrics, const char *path);
void apo_metrics_close(struct apo_metrics *metrics);

struct apo_upgrade_state;

/* Hands the socket over if the other process wants it at the same path. Reading comes before
 * apo_metrics_open. */
void apo_metrics_serialize(struct apo_upgrade_state *upgrade, struct apo_metrics *metrics);
/* Forgets the socket, which now belongs to another process. */
void apo_metrics_release(struct apo_metrics *metrics);

void apo_metrics_on_connection(struct apo_metrics *metrics, int64_t now_at_ns);
void apo_metrics_on_client(struct apo_metrics *metrics, struct apo_event_source *client);

void apo_metrics_on_time(struct apo_metrics *metrics, int64_t now_at_ns);

#endif
