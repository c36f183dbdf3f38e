/* SPDX-License-Identifier: MIT */
/* Endpoints that share a port and the secret of reset tokens: which one answers for which id. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/conn/conn_ids.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define OWN_NUMBER 5u

static struct pair pair;
static int number_here;
static uint64_t taken; /* bit mask of the endpoint numbers in use */
static unsigned passed, passed_to;
static struct rudp_endpoint *owner; /* of OWN_NUMBER; it gets what is passed on to that */

static int share_number(const void *socket)
{
	(void)socket;
	return number_here;
}

static bool pass_on(void *socket, const struct rudp_datagram *datagram, unsigned number)
{
	struct rudp_datagram copy = *datagram;

	(void)socket;
	passed++;
	passed_to = number;
	if (owner && number == OWN_NUMBER)
		rudp_endpoint_on_datagram(owner, &copy, pair.now_ns);
	return taken >> number & 1;
}

static void setup(void)
{
	pair = (struct pair){0};
	pair_init(&pair, 0, 0);
	passed = 0;
	owner = NULL;
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

/* Sends a packet of the client to an id with this number. Returns the server's verdict. */
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

Test(shared_port, a_packet_with_an_unused_number_is_answered)
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

Test(shared_port, a_port_that_is_not_shared_works_as_usual)
{
	bool answered;

	number_here = -1;
	cr_assert(eq(uint, say_to(7, &answered), RUDP_VERDICT_UNKNOWN_ID));
	cr_assert(zero(uint, passed));
	cr_assert(answered);
}

static void talk(void)
{
	for (int side = 0; side < 2; side++)
		rudp_conn_write(pair.conn[side], "a few words", 11, pair.now_ns);
	pair_run(&pair, 100 * RUDP_NS_PER_MS);
}

/*
 * The kernel chooses the endpoint by addresses: after the client's move its packets arrive at
 * another one, number 7, which knows nothing of the connection.
 */
Test(shared_port, after_a_move_the_other_id_leads_to_the_same_endpoint)
{
	static struct pair beside;
	struct pair_datagram *datagram;

	pair_run(&pair, RUDP_SPARE_ID_AFTER_NS);
	talk();
	cr_assert(eq(u64, pair.conn[1]->ids->spare->id % RUDP_SHARERS_MAX, OWN_NUMBER));
	pair_init(&beside, 0, 0);
	beside.ep[1]->config.share_number = share_number;
	beside.ep[1]->config.pass_on = pass_on;
	owner = pair.ep[1];
	rudp_addr_parse(&pair.addr[0], "10.9.9.9:4444");
	rudp_conn_rebind(pair.conn[0], &pair.addr[0], &pair.addr[0], pair.now_ns);
	pair_collect(&pair);
	number_here = 7;
	while ((datagram = pair_take(&pair))) {
		struct rudp_datagram in = {.socket = &pair.addr[1],
					   .local = datagram->to_addr,
					   .remote = datagram->from_addr,
					   .data = datagram->data,
					   .len = datagram->len};

		cr_assert(eq(int, rudp_endpoint_on_datagram(beside.ep[1], &in, pair.now_ns),
			     RUDP_VERDICT_PASSED_ON));
		free(datagram);
	}
	cr_assert(all(ge(uint, passed, 1), eq(uint, passed_to, OWN_NUMBER)));
	number_here = OWN_NUMBER;
	cr_assert(rudp_addr_equal(&pair.conn[1]->path.remote, &pair.addr[0]));
	talk();
	cr_assert(all(eq(u32, pair_stats(&pair, 0).id_changes, 1),
		      eq(u32, pair_stats(&pair, 1).id_changes, 1)));
	pair_fini(&beside);
}
