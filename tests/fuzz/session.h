/* SPDX-License-Identifier: MIT */
/*
 * session - two endpoints in virtual time, what their programs hold, and the datagrams between
 * them, for fuzz_session.c. What happens next the input says, byte by byte.
 */
#ifndef RUDP_FUZZ_SESSION_H
#define RUDP_FUZZ_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

#define SESSION_SLOTS 6
#define SESSION_FLIGHT_MAX 512
#define SESSION_DATAGRAM_MAX 1400

struct flying {
	int to;
	struct rudp_addr from_addr, to_addr;
	size_t len;
	uint8_t data[SESSION_DATAGRAM_MAX];
};

struct side {
	struct rudp_conn *conn;
	uint64_t written, read;
	bool shut;
	struct side *twin; /* whose bytes we read; NULL: not known */
};

struct session {
	const uint8_t *input;
	size_t left;
	uint64_t prng;
	int64_t now_ns;
	struct rudp_endpoint *ep[2];
	struct rudp_addr addr[2];
	void *socket[2];
	char handles[8];
	struct rudp_listener *listener;
	struct side side[2][SESSION_SLOTS];
	struct flying *flight[SESSION_FLIGHT_MAX];
	unsigned flight_count;
	bool hostile; /* somebody who has the keys has lied: only soundness can be asked for */
	uint8_t *train;
};

#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Both endpoints, and the listener; the input stays the caller's. Ends the process without
 * memory. */
struct session *session_new(const uint8_t *input, size_t len);
void session_free(struct session *s);

/* The next byte of the input; 0 when there is none left. */
uint8_t session_next(struct session *s);
/* The invariants of both endpoints. */
void session_check(const struct session *s);

/* Takes a datagram in flight, at any place. The caller owns it. */
struct flying *session_take(struct session *s, unsigned index);
void session_deliver(struct session *s, const struct flying *f);
void session_deliver_all(struct session *s);
/* All that the endpoints want to send now. */
void session_transmit(struct session *s);

/* The calls of programs. An end of file before the other side has ended is a finding, so is a wrong
 * byte. */
void session_open(struct session *s, bool early);
void session_read_side(struct session *s, int host, struct side *side, size_t max);
void session_write_side(struct session *s, int host, struct side *side, size_t want);
void session_close_side(struct session *s, struct side *side);
void session_toggle_listener(struct session *s);
/* Handles the events of the endpoints. */
void session_events(struct session *s);

void session_advance(struct session *s, int64_t ns);
/* To the next deadline, at most a minute. */
void session_advance_to_deadline(struct session *s);
/* Everybody closes, the path turns perfect: nothing may stay. */
void session_wind_up(struct session *s);

#endif
