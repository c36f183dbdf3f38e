/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conn/endpoint_private.h"
#include "proto/crypto/noise.h"
#include "proto/pair.h"
#include "proto/wire/packet.h"

static unsigned count_type(const struct pair *pair, enum rudp_packet_type type)
{
	unsigned count = 0;

	for (unsigned i = 0; i < pair->wire_count; i++)
		count += pair->wire[i]->data[0] >> 4 == (unsigned)type;
	return count;
}

Test(handshake, one_round_trip_establishes_both_ends)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	cr_assert(eq(uint, pair.wire_count, 1));
	cr_assert(eq(sz, pair.wire[0]->len, RUDP_DATAGRAM_MIN_SYN_BYTES));
	pair_settle(&pair);
	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	cr_assert(ne(uint, pair_events(&pair, 0) & RUDP_EVENT_ESTABLISHED, 0));
	pair_fini(&pair);
}

/* Prepares keys until there is nothing left to do. Returns the number of calls. */
static unsigned prepare_all(struct rudp_endpoint *ep)
{
	unsigned count = 0;

	for (; rudp_endpoint_may_prepare(ep); count++)
		rudp_endpoint_prepare(ep);
	return count;
}

Test(handshake, keys_are_prepared_after_a_first_handshake_and_used_once)
{
	struct pair pair;
	struct pair_datagram *first, *second;

	pair_init(&pair, 3, 3);
	rudp_endpoint_set_resume(pair.ep[0], false);
	cr_assert(eq(uint, prepare_all(pair.ep[0]), 0));
	pair_establish(&pair);
	cr_assert(ge(uint, prepare_all(pair.ep[0]), 2));
	cr_assert(ge(uint, prepare_all(pair.ep[1]), 2));
	cr_assert(eq(uint, prepare_all(pair.ep[0]), 0));
	pair_connect(&pair, PAIR_PORT);
	first = pair_take(&pair);
	pair_connect(&pair, PAIR_PORT);
	second = pair_take(&pair);
	cr_assert(ne(int,
		     memcmp(first->data + RUDP_SYN_HEADER_BYTES,
			    second->data + RUDP_SYN_HEADER_BYTES, RUDP_NOISE_DH_BYTES),
		     0));
	cr_assert(eq(int, pair_deliver(&pair, second), RUDP_VERDICT_OK));
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	/* Two keys were used: two are generated, and one more call finds the array full. */
	cr_assert(eq(uint, prepare_all(pair.ep[0]), 3));
	free(first);
	free(second);
	pair_fini(&pair);
}

/* A requirement of the project, first half. */
Test(handshake, copies_of_one_syn_give_one_connection_and_the_same_synack)
{
	struct pair pair;
	struct pair_datagram *syn, *first = NULL, *answer;

	pair_init(&pair, 7, 7);
	pair_connect(&pair, PAIR_PORT);
	syn = pair_take(&pair);
	for (int copy = 0; copy < 5; copy++) {
		enum rudp_verdict verdict = pair_deliver(&pair, syn);

		cr_assert(eq(int, verdict, copy ? RUDP_VERDICT_DUPLICATE_SYN : RUDP_VERDICT_OK));
		pair_collect(&pair);
		cr_assert(eq(uint, count_type(&pair, RUDP_PACKET_SYNACK), 1));
		answer = pair_take(&pair);
		if (!first) {
			first = answer;
			continue;
		}
		cr_assert(eq(sz, answer->len, first->len));
		cr_assert(eq(int, memcmp(answer->data, first->data, first->len), 0));
		free(answer);
	}
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	pair_deliver(&pair, first);
	pair_settle(&pair);
	cr_assert(ne(ptr, rudp_listener_accept(pair.listener), NULL));

	/* A late duplicate: the connection is established, and the answer is still the same. */
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_DUPLICATE_SYN));
	pair_collect(&pair);
	answer = pair_take(&pair);
	cr_assert(eq(int, memcmp(answer->data, first->data, first->len), 0));
	cr_assert(eq(ptr, rudp_listener_accept(pair.listener), NULL));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	free(answer);
	free(first);
	free(syn);
	pair_fini(&pair);
}

/* Not compared byte for byte: padding in the structure may have any value. */
static bool are_equal(const struct rudp_conn_stats *a, const struct rudp_conn_stats *b)
{
	const size_t first = offsetof(struct rudp_conn_stats, srtt_ns);
	const size_t end = offsetof(struct rudp_conn_stats, authenticated);

	return a->state == b->state &&
	       memcmp((const char *)a + first, (const char *)b + first, end - first) == 0 &&
	       a->authenticated == b->authenticated && a->suite == b->suite && a->aead == b->aead &&
	       a->handshake_kind == b->handshake_kind && a->early_bytes == b->early_bytes &&
	       a->jump_bytes == b->jump_bytes && a->flows == b->flows;
}

