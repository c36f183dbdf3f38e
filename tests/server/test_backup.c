/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conversation/store/backup_private.h"
#include "conversation/store/store.h"
#include "conversation/store/store_private.h"

#define HEAD "{\"type\":\"apollonion-export\",\"version\":1}\n"
#define HASH "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$aGFzaA"
#define ACCOUNT(name)                                                                              \
	"{\"type\":\"account\",\"name\":\"" name "\",\"password\":\"" HASH "\",\"made_at_s\":1}\n"
#define FINGERPRINT "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define END(count) "{\"type\":\"end\",\"records\":" #count "}\n"

static char directory[64], file[80], other_file[80];
static char reason[512];
static uint64_t count;

static void begin(void)
{
	strcpy(directory, "/tmp/apollonion-backup.XXXXXX");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(file, sizeof file, "%s/db", directory);
	snprintf(other_file, sizeof other_file, "%s/other", directory);
}

static void end(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[96];
	size_t i;

	for (i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(path, sizeof path, "%s%s", file, ends[i]);
		(void)unlink(path);
		snprintf(path, sizeof path, "%s%s", other_file, ends[i]);
		(void)unlink(path);
	}
	cr_assert(eq(int, rmdir(directory), 0));
}

TestSuite(backup, .init = begin, .fini = end);

static void make_store(const char *path)
{
	struct apo_store *store = apo_store_open(path, reason, sizeof reason);

	cr_assert(ne(ptr, store, NULL), "%s", reason);
	apo_store_close(store);
}

static sqlite3 *open_db(const char *path)
{
	sqlite3 *db;

	cr_assert(eq(int, sqlite3_open(path, &db), SQLITE_OK));
	return db;
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = open_db(path);

	cr_assert(eq(int, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK), "%s",
		  sqlite3_errmsg(db));
	cr_assert(eq(int, sqlite3_close(db), SQLITE_OK));
}

#define SCRAM_SALT ":W22ZaJ0SNY7soEsUEjb6gQ==$"
#define SCRAM_KEYS                                                                                 \
	"SCRAM-SHA-256$4096" SCRAM_SALT "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"            \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

/* Every column of every table has a value somewhere, and ids are as an import gives them. */
static const char sample[] =
	"INSERT INTO accounts (name, password_hash, made_at_s) VALUES "
	"('Dan', '" HASH "', 1700000000), ('Eve', '" HASH ";" SCRAM_KEYS "', 1700000001);"
	"INSERT INTO account_keys (fingerprint, account, made_at_s) VALUES ('" FINGERPRINT
	"', 2, 1700000005);"
	"INSERT INTO buffers (name, account_a, account_b, count) VALUES "
	"('#caf\303\251', NULL, NULL, 2), ('@1,2', 2, 1, 1);"
	"INSERT INTO messages (position, run, time_ms, is_notice, source, target, account, tags, "
	"text, "
	"buffer) VALUES "
	"(3, -2, 1700000002003, 0, 'dan!~d@h', '#Caf\303\251', 'Dan', '+a=b', "
	"'quote \" and \\u0000', 1), "
	"(4, 7, 1700000003004, 1, 'eve!~e@h', 'dan', 'Eve', NULL, 'to you', 2), "
	"(9007199254740993, 9, 1700000004005, 0, 'guest!~g@h', '#caf\303\251', NULL, NULL, "
	"'two' || char(10) || 'lines' || char(2), 1);"
	"INSERT INTO presence (id, account, channel, first, last) VALUES "
	"(2, 1, '#caf\303\251', 2, 4), (5, 2, '#caf\303\251', 5, NULL);"
	"INSERT INTO markers (account, target, time_ms) VALUES (1, '#caf\303\251', 1700000002003);"
	"INSERT INTO channels (folded, name, founder, modes, key, topic, topic_by, user_limit, "
	"registered_at_s, created_at_s, used_at_s, topic_at_s, public_from) VALUES "
	"('#caf\303\251', '#Caf\303\251', 1, 'Hnt', 'sesame', 'a topic', 'dan!~d@h', 12, 11, 12, "
	"13, "
	"14, 3), "
	"('#empty', '#empty', NULL, '', NULL, NULL, NULL, 0, 21, 22, 23, 0, 0);"
	"INSERT INTO channel_entries (channel, list, entry, account, set_by, set_at_s) VALUES "
	"(1, 'b', '*!*@bad.example', NULL, 'Dan', 31), (1, 'o', 'Eve', 2, 'Dan', 32);"
	"INSERT INTO audit (number, is_open, at_s, action, text) VALUES (7, 1, 9, 'report', 'why');"
	"INSERT INTO bans (kind, target, set_by, reason, set_at_s, ends_at_s) VALUES "
	"('k', '*@bad.example', 'dan', 'spam again', 41, 42);";

