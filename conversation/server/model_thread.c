/* SPDX-License-Identifier: MIT */
#include "conversation/server/model_thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conversation/server/auth_thread.h"
#include "conversation/server/cluster.h"
#include "conversation/server/history_thread.h"
#include "conversation/server/registry_thread.h"

/* ---- the calls of the model ---- */

static void fill(struct apo_effect_deliver *effect, const struct apo_peer *to, size_t count)
{
	memcpy(effect->to + effect->count, to, count * sizeof *to);
	effect->count += (uint32_t)count;
}

/* The model may deliver one text to a worker in several calls, if it found the recipients one by
 * one. They become one effect. */
static bool extend(struct apo_model_thread *model_thread, unsigned worker, struct apo_text *text,
		   const struct apo_peer *to, size_t count)
{
	struct apo_effect_deliver *last = model_thread->last[worker];

	if (!last || last->text != text ||
	    !apo_batcher_extend(model_thread->to_workers + worker, &last->record,
				count * sizeof *to))
		return false;
	fill(last, to, count);
	return true;
}

static struct apo_effect_deliver *add_delivery(struct apo_model_thread *model_thread,
					       unsigned worker, uint32_t kind,
					       struct apo_text *text, const struct apo_peer *to,
					       size_t count)
{
	struct apo_effect_deliver *effect = apo_batcher_add(model_thread->to_workers + worker, kind,
							    sizeof *effect + count * sizeof *to);

	effect->text = apo_text_get(text);
	effect->watch = 0;
	effect->first = 0;
	effect->count = 0;
	fill(effect, to, count);
	return effect;
}

static void deliver(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
		    size_t count)
{
	struct apo_model_thread *model_thread = of;

	if (!extend(model_thread, worker, text, to, count))
		model_thread->last[worker] =
			add_delivery(model_thread, worker, APO_EFFECT_DELIVER, text, to, count);
}

static void deliver_watched(void *of, unsigned worker, struct apo_text *text,
			    const struct apo_peer *to, size_t count, uint64_t watch, uint32_t first)
{
	struct apo_model_thread *model_thread = of;
	struct apo_effect_deliver *effect =
		add_delivery(model_thread, worker, APO_EFFECT_DELIVER_WATCHED, text, to, count);

	effect->watch = watch;
	effect->first = first;
	model_thread->last[worker] = NULL;
}

static void close_peer(void *of, struct apo_peer who, struct apo_text *last_words)
{
	struct apo_model_thread *model_thread = of;
	struct apo_effect_close *effect = apo_batcher_add(model_thread->to_workers + who.worker,
							  APO_EFFECT_CLOSE, sizeof *effect);

	effect->peer = who;
	effect->last_words = last_words ? apo_text_get(last_words) : NULL;
	model_thread->last[who.worker] = NULL;
}

static void add_flag(struct apo_model_thread *model_thread, enum apo_effect_kind kind,
		     struct apo_peer who, bool is_so)
{
	struct apo_effect_flag *effect =
		apo_batcher_add(model_thread->to_workers + who.worker, kind, sizeof *effect);

	effect->peer = who;
	effect->is_so = is_so;
	model_thread->last[who.worker] = NULL;
}

static void set_operator(void *of, struct apo_peer who, bool is_operator)
{
	add_flag(of, APO_EFFECT_OPERATOR, who, is_operator);
}

static void hold(void *of, struct apo_peer who, bool is_held)
{
	add_flag(of, APO_EFFECT_HOLD, who, is_held);
}

static void want_room(void *of, struct apo_peer who)
{
	add_flag(of, APO_EFFECT_WANT_ROOM, who, true);
}

static void request(struct apo_model_thread *model_thread, bool is_die, uint64_t ticket,
		    const char *who)
{
	struct apo_operator_request *request = calloc(1, sizeof *request);

	if (!request)
		return;
	request->mail.kind = APO_MAIL_REQUEST;
	request->is_die = is_die;
	request->ticket = ticket;
	snprintf(request->who, sizeof request->who, "%s", who);
	apo_mailbox_put(model_thread->acceptor, &request->mail);
}

static void rehash(void *of, uint64_t ticket)
{
	request(of, false, ticket, "");
}

static void die(void *of, const char *who)
{
	request(of, true, 0, who);
}

static void log_line(void *of, bool is_detail, const char *name, const char *text)
{
	(void)of;
	rudp_log(is_detail ? RUDP_LOG_DEBUG : RUDP_LOG_INFO, "%s %s", name, text);
}

