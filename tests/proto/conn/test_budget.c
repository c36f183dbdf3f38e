/* SPDX-License-Identifier: MIT */
/* The memory that all connections of an endpoint share, and what they do when it is scarce. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/checks.h"
#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"
#include "proto/stream/recvbuf.h"

#define CAPACITY_BYTES (4u << 20)
#define WINDOW RUDP_RECVBUF_INITIAL_WINDOW_BYTES
#define FLOOR RUDP_BUDGET_FLOOR_BYTES
#define LIMIT (4u << 20)
#define RTT (20 * RUDP_NS_PER_MS)

static uint8_t bytes[1u << 20];

/* A receive buffer with a budget that the test controls. */
static struct rudp_budget budget;
static struct rudp_recvbuf buf;

static void start_buffer(void)
{
	budget = (struct rudp_budget){.limit_bytes = LIMIT};
	rudp_recvbuf_init(&buf, CAPACITY_BYTES, &budget);
}

static void finish_buffer(void)
{
	cr_assert(eq(int, rudp_recvbuf_check(&buf), 1));
	rudp_recvbuf_fini(&buf);
}

TestSuite(budget, .init = start_buffer, .fini = finish_buffer);

static void be_scarce(void)
{
	budget.used_bytes = LIMIT / 2 + 1;
}

static void be_exhausted(void)
{
	budget.used_bytes = LIMIT;
}

static enum rudp_verdict take(uint64_t offset, size_t len)
{
	return rudp_recvbuf_take(&buf, offset, bytes, len, false, RUDP_NS_PER_S);
}

static void drain(void)
{
	rudp_recvbuf_consume(&buf, rudp_recvbuf_available(&buf), RTT, RUDP_NS_PER_S);
}

Test(budget, memory_is_not_scarce_below_half_of_the_limit)
{
	budget.used_bytes = LIMIT / 2;
	cr_assert(eq(int, rudp_budget_is_scarce(&budget), 0));
	be_scarce();
	cr_assert(eq(int, rudp_budget_is_scarce(&budget), 1));
	cr_assert(eq(int, rudp_budget_is_exhausted(&budget), 0));
	be_exhausted();
	cr_assert(eq(int, rudp_budget_is_exhausted(&budget), 1));
}

Test(budget, a_new_connection_advertises_the_floor_while_memory_is_scarce)
{
	struct rudp_recvbuf late;

	be_scarce();
	rudp_recvbuf_init(&late, CAPACITY_BYTES, &budget);
	cr_assert(eq(u64, rudp_recvbuf_window_end(&late), FLOOR));
	cr_assert(eq(int, rudp_recvbuf_check(&late), 1));
	budget.used_bytes = 0;
	cr_assert(eq(u64, rudp_recvbuf_window_end(&late), WINDOW));
	rudp_recvbuf_fini(&late);
}

Test(budget, an_advertised_window_is_kept_but_not_extended_while_memory_is_scarce)
{
	be_scarce();
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), WINDOW));
	cr_assert(eq(int, take(0, WINDOW - FLOOR), RUDP_VERDICT_OK));
	drain();
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), WINDOW));
	cr_assert(eq(int, rudp_recvbuf_window_due(&buf), 0));
	cr_assert(eq(int, take(WINDOW - FLOOR, FLOOR / 4), RUDP_VERDICT_OK));
	drain();
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), WINDOW + FLOOR / 4));
	cr_assert(eq(int, rudp_recvbuf_window_due(&buf), 1));
	budget.used_bytes = 0;
	cr_assert(eq(u64, rudp_recvbuf_window_end(&buf), buf.ring.head + WINDOW));
}

Test(budget, windows_do_not_grow_while_memory_is_scarce)
{
	be_scarce();
	for (int i = 0; i < 20; i++) {
		cr_assert(eq(int, take(buf.ring.tail, FLOOR / 2), RUDP_VERDICT_OK));
		drain();
		rudp_recvbuf_on_window_sent(&buf, rudp_recvbuf_window_end(&buf));
	}
	cr_assert(eq(u64, buf.window_bytes, WINDOW));
	cr_assert(eq(sz, buf.ring.capacity_bytes, 0)); /* unused memory is freed at once */
	budget.used_bytes = 0;
	for (int i = 0; i < 20; i++) {
		cr_assert(eq(int, take(buf.ring.tail, FLOOR / 2), RUDP_VERDICT_OK));
		drain();
		rudp_recvbuf_on_window_sent(&buf, rudp_recvbuf_window_end(&buf));
	}
	cr_assert(lt(u64, WINDOW, buf.window_bytes));
}

