/* SPDX-License-Identifier: MIT */
/* How much of an answer to early data leaves before its initiator is heard. docs/protocol.md
 * 6.8. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/checks.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define MS RUDP_NS_PER_MS
#define S RUDP_NS_PER_S
#define RTT_NS (50 * MS)
#define RATE UINT64_C(6000000)
#define JUMP (RATE / 20 / 100 * RUDP_KNOWN_PATH_RECENT_SHARE) /* of what leaves in a round trip */
#define ANSWER (700u << 10)                                   /* more than that */
#define BURST (150u << 10) /* less, but more than a first window */
#define REQUEST 100
#define FIRST_FLIGHT (32u * RUDP_DATAGRAM_BASE_BYTES)
#define STRANGERS (3u * RUDP_DATAGRAM_MIN_SYN_BYTES)
#define SYNACKS (4u * RUDP_SYNACK_MAX_BYTES)
#define TIMEOUT (RUDP_SYNACK_MAX_BYTES + 2u * RUDP_DATAGRAM_BASE_BYTES)

static struct pair pair;
static unsigned wakes; /* of the server, in sent_within */

static void know(uint64_t rate, int64_t rtt_ns)
{
	struct rudp_cc_measured measured = {
		.bytes_per_s = rate,
		.min_rtt_ns = rtt_ns,
		.is_whole = true,
	};

	rudp_host_cache_note(&pair.ep[1]->hosts, &pair.addr[1], &pair.addr[0], &measured,
			     RUDP_KNOWN_DONE, pair.now_ns);
}

static void meet(void)
{
	pair_establish(&pair);
	pair_part(&pair);
}

static void setup(void)
{
	pair_init(&pair, 7, 7);
	rudp_listener_set_early(pair.listener, 64);
	meet();
	know(RATE, RTT_NS);
}

static void teardown(void)
{
	cr_assert(all(rudp_endpoint_check(pair.ep[0]), rudp_endpoint_check(pair.ep[1])));
	pair_fini(&pair);
}

TestSuite(early_trust, .init = setup, .fini = teardown);

/* The SYN with a request in it, off the wire. */
static struct pair_datagram *ask(void)
{
	static const uint8_t request[REQUEST];
	const struct rudp_conn_options options = {.early = true};
	struct pair_datagram *syn;
	int error;

	pair.conn[0] =
		rudp_endpoint_connect(pair.ep[0], &pair.addr[0], &pair.addr[0], &pair.addr[1],
				      PAIR_PORT, &options, pair.now_ns, &error);
	cr_assert(ne(ptr, pair.conn[0], NULL));
	rudp_conn_set_user(pair.conn[0], &pair);
	rudp_conn_write(pair.conn[0], request, REQUEST, pair.now_ns);
	pair_collect(&pair);
	syn = pair_take(&pair);
	cr_assert(ne(ptr, syn, NULL));
	return syn;
}

/* The program reads the request and writes as much of the answer as it may. */
static void answer(size_t bytes)
{
	static const uint8_t text[ANSWER];
	size_t room;

	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	rudp_conn_set_user(pair.conn[1], &pair);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), REQUEST));
	rudp_conn_receive_consume(pair.conn[1], REQUEST, pair.now_ns);
	room = rudp_conn_send_room(pair.conn[1]);
	bytes = bytes < room ? bytes : room;
	cr_assert(eq(sz, rudp_conn_write(pair.conn[1], text, bytes, pair.now_ns), bytes));
	pair_collect(&pair);
}

static void serve(struct pair_datagram *syn, size_t bytes)
{
	pair_deliver_as(&pair, syn, RUDP_VERDICT_OK);
	answer(bytes);
}

static void ask_and_serve(size_t bytes)
{
	serve(ask(), bytes);
}

static size_t drop_all(void)
{
	struct pair_datagram *lost;
	size_t bytes = 0;

	while ((lost = pair_take(&pair))) {
		bytes += lost->len;
		free(lost);
	}
	return bytes;
}

