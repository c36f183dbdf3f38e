/* SPDX-License-Identifier: MIT */
#include "conversation/model/whowas.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/answers.h"
#include "conversation/model/commands.h"
#include "conversation/model/replies.h"
#include "conversation/model/state_private.h"

/* One who was; the newest of a nick is the first of its list. */
struct was {
	struct apo_safe_link of_nick;
	struct rudp_list order;
	struct apo_past *past;
	int64_t until_s;
	char *real;
	char nick[APO_NICK_BYTES_MAX + 1];
	char user[APO_USER_BYTES_MAX + 1];
	char host[APO_HOST_BYTES_MAX + 1];
};

struct apo_past {
	UT_hash_handle by_nick;
	struct rudp_list list;
	unsigned count;
	char folded[APO_NICK_BYTES_MAX + 1];
};

static struct apo_past *find(const struct apo_model *model, const char *nick)
{
	char folded[APO_NICK_BYTES_MAX + 2];
	size_t len = apo_fold(folded, sizeof folded, nick);
	struct apo_past *past;

	HASH_FIND(by_nick, model->past, folded, len, past);
	return past;
}

static struct apo_past *find_or_make(struct apo_model *model, const char *nick)
{
	bool rudp_table_add_failed = false;
	struct apo_past *past = find(model, nick);
	size_t len;

	if (past || !(past = calloc(1, sizeof *past)))
		return past;
	rudp_list_init(&past->list);
	len = apo_fold(past->folded, sizeof past->folded, nick);
	HASH_ADD_KEYPTR(by_nick, model->past, past->folded, len, past);
	if (rudp_table_add_failed) {
		free(past);
		return NULL;
	}
	return past;
}

static void drop_past_if_empty(struct apo_model *model, struct apo_past *past)
{
	if (past->count > 0)
		return;
	apo_safe_iterators_end(&past->list);
	HASH_DELETE(by_nick, model->past, past);
	free(past);
}

static void forget_oldest(struct apo_model *model)
{
	struct rudp_list *link = rudp_list_pop(&model->past_order);
	struct was *was = RUDP_LIST_OWNER(link, struct was, order);

	rudp_list_remove(&was->of_nick.link);
	was->past->count--;
	drop_past_if_empty(model, was->past);
	free(was->real);
	free(was);
	model->past_count--;
}

static struct was *make(const struct apo_model *model, const struct apo_client *client)
{
	struct was *was = calloc(1, sizeof *was);

	if (!was || apo_text_set(&was->real, client->real) < 0) {
		free(was);
		return NULL;
	}
	was->until_s = apo_wall_s(model);
	strcpy(was->nick, client->nick);
	strcpy(was->user, client->user);
	snprintf(was->host, sizeof was->host, "%s", client->host);
	return was;
}

void apo_whowas_trim(struct apo_model *model)
{
	while (model->past_count > model->config->whowas_max)
		forget_oldest(model);
}

static void was_free(struct was *was)
{
	free(was->real);
	free(was);
}

/* false: without memory it is freed instead. */
static bool put(struct apo_model *model, struct was *was)
{
	was->past = find_or_make(model, was->nick);
	if (!was->past) {
		was_free(was);
		return false;
	}
	/* In front: the newest is told first. */
	rudp_list_append(was->past->list.next, &was->of_nick.link);
	was->past->count++;
	rudp_list_append(&model->past_order, &was->order);
	model->past_count++;
	return true;
}

void apo_whowas_add(struct apo_model *model, const struct apo_client *client)
{
	struct was *was = make(model, client);

	if (was && put(model, was))
		apo_whowas_trim(model);
}

void apo_whowas_clear(struct apo_model *model)
{
	while (model->past_count > 0)
		forget_oldest(model);
}

static void tell(struct apo_model *model, struct apo_client *client, const struct was *was)
{
	char when[APO_STAMP_BYTES];

	apo_stamp_write(when, was->until_s * 1000);
	apo_reply(model, client, RPL_WHOWASUSER, was->nick, was->user, was->host, was->real);
	apo_reply(model, client, RPL_WHOISSERVER, was->nick, model->config->server_name, when);
}

struct whowas {
	struct apo_answer answer;
	struct apo_past *past; /* as long as answer.walk is in its list */
	long left;
	char nick[APO_BODY_BYTES_MAX];
};

static bool tell_all(struct apo_model *model, struct apo_client *client, struct apo_answer *answer)
{
	struct whowas *whowas = (struct whowas *)answer;
	struct apo_safe_link *safe_link;

	while (rudp_list_is_linked(&answer->iterator.link) && !answer->is_cut &&
	       whowas->left-- > 0 &&
	       (safe_link = apo_safe_iterator_next(&answer->iterator, &whowas->past->list))) {
		tell(model, client, APO_SAFE_LINK_OWNER(safe_link, struct was, of_nick));
		if (apo_turn_is_long(model))
			return false;
	}
	apo_reply(model, client, RPL_ENDOFWHOWAS, whowas->nick);
	return true;
}

void apo_on_whowas(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	const char *nick = message->params[0];
	long max = message->param_count > 1 ? strtol(message->params[1], NULL, 10) : 0;
	struct whowas *whowas;

	if (!*nick) {
		apo_reply(model, client, ERR_NONICKNAMEGIVEN);
		return;
	}
	whowas = apo_answer_new(model, client, sizeof *whowas, tell_all);
	if (!whowas)
		return;
	whowas->left = max > 0 ? max : LONG_MAX;
	whowas->past = find(model, nick);
	snprintf(whowas->nick, sizeof whowas->nick, "%s", apo_word(nick));
	if (whowas->past)
		apo_safe_iterator_begin(&whowas->answer.iterator, &whowas->past->list);
	else
		apo_reply(model, client, ERR_WASNOSUCHNICK, whowas->nick);
	apo_answer_begin(model, client, &whowas->answer);
}

/* ---- carried ---- */

static void serialize_members(struct apo_serializer *serializer, struct was *was)
{
	apo_serializer_second(serializer, &was->until_s);
	apo_serializer_text(serializer, &was->real, APO_BODY_BYTES_MAX);
	apo_serializer_string(serializer, was->nick, sizeof was->nick);
	apo_serializer_string(serializer, was->user, sizeof was->user);
	apo_serializer_string(serializer, was->host, sizeof was->host);
	apo_serializer_expect(serializer,
			      was->real && apo_nick_is_valid(was->nick, APO_NICK_BYTES_MAX) &&
				      apo_is_word(was->user) && apo_is_word(was->host));
}

static void read_one(struct apo_state *state)
{
	struct was *was = calloc(1, sizeof *was);

	if (!was) {
		state->serializer->ok = false;
		return;
	}
	serialize_members(state->serializer, was);
	if (!state->serializer->ok)
		was_free(was);
	else
		state->serializer->ok = put(state->model, was);
}

void apo_whowas_serialize(struct apo_state *state)
{
	struct rudp_list *link = state->model->past_order.next;
	uint32_t count = state->model->past_count, i;

	apo_serializer_count(state->serializer, &count, 25);
	for (i = 0; i < count && state->serializer->ok; i++) {
		if (state->serializer->is_reading) {
			read_one(state);
			continue;
		}
		serialize_members(state->serializer, RUDP_LIST_OWNER(link, struct was, order));
		link = link->next;
	}
	if (state->serializer->is_reading)
		apo_whowas_trim(state->model);
}
