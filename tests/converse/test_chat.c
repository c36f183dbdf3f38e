/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/converse/chat_private.h"
#include "conversation/converse/dedup.h"
#include "fake_server.h"

static struct fake_server fake_server;

static void begin(void)
{
	fake_server_init(&fake_server, 2, 1);
}

static void end(void)
{
	fake_server_fini(&fake_server);
}

TestSuite(chat, .init = begin, .fini = end);

/* Connects and joins; the output until then is dropped. */
static void settle(void)
{
	fake_server_settle(&fake_server);
	fake_server_log(&fake_server, 0);
	fake_server_log(&fake_server, 1);
}

static bool has(unsigned client, const char *line)
{
	return strstr(fake_server.clients[client].log, line) != NULL;
}

/* Whether the first client has joined the channel. */
static bool is_in(const char *name)
{
	const struct cv_channel *channel = cv_channel_of(fake_server.clients[0].chat, name);

	return channel && (channel->state == CV_IN || channel->state == CV_GATHERING);
}

Test(chat, registers_joins_and_sends)
{
	fake_server_say(&fake_server, 0, "early");
	fake_server_settle(&fake_server);
	cr_assert(is_in("#A"));
	cr_assert(has(0, "STATUS   registered as anna\n"));
	cr_assert(has(0, "JOINED #a  \n"));
	cr_assert(has(0, "SAID #a anna early\n"));
	settle();
	fake_server_say(&fake_server, 0, "hello");
	fake_server_settle(&fake_server);
	cr_assert(eq(str, fake_server_log(&fake_server, 1), "MESSAGE #a anna hello\n"));
	cr_assert(eq(str, fake_server_log(&fake_server, 0),
		     "SAID #a anna hello\nRECEIPT #a  \nRECEIPT #a  \n"));
	cr_assert(eq(sz, cv_chat_unsaid(fake_server.clients[0].chat), 0));
	cr_assert(eq(sz, cv_chat_receipts_open(fake_server.clients[0].chat), 0));
	cr_assert(eq(u64, cv_chat_receipts_missing(fake_server.clients[0].chat), 0));
}

/* Only the receipt removes a line: a server that died may have lost the lines in its memory. */
Test(chat, a_line_that_nobody_received_is_sent_again)
{
	settle();
	fake_server_say(&fake_server, 0, "hello");
	while (fake_server_step(&fake_server, 0, true) || fake_server_step(&fake_server, 0, false))
		;
	cr_assert(has(0, "SAID #a anna hello\n"));
	fake_server_restart_server(&fake_server);
	fake_server_settle(&fake_server);
	fake_server_wait(&fake_server, CV_GATHER_NS);
	fake_server_settle(&fake_server);
	cr_assert(has(1, "MESSAGE #a anna hello\n"));
	cr_assert(eq(ptr, strstr(strstr(fake_server.clients[0].log, "SAID") + 1, "SAID"), NULL));
	cr_assert(eq(sz, fake_server.clients[0].kept_count, 0));
}

Test(chat, remaining_lines_wait_until_the_members_are_back)
{
	settle();
	fake_server_restart_server(&fake_server);
	fake_server_say(&fake_server, 0, "are you there?");
	while (fake_server_step(&fake_server, 0, true) || fake_server_step(&fake_server, 0, false))
		;
	cr_assert(is_in("#a"));
	cr_assert(eq(sz, cv_chat_unsaid(fake_server.clients[0].chat), 1));
	fake_server_settle(&fake_server);
	cr_assert(has(1, "MESSAGE #a anna are you there?\n"));
}

Test(chat, waiting_for_members_has_a_time_limit)
{
	settle();
	fake_server_restart_server(&fake_server);
	fake_server_say(&fake_server, 0, "are you there?");
	while (fake_server_step(&fake_server, 0, true) || fake_server_step(&fake_server, 0, false))
		;
	cr_assert(le(i64, cv_chat_next_at_ns(fake_server.clients[0].chat),
		     fake_server.now_ns + CV_GATHER_NS));
	fake_server_wait(&fake_server, CV_GATHER_NS);
	while (fake_server_step(&fake_server, 0, true) || fake_server_step(&fake_server, 0, false))
		;
	cr_assert(has(0, "SAID #a anna are you there?\n"));
}

