/* SPDX-License-Identifier: MIT */
/* group - UDP sockets that share a port on loopback, in the place of as many engines. */
#ifndef TESTS_BENCH_GROUP_H
#define TESTS_BENCH_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "bench/steer.h"

struct group {
	struct steer steer;
	int fds[STEER_ENGINES_MAX];
	struct rudp_addr addr; /* where they receive */
};

/* Binds to host, a numeric address, with the program attached; "::" takes IPv4, too. */
void group_open(struct group *group, const char *host, unsigned engines, uint32_t random);
void group_close(struct group *group);

/* Sends from this host (numeric), or from the socket that group_speaker() has bound there. */
int group_speaker(const char *host);
void group_send(const struct group *group, int speaker, const void *bytes, size_t len);

/* Which engine has got the one datagram that is under way, and takes it off. */
unsigned group_receiver(const struct group *group);
/* Both. */
unsigned group_steered(const struct group *group, int speaker, const void *bytes, size_t len);

#endif
