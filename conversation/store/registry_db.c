/* SPDX-License-Identifier: MIT */
#include "conversation/store/registry_db.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/store/sql.h"

#define CHANNEL_OF "(SELECT id FROM channels WHERE folded = ?1)"
#define ACCOUNT_OF(number) "(SELECT id FROM accounts WHERE name = " number ")"

#define STATEMENTS(X)                                                                              \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLL_BACK, "ROLLBACK")                                                                   \
	X(CHANNEL_SET,                                                                             \
	  "INSERT INTO channels (folded, name, founder, modes, key, topic, topic_by, user_limit, " \
	  "registered_at_s, created_at_s, used_at_s, topic_at_s, public_from) "                    \
	  "VALUES (?1, ?2, " ACCOUNT_OF(                                                           \
		  "?3") ", ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "                           \
			"ON CONFLICT (folded) DO UPDATE SET name = ?2, founder = " ACCOUNT_OF(     \
				"?3") ", "                                                         \
				      "modes = ?4, key = ?5, topic = ?6, topic_by = ?7, "          \
				      "user_limit = ?8, "                                          \
				      "registered_at_s = ?9, created_at_s = ?10, used_at_s = "     \
				      "?11, topic_at_s = ?12, public_from = ?13")                  \
	X(CHANNEL_DROP, "DELETE FROM channels WHERE folded = ?1")                                  \
	X(ENTRIES_DROP, "DELETE FROM channel_entries WHERE channel = " CHANNEL_OF)                 \
	X(ENTRY_SET,                                                                               \
	  "INSERT INTO channel_entries (channel, list, entry, account, set_by, set_at_s) "         \
	  "SELECT id, ?2, ?3, CASE WHEN ?2 IN ('o', 'v') THEN " ACCOUNT_OF(                        \
		  "?3") " END, ?4, ?5 "                                                            \
			"FROM channels WHERE folded = ?1 "                                         \
			"ON CONFLICT (channel, list, entry) DO UPDATE SET set_by = ?4, set_at_s "  \
			"= ?5, "                                                                   \
			"account = excluded.account")                                              \
	X(ENTRY_DROP, "DELETE FROM channel_entries WHERE channel = " CHANNEL_OF                    \
		      " AND list = ?2 AND entry = ?3")                                             \
	X(BAN_SET, "INSERT INTO bans (kind, target, set_by, reason, set_at_s, ends_at_s) "         \
		   "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (kind, target) DO UPDATE SET "     \
		   "set_by = ?3, reason = ?4, set_at_s = ?5, ends_at_s = ?6")                      \
	X(BAN_DROP, "DELETE FROM bans WHERE kind = ?1 AND target = ?2")                            \
	X(BANS, "SELECT kind, target, set_by, reason, set_at_s, ends_at_s FROM bans ORDER BY id")  \
	X(AUDIT_SET,                                                                               \
	  "INSERT INTO audit (action, text, number, at_s, is_open) "                               \
	  "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (number) DO UPDATE SET is_open = ?5")           \
	X(AUDIT_DROP, "DELETE FROM audit WHERE number = ?1")                                       \
	X(AUDIT, "SELECT number, is_open, at_s, action, text FROM audit ORDER BY number")          \
	X(NAMESAKE_DROP, "DELETE FROM accounts WHERE name = ?1 AND id <> ?3")                      \
	X(ACCOUNT_SET,                                                                             \
	  "INSERT INTO accounts (name, password_hash, id, made_at_s) VALUES (?1, ?2, ?3, ?4) "     \
	  "ON CONFLICT (id) DO UPDATE SET name = ?1, password_hash = ?2, made_at_s = ?4")          \
	X(ACCOUNT_DROP, "DELETE FROM accounts WHERE id = ?1")                                      \
	X(ACCOUNTS, "SELECT id, name, password_hash, made_at_s FROM accounts ORDER BY id")         \
	X(KEY_SET, "INSERT INTO account_keys (fingerprint, account, made_at_s) "                   \
		   "VALUES (?1, ?2, ?3) ON CONFLICT (fingerprint) DO UPDATE SET account = ?2")     \
	X(KEY_DROP, "DELETE FROM account_keys WHERE fingerprint = ?1 AND account = ?2")            \
	X(KEYS, "SELECT name, fingerprint, account_keys.made_at_s FROM account_keys "              \
		"JOIN accounts ON id = account ORDER BY account_keys.made_at_s, fingerprint")      \
	X(WRITTEN_ADD, "INSERT INTO temp.written VALUES (?1)")                                     \
	X(CHANNELS,                                                                                \
	  "SELECT folded, channels.name, accounts.name, modes, key, topic, topic_by, "             \
	  "user_limit, registered_at_s, created_at_s, used_at_s, topic_at_s, public_from "         \
	  "FROM channels LEFT JOIN accounts ON accounts.id = founder "                             \
	  "ORDER BY channels.id")                                                                  \
	X(ENTRIES, "SELECT list, ifnull(accounts.name, entry), set_by, set_at_s "                  \
		   "FROM channel_entries LEFT JOIN accounts ON accounts.id = account "             \
		   "WHERE channel = " CHANNEL_OF                                                   \
		   " AND (list NOT IN ('o', 'v') OR accounts.name IS NOT NULL) "                   \
		   "ORDER BY channel_entries.id")

