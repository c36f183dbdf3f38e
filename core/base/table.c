/* SPDX-License-Identifier: MIT */
#include "base/table.h"

#include <string.h>

#include "base/hash.h"

static uint8_t table_key[16];

void rudp_table_set_key(const uint8_t key[16])
{
	memcpy(table_key, key, sizeof table_key);
}

unsigned rudp_table_hash(const void *key, size_t len)
{
	return (unsigned)rudp_siphash(table_key, key, len);
}
