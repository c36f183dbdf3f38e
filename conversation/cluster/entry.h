/* SPDX-License-Identifier: MIT */
/*
 * entry - the entries of the log that the nodes of a cluster share, as bytes.
 *
 * Source   docs/decisions/cluster.md
 */
#ifndef APO_CLUSTER_ENTRY_H
#define APO_CLUSTER_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"

#define APO_NODE_NAME_BYTES_MAX 32
#define APO_ENTRY_HEAD_BYTES_MAX (4 + 1 + 1 + 1 + APO_NODE_NAME_BYTES_MAX + 8 + 8 + 8 + 16)

enum apo_entry_kind {
	APO_ENTRY_JOIN = 1,    /* the node wants the state as of this entry */
	APO_ENTRY_EVENTS = 2,  /* records, possibly none: the node is alive */
	APO_ENTRY_GENESIS = 3, /* no node is alive: the state begins empty */
	APO_ENTRY_GONE = 4     /* another node has been silent for too long, or the author ends */
};

struct apo_entry_head {
	enum apo_entry_kind kind;
	char name[APO_NODE_NAME_BYTES_MAX + 1];
	uint64_t incarnation; /* of the node: random, another one after each start */
	uint64_t number;      /* of the entry in the incarnation: 1, 2, 3 ... */
	int64_t wall_ms;      /* the author's clock */
	/* EVENTS: the last position that the author has applied, 0 if it ends, and the digest of
	 * its log up to there. GONE: the position of the node's JOIN, and of the last entry seen of
	 * it. GENESIS: 0, and the run of msgids. JOIN: how new the state is that the node has kept,
	 * and 0. */
	uint64_t about, seen;
};

/* Letters, digits, "-" and "_", 1 to APO_NODE_NAME_BYTES_MAX of them. */
bool apo_node_name_is_valid(const char *name);

void apo_entry_write(struct rudp_writer *writer, const struct apo_entry_head *head);
/* Returns false if the bytes are no entry. Then the records of EVENTS follow in reader. */
bool apo_entry_read(struct rudp_reader *reader, struct apo_entry_head *head);

/* The next record of EVENTS; NULL at the end, or if the rest is malformed. */
const uint8_t *apo_entry_next_record(struct rudp_reader *reader, size_t *len);

#endif