Test(budget, bytes_in_the_window_are_refused_when_memory_is_exhausted_and_taken_later)
{
	be_exhausted();
	cr_assert(eq(int, take(0, FLOOR), RUDP_VERDICT_OK));
	cr_assert(eq(int, take(FLOOR, 1), RUDP_VERDICT_NO_MEMORY));
	cr_assert(eq(int, take(WINDOW - 1, 1), RUDP_VERDICT_NO_MEMORY));
	cr_assert(eq(sz, buf.ring.capacity_bytes, FLOOR));
	cr_assert(eq(u64, buf.ring.tail, FLOOR));
	cr_assert(eq(uint, buf.pending.count, 0));
	drain();
	cr_assert(eq(int, take(FLOOR, FLOOR), RUDP_VERDICT_OK));
	budget.used_bytes = LIMIT - FLOOR;
	cr_assert(eq(int, take(2 * FLOOR, 1), RUDP_VERDICT_OK)); /* twice the floor: just enough */
	cr_assert(eq(int, take(3 * FLOOR + 1, 1), RUDP_VERDICT_NO_MEMORY));
}

Test(budget, a_datagram_of_any_size_is_taken_from_a_peer_whose_program_reads)
{
	be_exhausted();
	for (int i = 0; i < 4; i++) {
		cr_assert(eq(int, take(buf.ring.tail, 65507), RUDP_VERDICT_OK));
		drain();
	}
}

Test(budget, many_gaps_are_refused_when_memory_is_exhausted)
{
	uint64_t last = 2 * RUDP_BUDGET_RANGES_FLOOR + 1;

	be_exhausted();
	for (uint64_t i = 1; i < last; i += 2)
		cr_assert(eq(int, take(i, 1), RUDP_VERDICT_OK));
	cr_assert(eq(int, take(last, 1), RUDP_VERDICT_NO_MEMORY));
	cr_assert(eq(int, take(0, 1), RUDP_VERDICT_OK)); /* in order: this closes a gap */
	cr_assert(eq(int, take(last, 1), RUDP_VERDICT_OK));
}

Test(budget, discarded_bytes_need_no_memory)
{
	rudp_recvbuf_discard(&buf);
	be_exhausted();
	cr_assert(eq(int, take(0, WINDOW), RUDP_VERDICT_OK));
	cr_assert(eq(sz, buf.ring.capacity_bytes, 0));
}

/* Two endpoints. */
static struct pair pair;

static void start_pair(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
}

static void finish_pair(void)
{
	for (int side = 0; side < 2; side++)
		cr_assert(eq(int, rudp_endpoint_check(pair.ep[side]), 1));
	pair_fini(&pair);
}

TestSuite(budget_pair, .init = start_pair, .fini = finish_pair);

static uint64_t used(int side)
{
	return rudp_endpoint_budget(pair.ep[side])->used_bytes;
}

static void limit(int side, uint64_t limit_bytes)
{
	pair.ep[side]->budget.limit_bytes = limit_bytes;
}

static size_t read_all(int side)
{
	size_t n = rudp_conn_receive_available(pair.conn[side]);

	rudp_conn_receive_consume(pair.conn[side], n, pair.now_ns);
	return n;
}

Test(budget_pair, counts_what_buffers_hold_and_nothing_when_they_are_gone)
{
	uint64_t idle = used(0);

	rudp_conn_write(pair.conn[0], bytes, 100000, pair.now_ns);
	cr_assert(ge(u64, used(0), idle + 131072));
	pair_run(&pair, RUDP_NS_PER_S / 2);
	cr_assert(ge(u64, used(1), 131072));
	cr_assert(eq(sz, read_all(1), 100000));
	pair_run(&pair, 3 * RUDP_NS_PER_S);
	cr_assert(eq(u64, used(0), idle));
	pair_part(&pair);
	cr_assert(eq(u64, used(0), 0));
	cr_assert(eq(u64, used(1), 0));
}

Test(budget_pair, a_program_may_write_less_while_memory_is_scarce)
{
	size_t plenty = rudp_conn_send_room(pair.conn[0]);

	cr_assert(eq(sz, plenty, RUDP_SEND_LIMIT_MIN_BYTES));
	limit(0, 1);
	cr_assert(eq(sz, rudp_conn_send_room(pair.conn[0]), FLOOR));
	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], bytes, sizeof bytes, pair.now_ns), FLOOR));
	cr_assert(eq(sz, rudp_conn_send_room(pair.conn[0]), 0));
	limit(0, 256 << 10); /* less than half is used, but the whole limit does not fit */
	cr_assert(eq(sz, rudp_conn_send_room(pair.conn[0]), 0));
	limit(0, 1 << 20);
	cr_assert(eq(sz, rudp_conn_send_room(pair.conn[0]), plenty - FLOOR));
	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], bytes, sizeof bytes, pair.now_ns),
		     plenty - FLOOR));
	limit(0, 1); /* the memory already held stays */
	cr_assert(eq(sz, rudp_conn_send_room(pair.conn[0]), 0));
	pair_events(&pair, 0);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(uint, pair_events(&pair, 0) & RUDP_EVENT_WRITABLE, RUDP_EVENT_WRITABLE));
	cr_assert(eq(sz, rudp_conn_send_room(pair.conn[0]), FLOOR));
}

