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

struct cv_outbox_db {
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

static int run(struct cv_outbox_db *outbox, const char *sql)
{
	return sqlite3_exec(outbox->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static int64_t number_of(struct cv_outbox_db *outbox, const char *sql)
{
	sqlite3_stmt *query = NULL;
	int64_t number = -1;

	if (sqlite3_prepare_v2(outbox->db, sql, -1, &query, NULL) == SQLITE_OK &&
	    sqlite3_step(query) == SQLITE_ROW)
		number = sqlite3_column_int64(query, 0);
	sqlite3_finalize(query);
	return number;
}

/* ---- opening ---- */

static bool is_ours(struct cv_outbox_db *outbox)
{
	int64_t application = number_of(outbox, "PRAGMA application_id");

	return number_of(outbox, "SELECT count(*) FROM sqlite_master") == 0 ||
	       (application == (int64_t)strtoll(APPLICATION_ID, NULL, 16) &&
		number_of(outbox, "PRAGMA user_version") == 1);
}

static int insert_self(struct cv_outbox_db *outbox, const char *id, uint64_t stream)
{
	sqlite3_stmt *insert = NULL;
	int result =
		sqlite3_prepare_v2(outbox->db, "INSERT INTO self VALUES(?,?,0)", -1, &insert, NULL);

	if (result == SQLITE_OK) {
		sqlite3_bind_text(insert, 1, id, -1, SQLITE_STATIC);
		sqlite3_bind_int64(insert, 2, (sqlite3_int64)stream);
		result = sqlite3_step(insert);
	}
	sqlite3_finalize(insert);
	return result == SQLITE_DONE ? 0 : -EIO;
}

/* Returns NULL, or the problem as text. */
static const char *read_self(struct cv_outbox_db *outbox, const char *id, uint64_t *stream,
			     uint64_t *last_number)
{
	sqlite3_stmt *query = NULL;
	const char *wrong = NULL, *owner;

	if (sqlite3_prepare_v2(outbox->db, "SELECT id, stream, last_number FROM self", -1, &query,
			       NULL) != SQLITE_OK)
		return sqlite3_errmsg(outbox->db);
	if (sqlite3_step(query) == SQLITE_ROW) {
		owner = (const char *)sqlite3_column_text(query, 0);
		if (!owner || strcmp(owner, id) != 0)
			wrong = "it belongs to another --id";
		*stream = (uint64_t)sqlite3_column_int64(query, 1);
		*last_number = (uint64_t)sqlite3_column_int64(query, 2);
	} else if (insert_self(outbox, id, *stream) < 0)
		wrong = sqlite3_errmsg(outbox->db);
	sqlite3_finalize(query);
	return wrong;
}

static int prepare(struct cv_outbox_db *outbox, sqlite3_stmt **statement, const char *sql)
{
	return sqlite3_prepare_v3(outbox->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement,
				  NULL) == SQLITE_OK
		       ? 0
		       : -EIO;
}

static const char *set_up(struct cv_outbox_db *outbox, const char *id, uint64_t *stream,
			  uint64_t *last_number)
{
	/* Exclusive: two processes with the same store would say lines twice. */
	if (run(outbox, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
			"PRAGMA synchronous=FULL; BEGIN IMMEDIATE; COMMIT;") < 0)
		return sqlite3_errcode(outbox->db) == SQLITE_BUSY ? "another converse has it open"
								  : sqlite3_errmsg(outbox->db);
	if (!is_ours(outbox))
		return "it is no store of converse, or a newer one's";
	if (run(outbox, schema) < 0 ||
	    prepare(outbox, &outbox->add_line, "INSERT INTO line VALUES(?,?,?)") < 0 ||
	    prepare(outbox, &outbox->drop_line, "DELETE FROM line WHERE number=?") < 0 ||
	    prepare(outbox, &outbox->add_seen,
		    "INSERT OR REPLACE INTO seen VALUES(?,?,"
		    "(SELECT coalesce(max(age),0)+1 FROM seen))") < 0 ||
	    prepare(outbox, &outbox->set_last, "INSERT OR REPLACE INTO last VALUES(?,?)") < 0 ||
	    run(outbox, "CREATE INDEX IF NOT EXISTS seen_age ON seen(age)") < 0)
		return sqlite3_errmsg(outbox->db);
	return read_self(outbox, id, stream, last_number);
}

struct cv_outbox_db *cv_outbox_db_open(const char *directory, const char *id, uint64_t *stream,
				       uint64_t *last_number, char *reason, size_t reason_size)
{
	struct cv_outbox_db *outbox = calloc(1, sizeof *outbox);
	const char *wrong = strerror(ENOMEM);
	char file[4096];

	if (snprintf(file, sizeof file, "%s/converse.db", directory) >= (int)sizeof file)
		wrong = strerror(ENAMETOOLONG);
	else if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		wrong = strerror(errno);
	else if (outbox && sqlite3_open(file, &outbox->db) != SQLITE_OK)
		wrong = sqlite3_errmsg(outbox->db);
	else if (outbox)
		wrong = set_up(outbox, id, stream, last_number);
	if (!wrong)
		return outbox;
	snprintf(reason, reason_size, "%s: %s", directory, wrong);
	if (outbox)
		cv_outbox_db_close(outbox);
	return NULL;
}

void cv_outbox_db_close(struct cv_outbox_db *outbox)
{
	sqlite3_finalize(outbox->add_line);
	sqlite3_finalize(outbox->drop_line);
	sqlite3_finalize(outbox->add_seen);
	sqlite3_finalize(outbox->set_last);
	sqlite3_close(outbox->db);
	free(outbox);
}

/* ---- reading ---- */

static int restore(struct cv_outbox_db *outbox, struct cv_chat *chat, const char *sql,
		   void (*row)(struct cv_chat *chat, sqlite3_stmt *query))
{
	sqlite3_stmt *query = NULL;
	int result = sqlite3_prepare_v2(outbox->db, sql, -1, &query, NULL);

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
	cv_chat_restore_received(chat, (uint64_t)sqlite3_column_int64(query, 0));
}

static void restore_last(struct cv_chat *chat, sqlite3_stmt *query)
{
	cv_chat_restore_last(chat, text_of(query, 0), text_of(query, 1));
}

/* New places in the ring are assigned, from 0, in the order of age. */
int cv_outbox_db_restore(struct cv_outbox_db *outbox, struct cv_chat *chat)
{
	if (run(outbox,
		"BEGIN; CREATE TEMP TABLE old AS SELECT hash, age FROM seen ORDER BY age;"
		"DELETE FROM seen; INSERT INTO seen SELECT row_number() OVER (ORDER BY age)-1,"
		" hash, age FROM old; DROP TABLE old; COMMIT;") < 0 ||
	    restore(outbox, chat, "SELECT hash FROM seen ORDER BY place", restore_seen) < 0 ||
	    restore(outbox, chat, "SELECT number, target, text FROM line ORDER BY number",
		    restore_line) < 0)
		return -EIO;
	return restore(outbox, chat, "SELECT channel, msgid FROM last", restore_last);
}

/* ---- writing ---- */

static void fail(struct cv_outbox_db *outbox)
{
	if (!outbox->has_failed)
		snprintf(outbox->error, sizeof outbox->error, "%s", sqlite3_errmsg(outbox->db));
	outbox->has_failed = true;
}

static void begin(struct cv_outbox_db *outbox)
{
	if (!outbox->is_begun && run(outbox, "BEGIN") < 0)
		fail(outbox);
	outbox->is_begun = true;
}

static void finish(struct cv_outbox_db *outbox, sqlite3_stmt *statement)
{
	if (sqlite3_step(statement) != SQLITE_DONE)
		fail(outbox);
	sqlite3_reset(statement);
}

void cv_outbox_db_line(struct cv_outbox_db *outbox, uint64_t number, const char *target,
		       const char *text)
{
	char sql[64];

	begin(outbox);
	sqlite3_bind_int64(outbox->add_line, 1, (sqlite3_int64)number);
	sqlite3_bind_text(outbox->add_line, 2, target, -1, SQLITE_STATIC);
	sqlite3_bind_text(outbox->add_line, 3, text, -1, SQLITE_STATIC);
	finish(outbox, outbox->add_line);
	snprintf(sql, sizeof sql, "UPDATE self SET last_number=%llu", (unsigned long long)number);
	if (run(outbox, sql) < 0)
		fail(outbox);
}

void cv_outbox_db_drop(struct cv_outbox_db *outbox, uint64_t number)
{
	begin(outbox);
	sqlite3_bind_int64(outbox->drop_line, 1, (sqlite3_int64)number);
	finish(outbox, outbox->drop_line);
}

void cv_outbox_db_received(struct cv_outbox_db *outbox, uint32_t place, uint64_t hash)
{
	begin(outbox);
	sqlite3_bind_int64(outbox->add_seen, 1, place);
	sqlite3_bind_int64(outbox->add_seen, 2, (sqlite3_int64)hash);
	finish(outbox, outbox->add_seen);
}

void cv_outbox_db_last(struct cv_outbox_db *outbox, const char *channel, const char *msgid)
{
	begin(outbox);
	sqlite3_bind_text(outbox->set_last, 1, channel, -1, SQLITE_STATIC);
	sqlite3_bind_text(outbox->set_last, 2, msgid, -1, SQLITE_STATIC);
	finish(outbox, outbox->set_last);
}

int cv_outbox_db_commit(struct cv_outbox_db *outbox)
{
	if (outbox->is_begun && run(outbox, "COMMIT") < 0)
		fail(outbox);
	outbox->is_begun = false;
	return outbox->has_failed ? -EIO : 0;
}

const char *cv_outbox_db_error(const struct cv_outbox_db *outbox)
{
	return outbox->error;
}
