/* SPDX-License-Identifier: MIT */
/* MODE of channels: b e I q k l C H M i m n s t o v. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/answers.h"
#include "conversation/model/channel_queries.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/extban.h"
#include "conversation/model/history.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"
#include "conversation/model/user.h"

static const struct {
	char letter;
	uint32_t bit;
} flags[] = {
	{'C', APO_MODE_NO_CTCP},     {'H', APO_MODE_PUBLIC_HISTORY}, {'M', APO_MODE_ACCOUNTS},
	{'i', APO_MODE_INVITE_ONLY}, {'m', APO_MODE_MODERATED},      {'n', APO_MODE_NO_EXTERNAL},
	{'s', APO_MODE_SECRET},      {'t', APO_MODE_TOPIC},
};

static const char list_letters[] = "beIq"; /* in the order of enum apo_list_kind */

void apo_mode_letters(uint32_t modes, char letters[APO_MODE_LETTERS_SIZE])
{
	size_t i;

	for (i = 0; i < sizeof flags / sizeof *flags; i++)
		if (modes & flags[i].bit)
			*letters++ = flags[i].letter;
	*letters = '\0';
}

/* A MODE command in progress: its parameters, and the line that announces the changes. */
struct change {
	struct apo_model *model;
	struct apo_client *client;
	struct apo_channel *channel;
	const char *const *params;
	unsigned param_count, next_param, params_used;
	bool is_operator, has_refused;
	bool has_changed; /* flags, key or limit */
	bool is_adding;
	/* A list is sent once, even if it is requested several times. */
	bool has_told[APO_LIST_KINDS];
	char said_sign;
	char letters[64];
	size_t letters_len, args_len;
	char args[APO_BODY_BYTES_MAX];
};

static uint32_t flag_of(char letter)
{
	size_t i;

	for (i = 0; i < sizeof flags / sizeof *flags; i++)
		if (flags[i].letter == letter)
			return flags[i].bit;
	return 0;
}

uint32_t apo_mode_bits(const char *letters)
{
	uint32_t modes = 0;

	for (; *letters; letters++)
		modes |= flag_of(*letters);
	return modes;
}

/* ---- the announcement ---- */

static void say_changes(struct change *change)
{
	struct apo_line line;
	struct apo_say say = apo_say_by(change->client, &line);

	if (change->letters_len == 0)
		return;
	change->letters[change->letters_len] = '\0';
	change->args[change->args_len] = '\0';
	apo_line_print_from(&line, change->client, "MODE %s %s%s", change->channel->name,
			    change->letters, change->args);
	apo_say_channel(change->model, change->channel, &say, &(struct apo_audience){0});
	change->letters_len = change->args_len = 0;
	change->said_sign = '\0';
}

/* The rest of the line has room for any source and channel. */
#define ARGS_BYTES_MAX (APO_BODY_BYTES_MAX - APO_SOURCE_BYTES_MAX - APO_CHANNEL_BYTES_MAX - 64 - 16)

static void note(struct change *change, char letter, const char *arg)
{
	char sign = change->is_adding ? '+' : '-';
	size_t len = arg ? strlen(arg) + 1 : 0;

	change->has_changed |= !strchr(list_letters, letter) && letter != 'o' && letter != 'v';
	if (change->letters_len + 3 > sizeof change->letters ||
	    change->args_len + len > ARGS_BYTES_MAX)
		say_changes(change);
	if (sign != change->said_sign)
		change->letters[change->letters_len++] = change->said_sign = sign;
	change->letters[change->letters_len++] = letter;
	if (!arg)
		return;
	change->args[change->args_len] = ' ';
	memcpy(change->args + change->args_len + 1, arg, len - 1);
	change->args_len += len;
}

static bool has_param(const struct change *change)
{
	return change->next_param < change->param_count;
}

/* True if the next parameter exceeds the limit of one line: then its letter is ignored, too. */
static bool has_too_many(const struct change *change)
{
	return has_param(change) && change->params_used >= change->model->config->modes_max;
}

/* The next parameter; NULL if there is none. */
static const char *take_param(struct change *change)
{
	if (!has_param(change))
		return NULL;
	change->params_used++;
	return change->params[change->next_param++];
}

