/* SPDX-License-Identifier: MIT */
/*
 * The public cases of ircdocs/parser-tests (msg-split, msg-join, userhost-split, mask-match,
 * validate-hostname), written in 2015 by Daniel Oaks and others and dedicated to the public domain
 * (CC0 1.0), here as tables.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "conversation/irc/mask.h"
#include "conversation/irc/message.h"
#include "conversation/irc/names.h"

struct parts {
	struct apo_tag tags[5];
	const char *source, *verb, *params[5];
};

static const struct {
	const char *input;
	struct parts parts;
} splits[] = {
	{"foo bar baz asdf", {.verb = "foo", .params = {"bar", "baz", "asdf"}}},
	{":coolguy foo bar baz asdf",
	 {.source = "coolguy", .verb = "foo", .params = {"bar", "baz", "asdf"}}},
	{"foo bar baz :asdf quux", {.verb = "foo", .params = {"bar", "baz", "asdf quux"}}},
	{"foo bar baz :", {.verb = "foo", .params = {"bar", "baz", ""}}},
	{"foo bar baz ::asdf", {.verb = "foo", .params = {"bar", "baz", ":asdf"}}},
	{":coolguy foo bar baz :asdf quux",
	 {.source = "coolguy", .verb = "foo", .params = {"bar", "baz", "asdf quux"}}},
	{":coolguy foo bar baz :  asdf quux ",
	 {.source = "coolguy", .verb = "foo", .params = {"bar", "baz", "  asdf quux "}}},
	{":coolguy PRIVMSG bar :lol :) ",
	 {.source = "coolguy", .verb = "PRIVMSG", .params = {"bar", "lol :) "}}},
	{":coolguy foo bar baz :",
	 {.source = "coolguy", .verb = "foo", .params = {"bar", "baz", ""}}},
	{":coolguy foo bar baz :  ",
	 {.source = "coolguy", .verb = "foo", .params = {"bar", "baz", "  "}}},
	{"@a=b;c=32;k;rt=ql7 foo",
	 {.tags = {{"a", "b"}, {"c", "32"}, {"k", ""}, {"rt", "ql7"}}, .verb = "foo"}},
	{"@a=b\\\\and\\nk;c=72\\s45;d=gh\\:764 foo",
	 {.tags = {{"a", "b\\and\nk"}, {"c", "72 45"}, {"d", "gh;764"}}, .verb = "foo"}},
	{"@c;h=;a=b :quux ab cd",
	 {.tags = {{"c", ""}, {"h", ""}, {"a", "b"}},
	  .source = "quux",
	  .verb = "ab",
	  .params = {"cd"}}},
	{":src JOIN #chan", {.source = "src", .verb = "JOIN", .params = {"#chan"}}},
	{":src JOIN :#chan", {.source = "src", .verb = "JOIN", .params = {"#chan"}}},
	{":src AWAY", {.source = "src", .verb = "AWAY"}},
	{":src AWAY ", {.source = "src", .verb = "AWAY"}},
	{":cool\tguy foo bar baz",
	 {.source = "cool\tguy", .verb = "foo", .params = {"bar", "baz"}}},
	{":coolguy!ag@net\x03"
	 "5w\x03ork.admin PRIVMSG foo :bar baz",
	 {.source = "coolguy!ag@net\x03"
		    "5w\x03ork.admin",
	  .verb = "PRIVMSG",
	  .params = {"foo", "bar baz"}}},
	{":coolguy!~ag@n\x02"
	 "et\x03"
	 "05w\x0fork.admin PRIVMSG foo :bar baz",
	 {.source = "coolguy!~ag@n\x02"
		    "et\x03"
		    "05w\x0fork.admin",
	  .verb = "PRIVMSG",
	  .params = {"foo", "bar baz"}}},
	{"@tag1=value1;tag2;vendor1/tag3=value2;vendor2/tag4= :irc.example.com COMMAND param1 "
	 "param2 :param3 param3",
	 {.tags = {{"tag1", "value1"},
		   {"tag2", ""},
		   {"vendor1/tag3", "value2"},
		   {"vendor2/tag4", ""}},
	  .source = "irc.example.com",
	  .verb = "COMMAND",
	  .params = {"param1", "param2", "param3 param3"}}},
	{":irc.example.com COMMAND param1 param2 :param3 param3",
	 {.source = "irc.example.com",
	  .verb = "COMMAND",
	  .params = {"param1", "param2", "param3 param3"}}},
	{"@tag1=value1;tag2;vendor1/tag3=value2;vendor2/tag4 COMMAND param1 param2 :param3 param3",
	 {.tags = {{"tag1", "value1"},
		   {"tag2", ""},
		   {"vendor1/tag3", "value2"},
		   {"vendor2/tag4", ""}},
	  .verb = "COMMAND",
	  .params = {"param1", "param2", "param3 param3"}}},
	{"COMMAND", {.verb = "COMMAND"}},
	{"@foo=\\\\\\\\\\:\\\\s\\s\\r\\n COMMAND",
	 {.tags = {{"foo", "\\\\;\\s \r\n"}}, .verb = "COMMAND"}},
	{":gravel.mozilla.org 432  #momo :Erroneous Nickname: Illegal characters",
	 {.source = "gravel.mozilla.org",
	  .verb = "432",
	  .params = {"#momo", "Erroneous Nickname: Illegal characters"}}},
	{":gravel.mozilla.org MODE #tckk +n ",
	 {.source = "gravel.mozilla.org", .verb = "MODE", .params = {"#tckk", "+n"}}},
	{":services.esper.net MODE #foo-bar +o foobar  ",
	 {.source = "services.esper.net", .verb = "MODE", .params = {"#foo-bar", "+o", "foobar"}}},
	{"@tag1=value\\\\ntest COMMAND", {.tags = {{"tag1", "value\\ntest"}}, .verb = "COMMAND"}},
	{"@tag1=value\\1 COMMAND", {.tags = {{"tag1", "value1"}}, .verb = "COMMAND"}},
	{"@tag1=value1\\ COMMAND", {.tags = {{"tag1", "value1"}}, .verb = "COMMAND"}},
	{"@tag1=1;tag2=3;tag3=4;tag1=5 COMMAND",
	 {.tags = {{"tag1", "5"}, {"tag2", "3"}, {"tag3", "4"}}, .verb = "COMMAND"}},
	{"@tag1=1;tag2=3;tag3=4;tag1=5;vendor/tag2=8 COMMAND",
	 {.tags = {{"tag1", "5"}, {"tag2", "3"}, {"tag3", "4"}, {"vendor/tag2", "8"}},
	  .verb = "COMMAND"}},
	{":SomeOp MODE #channel :+i",
	 {.source = "SomeOp", .verb = "MODE", .params = {"#channel", "+i"}}},
	{":SomeOp MODE #channel +oo SomeUser :AnotherUser",
	 {.source = "SomeOp",
	  .verb = "MODE",
	  .params = {"#channel", "+oo", "SomeUser", "AnotherUser"}}},
};

static void assert_same_text(const char *is, const char *should, const char *input)
{
	cr_assert(eq(int, is != NULL, should != NULL), "%s", input);
	if (should)
		cr_assert(eq(str, (char *)is, (char *)should), "%s", input);
}

static void assert_is(const struct apo_message *message, const struct parts *parts,
		      const char *input)
{
	unsigned i;

	assert_same_text(message->source, parts->source, input);
	assert_same_text(message->command, parts->verb, input);
	for (i = 0; i < 5 && parts->params[i]; i++)
		assert_same_text(i < message->param_count ? message->params[i] : NULL,
				 parts->params[i], input);
	cr_assert(eq(uint, message->param_count, i), "%s", input);
	for (i = 0; i < 5 && parts->tags[i].key; i++)
		assert_same_text(apo_message_tag(message, parts->tags[i].key), parts->tags[i].value,
				 input);
	cr_assert(eq(uint, message->tag_count, i), "%s", input);
}

Test(parser_cases, messages_are_read_as_published)
{
	struct apo_message message;
	char line[APO_LINE_BYTES_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof splits / sizeof *splits; i++) {
		strcpy(line, splits[i].input);
		cr_assert(eq(int, apo_message_parse(line, strlen(line), &message), APO_MESSAGE_OK));
		assert_is(&message, &splits[i].parts, splits[i].input);
	}
}

/* Where several forms are correct, the one that this server writes comes first. A tag without value
 * has NULL. */
