/* SPDX-License-Identifier: MIT */
#include "gaps.h"

uint64_t nm_gap_over_at(const struct nm_gap *gap, uint64_t at_ns)
{
	uint64_t since_ns;

	if (at_ns < gap->start_ns)
		return at_ns;
	since_ns = at_ns - gap->start_ns;
	if (gap->period_ns)
		since_ns %= gap->period_ns;
	return since_ns < gap->duration_ns ? at_ns + gap->duration_ns - since_ns : at_ns;
}

bool nm_gaps_lose(const struct nm_gap *gaps, size_t count, uint64_t at_ns)
{
	for (size_t i = 0; i < count; i++)
		if (!gaps[i].holds && nm_gap_over_at(&gaps[i], at_ns) != at_ns)
			return true;
	return false;
}

/* Each of the passes leaves one gap for another, which ends when they do not join for ever. */
uint64_t nm_gaps_open_at(const struct nm_gap *gaps, size_t count, uint64_t at_ns)
{
	for (size_t pass = 0; pass <= count && at_ns != NM_NEVER; pass++) {
		uint64_t before_ns = at_ns;

		for (size_t i = 0; i < count; i++)
			if (gaps[i].holds)
				at_ns = nm_gap_over_at(&gaps[i], at_ns);
		if (at_ns == before_ns)
			break;
	}
	return at_ns;
}
