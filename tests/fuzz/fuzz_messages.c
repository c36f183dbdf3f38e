/* SPDX-License-Identifier: MIT */
/*
 * The frames of the messaging library, and a hub that is told them: as a stranger, as the peer that
 * was dialed, and as the side that answers. For any bytes, in any pieces, the hub keeps its
 * invariants. The input's first byte chooses the role and the pieces; the rest is said. In place of
 * each 0xfe a word of the language is said, which the byte behind it chooses, so that deep states
 * are within reach.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/hub.h"
#include "tests/messaging/small_config.h"

#define BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t our_link; /* what the hub's HANDSHAKE said */

static void hear(struct rudpmsg_hub *hub, struct rudpmsg_link *link, int64_t now_ns)
{
	static uint8_t flat[2 * RUDPMSG_WRITE_BYTES];
	struct rudpmsg_handshake handshake;
	struct rudpmsg_frame frame;
	struct iovec iov[3];
	size_t bytes, used;
	int i, count;

	while ((count = rudpmsg_hub_write_next(link, iov, 3)) > 0) {
		for (i = 0, bytes = 0; i < count; i++) {
			memcpy(flat + bytes, iov[i].iov_base, iov[i].iov_len);
			bytes += iov[i].iov_len;
		}
		/* What the hub says is always right. */
		assert(rudpmsg_frame_read(flat, bytes, UINT32_MAX / 2, &frame, &used) ==
		       RUDPMSG_WIRE_OK);
		if (frame.type == RUDPMSG_FRAME_HANDSHAKE) {
			assert(rudpmsg_handshake_read(&frame, &handshake) == RUDPMSG_WIRE_OK);
			our_link = handshake.link;
		}
		rudpmsg_hub_on_written(hub, link, bytes);
	}
}

static size_t word(uint8_t *out, unsigned choice)
{
	struct rudpmsg_handshake handshake;

	memset(&handshake, 0, sizeof handshake);
	handshake.ack = choice & 8 ? RUDPMSG_ACK_HANDLED : RUDPMSG_ACK_RECEIVED;
	handshake.message_bytes_max = choice & 16 ? 2 : 1000;
	handshake.run = handshake.stream = 7;
	handshake.received = choice >> 5;
	strcpy(handshake.name, "peer");
	switch (choice & 7) {
	case 0:
		handshake.link = 1 + (choice >> 5);
		return rudpmsg_handshake_write(out, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	case 1:
		handshake.link = our_link;
		return rudpmsg_handshake_write(out, RUDPMSG_FRAME_ACK_HANDSHAKE, &handshake);
	case 2:
		return rudpmsg_reason_write(out, RUDPMSG_FRAME_REFUSE,
					    (enum rudpmsg_reason)(1 + choice / 8 % 13));
	case 3:
		return rudpmsg_message_head_write(out, 1 + choice / 8, 0);
	case 4:
		return rudpmsg_ack_write(out, choice / 8);
	case 5:
		return rudpmsg_reason_write(out, RUDPMSG_FRAME_CLOSE,
					    (enum rudpmsg_reason)(1 + choice / 8 % 13));
	case 6:
		return rudpmsg_who_write(out);
	default:
		return rudpmsg_iam_write(out, choice & 8 ? "peer" : "other");
	}
}

/* The input with its words put in. */
static size_t expand(const uint8_t *data, size_t size, uint8_t *out)
{
	size_t i, bytes = 0;

	for (i = 0; i < size && bytes + RUDPMSG_HANDSHAKE_BYTES_MAX + 512 < BYTES_MAX; i++) {
		if (data[i] == 0xfe && i + 1 < size)
			bytes += word(out + bytes, data[++i]);
		else
			out[bytes++] = data[i];
	}
	return bytes;
}

static struct rudpmsg_hub *new_hub(void)
{
	struct rudpmsg_hub_config config = small_config();

	config.limits.message_bytes_max = 4000;
	config.limits.unread_bytes_max = 300;
	config.give_up_ns = 20 * RUDP_NS_PER_S;
	return rudpmsg_hub_new(&config, RUDP_NS_PER_S);
}

static void take_messages(struct rudpmsg_hub *hub)
{
	struct rudpmsg_message message;
	struct rudpmsg_event event;

	while (rudpmsg_hub_receive(hub, NULL, &message) == 0) {
		rudpmsg_hub_done(hub, message.conn, message.place);
		rudpmsg_chunk_put(message.reserved);
	}
	while (rudpmsg_hub_event(hub, &event) == 0)
		;
}

static struct rudpmsg_link *begin(struct rudpmsg_hub *hub, unsigned role)
{
	rudpmsg_message_id id;
	struct rudpmsg_link *link;
	rudpmsg_conn_id conn;
	uint64_t ticket;

	if (role % 3 == 0)
		return rudpmsg_hub_on_accepted(hub, NULL, RUDP_NS_PER_S);
	assert(rudpmsg_hub_connect(hub, "host", 1, role % 3 == 1 ? "peer" : NULL, RUDP_NS_PER_S,
				   &ticket, &conn) == 0);
	if (conn) {
		rudpmsg_hub_send(hub, rudpmsg_hub_conn(hub, conn), "text", 4, &id, RUDP_NS_PER_S);
		rudpmsg_hub_send(hub, rudpmsg_hub_conn(hub, conn), "a", 1, &id, RUDP_NS_PER_S);
	}
	link = rudpmsg_hub_next_dial(hub);
	rudpmsg_hub_on_dialed(hub, link, 0, RUDP_NS_PER_S);
	hear(hub, link, RUDP_NS_PER_S);
	return link;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[BYTES_MAX];
	struct rudpmsg_hub *hub;
	struct rudpmsg_link *link, *other;
	size_t length, at, piece, room;
	int64_t now_ns = RUDP_NS_PER_S;
	uint8_t *to;

	if (size < 1)
		return 0;
	hub = new_hub();
	link = begin(hub, data[0]);
	length = expand(data + 1, size - 1, bytes);
	for (at = 0; at < length; at += piece) {
		room = rudpmsg_hub_read_room(hub, link, &to);
		piece = data[0] & 64 ? 1 + at % 7 : length;
		piece = piece < length - at ? piece : length - at;
		piece = piece < room ? piece : room;
		if (piece > 0) {
			memcpy(to, bytes + at, piece);
			rudpmsg_hub_on_read(hub, link, piece, now_ns);
		}
		hear(hub, link, now_ns);
		assert(rudpmsg_hub_check(hub));
		take_messages(hub);
		while ((other = rudpmsg_hub_next_read(hub)))
			rudpmsg_hub_on_read(hub, other, 0, now_ns);
		assert(rudpmsg_hub_check(hub));
		if (room == 0 && rudpmsg_hub_read_room(hub, link, &to) == 0)
			break; /* ended */
	}
	rudpmsg_hub_on_ended(hub, link, ECONNRESET, now_ns);
	for (at = 0; at < 10; at++) {
		rudpmsg_hub_on_time(hub, now_ns += 5 * RUDP_NS_PER_S);
		while ((other = rudpmsg_hub_next_dial(hub)))
			rudpmsg_hub_on_dialed(hub, other, ECONNREFUSED, now_ns);
		while ((other = rudpmsg_hub_next_close(hub)))
			rudpmsg_link_free(other);
		assert(rudpmsg_hub_check(hub));
	}
	rudpmsg_hub_free(hub);
	return 0;
}
