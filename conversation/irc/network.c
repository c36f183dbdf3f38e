/* SPDX-License-Identifier: MIT */
#include "conversation/irc/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define MAPPED_BITS 96

static const uint8_t mapped[MAPPED_BITS / 8] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool apo_network_read_address(struct apo_network *network, const char *text)
{
	char copy[INET6_ADDRSTRLEN] = "";
	size_t len = strcspn(text, "%");

	memset(network, 0, sizeof *network);
	network->prefix_bits = APO_NETWORK_BITS_MAX;
	if (len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	if (inet_pton(AF_INET, copy, network->address + sizeof mapped) == 1) {
		memcpy(network->address, mapped, sizeof mapped);
		return true;
	}
	return inet_pton(AF_INET6, copy, network->address) == 1;
}

/* One to three digits. */
static bool read_bits(const char *text, unsigned max, unsigned *bits)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 3 || text[len])
		return false;
	for (*bits = 0; *text; text++)
		*bits = *bits * 10 + (unsigned)(*text - '0');
	return *bits <= max;
}

bool apo_network_read(struct apo_network *network, const char *text)
{
	char copy[INET6_ADDRSTRLEN] = "";
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : 0;
	unsigned bits, missing;

	if (!slash)
		return apo_network_read_address(network, text);
	if (len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	if (!apo_network_read_address(network, copy))
		return false;
	missing = strchr(copy, ':') ? 0 : MAPPED_BITS;
	if (!read_bits(slash + 1, APO_NETWORK_BITS_MAX - missing, &bits))
		return false;
	*network = apo_network_around(network, missing + bits);
	return true;
}

bool apo_network_is_ipv4(const struct apo_network *network)
{
	return network->prefix_bits >= MAPPED_BITS &&
	       memcmp(network->address, mapped, sizeof mapped) == 0;
}

void apo_network_write(char to[APO_NETWORK_TEXT_SIZE], const struct apo_network *network)
{
	bool is_ipv4 = apo_network_is_ipv4(network);
	size_t len;

	(void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6,
			network->address + (is_ipv4 ? sizeof mapped : 0), to, INET6_ADDRSTRLEN);
	len = strlen(to);
	if (network->prefix_bits < APO_NETWORK_BITS_MAX)
		snprintf(to + len, APO_NETWORK_TEXT_SIZE - len, "/%d",
			 network->prefix_bits - (is_ipv4 ? MAPPED_BITS : 0));
}

struct apo_network apo_network_around(const struct apo_network *network, unsigned bits)
{
	struct apo_network around;

	memset(&around, 0, sizeof around);
	memcpy(around.address, network->address, bits / 8);
	if (bits % 8)
		around.address[bits / 8] =
			(uint8_t)(network->address[bits / 8] & 0xff00u >> bits % 8);
	around.prefix_bits = (uint8_t)bits;
	return around;
}

bool apo_network_contains(const struct apo_network *network, const struct apo_network *other)
{
	struct apo_network around;

	if (other->prefix_bits < network->prefix_bits)
		return false;
	around = apo_network_around(other, network->prefix_bits);
	return memcmp(around.address, network->address, sizeof around.address) == 0;
}
