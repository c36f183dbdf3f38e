/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conversation/irc/mask.h"
#include "conversation/irc/message.h"
#include "conversation/irc/names.h"
#include "conversation/irc/stamp.h"
#include "conversation/irc/utf8.h"

static char line[APO_LINE_BYTES_MAX + 2];

/* Builds prefix, count times fill, suffix. */
static size_t build(const char *prefix, char fill, size_t count, const char *suffix)
{
	size_t len = strlen(prefix);

	memcpy(line, prefix, len);
	memset(line + len, fill, count);
	strcpy(line + len + count, suffix);
	return len + count + strlen(suffix);
}

Test(message, a_body_of_510_bytes_is_the_longest)
{
	struct apo_message message;

	cr_assert(eq(int, apo_message_parse(line, build("A ", 'x', 508, ""), &message),
		     APO_MESSAGE_OK));
	cr_assert(eq(int, apo_message_parse(line, build("A ", 'x', 509, ""), &message),
		     APO_MESSAGE_TOO_LONG));
}

Test(message, tags_of_4096_bytes_are_the_longest)
{
	struct apo_message message;

	cr_assert(eq(int, apo_message_parse(line, build("@", 'x', 4094, " A"), &message),
		     APO_MESSAGE_OK));
	cr_assert(eq(int, apo_message_parse(line, build("@", 'x', 4095, " A"), &message),
		     APO_MESSAGE_TAGS_TOO_LONG));
	cr_assert(eq(int, apo_message_parse(line, build("@", 'x', 4600, ""), &message),
		     APO_MESSAGE_TAGS_TOO_LONG));
}

Test(message, the_longest_line_of_all_is_taken)
{
	struct apo_message message;
	size_t len = build("@", 'x', 4094, " A ");

	memset(line + len, 'y', APO_LINE_BYTES_MAX - len);
	cr_assert(eq(int, apo_message_parse(line, APO_LINE_BYTES_MAX, &message), APO_MESSAGE_OK));
	cr_assert(eq(sz, strlen(message.params[0]), 508));
}

Test(message, a_line_without_a_command_is_empty)
{
	static const char *const empty[] = {"",      "   ", ":source", ":source ", "@tag",
					    "@tag ", "@",   "@ ",      ":"};
	struct apo_message message;
	size_t i;

	for (i = 0; i < sizeof empty / sizeof *empty; i++) {
		strcpy(line, empty[i]);
		cr_assert(
			eq(int, apo_message_parse(line, strlen(line), &message), APO_MESSAGE_EMPTY),
			"%s", empty[i]);
	}
}

Test(message, controls_and_odd_commands_are_bad)
{
	struct apo_message message;

	memcpy(line, "A b\0c", 5);
	cr_assert(eq(int, apo_message_parse(line, 5, &message), APO_MESSAGE_BAD));
	strcpy(line, "A b\rc");
	cr_assert(eq(int, apo_message_parse(line, 5, &message), APO_MESSAGE_BAD));
	strcpy(line, "@label=7 PR\xc3\xa9 b");
	cr_assert(eq(int, apo_message_parse(line, strlen(line), &message), APO_MESSAGE_BAD));
	cr_assert(eq(str, (char *)apo_message_tag(&message, "label"), "7"));
}

Test(message, the_fifteenth_parameter_takes_the_rest)
{
	struct apo_message message;

	strcpy(line, "A 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 :17");
	cr_assert(eq(int, apo_message_parse(line, strlen(line), &message), APO_MESSAGE_OK));
	cr_assert(eq(uint, message.param_count, 15));
	cr_assert(eq(str, (char *)message.params[14], "15 16 :17"));
}

Test(message, missing_parameters_are_empty)
{
	struct apo_message message;
	unsigned i;

	memset(&message, 0x55, sizeof message);
	strcpy(line, "A b");
	cr_assert(eq(int, apo_message_parse(line, strlen(line), &message), APO_MESSAGE_OK));
	for (i = 1; i < APO_PARAMS_MAX; i++)
		cr_assert(eq(str, (char *)message.params[i], ""));
}

