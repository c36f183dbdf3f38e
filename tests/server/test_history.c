/* SPDX-License-Identifier: MIT */
/* History on disk: access to messages, crashes, a full disk, and pruning. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/history_begun.h"

TestSuite(history, .init = begin, .fini = end);

static struct apo_said said_of(const char *channel, const char *text)
{
	last++;
	return (struct apo_said){.position = last,
				 .run = RUN,
				 .time_ms = TIME_MS + last * 1000,
				 .source = "dan!~dan@host",
				 .target = channel ? "#Room" : "eve",
				 .text = text,
				 .channel = channel,
				 .between = {"dan", "eve"}};
}

static void say(const char *channel, const char *text)
{
	struct apo_said said = said_of(channel, text);

	cr_assert(eq(int, apo_history_add(file.history, &said), 0));
}

static int64_t join(const char *account, const char *channel)
{
	int64_t id = ++last;

	cr_assert(
		eq(int, apo_history_change(file.history, JOINED(id, account, 0, channel, id)), 0));
	return id;
}

static void leave(int64_t id)
{
	cr_assert(eq(int, apo_history_change(file.history, LEFT(id, last)), 0));
}

static void end_group(void)
{
	cr_assert(eq(int, apo_history_commit(file.history), 0));
}

static struct apo_reference at(int64_t position)
{
	return (struct apo_reference){
		.kind = APO_REFERENCE_MSGID, .run = RUN, .position = position};
}

static struct apo_reference when(int64_t position)
{
	return (struct apo_reference){.kind = APO_REFERENCE_TIME,
				      .time_ms = TIME_MS + position * 1000};
}

static enum apo_asked ask(const struct apo_question *question)
{
	while (page->count > 0)
		apo_page_clear(page);
	return apo_history_ask(file.history, question, page);
}

/* The first letter of each text in the answer. */
static const char *words_of(const struct apo_question *question)
{
	static char words[256];
	unsigned i;

	words[0] = '\0';
	if (ask(question) != APO_ASKED_DONE)
		return "nothing";
	for (i = 0; i < page->count; i++)
		strncat(words, page->said[i]->text, 1);
	return words;
}

/* All that the account sees in #room. */
static const char *seen_by(const char *account)
{
	return words_of(&(struct apo_question){
		.way = APO_HISTORY_LATEST, .account = account, .channel = "#room", .limit = 100});
}

static void sees(const char *account, const char *words)
{
	cr_assert(eq(str, (char *)seen_by(account), (char *)words));
}

static int64_t number(const char *sql)
{
	int64_t value = -1;

	cr_assert(eq(int, apo_sql_number(file.history->db, sql, &value), SQLITE_OK));
	return value;
}

Test(history, only_present_accounts_see_a_message)
{
	int64_t id;

	say("#room", "a");
	join("dan", "#room");
	say("#room", "b");
	id = join("eve", "#room");
	say("#room", "c");
	leave(id);
	say("#room", "d");
	id = join("eve", "#room");
	say("#room", "e");
	sees("dan", "bcde");
	sees("EVE", "ce");
	sees("fay", "nothing");
	sees("nobody", "nothing");
	sees(NULL, "nothing");
	leave(id);
	say("#room", "f");
	sees("eve", "ce");
}

Test(history, without_an_account_history_begins_at_the_join)
{
	struct apo_question question = {
		.way = APO_HISTORY_LATEST, .channel = "#room", .is_member = true, .limit = 10};

	say("#room", "a");
	question.since = ++last;
	say("#room", "b");
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 1));
	cr_assert(eq(str, (char *)page->said[0]->text, "b"));
	question.is_member = false;
	cr_assert(eq(int, ask(&question), APO_ASKED_NO_TARGET));
}

