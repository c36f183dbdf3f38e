/* SPDX-License-Identifier: MIT */
/*
 * outbox - the messages of one connection that have been accepted and not yet acknowledged.
 *
 * Model    a ring of MESSAGE frames, as they go over the link, so that sending is writing from the
 *          ring and nothing is allocated for a message. Ids grow from frame to frame. Position
 *          sent_end: how far the present link has been given the bytes; back to the head with a new
 *          link. Position stored_end: where there is a store, what lies behind it is not there yet,
 *          is not sent, and can be rolled back.
 * Threads  none: under its owner's lock.
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
	uint64_t next_id;    /* what the next message gets */
	uint64_t last_id;    /* of the newest in the ring or ever in it */
	uint64_t answered;   /* all up to it are acknowledged or failed */
	uint64_t sent_end;   /* ring offset: bytes before it are on the present link */
	uint64_t frame_at;   /* ring offset of the first frame that is not wholly on the link */
	uint64_t sent_id;    /* the newest message that is wholly on the link, 0: none */
	uint64_t sent_ever;  /* the newest that was wholly on any link: above it nothing was sent
				again */
	uint64_t acked_id;   /* by an ACK that came in the middle of a frame that it is for; 0: none */
	uint64_t known_from; /* of smaller ids nothing is known any more */
	bool has_store;
	uint64_t stored_end, stored_id;   /* ring offset and id: what is in the store */
	uint64_t storing_end, storing_id; /* what will be, once the batch under way is */
	struct rudpmsg_failure failures[RUDPMSG_FAILURES_MAX];
	unsigned failure_count;
};

/* bytes_max bounds the frames in the ring, their heads included. first_id: 1, or what a store says.
 */
void rudpmsg_outbox_init(struct rudpmsg_outbox *outbox, uint64_t bytes_max, uint64_t count_max,
			 uint64_t first_id, bool has_store);
void rudpmsg_outbox_fini(struct rudpmsg_outbox *outbox);

/* Is there room for another message of length bytes? A message is always taken when the outbox is
 * empty. */
bool rudpmsg_outbox_has_room(const struct rudpmsg_outbox *outbox, size_t length);

/*
 * Takes the message as number id, which is above all in the ring.
 *
 * Returns  0; -EAGAIN no room; -ENOMEM. Nothing has changed on error.
 */
int rudpmsg_outbox_add(struct rudpmsg_outbox *outbox, uint64_t id, const void *bytes,
		       size_t length);

/* A message that is in the store already: room is not asked for. Returns 0 or -ENOMEM. */
int rudpmsg_outbox_restore(struct rudpmsg_outbox *outbox, uint64_t id, const void *bytes,
			   size_t length);
/* All that has been added is on its way into the store; then: it is there. */
void rudpmsg_outbox_on_storing(struct rudpmsg_outbox *outbox);
void rudpmsg_outbox_on_stored(struct rudpmsg_outbox *outbox);
/* What is not in the store fails. Returns how many messages. */
uint64_t rudpmsg_outbox_roll_back(struct rudpmsg_outbox *outbox, int reason);

/* A new link: all that is left counts as not sent. Returns how many messages will be sent again. */
uint64_t rudpmsg_outbox_on_link(struct rudpmsg_outbox *outbox);

bool rudpmsg_outbox_is_due(const struct rudpmsg_outbox *outbox);
/* In the middle of a frame: nothing else may be written to the link before its end. */
bool rudpmsg_outbox_is_in_frame(const struct rudpmsg_outbox *outbox);
/* Bytes to the end of that frame; 0 at a boundary. */
size_t rudpmsg_outbox_frame_rest(const struct rudpmsg_outbox *outbox);

/* The next bytes for the link, at most bytes_max, in up to 2 pieces. Returns their number. Valid
 * until the next call that changes the outbox. */
int rudpmsg_outbox_next(const struct rudpmsg_outbox *outbox, size_t bytes_max, struct iovec iov[2]);
/* Returns how many messages had been acknowledged already and were kept to the end of a frame. */
uint64_t rudpmsg_outbox_on_written(struct rudpmsg_outbox *outbox, size_t bytes);

/*
 * The peer has acknowledged all up to id. That can be more than this link has brought: it has dealt
 * with what came on an earlier one. What is still to be sent of that is not sent any more.
 *
 * Returns  how many messages that were; -EPROTO if it was never sent (nothing has changed).
 */
int64_t rudpmsg_outbox_on_ack(struct rudpmsg_outbox *outbox, uint64_t id);
/* The handshake of a new link says what has arrived. Ids beyond all that was sent are taken as
 * that. */
uint64_t rudpmsg_outbox_on_received(struct rudpmsg_outbox *outbox, uint64_t id);

/* All that is left fails. Returns how many. */
uint64_t rudpmsg_outbox_fail(struct rudpmsg_outbox *outbox, int reason);
/* A new link's peer takes no messages of more than bytes_max: those fail. Before anything is sent
 * on the link. Returns how many, *last is the newest of them. Without memory none does. */
uint64_t rudpmsg_outbox_fail_longer(struct rudpmsg_outbox *outbox, uint64_t bytes_max, int reason,
				    uint64_t *last);
/* The oldest message above id that is longer than bytes_max; 0: none. */
uint64_t rudpmsg_outbox_longer(const struct rudpmsg_outbox *outbox, uint64_t id,
			       uint64_t bytes_max);
/* Messages that have an id and never came into the ring. */
void rudpmsg_outbox_note_failure(struct rudpmsg_outbox *outbox, uint64_t from, uint64_t to,
				 int reason);

enum rudpmsg_state rudpmsg_outbox_state(const struct rudpmsg_outbox *outbox, uint64_t id,
					int *reason);

/* Gives back memory that is not needed now: when the connection has been quiet. */
void rudpmsg_outbox_trim(struct rudpmsg_outbox *outbox);

/* Walks over the frames by reading them: for tests. */
bool rudpmsg_outbox_check(const struct rudpmsg_outbox *outbox);

#endif
