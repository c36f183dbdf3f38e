/* SPDX-License-Identifier: MIT */
/*
 * memory_limit - how much memory the engine's host, or its control group, has.
 */
#ifndef RUDP_ENGINE_MEMORY_LIMIT_H
#define RUDP_ENGINE_MEMORY_LIMIT_H

#include <stdint.h>

#define RUDP_MEMORY_SHARE 8                   /* of it the buffers of connections may take one */
#define RUDP_MEMORY_DEFAULT_MIN_BYTES (16ull << 20)

/* What the buffers of all connections may hold by default. */
uint64_t rudp_memory_default_bytes(void);

/*
 * The least memory.max of a control group (version 2) and of those above it.
 *
 * membership  the content of /proc/PID/cgroup
 * root        where the groups are mounted: /sys/fs/cgroup
 *
 * Returns  UINT64_MAX: no limit, or none that can be read.
 */
uint64_t rudp_memory_group_bytes(const char *membership, const char *root);

#endif
