/* SPDX-License-Identifier: MIT */
/*
 * metrics - counters and gauges in the text form of Prometheus, over HTTP/1.0 on a unix socket:
 *
 *     curl --unix-socket /run/apollonion/metrics http://localhost/metrics
 *
 * Limits   APO_METRICS_CLIENTS_MAX at once: then the oldest is dropped. Without descriptors or memory
 *          nobody is accepted for a while.
 * Threads  the main thread's; the counters of others are read while they go on.
 */
#ifndef APO_SERVER_METRICS_H
#define APO_SERVER_METRICS_H

#include <stdint.h>

#include "conversation/server/acceptor.h"
#include "conversation/server/history_thread.h"
#include "conversation/server/messaging_node.h"
#include "conversation/server/model_thread.h"

#define APO_METRICS_CLIENTS_MAX 8

struct apo_metrics {
	int epoll_fd;
	struct apo_event_source source; /* fd < 0: there is none */
	struct apo_event_source clients[APO_METRICS_CLIENTS_MAX];
	unsigned next_client;
	int64_t accept_at_ns; /* RUDP_NEVER: now */
	char *path;
	const char *wanted_path; /* where one is taken over from another process; NULL: not */
	const struct apo_acceptor *acceptor;
	const struct apo_messaging_node *messaging_node;
	const struct apo_model_thread *model_thread;
	const struct apo_history_thread *history_thread; /* NULL: there is no history */
	const struct apo_worker *workers;
	unsigned worker_count;
};

/* Nothing is open. Before all others; the members above the sockets are the caller's to fill in. */
void apo_metrics_init(struct apo_metrics *metrics);
/* path NULL: there will be none. One that has been taken over stays. A socket that nobody serves any
 * more is replaced.
 * Returns 0 or a negative errno value. */
int apo_metrics_open(struct apo_metrics *metrics, const char *path);
void apo_metrics_close(struct apo_metrics *metrics);

struct apo_upgrade_state;

/* The socket, for another process, if that wants it at the same path. Before apo_metrics_open there. */
void apo_metrics_serialize(struct apo_upgrade_state *upgrade, struct apo_metrics *metrics);
/* It is another process's now. */
void apo_metrics_let_go(struct apo_metrics *metrics);

void apo_metrics_on_connection(struct apo_metrics *metrics, int64_t now_at_ns);
void apo_metrics_on_client(struct apo_metrics *metrics, struct apo_event_source *client);

int64_t apo_metrics_next_at_ns(const struct apo_metrics *metrics);
void apo_metrics_on_time(struct apo_metrics *metrics, int64_t now_at_ns);

#endif
