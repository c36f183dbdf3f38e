/* SPDX-License-Identifier: MIT */
/* IP packets as the devices give them: what they carry, how to damage them, how to refuse them. */
#ifndef LINKEM_PACKET_H
#define LINKEM_PACKET_H

#include "prng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOLS(X)                                                                               \
	X(TCP, tcp)                                                                                \
	X(UDP, udp)                                                                                \
	X(ICMP, icmp)                                                                              \
	X(OTHER, other)

enum protocol {
#define X(upper, lower) PROTOCOL_##upper,
	PROTOCOLS(X)
#undef X
		PROTOCOLS_COUNT
};

extern const char *const protocol_names[PROTOCOLS_COUNT];

/* Where things are in a packet; offsets from data. */
struct packet_view {
	uint8_t *data;
	size_t size;
	unsigned version; /* 4 or 6; 0: not IP or cut short */
	enum protocol protocol;
	bool whole;       /* not a fragment: transport header and payload are all here */
	size_t transport; /* of the transport header */
	size_t payload;   /* behind the transport header; = size where there is none */
};

/* Never fails: what cannot be understood is PROTOCOL_OTHER without payload. Borrows data. */
struct packet_view packet_parse(uint8_t *data, size_t size);

/* A hash of addresses, protocol and ports: packets of one flow and direction have the same. */
uint32_t packet_flow_hash(const struct packet_view *view);

/* The fields by which TCP acknowledgements are compared. */
struct packet_ack {
	bool is_pure; /* no data, no flag but ACK, no options but timestamps */
	uint32_t number;
	uint8_t flow[36]; /* addresses and ports */
};

struct packet_ack packet_ack_of(const struct packet_view *view);

/* Whether the newer acknowledgement says all that the older one of its flow says, and more. */
bool packet_ack_supersedes(const struct packet_ack *newer, const struct packet_ack *older);

/* Whether a router may mark the packet instead of dropping it. */
bool packet_is_ecn_capable(const struct packet_view *view);

/* Bytes behind the TCP or UDP header. */
size_t packet_payload_bytes(const struct packet_view *view);

/* The checksum field of the transport, NULL unless a whole TCP, UDP or ICMP packet has one. */
uint8_t *packet_checksum_field(const struct packet_view *view);

/* Computes the transport's checksum anew; a UDP packet without one (IPv4) stays so. */
void packet_checksum_fix(const struct packet_view *view);

/*
 * Flips one random bit of the TCP or UDP payload; with undetected, also makes the checksum right
 * so that the damage reaches the program. Returns false when there is no payload to damage.
 */
bool packet_corrupt(const struct packet_view *view, struct prng *prng, bool undetected);

/* Room that an answer of packet_refusal() needs. */
#define PACKET_REFUSAL_BYTES_MAX 1280

/*
 * Writes the ICMP (or ICMPv6) port unreachable that the addressed host would send for this packet.
 * Returns its size, or 0 where none may be sent: ICMP itself, fragments, multicast.
 */
size_t packet_refusal(const struct packet_view *view, uint8_t out[PACKET_REFUSAL_BYTES_MAX]);

#endif
