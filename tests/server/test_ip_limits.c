/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "conversation/server/cloak.h"
#include "conversation/server/ip_limits.h"

#define S RUDP_NS_PER_S

/* Three connections at once; ten new ones a second. */
static const struct apo_config config = {
	.per_address_max = 3,
	.connects_max = 10,
	.connects_ns = S,
	.is_cloaked = true,
	.has_cloak_key = true,
};

static struct rudp_addr at(const char *text)
{
	struct rudp_addr address;

	cr_assert(eq(int, rudp_addr_parse(&address, text), 0));
	return address;
}

static enum apo_ip_verdict enter(struct apo_ip_limits *ip_limits, const char *from, int64_t now_ns,
				 struct apo_ip_entry **ip_entry)
{
	struct rudp_addr address = at(from);

	return apo_ip_limits_enter(ip_limits, &config, &address, now_ns, ip_entry);
}

static enum apo_ip_verdict enter_and_leave(struct apo_ip_limits *ip_limits, const char *from,
					   int64_t now_ns)
{
	struct apo_ip_entry *ip_entry;
	enum apo_ip_verdict visit = enter(ip_limits, from, now_ns, &ip_entry);

	apo_ip_limits_leave(ip_limits, ip_entry);
	return visit;
}

Test(ip_limits, connections_of_an_address_are_limited)
{
	struct apo_ip_limits ip_limits;
	struct apo_ip_entry *of[4];
	int i;

	apo_ip_limits_init(&ip_limits);
	for (i = 0; i < 3; i++)
		cr_assert(eq(int, enter(&ip_limits, "192.0.2.1:1000", S, of + i),
			     APO_IP_LIMIT_WELCOME));
	cr_assert(eq(int, enter(&ip_limits, "192.0.2.1:1001", S, of + 3), APO_IP_LIMIT_TOO_MANY));
	cr_assert(eq(int, enter_and_leave(&ip_limits, "192.0.2.2:1000", S), APO_IP_LIMIT_WELCOME));
	/* A refused connection counts until it has gone. */
	apo_ip_limits_leave(&ip_limits, of[0]);
	cr_assert(eq(int, enter(&ip_limits, "192.0.2.1:1002", S, of), APO_IP_LIMIT_TOO_MANY));
	apo_ip_limits_leave(&ip_limits, of[0]);
	apo_ip_limits_leave(&ip_limits, of[3]);
	cr_assert(eq(int, enter(&ip_limits, "192.0.2.1:1003", S, of), APO_IP_LIMIT_WELCOME));
	apo_ip_limits_fini(&ip_limits);
}

Test(ip_limits, a_64_of_ipv6_is_one_address)
{
	struct apo_ip_limits ip_limits;
	struct apo_ip_entry *of[4];

	apo_ip_limits_init(&ip_limits);
	enter(&ip_limits, "[2001:db8:0:1::1]:1", S, of);
	enter(&ip_limits, "[2001:db8:0:1::2]:1", S, of + 1);
	enter(&ip_limits, "[2001:db8:0:1:ffff::3]:1", S, of + 2);
	cr_assert(eq(int, enter(&ip_limits, "[2001:db8:0:1::4]:1", S, of + 3),
		     APO_IP_LIMIT_TOO_MANY));
	cr_assert(eq(ptr, of[0], of[2]));
	cr_assert(eq(int, enter_and_leave(&ip_limits, "[2001:db8:0:2::1]:1", S),
		     APO_IP_LIMIT_WELCOME));
	apo_ip_limits_fini(&ip_limits);
}

Test(ip_limits, connects_are_limited_by_rate_after_a_burst)
{
	struct apo_ip_limits ip_limits;
	int i;

	apo_ip_limits_init(&ip_limits);
	for (i = 0; i < 10; i++)
		cr_assert(eq(int, enter_and_leave(&ip_limits, "192.0.2.1:1", 5 * S),
			     APO_IP_LIMIT_WELCOME));
	cr_assert(
		eq(int, enter_and_leave(&ip_limits, "192.0.2.1:1", 5 * S), APO_IP_LIMIT_TOO_OFTEN));
	cr_assert(eq(int, enter_and_leave(&ip_limits, "192.0.2.1:1", 5 * S + S / 10),
		     APO_IP_LIMIT_WELCOME));
	cr_assert(eq(int, enter_and_leave(&ip_limits, "192.0.2.1:1", 5 * S + S / 10),
		     APO_IP_LIMIT_TOO_OFTEN));
	for (i = 0; i < 10; i++)
		cr_assert(eq(int, enter_and_leave(&ip_limits, "192.0.2.1:1", 9 * S),
			     APO_IP_LIMIT_WELCOME));
	apo_ip_limits_fini(&ip_limits);
}

Test(ip_limits, idle_entries_are_limited_and_used_ones_stay)
{
	struct apo_ip_limits ip_limits;
	struct apo_ip_entry *present;
	char from[32];
	int i;

	apo_ip_limits_init(&ip_limits);
	enter(&ip_limits, "192.0.2.1:1", S, &present);
	for (i = 0; i < APO_IP_LIMITS_IDLE_MAX + 100; i++) {
		snprintf(from, sizeof from, "10.%d.%d.%d:1", i >> 16, i >> 8 & 255, i & 255);
		enter_and_leave(&ip_limits, from, S);
	}
	cr_assert(eq(uint, ip_limits.idle_count, APO_IP_LIMITS_IDLE_MAX));
	apo_ip_limits_leave(&ip_limits, present);
	cr_assert(eq(uint, ip_limits.idle_count, APO_IP_LIMITS_IDLE_MAX));
	apo_ip_limits_fini(&ip_limits);
}

static const char *cloak(const char *text, char host[APO_HOST_SIZE])
{
	struct rudp_addr address = at(text);

	apo_cloak(&config, &address, host);
	return host;
}

/* The text after the n-th dot. */
static const char *behind(const char *host, int n)
{
	while (n-- > 0)
		host = strchr(host, '.') + 1;
	return host;
}

Test(cloak, neighbours_share_the_parts_of_their_networks)
{
	char a[APO_HOST_SIZE], b[APO_HOST_SIZE];

	cr_assert(eq(int, apo_cloak_init(), 0));
	cr_assert(eq(str, (char *)cloak("192.0.2.1:1", a), (char *)cloak("192.0.2.1:2", b)));
	cloak("192.0.2.2:1", b);
	cr_assert(ne(str, a, b));
	cr_assert(eq(str, (char *)behind(a, 1), (char *)behind(b, 1)));
	cloak("192.0.3.1:1", b);
	cr_assert(ne(str, (char *)behind(a, 1), (char *)behind(b, 1)));
	cr_assert(eq(str, (char *)behind(a, 2), (char *)behind(b, 2)));
	cloak("[2001:db8:0:1::1]:1", a);
	cloak("[2001:db8:0:1::2]:1", b);
	cr_assert(eq(str, (char *)behind(a, 1), (char *)behind(b, 1)));
	cr_assert(eq(ptr, strstr(a, "2001"), NULL));
}

Test(cloak, an_address_that_is_shown_is_no_parameter_with_a_colon)
{
	struct apo_config open = {.is_cloaked = false};
	struct rudp_addr address = at("[::1]:80");
	char host[APO_HOST_SIZE];

	apo_cloak(&open, &address, host);
	cr_assert(eq(str, host, "0::1"));
	address = at("192.0.2.1:80");
	apo_cloak(&open, &address, host);
	cr_assert(eq(str, host, "192.0.2.1"));
}
