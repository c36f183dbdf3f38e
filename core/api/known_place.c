/* SPDX-License-Identifier: MIT */
#include "api/known_place.h"

#include <stdatomic.h>
#include <string.h>

static struct {
	atomic_bool is_set;
	struct rudp_nonce nonce;
	char dir[RUDP_RUN_DIR_SIZE];
} places[RUDP_KNOWN_PLACES];
static atomic_uint taken;

static bool is_of(unsigned i, const struct rudp_nonce *nonce)
{
	return atomic_load_explicit(&places[i].is_set, memory_order_acquire) &&
	       memcmp(&places[i].nonce, nonce, sizeof *nonce) == 0;
}

bool rudp_known_place(const struct rudp_nonce *nonce, char dir[RUDP_RUN_DIR_SIZE])
{
	for (unsigned i = 0; i < RUDP_KNOWN_PLACES; i++)
		if (is_of(i, nonce)) {
			memcpy(dir, places[i].dir, RUDP_RUN_DIR_SIZE);
			dir[RUDP_RUN_DIR_SIZE - 1] = 0;
			return true;
		}
	return false;
}

void rudp_known_place_note(const struct rudp_nonce *nonce, const char *dir)
{
	unsigned i = atomic_fetch_add(&taken, 1) % RUDP_KNOWN_PLACES;

	atomic_store(&places[i].is_set, false);
	places[i].nonce = *nonce;
	strncpy(places[i].dir, dir, RUDP_RUN_DIR_SIZE - 1);
	atomic_store_explicit(&places[i].is_set, true, memory_order_release);
}

void rudp_known_place_forget(const struct rudp_nonce *nonce)
{
	for (unsigned i = 0; i < RUDP_KNOWN_PLACES; i++)
		if (is_of(i, nonce))
			atomic_store(&places[i].is_set, false);
}
