/* SPDX-License-Identifier: MIT */
#include "conversation/irc/stamp.h"

#include <stdio.h>
#include <time.h>

#define FIRST_MS (-INT64_C(62167219200000)) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS INT64_C(253402300799999)    /* 9999-12-31T23:59:59.999Z */
#define DAY_S 86400
#define DURATION_S_MAX (INT64_C(100) * 365 * DAY_S)

/* The form has four digits for the year. A time beyond them can come with a state or a clock. */
static int64_t within_form(int64_t wall_ms)
{
	if (wall_ms < FIRST_MS)
		return FIRST_MS;
	return wall_ms > LAST_MS ? LAST_MS : wall_ms;
}

void apo_stamp_write(char to[APO_STAMP_BYTES], int64_t wall_ms)
{
	int64_t kept_ms = within_form(wall_ms);
	time_t seconds = (time_t)(kept_ms / 1000);
	struct tm tm;
	char date[sizeof "YYYY-MM-DDThh:mm:ss"];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to, APO_STAMP_BYTES, "%s.%03uZ", date, (unsigned)(kept_ms % 1000) % 1000u);
}

/* Returns whether text has digits where the pattern has zeros, and otherwise equals the pattern. */
static bool is_of_form(const char *text, const char *pattern)
{
	for (; *pattern; text++, pattern++)
		if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
			return false;
	return *text == '\0';
}

static unsigned digits(const char *text, unsigned count)
{
	unsigned value = 0;

	while (count-- > 0)
		value = value * 10 + (unsigned)(*text++ - '0');
	return value;
}

bool apo_stamp_read(const char *text, int64_t *wall_ms)
{
	unsigned year, month, day, hour, minute, second;
	struct tm date = {0};
	int64_t days_s;

	if (!is_of_form(text, "0000-00-00T00:00:00.000Z"))
		return false;
	year = digits(text, 4);
	month = digits(text + 5, 2);
	day = digits(text + 8, 2);
	hour = digits(text + 11, 2);
	minute = digits(text + 14, 2);
	second = digits(text + 17, 2);
	date.tm_year = (int)year - 1900;
	date.tm_mon = (int)month - 1;
	date.tm_mday = (int)day;
	days_s = timegm(&date); /* changes a date that does not exist */
	if (year < 1970 || date.tm_mon != (int)month - 1 || date.tm_mday != (int)day || hour > 23 ||
	    minute > 59 || second > 60)
		return false;
	*wall_ms = (days_s + (hour * 60 + minute) * 60 + second) * 1000 + digits(text + 20, 3);
	return true;
}

static int64_t unit_s(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return DAY_S;
	case 'w':
		return 7 * DAY_S;
	case 'y':
		return 365 * DAY_S;
	default:
		return 0;
	}
}

bool apo_duration_read(const char *text, int64_t *seconds)
{
	int64_t sum = 0, number, unit;

	do {
		if (*text < '0' || *text > '9')
			return false;
		for (number = 0; *text >= '0' && *text <= '9' && number <= DURATION_S_MAX; text++)
			number = number * 10 + (*text - '0');
		unit = unit_s(*text++);
		if (unit == 0 || number > DURATION_S_MAX / unit)
			return false;
		sum += number * unit;
	} while (*text && sum <= DURATION_S_MAX);
	*seconds = sum;
	return !*text && sum > 0 && sum <= DURATION_S_MAX;
}