static bool may_change(struct change *change)
{
	if (!change->is_operator && !change->has_refused) {
		apo_reply(change->model, change->client, ERR_CHANOPRIVSNEEDED,
			  change->channel->name);
		change->has_refused = true;
	}
	return change->is_operator;
}

/* ---- lists ---- */

/* A list of masks that is being sent. */
struct masks {
	struct apo_answer answer;
	/* Valid while answer.iterator is linked in its list of members. */
	struct apo_channel *channel;
	enum apo_list_kind kind;
	uint64_t told; /* the number of the last entry that was sent */
	char name[APO_CHANNEL_BYTES_MAX + 1];
};

static void tell_entry(struct apo_model *model, struct apo_client *client,
		       const struct masks *masks, const struct apo_entry *entry)
{
	long at_s = (long)entry->set_at_s;

	if (masks->kind == APO_LIST_BAN)
		apo_reply(model, client, RPL_BANLIST, masks->name, entry->mask, entry->by, at_s);
	else if (masks->kind == APO_LIST_EXCEPT)
		apo_reply(model, client, RPL_EXCEPTLIST, masks->name, entry->mask, entry->by, at_s);
	else if (masks->kind == APO_LIST_QUIET)
		apo_reply(model, client, RPL_QUIETLIST, masks->name, entry->mask, entry->by, at_s);
	else
		apo_reply(model, client, RPL_INVITELIST, masks->name, entry->mask, entry->by, at_s);
}

/* Returns false if there are more entries for a later turn. */
static bool tell_entries(struct apo_model *model, struct apo_client *client, struct masks *masks)
{
	const struct rudp_list *head = &masks->channel->lists[masks->kind];

	RUDP_LIST_EACH(const struct apo_entry, entry, head, link) {
		if (entry->number <= masks->told)
			continue;
		masks->told = entry->number;
		tell_entry(model, client, masks, entry);
		if (apo_turn_is_long(model))
			return false;
	}
	return true;
}

/* Everybody may read the list of bans and that of quiets. */
static bool is_public(enum apo_list_kind kind)
{
	return kind == APO_LIST_BAN || kind == APO_LIST_QUIET;
}

static bool is_list_over(const struct apo_model *model, const struct apo_client *client,
			 const struct masks *masks)
{
	return masks->answer.is_cut || !rudp_list_is_linked(&masks->answer.iterator.link) ||
	       (!is_public(masks->kind) && !apo_is_operator_in(model, client, masks->channel));
}

static bool tell_masks(struct apo_model *model, struct apo_client *client,
		       struct apo_answer *answer)
{
	struct masks *masks = (struct masks *)answer;

	if (!is_list_over(model, client, masks) && !tell_entries(model, client, masks))
		return false;
	if (masks->kind == APO_LIST_BAN)
		apo_reply(model, client, RPL_ENDOFBANLIST, masks->name);
	else if (masks->kind == APO_LIST_EXCEPT)
		apo_reply(model, client, RPL_ENDOFEXCEPTLIST, masks->name);
	else if (masks->kind == APO_LIST_QUIET)
		apo_reply(model, client, RPL_ENDOFQUIETLIST, masks->name);
	else
		apo_reply(model, client, RPL_ENDOFINVITELIST, masks->name);
	return true;
}

static void tell_list(struct change *change, enum apo_list_kind kind)
{
	struct masks *masks;

	if (change->has_told[kind])
		return;
	change->has_told[kind] = true;
	masks = apo_answer_new(change->model, change->client, sizeof *masks, tell_masks);
	if (!masks)
		return;
	masks->channel = change->channel;
	masks->kind = kind;
	strcpy(masks->name, change->channel->name);
	apo_safe_iterator_begin(&masks->answer.iterator, &change->channel->members);
	apo_answer_begin(change->model, change->client, &masks->answer);
}

static void add_entry(struct change *change, enum apo_list_kind kind, const char *mask)
{
	char source[APO_SOURCE_BYTES_MAX + 1];
	char letter = list_letters[kind];
	int rc;

	if (change->channel->entry_count >= change->model->config->list_entries_max) {
		apo_reply(change->model, change->client, ERR_BANLISTFULL, change->channel->name,
			  letter);
		return;
	}
	apo_client_source(change->client, source);
	rc = apo_entry_add(change->channel, kind, mask, source, apo_wall_s(change->model));
	if (rc > 0 && kind == APO_LIST_BAN && !apo_extban_is_mute(mask))
		apo_history_on_channel_restricted(change->channel);
	if (rc > 0) {
		apo_registry_keep_mask(change->model, change->channel, apo_list_names[kind], mask,
				       source, true);
		note(change, letter, mask);
	}
	if (rc < 0)
		apo_client_end(change->model, change->client, "Out of memory");
}

