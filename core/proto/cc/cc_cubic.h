/* SPDX-License-Identifier: MIT */
/*
 * cc_cubic - the pure arithmetic of CUBIC, apart from its state so that it can be checked against
 * the numbers of the document.
 *
 * Source    RFC 9438 sections 4.2 and 4.3, with windows in bytes and instants in milliseconds.
 */
#ifndef RUDP_PROTO_CC_CUBIC_H
#define RUDP_PROTO_CC_CUBIC_H

#include <stdint.h>

/* Constants as fractions: beta 0.7, C 0.4, and alpha 3 (1 - beta) / (1 + beta) = 9 / 17. */
#define RUDP_CUBIC_BETA_NUM 7
#define RUDP_CUBIC_BETA_DEN 10
#define RUDP_CUBIC_C_NUM 4
#define RUDP_CUBIC_C_DEN 10
#define RUDP_CUBIC_ALPHA_NUM 9
#define RUDP_CUBIC_ALPHA_DEN 17

/* The curve is not followed further than this from its plateau: 0.4 * 200^3 is 3.2 million
 * datagrams, beyond any window. */
#define RUDP_CUBIC_SPAN_MS_MAX 200000

/* The largest integer whose cube is at most value. */
uint64_t rudp_cubic_root(uint64_t value);

/* K: how long the curve takes from the window at the epoch's start to w_max; 0 if already there. */
uint64_t rudp_cubic_k_ms(uint64_t w_max_bytes, uint64_t cwnd_epoch_bytes, uint32_t datagram_bytes);

/* W_cubic(t) = C (t - K)^3 + w_max, not below 0. */
uint64_t rudp_cubic_window_bytes(uint64_t t_ms, uint64_t k_ms, uint64_t w_max_bytes,
				 uint32_t datagram_bytes);

#endif
