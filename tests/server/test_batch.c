/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "conversation/server/batch.h"

#define SENDERS 4
#define RECORDS 50000

struct numbered {
	struct apo_record record;
	uint64_t number;
};

static void add(struct apo_batcher *batcher, uint64_t number)
{
	struct numbered *record = apo_batcher_add(batcher, 7, sizeof *record);

	record->number = number;
}

static bool is_readable(const struct apo_mailbox *box)
{
	struct pollfd poll_fd = {.fd = box->fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

/* Counts the records and releases the batches; their numbers must continue from next. */
static uint64_t take_all(struct apo_mailbox *box, uint64_t next)
{
	struct apo_mail *mail = apo_mailbox_take(box), *later;

	for (; mail; mail = later) {
		struct apo_batch *batch = (struct apo_batch *)mail;
		const struct apo_record *record = NULL;

		later = mail->next;
		while ((record = apo_batch_next(batch, record))) {
			cr_assert(eq(u32, record->kind, 7));
			cr_assert(eq(u64, ((const struct numbered *)record)->number, next++));
		}
		apo_batch_done(batch);
	}
	return next;
}

static void open_boxes(struct apo_mailbox *to, struct apo_mailbox *back,
		       struct apo_batcher *batcher)
{
	cr_assert(eq(int, apo_mailbox_init(to), 0));
	cr_assert(eq(int, apo_mailbox_init(back), 0));
	apo_batcher_init(batcher, to, back, 3, 0);
}

static void close_boxes(struct apo_mailbox *to, struct apo_mailbox *back,
			struct apo_batcher *batcher)
{
	apo_batcher_fini(batcher);
	apo_mailbox_fini(to);
	apo_mailbox_fini(back);
}

Test(batch, records_come_in_order_over_many_chunks)
{
	struct apo_mailbox to, back;
	struct apo_batcher batcher;
	uint64_t i;

	open_boxes(&to, &back, &batcher);
	for (i = 0; i < RECORDS; i++)
		add(&batcher, i);
	apo_batcher_flush(&batcher);
	cr_assert(eq(u64, take_all(&to, 0), RECORDS));
	cr_assert(eq(sz, atomic_load(&batcher.in_flight_bytes), 0));
	close_boxes(&to, &back, &batcher);
}

Test(batch, the_taker_is_woken_once_at_a_flush)
{
	struct apo_mailbox to, back;
	struct apo_batcher batcher;

	open_boxes(&to, &back, &batcher);
	add(&batcher, 0);
	cr_assert(not(is_readable(&to)));
	apo_batcher_flush(&batcher);
	apo_batcher_flush(&batcher);
	cr_assert(is_readable(&to));
	cr_assert(eq(u64, take_all(&to, 0), 1));
	cr_assert(not(is_readable(&to)));
	close_boxes(&to, &back, &batcher);
}

Test(batch, a_record_larger_than_a_chunk_has_its_own_chunk)
{
	struct apo_mailbox to, back;
	struct apo_batcher batcher;
	struct apo_record *record;
	struct apo_batch *batch;

	open_boxes(&to, &back, &batcher);
	record = apo_batcher_add(&batcher, 1, 3 * APO_BATCH_CHUNK_BYTES + 1);
	memset(record + 1, 5, 3 * APO_BATCH_CHUNK_BYTES + 1 - sizeof *record);
	apo_batcher_flush(&batcher);
	batch = (struct apo_batch *)apo_mailbox_take(&to);
	cr_assert(eq(u32, apo_batch_next(batch, NULL)->size_bytes, 3 * APO_BATCH_CHUNK_BYTES + 8));
	apo_batch_done(batch);
	close_boxes(&to, &back, &batcher);
}

Test(batch, the_last_record_grows_until_the_chunk_is_full)
{
	struct apo_mailbox to, back;
	struct apo_batcher batcher;
	struct apo_record *record;
	size_t grown = 0;

	open_boxes(&to, &back, &batcher);
	record = apo_batcher_add(&batcher, 7, sizeof *record);
	while (apo_batcher_extend(&batcher, record, 64))
		grown += 64;
	cr_assert(lt(sz, APO_BATCH_CHUNK_BYTES - 64, grown + 64));
	cr_assert(eq(u32, record->size_bytes, sizeof *record + grown));
	close_boxes(&to, &back, &batcher);
}

Test(batch, a_full_sender_is_woken_when_half_is_done)
{
	struct apo_mailbox to, back;
	struct apo_batcher batcher;
	struct apo_mail *mail, *next;
	uint64_t i = 0;

	open_boxes(&to, &back, &batcher);
	while (!apo_batcher_is_full(&batcher))
		add(&batcher, i++);
	cr_assert(not(is_readable(&back)));
	apo_batcher_flush(&batcher);
	for (mail = apo_mailbox_take(&to); mail; mail = next) {
		bool was_awake = is_readable(&back);

		next = mail->next;
		apo_batch_done((struct apo_batch *)mail);
		cr_assert(eq(int, is_readable(&back),
			     was_awake || atomic_load(&batcher.in_flight_bytes) <
						  APO_BATCH_IN_FLIGHT_BYTES / 2));
	}
	cr_assert(is_readable(&back));
	cr_assert(not(apo_batcher_is_full(&batcher)));
	apo_mailbox_forget_wake(&back);
	close_boxes(&to, &back, &batcher);
}

struct sender {
	pthread_t thread;
	struct apo_mailbox *to, back;
	struct apo_batcher batcher;
};

static void *send_all(void *of)
{
	struct sender *sender = of;
	uint64_t i;

	for (i = 0; i < RECORDS; i++) {
		add(&sender->batcher, i);
		if (i % 100 == 0)
			apo_batcher_flush(&sender->batcher);
	}
	apo_batcher_flush(&sender->batcher);
	return NULL;
}

/* From each sender everything arrives, in order. */
static unsigned take_of_all(struct apo_mailbox *box, uint64_t *next)
{
	struct apo_mail *mail = apo_mailbox_take(box), *later;
	unsigned count = 0;

	for (; mail; mail = later) {
		struct apo_batch *batch = (struct apo_batch *)mail;
		uint64_t *of = next + batch->from->sender;
		const struct apo_record *record = NULL;

		later = mail->next;
		while ((record = apo_batch_next(batch, record))) {
			cr_assert(eq(u64, ((const struct numbered *)record)->number, (*of)++));
			count++;
		}
		apo_batch_done(batch);
	}
	return count;
}

Test(batch, many_senders_lose_nothing_and_wake_the_taker)
{
	static struct sender senders[SENDERS];
	uint64_t next[SENDERS] = {0};
	struct apo_mailbox box;
	unsigned count = 0, i;

	cr_assert(eq(int, apo_mailbox_init(&box), 0));
	for (i = 0; i < SENDERS; i++) {
		apo_mailbox_init(&senders[i].back);
		apo_batcher_init(&senders[i].batcher, &box, &senders[i].back, 3, (uint16_t)i);
		cr_assert(eq(int, pthread_create(&senders[i].thread, NULL, send_all, senders + i),
			     0));
	}
	while (count < SENDERS * RECORDS) {
		struct pollfd poll_fd = {.fd = box.fd, .events = POLLIN};

		cr_assert(eq(int, poll(&poll_fd, 1, 60000), 1));
		count += take_of_all(&box, next);
	}
	for (i = 0; i < SENDERS; i++) {
		pthread_join(senders[i].thread, NULL);
		apo_batcher_fini(&senders[i].batcher);
		apo_mailbox_fini(&senders[i].back);
	}
	apo_mailbox_fini(&box);
}

struct named {
	struct apo_record record;
	const char *name, *none, *other;
};

Test(batch, strings_are_copied_with_their_record)
{
	static const size_t strings[] = {offsetof(struct named, name), offsetof(struct named, none),
					 offsetof(struct named, other)};
	char name[] = "dan", other[] = "";
	const struct named given = {.name = name, .other = other};
	struct apo_mailbox to, back;
	struct apo_batcher batcher;
	const struct named *named;
	struct apo_mail *mail;

	open_boxes(&to, &back, &batcher);
	apo_batcher_add_strings(&batcher, 7, &given, sizeof given, strings, 3);
	add(&batcher, 1);
	strcpy(name, "eve");
	apo_batcher_flush(&batcher);
	mail = apo_mailbox_take(&to);
	named = (const void *)apo_batch_next((const void *)mail, NULL);
	cr_assert(eq(u32, named->record.kind, 7));
	cr_assert(eq(str, (char *)named->name, "dan"));
	cr_assert(eq(ptr, (void *)named->none, NULL));
	cr_assert(eq(str, (char *)named->other, ""));
	cr_assert(eq(u64,
		     ((const struct numbered *)apo_batch_next((const void *)mail, &named->record))
			     ->number,
		     1));
	apo_batch_done((struct apo_batch *)mail);
	close_boxes(&to, &back, &batcher);
}
