/* SPDX-License-Identifier: MIT */
#include "conversation/store/copy.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/history_file.h"

static struct history_file file;

static void begin(void)
{
	history_file_make(&file);
}

static void end(void)
{
	char path[PATH_MAX];
	unsigned i;

	for (i = 1; i <= APO_COPIES_MAX; i++) {
		snprintf(path, sizeof path, "%s.before-join-%u", file.path, i);
		(void)unlink(path);
	}
	history_file_remove(&file);
}

TestSuite(copy, .init = begin, .fini = end);

Test(copy, a_copy_has_the_contents_and_is_private)
{
	char to[PATH_MAX], expected[PATH_MAX], reason[256];
	struct apo_account account;
	struct apo_store *store;
	struct stat status;

	cr_assert(eq(int, apo_store_copy(file.path, to), 0));
	snprintf(expected, sizeof expected, "%s.before-join-1", file.path);
	cr_assert(eq(str, to, expected));
	cr_assert(eq(int, stat(to, &status), 0));
	cr_assert(eq(uint, status.st_mode & 0777, 0600));
	cr_assert(eq(int, apo_account_remove(file.store, "eve"), 0));
	store = apo_store_open(to, reason, sizeof reason);
	cr_assert(ne(ptr, store, NULL), "%s", reason);
	cr_assert(eq(int, apo_account_find(store, "eve", &account), 0));
	apo_store_close(store);
}

Test(copy, no_copy_replaces_another_one)
{
	char to[PATH_MAX], expected[PATH_MAX];
	unsigned i;

	for (i = 1; i <= APO_COPIES_MAX; i++) {
		cr_assert(eq(int, apo_store_copy(file.path, to), 0));
		snprintf(expected, sizeof expected, "%s.before-join-%u", file.path, i);
		cr_assert(eq(str, to, expected));
	}
	cr_assert(eq(int, apo_store_copy(file.path, to), -EEXIST));
}

Test(copy, a_missing_file_leaves_no_copy)
{
	char path[PATH_MAX], to[PATH_MAX];

	snprintf(path, sizeof path, "%s-none", file.path);
	cr_assert(lt(int, apo_store_copy(path, to), 0));
	cr_assert(eq(int, access(to, F_OK), -1));
}
