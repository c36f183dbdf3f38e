/* SPDX-License-Identifier: MIT */
#include "queue_account.h"

#include "base/time.h"

#define QUEUE_STEP_NS (100 * RUDP_NS_PER_US)

void queue_account_add(struct queue_account *account, int64_t wait_ns)
{
	int64_t step = wait_ns / QUEUE_STEP_NS;
	double ms = (double)wait_ns / 1e6;

	account->counts[step < QUEUE_STEPS ? step : QUEUE_STEPS - 1]++;
	account->samples++;
	account->sum_ms += ms;
	if (ms > account->max_ms)
		account->max_ms = ms;
}

double queue_account_mean_ms(const struct queue_account *account)
{
	return account->samples ? account->sum_ms / (double)account->samples : 0;
}

double queue_account_p99_ms(const struct queue_account *account)
{
	uint64_t count = 0;

	for (int step = 0; account->samples && step < QUEUE_STEPS; step++) {
		count += account->counts[step];
		if (count * 100 >= account->samples * 99)
			return (double)(step + 1) * QUEUE_STEP_NS / 1e6;
	}
	return 0;
}
