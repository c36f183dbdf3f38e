/* SPDX-License-Identifier: MIT */
/* lone_worker - a worker without a thread: the test runs its turns and reads its mail to model and
 * acceptor. */
#ifndef TESTS_SERVER_LONE_WORKER_H
#define TESTS_SERVER_LONE_WORKER_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "conversation/server/worker.h"

struct lone_worker {
	struct apo_worker worker;
	struct apo_mailbox model_box, acceptor_box;
	struct apo_batcher effects; /* the effects that the model sends in the next turn */
	void (*on_event)(const struct apo_record *event); /* for the model */
	void (*on_note)(const struct apo_record *note);   /* for the acceptor */
};

static inline void lone_open(struct lone_worker *lone, struct apo_config *config,
			     void (*on_event)(const struct apo_record *event),
			     void (*on_note)(const struct apo_record *note))
{
	int error = apo_mailbox_init(&lone->model_box);

	lone->on_event = on_event;
	lone->on_note = on_note;
	error |= apo_mailbox_init(&lone->acceptor_box);
	error |= apo_worker_init(&lone->worker, 0, &lone->model_box, &lone->acceptor_box, config);
	apo_batcher_init(&lone->effects, &lone->worker.box, &lone->model_box, APO_MAIL_BATCH, 0);
	cr_assert(zero(int, error));
}

static inline void lone_take_from(struct apo_mailbox *box,
				  void (*on_record)(const struct apo_record *record))
{
	struct apo_mail *mail = apo_mailbox_take(box), *next;

	for (; mail; mail = next) {
		struct apo_batch *batch = (struct apo_batch *)mail;
		const struct apo_record *record = NULL;

		next = mail->next;
		while ((record = apo_batch_next(batch, record)))
			on_record(record);
		apo_batch_done(batch);
	}
}

/* Takes the worker's mail to model and acceptor. */
static inline void lone_take(struct lone_worker *lone)
{
	lone_take_from(&lone->model_box, lone->on_event);
	lone_take_from(&lone->acceptor_box, lone->on_note);
}

/* Runs one turn that does not wait. */
static inline void lone_turn(struct lone_worker *lone)
{
	apo_batcher_flush(&lone->effects);
	apo_mailbox_wake(&lone->worker.box);
	apo_worker_turn(&lone->worker);
	lone_take(lone);
}

static inline void lone_close(struct lone_worker *lone)
{
	apo_worker_clear(&lone->worker);
	lone_take(lone);
	apo_worker_fini(&lone->worker);
	apo_batcher_fini(&lone->effects);
	apo_mailbox_fini(&lone->model_box);
	apo_mailbox_fini(&lone->acceptor_box);
}

/* ---- effects ---- */

/* watch 0: not watched. */
static inline void lone_deliver(struct lone_worker *lone, struct apo_peer to, const char *line,
				uint64_t watch)
{
	struct apo_effect_deliver *effect = apo_batcher_add(
		&lone->effects, watch ? APO_EFFECT_DELIVER_WATCHED : APO_EFFECT_DELIVER,
		sizeof *effect + sizeof to);

	effect->text = apo_text_copy(line, strlen(line));
	effect->watch = watch;
	effect->first = 0;
	effect->count = 1;
	effect->to[0] = to;
}

static inline void lone_flag(struct lone_worker *lone, enum apo_effect_kind kind,
			     struct apo_peer peer, bool is_so)
{
	struct apo_effect_flag *effect = apo_batcher_add(&lone->effects, kind, sizeof *effect);

	effect->peer = peer;
	effect->is_so = is_so;
}

static inline void lone_end(struct lone_worker *lone, struct apo_peer peer, const char *last_words)
{
	struct apo_effect_close *effect =
		apo_batcher_add(&lone->effects, APO_EFFECT_CLOSE, sizeof *effect);

	effect->peer = peer;
	effect->last_words = last_words ? apo_text_copy(last_words, strlen(last_words)) : NULL;
}

#endif
