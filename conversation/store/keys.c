/* SPDX-License-Identifier: MIT */
/* The keys by which the owners of accounts log in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conversation/irc/fingerprint.h"
#include "conversation/store/sql.h"
#include "conversation/store/store_private.h"

static int bind_texts(sqlite3_stmt *statement, const char *first, const char *second)
{
	int result = sqlite3_bind_text(statement, 1, first, -1, SQLITE_STATIC);

	if (result == SQLITE_OK && second)
		result = sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC);
	return result;
}

int apo_account_key_find(struct apo_store *store, const char *fingerprint,
			 char name[APO_NICK_BYTES_MAX + 1])
{
	int result = bind_texts(store->key_find, fingerprint, NULL), error;
	const char *found = NULL;

	if (result == SQLITE_OK)
		result = sqlite3_step(store->key_find);
	error = result == SQLITE_DONE ? -ENOENT : apo_sql_error(result);
	if (result == SQLITE_ROW) {
		found = (const char *)sqlite3_column_text(store->key_find, 0);
		error = !found ? -ENOMEM : strlen(found) > APO_NICK_BYTES_MAX ? -EIO : 0;
	}
	if (error == 0)
		strcpy(name, found);
	apo_sql_reset(store->key_find);
	return error;
}

/* Returns 0, or -ENOENT if no row was changed, or another error. */
static int change(struct apo_store *store, sqlite3_stmt *statement, int result)
{
	if (result == SQLITE_OK)
		result = apo_sql_has_moved(store->db) ? SQLITE_IOERR : sqlite3_step(statement);
	apo_sql_reset(statement);
	if (result != SQLITE_DONE)
		return apo_sql_error(result);
	return sqlite3_changes(store->db) == 1 ? 0 : -ENOENT;
}

int apo_account_key_add(struct apo_store *store, const char *account, const char *fingerprint,
			int64_t made_at_s)
{
	int result;

	if (!apo_fingerprint_is_valid(fingerprint))
		return -EINVAL;
	result = bind_texts(store->key_add, account, fingerprint);
	if (result == SQLITE_OK)
		result = sqlite3_bind_int64(store->key_add, 3, made_at_s);
	if (result == SQLITE_OK)
		result = sqlite3_bind_int(store->key_add, 4, APO_ACCOUNT_KEYS_MAX);
	return change(store, store->key_add, result);
}

int apo_account_key_remove(struct apo_store *store, const char *account, const char *fingerprint)
{
	return change(store, store->key_remove,
		      bind_texts(store->key_remove, account, fingerprint));
}

int apo_account_keys(struct apo_store *store, const char *account, char keys[APO_KEYS_TEXT_SIZE])
{
	int result = bind_texts(store->keys, account, NULL);
	size_t len = 0;
	const char *key;

	keys[0] = '\0';
	if (result == SQLITE_OK)
		result = sqlite3_step(store->keys);
	while (result == SQLITE_ROW && len + APO_FINGERPRINT_SIZE < APO_KEYS_TEXT_SIZE &&
	       (key = (const char *)sqlite3_column_text(store->keys, 0))) {
		len += (size_t)snprintf(keys + len, APO_KEYS_TEXT_SIZE - len, "%s%s",
					len ? " " : "", key);
		result = sqlite3_step(store->keys);
	}
	apo_sql_reset(store->keys);
	return result == SQLITE_DONE ? 0 : result == SQLITE_ROW ? -ENOMEM : apo_sql_error(result);
}
