/* SPDX-License-Identifier: MIT */
/* Counters over time: one row at each interval, from the first packet on. */
#ifndef LINKEM_SERIES_H
#define LINKEM_SERIES_H

#include "link.h"

#include <stdio.h>

struct series {
	FILE *out; /* NULL: off */
	uint64_t interval_ns, rows;
};

/* Opens conf's file and writes the column names. Returns 0 or -errno. */
int series_open(struct series *series, const struct linkem_conf *conf);
void series_close(struct series *series);

/* When the next row is due; LINE_NEVER without a file or before the first packet. */
uint64_t series_next_at(const struct series *series, const struct link *link);

/* Writes the rows that are due. If linkem was not scheduled for several intervals, their rows are
 * equal. */
void series_write(struct series *series, struct link *link, uint64_t now_ns);

#endif
