/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/checks.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

static struct rudp_syn_shares shares;
static unsigned total;

static struct rudp_addr addr_of(const char *text)
{
	struct rudp_addr addr;

	cr_assert(zero(int, rudp_addr_parse(&addr, text)));
	return addr;
}

/* Adds as many as are allowed, of this many entries. */
static unsigned fill(const struct rudp_addr *from, unsigned places)
{
	unsigned count = 0;

	while (total < places && rudp_syn_shares_full(&shares, from, places - total) < 0) {
		rudp_syn_shares_add(&shares, from);
		total++;
		count++;
	}
	return count;
}

Test(syn_shares, one_address_gets_half)
{
	struct rudp_addr v4 = addr_of("192.0.2.1:1");

	cr_assert(eq(uint, fill(&v4, 4096), 2048));
	cr_assert(eq(int, rudp_syn_shares_full(&shares, &v4, 4096 - total), 0));
	rudp_syn_shares_remove(&shares, &v4);
	cr_assert(eq(uint, --total, 2047));
	cr_assert(eq(uint, fill(&v4, 4096), 1));
	cr_assert(rudp_syn_shares_check(&shares, total));
}

Test(syn_shares, all_ports_and_the_whole_of_a_64_are_one)
{
	struct rudp_addr one = addr_of("[2001:db8:1:2::1]:1");
	struct rudp_addr other = addr_of("[2001:db8:1:2:3::4]:2");
	struct rudp_addr neighbour = addr_of("[2001:db8:1:3::1]:1"),
			 far = addr_of("[2001:db9::1]:1");

	cr_assert(eq(uint, fill(&one, 4096), 2048));
	cr_assert(zero(uint, fill(&other, 4096)));
	cr_assert(zero(uint, fill(&neighbour, 4096)));
	cr_assert(rudp_syn_shares_same(0, &one, &other));
	cr_assert(not(rudp_syn_shares_same(0, &one, &neighbour)));
	cr_assert(rudp_syn_shares_same(1, &one, &neighbour));
	cr_assert(eq(uint, fill(&far, 4096), 1024)); /* so as much remains */
}

static void fill_network(unsigned network)
{
	char text[RUDP_ADDR_TEXT_SIZE];

	for (unsigned host = 0; host < 65536; host += 251) {
		snprintf(text, sizeof text, "10.%u.%u.%u:7", network, host / 256, host % 256);
		fill(&(struct rudp_addr){.in4 = addr_of(text).in4}, 4096);
	}
}

Test(syn_shares, a_large_network_gets_two_thirds_and_outweighs_others)
{
	struct rudp_addr hog = addr_of("10.0.3.4:7"), victim = addr_of("198.51.100.7:7");

	fill_network(0);
	cr_assert(all(ge(uint, total, 2700), le(uint, total, 2731)));
	for (unsigned network = 1; network < 10; network++)
		fill_network(network); /* each takes a part of the rest, until nothing is left */
	cr_assert(eq(uint, total, 4096));
	cr_assert(lt(int, rudp_syn_shares_full(&shares, &victim, 0), 0));
	cr_assert(rudp_syn_shares_outweighs(&shares, &hog, &victim));
	cr_assert(not(rudp_syn_shares_outweighs(&shares, &victim, &hog)));
	cr_assert(not(rudp_syn_shares_outweighs(&shares, &victim, &victim)));
}

/* The client's SYN on the wire comes from this address. */
static enum rudp_verdict deliver_from(struct pair *pair, const struct rudp_addr *from)
{
	struct pair_datagram *syn = pair_take(pair);
	enum rudp_verdict verdict;

	cr_assert(ne(ptr, syn, NULL));
	syn->from_addr = *from;
	verdict = pair_deliver(pair, syn);
	free(syn);
	return verdict;
}

/* A host that returns its cookies and completes no handshake. */
static enum rudp_verdict syn_from(struct pair *pair, const char *text, unsigned port)
{
	struct rudp_addr from = addr_of(text);
	struct pair_datagram *cookie;
	enum rudp_verdict verdict;

	rudp_addr_set_port(&from, (uint16_t)port);
	pair_connect(pair, PAIR_PORT);
	verdict = deliver_from(pair, &from);
	if (verdict == RUDP_VERDICT_BAD_COOKIE) {
		pair_collect(pair);
		cookie = pair_take(pair);
		cr_assert(ne(ptr, cookie, NULL));
		pair_deliver(pair, cookie);
		free(cookie);
		pair_collect(pair);
		verdict = deliver_from(pair, &from);
	}
	pair_collect(pair);
	pair_drop(pair);
	return verdict;
}

Test(syn_shares, one_host_does_not_keep_others_out)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair.ep[1]->config.half_open_max = 32;
	pair.ep[1]->config.half_open_cookie_count = 8;
	for (unsigned i = 0; i < 16; i++)
		cr_assert(eq(int, syn_from(&pair, "192.0.2.1:1", 1000 + i), RUDP_VERDICT_OK));
	cr_assert(eq(int, syn_from(&pair, "192.0.2.1:1", 2000), RUDP_VERDICT_SHARE_FULL));
	cr_assert(eq(int, syn_from(&pair, "192.0.2.77:1", 2000), RUDP_VERDICT_SHARE_FULL));
	cr_assert(eq(int, syn_from(&pair, "198.51.100.1:1", 2000), RUDP_VERDICT_OK));
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_SHARE_FULL), 2));
	/* Its neighbours need not wait for the time-outs of its handshakes. */
	pair.now_ns += RUDP_HALF_OPEN_FAIR_NS;
	cr_assert(eq(int, syn_from(&pair, "192.0.2.77:1", 2001), RUDP_VERDICT_OK));
	cr_assert(eq(uint, pair.ep[1]->half_open_count, 17));
	pair_fini(&pair);
}

Test(syn_shares, several_hosts_do_not_keep_others_out)
{
	struct pair pair;
	unsigned taken = 0;

	pair_init(&pair, 0, 0);
	pair.ep[1]->config.half_open_max = 32;
	pair.ep[1]->config.half_open_cookie_count = 8;
	for (unsigned i = 0; i < 16; i++) {
		taken += syn_from(&pair, "192.0.2.1:1", 1000 + i) == RUDP_VERDICT_OK;
		taken += syn_from(&pair, "203.0.113.1:1", 1000 + i) == RUDP_VERDICT_OK;
	}
	cr_assert(eq(uint, taken, 32));
	cr_assert(eq(int, syn_from(&pair, "192.0.2.1:1", 2000), RUDP_VERDICT_TOO_MANY));
	for (unsigned i = 0; i < 4; i++)
		cr_assert(eq(int, syn_from(&pair, "198.51.100.1:1", 2000 + i), RUDP_VERDICT_OK));
	cr_assert(eq(uint, pair.ep[1]->half_open_count, 32));
	pair_fini(&pair);
}
