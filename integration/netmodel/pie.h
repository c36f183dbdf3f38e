/* SPDX-License-Identifier: MIT */
/*
 * PIE, the active queue management of RFC 8033: drops (or marks) what comes with a probability that
 * follows the queueing delay and its trend. The delay is known exactly here, so that it is not
 * estimated from the rate of departures.
 */
#ifndef NETMODEL_PIE_H
#define NETMODEL_PIE_H

#include "item.h"

#define NM_PIE_TARGET_NS UINT64_C(15000000) /* RFC 8033, section 4.2 */

struct nm_pie_conf {
	uint64_t target_ns; /* QDELAY_REF */
};

struct nm_pie {
	struct nm_pie_conf conf;
	uint64_t random;
	double probability;
	double accumulated; /* of packets that passed since the last drop: spaces drops out */
	uint64_t burst_allowance_ns;
	uint64_t delay_ns, delay_before_ns; /* at the last two updates */
	uint64_t update_at_ns;
};

extern const struct nm_pie_conf nm_pie_default;

void nm_pie_init(struct nm_pie *pie, const struct nm_pie_conf *conf, uint64_t seed);

/*
 * Time has come to now_ns, and since the last call nothing was queued: what was would have been
 * sent by empty_at_ns.
 */
void nm_pie_advance(struct nm_pie *pie, uint64_t now_ns, uint64_t empty_at_ns);

/* Whether PIE drops this packet, which finds so many bytes queued; it may be marked instead. */
bool nm_pie_drops(struct nm_pie *pie, struct nm_item *item, size_t queued_bytes);

#endif
