/* SPDX-License-Identifier: MIT */
#include "conversation/converse/outbox_db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define APPLICATION_ID "0x436f6e76" /* "Conv" */

struct cv_keep {
	sqlite3 *db;
	sqlite3_stmt *add_line, *drop_line, *add_seen, *set_last;
	bool is_begun, has_failed;
	char error[256];
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS self(id TEXT NOT NULL, stream INTEGER NOT NULL,"
	" last_number INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS line(number INTEGER PRIMARY KEY, target TEXT NOT NULL,"
	" text TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS seen(place INTEGER PRIMARY KEY, hash INTEGER NOT NULL, age "
	"INTEGER);"
	"CREATE TABLE IF NOT EXISTS last(channel TEXT PRIMARY KEY, msgid TEXT NOT NULL)"
	" WITHOUT ROWID;"
	"PRAGMA application_id=" APPLICATION_ID ";PRAGMA user_version=1;";

static int run(struct cv_keep *keep, const char *sql)
{
	return sqlite3_exec(keep->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static int64_t number_of(struct cv_keep *keep, const char *sql)
{
	sqlite3_stmt *query = NULL;
	int64_t number = -1;

	if (sqlite3_prepare_v2(keep->db, sql, -1, &query, NULL) == SQLITE_OK &&
	    sqlite3_step(query) == SQLITE_ROW)
		number = sqlite3_column_int64(query, 0);
	sqlite3_finalize(query);
	return number;
}

/* ---- opening ---- */

static bool is_ours(struct cv_keep *keep)
{
	int64_t application = number_of(keep, "PRAGMA application_id");

	return number_of(keep, "SELECT count(*) FROM sqlite_master") == 0 ||
	       (application == (int64_t)strtoll(APPLICATION_ID, NULL, 16) &&
		number_of(keep, "PRAGMA user_version") == 1);
}

static int insert_self(struct cv_keep *keep, const char *id, uint64_t stream)
{
	sqlite3_stmt *insert = NULL;
	int result =
		sqlite3_prepare_v2(keep->db, "INSERT INTO self VALUES(?,?,0)", -1, &insert, NULL);

	if (result == SQLITE_OK) {
		sqlite3_bind_text(insert, 1, id, -1, SQLITE_STATIC);
		sqlite3_bind_int64(insert, 2, (sqlite3_int64)stream);
		result = sqlite3_step(insert);
	}
	sqlite3_finalize(insert);
	return result == SQLITE_DONE ? 0 : -EIO;
}

/* NULL, or what is wrong. */
static const char *read_self(struct cv_keep *keep, const char *id, uint64_t *stream,
			     uint64_t *last_number)
{
	sqlite3_stmt *query = NULL;
	const char *wrong = NULL, *owner;

	if (sqlite3_prepare_v2(keep->db, "SELECT id, stream, last_number FROM self", -1, &query,
			       NULL) != SQLITE_OK)
		return sqlite3_errmsg(keep->db);
	if (sqlite3_step(query) == SQLITE_ROW) {
		owner = (const char *)sqlite3_column_text(query, 0);
		if (!owner || strcmp(owner, id) != 0)
			wrong = "it belongs to another --id";
		*stream = (uint64_t)sqlite3_column_int64(query, 1);
		*last_number = (uint64_t)sqlite3_column_int64(query, 2);
	} else if (insert_self(keep, id, *stream) < 0)
		wrong = sqlite3_errmsg(keep->db);
	sqlite3_finalize(query);
	return wrong;
}

static int prepare(struct cv_keep *keep, sqlite3_stmt **statement, const char *sql)
{
	return sqlite3_prepare_v3(keep->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) ==
			       SQLITE_OK
		       ? 0
		       : -EIO;
}

static const char *set_up(struct cv_keep *keep, const char *id, uint64_t *stream,
			  uint64_t *last_number)
{
	/* Exclusive: two processes with one store would say lines twice. */
	if (run(keep, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
		      "PRAGMA synchronous=FULL; BEGIN IMMEDIATE; COMMIT;") < 0)
		return sqlite3_errcode(keep->db) == SQLITE_BUSY ? "another converse has it open"
								: sqlite3_errmsg(keep->db);
	if (!is_ours(keep))
		return "it is no store of converse, or a newer one's";
	if (run(keep, schema) < 0 ||
	    prepare(keep, &keep->add_line, "INSERT INTO line VALUES(?,?,?)") < 0 ||
	    prepare(keep, &keep->drop_line, "DELETE FROM line WHERE number=?") < 0 ||
	    prepare(keep, &keep->add_seen,
		    "INSERT OR REPLACE INTO seen VALUES(?,?,"
		    "(SELECT coalesce(max(age),0)+1 FROM seen))") < 0 ||
	    prepare(keep, &keep->set_last, "INSERT OR REPLACE INTO last VALUES(?,?)") < 0 ||
	    run(keep, "CREATE INDEX IF NOT EXISTS seen_age ON seen(age)") < 0)
		return sqlite3_errmsg(keep->db);
	return read_self(keep, id, stream, last_number);
}

struct cv_keep *cv_keep_open(const char *directory, const char *id, uint64_t *stream,
			     uint64_t *last_number, char *reason, size_t reason_size)
{
	struct cv_keep *keep = calloc(1, sizeof *keep);
	const char *wrong = strerror(ENOMEM);
	char file[4096];

	if (snprintf(file, sizeof file, "%s/converse.db", directory) >= (int)sizeof file)
		wrong = strerror(ENAMETOOLONG);
	else if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		wrong = strerror(errno);
	else if (keep && sqlite3_open(file, &keep->db) != SQLITE_OK)
		wrong = sqlite3_errmsg(keep->db);
	else if (keep)
		wrong = set_up(keep, id, stream, last_number);
	if (!wrong)
		return keep;
	snprintf(reason, reason_size, "%s: %s", directory, wrong);
	if (keep)
		cv_keep_close(keep);
	return NULL;
}

void cv_keep_close(struct cv_keep *keep)
{
	sqlite3_finalize(keep->add_line);
	sqlite3_finalize(keep->drop_line);
	sqlite3_finalize(keep->add_seen);
	sqlite3_finalize(keep->set_last);
	sqlite3_close(keep->db);
	free(keep);
}

/* ---- reading ---- */

static int restore(struct cv_keep *keep, struct cv_chat *chat, const char *sql,
		   void (*row)(struct cv_chat *chat, sqlite3_stmt *query))
{
	sqlite3_stmt *query = NULL;
	int result = sqlite3_prepare_v2(keep->db, sql, -1, &query, NULL);

	while (result == SQLITE_OK || result == SQLITE_ROW) {
		result = sqlite3_step(query);
		if (result == SQLITE_ROW)
			row(chat, query);
	}
	sqlite3_finalize(query);
	return result == SQLITE_DONE ? 0 : -EIO;
}

static const char *text_of(sqlite3_stmt *query, int column)
{
	const char *text = (const char *)sqlite3_column_text(query, column);

	return text ? text : "";
}

static void restore_line(struct cv_chat *chat, sqlite3_stmt *query)
{
	cv_chat_restore_line(chat, (uint64_t)sqlite3_column_int64(query, 0), text_of(query, 1),
			     text_of(query, 2));
}

static void restore_seen(struct cv_chat *chat, sqlite3_stmt *query)
{
	cv_chat_restore_seen(chat, (uint64_t)sqlite3_column_int64(query, 0));
}

static void restore_last(struct cv_chat *chat, sqlite3_stmt *query)
{
	cv_chat_restore_last(chat, text_of(query, 0), text_of(query, 1));
}

/* Places are given anew, from 0, by the ages of what is there. */
int cv_keep_restore(struct cv_keep *keep, struct cv_chat *chat)
{
	if (run(keep,
		"BEGIN; CREATE TEMP TABLE old AS SELECT hash, age FROM seen ORDER BY age;"
		"DELETE FROM seen; INSERT INTO seen SELECT row_number() OVER (ORDER BY age)-1,"
		" hash, age FROM old; DROP TABLE old; COMMIT;") < 0 ||
	    restore(keep, chat, "SELECT hash FROM seen ORDER BY place", restore_seen) < 0 ||
	    restore(keep, chat, "SELECT number, target, text FROM line ORDER BY number",
		    restore_line) < 0)
		return -EIO;
	return restore(keep, chat, "SELECT channel, msgid FROM last", restore_last);
}

/* ---- writing ---- */

static void fail(struct cv_keep *keep)
{
	if (!keep->has_failed)
		snprintf(keep->error, sizeof keep->error, "%s", sqlite3_errmsg(keep->db));
	keep->has_failed = true;
}

static void begin(struct cv_keep *keep)
{
	if (!keep->is_begun && run(keep, "BEGIN") < 0)
		fail(keep);
	keep->is_begun = true;
}

static void finish(struct cv_keep *keep, sqlite3_stmt *statement)
{
	if (sqlite3_step(statement) != SQLITE_DONE)
		fail(keep);
	sqlite3_reset(statement);
}

void cv_keep_line(struct cv_keep *keep, uint64_t number, const char *target, const char *text)
{
	char sql[64];

	begin(keep);
	sqlite3_bind_int64(keep->add_line, 1, (sqlite3_int64)number);
	sqlite3_bind_text(keep->add_line, 2, target, -1, SQLITE_STATIC);
	sqlite3_bind_text(keep->add_line, 3, text, -1, SQLITE_STATIC);
	finish(keep, keep->add_line);
	snprintf(sql, sizeof sql, "UPDATE self SET last_number=%llu", (unsigned long long)number);
	if (run(keep, sql) < 0)
		fail(keep);
}

void cv_keep_drop(struct cv_keep *keep, uint64_t number)
{
	begin(keep);
	sqlite3_bind_int64(keep->drop_line, 1, (sqlite3_int64)number);
	finish(keep, keep->drop_line);
}

void cv_keep_seen(struct cv_keep *keep, uint32_t place, uint64_t hash)
{
	begin(keep);
	sqlite3_bind_int64(keep->add_seen, 1, place);
	sqlite3_bind_int64(keep->add_seen, 2, (sqlite3_int64)hash);
	finish(keep, keep->add_seen);
}

void cv_keep_last(struct cv_keep *keep, const char *channel, const char *msgid)
{
	begin(keep);
	sqlite3_bind_text(keep->set_last, 1, channel, -1, SQLITE_STATIC);
	sqlite3_bind_text(keep->set_last, 2, msgid, -1, SQLITE_STATIC);
	finish(keep, keep->set_last);
}

int cv_keep_commit(struct cv_keep *keep)
{
	if (keep->is_begun && run(keep, "COMMIT") < 0)
		fail(keep);
	keep->is_begun = false;
	return keep->has_failed ? -EIO : 0;
}

const char *cv_keep_error(const struct cv_keep *keep)
{
	return keep->error;
}
