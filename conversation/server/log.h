/* SPDX-License-Identifier: MIT */
/*
 * log - writes rudp_log (base/log.h) to a file or the standard error: one line for each event, a
 * word and then key=value pairs:
 *
 *     2026-11-22T13:40:00.123Z info refused address=192.0.2.7 reason="too many connections"
 *
 * If the standard error is the journal, lines carry the journal's levels and no time, which the
 * journal adds.
 *
 * Threads  opening and reopening: the main thread; lines: any.
 */
#ifndef APO_SERVER_LOG_H
#define APO_SERVER_LOG_H

#include "base/log.h"

/* file NULL: the standard error. Call it again for another file, another level, or to reopen a
 * rotated file. Returns 0 or a negative errno value: the log is unchanged; after a failed first
 * call lines go to the standard error. */
int apo_log_open(const char *file, enum rudp_log_level level);

#endif