static void remove_entry(struct change *change, enum apo_list_kind kind, const char *mask)
{
	if (!apo_entry_remove(change->channel, kind, mask))
		return;
	apo_registry_keep_mask(change->model, change->channel, apo_list_names[kind], mask, NULL,
			       false);
	note(change, list_letters[kind], mask);
}

static void change_list(struct change *change, enum apo_list_kind kind)
{
	const char *param = take_param(change);
	char mask[APO_MASK_BYTES_MAX];
	const char *wrong;

	if (!param) {
		if (is_public(kind) || may_change(change))
			tell_list(change, kind);
		return;
	}
	if (!may_change(change))
		return;
	wrong = apo_extban_complete(mask, sizeof mask, kind, param);
	if (wrong)
		apo_reply(change->model, change->client, ERR_INVALIDMODEPARAM,
			  change->channel->name, list_letters[kind], apo_word(param), wrong);
	else if (change->is_adding)
		add_entry(change, kind, mask);
	else
		remove_entry(change, kind, mask);
}

/* ---- key, limit, flags, members ---- */

static bool is_key(const struct change *change, const char *key)
{
	return apo_is_word(key) && !strchr(key, ',') &&
	       strlen(key) <= change->model->config->key_len_max;
}

static void change_key(struct change *change)
{
	struct apo_channel *channel = change->channel;
	const char *key = take_param(change);

	if (!may_change(change))
		return;
	if (!change->is_adding) {
		if (channel->key[0])
			note(change, 'k', channel->key);
		channel->key[0] = '\0';
	} else if (!key) {
		apo_reply(change->model, change->client, ERR_NEEDMOREPARAMS, "MODE");
	} else if (!is_key(change, key)) {
		apo_reply(change->model, change->client, ERR_INVALIDKEY, channel->name);
	} else if (strcmp(channel->key, key) != 0) {
		strcpy(channel->key, key);
		apo_history_on_channel_restricted(channel);
		note(change, 'k', key);
	}
}

static void set_limit(struct change *change, const char *param)
{
	char text[16];
	char *end;
	long limit = strtol(param, &end, 10);

	if (limit <= 0 || limit > INT32_MAX || *end || end == param) {
		apo_reply(change->model, change->client, ERR_INVALIDMODEPARAM,
			  change->channel->name, 'l', apo_word(param),
			  "A limit is a number above 0");
		return;
	}
	if (change->channel->limit == (uint32_t)limit)
		return;
	change->channel->limit = (uint32_t)limit;
	snprintf(text, sizeof text, "%ld", limit);
	note(change, 'l', text);
}

static void change_limit(struct change *change)
{
	const char *param = change->is_adding ? take_param(change) : NULL;

	if (!may_change(change))
		return;
	if (change->is_adding && param) {
		set_limit(change, param);
	} else if (change->is_adding) {
		apo_reply(change->model, change->client, ERR_NEEDMOREPARAMS, "MODE");
	} else if (change->channel->limit) {
		change->channel->limit = 0;
		note(change, 'l', NULL);
	}
}

static void change_flag(struct change *change, char letter)
{
	uint32_t bit = flag_of(letter);
	uint32_t after =
		change->is_adding ? change->channel->modes | bit : change->channel->modes & ~bit;

	if (!may_change(change) || after == change->channel->modes)
		return;
	change->channel->modes = after;
	if (change->is_adding && bit == APO_MODE_INVITE_ONLY)
		apo_history_on_channel_restricted(change->channel);
	if (bit == APO_MODE_PUBLIC_HISTORY)
		apo_history_on_public(change->model, change->channel);
	note(change, letter, NULL);
}

