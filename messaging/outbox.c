/* SPDX-License-Identifier: MIT */
#include "messaging/outbox.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/wire.h"

struct frame {
	uint64_t id;
	size_t size; /* head included */
};

void rudpmsg_outbox_init(struct rudpmsg_outbox *outbox, uint64_t bytes_max, uint64_t count_max,
			 bool has_store)
{
	memset(outbox, 0, sizeof *outbox);
	/* An empty outbox takes a message of any length, so the ring must be able to exceed
	 * bytes_max. */
	rudp_ring_init(&outbox->ring, SIZE_MAX / 4);
	outbox->bytes_max = bytes_max;
	outbox->count_max = count_max;
	outbox->next_id = outbox->known_from = 1;
	outbox->has_store = has_store;
}

void rudpmsg_outbox_fini(struct rudpmsg_outbox *outbox)
{
	rudp_ring_fini(&outbox->ring);
}

bool rudpmsg_outbox_has_room(const struct rudpmsg_outbox *outbox, size_t length)
{
	uint64_t used = rudp_ring_used(&outbox->ring) + RUDPMSG_MESSAGE_HEAD_BYTES + length;

	return outbox->count == 0 ||
	       (outbox->count < outbox->count_max && used <= outbox->bytes_max);
}

/* is_stored: without a store, or for a restored message, there is nothing to wait for. */
static int append(struct rudpmsg_outbox *outbox, uint64_t id, const void *bytes, size_t length,
		  bool is_stored)
{
	uint8_t head[RUDPMSG_MESSAGE_HEAD_BYTES];
	size_t size = sizeof head + length;

	assert(id > outbox->last_id);
	if (rudp_ring_reserve(&outbox->ring, outbox->ring.tail + size) < 0)
		return -ENOMEM;
	rudpmsg_message_head_write(head, id, length);
	rudp_ring_write(&outbox->ring, head, sizeof head);
	if (length > 0)
		rudp_ring_write(&outbox->ring, bytes, length);
	outbox->count++;
	outbox->last_id = id;
	if (outbox->next_id <= id)
		outbox->next_id = id + 1;
	if (is_stored) {
		outbox->stored_end = outbox->ring.tail;
		outbox->stored_id = id;
	}
	return 0;
}

int rudpmsg_outbox_add(struct rudpmsg_outbox *outbox, uint64_t id, const void *bytes, size_t length)
{
	if (!rudpmsg_outbox_has_room(outbox, length))
		return -EAGAIN;
	return append(outbox, id, bytes, length, !outbox->has_store);
}

int rudpmsg_outbox_restore(struct rudpmsg_outbox *outbox, uint64_t id, const void *bytes,
			   size_t length)
{
	int rc = append(outbox, id, bytes, length, true);

	/* The previous process may have sent it. */
	if (rc == 0)
		outbox->sent_ever = id;
	return rc;
}

/* Reads the frame at a ring offset, which must be a frame's start before the tail. */
static struct frame frame_at(const struct rudpmsg_outbox *outbox, uint64_t offset)
{
	uint8_t head[RUDPMSG_MESSAGE_HEAD_BYTES];
	struct iovec iov[2];
	struct rudp_reader reader;
	struct frame frame;
	int count = rudp_ring_readable(&outbox->ring, offset, sizeof head, iov);

