/* SPDX-License-Identifier: MIT */
/* Connections that have lived long: numbers beyond 32 bits, bytes beyond 4 GiB. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "proto/conn/endpoint_private.h"
#include "proto/pair.h"

#define FAR ((UINT64_C(1) << 32) - 300)
#define MS RUDP_NS_PER_MS

static uint8_t bytes[1u << 18];
static struct pair pair;

/* As if so many packets, and as many bytes, had passed each way. */
static void age(int side, uint64_t number)
{
	struct rudp_conn *conn = pair.conn[side], *peer = pair.conn[!side];

	cr_assert(zero(u64, conn->reliability.outstanding));
	rudp_reliability_trim(&conn->reliability);
	conn->reliability.base = conn->reliability.next = conn->reliability.loss_next = number;
	conn->reliability.largest_answered = number - 1;
	peer->replay.next = number;
	rudp_replay_trim(&peer->replay);
	rudp_range_set_remove_below(&peer->acks.received, UINT64_MAX);
	cr_assert(zero(int, rudp_range_set_add(&peer->acks.received, number - 1, number)));
	peer->acks.largest = number - 1;
	conn->sendbuf.ring.head = conn->sendbuf.ring.tail = conn->sendbuf.ring.extent = number;
	conn->sendbuf.sent = conn->sendbuf.reached = number;
	conn->tail.guarded_end = number;
	peer->recvbuf.ring.head = peer->recvbuf.ring.tail = peer->recvbuf.ring.extent = number;
	peer->recvbuf.drained_mark = number;
	peer->recvbuf.window_end = conn->peer_window_end = number + peer->recvbuf.window_bytes;
}

Test(far, bytes_and_packets_beyond_32_bits_arrive)
{
	size_t arrived[2] = {0};

	pair_init(&pair, 0, 0);
	pair_establish(&pair);
	pair_run(&pair, 3 * RUDP_NS_PER_S);
	for (int side = 0; side < 2; side++)
		age(side, FAR);
	for (int i = 0; arrived[0] < 4 * sizeof bytes || arrived[1] < 4 * sizeof bytes; i++) {
		cr_assert(lt(int, i, 4000));
		for (int side = 0; side < 2; side++) {
			struct rudp_conn *conn = pair.conn[side];
			size_t n = rudp_conn_receive_available(conn);

			arrived[side] += n;
			rudp_conn_receive_consume(conn, n, pair.now_ns);
			rudp_conn_write(conn, bytes, sizeof bytes, pair.now_ns);
		}
		if (i % 7 == 3 && pair.wire_count)
			free(pair_take(&pair));
		pair_travel(&pair, 5 * MS);
	}
	for (int side = 0; side < 2; side++) {
		cr_assert(ge(u64, pair.conn[side]->reliability.next, FAR + 600));
		cr_assert(eq(int, rudp_conn_state(pair.conn[side]), RUDP_STATE_ESTABLISHED));
	}
	pair_fini(&pair);
}
