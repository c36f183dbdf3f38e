/* SPDX-License-Identifier: MIT */
/* What a connection takes from the known paths of its endpoint and adds to them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/checks.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define MS RUDP_NS_PER_MS
#define RTT_NS (50 * MS)
#define RATE UINT64_C(12000000)
#define JUMP (RATE / 20 / 100 * RUDP_KNOWN_PATH_RECENT_SHARE) /* share of a BDP */
#define MUCH (200u << 10)                                     /* more than the first window */

static struct pair pair;

static void setup(void)
{
	pair_init(&pair, 0, 0);
}

static void teardown(void)
{
	cr_assert(rudp_endpoint_check(pair.ep[0]));
	cr_assert(rudp_endpoint_check(pair.ep[1]));
	pair_fini(&pair);
}

TestSuite(conn_known, .init = setup, .fini = teardown);

static void know(uint64_t rate, int64_t rtt_ns)
{
	struct rudp_cc_measured measured = {
		.bytes_per_s = rate,
		.min_rtt_ns = rtt_ns,
		.is_whole = true,
	};

	rudp_host_cache_note(&pair.ep[0]->hosts, &pair.addr[0], &pair.addr[1], &measured,
			     RUDP_KNOWN_DONE, pair.now_ns);
}

static void half_way(void)
{
	pair_travel(&pair, RTT_NS / 2);
}

static void round_trips(int count)
{
	for (int i = 0; i < 2 * count; i++)
		half_way();
}

static void establish(void)
{
	pair_connect(&pair, PAIR_PORT);
	round_trips(1);
	cr_assert(eq(int, (int)pair.conn[0]->state, RUDP_STATE_ESTABLISHED));
	pair_events(&pair, 0);
}

static void say(size_t bytes)
{
	static const uint8_t text[MUCH];

	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], text, bytes, pair.now_ns), bytes));
	pair_collect(&pair);
}

static uint64_t jumped(void)
{
	struct rudp_conn_stats stats;

	rudp_conn_stats(pair.conn[0], &stats);
	return stats.jump_bytes;
}

Test(conn_known, most_of_the_known_window_is_used_in_the_first_round_trip)
{
	uint64_t rate;

	know(RATE, RTT_NS);
	establish();
	say(MUCH);
	cr_assert(eq(u64, jumped(), JUMP));
	cr_assert(eq(u64, pair.conn[0]->cc.cwnd_bytes, JUMP));
	/* Paced over a round trip, not sent at once. */
	rate = pair.conn[0]->cc.pacing_bytes_per_s;
	cr_assert(ge(u64, rate, JUMP * 20));
	cr_assert(le(u64, rate, JUMP * 20 * 23 / 20));
	cr_assert(lt(u64, pair.conn[0]->reliability.bytes_in_flight, JUMP / 4));
}

Test(conn_known, send_buffer_grows_to_the_known_window)
{
	know(10 * RATE, RTT_NS);
	establish();
	say(MUCH);
	cr_assert(ge(sz, rudp_conn_send_room(pair.conn[0]), 2 * 10 * JUMP));
	cr_assert(eq(uint, pair_events(&pair, 0) & RUDP_EVENT_WRITABLE, RUDP_EVENT_WRITABLE));
}

Test(conn_known, connection_with_little_data_uses_nothing)
{
	know(RATE, RTT_NS);
	establish();
	say(1000);
	cr_assert(zero(u64, jumped()));
	round_trips(5);
	say(MUCH);
	cr_assert(eq(u64, jumped(), JUMP)); /* still in start-up */
}

Test(conn_known, unknown_path_starts_with_the_default_window)
{
	uint64_t window;

	establish();
	window = pair.conn[0]->cc.cwnd_bytes;
	say(MUCH);
	cr_assert(zero(u64, jumped()));
	cr_assert(eq(u64, pair.conn[0]->cc.cwnd_bytes, window));
}

