/* SPDX-License-Identifier: MIT */
/* Which messages of the history a client may remove (REDACT), and that nothing of them is left. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "server/history_begun.h"

TestSuite(history_redact, .init = begin, .fini = end);

static void join(const char *account)
{
	last++;
	cr_assert(eq(int, apo_history_change(file.history, JOINED(last, account, 0, "#room", last)),
		     0));
}

static int64_t say_in(const char *channel, const char *source, const char *account,
		      const char *text)
{
	int64_t position = last + 1;
	struct apo_said said = {.position = position,
				.run = RUN,
				.time_ms = TIME_MS + position,
				.source = source,
				.target = "#Room",
				.account = account,
				.text = text,
				.channel = channel,
				.between = {"dan", "eve"}};

	cr_assert(eq(int, apo_history_add(file.history, &said), 0));
	last = position;
	return position;
}

static int64_t say(const char *source, const char *account, const char *text)
{
	return say_in("#room", source, account, text);
}

/* A question of a member of #room without an account, which has the nick since position 0. */
static struct apo_question question_of(const char *nick, int64_t position)
{
	return (struct apo_question){
		.way = APO_HISTORY_REDACT,
		.channel = "#room",
		.is_member = true,
		.nick = nick,
		.oversees_ms = INT64_MAX,
		.first = {.kind = APO_REFERENCE_MSGID, .run = RUN, .position = position}};
}

static enum apo_asked redact(const struct apo_question *question)
{
	enum apo_asked asked = APO_ASKED_FAILED;

	cr_assert(eq(int, apo_history_redact(file.history, question, &asked), 0));
	return asked;
}

static unsigned seen_by_eve(void)
{
	apo_page_clear(page);
	cr_assert(eq(int,
		     apo_history_ask(file.history,
				     &(struct apo_question){.way = APO_HISTORY_LATEST,
							    .account = "eve",
							    .channel = "#room",
							    .is_member = true,
							    .limit = 100},
				     page),
		     APO_ASKED_DONE));
	return page->count;
}

Test(history_redact, an_author_is_known_by_nick_as_long_as_it_has_it)
{
	struct apo_question question;
	int64_t before, since;

	join("eve");
	before = say("gus!~g@host", NULL, "of an earlier gus");
	since = last;
	question = question_of("gus", say("gus!~g@host", NULL, "mine"));
	question.nick_since = since;
	cr_assert(eq(uint, seen_by_eve(), 2));
	cr_assert(eq(int, redact(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, seen_by_eve(), 1));
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE), "it is gone");
	question.first.position = before;
	cr_assert(eq(int, redact(&question), APO_ASKED_FORBIDDEN));
	question.first.position = say("gu!~g@host", NULL, "a shorter nick");
	cr_assert(eq(int, redact(&question), APO_ASKED_FORBIDDEN));
	question.first.position = say("guss!~g@host", NULL, "a longer nick");
	cr_assert(eq(int, redact(&question), APO_ASKED_FORBIDDEN));
	cr_assert(eq(uint, seen_by_eve(), 3));
}

Test(history_redact, an_author_is_known_by_account)
{
	struct apo_question question;

	join("dan");
	question = question_of("other", say("dan!~d@host", "dan", "before a change of nick"));
	question.account = "dan";
	question.nick_since = last;
	cr_assert(eq(int, redact(&question), APO_ASKED_DONE));
	question.first.position = say("eve!~e@host", "eve", "of eve");
	cr_assert(eq(int, redact(&question), APO_ASKED_FORBIDDEN));
}

/* Else answers would tell which messages exist. */
Test(history_redact, who_cannot_read_a_message_does_not_learn_of_it)
{
	struct apo_question question = question_of("gus", say("eve!~e@host", "eve", "earlier"));

	join("dan");
	question.account = "dan";
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
	question.account = NULL;
	question.since = last;
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
	question.is_member = false;
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
	question.since = 0;
	question.is_member = true;
	cr_assert(eq(int, redact(&question), APO_ASKED_FORBIDDEN));
	question.first.run++;
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
}