/* The requirement, second half. */
Test(handshake, a_synack_copy_after_established_changes_nothing)
{
	struct pair pair;
	struct pair_datagram *syn, *synack;
	struct rudp_conn_stats before, after;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	syn = pair_take(&pair);
	pair_deliver(&pair, syn);
	pair_collect(&pair);
	synack = pair_take(&pair);
	pair_deliver(&pair, synack);
	pair_settle(&pair);
	pair_events(&pair, 0);
	rudp_conn_stats(pair.conn[0], &before);
	cr_assert(eq(int, pair_deliver(&pair, synack), RUDP_VERDICT_DUPLICATE_SYNACK));
	rudp_conn_stats(pair.conn[0], &after);
	cr_assert(are_equal(&before, &after));
	cr_assert(eq(uint, pair_events(&pair, 0), 0));
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[0]), 1));
	free(syn);
	free(synack);
	pair_fini(&pair);
}

Test(handshake, syn_is_repeated_until_answered_and_always_the_same)
{
	struct pair pair;
	struct pair_datagram *first, *again;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	first = pair_take(&pair);
	for (int i = 0; i < 4; i++) {
		pair.now_ns += 3 * RUDP_NS_PER_S;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		pair_collect(&pair);
		again = pair_take(&pair);
		cr_assert(ne(ptr, again, NULL));
		cr_assert(eq(int, memcmp(first->data, again->data, first->len), 0));
		free(again);
	}
	pair_deliver(&pair, first);
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	free(first);
	pair_fini(&pair);
}

Test(handshake, a_lost_ack_is_repaired)
{
	struct pair pair;
	struct pair_datagram *datagram;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	datagram = pair_take(&pair);
	pair_deliver(&pair, datagram);
	free(datagram);
	pair_collect(&pair);
	datagram = pair_take(&pair);
	pair_deliver(&pair, datagram); /* SYNACK */
	free(datagram);
	pair_collect(&pair);
	free(pair_take(&pair)); /* the ACK is lost */
	cr_assert(eq(ptr, rudp_listener_accept(pair.listener), NULL));
	pair_run(&pair, 2 * RUDP_NS_PER_S);
	cr_assert(ne(ptr, rudp_listener_accept(pair.listener), NULL));
	pair_fini(&pair);
}

Test(handshake, other_key_is_refused_and_nothing_is_accepted)
{
	struct pair pair;

	for (int variant = 0; variant < 3; variant++) {
		pair_init(&pair, variant == 1 ? 0 : 1, variant == 2 ? 0 : 2);
		pair_connect(&pair, PAIR_PORT);
		pair_settle(&pair);
		cr_assert(ne(uint, pair_events(&pair, 0) & RUDP_EVENT_FAILED, 0));
		cr_assert(eq(int, rudp_conn_error(pair.conn[0]), EKEYREJECTED));
		cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
		cr_assert(eq(u64,
			     rudp_endpoint_verdicts(pair.ep[1])->count[RUDP_VERDICT_KEY_MISMATCH],
			     1));
		pair_fini(&pair);
	}
}

Test(handshake, a_syn_under_a_wrong_key_uses_no_prepared_key_pair)
{
	struct pair pair;
	unsigned keys;

	pair_init(&pair, 1, 2);
	pair.ep[1]->spare_keys_wanted = true;
	while (rudp_endpoint_may_prepare(pair.ep[1]))
		rudp_endpoint_prepare(pair.ep[1]);
	keys = pair.ep[1]->spare_key_count;
	cr_assert(ge(uint, keys, 1));
	for (int i = 0; i < 3; i++) {
		pair_connect(&pair, PAIR_PORT);
		pair_deliver_as(&pair, pair_take(&pair), RUDP_VERDICT_KEY_MISMATCH);
		pair_settle(&pair); /* it is refused */
	}
	cr_assert(eq(uint, pair.ep[1]->spare_key_count, keys));
	cr_assert(eq(int, rudp_endpoint_may_prepare(pair.ep[1]), 0));
	pair_fini(&pair);
}

Test(handshake, closed_port_is_refused_at_once)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT + 1);
	pair_settle(&pair);
	cr_assert(ne(uint, pair_events(&pair, 0) & RUDP_EVENT_FAILED, 0));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNREFUSED));
	pair_fini(&pair);
}

Test(handshake, damaged_syn_is_dropped_never_refused)
{
	struct pair pair;
	struct pair_datagram *syn;

	pair_init(&pair, 3, 3);
	pair_connect(&pair, PAIR_PORT);
	syn = pair_take(&pair);
	for (size_t i = 0; i < syn->len; i++) {
		syn->data[i] ^= 0x10;
		pair_deliver(&pair, syn);
		syn->data[i] ^= 0x10;
		pair_collect(&pair);
		cr_assert(eq(uint, pair.wire_count, 0), "damage at byte %zu was answered", i);
	}
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_OK));
	free(syn);
	pair_fini(&pair);
}

