/* SPDX-License-Identifier: MIT */
/*
 * reliability_private - what the files of the reliability layer share: reliability.c (send, recv),
 * loss.c (retransmit), sent_records.c (the ring). Nobody else includes it.
 */
#ifndef RUDP_PROTO_RELIABILITY_PRIVATE_H
#define RUDP_PROTO_RELIABILITY_PRIVATE_H

#include "proto/recovery/reliability.h"

#define RUDP_NUMBER_NONE UINT64_MAX

/* The record under number, which must be in [base, next). */
static inline struct rudp_sent *rudp_sent_at(const struct rudp_reliability *r, uint64_t number)
{
	return &r->records[number & (r->capacity - 1)];
}

static inline bool rudp_sent_is_awaited(const struct rudp_sent *sent)
{
	return sent->fate == RUDP_FATE_OUTSTANDING && sent->expects != RUDP_EXPECTS_NOTHING;
}

/* Memory of the ring. init: 0 or -ENOMEM. */
int rudp_sent_records_init(struct rudp_reliability *r);
void rudp_sent_records_fini(struct rudp_reliability *r);

/* Moves base over what nobody will ask for again. Losses up to lost_until_ns are given up. */
void rudp_sent_records_prune(struct rudp_reliability *r, int64_t lost_until_ns);

/*
 * Declares lost what the thresholds say, finds the next deadline, prunes. Cost: O(1) amortised,
 * since numbers and sending times grow together: all lost ones come before the first that is not.
 */
void rudp_loss_detect(struct rudp_reliability *r, const struct rudp_rtt *rtt,
		      int64_t ack_delay_max_ns, int64_t now_at_ns,
		      struct rudp_reliability_result *result);

/* A packet was answered that is extent numbers below one answered before. */
void rudp_loss_on_reordering(struct rudp_reliability *r, uint64_t extent);
/* Losses have proved spurious. */
void rudp_loss_on_spurious(struct rudp_reliability *r);

#endif