Test(history_redact, an_operator_oversees_what_came_after_a_time)
{
	struct apo_question question;
	int64_t early;

	join("eve");
	early = say("eve!~e@host", "eve", "early");
	question = question_of("op", say("eve!~e@host", "eve", "late"));
	question.oversees_ms = TIME_MS + last;
	question.since = last;
	cr_assert(eq(int, redact(&question), APO_ASKED_DONE));
	question.first.position = early;
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
	question.oversees_ms = INT64_MIN;
	question.is_member = false;
	cr_assert(eq(int, redact(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, seen_by_eve(), 0));
}

Test(history_redact, a_message_is_found_at_its_target_only)
{
	struct apo_question question;
	int64_t private;

	join("eve");
	question = question_of("eve", say("eve!~e@host", "eve", "in the room"));
	question.oversees_ms = INT64_MIN;
	question.channel = "#other";
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
	private = say_in(NULL, "eve!~e@host", "eve", "to dan");
	question.channel = "#room";
	question.first.position = private;
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
}

Test(history_redact, a_private_message_is_removed_by_its_author_only)
{
	struct apo_question question =
		question_of("eve", say_in(NULL, "eve!~e@host", "eve", "to dan"));

	question.channel = NULL;
	question.is_member = false;
	question.account = "fay";
	question.nick = "fay";
	question.other = "dan";
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
	question.account = "dan";
	question.nick = "dan";
	question.other = "eve";
	cr_assert(eq(int, redact(&question), APO_ASKED_FORBIDDEN));
	question.account = "eve";
	question.nick = "eve";
	question.other = "dan";
	cr_assert(eq(int, redact(&question), APO_ASKED_DONE));
	cr_assert(eq(int, redact(&question), APO_ASKED_NO_MESSAGE));
}

static bool is_in_file(const char *path, const char *text)
{
	static char bytes[1 << 20];
	FILE *in = fopen(path, "rb");
	size_t len;

	cr_assert(ne(ptr, in, NULL));
	len = fread(bytes, 1, sizeof bytes, in);
	fclose(in);
	return memmem(bytes, len, text, strlen(text)) != NULL;
}

static void checkpoint(void)
{
	cr_assert(eq(int, apo_history_commit(file.history), 0));
	cr_assert(eq(
		int,
		sqlite3_exec(file.history->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
		SQLITE_OK));
}

Test(history_redact, the_file_does_not_contain_the_text_any_more)
{
	struct apo_question question;

	join("eve");
	question = question_of("gus", say("gus!~g@host", NULL, "a secret that slipped out"));
	say("gus!~g@host", NULL, "another line");
	checkpoint();
	cr_assert(is_in_file(file.path, "a secret that slipped out"));
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	cr_assert(eq(int, redact(&question), APO_ASKED_DONE));
	checkpoint();
	cr_assert(not(is_in_file(file.path, "a secret that slipped out")));
	cr_assert(is_in_file(file.path, "another line"));
}

/* The number in the row of the buffer decides what pruning removes. */
Test(history_redact, a_removed_message_counts_no_more)
{
	struct apo_question question;
	int64_t count = -1;

	join("eve");
	say("gus!~g@host", NULL, "a");
	question = question_of("gus", say("gus!~g@host", NULL, "b"));
	cr_assert(eq(int, redact(&question), APO_ASKED_DONE));
	cr_assert(eq(int, apo_history_commit(file.history), 0));
	cr_assert(eq(int, apo_sql_number(file.history->db, "SELECT count FROM buffers", &count),
		     SQLITE_OK));
	cr_assert(eq(i64, count, 1));
}

/* The last message on the disk is removed while another one is not counted yet. */
Test(history_redact, a_channel_is_not_lost_with_its_last_counted_message)
{
	struct apo_question question;

	join("eve");
	question = question_of("gus", say("gus!~g@host", NULL, "a"));
	cr_assert(eq(int, apo_history_commit(file.history), 0));
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	say("gus!~g@host", NULL, "b");
	cr_assert(eq(int, redact(&question), APO_ASKED_DONE));
	say("gus!~g@host", NULL, "c");
	cr_assert(eq(uint, seen_by_eve(), 2));
}
