/* SPDX-License-Identifier: MIT */
#include "conversation/model/answers.h"

#include <stdlib.h>
#include <string.h>

#include "conversation/model/clients.h"
#include "conversation/model/history.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"

struct held_line {
	struct rudp_list link;
	size_t len;
	char text[];
};

/* ---- a turn ---- */

bool apo_turn_is_long(const struct apo_model *model)
{
	return model->turn.sent_bytes >= model->turn.sent_bytes_max ||
	       model->turn.examined >= APO_SLICE_EXAMINED_MAX;
}

void apo_turn_count_examined(struct apo_model *model, unsigned count)
{
	model->turn.examined += count;
}

/* ---- clients that wait ---- */

static struct apo_backlog *backlog_of(struct apo_model *model, struct apo_client *client)
{
	struct apo_backlog *backlog = client->backlog;

	if (backlog)
		return backlog;
	backlog = calloc(1, sizeof *backlog);
	if (!backlog) {
		apo_client_end(model, client, "Out of memory");
		return NULL;
	}
	backlog->client = client;
	rudp_list_init(&backlog->answers);
	rudp_list_init(&backlog->lines);
	client->backlog = backlog;
	model->backlog_count++;
	if (model->calls->hold)
		model->calls->hold(model->of, client->peer, true);
	return backlog;
}

static void answer_free(struct apo_answer *answer)
{
	rudp_list_remove(&answer->link);
	rudp_list_remove(&answer->iterator.link);
	free(answer);
}

void apo_answers_drop(struct apo_model *model, struct apo_client *client)
{
	struct apo_backlog *backlog = client->backlog;
	struct rudp_list *link;

	if (!backlog)
		return;
	while (!rudp_list_is_empty(&backlog->answers))
		answer_free(RUDP_LIST_OWNER(backlog->answers.next, struct apo_answer, link));
	while ((link = rudp_list_pop(&backlog->lines)))
		free(RUDP_LIST_OWNER(link, struct held_line, link));
	rudp_list_remove(&backlog->ready);
	free(backlog);
	client->backlog = NULL;
	model->backlog_count--;
}

/* Returns whether more would exceed the send queue of a client that does not read. */
static bool is_full(const struct apo_model *model, const struct apo_client *client)
{
	return model->calls->want_room && model->hurried_bytes == 0 &&
	       client->sent_bytes > model->slice_bytes;
}

/* Another thread answers a command of the client: a password check, a question to history, or the
 * copies of the model (shared.h). The client's further lines wait, so that its answers come in the
 * order of its commands. */
static bool awaits_answer(const struct apo_client *client)
{
	return client->ticket || client->history_count >= APO_REQUESTS_MAX || client->is_proposing;
}

/* Decides what the client waits for. If it waits for nothing, its lines are read again. */
static void decide(struct apo_model *model, struct apo_client *client)
{
	struct apo_backlog *backlog = client->backlog;

	if (backlog->waits_for_room)
		return;
	if (is_full(model, client)) {
		rudp_list_remove(&backlog->ready);
		backlog->waits_for_room = true;
		model->calls->want_room(model->of, client->peer);
	} else if (!rudp_list_is_empty(&backlog->answers) ||
		   (!rudp_list_is_empty(&backlog->lines) && !awaits_answer(client))) {
		if (!rudp_list_is_linked(&backlog->ready))
			rudp_list_append(&model->ready, &backlog->ready);
	} else if (!awaits_answer(client)) {
		apo_answers_drop(model, client);
		if (model->calls->hold)
			model->calls->hold(model->of, client->peer, false);
	}
}

void apo_answers_on_turn_ended(struct apo_model *model, struct apo_client *client,
			       size_t sent_bytes)
{
	if (client->is_gone || apo_is_remote(model, client) || rudp_list_is_linked(&client->ending))
		return;
	client->sent_bytes += (uint32_t)sent_bytes;
	/* Most clients say nothing more before their proposal comes back. */
	if (!client->backlog && !is_full(model, client) &&
	    (!awaits_answer(client) || client->is_proposing))
		return;
	if (backlog_of(model, client))
		decide(model, client);
}

static void on_room(struct apo_model *model, struct apo_client *client)
{
	client->sent_bytes = 0;
	if (!client->backlog)
		return;
	client->backlog->waits_for_room = false;
	decide(model, client);
}

/* ---- answers ---- */

void *apo_answer_new(struct apo_model *model, struct apo_client *client, size_t size,
		     bool (*go_on)(struct apo_model *model, struct apo_client *client,
				   struct apo_answer *answer))
{
	struct apo_answer *answer = calloc(1, size);

	if (answer)
		answer->go_on = go_on;
	else
		apo_client_end(model, client, "Out of memory");
	return answer;
}

static bool has_answers(const struct apo_client *client)
{
	return client->backlog && !rudp_list_is_empty(&client->backlog->answers);
}

