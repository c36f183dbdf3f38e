/* SPDX-License-Identifier: MIT */
#include "crypto_faults.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static bool installed;
static atomic_uint failing;
static atomic_uint count;
static atomic_long blocks;

static bool is_refused(void)
{
	return ++count == failing;
}

static void *faulty_malloc(size_t size, const char *file, int line)
{
	void *memory = is_refused() ? NULL : malloc(size);

	(void)file;
	(void)line;
	blocks += memory != NULL;
	return memory;
}

static void *faulty_realloc(void *old, size_t size, const char *file, int line)
{
	void *memory = is_refused() ? NULL : realloc(old, size);

	(void)file;
	(void)line;
	blocks += memory != NULL && !old;
	return memory;
}

static void faulty_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	blocks -= memory != NULL;
	free(memory);
}

/* Before main: what criterion brings along uses libcrypto as well, and once something is allocated
 * its functions stay. */
__attribute__((constructor)) static void install(void)
{
	installed = CRYPTO_set_mem_functions(faulty_malloc, faulty_realloc, faulty_free) == 1;
}

void crypto_faults_arm(unsigned nth)
{
	cr_assert(eq(int, installed, 1));
	failing = nth;
	count = 0;
}

unsigned crypto_faults_count(void)
{
	return count;
}

long crypto_faults_blocks(void)
{
	ERR_clear_error();
	return blocks;
}