/* The bytes that the server sends within this time to a client of which it hears nothing. */
static size_t sent_within(int64_t ns)
{
	int64_t end_ns = pair.now_ns + ns;
	size_t bytes = drop_all();

	rudp_conn_abandon(pair.conn[0], pair.now_ns);
	for (wakes = 0; pair.now_ns < end_ns; wakes++) {
		int64_t next_ns = rudp_endpoint_deadline_ns(pair.ep[1]);

		next_ns = rudp_time_max(next_ns, pair.now_ns + RUDP_TIMER_TICK_NS);
		pair.now_ns = rudp_time_min(next_ns, end_ns);
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
		pair_collect(&pair);
		cr_assert(rudp_endpoint_check(pair.ep[1]));
		bytes += drop_all();
	}
	return bytes;
}

static uint64_t jumped(void)
{
	return pair_stats(&pair, 1).jump_bytes;
}

static void from_elsewhere(struct pair_datagram *syn)
{
	rudp_addr_parse(&syn->from_addr, "10.9.9.9:40000");
}

/* The initiator gets all of it, whatever has happened to it. */
static void expect_all(size_t bytes)
{
	size_t got = 0;

	for (int i = 0; i < 1000 && got < bytes; i++) {
		size_t now = rudp_conn_receive_available(pair.conn[0]);

		rudp_conn_receive_consume(pair.conn[0], now, pair.now_ns);
		got += now;
		pair_run(&pair, 50 * MS);
	}
	cr_assert(eq(sz, got, bytes));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
}

Test(early_trust, answer_leaves_as_if_the_path_had_been_seen)
{
	uint64_t rate;
	size_t bytes;

	ask_and_serve(ANSWER);
	cr_assert(eq(u64, jumped(), JUMP));
	rate = pair.conn[1]->cc.pacing_bytes_per_s;
	cr_assert(all(ge(u64, rate, JUMP * 20), le(u64, rate, JUMP * 20 * 23 / 20)));
	cr_assert(lt(u64, pair.conn[1]->reliability.bytes_in_flight, JUMP / 4));
	bytes = sent_within(RTT_NS);
	cr_assert(
		all(ge(sz, bytes, JUMP - RUDP_DATAGRAM_BASE_BYTES), le(sz, bytes, JUMP + SYNACKS)));
}

Test(early_trust, and_all_of_it_arrives)
{
	ask_and_serve(BURST);
	expect_all(BURST);
	cr_assert(zero(u64, pair_stats(&pair, 1).packets_lost));
}

Test(early_trust, burst_has_its_sums_before_anybody_is_heard)
{
	ask_and_serve(BURST);
	sent_within(RTT_NS);
	cr_assert(ge(u64, pair.conn[1]->fec_sender.sent_packets, 2));
}

Test(early_trust, who_was_never_heard_there_gets_three_times_what_came)
{
	struct pair_datagram *syn = ask();
	size_t bytes;

	from_elsewhere(syn);
	serve(syn, ANSWER);
	bytes = sent_within(100 * S);
	cr_assert(all(ge(sz, bytes, STRANGERS / 2), le(sz, bytes, STRANGERS), zero(u64, jumped())));
}

Test(early_trust, another_port_of_the_host_is_as_good)
{
	struct pair_datagram *syn = ask();

	rudp_addr_set_port(&syn->from_addr, 999);
	serve(syn, ANSWER);
	cr_assert(eq(u64, jumped(), JUMP));
}

Test(early_trust, address_is_where_it_was_heard_last)
{
	struct pair_datagram *syn;

	rudp_addr_parse(&pair.addr[0], "10.0.0.77:40000");
	pair_establish(&pair);
	pair_part(&pair);
	know(RATE, RTT_NS);
	ask_and_serve(ANSWER);
	cr_assert(eq(u64, jumped(), JUMP));
	rudp_conn_abandon(pair.conn[1], pair.now_ns);
	sent_within(RTT_NS);
	syn = ask();
	rudp_addr_parse(&syn->from_addr,
			"10.0.0.1:40000"); /* and not any more where it was before */
	serve(syn, ANSWER);
	cr_assert(le(sz, sent_within(100 * S), STRANGERS));
}

