/* SPDX-License-Identifier: MIT */
/* docs/protocol.md section 9.7. */
#include "proto/repair_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/gf256.h"

#define HOLES_MAX 64u          /* in a block that is worth a look: each is a packet at least */
#define PIECES_PER_BYTE_MAX 2u /* to solve for each byte of a sum, at most ... */
#define SUM_COST_BYTES 32u     /* ... and as many as for these, whatever its length */

struct rudp_repair_group {
	struct rudp_repair_block block;
	unsigned count;
	uint8_t rows[RUDP_REPAIR_SOLVE_MAX];
	uint8_t *sums[RUDP_REPAIR_SOLVE_MAX];
};

/* Bytes of a block, from its start on. */
struct span {
	uint32_t start, end;
};

/*
 * What is missing in a block. The columns between two cuts miss the same symbols: no hole begins or
 * ends in between.
 */
struct gaps {
	const struct rudp_repair_block *block;
	struct span holes[HOLES_MAX];
	unsigned hole_count;
	uint32_t cuts[2 * HOLES_MAX + 2]; /* columns, ascending, from 0 to symbol_bytes */
	unsigned cut_count;
};

void rudp_repair_store_init(struct rudp_repair_store *store)
{
	*store = (struct rudp_repair_store){0};
}

static void free_group(struct rudp_repair_group *group)
{
	for (unsigned i = 0; i < group->count; i++)
		free(group->sums[i]);
	free(group);
}

/* It is the caller's then. */
static struct rudp_repair_group *take_out(struct rudp_repair_store *store, unsigned at)
{
	struct rudp_repair_group *group = store->groups[at];

	store->group_count--;
	for (unsigned i = at; i < store->group_count; i++)
		store->groups[i] = store->groups[i + 1];
	store->sum_count -= group->count;
	store->bytes -= sizeof *group + (uint64_t)group->count * group->block.symbol_bytes;
	return group;
}

void rudp_repair_store_clear(struct rudp_repair_store *store)
{
	while (store->group_count > 0)
		free_group(take_out(store, store->group_count - 1));
}

static bool is_complete(const struct rudp_recvbuf *buf, const struct rudp_repair_block *block)
{
	uint64_t end = rudp_repair_end(block);
	uint64_t tail = buf->ring.tail;

	return tail >= end ||
	       rudp_range_set_covers(&buf->pending, tail > block->start ? tail : block->start, end);
}

static bool is_gone(const struct rudp_recvbuf *buf, const struct rudp_repair_block *block)
{
	return buf->discarding || block->start < rudp_ring_kept(&buf->ring);
}

/* No sender of ours makes larger ones: what a peer can have us compute and hold is bounded by it. */
static bool is_fitting(const struct rudp_repair_block *block)
{
	return block->symbol_bytes <= RUDP_REPAIR_DATAGRAM_MAX_BYTES &&
	       rudp_repair_end(block) - block->start <= RUDP_REPAIR_BLOCK_BYTES_MAX;
}

static struct rudp_repair_group *find_group(const struct rudp_repair_store *store, uint64_t start)
{
	for (unsigned i = 0; i < store->group_count; i++)
		if (store->groups[i]->block.start == start)
			return store->groups[i];
	return NULL;
}

static struct rudp_repair_group *new_group(struct rudp_repair_store *store,
					   const struct rudp_repair_block *block)
{
	struct rudp_repair_group *group = calloc(1, sizeof *group);

	if (!group)
		return NULL;
	group->block = *block;
	store->groups[store->group_count++] = group;
	store->bytes += sizeof *group;
	return group;
}

static bool has_row(const struct rudp_repair_group *group, uint8_t row)
{
	return memchr(group->rows, row, group->count) != NULL;
}

static bool is_same_block(const struct rudp_repair_block *a, const struct rudp_repair_block *b)
{
	return a->start == b->start && a->count == b->count && a->symbol_bytes == b->symbol_bytes;
}

/* group: its block's, or NULL. No group stays without a sum. */
static int keep(struct rudp_repair_store *store, struct rudp_repair_group *group,
		const struct rudp_repair_block *block, uint8_t row, const uint8_t *sum)
{
	uint8_t *copy = malloc(block->symbol_bytes);

	if (copy && !group)
		group = new_group(store, block);
	if (!copy || !group) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, sum, block->symbol_bytes);
	group->rows[group->count] = row;
	group->sums[group->count++] = copy;
	store->has_news = true;
	store->sum_count++;
	store->bytes += block->symbol_bytes;
	return 0;
}

