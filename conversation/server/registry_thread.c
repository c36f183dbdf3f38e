/* SPDX-License-Identifier: MIT */
#include "conversation/server/registry_thread.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/time.h"

enum mail_kind { BATCH, STOP };

struct message {
	struct apo_record head;
	struct apo_registry_record record;
};

/* ---- called by the model's thread ---- */

/* A record that replaces what is on disk is not dropped: the rest would be taken for all there
 * is. */
static bool has_room(struct apo_registry_thread *registry_thread,
		     const struct apo_registry_record *record)
{
	bool is_full;

	if (record->kind == APO_REGISTRY_ALL_BEGIN)
		registry_thread->is_replacing = true;
	is_full = !registry_thread->is_replacing && apo_batcher_is_full(&registry_thread->batcher);
	if (record->kind == APO_REGISTRY_ALL_END)
		registry_thread->is_replacing = false;
	if (is_full && !registry_thread->is_dropping)
		rudp_log(RUDP_LOG_ERROR,
			 "changes of registered channels are lost reason=\"the disk is too slow\"");
	registry_thread->is_dropping = is_full;
	return !is_full;
}

void apo_registry_thread_keep(struct apo_registry_thread *registry_thread,
			      const struct apo_registry_record *record)
{
	static const size_t strings[] = {
		offsetof(struct message, record.channel), offsetof(struct message, record.list),
		offsetof(struct message, record.name),    offsetof(struct message, record.by),
		offsetof(struct message, record.modes),   offsetof(struct message, record.key),
		offsetof(struct message, record.topic),   offsetof(struct message, record.topic_by),
		offsetof(struct message, record.reason),
	};
	const struct message message = {.record = *record};

	if (has_room(registry_thread, record))
		apo_batcher_add_strings(&registry_thread->batcher, 0, &message, sizeof message,
					strings, sizeof strings / sizeof *strings);
}

/* ---- the thread ---- */

static int write_all(struct apo_registry_thread *registry_thread)
{
	const struct apo_record *record;
	const struct apo_mail *mail;
	uint64_t count = 0;
	int error = apo_registry_db_begin(registry_thread->registry);

	for (mail = registry_thread->waiting; mail && error == 0; mail = mail->next)
		for (record = NULL;
		     error == 0 && (record = apo_batch_next((const void *)mail, record)); count++)
			error = apo_registry_db_write(registry_thread->registry,
						      &((const struct message *)record)->record);
	if (error == 0)
		error = apo_registry_db_commit(registry_thread->registry);
	if (error == 0)
		registry_thread->kept += count;
	return error;
}

static void drop_waiting(struct apo_registry_thread *registry_thread)
{
	struct apo_mail *mail, *next;

	for (mail = registry_thread->waiting; mail; mail = next) {
		next = mail->next;
		apo_batch_done((struct apo_batch *)mail);
	}
	registry_thread->waiting = NULL;
	registry_thread->last = &registry_thread->waiting;
}

static void work(struct apo_registry_thread *registry_thread)
{
	bool has_failed = registry_thread->retry_at_ns != RUDP_NEVER;

	/* All that replaces what is on disk goes into one transaction. */
	if (!registry_thread->waiting || registry_thread->open_count > 0)
		return;
	if (write_all(registry_thread) == 0) {
		if (has_failed)
			rudp_log(RUDP_LOG_INFO, "registered channels written again");
		drop_waiting(registry_thread);
		registry_thread->retry_at_ns = RUDP_NEVER;
		return;
	}
	if (!has_failed)
		rudp_log(RUDP_LOG_ERROR, "registered channels not written reason=\"%s\"",
			 apo_registry_db_error(registry_thread->registry));
	registry_thread->failures++;
	apo_registry_db_roll_back(registry_thread->registry);
	registry_thread->retry_at_ns = rudp_clock_now_ns() + APO_REGISTRY_RETRY_S * RUDP_NS_PER_S;
}

static void count_open(struct apo_registry_thread *registry_thread, enum apo_registry_kind kind)
{
	registry_thread->open_count += kind == APO_REGISTRY_ALL_BEGIN;
	registry_thread->open_count -= kind == APO_REGISTRY_ALL_END;
}

static void on_mail(struct apo_registry_thread *registry_thread, struct apo_mail *mail)
{
	const struct apo_record *record = NULL;

	if (mail->kind == STOP) {
		registry_thread->is_over = true;
		return;
	}
	while ((record = apo_batch_next((const void *)mail, record)))
		count_open(registry_thread, ((const struct message *)record)->record.kind);
	mail->next = NULL;
	*registry_thread->last = mail;
	registry_thread->last = &mail->next;
}

static void turn(struct apo_registry_thread *registry_thread)
{
	apo_mailbox_wait(&registry_thread->box,
			 rudp_time_poll_ms(registry_thread->retry_at_ns, rudp_clock_now_ns()));
	APO_MAIL_EACH(mail, &registry_thread->box)
		on_mail(registry_thread, mail);
	/* While the disk fails, new records wait with the others. */
	if (registry_thread->retry_at_ns == RUDP_NEVER || registry_thread->is_over ||
	    registry_thread->retry_at_ns <= rudp_clock_now_ns())
		work(registry_thread);
}

static void *run(void *of)
{
	struct apo_registry_thread *registry_thread = of;

	pthread_setname_np(pthread_self(), "chat-registry"); /* for top -H */
	while (!registry_thread->is_over)
		turn(registry_thread);
	return NULL;
}

/* ---- called by the main thread ---- */

int apo_registry_thread_init(struct apo_registry_thread *registry_thread, struct apo_mailbox *room,
			     struct apo_registry_db *registry)
{
	int error;

	memset(registry_thread, 0, sizeof *registry_thread);
	registry_thread->registry = registry;
	registry_thread->file = strdup(apo_registry_db_file(registry));
	registry_thread->last = &registry_thread->waiting;
	registry_thread->retry_at_ns = RUDP_NEVER;
	error = registry_thread->file ? apo_mailbox_init(&registry_thread->box) : -ENOMEM;
	if (error < 0)
		apo_registry_db_close(registry);
	else
		apo_batcher_init(&registry_thread->batcher, &registry_thread->box, room, BATCH, 0);
	return error;
}

int apo_registry_thread_start(struct apo_registry_thread *registry_thread)
{
	int error;

	registry_thread->is_over = false;
	error = pthread_create(&registry_thread->thread, NULL, run, registry_thread);
	registry_thread->is_running = error == 0;
	return -error;
}

bool apo_registry_thread_pause(struct apo_registry_thread *registry_thread)
{
	apo_batcher_flush(&registry_thread->batcher);
	registry_thread->stop.kind = STOP;
	apo_mailbox_put(&registry_thread->box, &registry_thread->stop);
	pthread_join(registry_thread->thread, NULL);
	registry_thread->is_running = false;
	return registry_thread->waiting == NULL;
}

void apo_registry_thread_stop(struct apo_registry_thread *registry_thread)
{
	if (registry_thread->is_running)
		(void)apo_registry_thread_pause(registry_thread);
	drop_waiting(registry_thread);
	apo_batcher_fini(&registry_thread->batcher);
	apo_mailbox_fini(&registry_thread->box);
	apo_registry_db_close(registry_thread->registry);
	free(registry_thread->file);
}
