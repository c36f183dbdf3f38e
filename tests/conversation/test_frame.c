/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>
#include <string.h>

#include "conversation/irc/frame.h"

static uint8_t bytes[APO_FRAME_BYTES_MAX];

static size_t write_frame(enum apo_frame_kind kind, uint64_t session, const char *text)
{
	struct apo_frame frame = {.kind = kind,
				  .epoch = 0x0102030405060708u,
				  .session = session,
				  .text = text,
				  .text_len = strlen(text)};

	return apo_frame_write(&frame, bytes);
}

Test(frame, each_kind_is_read_as_it_was_written)
{
	static const char line[] = "PRIVMSG #a :hello";
	struct apo_frame frame;
	int kind;

	for (kind = APO_FRAME_HELLO; kind <= APO_FRAME_CLOSE; kind++) {
		size_t len = write_frame((enum apo_frame_kind)kind, 77, line);

		cr_assert(eq(int, apo_frame_read(bytes, len, &frame), APO_FRAME_OK), "%d", kind);
		cr_assert(eq(int, (int)frame.kind, kind));
		cr_assert(eq(u64, frame.session, 77));
		if (kind == APO_FRAME_HELLO)
			cr_assert(eq(u64, frame.epoch, 0x0102030405060708u));
		if (kind >= APO_FRAME_LINE)
			cr_assert(eq(int, memcmp(frame.text, line, sizeof line - 1), 0));
		cr_assert(eq(sz, frame.text_len, kind >= APO_FRAME_LINE ? sizeof line - 1 : 0));
	}
}

/* The bytes as documented in docs/conversation.md. */
Test(frame, bytes_are_as_documented)
{
	static const uint8_t hello[] = {1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9};
	static const uint8_t open[] = {2, 1, 0, 0, 0, 0, 0, 0, 0, 9};
	static const uint8_t line[] = {4, 0, 0, 0, 0, 0, 0, 0, 9, 'H', 'I'};

	cr_assert(eq(sz, write_frame(APO_FRAME_HELLO, 9, ""), sizeof hello));
	cr_assert(eq(int, memcmp(bytes, hello, sizeof hello), 0));
	cr_assert(eq(sz, write_frame(APO_FRAME_OPEN, 9, ""), sizeof open));
	cr_assert(eq(int, memcmp(bytes, open, sizeof open), 0));
	cr_assert(eq(sz, write_frame(APO_FRAME_LINE, 9, "HI"), sizeof line));
	cr_assert(eq(int, memcmp(bytes, line, sizeof line), 0));
}

static enum apo_frame_verdict read_back(enum apo_frame_kind kind, uint64_t session, int shorter)
{
	struct apo_frame frame;
	size_t len = write_frame(kind, session, "");

	return apo_frame_read(bytes, (size_t)((int)len - shorter), &frame);
}

Test(frame, an_invalid_frame_has_a_verdict)
{
	struct apo_frame frame;
	size_t len;
	int kind;

	cr_assert(eq(int, apo_frame_read(bytes, 0, &frame), APO_FRAME_LENGTH));
	for (kind = APO_FRAME_HELLO; kind <= APO_FRAME_CLOSE; kind++) {
		cr_assert(eq(int, read_back((enum apo_frame_kind)kind, 1, 1), APO_FRAME_LENGTH));
		cr_assert(eq(int, read_back((enum apo_frame_kind)kind, 0, 0),
			     kind == APO_FRAME_HELLO ? APO_FRAME_OK : APO_FRAME_SESSION));
	}
	bytes[0] = 0;
	cr_assert(eq(int, apo_frame_read(bytes, 9, &frame), APO_FRAME_KIND));
	bytes[0] = APO_FRAME_CLOSE + 1;
	cr_assert(eq(int, apo_frame_read(bytes, 9, &frame), APO_FRAME_KIND));
	len = write_frame(APO_FRAME_OPEN, 1, "");
	bytes[1] = APO_FRAME_VERSION + 1;
	cr_assert(eq(int, apo_frame_read(bytes, len, &frame), APO_FRAME_OTHER));
	cr_assert(eq(int, (int)frame.kind, APO_FRAME_OPEN));
	len = write_frame(APO_FRAME_LINE, 1, "two\nlines");
	cr_assert(eq(int, apo_frame_read(bytes, len, &frame), APO_FRAME_TEXT));
	cr_assert(
		eq(int, apo_frame_read(bytes, APO_FRAME_BYTES_MAX + 1, &frame), APO_FRAME_LENGTH));
}

Test(frame, names_of_clients_are_parts_of_host_names)
{
	static const char *const right[] = {"a", "0", "anna-2.laptop_x",
					    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	static const char *const wrong[] = {"",
					    ".a",
					    "-a",
					    "a b",
					    "a!b",
					    "a@b",
					    ":a",
					    "a*",
					    "ä",
					    "a/b",
					    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	size_t i;

	for (i = 0; i < sizeof right / sizeof right[0]; i++)
		cr_assert(apo_frame_name_is_valid(right[i]), "%s", right[i]);
	for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		cr_assert(not(apo_frame_name_is_valid(wrong[i])), "%s", wrong[i]);
}
