/* SPDX-License-Identifier: MIT */
/*
 * source - an event source of the main thread's epoll. It is the first member of the struct that
 * owns the descriptor.
 */
#ifndef APO_SERVER_SOURCE_H
#define APO_SERVER_SOURCE_H

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>

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

/* epoll_ctl(2) with the operation how: EPOLL_CTL_ADD or EPOLL_CTL_MOD. Returns 0 or -errno. */
static inline int apo_source_watch(int epoll_fd, struct apo_event_source *source, uint32_t events,
				   int how)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(epoll_fd, how, source->fd, &event) < 0 ? -errno : 0;
}

#endif
