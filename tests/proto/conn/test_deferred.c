/* SPDX-License-Identifier: MIT */
/* A SYN that waits for the first bytes, and who may send early data at all. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/checks.h"
#include "proto/pair.h"

static struct pair pair;

static void init(void)
{
	pair_init(&pair, 7, 7);
	rudp_listener_set_early(pair.listener, 8);
}

static void fini(void)
{
	pair_fini(&pair);
}

TestSuite(deferred, .init = init, .fini = fini);

static void meet(void)
{
	pair_establish(&pair);
	rudp_conn_close(pair.conn[0], pair.now_ns);
	pair_settle(&pair);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	pair.conn[0] = pair.conn[1] = NULL;
}

static bool may_send_early(void)
{
	return rudp_endpoint_may_send_early(pair.ep[0], &pair.addr[1], pair.now_ns);
}

static void open_deferred(const struct rudp_conn_options *options)
{
	int error;

	pair.conn[0] =
		rudp_endpoint_connect(pair.ep[0], &pair.addr[0], &pair.addr[0], &pair.addr[1],
				      PAIR_PORT, options, pair.now_ns, &error);
	cr_assert(ne(ptr, pair.conn[0], NULL));
	rudp_conn_set_user(pair.conn[0], &pair);
	pair_collect(&pair);
	cr_assert(rudp_endpoint_check(pair.ep[0]));
}

static void open_early(void)
{
	open_deferred(&(struct rudp_conn_options){.early = true, .deferred = true});
}

static void expect_silence(void)
{
	pair_collect(&pair);
	cr_assert(zero(uint, pair.wire_count));
}

static void write_hello(void)
{
	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], "hello", 5, pair.now_ns), 5));
	pair_collect(&pair);
}

static void expect_hello_at_server(uint16_t early_bytes)
{
	struct rudp_conn_stats stats;
	struct iovec iov[2];

	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	rudp_conn_set_user(pair.conn[1], &pair);
	cr_assert(eq(int, rudp_conn_receive_readable(pair.conn[1], iov), 1));
	cr_assert(eq(sz, iov[0].iov_len, 5));
	cr_assert(zero(int, memcmp(iov[0].iov_base, "hello", 5)));
	rudp_conn_receive_consume(pair.conn[1], 5, pair.now_ns);
	rudp_conn_stats(pair.conn[1], &stats);
	cr_assert(eq(u16, stats.early_bytes, early_bytes));
}

Test(deferred, nothing_leaves_before_the_first_bytes)
{
	meet();
	open_early();
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_SYN_SENT));
	expect_silence();
	pair_run(&pair, 3600 * RUDP_NS_PER_S);
	expect_silence();
	cr_assert(zero(uint, pair_events(&pair, 0)));
	write_hello();
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_settle(&pair);
	expect_hello_at_server(5);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
}

Test(deferred, strangers_too_then_without_early_data)
{
	open_early();
	expect_silence();
	write_hello();
	pair_settle(&pair);
	expect_hello_at_server(0);
}

/* The hour before is not part of the attempt. */
Test(deferred, the_time_to_connect_begins_with_the_first_bytes)
{
	const struct rudp_conn_options options = {
		.early = true, .deferred = true, .connect_timeout_ns = 10 * RUDP_NS_PER_S};
	struct pair_datagram *lost;

	meet();
	open_deferred(&options);
	pair_run(&pair, 60 * RUDP_NS_PER_S);
	cr_assert(zero(int, rudp_conn_error(pair.conn[0])));
	rudp_conn_write(pair.conn[0], "hello", 5, pair.now_ns);
	for (int second = 0; second < 11; second++) {
		cr_assert(zero(int, second < 10 ? rudp_conn_error(pair.conn[0]) : 0));
		pair.now_ns += RUDP_NS_PER_S;
		rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
		pair_collect(&pair);
		while ((lost = pair_take(&pair)))
			free(lost);
	}
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ETIMEDOUT));
}

/* Its program may be waiting for the peer to begin. */
Test(deferred, without_a_word_the_syn_leaves_when_its_time_has_come)
{
	const struct rudp_conn_options options = {
		.early = true, .deferred = true, .deferred_max_ns = 10 * RUDP_NS_PER_MS};

	meet();
	open_deferred(&options);
	pair_run(&pair, 9 * RUDP_NS_PER_MS);
	expect_silence();
	pair.now_ns += 2 * RUDP_NS_PER_MS;
	rudp_endpoint_on_time(pair.ep[0], pair.now_ns);
	pair_collect(&pair);
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	write_hello();
	pair_settle(&pair);
	expect_hello_at_server(0);
}

