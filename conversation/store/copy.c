/* SPDX-License-Identifier: MIT */
#include "conversation/store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "conversation/store/sql.h"

/* Finds a free name and creates an empty file, which only its owner may read. */
static int make(const char *file, char to[PATH_MAX])
{
	unsigned i;
	int fd = -1, len;

	for (i = 1; i <= APO_COPIES_MAX && fd < 0; i++) {
		len = snprintf(to, PATH_MAX, "%s.before-join-%u", file, i);
		if (len >= PATH_MAX)
			return -ENAMETOOLONG;
		fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	if (fd < 0)
		return -EEXIST;
	close(fd);
	return 0;
}

static int vacuum(sqlite3 *db, const char *to)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_bind_text(statement, 1, to, -1, SQLITE_STATIC);
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? 0 : apo_sql_error(result);
}

int apo_store_copy(const char *file, char to[PATH_MAX])
{
	sqlite3 *db = NULL;
	int error = make(file, to), result;

	if (error < 0)
		return error;
	result = apo_sql_open(file, &db);
	error = result == SQLITE_OK ? vacuum(db, to) : apo_sql_error(result);
	sqlite3_close(db);
	if (error < 0)
		(void)unlink(to);
	return error;
}
