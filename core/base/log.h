/* SPDX-License-Identifier: MIT */
/*
 * log - log messages of the library, given to a hook.
 *
 * Nothing is logged until a hook is set. Levels are ordered; a message above the current level
 * costs one comparison.
 */
#ifndef RUDP_BASE_LOG_H
#define RUDP_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#define RUDP_LOG_LEVELS(X) X(OFF, off) X(ERROR, error) X(WARN, warn) X(INFO, info) X(DEBUG, debug)

#define RUDP_LOG_ENUM(upper, lower) RUDP_LOG_##upper,
enum rudp_log_level { RUDP_LOG_LEVELS(RUDP_LOG_ENUM) };
#undef RUDP_LOG_ENUM

/* text is one line without a newline. It is valid during the call only. */
typedef void rudp_log_hook(void *context, enum rudp_log_level level, const char *text);

/*
 * Passes messages up to level to hook. NULL or RUDP_LOG_OFF turns logging off.
 *
 * Threads  call once, before other threads log.
 */
void rudp_log_set(rudp_log_hook *hook, void *context, enum rudp_log_level level);

bool rudp_log_wants(enum rudp_log_level level);

/*
 * Names are "error", "warn", ... The parser returns false for an unknown word and leaves *level
 * unchanged.
 */
const char *rudp_log_level_name(enum rudp_log_level level);
bool rudp_log_level_parse(const char *name, enum rudp_log_level *level);

/* Logs one line. Lines above 512 bytes are truncated. Never allocates; keeps errno. */
void rudp_log(enum rudp_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