Test(budget_pair, a_program_may_write_less_while_the_peer_is_full)
{
	struct rudp_conn *conn = pair.conn[0];

	for (int i = 0; i < 20; i++) {
		rudp_conn_write(conn, bytes, sizeof bytes, pair.now_ns);
		pair_run(&pair, RUDP_NS_PER_S / 10);
	}
	cr_assert(eq(u64, conn->sendbuf.ring.head, conn->peer_window_end));
	cr_assert(ge(u64, conn->send_limit_bytes, RUDP_SEND_LIMIT_MIN_BYTES));
	cr_assert(eq(sz, rudp_conn_send_allowance_bytes(conn), RUDP_SEND_LIMIT_FULL_BYTES));
	pair_events(&pair, 0);
	read_all(1);
	pair_run(&pair, RUDP_NS_PER_S / 10);
	cr_assert(eq(uint, pair_events(&pair, 0) & RUDP_EVENT_WRITABLE, RUDP_EVENT_WRITABLE));
}

static void deliver_all(void)
{
	struct pair_datagram *datagram;

	pair_collect(&pair);
	while ((datagram = pair_take(&pair))) {
		pair_deliver(&pair, datagram);
		free(datagram);
	}
}

/* The first datagram is lost; those after it arrive, and are acknowledged. */
static struct rudp_conn *with_a_hole(const struct rudp_conn_options *options)
{
	struct rudp_conn *conn = pair.conn[0];

	rudp_conn_set_options(conn, options);
	rudp_conn_write(conn, bytes, sizeof bytes, pair.now_ns);
	pair_collect(&pair);
	free(pair_take(&pair));
	deliver_all();
	deliver_all();
	cr_assert(ge(uint, conn->sendbuf.acked.count, 1));
	return conn;
}

Test(budget_pair, bytes_that_the_peer_has_behind_a_hole_leave_room_to_write)
{
	struct rudp_conn *conn = with_a_hole(&(struct rudp_conn_options){0});
	size_t busy = rudp_sendbuf_unsent(&conn->sendbuf) + conn->reliability.bytes_in_flight;

	cr_assert(lt(sz, busy, rudp_sendbuf_unacked(&conn->sendbuf)));
	cr_assert(eq(sz, rudp_conn_send_room(conn), conn->send_limit_bytes - busy));
}

Test(budget_pair, the_limit_of_the_program_includes_bytes_behind_a_hole)
{
	struct rudp_conn *conn =
		with_a_hole(&(struct rudp_conn_options){.send_max_bytes = 1 << 20});

	cr_assert(eq(sz, rudp_conn_send_room(conn),
		     conn->send_limit_bytes - rudp_sendbuf_unacked(&conn->sendbuf)));
}

Test(budget_pair, options_bound_the_buffers_of_both_directions)
{
	struct rudp_conn_options options = {.send_max_bytes = 20000, .receive_max_bytes = 1};

	rudp_conn_set_options(pair.conn[0], &options);
	cr_assert(eq(sz, rudp_conn_send_room(pair.conn[0]), 20000));
	cr_assert(eq(u64, pair.conn[0]->recvbuf.window_bytes, RUDP_BUFFER_LEAST_BYTES));
	options.send_max_bytes = 0;
	pair_events(&pair, 0);
	rudp_conn_set_options(pair.conn[0], &options);
	cr_assert(eq(uint, pair_events(&pair, 0) & RUDP_EVENT_WRITABLE, RUDP_EVENT_WRITABLE));
}

Test(budget_pair, a_window_within_one_host_grows_when_its_reader_has_read_much)
{
	struct rudp_conn *conn = pair.conn[1];
	size_t got = 0;

	conn->is_same_host = true;
	rudp_conn_limit_buffers(conn);
	cr_assert(eq(u64, conn->recvbuf.window_bytes, RUDP_SAME_HOST_WINDOW_BYTES));
	while (got < RUDP_SAME_HOST_BULK_BYTES) {
		cr_assert(eq(u64, conn->recvbuf.window_max_bytes, RUDP_SAME_HOST_WINDOW_BYTES));
		rudp_conn_write(pair.conn[0], bytes, sizeof bytes, pair.now_ns);
		pair_run(&pair, RUDP_NS_PER_S / 10);
		got += read_all(1);
	}
	cr_assert(ge(u64, conn->recvbuf.window_bytes, RUDP_RECVBUF_INITIAL_WINDOW_BYTES));
}

