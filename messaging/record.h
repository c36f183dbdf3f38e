/* SPDX-License-Identifier: MIT */
/*
 * record - what stands in a store, docs/messaging.md "The store": values with a checksum that knows
 * their key, so that one that was changed, cut or moved is found out. Readers take a file that may
 * be damaged or forged, and give a verdict. No state.
 */
#ifndef RUDPMSG_RECORD_H
#define RUDPMSG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messaging/outbox.h"
#include "rudp/msg.h"

#define RUDPMSG_HOST_MAX 255
#define RUDPMSG_STORE_VERSION 1

/* The format mark, and what lasts of the node itself. */
struct rudpmsg_mark {
	char name[RUDPMSG_NAME_MAX + 1];
	uint64_t run;
};

/* What lasts of a peer. */
struct rudpmsg_peer {
	char name[RUDPMSG_NAME_MAX + 1];
	char host[RUDPMSG_HOST_MAX + 1]; /* empty: it comes to us */
	uint16_t port;
	uint64_t age; /* grows with each peer that is forgotten, 0: it was not */
	/* Sent: */
	uint64_t stream, next_id, answered, known_from;
	unsigned failure_count;
	struct rudpmsg_failure failures[RUDPMSG_FAILURES_MAX];
	/* Received: */
	uint64_t peer_stream, received;
};

struct rudpmsg_received {
	uint64_t stream, id;
	const uint8_t *bytes;
	size_t length;
};

#define RUDPMSG_MARK_BYTES_MAX 128
#define RUDPMSG_PEER_BYTES_MAX 1024
#define RUDPMSG_SENT_HEAD_BYTES 8
#define RUDPMSG_RECEIVED_HEAD_BYTES 24

/* Writers return the bytes written. peer and number are the key. */
size_t rudpmsg_mark_write(uint8_t *out, const struct rudpmsg_mark *mark);
size_t rudpmsg_peer_write(uint8_t *out, uint64_t peer, const struct rudpmsg_peer *record);
/* The head only: the message comes behind it. */
void rudpmsg_sent_head_write(uint8_t *out, uint64_t peer, uint64_t id, const uint8_t *bytes,
			     size_t length);
void rudpmsg_received_head_write(uint8_t *out, uint64_t peer, uint64_t number,
				 const struct rudpmsg_received *record);

/* -EBADMSG it is damaged; -EPROTONOSUPPORT the mark is another version's. */
int rudpmsg_mark_read(const uint8_t *value, size_t length, struct rudpmsg_mark *mark);
int rudpmsg_peer_read(const uint8_t *value, size_t length, uint64_t peer,
		      struct rudpmsg_peer *record);
int rudpmsg_sent_read(const uint8_t *value, size_t length, uint64_t peer, uint64_t id);
int rudpmsg_received_read(const uint8_t *value, size_t length, uint64_t peer, uint64_t number,
			  struct rudpmsg_received *record);

#endif
