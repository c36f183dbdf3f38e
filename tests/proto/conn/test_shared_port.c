/* SPDX-License-Identifier: MIT */
/* Endpoints that share a port and the secret of reset tokens: who answers for which id. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define OWN_NUMBER 5u

static struct pair pair;
static int number_here;
static uint64_t taken; /* numbers that some endpoint has: bits */
static unsigned passed, passed_to;

static int share_number(const void *socket)
{
	(void)socket;
	return number_here;
}

static bool pass_on(void *socket, const struct rudp_datagram *datagram, unsigned number)
{
	(void)socket;
	(void)datagram;
	passed++;
	passed_to = number;
	return taken >> number & 1;
}

static void setup(void)
{
	pair = (struct pair){0};
	pair_init(&pair, 0, 0);
	passed = 0;
	number_here = OWN_NUMBER;
	taken = UINT64_C(1) << OWN_NUMBER | UINT64_C(1) << 7;
	pair.ep[1]->config.share_number = share_number;
	pair.ep[1]->config.pass_on = pass_on;
	pair_establish(&pair);
}

static void teardown(void)
{
	pair_fini(&pair);
}

TestSuite(shared_port, .init = setup, .fini = teardown);

/* A packet as the client would send it, to an id with this number; what the server says to it. */
static enum rudp_verdict say_to(unsigned number, bool *answered)
{
	struct pair_datagram *datagram;
	enum rudp_verdict verdict;

	pair.conn[0]->peer_id = (UINT64_C(0x1234567890abcdef) & ~UINT64_C(63)) | number;
	pair.conn[0]->peer_takes_short_ids = false;
	rudp_conn_write(pair.conn[0], "a few words, longer than a RESET", 32, pair.now_ns);
	pair_collect(&pair);
	datagram = pair_take(&pair);
	cr_assert(ne(ptr, datagram, NULL));
	pair_drop(&pair);
	verdict = pair_deliver(&pair, datagram);
	free(datagram);
	pair_collect(&pair);
	*answered = pair.wire_count > 0;
	return verdict;
}

Test(shared_port, ids_carry_the_number)
{
	cr_assert(eq(u64, pair.conn[1]->id % RUDP_SHARERS_MAX, OWN_NUMBER));
}

Test(shared_port, another_endpoints_packet_is_passed_on_and_not_answered)
{
	bool answered;

	cr_assert(eq(uint, say_to(7, &answered), RUDP_VERDICT_PASSED_ON));
	cr_assert(eq(uint, passed_to, 7));
	cr_assert(not(answered));
}

Test(shared_port, a_packet_that_nobody_has_the_number_of_is_answered)
{
	bool answered;

	cr_assert(eq(uint, say_to(8, &answered), RUDP_VERDICT_UNKNOWN_ID));
	cr_assert(eq(uint, passed, 1));
	cr_assert(answered);
}

Test(shared_port, an_unknown_id_with_the_own_number_is_answered)
{
	bool answered;

	cr_assert(eq(uint, say_to(OWN_NUMBER, &answered), RUDP_VERDICT_UNKNOWN_ID));
	cr_assert(zero(uint, passed));
	cr_assert(answered);
}

Test(shared_port, a_port_of_its_own_is_as_ever)
{
	bool answered;

	number_here = -1;
	cr_assert(eq(uint, say_to(7, &answered), RUDP_VERDICT_UNKNOWN_ID));
	cr_assert(zero(uint, passed));
	cr_assert(answered);
}