Test(chat, a_refused_line_is_reported_and_not_sent_again)
{
	uint64_t last;

	settle();
	cr_assert(eq(int, cv_chat_say(fake_server.clients[0].chat, "nobody", "hello", &last), 1));
	fake_server_settle(&fake_server);
	cr_assert(eq(str, fake_server_log(&fake_server, 0), "FAILED nobody  Cannot send\n"));
	cr_assert(eq(sz, fake_server.clients[0].kept_count, 0));
}

Test(chat, an_invalid_line_is_refused_at_once)
{
	struct cv_chat *chat = fake_server.clients[0].chat;
	uint64_t last;

	cr_assert(eq(int, cv_chat_say(chat, "#a", "two\nlines", &last), -EINVAL));
	cr_assert(eq(int, cv_chat_say(chat, "#a", "\xff", &last), -EINVAL));
	cr_assert(eq(int, cv_chat_say(chat, "#a,#b", "x", &last), -EINVAL));
	cr_assert(eq(int, cv_chat_say(chat, "a b", "x", &last), -EINVAL));
	cr_assert(eq(int, cv_chat_say(chat, "#a", "", &last), 0));
}

Test(chat, a_long_text_is_several_lines)
{
	char text[2001];
	uint64_t last = 0;
	int count;

	settle();
	memset(text, 'x', 2000);
	text[2000] = 0;
	count = cv_chat_say(fake_server.clients[0].chat, "#a", text, &last);
	cr_assert(eq(int, count, (int)last));
	cr_assert(ge(int, count, 5));
	fake_server_settle(&fake_server);
	cr_assert(eq(sz, cv_chat_unsaid(fake_server.clients[0].chat), 0));
}

Test(chat, lines_in_flight_are_limited_by_the_window)
{
	int i, lines = 0;

	settle();
	for (i = 0; i < 3 * CV_WINDOW; i++)
		fake_server_say(&fake_server, 0, "x");
	for (i = 0; fake_server_step(&fake_server, 0, true); i++)
		lines++;
	cr_assert(eq(int, lines, CV_WINDOW));
}

Test(chat, the_same_message_is_shown_once)
{
	settle();
	fake_server_tell(&fake_server, 1,
			 "@msgid=m9;" CV_LINE_TAG "=0000000000000001.5 :x!u@h PRIVMSG #a :one");
	fake_server_tell(&fake_server, 1, "@msgid=m9 :x!u@h PRIVMSG #a :one");
	fake_server_tell(&fake_server, 1,
			 "@msgid=m10;" CV_LINE_TAG "=0000000000000001.5 :x!u@h PRIVMSG #a :one");
	fake_server_tell(&fake_server, 1, ":x!u@h PRIVMSG #a :two");
	fake_server_tell(&fake_server, 1, ":x!u@h PRIVMSG #a :two");
	fake_server_settle(&fake_server);
	cr_assert(eq(str, fake_server_log(&fake_server, 1),
		     "MESSAGE #a x one\nMESSAGE #a x two\nMESSAGE #a x two\n"));
}

Test(chat, tags_of_others_do_not_hide_a_message)
{
	static char line[APO_FRAME_LINE_MAX + 1];
	size_t len;

	settle();
	len = (size_t)snprintf(line, sizeof line, "@msgid=m9;+x=");
	memset(line + len, 'y', 4080);
	strcpy(line + len + 4080, ";time=2026-01-01T00:00:00.000Z :x!u@h PRIVMSG #a :one");
	fake_server_tell(&fake_server, 1, "%s", line);
	fake_server_settle(&fake_server);
	cr_assert(eq(str, fake_server_log(&fake_server, 1), "MESSAGE #a x one\n"));
}

