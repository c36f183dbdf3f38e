/* SPDX-License-Identifier: MIT */
/*
 * key_ring - reads the keys that RUDP_KEY_FILE names: one file, or all files of a directory.
 *
 * Files    as described in key_file.h. In a directory, names that begin with a dot are ignored. If
 *          a file is refused, for whatever reason, the keys of the others are used.
 * Private  the directory, like its files, gives no access to group and others, and belongs to the
 *          user or root.
 * Limits   RUDP_KEY_FILES_MAX files, the first by name; the others are refused.
 * Choice   Of the keys that are valid now the newest is sent: the one with the latest not-before. A
 *          key without not-before is older than all others; of equally old ones the last by name is
 *          sent. Handshakes of peers are accepted with all valid keys, and with those that become
 *          valid within RUDP_KEY_EARLY_S, as clocks differ.
 */
#ifndef RUDP_ENGINE_KEY_RING_H
#define RUDP_ENGINE_KEY_RING_H

#include "engine/config/key_file.h"
#include "proto/conn/endpoint.h"

#define RUDP_KEY_FILES_MAX RUDP_PSKS_MAX
#define RUDP_KEY_PATH_SIZE 1024
#define RUDP_KEY_NAME_SIZE 256
#define RUDP_KEY_EARLY_S 60
#define RUDP_KEY_ENTRIES_MAX 4096 /* entries of the directory that are read */

struct rudp_key_ring {
	char path[RUDP_KEY_PATH_SIZE]; /* absolute; empty: there is no key */
	struct rudp_file_stamp stamp;  /* of the directory, or of the file, when it was read */
	bool is_directory;
	bool has_refused; /* something was refused and reported to complain */
	unsigned count;   /* of files, with the refused ones */
	struct rudp_ring_entry {
		char name[RUDP_KEY_NAME_SIZE]; /* in the directory; empty: path is the file */
		struct rudp_key key;
	} entries[RUDP_KEY_FILES_MAX]; /* sorted by name */
};

/* Called with each message about something that is refused. */
typedef void rudp_key_complain(void *context, const char *text);

/*
 * Reads all files. path may be ring->path.
 *
 * Returns  false: there is no key; the reason was given to complain.
 */
bool rudp_key_ring_load(struct rudp_key_ring *ring, const char *path, rudp_key_complain *complain,
			void *context);
/* Erases the keys; path and stamps stay. */
void rudp_key_ring_wipe(struct rudp_key_ring *ring);
/* A file or the directory has changed since it was read. Costs one stat() per file. */
bool rudp_key_ring_is_stale(const struct rudp_key_ring *ring);
/* Returns whether the files have another content than when they were loaded. Reads them all. */
bool rudp_key_ring_differs(const struct rudp_key_ring *ring);
/* A file has this key. */
bool rudp_key_ring_has(const struct rudp_key_ring *ring, uint64_t id);
/* Marks every file with this key as revoked. */
void rudp_key_ring_revoke(struct rudp_key_ring *ring, uint64_t id);

/* The keys to use at now_s, the one to send first. Returns how many; 0: none. */
unsigned rudp_key_ring_choose(const struct rudp_key_ring *ring, int64_t now_s,
			      struct rudp_psk psks[RUDP_PSKS_MAX]);
/* Says in text why rudp_key_ring_choose() returns 0. */
void rudp_key_ring_explain(const struct rudp_key_ring *ring, int64_t now_s,
			   char text[RUDP_KEY_TEXT_SIZE]);
/* The full path of a file. */
const char *rudp_key_ring_name(const struct rudp_key_ring *ring, unsigned index,
			       char path[RUDP_KEY_PATH_SIZE + RUDP_KEY_NAME_SIZE]);

/* A rudp_key_complain function that keeps only the first message. text is empty at first. */
void rudp_key_keep_first(void *text, const char *complaint);

/* For tools: the key to send now. false: text says what is wrong. */
bool rudp_key_load_sent(uint8_t psk[RUDP_PSK_BYTES], const char *path,
			char text[RUDP_KEY_TEXT_SIZE]);
/* Skips "RUDP_KEY_FILE: " at the beginning of an error, for a file that was named elsewhere. */
const char *rudp_key_without_variable(const char *text);

#endif