/* All rows of all tables, as text; sqlite_sequence, too: ids are not used twice. */
static char *dump(const char *path)
{
	static const char tables[] =
		"SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
	sqlite3 *db = open_db(path);
	sqlite3_str *text = sqlite3_str_new(NULL);
	sqlite3_stmt *table, *row;
	char *sql;
	int i;

	cr_assert(eq(int, sqlite3_prepare_v2(db, tables, -1, &table, NULL), SQLITE_OK));
	while (sqlite3_step(table) == SQLITE_ROW) {
		sql = sqlite3_mprintf("SELECT * FROM %w ORDER BY 1, 2",
				      sqlite3_column_text(table, 0));
		sqlite3_str_appendf(text, "%s\n", sqlite3_column_text(table, 0));
		cr_assert(eq(int, sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK));
		while (sqlite3_step(row) == SQLITE_ROW)
			for (i = 0; i < sqlite3_column_count(row); i++)
				sqlite3_str_appendf(text, "%s=%Q%c", sqlite3_column_name(row, i),
						    sqlite3_column_text(row, i),
						    i + 1 < sqlite3_column_count(row) ? ' ' : '\n');
		sqlite3_finalize(row);
		sqlite3_free(sql);
	}
	sqlite3_finalize(table);
	sqlite3_close(db);
	return sqlite3_str_finish(text);
}

static char *export_of(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	cr_assert(apo_backup_export(path, out, &count, reason, sizeof reason), "%s", reason);
	cr_assert(eq(int, fclose(out), 0));
	return text;
}

static bool import_of(const char *path, const char *bytes, size_t len)
{
	/* A stream needs at least a byte of memory. */
	FILE *in =
		len > 0 ? fmemopen((void *)(uintptr_t)bytes, len, "re") : fopen("/dev/null", "re");
	bool is_done;

	cr_assert(ne(ptr, in, NULL));
	is_done = apo_backup_import(path, in, "in", &count, reason, sizeof reason);
	fclose(in);
	return is_done;
}

Test(backup, an_import_restores_all_that_was_exported)
{
	char *text, *again, *before, *after;

	make_store(file);
	run_sql(file, sample);
	text = export_of(file);
	cr_assert(eq(ulong, count, 15));
	cr_assert(import_of(other_file, text, strlen(text)), "%s", reason);
	cr_assert(eq(ulong, count, 15));
	again = export_of(other_file);
	cr_assert(eq(str, again, text));
	before = dump(file);
	after = dump(other_file);
	cr_assert(eq(str, after, before));
	sqlite3_free(before);
	sqlite3_free(after);
	free(text);
	free(again);
}

Test(backup, each_table_of_the_store_is_exported)
{
	static const char tables[] = "SELECT name FROM sqlite_schema WHERE type = 'table'";
	sqlite3_stmt *table;
	const char *name;
	sqlite3 *db;
	size_t i;

	make_store(file);
	db = open_db(file);
	cr_assert(eq(int, sqlite3_prepare_v2(db, tables, -1, &table, NULL), SQLITE_OK));
	while (sqlite3_step(table) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(table, 0);
		for (i = 0; i < apo_backup_kind_count; i++)
			if (strcmp(name, apo_backup_kinds[i].table) == 0)
				break;
		/* Buffers are derived from their messages. */
		cr_assert(i < apo_backup_kind_count || strcmp(name, "buffers") == 0 ||
				  strncmp(name, "sqlite_", 7) == 0,
			  "%s has no row in backup_kinds.c", name);
	}
	sqlite3_finalize(table);
	sqlite3_close(db);
}

