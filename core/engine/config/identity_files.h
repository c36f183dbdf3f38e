/* SPDX-License-Identifier: MIT */
/*
 * identity_files - the files with the identity, the known hosts and the authorized keys of an
 * engine: where they are, and what of them is in force while they change.
 *
 * Paths    for each file the first of: the variable (RUDP_IDENTITY, RUDP_KNOWN_HOSTS,
 *          RUDP_AUTHORIZED_KEYS); the setting in rudp.conf; $XDG_CONFIG_HOME/rudp/NAME (default
 *          $HOME/.config); for root also /etc/rudp/NAME. NAME is id, known_hosts or
 *          authorized_keys. A named identity and named authorized keys must exist.
 * Start    An error in a file is an error of the settings.
 * Change   If a file changes, it is read again. If the new file has an error, what the old file
 *          said stays in force, and the error is reported once.
 * Removal  If the file of the identity or of the known hosts disappears, what it said stays in
 *          force: a connection must not become less safe. If the authorized keys disappear, no
 *          peer is authorized.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_IDENTITY_FILES_H
#define RUDP_ENGINE_IDENTITY_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/config/authorized_keys.h"
#include "engine/config/file_stamp.h"
#include "engine/config/identity.h"
#include "engine/config/key_ring.h"
#include "engine/config/known_hosts.h"

#define RUDP_IDENTITY_PATHS_MAX 2
#define RUDP_IDENTITY_UNSAVED_MAX 256 /* known hosts that could not be written */

/* File, variable, setting of rudp.conf, name in the directory. */
#define RUDP_IDENTITY_FILES(X)                                                                     \
	X(IDENTITY, "RUDP_IDENTITY", "identity", "id")                                             \
	X(KNOWN_HOSTS, "RUDP_KNOWN_HOSTS", "known-hosts", "known_hosts")                           \
	X(AUTHORIZED_KEYS, "RUDP_AUTHORIZED_KEYS", "authorized-keys", "authorized_keys")

#define RUDP_IDENTITY_FILE_ENUM(name, variable, setting, file) RUDP_FILE_##name,
enum rudp_identity_file { RUDP_IDENTITY_FILES(RUDP_IDENTITY_FILE_ENUM) RUDP_IDENTITY_FILE_COUNT };
#undef RUDP_IDENTITY_FILE_ENUM

struct rudp_identity_place {
	char paths[RUDP_IDENTITY_PATHS_MAX][RUDP_KEY_PATH_SIZE]; /* absolute */
	unsigned count;               /* of paths; the first that exists is the file */
	const char *named_by;         /* the variable or the setting; NULL: a default */
	unsigned index;               /* of the path that was read; count: none existed */
	struct rudp_file_stamp stamp; /* of the file when it was read */
	uint64_t content;             /* a hash of what was read */
	unsigned comparisons_left;    /* at most RUDP_FILE_COMPARISONS */
};

struct rudp_unsaved_host {
	struct rudp_addr addr;
	uint8_t public_key[RUDP_IDENTITY_BYTES];
};

/* All zeros: there are no files. */
struct rudp_identity_files {
	struct rudp_identity *identity;               /* NULL: there is none */
	struct rudp_known_hosts *known_hosts;         /* NULL: no host is known */
	struct rudp_authorized_keys *authorized_keys; /* NULL: there is no such file */
	struct rudp_identity_place places[RUDP_IDENTITY_FILE_COUNT];
	struct rudp_identity_place defaults[RUDP_IDENTITY_FILE_COUNT];
	char home[RUDP_KEY_PATH_SIZE];     /* that "~" means; empty: not known */
	struct rudp_unsaved_host *unsaved; /* known hosts that could not be written */
	unsigned unsaved_count;
};

/*
 * Finds the paths. get reads a variable: getenv, or a test's function. named: the paths that
 * rudp.conf sets, absolute or beginning with "~/"; NULL: none. uid: of the engine. files must be
 * all zeros.
 *
 * Returns  false: text says why.
 */
bool rudp_identity_files_place(struct rudp_identity_files *files, char *(*get)(const char *name),
			       const char *const named[RUDP_IDENTITY_FILE_COUNT], uint32_t uid,
			       char text[RUDP_KEY_TEXT_SIZE]);
/*
 * Changes the paths to those that rudp.conf sets now. What is in force stays in force until the
 * next _watch(), which reads the files at the new paths.
 *
 * Returns  false: text says why, and the paths are as before.
 */
bool rudp_identity_files_replace(struct rudp_identity_files *files,
				 const char *const named[RUDP_IDENTITY_FILE_COUNT],
				 char text[RUDP_KEY_TEXT_SIZE]);
/*
 * Reads all files. Call it once, after _place().
 *
 * Returns  false: text has the first error, and nothing is in force.
 */
bool rudp_identity_files_load(struct rudp_identity_files *files, char text[RUDP_KEY_TEXT_SIZE]);
/*
 * Reads those files again that have changed. A check costs one or two stat() per file, and reading
 * it in the checks after a change (file_stamp.h). complain gets each error. The pointers in files
 * may change.
 *
 * Returns  true: what is in force may have changed.
 */
bool rudp_identity_files_watch(struct rudp_identity_files *files, rudp_key_complain *complain,
			       void *context);
/* Erases and frees what was read, and forgets the paths. */
void rudp_identity_files_wipe(struct rudp_identity_files *files);

/* The path of the file that is in use, or else that of the first place; NULL: there is no place. */
const char *rudp_identity_files_path(const struct rudp_identity_files *files,
				     enum rudp_identity_file file);
/* Whether path is one of the places of the files; for the right to open it. */
bool rudp_identity_files_has(const struct rudp_identity_files *files, const char *path,
			     enum rudp_identity_file *file);
/* The setting of a file in rudp.conf. */
const char *rudp_identity_file_setting(enum rudp_identity_file file);

/*
 * Adds the key of a host that was met for the first time, for its address and port. It is in force
 * at once, and in the file of the known hosts, with the time; the file is made if need be. If it
 * cannot be written, it is in force until files are wiped.
 *
 * Returns  0; -errno of writing it: it is in force all the same; -ENOSPC or -ENOMEM: it may not be
 *          in force, as there are too many hosts or no memory.
 */
int rudp_identity_files_remember(struct rudp_identity_files *files, const struct rudp_addr *addr,
				 const uint8_t public_key[RUDP_IDENTITY_BYTES]);

#endif
