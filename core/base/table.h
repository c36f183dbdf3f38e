/* SPDX-License-Identifier: MIT */
/*
 * table - uthash hash tables as configured for rudp. Include this file, never <uthash.h>.
 *
 * When memory runs out, uthash by default exits the program. Here it sets a flag instead: a
 * function that adds an element declares
 *
 *	bool rudp_table_add_failed = false;
 *	HASH_ADD(hh, table, key, sizeof element->key, element);
 *	if (rudp_table_add_failed)
 *		return -ENOMEM;
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

#endif
