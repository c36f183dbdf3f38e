/* SPDX-License-Identifier: MIT */
/* CoDel, the active queue management of RFC 8289: drops (or marks) when a queue stands. */
#ifndef NETMODEL_CODEL_H
#define NETMODEL_CODEL_H

#include "item.h"

#define NM_CODEL_TARGET_NS UINT64_C(5000000)     /* RFC 8289, section 4.2 */
#define NM_CODEL_INTERVAL_NS UINT64_C(100000000) /* section 4.3 */
#define NM_CODEL_MTU_BYTES 1500

struct nm_codel_conf {
	uint64_t target_ns, interval_ns;
};

struct nm_codel {
	uint64_t first_above_at_ns; /* 0: the wait is below the target */
	uint64_t drop_next_at_ns;
	uint32_t count, count_before; /* of drops in this phase, and at the beginning of it */
	bool dropping;
};

extern const struct nm_codel_conf nm_codel_default;

/*
 * The packet that is sent next; NULL: the queue is empty. Those that CoDel drops before it go to
 * dropped; packets that allow it are marked instead.
 */
struct nm_item *nm_codel_dequeue(struct nm_codel *codel, const struct nm_codel_conf *conf,
				 struct nm_fifo *queue, uint64_t now_ns, struct nm_fifo *dropped);

#endif