Test(backup, what_belongs_to_removed_accounts_is_left_out)
{
	char *text;

	make_store(file);
	run_sql(file, sample);
	run_sql(file, "DELETE FROM accounts WHERE name = 'Eve'");
	text = export_of(file);
	cr_assert(eq(ptr, strstr(text, "to you"), NULL)); /* no account can read it */
	cr_assert(eq(ptr, strstr(text, "\"list\":\"o\""), NULL));
	cr_assert(ne(ptr, strstr(text, "two\\nlines\\u0002"), NULL));
	cr_assert(import_of(other_file, text, strlen(text)), "%s", reason);
	free(text);
}

Test(backup, an_export_sees_one_state_and_disturbs_no_writer)
{
	char *text;
	sqlite3 *db;

	make_store(file);
	run_sql(file, sample);
	db = open_db(file);
	cr_assert(eq(int,
		     sqlite3_exec(db, "BEGIN IMMEDIATE; DELETE FROM accounts", NULL, NULL, NULL),
		     SQLITE_OK));
	text = export_of(file);
	cr_assert(ne(ptr, strstr(text, "\"Dan\""), NULL));
	cr_assert(eq(int, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK));
	sqlite3_close(db);
	free(text);
}

Test(backup, an_export_that_cannot_be_written_is_an_error)
{
	FILE *out = fopen("/dev/full", "we");

	make_store(file);
	run_sql(file, sample);
	cr_assert(not(apo_backup_export(file, out, &count, reason, sizeof reason)));
	cr_assert(eq(str, reason, "the export cannot be written: No space left on device"));
	fclose(out);
}

Test(backup, an_import_does_not_touch_a_store_with_records)
{
	static const char text[] = HEAD ACCOUNT("Fay") END(1);
	char *before, *after;

	make_store(file);
	run_sql(file, sample);
	before = dump(file);
	cr_assert(not(import_of(file, text, sizeof text - 1)));
	cr_assert(ne(ptr, strstr(reason, "has accounts, channels or history already"), NULL));
	after = dump(file);
	cr_assert(eq(str, after, before));
	sqlite3_free(before);
	sqlite3_free(after);
}

Test(backup, an_import_does_not_touch_a_store_in_use)
{
	static const char text[] = HEAD ACCOUNT("Fay") END(1);
	struct apo_store *store = apo_store_open(file, reason, sizeof reason);
	struct apo_account account;

	cr_assert(ne(ptr, store, NULL), "%s", reason);
	cr_assert(eq(int, apo_account_find(store, "fay", &account), -ENOENT));
	cr_assert(not(import_of(file, text, sizeof text - 1)));
	cr_assert(ne(ptr, strstr(reason, "is in use, perhaps by a running server"), NULL), "%s",
		  reason);
	apo_store_close(store);
	cr_assert(import_of(file, text, sizeof text - 1), "%s", reason);
}

/* ---- wrong lines ---- */

#define MESSAGE(more)                                                                              \
	"{\"type\":\"message\",\"position\":3,\"run\":\"00000000000000ff\",\"time_ms\":1,"         \
	"\"notice\":false,\"source\":\"a!b@c\",\"target\":\"#c\",\"text\":\"x\"" more "}\n"
#define IN_CHANNEL ",\"channel\":\"#c\""