Test(message, tags_beyond_the_maximum_are_left_out)
{
	struct apo_message message;
	size_t len = 0;
	int i;

	for (i = 0; i < APO_TAGS_MAX + 10; i++)
		len += (size_t)snprintf(line + len, 10, "%ct%d=v", i ? ';' : '@', i);
	strcpy(line + len, " A");
	cr_assert(eq(int, apo_message_parse(line, len + 2, &message), APO_MESSAGE_OK));
	cr_assert(eq(uint, message.tag_count, APO_TAGS_MAX));
	cr_assert(eq(str, (char *)apo_message_tag(&message, "t63"), "v"));
	cr_assert(eq(ptr, (void *)apo_message_tag(&message, "t64"), NULL));
}

Test(line, a_too_long_line_is_cut_between_characters)
{
	struct apo_line out;
	char text[600];
	int i;

	for (i = 0; i < 299; i++)
		memcpy(text + 2 * i, "\xc3\xa9", 3);
	apo_line_begin(&out, "s", "PRIVMSG");
	apo_line_param(&out, "#abc");
	apo_line_last(&out, text);
	apo_line_end(&out);
	cr_assert(eq(sz, out.len, 511)); /* one more byte would have split a character */
	cr_assert(apo_utf8_is_valid(out.bytes, out.len));
	cr_assert(eq(int, memcmp(out.bytes + out.len - 2, "\r\n", 2), 0));
}

Test(line, no_word_overruns_a_full_line)
{
	struct apo_line out;
	char text[1200];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	apo_line_begin(&out, text, text);
	apo_line_format(&out, "%s %d", text, 5);
	apo_line_param(&out, text);
	apo_line_last(&out, text);
	cr_assert(eq(sz, apo_line_room(&out), 0));
	apo_line_end(&out);
	cr_assert(eq(sz, out.len, 512));
}

Test(tag, escaping_fails_when_it_does_not_fit)
{
	char to[4];

	cr_assert(eq(sz, apo_tag_escape(to, 4, "ab "), 4));
	cr_assert(eq(sz, apo_tag_escape(to, 4, "abc "), SIZE_MAX));
	cr_assert(eq(sz, apo_tag_escape(to, 0, ""), 0));
}

Test(utf8, only_what_rfc_3629_allows_is_valid)
{
	static const char *const good[] = {"",
					   "plain",
					   "\xc2\x80",
					   "\xdf\xbf",
					   "\xe0\xa0\x80",
					   "\xed\x9f\xbf",
					   "\xee\x80\x80",
					   "\xf0\x90\x80\x80",
					   "\xf4\x8f\xbf\xbf",
					   "long enough for a word \xe2\x82\xac"};
	static const char *const bad[] = {"\x80",
					  "\xbf",
					  "\xc0\x80",
					  "\xc1\xbf",
					  "\xc2",
					  "\xc2\x41",
					  "\xe0\x9f\xbf",
					  "\xed\xa0\x80",
					  "\xe2\x82",
					  "\xf0\x8f\xbf\xbf",
					  "\xf4\x90\x80\x80",
					  "\xf5\x80\x80\x80",
					  "\xff",
					  "long enough for a word \xe2\x82"};
	size_t i;

	for (i = 0; i < sizeof good / sizeof *good; i++)
		cr_assert(apo_utf8_is_valid(good[i], strlen(good[i])), "%zu", i);
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert(not(apo_utf8_is_valid(bad[i], strlen(bad[i]))), "%zu", i);
}

