/* SPDX-License-Identifier: MIT */
/* Repair symbols (FEC) of longer bursts, sent and received: docs/protocol.md section 9.7. */
#include "base/min_max.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

#define RTT_MIN_NS (2 * RUDP_NS_PER_MS) /* with a shorter RTT, retransmission is as fast */
#define BYTES_PER_S (128u << 10)        /* average rate of repair symbols */
/* Largest burst of repair symbols: enough for 3 MB at 3 % loss. */
#define BUCKET_MAX_BYTES (256u << 10)

/*
 * The loss rate per million packets is estimated from this connection's packets, those of earlier
 * connections on the path, and a prior for an unknown path.
 */
#define PRIOR_PACKETS 128u
#define PRIOR_LOST 1u
#define KNOWN_PACKETS_MAX 1024u
#define MILLION 1000000u

bool rudp_conn_fec_is_for(const struct rudp_conn *conn, uint64_t bytes)
{
	int64_t rtt_ns = conn->rtt.samples > 0 ? conn->rtt.srtt_ns : conn->known.presumed_rtt_ns;

	return conn->peer_takes_repairs && bytes > RUDP_TAIL_BYTES && rtt_ns >= RTT_MIN_NS &&
	       conn->path.validated && conn->path.datagram_bytes <= RUDP_FEC_DATAGRAM_MAX_BYTES;
}

/* A new path must be validated first. After the peer's RESET there is no receiver. */
bool rudp_conn_fec_is_due(const struct rudp_conn *conn)
{
	return conn->fec_sender.next < conn->fec_sender.end && conn->path.validated &&
	       rudp_conn_may_send(conn);
}

void rudp_conn_fec_init(struct rudp_conn *conn, int64_t now_at_ns)
{
	rudp_fec_store_init(&conn->fec_store);
	conn->repaired_from = UINT64_MAX;
	conn->fec_sender.bucket = (struct rudp_token_bucket){BUCKET_MAX_BYTES, now_at_ns};
}

/* To decode, the receiver also needs the bytes of a block that the program has already read. */
void rudp_conn_fec_on_established(struct rudp_conn *conn)
{
	/* If the handshake was repeated there is no RTT sample: the initial RTT then counts. */
	if (conn->peer_takes_repairs && conn->rtt.srtt_ns >= RTT_MIN_NS)
		conn->recvbuf.history_bytes = RUDP_FEC_BLOCK_BYTES_MAX;
}

/*
 * The size of a repair symbol for a block from start on. No packet carries more stream bytes after
 * that offset.
 */
static uint32_t symbol_bytes(const struct rudp_conn *conn, uint64_t start)
{
	size_t overhead = rudp_packet_data_overhead_bytes(conn->peer_takes_short_ids);

	return (uint32_t)(conn->path.datagram_bytes - overhead -
			  rudp_frame_repair_head_bytes(start));
}

void rudp_conn_fec_begin(struct rudp_conn *conn, uint64_t start)
{
	struct rudp_fec_sender *r = &conn->fec_sender;
	uint64_t most =
		(uint64_t)RUDP_FEC_BLOCKS_MAX * RUDP_FEC_COUNT_MAX * symbol_bytes(conn, start);

	r->end = conn->sendbuf.sent;
	r->next = r->end - rudp_min(most, r->end - start);
	r->rows_left = 0;
}

static uint32_t loss_per_million(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_reliability *r = &conn->reliability;
	uint64_t lost = rudp_reliability_lost_packets(r);
	uint64_t sent = lost + r->answered_packets;
	struct rudp_known_loss known = rudp_host_cache_loss(&conn->ep->hosts, &conn->path.local,
							    &conn->path.remote, now_at_ns);

	if (known.packets > KNOWN_PACKETS_MAX) {
		known.lost = known.lost * KNOWN_PACKETS_MAX / known.packets;
		known.packets = KNOWN_PACKETS_MAX;
	}
	return (uint32_t)((lost + known.lost + PRIOR_LOST) * MILLION /
			  (sent + known.packets + PRIOR_PACKETS));
}