static const struct wrong_line {
	const char *text, *words;
} wrong_lines[] = {
	{"", "in:1: the end is missing: the file has been cut"},
	{"{}\n", "in:1: must be {\"type\":\"apollonion-export\",\"version\":1}"},
	{"{\"type\":\"apollonion-export\",\"version\":2}\n", "in:1: must be "},
	{HEAD, "in:2: the end is missing"},
	{HEAD END(1), "in:2: must be {\"type\":\"end\",\"records\":0}, as so many"},
	{HEAD ACCOUNT("Dan") END(0), "in:3: must be {\"type\":\"end\",\"records\":1}"},
	{HEAD END(0) "\n", "in:3: comes after the end"},
	{HEAD "{\"type\":\"end\",\"records\":0}", "in:2: is not complete: the file has been cut"},
	{HEAD "\n", "in:2: is not an object in JSON"},
	{HEAD "[]\n", "in:2: is not an object in JSON"},
	{HEAD "{\"type\":\"account\",\n", "in:2: is not an object in JSON"},
	{HEAD "{\"type\":\"acc\377\"}\n", "in:2: is not text in UTF-8"},
	{HEAD "{}\n", "in:2: type must be account, channel,"},
	{HEAD "{\"type\":7}\n", "in:2: type must be account, channel,"},
	{HEAD "{\"type\":\"account\"}\n", "in:2: name is missing"},
	{HEAD "{\"type\":\"account\",\"type\":\"account\"}\n",
	 "in:2: a record of type account has no key \"type\""},
	{HEAD "{\"type\":\"account\",\"Name\":\"Dan\"}\n",
	 "in:2: a record of type account has no key \"Name\""},
	{HEAD "{\"type\":\"account\",\"name\":\"Dan\",\"name\":\"Dan\"}\n",
	 "in:2: name is there twice"},
	{HEAD "{\"type\":\"account\",\"name\":null}\n", "in:2: name is null"},
	{HEAD "{\"type\":\"account\",\"name\":[\"Dan\"]}\n",
	 "in:2: name must be the name of an acc"},
	{HEAD "{\"type\":\"account\",\"name\":\"1dan\"}\n",
	 "in:2: name must be the name of an account"},
	{HEAD "{\"type\":\"account\",\"name\":\"d\\u0000\"}\n", "in:2: has a zero byte (\\u0000)"},
	{HEAD "{\"type\":\"channel\",\"topic\":\"\\ud800\"}\n",
	 "in:2: topic must be a text without"},
	{HEAD "{\"type\":\"account\",\"password\":\"secret\"}\n",
	 "in:2: password must be the hash"},
	{HEAD "{\"type\":\"account\",\"password\":\"" SCRAM_KEYS "\"}\n",
	 "in:2: password must be the hash"},
	{HEAD "{\"type\":\"account\",\"password\":\"" HASH ";\"}\n",
	 "in:2: password must be the hash"},
	{HEAD "{\"type\":\"account\",\"password\":\"" HASH ";" SCRAM_KEYS "x\"}\n",
	 "in:2: password must be the hash"},
	{HEAD "{\"type\":\"account\",\"password\":\"" HASH ";SCRAM-SHA-256$4096" SCRAM_SALT "\"}\n",
	 "in:2: password must be the hash"},
	{HEAD "{\"type\":\"key\",\"fingerprint\":\"SHA256:AAA\"}\n",
	 "in:2: fingerprint must be the fing"},
	{HEAD "{\"type\":\"key\",\"account\":\"Dan\",\"fingerprint\":\"" FINGERPRINT
	      "\",\"made_at_s\":1}\n",
	 "in:2: the account must be of an earlier line"},
	{HEAD "{\"type\":\"account\",\"made_at_s\":-1}\n",
	 "in:2: made_at_s must be seconds since 1970"},
	{HEAD "{\"type\":\"account\",\"made_at_s\":1.0}\n",
	 "in:2: made_at_s must be seconds since"},
	{HEAD "{\"type\":\"account\",\"made_at_s\":\"1\"}\n",
	 "in:2: made_at_s must be seconds since"},
	{HEAD "{\"type\":\"account\",\"made_at_s\":99999999999999999999}\n",
	 "in:2: made_at_s must be"},
	{HEAD ACCOUNT("Dan") ACCOUNT("dAN") END(2), "in:3: repeats a record of an earlier line"},
	{HEAD "{\"type\":\"marker\",\"account\":\"Dan\",\"target\":\"x\",\"time_ms\":1}\n",
	 "in:2: the account must be of an earlier line"},
	{HEAD "{\"type\":\"marker\",\"target\":\"x\\r\\nQUIT\"}\n", "in:2: target must be a word"},
	{HEAD "{\"type\":\"channel\",\"limit\":4294967296}\n",
	 "in:2: limit must be a number from 0"},
	{HEAD "{\"type\":\"channel\",\"topic\":\"x\\nQUIT\"}\n",
	 "in:2: topic must be a text without"},
	{HEAD "{\"type\":\"channel\",\"modes\":\"n t\"}\n", "in:2: modes must be letters"},
	{HEAD "{\"type\":\"entry\",\"list\":\"x\"}\n", "in:2: list must be the letter of a list"},
	{HEAD "{\"type\":\"ban\",\"kind\":\"z\"}\n", "in:2: kind must be the letter of a kind"},
	{HEAD "{\"type\":\"entry\",\"list\":\"\"}\n", "in:2: list must be the letter of a list"},
	{HEAD MESSAGE("") END(1), "in:2: it is of a channel, or between two accounts"},
	{HEAD MESSAGE(IN_CHANNEL ",\"account_a\":\"x\"") END(1),
	 "in:2: it is of a channel, or betw"},
	{HEAD MESSAGE(",\"account_a\":\"x\",\"account_b\":\"y\"") END(1),
	 "in:2: it is of a channel"},
	{HEAD MESSAGE(",\"channel\":\"#C\"") END(1),
	 "in:2: channel must be the name of a channel, in"},
	{HEAD MESSAGE(IN_CHANNEL) MESSAGE(IN_CHANNEL) END(2), "in:3: repeats a record"},
	{HEAD "{\"type\":\"message\",\"notice\":1}\n", "in:2: notice must be true or false"},
	{HEAD "{\"type\":\"message\",\"run\":\"FF\"}\n", "in:2: run must be 16 hexadecimal digits"},
	{HEAD "{\"type\":\"message\",\"position\":0}\n", "in:2: position must be a number from 1"},
	{HEAD "{\"type\":\"message\",\"position\":true}\n",
	 "in:2: position must be a number from 1"},
	{HEAD ACCOUNT(
		 "Dan") "{\"type\":\"presence\",\"id\":1,\"account\":\"Dan\",\"channel\":\"#c\","
			"\"first\":2,\"last\":1}\n",
	 "in:3: the account must be of an earlier line, and last not less than first"},
};

