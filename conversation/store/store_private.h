/* SPDX-License-Identifier: MIT */
/* store_private - what the files of the store and its tests share. */
#ifndef APO_STORE_PRIVATE_H
#define APO_STORE_PRIVATE_H

#include <sqlite3.h>

#include "conversation/store/store.h"

#define APO_STORE_STATEMENTS(X)                                                                    \
	X(FIND, "SELECT name, password_hash FROM accounts WHERE name = ?1")                        \
	X(ADD, "INSERT INTO accounts (name, password_hash, made_at_s) VALUES (?1, ?2, ?3)")        \
	X(SET_HASH, "UPDATE accounts SET password_hash = ?2 WHERE name = ?1")                      \
	X(REPLACE_HASH, "UPDATE accounts SET password_hash = ?2 WHERE name = ?1 "                  \
			"AND password_hash = ?3")                                                  \
	X(REMOVE, "DELETE FROM accounts WHERE name = ?1")                                          \
	X(TELL_NEW, "SELECT id, name FROM accounts WHERE id > ?1 ORDER BY id")                     \
	X(KEY_FIND, "SELECT name FROM account_keys JOIN accounts ON id = account "                 \
		    "WHERE fingerprint = ?1")                                                      \
	X(KEY_ADD, "INSERT INTO account_keys (fingerprint, account, made_at_s) "                   \
		   "SELECT ?2, id, ?3 FROM accounts WHERE name = ?1 AND "                          \
		   "(SELECT count(*) FROM account_keys WHERE account = id) < ?4")                  \
	X(KEY_REMOVE, "DELETE FROM account_keys WHERE fingerprint = ?2 AND "                       \
		      "account = (SELECT id FROM accounts WHERE name = ?1)")                       \
	X(KEYS, "SELECT fingerprint FROM account_keys WHERE account = "                            \
		"(SELECT id FROM accounts WHERE name = ?1) ORDER BY made_at_s, fingerprint")

enum apo_store_statement {
#define APO_STORE_STATEMENT(name, sql) APO_STORE_##name,
	APO_STORE_STATEMENTS(APO_STORE_STATEMENT)
#undef APO_STORE_STATEMENT
		APO_STORE_COUNT
};

struct apo_store {
	sqlite3 *db;
	sqlite3_stmt *statements[APO_STORE_COUNT];
	int64_t last_told_id;
};

#define APO_STORE_APPLICATION_ID 0x41706f6c /* "Apol" */
#define APO_STORE_VERSION 8

/* Creates our tables, or upgrades them to our version, completely or not at all. Returns NULL, or
 * the problem as text. */
const char *apo_store_bring_up(sqlite3 *db);
/* Runs a statement that writes a row; result is that of binding. Returns 0; -ENOENT if no row was
 * changed; or another error. */
int apo_store_write_row(struct apo_store *store, enum apo_store_statement which, int result);

#endif