Test(history, public_messages_are_seen_by_members_who_joined_later)
{
	struct apo_question question = {
		.way = APO_HISTORY_LATEST, .channel = "#room", .is_member = true, .limit = 10};
	int64_t id = join("dan", "#room");

	say("#room", "a");
	leave(id);
	say("#room", "b");
	question.public_from = last + 1;
	say("#room", "c");
	question.since = ++last;
	say("#room", "d");
	cr_assert(eq(str, (char *)words_of(&question), "cd"));
	question.account = "eve";
	cr_assert(eq(str, (char *)words_of(&question), "cd"));
	question.account = "dan";
	cr_assert(eq(str, (char *)words_of(&question), "acd"));
	join("dan", "#room");
	cr_assert(eq(str, (char *)words_of(&question), "acd"));
	question.public_from = 1;
	cr_assert(eq(str, (char *)words_of(&question), "abcd"));
	question.public_from = 0;
	cr_assert(eq(str, (char *)words_of(&question), "a"));
	question.public_from = 1;
	question.is_member = false;
	cr_assert(eq(str, (char *)words_of(&question), "a"));
}

Test(history, private_messages_are_seen_by_both_accounts_only)
{
	struct apo_question question = {
		.way = APO_HISTORY_LATEST, .account = "eve", .other = "dan", .limit = 10};

	say(NULL, "secret");
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 1));
	question.account = "fay";
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 0));
	question.account = NULL;
	cr_assert(eq(int, ask(&question), APO_ASKED_NO_TARGET));
	question.account = "eve";
	question.other = "nobody";
	cr_assert(eq(int, ask(&question), APO_ASKED_NO_TARGET));
}

/* The names are the same; the accounts are not. */
Test(history, a_new_account_of_an_old_name_inherits_nothing)
{
	struct apo_question question = {
		.way = APO_HISTORY_LATEST, .account = "eve", .other = "dan", .limit = 10};

	leave(join("eve", "#room"));
	join("eve", "#room");
	say("#room", "a");
	say(NULL, "secret");
	end_group();
	cr_assert(eq(int,
		     sqlite3_exec(file.store->db, "DELETE FROM accounts WHERE name = 'eve'", NULL,
				  NULL, NULL),
		     SQLITE_OK));
	cr_assert(eq(int, apo_account_add(file.store, "eve", HASH, 2), 0));
	sees("eve", "nothing");
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 0));
	question = (struct apo_question){.way = APO_HISTORY_TARGETS,
					 .account = "eve",
					 .first = when(0),
					 .second = when(100),
					 .limit = 10};
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 0));
	question.account = "dan";
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 0), "it would name somebody else");
}

Test(history, a_message_is_read_as_it_was_written)
{
	struct apo_said said = said_of("#room", "text"), *back;

	said.is_notice = true;
	said.account = "dan";
	said.tags = "+a=b";
	join("dan", "#room");
	cr_assert(eq(int, apo_history_add(file.history, &said), 0));
	cr_assert(eq(int, apo_history_add(file.history, &said), -EEXIST));
	sees("dan", "");
	said.position = ++last;
	cr_assert(eq(int, apo_history_add(file.history, &said), 0));
	sees("dan", "t");
	back = page->said[0];
	cr_assert(eq(i64, back->position, last));
	cr_assert(eq(u64, back->run, RUN));
	cr_assert(eq(i64, back->time_ms, said.time_ms));
	cr_assert(back->is_notice);
	cr_assert(eq(str, (char *)back->source, (char *)said.source));
	cr_assert(eq(str, (char *)back->target, "#Room"));
	cr_assert(eq(str, (char *)back->account, "dan"));
	cr_assert(eq(str, (char *)back->tags, "+a=b"));
}

/* The id of a pruned message, or of one that is not kept, is still a valid position; an id of
 * another run is not. */
Test(history, a_reference_may_be_deleted_but_must_be_possible)
{
	struct apo_question question = {
		.way = APO_HISTORY_BEFORE, .account = "dan", .channel = "#room", .limit = 10};

	join("dan", "#room");
	say("#room", "a");
	last++;
	say("#room", "b");
	question.first = at(last - 1);
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 1));
	question.first.run = RUN - 1;
	cr_assert(eq(int, ask(&question), APO_ASKED_NO_MESSAGE));
	question.first = at(last);
	question.first.run = RUN + 1;
	cr_assert(eq(int, ask(&question), APO_ASKED_NO_MESSAGE));
	question.first = at(APO_POSITION_MAX);
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 2));
}

