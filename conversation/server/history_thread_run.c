/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/log.h"
#include "base/time.h"
#include "conversation/server/history_sync.h"
#include "conversation/server/history_thread_records.h"
#include "conversation/server/records.h"

/* ---- joins and parts that could not be written ---- */

static const struct apo_change *change_in(const struct apo_record *record)
{
	return &((const struct apo_record_changed *)record)->change;
}

static bool is_end(const struct apo_record *record)
{
	return record->kind == APO_HISTORY_CHANGED &&
	       (change_in(record)->kind == APO_CHANGE_LEFT ||
		change_in(record)->kind == APO_CHANGE_REDACTED);
}

static void move(const char **string, const void *to, const void *from)
{
	if (*string)
		*string = (const char *)to + (*string - (const char *)from);
}

/* A record with its strings. NULL without memory. */
static struct apo_record *copy_of(const struct apo_record *record)
{
	struct apo_record_changed *copy = malloc(record->size_bytes);

	if (!copy)
		return NULL;
	memcpy(copy, record, record->size_bytes);
	move(&copy->change.account, copy, record);
	move(&copy->change.target, copy, record);
	return &copy->record;
}

/* A record of a part is never dropped: history would show the account as present. Nor is that of a
 * redaction. */
static void keep_unwritten(struct apo_history_thread *history_thread,
			   const struct apo_record *record)
{
	struct apo_record *copy = NULL;

	if (!is_end(record) && history_thread->unwritten_count >= APO_UNWRITTEN_MAX)
		return;
	if (RUDP_GROW(history_thread->unwritten, history_thread->unwritten_count,
		      history_thread->unwritten_capacity, 64))
		copy = copy_of(record);
	if (copy)
		history_thread->unwritten[history_thread->unwritten_count++] = copy;
	else if (is_end(record))
		history_thread->has_lost_parts = true;
}

void apo_history_thread_forget_unwritten(struct apo_history_thread *history_thread)
{
	while (history_thread->unwritten_count > 0)
		free(history_thread->unwritten[--history_thread->unwritten_count]);
}

/* The whole group is lost, except joins, parts, markers and redactions. */
static void fail_group(struct apo_history_thread *history_thread)
{
	const struct apo_record *record;
	unsigned i;

	if (!history_thread->has_failed)
		rudp_log(RUDP_LOG_ERROR, "history not written reason=\"%s\"",
			 apo_history_error(history_thread->history));
	history_thread->has_failed = true;
	history_thread->counters.groups_failed++;
	apo_history_roll_back(history_thread->history);
	history_thread->is_writing = false;
	history_thread->group_messages = 0;
	apo_history_sync_on_failed(history_thread);
	for (i = 0; i < history_thread->group_count; i++)
		for (record = NULL; (record = apo_batch_next(history_thread->group[i], record));) {
			history_thread->counters.lost += record->kind == APO_HISTORY_SAID;
			if (record->kind == APO_HISTORY_CHANGED)
				keep_unwritten(history_thread, record);
		}
}

/* ---- writing ---- */

static int end_writing(struct apo_history_thread *history_thread)
{
	int error = history_thread->is_writing ? apo_history_commit(history_thread->history) : 0;

	if (error < 0 || !history_thread->is_writing)
		return error;
	if (history_thread->has_failed)
		rudp_log(RUDP_LOG_INFO, "history written again");
	history_thread->is_writing = history_thread->has_failed = false;
	if (history_thread->has_rewritten)
		apo_history_thread_forget_unwritten(history_thread);
	history_thread->counters.groups++;
	history_thread->counters.kept += history_thread->group_messages;
	history_thread->group_messages = 0;
	apo_history_sync_on_written(history_thread);
	return 0;
}

/* If only this message fails (its position is taken), only this message is lost. */
static int write_said(struct apo_history_thread *history_thread,
		      const struct apo_record_said *record)
{
	int error = apo_history_add(history_thread->history, &record->said);

	if (error == 0)
		history_thread->group_messages++;
	else if (error == -EEXIST)
		history_thread->counters.lost++;
	return error == -EEXIST ? 0 : error;
}

/* The presence may exist already: a group may fail after it has reached the disk. */
static int write_changed(struct apo_history_thread *history_thread, const struct apo_record *record)
{
	int error = apo_history_change(history_thread->history, change_in(record));

	return error == -EEXIST ? 0 : error;
}

static int write_unwritten(struct apo_history_thread *history_thread)
{
	size_t i;
	int error = 0;

	for (i = 0; i < history_thread->unwritten_count && error == 0; i++)
		error = write_changed(history_thread, history_thread->unwritten[i]);
	return error;
}

