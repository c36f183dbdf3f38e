/* SPDX-License-Identifier: MIT */
/* Bytes that travel in the SYN. docs/protocol.md section 6.8. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/checks.h"
#include "proto/pair.h"

#define EARLY_MAX 64
#define SYN 0x10
#define SYNACK 0x20
#define DATA 0x40
#define TYPE(datagram) ((datagram)->data[0] & 0xf0)

static struct pair pair;

static void init(void)
{
	pair_init(&pair, 7, 7);
	rudp_listener_set_early(pair.listener, EARLY_MAX);
}

static void fini(void)
{
	pair_fini(&pair);
}

TestSuite(early, .init = init, .fini = fini);

static uint16_t early_bytes(int side)
{
	struct rudp_conn_stats stats;

	rudp_conn_stats(pair.conn[side], &stats);
	return stats.early_bytes;
}

static void meet(void)
{
	pair_establish(&pair);
	pair_part(&pair);
}

static uint8_t pattern(size_t offset)
{
	return (uint8_t)(offset * 7 + offset / 251);
}

/* Connects, and writes len bytes before anything leaves. */
static void open_with(bool early, size_t len)
{
	const struct rudp_conn_options options = {.early = early};
	uint8_t *bytes = malloc(len);
	int error;

	cr_assert(ne(ptr, bytes, NULL));
	for (size_t i = 0; i < len; i++)
		bytes[i] = pattern(i);
	pair.conn[0] =
		rudp_endpoint_connect(pair.ep[0], &pair.addr[0], &pair.addr[0], &pair.addr[1],
				      PAIR_PORT, &options, pair.now_ns, &error);
	cr_assert(ne(ptr, pair.conn[0], NULL));
	rudp_conn_set_user(pair.conn[0], &pair);
	cr_assert(eq(sz, rudp_conn_write(pair.conn[0], bytes, len, pair.now_ns), len));
	free(bytes);
	pair_collect(&pair);
}

static struct pair_datagram *take(uint8_t type)
{
	struct pair_datagram *datagram = pair_take(&pair);

	cr_assert(ne(ptr, datagram, NULL));
	cr_assert(eq(u8, TYPE(datagram), type));
	return datagram;
}

static void accept_one(void)
{
	pair.conn[1] = rudp_listener_accept(pair.listener);
	cr_assert(ne(ptr, pair.conn[1], NULL));
	rudp_conn_set_user(pair.conn[1], &pair);
}

static void expect_nobody_else(void)
{
	cr_assert(eq(ptr, rudp_listener_accept(pair.listener), NULL));
}

/* Reads them all at the server. */
static void expect_read(size_t len)
{
	struct iovec iov[2];
	size_t done = 0;
	int count;

	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[1]), len));
	count = rudp_conn_receive_readable(pair.conn[1], iov);
	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < iov[i].iov_len; k++, done++)
			cr_assert(eq(u8, ((uint8_t *)iov[i].iov_base)[k], pattern(done)));
	cr_assert(eq(sz, done, len));
	rudp_conn_receive_consume(pair.conn[1], len, pair.now_ns);
}

static void forge_refusal(void)
{
	struct pair_datagram *forged = malloc(sizeof *forged);

	cr_assert(ne(ptr, forged, NULL));
	*forged =
		(struct pair_datagram){.to = 0, .from_addr = pair.addr[1], .to_addr = pair.addr[0]};
	forged->len = rudp_packet_write_refuse(forged->data, rudp_conn_id(pair.conn[0]),
					       RUDP_REFUSAL_RESUME);
	pair_deliver_as(&pair, forged, RUDP_VERDICT_OK);
}

static void restart_server(void)
{
	struct pair fresh;

	pair_init(&fresh, 7, 7);
	rudp_endpoint_free(pair.ep[1]);
	pair.ep[1] = fresh.ep[1];
	rudp_endpoint_free(fresh.ep[0]);
	free(fresh.train);
	rudp_listener_close(fresh.listener, pair.now_ns);
	pair.listener = rudp_endpoint_listen(pair.ep[1], &pair.addr[1], PAIR_PORT, 16, &pair, NULL);
	rudp_listener_set_early(pair.listener, EARLY_MAX);
}

