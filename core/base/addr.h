/* SPDX-License-Identifier: MIT */
/*
 * addr - one IPv4 or IPv6 address with its port, small enough to pass around by value.
 */
#ifndef RUDP_BASE_ADDR_H
#define RUDP_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Family 0 (AF_UNSPEC) means "no address". IPv4 is always AF_INET here, never v4-mapped IPv6. */
struct rudp_addr {
	union {
		sa_family_t family;
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
};

/* An address as bytes to hash and to compare with memcmp: no padding, one encoding per address. */
struct rudp_addr_key {
	uint8_t host[16];
	uint32_t scope;
	uint16_t port;
	uint16_t family;
};

/*
 * Size of the longest text that rudp_addr_format writes, with its terminating 0: "[v6%scope]:port".
 */
#define RUDP_ADDR_TEXT_SIZE 72

/* True if family, host, port and, for IPv6, the scope are equal. */
bool rudp_addr_equal(const struct rudp_addr *a, const struct rudp_addr *b);

/* True if family, host and, for IPv6, the scope are equal; the ports may differ. */
bool rudp_addr_same_host(const struct rudp_addr *a, const struct rudp_addr *b);

struct rudp_addr_key rudp_addr_key_of(const struct rudp_addr *a);
/* The key of the host: equal for all ports, port is 0. */
struct rudp_addr_key rudp_addr_key_of_host(const struct rudp_addr *a);

/* Length of the sockaddr as bind(2) and sendto(2) want it; 0 if there is no address. */
socklen_t rudp_addr_len(const struct rudp_addr *a);

/* Ports are in host byte order. */
uint16_t rudp_addr_port(const struct rudp_addr *a);
void rudp_addr_set_port(struct rudp_addr *a, uint16_t port);

bool rudp_addr_is_any(const struct rudp_addr *a);
/* Replaces the any address by loopback: connect(2) to the any address reaches this host. */
void rudp_addr_resolve_any(struct rudp_addr *a);
bool rudp_addr_is_loopback(const struct rudp_addr *a);

/*
 * Converts a sockaddr of len bytes. A v4-mapped IPv6 address becomes AF_INET.
 *
 * Returns  0; -EAFNOSUPPORT for another family; -EINVAL if len is too short for the family.
 */
int rudp_addr_from_sockaddr(struct rudp_addr *a, const struct sockaddr *sa, socklen_t len);

/*
 * Parses "1.2.3.4:80" or "[::1]:80" (numeric only).
 *
 * Returns  0 or -EINVAL; *a is untouched on error.
 */
int rudp_addr_parse(struct rudp_addr *a, const char *text);

/* Writes the address as text and returns text. Always terminated; "-" if there is no address. */
char *rudp_addr_format(const struct rudp_addr *a, char text[RUDP_ADDR_TEXT_SIZE]);

#endif
