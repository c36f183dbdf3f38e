/* SPDX-License-Identifier: MIT */
/* The sources of a policy: the variables and the file, which is read again after a change. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "engine/config/config_open.h"
#include "engine/config/config_path.h"
#include "engine/config/file_stamp.h"
#include "engine/config/policy_private.h"

#define FILE_VARIABLE "RUDP_POLICY_FILE"
#define FILES_MAX 2
#define CHECK_INTERVAL_NS RUDP_NS_PER_S

/* The state of a file when it was checked last. Equal states are taken to mean equal text. */
struct file_state {
	int error;      /* 0, or the errno of open or stat */
	unsigned index; /* of the file in the list; the count of files if none exists */
	struct rudp_file_stamp stamp;
};

struct rudp_policy_files {
	char paths[FILES_MAX][RUDP_POLICY_PATH_SIZE];
	unsigned count;
	bool named; /* RUDP_POLICY_FILE names it, so it must exist */
	uid_t uid;  /* of the engine when it first read the policy */
	struct file_state state;
	int64_t checked_at_ns;
};

/* The message names the variable if the user set it, since the path alone could surprise. */
static bool fail(const struct rudp_policy_files *files, char *error, const char *path,
		 const char *what)
{
	snprintf(error, RUDP_POLICY_TEXT_SIZE, "%s%.200s: %s",
		 files->named ? FILE_VARIABLE ": " : "", path, what);
	return false;
}

static bool changed(const struct file_state *a, const struct file_state *b)
{
	return a->error != b->error || a->index != b->index ||
	       !rudp_file_stamp_equal(&a->stamp, &b->stamp);
}

static struct file_state state_of(unsigned index, const struct stat *st)
{
	return (struct file_state){.index = index, .stamp = rudp_file_stamp_of(st)};
}

/* /dev/null is allowed: it is the usual way to ask for no file. */
static bool is_text(const struct stat *st)
{
	return S_ISREG(st->st_mode) || (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3));
}

/* A user who can change the file could have traffic sent in clear text although a key is set. */
static bool is_trusted(const struct rudp_policy_files *files, const struct stat *st,
		       const char *path, char *error)
{
	char text[256];

	if (!S_ISREG(st->st_mode) ||
	    (!(st->st_mode & (S_IWGRP | S_IWOTH)) && (st->st_uid == 0 || st->st_uid == files->uid)))
		return true;
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return fail(files, error, path,
			    "can be changed by others; remove their write permission (chmod go-w)");
	snprintf(
		text, sizeof text,
		"belongs to user %u, who can change it, and the engine's user is %u; give the file "
		"to that user or to root (chown), or use a copy",
		st->st_uid, files->uid);
	return fail(files, error, path, text);
}

static struct rudp_policy_source *parse_open_file(const struct rudp_policy_files *files, int fd,
						  const char *path, char *error)
{
	struct rudp_policy_source *source = NULL;
	char *text;
	size_t len;
	int rc = rudp_config_read(fd, &text, &len, RUDP_POLICY_FILE_BYTES_MAX);

	if (rc == 0)
		source = rudp_policy_parse_source(text, len, path, error);
	else
		fail(files, error, path,
		     rc == -EFBIG ? "is longer than 256 KB" : strerrordesc_np(-rc));
	free(text);
	return source;
}

static struct rudp_policy_source *read_open_file(struct rudp_policy_files *files, unsigned index,
						 int fd, char *error)
{
	const char *path = files->paths[index];
	struct stat st;

	if (fstat(fd, &st) < 0) {
		fail(files, error, path, strerrordesc_np(errno));
		return NULL;
	}
	files->state = state_of(index, &st);
	if (!is_text(&st))
		fail(files, error, path, "is not a regular file");
	else if (is_trusted(files, &st, path, error))
		return parse_open_file(files, fd, path, error);
	return NULL;
}

/* Reads the first file that exists. If none exists and none was named, returns an empty source. */
static struct rudp_policy_source *read_files(struct rudp_policy_files *files, char *error)
{
	for (unsigned i = 0; i < files->count; i++) {
		int fd = rudp_config_open(files->paths[i]);
		struct rudp_policy_source *source;

		files->state = (struct file_state){.index = i, .error = fd < 0 ? errno : 0};
		if (fd >= 0) {
			source = read_open_file(files, i, fd, error);
			close(fd);
			return source;
		}
		if (!files->named && rudp_file_is_missing(files->paths[i]))
			continue;
		fail(files, error, files->paths[i], strerrordesc_np(files->state.error));
		return NULL;
	}
	files->state = (struct file_state){.index = files->count};
	return rudp_policy_parse_source("", 0, "", error);
}

