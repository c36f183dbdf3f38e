/* SPDX-License-Identifier: MIT */
/*
 * freed_memory - tells whether a secret is still in memory when that is freed. It sees what the
 * code under test frees by itself or through libcrypto (crypto_faults.h).
 */
#ifndef RUDP_TESTS_FREED_MEMORY_H
#define RUDP_TESTS_FREED_MEMORY_H

#include <stddef.h>

#define FREED_MEMORY_SECRET_MAX 64

/* Watches for these bytes from now on, in place of others. len: from 1 to the maximum. */
void freed_memory_watch(const void *secret, size_t len);
/* How many blocks had the bytes when they were freed. Ends the watch. */
unsigned freed_memory_with_secret(void);

#endif
