/* SPDX-License-Identifier: MIT */
#include "schedule.h"

static bool covers(const struct blackout_conf *blackout, uint64_t elapsed_ns)
{
	uint64_t since_ns;

	if (elapsed_ns < blackout->start_ns)
		return false;
	since_ns = elapsed_ns - blackout->start_ns;
	if (blackout->period_ns)
		since_ns %= blackout->period_ns;
	return since_ns < blackout->duration_ns;
}

bool schedule_is_dark(const struct direction_conf *conf, uint64_t elapsed_ns)
{
	for (size_t i = 0; i < conf->blackouts; i++)
		if (covers(&conf->blackout[i], elapsed_ns))
			return true;
	return false;
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