/* The server has only the floor, and its program reads only when nothing else happens. */
Test(budget_pair, a_whole_stream_arrives_when_memory_is_exhausted)
{
	size_t total = 2 * sizeof bytes, written = 0, got = 0;

	limit(1, 1);
	for (int turn = 0; got < total; turn++) {
		cr_assert(lt(int, turn, 1000));
		written += rudp_conn_write(pair.conn[0], bytes,
					   total - written < sizeof bytes ? total - written
									  : sizeof bytes,
					   pair.now_ns);
		pair_run(&pair, RUDP_NS_PER_S / 4);
		cr_assert(le(sz, pair.conn[1]->recvbuf.ring.capacity_bytes, FLOOR));
		got += read_all(1);
	}
	cr_assert(ge(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_NO_MEMORY), 1));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
}

/* The peer is silent and the program writes many small pieces: each has a packet and a record. */
static uint32_t records_of_words(unsigned count)
{
	struct rudp_conn *conn = pair.conn[0];

	for (unsigned i = 0; i < count; i++) {
		conn->cc.cwnd_bytes = 64u << 20; /* as after a busier time */
		conn->cc.pacing_bytes_per_s = 0;
		cr_assert(eq(sz, rudp_conn_write(conn, "w", 1, pair.now_ns), 1));
		pair_collect(&pair);
		pair_drop(&pair);
	}
	return conn->reliability.capacity;
}

Test(budget_pair, records_grow_no_more_while_memory_is_scarce)
{
	uint32_t plenty = records_of_words(1500), scarce;

	cr_assert(ge(u32, plenty, 1500));
	pair.ep[0]->budget.limit_bytes = 1;
	scarce = records_of_words(20000);
	cr_assert(le(u32, scarce, 2 * RUDP_BUDGET_RECORDS_FLOOR));
	/* No timer is due before the probe to the peer; then everything arrives. */
	cr_assert(ge(i64, rudp_endpoint_deadline_ns(pair.ep[0]), pair.now_ns + RUDP_NS_PER_MS));
	pair_run(&pair, 60 * RUDP_NS_PER_S);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), 21500));
}

/* The client sends pings and acknowledges nothing that the server sends. */
static void ask(const uint8_t *question, size_t len, unsigned count)
{
	struct rudp_train train = {.data = pair.train, .cap = RUDP_TRAIN_BYTES_MAX};
	uint64_t number = pair.conn[0]->reliability.next;

	rudp_conn_write(pair.conn[1], "w", 1, pair.now_ns);
	pair_collect(&pair);
	pair_drop(&pair);
	for (unsigned i = 0; i < count; i++) {
		cr_assert(eq(int, pair_say(&pair, 0, number++, question, len), RUDP_VERDICT_OK));
		while (rudp_endpoint_transmit(pair.ep[1], &train, pair.now_ns))
			;
	}
}

static void expect_no_more_records(const uint8_t *question, size_t len)
{
	limit(1, 1);
	ask(question, len, 10000);
	cr_assert(le(u32, pair.conn[1]->reliability.capacity, 2 * RUDP_BUDGET_RECORDS_FLOOR));
	/* Nor is the server's timer due at every tick while an ACK is due. */
	pair_wait(&pair, 2 * RUDP_ACK_DELAY_MIN_NS);
	pair_drop(&pair);
	cr_assert(ge(i64, rudp_endpoint_deadline_ns(pair.ep[1]),
		     pair.now_ns + 2 * RUDP_TIMER_TICK_NS));
	pair.now_ns += 10 * RUDP_NS_PER_S; /* probes are sent, and everything works again */
	pair.conn[0]->reliability.base = pair.conn[0]->reliability.next += 10000;
	pair.conn[0]->reliability.loss_next = pair.conn[0]->reliability.next;
	pair_run(&pair, 10 * RUDP_NS_PER_S);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[0]), 1));
	rudp_conn_write(pair.conn[0], "w", 1, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(zero(sz, rudp_sendbuf_unacked(&pair.conn[0]->sendbuf)));
}

Test(budget_pair, pings_without_acks_get_no_more_records_while_memory_is_scarce)
{
	static const uint8_t ping[] = {RUDP_FRAME_PING};

	expect_no_more_records(ping, sizeof ping);
}

Test(budget_pair, path_challenges_get_no_more_records_while_memory_is_scarce)
{
	static const uint8_t challenge[9] = {RUDP_FRAME_PATH_CHALLENGE};

	expect_no_more_records(challenge, sizeof challenge);
}

Test(budget_pair, blocked_frames_get_no_more_records_while_memory_is_scarce)
{
	static const uint8_t blocked[] = {RUDP_FRAME_BLOCKED, 0};

	expect_no_more_records(blocked, sizeof blocked);
}
