/* SPDX-License-Identifier: MIT */
/*
 * sendq - the send queue of a connection: references to texts, never copies.
 *
 * Model    A text for several connections of one worker is one share. Queues point to the share and
 *          count their references without atomic operations, since only the worker's thread uses
 *          them. The atomic reference count of the text changes once for each share.
 * Memory   The first APO_SENDQ_FEW entries are in the queue itself; more are allocated, and freed
 *          when the queue is empty.
 * Threads  the worker.
 */
#ifndef APO_SERVER_SENDQ_H
#define APO_SERVER_SENDQ_H

#include <stddef.h>
#include <stdint.h>

#include "conversation/model/text.h"

#define APO_SENDQ_FEW 4 /* a power of two */

struct apo_share {
	struct apo_text *text; /* one reference, the share's */
	uint32_t users;        /* queues, and the code that distributes it; the last one frees it */
};

/* Takes over the caller's reference to text; the caller must put the share. NULL if memory is
 * short: the reference is released, too. */
struct apo_share *apo_share_new(struct apo_text *text);
void apo_share_put(struct apo_share *share);

struct apo_sendq {
	struct apo_share **items;
	uint32_t head, count, capacity; /* capacity is a power of two */
	uint32_t offset;                /* bytes of the first text that have been written */
	size_t bytes;                   /* to be written */
	struct apo_share *few[APO_SENDQ_FEW];
};

void apo_sendq_init(struct apo_sendq *queue);
void apo_sendq_fini(struct apo_sendq *queue);

/* Returns 0, or -ENOMEM: the queue is unchanged. */
int apo_sendq_add(struct apo_sendq *queue, struct apo_share *share);

/* The text at the index; index < queue->count. */
const struct apo_text *apo_sendq_text(const struct apo_sendq *queue, uint32_t index);

/* Copies the first bytes, at most size. Returns the number of bytes. */
size_t apo_sendq_gather(const struct apo_sendq *queue, char *bytes, size_t size);

/* Drops everything except the rest of a text that was written in part, and texts with one of the
 * first claimed_bytes bytes. */
void apo_sendq_cut(struct apo_sendq *queue, size_t claimed_bytes);

/* n bytes have been written. */
void apo_sendq_consume(struct apo_sendq *queue, size_t n);

#endif
