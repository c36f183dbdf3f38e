/* SPDX-License-Identifier: MIT */
#include "conversation/store/registry_db.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/store/sql.h"

#define CHANNEL_OF "(SELECT id FROM channels WHERE folded = :channel)"
#define ACCOUNT_OF(name) "(SELECT id FROM accounts WHERE name = " name ")"
#define IS_OF_ACCOUNTS "IN ('" APO_REGISTRY_OPERATORS "', '" APO_REGISTRY_VOICES "')"

/* Parameters and columns have the names of members of a record. Each column has AS: only then
 * SQLite promises its name. */
/* clang-format off */
#define STATEMENTS(X)                                                                              \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLL_BACK, "ROLLBACK")                                                                   \
	X(CHANNEL_SET,                                                                             \
	  "INSERT INTO channels (folded, name, founder, modes, key, topic, topic_by, user_limit, " \
	  "registered_at_s, created_at_s, used_at_s, topic_at_s, public_from) "                    \
	  "VALUES (:channel, :name, " ACCOUNT_OF(":by") ", :modes, :key, :topic, :topic_by, "      \
	  ":limit, :set_at_s, :created_at_s, :used_at_s, :topic_at_s, :public_from) "              \
	  "ON CONFLICT (folded) DO UPDATE SET name = excluded.name, founder = excluded.founder, "  \
	  "modes = excluded.modes, key = excluded.key, topic = excluded.topic, "                   \
	  "topic_by = excluded.topic_by, user_limit = excluded.user_limit, "                       \
	  "registered_at_s = excluded.registered_at_s, created_at_s = excluded.created_at_s, "     \
	  "used_at_s = excluded.used_at_s, topic_at_s = excluded.topic_at_s, "                     \
	  "public_from = excluded.public_from")                                                    \
	X(CHANNEL_DROP, "DELETE FROM channels WHERE folded = :channel")                            \
	X(ENTRIES_DROP, "DELETE FROM channel_entries WHERE channel = " CHANNEL_OF)                 \
	X(ENTRY_SET,                                                                               \
	  "INSERT INTO channel_entries (channel, list, entry, account, set_by, set_at_s) "         \
	  "SELECT id, :list, :name, CASE WHEN :list " IS_OF_ACCOUNTS " THEN " ACCOUNT_OF(":name")  \
	  " END, :by, :set_at_s FROM channels WHERE folded = :channel "                            \
	  "ON CONFLICT (channel, list, entry) DO UPDATE SET set_by = excluded.set_by, "            \
	  "set_at_s = excluded.set_at_s, account = excluded.account")                              \
	X(ENTRY_DROP, "DELETE FROM channel_entries WHERE channel = " CHANNEL_OF                    \
	  " AND list = :list AND entry = :name")                                                   \
	X(BAN_SET,                                                                                 \
	  "INSERT INTO bans (kind, target, set_by, reason, set_at_s, ends_at_s) "                  \
	  "VALUES (:list, :name, :by, :reason, :set_at_s, :ends_at_s) "                            \
	  "ON CONFLICT (kind, target) DO UPDATE SET set_by = excluded.set_by, "                    \
	  "reason = excluded.reason, set_at_s = excluded.set_at_s, "                               \
	  "ends_at_s = excluded.ends_at_s")                                                        \
	X(BAN_DROP, "DELETE FROM bans WHERE kind = :list AND target = :name")                      \
	X(BANS,                                                                                    \
	  "SELECT kind AS list, target AS name, set_by AS \"by\", reason AS reason, "              \
	  "set_at_s AS set_at_s, ends_at_s AS ends_at_s FROM bans ORDER BY id")                    \
	X(AUDIT_SET,                                                                               \
	  "INSERT INTO audit (action, text, number, at_s, is_open) "                               \
	  "VALUES (:name, :reason, :number, :set_at_s, :list = 'open') "                           \
	  "ON CONFLICT (number) DO UPDATE SET is_open = excluded.is_open")                         \
	X(AUDIT_DROP, "DELETE FROM audit WHERE number = :number")                                  \
	X(AUDIT,                                                                                   \
	  "SELECT number AS number, iif(is_open, 'open', 'closed') AS list, at_s AS set_at_s, "    \
	  "action AS name, text AS reason FROM audit ORDER BY number")                             \
	X(NAMESAKE_DROP, "DELETE FROM accounts WHERE name = :name AND id <> :number")              \
	X(ACCOUNT_SET,                                                                             \
	  "INSERT INTO accounts (name, password_hash, id, made_at_s) "                             \
	  "VALUES (:name, :reason, :number, :set_at_s) ON CONFLICT (id) DO UPDATE SET "            \
	  "name = excluded.name, password_hash = excluded.password_hash, "                         \
	  "made_at_s = excluded.made_at_s")                                                        \
	X(ACCOUNT_DROP, "DELETE FROM accounts WHERE id = :number")                                 \
	X(ACCOUNTS,                                                                                \
	  "SELECT id AS number, name AS name, password_hash AS reason, made_at_s AS set_at_s "     \
	  "FROM accounts ORDER BY id")                                                             \
	X(KEY_SET,                                                                                 \
	  "INSERT INTO account_keys (fingerprint, account, made_at_s) "                            \
	  "VALUES (:name, :number, :set_at_s) "                                                    \
	  "ON CONFLICT (fingerprint) DO UPDATE SET account = excluded.account")                    \
	X(KEY_DROP, "DELETE FROM account_keys WHERE fingerprint = :name AND account = :number")    \
	X(KEYS,                                                                                    \
	  "SELECT name AS \"by\", fingerprint AS name, account_keys.made_at_s AS set_at_s "        \
	  "FROM account_keys JOIN accounts ON id = account "                                       \
	  "ORDER BY account_keys.made_at_s, fingerprint")                                          \
	X(WRITTEN_ADD, "INSERT INTO temp.written VALUES (:number)")                                \
	X(CHANNELS,                                                                                \
	  "SELECT folded AS channel, channels.name AS name, accounts.name AS \"by\", "             \
	  "modes AS modes, key AS key, topic AS topic, topic_by AS topic_by, "                     \
	  "user_limit AS \"limit\", registered_at_s AS set_at_s, created_at_s AS created_at_s, "   \
	  "used_at_s AS used_at_s, topic_at_s AS topic_at_s, public_from AS public_from "          \
	  "FROM channels LEFT JOIN accounts ON accounts.id = founder ORDER BY channels.id")        \
	X(ENTRIES,                                                                                 \
	  "SELECT list AS list, ifnull(accounts.name, entry) AS name, set_by AS \"by\", "          \
	  "set_at_s AS set_at_s "                                                                  \
	  "FROM channel_entries LEFT JOIN accounts ON accounts.id = account "                      \
	  "WHERE channel = " CHANNEL_OF                                                            \
	  " AND (NOT list " IS_OF_ACCOUNTS " OR accounts.name IS NOT NULL) "                       \
	  "ORDER BY channel_entries.id")