/* Every code point, encoded by the definition. */
Test(utf8, every_character_is_valid_and_never_cut)
{
	char c[4];
	uint32_t code;
	size_t len, max;

	for (code = 1; code <= 0x10ffff; code += code < 0x3000 ? 1 : 77) {
		if (code < 0x80)
			len = 1, c[0] = (char)code;
		else if (code < 0x800)
			len = 2, c[0] = (char)(0xc0 | code >> 6), c[1] = (char)(0x80 | (code & 63));
		else if (code < 0x10000)
			len = 3, c[0] = (char)(0xe0 | code >> 12),
			c[1] = (char)(0x80 | (code >> 6 & 63)), c[2] = (char)(0x80 | (code & 63));
		else
			len = 4, c[0] = (char)(0xf0 | code >> 18),
			c[1] = (char)(0x80 | (code >> 12 & 63)),
			c[2] = (char)(0x80 | (code >> 6 & 63)), c[3] = (char)(0x80 | (code & 63));
		cr_assert(eq(int, apo_utf8_is_valid(c, len), code<0xd800 || code> 0xdfff));
		for (max = 0; max < len; max++)
			cr_assert(eq(sz, apo_utf8_cut(c, len, max), 0));
	}
}

Test(names, valid_nicks_are_told_from_others)
{
	cr_assert(apo_nick_is_valid("a", 1));
	cr_assert(apo_nick_is_valid("[]\\`_^{|}-9", 30));
	cr_assert(not(apo_nick_is_valid("", 30)));
	cr_assert(not(apo_nick_is_valid("9a", 30)));
	cr_assert(not(apo_nick_is_valid("-a", 30)));
	cr_assert(not(apo_nick_is_valid("a b", 30)));
	cr_assert(not(apo_nick_is_valid("a!b", 30)));
	cr_assert(not(apo_nick_is_valid("\xc3\xa9", 30)));
	cr_assert(not(apo_nick_is_valid("abc", 2)));
}

Test(names, valid_channels_are_told_from_others)
{
	cr_assert(apo_channel_is_valid("#a", 2));
	cr_assert(apo_channel_is_valid("##\xc3\xa9!", 64));
	cr_assert(not(apo_channel_is_valid("#", 64)));
	cr_assert(not(apo_channel_is_valid("a", 64)));
	cr_assert(not(apo_channel_is_valid("#a,b", 64)));
	cr_assert(not(apo_channel_is_valid("#a:b", 64)));
	cr_assert(not(apo_channel_is_valid("#a\x07", 64)));
	cr_assert(not(apo_channel_is_valid("#a b", 64)));
	cr_assert(not(apo_channel_is_valid("#abc", 3)));
}

Test(names, folding_is_of_ascii_letters_only)
{
	char folded[8];

	cr_assert(eq(sz, apo_fold(folded, sizeof folded, "Ab[C]\xc3\x89"), 7));
	cr_assert(eq(str, folded, "ab[c]\xc3\x89"));
	cr_assert(eq(sz, apo_fold(folded, 4, "ABCDEF"), 3));
	cr_assert(apo_is_same("NICK", "nick"));
	cr_assert(not(apo_is_same("a[", "a{")));
	cr_assert(not(apo_is_same("a", "ab")));
}

Test(names, user_names_are_corrected)
{
	char user[11];

	cr_assert(apo_user_clean(user, 10, "a b@c!d"));
	cr_assert(eq(str, user, "abcd"));
	cr_assert(apo_user_clean(user, 4, "longer"));
	cr_assert(eq(str, user, "long"));
	cr_assert(not(apo_user_clean(user, 10, "@ !")));
}

Test(names, valid_shown_hosts_are_told_from_others)
{
	cr_assert(apo_shown_host_is_valid("2001:db8::1"));
	cr_assert(not(apo_shown_host_is_valid("::1")));
	cr_assert(not(apo_shown_host_is_valid("")));
	cr_assert(not(apo_shown_host_is_valid("a b")));
	cr_assert(not(apo_shown_host_is_valid("a@b")));
}

