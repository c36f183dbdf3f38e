/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "conversation/store/sql.h"
#include "conversation/store/store_private.h"

static bool fits(const char *text, size_t size)
{
	size_t len = strlen(text);

	return len > 0 && len < size;
}

static int copy_column(sqlite3_stmt *statement, int column, char *to, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	if (!text)
		return -ENOMEM;
	if (!fits(text, size))
		return -EIO; /* we did not write it */
	strcpy(to, text);
	return 0;
}

int apo_account_find(struct apo_store *store, const char *name, struct apo_account *account)
{
	sqlite3_stmt *find = store->statements[APO_STORE_FIND];
	int result = apo_sql_bind_texts(find, 1, &name), error = 0;

	if (result == SQLITE_OK)
		result = sqlite3_step(find);
	if (result == SQLITE_ROW) {
		error = copy_column(find, 0, account->name, sizeof account->name);
		if (error == 0)
			error = copy_column(find, 1, account->password_hash,
					    sizeof account->password_hash);
	} else {
		error = result == SQLITE_DONE ? -ENOENT : apo_sql_error(result);
	}
	apo_sql_reset(find);
	return error;
}

/* If the file was moved, what is written would be lost with this process. */
int apo_store_write_row(struct apo_store *store, enum apo_store_statement which, int result)
{
	sqlite3_stmt *statement = store->statements[which];
	int error;

	if (result == SQLITE_OK)
		result = apo_sql_has_moved(store->db) ? SQLITE_IOERR : sqlite3_step(statement);
	error = apo_sql_end(statement, result, 0);
	return error == 0 && sqlite3_changes(store->db) != 1 ? -ENOENT : error;
}

int apo_account_add(struct apo_store *store, const char *name, const char *password_hash,
		    int64_t made_at_s)
{
	sqlite3_stmt *add = store->statements[APO_STORE_ADD];
	int result;

	if (!fits(name, sizeof(((struct apo_account *)0)->name)) ||
	    !fits(password_hash, APO_SECRET_SIZE))
		return -EINVAL;
	result = apo_sql_bind_texts(add, 2, (const char *const[]){name, password_hash});
	if (result == SQLITE_OK)
		result = sqlite3_bind_int64(add, 3, made_at_s);
	return apo_store_write_row(store, APO_STORE_ADD, result);
}

static int write_texts(struct apo_store *store, enum apo_store_statement which, unsigned count,
		       const char *const *texts)
{
	return apo_store_write_row(store, which,
				   apo_sql_bind_texts(store->statements[which], count, texts));
}

int apo_account_set_hash(struct apo_store *store, const char *name, const char *password_hash)
{
	const char *texts[] = {name, password_hash};

	return fits(password_hash, APO_SECRET_SIZE)
		       ? write_texts(store, APO_STORE_SET_HASH, 2, texts)
		       : -EINVAL;
}

int apo_account_replace_hash(struct apo_store *store, const char *name, const char *old,
			     const char *password_hash)
{
	const char *texts[] = {name, password_hash, old};

	return fits(password_hash, APO_SECRET_SIZE)
		       ? write_texts(store, APO_STORE_REPLACE_HASH, 3, texts)
		       : -EINVAL;
}

int apo_account_remove(struct apo_store *store, const char *name)
{
	return write_texts(store, APO_STORE_REMOVE, 1, &name);
}

int apo_accounts_tell_new(struct apo_store *store, apo_tell_account *tell, void *of)
{
	sqlite3_stmt *statement = store->statements[APO_STORE_TELL_NEW];
	const char *name;
	int result = sqlite3_bind_int64(statement, 1, store->last_told_id);

	if (apo_sql_has_moved(store->db))
		return -EIO;
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	while (result == SQLITE_ROW && (name = (const char *)sqlite3_column_text(statement, 1))) {
		store->last_told_id = sqlite3_column_int64(statement, 0);
		tell(of, store->last_told_id, name);
		result = sqlite3_step(statement);
	}
	apo_sql_reset(statement);
	return result == SQLITE_DONE ? 0 : result == SQLITE_ROW ? -ENOMEM : apo_sql_error(result);
}

int apo_accounts_tell_all(struct apo_store *store, apo_tell_account *tell, void *of)
{
	store->last_told_id = 0;
	return apo_accounts_tell_new(store, tell, of);
}
