/* SPDX-License-Identifier: MIT */
/*
 * reliability_private - internals shared by reliability.c (send, recv), loss.c (retransmit) and
 * sent_records.c (the ring). No other file includes it.
 */
#ifndef RUDP_PROTO_RELIABILITY_PRIVATE_H
#define RUDP_PROTO_RELIABILITY_PRIVATE_H

#include "proto/recovery/reliability.h"

#define RUDP_NUMBER_NONE UINT64_MAX

/* The record of number, which must be in [base, next). */
static inline struct rudp_sent *rudp_sent_at(const struct rudp_reliability *r, uint64_t number)
{
	return &r->records[number & (r->capacity - 1)];
}

static inline bool rudp_sent_is_awaited(const struct rudp_sent *sent)
{
	return sent->fate == RUDP_FATE_OUTSTANDING && sent->expects != RUDP_EXPECTS_NOTHING;
}

/*
 * Called before a record is settled. After a change of path the fate of an awaited packet counts
 * for nothing: its acknowledgement may come by either path, and it tests no mark on the new one.
 */
static inline void rudp_sent_judge_path(const struct rudp_reliability *r, uint64_t number,
					struct rudp_sent *sent)
{
	if (number >= r->path_first || !rudp_sent_is_awaited(sent))
		return;
	sent->in_flight = false;
	sent->resent = true;
	sent->content &= (unsigned)~RUDP_CONTENT_ECT;
}

/* Allocates and frees the ring. init returns 0 or -ENOMEM. */
int rudp_sent_records_init(struct rudp_reliability *r);
void rudp_sent_records_fini(struct rudp_reliability *r);

/*
 * Moves base over records that are no longer needed, in at most this many steps. Lost records, each
 * a step, are dropped if they were declared lost at or before lost_until_ns.
 */
void rudp_sent_records_prune(struct rudp_reliability *r, int64_t lost_until_ns, unsigned steps);

/*
 * Declares packets lost by the thresholds, computes the next deadline, and prunes. The cost is O(1)
 * amortised: numbers and send times grow together, so all lost packets precede the first that is
 * not.
 *
 * Returns  false if more than this many are lost: the deadline for the others is now.
 */
bool rudp_loss_detect(struct rudp_reliability *r, const struct rudp_rtt *rtt,
		      int64_t ack_delay_max_ns, int64_t now_at_ns, unsigned most,
		      struct rudp_reliability_result *result);

/* A packet was acknowledged that is extent numbers below one acknowledged before. */
void rudp_loss_on_reordering(struct rudp_reliability *r, uint64_t extent);
/* A packet declared lost was acknowledged. */
void rudp_loss_on_spurious(struct rudp_reliability *r);

#endif
