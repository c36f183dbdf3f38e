/* SPDX-License-Identifier: MIT */
#include "proto/recovery/prr.h"

void rudp_prr_begin(struct rudp_prr *prr, uint64_t flight_bytes)
{
	*prr = (struct rudp_prr){.flight_bytes = flight_bytes > 0 ? flight_bytes : 1};
}

void rudp_prr_on_sent(struct rudp_prr *prr, uint64_t bytes)
{
	prr->out_bytes += bytes;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* delivered * ssthresh / flight, rounded up. */
static uint64_t proportional(const struct rudp_prr *prr, uint64_t ssthresh_bytes)
{
	unsigned __int128 product = (unsigned __int128)prr->delivered_bytes * ssthresh_bytes;
	uint64_t share = (uint64_t)((product + prr->flight_bytes - 1) / prr->flight_bytes);

	return minus(share, prr->out_bytes);
}

static uint64_t bounded(const struct rudp_prr *prr, const struct rudp_prr_ack *ack)
{
	uint64_t most = ack->ssthresh_bytes - ack->inflight_bytes;
	uint64_t bytes = minus(prr->delivered_bytes, prr->out_bytes);

	if (bytes < ack->acked_bytes)
		bytes = ack->acked_bytes;
	return bytes < most ? bytes : most;
}

uint64_t rudp_prr_on_ack(struct rudp_prr *prr, const struct rudp_prr_ack *ack)
{
	uint64_t bytes;

	prr->delivered_bytes += ack->acked_bytes;
	bytes = ack->inflight_bytes > ack->ssthresh_bytes ? proportional(prr, ack->ssthresh_bytes)
							  : bounded(prr, ack);
	if (prr->out_bytes == 0 && bytes < ack->datagram_bytes)
		bytes = ack->datagram_bytes;
	return ack->inflight_bytes + bytes;
}
