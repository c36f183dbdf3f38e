/* SPDX-License-Identifier: MIT */
/*
 * sendq - what a connection has still to write: references to texts, never copies.
 *
 * Model    a text that a worker has been given for several of its connections is one share; queues
 *          hold pointers to it and count in plain memory, as only this worker's thread does. The
 *          text's own atomic count is touched once a share.
 * Memory   APO_SENDQ_FEW places are in the queue itself; more are allocated, and freed as soon as
 *          the queue is empty.
 * Threads  the worker's.
 */
#ifndef APO_SERVER_SENDQ_H
#define APO_SERVER_SENDQ_H

#include <stddef.h>
#include <stdint.h>

#include "conversation/model/text.h"

#define APO_SENDQ_FEW 4 /* a power of two */

struct apo_share {
	struct apo_text *text; /* one reference, the share's */
	uint32_t users;        /* queues, and whoever hands it out; the last one frees it */
};

/* Takes over the caller's reference of text, and is the caller's to put. NULL without memory: then
 * the reference is gone, too. */
struct apo_share *apo_share_new(struct apo_text *text);
void apo_share_put(struct apo_share *share);

struct apo_sendq {
	struct apo_share **items;
	uint32_t head, count, capacity; /* capacity is a power of two */
	uint32_t offset;                /* bytes of the first that have been written */
	size_t bytes;                   /* to be written */
	struct apo_share *few[APO_SENDQ_FEW];
};

void apo_sendq_init(struct apo_sendq *queue);
void apo_sendq_fini(struct apo_sendq *queue);

/* Returns 0 or -ENOMEM: then the queue is as it was. */
int apo_sendq_add(struct apo_sendq *queue, struct apo_share *share);

/* The index-th of queue->count. */
const struct apo_text *apo_sendq_text(const struct apo_sendq *queue, uint32_t index);

/* Copies the first bytes, at most size. Returns how many. */
size_t apo_sendq_gather(const struct apo_sendq *queue, char *bytes, size_t size);

/* Drops all but the rest of a text that has been written in part. */
void apo_sendq_cut(struct apo_sendq *queue);

/* So many of them have been written. */
void apo_sendq_consume(struct apo_sendq *queue, size_t n);

#endif
