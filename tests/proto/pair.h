/* SPDX-License-Identifier: MIT */
/*
 * pair - two endpoints with a wire between them that the test holds in its hands: every datagram is
 * caught and can be delivered, dropped, copied, damaged or delayed one by one, at the test's own time.
 */
#ifndef RUDP_TESTS_PAIR_H
#define RUDP_TESTS_PAIR_H

#include "base/timer_wheel.h"
#include "proto/conn/endpoint.h"

#define PAIR_WIRE_MAX 4096
#define PAIR_PORT 8080

struct pair_datagram {
	int to;                /* 0: client, 1: server */
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
	uint32_t interface_bytes; /* largest datagram that leaves; 0: nobody knows of more than 1200 */
	uint32_t path_bytes;      /* larger ones vanish; 0: none */
};

/* psk bytes repeated; 0: no key. */
void pair_init(struct pair *pair, uint8_t client_psk, uint8_t server_psk);
/* Without a key, both under one observer. The rest of pair is 0 by then; now_ns is the caller's. */
void pair_init_observed(struct pair *pair, const struct rudp_observer *observer);
void pair_fini(struct pair *pair);

/* The client opens a connection to port; its SYN is on the wire afterwards. */
void pair_connect(struct pair *pair, uint16_t port);
/* Lets both endpoints put on the wire what they want to send now. */
void pair_collect(struct pair *pair);
/* Takes the oldest datagram off the wire; NULL when empty. The caller frees it. */
struct pair_datagram *pair_take(struct pair *pair);
/* Hands a copy of it to its addressee. */
enum rudp_verdict pair_deliver(struct pair *pair, const struct pair_datagram *datagram);
/* All that is on the wire is lost. */
void pair_drop(struct pair *pair);
/* Moves time on by ns and a tick; what leaves then stays on the wire. */
void pair_wait(struct pair *pair, int64_t ns);
/* After ns all that is on the wire arrives; what that causes, or the time, has left then. */
void pair_travel(struct pair *pair, int64_t ns);
/*
 * A packet of side's connection with these frames arrives, authentic, whatever that connection means to
 * say: side is hostile. number: one that it has not used.
 */
enum rudp_verdict pair_say(struct pair *pair, int side, uint64_t number, const void *frames,
			   size_t len);
/* Delivers everything, and what that causes, until the wire is quiet. */
void pair_settle(struct pair *pair);
/* Moves time on, firing timers on the way, delivering all. */
void pair_run(struct pair *pair, int64_t ns);
/* connect, deliver, accept. */
void pair_establish(struct pair *pair);
unsigned pair_events(struct pair *pair, int side);
/* Reads up to cap bytes of what has arrived at side. */
size_t pair_read(struct pair *pair, int side, char *out, size_t cap);
struct rudp_conn_stats pair_stats(const struct pair *pair, int side);
/* Hands the datagram to its addressee, who must judge it so, and frees it. */
void pair_deliver_as(struct pair *pair, struct pair_datagram *datagram, enum rudp_verdict verdict);
/* How often this side has judged a datagram so. */
uint64_t pair_verdicts(const struct pair *pair, int side, enum rudp_verdict verdict);
/* Both close; what is on the wire is delivered, and nothing stays. */
void pair_part(struct pair *pair);

#endif
