/* SPDX-License-Identifier: MIT */
#include "messaging/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/wire.h"

#define FLAG_LASTING 1
#define MAGIC "rudpmsg1"
#define MAGIC_BYTES 8

const char *rudpmsg_reason_text(unsigned reason)
{
	switch (reason) {
#define X(name, value, text, error)                                                                \
	case value:                                                                                \
		return text;
		RUDPMSG_REASONS(X)
#undef X
	}
	return "a reason that this version does not know";
}

int rudpmsg_reason_error(unsigned reason)
{
	switch (reason) {
#define X(name, value, text, error)                                                                \
	case value:                                                                                \
		return error;
		RUDPMSG_REASONS(X)
#undef X
	}
	return ECONNRESET;
}

bool rudpmsg_name_is_valid(const char *name, size_t length)
{
	size_t i;

	if (length == 0 || length > RUDPMSG_NAME_MAX)
		return false;
	for (i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return true;
}

#define NO_SUCH_TYPE UINT64_MAX

static uint64_t content_bytes_max(unsigned type, uint32_t message_bytes_max)
{
	switch (type) {
	case RUDPMSG_FRAME_HANDSHAKE:
	case RUDPMSG_FRAME_ACK_HANDSHAKE:
		return RUDPMSG_HANDSHAKE_BYTES_MAX - RUDPMSG_FRAME_HEAD_BYTES;
	case RUDPMSG_FRAME_REFUSE:
		return 1 + RUDPMSG_REASON_TEXT_MAX;
	case RUDPMSG_FRAME_MESSAGE:
		return (uint64_t)message_bytes_max + sizeof(uint64_t);
	case RUDPMSG_FRAME_ACK:
		return sizeof(uint64_t);
	case RUDPMSG_FRAME_CLOSE:
		return 1;
	case RUDPMSG_FRAME_WHO:
		return 0;
	case RUDPMSG_FRAME_IAM:
		return 1 + RUDPMSG_NAME_MAX;
	default:
		return NO_SUCH_TYPE;
	}
}

enum rudpmsg_wire_verdict rudpmsg_frame_read(const uint8_t *bytes, size_t length,
					     uint32_t message_bytes_max,
					     struct rudpmsg_frame *frame, size_t *used)
{
	struct rudp_reader reader = rudp_reader(bytes, length);
	uint32_t content = rudp_read_u32(&reader);
	unsigned type = rudp_read_u8(&reader);
	uint64_t max;

	*used = RUDPMSG_FRAME_HEAD_BYTES;
	if (!reader.ok)
		return RUDPMSG_WIRE_MORE;
	max = content_bytes_max(type, message_bytes_max);
	if (max == NO_SUCH_TYPE)
		return RUDPMSG_WIRE_BAD_TYPE;
	if (content > max)
		return RUDPMSG_WIRE_TOO_LONG;
	*used += content;
	if (rudp_reader_left(&reader) < content)
		return RUDPMSG_WIRE_MORE;
	*frame = (struct rudpmsg_frame){(enum rudpmsg_frame_type)type, reader.next, content};
	return RUDPMSG_WIRE_OK;
}

/* An empty name is accepted: the caller decides. */
static bool read_name(struct rudp_reader *reader, char name[RUDPMSG_NAME_MAX + 1])
{
	size_t length = rudp_read_u8(reader);
	const uint8_t *bytes = rudp_read_bytes(reader, length);

	name[0] = '\0';
	if (!bytes || length == 0)
		return true; /* if the frame is cut off, the reader has noted it */
	if (!rudpmsg_name_is_valid((const char *)bytes, length))
		return false;
	memcpy(name, bytes, length);
	name[length] = '\0';
	return true;
}

enum rudpmsg_wire_verdict rudpmsg_handshake_read(const struct rudpmsg_frame *frame,
						 struct rudpmsg_handshake *handshake)
{
	struct rudp_reader reader = rudp_reader(frame->content, frame->length);
	const uint8_t *magic = rudp_read_bytes(&reader, MAGIC_BYTES);
	bool is_first = frame->type == RUDPMSG_FRAME_HANDSHAKE, are_names_good;
	uint8_t flags, ack;

	memset(handshake, 0, sizeof *handshake);
	if (!magic || memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
		return RUDPMSG_WIRE_BAD_MAGIC;
	flags = rudp_read_u8(&reader);
	ack = rudp_read_u8(&reader);
	handshake->message_bytes_max = rudp_read_u32(&reader);
	handshake->run = rudp_read_u64(&reader);
	handshake->link = rudp_read_u64(&reader);
	if (is_first)
		handshake->known_link = rudp_read_u64(&reader);
	handshake->stream = rudp_read_u64(&reader);
	handshake->peer_stream = rudp_read_u64(&reader);
	handshake->received = rudp_read_u64(&reader);
	are_names_good = read_name(&reader, handshake->name);
	if (is_first)
		are_names_good = read_name(&reader, handshake->wanted) && are_names_good;
	if (!reader.ok || rudp_reader_left(&reader) > 0)
		return RUDPMSG_WIRE_BAD_SHAPE;
	if (flags & ~FLAG_LASTING)
		return RUDPMSG_WIRE_BAD_MAGIC;
	if (!are_names_good || handshake->name[0] == '\0')
		return RUDPMSG_WIRE_BAD_NAME;
	if (ack > RUDPMSG_ACK_STORED || handshake->run == 0 || handshake->link == 0 ||
	    handshake->stream == 0)
		return RUDPMSG_WIRE_BAD_VALUE;
	handshake->ack = (enum rudpmsg_ack)ack;
	handshake->is_lasting = flags & FLAG_LASTING;
	return RUDPMSG_WIRE_OK;
}

enum rudpmsg_wire_verdict rudpmsg_id_read(const struct rudpmsg_frame *frame, uint64_t *id)
{
	struct rudp_reader reader = rudp_reader(frame->content, frame->length);

	*id = rudp_read_u64(&reader);
	if (!reader.ok || (frame->type == RUDPMSG_FRAME_ACK && rudp_reader_left(&reader) > 0))
		return RUDPMSG_WIRE_BAD_SHAPE;
	return RUDPMSG_WIRE_OK;
}

enum rudpmsg_wire_verdict rudpmsg_reason_read(const struct rudpmsg_frame *frame, uint8_t *reason)
{
	struct rudp_reader reader = rudp_reader(frame->content, frame->length);

	*reason = rudp_read_u8(&reader);
	return reader.ok ? RUDPMSG_WIRE_OK : RUDPMSG_WIRE_BAD_SHAPE;
}

enum rudpmsg_wire_verdict rudpmsg_iam_read(const struct rudpmsg_frame *frame,
					   char name[RUDPMSG_NAME_MAX + 1])
{
	struct rudp_reader reader = rudp_reader(frame->content, frame->length);
	bool is_good = read_name(&reader, name);

	if (!reader.ok || rudp_reader_left(&reader) > 0)
		return RUDPMSG_WIRE_BAD_SHAPE;
	return is_good && name[0] != '\0' ? RUDPMSG_WIRE_OK : RUDPMSG_WIRE_BAD_NAME;
}

static struct rudp_writer begin(uint8_t *out, size_t cap, enum rudpmsg_frame_type type)
{
	struct rudp_writer writer = rudp_writer(out, cap);

	rudp_write_u32(&writer, 0);
	rudp_write_u8(&writer, (uint8_t)type);
	return writer;
}

/* Fills in the frame's length, which is known now. */
static size_t end(struct rudp_writer *writer)
{
	struct rudp_writer length = rudp_writer(writer->start, sizeof(uint32_t));

	assert(writer->ok);
	rudp_write_u32(&length, (uint32_t)(rudp_writer_len(writer) - RUDPMSG_FRAME_HEAD_BYTES));
	return rudp_writer_len(writer);
}

static void write_name(struct rudp_writer *writer, const char *name)
{
	size_t length = strlen(name);

	rudp_write_u8(writer, (uint8_t)length);
	rudp_write_bytes(writer, name, length);
}

size_t rudpmsg_handshake_write(uint8_t *out, enum rudpmsg_frame_type type,
			       const struct rudpmsg_handshake *handshake)
{
	struct rudp_writer writer = begin(out, RUDPMSG_HANDSHAKE_BYTES_MAX, type);
	bool is_first = type == RUDPMSG_FRAME_HANDSHAKE;

	rudp_write_bytes(&writer, MAGIC, MAGIC_BYTES);
	rudp_write_u8(&writer, handshake->is_lasting ? FLAG_LASTING : 0);
	rudp_write_u8(&writer, (uint8_t)handshake->ack);
	rudp_write_u32(&writer, handshake->message_bytes_max);
	rudp_write_u64(&writer, handshake->run);
	rudp_write_u64(&writer, handshake->link);
	if (is_first)
		rudp_write_u64(&writer, handshake->known_link);
	rudp_write_u64(&writer, handshake->stream);
	rudp_write_u64(&writer, handshake->peer_stream);
	rudp_write_u64(&writer, handshake->received);
	write_name(&writer, handshake->name);
	if (is_first)
		write_name(&writer, handshake->wanted);
	return end(&writer);
}

size_t rudpmsg_who_write(uint8_t *out)
{
	struct rudp_writer writer = begin(out, RUDPMSG_FRAME_HEAD_BYTES, RUDPMSG_FRAME_WHO);

	return end(&writer);
}

size_t rudpmsg_iam_write(uint8_t *out, const char *name)
{
	struct rudp_writer writer = begin(out, RUDPMSG_HANDSHAKE_BYTES_MAX, RUDPMSG_FRAME_IAM);

	write_name(&writer, name);
	return end(&writer);
}

size_t rudpmsg_ack_write(uint8_t *out, uint64_t id)
{
	struct rudp_writer writer = begin(out, RUDPMSG_MESSAGE_HEAD_BYTES, RUDPMSG_FRAME_ACK);

	rudp_write_u64(&writer, id);
	return end(&writer);
}

size_t rudpmsg_message_head_write(uint8_t *out, uint64_t id, size_t length)
{
	struct rudp_writer writer = rudp_writer(out, RUDPMSG_MESSAGE_HEAD_BYTES);

	assert(length <= RUDPMSG_MESSAGE_BYTES_TOP);
	rudp_write_u32(&writer, (uint32_t)(length + sizeof id));
	rudp_write_u8(&writer, RUDPMSG_FRAME_MESSAGE);
	rudp_write_u64(&writer, id);
	return rudp_writer_len(&writer);
}

size_t rudpmsg_reason_write(uint8_t *out, enum rudpmsg_frame_type type, enum rudpmsg_reason reason)
{
	struct rudp_writer writer =
		begin(out, RUDPMSG_FRAME_HEAD_BYTES + 1 + RUDPMSG_REASON_TEXT_MAX, type);
	const char *text = rudpmsg_reason_text(reason);

	rudp_write_u8(&writer, (uint8_t)reason);
	if (type == RUDPMSG_FRAME_REFUSE)
		rudp_write_bytes(&writer, text, strlen(text));
	return end(&writer);
}
