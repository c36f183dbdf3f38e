/* SPDX-License-Identifier: MIT */
/* What the link did over time: a row of counters at even intervals from the first packet on. */
#ifndef LINKEM_SERIES_H
#define LINKEM_SERIES_H

#include "link.h"

#include <stdio.h>

struct series {
	FILE *out; /* NULL: nothing is written */
	uint64_t interval_ns, rows;
};

/* Opens conf's file and writes the names of the columns. Returns 0 or -errno. */
int series_open(struct series *series, const struct linkem_conf *conf);
void series_close(struct series *series);

/* When the next row is due; LINE_NEVER without a file or before the first packet. */
uint64_t series_next_at(const struct series *series, const struct link *link);

/* Writes the rows that are due; those of a time when linkem slept are all alike. */
void series_write(struct series *series, struct link *link, uint64_t now_ns);

#endif