enum statement {
#define STATEMENT(name, sql) name,
	STATEMENTS(STATEMENT)
#undef STATEMENT
		STATEMENT_COUNT
};

struct apo_registry_db {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool is_replacing; /* between ALL_BEGIN and ALL_END */
};

/* ---- statements ---- */

static int run(struct apo_registry_db *registry, enum statement which)
{
	sqlite3_stmt *statement = registry->statements[which];
	int result = sqlite3_step(statement);

	return apo_sql_end(statement, result, 0);
}

static void bind_numbers(sqlite3_stmt *statement, int first, unsigned count, const int64_t *numbers)
{
	unsigned i;

	for (i = 0; i < count; i++)
		(void)sqlite3_bind_int64(statement, first + (int)i, numbers[i]);
}

static const char *column(sqlite3_stmt *statement, int number)
{
	return (const char *)sqlite3_column_text(statement, number);
}

/* ---- writing ---- */

int apo_registry_db_begin(struct apo_registry_db *registry)
{
	return apo_sql_has_moved(registry->db) ? -EIO : run(registry, BEGIN);
}

int apo_registry_db_commit(struct apo_registry_db *registry)
{
	return run(registry, COMMIT);
}

void apo_registry_db_roll_back(struct apo_registry_db *registry)
{
	registry->is_replacing = false;
	/* SQLite may have rolled back itself. */
	if (!sqlite3_get_autocommit(registry->db))
		(void)run(registry, ROLL_BACK);
}

static int set_channel(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	sqlite3_stmt *statement = registry->statements[CHANNEL_SET];
	const char *const texts[] = {record->channel, record->name,  record->by,      record->modes,
				     record->key,     record->topic, record->topic_by};
	const int64_t numbers[] = {record->limit,     record->set_at_s,   record->created_at_s,
				   record->used_at_s, record->topic_at_s, record->public_from};

	(void)apo_sql_bind_texts(statement, 7, texts);
	bind_numbers(statement, 8, 6, numbers);
	return run(registry, CHANNEL_SET);
}

static int drop_channel(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	int error;

	(void)apo_sql_bind_texts(registry->statements[ENTRIES_DROP], 1, &record->channel);
	error = run(registry, ENTRIES_DROP);
	(void)apo_sql_bind_texts(registry->statements[CHANNEL_DROP], 1, &record->channel);
	return error ? error : run(registry, CHANNEL_DROP);
}

static int set_entry(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	const char *const texts[] = {record->channel, record->list, record->name, record->by};

	(void)apo_sql_bind_texts(registry->statements[ENTRY_SET], 4, texts);
	bind_numbers(registry->statements[ENTRY_SET], 5, 1, &record->set_at_s);
	return run(registry, ENTRY_SET);
}