Test(handshake, forged_synack_does_not_spoil_the_true_one)
{
	struct pair pair;
	struct pair_datagram *syn, *synack;

	pair_init(&pair, 3, 3);
	pair_connect(&pair, PAIR_PORT);
	syn = pair_take(&pair);
	pair_deliver(&pair, syn);
	pair_collect(&pair);
	synack = pair_take(&pair);
	synack->data[synack->len - 1] ^= 1;
	cr_assert(eq(int, pair_deliver(&pair, synack), RUDP_VERDICT_KEY_MISMATCH));
	synack->data[synack->len - 1] ^= 1;
	cr_assert(eq(int, pair_deliver(&pair, synack), RUDP_VERDICT_OK));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	free(syn);
	free(synack);
	pair_fini(&pair);
}

Test(handshake, connect_without_a_listener_times_out)
{
	struct pair pair;
	struct rudp_conn_options options = {.connect_timeout_ns = 3 * RUDP_NS_PER_S};
	int error;

	pair_init(&pair, 0, 0);
	pair.conn[0] = rudp_endpoint_connect(pair.ep[0], &pair.addr[0], &pair.addr[0],
					     &pair.addr[1], 1, &options, pair.now_ns, &error);
	rudp_conn_set_user(pair.conn[0], &pair);
	for (int i = 0; i < 40; i++) {
		pair.now_ns += 100 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		pair_collect(&pair);
		while (pair.wire_count)
			free(pair_take(&pair));
	}
	cr_assert(ne(uint, pair_events(&pair, 0) & RUDP_EVENT_FAILED, 0));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ETIMEDOUT));
	pair_fini(&pair);
}

static void flood(struct pair *pair, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct pair_datagram *syn;

		rudp_addr_set_port(&pair->addr[0], (uint16_t)(20000 + i));
		pair_connect(pair, PAIR_PORT);
		syn = pair_take(pair);
		pair_deliver(pair, syn);
		free(syn);
		pair_collect(pair);
		while (pair->wire_count) /* the SYNACKs are lost */
			free(pair_take(pair));
	}
}

Test(handshake, flooded_listener_asks_for_cookies_and_keeps_no_state)
{
	struct pair pair;
	unsigned before;

	pair_init(&pair, 0, 0);
	flood(&pair, RUDP_HALF_OPEN_COOKIE_COUNT);
	before = rudp_endpoint_conn_count(pair.ep[1]);
	cr_assert(eq(uint, before, RUDP_HALF_OPEN_COOKIE_COUNT));
	rudp_addr_set_port(&pair.addr[0], 50000);
	pair_connect(&pair, PAIR_PORT);
	struct pair_datagram *syn = pair_take(&pair);

	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_BAD_COOKIE));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), before));
	pair_collect(&pair);
	cr_assert(eq(uint, count_type(&pair, RUDP_PACKET_COOKIE), 1));
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	free(syn);
	pair_fini(&pair);
}

/* A SYN arrives whose sender receives nothing and never answers. */
static enum rudp_verdict half_open(struct pair *pair, uint16_t port)
{
	struct pair_datagram *datagram;
	enum rudp_verdict verdict;

	pair_connect(pair, port);
	datagram = pair_take(pair);
	verdict = pair_deliver(pair, datagram);
	rudp_conn_abandon(pair->conn[0], pair->now_ns);
	pair_collect(pair);
	do
		free(datagram);
	while ((datagram = pair_take(pair)));
	return verdict;
}

/* A flood of SYNs at one port must not block clients of another port. */
Test(handshake, old_half_open_connections_are_evicted_for_another_listener)
{
	struct rudp_listener *other;
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair.ep[1]->config.half_open_max = 1;
	other = rudp_endpoint_listen(pair.ep[1], &pair.addr[1], PAIR_PORT + 1, 16, &pair, NULL);
	cr_assert(ne(ptr, other, NULL));
	cr_assert(eq(int, half_open(&pair, PAIR_PORT), RUDP_VERDICT_OK));
	cr_assert(eq(int, half_open(&pair, PAIR_PORT + 1), RUDP_VERDICT_TOO_MANY));
	pair.now_ns += RUDP_HALF_OPEN_FAIR_NS;
	cr_assert(eq(int, half_open(&pair, PAIR_PORT + 1), RUDP_VERDICT_OK));
	rudp_listener_close(pair.listener, pair.now_ns);
	/* it does not belong to that connection */
	cr_assert(eq(uint, pair.ep[1]->half_open_count, 1));
	rudp_listener_close(other, pair.now_ns);
	cr_assert(eq(uint, pair.ep[1]->half_open_count, 0));
	pair_fini(&pair);
}

Test(handshake, unproven_address_gets_no_more_than_three_times_what_it_sent)
{
	struct pair pair;
	struct pair_datagram *syn, *out;
	size_t bytes = 0;

	pair_init(&pair, 0, 0);
	pair_connect(&pair, PAIR_PORT);
	syn = pair_take(&pair);
	pair_deliver(&pair, syn);
	for (int i = 0; i < 1000; i++) {
		pair.now_ns += 100 * RUDP_NS_PER_MS;
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
		pair_collect(&pair);
		while ((out = pair_take(&pair))) {
			bytes += out->to == 0 ? out->len : 0;
			free(out);
		}
	}
	cr_assert(ge(sz, bytes, 1));
	cr_assert(le(sz, bytes, 3 * syn->len));
	free(syn);
	pair_fini(&pair);
}
