/* SPDX-License-Identifier: MIT */
/*
 * network - a network of addresses, as in "192.0.2.0/24" or "2001:db8::/32"; one address is a
 * network, too.
 *
 * Addresses have 16 bytes. IPv4 addresses are those of ::ffff:0:0/96, so one table can have both.
 */
#ifndef APO_NETWORK_H
#define APO_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#define APO_NETWORK_TEXT_SIZE 52
#define APO_NETWORK_BITS_MAX 128

struct apo_network {
	uint8_t address[16]; /* the bits after the prefix are 0 */
	uint8_t prefix_bits;
};

/* Reads an address, with or without the interface of a link-local one, as a network of 128 bits.
 * false: it is no address. */
bool apo_network_read_address(struct apo_network *network, const char *text);
/* The same, and "ADDRESS/BITS". */
bool apo_network_read(struct apo_network *network, const char *text);
/* Writes the form that apo_network_read reads; without bits if it is one address. */
void apo_network_write(char to[APO_NETWORK_TEXT_SIZE], const struct apo_network *network);

bool apo_network_is_ipv4(const struct apo_network *network);
/* The network of that many bits around another one, which has at least as many. */
struct apo_network apo_network_around(const struct apo_network *network, unsigned bits);
bool apo_network_contains(const struct apo_network *network, const struct apo_network *other);

#endif
