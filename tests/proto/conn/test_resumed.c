/* SPDX-License-Identifier: MIT */
/* Resumed connections. docs/protocol.md section 6.7. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "proto/checks.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define FLAGS_AT 3
#define RESUME 1
#define RESUME_DH 3
#define CHECK_BYTES 8

static struct pair pair;

static void init(void)
{
	pair_init(&pair, 7, 7);
}

static void fini(void)
{
	pair_fini(&pair);
}

TestSuite(resumed, .init = init, .fini = fini);

static uint8_t handshake_kind(int side)
{
	struct rudp_conn_stats stats;

	rudp_conn_stats(pair.conn[side], &stats);
	return stats.handshake_kind;
}

/* Checks that the connection works in both directions. */
static void expect_talk(void)
{
	struct iovec iov[2];

	for (int side = 0; side < 2; side++) {
		cr_assert(eq(sz, rudp_conn_write(pair.conn[side], "word", 4, pair.now_ns), 4));
		pair_settle(&pair);
		cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[!side]), 4));
		rudp_conn_receive_readable(pair.conn[!side], iov);
		cr_assert(eq(int, memcmp(iov[0].iov_base, "word", 4), 0));
		rudp_conn_receive_consume(pair.conn[!side], 4, pair.now_ns);
	}
}

static void expect_handshake_kind(enum rudp_handshake_kind expected)
{
	cr_assert(all(eq(u8, handshake_kind(0), expected), eq(u8, handshake_kind(1), expected)));
	expect_talk();
}

static void meet(void)
{
	pair_establish(&pair);
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_FULL);
	pair_part(&pair);
}

/* Takes the next SYN of the client off the wire. */
static struct pair_datagram *next_syn(uint8_t flags)
{
	struct pair_datagram *syn;

	pair_connect(&pair, PAIR_PORT);
	syn = pair_take(&pair);
	cr_assert(ne(ptr, syn, NULL));
	cr_assert(all(eq(u8, syn->data[0], 0x10), eq(u8, syn->data[FLAGS_AT], flags),
		      eq(sz, syn->len, RUDP_DATAGRAM_MIN_SYN_BYTES)));
	return syn;
}

static void expect_accepted(enum rudp_handshake_kind expected)
{
	pair_settle(&pair);
	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	expect_handshake_kind(expected);
}

/* Recomputes the check of a modified SYN. */
static void mend_check(struct pair_datagram *syn)
{
	static const uint8_t zero_key[16];
	uint64_t check = rudp_siphash(zero_key, syn->data, syn->len - CHECK_BYTES);

	for (unsigned i = 0; i < CHECK_BYTES; i++)
		syn->data[syn->len - 1 - i] = (uint8_t)(check >> 8 * i);
}

/* Replaces the listener by one that knows nothing, as after a restart. */
static void restart_server(uint8_t psk)
{
	struct pair fresh;

	pair_init(&fresh, psk, psk);
	rudp_endpoint_free(pair.ep[1]);
	pair.ep[1] = fresh.ep[1];
	pair.listener = fresh.listener;
	rudp_endpoint_free(fresh.ep[0]);
	free(fresh.train);
	/* Its listener uses the socket handle of the previous pair. */
	rudp_listener_close(pair.listener, pair.now_ns);
	pair.listener = rudp_endpoint_listen(pair.ep[1], &pair.addr[1], PAIR_PORT, 16, &pair, NULL);
}

Test(resumed, the_second_connection_is_resumed)
{
	meet();
	for (int i = 0; i < 10; i++) {
		pair_establish(&pair);
		expect_handshake_kind(RUDP_HANDSHAKE_KIND_RESUMED);
		pair_part(&pair);
	}
}

Test(resumed, several_at_once_share_an_association)
{
	struct pair_datagram *syn[3];

	meet();
	for (int i = 0; i < 3; i++)
		syn[i] = next_syn(RESUME);
	for (int i = 2; i >= 0; i--) /* in another order */
		pair_deliver_as(&pair, syn[i], RUDP_VERDICT_OK);
	pair_settle(&pair);
	for (int i = 0; i < 3; i++)
		cr_assert(ne(ptr, rudp_listener_accept(pair.listener), NULL));
}

