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

static int bind_text(sqlite3_stmt *statement, int place, const char *text)
{
	return sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
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
	int result = bind_text(store->find, 1, name), error = 0;

	if (result == SQLITE_OK)
		result = sqlite3_step(store->find);
	if (result == SQLITE_ROW) {
		error = copy_column(store->find, 0, account->name, sizeof account->name);
		if (error == 0)
			error = copy_column(store->find, 1, account->password_hash,
					    sizeof account->password_hash);
	} else {
		error = result == SQLITE_DONE ? -ENOENT : apo_sql_error(result);
	}
	apo_sql_reset(store->find);
	return error;
}

/* Runs a statement; result is that of binding. If the file was moved, what is written would be lost
 * with this process. */
static int write_row(struct apo_store *store, sqlite3_stmt *statement, int result)
{
	if (result == SQLITE_OK)
		result = apo_sql_has_moved(store->db) ? SQLITE_IOERR : sqlite3_step(statement);
	return apo_sql_end(statement, result, 0);
}

static int write_one_row(struct apo_store *store, sqlite3_stmt *statement, int result)
{
	int error = write_row(store, statement, result);

	if (error)
		return error;
	return sqlite3_changes(store->db) == 1 ? 0 : -ENOENT;
}

int apo_account_add(struct apo_store *store, const char *name, const char *password_hash,
		    int64_t made_at_s)
{
	int result;

	if (!fits(name, sizeof(((struct apo_account *)0)->name)) ||
	    !fits(password_hash, APO_SECRET_SIZE))
		return -EINVAL;
	result = bind_text(store->add, 1, name);
	if (result == SQLITE_OK)
		result = bind_text(store->add, 2, password_hash);
	if (result == SQLITE_OK)
		result = sqlite3_bind_int64(store->add, 3, made_at_s);
	return write_row(store, store->add, result);
}

int apo_account_set_hash(struct apo_store *store, const char *name, const char *password_hash)
{
	int result;

	if (!fits(password_hash, APO_SECRET_SIZE))
		return -EINVAL;
	result = bind_text(store->set_hash, 1, name);
	if (result == SQLITE_OK)
		result = bind_text(store->set_hash, 2, password_hash);
	return write_one_row(store, store->set_hash, result);
}

int apo_account_replace_hash(struct apo_store *store, const char *name, const char *old,
			     const char *password_hash)
{
	int result;

	if (!fits(password_hash, APO_SECRET_SIZE))
		return -EINVAL;
	result = bind_text(store->replace_hash, 1, name);
	if (result == SQLITE_OK)
		result = bind_text(store->replace_hash, 2, password_hash);
	if (result == SQLITE_OK)
		result = bind_text(store->replace_hash, 3, old);
	return write_one_row(store, store->replace_hash, result);
}

int apo_account_remove(struct apo_store *store, const char *name)
{
	return write_one_row(store, store->remove, bind_text(store->remove, 1, name));
}

int apo_accounts_tell_new(struct apo_store *store, apo_tell_account *tell, void *of)
{
	sqlite3_stmt *statement = store->tell_new;
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
