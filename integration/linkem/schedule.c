/* SPDX-License-Identifier: MIT */
#include "schedule.h"

bool schedule_is_dark(const struct direction_conf *conf, uint64_t elapsed_ns)
{
	return nm_gaps_lose(conf->blackout, conf->blackouts, elapsed_ns);
}

uint64_t schedule_rebinds(const struct nat_conf *conf, uint64_t elapsed_ns)
{
	uint64_t count = 0;

	for (size_t i = 0; i < conf->times; i++)
		count += conf->at_ns[i] <= elapsed_ns;
	if (conf->every_ns)
		count += elapsed_ns / conf->every_ns;
	return count;
}
