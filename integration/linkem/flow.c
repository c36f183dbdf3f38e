/* SPDX-License-Identifier: MIT */
/* Flows, and the TCP acknowledgements that a cable modem may suppress. */
#include "packet.h"

#include <string.h>

enum {
	V4_ADDRESSES_AT = 12,
	V4_ADDRESSES_BYTES = 8,
	V6_ADDRESSES_AT = 8,
	V6_ADDRESSES_BYTES = 32,
	PORTS_BYTES = 4,
	TCP_HEADER_BYTES = 20,
	FLAG_ACK = 0x10,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_TIMESTAMPS = 8,
};

static bool has_ports(const struct packet_view *view)
{
	return view->whole && (view->protocol == PROTOCOL_TCP || view->protocol == PROTOCOL_UDP) &&
	       view->size >= view->transport + PORTS_BYTES;
}

static size_t copy_flow(const struct packet_view *view, uint8_t flow[36])
{
	size_t bytes = view->version == 6 ? V6_ADDRESSES_BYTES : V4_ADDRESSES_BYTES;

	if (view->version == 0)
		return 0;
	memcpy(flow, view->data + (view->version == 6 ? V6_ADDRESSES_AT : V4_ADDRESSES_AT), bytes);
	if (has_ports(view)) {
		memcpy(flow + bytes, view->data + view->transport, PORTS_BYTES);
		bytes += PORTS_BYTES;
	}
	return bytes;
}

/* FNV-1a, which spreads neighbouring ports well enough over the queues of FQ-CoDel. */
uint32_t packet_flow_hash(const struct packet_view *view)
{
	uint32_t hash = 2166136261u ^ (uint32_t)view->protocol;
	uint8_t flow[36];
	size_t bytes = copy_flow(view, flow);

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ flow[i]) * 16777619u;
	return hash ^ hash >> 16;
}

/* Selective acknowledgements and unknown options must not be lost. */
static bool has_plain_options(const uint8_t *option, size_t bytes)
{
	for (size_t i = 0; i < bytes && option[i] != OPTION_END;) {
		if (option[i] == OPTION_NOP) {
			i++;
			continue;
		}
		if (option[i] != OPTION_TIMESTAMPS || i + 1 >= bytes || option[i + 1] < 2)
			return false;
		i += option[i + 1];
	}
	return true;
}

struct packet_ack packet_ack_of(const struct packet_view *view)
{
	const uint8_t *tcp = view->data + view->transport;
	struct packet_ack ack = {0};

	if (view->protocol != PROTOCOL_TCP || !view->whole || view->payload != view->size ||
	    view->size < view->transport + TCP_HEADER_BYTES)
		return ack;
	ack.is_pure = tcp[13] == FLAG_ACK && (tcp[12] & 1) == 0 &&
		      has_plain_options(tcp + TCP_HEADER_BYTES,
					view->size - view->transport - TCP_HEADER_BYTES);
	ack.number =
		(uint32_t)tcp[8] << 24 | (uint32_t)tcp[9] << 16 | (uint32_t)tcp[10] << 8 | tcp[11];
	copy_flow(view, ack.flow);
	return ack;
}

/* Equal numbers are duplicates, which report losses. */
bool packet_ack_supersedes(const struct packet_ack *newer, const struct packet_ack *older)
{
	return newer->is_pure && older->is_pure && (int32_t)(newer->number - older->number) > 0 &&
	       memcmp(newer->flow, older->flow, sizeof newer->flow) == 0;
}