static const struct {
	struct parts parts;
	const char *line;
} joins[] = {
	{{.verb = "foo", .params = {"bar", "baz", "asdf"}}, "foo bar baz :asdf"},
	{{.source = "src", .verb = "AWAY"}, ":src AWAY"},
	{{.source = "src", .verb = "AWAY", .params = {""}}, ":src AWAY :"},
	{{.source = "coolguy", .verb = "foo", .params = {"bar", "baz", "asdf"}},
	 ":coolguy foo bar baz :asdf"},
	{{.verb = "foo", .params = {"bar", "baz", "asdf quux"}}, "foo bar baz :asdf quux"},
	{{.verb = "foo", .params = {"bar", "baz", ""}}, "foo bar baz :"},
	{{.verb = "foo", .params = {"bar", "baz", ":asdf"}}, "foo bar baz ::asdf"},
	{{.source = "coolguy", .verb = "foo", .params = {"bar", "baz", "asdf quux"}},
	 ":coolguy foo bar baz :asdf quux"},
	{{.source = "coolguy", .verb = "foo", .params = {"bar", "baz", "  asdf quux "}},
	 ":coolguy foo bar baz :  asdf quux "},
	{{.source = "coolguy", .verb = "PRIVMSG", .params = {"bar", "lol :) "}},
	 ":coolguy PRIVMSG bar :lol :) "},
	{{.source = "coolguy", .verb = "foo", .params = {"bar", "baz", ""}},
	 ":coolguy foo bar baz :"},
	{{.source = "coolguy", .verb = "foo", .params = {"bar", "baz", "  "}},
	 ":coolguy foo bar baz :  "},
	{{.source = "coolguy", .verb = "foo", .params = {"b\tar", "baz"}},
	 ":coolguy foo b\tar :baz"},
	{{.tags = {{"asd", NULL}},
	  .source = "coolguy",
	  .verb = "foo",
	  .params = {"bar", "baz", "  "}},
	 "@asd :coolguy foo bar baz :  "},
	{{.tags = {{"a", "b\\and\nk"}, {"d", "gh;764"}}, .verb = "foo"},
	 "@a=b\\\\and\\nk;d=gh\\:764 foo"},
	{{.tags = {{"a", "b\\and\nk"}, {"d", "gh;764"}}, .verb = "foo", .params = {"par1", "par2"}},
	 "@a=b\\\\and\\nk;d=gh\\:764 foo par1 :par2"},
	{{.tags = {{"foo", "\\\\;\\s \r\n"}}, .verb = "COMMAND"},
	 "@foo=\\\\\\\\\\:\\\\s\\s\\r\\n COMMAND"},
};

