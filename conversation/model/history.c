/* SPDX-License-Identifier: MIT */
#include "conversation/model/history.h"

#include <stdlib.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/out.h"

struct absence {
	struct rudp_list of_channel;
	uint64_t owner; /* apo_account_id */
	int64_t since;  /* the last position that was heard */
	int64_t end_at_ns;
};

bool apo_history_is_on(const struct apo_model *model)
{
	return model->calls->ask_history && model->config->has_history;
}

/* ---- what is said ---- */

void apo_history_keep(struct apo_model *model, const struct apo_client *client,
		      const struct apo_channel *channel, const struct apo_client *other,
		      const struct apo_said *said)
{
	char source[APO_SOURCE_BYTES_MAX + 1];
	struct apo_said kept = *said;

	if (!apo_history_is_on(model))
		return;
	if (!channel && (!client->account || !other->account))
		return;
	apo_client_source(client, source);
	kept.position = (int64_t)model->last_msgid;
	kept.run = model->run;
	kept.time_ms = apo_wall_ms(model);
	kept.source = source;
	kept.account = client->account;
	if (kept.tags && strlen(kept.tags) > APO_KEPT_TAGS_BYTES_MAX)
		kept.tags = NULL;
	if (channel) {
		kept.channel = channel->folded;
	} else {
		kept.between[0] = client->account;
		kept.between[1] = other->account;
	}
	model->calls->keep(model->of, &kept);
}

/* ---- absence ---- */

static void absence_free(struct apo_channel *channel, struct absence *absence)
{
	rudp_list_remove(&absence->of_channel);
	channel->absence_count--;
	free(absence);
}

void apo_history_on_door_closed(struct apo_channel *channel)
{
	while (!rudp_list_is_empty(&channel->absences))
		absence_free(channel,
			     RUDP_LIST_OWNER(channel->absences.next, struct absence, of_channel));
}

/* The account's absences from the channel are over. Returns since when the longest that is not too
 * long was; 0: there was none. */
static int64_t take_absences(const struct apo_model *model, struct apo_channel *channel,
			     uint64_t owner)
{
	struct rudp_list *link, *next;
	struct absence *absence;
	int64_t since = 0;

	for (link = channel->absences.next; link != &channel->absences; link = next) {
		next = link->next;
		absence = RUDP_LIST_OWNER(link, struct absence, of_channel);
		if (absence->owner != owner)
			continue;
		if (absence->end_at_ns > model->now_at_ns && (since == 0 || absence->since < since))
			since = absence->since;
		absence_free(channel, absence);
	}
	return since;
}

/* Without memory there is no absence: it sees less. */
static void begin_absence(struct apo_model *model, struct apo_channel *channel, uint64_t owner)
{
	struct absence *absence = calloc(1, sizeof *absence);

	if (!absence)
		return;
	if (channel->absence_count >= APO_ABSENCES_MAX)
		absence_free(channel,
			     RUDP_LIST_OWNER(channel->absences.next, struct absence, of_channel));
	absence->owner = owner;
	absence->since = (int64_t)model->last_msgid;
	absence->end_at_ns = model->now_at_ns + model->config->absence_ns;
	rudp_list_append(&channel->absences, &absence->of_channel);
	channel->absence_count++;
}

/* ---- who is where ---- */

static void begin_presence(struct apo_model *model, struct apo_seat *seat, int64_t first)
{
	model->calls->keep_joined(model->of, seat->since, seat->pair.client->account,
				  seat->pair.channel->folded, first);
	seat->has_presence = true;
}

static void end_presence(struct apo_model *model, struct apo_seat *seat)
{
	model->calls->keep_left(model->of, seat->since, (int64_t)model->last_msgid);
	seat->has_presence = false;
}

void apo_history_on_joined(struct apo_model *model, struct apo_seat *seat)
{
	const char *account = seat->pair.client->account;
	int64_t since;

	if (!model->calls->keep_joined)
		return;
	seat->since = (int64_t)++model->last_msgid;
	if (!account)
		return;
	since = take_absences(model, seat->pair.channel, apo_account_id(model, account));
	begin_presence(model, seat, since ? since : seat->since);
}

void apo_history_on_left(struct apo_model *model, struct apo_seat *seat)
{
	const char *account = seat->pair.client->account;
	uint64_t owner = account && seat->has_presence ? apo_account_id(model, account) : 0;

	if (model->is_forgetting)
		return;
	if (seat->has_presence)
		end_presence(model, seat);
	if (owner == 0)
		return;
	/* It has left itself, or was put out: then it is not there by its other connections'
	 * absences either. */
	if (!seat->pair.client->is_gone)
		(void)take_absences(model, seat->pair.channel, owner);
	else if (model->config->absence_ns > 0)
		begin_absence(model, seat->pair.channel, owner);
}

void apo_history_on_account(struct apo_model *model, struct apo_client *client, bool is_first)
{
	struct rudp_list *link;
	struct apo_seat *seat;

	if (!model->calls->keep_joined)
		return;
	for (link = client->seats.next; link != &client->seats; link = link->next) {
		seat = RUDP_LIST_OWNER(link, struct apo_seat, of_client);
		if (!is_first || !seat->since) /* what it heard before was for another account */
			seat->since = (int64_t)++model->last_msgid;
		begin_presence(model, seat, seat->since);
	}
}

void apo_history_on_account_left(struct apo_model *model, struct apo_client *client)
{
	struct rudp_list *link;
	struct apo_seat *seat;

	for (link = client->seats.next; link != &client->seats; link = link->next) {
		seat = RUDP_LIST_OWNER(link, struct apo_seat, of_client);
		if (!seat->has_presence)
			continue;
		end_presence(model, seat);
		/* Who is logged out has heard what it has heard as somebody else. */
		seat->since = (int64_t)++model->last_msgid;
	}
}
