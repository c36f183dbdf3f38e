/* SPDX-License-Identifier: MIT */
#include "engine/loop/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void rudp_random_fill(void *out, size_t len)
{
	uint8_t *next = out;

	while (len > 0) {
		ssize_t n = getrandom(next, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* Without randomness there is no security to be had: nothing else is right. */
		if (n < 0)
			abort();
		next += n;
		len -= (size_t)n;
	}
}

void rudp_random_take(void *context, void *out, size_t len)
{
	struct rudp_random *store = context;
	uint8_t *from;

	if (len > sizeof store->bytes) {
		rudp_random_fill(out, len);
		return;
	}
	if (store->left < len) {
		rudp_random_fill(store->bytes, sizeof store->bytes);
		store->left = sizeof store->bytes;
	}
	from = store->bytes + sizeof store->bytes - store->left;
	memcpy(out, from, len);
	explicit_bzero(from, len);
	store->left -= len;
}