Test(early_trust, older_knowledge_gives_a_first_flight)
{
	size_t bytes;

	pair_run(&pair, RUDP_KNOWN_PATH_RECENT_NS + MS);
	ask_and_serve(ANSWER);
	cr_assert(zero(u64, jumped()));
	bytes = sent_within(RTT_NS);
	cr_assert(all(ge(sz, bytes, FIRST_FLIGHT - RUDP_DATAGRAM_BASE_BYTES),
		      le(sz, bytes, FIRST_FLIGHT + SYNACKS)));
}

/* And once it is heard the path is known as ever. */
Test(early_trust, older_knowledge_serves_after_the_first_round_trip)
{
	pair_run(&pair, 2 * RUDP_KNOWN_PATH_RECENT_NS);
	ask_and_serve(ANSWER / 4);
	pair_travel(&pair, RTT_NS / 2);
	pair_travel(&pair, RTT_NS / 2);
	cr_assert(eq(u64, jumped(), RATE / 20 / 100 * RUDP_KNOWN_PATH_SHARE));
}

Test(early_trust, association_that_is_not_fresh_proves_nothing)
{
	size_t bytes;

	pair_run(&pair, 136 * S); /* the SYN has a DH then */
	know(RATE, RTT_NS);
	ask_and_serve(ANSWER);
	bytes = sent_within(100 * S);
	cr_assert(all(zero(u64, jumped()), le(sz, bytes, STRANGERS)));
}

Test(early_trust, replayed_syn_is_answered_by_nothing_but_a_refusal)
{
	struct pair_datagram *syn = ask(), *copy = malloc(sizeof *copy);

	*copy = *syn;
	serve(syn, BURST);
	expect_all(BURST);
	pair_part(&pair);
	know(RATE, RTT_NS);
	pair_deliver_as(&pair, copy, RUDP_VERDICT_REPLAYED_SYN);
	pair_collect(&pair);
	cr_assert(lt(sz, drop_all(), RUDP_DATAGRAM_MIN_SYN_BYTES / 10));
}

/* The SYNACK goes there, too: who answers it need not be at the address that was proven. */
Test(early_trust, copy_of_the_syn_from_elsewhere_ends_the_trust)
{
	struct pair_datagram *syn = ask(), *copy = malloc(sizeof *copy);
	size_t before;

	*copy = *syn;
	from_elsewhere(copy);
	serve(syn, ANSWER);
	before = drop_all();
	pair_deliver_as(&pair, copy, RUDP_VERDICT_DUPLICATE_SYN);
	pair_collect(&pair);
	cr_assert(lt(sz, before, JUMP / 2));
	cr_assert(le(sz, sent_within(100 * S), STRANGERS + RUDP_SYNACK_MAX_BYTES));
}

Test(early_trust, and_who_is_there_gets_the_rest_by_a_challenge)
{
	struct pair_datagram *syn = ask(), *copy = malloc(sizeof *copy);

	*copy = *syn;
	from_elsewhere(copy);
	serve(syn, BURST);
	pair_deliver_as(&pair, copy, RUDP_VERDICT_DUPLICATE_SYN);
	cr_assert(not(pair.conn[1]->path.validated));
	expect_all(BURST);
	cr_assert(pair.conn[1]->path.validated);
}

Test(early_trust, so_many_times_and_no_more_before_it_is_heard_again)
{
	for (int i = 0; i <= RUDP_ASSOCIATION_TRUSTS; i++) {
		ask_and_serve(1);
		cr_assert(eq(int, pair.conn[1]->path.validated, i < RUDP_ASSOCIATION_TRUSTS));
		if (i < RUDP_ASSOCIATION_TRUSTS)
			sent_within(MS);
	}
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	ask_and_serve(1);
	cr_assert(pair.conn[1]->path.validated);
}