Test(backup, a_wrong_line_is_named_and_nothing_is_imported)
{
	char *before, *after;
	size_t i;

	make_store(file);
	before = dump(file);
	for (i = 0; i < sizeof wrong_lines / sizeof *wrong_lines; i++) {
		cr_assert(not(import_of(file, wrong_lines[i].text, strlen(wrong_lines[i].text))),
			  "%s", wrong_lines[i].text);
		cr_assert(eq(ptr, strstr(reason, wrong_lines[i].words), reason), "'%s' not '%s'",
			  reason, wrong_lines[i].words);
		after = dump(file);
		cr_assert(eq(str, after, before), "%s", wrong_lines[i].text);
		sqlite3_free(after);
	}
	sqlite3_free(before);
}

Test(backup, a_line_that_is_too_long_or_deep_is_refused)
{
	static char text[2 * APO_BACKUP_LINE_MAX];
	size_t len = (size_t)snprintf(text, sizeof text, HEAD "{\"type\":");

	make_store(file);
	memset(text + len, '[', APO_BACKUP_LINE_MAX - 100);
	strcpy(text + len + APO_BACKUP_LINE_MAX - 100, "\n");
	cr_assert(not(import_of(file, text, strlen(text))));
	cr_assert(eq(str, reason, "in:2: is not an object in JSON"));
	memset(text + len, '[', APO_BACKUP_LINE_MAX + 100);
	cr_assert(not(import_of(file, text, len + APO_BACKUP_LINE_MAX + 100)));
	cr_assert(eq(str, reason, "in:2: is longer than 65536 bytes"));
}

Test(backup, an_import_that_fills_the_disk_leaves_nothing)
{
	char *text = NULL, *before, *after;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size), *in;
	sqlite3 *db;
	int i;

	make_store(file);
	before = dump(file);
	fputs(HEAD, out);
	for (i = 0; i < 2000; i++)
		fprintf(out,
			"{\"type\":\"account\",\"name\":\"n%d\",\"password\":\"" HASH
			"\",\"made_at_s\":1}\n",
			i);
	fputs(END(2000), out);
	fclose(out);
	db = open_db(file);
	cr_assert(eq(int, sqlite3_exec(db, "PRAGMA max_page_count = 30; BEGIN", NULL, NULL, NULL),
		     SQLITE_OK));
	in = fmemopen(text, size, "re");
	cr_assert(not(apo_backup_read(db, in, "in", &count, reason, sizeof reason)));
	cr_assert(ne(ptr, strstr(reason, "database or disk is full"), NULL), "%s", reason);
	fclose(in);
	sqlite3_close(db);
	after = dump(file);
	cr_assert(eq(str, after, before));
	sqlite3_free(before);
	sqlite3_free(after);
	free(text);
}