Test(conn_known, different_rtt_means_another_path)
{
	know(RATE, RTT_NS / 2);
	establish();
	say(MUCH);
	cr_assert(zero(u64, jumped()));
}

Test(conn_known, known_window_is_not_used_after_a_loss)
{
	know(RATE, RTT_NS);
	establish();
	round_trips(2);
	cr_assert(zero(uint, pair.wire_count));
	say(1000);
	free(pair_take(&pair));
	round_trips(10);
	cr_assert(ge(u64, pair.conn[0]->reliability.lost_packets, 1));
	say(MUCH);
	cr_assert(zero(u64, jumped()));
}

Test(conn_known, nothing_is_used_with_resume_off)
{
	know(RATE, RTT_NS);
	rudp_endpoint_set_resume(pair.ep[0], false);
	cr_assert(zero(uint, pair.ep[0]->hosts.idle_count));
	know(RATE, RTT_NS);
	establish();
	say(MUCH);
	cr_assert(zero(u64, jumped()));
}

Test(conn_known, cubic_does_not_use_known_paths)
{
	know(RATE, RTT_NS);
	pair_connect(&pair, PAIR_PORT);
	cr_assert(zero(int, rudp_conn_set_cc(pair.conn[0], "cubic", pair.now_ns)));
	round_trips(1);
	say(MUCH);
	cr_assert(zero(u64, jumped()));
}

Test(conn_known, measurement_is_kept_for_the_next_connection)
{
	struct rudp_host_cache *known = &pair.ep[0]->hosts;

	establish();
	say(1000);
	round_trips(2);
	/* too little for a measurement */
	cr_assert(zero(i64, rudp_host_cache_rtt_ns(known, &pair.addr[1], pair.now_ns)));
	say(MUCH);
	round_trips(40);
	cr_assert(zero(u64, rudp_sendbuf_unacked(&pair.conn[0]->sendbuf)));
	cr_assert(eq(i64, rudp_host_cache_rtt_ns(known, &pair.addr[1], pair.now_ns), RTT_NS));
}

static unsigned starting(void)
{
	return pair.conn[0]->known.startup_host ? pair.conn[0]->known.startup_host->starting : 0;
}

Test(conn_known, connections_that_start_together_share_a_group)
{
	know(RATE, RTT_NS / 4); /* it looks like another path: no connection uses it */
	for (unsigned i = 1; i <= 4; i++) {
		establish();
		cr_assert(zero(uint, starting())); /* it has written nothing yet */
		say(MUCH);
		cr_assert(eq(uint, starting(), i));
	}
	round_trips(60);
	cr_assert(zero(ptr, pair.conn[0]->known.startup_host));
	cr_assert(zero(uint, pair.ep[0]->hosts.table->starting));
	/* The next time this many connections are expected. */
	know(RATE, RTT_NS);
	establish();
	say(MUCH);
	cr_assert(eq(u64, jumped(), RATE / 20 / 4 / 100 * RUDP_KNOWN_PATH_RECENT_SHARE));
}

Test(conn_known, connection_that_restarts_after_a_pause_rejoins_its_group)
{
	establish();
	say(60000);
	cr_assert(eq(uint, starting(), 1));
	round_trips(10);
	cr_assert(zero(uint, starting()));
	say(MUCH);
	cr_assert(eq(uint, starting(), 1));
}

Test(conn_known, dead_connection_leaves_its_startup_group)
{
	establish();
	say(MUCH);
	cr_assert(eq(uint, starting(), 1));
	rudp_conn_abandon(pair.conn[0], pair.now_ns);
	cr_assert(zero(uint, pair.ep[0]->hosts.table->starting));
}

/* A window that has grown, or that came from known paths, is not reduced. */
Test(conn_known, members_that_join_reduce_only_a_first_window)
{
	struct rudp_conn *first;

	know(RATE, RTT_NS);
	establish();
	first = pair.conn[0];
	say(MUCH);
	cr_assert(eq(u64, first->cc.cwnd_bytes, JUMP));
	establish();
	say(MUCH);
	cr_assert(eq(uint, starting(), 2));
	round_trips(1);
	cr_assert(ge(u64, first->cc.cwnd_bytes, JUMP));
}