Test(resumed, another_port_of_the_same_udp_port_is_known_too)
{
	struct rudp_listener *other =
		rudp_endpoint_listen(pair.ep[1], &pair.addr[1], 99, 16, &pair, NULL);

	meet();
	pair_connect(&pair, 99);
	pair_settle(&pair);
	pair.conn[1] = rudp_listener_accept(other);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_RESUMED);
}

Test(resumed, nothing_is_kept_before_the_initiator_has_shown_the_keys)
{
	pair_connect(&pair, PAIR_PORT);
	pair_deliver_as(&pair, pair_take(&pair), RUDP_VERDICT_OK);
	pair_collect(&pair);
	/* Delivers the SYNACK; its answer is lost. */
	pair_deliver_as(&pair, pair_take(&pair), RUDP_VERDICT_OK);
	pair_collect(&pair);
	while (pair.wire_count)
		free(pair_take(&pair));
	pair_deliver_as(&pair, next_syn(RESUME), RUDP_VERDICT_NO_ASSOCIATION);
	expect_accepted(RUDP_HANDSHAKE_KIND_FULL);
}

Test(resumed, after_two_minutes_a_new_dh_makes_a_new_association)
{
	meet();
	pair_run(&pair, 121 * RUDP_NS_PER_S);
	pair_establish(&pair);
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_RESUMED_DH);
	pair_part(&pair);
	pair_establish(&pair);
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_RESUMED);
	pair_part(&pair);
	cr_assert(zero(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_NO_ASSOCIATION)));
}

Test(resumed, several_with_dh_at_once_do_not_refuse_each_other)
{
	struct pair_datagram *late;

	meet();
	pair_run(&pair, 121 * RUDP_NS_PER_S);
	late = next_syn(RESUME_DH);
	pair_establish(&pair); /* its association replaces that of the late SYN */
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_RESUMED_DH);
	pair_deliver_as(&pair, late, RUDP_VERDICT_OK);
	pair_settle(&pair);
	cr_assert(ne(ptr, rudp_listener_accept(pair.listener), NULL));
}

Test(resumed, after_a_day_the_handshake_is_full)
{
	meet();
	pair_run(&pair, 24 * 3600 * RUDP_NS_PER_S);
	pair_establish(&pair);
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_FULL);
}

Test(resumed, a_syn_without_dh_that_took_too_long_is_refused)
{
	struct pair_datagram *syn;

	meet();
	syn = next_syn(RESUME);
	pair.now_ns += 136 * RUDP_NS_PER_S;
	pair_deliver_as(&pair, syn, RUDP_VERDICT_NO_ASSOCIATION);
}

/* The requirement that a duplicate SYN makes one connection, for resumed handshakes. */
Test(resumed, copies_of_one_syn_give_one_connection_and_the_same_synack)
{
	struct pair_datagram *syn, *first = NULL, *answer;

	meet();
	syn = next_syn(RESUME);
	for (int copy = 0; copy < 5; copy++) {
		cr_assert(eq(int, pair_deliver(&pair, syn),
			     copy ? RUDP_VERDICT_DUPLICATE_SYN : RUDP_VERDICT_OK));
		pair_collect(&pair);
		answer = pair_take(&pair);
		cr_assert(ne(ptr, answer, NULL));
		if (!first) {
			first = answer;
			continue;
		}
		cr_assert(eq(sz, answer->len, first->len));
		cr_assert(eq(int, memcmp(answer->data, first->data, first->len), 0));
		free(answer);
	}
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	pair_deliver_as(&pair, first, RUDP_VERDICT_OK);
	expect_accepted(RUDP_HANDSHAKE_KIND_RESUMED);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_DUPLICATE_SYN));
	cr_assert(eq(ptr, rudp_listener_accept(pair.listener), NULL));
	free(syn);
}

