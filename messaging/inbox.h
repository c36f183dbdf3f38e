/* SPDX-License-Identifier: MIT */
/*
 * inbox - received messages of one connection that the application has not finished with.
 *
 * Model    A queue of entries. An entry points into the chunk of bytes that the link has read:
 *          nothing is copied. A message is first waiting, then taken by the application, then done.
 *          Messages may be done in any order; the head of the queue is removed once it is done.
 *          With a store a message can only be taken after it was stored; before that it can be
 *          rolled back.
 * Threads  none: call it with the owner's lock held. The bytes of a taken message may be read
 *          without the lock.
 */
#ifndef RUDPMSG_INBOX_H
#define RUDPMSG_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUDPMSG_CHUNK_BYTES (64u << 10)

/* Bytes read from a link: whole messages and, at the end, part of one. */
struct rudpmsg_chunk {
	unsigned references;
	size_t size, used;       /* room, bytes read */
	size_t uncharged;        /* bytes of parsed frames, not charged to a message yet */
	size_t uncharged_before; /* the same, of earlier chunks that are still in memory */
	uint8_t bytes[];
};

/* Makes a chunk of at least size bytes, with one reference for the caller. NULL: no memory. */
struct rudpmsg_chunk *rudpmsg_chunk_new(size_t size);
void rudpmsg_chunk_put(struct rudpmsg_chunk *chunk);

#define RUDPMSG_CHARGED_BITS 30
#define RUDPMSG_CHARGED_MAX ((1u << RUDPMSG_CHARGED_BITS) - 1)

enum rudpmsg_entry_state { RUDPMSG_ENTRY_WAITING, RUDPMSG_ENTRY_TAKEN, RUDPMSG_ENTRY_DONE };

struct rudpmsg_entry {
	uint64_t id;
	const uint8_t *bytes;
	uint32_t length;
	enum rudpmsg_entry_state state : 2;
	unsigned charged : RUDPMSG_CHARGED_BITS; /* bytes of memory charged to this message */
	struct rudpmsg_chunk *chunk;
	uint64_t stored_as; /* its number in the store; 0: none */
};

struct rudpmsg_inbox {
	struct rudpmsg_entry *entries; /* a ring; capacity 0 or a power of two */
	/* Places in the ring: the oldest entry; the first one that waits (all before it are taken);
	 * the first one that is not stored yet; the end. */
	uint64_t head, next, unstored, tail;
	uint32_t capacity;
	bool has_store;
	uint64_t bytes;       /* memory charged to the messages, entries included */
	uint64_t received_id; /* the largest id ever added; smaller and equal ids are duplicates */
	uint64_t handled_id;  /* all messages up to it are done */
	uint64_t stored_id;   /* all messages up to it are stored */
};

/* With has_store added messages are waiting only after rudpmsg_inbox_on_stored. */
void rudpmsg_inbox_init(struct rudpmsg_inbox *inbox, bool has_store);
/* Messages that the application has taken keep their chunks until rudpmsg_chunk_put. */
void rudpmsg_inbox_fini(struct rudpmsg_inbox *inbox);

/* The peer began a new stream of ids. Waiting messages stay. */
void rudpmsg_inbox_restart(struct rudpmsg_inbox *inbox);

/*
 * Adds a message whose bytes lie in chunk, and takes a reference to the chunk. stored_as is the
 * message's number in the store, 0 without a store.
 *
 * The bytes of the chunk that no message stands for are charged to this message. Otherwise a peer
 * could send duplicates and short messages, each short message would keep a whole chunk in memory,
 * and the limit on memory would not hold.
 *
 * Returns  0; -EEXIST a duplicate; -ENOMEM. Nothing has changed after an error.
 */
int rudpmsg_inbox_add(struct rudpmsg_inbox *inbox, uint64_t id, const uint8_t *bytes,
		      uint32_t length, struct rudpmsg_chunk *chunk, uint64_t stored_as);

/* All messages before this place are stored. */
void rudpmsg_inbox_on_stored(struct rudpmsg_inbox *inbox, uint64_t place);
/* Removes the messages that are not stored, as if they had never arrived. false: there are none. */
bool rudpmsg_inbox_roll_back(struct rudpmsg_inbox *inbox);
/* Loading a store has ended. It had received all up to this id: those not in the inbox are done. */
void rudpmsg_inbox_on_restored(struct rudpmsg_inbox *inbox, uint64_t received);
/* Adds a message from the store. id 0: it belongs to an earlier stream. Returns 0 or -ENOMEM. */
int rudpmsg_inbox_restore(struct rudpmsg_inbox *inbox, uint64_t id, const uint8_t *bytes,
			  uint32_t length, struct rudpmsg_chunk *chunk, uint64_t stored_as);

/* true: all received messages are done. */
bool rudpmsg_inbox_is_empty(const struct rudpmsg_inbox *inbox);
bool rudpmsg_inbox_is_waiting(const struct rudpmsg_inbox *inbox);

/*
 * Takes the oldest waiting message. *place identifies it for rudpmsg_inbox_done. The caller gets a
 * reference to its chunk. NULL: no message waits. The entry is valid until the next call.
 */
const struct rudpmsg_entry *rudpmsg_inbox_take(struct rudpmsg_inbox *inbox, uint64_t *place);

/* Returns true if handled_id has grown. A place that is not taken, or is done, changes nothing. */
bool rudpmsg_inbox_done(struct rudpmsg_inbox *inbox, uint64_t place);
/* The store's number of the taken message at this place. 0: not stored, or not taken. */
uint64_t rudpmsg_inbox_stored_as(const struct rudpmsg_inbox *inbox, uint64_t place);

/* Frees the memory of an empty inbox. */
void rudpmsg_inbox_trim(struct rudpmsg_inbox *inbox);

bool rudpmsg_inbox_check(const struct rudpmsg_inbox *inbox);

#endif