/* The request travels in one datagram, and the answer comes back with the SYNACK. */
Test(early, the_answer_comes_after_one_round_trip)
{
	meet();
	open_with(true, 100);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	cr_assert(zero(uint, pair.wire_count));
	accept_one();
	expect_read(100);
	cr_assert(eq(sz, rudp_conn_write(pair.conn[1], "answer", 6, pair.now_ns), 6));
	pair_collect(&pair);
	pair_deliver_as(&pair, take(SYNACK), RUDP_VERDICT_OK);
	pair_deliver_as(&pair, take(DATA), RUDP_VERDICT_OK);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[0]), 6));
	cr_assert(all(eq(u16, early_bytes(0), 100), eq(u16, early_bytes(1), 100)));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_SYN_RCVD));
	pair_settle(&pair);
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_ESTABLISHED));
	cr_assert(zero(sz, rudp_conn_receive_available(pair.conn[1])));
	expect_nobody_else();
}

Test(early, the_writer_hears_that_all_has_arrived)
{
	meet();
	open_with(true, 100);
	pair_settle(&pair);
	cr_assert(eq(uint, pair_events(&pair, 0) & (RUDP_EVENT_ESTABLISHED | RUDP_EVENT_SENT_ALL),
		     RUDP_EVENT_ESTABLISHED | RUDP_EVENT_SENT_ALL));
}

Test(early, what_does_not_fit_follows)
{
	meet();
	open_with(true, 5000);
	pair_settle(&pair);
	accept_one();
	expect_read(5000);
	cr_assert(all(ge(u16, early_bytes(1), 1001), lt(u16, early_bytes(1), 1200)));
	cr_assert(eq(u16, early_bytes(0), early_bytes(1)));
}

Test(early, with_a_new_dh_too)
{
	meet();
	pair_run(&pair, 121 * RUDP_NS_PER_S);
	open_with(true, 2000);
	pair_settle(&pair);
	accept_one();
	expect_read(2000);
	cr_assert(ge(u16, early_bytes(0), 1001));
}

Test(early, only_where_both_programs_want_it)
{
	open_with(true, 100); /* strangers */
	pair_settle(&pair);
	accept_one();
	expect_read(100);
	cr_assert(zero(u16, early_bytes(0)));
	pair_part(&pair);
	open_with(false, 100);
	pair_settle(&pair);
	accept_one();
	expect_read(100);
	cr_assert(zero(u16, early_bytes(0)));
	pair_part(&pair);
	rudp_listener_set_early(pair.listener, 0);
	open_with(true, 100);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	expect_nobody_else();
	pair_settle(&pair);
	accept_one();
	expect_read(100);
	cr_assert(all(zero(u16, early_bytes(0)), zero(u16, early_bytes(1))));
	pair_part(&pair);
}

Test(early, only_so_many_at_once)
{
	rudp_listener_set_early(pair.listener, 1);
	meet();
	for (int i = 0; i < 2; i++) {
		open_with(true, 100);
		pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	}
	accept_one();
	expect_read(100);
	expect_nobody_else();
	pair_settle(&pair);
	accept_one(); /* by then it has its bytes the usual way */
	expect_read(100);
	open_with(true, 100); /* and there is room again */
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	accept_one();
	expect_read(100);
}

Test(early, copies_and_replays_of_the_syn_give_the_bytes_once)
{
	struct pair_datagram *syn;

	meet();
	open_with(true, 100);
	syn = take(SYN);
	for (int i = 0; i < 5; i++)
		cr_assert(eq(int, pair_deliver(&pair, syn),
			     i ? RUDP_VERDICT_DUPLICATE_SYN : RUDP_VERDICT_OK));
	accept_one();
	expect_read(100);
	pair_settle(&pair);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_DUPLICATE_SYN));
	pair_part(&pair);
	rudp_addr_set_port(&syn->from_addr, 999);
	for (int i = 0; i < 3; i++)
		cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_REPLAYED_SYN));
	expect_nobody_else();
	free(syn);
}

