/* SPDX-License-Identifier: MIT */
/*
 * identity_watch - applies the files of identities, and what the rules say about identities, while
 * the engine runs.
 *
 * When      as for key files (key_watch.h). While connections are open, also once a second without
 *           any event.
 * Identity  New handshakes use the new one. All associations end, as they have proven the old one.
 * Revoked   Connections whose peer has proven a key that is revoked now are reset.
 * Removed   A peer without its line gets no new connection, resumed or not, and those that wait for
 *           their program are reset. Those that programs have go on, unless "set removed-peers
 *           reset" (policy.h).
 * Listener  If it asks for identities now, it serves no more plain TCP.
 */
#ifndef RUDP_ENGINE_IDENTITY_WATCH_H
#define RUDP_ENGINE_IDENTITY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/config/identity.h"

struct rudp_engine;

struct rudp_identity_use {
	int64_t check_at_ns;
	bool must_apply; /* the rules have changed */
	bool has_identity;
	uint8_t public_key[RUDP_IDENTITY_BYTES]; /* in use, if has_identity */
};

/* Gives the endpoint the identity of the settings. 0 or -errno. */
int rudp_identity_begin(struct rudp_engine *engine);
/* Checks the files, if it is time, and applies changes. */
void rudp_identity_watch(struct rudp_engine *engine);
int64_t rudp_identity_deadline_ns(const struct rudp_engine *engine);

#endif
