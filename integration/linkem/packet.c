/* SPDX-License-Identifier: MIT */
#include "packet.h"
#include "checksum.h"

#include <netinet/in.h>

enum {
	V4_HEADER_BYTES = 20,
	V6_HEADER_BYTES = 40,
	UDP_HEADER_BYTES = 8,
	TCP_HEADER_BYTES = 20,
	V6_EXTENSIONS_MAX = 8,
};

const char *const protocol_names[PROTOCOLS_COUNT] = {
#define X(upper, lower) #lower,
	PROTOCOLS(X)
#undef X
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static enum protocol protocol_of(unsigned version, uint8_t number)
{
	switch (number) {
	case IPPROTO_TCP:
		return PROTOCOL_TCP;
	case IPPROTO_UDP:
		return PROTOCOL_UDP;
	case IPPROTO_ICMP:
		return version == 4 ? PROTOCOL_ICMP : PROTOCOL_OTHER;
	case IPPROTO_ICMPV6:
		return version == 6 ? PROTOCOL_ICMP : PROTOCOL_OTHER;
	default:
		return PROTOCOL_OTHER;
	}
}

static bool parse_v4(struct packet_view *view)
{
	const uint8_t *ip = view->data;

	if (view->size < V4_HEADER_BYTES)
		return false;
	view->transport = (size_t)(ip[0] & 15) * 4;
	if (view->transport < V4_HEADER_BYTES || view->transport > view->size)
		return false;
	view->whole = (get16(ip + 6) & 0x3fff) == 0;
	view->protocol = protocol_of(4, ip[9]);
	return true;
}

/* Skips the extension headers of RFC 8200 before the transport header. */
static bool parse_v6(struct packet_view *view)
{
	size_t at = V6_HEADER_BYTES;
	uint8_t next;

	if (view->size < V6_HEADER_BYTES)
		return false;
	next = view->data[6];
	view->whole = true;
	for (unsigned i = 0; i < V6_EXTENSIONS_MAX; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT)
			break;
		if (at + 8 > view->size)
			return false;
		if (next == IPPROTO_FRAGMENT)
			view->whole = false;
		next = view->data[at];
		at += view->whole ? ((size_t)view->data[at + 1] + 1) * 8 : 8;
	}
	if (at > view->size)
		return false;
	view->transport = at;
	view->protocol = protocol_of(6, next);
	return true;
}

/* The start of the payload; the end of the packet if the header is truncated. */
static size_t payload_offset(const struct packet_view *view)
{
	size_t left = view->size - view->transport;
	size_t header;

	if (!view->whole)
		return view->size;
	switch (view->protocol) {
	case PROTOCOL_UDP:
		return left < UDP_HEADER_BYTES ? view->size : view->transport + UDP_HEADER_BYTES;
	case PROTOCOL_TCP:
		if (left < TCP_HEADER_BYTES)
			return view->size;
		header = (size_t)(view->data[view->transport + 12] >> 4) * 4;
		return header < TCP_HEADER_BYTES || header > left ? view->size
								  : view->transport + header;
	case PROTOCOL_ICMP:
	case PROTOCOL_OTHER:
	case PROTOCOLS_COUNT:
		break;
	}
	return view->size;
}

struct packet_view packet_parse(uint8_t *data, size_t size)
{
	struct packet_view view = {.data = data, .size = size, .protocol = PROTOCOL_OTHER};
	bool fine = false;

	if (size > 0 && data[0] >> 4 == 4)
		fine = parse_v4(&view);
	else if (size > 0 && data[0] >> 4 == 6)
		fine = parse_v6(&view);
	if (!fine)
		return (struct packet_view){.data = data,
					    .size = size,
					    .protocol = PROTOCOL_OTHER,
					    .transport = size,
					    .payload = size};
	view.version = data[0] >> 4;
	view.payload = payload_offset(&view);
	return view;
}

size_t packet_payload_bytes(const struct packet_view *view)
{
	return view->size - view->payload;
}

uint8_t *packet_checksum_field(const struct packet_view *view)
{
	static const uint8_t offset[PROTOCOLS_COUNT] = {
		[PROTOCOL_TCP] = 16, [PROTOCOL_UDP] = 6, [PROTOCOL_ICMP] = 2};

	if (!view->whole || !offset[view->protocol] ||
	    view->size < view->transport + offset[view->protocol] + 2u)
		return NULL;
	return view->data + view->transport + offset[view->protocol];
}

/* Only IPv4's ICMP has no pseudo-header. */
static uint64_t pseudo_header_sum(const struct packet_view *view)
{
	size_t size = view->size - view->transport;

	if (view->version == 4 && view->protocol == PROTOCOL_ICMP)
		return 0;
	if (view->version == 4)
		return checksum_add(0, view->data + 12, 8) + view->data[9] + size;
	return checksum_add(0, view->data + 8, 32) + size +
	       (view->protocol == PROTOCOL_TCP   ? (unsigned)IPPROTO_TCP
		: view->protocol == PROTOCOL_UDP ? (unsigned)IPPROTO_UDP
						 : (unsigned)IPPROTO_ICMPV6);
}

void packet_checksum_fix(const struct packet_view *view)
{
	uint8_t *field = packet_checksum_field(view);
	uint16_t value;

	if (!field)
		return;
	if (view->protocol == PROTOCOL_UDP && view->version == 4 && get16(field) == 0)
		return;
	put16(field, 0);
	value = checksum_finish(checksum_add(pseudo_header_sum(view), view->data + view->transport,
					     view->size - view->transport));
	/* 0 would mean "no checksum" to UDP (RFC 768). */
	if (value == 0 && view->protocol == PROTOCOL_UDP)
		value = 0xffff;
	put16(field, value);
}

bool packet_corrupt(const struct packet_view *view, struct prng *prng, bool undetected)
{
	uint64_t bit;

	if (packet_payload_bytes(view) == 0)
		return false;
	bit = prng_below(prng, packet_payload_bytes(view) * 8);
	view->data[view->payload + bit / 8] ^= (uint8_t)(1u << bit % 8);
	if (undetected)
		packet_checksum_fix(view);
	return true;
}
