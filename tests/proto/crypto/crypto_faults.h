/* SPDX-License-Identifier: MIT */
/* crypto_faults - counts the allocations of libcrypto and can make one of them fail. */
#ifndef RUDP_TESTS_CRYPTO_FAULTS_H
#define RUDP_TESTS_CRYPTO_FAULTS_H

/* Makes only the nth allocation from now on fail; 0: none. Restarts the count. */
void crypto_faults_arm(unsigned nth);

/* The number of allocations since then. */
unsigned crypto_faults_count(void);

/* The number of allocated blocks, after clearing the thread's error queue. */
long crypto_faults_blocks(void);

#endif
