/* SPDX-License-Identifier: MIT */
/* The watch on freed memory sees what it is there for. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "freed_memory.h"

#define BLOCK_BYTES 100

static const char secret[] = "a secret that nobody must find";

static void put(void *block)
{
	cr_assert(ne(ptr, block, NULL));
	memset(block, 0, BLOCK_BYTES);
	memcpy((char *)block + 7, secret, sizeof secret);
}

Test(freed_memory, a_secret_is_found_in_memory_of_libc_and_of_libcrypto)
{
	void *block = malloc(BLOCK_BYTES), *crypto = OPENSSL_malloc(BLOCK_BYTES);

	put(block);
	put(crypto);
	freed_memory_watch(secret, sizeof secret);
	free(block);
	OPENSSL_free(crypto);
	cr_assert(eq(uint, freed_memory_with_secret(), 2));
}

Test(freed_memory, a_secret_that_was_wiped_is_not_found)
{
	void *block = malloc(BLOCK_BYTES);

	put(block);
	freed_memory_watch(secret, sizeof secret);
	OPENSSL_cleanse(block, BLOCK_BYTES);
	free(block);
	cr_assert(zero(uint, freed_memory_with_secret()));
}
