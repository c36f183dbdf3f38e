/* SPDX-License-Identifier: MIT */
/* Records of a store: written records are read back, and changed bytes are detected. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "messaging/record.h"

#define PEER 7

static struct rudpmsg_peer sample(void)
{
	struct rudpmsg_peer record;

	memset(&record, 0, sizeof record);
	strcpy(record.name, "beta");
	strcpy(record.host, "host.example");
	record.port = 8080;
	record.age = 3;
	record.stream = 11;
	record.next_id = 100;
	record.answered = 90;
	record.known_from = 20;
	record.failure_count = 2;
	record.failures[0] = (struct rudpmsg_failure){40, 45, ECANCELED};
	record.failures[1] = (struct rudpmsg_failure){99, 99, ENOSPC};
	record.peer_stream = 12;
	record.received = 55;
	record.key.is_known = true;
	memset(record.key.bytes, 'k', sizeof record.key.bytes);
	return record;
}

Test(record, a_peer_is_read_back)
{
	uint8_t bytes[RUDPMSG_PEER_BYTES_MAX];
	struct rudpmsg_peer in = sample(), out;
	size_t length = rudpmsg_peer_write(bytes, PEER, &in);

	cr_assert(eq(int, rudpmsg_peer_read(bytes, length, PEER, &out), 0));
	cr_assert(eq(int, memcmp(&in, &out, sizeof in), 0));
	cr_assert(eq(int, rudpmsg_peer_read(bytes, length, PEER + 1, &out), -EBADMSG));
}

Test(record, the_longest_peer_fits)
{
	uint8_t bytes[RUDPMSG_PEER_BYTES_MAX];
	struct rudpmsg_peer in = sample(), out;
	unsigned i;

	memset(in.name, 'n', RUDPMSG_NAME_MAX);
	memset(in.host, 'h', RUDPMSG_HOST_MAX);
	in.failure_count = RUDPMSG_FAILURES_MAX;
	for (i = 0; i < RUDPMSG_FAILURES_MAX; i++)
		in.failures[i] = (struct rudpmsg_failure){i + 1, i + 1, EIO};
	cr_assert(eq(int,
		     rudpmsg_peer_read(bytes, rudpmsg_peer_write(bytes, PEER, &in), PEER, &out),
		     0));
	cr_assert(eq(int, memcmp(&in, &out, sizeof in), 0));
}

Test(record, no_bit_of_a_peer_can_be_changed)
{
	uint8_t bytes[RUDPMSG_PEER_BYTES_MAX];
	struct rudpmsg_peer in = sample(), out;
	size_t length = rudpmsg_peer_write(bytes, PEER, &in), bit;

	for (bit = 0; bit < 8 * length; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert(eq(int, rudpmsg_peer_read(bytes, length, PEER, &out), -EBADMSG), "%zu",
			  bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < length; bit++)
		cr_assert(eq(int, rudpmsg_peer_read(bytes, bit, PEER, &out), -EBADMSG));
}

/* Any process can seal a record with a right sum: its content must be checked, too. */
Test(record, an_inconsistent_peer_record_is_refused)
{
	uint8_t bytes[RUDPMSG_PEER_BYTES_MAX];
	struct rudpmsg_peer good = sample(), in, out;
	int i;

	for (i = 0; i < 10; i++) {
		in = good;
		switch (i) {
		case 0:
			in.answered = in.next_id;
			break;
		case 1:
			in.stream = 0;
			break;
		case 2:
			in.known_from = in.next_id + 1;
			break;
		case 3:
			in.port = 0;
			break;
		case 4:
			in.name[0] = '\n';
			break;
		case 5:
			in.failures[1].to = in.next_id;
			break;
		case 6:
			in.failures[0].reason = 0;
			break;
		case 7:
			in.failures[0].from = in.failures[0].to + 1;
			break;
		case 8:
			in.next_id = UINT64_MAX;
			break;
		default:
			in.peer_stream = 0;
			break;
		}
		cr_assert(eq(int,
			     rudpmsg_peer_read(bytes, rudpmsg_peer_write(bytes, PEER, &in), PEER,
					       &out),
			     -EBADMSG),
			  "%d", i);
	}
}

Test(record, another_version_is_distinguished_from_damage)
{
	struct rudpmsg_mark in = {.name = "alpha", .run = 9}, out;
	uint8_t bytes[RUDPMSG_MARK_BYTES_MAX];
	size_t length = rudpmsg_mark_write(bytes, &in), bit;

	cr_assert(eq(int, rudpmsg_mark_read(bytes, length, &out), 0));
	cr_assert(eq(str, out.name, "alpha"));
	cr_assert(eq(u64, out.run, 9));
	for (bit = 0; bit < 8 * length; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert(eq(int, rudpmsg_mark_read(bytes, length, &out),
			     bit / 8 >= 8 && bit / 8 < 12 ? -EPROTONOSUPPORT : -EBADMSG),
			  "%zu", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < length; bit++)
		cr_assert(lt(int, rudpmsg_mark_read(bytes, bit, &out), 0));
}

Test(record, a_message_belongs_to_its_key)
{
	uint8_t bytes[RUDPMSG_RECEIVED_HEAD_BYTES + 5];
	struct rudpmsg_received in = {.stream = 3, .id = 4, .length = 5}, out;
	size_t bit;

	memcpy(bytes + RUDPMSG_SENT_HEAD_BYTES, "hello", 5);
	rudpmsg_sent_head_write(bytes, PEER, 1, (const uint8_t *)"hello", 5);
	cr_assert(eq(int, rudpmsg_sent_read(bytes, RUDPMSG_SENT_HEAD_BYTES + 5, PEER, 1), 0));
	cr_assert(
		eq(int, rudpmsg_sent_read(bytes, RUDPMSG_SENT_HEAD_BYTES + 5, PEER, 2), -EBADMSG));
	cr_assert(
		eq(int, rudpmsg_sent_read(bytes, RUDPMSG_SENT_HEAD_BYTES + 4, PEER, 1), -EBADMSG));
	cr_assert(eq(int, rudpmsg_sent_read(bytes, 3, PEER, 1), -EBADMSG));

	memcpy(bytes + RUDPMSG_RECEIVED_HEAD_BYTES, "hello", 5);
	in.bytes = (const uint8_t *)"hello";
	rudpmsg_received_head_write(bytes, PEER, 1, &in);
	cr_assert(eq(int, rudpmsg_received_read(bytes, sizeof bytes, PEER, 1, &out), 0));
	cr_assert(eq(u64, out.stream, 3));
	cr_assert(eq(u64, out.id, 4));
	cr_assert(eq(sz, out.length, 5));
	cr_assert(eq(int, rudpmsg_received_read(bytes, sizeof bytes, PEER, 2, &out), -EBADMSG));
	for (bit = 0; bit < 8 * sizeof bytes; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_assert(eq(int, rudpmsg_received_read(bytes, sizeof bytes, PEER, 1, &out),
			     -EBADMSG));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