Test(resumed, a_recorded_syn_makes_no_second_connection)
{
	struct pair_datagram *syn, *refusal;

	meet();
	syn = next_syn(RESUME);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_OK));
	expect_accepted(RUDP_HANDSHAKE_KIND_RESUMED);
	pair_part(&pair);
	for (int i = 0; i < 3; i++) {
		cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_REPLAYED_SYN));
		cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[1])));
		pair_collect(&pair);
		refusal = pair_take(&pair);
		cr_assert(eq(u8, refusal->data[0], 0x60));
		pair_deliver_as(&pair, refusal, RUDP_VERDICT_UNKNOWN_ID);
	}
	free(syn);
}

Test(resumed, a_restarted_listener_gets_a_full_handshake_in_the_same_attempt)
{
	meet();
	restart_server(7);
	pair_establish(&pair);
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_FULL);
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_NO_ASSOCIATION), 1));
	pair_part(&pair);
	pair_establish(&pair);
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_RESUMED);
}

Test(resumed, a_restarted_listener_with_another_key_refuses_as_ever)
{
	meet();
	restart_server(8);
	pair_connect(&pair, PAIR_PORT);
	pair_settle(&pair);
	cr_assert(ne(uint, pair_events(&pair, 0) & RUDP_EVENT_FAILED, 0));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), EKEYREJECTED));
}

Test(resumed, a_lost_refusal_is_asked_for_again)
{
	struct pair_datagram *syn;

	meet();
	restart_server(7);
	syn = next_syn(RESUME);
	pair_deliver_as(&pair, syn, RUDP_VERDICT_NO_ASSOCIATION);
	pair_collect(&pair);
	free(pair_take(&pair)); /* the REFUSE */
	pair_run(&pair, RUDP_NS_PER_S);
	expect_accepted(RUDP_HANDSHAKE_KIND_FULL);
}

/* Like a listener that has reached its limit of REFUSE packets in this second. */
static void run_without_refusals(int64_t ns)
{
	const int64_t step_ns = 10 * RUDP_NS_PER_MS;
	struct pair_datagram *datagram;

	for (int64_t end_ns = pair.now_ns + ns; pair.now_ns < end_ns; pair.now_ns += step_ns) {
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
		pair_collect(&pair);
		while ((datagram = pair_take(&pair))) {
			if (datagram->data[0] >> 4 != RUDP_PACKET_REFUSE)
				pair_deliver(&pair, datagram);
			free(datagram);
			pair_collect(&pair);
		}
	}
}

Test(resumed, silence_leads_to_a_full_handshake)
{
	meet();
	restart_server(7);
	pair_connect(&pair, PAIR_PORT);
	run_without_refusals(2 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_SYN_SENT));
	run_without_refusals(RUDP_NS_PER_S);
	expect_accepted(RUDP_HANDSHAKE_KIND_FULL);
}

Test(resumed, another_version_ends_the_attempt_and_the_association)
{
	struct pair_datagram refusal = {
		.to = 0, .from_addr = pair.addr[1], .to_addr = pair.addr[0]};

	meet();
	free(next_syn(RESUME));
	refusal.len = rudp_packet_write_refuse(refusal.data, rudp_conn_id(pair.conn[0]),
					       RUDP_REFUSAL_VERSION);
	cr_assert(eq(int, pair_deliver(&pair, &refusal), RUDP_VERDICT_OK));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), EPROTONOSUPPORT));
	pair_establish(&pair);
	expect_handshake_kind(RUDP_HANDSHAKE_KIND_FULL);
}

