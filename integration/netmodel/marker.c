/* SPDX-License-Identifier: MIT */
#include "marker.h"
#include "random.h"

const struct nm_marker_conf nm_marker_none = {
	.from_ns = NM_NEVER, .to_ns = NM_NEVER, .chance_max = 1, .weight = 1};

void nm_marker_init(struct nm_marker *marker, const struct nm_marker_conf *conf, uint64_t seed)
{
	*marker = (struct nm_marker){.conf = *conf, .random = seed};
}

bool nm_marker_marks(struct nm_marker *marker, uint64_t wait_ns)
{
	const struct nm_marker_conf *conf = &marker->conf;
	double part;

	if (conf->from_ns == NM_NEVER)
		return false;
	marker->average_ns += ((double)wait_ns - marker->average_ns) * conf->weight;
	if (marker->average_ns <= (double)conf->from_ns)
		return false;
	if (marker->average_ns > (double)conf->to_ns || conf->to_ns <= conf->from_ns)
		return true;
	part = (marker->average_ns - (double)conf->from_ns) / (double)(conf->to_ns - conf->from_ns);
	return nm_random_unit(&marker->random) < part * conf->chance_max;
}