/* The program has the bytes: the attempt must not deliver them again, so it fails. */
Test(early, a_refusal_forged_after_the_syn_was_taken_ends_the_attempt)
{
	meet();
	open_with(true, 100);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	accept_one();
	expect_read(100);
	forge_refusal();
	pair_settle(&pair);
	expect_nobody_else();
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_EARLY_TAKEN), 1));
	for (int side = 0; side < 2; side++) {
		cr_assert(ne(uint, pair_events(&pair, side) & RUDP_EVENT_FAILED, 0));
		cr_assert(eq(int, rudp_conn_error(pair.conn[side]), ECONNRESET));
	}
}

Test(early, nor_where_the_association_is_forgotten_meanwhile)
{
	meet();
	open_with(true, 100);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	accept_one();
	rudp_endpoint_set_resume(pair.ep[1], false);
	forge_refusal();
	pair_settle(&pair);
	expect_nobody_else();
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), ECONNRESET));
}

/* The SYN is held back, and comes when its bytes have gone the other way, from wherever. */
Test(early, a_syn_that_was_refused_before_it_came_is_spent)
{
	struct pair_datagram *syn;

	meet();
	open_with(true, 100);
	syn = take(SYN);
	forge_refusal();
	pair_settle(&pair);
	accept_one();
	expect_read(100);
	cr_assert(zero(u16, early_bytes(0)));
	rudp_addr_set_port(&syn->from_addr, 999);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_REPLAYED_SYN));
	pair_part(&pair);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_REPLAYED_SYN));
	expect_nobody_else();
	free(syn);
}

Test(early, a_restarted_listener_gets_the_bytes_once)
{
	meet();
	restart_server();
	open_with(true, 2000);
	pair_settle(&pair);
	accept_one();
	expect_read(2000);
	expect_nobody_else();
	cr_assert(eq(u64, pair_verdicts(&pair, 1, RUDP_VERDICT_NO_ASSOCIATION), 1));
}

/* Whether that has taken its place, or is somewhere else: it knows the key, and not the
 * association. */
Test(early, a_syn_that_was_taken_is_opened_by_no_other_engine_with_the_key)
{
	struct pair_datagram *syn;

	meet();
	open_with(true, 100);
	syn = take(SYN);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_OK));
	restart_server();
	for (int i = 0; i < 3; i++) {
		cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_NO_ASSOCIATION));
		expect_nobody_else();
		cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[1])));
	}
	free(syn);
}

Test(early, a_lost_answer_is_sent_again)
{
	meet();
	open_with(true, 100);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	accept_one();
	expect_read(100);
	rudp_conn_write(pair.conn[1], "answer", 6, pair.now_ns);
	rudp_conn_shutdown_send(pair.conn[1], pair.now_ns);
	pair_collect(&pair);
	free(take(SYNACK));
	free(take(DATA));
	pair_run(&pair, RUDP_NS_PER_S);
	cr_assert(eq(sz, rudp_conn_receive_available(pair.conn[0]), 6));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_CLOSE_WAIT));
	cr_assert(eq(int, rudp_conn_state(pair.conn[1]), RUDP_STATE_FIN_WAIT_2));
}

