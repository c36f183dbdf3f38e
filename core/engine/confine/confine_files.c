/* SPDX-License-Identifier: MIT */
/* Limits the files that an engine can reach, by landlock(7). */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/config/policy.h"
#include "engine/confine/confine.h"

/* linux/landlock.h may be too old to have it. */
#define RIGHT_TRUNCATE (1ull << 14)

#define NO_FILE "/dev/null" /* the setting for "no policy file" */

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                                                      \
	(READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                      \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | RIGHT_TRUNCATE)
/* The engine lists and locks the directory, binds sockets in it, and removes them
 * (private_dir.h). */
#define LISTEN (READ | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* All rights by version of the Landlock interface. Later versions use those of the last one
 * here. */
static const uint64_t rights_of_version[] = {0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff};

#define VERSIONS (sizeof rights_of_version / sizeof rights_of_version[0])

struct rules {
	int fd;
	uint64_t rights; /* those that the kernel knows */
};

/*
 * A missing file cannot be allowed, which is no error. Rights of directories cannot be given for a
 * file.
 */
static bool allow(const struct rules *rules, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = rights & rules->rights};
	int rc;

	beneath.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return false;
	rc = (int)syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &beneath,
			  0);
	close(beneath.parent_fd);
	return rc == 0;
}

/*
 * Allows a directory, or the directory of a file, as the file may be replaced by another one. If
 * the directory itself is replaced, the supervisor opens the files (proc_read.h).
 */
static void allow_configured(const struct rules *rules, const char *path)
{
	char name[PATH_MAX];

	if (!*path || strcmp(path, NO_FILE) == 0 || allow(rules, path, READ))
		return;
	if ((size_t)snprintf(name, sizeof name, "%s", path) < sizeof name &&
	    strcmp(dirname(name), "/") != 0)
		allow(rules, name, READ);
}

static void allow_all(const struct rules *rules, const struct rudp_settings *settings,
		      const char *run_dir)
{
	const char *path;

	allow(rules, "/proc", READ);
	allow(rules, NO_FILE, LANDLOCK_ACCESS_FS_READ_FILE); /* the engine's spare descriptor */
	allow_configured(rules, settings->keys.path);
	for (unsigned i = 0; (path = rudp_policy_file_path(settings->policy, i)) != NULL; i++)
		allow_configured(rules, path);
	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++)
		for (unsigned j = 0; j < settings->identities.places[i].count; j++)
			allow_configured(rules, settings->identities.places[i].paths[j]);
	if (settings->qlog_path[0])
		allow(rules, settings->qlog_path, WRITE);
	if (run_dir[0])
		allow(rules, run_dir, LISTEN);
}

int rudp_confine_files(const struct rudp_settings *settings, const char *run_dir)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = {0};
	struct rules rules;
	int rc = 0;

	if (version < 1)
		return version < 0 ? -errno : -ENOSYS;
	attr.handled_access_fs =
		rights_of_version[(size_t)version < VERSIONS ? (size_t)version : VERSIONS - 1];
	rules.rights = attr.handled_access_fs;
	/* Only the first member: older kernels know no other. */
	rules.fd =
		(int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
	if (rules.fd < 0)
		return -errno;
	allow_all(&rules, settings, run_dir);
	if (syscall(SYS_landlock_restrict_self, rules.fd, 0) < 0)
		rc = -errno;
	close(rules.fd);
	return rc;
}
