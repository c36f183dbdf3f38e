/* SPDX-License-Identifier: MIT */
/* The model's and the main thread's side; the thread is historian_thread.c. */
#include "conversation/server/history_thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "conversation/server/history_thread_records.h"

static size_t size_of(const char **const *strings, unsigned count)
{
	size_t size = 0;
	unsigned i;

	for (i = 0; i < count; i++)
		size += *strings[i] ? strlen(*strings[i]) + 1 : 0;
	return size;
}

static void copy(char *to, const char **const *strings, unsigned count)
{
	size_t size;
	unsigned i;

	for (i = 0; i < count; i++) {
		if (!*strings[i])
			continue;
		size = strlen(*strings[i]) + 1;
		memcpy(to, *strings[i], size);
		to += size;
	}
}

/* ---- the model's ---- */

static bool has_room(struct apo_historian *historian)
{
	bool is_full = apo_batcher_is_full(&historian->batcher);

	if (is_full && !historian->is_dropping)
		rudp_log(RUDP_LOG_ERROR, "history drops messages reason=\"the disk is too slow\"");
	if (is_full)
		historian->counters.dropped++;
	historian->is_dropping = is_full;
	return !is_full;
}

void apo_historian_keep(struct apo_historian *historian, const struct apo_said *said)
{
	struct apo_said value = *said;
	const char **strings[APO_SAID_STRINGS];
	struct apo_record_said *record;

	if (!has_room(historian))
		return;
	apo_said_strings(&value, strings);
	record = apo_batcher_add(&historian->batcher, APO_HISTORY_SAID,
				 sizeof *record + size_of(strings, APO_SAID_STRINGS));
	record->said = value;
	copy(record->strings, strings, APO_SAID_STRINGS);
}

void apo_historian_joined(struct apo_historian *historian, int64_t id, const char *account,
			  const char *channel, int64_t first)
{
	const char **strings[] = {&account, &channel};
	struct apo_record_joined *record = apo_batcher_add(&historian->batcher, APO_HISTORY_JOINED,
							   sizeof *record + size_of(strings, 2));

	record->id = id;
	record->first = first;
	copy(record->strings, strings, 2);
}

void apo_historian_left(struct apo_historian *historian, int64_t id, int64_t last)
{
	struct apo_record_left *record =
		apo_batcher_add(&historian->batcher, APO_HISTORY_LEFT, sizeof *record);

	record->id = id;
	record->last = last;
}

void apo_historian_marked(struct apo_historian *historian, const char *account, const char *target,
			  int64_t time_ms)
{
	const char **strings[] = {&account, &target};
	struct apo_record_marked *record = apo_batcher_add(&historian->batcher, APO_HISTORY_MARKED,
							   sizeof *record + size_of(strings, 2));

	record->time_ms = time_ms;
	copy(record->strings, strings, 2);
}

void apo_historian_ask(struct apo_historian *historian, uint64_t ticket,
		       const struct apo_question *question)
{
	struct apo_question value = *question;
	const char **strings[APO_QUESTION_STRINGS];
	struct apo_record_asked *record;

	apo_question_strings(&value, strings);
	record = apo_batcher_add(&historian->batcher, APO_HISTORY_ASKED,
				 sizeof *record + size_of(strings, APO_QUESTION_STRINGS));
	record->ticket = ticket;
	record->question = value;
	copy(record->strings, strings, APO_QUESTION_STRINGS);
	atomic_store(&historian->is_urgent, true);
}

void apo_historian_flush(struct apo_historian *historian)
{
	apo_batcher_flush(&historian->batcher);
}

/* ---- the main thread's ---- */

struct apo_retention apo_retention_of(const struct apo_config *config)
{
	return (struct apo_retention){.age_ms = config->history_age_ns / RUDP_NS_PER_MS,
				      .count_max = config->history_messages_max,
				      .bytes_max = config->history_bytes_max};
}

int apo_historian_init(struct apo_historian *historian, struct apo_mailbox *answers,
		       struct apo_history *history, const struct apo_config *config)
{
	int error;

	memset(historian, 0, sizeof *historian);
	historian->answers = answers;
	historian->history = history;
	historian->retention = apo_retention_of(config);
	error = apo_mailbox_init(&historian->box);
	if (error < 0)
		apo_history_close(history);
	else
		apo_batcher_init(&historian->batcher, &historian->box, answers, APO_HISTORIAN_BATCH,
				 0);
	return error;
}

int apo_historian_start(struct apo_historian *historian)
{
	int error;

	historian->is_over = false;
	error = pthread_create(&historian->thread, NULL, apo_historian_run, historian);
	historian->is_running = error == 0;
	return -error;
}

static bool tell(struct apo_historian *historian, int kind, const struct apo_config *config)
{
	struct apo_historian_configure *mail = calloc(1, sizeof *mail);

	if (!mail)
		return false;
	mail->mail.kind = kind;
	if (config)
		mail->retention = apo_retention_of(config);
	apo_mailbox_put(&historian->box, &mail->mail);
	return true;
}

void apo_historian_configure(struct apo_historian *historian, const struct apo_config *config)
{
	if (!tell(historian, APO_HISTORIAN_CONFIGURE, config))
		rudp_log(RUDP_LOG_ERROR, "history not configured reason=\"%s\"", strerror(ENOMEM));
}

bool apo_historian_rest(struct apo_historian *historian)
{
	apo_historian_flush(historian);
	while (!tell(historian, APO_HISTORIAN_STOP, NULL))
		;
	pthread_join(historian->thread, NULL);
	historian->is_running = false;
	return historian->owed_count == 0 && !historian->is_blind;
}

void apo_historian_stop(struct apo_historian *historian)
{
	if (historian->is_running)
		(void)apo_historian_rest(historian);
	apo_batcher_fini(&historian->batcher);
	apo_mailbox_fini(&historian->box);
	apo_history_close(historian->history);
	apo_historian_forget_owed(historian);
	free(historian->owed);
}
