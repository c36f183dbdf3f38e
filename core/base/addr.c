/* SPDX-License-Identifier: MIT */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define V4_LOOPBACK_NET 127
#define PORT_DIGITS_MAX 5
#define SCOPE_DIGITS_MAX 10

/* RFC 2133 had no scope id. The kernel still accepts addresses of that length, so rudp does too. */
#define IN6_LEN_MIN offsetof(struct sockaddr_in6, sin6_scope_id)

bool rudp_addr_same_host(const struct rudp_addr *a, const struct rudp_addr *b)
{
	if (a->family != b->family)
		return false;
	if (a->family == AF_INET)
		return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	if (a->family == AF_INET6)
		return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr) &&
		       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
	return true;
}

bool rudp_addr_equal(const struct rudp_addr *a, const struct rudp_addr *b)
{
	return rudp_addr_same_host(a, b) && rudp_addr_port(a) == rudp_addr_port(b);
}

struct rudp_addr_key rudp_addr_key_of(const struct rudp_addr *a)
{
	struct rudp_addr_key key = {.port = rudp_addr_port(a), .family = a->family};

	if (a->family == AF_INET) {
		memcpy(key.host, &a->in4.sin_addr, sizeof a->in4.sin_addr);
	} else if (a->family == AF_INET6) {
		memcpy(key.host, &a->in6.sin6_addr, sizeof key.host);
		key.scope = a->in6.sin6_scope_id;
	}
	return key;
}

struct rudp_addr_key rudp_addr_key_of_host(const struct rudp_addr *a)
{
	struct rudp_addr_key key = rudp_addr_key_of(a);

	key.port = 0;
	return key;
}

socklen_t rudp_addr_len(const struct rudp_addr *a)
{
	if (a->family == AF_INET)
		return sizeof a->in4;
	if (a->family == AF_INET6)
		return sizeof a->in6;
	return 0;
}

uint16_t rudp_addr_port(const struct rudp_addr *a)
{
	if (a->family == AF_INET)
		return ntohs(a->in4.sin_port);
	if (a->family == AF_INET6)
		return ntohs(a->in6.sin6_port);
	return 0;
}

void rudp_addr_set_port(struct rudp_addr *a, uint16_t port)
{
	if (a->family == AF_INET)
		a->in4.sin_port = htons(port);
	else if (a->family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

bool rudp_addr_is_any(const struct rudp_addr *a)
{
	if (a->family == AF_INET)
		return a->in4.sin_addr.s_addr == htonl(INADDR_ANY);
	return a->family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

void rudp_addr_resolve_any(struct rudp_addr *a)
{
	if (!rudp_addr_is_any(a))
		return;
	if (a->family == AF_INET)
		a->in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a->in6.sin6_addr = in6addr_loopback;
}

bool rudp_addr_is_loopback(const struct rudp_addr *a)
{
	if (a->family == AF_INET)
		return ntohl(a->in4.sin_addr.s_addr) >> 24 == V4_LOOPBACK_NET;
	return a->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

/* All other bytes stay zero, so that equal addresses are also equal as bytes. */
static void set_in4(struct rudp_addr *a, struct in_addr host, in_port_t port_be)
{
	memset(a, 0, sizeof *a);
	a->in4.sin_family = AF_INET;
	a->in4.sin_addr = host;
	a->in4.sin_port = port_be;
}

static void set_in6(struct rudp_addr *a, const struct in6_addr *host, in_port_t port_be,
		    uint32_t scope)
{
	struct in_addr mapped;

	if (IN6_IS_ADDR_V4MAPPED(host)) {
		memcpy(&mapped, &host->s6_addr[12], sizeof mapped);
		set_in4(a, mapped, port_be);
		return;
	}
	memset(a, 0, sizeof *a);
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_addr = *host;
	a->in6.sin6_port = port_be;
	a->in6.sin6_scope_id = scope;
}

int rudp_addr_from_sockaddr(struct rudp_addr *a, const struct sockaddr *sa, socklen_t len)
{
	struct rudp_addr in = {0};

	if (len < sizeof in.family)
		return -EINVAL;
	memcpy(&in, sa, len < sizeof in ? len : sizeof in); /* the caller's may be unaligned */
	switch (in.family) {
	case AF_INET:
		if (len < sizeof in.in4)
			return -EINVAL;
		set_in4(a, in.in4.sin_addr, in.in4.sin_port);
		return 0;
	case AF_INET6:
		if (len < IN6_LEN_MIN)
			return -EINVAL;
		set_in6(a, &in.in6.sin6_addr, in.in6.sin6_port,
			len < sizeof in.in6 ? 0 : in.in6.sin6_scope_id);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

/*
 * Parses text as a decimal number. False unless it has 1 to digits_max digits and is at most max.
 */
static bool parse_number(const char *text, size_t digits_max, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;
	size_t digits = 0;

	for (; text[digits]; digits++) {
		if (digits == digits_max || text[digits] < '0' || text[digits] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[digits] - '0');
	}
	if (!digits || value > max)
		return false;
	*number = (uint32_t)value;
	return true;
}

/* host is "v6" or "v6%scope", without the brackets. */
static int parse_in6(struct rudp_addr *a, char *host, in_port_t port_be)
{
	struct in6_addr in6;
	uint32_t scope = 0;
	char *percent = strchr(host, '%');

	if (percent) {
		*percent = '\0';
		if (!parse_number(percent + 1, SCOPE_DIGITS_MAX, UINT32_MAX, &scope))
			return -EINVAL;
	}
	if (inet_pton(AF_INET6, host, &in6) != 1)
		return -EINVAL;
	set_in6(a, &in6, port_be, scope);
	return 0;
}

int rudp_addr_parse(struct rudp_addr *a, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[RUDP_ADDR_TEXT_SIZE];
	struct in_addr in4;
	uint32_t port;
	size_t len;

	if (!colon || !parse_number(colon + 1, PORT_DIGITS_MAX, UINT16_MAX, &port))
		return -EINVAL;
	len = (size_t)(colon - text);
	if (len < 2 || len >= sizeof host)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		return parse_in6(a, host + 1, htons((uint16_t)port));
	}
	if (inet_pton(AF_INET, host, &in4) != 1)
		return -EINVAL;
	set_in4(a, in4, htons((uint16_t)port));
	return 0;
}

char *rudp_addr_format(const struct rudp_addr *a, char text[RUDP_ADDR_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN];
	uint16_t port = rudp_addr_port(a);

	if (a->family == AF_INET) {
		inet_ntop(AF_INET, &a->in4.sin_addr, host, sizeof host);
		snprintf(text, RUDP_ADDR_TEXT_SIZE, "%s:%u", host, port);
	} else if (a->family == AF_INET6) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof host);
		if (a->in6.sin6_scope_id)
			snprintf(text, RUDP_ADDR_TEXT_SIZE, "[%s%%%" PRIu32 "]:%u", host,
				 a->in6.sin6_scope_id, port);
		else
			snprintf(text, RUDP_ADDR_TEXT_SIZE, "[%s]:%u", host, port);
	} else {
		strcpy(text, "-");
	}
	return text;
}