Test(deferred, bytes_that_come_in_time_do_not_wait_for_the_rest_of_it)
{
	const struct rudp_conn_options options = {
		.early = true, .deferred = true, .deferred_max_ns = 10 * RUDP_NS_PER_MS};

	meet();
	open_deferred(&options);
	pair_run(&pair, 5 * RUDP_NS_PER_MS);
	write_hello();
	cr_assert(eq(uint, pair.wire_count, 1));
	pair_settle(&pair);
	expect_hello_at_server(5);
}

/* The secret without DH is gone when they come; it is not taken before. */
Test(deferred, the_association_is_looked_for_when_the_bytes_come)
{
	struct rudp_conn_stats stats;

	meet();
	open_early();
	pair_run(&pair, 130 * RUDP_NS_PER_S);
	write_hello();
	pair_settle(&pair);
	rudp_conn_stats(pair.conn[0], &stats);
	cr_assert(eq(int, stats.handshake_kind, RUDP_HANDSHAKE_KIND_RESUMED_DH));
	expect_hello_at_server(5);
}

Test(deferred, an_end_without_bytes_opens_it_as_well)
{
	meet();
	open_early();
	rudp_conn_shutdown_send(pair.conn[0], pair.now_ns);
	pair_settle(&pair);
	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	cr_assert(rudp_conn_receive_eof(pair.conn[1]));
}

Test(deferred, closed_before_the_first_bytes_it_was_never_there)
{
	meet();
	open_early();
	rudp_conn_close(pair.conn[0], pair.now_ns);
	expect_silence();
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[0])));
}

/* Its program has been told that they are written, and may end. */
Test(deferred, bytes_for_the_syn_arrive_though_the_writer_has_closed)
{
	meet();
	open_early();
	rudp_conn_write(pair.conn[0], "hello", 5, pair.now_ns);
	rudp_conn_close(pair.conn[0], pair.now_ns);
	pair_settle(&pair);
	expect_hello_at_server(5);
	cr_assert(rudp_conn_receive_eof(pair.conn[1]));
	rudp_conn_close(pair.conn[1], pair.now_ns);
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[0])));
}

Test(deferred, nor_does_a_lost_syn_keep_them)
{
	struct pair_datagram *lost;

	meet();
	open_early();
	rudp_conn_write(pair.conn[0], "hello", 5, pair.now_ns);
	rudp_conn_close(pair.conn[0], pair.now_ns);
	pair_collect(&pair);
	while ((lost = pair_take(&pair)))
		free(lost);
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	expect_hello_at_server(5);
}

Test(deferred, a_listener_that_has_gone_ends_what_was_closed)
{
	meet();
	open_early();
	rudp_conn_write(pair.conn[0], "hello", 5, pair.now_ns);
	rudp_conn_close(pair.conn[0], pair.now_ns);
	rudp_listener_close(pair.listener, pair.now_ns);
	pair_settle(&pair);
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[0])));
	pair.listener = rudp_endpoint_listen(pair.ep[1], &pair.addr[1], PAIR_PORT, 16, &pair, NULL);
}

Test(deferred, early_data_is_known_to_be_possible_once_they_have_met)
{
	cr_assert(not(may_send_early()));
	meet();
	cr_assert(may_send_early());
	rudp_endpoint_set_early(pair.ep[0], false);
	cr_assert(not(may_send_early()));
	rudp_endpoint_set_early(pair.ep[0], true);
	cr_assert(may_send_early());
	pair.now_ns += 24 * 3600 * RUDP_NS_PER_S;
	cr_assert(not(may_send_early()));
	pair_run(&pair, RUDP_NS_PER_S);
	meet();
	cr_assert(may_send_early());
	rudp_endpoint_set_resume(pair.ep[0], false);
	cr_assert(not(may_send_early()));
}

Test(deferred, early_data_needs_an_endpoint_that_wants_it_at_both_ends)
{
	for (int off = 0; off < 2; off++) {
		meet();
		open_early();
		rudp_endpoint_set_early(pair.ep[off], false);
		write_hello();
		pair_settle(&pair);
		expect_hello_at_server(0);
		rudp_endpoint_set_early(pair.ep[off], true);
		rudp_conn_abandon(pair.conn[0], pair.now_ns);
		rudp_conn_abandon(pair.conn[1], pair.now_ns);
		pair_run(&pair, RUDP_NS_PER_S);
	}
}