static int drop_entry(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	const char *const texts[] = {record->channel, record->list, record->name};

	(void)apo_sql_bind_texts(registry->statements[ENTRY_DROP], 3, texts);
	return run(registry, ENTRY_DROP);
}

static int set_ban(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	const char *const texts[] = {record->list, record->name, record->by, record->reason};
	const int64_t numbers[] = {record->set_at_s, record->ends_at_s};

	(void)apo_sql_bind_texts(registry->statements[BAN_SET], 4, texts);
	bind_numbers(registry->statements[BAN_SET], 5, 2, numbers);
	return run(registry, BAN_SET);
}

static int drop_ban(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	const char *const texts[] = {record->list, record->name};

	(void)apo_sql_bind_texts(registry->statements[BAN_DROP], 2, texts);
	return run(registry, BAN_DROP);
}

static int set_audit(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	const char *const texts[] = {record->name, record->reason};
	const int64_t numbers[] = {record->number, record->set_at_s,
				   strcmp(record->list, "open") == 0};

	(void)apo_sql_bind_texts(registry->statements[AUDIT_SET], 2, texts);
	bind_numbers(registry->statements[AUDIT_SET], 3, 3, numbers);
	return run(registry, AUDIT_SET);
}

static int drop_audit(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	bind_numbers(registry->statements[AUDIT_DROP], 1, 1, &record->number);
	return run(registry, AUDIT_DROP);
}

/* An account of the same name with another id has gone. */
static int set_account(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	const char *const texts[] = {record->name, record->reason};
	const int64_t numbers[] = {record->number, record->set_at_s};
	int error;

	(void)apo_sql_bind_texts(registry->statements[NAMESAKE_DROP], 1, texts);
	bind_numbers(registry->statements[NAMESAKE_DROP], 3, 1, numbers);
	error = run(registry, NAMESAKE_DROP);
	(void)apo_sql_bind_texts(registry->statements[ACCOUNT_SET], 2, texts);
	bind_numbers(registry->statements[ACCOUNT_SET], 3, 2, numbers);
	if (error == 0)
		error = run(registry, ACCOUNT_SET);
	if (error || !registry->is_replacing)
		return error;
	bind_numbers(registry->statements[WRITTEN_ADD], 1, 1, numbers);
	return run(registry, WRITTEN_ADD);
}

static int drop_account(struct apo_registry_db *registry, const struct apo_registry_record *record)
{
	bind_numbers(registry->statements[ACCOUNT_DROP], 1, 1, &record->number);
	return run(registry, ACCOUNT_DROP);
}

static int change_key(struct apo_registry_db *registry, const struct apo_registry_record *record,
		      enum statement which)
{
	const int64_t numbers[] = {record->number, record->set_at_s};

	(void)apo_sql_bind_texts(registry->statements[which], 1, &record->name);
	bind_numbers(registry->statements[which], 2, which == KEY_SET ? 2 : 1, numbers);
	return run(registry, which);
}

static int execute(struct apo_registry_db *registry, const char *sql)
{
	int result = sqlite3_exec(registry->db, sql, NULL, NULL, NULL);

	return result == SQLITE_OK ? 0 : apo_sql_error(result);
}

static int begin_all(struct apo_registry_db *registry)
{
	registry->is_replacing = true;
	return execute(registry, "DELETE FROM channel_entries; DELETE FROM channels;"
				 "DELETE FROM bans; DELETE FROM audit; DELETE FROM account_keys;"
				 "DELETE FROM temp.written");
}

/* Accounts keep their rows, since history refers to them. */
static int end_all(struct apo_registry_db *registry)
{
	registry->is_replacing = false;
	return execute(registry,
		       "DELETE FROM accounts WHERE id NOT IN (SELECT id FROM temp.written)");
}

