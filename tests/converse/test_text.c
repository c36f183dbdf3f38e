/* SPDX-License-Identifier: MIT */
/* Parsing of typed commands, and formatting of output. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "conversation/converse/clean.h"
#include "conversation/converse/command.h"
#include "conversation/converse/format.h"

static char *clean(const char *text)
{
	static char to[256];

	return cv_clean(to, sizeof to, text);
}

Test(clean, control_characters_do_not_reach_the_terminal)
{
	cr_assert(eq(str, clean("h\xc3\xa9llo"), "h\xc3\xa9llo"));
	cr_assert(eq(str, clean("\033[2Jgone\a\r\t\x7f"), "^[[2Jgone^G^M^I^?"));
	cr_assert(eq(str,
		     clean("\x02"
			   "b\x02 \x03"
			   "04,12red\x03 \x0f."),
		     "b red ."));
	cr_assert(eq(str,
		     clean("\x03"
			   "5,x"),
		     ",x"));
	cr_assert(eq(str,
		     clean("a\xc2\x9b"
			   "31m"),
		     "a\xef\xbf\xbd"
		     "31m"));
	cr_assert(eq(str,
		     clean("\xe2\x80\xae"
			   "evil"),
		     "\xef\xbf\xbd"
		     "evil"));
	cr_assert(eq(str, clean("\xff\xc3(\xe2\x80"),
		     "?"
		     "?("
		     "??"));
}

Test(clean, too_long_text_is_cut_between_characters)
{
	char to[5];

	cr_assert(eq(str, cv_clean(to, sizeof to, "abc\xc3\xa9"), "abc"));
	cr_assert(eq(str, cv_clean(to, sizeof to, "abc\001"), "abc"));
}

static void reads(const char *line, const char *channel, enum cv_command_kind kind,
		  const char *first, const char *rest)
{
	char text[128];
	struct cv_command command;

	snprintf(text, sizeof text, "%s", line);
	command = cv_command_read(text, channel);
	cr_assert(eq(int, (int)command.kind, (int)kind), "%s", line);
	if (kind == CV_NO_COMMAND)
		return;
	cr_assert(eq(str, (char *)command.first, (char *)first), "%s", line);
	cr_assert(eq(str, (char *)command.rest, (char *)rest), "%s", line);
}

Test(command, each_command_is_parsed_with_its_words)
{
	reads("hello  there", "#a", CV_SAY_COMMAND, "#a", "hello  there");
	reads("//join is a command", "#a", CV_SAY_COMMAND, "#a", "/join is a command");
	reads("hello", "", CV_NO_COMMAND, "", "");
	reads("/join #b key", "", CV_JOIN_COMMAND, "#b", "key");
	reads("/join", "", CV_NO_COMMAND, "", "");
	reads("/msg anna hello  you", "", CV_MSG_COMMAND, "anna", "hello  you");
	reads("/msg anna", "", CV_NO_COMMAND, "", "");
	reads("/me waves", "#a", CV_ME_COMMAND, "#a", "waves");
	reads("/names", "#a", CV_NAMES_COMMAND, "#a", "");
	reads("/names #b", "#a", CV_NAMES_COMMAND, "#b", "");
	reads("/names", "", CV_NO_COMMAND, "", "");
	reads("/part #b bye now", "#a", CV_PART_COMMAND, "#b", "bye now");
	reads("/topic a new one", "#a", CV_TOPIC_COMMAND, "#a", "a new one");
	reads("/nick eve", "", CV_NICK_COMMAND, "eve", "");
	reads("/raw WHOIS anna", "", CV_RAW_COMMAND, "WHOIS anna", "WHOIS anna");
	reads("/quit", "", CV_QUIT_COMMAND, "", "");
	reads("/quit see you", "#a", CV_QUIT_COMMAND, "see you", "see you");
	reads("/nonsense", "#a", CV_NO_COMMAND, "", "");
	reads("/", "#a", CV_NO_COMMAND, "", "");
}

static char *formatted(enum cv_kind kind, const char *channel, const char *text)
{
	static char to[CV_FORMAT_SIZE];
	struct cv_shown shown = {.kind = kind,
				 .time = "2026-11-22T17:29:16.129Z",
				 .channel = channel,
				 .nick = "anna",
				 .text = text,
				 .number = 7,
				 .arrived = 2,
				 .recipients = 3};

	return cv_format(to, &shown, "me");
}

Test(format, lines_are_for_people)
{
	cr_assert(eq(str, formatted(CV_MESSAGE, "#a", "hello\033"), "17:29 #a <anna> hello^["));
	cr_assert(eq(str, formatted(CV_MESSAGE, "me", "hello"), "17:29 (to you) <anna> hello"));
	cr_assert(eq(str, formatted(CV_NOTICE, "#a", "hello"), "17:29 #a -anna- hello"));
	cr_assert(
		eq(str, formatted(CV_MESSAGE, "#a", "\1ACTION waves\1"), "17:29 #a * anna waves"));
	cr_assert(eq(str, formatted(CV_SAID, "#a", "hello"), "17:29 #a <anna> hello  [7] sent"));
	cr_assert(eq(str, formatted(CV_FAILED, "#a", "no"), "17:29 #a [7] NOT SENT: no"));
	cr_assert(eq(str, formatted(CV_RECEIPT, "#a", "bob"),
		     "17:29    [7] delivered 2/3 so far, not to bob"));
}

Test(format, lines_are_for_programs)
{
	char to[CV_FORMAT_SIZE];
	struct cv_shown shown = {.kind = CV_MESSAGE,
				 .time = "2026-11-22T17:29:16.129Z",
				 .channel = "#a",
				 .nick = "anna",
				 .text = "a\tb"};

	cr_assert(eq(str, cv_format_plain(to, &shown), "2026-11-22T17:29:16.129Z\tanna\ta^Ib"));
}
