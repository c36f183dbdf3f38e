/* SPDX-License-Identifier: MIT */
/*
 * source - an event source of the main thread's epoll. It is the first member of the struct that
 * owns the descriptor.
 */
#ifndef APO_SERVER_SOURCE_H
#define APO_SERVER_SOURCE_H

enum apo_event_source_kind {
	APO_SOURCE_BOX,
	APO_SOURCE_SIGNAL,
	APO_SOURCE_LISTENER,
	APO_SOURCE_WAITER,
	APO_SOURCE_PROXIED,
	APO_SOURCE_METRICS,
	APO_SOURCE_METRICS_CLIENT,
	APO_SOURCE_PEERS,
	APO_SOURCE_SUCCESSOR,
	APO_SOURCE_PREDECESSOR,
};

struct apo_event_source {
	enum apo_event_source_kind kind;
	int fd;
};

#endif
