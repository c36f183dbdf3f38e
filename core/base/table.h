/* SPDX-License-Identifier: MIT */
/*
 * table - uthash hash tables as configured for rudp. Include this file, never <uthash.h>.
 *
 * Hashes are keyed (hash.h) with a random key that is set once per process, because peers choose
 * many of the keys.
 */
#ifndef RUDP_BASE_TABLE_H
#define RUDP_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The process-wide key, all zeros until set. Set it before the first table is used. */
void rudp_table_set_key(const uint8_t key[16]);
unsigned rudp_table_hash(const void *key, size_t len);

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = rudp_table_hash((keyptr), (keylen)))
#define uthash_nonfatal_oom(element) (rudp_table_add_failed = true)
#include <uthash.h>

/*
 * The element with the key that key points to, whose type is that of the elements' key; NULL: there
 * is none. name is that of the UT_hash_handle. _KEY takes the length of the key, too.
 */
#define RUDP_TABLE_FIND(name, table, key) RUDP_TABLE_FIND_KEY(name, table, key, sizeof *(key))
#define RUDP_TABLE_FIND_KEY(name, table, key, len)                                                 \
	({                                                                                         \
		__typeof__((table) + 0) rudp_found;                                                \
		HASH_FIND(name, table, key, len, rudp_found);                                      \
		rudp_found;                                                                        \
	})

/*
 * Adds the element by its member field, or by a key elsewhere in the element. false: memory is
 * short (uthash itself would exit), and the table is unchanged.
 */
#define RUDP_TABLE_ADD(name, table, field, element)                                                \
	RUDP_TABLE_ADD_KEY(name, table, &(element)->field, sizeof(element)->field, element)
#define RUDP_TABLE_ADD_KEY(name, table, key, len, element)                                         \
	({                                                                                         \
		bool rudp_table_add_failed = false;                                                \
		HASH_ADD_KEYPTR(name, table, key, len, element);                                   \
		!rudp_table_add_failed;                                                            \
	})

#endif
