/* SPDX-License-Identifier: MIT */
/* The keys by which the owners of accounts log in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conversation/irc/fingerprint.h"
#include "conversation/store/sql.h"
#include "conversation/store/store_private.h"

int apo_account_key_find(struct apo_store *store, const char *fingerprint,
			 char name[APO_NICK_BYTES_MAX + 1])
{
	sqlite3_stmt *find = store->statements[APO_STORE_KEY_FIND];
	int result = apo_sql_bind_texts(find, 1, &fingerprint), error;
	const char *found = NULL;

	if (result == SQLITE_OK)
		result = sqlite3_step(find);
	error = result == SQLITE_DONE ? -ENOENT : apo_sql_error(result);
	if (result == SQLITE_ROW) {
		found = (const char *)sqlite3_column_text(find, 0);
		error = !found ? -ENOMEM : strlen(found) > APO_NICK_BYTES_MAX ? -EIO : 0;
	}
	if (error == 0)
		strcpy(name, found);
	apo_sql_reset(find);
	return error;
}

int apo_account_key_add(struct apo_store *store, const char *account, const char *fingerprint,
			int64_t made_at_s)
{
	sqlite3_stmt *add = store->statements[APO_STORE_KEY_ADD];
	int result;

	if (!apo_fingerprint_is_valid(fingerprint))
		return -EINVAL;
	result = apo_sql_bind_texts(add, 2, (const char *const[]){account, fingerprint});
	if (result == SQLITE_OK)
		result = sqlite3_bind_int64(add, 3, made_at_s);
	if (result == SQLITE_OK)
		result = sqlite3_bind_int(add, 4, APO_ACCOUNT_KEYS_MAX);
	return apo_store_write_row(store, APO_STORE_KEY_ADD, result);
}

int apo_account_key_remove(struct apo_store *store, const char *account, const char *fingerprint)
{
	const char *texts[] = {account, fingerprint};

	return apo_store_write_row(
		store, APO_STORE_KEY_REMOVE,
		apo_sql_bind_texts(store->statements[APO_STORE_KEY_REMOVE], 2, texts));
}

int apo_account_keys(struct apo_store *store, const char *account, char keys[APO_KEYS_TEXT_SIZE])
{
	sqlite3_stmt *statement = store->statements[APO_STORE_KEYS];
	int result = apo_sql_bind_texts(statement, 1, &account);
	size_t len = 0;
	const char *key;

	keys[0] = '\0';
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	while (result == SQLITE_ROW && len + APO_FINGERPRINT_SIZE < APO_KEYS_TEXT_SIZE &&
	       (key = (const char *)sqlite3_column_text(statement, 0))) {
		len += (size_t)snprintf(keys + len, APO_KEYS_TEXT_SIZE - len, "%s%s",
					len ? " " : "", key);
		result = sqlite3_step(statement);
	}
	apo_sql_reset(statement);
	return result == SQLITE_DONE ? 0 : result == SQLITE_ROW ? -ENOMEM : apo_sql_error(result);
}
