/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "messaging/outbox.h"

#define SIZE(length) (RUDPMSG_MESSAGE_HEAD_BYTES + (length))

static void add(struct rudpmsg_outbox *outbox, size_t length)
{
	uint8_t bytes[256] = {0};

	cr_assert(eq(int, rudpmsg_outbox_add(outbox, outbox->next_id, bytes, length), 0));
}

static struct rudpmsg_outbox with(unsigned count)
{
	struct rudpmsg_outbox outbox;

	rudpmsg_outbox_init(&outbox, 1000, 10, false);
	while (count-- > 0)
		add(&outbox, 10);
	return outbox;
}

static int state(const struct rudpmsg_outbox *outbox, uint64_t id)
{
	return (int)rudpmsg_outbox_state(outbox, id, NULL);
}

Test(outbox, a_message_goes_from_queued_to_sent_to_acknowledged)
{
	struct rudpmsg_outbox outbox = with(1);

	cr_assert(eq(int, state(&outbox, 1), RUDPMSG_STATE_QUEUED));
	rudpmsg_outbox_on_written(&outbox, SIZE(10) - 1);
	cr_assert(eq(int, state(&outbox, 1), RUDPMSG_STATE_QUEUED));
	cr_assert(eq(sz, rudpmsg_outbox_frame_rest(&outbox), 1));
	rudpmsg_outbox_on_written(&outbox, 1);
	cr_assert(eq(int, state(&outbox, 1), RUDPMSG_STATE_SENT));
	cr_assert(eq(i64, rudpmsg_outbox_on_ack(&outbox, 1), 1));
	cr_assert(eq(int, state(&outbox, 1), RUDPMSG_STATE_ACKNOWLEDGED));
	cr_assert(eq(int, state(&outbox, 2), RUDPMSG_STATE_UNKNOWN));
	cr_assert(eq(int, state(&outbox, 0), RUDPMSG_STATE_UNKNOWN));
	rudpmsg_outbox_fini(&outbox);
}

Test(outbox, an_ack_of_an_unsent_message_is_a_protocol_error)
{
	struct rudpmsg_outbox outbox = with(2);

	rudpmsg_outbox_on_written(&outbox, SIZE(10));
	cr_assert(eq(i64, rudpmsg_outbox_on_ack(&outbox, 2), -EPROTO));
	cr_assert(eq(u64, outbox.count, 2));
	cr_assert(eq(i64, rudpmsg_outbox_on_ack(&outbox, 1), 1));
	cr_assert(eq(i64, rudpmsg_outbox_on_ack(&outbox, 1), 0), "again is harmless");
	rudpmsg_outbox_fini(&outbox);
}

Test(outbox, an_ack_of_messages_of_an_earlier_link_is_accepted)
{
	struct rudpmsg_outbox outbox = with(4);

	rudpmsg_outbox_on_written(&outbox, 3 * SIZE(10));
	rudpmsg_outbox_on_link(&outbox);
	cr_assert(eq(i64, rudpmsg_outbox_on_ack(&outbox, 1), 1));
	cr_assert(eq(int, rudpmsg_outbox_is_in_frame(&outbox), false));
	cr_assert(eq(i64, rudpmsg_outbox_on_ack(&outbox, 4), -EPROTO));
	/* Half of 2 is written: the rest of it must follow, but 3 need not be sent. */
	rudpmsg_outbox_on_written(&outbox, 5);
	cr_assert(eq(i64, rudpmsg_outbox_on_ack(&outbox, 3), 0));
	cr_assert(eq(i64, rudpmsg_outbox_on_ack(&outbox, 2), 0), "it never goes back");
	cr_assert(eq(sz, rudpmsg_outbox_frame_rest(&outbox), SIZE(10) - 5));
	cr_assert(eq(u64, rudpmsg_outbox_on_written(&outbox, SIZE(10) - 5), 2));
	cr_assert(eq(u64, outbox.count, 1));
	cr_assert(eq(int, state(&outbox, 3), RUDPMSG_STATE_ACKNOWLEDGED));
	cr_assert(eq(int, state(&outbox, 4), RUDPMSG_STATE_QUEUED));
	cr_assert(rudpmsg_outbox_check(&outbox));
	rudpmsg_outbox_fini(&outbox);
}

Test(outbox, a_new_link_begins_with_the_oldest)
{
	struct rudpmsg_outbox outbox = with(3);

	rudpmsg_outbox_on_written(&outbox, 2 * SIZE(10) + 5);
	cr_assert(eq(u64, rudpmsg_outbox_on_link(&outbox), 2));
	cr_assert(eq(int, state(&outbox, 1), RUDPMSG_STATE_QUEUED));
	cr_assert(eq(u64, rudpmsg_outbox_on_received(&outbox, 1), 1));
	cr_assert(eq(u64, outbox.count, 2));
	cr_assert(eq(u64, rudpmsg_outbox_on_received(&outbox, 99), 1), "3 was never sent whole");
	cr_assert(eq(int, state(&outbox, 3), RUDPMSG_STATE_QUEUED));
	rudpmsg_outbox_fini(&outbox);
}

Test(outbox, limits_hold_except_for_a_single_message)
{
	struct rudpmsg_outbox outbox;
	uint8_t bytes[256] = {0};

	rudpmsg_outbox_init(&outbox, 100, 3, false);
	add(&outbox, 200);
	cr_assert(eq(int, rudpmsg_outbox_add(&outbox, 2, bytes, 0), -EAGAIN));
	rudpmsg_outbox_on_written(&outbox, SIZE(200));
	rudpmsg_outbox_on_ack(&outbox, 1);
	add(&outbox, 1);
	add(&outbox, 1);
	add(&outbox, 1);
	cr_assert(eq(int, rudpmsg_outbox_add(&outbox, 5, bytes, 0), -EAGAIN), "three are the most");
	rudpmsg_outbox_fini(&outbox);
}

