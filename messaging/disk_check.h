/* SPDX-License-Identifier: MIT */
/*
 * rudpmsg_disk_check - is this file what LMDB can read? LMDB trusts its pages: a damaged one ends the
 * process that reads it. So all of them are looked at before LMDB is: each page that can be reached
 * lies in the file, is reached once, and holds what it says within its bounds; pages that are free
 * are reached by nobody. What stands in the records is record.h's.
 */
#ifndef RUDPMSG_DISK_CHECK_H
#define RUDPMSG_DISK_CHECK_H

#include <stddef.h>
#include <stdint.h>

/* A file of LMDB's format 1 (versions 0.9), of this machine's byte order. 0; -EBADMSG; -ENOMEM. */
int rudpmsg_disk_check(const uint8_t *file, size_t size);

#endif
