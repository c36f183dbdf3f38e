/* SPDX-License-Identifier: MIT */
/* The model's thread. Its worker is this test, which takes mail only when it wants to. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/server/auth_thread.h"
#include "conversation/server/model_thread.h"

#define CLIENTS 1000 /* so many that none has a full queue */
#define LINES 300000 /* their answers exceed the limit of bytes on their way to a worker */

static struct apo_config config = {
	.references = 1000, /* never freed */
	.drain_ns = RUDP_NS_PER_S,
	.receive_queue_bytes = 8192,
	.send_queue_bytes = 65536,
};
static struct apo_worker worker;
static struct apo_mailbox acceptor_box;
static struct apo_auth_thread auth_thread; /* never started */
static struct apo_model_thread model_thread;
static struct apo_batcher events;

static void begin(void)
{
	apo_model_config_init(&config.model);
	config.model.server_name = "irc.test";
	config.model.network = "Test";
	config.model.version = "v";
	cr_assert(eq(int, apo_mailbox_init(&acceptor_box), 0));
	cr_assert(eq(int, apo_mailbox_init(&model_thread.box), 0));
	cr_assert(
		eq(int, apo_worker_init(&worker, 0, &model_thread.box, &acceptor_box, &config), 0));
	cr_assert(eq(int,
		     apo_model_thread_init(&model_thread, &worker, 1, &acceptor_box, &auth_thread,
					   NULL, &config),
		     0));
	apo_batcher_init(&events, &model_thread.box, &worker.box, APO_MAIL_BATCH, 0);
}

static void end(void)
{
	apo_worker_clear(&worker);
	apo_model_thread_drop_mail(&model_thread);
	apo_worker_fini(&worker);
	apo_model_thread_fini(&model_thread);
	apo_batcher_fini(&events);
	apo_mailbox_fini(&model_thread.box);
	apo_mailbox_fini(&acceptor_box);
}

/* A hang becomes a failure. */
TestSuite(model_thread, .init = begin, .fini = end, .timeout = 60);

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
	cr_assert(
		eq(int,
		   pthread_create(&model_thread.thread, NULL, apo_model_thread_run, &model_thread),
		   0));
}

static void wait_until_the_worker_is_behind(void)
{
	while (atomic_load(&model_thread.to_workers[0].in_flight_bytes) < APO_BATCH_IN_FLIGHT_BYTES)
		sched_yield();
}

Test(model_thread, an_abandoned_thread_ends_although_its_output_is_full)
{
	start();
	say_much();
	wait_until_the_worker_is_behind();
	apo_model_thread_abandon(&model_thread);
	pthread_join(model_thread.thread, NULL);
	cr_assert(atomic_load(&model_thread.has_ended));
	cr_assert(lt(u64, apo_model_figures(model_thread.model)->lines, LINES));
}

Test(model_thread, a_thread_abandoned_before_its_start_ends_at_once)
{
	say_much();
	apo_model_thread_abandon(&model_thread);
	start();
	pthread_join(model_thread.thread, NULL);
	cr_assert(eq(u64, apo_model_figures(model_thread.model)->lines, 0));
}

Test(model_thread, output_of_an_abandoned_thread_is_dropped)
{
	struct apo_configure *configure = calloc(1, sizeof *configure);
	struct apo_end_notice *end_notice = calloc(1, sizeof *end_notice);
	int references = atomic_load(&config.references);

	configure->mail.kind = APO_MAIL_CONFIGURE;
	configure->config = apo_config_get(&config);
	end_notice->mail.kind = APO_MAIL_END;
	say_much();
	apo_mailbox_put(&model_thread.box, &configure->mail);
	apo_mailbox_put(&model_thread.box, &end_notice->mail);
	say_much();
	apo_model_thread_drop_mail(&model_thread);
	cr_assert(eq(sz, atomic_load(&events.in_flight_bytes), 0));
	cr_assert(eq(int, atomic_load(&config.references), references));
}
