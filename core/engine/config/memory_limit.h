/* SPDX-License-Identifier: MIT */
/* memory_limit - how much memory the host, or the engine's control group, has. */
#ifndef RUDP_ENGINE_MEMORY_LIMIT_H
#define RUDP_ENGINE_MEMORY_LIMIT_H

#include <stdint.h>

#define RUDP_MEMORY_SHARE 8 /* the buffers of connections may take 1/8 of it */
#define RUDP_MEMORY_DEFAULT_MIN_BYTES (16ull << 20)

/* The default limit for the buffers of all connections together. */
uint64_t rudp_memory_default_bytes(void);

/*
 * The smallest memory.max of a control group (version 2) and of the groups above it.
 *
 * membership  the content of /proc/PID/cgroup
 * root        where the groups are mounted: /sys/fs/cgroup
 *
 * Returns  UINT64_MAX: there is no limit, or it cannot be read.
 */
uint64_t rudp_memory_group_bytes(const char *membership, const char *root);

#endif