Test(early_trust, who_stays_unheard_gets_little_after_the_first_flight)
{
	size_t bytes;

	ask_and_serve(ANSWER);
	bytes = sent_within(130 * S);
	cr_assert(le(sz, bytes, JUMP + SYNACKS + RUDP_TRUST_TIMEOUTS * TIMEOUT + STRANGERS));
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), ETIMEDOUT));
}

/* The amplification limit has room for a packet, but not for the SYNACK that a time-out sends
 * first. */
Test(early_trust, synack_that_may_not_leave_is_not_tried_all_the_time)
{
	struct pair_datagram *syn = ask();
	struct rudp_path *path;

	from_elsewhere(syn);
	serve(syn, BURST);
	path = &pair.conn[1]->path;
	path->sent_bytes =
		RUDP_AMPLIFICATION_FACTOR * path->received_bytes - RUDP_PATH_PACKET_MIN_BYTES;
	pair.conn[1]->handshake_due = true;
	rudp_endpoint_touch(pair.ep[1], pair.conn[1]);
	pair_collect(&pair);
	sent_within(10 * S);
	cr_assert(lt(uint, wakes, 100));
}

Test(early_trust, no_more_than_a_first_window_however_much_is_known)
{
	know(100 * RATE, RTT_NS);
	ask_and_serve(ANSWER);
	cr_assert(eq(u64, jumped(), RUDP_UNHEARD_BYTES_MAX));
	cr_assert(ge(u64, pair.conn[1]->cc.pacing_bytes_per_s, 100 * RATE / 100 * 80));
	cr_assert(le(u64, pair.conn[1]->cc.pacing_bytes_per_s, 105 * RATE));
}

/* Bytes in flight are acknowledged first. The window then starts again, as on an unknown path. */
Test(early_trust, another_round_trip_than_the_known_one_takes_it_back)
{
	ask_and_serve(ANSWER);
	cr_assert(eq(u64, pair.conn[1]->cc.cwnd_bytes, JUMP));
	pair_travel(&pair, 4 * RTT_NS / 2);
	pair_travel(&pair, 4 * RTT_NS / 2);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	cr_assert(lt(u64, pair.conn[1]->cc.cwnd_bytes, JUMP));
	cr_assert(zero(i64, pair.conn[1]->known.presumed_rtt_ns));
}

Test(early_trust, round_trip_as_known_keeps_it)
{
	ask_and_serve(ANSWER);
	pair_travel(&pair, RTT_NS / 2);
	pair_travel(&pair, RTT_NS / 2);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	cr_assert(ge(u64, pair.conn[1]->cc.cwnd_bytes, JUMP));
}

Test(early_trust, those_that_begin_together_share_what_is_known)
{
	uint64_t sum = 0;

	for (int i = 0; i < 4; i++) {
		ask_and_serve(ANSWER);
		sum += jumped();
		rudp_conn_abandon(pair.conn[0], pair.now_ns);
		drop_all();
	}
	cr_assert(all(ge(u64, sum, JUMP), le(u64, sum, RATE / 20)));
}

Test(early_trust, long_path_is_waited_for)
{
	know(RATE, 600 * MS);
	ask_and_serve(BURST);
	sent_within(1500 * MS);
	cr_assert(zero(uint, pair.conn[1]->reliability.pto_count));
}

/* The first packets are the only ones lost. */
Test(early_trust, lost_synack_takes_few_packets_with_it)
{
	ask_and_serve(BURST);
	free(pair_take(&pair));
	pair_travel(&pair, RTT_NS / 2);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	expect_all(BURST);
	cr_assert(le(u64, pair_stats(&pair, 1).packets_lost, 2));
	cr_assert(zero(uint, pair_stats(&pair, 1).pto_count));
}
