/* SPDX-License-Identifier: MIT */
/*
 * key_watch - checks the key files for changes while the engine runs. Keys can be added, replaced,
 * withdrawn and revoked without a restart of any program.
 *
 * When     at the start of a turn of the loop, at most every RUDP_KEY_CHECK_NS: before the
 *          handshakes of the turn, and without a timer of its own. It costs one stat() per file;
 *          in the two seconds after a change also reading them (file_stamp.h).
 * Change   If files, their content or the valid keys have changed, new handshakes use the keys that
 *          are valid now. Associations of all other keys end. Established connections continue,
 *          unless their key is revoked.
 * Revoked  by its file, or by rudp_key_revoke(): its connections are reset.
 * None     If no key is valid, no handshake succeeds until one is.
 * Thread   An engine in a thread checks files only while the program has the user and the root
 *          directory that it started with. After that the paths could name other files. The times
 *          of keys still count.
 * Limits   The engine remembers RUDP_KEYS_REVOKED_MAX keys that were revoked by rudp_key_revoke();
 *          the oldest without a file is forgotten. There are fewer files than that.
 */
#ifndef RUDP_ENGINE_KEY_WATCH_H
#define RUDP_ENGINE_KEY_WATCH_H

#include "base/time.h"
#include "engine/config/key_ring.h"

#define RUDP_KEY_CHECK_NS (500 * RUDP_NS_PER_MS)
#define RUDP_KEYS_REVOKED_MAX 16

struct rudp_engine;

/* The keys that an engine uses. */
struct rudp_key_use {
	int64_t check_at_ns;
	bool must_read;                           /* read the files even if they have not changed */
	unsigned comparisons_left;                /* at most RUDP_FILE_COMPARISONS */
	bool is_withdrawn;                        /* no key is valid */
	unsigned count;                           /* of keys in use */
	uint64_t ids[RUDP_PSKS_MAX];              /* ids of these; the first is sent */
	uint64_t revoked[RUDP_KEYS_REVOKED_MAX];  /* by rudp_key_revoke(); 0: none */
	unsigned revocations;                     /* so far; % RUDP_KEYS_REVOKED_MAX: next index */
	uint64_t ended_conns, ended_associations; /* because of their keys, so far */
	uint64_t root_device, root_inode;         /* the root directory at the start */
};

/* Gives the endpoint the keys of the settings. */
void rudp_key_begin(struct rudp_engine *engine);
/* Checks the files, if it is time, and applies changes. */
void rudp_key_watch(struct rudp_engine *engine);
/* Resets all connections with this key and refuses new ones. Returns how many were reset. */
unsigned rudp_key_revoke(struct rudp_engine *engine, uint64_t id);
/* The paths of key files still name what the settings meant (see "Thread" above). */
bool rudp_key_may_read_files(const struct rudp_engine *engine);
/* The key with this id is in use. */
bool rudp_key_is_used(const struct rudp_engine *engine, uint64_t id);

#endif
