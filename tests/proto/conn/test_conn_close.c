/* SPDX-License-Identifier: MIT */
/* rudp_conn_close(): the peer reads everything that was written, then end of file or a reset. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "proto/conn/conn_private.h"
#include "proto/pair.h"

Test(conn_close, close_with_unread_bytes_resets_the_peer)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_write(pair.conn[0], "unread", 6, pair.now_ns);
	pair_settle(&pair);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(ne(uint, pair_events(&pair, 0) & RUDP_EVENT_FAILED, 0));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	cr_assert(not(rudp_conn_receive_eof(pair.conn[0])));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
	pair_fini(&pair);
}

Test(conn_close, bytes_after_close_reset_the_peer)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	pair_run(&pair, 100 * RUDP_NS_PER_MS);
	rudp_conn_write(pair.conn[0], "late", 4, pair.now_ns);
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_fini(&pair);
}

Test(conn_close, bytes_written_before_close_arrive)
{
	struct pair pair;
	static char block[100000], back[100000];
	size_t got = 0;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 7);
	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], block, sizeof block, pair.now_ns),
		     sizeof block));
	rudp_conn_close(pair.conn[0], pair.now_ns);
	for (int i = 0; i < 200 && got < sizeof back; i++) {
		pair_run(&pair, 50 * RUDP_NS_PER_MS);
		got += pair_read(&pair, 1, back + got, sizeof back - got);
	}
	cr_assert(eq(sz, got, sizeof back));
	cr_assert(eq(int, memcmp(block, back, sizeof back), 0));
	pair_run(&pair, 100 * RUDP_NS_PER_MS);
	cr_assert(rudp_conn_receive_eof(pair.conn[1]));
	pair_fini(&pair);
}

/* Both ends have written. Side 1 then closes without having read. */
static void close_with_answer(struct pair *pair, size_t answer_bytes, bool reads_first)
{
	static char answer[100000];
	char text[8];

	pair_init(pair, 0, 0);
	pair_establish(pair);
	rudp_conn_write(pair->conn[0], "request", 7, pair->now_ns);
	pair_settle(pair);
	if (reads_first)
		pair_read(pair, 1, text, sizeof text);
	cr_assert(eq(sz, rudp_conn_write(pair->conn[1], answer, answer_bytes, pair->now_ns),
		     answer_bytes));
	if (reads_first)
		rudp_conn_close_unread(pair->conn[1], pair->now_ns);
	else
		rudp_conn_close(pair->conn[1], pair->now_ns);
}

/* reads_first: the engine has taken the bytes, but the program has not read them. */
Test(conn_close, a_close_with_unread_bytes_resets_after_delivery)
{
	for (int reads_first = 0; reads_first < 2; reads_first++) {
		static char got[100000];
		struct pair pair;
		size_t n = 0;

		close_with_answer(&pair, sizeof got, reads_first);
		pair_collect(&pair);
		pair_drop(&pair);
		for (int i = 0; i < 200 && n < sizeof got; i++) {
			pair_run(&pair, 50 * RUDP_NS_PER_MS);
			n += pair_read(&pair, 0, got + n, sizeof got - n);
		}
		cr_assert(eq(sz, n, sizeof got));
		pair_run(&pair, RUDP_NS_PER_S);
		cr_assert(not(rudp_conn_receive_eof(pair.conn[0])));
		cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
		cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
		pair_fini(&pair);
	}
}

/* A PING travels with the last bytes. */
Test(conn_close, the_bytes_before_a_reset_are_acknowledged_without_delay)
{
	struct pair pair;

	close_with_answer(&pair, 6, true);
	pair_settle(&pair); /* no time passes */
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[0]), 6));
	pair_fini(&pair);
}

Test(conn_close, bytes_after_close_reset_after_delivery)
{
	static char answer[100000], got[100000];
	struct pair pair;
	size_t n = 0;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	rudp_conn_write(pair.conn[1], answer, sizeof answer, pair.now_ns);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	rudp_conn_write(pair.conn[0], "late", 4, pair.now_ns);
	for (int i = 0; i < 200 && n < sizeof got; i++) {
		pair_run(&pair, 50 * RUDP_NS_PER_MS);
		n += pair_read(&pair, 0, got + n, sizeof got - n);
	}
	cr_assert(eq(sz, n, sizeof got));
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_fini(&pair);
}

