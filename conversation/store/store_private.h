/* SPDX-License-Identifier: MIT */
/* store_private - what the files of the store and its tests share. */
#ifndef APO_STORE_PRIVATE_H
#define APO_STORE_PRIVATE_H

#include <sqlite3.h>

#include "conversation/store/store.h"

struct apo_store {
	sqlite3 *db;
	sqlite3_stmt *find, *add, *set_hash, *replace_hash, *remove, *tell_new;
	sqlite3_stmt *key_find, *key_add, *key_remove, *keys;
	int64_t last_told_id;
};

#define APO_STORE_APPLICATION_ID 0x41706f6c /* "Apol" */
#define APO_STORE_VERSION 8

/* Creates our tables, or upgrades them to our version, completely or not at all. Returns NULL, or
 * the problem as text. */
const char *apo_store_bring_up(sqlite3 *db);

#endif
