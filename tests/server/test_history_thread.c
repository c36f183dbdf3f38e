/* SPDX-License-Identifier: MIT */
/* The history thread, with a database that another connection locks when a test needs a failure. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/server/history_thread.h"
#include "conversation/server/records.h"
#include "server/history_file.h"

static struct history_file file;
static struct apo_history_thread history_thread;
static struct apo_mailbox box;
static struct apo_mail *mail; /* taken from the mailbox and not looked at yet */
static struct apo_config config;
static bool is_running;
static uint64_t ticket;
static char words[256];

static void start(void)
{
	cr_assert(
		eq(int, apo_history_thread_init(&history_thread, &box, file.history, &config), 0));
	cr_assert(eq(int, apo_history_thread_start(&history_thread), 0));
	is_running = true;
}

static void begin(void)
{
	memset(&file, 0, sizeof file);
	history_file_make(&file);
	config.history_age_ns = INT64_C(100) * 365 * 86400 * RUDP_NS_PER_S;
	config.history_messages_max = 1000000;
	config.history_bytes_max = (size_t)1 << 30;
	cr_assert(eq(int, apo_mailbox_init(&box), 0));
	/* A locked database is an error at once. */
	sqlite3_busy_timeout(file.history->db, 0);
	start();
}

static void stop(void)
{
	apo_history_thread_stop(&history_thread);
	file.history = NULL;
	is_running = false;
}

static void end(void)
{
	struct apo_mail *next;

	if (is_running)
		stop();
	for (mail = mail ? mail : apo_mailbox_take(&box); mail; mail = next) {
		next = mail->next;
		free(mail);
	}
	apo_mailbox_fini(&box);
	if (file.history)
		apo_history_close(file.history);
	apo_store_close(file.store);
	history_file_open(&file);
	history_file_remove(&file);
}

TestSuite(history_thread, .init = begin, .fini = end, .timeout = 600);

static void say(int64_t position, const char *text)
{
	apo_history_thread_keep(&history_thread, &(struct apo_said){.position = position,
								    .run = 1,
								    .time_ms = position,
								    .source = "a!b@c",
								    .target = "#a",
								    .text = text,
								    .channel = "#a"});
}

static struct apo_history_mail *next_answer(void)
{
	struct pollfd wait = {.fd = box.fd, .events = POLLIN};
	struct apo_history_mail *taken;

	while (!mail) {
		(void)poll(&wait, 1, -1);
		mail = apo_mailbox_take(&box);
	}
	taken = (struct apo_history_mail *)mail;
	mail = mail->next;
	return taken;
}

/* All that the account sees in #a: the first letter of each text. */
static const char *seen_by(const char *account)
{
	struct apo_history_mail *answer;
	unsigned i;

	apo_history_thread_ask(&history_thread, ++ticket,
			       &(struct apo_question){.way = APO_HISTORY_LATEST,
						      .account = account,
						      .channel = "#a",
						      .limit = 100});
	apo_batcher_flush(&history_thread.batcher);
	answer = next_answer();
	cr_assert(eq(int, answer->mail.kind, APO_MAIL_HISTORY));
	cr_assert(eq(u64, answer->ticket, ticket));
	words[0] = '\0';
	if (answer->asked == APO_ASKED_FAILED)
		strcpy(words, "failed");
	else if (answer->asked == APO_ASKED_NO_TARGET)
		strcpy(words, "nothing");
	for (i = 0; answer->asked == APO_ASKED_DONE && i < answer->page->count; i++)
		strncat(words, answer->page->said[i]->text, 1);
	apo_page_free(answer->page);
	free(answer);
	return words;
}

static void sees(const char *account, const char *expected)
{
	cr_assert(eq(str, (char *)seen_by(account), (char *)expected));
}

static void by_other(const char *sql)
{
	cr_assert(eq(int, sqlite3_exec(file.store->db, sql, NULL, NULL, NULL), SQLITE_OK), "%s",
		  sqlite3_errmsg(file.store->db));
}

Test(history_thread, a_sender_finds_its_message)
{
	unsigned i;

	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	sees("dan", "a");
	for (i = 3; i < 50; i++) {
		say(i, "b");
		cr_assert(eq(sz, strlen(seen_by("dan")), i - 1));
	}
	apo_history_thread_change(&history_thread, LEFT(1, 49));
	say(50, "c");
	cr_assert(eq(sz, strlen(seen_by("dan")), 48));
	sees("eve", "nothing");
}

Test(history_thread, queued_records_are_written_at_the_end)
{
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	say(3, "b");
	stop();
	cr_assert(eq(u64, history_thread.counters.kept, 2));
	apo_store_close(file.store);
	history_file_open(&file);
	cr_assert(eq(i64, apo_history_last_position(file.history), 3));
	start();
	sees("dan", "ab");
}

static void redact(int64_t position)
{
	apo_history_thread_ask(
		&history_thread, ++ticket,
		&(struct apo_question){
			.way = APO_HISTORY_REDACT,
			.channel = "#a",
			.is_member = true,
			.nick = "a",
			.oversees_ms = INT64_MAX,
			.first = {.kind = APO_REFERENCE_MSGID, .run = 1, .position = position}});
}

static enum apo_asked redacted(void)
{
	struct apo_history_mail *answer;
	enum apo_asked asked;

	apo_batcher_flush(&history_thread.batcher);
	answer = next_answer();
	asked = answer->asked;
	cr_assert(eq(u64, answer->ticket, ticket));
	cr_assert(eq(ptr, answer->page, NULL));
	free(answer);
	return asked;
}

