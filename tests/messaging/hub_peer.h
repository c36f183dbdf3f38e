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
static uint8_t output[65536]; /* of the hub; not read by the test yet */
static size_t output_bytes;

static inline void set_up(void)
{
	struct rudpmsg_hub_config c = small_config();

	now_ns = RUDP_NS_PER_S;
	hub = rudpmsg_hub_new(&c, now_ns);
	output_bytes = 0;
}

static inline void tear_down(void)
{
	cr_assert(rudpmsg_hub_check(hub));
	rudpmsg_hub_free(hub);
}

/* Moves what the hub writes to the link into output. */
static inline void read_output(struct rudpmsg_link *link)
{
	struct iovec iov[3];
	size_t written;
	int i, count;

	while ((count = rudpmsg_hub_write_next(link, iov, 3)) > 0) {
		for (i = 0, written = 0; i < count; i++) {
			memcpy(output + output_bytes, iov[i].iov_base, iov[i].iov_len);
			output_bytes += iov[i].iov_len;
			written += iov[i].iov_len;
		}
		rudpmsg_hub_on_written(hub, link, written);
	}
}

static inline void send_bytes(struct rudpmsg_link *link, const uint8_t *bytes, size_t length)
{
	uint8_t *room;
	size_t size = rudpmsg_hub_read_room(hub, link, &room);

	cr_assert(ge(sz, size, length));
	memcpy(room, bytes, length);
	rudpmsg_hub_on_read(hub, link, length, now_ns);
	read_output(link);
}

/* Reads the next frame that the hub has written; 0: there is none. */
static inline int next_frame(struct rudpmsg_frame *frame)
{
	static uint8_t copy[sizeof output];
	size_t used;

	memcpy(copy, output, output_bytes);
	if (rudpmsg_frame_read(copy, output_bytes, 1000, frame, &used) != RUDPMSG_WIRE_OK)
		return 0;
	memmove(output, output + used, output_bytes -= used);
	return (int)frame->type;
}

static inline struct rudpmsg_handshake make_handshake(const char *name, uint64_t link)
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

static inline void send_handshake(struct rudpmsg_link *link, enum rudpmsg_frame_type type,
				  const struct rudpmsg_handshake *handshake)
{
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];

	send_bytes(link, bytes, rudpmsg_handshake_write(bytes, type, handshake));
}

/* A link that a peer has dialed; it has sent nothing yet. */
static inline struct rudpmsg_link *accepted_link(void)
{
	struct rudpmsg_link *link = rudpmsg_hub_on_accepted(hub, NULL, now_ns);

	cr_assert(ne(ptr, link, NULL));
	return link;
}

/* An established link of the node "peer". */
static inline struct rudpmsg_link *established_link(uint64_t number)
{
	struct rudpmsg_handshake handshake = make_handshake("peer", number);
	struct rudpmsg_link *link = accepted_link();
	struct rudpmsg_frame frame;

	send_handshake(link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_ACK_HANDSHAKE));
	return link;
}

static inline void send_message(struct rudpmsg_link *link, uint64_t id)
{
	uint8_t bytes[RUDPMSG_MESSAGE_HEAD_BYTES + 4];

	rudpmsg_message_head_write(bytes, id, 4);
	memcpy(bytes + RUDPMSG_MESSAGE_HEAD_BYTES, "text", 4);
	send_bytes(link, bytes, sizeof bytes);
}

static inline uint64_t next_ack(void)
{
	struct rudpmsg_frame frame;
	uint64_t id = 0;

	cr_assert(eq(int, next_frame(&frame), RUDPMSG_FRAME_ACK));
	rudpmsg_id_read(&frame, &id);
	return id;
}

static inline int next_reason(void)
{
	struct rudpmsg_frame frame;
	uint8_t reason = 0;

	if (next_frame(&frame) == 0)
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
