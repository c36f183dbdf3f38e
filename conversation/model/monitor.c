/* SPDX-License-Identifier: MIT */
#include "conversation/model/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/replies.h"
#include "conversation/model/state_private.h"
#include "conversation/model/words.h"

static struct apo_watched *find(const struct apo_model *model, const char *nick)
{
	char folded[APO_NICK_BYTES_MAX + 2];
	size_t len = apo_fold(folded, sizeof folded, nick);

	return RUDP_TABLE_FIND_KEY(by_name, model->watched, folded, len);
}

static struct apo_watched *find_or_make(struct apo_model *model, const char *nick)
{
	struct apo_watched *watched = find(model, nick);
	size_t len;

	if (watched || !(watched = calloc(1, sizeof *watched)))
		return watched;
	rudp_list_init(&watched->watches);
	strcpy(watched->name, nick);
	len = apo_fold(watched->folded, sizeof watched->folded, nick);
	if (!RUDP_TABLE_ADD_KEY(by_name, model->watched, watched->folded, len, watched)) {
		free(watched);
		return NULL;
	}
	return watched;
}

static void drop_if_unwatched(struct apo_model *model, struct apo_watched *watched)
{
	if (!rudp_list_is_empty(&watched->watches))
		return;
	HASH_DELETE(by_name, model->watched, watched);
	free(watched);
}

static struct apo_nick_watch *watch_of(const struct apo_client *client, const char *nick)
{
	RUDP_LIST_EACH(struct apo_nick_watch, watch, &client->watches, of_client) {
		if (apo_is_same(watch->watched->name, nick))
			return watch;
	}
	return NULL;
}

static void remove_watch(struct apo_model *model, struct apo_nick_watch *watch)
{
	struct apo_watched *watched = watch->watched;

	rudp_list_remove(&watch->of_client);
	rudp_list_remove(&watch->of_name);
	watch->client->watch_count--;
	free(watch);
	drop_if_unwatched(model, watched);
}

/* Returns false if memory is short. */
static bool add_watch(struct apo_model *model, struct apo_client *client, const char *nick)
{
	struct apo_watched *watched = find_or_make(model, nick);
	struct apo_nick_watch *watch = watched ? calloc(1, sizeof *watch) : NULL;

	if (!watch) {
		if (watched)
			drop_if_unwatched(model, watched);
		return false;
	}
	watch->client = client;
	watch->watched = watched;
	rudp_list_append(&client->watches, &watch->of_client);
	rudp_list_append(&watched->watches, &watch->of_name);
	client->watch_count++;
	return true;
}

void apo_monitor_clear(struct apo_model *model, struct apo_client *client)
{
	while (!rudp_list_is_empty(&client->watches))
		remove_watch(model, RUDP_LIST_OWNER(client->watches.next, struct apo_nick_watch,
						    of_client));
}

void apo_monitor_tell(struct apo_model *model, const struct apo_client *client, const char *nick,
		      enum apo_numeric numeric)
{
	struct apo_watched *watched = find(model, nick);
	char source[APO_SOURCE_BYTES_MAX + 1];
	struct apo_client *watcher;

	if (!watched)
		return;
	apo_client_source(client, source);
	RUDP_LIST_EACH(struct apo_nick_watch, watch, &watched->watches, of_name) {
		watcher = watch->client;
		if (numeric == RPL_MONONLINE)
			apo_reply(model, watcher, RPL_MONONLINE, source);
		else
			apo_reply(model, watcher, RPL_MONOFFLINE, nick);
	}
}

void apo_monitor_say(struct apo_model *model, struct apo_client *client, const struct apo_say *say,
		     const struct apo_audience *audience)
{
	struct apo_watched *watched = find(model, client->nick);
	struct apo_client *watcher;
	uint32_t mark;

	if (!watched)
		return;
	mark = apo_mark_common(model, client); /* those have received the line already */
	RUDP_LIST_EACH(struct apo_nick_watch, watch, &watched->watches, of_name) {
		watcher = watch->client;
		if (watcher->mark != mark && apo_is_meant(audience, watcher))
			apo_say_to(model, watcher, say);
	}
}

/* ---- the command ---- */

