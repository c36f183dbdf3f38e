/* SPDX-License-Identifier: MIT */
/*
 * file_stamp - detects that a file is missing, and changes of a file.
 *
 * Limits   A file that changes twice within one tick of its file system's clock can keep its stamp.
 *          So after a change, the next RUDP_FILE_COMPARISONS checks compare the content as well.
 */
#ifndef RUDP_ENGINE_FILE_STAMP_H
#define RUDP_ENGINE_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* At intervals of RUDP_KEY_CHECK_NS these take 2 s: the longest tick, that of FAT. */
#define RUDP_FILE_COMPARISONS 4

/* All zeros: there is no file. */
struct rudp_file_stamp {
	uint64_t device, inode, size_bytes;
	int64_t modified_ns, changed_ns; /* st_mtim; st_ctim, which chmod and chown change, too */
};

struct rudp_file_stamp rudp_file_stamp_of(const struct stat *st);
/* The stamp of the file at path; all zeros if stat() fails. */
struct rudp_file_stamp rudp_file_stamp_at(const char *path);
/*
 * Whether there is nothing at path, as far as this user can see: a directory on the way that may
 * not be searched (another user's home) has no files. A symbolic link is there even if it leads
 * nowhere: what it should lead to, for example a list of who is authorized, must not be taken for
 * absent.
 */
bool rudp_file_is_missing(const char *path);
bool rudp_file_stamp_equal(const struct rudp_file_stamp *a, const struct rudp_file_stamp *b);

#endif
