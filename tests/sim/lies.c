/* SPDX-License-Identifier: MIT */
#include "lies.h"

#define BLOCK_SYMBOLS 100
#define SYMBOL_BYTES 40
#define BLOCK_BYTES (BLOCK_SYMBOLS * SYMBOL_BYTES)
#define HOLES_MAX (RUDP_RECVBUF_RANGES_MAX - 200)
#define CLOSED_AT_ONCE 3
#define RARELY 0.02                  /* chance of a frame that ends the connection */
#define FRAMES (RUDP_FRAMES_MAX - 2) /* leaves room for PADDING and one more */

static uint64_t below(struct prng *prng, uint64_t end)
{
	return prng_next(prng) % end;
}

static void write_byte(struct rudp_writer *w, uint64_t offset)
{
	if (!rudp_frame_write_stream_head(w, offset, 1, false))
		return;
	rudp_write_u8(w, 'x');
}

/*
 * Writes every second byte from both ends of the window inwards, until nearly all ranges are in
 * use. Then it writes a byte in the middle, and one that closes the hole before it: each moves half
 * of the ranges. A packet has only a few of them, just below the limit of work for a packet, so
 * that the victim handles the whole packet.
 */
static void write_holes(struct rudp_writer *w, struct liar *liar, const struct rudp_conn *conn)
{
	if (liar->holes == 0) {
		liar->low = 2;
		liar->high = conn->peer_window_end - 2;
	}
	if (liar->holes < HOLES_MAX) {
		for (unsigned i = 0; i < FRAMES / 2; i++) {
			write_byte(w, liar->low += 2);
			write_byte(w, liar->high -= 2);
		}
		liar->holes += FRAMES;
		return;
	}
	for (unsigned i = 0; i < CLOSED_AT_ONCE && liar->low + 4 < liar->high; i++) {
		write_byte(w, liar->low += 2);
		write_byte(w, liar->low - 1);
	}
}

/* The bytes come first: the repair symbol takes the rest of the packet. */
static void write_sums(struct rudp_writer *w, struct prng *prng)
{
	for (unsigned i = 0; i < FRAMES / 2; i++)
		write_byte(w, 1 + below(prng, BLOCK_BYTES));
	rudp_frame_write_repair_head(w, 1, BLOCK_SYMBOLS, (uint8_t)below(prng, RUDP_FEC_ROWS_MAX));
	rudp_write_zeros(w, SYMBOL_BYTES);
}

static void write_ack(struct rudp_writer *w, uint64_t largest)
{
	uint64_t further =
		largest / 2 < RUDP_ACK_RANGES_MAX ? largest / 2 : RUDP_ACK_RANGES_MAX - 1;

	rudp_write_u8(w, RUDP_FRAME_ACK);
	rudp_write_varint(w, largest);
	rudp_write_varint(w, 0);
	rudp_write_varint(w, further);
	rudp_write_varint(w, 0);
	for (uint64_t i = 0; i < further; i++)
		rudp_write_zeros(w, 2); /* one number missing, one present */
}

static void write_small(struct rudp_writer *w, const struct rudp_conn *conn, struct prng *prng)
{
	uint8_t path[8] = {0};

	for (unsigned i = 0; i < FRAMES; i++) {
		switch (below(prng, 6)) {
		case 0:
			rudp_frame_write_ping(w);
			break;
		case 1:
			rudp_frame_write_value(w, RUDP_FRAME_WINDOW, below(prng, RUDP_VARINT_MAX));
			break;
		case 2:
			rudp_frame_write_value(w, RUDP_FRAME_BLOCKED, below(prng, RUDP_VARINT_MAX));
			break;
		case 3:
			rudp_frame_write_value(w, RUDP_FRAME_URGENT,
					       below(prng, conn->peer_window_end));
			break;
		case 4:
			rudp_frame_write_path(w, false, path);
			break;
		default:
			rudp_frame_write_value(w, RUDP_FRAME_ARRIVED, conn->recvbuf.ring.tail);
		}
	}
}

static void write_credit(struct rudp_writer *w, const struct rudp_conn *conn, struct prng *prng)
{
	rudp_frame_write_value(w, RUDP_FRAME_WINDOW, RUDP_VARINT_MAX);
	for (unsigned i = 0; i < 10; i++)
		rudp_frame_write_value(w, RUDP_FRAME_BLOCKED,
				       below(prng, conn->peer_window_end + 1));
	write_byte(w, prng_chance(prng, RARELY) ? conn->peer_window_end
						: below(prng, conn->peer_window_end));
}

static void write_paths(struct rudp_writer *w, struct prng *prng)
{
	uint8_t path[8];

	for (unsigned i = 0; i < FRAMES / 2; i++) {
		prng_fill(prng, path, sizeof path);
		rudp_frame_write_path(w, i % 2, path);
	}
}

static void write_shares(struct rudp_writer *w, const struct rudp_conn *conn, struct prng *prng)
{
	uint8_t public_key[RUDP_KEY_SHARE_BYTES] = {0};

	for (unsigned i = 0; i < FRAMES / 4; i++) {
		bool far = prng_chance(prng, RARELY / 4);

		if (!prng_chance(prng, RARELY))
			prng_fill(prng, public_key, sizeof public_key);
		rudp_frame_write_key_share(w, conn->keys.exchanges + (far ? 2 : 1), public_key);
	}
}

/* A number out of turn ends the connection: it is rare. */
static void write_spares(struct rudp_writer *w, struct prng *prng)
{
	struct rudp_spare_id spare = {.number = 1};

	for (unsigned i = 0; i < FRAMES / 4; i++) {
		spare.id = prng_next(prng) | 1;
		spare.number_offset = (uint32_t)prng_next(prng);
		if (prng_chance(prng, RARELY / 4))
			spare.number += 1 + below(prng, 3);
		rudp_frame_write_spare_id(w, &spare);
	}
}

static void write_noise(struct rudp_writer *w, struct prng *prng)
{
	uint64_t len = 1 + below(prng, 200);

	while (len-- > 0)
		rudp_write_u8(w, (uint8_t)prng_next(prng));
}

size_t lies_write(enum lie lie, struct liar *liar, const struct rudp_conn *conn, struct prng *prng,
		  uint8_t frames[LIE_BYTES_MAX])
{
	struct rudp_writer w = rudp_writer(frames, LIE_BYTES_MAX);

	rudp_write_u8(&w, RUDP_FRAME_PADDING);
	switch (lie) {
	case LIE_HOLES:
		write_holes(&w, liar, conn);
		break;
	case LIE_SUMS:
		write_sums(&w, prng);
		break;
	case LIE_RANGES:
		write_ack(&w, conn->replay.next > 0 ? conn->replay.next - 1 : 0);
		break;
	case LIE_UNSENT:
		write_ack(&w, conn->replay.next + below(prng, UINT64_C(1) << 40));
		break;
	case LIE_SMALL:
		write_small(&w, conn, prng);
		break;
	case LIE_CREDIT:
		write_credit(&w, conn, prng);
		break;
	case LIE_PATHS:
		write_paths(&w, prng);
		break;
	case LIE_PHASES:
		rudp_frame_write_ping(&w);
		break;
	case LIE_SHARES:
		write_shares(&w, conn, prng);
		break;
	case LIE_SPARES:
		write_spares(&w, prng);
		break;
	case LIE_NOISE:
		write_noise(&w, prng);
		break;
	case LIE_COUNT:
		break;
	}
	return rudp_writer_len(&w);
}