static bool propose(void *of, const void *event, size_t len, bool is_vital)
{
	struct apo_model_thread *model_thread = of;

	return apo_cluster_propose(model_thread->cluster, event, len, is_vital);
}

static const struct apo_model_calls calls = {
	.deliver = deliver,
	.deliver_watched = deliver_watched,
	.close = close_peer,
	.set_operator = set_operator,
	.hold = hold,
	.want_room = want_room,
	.rehash = rehash,
	.die = die,
	.log = log_line,
};

/* ---- events ---- */

static void on_connected(struct apo_model_thread *model_thread,
			 const struct apo_event_connected *event)
{
	struct apo_peer_facts facts = {.address = event->address,
				       .host = event->host,
				       .fingerprint =
					       event->fingerprint[0] ? event->fingerprint : NULL,
				       .is_secure = event->is_secure,
				       .reports_end = event->reports_end};

	apo_model_on_connected(model_thread->model, event->peer, &facts, model_thread->now_at_ns);
}

static void on_event(struct apo_model_thread *model_thread, const struct apo_record *record)
{
	const struct apo_event_text *text = (const void *)record;
	const struct apo_event_receipt *receipt = (const void *)record;

	switch ((enum apo_event_kind)record->kind) {
	case APO_EVENT_CONNECTED:
		on_connected(model_thread, (const void *)record);
		break;
	case APO_EVENT_LINE:
		apo_model_on_line(model_thread->model, text->peer, text->text, text->len,
				  model_thread->now_at_ns);
		break;
	case APO_EVENT_CLOSED:
		apo_model_on_closed(model_thread->model, text->peer, text->text,
				    model_thread->now_at_ns);
		break;
	case APO_EVENT_RECEIPT:
		apo_model_on_receipt(model_thread->model, receipt->watch, receipt->recipient,
				     receipt->arrived, model_thread->now_at_ns);
		break;
	case APO_EVENT_ROOM:
		apo_model_on_room(model_thread->model,
				  ((const struct apo_event_room *)record)->peer,
				  model_thread->now_at_ns);
		break;
	}
}

static bool is_worker_behind(struct apo_model_thread *model_thread)
{
	unsigned i;

	for (i = 0; i < model_thread->worker_count; i++)
		if (apo_batcher_is_full(model_thread->to_workers + i))
			return true;
	return false;
}

static void flush(struct apo_model_thread *model_thread)
{
	unsigned i;

	for (i = 0; i < model_thread->worker_count; i++) {
		model_thread->last[i] = NULL;
		apo_batcher_flush(model_thread->to_workers + i);
	}
}

/* apo_model_thread_abandon sets is_abandoned before it wakes this thread. */
static void wait_for_workers(struct apo_model_thread *model_thread)
{
	if (model_thread->is_unattended || !is_worker_behind(model_thread))
		return;
	flush(model_thread);
	while (!atomic_load(&model_thread->is_abandoned) && is_worker_behind(model_thread)) {
		apo_mailbox_wait(&model_thread->box, -1);
		apo_mailbox_forget_wake(&model_thread->box);
	}
	/* The wake-up that was consumed may have announced mail. */
	apo_mailbox_wake(&model_thread->box);
}

static void on_batch(struct apo_model_thread *model_thread, struct apo_batch *batch)
{
	const struct apo_record *record = NULL;

	while (!atomic_load_explicit(&model_thread->is_abandoned, memory_order_relaxed) &&
	       (record = apo_batch_next(batch, record))) {
		on_event(model_thread, record);
		wait_for_workers(model_thread);
	}
	apo_batch_done(batch);
	flush(model_thread);
}

/* A client with at most a quarter of its queue in use must not exceed the queue by new messages. */
static uint32_t hurried_bytes(const struct apo_config *config)
{
	size_t part = config->send_queue_bytes / 4;

	return part < APO_HURRIED_BYTES_MAX ? (uint32_t)part : APO_HURRIED_BYTES_MAX;
}

static void on_configure(struct apo_model_thread *model_thread, struct apo_configure *configure)
{
	if (configure->config) {
		(void)apo_model_configure(model_thread->model, &configure->config->model);
		apo_config_put(model_thread->config);
		model_thread->config = configure->config;
		model_thread->auth_thread->makes_scram = configure->config->model.scram;
	}
	if (configure->has_ticket)
		apo_model_on_rehashed(model_thread->model, configure->ticket,
				      configure->config ? NULL : configure->error,
				      model_thread->now_at_ns);
}

