/* SPDX-License-Identifier: MIT */
/* disk_private - what the files of the on-disk store share: disk.c (opening, loading) and
 * disk_commit.c (writing). */
#ifndef RUDPMSG_DISK_PRIVATE_H
#define RUDPMSG_DISK_PRIVATE_H

#include <lmdb.h>

#include "messaging/disk.h"

#define KEY_BYTES 16 /* peer and number, big-endian: in order */

struct rudpmsg_disk {
	MDB_env *env;
	MDB_dbi marks, peers, sent, received;
	uint64_t map_bytes, bytes_max;
	int lock_fd;
	bool has_freed; /* the newest transaction freed pages, usable by the one after the next */
	int error;      /* negative: the store has failed permanently */
	uint64_t run;
};

struct rudpmsg_disk_key {
	uint8_t bytes[KEY_BYTES];
};

/* The key of a message. With number 0: the key of the peer, in the first 8 bytes. */
struct rudpmsg_disk_key rudpmsg_disk_key(uint64_t peer, uint64_t number);

/* Converts LMDB's return value to 0 or a negative errno value. */
int rudpmsg_disk_error(int rc);

#define DISK_FIRST_BYTES ((uint64_t)4 << 20) /* size of the memory map of a new store */

/* Sets the memory map and reserves room for a store that is opened; file_bytes is the file's size.
 * -ENOSPC only for a new store: an existing one can be opened while the disk is full. */
int rudpmsg_disk_claim(struct rudpmsg_disk *disk, uint64_t file_bytes);

#endif
