/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conversation/store/store_private.h"

#define NAMES_SIZE 64
#define HASH "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$aGFzaA"
#define OTHER_HASH "$argon2id$v=19$m=65536,t=2,p=1$b3RoZXI$b3RoZXI"

static char directory[64], file[80];
static char reason[256];
static struct apo_store *store;

static void begin(void)
{
	strcpy(directory, "/tmp/apollonion-store.XXXXXX");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(file, sizeof file, "%s/db", directory);
	reason[0] = '\0';
}

static void end(void)
{
	char path[96];
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	size_t i;

	if (store)
		apo_store_close(store);
	store = NULL;
	for (i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(path, sizeof path, "%s%s", file, ends[i]);
		(void)unlink(path);
	}
	cr_assert(eq(int, rmdir(directory), 0));
}

TestSuite(store, .init = begin, .fini = end);

static void open_store(void)
{
	store = apo_store_open(file, reason, sizeof reason);
	cr_assert(ne(ptr, store, NULL), "%s", reason);
}

static void close_store(void)
{
	apo_store_close(store);
	store = NULL;
}

/* The content of the file, to check that nothing was written to it. */
static char *content(size_t *size)
{
	FILE *in = fopen(file, "re");
	char *bytes = malloc(1 << 20);

	cr_assert(ne(ptr, in, NULL));
	*size = fread(bytes, 1, 1 << 20, in);
	fclose(in);
	return bytes;
}

static void overwrite(long at, const void *bytes, size_t size)
{
	FILE *out = fopen(file, at < 0 ? "we" : "r+e");

	cr_assert(ne(ptr, out, NULL));
	cr_assert(eq(int, fseek(out, at < 0 ? 0 : at, SEEK_SET), 0));
	cr_assert(eq(sz, fwrite(bytes, 1, size, out), size));
	cr_assert(eq(int, fclose(out), 0));
}

static void make_by_sql(const char *sql)
{
	sqlite3 *db;

	cr_assert(eq(int, sqlite3_open(file, &db), SQLITE_OK));
	cr_assert(eq(int, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK));
	cr_assert(eq(int, sqlite3_close(db), SQLITE_OK));
}

/* The file is refused with these words, and no byte of it changes. */
static void refused(const char *words)
{
	char expected[256];
	size_t size, size_after;
	char *before = content(&size), *after;

	cr_assert(eq(ptr, apo_store_open(file, reason, sizeof reason), NULL));
	snprintf(expected, sizeof expected, "%s: %s", file, words);
	cr_assert(eq(str, reason, expected));
	after = content(&size_after);
	cr_assert(eq(sz, size_after, size));
	cr_assert(eq(int, memcmp(before, after, size), 0), "it was written to");
	free(before);
	free(after);
}

static void add_many(unsigned count)
{
	char name[32];
	unsigned i;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "name%u", i);
		cr_assert(eq(int, apo_account_add(store, name, HASH, 1), 0));
	}
}

Test(store, an_account_is_found_again_by_any_case)
{
	struct apo_account account;

	open_store();
	cr_assert(eq(int, apo_account_find(store, "dan", &account), -ENOENT));
	cr_assert(eq(int, apo_account_add(store, "Dan[x]", HASH, 1700000000), 0));
	close_store();
	open_store();
	cr_assert(eq(int, apo_account_find(store, "dAN[X]", &account), 0));
	cr_assert(eq(str, account.name, "Dan[x]"));
	cr_assert(eq(str, account.password_hash, HASH));
	/* Case mapping is ascii: brackets and braces differ. */
	cr_assert(eq(int, apo_account_find(store, "dan{x}", &account), -ENOENT));
}

#define KEY(letter) "SHA256:" letter "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void keys_are(const char *account, const char *expected)
{
	char keys[APO_KEYS_TEXT_SIZE];

	cr_assert(eq(int, apo_account_keys(store, account, keys), 0));
	cr_assert(eq(str, keys, (char *)expected));
}

