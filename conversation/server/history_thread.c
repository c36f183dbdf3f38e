/* SPDX-License-Identifier: MIT */
/* The side of the model's thread and the main thread; the thread itself is in
 * history_thread_run.c. */
#include "conversation/server/history_thread.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "conversation/server/history_thread_records.h"

/* ---- called by the model's thread ---- */

static bool has_room(struct apo_history_thread *history_thread)
{
	bool is_full = apo_batcher_is_full(&history_thread->batcher);

	if (is_full && !history_thread->is_dropping)
		rudp_log(RUDP_LOG_ERROR, "history drops messages reason=\"the disk is too slow\"");
	if (is_full)
		history_thread->counters.dropped++;
	history_thread->is_dropping = is_full;
	return !is_full;
}

void apo_history_thread_keep(struct apo_history_thread *history_thread, const struct apo_said *said)
{
	static const size_t strings[] = {
		offsetof(struct apo_record_said, said.source),
		offsetof(struct apo_record_said, said.target),
		offsetof(struct apo_record_said, said.text),
		offsetof(struct apo_record_said, said.account),
		offsetof(struct apo_record_said, said.tags),
		offsetof(struct apo_record_said, said.channel),
		offsetof(struct apo_record_said, said.between[0]),
		offsetof(struct apo_record_said, said.between[1]),
	};
	const struct apo_record_said record = {.said = *said};

	if (has_room(history_thread))
		apo_batcher_add_strings(&history_thread->batcher, APO_HISTORY_SAID, &record,
					sizeof record, strings, sizeof strings / sizeof *strings);
}

void apo_history_thread_change(struct apo_history_thread *history_thread,
			       const struct apo_change *change)
{
	static const size_t strings[] = {
		offsetof(struct apo_record_changed, change.account),
		offsetof(struct apo_record_changed, change.target),
	};
	const struct apo_record_changed record = {.change = *change};

	apo_batcher_add_strings(&history_thread->batcher, APO_HISTORY_CHANGED, &record,
				sizeof record, strings, sizeof strings / sizeof *strings);
}

void apo_history_thread_replace(struct apo_history_thread *history_thread, int64_t last)
{
	struct apo_record_replace *record =
		apo_batcher_add(&history_thread->batcher, APO_HISTORY_REPLACE, sizeof *record);

	record->last = last;
	atomic_store(&history_thread->is_urgent, true);
}

void apo_history_thread_on_peer(struct apo_history_thread *history_thread, const char *name,
				const void *bytes, size_t len)
{
	struct apo_record_peer *record;

	if (atomic_fetch_add(&history_thread->peers_waiting, 1) >= APO_PEERS_AT_ONCE)
		return;
	record = apo_batcher_add(&history_thread->batcher, APO_HISTORY_PEER, sizeof *record + len);
	snprintf(record->name, sizeof record->name, "%s", name);
	record->len = len;
	memcpy(record->bytes, bytes, len);
	atomic_store(&history_thread->is_urgent, true);
}

void apo_history_thread_on_alone(struct apo_history_thread *history_thread)
{
	(void)apo_batcher_add(&history_thread->batcher, APO_HISTORY_ALONE,
			      sizeof(struct apo_record));
	atomic_store(&history_thread->is_urgent, true);
}

void apo_history_thread_ask(struct apo_history_thread *history_thread, uint64_t ticket,
			    const struct apo_question *question)
{
	static const size_t strings[] = {
		offsetof(struct apo_record_asked, question.account),
		offsetof(struct apo_record_asked, question.channel),
		offsetof(struct apo_record_asked, question.other),
		offsetof(struct apo_record_asked, question.nick),
	};
	const struct apo_record_asked record = {.ticket = ticket, .question = *question};

	apo_batcher_add_strings(&history_thread->batcher, APO_HISTORY_ASKED, &record, sizeof record,
				strings, sizeof strings / sizeof *strings);
	atomic_store(&history_thread->is_urgent, true);
}

/* ---- called by the main thread ---- */

static struct apo_retention retention_of(const struct apo_config *config)
{
	return (struct apo_retention){.age_ms = config->history_age_ns / RUDP_NS_PER_MS,
				      .count_max = config->history_messages_max,
				      .bytes_max = config->history_bytes_max};
}

int apo_history_thread_init(struct apo_history_thread *history_thread, struct apo_mailbox *answers,
			    struct apo_history *history, const struct apo_config *config)
{
	int error;

	memset(history_thread, 0, sizeof *history_thread);
	history_thread->answers = answers;
	history_thread->history = history;
	history_thread->retention = retention_of(config);
	error = apo_mailbox_init(&history_thread->box);
	if (error < 0)
		apo_history_close(history);
	else
		apo_batcher_init(&history_thread->batcher, &history_thread->box, answers,
				 APO_HISTORY_THREAD_BATCH, 0);
	return error;
}

int apo_history_thread_start(struct apo_history_thread *history_thread)
{
	int error;

	history_thread->is_over = false;
	error = pthread_create(&history_thread->thread, NULL, apo_history_thread_run,
			       history_thread);
	history_thread->is_running = error == 0;
	return -error;
}

void apo_history_thread_configure(struct apo_history_thread *history_thread,
				  const struct apo_config *config)
{
	struct apo_history_thread_configure *mail = calloc(1, sizeof *mail);

	if (!mail) {
		rudp_log(RUDP_LOG_ERROR, "history not configured reason=\"%s\"", strerror(ENOMEM));
		return;
	}
	mail->mail.kind = APO_HISTORY_THREAD_CONFIGURE;
	mail->retention = retention_of(config);
	apo_mailbox_put(&history_thread->box, &mail->mail);
}

bool apo_history_thread_pause(struct apo_history_thread *history_thread)
{
	apo_batcher_flush(&history_thread->batcher);
	history_thread->stop.kind = APO_HISTORY_THREAD_STOP;
	apo_mailbox_put(&history_thread->box, &history_thread->stop);
	pthread_join(history_thread->thread, NULL);
	history_thread->is_running = false;
	return history_thread->unwritten_count == 0 && !history_thread->has_lost_parts;
}

void apo_history_thread_stop(struct apo_history_thread *history_thread)
{
	if (history_thread->is_running)
		(void)apo_history_thread_pause(history_thread);
	apo_batcher_fini(&history_thread->batcher);
	apo_mailbox_fini(&history_thread->box);
	apo_history_close(history_thread->history);
	apo_history_thread_forget_unwritten(history_thread);
	free(history_thread->unwritten);
}
