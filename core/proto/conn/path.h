/* SPDX-License-Identifier: MIT */
/*
 * path - the addresses that a connection uses now, and the validation of the peer's address.
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
/*
 * The size of a challenge with a short ACK. The anti-amplification limit must allow it after the
 * smallest packet, a PING.
 */
#define RUDP_PATH_PACKET_MIN_BYTES 64
#define RUDP_PATH_CHALLENGES_MAX 5 /* unanswered challenges before validation fails */

/* Identifies a path by socket and peer address; without padding, to be hashed. */
struct rudp_path_key {
	uint64_t socket;
	struct rudp_addr_key remote;
};

struct rudp_path {
	void *socket;
	struct rudp_addr local;
	struct rudp_addr remote;
	uint64_t received_bytes; /* on this path, counted until it is validated */
	uint64_t sent_bytes;
	uint8_t challenge[8];
	int64_t challenge_at_ns; /* when to send the next; RUDP_NEVER: none */
	uint32_t datagram_bytes; /* largest UDP payload known to pass */
	uint16_t challenges;     /* sent without a response */
	bool validated;
	struct rudp_path_mtu mtu;
};

void rudp_path_init(struct rudp_path *path, void *socket, const struct rudp_addr *local,
		    const struct rudp_addr *remote, bool validated);

struct rudp_path_key rudp_path_key_of(const void *socket, const struct rudp_addr *remote);

/* Bytes that the anti-amplification limit still allows; unlimited once validated. */
uint64_t rudp_path_allowance_bytes(const struct rudp_path *path);
/*
 * True if not even the smallest useful packet may be sent. Only a packet from the peer can change
 * that.
 */
bool rudp_path_is_mute(const struct rudp_path *path);

/* Revokes the validation. Bytes sent before do not count against the limit. */
void rudp_path_distrust(struct rudp_path *path);

void rudp_path_on_received(struct rudp_path *path, uint64_t bytes);
void rudp_path_on_sent(struct rudp_path *path, uint64_t bytes);

/* Starts path validation: a PATH_CHALLENGE with these bytes is to be sent at once. */
void rudp_path_challenge(struct rudp_path *path, const uint8_t data[8], int64_t now_at_ns);
/* A challenge was sent. The next one is due after pto_ns, doubled each time. */
void rudp_path_on_challenge_sent(struct rudp_path *path, int64_t pto_ns, int64_t now_at_ns);
/* Processes a PATH_RESPONSE. True if it validates the path. */
bool rudp_path_on_response(struct rudp_path *path, const uint8_t data[8]);
/* True if validation has failed: too many challenges without a response. */
bool rudp_path_is_failed(const struct rudp_path *path, int64_t now_at_ns);

#endif
