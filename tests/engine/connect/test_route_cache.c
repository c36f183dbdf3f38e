/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "engine/connect/route_cache.h"

#define AGE_NS (600 * RUDP_NS_PER_S)

static struct rudp_route_cache route_cache;

static void setup(void)
{
	rudp_route_cache_init(&route_cache);
}

static void teardown(void)
{
	rudp_route_cache_fini(&route_cache);
}

TestSuite(route_cache, .init = setup, .fini = teardown);

static struct rudp_addr address(const char *text)
{
	struct rudp_addr addr;

	cr_assert(zero(int, rudp_addr_parse(&addr, text)));
	return addr;
}

/* 'r': rudp, 't': TCP, '?': not known. */
static char way(const struct rudp_addr *to, int64_t now_ns)
{
	int64_t rtt_ns;
	bool tcp;

	if (!rudp_route_cache_find(&route_cache, to, AGE_NS, now_ns, &tcp, &rtt_ns))
		return '?';
	return tcp ? 't' : 'r';
}

Test(route_cache, the_newest_result_is_valid_until_its_age_limit)
{
	struct rudp_addr to = address("192.0.2.1:80");

	cr_assert(eq(chr, way(&to, 0), '?'));
	rudp_route_cache_put(&route_cache, &to, &to, true, 0, 0);
	cr_assert(eq(chr, way(&to, AGE_NS), 't'));
	rudp_route_cache_put(&route_cache, &to, &to, false, 5, 10);
	cr_assert(eq(chr, way(&to, AGE_NS + 10), 'r'));
	cr_assert(eq(chr, way(&to, AGE_NS + 11), '?'));
	rudp_route_cache_forget(&route_cache, &to);
	cr_assert(eq(chr, way(&to, 10), '?'));
	rudp_route_cache_forget(&route_cache, &to);
}

Test(route_cache, port_host_family_and_scope_distinguish_destinations)
{
	const char *const texts[] = {"192.0.2.1:80", "192.0.2.1:81", "192.0.2.2:80",
				     "[2001:db8::1]:80", "[fe80::1]:80"};
	struct rudp_addr scoped = address("[fe80::1]:80");

	scoped.in6.sin6_scope_id = 2;
	rudp_route_cache_put(&route_cache, &scoped, &scoped, true, 0, 0);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct rudp_addr to = address(texts[i]);

		cr_assert(eq(chr, way(&to, 0), '?'), "%s", texts[i]);
		rudp_route_cache_put(&route_cache, &to, &to, i % 2, 0, 0);
		cr_assert(eq(chr, way(&to, 0), i % 2 ? 't' : 'r'), "%s", texts[i]);
	}
	cr_assert(eq(chr, way(&scoped, 0), 't'));
}

/*
 * Compares with a simple model: the time of each put; the newest RUDP_ROUTE_CACHE_MAX must be
 * known.
 */
Test(route_cache, the_oldest_entry_is_evicted)
{
	enum { DESTINATIONS = 3 * RUDP_ROUTE_CACHE_MAX, STEPS = 20000 };
	static int put_at[DESTINATIONS], ways[DESTINATIONS];
	struct rudp_addr to = address("192.0.2.1:1");
	int newer, known = 0;

	srand(3);
	for (int step = 1; step <= STEPS; step++) {
		int which = rand() % DESTINATIONS;

		put_at[which] = step;
		ways[which] = rand() % 2;
		rudp_addr_set_port(&to, (uint16_t)(which + 1));
		rudp_route_cache_put(&route_cache, &to, &to, ways[which], 0, step);
	}
	for (int i = 0; i < DESTINATIONS; i++) {
		char wanted = '?';

		newer = 0;
		for (int j = 0; j < DESTINATIONS; j++)
			newer += put_at[j] > put_at[i];
		if (put_at[i] && newer < RUDP_ROUTE_CACHE_MAX)
			wanted = ways[i] ? 't' : 'r';
		known += wanted != '?';
		rudp_addr_set_port(&to, (uint16_t)(i + 1));
		cr_assert(eq(chr, way(&to, STEPS), wanted), "destination %d", i);
	}
	cr_assert(eq(int, known, RUDP_ROUTE_CACHE_MAX));
}

static bool is_kept(void *context, const struct rudp_addr *from)
{
	return rudp_addr_same_host(context, from);
}

Test(route_cache, results_from_another_network_are_dropped)
{
	struct rudp_addr home = address("192.0.2.7:0"), away = address("198.51.100.7:0");
	struct rudp_addr a = address("203.0.113.1:80"), b = address("203.0.113.2:80");

	rudp_route_cache_put(&route_cache, &a, &home, true, 0, 0);
	rudp_route_cache_put(&route_cache, &b, &home, true, 0, 0);
	rudp_route_cache_put(&route_cache, &b, &away, false, 0, 1);
	rudp_route_cache_forget_unless(&route_cache, is_kept, &away);
	cr_assert(eq(chr, way(&a, 1), '?'));
	cr_assert(eq(chr, way(&b, 1), 'r'));
	rudp_route_cache_forget_unless(&route_cache, is_kept, &home);
	cr_assert(eq(chr, way(&b, 1), '?'));
	cr_assert(zero(uint, route_cache.count));
}

Test(route_cache, a_host_is_dropped_with_all_its_ports)
{
	struct rudp_addr web = address("192.0.2.1:80"), tls = address("192.0.2.1:443");
	struct rudp_addr other = address("192.0.2.2:80"), v6 = address("[2001:db8::1]:80");
	struct rudp_addr host = address("192.0.2.1:7");

	rudp_route_cache_put(&route_cache, &web, &web, true, 0, 0);
	rudp_route_cache_put(&route_cache, &tls, &tls, false, 0, 0);
	rudp_route_cache_put(&route_cache, &other, &other, true, 0, 0);
	rudp_route_cache_put(&route_cache, &v6, &v6, true, 0, 0);
	cr_assert(eq(uint, rudp_route_cache_forget_host(&route_cache, &host), 2));
	cr_assert(all(eq(chr, way(&web, 0), '?'), eq(chr, way(&tls, 0), '?')));
	cr_assert(all(eq(chr, way(&other, 0), 't'), eq(chr, way(&v6, 0), 't')));
	cr_assert(zero(uint, rudp_route_cache_forget_host(&route_cache, &host)));
	cr_assert(eq(uint, rudp_route_cache_forget_host(&route_cache, NULL), 2));
	cr_assert(zero(uint, route_cache.count));
}
