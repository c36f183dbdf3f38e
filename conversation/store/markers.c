/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>

#include "conversation/store/sql.h"
#include "conversation/store/store_private.h"

int apo_markers_tell(struct apo_store *store,
		     void (*tell)(void *of, const char *account, const char *target,
				  int64_t time_ms),
		     void *of)
{
	static const char sql[] = "SELECT name, target, time_ms FROM markers, accounts "
				  "WHERE markers.account = accounts.id";
	const char *account, *target;
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL), error = 0;

	if (result != SQLITE_OK)
		return apo_sql_error(result);
	while (error == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		account = (const char *)sqlite3_column_text(statement, 0);
		target = (const char *)sqlite3_column_text(statement, 1);
		if (account && target)
			tell(of, account, target, sqlite3_column_int64(statement, 2));
		else
			error = -ENOMEM;
	}
	sqlite3_finalize(statement);
	if (error)
		return error;
	return result == SQLITE_DONE ? 0 : apo_sql_error(result);
}
