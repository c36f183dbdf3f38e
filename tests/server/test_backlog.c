/* SPDX-License-Identifier: MIT */
/* Entries of the log that the model's thread has not handled yet (backlog.h, bus_thread.h). */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "conversation/server/bus_thread.h"

#define ENTRIES 40
#define ENTRY_BYTES 100
#define MAIL_BYTES (sizeof(struct apo_bus_mail) + ENTRY_BYTES)
#define MAX (10 * MAIL_BYTES)

static struct apo_bus_thread bus;
static struct apo_mailbox box;
static uint64_t handled; /* the sequence of the last entry */

static void begin(void)
{
	cr_assert(eq(int, apo_mailbox_init(&box), 0));
	bus.owner = &box;
	apo_backlog_init(&bus.backlog, "entries", MAX);
}

static void end(void)
{
	struct apo_mail *mail, *next;

	for (mail = apo_mailbox_take(&box); mail; mail = next) {
		next = mail->next;
		free(mail);
	}
	apo_backlog_fini(&bus.backlog);
	apo_mailbox_fini(&box);
}

TestSuite(backlog, .init = begin, .fini = end);

/* As the NATS library does. */
static void *deliver_all(void *of)
{
	static const uint8_t entry[ENTRY_BYTES];
	uint64_t seq;

	for (seq = 1; seq <= ENTRIES; seq++)
		apo_bus_thread_deliver(&bus, seq, entry, sizeof entry);
	return of;
}

static void wait_for_stops(uint64_t stops)
{
	while (apo_backlog_figures(&bus.backlog).stops < stops)
		sched_yield();
}

/* Handles what is in the mailbox. Returns how many entries that were. */
static unsigned handle(void)
{
	struct apo_mail *mail, *next;
	unsigned count = 0;

	for (mail = apo_mailbox_take(&box); mail; mail = next, count++) {
		next = mail->next;
		cr_assert(eq(u64, ((struct apo_bus_mail *)mail)->seq, ++handled));
		apo_bus_thread_on_handled(&bus, (struct apo_bus_mail *)mail);
		free(mail);
	}
	return count;
}

Test(backlog, delivery_stops_until_entries_are_handled)
{
	pthread_t thread;

	cr_assert(eq(int, pthread_create(&thread, NULL, deliver_all, NULL), 0));
	wait_for_stops(1);
	cr_assert(eq(uint, handle(), MAX / MAIL_BYTES));
	while (handled < ENTRIES) {
		cr_assert(le(sz, apo_backlog_figures(&bus.backlog).bytes, MAX));
		(void)handle();
	}
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
	cr_assert(eq(sz, apo_backlog_figures(&bus.backlog).bytes, 0));
}

/* Otherwise the thread of the library would never end. */
Test(backlog, nothing_stops_when_nobody_handles_entries_any_more)
{
	pthread_t thread;

	cr_assert(eq(int, pthread_create(&thread, NULL, deliver_all, NULL), 0));
	wait_for_stops(1);
	apo_backlog_end(&bus.backlog);
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
	cr_assert(eq(uint, handle(), ENTRIES));
}

Test(backlog, an_entry_larger_than_the_limit_is_delivered)
{
	uint8_t *entry = calloc(1, 2 * MAX);

	apo_bus_thread_deliver(&bus, 1, entry, 2 * MAX);
	cr_assert(eq(uint, handle(), 1));
	apo_bus_thread_deliver(&bus, 2, entry, 2 * MAX);
	cr_assert(eq(uint, handle(), 1));
	cr_assert(eq(u64, apo_backlog_figures(&bus.backlog).stops, 0));
	free(entry);
}

/* As while the server reads nothing. */
Test(backlog, of_messages_to_other_nodes_a_bounded_number_waits)
{
	static uint8_t message[APO_BUS_CHUNK_BYTES];
	struct apo_mail *mail, *next;
	unsigned i, count = 0;

	cr_assert(eq(int, apo_mailbox_init(&bus.box), 0));
	for (i = 0; i < 200; i++)
		apo_bus_thread_send_history(&bus, "n2", message, sizeof message);
	for (mail = apo_mailbox_take(&bus.box); mail; mail = next, count++) {
		next = mail->next;
		free(mail);
	}
	cr_assert(eq(uint, count, APO_BUS_UNSENT_BYTES_MAX / APO_BUS_CHUNK_BYTES + 1));
	cr_assert(apo_bus_thread_is_behind(&bus));
	apo_mailbox_fini(&bus.box);
}
