/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/time.h"
#include "conversation/server/history_thread_records.h"
#include "conversation/server/records.h"

static int64_t now_ns(void)
{
	return rudp_clock_now_ns(&rudp_clock_monotonic);
}

static int64_t now_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / RUDP_NS_PER_MS;
}

/* ---- records ---- */

static void point(const char *at, const char **const *strings, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		if (!*strings[i])
			continue;
		*strings[i] = at;
		at += strlen(at) + 1;
	}
}

static struct apo_said said_in(const struct apo_record_said *record)
{
	struct apo_said said = record->said;
	const char **strings[APO_SAID_STRINGS];

	apo_said_strings(&said, strings);
	point(record->strings, strings, APO_SAID_STRINGS);
	return said;
}

static struct apo_question question_in(const struct apo_record_asked *record)
{
	struct apo_question question = record->question;
	const char **strings[APO_QUESTION_STRINGS];

	apo_question_strings(&question, strings);
	point(record->strings, strings, APO_QUESTION_STRINGS);
	return question;
}

/* ---- what could not be written ---- */

static bool make_room_to_owe(struct apo_historian *historian)
{
	size_t cap = historian->owed_cap ? 2 * historian->owed_cap : 64;
	struct apo_record **owed;

	if (historian->owed_count < historian->owed_cap)
		return true;
	owed = realloc(historian->owed, cap * sizeof(struct apo_record *));
	if (!owed)
		return false;
	historian->owed = owed;
	historian->owed_cap = cap;
	return true;
}

/* That somebody has left may not be forgotten, or it would be thought that he has stayed. */
static void owe(struct apo_historian *historian, const struct apo_record *record)
{
	bool has_left = record->kind == APO_HISTORY_LEFT;
	struct apo_record *copy = NULL;

	if (!has_left && historian->owed_count >= APO_OWED_MAX)
		return;
	if (make_room_to_owe(historian))
		copy = malloc(record->size_bytes);
	if (copy)
		historian->owed[historian->owed_count++] = memcpy(copy, record, record->size_bytes);
	else if (has_left)
		historian->is_blind = true;
}

void apo_historian_forget_owed(struct apo_historian *historian)
{
	while (historian->owed_count > 0)
		free(historian->owed[--historian->owed_count]);
}

/* The whole group is lost, but for who has joined and left. */
static void fail_group(struct apo_historian *historian)
{
	const struct apo_record *record;
	unsigned i;

	if (!historian->has_failed)
		rudp_log(RUDP_LOG_ERROR, "history not written reason=\"%s\"",
			 apo_history_error(historian->history));
	historian->has_failed = true;
	historian->counters.groups_failed++;
	apo_history_roll_back(historian->history);
	historian->is_writing = false;
	historian->group_messages = 0;
	for (i = 0; i < historian->group_count; i++)
		for (record = NULL; (record = apo_batch_next(historian->group[i], record));) {
			historian->counters.lost += record->kind == APO_HISTORY_SAID;
			if (record->kind != APO_HISTORY_SAID && record->kind != APO_HISTORY_ASKED)
				owe(historian, record);
		}
}

/* ---- writing ---- */

static int end_writing(struct apo_historian *historian)
{
	int error = historian->is_writing ? apo_history_commit(historian->history) : 0;

	if (error < 0 || !historian->is_writing)
		return error;
	if (historian->has_failed)
		rudp_log(RUDP_LOG_INFO, "history written again");
	historian->is_writing = historian->has_failed = false;
	apo_historian_forget_owed(historian);
	historian->counters.groups++;
	historian->counters.kept += historian->group_messages;
	historian->group_messages = 0;
	return 0;
}

/* One that the disk does not take for itself (its position is used) is lost alone. */
static int write_said(struct apo_historian *historian, const struct apo_record_said *record)
{
	struct apo_said said = said_in(record);
	int error = apo_history_add(historian->history, &said);

	if (error == 0)
		historian->group_messages++;
	else if (error == -EEXIST)
		historian->counters.lost++;
	return error == -EEXIST ? 0 : error;
}

/* It may be there: a group may fail when all of it is on the disk. */
static int write_joined(struct apo_historian *historian, const struct apo_record_joined *record)
{
	const char *channel = record->strings + strlen(record->strings) + 1;
	int error = apo_presence_begin(historian->history, record->id, record->strings, channel,
				       record->first);

	return error == -EEXIST ? 0 : error;
}

static int write_left(struct apo_historian *historian, const struct apo_record_left *record)
{
	return apo_presence_end(historian->history, record->id, record->last);
}

static int write_marked(struct apo_historian *historian, const struct apo_record_marked *record)
{
	const char *target = record->strings + strlen(record->strings) + 1;

	return apo_marker_set(historian->history, record->strings, target, record->time_ms);
}

static int write_owed(struct apo_historian *historian, const struct apo_record *record)
{
	if (record->kind == APO_HISTORY_LEFT)
		return write_left(historian, (const void *)record);
	if (record->kind == APO_HISTORY_MARKED)
		return write_marked(historian, (const void *)record);
	return write_joined(historian, (const void *)record);
}

static int pay(struct apo_historian *historian)
{
	size_t i;
	int error = 0;

	for (i = 0; i < historian->owed_count && error == 0; i++)
		error = write_owed(historian, historian->owed[i]);
	return error;
}

static int begin_writing(struct apo_historian *historian)
{
	int error;

	if (historian->is_writing)
		return 0;
	error = apo_history_begin(historian->history);
	if (error == 0) {
		historian->is_writing = true;
		error = pay(historian);
	}
	return error;
}

/* ---- answering ---- */

