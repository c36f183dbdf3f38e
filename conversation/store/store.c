/* SPDX-License-Identifier: MIT */
#include "conversation/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conversation/store/sql.h"
#include "conversation/store/store_private.h"

#define NUMBER_TEXT(number) #number
#define NUMBER_TEXT_OF(number) NUMBER_TEXT(number)

/* steps[n] changes a database of version n to version n + 1, in one transaction. */
static const char *const steps[APO_STORE_VERSION] = {
	/* AUTOINCREMENT: an id is never used twice. So "added since" can be queried, and a new
	 * account inherits nothing from a removed one. */
	"CREATE TABLE accounts ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT NOT NULL UNIQUE COLLATE NOCASE,"
	"  password_hash TEXT NOT NULL,"
	"  made_at_s INTEGER NOT NULL"
	") STRICT;"
	"PRAGMA application_id = " NUMBER_TEXT_OF(APO_STORE_APPLICATION_ID),

	/* A buffer holds the messages of a channel (name: folded) or of two accounts (name:
	 * "@id,id"). A presence: the account may read positions after "first" up to "last" (NULL:
	 * it is still in the channel). */
	"CREATE TABLE buffers ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT NOT NULL UNIQUE,"
	"  account_a INTEGER,"
	"  account_b INTEGER,"
	"  count INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX buffers_of_a ON buffers (account_a) WHERE account_a IS NOT NULL;"
	"CREATE INDEX buffers_of_b ON buffers (account_b) WHERE account_b IS NOT NULL;"
	"CREATE TABLE messages ("
	"  position INTEGER PRIMARY KEY,"
	"  buffer INTEGER NOT NULL,"
	"  run INTEGER NOT NULL,"
	"  time_ms INTEGER NOT NULL,"
	"  is_notice INTEGER NOT NULL,"
	"  source TEXT NOT NULL,"
	"  target TEXT NOT NULL,"
	"  account TEXT,"
	"  tags TEXT,"
	"  text TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX messages_of_buffer ON messages (buffer);"
	"CREATE TRIGGER message_gone AFTER DELETE ON messages BEGIN"
	"  UPDATE buffers SET count = count - 1 WHERE id = old.buffer;"
	"  DELETE FROM buffers WHERE id = old.buffer AND count = 0;"
	"END;"
	"CREATE TABLE presence ("
	"  id INTEGER PRIMARY KEY,"
	"  account INTEGER NOT NULL,"
	"  channel TEXT NOT NULL,"
	"  first INTEGER NOT NULL,"
	"  last INTEGER"
	") STRICT;"
	"CREATE INDEX presence_of_account ON presence (account, channel, first);"
	"CREATE INDEX presence_open ON presence (id) WHERE last IS NULL;"
	"CREATE TABLE markers ("
	"  account INTEGER NOT NULL,"
	"  target TEXT NOT NULL,"
	"  time_ms INTEGER NOT NULL,"
	"  PRIMARY KEY (account, target)"
	") STRICT, WITHOUT ROWID",

	/* Registered channels. founder, account: ids of accounts; an account may have gone. A list
	 * is named by its letter: b, e, I, q have masks, o and v accounts. */
	"CREATE TABLE channels ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  folded TEXT NOT NULL UNIQUE,"
	"  name TEXT NOT NULL,"
	"  founder INTEGER,"
	"  modes TEXT NOT NULL,"
	"  key TEXT,"
	"  topic TEXT,"
	"  topic_by TEXT,"
	"  user_limit INTEGER NOT NULL,"
	"  registered_at_s INTEGER NOT NULL,"
	"  created_at_s INTEGER NOT NULL,"
	"  used_at_s INTEGER NOT NULL,"
	"  topic_at_s INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE channel_entries ("
	"  id INTEGER PRIMARY KEY,"
	"  channel INTEGER NOT NULL,"
	"  list TEXT NOT NULL,"
	"  entry TEXT NOT NULL COLLATE NOCASE,"
	"  account INTEGER,"
	"  set_by TEXT NOT NULL,"
	"  set_at_s INTEGER NOT NULL,"
	"  UNIQUE (channel, list, entry)"
	") STRICT",

	/* Bans of the server. kind: a letter (bans.h). ends_at_s 0: never. */
	"CREATE TABLE bans ("
	"  id INTEGER PRIMARY KEY,"
	"  kind TEXT NOT NULL,"
	"  target TEXT NOT NULL COLLATE NOCASE,"
	"  set_by TEXT NOT NULL,"
	"  reason TEXT NOT NULL,"
	"  set_at_s INTEGER NOT NULL,"
	"  ends_at_s INTEGER NOT NULL,"
	"  UNIQUE (kind, target)"
	") STRICT",

	/* The audit log. is_open: a report that is not closed. */
	"CREATE TABLE audit ("
	"  number INTEGER PRIMARY KEY,"
	"  is_open INTEGER NOT NULL,"
	"  at_s INTEGER NOT NULL,"
	"  action TEXT NOT NULL,"
	"  text TEXT NOT NULL"
	") STRICT",

	/* Keys by which owners of accounts log in; a key belongs to one account. */
	"CREATE TABLE account_keys ("
	"  fingerprint TEXT NOT NULL PRIMARY KEY,"
	"  account INTEGER NOT NULL,"
	"  made_at_s INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX keys_of_account ON account_keys (account);"
	"CREATE TRIGGER account_gone AFTER DELETE ON accounts BEGIN"
	"  DELETE FROM account_keys WHERE account = old.id;"
	"END",

	/* Hashes of passwords may be followed by SCRAM keys: programs of older versions would
	 * refuse them at the login only. */
	"",

	/* The first position that every member may read; 0: none. */
	"ALTER TABLE channels ADD COLUMN public_from INTEGER NOT NULL DEFAULT 0",
};

