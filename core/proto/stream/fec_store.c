/* SPDX-License-Identifier: MIT */
/* docs/protocol.md section 9.7. */
#include "proto/stream/fec_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/gf256.h"

/* a block with more holes is not examined; each hole is at least one packet */
#define HOLES_MAX 64u
#define PIECES_PER_BYTE_MAX 2u /* pieces to solve per byte of a repair symbol, at most, ... */
#define SYMBOL_COST_BYTES 32u /* ... plus those for this many bytes, whatever the symbol's length */

/* Work, in units of about 10 ns. */
#define BYTES_PER_WORK 100u     /* bytes that multiply_add (gf256.h) handles */
#define WORK_PER_BLOCK 10u      /* to find the holes of a block, ... */
#define WORK_PER_HOLE 6u        /* ... and for each hole */
#define SLICE_BYTES (32u << 10) /* bytes of a block subtracted in one step: 330 units */

struct rudp_fec_group {
	struct rudp_fec_block block;
	bool has_news; /* bytes or repair symbols of it arrived since it was last examined */
	unsigned count;
	uint8_t rows[RUDP_FEC_SOLVE_MAX];
	uint8_t *symbols[RUDP_FEC_SOLVE_MAX];
};

/* Byte positions in a block, relative to its start. */
struct span {
	uint32_t start, end;
};

/*
 * The missing bytes of a block. Between two cuts all columns miss the same symbols: no hole begins
 * or ends in between.
 */
struct gaps {
	const struct rudp_fec_block *block;
	struct span holes[HOLES_MAX];
	unsigned hole_count;
	uint32_t cuts[2 * HOLES_MAX + 2]; /* columns, ascending, from 0 to symbol_bytes */
	unsigned cut_count;
};

/*
 * The state of solving a block, with its holes as they were at the beginning. Bytes that arrive
 * meanwhile do not matter: only the bytes present at the beginning are subtracted from the repair
 * symbols.
 */
struct rudp_fec_job {
	struct rudp_fec_group *group;
	struct gaps gaps;
	unsigned needed;
	unsigned reduced;      /* repair symbols from which all known bytes are subtracted */
	uint32_t at;           /* subtracted from the next repair symbol up to this position */
	unsigned cut;          /* index of the columns to solve next */
	unsigned symbol;       /* index in symbols of the one to recover next */
	unsigned symbol_count; /* missing in these columns; 0: the matrix is not inverted yet */
	uint8_t symbols[RUDP_FEC_SOLVE_MAX];
	uint8_t inverse[RUDP_FEC_SOLVE_MAX * RUDP_FEC_SOLVE_MAX];
	uint8_t piece[]; /* symbol_bytes long */
};

void rudp_fec_store_init(struct rudp_fec_store *store)
{
	*store = (struct rudp_fec_store){0};
}

static void free_group(struct rudp_fec_group *group)
{
	for (unsigned i = 0; i < group->count; i++)
		free(group->symbols[i]);
	free(group);
}

static uint64_t job_bytes(const struct rudp_fec_group *group)
{
	return sizeof(struct rudp_fec_job) + group->block.symbol_bytes;
}

static void end_job(struct rudp_fec_store *store)
{
	if (!store->job)
		return;
	store->bytes -= job_bytes(store->job->group);
	free(store->job);
	store->job = NULL;
}

static void drop(struct rudp_fec_store *store, unsigned at)
{
	struct rudp_fec_group *group = store->groups[at];

	if (store->job && store->job->group == group)
		end_job(store);
	store->group_count--;
	for (unsigned i = at; i < store->group_count; i++)
		store->groups[i] = store->groups[i + 1];
	store->symbol_count -= group->count;
	store->bytes -= sizeof *group + (uint64_t)group->count * group->block.symbol_bytes;
	free_group(group);
}

void rudp_fec_store_clear(struct rudp_fec_store *store)
{
	while (store->group_count > 0)
		drop(store, store->group_count - 1);
	store->has_news = false;
}

static bool is_complete(const struct rudp_recvbuf *buf, const struct rudp_fec_block *block)
{
	uint64_t end = rudp_fec_end(block);
	uint64_t tail = buf->ring.tail;

	return tail >= end ||
	       rudp_range_set_covers(&buf->pending, tail > block->start ? tail : block->start, end);
}

static bool is_gone(const struct rudp_recvbuf *buf, const struct rudp_fec_block *block)
{
	return buf->discarding || block->start < rudp_ring_kept(&buf->ring);
}