bool rudp_policy_reload(struct rudp_policy *policy, char error[RUDP_POLICY_TEXT_SIZE])
{
	struct rudp_policy_source *source;

	error[0] = 0;
	if (!policy->files)
		return true;
	source = read_files(policy->files, error);
	if (source)
		rudp_policy_take(policy, &policy->file, source);
	return source;
}

const char *rudp_policy_file_path(const struct rudp_policy *policy, unsigned index)
{
	const struct rudp_policy_files *files = policy ? policy->files : NULL;

	return files && index < files->count ? files->paths[index] : NULL;
}

static struct file_state current_state(const struct rudp_policy_files *files)
{
	for (unsigned i = 0; i < files->count; i++) {
		struct stat st;
		int error = stat(files->paths[i], &st) < 0 ? errno : 0;

		if (!error)
			return state_of(i, &st);
		if (files->named || !rudp_file_is_missing(files->paths[i]))
			return (struct file_state){.index = i, .error = error};
	}
	return (struct file_state){.index = files->count};
}

bool rudp_policy_refresh(struct rudp_policy *policy, int64_t now_ns)
{
	struct rudp_policy_files *files = policy ? policy->files : NULL;
	char text[RUDP_POLICY_TEXT_SIZE];
	struct file_state now;

	if (!files || now_ns - files->checked_at_ns < CHECK_INTERVAL_NS)
		return false;
	files->checked_at_ns = now_ns;
	now = current_state(files);
	if (!changed(&now, &files->state))
		return false;
	if (!rudp_policy_reload(policy, text)) {
		rudp_log(RUDP_LOG_ERROR, "policy: %s; the old policy stays in force", text);
		return false;
	}
	rudp_log(RUDP_LOG_INFO, "policy: %s", rudp_policy_describe(policy, text, sizeof text));
	return true;
}

/* rc: of the function that has written the next path. */
static bool add_path(struct rudp_policy_files *files, int rc, const char *name, char *error)
{
	if (rc < 0)
		return fail(files, error, name,
			    rc == -ENAMETOOLONG ? "the path is too long" : strerrordesc_np(-rc));
	files->count++;
	return true;
}

static bool find_files(struct rudp_policy_files *files, char *(*get)(const char *name), char *error)
{
	const char *named = get(FILE_VARIABLE);
	char *path = files->paths[0];
	int rc;

	files->named = named && *named;
	if (files->named)
		return add_path(files, rudp_config_absolute(path, RUDP_POLICY_PATH_SIZE, named),
				named, error);
	rc = rudp_config_of_user(path, RUDP_POLICY_PATH_SIZE, get, "rudp.conf");
	if (rc != -ENOENT && !add_path(files, rc, path, error))
		return false;
	strcpy(files->paths[files->count++], RUDP_POLICY_SYSTEM_FILE);
	return true;
}

static bool load(struct rudp_policy *policy, char *(*get)(const char *name), char *error)
{
	const char *rules = get(RUDP_POLICY_VARIABLE);

	if (rules &&
	    !rudp_policy_parse(policy, true, rules, strlen(rules), RUDP_POLICY_VARIABLE, error))
		return false;
	return find_files(policy->files, get, error) && rudp_policy_reload(policy, error);
}

struct rudp_policy *rudp_policy_load(char *(*get)(const char *name),
				     char error[RUDP_POLICY_TEXT_SIZE])
{
	struct rudp_policy *policy = rudp_policy_new();

	if (policy)
		policy->files = calloc(1, sizeof *policy->files);
	if (!policy || !policy->files) {
		snprintf(error, RUDP_POLICY_TEXT_SIZE, "there is no memory for the policy");
	} else {
		/* Long before any time, and the difference to it does not overflow. */
		policy->files->checked_at_ns = INT64_MIN / 2;
		policy->files->uid = geteuid();
		if (load(policy, get, error))
			return policy;
	}
	rudp_policy_free(policy);
	return NULL;
}