int rudp_repair_store_add(struct rudp_repair_store *store, const struct rudp_recvbuf *buf,
			  const struct rudp_repair_block *block, uint8_t row, const uint8_t *sum)
{
	struct rudp_repair_group *group = find_group(store, block->start);

	if (is_complete(buf, block))
		return 0;
	if (is_gone(buf, block) || !is_fitting(block) ||
	    (group && !is_same_block(&group->block, block)))
		return -ERANGE;
	if (group && has_row(group, row))
		return 0;
	if (store->sum_count == RUDP_REPAIR_SUMS_MAX ||
	    (group ? group->count == RUDP_REPAIR_SOLVE_MAX
		   : store->group_count == RUDP_REPAIR_BLOCKS_MAX))
		return -ENOSPC;
	return keep(store, group, block, row, sum);
}

/* false: too many. */
static bool find_holes(const struct rudp_recvbuf *buf, struct gaps *gaps)
{
	const struct rudp_repair_block *block = gaps->block;
	uint64_t end = rudp_repair_end(block);
	uint64_t at = block->start > buf->ring.tail ? block->start : buf->ring.tail;

	gaps->hole_count = 0;
	while (at < end) {
		const struct rudp_range *range = rudp_range_set_find(&buf->pending, at);
		uint64_t hole_end = range && range->start < end ? range->start : end;

		if (at < hole_end) {
			if (gaps->hole_count == HOLES_MAX)
				return false;
			gaps->holes[gaps->hole_count++] =
				(struct span){(uint32_t)(at - block->start),
					      (uint32_t)(hole_end - block->start)};
		}
		at = range && range->start < end ? range->end : end;
	}
	return true;
}

static void add_cut(struct gaps *gaps, uint32_t column)
{
	unsigned at = gaps->cut_count;

	while (at > 0 && gaps->cuts[at - 1] > column)
		at--;
	if (at > 0 && gaps->cuts[at - 1] == column)
		return;
	memmove(gaps->cuts + at + 1, gaps->cuts + at, (gaps->cut_count - at) * sizeof *gaps->cuts);
	gaps->cuts[at] = column;
	gaps->cut_count++;
}

static void find_cuts(struct gaps *gaps)
{
	uint32_t symbol_bytes = gaps->block->symbol_bytes;

	gaps->cut_count = 0;
	add_cut(gaps, 0);
	add_cut(gaps, symbol_bytes);
	for (unsigned i = 0; i < gaps->hole_count; i++) {
		add_cut(gaps, gaps->holes[i].start % symbol_bytes);
		add_cut(gaps, gaps->holes[i].end % symbol_bytes);
	}
}

/* The symbols that miss the columns between two cuts. Their number; more than max are not looked for. */
static unsigned missing_symbols(const struct gaps *gaps, unsigned cut, unsigned max, uint8_t *symbols)
{
	uint32_t first = gaps->cuts[cut], end = gaps->cuts[cut + 1];
	uint32_t symbol_bytes = gaps->block->symbol_bytes;
	unsigned count = 0;

	for (unsigned i = 0; i < gaps->hole_count; i++) {
		const struct span *hole = &gaps->holes[i];
		uint32_t symbol = hole->start > first
					  ? (hole->start - first + symbol_bytes - 1) / symbol_bytes
					  : 0;

		for (; symbol * symbol_bytes + end <= hole->end; symbol++) {
			if (count == max)
				return max + 1;
			symbols[count++] = (uint8_t)symbol;
		}
	}
	return count;
}