/* No rudp sender uses larger blocks. The limit bounds the work and memory that a peer can cause. */
static bool is_fitting(const struct rudp_fec_block *block)
{
	return block->symbol_bytes <= RUDP_FEC_DATAGRAM_MAX_BYTES &&
	       rudp_fec_end(block) - block->start <= RUDP_FEC_BLOCK_BYTES_MAX;
}

static struct rudp_fec_group *find_group(const struct rudp_fec_store *store, uint64_t start)
{
	for (unsigned i = 0; i < store->group_count; i++)
		if (store->groups[i]->block.start == start)
			return store->groups[i];
	return NULL;
}

static struct rudp_fec_group *new_group(struct rudp_fec_store *store,
					const struct rudp_fec_block *block)
{
	struct rudp_fec_group *group = calloc(1, sizeof *group);

	if (!group)
		return NULL;
	group->block = *block;
	store->groups[store->group_count++] = group;
	store->bytes += sizeof *group;
	return group;
}

static bool has_row(const struct rudp_fec_group *group, uint8_t row)
{
	return memchr(group->rows, row, group->count) != NULL;
}

static bool is_same_block(const struct rudp_fec_block *a, const struct rudp_fec_block *b)
{
	return a->start == b->start && a->count == b->count && a->symbol_bytes == b->symbol_bytes;
}

/* group is the block's group, or NULL. No group is created without a repair symbol. */
static int keep(struct rudp_fec_store *store, struct rudp_fec_group *group,
		const struct rudp_fec_block *block, uint8_t row, const uint8_t *symbol)
{
	uint8_t *copy = malloc(block->symbol_bytes);

	if (copy && !group)
		group = new_group(store, block);
	if (!copy || !group) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, symbol, block->symbol_bytes);
	group->rows[group->count] = row;
	group->symbols[group->count++] = copy;
	group->has_news = true;
	store->has_news = true;
	store->symbol_count++;
	store->bytes += block->symbol_bytes;
	return 0;
}

static bool is_useless(const struct rudp_recvbuf *buf, const struct rudp_fec_group *group)
{
	return is_complete(buf, &group->block) || is_gone(buf, &group->block);
}

/*
 * Drops useless blocks. Such blocks remain if none of their bytes arrived since they became
 * useless.
 */
static void make_room(struct rudp_fec_store *store, const struct rudp_recvbuf *buf)
{
	store->work += WORK_PER_BLOCK * store->group_count;
	for (unsigned at = store->group_count; at-- > 0;)
		if (is_useless(buf, store->groups[at]))
			drop(store, at);
}

static bool is_full(const struct rudp_fec_store *store, const struct rudp_fec_group *group)
{
	return store->symbol_count == RUDP_FEC_SYMBOLS_MAX ||
	       (group ? group->count == RUDP_FEC_SOLVE_MAX
		      : store->group_count == RUDP_FEC_BLOCKS_MAX);
}

int rudp_fec_store_add(struct rudp_fec_store *store, const struct rudp_recvbuf *buf,
		       const struct rudp_fec_block *block, uint8_t row, const uint8_t *symbol)
{
	struct rudp_fec_group *group = find_group(store, block->start);

	if (is_complete(buf, block))
		return 0;
	if (is_gone(buf, block) || !is_fitting(block) ||
	    (group && !is_same_block(&group->block, block)))
		return -ERANGE;
	if (group && has_row(group, row))
		return 0;
	if (is_full(store, group))
		make_room(store, buf);
	if (is_full(store, group))
		return -ENOSPC;
	return keep(store, group, block, row, symbol);
}

void rudp_fec_store_on_bytes(struct rudp_fec_store *store, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < store->group_count; i++) {
		struct rudp_fec_group *group = store->groups[i];

		if (start >= rudp_fec_end(&group->block) || end <= group->block.start)
			continue;
		group->has_news = true;
		store->has_news = true;
	}
}

