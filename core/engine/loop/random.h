/* SPDX-License-Identifier: MIT */
/*
 * random - the kernel's random bytes, fetched some thousand at a time: a connection wants several
 * handfuls, and each would be a system call.
 *
 * What has been given out is wiped, so that the store never holds a key that is in use. A store belongs
 * to one engine: a fork of the program that an engine's thread lives in starts with another one.
 */
#ifndef RUDP_ENGINE_RANDOM_H
#define RUDP_ENGINE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define RUDP_RANDOM_STORE_BYTES 2048

struct rudp_random {
	size_t left;                  /* at the end of bytes */
	uint8_t bytes[RUDP_RANDOM_STORE_BYTES];
};

/* Straight from getrandom; ends the process where that fails. */
void rudp_random_fill(void *out, size_t len);
/* Out of the store (context); the signature is struct rudp_endpoint_config's. */
void rudp_random_take(void *context, void *out, size_t len);

#endif
