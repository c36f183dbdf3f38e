/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct {
	unsigned count;
	enum rudp_log_level level;
	char text[1024];
} heard;

static void hear(void *context, enum rudp_log_level level, const char *text)
{
	cr_assert(eq(ptr, context, &heard));
	heard.count++;
	heard.level = level;
	strncpy(heard.text, text, sizeof heard.text - 1);
	errno = ENOENT;
}

Test(log, is_silent_until_a_hook_is_set)
{
	cr_assert(eq(int, rudp_log_wants(RUDP_LOG_ERROR), false));
	rudp_log(RUDP_LOG_ERROR, "nobody hears this");
	cr_assert(eq(uint, heard.count, 0));
}

Test(log, passes_levels_up_to_the_one_set)
{
	rudp_log_set(hear, &heard, RUDP_LOG_INFO);
	rudp_log(RUDP_LOG_DEBUG, "too fine");
	cr_assert(eq(uint, heard.count, 0));
	rudp_log(RUDP_LOG_INFO, "port %d", 80);
	cr_assert(eq(uint, heard.count, 1));
	cr_assert(eq(int, (int)heard.level, RUDP_LOG_INFO));
	cr_assert(eq(str, heard.text, "port 80"));
	rudp_log(RUDP_LOG_ERROR, "worse");
	cr_assert(eq(uint, heard.count, 2));
}

Test(log, off_is_never_wanted)
{
	rudp_log_set(hear, &heard, RUDP_LOG_DEBUG);
	cr_assert(eq(int, rudp_log_wants(RUDP_LOG_OFF), false));
	rudp_log(RUDP_LOG_OFF, "off");
	rudp_log_set(hear, &heard, RUDP_LOG_OFF);
	rudp_log(RUDP_LOG_ERROR, "error");
	cr_assert(eq(uint, heard.count, 0));
}

Test(log, nothing_is_logged_without_a_hook)
{
	rudp_log_set(hear, &heard, RUDP_LOG_DEBUG);
	rudp_log_set(NULL, NULL, RUDP_LOG_DEBUG);
	cr_assert(eq(int, rudp_log_wants(RUDP_LOG_ERROR), false));
	rudp_log(RUDP_LOG_ERROR, "error");
	cr_assert(eq(uint, heard.count, 0));
}

Test(log, cuts_a_long_line_at_512_bytes)
{
	char longer[600];

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	rudp_log_set(hear, &heard, RUDP_LOG_DEBUG);
	rudp_log(RUDP_LOG_WARN, "%s", longer);
	cr_assert(eq(sz, strlen(heard.text), 512));
}

Test(log, keeps_a_message_to_one_line)
{
	rudp_log_set(hear, &heard, RUDP_LOG_DEBUG);
	rudp_log(RUDP_LOG_WARN, "a\nb\rc\033[2Jd\177\n\n");
	cr_assert(eq(str, heard.text, "a b c [2Jd "));
	rudp_log(RUDP_LOG_WARN, "\n");
	cr_assert(eq(str, heard.text, ""));
}

Test(log, leaves_errno_alone)
{
	rudp_log_set(hear, &heard, RUDP_LOG_DEBUG);
	errno = EAGAIN;
	rudp_log(RUDP_LOG_WARN, "the hook changes errno");
	cr_assert(eq(int, errno, EAGAIN));
	cr_assert(eq(uint, heard.count, 1));
}

Test(log, each_level_name_parses_to_its_level)
{
	for (int i = RUDP_LOG_OFF; i <= RUDP_LOG_DEBUG; i++) {
		const char *name = rudp_log_level_name((enum rudp_log_level)i);
		enum rudp_log_level level = RUDP_LOG_OFF;

		cr_assert(eq(int, rudp_log_level_parse(name, &level), true));
		cr_assert(eq(int, (int)level, i));
	}
	cr_assert(eq(str, (char *)rudp_log_level_name(RUDP_LOG_WARN), "warn"));
}

Test(log, an_unknown_level_name_changes_nothing)
{
	enum rudp_log_level level = RUDP_LOG_WARN;

	cr_assert(eq(int, rudp_log_level_parse("", &level), false));
	cr_assert(eq(int, rudp_log_level_parse("warning", &level), false));
	cr_assert(eq(int, (int)level, RUDP_LOG_WARN));
}
