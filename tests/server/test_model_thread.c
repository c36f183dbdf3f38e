/* SPDX-License-Identifier: MIT */
/* The model's thread, whose worker is this test: it has no thread, and takes only what it is told to. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/server/checker.h"
#include "conversation/server/model_thread.h"

#define CLIENTS 1000 /* none of them is told so much that it would have to be read first */
#define LINES 300000 /* their answers are far more than may be on their way to a worker */

static struct apo_config config = {
	.references = 1000, /* nobody frees it */
	.drain_ns = RUDP_NS_PER_S,
	.receive_queue_bytes = 8192,
	.send_queue_bytes = 65536,
};
static struct apo_worker worker;
static struct apo_mailbox acceptor_box;
static struct apo_checker checker; /* never started */
static struct apo_talk talk;
static struct apo_batcher events;

static void begin(void)
{
	apo_model_config_init(&config.model);
	config.model.server_name = "irc.test";
	config.model.network = "Test";
	config.model.version = "v";
	cr_assert(eq(int, apo_mailbox_init(&acceptor_box), 0));
	cr_assert(eq(int, apo_mailbox_init(&talk.box), 0));
	cr_assert(eq(int, apo_worker_init(&worker, 0, &talk.box, &acceptor_box, &config), 0));
	cr_assert(eq(int, apo_talk_init(&talk, &worker, 1, &acceptor_box, &checker, NULL, &config),
		     0));
	apo_batcher_init(&events, &talk.box, &worker.box, APO_MAIL_BATCH, 0);
}

static void end(void)
{
	apo_worker_clear(&worker);
	apo_talk_drop_mail(&talk);
	apo_worker_fini(&worker);
	apo_talk_fini(&talk);
	apo_batcher_fini(&events);
	apo_mailbox_fini(&talk.box);
	apo_mailbox_fini(&acceptor_box);
}

/* In place of a hang: what is waited for comes, or the test fails. */
TestSuite(talk, .init = begin, .fini = end, .timeout = 60);

static void connect_one(uint32_t slot)
{
	struct apo_event_connected *event =
		apo_batcher_add(&events, APO_EVENT_CONNECTED, sizeof *event);
	struct apo_record head = event->record;

	memset(event, 0, sizeof *event);
	event->record = head;
	event->peer.slot = slot & 0xffffff;
	strcpy(event->address, "192.0.2.1");
	strcpy(event->host, "h");
}

static void say(uint32_t slot, const char *line)
{
	size_t len = strlen(line);
	struct apo_event_text *event =
		apo_batcher_add(&events, APO_EVENT_LINE, sizeof *event + len);

	event->peer = (struct apo_peer){.slot = slot & 0xffffff};
	event->len = (uint32_t)len;
	memcpy(event->text, line, len);
}

static void say_much(void)
{
	unsigned i;

	for (i = 0; i < CLIENTS; i++)
		connect_one(i);
	for (i = 0; i < LINES; i++)
		say(i % CLIENTS, "PING x");
	apo_batcher_flush(&events);
}

static void start(void)
{
	cr_assert(eq(int, pthread_create(&talk.thread, NULL, apo_talk_run, &talk), 0));
}

static void wait_until_the_worker_is_behind(void)
{
	while (atomic_load(&talk.to_workers[0].in_flight_bytes) < APO_BATCH_IN_FLIGHT_BYTES)
		sched_yield();
}

Test(talk, abandoned_it_ends_though_nobody_takes_what_it_says)
{
	start();
	say_much();
	wait_until_the_worker_is_behind();
	apo_talk_abandon(&talk);
	pthread_join(talk.thread, NULL);
	cr_assert(atomic_load(&talk.has_ended));
	cr_assert(lt(u64, apo_model_figures(talk.model)->lines, LINES));
}

Test(talk, abandoned_before_it_begins_it_ends_at_once)
{
	say_much();
	apo_talk_abandon(&talk);
	start();
	pthread_join(talk.thread, NULL);
	cr_assert(eq(u64, apo_model_figures(talk.model)->lines, 0));
}

Test(talk, what_nobody_takes_any_more_is_dropped)
{
	struct apo_configure *configure = calloc(1, sizeof *configure);
	struct apo_farewell *farewell = calloc(1, sizeof *farewell);
	int references = atomic_load(&config.references);

	configure->mail.kind = APO_MAIL_CONFIGURE;
	configure->config = apo_config_get(&config);
	farewell->mail.kind = APO_MAIL_END;
	say_much();
	apo_mailbox_put(&talk.box, &configure->mail);
	apo_mailbox_put(&talk.box, &farewell->mail);
	say_much();
	apo_talk_drop_mail(&talk);
	cr_assert(eq(sz, atomic_load(&events.in_flight_bytes), 0));
	cr_assert(eq(int, atomic_load(&config.references), references));
}