Test(mask, bans_are_completed)
{
	char to[APO_MASK_BYTES_MAX];

	cr_assert(apo_mask_complete(to, sizeof to, "nick"));
	cr_assert(eq(str, to, "nick!*@*"));
	cr_assert(apo_mask_complete(to, sizeof to, "user@host"));
	cr_assert(eq(str, to, "*!user@host"));
	cr_assert(apo_mask_complete(to, sizeof to, "nick!user"));
	cr_assert(eq(str, to, "nick!user@*"));
	cr_assert(apo_mask_complete(to, sizeof to, "**a***!?**@***"));
	cr_assert(eq(str, to, "*a*!?*@*"));
	cr_assert(not(apo_mask_complete(to, sizeof to, "")));
	cr_assert(not(apo_mask_complete(to, sizeof to, "a b")));
	cr_assert(not(apo_mask_complete(to, 8, "nick")));
}

Test(mask, stars_without_end_take_no_time)
{
	char mask[2 * 100 + 2], text[400];
	int i;

	for (i = 0; i < 100; i++)
		memcpy(mask + 2 * i, "*a", 2);
	strcpy(mask + 200, "b");
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	cr_assert(not(apo_mask_is_match(mask, text)));
	cr_assert(apo_mask_is_match("?", "\xe2\x82\xac"));
	cr_assert(apo_mask_is_match("*\xe2\x82\xac?", "x\xe2\x82\xac\xe2\x82\xac"));
	cr_assert(apo_mask_is_match("", ""));
	cr_assert(not(apo_mask_is_match("", "a")));
}

Test(stamp, an_instant_is_written_to_the_millisecond)
{
	char stamp[APO_STAMP_BYTES];

	apo_stamp_write(stamp, INT64_C(1318953058004));
	cr_assert(eq(str, stamp, "2011-10-18T15:50:58.004Z"));
	apo_stamp_write(stamp, 0);
	cr_assert(eq(str, stamp, "1970-01-01T00:00:00.000Z"));
}

Test(stamp, only_dates_that_exist_are_read)
{
	static const struct {
		const char *text;
		int64_t wall_ms; /* -1: it is not read */
	} cases[] = {
		{"1970-01-01T00:00:00.000Z", 0},
		{"2011-10-18T15:50:58.004Z", INT64_C(1318953058004)},
		{"2000-02-29T00:00:00.000Z", INT64_C(951782400000)},
		{"2016-12-31T23:59:60.000Z", INT64_C(1483228800000)}, /* a leap second */
		{"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
		{"1969-12-31T23:59:59.999Z", -1},
		{"2100-02-29T00:00:00.000Z", -1},
		{"2011-06-31T00:00:00.000Z", -1},
		{"2011-00-18T00:00:00.000Z", -1},
		{"2011-13-18T00:00:00.000Z", -1},
		{"2011-10-00T00:00:00.000Z", -1},
		{"2011-10-18T24:00:00.000Z", -1},
		{"2011-10-18T00:60:00.000Z", -1},
		{"2011-10-18T00:00:61.000Z", -1},
		{"2011-10-18T00:00:00Z", -1},
		{"2011-10-18T00:00:00.000Zx", -1},
	};
	int64_t wall_ms;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		wall_ms = -1;
		cr_assert(eq(int, apo_stamp_read(cases[i].text, &wall_ms), cases[i].wall_ms >= 0),
			  "%s", cases[i].text);
		cr_assert(eq(i64, wall_ms, cases[i].wall_ms), "%s", cases[i].text);
	}
}

Test(stamp, an_instant_without_a_form_becomes_the_nearest)
{
	char stamp[APO_STAMP_BYTES];

	apo_stamp_write(stamp, INT64_MAX);
	cr_assert(eq(str, stamp, "9999-12-31T23:59:59.999Z"));
	apo_stamp_write(stamp, INT64_MIN);
	cr_assert(lt(sz, strlen(stamp), sizeof stamp));
}
