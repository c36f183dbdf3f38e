/* SPDX-License-Identifier: MIT */
/* One hub, and a peer whose frames the test writes. Each file of tests that needs it includes it
 * once. */
#ifndef TESTS_MESSAGING_HUB_PEER_H
#define TESTS_MESSAGING_HUB_PEER_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/timer_wheel.h"
#include "small_config.h"

static struct rudpmsg_hub *hub;
static int64_t now_ns;
static uint8_t said[65536]; /* bytes that the hub has written and the test has not read */
static size_t said_bytes;

static inline void set_up(void)
{
	struct rudpmsg_hub_config c = small_config();

	now_ns = RUDP_NS_PER_S;
	hub = rudpmsg_hub_new(&c, now_ns);
	said_bytes = 0;
}

static inline void tear_down(void)
{
	cr_assert(rudpmsg_hub_check(hub));
	rudpmsg_hub_free(hub);
}

static inline void hear(struct rudpmsg_link *link)
{
	struct iovec iov[3];
	size_t written;
	int i, count;

	while ((count = rudpmsg_hub_write_next(link, iov, 3)) > 0) {
		for (i = 0, written = 0; i < count; i++) {
			memcpy(said + said_bytes, iov[i].iov_base, iov[i].iov_len);
			said_bytes += iov[i].iov_len;
			written += iov[i].iov_len;
		}
		rudpmsg_hub_on_written(hub, link, written);
	}
}

static inline void say(struct rudpmsg_link *link, const uint8_t *bytes, size_t length)
{
	uint8_t *room;
	size_t size = rudpmsg_hub_read_room(hub, link, &room);

	cr_assert(ge(sz, size, length));
	memcpy(room, bytes, length);
	rudpmsg_hub_on_read(hub, link, length, now_ns);
	hear(link);
}

/* Reads the next frame that the hub has written; 0: there is none. */
static inline int next_said(struct rudpmsg_frame *frame)
{
	static uint8_t copy[sizeof said];
	size_t used;

	memcpy(copy, said, said_bytes);
	if (rudpmsg_frame_read(copy, said_bytes, 1000, frame, &used) != RUDPMSG_WIRE_OK)
		return 0;
	memmove(said, said + used, said_bytes -= used);
	return (int)frame->type;
}

static inline struct rudpmsg_handshake greeting(const char *name, uint64_t link)
{
	struct rudpmsg_handshake handshake;

	memset(&handshake, 0, sizeof handshake);
	handshake.message_bytes_max = 1000;
	handshake.run = 11;
	handshake.link = link;
	handshake.stream = 22;
	strcpy(handshake.name, name);
	strcpy(handshake.wanted, "hub");
	return handshake;
}

static inline void say_greeting(struct rudpmsg_link *link, enum rudpmsg_frame_type type,
				const struct rudpmsg_handshake *handshake)
{
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];

	say(link, bytes, rudpmsg_handshake_write(bytes, type, handshake));
}

static inline struct rudpmsg_link *stranger(void)
{
	struct rudpmsg_link *link = rudpmsg_hub_on_accepted(hub, NULL, now_ns);

	cr_assert(ne(ptr, link, NULL));
	return link;
}

/* An established link of the node "peer". */
static inline struct rudpmsg_link *standing(uint64_t number)
{
	struct rudpmsg_handshake handshake = greeting("peer", number);
	struct rudpmsg_link *link = stranger();
	struct rudpmsg_frame frame;

	say_greeting(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_said(&frame), RUDPMSG_FRAME_ACK_HANDSHAKE));
	return link;
}

static inline void say_message(struct rudpmsg_link *link, uint64_t id)
{
	uint8_t bytes[RUDPMSG_MESSAGE_HEAD_BYTES + 4];

	rudpmsg_message_head_write(bytes, id, 4);
	memcpy(bytes + RUDPMSG_MESSAGE_HEAD_BYTES, "text", 4);
	say(link, bytes, sizeof bytes);
}

static inline uint64_t said_ack(void)
{
	struct rudpmsg_frame frame;
	uint64_t id = 0;

	cr_assert(eq(int, next_said(&frame), RUDPMSG_FRAME_ACK));
	rudpmsg_id_read(&frame, &id);
	return id;
}

static inline int said_reason(void)
{
	struct rudpmsg_frame frame;
	uint8_t reason = 0;

	if (next_said(&frame) == 0)
		return 0;
	rudpmsg_reason_read(&frame, &reason);
	return reason;
}

static inline void close_ended(void)
{
	struct rudpmsg_link *link;

	while ((link = rudpmsg_hub_next_close(hub)))
		rudpmsg_link_free(link);
}

#endif