int apo_registry_db_write(struct apo_registry_db *registry,
			  const struct apo_registry_record *record)
{
	switch (record->kind) {
	case APO_REGISTRY_CHANNEL:
		return set_channel(registry, record);
	case APO_REGISTRY_CHANNEL_GONE:
		return drop_channel(registry, record);
	case APO_REGISTRY_ENTRY:
		return set_entry(registry, record);
	case APO_REGISTRY_ENTRY_GONE:
		return drop_entry(registry, record);
	case APO_REGISTRY_BAN:
		return set_ban(registry, record);
	case APO_REGISTRY_BAN_GONE:
		return drop_ban(registry, record);
	case APO_REGISTRY_AUDIT:
		return set_audit(registry, record);
	case APO_REGISTRY_AUDIT_GONE:
		return drop_audit(registry, record);
	case APO_REGISTRY_ACCOUNT:
		return set_account(registry, record);
	case APO_REGISTRY_ACCOUNT_GONE:
		return drop_account(registry, record);
	case APO_REGISTRY_KEY:
		return change_key(registry, record, KEY_SET);
	case APO_REGISTRY_KEY_GONE:
		return change_key(registry, record, KEY_DROP);
	case APO_REGISTRY_ALL_BEGIN:
		return begin_all(registry);
	case APO_REGISTRY_ALL_END:
		return end_all(registry);
	}
	return -EINVAL;
}

/* ---- reading ---- */

static int read_entries(struct apo_registry_db *registry, const char *channel,
			apo_tell_record *tell, void *of)
{
	sqlite3_stmt *statement = registry->statements[ENTRIES];
	struct apo_registry_record record = {.kind = APO_REGISTRY_ENTRY, .channel = channel};
	int result, error = 0;

	(void)apo_sql_bind_texts(statement, 1, &channel);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW && error == 0) {
		record.list = column(statement, 0);
		record.name = column(statement, 1);
		record.by = column(statement, 2);
		record.set_at_s = sqlite3_column_int64(statement, 3);
		error = record.list && record.name && record.by ? tell(of, &record) : -ENOMEM;
	}
	return apo_sql_end(statement, result, error);
}

static int read_channel(struct apo_registry_db *registry, sqlite3_stmt *statement,
			apo_tell_record *tell, void *of)
{
	struct apo_registry_record record = {
		.kind = APO_REGISTRY_CHANNEL,
		.channel = column(statement, 0),
		.name = column(statement, 1),
		.by = column(statement, 2),
		.modes = column(statement, 3),
		.key = column(statement, 4),
		.topic = column(statement, 5),
		.topic_by = column(statement, 6),
		.limit = (uint32_t)sqlite3_column_int64(statement, 7),
		.set_at_s = sqlite3_column_int64(statement, 8),
		.created_at_s = sqlite3_column_int64(statement, 9),
		.used_at_s = sqlite3_column_int64(statement, 10),
		.topic_at_s = sqlite3_column_int64(statement, 11),
		.public_from = sqlite3_column_int64(statement, 12),
	};
	int error;

	if (!record.channel || !record.name)
		return -ENOMEM;
	error = tell(of, &record);
	return error ? error : read_entries(registry, record.channel, tell, of);
}

static int read_ban(struct apo_registry_db *registry, sqlite3_stmt *statement,
		    apo_tell_record *tell, void *of)
{
	struct apo_registry_record record = {
		.kind = APO_REGISTRY_BAN,
		.list = column(statement, 0),
		.name = column(statement, 1),
		.by = column(statement, 2),
		.reason = column(statement, 3),
		.set_at_s = sqlite3_column_int64(statement, 4),
		.ends_at_s = sqlite3_column_int64(statement, 5),
	};

	(void)registry;
	return record.list && record.name && record.by && record.reason ? tell(of, &record)
									: -ENOMEM;
}

static int read_audit(struct apo_registry_db *registry, sqlite3_stmt *statement,
		      apo_tell_record *tell, void *of)
{
	struct apo_registry_record record = {
		.kind = APO_REGISTRY_AUDIT,
		.number = sqlite3_column_int64(statement, 0),
		.list = sqlite3_column_int64(statement, 1) ? "open" : "closed",
		.set_at_s = sqlite3_column_int64(statement, 2),
		.name = column(statement, 3),
		.reason = column(statement, 4),
	};

	(void)registry;
	return record.name && record.reason ? tell(of, &record) : -ENOMEM;
}