Test(outbox, failed_messages_have_their_reason)
{
	struct rudpmsg_outbox outbox = with(3);
	int reason = 0;

	rudpmsg_outbox_on_written(&outbox, SIZE(10));
	rudpmsg_outbox_on_ack(&outbox, 1);
	cr_assert(eq(u64, rudpmsg_outbox_fail(&outbox, ECANCELED), 2));
	cr_assert(eq(int, state(&outbox, 1), RUDPMSG_STATE_ACKNOWLEDGED));
	cr_assert(eq(int, (int)rudpmsg_outbox_state(&outbox, 3, &reason), RUDPMSG_STATE_FAILED));
	cr_assert(eq(int, reason, ECANCELED));
	cr_assert(not(rudpmsg_outbox_is_due(&outbox)));
	rudpmsg_outbox_fini(&outbox);
}

Test(outbox, a_forgotten_failure_is_unknown_not_acknowledged)
{
	struct rudpmsg_outbox outbox = with(0);
	unsigned i;

	for (i = 0; i < RUDPMSG_FAILURES_MAX + 1; i++)
		rudpmsg_outbox_note_failure(&outbox, 1 + 2 * i, 1 + 2 * i, ENOSPC);
	cr_assert(eq(int, state(&outbox, 1), RUDPMSG_STATE_UNKNOWN));
	cr_assert(eq(int, state(&outbox, 3), RUDPMSG_STATE_FAILED));
	rudpmsg_outbox_fini(&outbox);
}

/* Random operations, compared with a list of numbers. */
#define MODEL_IDS 4000

struct model {
	/* Ids: the oldest kept; the next to send on this link; the next never sent on any link;
	 * the next to accept. */
	uint64_t first, sent, ever, next;
	size_t sizes[MODEL_IDS];
	size_t sent_bytes; /* of the partly written frame */
	uint64_t acked;
};

/* An ACK for messages that were not sent on this link yet. They are removed, except for a frame
 * that is partly written. */
static void answer_ahead(struct rudpmsg_outbox *outbox, struct model *model)
{
	bool is_kept = model->sent_bytes > 0 && model->sent <= model->acked;
	uint64_t end = is_kept ? model->sent : model->acked + 1;

	if (model->first < end)
		model->first = end;
	if (model->sent < end)
		model->sent = end;
	cr_assert(eq(u64, outbox->count, model->next - model->first));
}

static void write_bytes(struct rudpmsg_outbox *outbox, struct model *model, size_t bytes)
{
	struct iovec iov[2];
	uint64_t before, count;
	size_t offered = 0;
	int i, pieces = rudpmsg_outbox_next(outbox, bytes, iov);

	for (i = 0; i < pieces; i++)
		offered += iov[i].iov_len;
	cr_assert(le(sz, offered, bytes));
	before = outbox->count;
	count = rudpmsg_outbox_on_written(outbox, offered);
	cr_assert(eq(u64, count, before - outbox->count));
	model->sent_bytes += offered;
	while (model->sent < model->next && model->sent_bytes >= model->sizes[model->sent]) {
		model->sent_bytes -= model->sizes[model->sent];
		model->sent++;
	}
	if (model->ever < model->sent)
		model->ever = model->sent;
	answer_ahead(outbox, model);
}

static void model_step(struct rudpmsg_outbox *outbox, struct model *model, struct random *random)
{
	static const uint8_t bytes[300];
	size_t length = random_below(random, sizeof bytes);
	uint64_t id, before;
	int64_t count;

	switch (random_below(random, 8)) {
	case 0 ... 3:
		if (model->next >= MODEL_IDS)
			break;
		if (rudpmsg_outbox_add(outbox, model->next, bytes, length) == 0)
			model->sizes[model->next++] = SIZE(length);
		else
			cr_assert(not(rudpmsg_outbox_has_room(outbox, length)));
		break;
	case 4 ... 5:
		write_bytes(outbox, model, random_below(random, 900));
		break;
	case 6:
		if (model->ever <= model->first)
			break;
		id = model->first + random_below(random, model->ever - model->first);
		before = outbox->count;
		if (model->acked < id)
			model->acked = id;
		count = rudpmsg_outbox_on_ack(outbox, id);
		cr_assert(eq(i64, count, (int64_t)(before - outbox->count)));
		answer_ahead(outbox, model);
		break;
	default:
		if (random_below(random, 10) > 0)
			break;
		rudpmsg_outbox_on_link(outbox);
		model->sent = model->first;
		model->sent_bytes = 0;
		model->acked = model->first - 1;
		break;
	}
}

Test(outbox, behaves_as_a_list_of_numbers)
{
	struct random random = {1};
	uint64_t seed, id;
	int i;

	for (seed = 1; seed <= 60; seed++) {
		struct model model = {.first = 1, .sent = 1, .ever = 1, .next = 1};
		struct rudpmsg_outbox outbox;

		random.state = seed;
		rudpmsg_outbox_init(&outbox, 3000, 20, false);
		for (i = 0; i < 2000; i++) {
			model_step(&outbox, &model, &random);
			cr_assert(rudpmsg_outbox_check(&outbox), "seed %lu", (unsigned long)seed);
			cr_assert(eq(u64, outbox.count, model.next - model.first));
		}
		for (id = 1; id < model.next; id++)
			cr_assert(eq(int, state(&outbox, id),
				     id < model.first  ? RUDPMSG_STATE_ACKNOWLEDGED
				     : id < model.sent ? RUDPMSG_STATE_SENT
						       : RUDPMSG_STATE_QUEUED));
		rudpmsg_outbox_fini(&outbox);
	}
}