static size_t join_tags(char *to, size_t cap, const struct apo_tag *tags)
{
	size_t len = 0;
	unsigned i;

	for (i = 0; i < 5 && tags[i].key; i++) {
		len += (size_t)snprintf(to + len, cap - len, "%c%s", i == 0 ? '@' : ';',
					tags[i].key);
		if (tags[i].value) {
			to[len++] = '=';
			len += apo_tag_escape(to + len, cap - len, tags[i].value);
		}
	}
	if (i > 0)
		to[len++] = ' ';
	return len;
}

Test(parser_cases, messages_are_written_as_published)
{
	struct apo_line line;
	char text[1024];
	const char *const *param;
	size_t i, len;

	for (i = 0; i < sizeof joins / sizeof *joins; i++) {
		len = join_tags(text, sizeof text, joins[i].parts.tags);
		apo_line_begin(&line, joins[i].parts.source, joins[i].parts.verb);
		for (param = joins[i].parts.params; *param; param++) {
			if (param[1])
				apo_line_param(&line, *param);
			else
				apo_line_last(&line, *param);
		}
		apo_line_end(&line);
		memcpy(text + len, line.bytes, line.len);
		len += line.len;
		cr_assert(eq(int, memcmp(text + len - 2, "\r\n", 2), 0));
		text[len - 2] = '\0';
		cr_assert(eq(str, text, (char *)joins[i].line));
	}
}