/* ---- helpers ---- */

static int read_text(sqlite3 *db, const char *sql, char *text, size_t size)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (result != SQLITE_OK)
		return result;
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW && sqlite3_column_text(statement, 0))
		snprintf(text, size, "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return result == SQLITE_ROW ? SQLITE_OK : result == SQLITE_DONE ? SQLITE_CORRUPT : result;
}

/* ---- checking the file. Each function returns NULL, or the problem as text. ---- */

static int take_step(sqlite3 *db, int64_t version)
{
	char set[64];
	int result = sqlite3_exec(db, steps[version], NULL, NULL, NULL);

	snprintf(set, sizeof set, "PRAGMA user_version = %d", (int)version + 1);
	return result == SQLITE_OK ? sqlite3_exec(db, set, NULL, NULL, NULL) : result;
}

const char *apo_store_bring_up(sqlite3 *db)
{
	int64_t version = 0;
	int result = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (result != SQLITE_OK)
		return apo_sql_error_text(result);
	/* Another process may have upgraded it meanwhile. */
	result = apo_sql_number(db, "PRAGMA user_version", &version);
	for (; result == SQLITE_OK && version < APO_STORE_VERSION; version++)
		result = take_step(db, version);
	if (result == SQLITE_OK)
		result = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (result == SQLITE_OK)
		return NULL;
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return apo_sql_error_text(result);
}

/* Runs before anything that could write, including the switch to WAL mode. */
static const char *recognize(sqlite3 *db)
{
	int64_t id = 0, version = 0, pages = 0;
	const char *wrong;
	int result = apo_sql_number(db, "PRAGMA page_count", &pages);

	if (result == SQLITE_OK && pages == 0 && (wrong = apo_store_bring_up(db)))
		return wrong;
	if (result == SQLITE_OK)
		result = apo_sql_number(db, "PRAGMA application_id", &id);
	if (result == SQLITE_OK)
		result = apo_sql_number(db, "PRAGMA user_version", &version);
	if (result != SQLITE_OK)
		return apo_sql_error_text(result);
	if (id != APO_STORE_APPLICATION_ID)
		return "is the database of another program";
	if (version > APO_STORE_VERSION)
		return "was written by a newer version of apollonion";
	return version > 0 ? NULL : "is damaged: it has no version";
}

static const char *check_integrity(sqlite3 *db)
{
	char text[64] = "";
	int result = read_text(db, "PRAGMA integrity_check(1)", text, sizeof text);

	if (result != SQLITE_OK)
		return apo_sql_error_text(result);
	return strcmp(text, "ok") == 0 ? NULL : "is damaged";
}

