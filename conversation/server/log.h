/* SPDX-License-Identifier: MIT */
/*
 * log - where rudp_log (base/log.h) goes: one line for each fact, a word and then key=value:
 *
 *     2026-11-22T13:40:00.123Z info refused address=192.0.2.7 reason="too many connections"
 *
 * To a file, or to the standard error; there, when that is the journal, with its levels and without
 * the time, which it has itself.
 *
 * Threads  opening and reopening is the main thread's; lines come from any.
 */
#ifndef APO_SERVER_LOG_H
#define APO_SERVER_LOG_H

#include "base/log.h"

/* file NULL: the standard error. To be called again for another file, another level, or a new file
 * of the same name. Returns 0 or a negative errno value: then all is as before; at the first time errors
 * go to the standard error. */
int apo_log_open(const char *file, enum rudp_log_level level);

#endif