static void on_account(struct apo_model_thread *model_thread, const struct apo_account_mail *mail)
{
	switch (mail->news) {
	case APO_ACCOUNT_IS_THERE:
		if (apo_model_on_account(model_thread->model, mail->account, mail->id,
					 model_thread->now_at_ns) < 0)
			rudp_log(RUDP_LOG_ERROR, "nick not protected reason=\"out of memory\"");
		break;
	case APO_ACCOUNT_IS_GONE:
		apo_model_on_account_gone(model_thread->model, mail->account,
					  model_thread->now_at_ns);
		break;
	case APO_ACCOUNTS_BEGIN:
		apo_model_accounts_begin(model_thread->model);
		break;
	case APO_ACCOUNTS_END:
		apo_model_accounts_end(model_thread->model, model_thread->now_at_ns);
		break;
	}
}

static void on_mail(struct apo_model_thread *model_thread, struct apo_mail *mail)
{
	struct apo_auth_answer *answer = (void *)mail;
	struct apo_history_mail *history = (void *)mail;
	struct apo_end_notice *end_notice = (void *)mail;

	switch ((enum apo_mail_kind)mail->kind) {
	case APO_MAIL_BATCH:
		on_batch(model_thread, (void *)mail);
		return;
	case APO_MAIL_CONFIGURE:
		on_configure(model_thread, (void *)mail);
		break;
	case APO_MAIL_CHECKED:
		apo_model_on_checked(model_thread->model, answer->ticket, answer->result,
				     answer->text[0] ? answer->text : NULL,
				     model_thread->now_at_ns);
		break;
	case APO_MAIL_ACCOUNT:
		on_account(model_thread, (const void *)mail);
		break;
	case APO_MAIL_HISTORY:
		apo_model_on_history(model_thread->model, history->ticket, history->asked,
				     history->page, model_thread->now_at_ns);
		apo_page_free(history->page);
		break;
	case APO_MAIL_END:
		apo_model_end(model_thread->model, end_notice->reason, model_thread->now_at_ns);
		break;
	case APO_MAIL_STOP:
		model_thread->is_over = true;
		break;
	case APO_MAIL_SETTLE:
		model_thread->is_settling = true;
		apo_model_hurry(model_thread->model, hurried_bytes(model_thread->config));
		break;
	case APO_MAIL_CLUSTER:
		apo_cluster_on_mail(model_thread->cluster, (const void *)mail);
		break;
	case APO_MAIL_HISTORY_PEER:
		apo_cluster_send_history(model_thread->cluster, (const void *)mail);
		break;
	case APO_MAIL_ADOPT:
	case APO_MAIL_DRAIN:
	case APO_MAIL_REQUEST:
		abort(); /* no thread sends that to the model */
	}
	free(mail);
}

/* ---- the thread ---- */

static void show_figures(struct apo_model_thread *model_thread)
{
	const struct apo_model_figures *figures = apo_model_figures(model_thread->model);

#define SHOW(name, help)                                                                           \
	atomic_store_explicit(&model_thread->figures.name, figures->name, memory_order_relaxed);
	APO_MODEL_FIGURES(SHOW)
#undef SHOW
}

static void wait_for_mail(struct apo_model_thread *model_thread)
{
	struct pollfd wait = {.fd = model_thread->box.fd, .events = POLLIN};
	int64_t until_ns = rudp_time_min(apo_model_next_at_ns(model_thread->model),
					 apo_cluster_next_at_ns(model_thread->cluster));
	int64_t left_ns = rudp_time_max(until_ns - rudp_clock_now_ns(), 0);
	struct timespec left = {.tv_sec = left_ns / RUDP_NS_PER_S,
				.tv_nsec = left_ns % RUDP_NS_PER_S};

	(void)ppoll(&wait, 1, until_ns == RUDP_NEVER ? NULL : &left, NULL);
}

bool apo_model_thread_absorb(struct apo_model_thread *model_thread)
{
	bool is_any = false;

	model_thread->now_at_ns = rudp_clock_now_ns();
	apo_model_set_wall(model_thread->model, rudp_clock_wall_ms(), model_thread->now_at_ns);
	apo_cluster_set_time(model_thread->cluster, model_thread->now_at_ns, rudp_clock_wall_ms());
	APO_MAIL_EACH(mail, &model_thread->box) {
		on_mail(model_thread, mail);
		is_any = true;
	}
	/* After SETTLE no further turn may follow, so long answers are sent here. */
	while (model_thread->is_settling &&
	       apo_model_next_at_ns(model_thread->model) <= model_thread->now_at_ns)
		apo_model_on_time(model_thread->model, model_thread->now_at_ns);
	flush(model_thread);
	return is_any;
}