Test(store, a_key_belongs_to_one_account)
{
	char name[APO_NICK_BYTES_MAX + 1];

	open_store();
	add_many(2);
	cr_assert(eq(int, apo_account_key_add(store, "NAME0", KEY("a"), 2), 0));
	cr_assert(eq(int, apo_account_key_add(store, "name0", KEY("b"), 1), 0));
	cr_assert(eq(int, apo_account_key_add(store, "name1", KEY("a"), 3), -EEXIST));
	cr_assert(eq(int, apo_account_key_add(store, "nobody", KEY("c"), 3), -ENOENT));
	cr_assert(eq(int, apo_account_key_add(store, "name1", "SHA256:short", 3), -EINVAL));
	close_store();
	open_store();
	cr_assert(eq(int, apo_account_key_find(store, KEY("a"), name), 0));
	cr_assert(eq(str, name, "name0"));
	cr_assert(eq(int, apo_account_key_find(store, KEY("c"), name), -ENOENT));
	keys_are("Name0", KEY("b") " " KEY("a"));
	keys_are("name1", "");
	cr_assert(eq(int, apo_account_key_remove(store, "name1", KEY("a")), -ENOENT));
	cr_assert(eq(int, apo_account_key_remove(store, "Name0", KEY("a")), 0));
	cr_assert(eq(int, apo_account_key_find(store, KEY("a"), name), -ENOENT));
	cr_assert(eq(int, apo_account_key_add(store, "name1", KEY("a"), 3), 0));
}

Test(store, keys_go_with_their_account)
{
	char name[APO_NICK_BYTES_MAX + 1];

	open_store();
	add_many(1);
	cr_assert(eq(int, apo_account_key_add(store, "name0", KEY("a"), 1), 0));
	cr_assert(eq(int, apo_account_remove(store, "name0"), 0));
	cr_assert(eq(int, apo_account_key_find(store, KEY("a"), name), -ENOENT));
	add_many(1);
	keys_are("name0", "");
	cr_assert(eq(int, apo_account_key_add(store, "name0", KEY("a"), 1), 0));
}

Test(store, an_account_has_a_limited_number_of_keys)
{
	char key[] = KEY("a"), keys[APO_KEYS_TEXT_SIZE];
	int i;

	open_store();
	add_many(1);
	for (i = 0; i < APO_ACCOUNT_KEYS_MAX; i++) {
		key[7] = (char)('a' + i);
		cr_assert(eq(int, apo_account_key_add(store, "name0", key, i), 0));
	}
	cr_assert(eq(int, apo_account_key_add(store, "name0", KEY("z"), 99), -ENOENT));
	cr_assert(eq(int, apo_account_keys(store, "name0", keys), 0));
	cr_assert(eq(sz, strlen(keys), APO_ACCOUNT_KEYS_MAX * sizeof key - 1));
}

Test(store, a_name_has_one_account)
{
	struct apo_account account;

	open_store();
	cr_assert(eq(int, apo_account_add(store, "dan", HASH, 1), 0));
	cr_assert(eq(int, apo_account_add(store, "DAN", OTHER_HASH, 2), -EEXIST));
	cr_assert(eq(int, apo_account_find(store, "dan", &account), 0));
	cr_assert(eq(str, account.password_hash, HASH));
	cr_assert(eq(int, apo_account_set_hash(store, "DAN", OTHER_HASH), 0));
	cr_assert(eq(int, apo_account_find(store, "dan", &account), 0));
	cr_assert(eq(str, account.password_hash, OTHER_HASH));
	cr_assert(eq(int, apo_account_set_hash(store, "eve", HASH), -ENOENT));
}

