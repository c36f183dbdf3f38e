/* SPDX-License-Identifier: MIT */
#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

static const struct unit durations[] = {
	{"", 1e6}, {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {NULL, 0},
};

static const struct unit rates[] = {
	{"", 1},    {"bit", 1},    {"k", 1e3}, {"kbit", 1e3}, {"K", 1e3}, {"Kbit", 1e3},
	{"M", 1e6}, {"Mbit", 1e6}, {"G", 1e9}, {"Gbit", 1e9}, {NULL, 0},
};

/* strtod() would also accept signs, "inf", "nan" and hexadecimal floats. */
static bool number(const char *text, double *out, const char **rest)
{
	size_t digits = strspn(text, "0123456789.");
	char *end;

	if (digits == 0 || digits > 30)
		return false;
	*out = strtod(text, &end);
	if (end != text + digits)
		return false;
	*rest = end;
	return isfinite(*out);
}

static bool scaled(const char *text, const struct unit *unit, uint64_t *out)
{
	const char *rest;
	double value;

	if (!number(text, &value, &rest))
		return false;
	while (unit->name && strcmp(unit->name, rest) != 0)
		unit++;
	if (!unit->name || value * unit->factor >= 9e18)
		return false;
	*out = (uint64_t)(value * unit->factor + 0.5);
	return true;
}

bool units_duration(const char *text, uint64_t *out_ns)
{
	return scaled(text, durations, out_ns);
}

bool units_rate(const char *text, uint64_t *out_bps)
{
	return scaled(text, rates, out_bps);
}

bool units_probability(const char *text, double *out)
{
	const char *rest;
	double value;

	if (!number(text, &value, &rest))
		return false;
	if (strcmp(rest, "%") == 0)
		value /= 100;
	else if (*rest)
		return false;
	if (value > 1)
		return false;
	*out = value;
	return true;
}

bool units_number(const char *text, const char *suffix, double *out)
{
	const char *rest;
	double value;

	if (!number(text, &value, &rest) || strcmp(rest, suffix) != 0)
		return false;
	*out = value;
	return true;
}

bool units_integer(const char *text, uint64_t max, uint64_t *out)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || *end || value > max)
		return false;
	*out = value;
	return true;
}
