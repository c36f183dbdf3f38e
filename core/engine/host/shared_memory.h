/* SPDX-License-Identifier: MIT */
/*
 * shared_memory - takes memory out of this process that a program shares with others.
 *
 * A fork of the program has the program's shared mappings too: files, devices, rings of io_uring with
 * the descriptors in them. They would stay in use for as long as the fork lives.
 */
#ifndef RUDP_ENGINE_SHARED_MEMORY_H
#define RUDP_ENGINE_SHARED_MEMORY_H

/* Unmaps every shared mapping. The engine in a thread has none. Allocates nothing. */
void rudp_shared_memory_leave(void);

#endif
