/* SPDX-License-Identifier: MIT */
#include "proto/conn/syn_shares.h"

#include <string.h>

#include "base/table.h"

struct length {
	uint8_t prefix_bytes; /* 0: end of the list */
	uint8_t factor;       /* limit as a multiple of the free entries */
};

static const struct length lengths_ipv4[RUDP_SYN_SHARE_LENGTHS_MAX] = {{4, 1}, {3, 1}, {2, 2}};
static const struct length lengths_ipv6[RUDP_SYN_SHARE_LENGTHS_MAX] = {
	{8, 1}, {7, 1}, {6, 1}, {4, 2}};

static const struct length *length_of(const struct rudp_addr *addr, int length)
{
	return addr->family == AF_INET ? &lengths_ipv4[length] : &lengths_ipv6[length];
}

/* The hash input, different for each network, prefix length and row. */
struct network {
	struct rudp_addr_key prefix;
	uint8_t length, row;
};

static void network_of(const struct rudp_addr *addr, int length, struct network *network)
{
	size_t prefix_bytes = length_of(addr, length)->prefix_bytes;

	memset(network, 0, sizeof *network);
	network->prefix = rudp_addr_key_of_host(addr);
	memset(network->prefix.host + prefix_bytes, 0, sizeof network->prefix.host - prefix_bytes);
	network->length = (uint8_t)length;
}

static unsigned place_of(struct network *network, unsigned row)
{
	network->row = (uint8_t)row;
	return rudp_table_hash(network, sizeof *network) % RUDP_SYN_SHARE_COUNTS;
}

static bool has_length(const struct rudp_addr *addr, int length)
{
	return length < RUDP_SYN_SHARE_LENGTHS_MAX && length_of(addr, length)->prefix_bytes > 0;
}

static unsigned count_of(const struct rudp_syn_shares *shares, const struct rudp_addr *from,
			 int length)
{
	unsigned least = UINT16_MAX;
	struct network network;

	network_of(from, length, &network);
	for (unsigned row = 0; row < RUDP_SYN_SHARE_ROWS; row++) {
		unsigned count = shares->counts[length][row][place_of(&network, row)];

		least = count < least ? count : least;
	}
	return least;
}

int rudp_syn_shares_full(const struct rudp_syn_shares *shares, const struct rudp_addr *from,
			 unsigned free_count)
{
	if (free_count < RUDP_SYN_SHARE_FLOOR)
		free_count = RUDP_SYN_SHARE_FLOOR;
	for (int length = 0; has_length(from, length); length++)
		if (count_of(shares, from, length) >= free_count * length_of(from, length)->factor)
			return length;
	return -1;
}

bool rudp_syn_shares_outweighs(const struct rudp_syn_shares *shares, const struct rudp_addr *one,
			       const struct rudp_addr *other)
{
	for (int length = 0; has_length(one, length) && has_length(other, length); length++)
		if (count_of(shares, one, length) > 2 * (count_of(shares, other, length) + 1))
			return true;
	return false;
}

bool rudp_syn_shares_same(int length, const struct rudp_addr *a, const struct rudp_addr *b)
{
	struct network network_a, network_b;

	if (a->family != b->family)
		return false;
	network_of(a, length, &network_a);
	network_of(b, length, &network_b);
	return memcmp(&network_a.prefix, &network_b.prefix, sizeof network_a.prefix) == 0;
}

static void change(struct rudp_syn_shares *shares, const struct rudp_addr *from, int by)
{
	struct network network;

	for (int length = 0; has_length(from, length); length++) {
		network_of(from, length, &network);
		for (unsigned row = 0; row < RUDP_SYN_SHARE_ROWS; row++) {
			uint16_t *count = &shares->counts[length][row][place_of(&network, row)];

			*count = (uint16_t)(*count + by);
		}
	}
}

void rudp_syn_shares_add(struct rudp_syn_shares *shares, const struct rudp_addr *from)
{
	change(shares, from, 1);
}

void rudp_syn_shares_remove(struct rudp_syn_shares *shares, const struct rudp_addr *from)
{
	change(shares, from, -1);
}