/* clang-format on */

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

/* ---- records as parameters and columns ---- */

#define MEMBERS(X)                                                                                 \
	X(channel, TEXT)                                                                           \
	X(list, TEXT)                                                                              \
	X(name, TEXT)                                                                              \
	X(by, TEXT)                                                                                \
	X(modes, TEXT)                                                                             \
	X(key, TEXT)                                                                               \
	X(topic, TEXT)                                                                             \
	X(topic_by, TEXT)                                                                          \
	X(reason, TEXT)                                                                            \
	X(number, NUMBER)                                                                          \
	X(limit, COUNT)                                                                            \
	X(set_at_s, NUMBER)                                                                        \
	X(ends_at_s, NUMBER)                                                                       \
	X(created_at_s, NUMBER)                                                                    \
	X(used_at_s, NUMBER)                                                                       \
	X(topic_at_s, NUMBER)                                                                      \
	X(public_from, NUMBER)

static const struct member {
	const char *name;
	size_t offset;
	enum { TEXT, NUMBER, COUNT } type;
} members[] = {
#define MEMBER(name, type) {#name, offsetof(struct apo_registry_record, name), type},
	MEMBERS(MEMBER)
#undef MEMBER
};

static const struct member *member_named(const char *name)
{
	const struct member *member = members;

	for (; strcmp(member->name, name) != 0; member++)
		assert(member + 1 < members + sizeof members / sizeof *members);
	return member;
}

/* Binds the members that the statement has as parameters. */
static void bind_record(sqlite3_stmt *statement, const struct apo_registry_record *record)
{
	const struct member *member;
	const void *value;
	int i;

	for (i = 1; i <= sqlite3_bind_parameter_count(statement); i++) {
		member = member_named(sqlite3_bind_parameter_name(statement, i) + 1);
		value = (const char *)record + member->offset;
		if (member->type == TEXT)
			(void)sqlite3_bind_text(statement, i, *(const char *const *)value, -1,
						SQLITE_STATIC);
		else
			(void)sqlite3_bind_int64(statement, i,
						 member->type == COUNT ? *(const uint32_t *)value
								       : *(const int64_t *)value);
	}
}