Test(conn_known, end_of_a_busy_connection_lets_the_next_use_its_window)
{
	know(RATE, RTT_NS);
	establish();
	rudp_host_cache_note(&pair.ep[0]->hosts, &pair.addr[0], &pair.addr[1],
			     &(struct rudp_cc_measured){
				     .bytes_per_s = RATE, .min_rtt_ns = RTT_NS, .is_whole = true},
			     RUDP_KNOWN_BUSY, pair.now_ns);
	pair.conn[0]->known.noted_busy = true;
	say(1000); /* its last bytes */
	round_trips(3);
	establish();
	say(MUCH);
	cr_assert(ge(u64, jumped(), 1));
}

static unsigned timeouts_after(int64_t ns)
{
	pair_connect(&pair, PAIR_PORT);
	pair.now_ns += ns;
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	return pair.conn[0]->reliability.pto_count;
}

Test(conn_known, long_round_trip_is_waited_for_before_the_handshake_is_repeated)
{
	know(RATE, 600 * MS);
	cr_assert(zero(uint, timeouts_after(1000 * MS)));
}

Test(conn_known, short_one_is_waited_for_with_room_for_a_queue)
{
	know(RATE, 1 * MS);
	cr_assert(zero(uint, timeouts_after(90 * MS)));
}

Test(conn_known, short_one_repeats_a_handshake_that_was_lost_sooner)
{
	know(RATE, 40 * MS);
	cr_assert(ge(uint, timeouts_after(150 * MS), 1));
}

Test(conn_known, stranger_repeats_its_handshake_sooner)
{
	cr_assert(ge(uint, timeouts_after(1000 * MS), 1));
}

static void know_empty(int64_t base_rtt_ns, bool is_longer)
{
	struct rudp_cc_measured measured = {
		.bytes_per_s = RATE,
		.min_rtt_ns = RTT_NS,
		.is_whole = true,
		.base_rtt_ns = base_rtt_ns,
		.is_longer = is_longer,
	};

	rudp_host_cache_note(&pair.ep[0]->hosts, &pair.addr[0], &pair.addr[1], &measured,
			     RUDP_KNOWN_DONE, pair.now_ns);
}

static int64_t base_rtt_ns(void)
{
	struct rudp_cc_measured measured;

	cr_assert(pair.conn[0]->cc.ops->measured(&pair.conn[0]->cc, &measured));
	return measured.base_rtt_ns;
}

/* There is a queue from the start, but an earlier connection has seen the path without it. */
Test(conn_known, the_rtt_without_a_queue_is_passed_on)
{
	establish();
	say(MUCH);
	round_trips(4);
	cr_assert(eq(i64, base_rtt_ns(), RTT_NS));
	know_empty(RTT_NS / 5, false);
	establish();
	say(MUCH);
	round_trips(4);
	cr_assert(eq(i64, base_rtt_ns(), RTT_NS / 5));
}

Test(conn_known, the_rtt_without_a_queue_is_another_after_a_move)
{
	know_empty(RTT_NS / 5, false);
	rudp_host_cache_note(&pair.ep[0]->hosts, &pair.addr[1], &pair.addr[1],
			     &(struct rudp_cc_measured){.bytes_per_s = RATE, .min_rtt_ns = RTT_NS},
			     RUDP_KNOWN_DONE, pair.now_ns);
	establish();
	say(MUCH);
	round_trips(4);
	cr_assert(eq(i64, base_rtt_ns(), RTT_NS));
}

Test(conn_known, known_rtt_is_not_passed_on_with_resume_off)
{
	know_empty(RTT_NS / 5, false);
	pair.ep[0]->config.resume_off = true;
	establish();
	say(MUCH);
	round_trips(4);
	cr_assert(eq(i64, base_rtt_ns(), RTT_NS));
}