static int begin_writing(struct apo_history_thread *history_thread)
{
	int error;

	if (history_thread->is_writing)
		return 0;
	error = apo_history_begin(history_thread->history);
	if (error < 0)
		return error;
	history_thread->is_writing = true;
	error = apo_history_sync_on_writing(history_thread);
	/* During a synchronization they are about rows that are not there yet. */
	history_thread->has_rewritten = !history_thread->sync.is_on;
	if (error == 0 && history_thread->has_rewritten)
		error = write_unwritten(history_thread);
	return error;
}

/* ---- answering ---- */

/* Without an answer the client's next lines would wait for ever, so it waits for memory. */
static struct apo_history_mail *mail_new(const struct apo_record_asked *record)
{
	struct apo_history_mail *mail;

	while (!(mail = calloc(1, sizeof *mail)))
		(void)sched_yield();
	mail->mail.kind = APO_MAIL_HISTORY;
	mail->ticket = record->ticket;
	mail->asked = APO_ASKED_FAILED;
	return mail;
}

static void hold(struct apo_history_thread *history_thread, struct apo_history_mail *mail)
{
	if (!history_thread->held)
		history_thread->held_end = &history_thread->held;
	*history_thread->held_end = &mail->mail;
	history_thread->held_end = &mail->mail.next;
}

static void put(struct apo_history_thread *history_thread, struct apo_history_mail *mail)
{
	history_thread->counters.answers += mail->asked != APO_ASKED_FAILED;
	history_thread->counters.answers_failed += mail->asked == APO_ASKED_FAILED;
	apo_mailbox_put(history_thread->answers, &mail->mail);
}

/* Only the answer to a REDACT has no page if it is DONE. */
static void release(struct apo_history_thread *history_thread, bool is_written)
{
	struct apo_mail *held = history_thread->held;
	struct apo_history_mail *mail;

	while (held) {
		mail = (struct apo_history_mail *)held;
		held = held->next;
		if (!is_written && mail->asked == APO_ASKED_DONE && !mail->page)
			mail->asked = APO_ASKED_FAILED;
		put(history_thread, mail);
	}
	history_thread->held = NULL;
}

/* Outside a transaction no message is redacted. */
static void answer(struct apo_history_thread *history_thread, const struct apo_record_asked *record)
{
	const struct apo_question *question = &record->question;
	struct apo_history_mail *mail = mail_new(record);

	/* Outside a transaction, unwritten records may contain parts: then no page is shown. */
	if (question->way != APO_HISTORY_REDACT && !history_thread->has_lost_parts &&
	    !history_thread->sync.is_on &&
	    (history_thread->is_writing || history_thread->unwritten_count == 0))
		mail->page = apo_page_new();
	if (mail->page)
		mail->asked = apo_history_ask(history_thread->history, question, mail->page);
	if (history_thread->held)
		hold(history_thread, mail);
	else
		put(history_thread, mail);
}

static int redact(struct apo_history_thread *history_thread, const struct apo_record_asked *record)
{
	struct apo_history_mail *mail = mail_new(record);
	int error = 0;

	if (!history_thread->has_lost_parts)
		error = apo_history_redact(history_thread->history, &record->question,
					   &mail->asked);
	if (error < 0)
		mail->asked = APO_ASKED_FAILED;
	hold(history_thread, mail);
	return error;
}

static int write_asked(struct apo_history_thread *history_thread,
		       const struct apo_record_asked *record)
{
	history_thread->group_answers++;
	if (record->question.way == APO_HISTORY_REDACT)
		return redact(history_thread, record);
	answer(history_thread, record);
	return 0;
}

/* All records before this one are part of what is replaced. */
static int begin_replacing(struct apo_history_thread *history_thread,
			   const struct apo_record_replace *record)
{
	apo_history_thread_forget_unwritten(history_thread);
	history_thread->has_rewritten = history_thread->has_lost_parts = false;
	return apo_history_sync_begin(history_thread, record->last);
}

static int write_record(struct apo_history_thread *history_thread, const struct apo_record *record)
{
	int error = 0;

	if (history_thread->sync.is_on && is_end(record)) {
		keep_unwritten(history_thread, record);
		return 0;
	}
	switch ((enum apo_history_record_kind)record->kind) {
	case APO_HISTORY_SAID:
		error = write_said(history_thread, (const void *)record);
		break;
	case APO_HISTORY_CHANGED:
		error = write_changed(history_thread, record);
		break;
	case APO_HISTORY_ASKED:
		error = write_asked(history_thread, (const void *)record);
		break;
	case APO_HISTORY_REPLACE:
		error = begin_replacing(history_thread, (const void *)record);
		break;
	case APO_HISTORY_PEER:
		error = apo_history_sync_on_peer(history_thread, (const void *)record);
		break;
	case APO_HISTORY_ALONE:
		apo_history_sync_on_alone(history_thread);
		break;
	}
	return error;
}