static void tell_state(struct apo_model *model, struct apo_client *client, const char *nick,
		       struct apo_words *online, struct apo_words *offline)
{
	struct apo_client *other = apo_client_named(model, nick);
	char source[APO_SOURCE_BYTES_MAX + 1];

	if (other) {
		apo_client_source(other, source);
		apo_words_add(model, client, online, source);
	} else {
		apo_words_add(model, client, offline, nick);
	}
}

static void add_all(struct apo_model *model, struct apo_client *client, char *names)
{
	struct apo_words online = {.numeric = RPL_MONONLINE, .separator = ','};
	struct apo_words offline = {.numeric = RPL_MONOFFLINE, .separator = ','};
	char *name;

	while ((name = strsep(&names, ","))) {
		if (!apo_nick_is_valid(name, model->config->nick_len_max) || watch_of(client, name))
			continue;
		if (client->watch_count >= model->config->monitor_max ||
		    !add_watch(model, client, name)) {
			apo_reply(model, client, ERR_MONLISTFULL, model->config->monitor_max, name);
			break;
		}
		tell_state(model, client, name, &online, &offline);
	}
	apo_words_end(model, client, &online);
	apo_words_end(model, client, &offline);
}

static void remove_all(struct apo_model *model, struct apo_client *client, char *names)
{
	struct apo_nick_watch *watch;
	char *name;

	while ((name = strsep(&names, ",")))
		if ((watch = watch_of(client, name)))
			remove_watch(model, watch);
}

static void list(struct apo_model *model, struct apo_client *client)
{
	struct apo_words words = {.numeric = RPL_MONLIST, .separator = ','};

	RUDP_LIST_EACH(struct apo_nick_watch, watch, &client->watches, of_client)
		apo_words_add(model, client, &words, watch->watched->name);
	apo_words_end(model, client, &words);
	apo_reply(model, client, RPL_ENDOFMONLIST);
}

static void tell_all(struct apo_model *model, struct apo_client *client)
{
	struct apo_words online = {.numeric = RPL_MONONLINE, .separator = ','};
	struct apo_words offline = {.numeric = RPL_MONOFFLINE, .separator = ','};

	RUDP_LIST_EACH(struct apo_nick_watch, watch, &client->watches, of_client)
		tell_state(model, client, watch->watched->name, &online, &offline);
	apo_words_end(model, client, &online);
	apo_words_end(model, client, &offline);
}

void apo_on_monitor(struct apo_model *model, struct apo_client *client,
		    const struct apo_message *message)
{
	char names[APO_BODY_BYTES_MAX];
	char what = message->params[0][0];

	snprintf(names, sizeof names, "%s", message->params[1]);
	if ((what == '+' || what == '-') && message->param_count < 2)
		apo_reply(model, client, ERR_NEEDMOREPARAMS, "MONITOR");
	else if (what == '+')
		add_all(model, client, names);
	else if (what == '-')
		remove_all(model, client, names);
	else if (what == 'C' || what == 'c')
		apo_monitor_clear(model, client);
	else if (what == 'L' || what == 'l')
		list(model, client);
	else if (what == 'S' || what == 's')
		tell_all(model, client);
}

/* ---- hand-over ---- */

static void serialize_names(struct apo_state *state, struct apo_client *client)
{
	struct rudp_list *link = client->watches.next;
	uint32_t count = client->watch_count, i;
	char name[APO_NICK_BYTES_MAX + 1];

	apo_serializer_count(state->serializer, &count, 5);
	apo_serializer_expect(state->serializer, count <= UINT16_MAX);
	for (i = 0; i < count && state->serializer->ok; i++) {
		if (!state->serializer->is_reading) {
			strcpy(name, RUDP_LIST_OWNER(link, struct apo_nick_watch, of_client)
					     ->watched->name);
			link = link->next;
		}
		apo_serializer_string(state->serializer, name, sizeof name);
		if (!state->serializer->is_reading || !state->serializer->ok)
			continue;
		apo_serializer_expect(state->serializer,
				      apo_nick_is_valid(name, APO_NICK_BYTES_MAX) &&
					      !watch_of(client, name) &&
					      add_watch(state->model, client, name));
	}
}

void apo_monitor_serialize(struct apo_state *state)
{
	uint32_t i;

	for (i = 0; i < state->client_count && state->serializer->ok; i++)
		serialize_names(state, state->clients[i]);
}
