/* SPDX-License-Identifier: MIT */
#include "proto/recovery/ecn.h"

void rudp_ecn_init(struct rudp_ecn *ecn)
{
	*ecn = (struct rudp_ecn){.largest = UINT64_MAX};
	rudp_ecn_restart(ecn);
}

void rudp_ecn_restart(struct rudp_ecn *ecn)
{
	ecn->state = RUDP_ECN_TESTING;
	ecn->test_left = RUDP_ECN_TEST_PACKETS;
	ecn->test_sent = 0;
	ecn->test_lost = 0;
	ecn->answered = 0;
}

uint8_t rudp_ecn_mark(struct rudp_ecn *ecn)
{
	ecn->marking = ecn->state == RUDP_ECN_TESTING || ecn->state == RUDP_ECN_CAPABLE;
	return ecn->marking ? RUDP_ECN_ECT0 : 0;
}

void rudp_ecn_on_sent(struct rudp_ecn *ecn)
{
	ecn->sent++;
	if (ecn->state != RUDP_ECN_TESTING)
		return;
	ecn->test_sent++;
	if (ecn->test_left > 0 && --ecn->test_left == 0)
		ecn->state = RUDP_ECN_UNKNOWN;
}

void rudp_ecn_on_answered(struct rudp_ecn *ecn)
{
	ecn->answered++;
}

/* Some networks drop marked packets: if all test packets are lost, ECN is off. */
void rudp_ecn_on_lost(struct rudp_ecn *ecn)
{
	if (ecn->state == RUDP_ECN_UNKNOWN && ++ecn->test_lost >= ecn->test_sent)
		ecn->state = RUDP_ECN_FAILED;
}

/*
 * RFC 9000 section 13.4.2.1. The reported counts must account for all newly acknowledged packets.
 */
static bool is_valid(const struct rudp_ecn *ecn, const struct rudp_ack *ack)
{
	if (!ack->has_ecn)
		return ecn->answered == 0;
	if (ack->ecn_ect0 < ecn->ect0 || ack->ecn_ce < ecn->ce)
		return false;
	if (ack->ecn_ect1 > 0 || ack->ecn_ect0 > ecn->sent || ack->ecn_ce > ecn->sent)
		return false;
	return ack->ecn_ect0 - ecn->ect0 + ack->ecn_ce - ecn->ce >= ecn->answered;
}

void rudp_ecn_on_ack(struct rudp_ecn *ecn, const struct rudp_ack *ack)
{
	/* A reordered ACK reports old counts. */
	if (ecn->largest != UINT64_MAX && ack->largest <= ecn->largest)
		return;
	ecn->largest = ack->largest;
	if (ecn->state == RUDP_ECN_FAILED)
		return;
	if (!is_valid(ecn, ack)) {
		ecn->state = RUDP_ECN_FAILED;
		return;
	}
	if (ecn->answered > 0)
		ecn->state = RUDP_ECN_CAPABLE;
	ecn->answered = 0;
	if (!ack->has_ecn)
		return;
	ecn->ce_new += ack->ecn_ce - ecn->ce;
	ecn->ect0 = ack->ecn_ect0;
	ecn->ce = ack->ecn_ce;
}
