/* SPDX-License-Identifier: MIT */
/*
 * Numbers with units. Every function returns false and leaves *out unchanged unless the whole text
 * is one non-negative number of the expected kind.
 */
#ifndef LINKEM_UNITS_H
#define LINKEM_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* "20ms", "1.5s", "300us", "50ns", "2min"; a bare number counts milliseconds. */
bool units_duration(const char *text, uint64_t *out_ns);

/* "50M", "50Mbit", "9600", "1G": bit/s, powers of ten. */
bool units_rate(const char *text, uint64_t *out_bps);

/* "2%", "0.02": between 0 and 1. */
bool units_probability(const char *text, double *out);

/* A number followed by exactly this suffix. */
bool units_number(const char *text, const char *suffix, double *out);

/* A whole number in decimal, 0x or 0 notation, at most max. */
bool units_integer(const char *text, uint64_t max, uint64_t *out);

#endif
