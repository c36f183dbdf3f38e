/* SPDX-License-Identifier: MIT */
#include "load.h"

struct nm_bottleneck_conf load_conf(enum nm_discipline discipline, double bits_per_s)
{
	return (struct nm_bottleneck_conf){
		.rate = {.bits_per_s = bits_per_s},
		.discipline = discipline,
		.codel = nm_codel_default,
		.pie = nm_pie_default,
		.bytes_max = SIZE_MAX,
		.packets_max = SIZE_MAX,
		.mark_above_bytes = SIZE_MAX,
		.mark_above_packets = SIZE_MAX,
		.marker = nm_marker_none,
		.seed = 1,
	};
}

bool load_one(struct load *load, struct nm_bottleneck *bottleneck, uint64_t now_ns, uint32_t flow)
{
	struct nm_item *item = &load->items[load->count++];

	while (nm_bottleneck_take(bottleneck, now_ns))
		;
	*item = (struct nm_item){.bytes = LOAD_BYTES, .flow = flow};
	return nm_bottleneck_submit(bottleneck, item, now_ns);
}

void load_run(struct load *load, struct nm_bottleneck *bottleneck, uint64_t from_ns,
	      uint64_t until_ns, uint64_t every_ns, uint32_t flow)
{
	for (uint64_t now_ns = from_ns; now_ns < until_ns; now_ns += every_ns)
		load_one(load, bottleneck, now_ns, flow);
}

void load_finish(struct nm_bottleneck *bottleneck)
{
	uint64_t at_ns;

	while ((at_ns = nm_bottleneck_next_at(bottleneck)) != NM_NEVER)
		while (nm_bottleneck_take(bottleneck, at_ns))
			;
	nm_bottleneck_fini(bottleneck);
}

size_t load_count(const struct load *load, enum nm_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < load->count; i++)
		count += load->items[i].outcome == outcome;
	return count;
}

uint64_t load_wait_ns(const struct nm_item *item)
{
	return item->started_at_ns - item->queued_at_ns;
}
