/* SPDX-License-Identifier: MIT */
/*
 * random - gives out the kernel's random bytes from a buffer, to save a system call for each use.
 *
 * A connection needs random bytes several times. Bytes that are given out are wiped, so the buffer
 * never holds a key in use. A buffer belongs to one engine. When a program with an engine in a
 * thread forks, the child starts with a new buffer.
 */
#ifndef RUDP_ENGINE_RANDOM_H
#define RUDP_ENGINE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define RUDP_RANDOM_STORE_BYTES 2048

struct rudp_random {
	size_t left; /* unused bytes, at the end of the array */
	uint8_t bytes[RUDP_RANDOM_STORE_BYTES];
};

/* Reads directly from getrandom(2); aborts the process on failure. */
void rudp_random_fill(void *out, size_t len);
/* Takes bytes from the buffer (context). The signature is that of struct rudp_endpoint_config. */
void rudp_random_take(void *context, void *out, size_t len);

#endif