Test(chat, a_nick_in_use_gets_a_suffix)
{
	while (fake_server_step(&fake_server, 0, false) || !strcmp(fake_server.clients[0].nick, ""))
		fake_server_step(&fake_server, 0, true);
	fake_server_tell(&fake_server, 0, ":s 433 * anna :Nickname is already in use");
	fake_server_settle(&fake_server);
	cr_assert(eq(str, (char *)cv_chat_own_nick(fake_server.clients[0].chat), "anna_"));
	cr_assert(eq(str, fake_server.clients[0].nick, "anna_"));
}

Test(chat, missed_lines_are_shown_before_new_ones)
{
	fake_server.history = "@batch=hist;msgid=m1 :x!u@h PRIVMSG #a :first";
	fake_server.caps = "message-tags batch echo-message labeled-response draft/chathistory";
	fake_server_restart_client(&fake_server, 1);
	fake_server.clients[1].is_linked = true;
	while (fake_server.clients[1].chat->state != CV_READY)
		if (!fake_server_step(&fake_server, 1, true))
			fake_server_step(&fake_server, 1, false);
	/* Sent between JOIN and the history. */
	while (!fake_server.clients[1].is_in)
		fake_server_step(&fake_server, 1, true);
	while (fake_server_step(&fake_server, 1, false))
		;
	fake_server_tell(&fake_server, 1, "@msgid=m2 :x!u@h PRIVMSG #a :second");
	fake_server_step(&fake_server, 1, false);
	fake_server_log(&fake_server, 1);
	fake_server_settle(&fake_server);
	cr_assert(eq(str, fake_server_log(&fake_server, 1),
		     "MESSAGE~ #a x first\nMESSAGE #a x second\nJOINED #a  \n"
		     "EVENT #a  anna has joined\n"));
}

static void log_in(const char *numeric)
{
	fake_server.login = numeric;
	fake_server.caps = "message-tags batch echo-message labeled-response sasl=PLAIN";
	fake_server_restart_client(&fake_server, 0);
	fake_server_settle(&fake_server);
}

Test(chat, logs_in_before_it_registers)
{
	log_in("903");
	cr_assert(eq(str, fake_server.asked, "AGFubmEAc2VjcmV0")); /* 0 anna 0 secret */
	cr_assert(is_in("#a"));
}

Test(chat, logs_in_by_key)
{
	fake_server.uses_key = true;
	log_in("903");
	cr_assert(eq(str, fake_server.asked, "+"));
	cr_assert(is_in("#a"));
}

static void log_in_by_scram(const char *knows)
{
	fake_server.login = "903";
	fake_server.knows = knows;
	fake_server.caps = "message-tags batch echo-message labeled-response "
			   "sasl=PLAIN,SCRAM-SHA-256";
	fake_server_restart_client(&fake_server, 0);
	fake_server_settle(&fake_server);
	cr_assert(is_in("#a"));
}

Test(chat, a_server_with_scram_does_not_get_the_password)
{
	log_in_by_scram("secret");
	cr_assert(eq(str, fake_server.asked, ""));
	cr_assert(has(0, "STATUS   Proven\n"));
}

/* The account may have no keys yet. */
Test(chat, a_refusal_of_scram_is_followed_by_plain)
{
	log_in_by_scram("another");
	cr_assert(eq(str, fake_server.asked, "AGFubmEAc2VjcmV0"));
	cr_assert(has(0, "STATUS   Answer\n"));
}

Test(chat, a_server_that_does_not_know_the_password_is_reported)
{
	log_in_by_scram(NULL);
	cr_assert(eq(str, fake_server.asked, ""));
	cr_assert(has(0, "STATUS   not logged in: the server does not know the password\n"));
}

