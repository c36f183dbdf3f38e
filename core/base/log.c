/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_LEN_MAX 512

#define LEVEL_NAME(upper, lower) [RUDP_LOG_##upper] = #lower,
static const char *const level_names[] = {RUDP_LOG_LEVELS(LEVEL_NAME)};
#undef LEVEL_NAME

#define LEVEL_COUNT (sizeof level_names / sizeof level_names[0])

static rudp_log_hook *log_hook;
static void *log_context;
static enum rudp_log_level log_level = RUDP_LOG_OFF;

void rudp_log_set(rudp_log_hook *hook, void *context, enum rudp_log_level level)
{
	log_hook = hook;
	log_context = context;
	log_level = hook ? level : RUDP_LOG_OFF;
}

bool rudp_log_wants(enum rudp_log_level level)
{
	return level <= log_level && level != RUDP_LOG_OFF;
}

const char *rudp_log_level_name(enum rudp_log_level level)
{
	assert(level < LEVEL_COUNT);
	return level_names[level];
}

bool rudp_log_level_parse(const char *name, enum rudp_log_level *level)
{
	for (size_t i = 0; i < LEVEL_COUNT; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum rudp_log_level)i;
			return true;
		}
	}
	return false;
}

/*
 * Replaces control characters: text from a peer must not forge a second line or move the terminal's
 * cursor.
 */
static void keep_to_one_line(char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == '\177')
			text[i] = ' ';
}

void rudp_log(enum rudp_log_level level, const char *format, ...)
{
	char text[LINE_LEN_MAX + 1];
	int saved_errno = errno; /* logging must not change the errno that the caller reports */
	va_list args;

	if (!rudp_log_wants(level))
		return;
	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		strcpy(text, "(message could not be formatted)");
	va_end(args);
	keep_to_one_line(text);
	log_hook(log_context, level, text);
	errno = saved_errno;
}
