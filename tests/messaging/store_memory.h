/* SPDX-License-Identifier: MIT */
/* store_memory - a mock of a store, a list in memory. */
#ifndef TESTS_MESSAGING_STORE_MEMORY_H
#define TESTS_MESSAGING_STORE_MEMORY_H

#include "messaging/hub.h"

enum memory_kind { MEMORY_PEER, MEMORY_SENT, MEMORY_RECEIVED };

struct memory_row {
	enum memory_kind kind;
	uint64_t peer, number;
	uint64_t stream, id; /* of a received message */
	uint8_t *bytes;
	uint32_t length;
};

struct memory_store {
	struct memory_row *rows;
	size_t count, capacity;
	uint64_t run; /* run number for the next process */
};

void memory_store_fini(struct memory_store *store);
void memory_store_apply(struct memory_store *store, const struct rudpmsg_batch *batch);
/* Loads the store into a new hub. */
void memory_store_restore(const struct memory_store *store, struct rudpmsg_hub *hub,
			  int64_t now_at_ns);
/* NULL: there is no such row. */
const struct memory_row *memory_store_find(const struct memory_store *store, enum memory_kind kind,
					   uint64_t peer, uint64_t number);
/* The record of the peer with that name. false: there is none. */
bool memory_store_peer(const struct memory_store *store, const char *name, uint64_t *peer,
		       struct rudpmsg_peer *record);

#endif
