/* SPDX-License-Identifier: MIT */
/*
 * Sums of any blocks, any rows, among pieces of the stream in any order, as the input has it.
 * Honest sums give back nothing but what has been sent; the others (first byte odd) anything, but
 * in bounds. In the end all comes again, and nothing is kept any more.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "proto/checks.h"
#include "proto/stream/fec_store.h"

#define STREAM_BYTES (1u << 18)
#define SYMBOL_MAX 2048u
#define STEPS_MAX 300
#define NOW (1000 * RUDP_NS_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct run {
	const uint8_t *input;
	size_t left;
	bool honest;
	struct rudp_recvbuf buf;
	struct rudp_fec_store store;
};

static const struct rudp_budget budget = {.limit_bytes = UINT64_MAX};
static uint8_t stream[STREAM_BYTES];
static struct rudp_ring sent; /* all of it, once for every input */

static uint32_t next(struct run *run, unsigned bytes)
{
	uint32_t value = 0;

	for (; bytes > 0; bytes--) {
		value = value << 8 | (run->left > 0 ? *run->input : 0);
		run->input += run->left > 0;
		run->left -= run->left > 0;
	}
	return value;
}

static void send_all(void)
{
	uint64_t state = 1;

	if (sent.blocks)
		return;
	for (size_t i = 0; i < sizeof stream; i++) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		stream[i] = (uint8_t)(state >> 56);
	}
	rudp_ring_init(&sent, STREAM_BYTES);
	assert(rudp_ring_write(&sent, stream, STREAM_BYTES) == 0);
}

static void arrive(struct run *run, uint64_t start, uint64_t end)
{
	end = end < STREAM_BYTES ? end : STREAM_BYTES;
	if (start < end)
		assert(rudp_recvbuf_take(&run->buf, start, stream + start, (size_t)(end - start),
					 false, NOW) == RUDP_VERDICT_OK);
	rudp_fec_store_on_bytes(&run->store, start, end);
}

static void read_some(struct run *run, size_t n)
{
	size_t there = rudp_recvbuf_available(&run->buf);
	uint64_t offset = run->buf.ring.head;
	struct iovec iov[2];
	int pieces;

	n = n < there ? n : there;
	pieces = rudp_ring_readable(&run->buf.ring, offset, n, iov);
	for (int i = 0; i < pieces; i++) {
		assert(!run->honest ||
		       memcmp(iov[i].iov_base, stream + offset, iov[i].iov_len) == 0);
		offset += iov[i].iov_len;
	}
	rudp_recvbuf_consume(&run->buf, n, 20 * RUDP_NS_PER_MS, NOW);
}

static void add(struct run *run)
{
	struct rudp_fec_block block = {
		.start = next(run, 2) * 3,
		.count = 1 + next(run, 1) % RUDP_FEC_COUNT_MAX,
		.symbol_bytes = 1 + next(run, 2) % SYMBOL_MAX,
	};
	uint8_t row = (uint8_t)(next(run, 1) % RUDP_FEC_ROWS_MAX);
	uint8_t sum[SYMBOL_MAX];

	if (rudp_fec_end(&block) > STREAM_BYTES)
		return;
	rudp_fec_symbol(&sent, &block, row, sum);
	if (!run->honest)
		sum[next(run, 2) % block.symbol_bytes] ^= (uint8_t)next(run, 1);
	(void)rudp_fec_store_add(&run->store, &run->buf, &block, row, sum);
}

static bool take_back(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct run *run = context;

	assert(len > 0 && offset < STREAM_BYTES && len <= STREAM_BYTES - offset);
	assert(!run->honest || memcmp(bytes, stream + offset, len) == 0);
	assert(rudp_recvbuf_take(&run->buf, offset, bytes, len, false, NOW) == RUDP_VERDICT_OK);
	rudp_fec_store_on_bytes(&run->store, offset, offset + len);
	return true;
}

static void solve(struct run *run)
{
	struct rudp_fec_store *store = &run->store;

	rudp_fec_store_solve(store, &run->buf, UINT64_MAX, take_back, run);
	assert(rudp_recvbuf_check(&run->buf));
	assert(store->group_count <= store->symbol_count &&
	       store->symbol_count <= RUDP_FEC_SYMBOLS_MAX);
	assert((store->group_count == 0) == (store->bytes == 0));
}

static void step(struct run *run)
{
	uint32_t at;

	switch (next(run, 1) % 8) {
	case 0:
	case 1:
	case 2:
		add(run);
		break;
	case 3:
	case 4:
	case 5:
		at = next(run, 2) * 4;
		arrive(run, at, at + 1 + next(run, 2));
		break;
	case 6:
		read_some(run, next(run, 2));
		break;
	default:
		if (next(run, 1) == 0xff)
			rudp_recvbuf_discard(&run->buf);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct run run = {.input = data, .left = len};
	uint8_t how = (uint8_t)next(&run, 1);

	send_all();
	run.honest = how % 2 == 0;
	rudp_recvbuf_init(&run.buf, STREAM_BYTES, &budget);
	run.buf.history_bytes = how & 2 ? RUDP_FEC_BLOCK_BYTES_MAX : 0;
	rudp_fec_store_init(&run.store);
	for (int i = 0; i < STEPS_MAX && run.left > 0; i++) {
		step(&run);
		solve(&run);
	}
	arrive(&run, 0, STREAM_BYTES);
	solve(&run);
	assert(run.store.bytes == 0 && run.buf.ring.tail == STREAM_BYTES);
	read_some(&run, STREAM_BYTES);
	rudp_fec_store_clear(&run.store);
	rudp_recvbuf_fini(&run.buf);
	return 0;
}