/* The unacknowledged bytes of [start, end), which were all sent. */
static uint64_t unacked_bytes(const struct rudp_sendbuf *buf, uint64_t start, uint64_t end)
{
	const struct rudp_range *range;
	uint64_t bytes = 0;

	start = rudp_max(start, buf->ring.head);
	while (start < end) {
		range = rudp_range_set_find(&buf->acked, start);
		if (!range || range->start >= end)
			return bytes + end - start;
		bytes += range->start > start ? range->start - start : 0;
		start = range->end;
	}
	return bytes;
}

static unsigned affordable(struct rudp_fec_sender *r, unsigned rows, int64_t now_at_ns)
{
	uint64_t bytes =
		rudp_token_bucket_now(&r->bucket, BYTES_PER_S, BUCKET_MAX_BYTES, now_at_ns);

	rows = (unsigned)rudp_min(rows, bytes / r->block.symbol_bytes);
	r->bucket.bytes -= (uint64_t)rows * r->block.symbol_bytes;
	return rows;
}

/* Prepares the block that starts at next. Returns false if the rest is shorter than a symbol. */
static bool prepare_block(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_fec_sender *r = &conn->fec_sender;
	uint32_t bytes = symbol_bytes(conn, r->next);
	uint64_t span = rudp_min(r->end - r->next, RUDP_FEC_BLOCK_BYTES_MAX);
	uint64_t unacked;
	unsigned rows;

	r->block = (struct rudp_fec_block){
		.start = r->next,
		.count = (uint32_t)rudp_min(span / bytes, RUDP_FEC_COUNT_MAX),
		.symbol_bytes = bytes,
	};
	r->row = 0;
	if (r->block.count == 0)
		return false;
	unacked = unacked_bytes(&conn->sendbuf, r->next, rudp_fec_end(&r->block));
	if (unacked == 0)
		return true;
	rows = rudp_fec_rows_for((unsigned)((unacked + bytes - 1) / bytes),
				 loss_per_million(conn, now_at_ns));
	r->rows_left = affordable(r, (unsigned)rudp_min(rows, RUDP_FEC_SOLVE_MAX), now_at_ns);
	return true;
}

/*
 * Whether the block's symbols can still help. Acknowledged bytes stay in the ring until new ones
 * overwrite them; without all bytes of the block no symbol can be computed.
 */
static bool is_block_useful(const struct rudp_conn *conn)
{
	const struct rudp_fec_sender *r = &conn->fec_sender;

	return r->rows_left > 0 && r->block.symbol_bytes == symbol_bytes(conn, r->block.start) &&
	       r->block.start >= rudp_ring_kept(&conn->sendbuf.ring) &&
	       unacked_bytes(&conn->sendbuf, r->block.start, rudp_fec_end(&r->block)) > 0;
}

static void end_block(struct rudp_fec_sender *r)
{
	r->rows_left = 0;
	r->next = rudp_fec_end(&r->block);
}

/* Queues a copy of the rest, which is shorter than a symbol, and of the FIN. */
static void copy_rest(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_fec_sender *r = &conn->fec_sender;
	bool fin = conn->sendbuf.fin_sent && !conn->sendbuf.fin_acked;
	uint64_t bytes = unacked_bytes(&conn->sendbuf, r->next, r->end);

	if ((fin || bytes > 0) &&
	    rudp_tail_spend(&conn->tail, bytes + RUDP_TAIL_COPY_EXTRA_BYTES, now_at_ns))
		rudp_conn_tail_copy(conn, r->next, fin);
	r->next = r->end;
}

bool rudp_conn_fec_next(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_fec_sender *r = &conn->fec_sender;

	/*
	 * The program has written more, so the burst was not over; or datagrams have become too
	 * long for symbols.
	 */
	if (conn->sendbuf.sent != r->end || rudp_sendbuf_unsent(&conn->sendbuf) > 0 ||
	    conn->path.datagram_bytes > RUDP_FEC_DATAGRAM_MAX_BYTES) {
		r->next = r->end;
		return false;
	}
	if (rudp_conn_has_data_due(conn))
		return false;
	while (r->rows_left > 0 || prepare_block(conn, now_at_ns)) {
		if (is_block_useful(conn))
			return true;
		end_block(r);
	}
	copy_rest(conn, now_at_ns);
	return false;
}

