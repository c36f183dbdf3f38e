/* SPDX-License-Identifier: MIT */
/* Matching, and the names of states. The parser is filter_parse.c. */
#include "filter.h"

#include <string.h>

#include "proto/conn/conn.h"

/* The names that ss(8) prints in its first column. */
static const char *const state_names[] = {
	[RUDP_STATE_CLOSED] = "UNCONN",         [RUDP_STATE_LISTEN] = "LISTEN",
	[RUDP_STATE_SYN_SENT] = "SYN-SENT",     [RUDP_STATE_SYN_RCVD] = "SYN-RECV",
	[RUDP_STATE_ESTABLISHED] = "ESTAB",     [RUDP_STATE_FIN_WAIT_1] = "FIN-WAIT-1",
	[RUDP_STATE_FIN_WAIT_2] = "FIN-WAIT-2", [RUDP_STATE_CLOSE_WAIT] = "CLOSE-WAIT",
	[RUDP_STATE_CLOSING] = "CLOSING",       [RUDP_STATE_LAST_ACK] = "LAST-ACK",
	[RUDP_STATE_TIME_WAIT] = "TIME-WAIT",   [RUDP_STATE_RESET_SENT] = "RESET-SENT",
};

static const char *const transport_names[] = {
#define TRANSPORT(name, text) [RUDP_TRANSPORT_##name] = text,
	RUDP_TRANSPORTS(TRANSPORT)
#undef TRANSPORT
};

const char *rudp_filter_state_name(unsigned state)
{
	return state < sizeof state_names / sizeof state_names[0] ? state_names[state] : "?";
}

const char *rudp_filter_transport_name(unsigned transport)
{
	return transport < sizeof transport_names / sizeof transport_names[0]
		       ? transport_names[transport]
		       : "?";
}

static bool compares(enum rudp_filter_compare compare, uint32_t is, uint32_t than)
{
	switch (compare) {
	case RUDP_FILTER_EQ:
		return is == than;
	case RUDP_FILTER_NE:
		return is != than;
	case RUDP_FILTER_LT:
		return is < than;
	case RUDP_FILTER_LE:
		return is <= than;
	case RUDP_FILTER_GT:
		return is > than;
	case RUDP_FILTER_GE:
		return is >= than;
	}
	return false;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

static bool has_address(const struct rudp_filter_node *node, const struct rudp_addr *addr)
{
	uint16_t port = rudp_addr_port(&node->addr);

	if (port && rudp_addr_port(addr) != port)
		return false;
	if (node->addr.family == AF_INET)
		return addr->family == AF_INET &&
		       same_bits((const uint8_t *)&addr->in4.sin_addr,
				 (const uint8_t *)&node->addr.in4.sin_addr, node->prefix_bits);
	return addr->family == AF_INET6 &&
	       same_bits(addr->in6.sin6_addr.s6_addr, node->addr.in6.sin6_addr.s6_addr,
			 node->prefix_bits);
}

static bool passes(const struct rudp_filter *filter, int index,
		   const struct rudp_control_info *info)
{
	const struct rudp_filter_node *node = &filter->nodes[index];
	const struct rudp_addr *addr = node->remote ? &info->remote : &info->local;
	bool not = node->compare == RUDP_FILTER_NE;

	switch (node->kind) {
	case RUDP_FILTER_AND:
		return passes(filter, node->left, info) && passes(filter, node->right, info);
	case RUDP_FILTER_OR:
		return passes(filter, node->left, info) || passes(filter, node->right, info);
	case RUDP_FILTER_NOT:
		return !passes(filter, node->left, info);
	case RUDP_FILTER_STATE:
		return info->state < 32 && node->number >> info->state & 1;
	case RUDP_FILTER_ADDRESS:
		if (node->addr.family == AF_UNSPEC)
			return compares(node->compare, rudp_addr_port(addr), node->number);
		return has_address(node, addr) != not ;
	case RUDP_FILTER_PORT:
		return compares(node->compare, rudp_addr_port(addr), node->number);
	case RUDP_FILTER_TRANSPORT:
		return compares(node->compare, info->transport, node->number);
	case RUDP_FILTER_PROGRAM:
		return (strncmp(info->program, node->word, sizeof info->program) == 0) != not ;
	case RUDP_FILTER_PID:
		return compares(node->compare, info->pid, node->number);
	}
	return false;
}

bool rudp_filter_match(const struct rudp_filter *filter, const struct rudp_control_info *info)
{
	return filter->root < 0 || passes(filter, filter->root, info);
}
