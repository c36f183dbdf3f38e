/* SPDX-License-Identifier: MIT */
#include "engine/config/file_stamp.h"

#include <errno.h>

#include "base/time.h"

static int64_t ns_of(struct timespec at)
{
	return at.tv_sec * RUDP_NS_PER_S + at.tv_nsec;
}

struct rudp_file_stamp rudp_file_stamp_of(const struct stat *st)
{
	return (struct rudp_file_stamp){.device = st->st_dev,
					.inode = st->st_ino,
					.size_bytes = (uint64_t)st->st_size,
					.modified_ns = ns_of(st->st_mtim),
					.changed_ns = ns_of(st->st_ctim)};
}

struct rudp_file_stamp rudp_file_stamp_at(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? rudp_file_stamp_of(&st) : (struct rudp_file_stamp){0};
}

bool rudp_file_is_missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 &&
	       (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ENAMETOOLONG);
}

bool rudp_file_stamp_equal(const struct rudp_file_stamp *a, const struct rudp_file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}
