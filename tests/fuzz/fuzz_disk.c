/* SPDX-License-Identifier: MIT */
/*
 * Pages of a store that are damaged: what rudpmsg_disk_check lets pass LMDB can read from end to
 * end. The input is a list of places in a good file (3 bytes) and what is put there (1 byte).
 */
#include <assert.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messaging/disk_check.h"

#define FILE_BYTES_MAX (1u << 20)
#define EDITS_MAX 64

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const databases[] = {"mark", "peers", "sent", "received"};
static uint8_t good[FILE_BYTES_MAX], file[FILE_BYTES_MAX];
static size_t file_bytes;
static int fd;
static char path[64];
static unsigned touched; /* so that reading is not left out */

static MDB_env *open_env(unsigned flags)
{
	MDB_env *env;

	assert(mdb_env_create(&env) == 0);
	mdb_env_set_maxdbs(env, 4);
	mdb_env_set_mapsize(env, FILE_BYTES_MAX);
	assert(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | flags, 0600) == 0);
	return env;
}

/* Short and long values, some deleted again: leaves, branches, pages of their own, and free ones.
 */
static void write_some(MDB_env *env, int round)
{
	static uint8_t bytes[9000];
	MDB_val key, value;
	MDB_txn *txn;
	MDB_dbi dbi;
	uint64_t number;
	size_t i;

	assert(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	for (i = 0; i < 4; i++) {
		assert(mdb_dbi_open(txn, databases[i], MDB_CREATE, &dbi) == 0);
		for (number = 0; number < 60; number++) {
			key = (MDB_val){sizeof number, &number};
			value = (MDB_val){number % 20 == 7 ? sizeof bytes : 200, bytes};
			if (round == 1 && number % 3 == 0)
				(void)mdb_del(txn, dbi, &key, NULL);
			else
				assert(mdb_put(txn, dbi, &key, &value, 0) == 0);
		}
	}
	assert(mdb_txn_commit(txn) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct stat st;
	MDB_env *env;

	(void)argc;
	(void)argv;
	fd = memfd_create("store", MFD_CLOEXEC);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	env = open_env(MDB_NOSYNC);
	write_some(env, 0);
	write_some(env, 1);
	mdb_env_close(env);
	assert(fstat(fd, &st) == 0 && st.st_size <= FILE_BYTES_MAX);
	file_bytes = (size_t)st.st_size;
	assert(pread(fd, good, file_bytes, 0) == (ssize_t)file_bytes);
	assert(rudpmsg_disk_check(good, file_bytes) == 0);
	return 0;
}

static void read_database(MDB_txn *txn, const char *name)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_dbi dbi;
	size_t i;

	if (mdb_dbi_open(txn, name, 0, &dbi) != 0 || mdb_cursor_open(txn, dbi, &cursor) != 0)
		return;
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
		for (i = 0; i < value.mv_size; i++)
			touched += ((const uint8_t *)value.mv_data)[i];
	mdb_cursor_close(cursor);
}

static void read_all(void)
{
	MDB_env *env;
	MDB_txn *txn;
	size_t i;

	assert(pwrite(fd, file, file_bytes, 0) == (ssize_t)file_bytes);
	env = open_env(MDB_RDONLY);
	assert(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
	for (i = 0; i < sizeof databases / sizeof *databases; i++)
		read_database(txn, databases[i]);
	mdb_txn_abort(txn);
	mdb_env_close(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t i, at;

	memcpy(file, good, file_bytes);
	for (i = 0; i + 4 <= size && i < 4 * EDITS_MAX; i += 4) {
		at = ((size_t)data[i] << 16 | (size_t)data[i + 1] << 8 | data[i + 2]) % file_bytes;
		file[at] = data[i + 3];
	}
	if (rudpmsg_disk_check(file, file_bytes) == 0)
		read_all();
	return 0;
}
