/* SPDX-License-Identifier: MIT */
/*
 * shared_memory - unmaps the program's shared memory in a process that was forked from the program.
 *
 * The fork inherits the program's shared mappings: files, devices, io_uring rings with the
 * descriptors in them. They would stay in use as long as the fork lives.
 */
#ifndef RUDP_ENGINE_SHARED_MEMORY_H
#define RUDP_ENGINE_SHARED_MEMORY_H

/* Unmaps every shared mapping. An engine in a thread has none of its own. Allocates no memory. */
void rudp_shared_memory_leave(void);

#endif
