/* SPDX-License-Identifier: MIT */
/*
 * crypto_faults - the allocations of libcrypto, counted, and one of them made to fail.
 */
#ifndef RUDP_TESTS_CRYPTO_FAULTS_H
#define RUDP_TESTS_CRYPTO_FAULTS_H

/* The nth allocation from now on fails, and no other; 0: none. Starts the count again. */
void crypto_faults_arm(unsigned nth);

/* Allocations since armed. */
unsigned crypto_faults_count(void);

/* Blocks allocated and not freed, the thread's list of errors emptied. */
long crypto_faults_blocks(void);

#endif