void rudp_conn_fec_on_sent(struct rudp_conn *conn, uint64_t number)
{
	struct rudp_fec_sender *r = &conn->fec_sender;

	if (r->first_number == r->end_number)
		r->first_number = number;
	r->end_number = number + 1;
	r->sent_packets++;
	r->row++;
	if (--r->rows_left == 0)
		end_block(r);
}

void rudp_conn_fec_settle(struct rudp_conn *conn)
{
	struct rudp_fec_sender *r = &conn->fec_sender;

	if (rudp_sendbuf_unacked(&conn->sendbuf) > 0)
		return;
	for (uint64_t number = rudp_max(r->first_number, conn->reliability.base);
	     number < r->end_number; number++) {
		const struct rudp_sent *sent = rudp_reliability_find(&conn->reliability, number);

		if (sent && sent->fate == RUDP_FATE_OUTSTANDING &&
		    (sent->content & RUDP_CONTENT_REPAIR))
			rudp_reliability_settle(&conn->reliability, number);
	}
	r->first_number = r->end_number;
}

void rudp_conn_fec_end(struct rudp_conn *conn)
{
	conn->fec_sender.next = conn->fec_sender.end;
	conn->repaired_from = UINT64_MAX;
	conn->arrived_due = false;
	rudp_fec_store_clear(&conn->fec_store);
}

/* Takes recovered bytes as if they had arrived in a packet. */
struct taker {
	struct rudp_conn *conn;
	int64_t now_at_ns;
};

static bool take_recovered(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct taker *taker = context;
	struct rudp_conn *conn = taker->conn;

	if (conn->repaired_from > offset)
		conn->repaired_from = offset;
	if (conn->repaired_end < offset + len)
		conn->repaired_end = offset + len;
	rudp_fec_store_on_bytes(&conn->fec_store, offset, offset + len);
	return rudp_conn_take_stream(conn, offset, bytes, len, false, taker->now_at_ns) ==
		       RUDP_VERDICT_OK &&
	       !conn->dead && conn->state != RUDP_STATE_RESET_SENT;
}

void rudp_conn_fec_on_taken(struct rudp_conn *conn)
{
	if (conn->recvbuf.ring.tail <= conn->repaired_from || conn->arrived_due)
		return;
	conn->arrived_due = true;
	conn->acks.now = true;
}

/*
 * If the peer has exceeded its work limit, decoding is skipped: the bytes are retransmitted anyway.
 */
void rudp_conn_fec_turn(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct taker taker = {conn, now_at_ns};

	if (conn->state == RUDP_STATE_RESET_SENT || conn->dead ||
	    !rudp_conn_work_may_begin(conn, now_at_ns)) {
		conn->fec_store.has_news = false;
		return;
	}
	rudp_conn_work_begin(conn);
	rudp_fec_store_solve(&conn->fec_store, &conn->recvbuf, RUDP_WORK_FEC_TURN, take_recovered,
			     &taker);
	rudp_conn_work_end(conn, 0, now_at_ns);
	rudp_conn_fec_on_taken(conn);
}

void rudp_conn_fec_on_told(struct rudp_conn *conn)
{
	uint64_t tail = conn->recvbuf.ring.tail;

	conn->arrived_due = false;
	if (tail >= conn->repaired_from)
		conn->repaired_from = tail < conn->repaired_end ? tail : UINT64_MAX;
}

enum rudp_verdict rudp_conn_on_repair(struct rudp_conn *conn, const struct rudp_frame *frame)
{
	const struct rudp_recvbuf *buf = &conn->recvbuf;
	struct rudp_fec_block block = {frame->repair.offset, frame->repair.count,
				       (uint32_t)frame->repair.len};
	uint64_t end = rudp_fec_end(&block);

	if (conn->state == RUDP_STATE_RESET_SENT || block.symbol_bytes == 0)
		return RUDP_VERDICT_OK;
	if (end > buf->window_end || end > buf->final_size)
		return RUDP_VERDICT_BAD_STREAM;
	if (rudp_budget_is_scarce(&conn->ep->budget))
		return RUDP_VERDICT_OK;
	/*
	 * If a symbol cannot be stored, nothing is lost: the bytes that it covers are
	 * retransmitted.
	 */
	(void)rudp_fec_store_add(&conn->fec_store, buf, &block, frame->repair.row,
				 frame->repair.bytes);
	return RUDP_VERDICT_OK;
}
