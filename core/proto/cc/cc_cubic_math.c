/* SPDX-License-Identifier: MIT */
#include "proto/cc/cc_cubic.h"

#include "proto/cc/cc_pace.h"

#define MS3_PER_S3 UINT64_C(1000000000)
#define ROOT_MAX UINT64_C(2642245) /* its cube is the last below 2^64 */

/* Bisection: 22 steps, exact, once per loss. */
uint64_t rudp_cubic_root(uint64_t value)
{
	uint64_t low = 0;
	uint64_t high = ROOT_MAX;

	while (low < high) {
		uint64_t middle = (low + high + 1) / 2;

		if (middle * middle * middle <= value)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

uint64_t rudp_cubic_k_ms(uint64_t w_max_bytes, uint64_t cwnd_epoch_bytes, uint32_t datagram_bytes)
{
	uint64_t cube_ms3;

	if (w_max_bytes <= cwnd_epoch_bytes)
		return 0;
	cube_ms3 =
		rudp_cc_mul_div(w_max_bytes - cwnd_epoch_bytes,
				MS3_PER_S3 * RUDP_CUBIC_C_DEN / RUDP_CUBIC_C_NUM, datagram_bytes);
	return rudp_cubic_root(cube_ms3);
}

uint64_t rudp_cubic_window_bytes(uint64_t t_ms, uint64_t k_ms, uint64_t w_max_bytes,
				 uint32_t datagram_bytes)
{
	uint64_t span_ms = t_ms > k_ms ? t_ms - k_ms : k_ms - t_ms;
	uint64_t offset;

	if (span_ms > RUDP_CUBIC_SPAN_MS_MAX)
		span_ms = RUDP_CUBIC_SPAN_MS_MAX;
	offset = rudp_cc_mul_div(span_ms * span_ms * span_ms,
				 (uint64_t)datagram_bytes * RUDP_CUBIC_C_NUM,
				 MS3_PER_S3 * RUDP_CUBIC_C_DEN);
	if (t_ms >= k_ms)
		return w_max_bytes + offset;
	return w_max_bytes > offset ? w_max_bytes - offset : 0;
}
