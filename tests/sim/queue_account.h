/* SPDX-License-Identifier: MIT */
/*
 * queue_account - statistics of how long datagrams wait in a queue: mean, 99th percentile, maximum.
 */
#ifndef RUDP_SIM_QUEUE_ACCOUNT_H
#define RUDP_SIM_QUEUE_ACCOUNT_H

#include <stdint.h>

#define QUEUE_STEPS 50000

struct queue_account {
	uint64_t counts[QUEUE_STEPS];
	uint64_t samples;
	double sum_ms, max_ms;
};

void queue_account_add(struct queue_account *account, int64_t wait_ns);
/* 0 without samples; the percentile is rounded up to 0.1 ms. */
double queue_account_mean_ms(const struct queue_account *account);
double queue_account_p99_ms(const struct queue_account *account);

#endif
