/* SPDX-License-Identifier: MIT */
#include "conversation/irc/frame.h"

#include <string.h>

#include "conversation/irc/message.h"

_Static_assert(APO_FRAME_LINE_MAX == APO_SERVER_TAGS_BYTES_MAX + APO_BODY_BYTES_MAX - 2,
	       "a frame takes any line");

#define HELLO_BYTES ((size_t)18)
#define OPEN_BYTES ((size_t)10)
#define OPENED_BYTES ((size_t)9)

static uint64_t get_u64(const uint8_t *bytes)
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

static void put_u64(uint8_t *bytes, uint64_t value)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* HELLO and OPEN, the frames that carry the version. */
static enum apo_frame_verdict read_first(const uint8_t *bytes, size_t len, struct apo_frame *frame)
{
	bool is_hello = bytes[0] == APO_FRAME_HELLO;

	if (len < 2)
		return APO_FRAME_LENGTH;
	frame->kind = bytes[0];
	if (bytes[1] != APO_FRAME_VERSION)
		return APO_FRAME_OTHER;
	if (len != (is_hello ? HELLO_BYTES : OPEN_BYTES))
		return APO_FRAME_LENGTH;
	frame->epoch = is_hello ? get_u64(bytes + 2) : 0;
	frame->session = get_u64(bytes + len - 8);
	return is_hello || frame->session ? APO_FRAME_OK : APO_FRAME_SESSION;
}

static bool is_one_line(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] == 0 || text[i] == '\r' || text[i] == '\n')
			return false;
	return true;
}

static enum apo_frame_verdict read_rest(const uint8_t *bytes, size_t len, struct apo_frame *frame)
{
	if (len < OPENED_BYTES || (bytes[0] == APO_FRAME_OPENED && len != OPENED_BYTES))
		return APO_FRAME_LENGTH;
	frame->kind = bytes[0];
	frame->session = get_u64(bytes + 1);
	frame->text = (const char *)bytes + APO_FRAME_HEAD_BYTES;
	frame->text_len = len - APO_FRAME_HEAD_BYTES;
	if (!frame->session)
		return APO_FRAME_SESSION;
	return is_one_line(frame->text, frame->text_len) ? APO_FRAME_OK : APO_FRAME_TEXT;
}

enum apo_frame_verdict apo_frame_read(const void *of, size_t len, struct apo_frame *frame)
{
	const uint8_t *bytes = of;
	struct apo_frame read = {.text = "", .text_len = 0};
	enum apo_frame_verdict verdict;

	if (len == 0 || len > APO_FRAME_BYTES_MAX)
		return APO_FRAME_LENGTH;
	if (bytes[0] < APO_FRAME_HELLO || bytes[0] > APO_FRAME_CLOSE)
		return APO_FRAME_KIND;
	if (bytes[0] == APO_FRAME_HELLO || bytes[0] == APO_FRAME_OPEN)
		verdict = read_first(bytes, len, &read);
	else
		verdict = read_rest(bytes, len, &read);
	if (verdict == APO_FRAME_OK)
		*frame = read;
	else if (verdict == APO_FRAME_OTHER)
		frame->kind = read.kind;
	return verdict;
}

size_t apo_frame_write(const struct apo_frame *frame, void *to)
{
	size_t text_len =
		frame->text_len < APO_FRAME_LINE_MAX ? frame->text_len : APO_FRAME_LINE_MAX;
	uint8_t *bytes = to;

	bytes[0] = (uint8_t)frame->kind;
	bytes[1] = APO_FRAME_VERSION;
	switch (frame->kind) {
	case APO_FRAME_HELLO:
		put_u64(bytes + 2, frame->epoch);
		put_u64(bytes + 10, frame->session);
		return HELLO_BYTES;
	case APO_FRAME_OPEN:
		put_u64(bytes + 2, frame->session);
		return OPEN_BYTES;
	case APO_FRAME_OPENED:
		put_u64(bytes + 1, frame->session);
		return OPENED_BYTES;
	case APO_FRAME_LINE:
	case APO_FRAME_CLOSE:
		break;
	}
	put_u64(bytes + 1, frame->session);
	if (text_len > 0)
		memcpy(bytes + APO_FRAME_HEAD_BYTES, frame->text, text_len);
	return APO_FRAME_HEAD_BYTES + text_len;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool apo_frame_name_is_valid(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (i == APO_FRAME_NAME_MAX ||
		    !(is_alphanumeric(name[i]) || (i > 0 && strchr("._-", name[i]))))
			return false;
	return i > 0;
}
