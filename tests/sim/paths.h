/* SPDX-License-Identifier: MIT */
/*
 * paths - the paths on which transports are compared, P1 to P7, for the yardstick (bulk.h), and the
 * bounds that congestion control has to keep there.
 */
#ifndef RUDP_SIM_PATHS_H
#define RUDP_SIM_PATHS_H

#include "bulk.h"

struct path_bounds {
	double part_of_ideal;          /* at least */
	double wire_by_payload;        /* at most, as the rest */
	double queue_mean_ms, queue_p99_ms; /* after start-up */
	double object_s;               /* 1 MB, from the end of the handshake */
};

struct path {
	const char *name;
	const char *what;
	struct link_config link;       /* up, and each way where back is NULL */
	int64_t run_ns;
	int64_t check_run_ns;          /* as part of make check, where packets cost time */
	struct path_bounds bounds;     /* of BBR */
	const struct link_config *back;
	uint32_t interface_bytes;      /* as in bulk.h */
};

extern const struct path paths[];
extern const int path_count;

/* One of these, or an access path (access.h); NULL: no such path. */
const struct path *path_find(const char *name);
/* One flow that always has data, as long as the path's runs are. */
void path_configure(const struct path *path, const char *cc, uint64_t seed,
		    struct bulk_config *config);
/* Hosts that stall for so long at most, often; 0: none does. */
struct stall path_stalls(int64_t longest_ns);
/*
 * The median of an odd number of runs, which puts their values in order, is within the bounds; else it
 * is said.
 */
bool path_keeps(const char *name, const char *what, double *values, size_t count, double least,
		double most);

/*
 * The command: --path P1 and options, which paths.c lists (usage). --odd MBIT: every other flow has a
 * link of its own; --hosts: each is of another host. Returns the exit code.
 */
int paths_command(int argc, char **argv);
/* BBR on all paths against their bounds. Returns how many runs did not keep them, of *runs. */
int paths_check(int *runs);

#endif
