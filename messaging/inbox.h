/* SPDX-License-Identifier: MIT */
/*
 * inbox - messages of one connection that have been received and not yet dealt with.
 *
 * Model      a queue of entries. An entry points into the chunk of bytes that the link has read:
 * nothing is copied. A message is waiting, then taken (by the application), then done; done may
 * come in any order, and the entry at the head goes when it is done. Threads    none: under its
 * owner's lock. The bytes of a taken message may be read without it.
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
	uint8_t bytes[];
};

/* One reference, the caller's. size: at least; NULL without memory. */
struct rudpmsg_chunk *rudpmsg_chunk_new(size_t size);
void rudpmsg_chunk_put(struct rudpmsg_chunk *chunk);

enum rudpmsg_entry_state { RUDPMSG_ENTRY_WAITING, RUDPMSG_ENTRY_TAKEN, RUDPMSG_ENTRY_DONE };

struct rudpmsg_entry {
	uint64_t id;
	const uint8_t *bytes;
	uint32_t length;
	enum rudpmsg_entry_state state;
	struct rudpmsg_chunk *chunk;
};

struct rudpmsg_inbox {
	struct rudpmsg_entry *entries; /* a ring; capacity 0 or a power of two */
	uint64_t head, next,
		tail; /* places: oldest, first that waits (all before were taken), end */
	uint32_t capacity;
	uint64_t bytes;       /* of the messages in it, with a share for their entries */
	uint64_t received_id; /* the newest that was ever put in: what is not above it is a
				 duplicate */
	uint64_t handled_id;  /* all up to it are done */
	uint64_t stored_id;   /* all up to it are in the store */
};

void rudpmsg_inbox_init(struct rudpmsg_inbox *inbox);
/* Taken messages that the application still has keep their chunks until rudpmsg_chunk_put. */
void rudpmsg_inbox_fini(struct rudpmsg_inbox *inbox);

/* The peer began a new stream of ids, of which all up to received are here already. What waits
 * stays. */
void rudpmsg_inbox_restart(struct rudpmsg_inbox *inbox, uint64_t received);

/*
 * Takes a message whose bytes lie in chunk, and a reference to that.
 *
 * Returns  0; -EEXIST a duplicate; -ENOMEM. Nothing has changed on error.
 */
int rudpmsg_inbox_add(struct rudpmsg_inbox *inbox, uint64_t id, const uint8_t *bytes,
		      uint32_t length, struct rudpmsg_chunk *chunk);

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

/* Gives back the memory of an empty inbox. */
void rudpmsg_inbox_trim(struct rudpmsg_inbox *inbox);

bool rudpmsg_inbox_check(const struct rudpmsg_inbox *inbox);

#endif