static void change_member(struct change *change, char letter)
{
	uint32_t bit = letter == 'o' ? APO_MEMBERSHIP_OPERATOR : APO_MEMBERSHIP_VOICE;
	const char *nick = take_param(change);
	struct apo_member_slot *place;
	struct apo_membership *membership;

	if (!may_change(change))
		return;
	if (!nick) {
		apo_reply(change->model, change->client, ERR_NEEDMOREPARAMS, "MODE");
		return;
	}
	membership = apo_member_wanted(change->model, change->client, change->channel, nick);
	if (!membership)
		return;
	place = apo_membership_slot(membership);
	if (!(place->modes & bit) == !change->is_adding)
		return;
	place->modes ^= bit;
	note(change, letter, membership->pair.client->nick);
}

static bool takes_param(const struct change *change, char letter)
{
	return strchr("beIqkov", letter) || (letter == 'l' && change->is_adding);
}

/* Without history mode H is unknown. */
static bool is_offered(const struct apo_model *model, uint32_t flag)
{
	return flag != 0 && (flag != APO_MODE_PUBLIC_HISTORY || apo_history_is_on(model));
}

static void change_one(struct change *change, char letter)
{
	const char *list = strchr(list_letters, letter);

	if (takes_param(change, letter) && has_too_many(change))
		return;
	if (list)
		change_list(change, (enum apo_list_kind)(list - list_letters));
	else if (letter == 'k')
		change_key(change);
	else if (letter == 'l')
		change_limit(change);
	else if (letter == 'o' || letter == 'v')
		change_member(change, letter);
	else if (is_offered(change->model, flag_of(letter)))
		change_flag(change, letter);
	else if ((letter & 0xc0) !=
		 0x80) /* report a character of several bytes once, at its first byte */
		apo_reply(change->model, change->client, ERR_UNKNOWNMODE,
			  apo_is_letter(letter) ? letter : '?');
}

/* Only members and operators see the key. */
static void tell_modes(struct apo_model *model, struct apo_client *client,
		       const struct apo_channel *channel)
{
	bool is_in = apo_membership_find(model, client, channel) || client->is_operator;
	char modes[APO_KEY_BYTES_MAX + 64] = "+", args[APO_KEY_BYTES_MAX + 32] = "";
	size_t len = 1, i, args_len = 0;

	for (i = 0; i < sizeof flags / sizeof *flags; i++)
		if ((channel->modes & flags[i].bit) && is_offered(model, flags[i].bit))
			modes[len++] = flags[i].letter;
	if (channel->key[0]) {
		modes[len++] = 'k';
		args_len = (size_t)snprintf(args, sizeof args, " %s", is_in ? channel->key : "*");
	}
	if (channel->limit) {
		modes[len++] = 'l';
		snprintf(args + args_len, sizeof args - args_len, " %u", channel->limit);
	}
	modes[len] = '\0';
	strcpy(modes + len, args);
	apo_reply(model, client, RPL_CHANNELMODEIS, channel->name, modes);
	apo_reply(model, client, RPL_CREATIONTIME, channel->name, (long)channel->created_at_s);
}

static void change_channel(struct apo_model *model, struct apo_client *client,
			   struct apo_channel *channel, const struct apo_message *message)
{
	struct change change = {
		.model = model,
		.client = client,
		.channel = channel,
		.params = message->params,
		.param_count = message->param_count,
		.next_param = 2,
		.is_operator = apo_is_operator_in(model, client, channel),
		.is_adding = true,
	};
	const char *letter;

	for (letter = message->params[1]; *letter; letter++) {
		if (*letter == '+' || *letter == '-')
			change.is_adding = *letter == '+';
		else
			change_one(&change, *letter);
	}
	say_changes(&change);
	if (change.has_changed)
		apo_registry_keep(model, channel);
}

void apo_on_mode(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	const char *target = message->params[0];
	struct apo_channel *channel;

	if (apo_channel_is_meant(target)) {
		channel = apo_channel_find(model, target);
		if (!channel)
			apo_reply(model, client, ERR_NOSUCHCHANNEL, apo_word(target));
		else if (message->param_count < 2)
			tell_modes(model, client, channel);
		else
			change_channel(model, client, channel, message);
	} else if (!apo_client_named(model, target)) {
		apo_reply(model, client, ERR_NOSUCHNICK, apo_word(target));
	} else if (apo_client_named(model, target) != client) {
		apo_reply(model, client, ERR_USERSDONTMATCH);
	} else {
		apo_own_modes(model, client, message->param_count > 1 ? message->params[1] : NULL,
			      message->param_count > 2 ? message->params[2] : NULL);
	}
}