Test(store, too_long_values_are_refused)
{
	char longest[APO_NICK_BYTES_MAX + 2], hash[APO_SECRET_SIZE + 1];

	memset(longest, 'n', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	memset(hash, 'h', sizeof hash - 1);
	hash[sizeof hash - 1] = '\0';
	open_store();
	cr_assert(eq(int, apo_account_add(store, longest, HASH, 1), -EINVAL));
	cr_assert(eq(int, apo_account_add(store, longest + 1, HASH, 1), 0));
	cr_assert(eq(int, apo_account_add(store, "", HASH, 1), -EINVAL));
	cr_assert(eq(int, apo_account_add(store, "dan", hash, 1), -EINVAL));
	cr_assert(eq(int, apo_account_add(store, "dan", "", 1), -EINVAL));
	cr_assert(eq(int, apo_account_add(store, "dan", hash + 1, 1), 0));
}

static void count_name(void *of, int64_t id, const char *name)
{
	(void)id;
	char *all = of;
	size_t len = strlen(all);

	snprintf(all + len, NAMES_SIZE - len, "%s ", name);
}

static void note_id(void *of, int64_t id, const char *name)
{
	cr_assert(eq(str, (char *)name, "dan"));
	*(int64_t *)of = id;
}

Test(store, a_new_account_of_an_old_name_has_a_new_id)
{
	int64_t before = 0, now = 0;

	open_store();
	cr_assert(eq(int, apo_account_add(store, "dan", HASH, 1), 0));
	cr_assert(eq(int, apo_accounts_tell_all(store, note_id, &before), 0));
	cr_assert(eq(int, apo_account_remove(store, "dan"), 0));
	cr_assert(eq(int, apo_account_add(store, "dan", HASH, 1), 0));
	cr_assert(eq(int, apo_accounts_tell_all(store, note_id, &now), 0));
	cr_assert(ge(i64, before, 1));
	cr_assert(lt(i64, before, now));
}

Test(store, new_names_are_reported_once)
{
	char names[NAMES_SIZE] = "";
	struct apo_store *other;

	open_store();
	cr_assert(eq(int, apo_account_add(store, "dan", HASH, 1), 0));
	cr_assert(eq(int, apo_account_add(store, "eve", HASH, 1), 0));
	cr_assert(eq(int, apo_accounts_tell_new(store, count_name, names), 0));
	cr_assert(eq(str, names, "dan eve "));
	other = apo_store_open(file, reason, sizeof reason);
	cr_assert(ne(ptr, other, NULL), "%s", reason);
	cr_assert(eq(int, apo_account_add(other, "fay", HASH, 1), 0));
	apo_store_close(other);
	cr_assert(eq(int, apo_accounts_tell_new(store, count_name, names), 0));
	cr_assert(eq(int, apo_accounts_tell_new(store, count_name, names), 0));
	cr_assert(eq(str, names, "dan eve fay "));
}

Test(store, a_removed_account_is_gone_and_its_name_free)
{
	struct apo_account account;
	char names[NAMES_SIZE] = "";

	open_store();
	cr_assert(eq(int, apo_account_add(store, "Dan", HASH, 1), 0));
	cr_assert(eq(int, apo_account_add(store, "eve", HASH, 1), 0));
	cr_assert(eq(int, apo_account_remove(store, "fay"), -ENOENT));
	cr_assert(eq(int, apo_account_remove(store, "dAN"), 0));
	cr_assert(eq(int, apo_account_remove(store, "dan"), -ENOENT));
	close_store();
	open_store();
	cr_assert(eq(int, apo_account_find(store, "dan", &account), -ENOENT));
	cr_assert(eq(int, apo_account_add(store, "dan", OTHER_HASH, 1), 0));
	cr_assert(eq(int, apo_accounts_tell_new(store, count_name, names), 0));
	cr_assert(eq(int, apo_accounts_tell_all(store, count_name, names), 0));
	cr_assert(eq(str, names, "eve dan eve dan "));
}

Test(store, the_file_is_for_its_owner_alone)
{
	struct stat status;

	open_store();
	cr_assert(eq(int, stat(file, &status), 0));
	cr_assert(eq(uint, status.st_mode & 0777, 0600));
}

Test(store, an_empty_file_becomes_a_store)
{
	overwrite(-1, "", 0);
	open_store();
	cr_assert(eq(int, apo_account_add(store, "dan", HASH, 1), 0));
}

Test(store, a_file_that_is_no_database_is_refused)
{
	static const char text[] = "These are notes, and nobody has a copy of them.\n";
	char *bytes = calloc(1, 8192);

	overwrite(-1, text, sizeof text - 1);
	refused("is no SQLite database");
	memset(bytes, 0xa5, 8192);
	overwrite(-1, bytes, 8192);
	refused("is no SQLite database");
	free(bytes);
}

Test(store, the_database_of_another_program_is_refused)
{
	make_by_sql("CREATE TABLE accounts (name TEXT, password_hash TEXT)");
	refused("is the database of another program");
	make_by_sql("PRAGMA application_id = 77; PRAGMA user_version = 1");
	refused("is the database of another program");
}

Test(store, a_newer_version_is_refused)
{
	char sql[96];

	open_store();
	close_store();
	snprintf(sql, sizeof sql, "PRAGMA journal_mode = DELETE; PRAGMA user_version = %d",
		 APO_STORE_VERSION + 1);
	make_by_sql(sql);
	refused("was written by a newer version of apollonion");
	make_by_sql("PRAGMA user_version = 0");
	refused("is damaged: it has no version");
}

/* Each page of the file except the first, one after the other. */
Test(store, a_damaged_page_is_refused)
{
	char *whole, garbage[4096];
	size_t size, at, damaged = 0;

	open_store();
	add_many(200);
	close_store();
	whole = content(&size);
	memset(garbage, 0x5a, sizeof garbage);
	for (at = sizeof garbage; at < size; at += sizeof garbage, damaged++) {
		overwrite(-1, whole, size);
		overwrite((long)at, garbage, sizeof garbage);
		store = apo_store_open(file, reason, sizeof reason);
		cr_assert(eq(ptr, store, NULL), "page %zu", at / sizeof garbage);
		cr_assert(ne(ptr, strstr(reason, ": is damaged"), NULL), "%s", reason);
	}
	cr_assert(ge(sz, damaged, 6));
	overwrite(-1, whole, size);
	open_store();
	free(whole);
}

Test(store, a_file_cut_short_is_refused)
{
	size_t size;
	char *whole;

	open_store();
	add_many(200);
	close_store();
	whole = content(&size);
	overwrite(-1, whole, size / 2 & ~(size_t)4095);
	free(whole);
	refused("is damaged");
}

Test(store, a_failed_open_is_explained)
{
	char expected[128];

	cr_assert(eq(ptr, apo_store_open("/nowhere/at/all", reason, sizeof reason), NULL));
	cr_assert(eq(str, reason, "/nowhere/at/all: No such file or directory"));
	cr_assert(eq(ptr, apo_store_open(directory, reason, sizeof reason), NULL));
	snprintf(expected, sizeof expected, "%s: Is a directory", directory);
	cr_assert(eq(str, reason, expected));
}

/* A full disk: existing accounts stay, the failed one does not exist, and adding works again when
 * there is room. */
Test(store, a_full_disk_loses_nothing)
{
	struct apo_account account;
	char name[32];
	unsigned count = 0, i;
	int result;

	open_store();
	cr_assert(eq(int, sqlite3_exec(store->db, "PRAGMA max_page_count = 12", NULL, NULL, NULL),
		     SQLITE_OK));
	do {
		snprintf(name, sizeof name, "name%u", count++);
		result = apo_account_add(store, name, HASH, 1);
	} while (result == 0);
	cr_assert(eq(int, result, -ENOSPC));
	cr_assert(eq(str, (char *)apo_store_error(store), "database or disk is full"));
	cr_assert(ge(uint, count, 51));
	cr_assert(eq(int, apo_account_find(store, name, &account), -ENOENT));
	cr_assert(eq(int, sqlite3_exec(store->db, "PRAGMA max_page_count = 1000", NULL, NULL, NULL),
		     SQLITE_OK));
	cr_assert(eq(int, apo_account_add(store, name, HASH, 1), 0));
	close_store();
	open_store();
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "name%u", i);
		cr_assert(eq(int, apo_account_find(store, name, &account), 0));
	}
}

