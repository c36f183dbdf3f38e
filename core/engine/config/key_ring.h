/* SPDX-License-Identifier: MIT */
/*
 * key_ring - the keys that RUDP_KEY_FILE names: one file, or all files of a directory.
 *
 * Files    each as key_file.h says. In a directory names that begin with a dot are left out. A file that
 *          is refused, for whatever reason, leaves the others in force.
 * Private  the directory as its files: no access for group and others, owned by the user or root.
 * Limits   RUDP_KEY_FILES_MAX files, the first by name; the others are refused.
 * Choice   Of the keys that are valid now the newest is sent: the one with the latest not-before (one
 *          without is older than all others), of equal ones the last by name. All that are valid are
 *          taken, and those that will be within RUDP_KEY_EARLY_S: clocks differ.
 */
#ifndef RUDP_ENGINE_KEY_RING_H
#define RUDP_ENGINE_KEY_RING_H

#include "engine/config/key_file.h"
#include "proto/conn/endpoint.h"

#define RUDP_KEY_FILES_MAX RUDP_PSKS_MAX
#define RUDP_KEY_PATH_SIZE 1024
#define RUDP_KEY_NAME_SIZE 256
#define RUDP_KEY_EARLY_S 60
#define RUDP_KEY_ENTRIES_MAX 4096 /* of the directory, that are looked at */

struct rudp_key_ring {
	char path[RUDP_KEY_PATH_SIZE]; /* absolute; empty: there is no key */
	struct rudp_file_stamp stamp; /* of the directory, or of the file, when it was read */
	bool is_directory;
	bool has_refused;             /* something in it, which complain has been told */
	unsigned count;               /* of files, those included that are refused */
	struct rudp_ring_entry {
		char name[RUDP_KEY_NAME_SIZE]; /* in the directory; empty: the path is the file */
		struct rudp_key key;
	} entries[RUDP_KEY_FILES_MAX]; /* by name */
};

/* Gets each text about a file that is refused. */
typedef void rudp_key_complain(void *context, const char *text);

/*
 * Reads all files. path may be ring->path.
 *
 * Returns  false: there is no key at all; complain has been told why.
 */
bool rudp_key_ring_load(struct rudp_key_ring *ring, const char *path, rudp_key_complain *complain,
			void *context);
/* Wipes the keys; path and stamps stay. */
void rudp_key_ring_wipe(struct rudp_key_ring *ring);
/* A file or the directory is not as it was when it was read. Costs a stat for each. */
bool rudp_key_ring_is_stale(const struct rudp_key_ring *ring);
/* From now on as if every file with this key said that it is revoked. */
void rudp_key_ring_revoke(struct rudp_key_ring *ring, uint64_t id);

/* The keys that are good at now_s, the one to be sent first. Returns how many; 0: none. */
unsigned rudp_key_ring_choose(const struct rudp_key_ring *ring, int64_t now_s,
			      struct rudp_psk psks[RUDP_PSKS_MAX]);
/* Why that returns 0. */
void rudp_key_ring_explain(const struct rudp_key_ring *ring, int64_t now_s,
			   char text[RUDP_KEY_TEXT_SIZE]);
/* The full name of a file. */
const char *rudp_key_ring_name(const struct rudp_key_ring *ring, unsigned index,
			       char path[RUDP_KEY_PATH_SIZE + RUDP_KEY_NAME_SIZE]);

/* A complain for who has room for one text, at first empty: the first says most. */
void rudp_key_keep_first(void *text, const char *complaint);

/* For tools: the key that is sent now. false: text says what is wrong. */
bool rudp_key_load_sent(uint8_t psk[RUDP_PSK_BYTES], const char *path,
			char text[RUDP_KEY_TEXT_SIZE]);

#endif