Test(parser_cases, sources_are_split_as_published)
{
	static const struct {
		const char *source;
		struct apo_source parts;
	} cases[] = {
		{"coolguy!ag@127.0.0.1", {"coolguy", "ag", "127.0.0.1"}},
		{"coolguy!~ag@localhost", {"coolguy", "~ag", "localhost"}},
		{"coolguy@127.0.0.1", {"coolguy", "", "127.0.0.1"}},
		{"coolguy!ag", {"coolguy", "ag", ""}},
		{"coolguy!ag@net\x03"
		 "5w\x03ork.admin",
		 {"coolguy", "ag",
		  "net\x03"
		  "5w\x03ork.admin"}},
		{"coolguy!~ag@n\x02"
		 "et\x03"
		 "05w\x0fork.admin",
		 {"coolguy", "~ag",
		  "n\x02"
		  "et\x03"
		  "05w\x0fork.admin"}},
	};
	struct apo_source parts;
	char source[100];
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		strcpy(source, cases[i].source);
		parts = apo_source_split(source);
		assert_same_text(parts.nick, cases[i].parts.nick, cases[i].source);
		assert_same_text(parts.user, cases[i].parts.user, cases[i].source);
		assert_same_text(parts.host, cases[i].parts.host, cases[i].source);
	}
}

Test(parser_cases, masks_match_as_published)
{
	static const struct {
		const char *mask, *matches[4], *fails[5];
	} cases[] = {
		{"*@127.0.0.1",
		 {"coolguy!ab@127.0.0.1", "cooldud3!~bc@127.0.0.1"},
		 {"coolguy!ab@127.0.0.5", "cooldud3!~d@124.0.0.1"}},
		{"cool*@*",
		 {"coolguy!ab@127.0.0.1", "cooldud3!~bc@127.0.0.1", "cool132!ab@example.com"},
		 {"koolguy!ab@127.0.0.5", "cooodud3!~d@124.0.0.1"}},
		{"cool!*@*",
		 {"cool!guyab@127.0.0.1", "cool!~dudebc@127.0.0.1", "cool!312ab@example.com"},
		 {"coolguy!ab@127.0.0.1", "cooldud3!~bc@127.0.0.1", "koolguy!ab@127.0.0.5",
		  "cooodud3!~d@124.0.0.1"}},
		{"cool!?username@*",
		 {"cool!ausername@127.0.0.1", "cool!~username@127.0.0.1"},
		 {"cool!username@127.0.0.1"}},
		{"cool!a?*@*", {"cool!ab@127.0.0.1", "cool!abc@127.0.0.1"}, {"cool!a@127.0.0.1"}},
		{"cool[guy]!*@*",
		 {"cool[guy]!guy@127.0.0.1", "cool[guy]!a@example.com"},
		 {"coolg!ab@127.0.0.1", "cool[!ac@127.0.1.1"}},
	};
	const char *const *text;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (text = cases[i].matches; *text; text++)
			cr_assert(apo_mask_is_match(cases[i].mask, *text), "%s", *text);
		for (text = cases[i].fails; *text; text++)
			cr_assert(not(apo_mask_is_match(cases[i].mask, *text)), "%s", *text);
	}
}

Test(parser_cases, hostnames_are_valid_as_published)
{
	static const char *const valid[] = {"irc.example.com", "i.coolguy.net",   "irc-srv.net.uk",
					    "iRC.CooLguY.NeT", "gsf.ds342.co.uk", "324.net.uk",
					    "xn--bcher-kva.ch"};
	static const char *const invalid[] = {
		"-lol-.net.uk", "-lol.net.uk", "_irc._sctp.lol.net.uk", "irc", "com", ""};
	size_t i;

	for (i = 0; i < sizeof valid / sizeof *valid; i++)
		cr_assert(apo_host_is_valid(valid[i]), "%s", valid[i]);
	for (i = 0; i < sizeof invalid / sizeof *invalid; i++)
		cr_assert(not(apo_host_is_valid(invalid[i])), "%s", invalid[i]);
}
