/* SPDX-License-Identifier: MIT */
/* The answer of a host to a closed port: RFC 792 and RFC 1812 for IPv4, RFC 4443 for IPv6. */
#include "checksum.h"
#include "packet.h"

#include <netinet/in.h>
#include <string.h>

enum {
	V4_HEADER_BYTES = 20,
	V6_HEADER_BYTES = 40,
	ICMP_HEADER_BYTES = 8,
	V4_REFUSAL_BYTES_MAX = 576, /* RFC 1812, section 4.3.2.3 */
	V6_REFUSAL_BYTES_MAX = 1280,
	HOPS = 64,
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool is_multicast(const struct packet_view *view)
{
	return view->version == 4 ? view->data[16] >= 224 : view->data[24] == 0xff;
}

static size_t refusal_v4(const struct packet_view *view, uint8_t *out)
{
	size_t quoted =
		smaller(view->size, V4_REFUSAL_BYTES_MAX - V4_HEADER_BYTES - ICMP_HEADER_BYTES);
	size_t size = V4_HEADER_BYTES + ICMP_HEADER_BYTES + quoted;
	uint8_t *icmp = out + V4_HEADER_BYTES;
	uint16_t sum;

	memset(out, 0, V4_HEADER_BYTES + ICMP_HEADER_BYTES);
	out[0] = 0x45;
	out[2] = (uint8_t)(size >> 8);
	out[3] = (uint8_t)size;
	out[8] = HOPS;
	out[9] = IPPROTO_ICMP;
	memcpy(out + 12, view->data + 16, 4);
	memcpy(out + 16, view->data + 12, 4);
	sum = checksum_finish(checksum_add(0, out, V4_HEADER_BYTES));
	out[10] = (uint8_t)(sum >> 8);
	out[11] = (uint8_t)sum;
	icmp[0] = 3; /* destination unreachable */
	icmp[1] = 3; /* port */
	memcpy(icmp + ICMP_HEADER_BYTES, view->data, quoted);
	return size;
}

static size_t refusal_v6(const struct packet_view *view, uint8_t *out)
{
	size_t quoted =
		smaller(view->size, V6_REFUSAL_BYTES_MAX - V6_HEADER_BYTES - ICMP_HEADER_BYTES);
	size_t size = V6_HEADER_BYTES + ICMP_HEADER_BYTES + quoted;
	uint8_t *icmp = out + V6_HEADER_BYTES;

	memset(out, 0, V6_HEADER_BYTES + ICMP_HEADER_BYTES);
	out[0] = 0x60;
	out[4] = (uint8_t)((size - V6_HEADER_BYTES) >> 8);
	out[5] = (uint8_t)(size - V6_HEADER_BYTES);
	out[6] = IPPROTO_ICMPV6;
	out[7] = HOPS;
	memcpy(out + 8, view->data + 24, 16);
	memcpy(out + 24, view->data + 8, 16);
	icmp[0] = 1; /* destination unreachable */
	icmp[1] = 4; /* port */
	memcpy(icmp + ICMP_HEADER_BYTES, view->data, quoted);
	return size;
}

size_t packet_refusal(const struct packet_view *view, uint8_t out[PACKET_REFUSAL_BYTES_MAX])
{
	struct packet_view answer;
	size_t size;

	if (!view->version || !view->whole || view->protocol == PROTOCOL_ICMP || is_multicast(view))
		return 0;
	size = view->version == 4 ? refusal_v4(view, out) : refusal_v6(view, out);
	answer = packet_parse(out, size);
	packet_checksum_fix(&answer);
	return size;
}
