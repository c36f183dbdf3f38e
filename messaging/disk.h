/* SPDX-License-Identifier: MIT */
/*
 * disk - keeps a node's messages in a directory, in an LMDB database (docs/messaging.md "The
 * store").
 *
 * Model      A batch is one transaction. If rudpmsg_disk_commit returns 0, all of it is on the
 *            disk, else nothing of it is. Room is allocated in the file system before it is used,
 *            with a reserve for deleting. So a full disk is noticed before a transaction, and never
 *            prevents the deletions that would make room.
 * Threads    one at a time. A commit waits for the disk: call it without a lock.
 */
#ifndef RUDPMSG_DISK_H
#define RUDPMSG_DISK_H

#include "messaging/hub.h"

struct rudpmsg_disk;

/*
 * Opens the store of the node of that name. Creates it if the directory is empty or missing.
 * bytes_max limits the size of its file. After an error text says why.
 *
 * Errors   -EBUSY another node has it open; -EBADMSG it is damaged, or no store of messages;
 *          -EPROTONOSUPPORT its format has another version; -EACCES it belongs to another node, or
 *          may not be written; -ENOTEMPTY the directory contains other files; -ENOSPC; -EIO and
 *          other errors of system calls.
 */
int rudpmsg_disk_open(struct rudpmsg_disk **disk, const char *directory, const char *name,
		      uint64_t bytes_max, char text[RUDPMSG_ERROR_TEXT_SIZE]);
void rudpmsg_disk_close(struct rudpmsg_disk *disk);

/* The run number of this opening. It is on the disk, and larger than that of each opening
 * before. */
uint64_t rudpmsg_disk_run(const struct rudpmsg_disk *disk);

/* Loads all records into a new hub (rudpmsg_hub_restore_peer ...). 0; the errors of those
 * functions; -EBADMSG. */
int rudpmsg_disk_load(struct rudpmsg_disk *disk, struct rudpmsg_hub *hub, int64_t now_at_ns,
		      char text[RUDPMSG_ERROR_TEXT_SIZE]);

/* Writes a batch. 0; -ENOSPC the disk or bytes_max is full: later commits may succeed; -EIO the
 * disk or the store has failed: all later commits fail, too. */
int rudpmsg_disk_commit(struct rudpmsg_disk *disk, const struct rudpmsg_batch *batch);

#endif
