/* SPDX-License-Identifier: MIT */
/*
 * inbox - messages of one connection that have been received and not yet dealt with.
 *
 * Model    a queue of entries. An entry points into the chunk of bytes that the link has read:
 *          nothing is copied. A message is waiting, then taken (by the application), then done; done
 *          may come in any order, and the entry at the head goes when it is done. Where there is a
 *          store a message cannot be taken before it is there: what is not in it can still be rolled
 *          back.
 * Threads  none: under its owner's lock. The bytes of a taken message may be read without it.
 */
#ifndef RUDPMSG_INBOX_H
#define RUDPMSG_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUDPMSG_CHUNK_BYTES (64u << 10)

/* What was read from a link; holds whole messages and, at its end, a part of one. */
struct rudpmsg_chunk {
	unsigned references;
	size_t size, used; /* room, bytes read */
	size_t unpaid; /* of frames parsed that no message in an inbox stands for yet, and ... */
	size_t owed;   /* ... of that in chunks before it, which stay */
	uint8_t bytes[];
};

/* One reference, the caller's. size: at least; NULL without memory. */
struct rudpmsg_chunk *rudpmsg_chunk_new(size_t size);
void rudpmsg_chunk_put(struct rudpmsg_chunk *chunk);

#define RUDPMSG_PAID_BITS 30
#define RUDPMSG_PAID_MAX ((1u << RUDPMSG_PAID_BITS) - 1)

enum rudpmsg_entry_state { RUDPMSG_ENTRY_WAITING, RUDPMSG_ENTRY_TAKEN, RUDPMSG_ENTRY_DONE };

struct rudpmsg_entry {
	uint64_t id;
	const uint8_t *bytes;
	uint32_t length;
	enum rudpmsg_entry_state state : 2;
	unsigned paid : RUDPMSG_PAID_BITS; /* bytes that it keeps in memory */
	struct rudpmsg_chunk *chunk;
	uint64_t stored_as; /* its number in the store, 0: none */
};

struct rudpmsg_inbox {
	struct rudpmsg_entry *entries; /* a ring; capacity 0 or a power of two */
	/* Places: oldest, first that waits (all before were taken), first that is not in the store
	 * yet, end. */
	uint64_t head, next, held, tail;
	uint32_t capacity;
	bool has_store;
	uint64_t bytes;       /* that the messages in it keep, with a share for their entries */
	uint64_t received_id; /* the newest that was ever put in: what is not above it is a
				 duplicate */
	uint64_t handled_id;  /* all up to it are done */
	uint64_t stored_id;   /* all up to it are in the store */
};

/* has_store: what is added waits only after rudpmsg_inbox_on_stored. */
void rudpmsg_inbox_init(struct rudpmsg_inbox *inbox, bool has_store);
/* Taken messages that the application still has keep their chunks until rudpmsg_chunk_put. */
void rudpmsg_inbox_fini(struct rudpmsg_inbox *inbox);

/* The peer began a new stream of ids, of which all up to received are here already. What waits
 * stays. */
void rudpmsg_inbox_restart(struct rudpmsg_inbox *inbox, uint64_t received);

/*
 * Takes a message whose bytes lie in chunk, and a reference to that. stored_as is its number in the
 * store, 0 without one. It pays for what is unpaid of the chunk: else a peer could have a short
 * message keep a whole chunk of what counts for nothing (duplicates), and memory had no bound.
 *
 * Returns  0; -EEXIST a duplicate; -ENOMEM. Nothing has changed on error.
 */
int rudpmsg_inbox_add(struct rudpmsg_inbox *inbox, uint64_t id, const uint8_t *bytes,
		      uint32_t length, struct rudpmsg_chunk *chunk, uint64_t stored_as);

/* All before the place are in the store. */
void rudpmsg_inbox_on_stored(struct rudpmsg_inbox *inbox, uint64_t place);
/* What is not in the store never came. Returns false: all is. */
bool rudpmsg_inbox_roll_back(struct rudpmsg_inbox *inbox);
/* A store was read, in which all up to received were: those that are not in here are done. */
void rudpmsg_inbox_on_restored(struct rudpmsg_inbox *inbox, uint64_t received);
/* A message of the store, before that. id 0: it is of an older stream. Returns 0 or -ENOMEM. */
int rudpmsg_inbox_restore(struct rudpmsg_inbox *inbox, uint64_t id, const uint8_t *bytes,
			  uint32_t length, struct rudpmsg_chunk *chunk, uint64_t stored_as);

/* All that came is done. */
bool rudpmsg_inbox_is_empty(const struct rudpmsg_inbox *inbox);
bool rudpmsg_inbox_is_waiting(const struct rudpmsg_inbox *inbox);

/*
 * The oldest that waits is taken: *place names it in rudpmsg_inbox_done. Its chunk has another
 * reference, the caller's. NULL: none. The entry may be looked at until the next call.
 */
const struct rudpmsg_entry *rudpmsg_inbox_take(struct rudpmsg_inbox *inbox, uint64_t *place);

/* Returns true if handled_id has grown. A place that is not taken (any more) changes nothing. */
bool rudpmsg_inbox_done(struct rudpmsg_inbox *inbox, uint64_t place);
/* The number in the store of the message at a place that is taken; 0: it is not. */
uint64_t rudpmsg_inbox_stored_as(const struct rudpmsg_inbox *inbox, uint64_t place);

/* Gives back the memory of an empty inbox. */
void rudpmsg_inbox_trim(struct rudpmsg_inbox *inbox);

bool rudpmsg_inbox_check(const struct rudpmsg_inbox *inbox);

#endif
