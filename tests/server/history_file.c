/* SPDX-License-Identifier: MIT */
#include "server/history_file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void history_file_open(struct history_file *file)
{
	char reason[256] = "";

	file->store = apo_store_open(file->path, reason, sizeof reason);
	cr_assert(ne(ptr, file->store, NULL), "%s", reason);
	file->history = apo_history_open(file->path, reason, sizeof reason);
	cr_assert(ne(ptr, file->history, NULL), "%s", reason);
	if (!file->goes_on)
		cr_assert(eq(int, apo_history_begin_run(file->history), 0));
}

void history_file_close(struct history_file *file)
{
	apo_history_close(file->history);
	apo_store_close(file->store);
	file->history = NULL;
}

void history_file_make(struct history_file *file)
{
	static const char *const names[] = {"dan", "eve", "fay"};
	unsigned i;

	strcpy(file->directory, "/tmp/apollonion-history.XXXXXX");
	cr_assert(ne(ptr, mkdtemp(file->directory), NULL));
	snprintf(file->path, sizeof file->path, "%s/db", file->directory);
	history_file_open(file);
	for (i = 0; i < 3; i++)
		cr_assert(eq(int, apo_account_add(file->store, names[i], HASH, 1), 0));
}

void history_file_remove(struct history_file *file)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[96];
	size_t i;

	if (file->history)
		history_file_close(file);
	for (i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(path, sizeof path, "%s%s", file->path, ends[i]);
		(void)unlink(path);
	}
	cr_assert(eq(int, rmdir(file->directory), 0));
}
