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

/* An earlier user of a nick. The newest one is the first of its nick's list. */
struct former_user {
	struct apo_safe_link of_nick;
	struct rudp_list order;
	struct apo_nick_history *nick_history;
	int64_t until_s;
	char *real;
	char nick[APO_NICK_BYTES_MAX + 1];
	char user[APO_USER_BYTES_MAX + 1];
	char host[APO_HOST_BYTES_MAX + 1];
};

struct apo_nick_history {
	UT_hash_handle by_nick;
	struct rudp_list list;
	unsigned count;
	char folded[APO_NICK_BYTES_MAX + 1];
};

static struct apo_nick_history *find(const struct apo_model *model, const char *nick)
{
	char folded[APO_NICK_BYTES_MAX + 2];
	size_t len = apo_fold(folded, sizeof folded, nick);

	return RUDP_TABLE_FIND_KEY(by_nick, model->nick_histories, folded, len);
}

static struct apo_nick_history *find_or_make(struct apo_model *model, const char *nick)
{
	struct apo_nick_history *nick_history = find(model, nick);
	size_t len;

	if (nick_history || !(nick_history = calloc(1, sizeof *nick_history)))
		return nick_history;
	rudp_list_init(&nick_history->list);
	len = apo_fold(nick_history->folded, sizeof nick_history->folded, nick);
	if (!RUDP_TABLE_ADD_KEY(by_nick, model->nick_histories, nick_history->folded, len,
				nick_history)) {
		free(nick_history);
		return NULL;
	}
	return nick_history;
}

static void drop_history_if_empty(struct apo_model *model, struct apo_nick_history *nick_history)
{
	if (nick_history->count > 0)
		return;
	apo_safe_iterators_end(&nick_history->list);
	HASH_DELETE(by_nick, model->nick_histories, nick_history);
	free(nick_history);
}

static void forget_oldest(struct apo_model *model)
{
	struct rudp_list *link = rudp_list_pop(&model->former_user_order);
	struct former_user *former = RUDP_LIST_OWNER(link, struct former_user, order);

	rudp_list_remove(&former->of_nick.link);
	former->nick_history->count--;
	drop_history_if_empty(model, former->nick_history);
	free(former->real);
	free(former);
	model->former_user_count--;
}

static struct former_user *make(const struct apo_model *model, const struct apo_client *client)
{
	struct former_user *former = calloc(1, sizeof *former);

	if (!former || apo_text_set(&former->real, client->real) < 0) {
		free(former);
		return NULL;
	}
	former->until_s = apo_wall_s(model);
	strcpy(former->nick, client->nick);
	strcpy(former->user, client->user);
	snprintf(former->host, sizeof former->host, "%s", client->host);
	return former;
}

void apo_whowas_trim(struct apo_model *model)
{
	while (model->former_user_count > model->config->whowas_max)
		forget_oldest(model);
}

static void former_user_free(struct former_user *former)
{
	free(former->real);
	free(former);
}

/* Without memory it frees former and returns false. */
static bool put(struct apo_model *model, struct former_user *former)
{
	former->nick_history = find_or_make(model, former->nick);
	if (!former->nick_history) {
		former_user_free(former);
		return false;
	}
	/* At the beginning of the list: the newest is sent first. */
	rudp_list_append(former->nick_history->list.next, &former->of_nick.link);
	former->nick_history->count++;
	rudp_list_append(&model->former_user_order, &former->order);
	model->former_user_count++;
	return true;
}

void apo_whowas_add(struct apo_model *model, const struct apo_client *client)
{
	struct former_user *former = make(model, client);

	if (former && put(model, former))
		apo_whowas_trim(model);
}

void apo_whowas_clear(struct apo_model *model)
{
	while (model->former_user_count > 0)
		forget_oldest(model);
}

static void tell(struct apo_model *model, struct apo_client *client,
		 const struct former_user *former)
{
	char when[APO_STAMP_BYTES];

	apo_stamp_write(when, former->until_s * 1000);
	apo_reply(model, client, RPL_WHOWASUSER, former->nick, former->user, former->host,
		  former->real);
	apo_reply(model, client, RPL_WHOISSERVER, former->nick, model->config->server_name, when);
}

struct whowas {
	struct apo_answer answer;
	/* Valid while answer.iterator is linked in its list. */
	struct apo_nick_history *nick_history;
	long left;
	char nick[APO_BODY_BYTES_MAX];
};

static bool tell_all(struct apo_model *model, struct apo_client *client, struct apo_answer *answer)
{
	struct whowas *whowas = (struct whowas *)answer;
	struct apo_safe_link *safe_link;

	while (rudp_list_is_linked(&answer->iterator.link) && !answer->is_cut &&
	       whowas->left-- > 0 &&
	       (safe_link =
			apo_safe_iterator_next(&answer->iterator, &whowas->nick_history->list))) {
		tell(model, client, APO_SAFE_LINK_OWNER(safe_link, struct former_user, of_nick));
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
	whowas->nick_history = find(model, nick);
	snprintf(whowas->nick, sizeof whowas->nick, "%s", apo_word(nick));
	if (whowas->nick_history)
		apo_safe_iterator_begin(&whowas->answer.iterator, &whowas->nick_history->list);
	else
		apo_reply(model, client, ERR_WASNOSUCHNICK, whowas->nick);
	apo_answer_begin(model, client, &whowas->answer);
}

/* ---- hand-over ---- */

static void serialize_members(struct apo_serializer *serializer, struct former_user *former)
{
	apo_serializer_second(serializer, &former->until_s);
	apo_serializer_text(serializer, &former->real, APO_BODY_BYTES_MAX);
	apo_serializer_string(serializer, former->nick, sizeof former->nick);
	apo_serializer_string(serializer, former->user, sizeof former->user);
	apo_serializer_string(serializer, former->host, sizeof former->host);
	apo_serializer_expect(serializer,
			      former->real && apo_nick_is_valid(former->nick, APO_NICK_BYTES_MAX) &&
				      apo_is_word(former->user) && apo_is_word(former->host));
}

static void read_one(struct apo_state *state)
{
	struct former_user *former = calloc(1, sizeof *former);

	if (!former) {
		state->serializer->ok = false;
		return;
	}
	serialize_members(state->serializer, former);
	if (!state->serializer->ok)
		former_user_free(former);
	else
		state->serializer->ok = put(state->model, former);
}

void apo_whowas_serialize(struct apo_state *state)
{
	struct rudp_list *link = state->model->former_user_order.next;
	uint32_t count = state->model->former_user_count, i;

	apo_serializer_count(state->serializer, &count, 25);
	for (i = 0; i < count && state->serializer->ok; i++) {
		if (state->serializer->is_reading) {
			read_one(state);
			continue;
		}
		serialize_members(state->serializer,
				  RUDP_LIST_OWNER(link, struct former_user, order));
		link = link->next;
	}
	if (state->serializer->is_reading)
		apo_whowas_trim(state->model);
}