/* It costs a round trip and four X25519 operations. A REFUSE of another reason ends the attempt. */
Test(resumed, a_forged_refusal_only_causes_a_full_handshake)
{
	struct pair_datagram *syn, *forged;

	meet();
	syn = next_syn(RESUME);
	forged = malloc(sizeof *forged);
	cr_assert(ne(ptr, forged, NULL));
	*forged =
		(struct pair_datagram){.to = 0, .from_addr = pair.addr[1], .to_addr = pair.addr[0]};
	forged->len = rudp_packet_write_refuse(forged->data, rudp_conn_id(pair.conn[0]),
					       RUDP_REFUSAL_RESUME);
	cr_assert(eq(int, pair_deliver(&pair, forged), RUDP_VERDICT_OK));
	cr_assert(
		/* not a second time */
		eq(int, pair_deliver(&pair, forged), RUDP_VERDICT_BAD_RESET));
	free(forged);
	/* Both SYNs arrive, and two SYNACKs; they make one connection. */
	pair_deliver_as(&pair, syn, RUDP_VERDICT_OK);
	pair_settle(&pair);
	cr_assert(eq(u64, pair_verdicts(&pair, 0, RUDP_VERDICT_WRONG_STATE), 1));
	expect_accepted(RUDP_HANDSHAKE_KIND_FULL);
	cr_assert(eq(ptr, rudp_listener_accept(pair.listener), NULL));
	/* The half-open connection was evicted. */
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	rudp_conn_abandon(pair.conn[0], pair.now_ns);
	rudp_conn_write(pair.conn[1], "?", 1, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), ECONNRESET));
}

Test(resumed, damage_is_dropped_never_refused)
{
	struct pair_datagram *syn;

	meet();
	syn = next_syn(RESUME);
	for (size_t i = 0; i < syn->len; i++) {
		syn->data[i] ^= 0x10;
		pair_deliver(&pair, syn);
		syn->data[i] ^= 0x10;
		pair_collect(&pair);
		cr_assert(zero(uint, pair.wire_count), "damage at byte %zu was answered", i);
	}
	pair_deliver_as(&pair, syn, RUDP_VERDICT_OK);
	expect_accepted(RUDP_HANDSHAKE_KIND_RESUMED);
}

Test(resumed, a_forged_syn_takes_no_counter)
{
	struct pair_datagram *syn;
	uint8_t flipped;

	meet();
	syn = next_syn(RESUME);
	flipped = syn->data[600] ^ 1;
	syn->data[600] ^= 1;
	mend_check(syn);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_AUTH_FAILED));
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[1])));
	pair_collect(&pair);
	free(pair_take(&pair)); /* the REFUSE caused by the forger */
	syn->data[600] = flipped ^ 1;
	mend_check(syn);
	pair_deliver_as(&pair, syn, RUDP_VERDICT_OK);
	expect_accepted(RUDP_HANDSHAKE_KIND_RESUMED);
}

Test(resumed, a_forged_syn_with_dh_takes_no_key)
{
	struct pair_datagram *syn;
	unsigned keys;

	meet();
	pair_run(&pair, 121 * RUDP_NS_PER_S);
	syn = next_syn(RESUME_DH);
	while (rudp_endpoint_may_prepare(pair.ep[1]))
		rudp_endpoint_prepare(pair.ep[1]);
	keys = pair.ep[1]->spare_key_count;
	cr_assert(ge(uint, keys, 1));
	syn->data[600] ^= 1;
	mend_check(syn);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_AUTH_FAILED));
	cr_assert(eq(uint, pair.ep[1]->spare_key_count, keys));
	cr_assert(eq(int, rudp_endpoint_may_prepare(pair.ep[1]), 0));
	pair_collect(&pair);
	free(pair_take(&pair)); /* the REFUSE caused by the forger */
	syn->data[600] ^= 1;
	mend_check(syn);
	pair_deliver_as(&pair, syn, RUDP_VERDICT_OK);
	cr_assert(eq(uint, pair.ep[1]->spare_key_count, keys - 1));
	expect_accepted(RUDP_HANDSHAKE_KIND_RESUMED_DH);
}

