/* SPDX-License-Identifier: MIT */
/*
 * disk - the store of a node in a directory: an LMDB environment, docs/messaging.md "The store".
 *
 * Model      a batch is one transaction: it is on the disk when rudpmsg_disk_commit has returned 0,
 *            or nothing of it is. Room is claimed from the file system before it is used, with a
 *            reserve for deleting: a full disk is met before a transaction, and never locks what
 *            would make room.
 * Threads    one at a time. Commits wait for the disk: without any lock held.
 */
#ifndef RUDPMSG_DISK_H
#define RUDPMSG_DISK_H

#include "messaging/hub.h"

struct rudpmsg_disk;

/*
 * Opens the store of the node of that name, or makes one in a directory that is empty or not there.
 * bytes_max bounds its file. Why it cannot be opened is told in text.
 *
 * Errors   -EBUSY another node has it open; -EBADMSG it is damaged, or no store of messages;
 *          -EPROTONOSUPPORT of another version; -EACCES it is another node's, or not ours to write;
 *          -ENOTEMPTY there are other things in the directory; -ENOSPC; -EIO and whatever else the
 *          system says.
 */
int rudpmsg_disk_open(struct rudpmsg_disk **disk, const char *directory, const char *name,
		      uint64_t bytes_max, char text[RUDPMSG_ERROR_TEXT_SIZE]);
void rudpmsg_disk_close(struct rudpmsg_disk *disk);

/* The number of this opening, which is on the disk: above that of each one before. */
uint64_t rudpmsg_disk_run(const struct rudpmsg_disk *disk);

/* All that is in it, into a hub that is new (rudpmsg_hub_restore_peer ...). 0 or as these say;
 * -EBADMSG. */
int rudpmsg_disk_load(struct rudpmsg_disk *disk, struct rudpmsg_hub *hub, int64_t now_at_ns,
		      char text[RUDPMSG_ERROR_TEXT_SIZE]);

/* 0; -ENOSPC the disk or bytes_max is full: later ones may do; -EIO the disk or the store has
 * failed: so will all later ones. */
int rudpmsg_disk_commit(struct rudpmsg_disk *disk, const struct rudpmsg_batch *batch);

#endif
