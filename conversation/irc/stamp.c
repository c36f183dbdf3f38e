/* SPDX-License-Identifier: MIT */
#include "conversation/irc/stamp.h"

#include <stdio.h>
#include <time.h>

void apo_stamp_write(char to[APO_STAMP_BYTES], int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char date[sizeof "YYYY-MM-DDThh:mm:ss"];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to, APO_STAMP_BYTES, "%s.%03uZ", date, (unsigned)(wall_ms % 1000) % 1000u);
}