/* One that has known it does not get it when it refuses us later, nor one in its place. */
Test(chat, after_scram_the_password_is_never_sent)
{
	log_in_by_scram("secret");
	fake_server.knows = "another";
	fake_server.caps = "message-tags batch echo-message labeled-response sasl=PLAIN";
	fake_server_restart_server(&fake_server);
	fake_server_wait(&fake_server, RUDP_NS_PER_S);
	fake_server_settle(&fake_server);
	cr_assert(has(0, "STATUS   Wrong\n"));
	cr_assert(eq(str, fake_server.asked, ""));
}

Test(chat, a_server_that_sees_no_key_is_reported)
{
	fake_server.uses_key = true;
	fake_server_restart_client(&fake_server, 0);
	fake_server_settle(&fake_server);
	cr_assert(has(0, "STATUS   not logged in: the server has no accounts, "
			 "or sees no key of ours\n"));
	cr_assert(is_in("#a"));
}

Test(chat, a_wrong_password_is_reported)
{
	log_in("904");
	cr_assert(has(0, "STATUS   Answer\n"));
	cr_assert(is_in("#a"));
}

Test(chat, a_server_without_needed_capabilities_is_a_misfit)
{
	fake_server.caps = "message-tags batch";
	fake_server_settle(&fake_server);
	cr_assert(ne(ptr, (void *)cv_chat_version_error(fake_server.clients[0].chat), NULL));
}

Test(chat, another_version_of_the_frames_is_a_misfit)
{
	static const uint8_t hello[] = {1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};

	cv_chat_on_message(fake_server.clients[0].chat, hello, sizeof hello);
	cr_assert(ne(ptr, (void *)cv_chat_version_error(fake_server.clients[0].chat), NULL));
}

Test(chat, a_session_that_the_server_closes_is_opened_again_later)
{
	uint8_t bytes[APO_FRAME_BYTES_MAX];
	struct apo_frame close = {.kind = APO_FRAME_CLOSE, .text = "no", .text_len = 2};

	settle();
	close.session = fake_server.clients[0].session;
	cv_chat_on_message(fake_server.clients[0].chat, bytes, apo_frame_write(&close, bytes));
	cr_assert(ne(int, fake_server.clients[0].chat->state, CV_READY));
	cr_assert(eq(i64, cv_chat_next_at_ns(fake_server.clients[0].chat),
		     fake_server.now_ns + CV_RETRY_FIRST_NS));
	fake_server_wait(&fake_server, CV_RETRY_FIRST_NS);
	fake_server_settle(&fake_server);
	cr_assert(is_in("#a"));
}

Test(chat, quitting_ends_when_the_server_confirms)
{
	settle();
	cv_chat_quit(fake_server.clients[0].chat, "bye");
	cr_assert(not(cv_chat_is_over(fake_server.clients[0].chat)));
	fake_server_settle(&fake_server);
	cr_assert(cv_chat_is_over(fake_server.clients[0].chat));
}

/* ---- seen ---- */

/* Compared with a list of the last CV_DEDUP_MAX. */
Test(seen, remembers_only_the_last_ones)
{
	static struct cv_dedup seen;
	static uint64_t last[CV_DEDUP_MAX];
	struct random random = {7};
	uint64_t hash;
	unsigned i, j, count = 0;

	for (i = 0; i < 4 * CV_DEDUP_MAX; i++) {
		/* Few hash values, so that they collide. */
		hash = (random_next(&random) << 24) | (random_next(&random) % 600) | 1;
		if (!cv_dedup_has(&seen, hash))
			last[count++ % CV_DEDUP_MAX] = hash;
		cv_dedup_add(&seen, hash);
		if (i % 1000 == 0)
			for (j = 0; j < CV_DEDUP_MAX && j < count; j++)
				cr_assert(cv_dedup_has(&seen, last[j]));
	}
	for (i = 0, j = 0; i < 2 * CV_DEDUP_MAX; i++)
		j += seen.table[i] != 0;
	cr_assert(eq(uint, j, CV_DEDUP_MAX));
}