/* Returns 0, or -ENOMEM: a text cannot be read. */
static int read_columns(sqlite3_stmt *row, struct apo_registry_record *record)
{
	const struct member *member;
	void *value;
	int i;

	for (i = 0; i < sqlite3_column_count(row); i++) {
		member = member_named(sqlite3_column_name(row, i));
		value = (char *)record + member->offset;
		if (member->type == COUNT)
			*(uint32_t *)value = (uint32_t)sqlite3_column_int64(row, i);
		else if (member->type == NUMBER)
			*(int64_t *)value = sqlite3_column_int64(row, i);
		else if (sqlite3_column_type(row, i) != SQLITE_NULL &&
			 !(*(const char **)value = (const char *)sqlite3_column_text(row, i)))
			return -ENOMEM;
	}
	return 0;
}

/* ---- writing ---- */

static int run(struct apo_registry_db *registry, enum statement which)
{
	sqlite3_stmt *statement = registry->statements[which];
	int result = sqlite3_step(statement);

	return apo_sql_end(statement, result, 0);
}

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

/* The statements that write a record of each kind. BEGIN: there is no second one. */
static const enum statement writes[][2] = {
	[APO_REGISTRY_CHANNEL] = {CHANNEL_SET},
	[APO_REGISTRY_CHANNEL_GONE] = {ENTRIES_DROP, CHANNEL_DROP},
	[APO_REGISTRY_ENTRY] = {ENTRY_SET},
	[APO_REGISTRY_ENTRY_GONE] = {ENTRY_DROP},
	[APO_REGISTRY_BAN] = {BAN_SET},
	[APO_REGISTRY_BAN_GONE] = {BAN_DROP},
	[APO_REGISTRY_AUDIT] = {AUDIT_SET},
	[APO_REGISTRY_AUDIT_GONE] = {AUDIT_DROP},
	/* An account of the same name with another id has gone. */
	[APO_REGISTRY_ACCOUNT] = {NAMESAKE_DROP, ACCOUNT_SET},
	[APO_REGISTRY_ACCOUNT_GONE] = {ACCOUNT_DROP},
	[APO_REGISTRY_KEY] = {KEY_SET},
	[APO_REGISTRY_KEY_GONE] = {KEY_DROP},
};

static int write_record(struct apo_registry_db *registry, enum statement which,
			const struct apo_registry_record *record)
{
	bind_record(registry->statements[which], record);
	return run(registry, which);
}

int apo_registry_db_write(struct apo_registry_db *registry,
			  const struct apo_registry_record *record)
{
	int error;

	if (record->kind == APO_REGISTRY_ALL_BEGIN)
		return begin_all(registry);
	if (record->kind == APO_REGISTRY_ALL_END)
		return end_all(registry);
	error = write_record(registry, writes[record->kind][0], record);
	if (error == 0 && writes[record->kind][1] != BEGIN)
		error = write_record(registry, writes[record->kind][1], record);
	if (error == 0 && record->kind == APO_REGISTRY_ACCOUNT && registry->is_replacing)
		error = write_record(registry, WRITTEN_ADD, record);
	return error;
}

/* ---- reading ---- */

/* Tells a record for each row; what the row does not have is that of common, which also has the
 * parameters. After each channel come its entries. */
static int read_rows(struct apo_registry_db *registry, enum statement which,
		     const struct apo_registry_record *common, apo_tell_record *tell, void *of)
{
	sqlite3_stmt *statement = registry->statements[which];
	struct apo_registry_record record;
	int result, error = 0;

	bind_record(statement, common);
	while (error == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		record = *common;
		error = read_columns(statement, &record);
		if (error == 0)
			error = tell(of, &record);
		if (error == 0 && which == CHANNELS)
			error = read_rows(registry, ENTRIES,
					  &(struct apo_registry_record){.kind = APO_REGISTRY_ENTRY,
									.channel = record.channel},
					  tell, of);
	}
	return apo_sql_end(statement, result, error);
}

static int read_kind(struct apo_registry_db *registry, enum statement which,
		     enum apo_registry_kind kind, apo_tell_record *tell, void *of)
{
	return read_rows(registry, which, &(struct apo_registry_record){.kind = kind}, tell, of);
}

int apo_registry_db_read(struct apo_registry_db *registry, apo_tell_record *tell, void *of)
{
	int error = read_kind(registry, BANS, APO_REGISTRY_BAN, tell, of);

	if (error == 0)
		error = read_kind(registry, AUDIT, APO_REGISTRY_AUDIT, tell, of);
	return error ? error : read_kind(registry, CHANNELS, APO_REGISTRY_CHANNEL, tell, of);
}

int apo_registry_db_read_accounts(struct apo_registry_db *registry, apo_tell_record *tell, void *of)
{
	int error = read_kind(registry, ACCOUNTS, APO_REGISTRY_ACCOUNT, tell, of);

	return error ? error : read_kind(registry, KEYS, APO_REGISTRY_KEY, tell, of);
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
