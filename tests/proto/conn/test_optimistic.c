/* SPDX-License-Identifier: MIT */
/* Receivers that acknowledge what has not reached them: docs/protocol.md section 16. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define MS RUDP_NS_PER_MS

static uint8_t bytes[1u << 20];
static struct pair pair;

static void setup(void)
{
	pair_init(&pair, 0, 0);
	pair_establish(&pair);
}

static void teardown(void)
{
	pair_fini(&pair);
}

TestSuite(optimistic, .init = setup, .fini = teardown);

/* All that the client has sent so far. */
static enum rudp_verdict acknowledge_all(uint64_t number)
{
	uint64_t largest = pair.conn[0]->reliability.next - 1;
	uint8_t frame[32];
	struct rudp_writer writer = rudp_writer(frame, sizeof frame);

	rudp_write_u8(&writer, RUDP_FRAME_ACK);
	rudp_write_varint(&writer, largest);
	rudp_write_varint(&writer, 0);
	rudp_write_varint(&writer, 0);
	rudp_write_varint(&writer, largest);
	return pair_say(&pair, 1, number, frame, rudp_writer_len(&writer));
}

Test(optimistic, receiver_is_found_out)
{
	enum rudp_verdict verdict = RUDP_VERDICT_OK;
	struct rudp_conn *conn = pair.conn[0];
	uint64_t number = 1000;

	conn->peer_window_end = UINT64_C(1) << 40;
	while (verdict == RUDP_VERDICT_OK) {
		cr_assert(le(u64, conn->reliability.next, 20000));
		rudp_conn_write(conn, bytes, sizeof bytes, pair.now_ns);
		pair_wait(&pair, 10 * MS);
		pair_drop(&pair);
		verdict = acknowledge_all(number++);
	}
	cr_assert(eq(int, verdict, RUDP_VERDICT_BAD_ACK));
	cr_assert(eq(int, rudp_conn_error(conn), EPROTO));
}

Test(optimistic, others_notice_nothing)
{
	struct rudp_conn_stats stats;
	size_t arrived = 0;

	for (int i = 0; arrived < 20 * sizeof bytes; i++) {
		cr_assert(lt(int, i, 10000));
		rudp_conn_write(pair.conn[0], bytes, sizeof bytes, pair.now_ns);
		pair_travel(&pair, 5 * MS);
		arrived += rudp_conn_receive_available(pair.conn[1]);
		rudp_conn_receive_consume(pair.conn[1], rudp_conn_receive_available(pair.conn[1]),
					  pair.now_ns);
	}
	stats = pair_stats(&pair, 0);
	cr_assert(ge(u64, pair.conn[0]->reliability.next, stats.packets_sent + 5)); /* left out */
	cr_assert(zero(u64, stats.packets_lost));
	cr_assert(zero(u64, stats.stream_resent));
}