/* A peer that never reads the rest does not keep the connection alive for ever. */
Test(conn_close, a_reset_waits_a_minute_for_the_delivery)
{
	struct pair pair;

	close_with_answer(&pair, 100000, false);
	pair_collect(&pair);
	for (int i = 0; i < 59; i++) {
		pair_drop(&pair);
		pair_wait(&pair, RUDP_NS_PER_S);
	}
	pair_drop(&pair);
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	pair_run(&pair, 2 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
	pair_fini(&pair);
}

/* Side 1 writes more than the window of side 0. Returns the number of bytes. */
static size_t fill_window(struct pair *pair)
{
	static char answer[4 << 20];
	size_t written = 0, n;

	while ((n = rudp_conn_write(pair->conn[1], answer, sizeof answer, pair->now_ns)) > 0) {
		written += n;
		pair_run(pair, 50 * RUDP_NS_PER_MS);
	}
	cr_assert(rudp_conn_waits_for_reader(pair->conn[1]));
	return written;
}

/* The same, and closes with a request unread. */
static size_t close_with_a_full_window(struct pair *pair)
{
	size_t written;

	pair_init(pair, 0, 0);
	pair_establish(pair);
	rudp_conn_write(pair->conn[0], "request", 7, pair->now_ns);
	pair_settle(pair);
	written = fill_window(pair);
	rudp_conn_close(pair->conn[1], pair->now_ns);
	return written;
}

Test(conn_close, a_reset_waits_a_second_for_a_program_that_does_not_read)
{
	struct pair pair;

	close_with_a_full_window(&pair);
	pair_run(&pair, RUDP_NO_READER_NS - 100 * RUDP_NS_PER_MS);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), 0));
	pair_run(&pair, 200 * RUDP_NS_PER_MS);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 0));
	pair_fini(&pair);
}

Test(conn_close, a_reset_waits_for_a_program_that_reads_slowly)
{
	static char got[300000];
	struct pair pair;
	size_t written = close_with_a_full_window(&pair), n = 0;

	for (int i = 0; i < 60 && n < written; i++) {
		n += pair_read(&pair, 0, got, sizeof got);
		pair_run(&pair, 900 * RUDP_NS_PER_MS);
	}
	cr_assert(eq(sz, n, written));
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	pair_fini(&pair);
}

/* The peer's host answers, but its program does not read, and this program has closed. */
Test(conn_close, an_orphan_does_not_wait_for_ever_for_a_reader)
{
	static char got[100000];
	struct pair pair;
	uint64_t window_end;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	fill_window(&pair);
	rudp_conn_close(pair.conn[1], pair.now_ns);
	window_end = pair.conn[1]->peer_window_end;
	pair_run(&pair, RUDP_ORPHAN_NS - 10 * RUDP_NS_PER_S);
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	while (pair.conn[1]->peer_window_end == window_end) {
		cr_assert(ge(sz, pair_read(&pair, 0, got, sizeof got), 1));
		pair_run(&pair, 50 * RUDP_NS_PER_MS);
	}
	pair_run(&pair, RUDP_ORPHAN_NS - 10 * RUDP_NS_PER_S); /* the time began again */
	cr_assert(eq(uint, rudp_endpoint_conn_count(pair.ep[1]), 1));
	pair_run(&pair, 60 * RUDP_NS_PER_S);
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[1])));
	cr_assert(not(rudp_conn_receive_eof(pair.conn[0])));
	pair_fini(&pair);
}

Test(conn_close, an_open_connection_waits_for_its_reader)
{
	struct pair pair;

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	fill_window(&pair);
	pair_run(&pair, 2 * RUDP_ORPHAN_NS);
	cr_assert(zero(int, rudp_conn_error(pair.conn[1])));
	rudp_conn_orphan(pair.conn[1], pair.now_ns);
	pair_run(&pair, RUDP_ORPHAN_NS + 30 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), ETIMEDOUT));
	pair_fini(&pair);
}