Test(history, targets_are_those_with_something_in_that_time)
{
	struct apo_question question = {.way = APO_HISTORY_TARGETS,
					.account = "dan",
					.first = when(0),
					.second = when(100),
					.limit = 10};
	int64_t id;

	id = join("dan", "#room");
	join("dan", "#empty");
	join("eve", "#other");
	say("#room", "a");
	leave(id);
	say(NULL, "private");
	say("#other", "b");
	say("#room", "unheard");
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 2));
	cr_assert(eq(str, (char *)page->said[0]->target, "#Room"));
	cr_assert(eq(i64, page->said[0]->time_ms, TIME_MS + 4000));
	cr_assert(eq(str, (char *)page->said[1]->target, "eve"));
	question.limit = 1;
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(str, (char *)page->said[0]->target, "#Room"));
	question.first = when(100);
	question.second = when(0);
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(str, (char *)page->said[0]->target, "eve"));
	question.second = when(5);
	cr_assert(eq(int, ask(&question), APO_ASKED_DONE));
	cr_assert(eq(uint, page->count, 0), "nothing behind the instant itself");
}

Test(history, a_long_answer_ends_early)
{
	static char text[600];
	unsigned i;

	memset(text, 'x', sizeof text - 1);
	join("dan", "#room");
	for (i = 0; i < 1000; i++)
		say("#room", text);
	cr_assert(eq(int,
		     ask(&(struct apo_question){.way = APO_HISTORY_LATEST,
						.account = "dan",
						.channel = "#room",
						.limit = 1000}),
		     APO_ASKED_DONE));
	cr_assert(lt(uint, page->count, 1000));
	cr_assert(ge(uint, page->count, 201));
	cr_assert(eq(i64, page->said[page->count - 1]->position, last), "not the newest");
}

/* ---- markers ---- */

static void note_marker(void *of, const char *account, const char *target, int64_t time_ms)
{
	char *all = of;
	size_t len = strlen(all);

	snprintf(all + len, 128 - len, "%s %s %d; ", account, target, (int)time_ms);
}

Test(history, markers_go_forward_and_go_with_their_account)
{
	char all[128] = "";

	cr_assert(eq(int, apo_history_change(file.history, READ("DAN", 0, "#room", 5)), 0));
	cr_assert(eq(int, apo_history_change(file.history, READ("dan", 0, "#room", 3)), 0));
	cr_assert(eq(int, apo_history_change(file.history, READ("eve", 0, "dan", 7)), 0));
	cr_assert(eq(int, apo_history_change(file.history, READ("nobody", 0, "dan", 7)), 0));
	end_group();
	cr_assert(eq(int, apo_account_remove(file.store, "eve"), 0));
	cr_assert(eq(int, apo_account_add(file.store, "eve", HASH, 2), 0));
	history_file_close(&file);
	history_file_open(&file);
	cr_assert(eq(int, apo_markers_tell(file.store, note_marker, all), 0));
	cr_assert(eq(str, all, "dan #room 5; "));
	cr_assert(eq(i64, number("SELECT count(*) FROM markers"), 1));
}

/* ---- crash ---- */

Test(history, committed_messages_survive_the_process)
{
	join("dan", "#room");
	say("#room", "a");
	end_group();
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	say("#room", "b");
	/* The process dies here: nothing is committed, and no presence has ended. */
	history_file_close(&file);
	history_file_open(&file);
	cr_assert(eq(i64, apo_history_last_position(file.history), 2));
	sees("dan", "a");
	last = 2;
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	say("#room", "c");
	sees("dan", "a");
}

/* The old process of a hand-over still exists and writes nothing more. Presences stay open until
 * they are ended, which the begin of a run does. */
