/* SPDX-License-Identifier: MIT */
#include "engine/loop/closer.h"

#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

void rudp_closer_init(struct rudp_closer *closer)
{
	struct rlimit limit;
	rlim_t half = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 2 : 0;

	*closer = (struct rudp_closer){.fd_max = half < INT_MAX ? (int)half : INT_MAX};
}

bool rudp_closer_one(struct rudp_closer *closer)
{
	if (closer->count == 0)
		return false;
	close(closer->waiting[closer->first].fd);
	closer->first = (closer->first + 1) % RUDP_CLOSER_MAX;
	closer->count--;
	return true;
}

void rudp_closer_take(struct rudp_closer *closer, int fd, int64_t now_at_ns)
{
	unsigned last;

	if (fd < 0)
		return;
	if (fd >= closer->fd_max) {
		close(fd);
		return;
	}
	if (closer->count == RUDP_CLOSER_MAX)
		rudp_closer_one(closer);
	last = (closer->first + closer->count++) % RUDP_CLOSER_MAX;
	closer->waiting[last].fd = fd;
	closer->waiting[last].since_ns = now_at_ns;
}

void rudp_closer_due(struct rudp_closer *closer, int64_t now_at_ns)
{
	while (closer->count > 0 &&
	       now_at_ns - closer->waiting[closer->first].since_ns >= RUDP_CLOSER_AGE_NS)
		rudp_closer_one(closer);
}

void rudp_closer_all(struct rudp_closer *closer)
{
	while (rudp_closer_one(closer))
		;
}
