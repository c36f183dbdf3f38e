/* SPDX-License-Identifier: MIT */
/*
 * outbox - accepted messages of one connection that the peer has not acknowledged.
 *
 * Model    A ring of MESSAGE frames in wire format: sending writes from the ring, and no message
 *          needs an allocation. Ids grow from frame to frame. Two positions divide the ring.
 *          sent_end: the bytes before it were written to the present link; a new link sets it back
 *          to the head. stored_end, with a store: the frames after it are not stored yet, are not
 *          sent, and can be rolled back.
 * Threads  none: call it with the owner's lock held.
 */
#ifndef RUDPMSG_OUTBOX_H
#define RUDPMSG_OUTBOX_H

#include <sys/uio.h>

#include "base/ring.h"
#include "messaging/wire.h"

#define RUDPMSG_FAILURES_MAX 16 /* ranges of failed messages that are remembered */

struct rudpmsg_failure {
	uint64_t from, to; /* ids, both included */
	int reason;
};

struct rudpmsg_outbox {
	struct rudp_ring ring;
	uint64_t count, count_max; /* messages in the ring */
	uint64_t bytes_max;
	uint64_t next_id;    /* id of the next message */
	uint64_t last_id;    /* id of the newest message that is, or ever was, in the ring */
	uint64_t answered;   /* all messages up to it are acknowledged or have failed */
	uint64_t sent_end;   /* ring offset: bytes before it were written to the present link */
	uint64_t frame_at;   /* ring offset of the first frame that is not written completely */
	uint64_t sent_id;    /* newest message written completely to the present link; 0: none */
	uint64_t sent_ever;  /* newest message written completely to any link: writing a larger id
				is not a retransmission */
	uint64_t acked_id;   /* acknowledged while its frame was being written; 0: none */
	uint64_t known_from; /* the state of messages with smaller ids is not known any more */
	bool has_store;
	uint64_t stored_end, stored_id;   /* ring offset and id up to which messages are stored */
	uint64_t storing_end, storing_id; /* the same after the batch that is being written */
	struct rudpmsg_failure failures[RUDPMSG_FAILURES_MAX];
	unsigned failure_count;
};

/* bytes_max limits the frames in the ring, with their headers. The first message gets id 1. */
void rudpmsg_outbox_init(struct rudpmsg_outbox *outbox, uint64_t bytes_max, uint64_t count_max,
			 bool has_store);
void rudpmsg_outbox_fini(struct rudpmsg_outbox *outbox);

/* Returns whether there is room for another message of length bytes. An empty outbox takes a
 * message of any length. */
bool rudpmsg_outbox_has_room(const struct rudpmsg_outbox *outbox, size_t length);

/*
 * Adds the message with this id, which must be larger than all ids in the ring.
 *
 * Returns  0; -EAGAIN no room; -ENOMEM. Nothing has changed after an error.
 */
int rudpmsg_outbox_add(struct rudpmsg_outbox *outbox, uint64_t id, const void *bytes,
		       size_t length);

/* Adds a message that is in the store already, beyond the limits too. Returns 0 or -ENOMEM. */
int rudpmsg_outbox_restore(struct rudpmsg_outbox *outbox, uint64_t id, const void *bytes,
			   size_t length);
/* on_storing: a batch with all added messages is being written. on_stored: it is on the disk. */
void rudpmsg_outbox_on_storing(struct rudpmsg_outbox *outbox);
void rudpmsg_outbox_on_stored(struct rudpmsg_outbox *outbox);
/* The messages that are not stored fail. Returns how many. */
uint64_t rudpmsg_outbox_roll_back(struct rudpmsg_outbox *outbox, int reason);

/* A new link: all messages count as not sent. Returns how many will be sent again. */
uint64_t rudpmsg_outbox_on_link(struct rudpmsg_outbox *outbox);

/* Returns whether there is something to write. */
bool rudpmsg_outbox_is_due(const struct rudpmsg_outbox *outbox);
/* Returns whether a frame is written in part. Nothing else may be written to the link before its
 * end. */
bool rudpmsg_outbox_is_in_frame(const struct rudpmsg_outbox *outbox);
/* Bytes to the end of that frame; 0 at a boundary. */
size_t rudpmsg_outbox_frame_rest(const struct rudpmsg_outbox *outbox);

/* The next bytes for the link, at most bytes_max, in up to 2 pieces. Returns the number of pieces.
 * Valid until the next call that changes the outbox. */
int rudpmsg_outbox_next(const struct rudpmsg_outbox *outbox, size_t bytes_max, struct iovec iov[2]);
/* Returns how many messages were acknowledged while the frame that is complete now was written. */
uint64_t rudpmsg_outbox_on_written(struct rudpmsg_outbox *outbox, size_t bytes);

/*
 * The peer has acknowledged all messages up to id. The id can be larger than what this link has
 * carried, because the peer can handle a message that came on an earlier link. Messages that are
 * acknowledged this way are not sent any more.
 *
 * Returns  how many messages were newly acknowledged; -EPROTO the id was never sent (nothing has
 *          changed).
 */
int64_t rudpmsg_outbox_on_ack(struct rudpmsg_outbox *outbox, uint64_t id);
/* The handshake of a new link says up to which id messages have arrived. An id that is larger than
 * all that was sent counts as the last one sent. */
uint64_t rudpmsg_outbox_on_received(struct rudpmsg_outbox *outbox, uint64_t id);

/* All messages fail. Returns how many. */
uint64_t rudpmsg_outbox_fail(struct rudpmsg_outbox *outbox, int reason);
/* The peer of a new link takes no messages of more than bytes_max: longer ones fail. Call it before
 * anything is sent on the link. Returns how many failed; *last is the newest of them. Without
 * memory none fails. */
uint64_t rudpmsg_outbox_fail_longer(struct rudpmsg_outbox *outbox, uint64_t bytes_max, int reason,
				    uint64_t *last);
/* The oldest message that has a larger id than id and more than bytes_max bytes; 0: none. */
uint64_t rudpmsg_outbox_longer(const struct rudpmsg_outbox *outbox, uint64_t id,
			       uint64_t bytes_max);
/* Records failed messages that have an id but never were in the ring. */
void rudpmsg_outbox_note_failure(struct rudpmsg_outbox *outbox, uint64_t from, uint64_t to,
				 int reason);

enum rudpmsg_state rudpmsg_outbox_state(const struct rudpmsg_outbox *outbox, uint64_t id,
					int *reason);

/* Checks the invariants by parsing the frames. For tests. */
bool rudpmsg_outbox_check(const struct rudpmsg_outbox *outbox);

#endif
