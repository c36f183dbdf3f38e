/* SPDX-License-Identifier: MIT */
/* IP packets as the devices deliver them: parsing, damaging and refusing them. */
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

/* The positions of headers and payload, as offsets from data. */
struct packet_view {
	uint8_t *data;
	size_t size;
	unsigned version; /* 4 or 6; 0: not IP or cut short */
	enum protocol protocol;
	bool whole;       /* not a fragment: transport header and payload are all here */
	size_t transport; /* of the transport header */
	size_t payload;   /* behind the transport header; = size where there is none */
};                        /* 4 or 6; 0: not IP or truncated */

/* Never fails: a packet that cannot be parsed is PROTOCOL_OTHER without payload. Borrows data. */
/* After the transport header; = size if there is none. */
struct packet_view packet_parse(uint8_t *data, size_t size);

/* A hash of addresses, protocol and ports: equal for packets of one flow and direction. */
uint32_t packet_flow_hash(const struct packet_view *view);

/* The fields by which TCP acknowledgements are compared. */
struct packet_ack {
	bool is_pure; /* no data, no flag but ACK, no options but timestamps */
	uint32_t number;
	uint8_t flow[36]; /* addresses and ports */
};

struct packet_ack packet_ack_of(const struct packet_view *view);

/* Does the newer acknowledgement carry all information of the older one of its flow, and more? */
bool packet_ack_supersedes(const struct packet_ack *newer, const struct packet_ack *older);

/* May a router mark the packet instead of dropping it? */
bool packet_is_ecn_capable(const struct packet_view *view);

/* The number of bytes after the TCP or UDP header. */
size_t packet_payload_bytes(const struct packet_view *view);

/* The checksum field of the transport header; NULL unless the packet is a whole TCP, UDP or ICMP
 * packet with a checksum. */
uint8_t *packet_checksum_field(const struct packet_view *view);

/* Recomputes the transport checksum; a UDP packet without one (IPv4) stays without. */
void packet_checksum_fix(const struct packet_view *view);

/*
 * Flips one random bit of the TCP or UDP payload. With undetected the checksum is recomputed, so
 * that the damage reaches the program. Returns false if there is no payload.
 */
bool packet_corrupt(const struct packet_view *view, struct prng *prng, bool undetected);

/* The space that packet_refusal() needs. */
#define PACKET_REFUSAL_BYTES_MAX 1280

/*
 * Writes the ICMP (or ICMPv6) port unreachable that the addressed host would send for this packet.
 * Returns its size, or 0 if none may be sent: for ICMP itself, fragments, multicast.
 */
size_t packet_refusal(const struct packet_view *view, uint8_t out[PACKET_REFUSAL_BYTES_MAX]);

#endif
