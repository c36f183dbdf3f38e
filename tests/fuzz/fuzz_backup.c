/* SPDX-License-Identifier: MIT */
/* A backup to import, forged or damaged: it is refused, or what it says is exported again and is
 * the same then. The database is in memory. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/store/backup_private.h"
#include "conversation/store/store_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns what was imported, as it is exported; NULL: it was refused. */
static char *imported(const void *bytes, size_t size)
{
	FILE *in = fmemopen((void *)(uintptr_t)bytes, size, "re"), *out;
	char reason[512], *text = NULL;
	size_t text_size = 0;
	uint64_t count, exported;
	sqlite3 *db = NULL;

	assert(sqlite3_open(":memory:", &db) == SQLITE_OK);
	assert(!apo_store_bring_up(db));
	if (apo_backup_read(db, in, "in", &count, reason, sizeof reason)) {
		out = open_memstream(&text, &text_size);
		assert(!apo_backup_write(db, out, &exported));
		assert(exported == count);
		fclose(out);
	} else {
		assert(strncmp(reason, "in:", 3) == 0 && !strchr(reason, '\n'));
	}
	sqlite3_close(db);
	fclose(in);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = size > 0 ? imported(data, size) : NULL, *again;

	if (!text)
		return 0;
	again = imported(text, strlen(text));
	assert(again && strcmp(again, text) == 0);
	free(again);
	free(text);
	return 0;
}
