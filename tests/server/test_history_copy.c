/* SPDX-License-Identifier: MIT */
/* Rows of history from another node (store/history_copy.c): what a client would be told as lines of
 * the protocol is refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "server/history_begun.h"

TestSuite(history_copy, .init = begin, .fini = end);

static uint8_t bytes[4096];
static size_t len;

static void keep_one(void)
{
	struct apo_said said = {.position = 1,
				.run = RUN,
				.time_ms = TIME_MS,
				.source = "dan!~dan@host",
				.target = "#Room",
				.account = "someone",
				.tags = "+a=bcd",
				.text = "said to all",
				.channel = "#room"};

	cr_assert(eq(int, apo_history_add(file.history, &said), 0));
	cr_assert(eq(int, apo_history_change(file.history, JOINED(2, "dan", 0, "#channel", 2)), 0));
}

static void copy(enum apo_history_table table)
{
	struct rudp_writer writer = rudp_writer(bytes, sizeof bytes);
	int64_t to = 2;

	cr_assert(eq(int, apo_history_copy(file.history, table, 0, &to, &writer), 0));
	len = rudp_writer_len(&writer);
}

/* Pastes the rows with the part replaced by another one of its length. */
static int paste(enum apo_history_table table, const char *part, const char *other)
{
	uint8_t *at = memmem(bytes, len, part, strlen(part));
	int error;

	cr_assert(ne(ptr, at, NULL), "%s", part);
	memcpy(at, other, strlen(part));
	error = apo_history_paste(file.history, table, 0, 2, bytes, len);
	memcpy(at, part, strlen(part));
	return error;
}

Test(history_copy, messages_whose_words_are_none_are_refused)
{
	static const char *const changes[][2] = {{"dan!~dan@host", "dan!~dan\r\nost"},
						 {"dan!~dan@host", "dan! dan@host"},
						 {"dan!~dan@host", "dan!~da\xff@host"},
						 {"#Room", "#R\nom"},
						 {"#room", "#r om"},
						 {"someone", "some\rne"},
						 {"+a=bcd", "+a= cd"},
						 {"said to all", "said t\xff all"}};
	size_t i;

	keep_one();
	copy(APO_TABLE_MESSAGES);
	for (i = 0; i < sizeof changes / sizeof *changes; i++)
		cr_assert(eq(int, paste(APO_TABLE_MESSAGES, changes[i][0], changes[i][1]), -EINVAL),
			  "%zu", i);
	cr_assert(eq(int, paste(APO_TABLE_MESSAGES, "said to all", "said\nto all"), 0));
}

Test(history_copy, presences_in_no_channel_are_refused)
{
	keep_one();
	copy(APO_TABLE_PRESENCES);
	cr_assert(eq(int, paste(APO_TABLE_PRESENCES, "#channel", "#cha\nnel"), -EINVAL));
	cr_assert(eq(int, paste(APO_TABLE_PRESENCES, "#channel", "channels"), -EINVAL));
	cr_assert(eq(int, paste(APO_TABLE_PRESENCES, "#channel", "#channel"), 0));
}