Test(history, a_presence_continues_after_a_hand_over)
{
	int64_t id = join("dan", "#room");

	say("#room", "a");
	end_group();
	history_file_close(&file);
	file.goes_on = true;
	history_file_open(&file);
	cr_assert(eq(i64, apo_history_last_position(file.history), last));
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	say("#room", "b");
	leave(id);
	say("#room", "c");
	(void)join("eve", "#room");
	end_group();
	history_file_close(&file);
	file.goes_on = false;
	history_file_open(&file);
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	say("#room", "d");
	sees("dan", "ab");
	sees("eve", "");
	end_group();
}

Test(history, a_version_1_file_keeps_its_accounts)
{
	static const char sql[] =
		"CREATE TABLE accounts (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL "
		"UNIQUE COLLATE NOCASE, password_hash TEXT NOT NULL, made_at_s INTEGER NOT NULL) "
		"STRICT; INSERT INTO accounts VALUES (7, 'Gus', '" HASH "', 5); "
		"PRAGMA application_id = 1097887596; PRAGMA user_version = 1; "
		"PRAGMA journal_mode = WAL";
	struct apo_account account;
	sqlite3 *db;

	history_file_remove(&file);
	cr_assert(ne(ptr, mkdtemp(strcpy(file.directory, "/tmp/apollonion-history.XXXXXX")), NULL));
	snprintf(file.path, sizeof file.path, "%s/db", file.directory);
	cr_assert(eq(int, sqlite3_open(file.path, &db), SQLITE_OK));
	cr_assert(eq(int, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK));
	cr_assert(eq(int, sqlite3_close(db), SQLITE_OK));
	history_file_open(&file);
	cr_assert(eq(int, apo_account_find(file.store, "gus", &account), 0));
	cr_assert(eq(str, account.name, "Gus"));
	cr_assert(eq(i64, number("PRAGMA user_version"), APO_STORE_VERSION));
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	join("gus", "#room");
	say("#room", "a");
	sees("gus", "a");
	end_group();
	history_file_close(&file);
	history_file_open(&file);
	sees("gus", "a");
}

/* ---- the disk ---- */

static void limit_pages(unsigned more)
{
	char sql[64];

	snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d",
		 (int)(more ? number("PRAGMA page_count") + more : 1000000));
	cr_assert(eq(int, sqlite3_exec(file.history->db, sql, NULL, NULL, NULL), SQLITE_OK));
}

/* Writes groups until one does not fit: all earlier groups stay, and nothing of the last one. */
Test(history, a_full_disk_loses_only_the_group)
{
	unsigned in_group, kept = 0;
	int error = 0;

	join("dan", "#room");
	end_group();
	limit_pages(4);
	while (error == 0) {
		error = apo_history_begin(file.history);
		for (in_group = 0; error == 0 && in_group < 10; in_group++) {
			struct apo_said said = said_of("#room", "a text of some length, or more");

			error = apo_history_add(file.history, &said);
		}
		if (error == 0)
			error = apo_history_commit(file.history);
		kept += error == 0 ? in_group : 0;
	}
	cr_assert(eq(int, error, -ENOSPC));
	apo_history_roll_back(file.history);
	cr_assert(ge(uint, kept, 21));
	cr_assert(eq(i64, number("SELECT count(*) FROM messages"), kept));
	cr_assert(eq(i64, number("SELECT sum(count) FROM buffers"), kept));
	limit_pages(0);
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	say("#room", "b");
	end_group();
	cr_assert(eq(i64, number("SELECT sum(count) FROM buffers"), kept + 1));
}

/* What is written to a removed file would be lost with the process. */
Test(history, a_file_that_was_removed_is_not_written)
{
	char aside[96];

	join("dan", "#room");
	end_group();
	apo_history_roll_back(file.history);
	snprintf(aside, sizeof aside, "%s.aside", file.path);
	cr_assert(eq(int, rename(file.path, aside), 0));
	cr_assert(eq(int, apo_history_begin(file.history), -EIO));
	cr_assert(ne(ptr, strstr(apo_history_error(file.history), "not there any more"), NULL));
	cr_assert(eq(int, rename(aside, file.path), 0));
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	say("#room", "b");
	end_group();
}