static void turn(struct apo_model_thread *model_thread)
{
	wait_for_mail(model_thread);
	(void)apo_model_thread_absorb(model_thread);
	if (apo_model_next_at_ns(model_thread->model) <= model_thread->now_at_ns)
		apo_model_on_time(model_thread->model, model_thread->now_at_ns);
	apo_cluster_on_time(model_thread->cluster);
	flush(model_thread);
	if (model_thread->history_thread)
		apo_batcher_flush(&model_thread->history_thread->batcher);
	if (model_thread->registry_thread)
		apo_batcher_flush(&model_thread->registry_thread->batcher);
	show_figures(model_thread);
	wait_for_workers(model_thread);
}

void *apo_model_thread_run(void *of)
{
	struct apo_model_thread *model_thread = of;

	pthread_setname_np(pthread_self(), "chat-model"); /* for top -H */
	model_thread->is_over = model_thread->is_settling = false;
	apo_model_hurry(model_thread->model, 0);
	while (!model_thread->is_over && !atomic_load(&model_thread->is_abandoned) &&
	       !(model_thread->is_settling && apo_model_is_settled(model_thread->model)))
		turn(model_thread);
	atomic_store(&model_thread->has_ended, true);
	apo_mailbox_wake(model_thread->acceptor);
	return NULL;
}

void apo_model_thread_abandon(struct apo_model_thread *model_thread)
{
	atomic_store(&model_thread->is_abandoned, true);
	apo_mailbox_wake(&model_thread->box);
}

/* ---- life ---- */

int apo_model_thread_init(struct apo_model_thread *model_thread, struct apo_worker *workers,
			  unsigned worker_count, struct apo_mailbox *acceptor,
			  struct apo_auth_thread *auth_thread,
			  struct apo_history_thread *history_thread, struct apo_config *config)
{
	struct apo_model_start start = {.config = &config->model,
					.calls = &model_thread->calls,
					.of = model_thread,
					.workers = worker_count,
					.now_at_ns = rudp_clock_now_ns(),
					.wall_ms = rudp_clock_wall_ms()};
	unsigned i;

	/* The id of the run: two runs of the server never start in the same millisecond. */
	start.run = (uint64_t)start.wall_ms;
	model_thread->acceptor = acceptor;
	model_thread->auth_thread = auth_thread;
	auth_thread->makes_scram = config->model.scram;
	model_thread->calls = calls;
	model_thread->history_thread = history_thread;
	apo_model_thread_add_store_calls(model_thread);
	if (model_thread->cluster)
		model_thread->calls.propose = propose;
	if (history_thread)
		start.last_position = apo_history_last_position(history_thread->history);
	model_thread->worker_count = worker_count;
	model_thread->to_workers = calloc(worker_count, sizeof *model_thread->to_workers);
	model_thread->last = calloc(worker_count, sizeof(struct apo_effect_deliver *));
	model_thread->model = apo_model_new(&start);
	if (!model_thread->to_workers || !model_thread->last || !model_thread->model) {
		apo_model_free(model_thread->model);
		free(model_thread->last);
		free(model_thread->to_workers);
		return -ENOMEM;
	}
	for (i = 0; i < worker_count; i++)
		apo_batcher_init(model_thread->to_workers + i, &workers[i].box, &model_thread->box,
				 APO_MAIL_BATCH, 0);
	model_thread->config = apo_config_get(config);
	return model_thread->cluster ? apo_cluster_init(model_thread->cluster, model_thread->model,
							history_thread, config)
				     : 0;
}

static void drop(struct apo_mail *mail)
{
	if (mail->kind == APO_MAIL_BATCH) {
		apo_batch_done((struct apo_batch *)mail);
		return;
	}
	if (mail->kind == APO_MAIL_HISTORY)
		apo_page_free(((struct apo_history_mail *)mail)->page);
	else if (mail->kind == APO_MAIL_CONFIGURE)
		apo_config_put(((struct apo_configure *)mail)->config);
	free(mail);
}

void apo_model_thread_drop_mail(struct apo_model_thread *model_thread)
{
	APO_MAIL_EACH(mail, &model_thread->box)
		drop(mail);
}

void apo_model_thread_fini(struct apo_model_thread *model_thread)
{
	unsigned i;

	for (i = 0; i < model_thread->worker_count; i++)
		apo_batcher_fini(model_thread->to_workers + i);
	apo_model_free(model_thread->model);
	free(model_thread->last);
	free(model_thread->to_workers);
	apo_config_put(model_thread->config);
}