static const char *set_up(sqlite3 *db)
{
	char mode[16] = "";
	int result = read_text(db, "PRAGMA journal_mode = WAL", mode, sizeof mode);

	if (result == SQLITE_OK)
		result = sqlite3_exec(db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
	if (result != SQLITE_OK)
		return apo_sql_error_text(result);
	return strcmp(mode, "wal") == 0 ? NULL : "cannot be used in WAL mode there";
}

static const char *prepare(struct apo_store *store)
{
	static const char *const sql[] = {
#define SQL(name, text) text,
		APO_STORE_STATEMENTS(SQL)
#undef SQL
	};
	int result = apo_sql_prepare(store->db, store->statements, sql, APO_STORE_COUNT);

	return result == SQLITE_OK ? NULL : apo_sql_error_text(result);
}

/* ---- opening and closing ---- */

/* Creates the file with mode 600; SQLite would let others read it. */
static const char *touch(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return strerror(errno);
	close(fd);
	return NULL;
}

static const char *open_database(struct apo_store *store, const char *file)
{
	const char *wrong = touch(file);
	int result;

	if (wrong)
		return wrong;
	result = apo_sql_open(file, &store->db);
	if (result != SQLITE_OK)
		return apo_sql_error_text(result);
	/* If the file is not ours, its WAL must not be checkpointed when we close it. */
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	wrong = recognize(store->db);
	if (!wrong)
		wrong = check_integrity(store->db);
	if (!wrong)
		(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	if (!wrong)
		wrong = apo_store_bring_up(store->db);
	if (!wrong)
		wrong = set_up(store->db);
	return wrong ? wrong : prepare(store);
}

/* A WAL file exists while a process has the database open, or after it was killed. */
static bool has_log(const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s-wal", file);
	return access(path, F_OK) == 0;
}

/* Opens for reading. Without a WAL file no process has it open; then SQLite need not create
 * files. */
static int open_to_read(const char *file, sqlite3 **db)
{
	const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI |
			  SQLITE_OPEN_EXRESCODE;
	char *uri;
	int result;

	if (has_log(file) || strpbrk(file, "?#%"))
		return sqlite3_open_v2(file, db, flags & ~SQLITE_OPEN_URI, NULL);
	uri = sqlite3_mprintf("file:%s?immutable=1", file);
	result = uri ? sqlite3_open_v2(uri, db, flags, NULL) : SQLITE_NOMEM;
	sqlite3_free(uri);
	return result;
}

static const char *check_file(sqlite3 *db)
{
	int64_t pages = 0;
	int result;
	const char *wrong;

	sqlite3_busy_timeout(db, APO_BUSY_MS);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	result = apo_sql_number(db, "PRAGMA page_count", &pages);
	if (result != SQLITE_OK)
		return apo_sql_error_text(result);
	if (pages == 0)
		return NULL;
	wrong = recognize(db);
	return wrong ? wrong : check_integrity(db);
}

bool apo_store_try(const char *file, char *reason, size_t reason_size)
{
	sqlite3 *db = NULL;
	int result = open_to_read(file, &db);
	const char *wrong = result == SQLITE_OK ? check_file(db) : apo_sql_error_text(result);

	if (wrong)
		snprintf(reason, reason_size, "%s: %s", file, wrong);
	sqlite3_close(db);
	return !wrong;
}

struct apo_store *apo_store_open(const char *file, char *reason, size_t reason_size)
{
	struct apo_store *store = calloc(1, sizeof *store);
	const char *wrong = store ? open_database(store, file) : strerror(ENOMEM);

	if (!wrong)
		return store;
	snprintf(reason, reason_size, "%s: %s", file, wrong);
	if (store)
		apo_store_close(store);
	return NULL;
}

void apo_store_close(struct apo_store *store)
{
	apo_sql_finalize(store->statements, APO_STORE_COUNT);
	sqlite3_close(store->db);
	free(store);
}

const char *apo_store_error(const struct apo_store *store)
{
	return apo_sql_last_error_text(store->db);
}
