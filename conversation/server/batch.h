/* SPDX-License-Identifier: MIT */
/*
 * batch - many small records from one thread to another in one piece of mail.
 *
 * Model    a batcher collects records in a chunk and puts the chunk into the taker's mailbox when
 *          it is full or when the sender's turn is over. The taker walks over the records and says
 *          when it is done with the chunk.
 * Limits   APO_BATCH_IN_FLIGHT_BYTES between one sender and one taker: a sender that has reached it
 *          (apo_batcher_is_full) adds no more of what it can hold back and is woken when half of it
 *          is done with. Records behind that are still taken: the limit is where reading stops.
 * Memory   a chunk that cannot be had ends the process with a message: without it threads cannot
 *          say anything to each other, not even that.
 * Threads  a batcher belongs to its sender, a chunk to who has it.
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
	int kind;                 /* of the mail */
	uint16_t sender;          /* whoever takes it sees it */
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

/* Every record begins with it. */
struct apo_record {
	uint32_t size_bytes; /* with this, rounded up to 8 */
	uint32_t kind;
};

void apo_batcher_init(struct apo_batcher *batcher, struct apo_mailbox *to, struct apo_mailbox *back,
		      int kind, uint16_t sender);
/* What was not flushed is dropped. */
void apo_batcher_fini(struct apo_batcher *batcher);

/* Room for a record of size_bytes with its header filled in. It stays where it is until the next
 * call on the batcher. */
void *apo_batcher_add(struct apo_batcher *batcher, uint32_t kind, size_t size_bytes);

/* Makes the record added last longer by more_bytes; false when the chunk is full. */
bool apo_batcher_extend(struct apo_batcher *batcher, struct apo_record *last, size_t more_bytes);

void apo_batcher_flush(struct apo_batcher *batcher);

/* Asks to be woken, too, if it is. */
bool apo_batcher_is_full(struct apo_batcher *batcher);

/* The record behind this one, the first when it is NULL; NULL at the end. */
const struct apo_record *apo_batch_next(const struct apo_batch *batch,
					const struct apo_record *record);

/* The taker needs the chunk no more. */
void apo_batch_done(struct apo_batch *batch);

#endif