/* SQLite would write to the removed file without an error. */
Test(store, a_file_that_was_removed_takes_no_changes)
{
	struct apo_account account;
	char aside[96], told[NAMES_SIZE] = "";

	open_store();
	cr_assert(eq(int, apo_account_add(store, "dan", HASH, 1), 0));
	snprintf(aside, sizeof aside, "%s.aside", file);
	cr_assert(eq(int, rename(file, aside), 0));
	cr_assert(eq(int, apo_account_add(store, "eve", HASH, 1), -EIO));
	cr_assert(ne(ptr, strstr(apo_store_error(store), "not there any more"), NULL));
	cr_assert(eq(int, apo_account_set_hash(store, "dan", HASH), -EIO));
	cr_assert(eq(int, apo_account_remove(store, "dan"), -EIO));
	cr_assert(eq(int, apo_accounts_tell_all(store, count_name, told), -EIO));
	cr_assert(eq(str, told, ""));
	cr_assert(eq(int, apo_account_find(store, "dan", &account), 0), "who is known may log in");
	cr_assert(eq(int, rename(aside, file), 0));
	cr_assert(eq(int, apo_account_add(store, "eve", HASH, 1), 0));
}

/* An acknowledged account is on disk even if the process never closes the database. */
Test(store, an_account_survives_its_process)
{
	struct apo_account account;
	struct apo_store *other;
	char *copy, *wal;
	size_t size, wal_size;
	char path[96];
	FILE *in;

	open_store();
	cr_assert(eq(int, apo_account_add(store, "dan", HASH, 1), 0));
	/* The state of the disk: the database and its log. */
	copy = content(&size);
	snprintf(path, sizeof path, "%s-wal", file);
	in = fopen(path, "re");
	cr_assert(ne(ptr, in, NULL));
	wal = malloc(1 << 20);
	wal_size = fread(wal, 1, 1 << 20, in);
	fclose(in);
	close_store();
	overwrite(-1, copy, size);
	in = fopen(path, "we");
	cr_assert(eq(sz, fwrite(wal, 1, wal_size, in), wal_size));
	fclose(in);
	other = apo_store_open(file, reason, sizeof reason);
	cr_assert(ne(ptr, other, NULL), "%s", reason);
	cr_assert(eq(int, apo_account_find(other, "dan", &account), 0));
	apo_store_close(other);
	free(copy);
	free(wal);
}