/* The cut at this column, of which there is one. */
static unsigned cut_at(const struct gaps *gaps, uint32_t column)
{
	unsigned low = 0, high = gaps->cut_count - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (gaps->cuts[middle] < column)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * How many sums it takes: as many as symbols miss the same column. A hole takes a byte of each column as
 * often as it is symbols long, and one more from where it begins to where it ends.
 */
static unsigned sums_needed(const struct gaps *gaps)
{
	int change[2 * HOLES_MAX + 2] = {0}; /* at each cut, of the symbols missing from there on */
	int missing = 0, most = 0;

	for (unsigned i = 0; i < gaps->hole_count; i++) {
		const struct span *hole = &gaps->holes[i];
		uint32_t first = hole->start % gaps->block->symbol_bytes;
		uint32_t end = hole->end % gaps->block->symbol_bytes;

		missing += (int)((hole->end - hole->start) / gaps->block->symbol_bytes);
		missing += first > end; /* around the end of the columns */
		change[cut_at(gaps, first)]++;
		change[cut_at(gaps, end)]--;
	}
	for (unsigned cut = 0; cut + 1 < gaps->cut_count; cut++) {
		missing += change[cut];
		if (missing > most)
			most = missing;
	}
	return (unsigned)most;
}

/* All that is there is subtracted: a sum of what is missing is left. */
static void reduce(const struct gaps *gaps, const struct rudp_ring *ring, uint8_t row, uint8_t *sum)
{
	const struct rudp_repair_block *block = gaps->block;
	uint64_t at = block->start;

	for (unsigned i = 0; i < gaps->hole_count; i++) {
		rudp_repair_subtract(ring, block, row, at, block->start + gaps->holes[i].start, sum);
		at = block->start + gaps->holes[i].end;
	}
	rudp_repair_subtract(ring, block, row, at, rudp_repair_end(block), sum);
}

/* The columns between two cuts; piece: room for them. false: stop. */
static bool give(struct rudp_repair_store *store, const struct gaps *gaps, unsigned cut,
		 const struct rudp_repair_group *group, uint8_t *piece, rudp_repaired *repaired,
		 void *context)
{
	uint8_t symbols[RUDP_REPAIR_SOLVE_MAX];
	uint8_t inverse[RUDP_REPAIR_SOLVE_MAX * RUDP_REPAIR_SOLVE_MAX];
	uint32_t first = gaps->cuts[cut], len = gaps->cuts[cut + 1] - first;
	unsigned n = missing_symbols(gaps, cut, group->count, symbols);

	rudp_repair_solve(group->rows, symbols, n, inverse);
	for (unsigned i = 0; i < n; i++) {
		memset(piece, 0, len);
		for (unsigned j = 0; j < n; j++)
			rudp_gf256_multiply_add(piece, group->sums[j] + first, inverse[i * n + j],
						len);
		store->repaired_bytes += len;
		if (!repaired(context,
			      group->block.start +
				      (uint64_t)symbols[i] * group->block.symbol_bytes + first,
			      piece, len))
			return false;
	}
	return true;
}

/* The group is in the store no more. */
static void give_all(struct rudp_repair_store *store, const struct gaps *gaps, unsigned needed,
		     struct rudp_repair_group *group, const struct rudp_ring *ring,
		     rudp_repaired *repaired, void *context)
{
	uint8_t *piece = malloc(group->block.symbol_bytes);
	bool goes_on = piece != NULL;

	for (unsigned i = 0; i < needed && goes_on; i++)
		reduce(gaps, ring, group->rows[i], group->sums[i]);
	for (unsigned cut = 0; cut + 1 < gaps->cut_count && goes_on; cut++)
		goes_on = give(store, gaps, cut, group, piece, repaired, context);
	free(piece);
	free_group(group);
}

/*
 * To solve takes time in proportion to pieces and the square of the sums; who sends them pays for their
 * bytes. Packets of a burst are about as long as a symbol, so there are few pieces, and long ones.
 * Whoever fragments the block until there is a piece for each byte would have us work for milliseconds
 * for each datagram of his: that block comes again instead.
 */
static bool is_worth_it(const struct gaps *gaps, unsigned needed)
{
	return (gaps->cut_count - 1) * needed <=
	       PIECES_PER_BYTE_MAX * (gaps->block->symbol_bytes + SUM_COST_BYTES);
}

/* true: the group has gone, one way or the other. */
static bool try_group(struct rudp_repair_store *store, unsigned at, const struct rudp_recvbuf *buf,
		      rudp_repaired *repaired, void *context)
{
	struct rudp_repair_group *group = store->groups[at];
	struct gaps gaps = {.block = &group->block};
	unsigned needed;

	if (is_complete(buf, &group->block) || is_gone(buf, &group->block)) {
		free_group(take_out(store, at));
		return true;
	}
	if (!find_holes(buf, &gaps))
		return false;
	find_cuts(&gaps);
	needed = sums_needed(&gaps);
	if (needed > group->count || !is_worth_it(&gaps, needed))
		return false;
	give_all(store, &gaps, needed, take_out(store, at), &buf->ring, repaired, context);
	return true;
}

void rudp_repair_store_solve(struct rudp_repair_store *store, const struct rudp_recvbuf *buf,
			     rudp_repaired *repaired, void *context)
{
	for (unsigned at = 0; at < store->group_count;)
		if (!try_group(store, at, buf, repaired, context))
			at++;
}