/* ---- pruning ---- */

static unsigned prune(const struct apo_retention *retention, int64_t now_ms)
{
	unsigned steps = 0;
	int result;

	do {
		result = apo_history_prune(file.history, retention, now_ms);
		cr_assert(ge(int, result, 0));
		steps++;
	} while (result > 0 && steps < 1000);
	cr_assert(eq(int, result, 0), "it does not end");
	cr_assert(eq(i64, number("SELECT ifnull(sum(count), 0) FROM buffers"),
		     number("SELECT count(*) FROM messages")));
	return steps;
}

static const struct apo_retention all = {
	.age_ms = INT64_C(1) << 40, .count_max = 1000000, .bytes_max = 1u << 30};

Test(history, old_messages_are_removed)
{
	struct apo_retention retention = all;
	unsigned i;

	leave(join("dan", "#room"));
	for (i = 0; i < 1000; i++)
		say(i % 2 ? "#room" : "#other", "a");
	prune(&retention, TIME_MS + last * 1000);
	cr_assert(eq(i64, number("SELECT count(*) FROM messages"), 1000));
	retention.age_ms = 9 * 1000;
	cr_assert(ge(uint, prune(&retention, TIME_MS + last * 1000), 4), "not in steps");
	cr_assert(eq(i64, number("SELECT count(*) FROM messages"), 10));
	cr_assert(
		eq(i64, number("SELECT min(time_ms) FROM messages"), TIME_MS + (last - 9) * 1000));
}

Test(history, each_buffer_keeps_its_newest)
{
	struct apo_retention retention = all;
	unsigned i;

	join("dan", "#room");
	for (i = 0; i < 700; i++)
		say("#room", "a");
	for (i = 0; i < 5; i++)
		say("#other", "b");
	retention.count_max = 7;
	prune(&retention, TIME_MS);
	cr_assert(eq(i64, number("SELECT count(*) FROM messages"), 12));
	sees("dan", "aaaaaaa");
	cr_assert(eq(i64, page->said[6]->position, last - 5));
}

Test(history, the_file_stays_below_its_limit)
{
	static char text[400];
	struct apo_retention retention = all;
	unsigned i;

	memset(text, 'x', sizeof text - 1);
	for (i = 0; i < 5000; i++)
		say("#room", text);
	retention.bytes_max = 1u << 20;
	cr_assert(lt(i64, 2 << 20, number("PRAGMA page_count") * 4096));
	prune(&retention, TIME_MS);
	cr_assert(ge(i64, number("SELECT count(*) FROM messages"), 1001));
	for (i = 0; i < 5000; i++)
		say("#room", text);
	prune(&retention, TIME_MS);
	cr_assert(lt(i64, number("PRAGMA page_count") * 4096, 8 << 20), "room is not used again");
}

Test(history, presences_are_removed_with_their_messages)
{
	struct apo_retention retention = all;
	unsigned i;

	for (i = 0; i < 600; i++) {
		int64_t id = join("dan", "#room");

		say("#room", "a");
		leave(id);
		leave(join("eve", "#room"));
	}
	join("fay", "#room");
	cr_assert(eq(i64, number("SELECT count(*) FROM presence"), 601), "empty ones are kept");
	retention.count_max = 10;
	prune(&retention, TIME_MS);
	cr_assert(eq(i64, number("SELECT count(*) FROM presence"), 11));
	sees("dan", "aaaaaaaaaa");
	retention.age_ms = 0;
	prune(&retention, TIME_MS + 2 * last * 1000);
	cr_assert(eq(i64, number("SELECT count(*) FROM presence"), 1), "who is there stays");
	cr_assert(eq(i64, number("SELECT count(*) FROM buffers"), 0));
}
