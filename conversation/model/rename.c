/* SPDX-License-Identifier: MIT */
/*
 * RENAME (IRCv3 draft/channel-rename): a channel gets another name and keeps everything else.
 *
 * History    belongs to the name: what was said before stays under the old name, for those who were
 *            present; under the new one all members count as having just joined, and public history
 *            begins. The time of creation is that of the change, so that operators cannot redact
 *            messages of another channel that had the new name before.
 * Limits     Clients without the capability see PART and JOIN with the list of names, so a channel
 *            can have RENAME_OTHERS_MAX of them, and is renamed at most once in RENAME_SPAN_S.
 */
#include <stdio.h>
#include <string.h>

#include "conversation/model/audit.h"
#include "conversation/model/channel_queries.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/history.h"
#include "conversation/model/markers.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"

#define RENAME_SPAN_S 60
#define RENAME_OTHERS_MAX 1000

struct rename {
	struct apo_model *model;
	struct apo_client *client;
	struct apo_channel *channel;
	const char *name;
	const char *reason;
	bool is_spelling; /* only upper and lower case change */
};

static void refuse(const struct rename *rename, const char *code, const char *text)
{
	char about[2 * APO_BODY_BYTES_MAX];

	snprintf(about, sizeof about, "%s %s", rename->channel->name, apo_word(rename->name));
	apo_fail_about(rename->model, rename->client, "RENAME", code, about, text);
}

static uint32_t count_others(const struct apo_channel *channel)
{
	uint32_t count = 0, i;

	for (i = 0; i < channel->count; i++)
		count += !(channel->member_slots[i].caps & APO_CAP_CHANNEL_RENAME);
	return count;
}

/* By the wall clock, which is the same for all copies of a cluster; one that was set back does not
 * count. */
static bool was_renamed_recently(const struct apo_model *model, const struct apo_channel *channel)
{
	int64_t span_s = apo_wall_s(model) - channel->renamed_at_s;

	return span_s >= 0 && span_s < RENAME_SPAN_S;
}

static bool may_rename(const struct rename *rename)
{
	const struct apo_channel *channel = rename->channel;
	const struct apo_client *client = rename->client;
	struct apo_model *model = rename->model;

	if (!apo_channel_is_valid(rename->name, model->config->channel_len_max))
		refuse(rename, "CANNOT_RENAME", "This is no name of a channel");
	else if (!rename->is_spelling && apo_channel_find(model, rename->name))
		refuse(rename, "CHANNEL_NAME_IN_USE", "The channel name is already taken");
	else if (channel->registration && !client->is_operator &&
		 !apo_registry_is_founder(channel, client->account))
		refuse(rename, "CANNOT_RENAME", "Only its founder may rename a registered channel");
	else if (was_renamed_recently(model, channel))
		refuse(rename, "CANNOT_RENAME", "This channel has been renamed recently");
	else if (!rename->is_spelling && count_others(channel) > RENAME_OTHERS_MAX)
		refuse(rename, "CANNOT_RENAME", "This channel has too many members");
	else
		return true;
	return false;
}

/* ---- who is told ---- */

static void tell_those_who_can(const struct rename *rename, const char *former)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(rename->client, &line);

	apo_line_print_from(&line, rename->client, "RENAME %s %s :%s", former,
			    rename->channel->name, rename->reason);
	apo_say_channel(rename->model, rename->channel, &say,
			&(struct apo_audience){.with = APO_CAP_CHANNEL_RENAME});
}

static void tell_part(const struct rename *rename, struct apo_client *member, const char *former)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(member, &line);

	apo_line_from(&line, member, "PART");
	apo_line_param(&line, former);
	if (*rename->reason)
		apo_line_last(&line, rename->reason);
	apo_line_end(&line);
	apo_say_to(rename->model, member, &say);
}

/* For a member without the capability: as if it had left, and joined the channel of the new
 * name. */
static void tell_as_join(const struct rename *rename, struct apo_client *member, const char *former)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(member, &line);

	tell_part(rename, member, former);
	apo_line_from(&line, member, "JOIN");
	apo_line_param(&line, rename->channel->name);
	if (member->caps & APO_CAP_EXTENDED_JOIN) {
		apo_line_param(&line, member->account ? member->account : "*");
		apo_line_last(&line, member->real);
	}
	apo_line_end(&line);
	apo_say_to(rename->model, member, &say);
	apo_marker_tell_joined(rename->model, member, rename->channel);
	apo_topic_tell(rename->model, member, rename->channel);
	if (!(member->caps & APO_CAP_NO_IMPLICIT_NAMES))
		apo_names_tell(rename->model, member, rename->channel);
}

static void tell_others(const struct rename *rename, const char *former)
{
	const struct apo_channel *channel = rename->channel;
	struct apo_client *member;
	uint32_t i;

	for (i = 0; i < channel->count; i++) {
		member = channel->member_slots[i].membership->pair.client;
		if (!(member->caps & APO_CAP_CHANNEL_RENAME) &&
		    !apo_is_remote(rename->model, member))
			tell_as_join(rename, member, former);
	}
}

/* ---- the change ---- */

/* The presence under the old name ends before the change, and another begins after it. */
static int change_name(const struct rename *rename)
{
	struct apo_channel *channel = rename->channel;
	uint32_t i;
	int error;

	for (i = 0; i < channel->count && !rename->is_spelling; i++)
		apo_history_on_left(rename->model, channel->member_slots[i].membership);
	error = apo_channel_set_name(rename->model, channel, rename->name);
	if (!rename->is_spelling) {
		channel->created_at_s = apo_wall_s(rename->model);
		apo_history_on_channel_restricted(channel);
		apo_history_on_public(rename->model, channel);
	}
	for (i = 0; i < channel->count && !rename->is_spelling; i++)
		apo_history_on_joined(rename->model, channel->member_slots[i].membership);
	return error;
}

static void carry_out(const struct rename *rename)
{
	char former[APO_CHANNEL_BYTES_MAX + 1], former_folded[APO_CHANNEL_BYTES_MAX + 1];

	strcpy(former, rename->channel->name);
	strcpy(former_folded, rename->channel->folded);
	if (change_name(rename) < 0) {
		apo_client_end(rename->model, rename->client, "Out of memory");
		return;
	}
	rename->channel->renamed_at_s = apo_wall_s(rename->model);
	apo_registry_on_renamed(rename->model, rename->channel, former_folded);
	if (rename->channel->registration)
		apo_audit_note(rename->model, "channel-renamed", "%s to %s by %s: %s", former,
			       rename->channel->name, rename->client->nick, rename->reason);
	tell_those_who_can(rename, former);
	if (!rename->is_spelling)
		tell_others(rename, former);
}

void apo_on_rename(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	struct apo_membership *membership =
		apo_membership_wanted(model, client, message->params[0]);
	char reason[APO_BODY_BYTES_MAX];
	struct rename rename = {.model = model, .client = client, .name = message->params[1]};

	if (!membership)
		return;
	rename.channel = membership->pair.channel;
	rename.is_spelling = apo_is_same(rename.channel->name, rename.name);
	rename.reason = apo_cut(reason, message->params[2], model->config->kick_len_max);
	if (!(apo_membership_slot(membership)->modes & APO_MEMBERSHIP_OPERATOR))
		apo_reply(model, client, ERR_CHANOPRIVSNEEDED, rename.channel->name);
	else if (strcmp(rename.channel->name, rename.name) != 0 && may_rename(&rename))
		carry_out(&rename);
}
