/* SPDX-License-Identifier: MIT */
/*
 * disk_check - checks that LMDB can safely read a file.
 *
 * LMDB trusts the pages of its file: a damaged page crashes the process that reads it. So all pages
 * are checked before LMDB opens the file. Each reachable page must lie in the file, be reached only
 * once and have valid contents; free pages must not be reachable. record.h checks the records.
 */
#ifndef RUDPMSG_DISK_CHECK_H
#define RUDPMSG_DISK_CHECK_H

#include <stddef.h>
#include <stdint.h>

/* Checks a file of LMDB's format 1 (versions 0.9) in this machine's byte order. 0; -EBADMSG;
 * -ENOMEM. */
int rudpmsg_disk_check(const uint8_t *file, size_t size);

#endif