void apo_answer_begin(struct apo_model *model, struct apo_client *client, struct apo_answer *answer)
{
	struct apo_backlog *backlog = client->backlog;
	bool must_wait = has_answers(client) || (backlog && backlog->waits_for_room);

	if (apo_is_remote(model, client)) {
		answer_free(answer);
		return;
	}
	if (!must_wait && !apo_turn_is_long(model) && answer->go_on(model, client, answer)) {
		answer_free(answer);
		return;
	}
	backlog = backlog_of(model, client);
	if (!backlog) {
		answer_free(answer);
		return;
	}
	rudp_list_append(&backlog->answers, &answer->link);
	answer->batch = apo_turn_leave_open(model);
}

void apo_answer_queue(struct apo_model *model, struct apo_client *client, struct apo_answer *answer)
{
	struct apo_backlog *backlog = backlog_of(model, client);

	if (!backlog) {
		answer_free(answer);
		return;
	}
	rudp_list_append(&backlog->answers, &answer->link);
	decide(model, client);
}

/* The process is about to be replaced. Answers do not wait for room, so that they end; long ones
 * are cut. */
static void hurry(struct apo_model *model, struct apo_client *client, struct apo_answer *answer)
{
	if (model->hurried_bytes == 0 || answer->is_cut ||
	    client->sent_bytes < model->hurried_bytes)
		return;
	answer->is_cut = true;
	apo_standard_reply(
		model, client, "WARN", "*", "ANSWER_CUT",
		"The rest of this answer is left out: the server is being replaced; ask again");
}

static struct apo_answer *first_answer(const struct apo_client *client)
{
	return has_answers(client)
		       ? RUDP_LIST_OWNER(client->backlog->answers.next, struct apo_answer, link)
		       : NULL;
}

/* Continues the answers of one response. */
static void continue_answers(struct apo_model *model, struct apo_client *client)
{
	struct apo_answer *answer = first_answer(client);
	uint64_t batch = answer->batch;

	apo_turn_begin(model, client, NULL);
	model->turn.sent_bytes_max = model->slice_bytes;
	apo_turn_resume_label(model, batch);
	while (answer && answer->batch == batch && !apo_turn_is_long(model)) {
		hurry(model, client, answer);
		if (answer->go_on(model, client, answer))
			answer_free(answer);
		answer = first_answer(client);
	}
	if (answer && answer->batch == batch)
		(void)apo_turn_leave_open(model);
	apo_turn_end(model);
}

/* ---- lines ---- */

void apo_answers_hold_line(struct apo_model *model, struct apo_client *client, const char *line,
			   size_t len)
{
	struct apo_backlog *backlog = backlog_of(model, client);
	struct held_line *held = backlog ? malloc(sizeof *held + len) : NULL;

	if (!held) {
		apo_client_end(model, client, "Out of memory");
		return;
	}
	held->link.next = NULL;
	held->len = len;
	memcpy(held->text, line, len);
	rudp_list_append(&backlog->lines, &held->link);
	backlog->lines_bytes += sizeof *held + len;
	if (backlog->lines_bytes > APO_HELD_LINES_BYTES_MAX)
		apo_client_end(model, client, "Excess Flood");
	else
		decide(model, client);
}

static void handle_held_line(struct apo_model *model, struct apo_client *client)
{
	struct rudp_list *link = rudp_list_pop(&client->backlog->lines);
	struct held_line *held = RUDP_LIST_OWNER(link, struct held_line, link);

	client->backlog->lines_bytes -= sizeof *held + held->len;
	apo_line_handle(model, client, held->text, held->len);
	free(held);
}

void apo_answers_hasten_lines(struct apo_model *model, struct apo_peer who)
{
	struct apo_client *client;

	while ((client = apo_client_at(model, who)) && client->backlog &&
	       !rudp_list_is_empty(&client->backlog->lines))
		handle_held_line(model, client);
}

void apo_answers_serve(struct apo_model *model)
{
	struct rudp_list *link = rudp_list_pop(&model->ready);
	struct apo_client *client;

	if (!link)
		return;
	client = RUDP_LIST_OWNER(link, struct apo_backlog, ready)->client;
	if (has_answers(client))
		continue_answers(model, client);
	else
		handle_held_line(model, client);
}

/* ---- events ---- */

void apo_model_on_room(struct apo_model *model, struct apo_peer who, int64_t now_at_ns)
{
	struct apo_client *client = apo_client_at(model, who);

	model->now_at_ns = now_at_ns;
	if (!client)
		return;
	client->heard_at_ns = now_at_ns; /* it reads, even though its lines are held */
	on_room(model, client);
}

void apo_model_hurry(struct apo_model *model, uint32_t bytes_max)
{
	struct apo_client *client;

	model->hurried_bytes = bytes_max;
	if (bytes_max == 0)
		return;
	APO_OWN_CLIENTS_EACH(client, model) {
		if (client->backlog)
			on_room(model, client);
	}
}
