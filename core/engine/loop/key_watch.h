/* SPDX-License-Identifier: MIT */
/*
 * key_watch - the key files are looked at again while the engine runs, so that keys can be added,
 * replaced, withdrawn and revoked without a restart of any program.
 *
 * When     at the start of a turn of the loop, at most every RUDP_KEY_LOOK_NS: before the handshakes of
 *          the turn, and without a timer of its own. It costs a stat for each file.
 * Then     other files, another content, or the time of a key has come or is over: new handshakes use
 *          the keys that are valid now, and associations of all other keys end. Connections that stand
 *          go on, unless their key is revoked.
 * Revoked  by its file, or by rudp_key_revoke: its connections are reset.
 * None     is valid any more: no handshake succeeds until one is.
 * Thread   an engine in a thread of its program looks as long as the program has the user and the root
 *          directory that it began with; after that the files could mean something else to it. Times
 *          still count.
 * Limits   RUDP_KEYS_REVOKED_MAX keys are remembered as revoked without a word in their file; the
 *          oldest is forgotten.
 */
#ifndef RUDP_ENGINE_KEY_WATCH_H
#define RUDP_ENGINE_KEY_WATCH_H

#include "base/time.h"
#include "engine/config/key_ring.h"

#define RUDP_KEY_LOOK_NS (500 * RUDP_NS_PER_MS)
#define RUDP_KEYS_REVOKED_MAX 16

struct rudp_engine;

/* What an engine does with its keys. */
struct rudp_key_use {
	int64_t look_at_ns;
	bool must_read;               /* whether the files have changed or not */
	bool is_withdrawn;            /* no key is valid */
	unsigned count;               /* of keys in force */
	uint64_t ids[RUDP_PSKS_MAX];  /* of these; the first is sent */
	uint64_t revoked[RUDP_KEYS_REVOKED_MAX]; /* 0: none; by rudp_key_revoke */
	unsigned revocations;         /* so far */
	uint64_t ended_conns, ended_associations; /* with their keys, so far */
	uint64_t root_device, root_inode; /* of the root directory at first */
};

/* The endpoint gets the keys of the settings. */
void rudp_key_begin(struct rudp_engine *engine);
void rudp_key_watch(struct rudp_engine *engine);
/* No handshake with this key, and no connection, from now on. Returns how many connections ended. */
unsigned rudp_key_revoke(struct rudp_engine *engine, uint64_t id);
/* The key of this id is in force. */
bool rudp_key_is_used(const struct rudp_engine *engine, uint64_t id);

#endif