static int read_account(struct apo_registry_db *registry, sqlite3_stmt *statement,
			apo_tell_record *tell, void *of)
{
	struct apo_registry_record record = {
		.kind = APO_REGISTRY_ACCOUNT,
		.number = sqlite3_column_int64(statement, 0),
		.name = column(statement, 1),
		.reason = column(statement, 2),
		.set_at_s = sqlite3_column_int64(statement, 3),
	};

	(void)registry;
	return record.name && record.reason ? tell(of, &record) : -ENOMEM;
}

static int read_key(struct apo_registry_db *registry, sqlite3_stmt *statement,
		    apo_tell_record *tell, void *of)
{
	struct apo_registry_record record = {
		.kind = APO_REGISTRY_KEY,
		.by = column(statement, 0),
		.name = column(statement, 1),
		.set_at_s = sqlite3_column_int64(statement, 2),
	};

	(void)registry;
	return record.name && record.by ? tell(of, &record) : -ENOMEM;
}

/* One row of a statement. */
typedef int read_row(struct apo_registry_db *registry, sqlite3_stmt *statement,
		     apo_tell_record *tell, void *of);

static int read_rows(struct apo_registry_db *registry, enum statement which, read_row *read,
		     apo_tell_record *tell, void *of)
{
	sqlite3_stmt *statement = registry->statements[which];
	int result, error = 0;

	while (error == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW)
		error = read(registry, statement, tell, of);
	return apo_sql_end(statement, result, error);
}

int apo_registry_db_read(struct apo_registry_db *registry, apo_tell_record *tell, void *of)
{
	int error = read_rows(registry, BANS, read_ban, tell, of);

	if (error == 0)
		error = read_rows(registry, AUDIT, read_audit, tell, of);
	return error ? error : read_rows(registry, CHANNELS, read_channel, tell, of);
}

int apo_registry_db_read_accounts(struct apo_registry_db *registry, apo_tell_record *tell, void *of)
{
	int error = read_rows(registry, ACCOUNTS, read_account, tell, of);

	return error ? error : read_rows(registry, KEYS, read_key, tell, of);
}

/* ---- opening and closing ---- */

static int prepare(struct apo_registry_db *registry)
{
	static const char *const sql[] = {
#define STATEMENT(name, text) text,
		STATEMENTS(STATEMENT)
#undef STATEMENT
	};
	int result =
		sqlite3_exec(registry->db, "CREATE TEMP TABLE written (id INTEGER PRIMARY KEY)",
			     NULL, NULL, NULL);

	return result == SQLITE_OK
		       ? apo_sql_prepare(registry->db, registry->statements, sql, STATEMENT_COUNT)
		       : result;
}

struct apo_registry_db *apo_registry_db_open(const char *file, char *reason, size_t reason_size)
{
	struct apo_registry_db *registry = calloc(1, sizeof *registry);
	int result = registry ? apo_sql_open(file, &registry->db) : SQLITE_NOMEM;

	if (result == SQLITE_OK)
		result = prepare(registry);
	if (result == SQLITE_OK)
		return registry;
	snprintf(reason, reason_size, "%s: %s", file, apo_sql_error_text(result));
	if (registry)
		apo_registry_db_close(registry);
	return NULL;
}

void apo_registry_db_close(struct apo_registry_db *registry)
{
	apo_sql_finalize(registry->statements, STATEMENT_COUNT);
	sqlite3_close(registry->db);
	free(registry);
}

const char *apo_registry_db_file(const struct apo_registry_db *registry)
{
	return sqlite3_db_filename(registry->db, "main");
}

const char *apo_registry_db_error(const struct apo_registry_db *registry)
{
	return apo_sql_last_error_text(registry->db);
}