Test(resumed, unknown_flags_are_another_version)
{
	static const uint8_t flags[] = {2, 5, 7, 9, 0x0c, 0x10, 0x80, 0xff};
	struct pair_datagram *syn;

	meet();
	syn = next_syn(RESUME);
	for (size_t i = 0; i < sizeof flags; i++) {
		syn->data[FLAGS_AT] = flags[i];
		mend_check(syn);
		cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_BAD_VERSION));
	}
	free(syn);
}

Test(resumed, a_cookie_does_not_make_it_another_syn)
{
	struct pair_datagram *syn, *cookie;

	meet();
	/* as many initiators that never answer */
	for (unsigned i = 0; i < RUDP_HALF_OPEN_COOKIE_COUNT; i++) {
		pair_deliver_as(&pair, next_syn(RESUME), RUDP_VERDICT_OK);
		pair_collect(&pair);
		while (pair.wire_count)
			free(pair_take(&pair));
	}
	syn = next_syn(RESUME);
	pair_deliver_as(&pair, syn, RUDP_VERDICT_BAD_COOKIE);
	pair_collect(&pair);
	cookie = pair_take(&pair);
	cr_assert(eq(u8, cookie->data[0], 0x30));
	pair_deliver_as(&pair, cookie, RUDP_VERDICT_OK);
	expect_accepted(RUDP_HANDSHAKE_KIND_RESUMED);
}

Test(resumed, either_side_can_disable_resumption)
{
	for (int side = 0; side < 2; side++) {
		meet();
		rudp_endpoint_set_resume(pair.ep[side], false);
		for (int i = 0; i < 2; i++) {
			pair_establish(&pair);
			expect_handshake_kind(RUDP_HANDSHAKE_KIND_FULL);
			pair_part(&pair);
		}
		rudp_endpoint_set_resume(pair.ep[side], true);
		pair_establish(&pair);
		expect_handshake_kind(RUDP_HANDSHAKE_KIND_FULL);
		pair_part(&pair);
		pair_establish(&pair);
		expect_handshake_kind(RUDP_HANDSHAKE_KIND_RESUMED);
		pair_part(&pair);
		pair_fini(&pair);
		pair_init(&pair, 7, 7);
	}
}

Test(resumed, a_synack_copy_after_established_changes_nothing)
{
	struct pair_datagram *synack;

	meet();
	pair_deliver_as(&pair, next_syn(RESUME), RUDP_VERDICT_OK);
	pair_collect(&pair);
	synack = pair_take(&pair);
	synack->data[synack->len - 1] ^= 1;
	cr_assert(eq(int, pair_deliver(&pair, synack), RUDP_VERDICT_KEY_MISMATCH));
	synack->data[synack->len - 1] ^= 1;
	cr_assert(eq(int, pair_deliver(&pair, synack), RUDP_VERDICT_OK));
	cr_assert(eq(int, pair_deliver(&pair, synack), RUDP_VERDICT_DUPLICATE_SYNACK));
	free(synack);
	expect_accepted(RUDP_HANDSHAKE_KIND_RESUMED);
}

/*
 * Whichever side loses the association, the next handshake is a full one, and the one after is
 * resumed.
 */
Test(resumed, endpoints_without_an_association_use_a_full_handshake)
{
	meet();
	for (int side = 0; side < 2; side++) {
		struct rudp_forgotten forgotten;

		pair_connect(&pair, PAIR_PORT);
		expect_accepted(RUDP_HANDSHAKE_KIND_RESUMED);
		pair_part(&pair);
		forgotten = rudp_endpoint_forget_host(pair.ep[side], &pair.addr[!side]);
		cr_assert(ge(uint, forgotten.associations, 1), "side %d", side);
		cr_assert(rudp_endpoint_check(pair.ep[side]));
		pair_connect(&pair, PAIR_PORT);
		expect_accepted(RUDP_HANDSHAKE_KIND_FULL);
		pair_part(&pair);
	}
	cr_assert(ne(uint, rudp_endpoint_forget_host(pair.ep[1], NULL).associations, 0));
	cr_assert(zero(uint, pair.ep[1]->associations.given_count));
}