/* Finds the holes. False if there are too many. */
static bool find_holes(const struct rudp_recvbuf *buf, struct gaps *gaps)
{
	const struct rudp_fec_block *block = gaps->block;
	uint64_t end = rudp_fec_end(block);
	uint64_t at = block->start > buf->ring.tail ? block->start : buf->ring.tail;
	const struct rudp_range *range = rudp_range_set_find(&buf->pending, at);
	/* If there is no range, the array may not exist. */
	const struct rudp_range *last = range ? buf->pending.ranges + buf->pending.count : NULL;

	gaps->hole_count = 0;
	for (; at < end; range = range && range + 1 < last ? range + 1 : NULL) {
		uint64_t hole_end = range && range->start < end ? range->start : end;

		if (at < hole_end) {
			if (gaps->hole_count == HOLES_MAX)
				return false;
			gaps->holes[gaps->hole_count++] = (struct span){
				(uint32_t)(at - block->start), (uint32_t)(hole_end - block->start)};
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

/*
 * Lists the symbols that miss the columns between two cuts. Returns their number; stops above max.
 */
static unsigned missing_symbols(const struct gaps *gaps, unsigned cut, unsigned max,
				uint8_t *symbols)
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

/* The index of the cut at this column, which must exist. */
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
 * The number of repair symbols needed: the largest number of symbols that miss the same column. A
 * hole contains each column once per whole symbol of its length, and the columns from its start to
 * its end once more.
 */
static unsigned symbols_needed(const struct gaps *gaps)
{
	/* change at each cut of the number of missing symbols */
	int change[2 * HOLES_MAX + 2] = {0};
	int missing = 0, most = 0;

	for (unsigned i = 0; i < gaps->hole_count; i++) {
		const struct span *hole = &gaps->holes[i];
		uint32_t first = hole->start % gaps->block->symbol_bytes;
		uint32_t end = hole->end % gaps->block->symbol_bytes;

		missing += (int)((hole->end - hole->start) / gaps->block->symbol_bytes);
		missing += first > end; /* it wraps around the end of the columns */
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

/*
 * Subtracts the known bytes in [start, end) of the block from a repair symbol. In the end it covers
 * only the missing bytes.
 */
static void reduce(const struct gaps *gaps, const struct rudp_ring *ring, uint8_t row,
		   uint8_t *symbol, uint32_t start, uint32_t end)
{
	const struct rudp_fec_block *block = gaps->block;
	uint32_t at = start;

	for (unsigned i = 0; i < gaps->hole_count && at < end; i++) {
		const struct span *hole = &gaps->holes[i];

		if (hole->end <= at)
			continue;
		if (hole->start >= end)
			break;
		if (hole->start > at)
			rudp_fec_subtract(ring, block, row, block->start + at,
					  block->start + hole->start, symbol);
		at = hole->end;
	}
	if (at < end)
		rudp_fec_subtract(ring, block, row, block->start + at, block->start + end, symbol);
}

/* Subtracts the next slice of the block from the current repair symbol. */
static void reduce_slice(struct rudp_fec_store *store, const struct rudp_ring *ring)
{
	struct rudp_fec_job *job = store->job;
	const struct rudp_fec_group *group = job->group;
	uint32_t block_bytes = (uint32_t)(rudp_fec_end(&group->block) - group->block.start);
	uint32_t left = block_bytes - job->at;
	uint32_t len = left < SLICE_BYTES ? left : SLICE_BYTES;

	reduce(&job->gaps, ring, group->rows[job->reduced], group->symbols[job->reduced], job->at,
	       job->at + len);
	store->work += WORK_PER_BLOCK + len / BYTES_PER_WORK + job->gaps.hole_count +
		       len / group->block.symbol_bytes;
	job->at += len;
	if (job->at < block_bytes)
		return;
	job->at = 0;
	job->reduced++;
}

/* Computes, for the columns between two cuts, which symbols miss them, and the inverse matrix. */
static void invert(struct rudp_fec_store *store)
{
	struct rudp_fec_job *job = store->job;

	job->symbol_count = missing_symbols(&job->gaps, job->cut, job->group->count, job->symbols);
	job->symbol = 0;
	rudp_fec_solve(job->group->rows, job->symbols, job->symbol_count, job->inverse);
	store->work += 1 + job->symbol_count * job->symbol_count;
	if (job->symbol_count == 0)
		job->cut++;
}

/*
 * Recovers the bytes of the next symbol between the cuts. False: stop; the store may be empty then.
 */
static bool give(struct rudp_fec_store *store, rudp_fec_recovered *repaired, void *context)
{
	struct rudp_fec_job *job = store->job;
	const struct rudp_fec_block *block = &job->group->block;
	uint32_t first = job->gaps.cuts[job->cut], len = job->gaps.cuts[job->cut + 1] - first;
	unsigned n = job->symbol_count, i = job->symbol++;
	uint64_t offset = block->start + (uint64_t)job->symbols[i] * block->symbol_bytes + first;

	memset(job->piece, 0, len);
	for (unsigned j = 0; j < n; j++)
		rudp_gf256_multiply_add(job->piece, job->group->symbols[j] + first,
					job->inverse[i * n + j], len);
	if (job->symbol == n) {
		job->cut++;
		job->symbol_count = 0;
	}
	store->work += n * (1 + len / BYTES_PER_WORK);
	store->repaired_bytes += len;
	return repaired(context, offset, job->piece, len);
}

/*
 * The time to solve is proportional to the number of pieces and to the square of the number of
 * repair symbols, while a sender pays for the bytes of repair symbols only. Packets of a burst are
 * about as long as a symbol, so there are few and long pieces. A peer could fragment a block until
 * each byte is a piece, and cause milliseconds of work per datagram. Such a block is left to
 * retransmission.
 */
static bool is_worth_it(const struct gaps *gaps, unsigned needed)
{
	return (gaps->cut_count - 1) * needed <=
	       PIECES_PER_BYTE_MAX * (gaps->block->symbol_bytes + SYMBOL_COST_BYTES);
}

/* A repair symbol recovers one byte of each column, so this is the upper limit. */
static bool may_suffice(const struct gaps *gaps, unsigned symbols)
{
	uint64_t missing = 0;

	for (unsigned i = 0; i < gaps->hole_count; i++)
		missing += gaps->holes[i].end - gaps->holes[i].start;
	return missing <= (uint64_t)symbols * gaps->block->symbol_bytes;
}

/* Without memory the block is dropped, and the sender retransmits its missing bytes. */
static void begin_job(struct rudp_fec_store *store, unsigned at, const struct gaps *gaps,
		      unsigned needed)
{
	struct rudp_fec_group *group = store->groups[at];
	struct rudp_fec_job *job = malloc(job_bytes(group));

	if (!job) {
		drop(store, at);
		return;
	}
	*job = (struct rudp_fec_job){.group = group, .gaps = *gaps, .needed = needed};
	store->job = job;
	store->bytes += job_bytes(group);
}

/* Drops the block if it is useless; starts to solve it if that is possible. */
static void examine(struct rudp_fec_store *store, unsigned at, const struct rudp_recvbuf *buf)
{
	struct rudp_fec_group *group = store->groups[at];
	struct gaps gaps = {.block = &group->block};
	unsigned needed;

	store->work += WORK_PER_BLOCK;
	group->has_news = false;
	if (is_useless(buf, group)) {
		drop(store, at);
		return;
	}
	if (!find_holes(buf, &gaps) || !may_suffice(&gaps, group->count))
		return;
	store->work += WORK_PER_HOLE * gaps.hole_count;
	find_cuts(&gaps);
	needed = symbols_needed(&gaps);
	if (needed <= group->count && is_worth_it(&gaps, needed))
		begin_job(store, at, &gaps, needed);
}

/* Examines the next block that has news. False if there is none. */
static bool examine_next(struct rudp_fec_store *store, const struct rudp_recvbuf *buf)
{
	for (unsigned at = 0; at < store->group_count; at++)
		if (store->groups[at]->has_news) {
			examine(store, at, buf);
			return true;
		}
	return false;
}

static void drop_solved(struct rudp_fec_store *store)
{
	for (unsigned at = 0; at < store->group_count; at++)
		if (store->job && store->groups[at] == store->job->group)
			drop(store, at);
}

static void go_on(struct rudp_fec_store *store, const struct rudp_recvbuf *buf,
		  rudp_fec_recovered *repaired, void *context)
{
	struct rudp_fec_job *job = store->job;
	bool goes_on = true;

	if (is_complete(buf, &job->group->block) ||
	    (job->reduced < job->needed && is_gone(buf, &job->group->block)) ||
	    job->cut + 1 >= job->gaps.cut_count) {
		drop_solved(store);
		return;
	}
	if (job->reduced < job->needed)
		reduce_slice(store, &buf->ring);
	else if (job->symbol_count == 0)
		invert(store);
	else
		goes_on = give(store, repaired, context);
	if (!goes_on)
		drop_solved(store);
}

void rudp_fec_store_solve(struct rudp_fec_store *store, const struct rudp_recvbuf *buf,
			  uint64_t work_max, rudp_fec_recovered *repaired, void *context)
{
	uint64_t from = store->work;

	store->has_news = true;
	while (store->work - from < work_max) {
		if (store->job) {
			go_on(store, buf, repaired, context);
		} else if (!examine_next(store, buf)) {
			store->has_news = false;
			return;
		}
	}
}
