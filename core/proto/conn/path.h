/* SPDX-License-Identifier: MIT */
/*
 * path - the pair of addresses that a connection uses now, and whether the peer really is there.
 *
 * Source   docs/protocol.md section 13; RFC 9000 sections 8 and 9.
 */
#ifndef RUDP_PROTO_PATH_H
#define RUDP_PROTO_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"
#include "proto/recovery/path_mtu.h"

#define RUDP_AMPLIFICATION_FACTOR 3
/* A challenge with a short ACK. Three times the smallest packet, a PING, must allow it. */
#define RUDP_PATH_PACKET_MIN_BYTES 64
#define RUDP_PATH_CHALLENGES_MAX 5 /* unanswered, before the path is given up */

/* Where it goes to, without padding. */
struct rudp_path_key {
	uint64_t socket;
	struct rudp_addr_key remote;
};

struct rudp_path {
	void *socket;
	struct rudp_addr local;
	struct rudp_addr remote;
	bool validated;
	uint64_t received_bytes; /* on this path, until validated */
	uint64_t sent_bytes;
	uint8_t challenge[8];
	unsigned challenges;     /* sent and not answered */
	int64_t challenge_at_ns; /* next one; RUDP_NEVER: none wanted */
	uint32_t datagram_bytes; /* largest UDP payload it is known to carry */
	struct rudp_path_mtu mtu;
};

void rudp_path_init(struct rudp_path *path, void *socket, const struct rudp_addr *local,
		    const struct rudp_addr *remote, bool validated);

struct rudp_path_key rudp_path_key_of(const void *socket, const struct rudp_addr *remote);

/* Bytes that may still be sent there: unlimited once validated. */
uint64_t rudp_path_allowance_bytes(const struct rudp_path *path);
/* Not even the smallest useful packet may be sent: only a packet from the peer changes that. */
bool rudp_path_is_mute(const struct rudp_path *path);

/* What it was validated by holds no longer. What has left until now does not count. */
void rudp_path_distrust(struct rudp_path *path);

void rudp_path_on_received(struct rudp_path *path, uint64_t bytes);
void rudp_path_on_sent(struct rudp_path *path, uint64_t bytes);

/* Wants the peer's presence proven: a PATH_CHALLENGE with these bytes leaves at once. */
void rudp_path_challenge(struct rudp_path *path, const uint8_t data[8], int64_t now_at_ns);
/* The challenge has left; the next one after pto_ns, doubled each time. */
void rudp_path_on_challenge_sent(struct rudp_path *path, int64_t pto_ns, int64_t now_at_ns);
/* true: the response proves the path. */
bool rudp_path_on_response(struct rudp_path *path, const uint8_t data[8]);
/* Too many challenges went unanswered. */
bool rudp_path_is_failed(const struct rudp_path *path, int64_t now_at_ns);

#endif