/* The address may be somebody else's. */
Test(early, at_most_three_times_what_came_is_sent_before_more_comes)
{
	static const uint8_t bytes[100000];
	struct pair_datagram *sent, *syn;
	size_t total = 0;

	meet();
	open_with(true, 100);
	syn = take(SYN);
	rudp_addr_parse(&syn->from_addr, "10.9.9.9:40000"); /* the known one is proven */
	pair_deliver_as(&pair, syn, RUDP_VERDICT_OK);
	accept_one();
	rudp_conn_write(pair.conn[1], bytes, sizeof bytes, pair.now_ns);
	pair_collect(&pair);
	rudp_conn_abandon(pair.conn[0], pair.now_ns);
	for (int i = 0; i < 200; i++) {
		while ((sent = pair_take(&pair))) {
			total += sent->len;
			free(sent);
		}
		pair.now_ns += RUDP_NS_PER_S / 2;
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
		pair_collect(&pair);
		cr_assert(rudp_endpoint_check(pair.ep[1]));
	}
	cr_assert(all(lt(sz, RUDP_DATAGRAM_MIN_SYN_BYTES, total),
		      le(sz, total, 3 * RUDP_DATAGRAM_MIN_SYN_BYTES)));
}

Test(early, an_initiator_that_is_never_heard_again_times_out)
{
	struct pair_datagram *lost;

	meet();
	open_with(true, 100);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	accept_one();
	expect_read(100);
	rudp_conn_abandon(pair.conn[0], pair.now_ns);
	for (int i = 0; i < 130; i++) {
		pair.now_ns += RUDP_NS_PER_S;
		rudp_endpoint_on_time(pair.ep[1], pair.now_ns);
		pair_collect(&pair);
		while ((lost = pair_take(&pair)))
			free(lost);
	}
	cr_assert(ne(uint, pair_events(&pair, 1) & RUDP_EVENT_FAILED, 0));
	cr_assert(eq(int, rudp_conn_error(pair.conn[1]), ETIMEDOUT));
	cr_assert(rudp_endpoint_check(pair.ep[1]));
}

Test(early, a_closed_listener_resets_those_nobody_accepted)
{
	meet();
	open_with(true, 100);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	pair_collect(&pair);
	free(take(SYNACK)); /* lost; a copy of the SYN brings another */
	rudp_listener_close(pair.listener, pair.now_ns);
	cr_assert(rudp_endpoint_check(pair.ep[1]));
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[1])));
	pair.listener = rudp_endpoint_listen(pair.ep[1], &pair.addr[1], PAIR_PORT, 16, &pair, NULL);
}

Test(early, a_reset_before_the_synack_has_left_refuses_the_next_copy)
{
	meet();
	open_with(true, 100);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	accept_one();
	rudp_conn_close(pair.conn[1], pair.now_ns); /* with bytes unread */
	cr_assert(rudp_endpoint_check(pair.ep[1]));
	pair_run(&pair, 5 * RUDP_NS_PER_S);
	cr_assert(eq(int, rudp_conn_error(pair.conn[0]), ECONNRESET));
	expect_nobody_else();
}

/* It would be refused now, and could be taken when the listener has heard who has it. */
Test(early, not_before_the_listener_is_known_to_have_kept_the_association)
{
	struct pair_datagram *proof, *syn;
	size_t total = 0;

	open_with(false, 1);
	pair_deliver_as(&pair, take(SYN), RUDP_VERDICT_OK);
	pair_collect(&pair);
	pair_deliver_as(&pair, take(SYNACK), RUDP_VERDICT_OK);
	pair_collect(&pair);
	proof = take(DATA); /* late */
	open_with(true, 100);
	syn = take(SYN);
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_NO_ASSOCIATION));
	pair_deliver_as(&pair, proof, RUDP_VERDICT_OK);
	pair_settle(&pair);
	while ((pair.conn[1] = rudp_listener_accept(pair.listener))) {
		total += rudp_conn_receive_available(pair.conn[1]);
		rudp_conn_abandon(pair.conn[1], pair.now_ns);
	}
	cr_assert(eq(sz, total, 1 + 100));
	pair_collect(&pair); /* and both are reaped */
	cr_assert(eq(int, pair_deliver(&pair, syn), RUDP_VERDICT_OK));
	expect_nobody_else();
	free(syn);
}
