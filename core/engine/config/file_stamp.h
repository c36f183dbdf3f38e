/* SPDX-License-Identifier: MIT */
/* file_stamp - which file a path named, and in which state: two that are equal have the same content. */
#ifndef RUDP_ENGINE_FILE_STAMP_H
#define RUDP_ENGINE_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* All zeros: no file. */
struct rudp_file_stamp {
	uint64_t device, inode, size_bytes;
	int64_t modified_ns, changed_ns; /* st_mtim; st_ctim, which chmod and chown change too */
};

struct rudp_file_stamp rudp_file_stamp_of(const struct stat *st);
/* Of no file where stat fails. */
struct rudp_file_stamp rudp_file_stamp_at(const char *path);
bool rudp_file_stamp_equal(const struct rudp_file_stamp *a, const struct rudp_file_stamp *b);

#endif
