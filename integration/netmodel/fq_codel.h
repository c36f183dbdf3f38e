/* SPDX-License-Identifier: MIT */
/*
 * FQ-CoDel (RFC 8290): a queue for each flow, served in turn by deficit round robin, flows that
 * have just begun first; each queue is kept short by a CoDel of its own.
 */
#ifndef NETMODEL_FQ_CODEL_H
#define NETMODEL_FQ_CODEL_H

#include "codel.h"

enum {
	NM_FQ_QUEUES = 1024,        /* RFC 8290, section 5.2.1: flows are hashed into so many */
	NM_FQ_QUANTUM_BYTES = 1514, /* section 5.2.4 */
};

struct nm_fq_queue {
	struct nm_fq_queue *next;
	struct nm_fifo fifo;
	struct nm_codel codel;
	int64_t deficit_bytes;
	bool is_listed;
};

struct nm_fq_list {
	struct nm_fq_queue *first, *last;
};

struct nm_fq_codel {
	struct nm_codel_conf conf;
	struct nm_fq_queue *queues;
	struct nm_fq_list fresh, old;
	size_t bytes, packets;
};

/* Returns false when there is no memory. */
bool nm_fq_codel_init(struct nm_fq_codel *fq, const struct nm_codel_conf *conf);
/* The packets inside are the caller's, who takes them out first. */
void nm_fq_codel_fini(struct nm_fq_codel *fq);

/* The queue that this packet belongs to. */
struct nm_fq_queue *nm_fq_codel_queue(struct nm_fq_codel *fq, const struct nm_item *item);
void nm_fq_codel_enqueue(struct nm_fq_codel *fq, struct nm_item *item);
/* As nm_codel_dequeue(). */
struct nm_item *nm_fq_codel_dequeue(struct nm_fq_codel *fq, uint64_t now_ns,
				    struct nm_fifo *dropped);
/* Takes the first packet out of the queue with most bytes; NULL: all are empty. */
struct nm_item *nm_fq_codel_shed(struct nm_fq_codel *fq);

#endif