	memcpy(head, iov[0].iov_base, iov[0].iov_len);
	if (count > 1)
		memcpy(head + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	reader = rudp_reader(head, sizeof head);
	frame.size = RUDPMSG_FRAME_HEAD_BYTES + rudp_read_u32(&reader);
	rudp_read_u8(&reader);
	frame.id = rudp_read_u64(&reader);
	return frame;
}

/* A new link: none of the bytes were written to it. */
static void rewind_to_head(struct rudpmsg_outbox *outbox)
{
	outbox->sent_end = outbox->frame_at = outbox->ring.head;
	outbox->acked_id = 0;
}

uint64_t rudpmsg_outbox_on_link(struct rudpmsg_outbox *outbox)
{
	uint64_t again = 0, offset = outbox->ring.head;
	struct frame frame;

	while (offset < outbox->ring.tail) {
		frame = frame_at(outbox, offset);
		if (frame.id > outbox->sent_ever)
			break;
		offset += frame.size;
		again++;
	}
	rewind_to_head(outbox);
	outbox->sent_id = 0;
	return again;
}

bool rudpmsg_outbox_is_due(const struct rudpmsg_outbox *outbox)
{
	return outbox->sent_end < outbox->stored_end;
}

bool rudpmsg_outbox_is_in_frame(const struct rudpmsg_outbox *outbox)
{
	return outbox->sent_end > outbox->frame_at;
}

size_t rudpmsg_outbox_frame_rest(const struct rudpmsg_outbox *outbox)
{
	if (!rudpmsg_outbox_is_in_frame(outbox))
		return 0;
	return (size_t)(outbox->frame_at + frame_at(outbox, outbox->frame_at).size -
			outbox->sent_end);
}

int rudpmsg_outbox_next(const struct rudpmsg_outbox *outbox, size_t bytes_max, struct iovec iov[2])
{
	uint64_t left = outbox->stored_end - outbox->sent_end;

	if (left == 0 || bytes_max == 0)
		return 0;
	return rudp_ring_readable(&outbox->ring, outbox->sent_end,
				  left < bytes_max ? (size_t)left : bytes_max, iov);
}

uint64_t rudpmsg_outbox_on_written(struct rudpmsg_outbox *outbox, size_t bytes)
{
	struct frame frame;

	outbox->sent_end += bytes;
	assert(outbox->sent_end <= outbox->stored_end);
	while (outbox->frame_at < outbox->sent_end) {
		frame = frame_at(outbox, outbox->frame_at);
		if (outbox->frame_at + frame.size > outbox->sent_end)
			break;
		outbox->frame_at += frame.size;
		outbox->sent_id = frame.id;
	}
	if (outbox->sent_ever < outbox->sent_id)
		outbox->sent_ever = outbox->sent_id;
	return outbox->acked_id ? (uint64_t)rudpmsg_outbox_on_ack(outbox, outbox->acked_id) : 0;
}

/* Removes all messages up to id from the ring. */
static uint64_t answer(struct rudpmsg_outbox *outbox, uint64_t id)
{
	uint64_t offset = outbox->ring.head, answered = 0;
	struct frame frame;

	while (offset < outbox->ring.tail) {
		frame = frame_at(outbox, offset);
		if (frame.id > id)
			break;
		offset += frame.size;
		answered++;
	}
	rudp_ring_consume(&outbox->ring, (size_t)(offset - outbox->ring.head));
	if (outbox->sent_end < offset)
		outbox->sent_end = outbox->frame_at = offset;
	outbox->count -= answered;
	if (outbox->answered < id)
		outbox->answered = id;
	return answered;
}

int64_t rudpmsg_outbox_on_ack(struct rudpmsg_outbox *outbox, uint64_t id)
{
	uint64_t unfinished;

	if (id > outbox->sent_ever && id > outbox->answered)
		return -EPROTO;
	if (id < outbox->acked_id)
		id = outbox->acked_id;
	outbox->acked_id = 0;
	if (rudpmsg_outbox_is_in_frame(outbox)) {
		unfinished = frame_at(outbox, outbox->frame_at).id;
		if (id >= unfinished) {
			outbox->acked_id = id;
			id = unfinished - 1;
		}
	}
	return (int64_t)answer(outbox, id);
}

uint64_t rudpmsg_outbox_on_received(struct rudpmsg_outbox *outbox, uint64_t id)
{
	uint64_t answered = answer(outbox, id < outbox->sent_ever ? id : outbox->sent_ever);

	rewind_to_head(outbox);
	return answered;
}

void rudpmsg_outbox_note_failure(struct rudpmsg_outbox *outbox, uint64_t from, uint64_t to,
				 int reason)
{
	struct rudpmsg_failure *last = outbox->failures + outbox->failure_count - 1;

	if (outbox->next_id <= to)
		outbox->next_id = to + 1;
	if (outbox->failure_count > 0 && last->reason == reason && last->to + 1 == from) {
		last->to = to;
		return;
	}
	if (outbox->failure_count == RUDPMSG_FAILURES_MAX) {
		/* Its state would be reported as ACKNOWLEDGED: from now on it is UNKNOWN. */
		outbox->known_from = outbox->failures[0].to + 1;
		memmove(outbox->failures, outbox->failures + 1,
			sizeof *outbox->failures * --outbox->failure_count);
	}
	outbox->failures[outbox->failure_count++] = (struct rudpmsg_failure){from, to, reason};
}

uint64_t rudpmsg_outbox_fail(struct rudpmsg_outbox *outbox, int reason)
{
	uint64_t failed = outbox->count;

	if (failed == 0)
		return 0;
	rudpmsg_outbox_note_failure(outbox, frame_at(outbox, outbox->ring.head).id, outbox->last_id,
				    reason);
	answer(outbox, outbox->last_id);
	rewind_to_head(outbox);
	outbox->stored_end = outbox->ring.head;
	return failed;
}

void rudpmsg_outbox_on_storing(struct rudpmsg_outbox *outbox)
{
	outbox->storing_end = outbox->ring.tail;
	outbox->storing_id = outbox->last_id;
}

void rudpmsg_outbox_on_stored(struct rudpmsg_outbox *outbox)
{
	/* If messages failed meanwhile, the positions have moved on already. */
	if (outbox->stored_end < outbox->storing_end)
		outbox->stored_end = outbox->storing_end;
	if (outbox->stored_id < outbox->storing_id)
		outbox->stored_id = outbox->storing_id;
}

uint64_t rudpmsg_outbox_roll_back(struct rudpmsg_outbox *outbox, int reason)
{
	uint64_t offset = outbox->stored_end, first = 0, dropped = 0;
	struct frame frame;

	for (; offset < outbox->ring.tail; offset += frame.size) {
		frame = frame_at(outbox, offset);
		first = first ? first : frame.id;
		dropped++;
	}
	if (dropped == 0)
		return 0;
	rudpmsg_outbox_note_failure(outbox, first, outbox->last_id, reason);
	outbox->ring.tail = outbox->ring.extent = outbox->stored_end;
	outbox->storing_end = outbox->stored_end;
	outbox->count -= dropped;
	return dropped;
}

/* The ring offset of the first frame with an id larger than id. */
static uint64_t offset_behind(const struct rudpmsg_outbox *outbox, uint64_t id)
{
	uint64_t offset = outbox->ring.head;
	struct frame frame;

	for (; offset < outbox->ring.tail; offset += frame.size) {
		frame = frame_at(outbox, offset);
		if (frame.id > id)
			break;
	}
	return offset;
}

static void copy_frame(struct rudp_ring *to, const struct rudpmsg_outbox *outbox, uint64_t offset,
		       size_t size)
{
	struct iovec piece[2];

	while (size > 0) {
		rudp_ring_readable(&outbox->ring, offset, size, piece);
		rudp_ring_write(to, piece[0].iov_base, piece[0].iov_len);
		offset += piece[0].iov_len;
		size -= piece[0].iov_len;
	}
}

uint64_t rudpmsg_outbox_longer(const struct rudpmsg_outbox *outbox, uint64_t id, uint64_t bytes_max)
{
	uint64_t offset = offset_behind(outbox, id);
	struct frame frame;

	for (; offset < outbox->ring.tail; offset += frame.size) {
		frame = frame_at(outbox, offset);
		if (frame.size > RUDPMSG_MESSAGE_HEAD_BYTES + bytes_max)
			return frame.id;
	}
	return 0;
}

uint64_t rudpmsg_outbox_fail_longer(struct rudpmsg_outbox *outbox, uint64_t bytes_max, int reason,
				    uint64_t *last)
{
	uint64_t offset, size_max = RUDPMSG_MESSAGE_HEAD_BYTES + bytes_max, failed = 0, kept = 0;
	struct rudp_ring ring;
	struct frame frame;

	*last = 0;
	for (offset = outbox->ring.head; offset < outbox->ring.tail; offset += frame.size) {
		frame = frame_at(outbox, offset);
		failed += frame.size > size_max;
		kept += frame.size > size_max ? 0 : frame.size;
	}
	if (failed == 0)
		return 0;
	rudp_ring_init(&ring, SIZE_MAX / 4);
	if (rudp_ring_reserve(&ring, kept) < 0) {
		rudp_ring_fini(&ring);
		return 0;
	}
	for (offset = outbox->ring.head; offset < outbox->ring.tail; offset += frame.size) {
		frame = frame_at(outbox, offset);
		if (frame.size > size_max)
			rudpmsg_outbox_note_failure(outbox, *last = frame.id, frame.id, reason);
		else
			copy_frame(&ring, outbox, offset, frame.size);
	}
	rudp_ring_fini(&outbox->ring);
	outbox->ring = ring;
	rewind_to_head(outbox);
	outbox->stored_end = offset_behind(outbox, outbox->stored_id);
	outbox->storing_end = offset_behind(outbox, outbox->storing_id);
	outbox->count -= failed;
	return failed;
}

enum rudpmsg_state rudpmsg_outbox_state(const struct rudpmsg_outbox *outbox, uint64_t id,
					int *reason)
{
	unsigned i;

	if (id < outbox->known_from || id >= outbox->next_id)
		return RUDPMSG_STATE_UNKNOWN;
	for (i = 0; i < outbox->failure_count; i++) {
		if (id < outbox->failures[i].from || id > outbox->failures[i].to)
			continue;
		if (reason)
			*reason = outbox->failures[i].reason;
		return RUDPMSG_STATE_FAILED;
	}
	if (id <= outbox->answered)
		return RUDPMSG_STATE_ACKNOWLEDGED;
	if (id > outbox->stored_id)
		return RUDPMSG_STATE_STORING;
	return id <= outbox->sent_id ? RUDPMSG_STATE_SENT : RUDPMSG_STATE_QUEUED;
}

bool rudpmsg_outbox_check(const struct rudpmsg_outbox *outbox)
{
	uint64_t offset = outbox->ring.head, count = 0, previous = 0;
	struct frame frame;

	while (offset < outbox->ring.tail) {
		frame = frame_at(outbox, offset);
		if (frame.id <= previous || frame.id <= outbox->answered ||
		    frame.id > outbox->last_id)
			return false;
		previous = frame.id;
		offset += frame.size;
		count++;
	}
	return offset == outbox->ring.tail && count == outbox->count &&
	       outbox->frame_at >= outbox->ring.head && outbox->frame_at <= outbox->sent_end &&
	       outbox->sent_end <= outbox->stored_end && outbox->stored_end <= outbox->ring.tail &&
	       (outbox->has_store || outbox->stored_end == outbox->ring.tail) &&
	       outbox->sent_id <= outbox->sent_ever && outbox->sent_ever <= outbox->last_id &&
	       outbox->next_id > outbox->last_id;
}
