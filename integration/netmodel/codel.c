/* SPDX-License-Identifier: MIT */
#include "codel.h"

#include <math.h>

/* A phase that begins this many intervals after the last, or sooner, keeps its rate (appendix). */
enum { PHASE_MEMORY_INTERVALS = 16 };

const struct nm_codel_conf nm_codel_default = {NM_CODEL_TARGET_NS, NM_CODEL_INTERVAL_NS};

/* Takes the next packet out, and says whether the queue has stood above the target for an
 * interval. */
static struct nm_item *take_out(struct nm_codel *codel, const struct nm_codel_conf *conf,
				struct nm_fifo *queue, uint64_t now_ns, bool *may_drop)
{
	struct nm_item *item = nm_fifo_pop(queue);

	*may_drop = false;
	if (!item || now_ns - item->queued_at_ns < conf->target_ns ||
	    queue->bytes <= NM_CODEL_MTU_BYTES)
		codel->first_above_at_ns = 0;
	else if (codel->first_above_at_ns == 0)
		codel->first_above_at_ns = now_ns + conf->interval_ns;
	else
		*may_drop = now_ns >= codel->first_above_at_ns;
	return item;
}

static uint64_t control_law(const struct nm_codel *codel, const struct nm_codel_conf *conf,
			    uint64_t from_ns)
{
	return from_ns + (uint64_t)((double)conf->interval_ns / sqrt(codel->count));
}

static bool mark(struct nm_item *item)
{
	item->marked |= item->ecn_capable;
	return item->ecn_capable;
}

static void drop(struct nm_item *item, uint64_t now_ns, struct nm_fifo *dropped)
{
	item->outcome = NM_DROPPED_AQM;
	item->sent_at_ns = item->left_at_ns = now_ns;
	nm_fifo_push(dropped, item);
}

static struct nm_item *go_on_dropping(struct nm_codel *codel, const struct nm_codel_conf *conf,
				      struct nm_fifo *queue, struct nm_item *item, uint64_t now_ns,
				      struct nm_fifo *dropped)
{
	bool may_drop;

	while (codel->dropping && now_ns >= codel->drop_next_at_ns) {
		codel->count++;
		if (mark(item)) {
			codel->drop_next_at_ns = control_law(codel, conf, codel->drop_next_at_ns);
			return item;
		}
		drop(item, now_ns, dropped);
		item = take_out(codel, conf, queue, now_ns, &may_drop);
		if (may_drop)
			codel->drop_next_at_ns = control_law(codel, conf, codel->drop_next_at_ns);
		else
			codel->dropping = false;
	}
	return item;
}

static struct nm_item *begin_dropping(struct nm_codel *codel, const struct nm_codel_conf *conf,
				      struct nm_fifo *queue, struct nm_item *item, uint64_t now_ns,
				      struct nm_fifo *dropped)
{
	uint32_t grown = codel->count - codel->count_before;
	bool recent = now_ns < codel->drop_next_at_ns + PHASE_MEMORY_INTERVALS * conf->interval_ns;
	bool may_drop;

	if (!mark(item)) {
		drop(item, now_ns, dropped);
		item = take_out(codel, conf, queue, now_ns, &may_drop);
	}
	codel->dropping = true;
	codel->count = grown > 1 && recent ? grown : 1;
	codel->count_before = codel->count;
	codel->drop_next_at_ns = control_law(codel, conf, now_ns);
	return item;
}

struct nm_item *nm_codel_dequeue(struct nm_codel *codel, const struct nm_codel_conf *conf,
				 struct nm_fifo *queue, uint64_t now_ns, struct nm_fifo *dropped)
{
	bool may_drop;
	struct nm_item *item = take_out(codel, conf, queue, now_ns, &may_drop);

	if (!may_drop)
		codel->dropping = false;
	else if (codel->dropping)
		item = go_on_dropping(codel, conf, queue, item, now_ns, dropped);
	else
		item = begin_dropping(codel, conf, queue, item, now_ns, dropped);
	return item;
}
