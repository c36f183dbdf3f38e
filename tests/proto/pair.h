/* SPDX-License-Identifier: MIT */
/*
 * pair - two endpoints connected by a wire that the test controls. Every datagram is caught, and
 * the test can deliver, drop, copy, damage or delay it, in virtual time.
 */
#ifndef RUDP_TESTS_PAIR_H
#define RUDP_TESTS_PAIR_H

#include "base/timer_wheel.h"
#include "proto/conn/endpoint.h"

#define PAIR_WIRE_MAX 4096
#define PAIR_PORT 8080

struct pair_datagram {
	int to; /* 0: client, 1: server */
	struct rudp_addr from_addr, to_addr;
	size_t len;
	uint8_t ecn;
	uint8_t data[9000];
};

struct pair {
	struct rudp_endpoint *ep[2]; /* client, server */
	struct rudp_addr addr[2];
	struct rudp_listener *listener;
	struct rudp_conn *conn[2];
	int64_t now_ns;
	uint64_t prng;
	struct pair_datagram *wire[PAIR_WIRE_MAX];
	unsigned wire_count;
	uint8_t *train;
	uint32_t interface_bytes; /* largest datagram that can be sent; 0: unknown, so 1200 */
	uint32_t path_bytes;      /* larger datagrams are lost; 0: no limit */
};

/* psk: the byte that fills the pre-shared key; 0: no key. */
void pair_init(struct pair *pair, uint8_t client_psk, uint8_t server_psk);
/*
 * Without a key, and with one observer for both. The rest of pair must be 0; the caller sets
 * now_ns.
 */
void pair_init_observed(struct pair *pair, const struct rudp_observer *observer);
void pair_fini(struct pair *pair);

/* The client opens a connection to port; its SYN is then on the wire. */
void pair_connect(struct pair *pair, uint16_t port);
/* Both endpoints put on the wire what they want to send now. */
void pair_collect(struct pair *pair);
/* Takes the oldest datagram off the wire; NULL if there is none. The caller frees it. */
struct pair_datagram *pair_take(struct pair *pair);
/* Delivers a copy of the datagram. */
enum rudp_verdict pair_deliver(struct pair *pair, const struct pair_datagram *datagram);
/* Drops everything on the wire. */
void pair_drop(struct pair *pair);
/* Advances time by ns and a tick. What is sent then stays on the wire. */
void pair_wait(struct pair *pair, int64_t ns);
/*
 * Advances time by ns, then delivers everything on the wire. What is sent in response stays on the
 * wire.
 */
void pair_travel(struct pair *pair, int64_t ns);
/*
 * Delivers an authenticated packet with these frames from side's connection, whatever that
 * connection would send itself: side is hostile. number: a packet number that it has not used.
 */
enum rudp_verdict pair_say(struct pair *pair, int side, uint64_t number, const void *frames,
			   size_t len);
/* Delivers everything, and what is sent in response, until the wire is empty. */
void pair_settle(struct pair *pair);
/* Advances time, runs timers on the way, and delivers everything. */
void pair_run(struct pair *pair, int64_t ns);
/* Connects, delivers and accepts. */
void pair_establish(struct pair *pair);
unsigned pair_events(struct pair *pair, int side);
/* Reads up to cap bytes that have arrived at side. */
size_t pair_read(struct pair *pair, int side, char *out, size_t cap);
struct rudp_conn_stats pair_stats(const struct pair *pair, int side);
/* Delivers the datagram, which must get this verdict, and frees it. */
void pair_deliver_as(struct pair *pair, struct pair_datagram *datagram, enum rudp_verdict verdict);
/* How often this side gave this verdict. */
uint64_t pair_verdicts(const struct pair *pair, int side, enum rudp_verdict verdict);
/* Closes both connections and delivers everything; nothing may remain. */
void pair_part(struct pair *pair);

#endif
