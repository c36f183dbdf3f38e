/* SPDX-License-Identifier: MIT */
/* Checks every invariant of the model by visiting all of it. */
#include <string.h>

#include "conversation/model/answers.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/history.h"
#include "conversation/model/shared.h"
#include "conversation/model/shared_peers.h"

struct sums {
	uint64_t clients, unregistered, operators, invisible, memberships, named, watches, invites,
		backlogs;
};

static bool check_membership(const struct apo_model *model, const struct apo_client *client,
			     struct sums *sums)
{
	const struct rudp_list *link;
	const struct apo_member_slot *member_slot;
	const struct apo_membership *membership;
	unsigned count = 0;

	for (link = client->memberships.next; link != &client->memberships;
	     link = link->next, count++) {
		membership = RUDP_LIST_OWNER(link, struct apo_membership, of_client);
		if (membership->pair.client != client ||
		    membership->member_slot >= membership->pair.channel->count)
			return false;
		member_slot = &membership->pair.channel->member_slots[membership->member_slot];
		if (member_slot->membership != membership || member_slot->caps != client->caps ||
		    memcmp(&member_slot->peer, &client->peer, sizeof member_slot->peer) != 0 ||
		    apo_membership_find(model, client, membership->pair.channel) != membership)
			return false;
	}
	sums->memberships += count;
	return count == client->channel_count && (count == 0 || client->is_registered);
}

/* A client with a backlog is ready to continue, or waits for room or for the answer of
 * another thread. */
static bool check_backlog(const struct apo_client *client)
{
	const struct apo_backlog *backlog = client->backlog;

	if (!backlog)
		return !client->ticket && client->history_count < APO_REQUESTS_MAX;
	return backlog->client == client &&
	       backlog->waits_for_room + rudp_list_is_linked(&backlog->ready) <= 1 &&
	       (backlog->waits_for_room || rudp_list_is_linked(&backlog->ready) ||
		(rudp_list_is_empty(&backlog->answers) &&
		 (client->ticket || client->history_count >= APO_REQUESTS_MAX ||
		  client->is_proposing)));
}

static uint64_t count_members(const struct apo_channel *channel)
{
	uint64_t count = 0;

	RUDP_LIST_EACH(struct apo_safe_link, safe_link, &channel->members, link)
		count += !safe_link->is_iterator;
	return count;
}

static bool check_client(const struct apo_model *model, const struct apo_client *client,
			 struct sums *sums)
{
	const struct rudp_list *link;
	unsigned invites = 0, watches = 0;

	if (apo_client_at(model, client->peer) != client || client->is_gone)
		return false;
	if (client->nick[0] && apo_nick_owner(model, client->nick) != client)
		return false;
	for (link = client->invites.next; link != &client->invites; link = link->next)
		invites++;
	for (link = client->watches.next; link != &client->watches; link = link->next)
		watches++;
	if (invites != client->invite_count || watches != client->watch_count)
		return false;
	if (client->ticket && client->ticket->client != client)
		return false;
	if (rudp_timer_is_armed(&client->timer) == apo_is_remote(model, client))
		return false;
	sums->clients += client->is_registered;
	sums->unregistered += !client->is_registered;
	sums->operators += client->is_operator;
	sums->invisible += client->is_invisible;
	sums->named += client->nick[0] != '\0';
	sums->watches += watches;
	sums->invites += invites;
	sums->backlogs += client->backlog != NULL;
	return check_backlog(client) && check_membership(model, client, sums);
}

/* The table of the cluster has each registered client, and no other. */
static bool check_shared(const struct apo_model *model, struct sums *sums)
{
	const struct apo_slots *slots = &model->slots[APO_REMOTE_WORKER];
	const struct apo_shared_client *entry;
	uint32_t i, remote = 0;

	if (!model->shared)
		return true;
	for (i = 0; i < slots->count; i++) {
		if (!slots->clients[i])
			continue;
		if (!slots->clients[i]->is_registered ||
		    !check_client(model, slots->clients[i], sums))
			return false;
		remote++;
	}
	for (entry = model->shared->by_key; entry; entry = entry->by_key.next)
		if (!entry->client->is_registered ||
		    apo_client_at(model, entry->client->peer) != entry->client)
			return false;
	return apo_shared_peers_check(model) && remote == model->shared->remote_count &&
	       HASH_CNT(by_key, model->shared->by_key) == sums->clients &&
	       HASH_CNT(by_client, model->shared->by_client) == sums->clients;
}

static bool check_channels(const struct apo_model *model, const struct sums *sums)
{
	const struct apo_channel *channel;
	uint64_t channels = 0, member_slots = 0, invites = 0;
	const struct rudp_list *link;
	unsigned kind, entries;

	for (channel = model->channels; channel; channel = channel->by_name.next) {
		if ((channel->count == 0 && !channel->registration) ||
		    channel->count > channel->capacity || channel->count != count_members(channel))
			return false;
		for (entries = 0, kind = 0; kind < APO_LIST_KINDS; kind++)
			for (link = channel->lists[kind].next; link != &channel->lists[kind];
			     link = link->next)
				entries++;
		for (link = channel->invites.next; link != &channel->invites; link = link->next)
			invites++;
		if (entries != channel->entry_count)
			return false;
		channels++;
		member_slots += channel->count;
	}
	return channels == model->figures.channels && member_slots == sums->memberships &&
	       invites == sums->invites;
}

static bool check_watched(const struct apo_model *model, const struct sums *sums)
{
	const struct apo_watched *watched;
	const struct rudp_list *link;
	uint64_t watches = 0;

	for (watched = model->watched; watched; watched = watched->by_name.next) {
		if (rudp_list_is_empty(&watched->watches))
			return false;
		for (link = watched->watches.next; link != &watched->watches; link = link->next)
			watches++;
	}
	return watches == sums->watches;
}

bool apo_model_check(const struct apo_model *model)
{
	const struct apo_model_figures *figures = &model->figures;
	const struct apo_client *client;
	struct sums sums = {0};
	uint32_t i;

	APO_OWN_CLIENTS_EACH(client, model) {
		if (!check_client(model, client, &sums))
			return false;
	}
	if (!check_shared(model, &sums))
		return false;
	for (i = 0; i < model->workers * APO_VARIANTS; i++)
		if (model->gathers[i].count > 0)
			return false;
	return sums.clients == figures->clients && sums.unregistered == figures->unregistered &&
	       sums.operators == figures->operators && sums.invisible == figures->invisible &&
	       sums.memberships == figures->memberships && sums.backlogs == model->backlog_count &&
	       sums.named == HASH_CNT(by_nick, model->by_nick) &&
	       model->former_user_count <= model->config->whowas_max &&
	       rudp_list_is_empty(&model->ending) && check_channels(model, &sums) &&
	       check_watched(model, &sums);
}
