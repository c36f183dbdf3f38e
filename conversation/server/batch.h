/* SPDX-License-Identifier: MIT */
/*
 * batch - sends many small records from one thread to another as one piece of mail.
 *
 * Model    A batcher collects records in a chunk. It puts the chunk into the receiver's mailbox
 *          when the chunk is full or when the sender's turn ends. The receiver walks over the
 *          records and releases the chunk.
 * Limits   APO_BATCH_IN_FLIGHT_BYTES between one sender and one receiver. At the limit
 *          (apo_batcher_is_full) the sender must stop reading new input; it is woken when half of
 *          the bytes are released. Records that cannot be held back are still accepted.
 * Memory   If a chunk cannot be allocated, the process ends with a message: without chunks its
 *          threads cannot communicate, not even about the failure.
 * Threads  a batcher belongs to its sender, a chunk to the thread that holds it.
 */
#ifndef APO_SERVER_BATCH_H
#define APO_SERVER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversation/server/mailbox.h"

#define APO_BATCH_CHUNK_BYTES ((size_t)32 * 1024)
#define APO_BATCH_IN_FLIGHT_BYTES ((size_t)4 * 1024 * 1024)

struct apo_batcher {
	struct apo_mailbox *to;
	struct apo_mailbox *back; /* woken when there is room again */
	int kind;                 /* kind of the mail */
	uint16_t sender;          /* the receiver sees it */
	struct apo_batch *open;
	atomic_size_t in_flight_bytes;
	atomic_bool is_waiting;
};

struct apo_batch {
	struct apo_mail mail;
	struct apo_batcher *from;
	size_t used_bytes, size_bytes;
	_Alignas(16) uint8_t bytes[];
};

/* The head of every record. */
struct apo_record {
	uint32_t size_bytes; /* including this head, rounded up to 8 */
	uint32_t kind;
};

void apo_batcher_init(struct apo_batcher *batcher, struct apo_mailbox *to, struct apo_mailbox *back,
		      int kind, uint16_t sender);
/* Drops what was not flushed. */
void apo_batcher_fini(struct apo_batcher *batcher);

/* Adds a record of size_bytes and fills in its head. The pointer is valid until the next call on
 * the batcher. */
void *apo_batcher_add(struct apo_batcher *batcher, uint32_t kind, size_t size_bytes);

/* Adds a copy of a record of size_bytes and of its strings, which follow it. The pointers at these
 * offsets lead to the copies; those that are NULL stay so. */
void apo_batcher_add_strings(struct apo_batcher *batcher, uint32_t kind, const void *record,
			     size_t size_bytes, const size_t *offsets, unsigned count);

/* Makes the last record longer by more_bytes. Returns false if the chunk is full. */
bool apo_batcher_extend(struct apo_batcher *batcher, struct apo_record *last, size_t more_bytes);

void apo_batcher_flush(struct apo_batcher *batcher);

/* If it is full, the sender will be woken when there is room. */
bool apo_batcher_is_full(struct apo_batcher *batcher);

/* The next record; the first one if record is NULL. NULL at the end. */
const struct apo_record *apo_batch_next(const struct apo_batch *batch,
					const struct apo_record *record);

/* The receiver releases the chunk. */
void apo_batch_done(struct apo_batch *batch);

#endif
