/* SPDX-License-Identifier: MIT */
/*
 * record - encodes and decodes the records of a store, docs/messaging.md "The store".
 *
 * Each value has a checksum that includes its key: a record that was changed, cut or moved is
 * detected. The decoders take bytes of a file that may be damaged or forged, and return a verdict.
 * No state.
 */
#ifndef RUDPMSG_RECORD_H
#define RUDPMSG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messaging/outbox.h"
#include "rudp/msg.h"

#define RUDPMSG_HOST_MAX 255
#define RUDPMSG_STORE_VERSION 2

/* The record that identifies the format and the node. */
struct rudpmsg_mark {
	char name[RUDPMSG_NAME_MAX + 1];
	uint64_t run;
};

/* The key that a peer's name is bound to. */
struct rudpmsg_key {
	bool is_known;
	uint8_t bytes[RUDPMSG_KEY_BYTES]; /* zeros if it is not known */
};

/* The stored state of a peer. */
struct rudpmsg_peer {
	char name[RUDPMSG_NAME_MAX + 1];
	char host[RUDPMSG_HOST_MAX + 1]; /* empty: the peer dials us */
	uint16_t port;
	uint64_t age; /* larger for each peer that is disconnected later; 0: it never was */
	/* Sent: */
	uint64_t stream, next_id, answered, known_from;
	unsigned failure_count;
	struct rudpmsg_failure failures[RUDPMSG_FAILURES_MAX];
	/* Received: */
	uint64_t peer_stream, received;
	struct rudpmsg_key key;
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

/* Writers return the bytes written. peer and number form the key. */
size_t rudpmsg_mark_write(uint8_t *out, const struct rudpmsg_mark *mark);
size_t rudpmsg_peer_write(uint8_t *out, uint64_t peer, const struct rudpmsg_peer *record);
/* Write only the header: the message follows it. */
void rudpmsg_sent_head_write(uint8_t *out, uint64_t peer, uint64_t id, const uint8_t *bytes,
			     size_t length);
void rudpmsg_received_head_write(uint8_t *out, uint64_t peer, uint64_t number,
				 const struct rudpmsg_received *record);

/* 0; -EBADMSG the record is damaged; -EPROTONOSUPPORT the format has another version. */
int rudpmsg_mark_read(const uint8_t *value, size_t length, struct rudpmsg_mark *mark);
int rudpmsg_peer_read(const uint8_t *value, size_t length, uint64_t peer,
		      struct rudpmsg_peer *record);
int rudpmsg_sent_read(const uint8_t *value, size_t length, uint64_t peer, uint64_t id);
int rudpmsg_received_read(const uint8_t *value, size_t length, uint64_t peer, uint64_t number,
			  struct rudpmsg_received *record);

#endif
