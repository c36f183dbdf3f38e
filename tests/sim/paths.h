/* SPDX-License-Identifier: MIT */
/*
 * paths - the paths P1 to P7, on which transports are compared with bulk.h, and the bounds that
 * congestion control must keep on them.
 */
#ifndef RUDP_SIM_PATHS_H
#define RUDP_SIM_PATHS_H

#include "bulk.h"

struct path_bounds {
	double part_of_ideal;               /* at least this */
	double wire_by_payload;             /* this and the following: at most */
	double queue_mean_ms, queue_p99_ms; /* after start-up */
	double object_s;                    /* 1 MB, from the end of the handshake */
};

struct path {
	const char *name;
	const char *what;
	struct link_config link; /* up; without back in both directions */
	int64_t run_ns;
	int64_t check_run_ns;      /* shorter run for make check, where each packet costs time */
	struct path_bounds bounds; /* of BBR */
	const struct link_config *back;
	uint32_t interface_bytes; /* as in bulk.h */
};

extern const struct path paths[];
extern const int path_count;

/* One of these paths, or an access path (access.h); NULL: unknown name. */
const struct path *path_find(const char *name);
/* Configures one flow that always has data, for the path's run time. */
void path_configure(const struct path *path, const char *cc, uint64_t seed,
		    struct bulk_config *config);
/* Frequent stalls of the hosts, up to this length; 0: none. */
struct stall path_stalls(int64_t longest_ns);
/*
 * Checks that the median of an odd number of runs is within the bounds, and prints it if not. Sorts
 * the values.
 */
bool path_keeps(const char *name, const char *what, double *values, size_t count, double least,
		double most);

/*
 * The command --path P1 with options (usage in paths.c). --odd MBIT: every second flow has its own
 * link; --hosts: each flow has its own host. Returns the exit code.
 */
int paths_command(int argc, char **argv);
/* Runs BBR on all paths and checks the bounds. Returns how many of *runs runs missed one. */
int paths_check(int *runs);

#endif
