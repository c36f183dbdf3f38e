/* SPDX-License-Identifier: MIT */
/*
 * world_private - the inside of a world, for world.c (the path, time, invariants) and
 * programs.c (the programs at both ends).
 */
#ifndef RUDP_SIM_WORLD_PRIVATE_H
#define RUDP_SIM_WORLD_PRIVATE_H

#include "engine/trace/qlog.h"
#include "flight.h"
#include "prng.h"
#include "world.h"

#define WORLD_PORT 443

/* One end of one connection, as its program sees it. */
struct side {
	struct rudp_conn *conn;
	uint64_t to_send, to_read;
	uint64_t written, read;
	bool opened, fin_sent, eof, closed, failed;
	int error;
	int64_t start_at_ns;
	int64_t next_read_ns;
};

struct world {
	const struct world_config *config;
	struct world_result *result;
	struct prng prng;
	int64_t now_ns;
	struct rudp_endpoint *ep[2];
	struct rudp_addr addr[2];
	struct rudp_listener *listener;
	struct side side[2][WORLD_CONNS_MAX];
	int accepted;
	struct link link[2]; /* by sender */
	struct flight flight;
	uint8_t *train;
	struct rudp_qlog qlog;
	int64_t next_rebind_ns;
	int64_t next_rekey_ns;
	int64_t next_restart_ns;
	int64_t next_trace_ns;
	uint16_t nat_port; /* the client's port behind the NAT; 0: unchanged */
	uint8_t nat_host;
	int64_t queue_sum_ns;
	unsigned steps_here; /* since the time last advanced */
	bool over;
};

/* Ends the world with this reason; only the first reason counts. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The programs (programs.c). Opens the connections whose time has come. */
void programs_open_due(struct world *w);
/* Handles the endpoint's events, and acts as the program's plan says. */
void programs_on_events(struct world *w, int host);
/* Slow readers read, also without an event. */
void programs_read_on(struct world *w);
/* When a program's own timer fires next. */
int64_t programs_next_ns(const struct world *w);
/* true: all have ended as planned, and no connection is left. */
bool programs_are_done(struct world *w);

#endif