static void answer(struct apo_historian *historian, const struct apo_record_asked *record)
{
	struct apo_question question = question_in(record);
	struct apo_history_mail *mail = calloc(1, sizeof *mail);

	if (!mail)
		return;
	mail->mail.kind = APO_MAIL_HISTORY;
	mail->ticket = record->ticket;
	mail->asked = APO_ASKED_FAILED;
	/* What is owed and not in a transaction would let somebody see what is not for him. */
	if (!historian->is_blind && (historian->is_writing || historian->owed_count == 0))
		mail->page = apo_page_new();
	if (mail->page)
		mail->asked = apo_history_ask(historian->history, &question, mail->page);
	historian->counters.answers += mail->asked != APO_ASKED_FAILED;
	historian->counters.answers_failed += mail->asked == APO_ASKED_FAILED;
	apo_mailbox_put(historian->answers, &mail->mail);
}

static int write_record(struct apo_historian *historian, const struct apo_record *record)
{
	int error = 0;

	switch ((enum apo_history_record_kind)record->kind) {
	case APO_HISTORY_SAID:
		error = write_said(historian, (const void *)record);
		break;
	case APO_HISTORY_JOINED:
		error = write_joined(historian, (const void *)record);
		break;
	case APO_HISTORY_LEFT:
		error = write_left(historian, (const void *)record);
		break;
	case APO_HISTORY_MARKED:
		error = write_marked(historian, (const void *)record);
		break;
	case APO_HISTORY_ASKED:
		answer(historian, (const void *)record);
		historian->group_answers++;
		break;
	}
	return error;
}

/* All of it, or (but for the answers) nothing. Questions are answered where they stand, from what
 * was written before them. */
static int write_group(struct apo_historian *historian)
{
	const struct apo_record *record;
	unsigned i;
	int error = begin_writing(historian);

	for (i = 0; i < historian->group_count; i++)
		for (record = NULL;
		     error == 0 && (record = apo_batch_next(historian->group[i], record));)
			error = write_record(historian, record);
	return error ? error : end_writing(historian);
}

/* Those that a group which failed has not come to. */
static void answer_the_rest(struct apo_historian *historian)
{
	const struct apo_record *record;
	unsigned i, seen = 0;

	for (i = 0; i < historian->group_count; i++)
		for (record = NULL; (record = apo_batch_next(historian->group[i], record));)
			if (record->kind == APO_HISTORY_ASKED && seen++ >= historian->group_answers)
				answer(historian, (const void *)record);
}

static void work(struct apo_historian *historian)
{
	unsigned i;

	if (historian->group_count == 0)
		return;
	if (write_group(historian) < 0) {
		fail_group(historian);
		answer_the_rest(historian);
	}
	for (i = 0; i < historian->group_count; i++)
		apo_batch_done(historian->group[i]);
	historian->group_count = historian->group_answers = 0;
}

/* ---- pruning ---- */

static int prune_step(struct apo_historian *historian)
{
	int result = begin_writing(historian), error;

	if (result == 0)
		result =
			apo_history_prune(historian->history, &historian->retention, now_wall_ms());
	if (result < 0)
		return result;
	historian->counters.prunings += result > 0;
	error = end_writing(historian);
	return error ? error : result;
}

static void prune(struct apo_historian *historian)
{
	int result = prune_step(historian);

	if (result < 0)
		fail_group(historian);
	if (result <= 0)
		historian->prune_at_ns = now_ns() + APO_PRUNE_WAIT_S * RUDP_NS_PER_S;
}

/* ---- the loop ---- */

static void on_mail(struct apo_historian *historian, struct apo_mail *mail)
{
	struct apo_historian_configure *configure = (void *)mail;

	switch ((enum apo_historian_mail_kind)mail->kind) {
	case APO_HISTORIAN_BATCH:
		if (historian->group_count == APO_GROUP_BATCHES)
			work(historian);
		if (historian->group_count == 0)
			historian->group_at_ns = now_ns() + APO_LINGER_MS * RUDP_NS_PER_MS;
		historian->group[historian->group_count++] = (struct apo_batch *)mail;
		return;
	case APO_HISTORIAN_CONFIGURE:
		historian->retention = configure->retention;
		historian->prune_at_ns = now_ns();
		break;
	case APO_HISTORIAN_STOP:
		historian->is_over = true;
		break;
	}
	free(mail);
}

static int timeout_ms(const struct apo_historian *historian)
{
	int64_t next_at_ns =
		historian->group_count > 0 ? historian->group_at_ns : historian->prune_at_ns;
	int64_t left_ns = next_at_ns - now_ns();

	return left_ns <= 0 ? 0 : (int)((left_ns + RUDP_NS_PER_MS - 1) / RUDP_NS_PER_MS);
}

static void turn(struct apo_historian *historian)
{
	struct pollfd wait = {.fd = historian->box.fd, .events = POLLIN};
	struct apo_mail *mail, *next;
	bool is_urgent;

	(void)poll(&wait, 1, timeout_ms(historian));
	/* Before the mail: a question that comes behind it says so again. */
	is_urgent = atomic_exchange(&historian->is_urgent, false);
	for (mail = apo_mailbox_take(&historian->box); mail; mail = next) {
		next = mail->next;
		on_mail(historian, mail);
	}
	if (is_urgent || historian->is_over || historian->group_at_ns <= now_ns())
		work(historian);
	if (historian->group_count == 0 && historian->prune_at_ns <= now_ns())
		prune(historian);
}

void *apo_historian_run(void *of)
{
	struct apo_historian *historian = of;

	while (!historian->is_over)
		turn(historian);
	return NULL;
}
