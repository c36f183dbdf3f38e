/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/decide.h"
#include "messaging/wire.h"

#define MESSAGE_MAX 1000

static struct rudpmsg_handshake sample(void)
{
	struct rudpmsg_handshake handshake;

	memset(&handshake, 0, sizeof handshake);
	handshake.ack = RUDPMSG_ACK_HANDLED;
	handshake.message_bytes_max = 1u << 20;
	handshake.run = 7;
	handshake.link = 3;
	handshake.known_link = 2;
	handshake.stream = UINT64_C(0x0102030405060708);
	handshake.peer_stream = 9;
	handshake.received = 41;
	strcpy(handshake.name, "alpha");
	strcpy(handshake.wanted, "beta");
	return handshake;
}

static enum rudpmsg_wire_verdict read_back(const uint8_t *bytes, size_t length,
					   struct rudpmsg_handshake *handshake)
{
	struct rudpmsg_frame frame;
	size_t used;
	enum rudpmsg_wire_verdict verdict =
		rudpmsg_frame_read(bytes, length, MESSAGE_MAX, &frame, &used);

	return verdict == RUDPMSG_WIRE_OK ? rudpmsg_handshake_read(&frame, handshake) : verdict;
}

Test(wire, handshake_is_read_as_it_was_written)
{
	struct rudpmsg_handshake in = sample(), out;
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	size_t length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in);

	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_OK));
	cr_assert(eq(int, memcmp(&in, &out, sizeof in), 0));
}

Test(wire, ack_handshake_has_neither_wanted_name_nor_known_link)
{
	struct rudpmsg_handshake in = sample(), out;
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	size_t length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_ACK_HANDSHAKE, &in);

	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_OK));
	cr_assert(eq(u64, out.known_link, 0));
	cr_assert(eq(str, out.wanted, ""));
	cr_assert(eq(str, out.name, "alpha"));
	cr_assert(eq(u64, out.received, 41));
}

Test(wire, longest_names_fit)
{
	struct rudpmsg_handshake in = sample(), out;
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	size_t length;

	memset(in.name, 'n', RUDPMSG_NAME_MAX);
	memset(in.wanted, 'w', RUDPMSG_NAME_MAX);
	length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in);
	cr_assert(le(sz, length, sizeof bytes));
	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_OK));
	cr_assert(eq(sz, strlen(out.name), RUDPMSG_NAME_MAX));
}

Test(wire, a_truncated_frame_needs_more_bytes)
{
	struct rudpmsg_handshake in = sample(), out;
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	size_t length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in), i;

	for (i = 0; i < length; i++)
		cr_assert(eq(int, read_back(bytes, i, &out), RUDPMSG_WIRE_MORE), "%zu", i);
}

Test(wire, content_shorter_than_its_fields_is_bad_shape)
{
	struct rudpmsg_handshake in = sample(), out;
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	size_t length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in), cut;

	for (cut = 1; cut < length - RUDPMSG_FRAME_HEAD_BYTES - 8; cut++) {
		bytes[3] = (uint8_t)(length - RUDPMSG_FRAME_HEAD_BYTES - cut);
		cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_BAD_SHAPE), "%zu",
			  cut);
	}
}

Test(wire, other_magic_or_flags_are_another_version)
{
	struct rudpmsg_handshake in = sample(), out;
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	size_t length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in);

	bytes[RUDPMSG_FRAME_HEAD_BYTES + 7] = '2';
	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_BAD_MAGIC));
	bytes[RUDPMSG_FRAME_HEAD_BYTES + 7] = '1';
	bytes[RUDPMSG_FRAME_HEAD_BYTES + 8] = 2;
	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_BAD_MAGIC));
}

Test(wire, a_node_with_a_store_says_so)
{
	struct rudpmsg_handshake in = sample(), out;
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	size_t length;

	length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in);
	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_OK));
	cr_assert(not(out.is_lasting));
	in.is_lasting = true;
	length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_ACK_HANDSHAKE, &in);
	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_OK));
	cr_assert(out.is_lasting);
}

Test(wire, names_are_printable_without_space)
{
	struct rudpmsg_handshake in = sample(), out;
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	size_t length;

	strcpy(in.name, "al pha");
	length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in);
	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_BAD_NAME));
	in.name[0] = '\0';
	length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in);
	cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_BAD_NAME));
}

Test(wire, numbers_that_must_not_be_zero)
{
	uint64_t offsets[] = {offsetof(struct rudpmsg_handshake, run),
			      offsetof(struct rudpmsg_handshake, link),
			      offsetof(struct rudpmsg_handshake, stream)};
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX];
	struct rudpmsg_handshake in, out;
	size_t length, i;

	for (i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		in = sample();
		memset((char *)&in + offsets[i], 0, sizeof(uint64_t));
		length = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &in);
		cr_assert(eq(int, read_back(bytes, length, &out), RUDPMSG_WIRE_BAD_VALUE));
	}
}

