/* SPDX-License-Identifier: MIT */
/* disk_private - the inside of a store on disk, for disk*.c only: disk.c (opening, loading),
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
	bool has_freed; /* the newest transaction has: room that the next but one can use */
	int error;      /* negative: it has failed for good */
	uint64_t run;
};

struct rudpmsg_disk_key {
	uint8_t bytes[KEY_BYTES];
};

/* The key of a message, or with number 0 of the peer (its first 8 bytes). */
struct rudpmsg_disk_key rudpmsg_disk_key(uint64_t peer, uint64_t number);

/* A negative errno value for what LMDB has returned; 0 stays 0. */
int rudpmsg_disk_error(int rc);

#define DISK_FIRST_BYTES ((uint64_t)4 << 20) /* of the map of a new store */

/* The map and the room of a store that is opened, whose file has so many bytes. -ENOSPC for a new
 * one; one that is there can be opened when the disk is full, too. */
int rudpmsg_disk_claim(struct rudpmsg_disk *disk, uint64_t file_bytes);

#endif