Test(history_thread, a_redacted_message_is_not_shown)
{
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	say(3, "b");
	redact(2);
	cr_assert(eq(int, redacted(), APO_ASKED_DONE));
	sees("dan", "b");
	redact(2);
	cr_assert(eq(int, redacted(), APO_ASKED_NO_MESSAGE));
}

/* No redaction is reported that is not on disk. */
Test(history_thread, a_redaction_that_is_not_written_fails)
{
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	sees("dan", "a");
	by_other("BEGIN IMMEDIATE");
	redact(2);
	cr_assert(eq(int, redacted(), APO_ASKED_FAILED));
	by_other("COMMIT");
	sees("dan", "a");
	redact(2);
	cr_assert(eq(int, redacted(), APO_ASKED_DONE));
	sees("dan", "");
	cr_assert(eq(u64, history_thread.counters.answers_failed, 1));
}

/* dan leaves while nothing can be written. The messages are lost, but dan must not be shown as
 * present later. */
Test(history_thread, a_leave_is_not_lost_when_the_disk_fails)
{
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	sees("dan", "a");
	by_other("BEGIN IMMEDIATE");
	apo_history_thread_change(&history_thread, LEFT(1, 2));
	say(3, "b");
	sees("dan", "failed");
	sees("eve", "failed");
	cr_assert(eq(u64, history_thread.counters.lost, 1));
	cr_assert(ge(u64, history_thread.counters.groups_failed, 1));
	by_other("COMMIT");
	say(4, "c");
	sees("dan", "a");
	cr_assert(eq(u64, history_thread.counters.lost, 1));
	cr_assert(eq(u64, history_thread.counters.answers_failed, 2));
	say(5, "d");
	sees("dan", "a");
}

/* eve joins while nothing can be written, and sees the messages that follow. */
Test(history_thread, a_join_is_not_lost_when_the_disk_fails)
{
	int64_t marked = 0;

	by_other("BEGIN IMMEDIATE");
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	apo_history_thread_change(&history_thread, JOINED(2, "eve", 0, "#a", 2));
	apo_history_thread_change(&history_thread, LEFT(1, 2));
	apo_history_thread_change(&history_thread, READ("eve", 0, "#a", 7));
	say(3, "a");
	sees("eve", "failed");
	say(4, "b");
	sees("eve", "failed");
	by_other("COMMIT");
	say(5, "c");
	sees("eve", "c");
	sees("dan", "nothing");
	cr_assert(eq(int, apo_sql_number(file.store->db, "SELECT time_ms FROM markers", &marked),
		     SQLITE_OK));
	cr_assert(eq(i64, marked, 7));
}

/* No part is missing: what is on the disk can be read although nothing can be written. */
Test(history_thread, a_database_that_cannot_be_written_can_be_read)
{
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	sees("dan", "a");
	by_other("BEGIN IMMEDIATE");
	say(3, "b");
	sees("dan", "a");
	by_other("COMMIT");
	say(4, "c");
	sees("dan", "ac");
}

/* More than the limit of waiting records: the model does not wait, and joins and parts are not
 * lost. */
Test(history_thread, a_slow_disk_loses_only_messages)
{
	static char text[400];
	struct sqlite3 *db = file.history->db;
	int64_t position;

	memset(text, 'x', sizeof text - 1);
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	sees("dan", "a");
	/* The thread is idle now; its next write waits for the lock. */
	sqlite3_busy_timeout(db, 300000);
	by_other("BEGIN IMMEDIATE");
	for (position = 3; history_thread.counters.dropped < 100; position++) {
		say(position, text);
		apo_batcher_flush(&history_thread.batcher);
		cr_assert(lt(i64, position, 100000));
	}
	apo_history_thread_change(&history_thread, LEFT(1, position));
	say(++position, "c");
	by_other("COMMIT");
	cr_assert(ge(sz, strlen(seen_by("dan")) + 1, 2));
	stop();
	cr_assert(ge(u64, history_thread.counters.kept, 1001));
	cr_assert(eq(u64, history_thread.counters.lost, 0));
}

Test(history_thread, another_retention_is_used_at_once)
{
	int64_t i;

	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	for (i = 2; i < 1002; i++)
		say(i, "a");
	sees("eve", "nothing");
	config.history_messages_max = 5;
	apo_history_thread_configure(&history_thread, &config);
	while (strlen(seen_by("dan")) != 5)
		;
	cr_assert(ge(u64, history_thread.counters.prunings, 3));
}

Test(history_thread, a_paused_thread_has_written_all_and_can_continue)
{
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	cr_assert(apo_history_thread_pause(&history_thread));
	cr_assert(eq(u64, history_thread.counters.kept, 1));
	say(3, "b");
	cr_assert(eq(int, apo_history_thread_start(&history_thread), 0));
	sees("dan", "ab");
}

/* Parts that are not on disk are in no other process, so this process continues and writes them
 * later. */
Test(history_thread, pausing_fails_while_leaves_are_not_written)
{
	apo_history_thread_change(&history_thread, JOINED(1, "dan", 0, "#a", 1));
	say(2, "a");
	sees("dan", "a");
	by_other("BEGIN IMMEDIATE");
	apo_history_thread_change(&history_thread, LEFT(1, 2));
	cr_assert(not(apo_history_thread_pause(&history_thread)));
	by_other("COMMIT");
	cr_assert(eq(int, apo_history_thread_start(&history_thread), 0));
	say(3, "b");
	sees("dan", "a");
	cr_assert(apo_history_thread_pause(&history_thread));
	cr_assert(eq(int, apo_history_thread_start(&history_thread), 0));
}
