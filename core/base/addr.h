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

/* family 0 (AF_UNSPEC) is "no address". IPv4 is always AF_INET here, never a mapped IPv6 one. */
struct rudp_addr {
	union {
		sa_family_t family;
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
};

/* An address as bytes to hash and compare: no padding, and nothing that means the same in two ways. */
struct rudp_addr_key {
	uint8_t host[16];
	uint32_t scope;
	uint16_t port;
	uint16_t family;
};

/* Longest text of rudp_addr_format, with its terminating 0: "[v6%scope]:port". */
#define RUDP_ADDR_TEXT_SIZE 72

/* Same family, host, port and, for IPv6, scope. */
bool rudp_addr_equal(const struct rudp_addr *a, const struct rudp_addr *b);

/* Same family, host and, for IPv6, scope; the ports may differ. */
bool rudp_addr_same_host(const struct rudp_addr *a, const struct rudp_addr *b);

struct rudp_addr_key rudp_addr_key_of(const struct rudp_addr *a);
/* The same for all ports of the host. */
struct rudp_addr_key rudp_addr_key_of_host(const struct rudp_addr *a);

/* Length of the sockaddr inside: what bind(2) and sendto(2) want; 0 for no address. */
socklen_t rudp_addr_len(const struct rudp_addr *a);

/* Host byte order. */
uint16_t rudp_addr_port(const struct rudp_addr *a);
void rudp_addr_set_port(struct rudp_addr *a, uint16_t port);

bool rudp_addr_is_any(const struct rudp_addr *a);
/* As the destination of a connect the any address means this host: makes it loopback. */
void rudp_addr_resolve_any(struct rudp_addr *a);
bool rudp_addr_is_loopback(const struct rudp_addr *a);

/*
 * Takes a kernel sockaddr of len bytes. A v4-mapped IPv6 address becomes AF_INET.
 *
 * Returns  0, or -EAFNOSUPPORT (family), or -EINVAL (too short).
 */
int rudp_addr_from_sockaddr(struct rudp_addr *a, const struct sockaddr *sa, socklen_t len);

/*
 * Parses "1.2.3.4:80" or "[::1]:80" (numeric only).
 *
 * Returns  0 or -EINVAL; *a is untouched on error.
 */
int rudp_addr_parse(struct rudp_addr *a, const char *text);

/* Writes the text form; returns text. Always terminated, "-" for no address. */
char *rudp_addr_format(const struct rudp_addr *a, char text[RUDP_ADDR_TEXT_SIZE]);

#endif