/* Writes the whole group or nothing of it, except answers. Each question is answered at its place,
 * from what was written before it. */
static int write_group(struct apo_history_thread *history_thread)
{
	const struct apo_record *record;
	unsigned i;
	int error = begin_writing(history_thread);

	for (i = 0; i < history_thread->group_count; i++)
		for (record = NULL;
		     error == 0 && (record = apo_batch_next(history_thread->group[i], record));)
			error = write_record(history_thread, record);
	return error ? error : end_writing(history_thread);
}

/* Answers the questions that a failed group did not reach. */
static void answer_the_rest(struct apo_history_thread *history_thread)
{
	const struct apo_record *record;
	unsigned i, seen = 0;

	for (i = 0; i < history_thread->group_count; i++)
		for (record = NULL; (record = apo_batch_next(history_thread->group[i], record));)
			if (record->kind == APO_HISTORY_ASKED &&
			    seen++ >= history_thread->group_answers)
				answer(history_thread, (const void *)record);
}

static void work(struct apo_history_thread *history_thread)
{
	unsigned i;

	if (history_thread->group_count == 0)
		return;
	if (write_group(history_thread) < 0) {
		fail_group(history_thread);
		release(history_thread, false);
		answer_the_rest(history_thread);
	}
	release(history_thread, true);
	for (i = 0; i < history_thread->group_count; i++)
		apo_batch_done(history_thread->group[i]);
	history_thread->group_count = history_thread->group_answers = 0;
	atomic_store(&history_thread->peers_waiting, 0);
}

/* ---- pruning ---- */

static int prune_step(struct apo_history_thread *history_thread)
{
	int result = begin_writing(history_thread), error;

	if (result == 0 && !history_thread->sync.is_on)
		result = apo_history_prune(history_thread->history, &history_thread->retention,
					   rudp_clock_wall_ms());
	if (result < 0)
		return result;
	history_thread->counters.prunings += result > 0;
	error = end_writing(history_thread);
	return error ? error : result;
}

static void prune(struct apo_history_thread *history_thread)
{
	int result = prune_step(history_thread);

	if (result < 0)
		fail_group(history_thread);
	if (result <= 0)
		history_thread->prune_at_ns =
			rudp_clock_now_ns() + APO_PRUNE_WAIT_S * RUDP_NS_PER_S;
}

/* ---- the loop ---- */

static void on_mail(struct apo_history_thread *history_thread, struct apo_mail *mail)
{
	struct apo_history_thread_configure *configure = (void *)mail;

	switch ((enum apo_history_thread_mail_kind)mail->kind) {
	case APO_HISTORY_THREAD_BATCH:
		if (history_thread->group_count == APO_GROUP_BATCHES)
			work(history_thread);
		if (history_thread->group_count == 0)
			history_thread->group_at_ns =
				rudp_clock_now_ns() + APO_LINGER_MS * RUDP_NS_PER_MS;
		history_thread->group[history_thread->group_count++] = (struct apo_batch *)mail;
		return;
	case APO_HISTORY_THREAD_CONFIGURE:
		history_thread->retention = configure->retention;
		history_thread->prune_at_ns = rudp_clock_now_ns();
		free(mail);
		return;
	case APO_HISTORY_THREAD_STOP:
		history_thread->is_over = true;
	}
}

static int timeout_ms(const struct apo_history_thread *history_thread)
{
	int64_t next_at_ns = history_thread->group_count > 0 ? history_thread->group_at_ns
							     : history_thread->prune_at_ns;

	if (history_thread->sync.is_on)
		next_at_ns = rudp_time_min(next_at_ns, history_thread->sync.repeat_at_ns);
	return rudp_time_poll_ms(next_at_ns, rudp_clock_now_ns());
}

static void turn(struct apo_history_thread *history_thread)
{
	bool is_urgent;

	apo_mailbox_wait(&history_thread->box, timeout_ms(history_thread));
	/* Before the mail is taken: a question that comes later sets the flag again. */
	is_urgent = atomic_exchange(&history_thread->is_urgent, false);
	APO_MAIL_EACH(mail, &history_thread->box)
		on_mail(history_thread, mail);
	if (is_urgent || history_thread->is_over ||
	    history_thread->group_at_ns <= rudp_clock_now_ns())
		work(history_thread);
	apo_history_sync_on_time(history_thread, rudp_clock_now_ns());
	if (history_thread->group_count == 0 && history_thread->prune_at_ns <= rudp_clock_now_ns())
		prune(history_thread);
}

void *apo_history_thread_run(void *of)
{
	struct apo_history_thread *history_thread = of;

	pthread_setname_np(pthread_self(), "chat-history"); /* for top -H */
	while (!history_thread->is_over)
		turn(history_thread);
	return NULL;
}