Test(wire, too_long_messages_are_refused_by_their_header)
{
	uint8_t bytes[RUDPMSG_MESSAGE_HEAD_BYTES];
	struct rudpmsg_frame frame;
	size_t used;

	rudpmsg_message_head_write(bytes, 1, MESSAGE_MAX + 1);
	cr_assert(eq(int, rudpmsg_frame_read(bytes, sizeof bytes, MESSAGE_MAX, &frame, &used),
		     RUDPMSG_WIRE_TOO_LONG));
	rudpmsg_message_head_write(bytes, 1, MESSAGE_MAX);
	cr_assert(eq(int, rudpmsg_frame_read(bytes, sizeof bytes, MESSAGE_MAX, &frame, &used),
		     RUDPMSG_WIRE_MORE));
	cr_assert(eq(sz, used, sizeof bytes + MESSAGE_MAX));
}

Test(wire, unknown_types_are_bad)
{
	uint8_t bytes[RUDPMSG_FRAME_HEAD_BYTES] = {0};
	struct rudpmsg_frame frame;
	unsigned type;
	size_t used;

	for (type = 0; type < 256; type++) {
		bytes[4] = (uint8_t)type;
		if (type >= RUDPMSG_FRAME_HANDSHAKE && type <= RUDPMSG_FRAME_IAM)
			cr_assert(eq(int, rudpmsg_frame_read(bytes, sizeof bytes, 0, &frame, &used),
				     RUDPMSG_WIRE_OK));
		else
			cr_assert(eq(int, rudpmsg_frame_read(bytes, sizeof bytes, 0, &frame, &used),
				     RUDPMSG_WIRE_BAD_TYPE));
	}
}

Test(wire, every_reason_has_text_and_error_and_fits)
{
	uint8_t bytes[RUDPMSG_FRAME_HEAD_BYTES + 1 + RUDPMSG_REASON_TEXT_MAX], reason;
	struct rudpmsg_frame frame;
	unsigned value;
	size_t used;

	for (value = 0; value < 256; value++) {
		cr_assert(ge(sz, strlen(rudpmsg_reason_text(value)), 1));
		cr_assert(ge(int, rudpmsg_reason_error(value), 1));
	}
	cr_assert(eq(int, rudpmsg_reason_error(200), ECONNRESET));
	for (value = 1; value <= RUDPMSG_REASON_STALE; value++) {
		rudpmsg_reason_write(bytes, RUDPMSG_FRAME_REFUSE, (enum rudpmsg_reason)value);
		cr_assert(eq(int, rudpmsg_frame_read(bytes, sizeof bytes, 0, &frame, &used),
			     RUDPMSG_WIRE_OK));
		cr_assert(eq(int, rudpmsg_reason_read(&frame, &reason), RUDPMSG_WIRE_OK));
		cr_assert(eq(u8, reason, (uint8_t)value));
	}
}

/* ---- decide: the rows of the table in docs/messaging.md ---- */

Test(decide, without_link_or_attempt_the_new_link_is_taken)
{
	struct rudpmsg_facts facts = {.is_name_smaller = true};

	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_TAKE));
}

Test(decide, a_restarted_peer_takes_over)
{
	struct rudpmsg_facts facts = {
		.has_link = true, .is_link_ours = true, .other_run = true, .is_name_smaller = true};

	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_TAKE));
}

Test(decide, a_link_of_an_older_run_is_refused)
{
	struct rudpmsg_facts facts = {.has_link = true, .other_run = true, .is_run_older = true};

	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_STALE));
	facts.is_link_ours = facts.names_our_link = true;
	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_STALE));
	facts.has_link = false;
	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_TAKE),
		  "a restarted peer must be able to take over");
}

Test(decide, of_two_links_of_one_dialer_the_newer_stays)
{
	struct rudpmsg_facts facts = {.has_link = true, .is_late = true};

	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_STALE));
	facts.is_late = false;
	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_TAKE));
}

Test(decide, an_older_link_is_stale_after_the_newer_has_ended)
{
	struct rudpmsg_facts facts = {.is_late = true};

	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_STALE));
}

Test(decide, a_handshake_sent_before_our_link_was_established_is_stale)
{
	struct rudpmsg_facts facts = {
		.has_link = true, .is_link_ours = true, .is_name_smaller = true};

	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_STALE));
	facts.is_name_smaller = false;
	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_STALE));
}

Test(decide, of_crossed_links_the_smaller_name_s_stays)
{
	struct rudpmsg_facts facts = {.has_greeted = true, .is_name_smaller = true};

	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_CROSSED));
	facts.is_name_smaller = false;
	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_TAKE));
}

Test(decide, a_peer_that_knew_our_link_has_lost_it)
{
	struct rudpmsg_facts facts = {.has_link = true,
				      .is_link_ours = true,
				      .names_our_link = true,
				      .is_name_smaller = true};

	cr_assert(eq(int, rudpmsg_decide(&facts), RUDPMSG_TAKE));
}
