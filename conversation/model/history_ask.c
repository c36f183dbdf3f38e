/* SPDX-License-Identifier: MIT */
#include "conversation/model/history_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/history.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"

/* ---- requests ---- */

static void request_free(struct apo_model *model, struct apo_history_request *request)
{
	HASH_DELETE(by_id, model->requests, request);
	request->client->history_count--;
	apo_client_put(request->client);
	free(request->redaction);
	free(request);
}

void apo_requests_forget(struct apo_model *model)
{
	struct apo_history_request *request, *next;

	HASH_ITER(by_id, model->requests, request, next)
		request_free(model, request);
}

/* NULL if memory is short. */
static struct apo_history_request *request_new(struct apo_model *model, struct apo_client *client,
					       enum apo_history_way way, const char *target)
{
	struct apo_history_request *request = calloc(1, sizeof *request);

	if (!request)
		return NULL;
	request->id = ++model->last_ticket;
	if (!RUDP_TABLE_ADD(by_id, model->requests, id, request)) {
		free(request);
		return NULL;
	}
	request->client = apo_client_get(client);
	client->history_count++;
	request->way = way;
	snprintf(request->target, sizeof request->target, "%s", target);
	memcpy(request->label, model->turn.label, sizeof request->label);
	apo_turn_defer(model);
	return request;
}

/* ---- the question ---- */

static const char hex_digits[] = "0123456789abcdef";

static uint64_t read_hex(const char *text, size_t len)
{
	uint64_t value = 0;

	while (len-- > 0)
		value = value << 4 | (uint64_t)(strchr(hex_digits, *text++) - hex_digits);
	return value;
}

bool apo_msgid_read(const char *text, struct apo_reference *reference)
{
	size_t run_len = strspn(text, hex_digits), position_len;

	if (run_len == 0 || run_len > 16 || text[run_len] != '-')
		return false;
	position_len = strspn(text + run_len + 1, hex_digits);
	if (position_len == 0 || position_len > 15 || text[run_len + 1 + position_len])
		return false;
	reference->kind = APO_REFERENCE_MSGID;
	reference->run = read_hex(text, run_len);
	reference->position = (int64_t)read_hex(text + run_len + 1, position_len);
	return true;
}

bool apo_asking_find_channel(struct apo_asking *asking)
{
	const struct apo_channel *channel = apo_channel_find(asking->model, asking->target);
	struct apo_membership *membership =
		channel ? apo_membership_find(asking->model, asking->client, channel) : NULL;

	if (!apo_channel_is_valid(asking->target, APO_CHANNEL_BYTES_MAX))
		return false;
	apo_fold(asking->folded, sizeof asking->folded, asking->target);
	asking->question.channel = asking->folded;
	snprintf(asking->shown, sizeof asking->shown, "%s",
		 membership ? channel->name : asking->target);
	asking->question.is_member = membership != NULL;
	if (membership) {
		asking->question.since = membership->since;
		asking->question.public_from = channel->public_from;
	}
	return membership || asking->client->account;
}

/* The nick means the account of its current user, if that user is logged in, else the account of
 * that name. */
bool apo_asking_find_other(struct apo_asking *asking)
{
	const struct apo_client *other = apo_client_named(asking->model, asking->target);

	if (!asking->client->account || !apo_nick_is_valid(asking->target, APO_NICK_BYTES_MAX))
		return false;
	asking->question.other = other && other->account ? other->account : asking->target;
	snprintf(asking->shown, sizeof asking->shown, "%s", other ? other->nick : asking->target);
	return true;
}

bool apo_asking_send(struct apo_asking *asking, struct apo_redaction *redaction)
{
	struct apo_model *model = asking->model;
	struct apo_history_request *request;

	request = request_new(model, asking->client, asking->question.way, asking->shown);
	if (!request) {
		free(redaction);
		return false;
	}
	request->redaction = redaction;
	model->figures.history_asked++;
	asking->question.account = asking->client->account;
	model->calls->ask_history(model->of, request->id, &asking->question);
	return true;
}

/* ---- the answer ---- */

void apo_model_on_history(struct apo_model *model, uint64_t id, enum apo_asked asked,
			  const struct apo_page *page, int64_t now_at_ns)
{
	struct apo_history_request *request = RUDP_TABLE_FIND(by_id, model->requests, &id);

	model->now_at_ns = now_at_ns;
	if (!request)
		return;
	if (!request->client->is_gone && !apo_is_remote(model, request->client)) {
		apo_turn_begin(model, request->client, request->label);
		if (request->redaction)
			apo_redact_on_answer(model, request, asked);
		else
			apo_chathistory_on_answer(model, request, asked, page);
	}
	request_free(model, request);
	apo_turn_end(model);
}
