/* SPDX-License-Identifier: MIT */
#include "conversation/model/ban_commands.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/accounts.h"
#include "conversation/model/channel_queries.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/audit.h"
#include "conversation/model/replies.h"
#include "conversation/model/words.h"

#define LISTED_MAX 500 /* bans that one answer shows */
#define IPV6_HOST_BITS 64

static const struct {
	const char *add, *remove, *what;
} names[APO_BAN_KINDS] = {
	[APO_BAN_ADDRESS] = {"DLINE", "UNDLINE", "address"},
	[APO_BAN_HOST] = {"KLINE", "UNKLINE", "user@host"},
	[APO_BAN_REAL] = {"XLINE", "UNXLINE", "real name"},
	[APO_BAN_ACCOUNT] = {"NICKSERV", "NICKSERV", "account"},
};

/* A new ban, as an operator has asked for it. */
struct request {
	struct apo_model *model;
	struct apo_client *client;
	enum apo_ban_kind kind;
	bool is_forced; /* FORCE: also if it seems to be a mistake */
	bool is_mild;   /* NOKILL: connected clients stay */
	int64_t span_s; /* 0: for ever */
	char target[APO_BAN_TARGET_BYTES_MAX + 1];
	char reason[APO_BODY_BYTES_MAX];
};

static void fail(const struct request *request, const char *code, const char *text)
{
	apo_standard_reply(request->model, request->client, "FAIL", names[request->kind].add, code,
			   "%s", text);
}

/* ---- what is asked for ---- */

/* A host of IPv6 is banned with its network, since it can choose any address there. */
static void write_around(char to[APO_SOURCE_BYTES_MAX], const char *address)
{
	struct apo_network network;

	if (!apo_network_read_address(&network, address)) {
		snprintf(to, APO_SOURCE_BYTES_MAX, "%s", address);
		return;
	}
	if (!apo_network_is_ipv4(&network))
		network = apo_network_around(&network, IPV6_HOST_BITS);
	apo_network_write(to, &network);
}

/* The nick of a user stands for the user's address. */
static void name_user(const struct request *request, const char *word, char *to, size_t size)
{
	const struct apo_client *other = NULL;
	char around[APO_SOURCE_BYTES_MAX];

	if (apo_nick_is_valid(word, APO_NICK_BYTES_MAX))
		other = apo_client_named(request->model, word);
	if (other)
		write_around(around, other->address);
	if (other && request->kind == APO_BAN_ADDRESS)
		snprintf(to, size, "%s", around);
	else if (other && request->kind == APO_BAN_HOST)
		snprintf(to, size, "%s@%s", other->user, around);
	else
		snprintf(to, size, "%s", word);
}

static bool read_target(struct request *request, const char *word)
{
	char named[APO_BODY_BYTES_MAX + 1];
	const char *wrong;

	name_user(request, word, named, sizeof named);
	wrong = apo_ban_complete(request->target, request->kind, named);
	if (wrong)
		fail(request, "INVALID_TARGET", wrong);
	return !wrong;
}

/* Reads the words before the target, and returns the target. */
static const char *read_options(struct request *request, char **rest)
{
	const char *word;

	while ((word = strsep(rest, " "))) {
		if (strcasecmp(word, "FORCE") == 0)
			request->is_forced = true;
		else if (strcasecmp(word, "NOKILL") == 0)
			request->is_mild = true;
		else if (*word && !apo_duration_read(word, &request->span_s))
			return word;
	}
	return NULL;
}

static bool read_request(struct request *request, char *text)
{
	char *rest = text;
	const char *word = read_options(request, &rest);

	if (!word) {
		fail(request, "INVALID_PARAMS",
		     "[NOKILL] [FORCE] [<duration, as in 2h>] <target> [<reason>]");
		return false;
	}
	if (word[strspn(word, "0123456789")] == '\0') {
		fail(request, "INVALID_PARAMS", "A duration has a unit: 30m, 2h, 7d, 1d12h");
		return false;
	}
	apo_cut(request->reason, rest && *rest ? rest : "no reason given",
		request->model->config->kick_len_max);
	return read_target(request, word);
}

/* ---- mistakes ---- */

static bool is_mistake(const struct request *request, const struct apo_ban *ban)
{
	if (request->is_forced)
		return false;
	if (apo_ban_is_broad(request->kind, request->target))
		fail(request, "TOO_BROAD", "That would ban too many; with FORCE it is done");
	else if (apo_ban_is_match(ban, request->client))
		fail(request, "MATCHES_YOU", "That would ban yourself; with FORCE it is done");
	else if (request->kind == APO_BAN_ACCOUNT &&
		 !apo_account_id(request->model, request->target))
		fail(request, "NO_SUCH_ACCOUNT", "There is no such account");
	else
		return false;
	return true;
}

static bool has_room(const struct request *request)
{
	if (apo_ban_find(request->model, request->kind, request->target) ||
	    apo_bans_count(request->model) < request->model->config->network_bans_max)
		return true;
	fail(request, "TOO_MANY_BANS", "There are too many bans; remove some first");
	return false;
}

/* ---- a new ban ---- */

static unsigned enforce(const struct request *request, const struct apo_ban *ban)
{
	struct apo_model *model = request->model;
	struct apo_client *client;
	unsigned count = 0;

	APO_CLIENTS_EACH(client, model) {
		if (apo_ban_is_match(ban, client)) {
			apo_ban_enforce(model, client, ban);
			count++;
		}
	}
	return count;
}

static void write_end(char to[APO_STAMP_BYTES + 8], const struct apo_ban *ban)
{
	if (ban->ends_at_s)
		apo_stamp_write(to, ban->ends_at_s * 1000);
	else
		strcpy(to, "removed");
}

static void finish_add(const struct request *request, const struct apo_ban *ban)
{
	unsigned count = request->is_mild ? 0 : enforce(request, ban);
	char until[APO_STAMP_BYTES + 8];

	write_end(until, ban);
	apo_audit_note(request->model, "ban", "%s %s by %s until=%s: %s", names[ban->kind].what,
		       ban->target, request->client->nick, until, ban->reason);
	apo_standard_reply(request->model, request->client, "NOTE", names[ban->kind].add,
			   "BAN_ADDED", "Banned until %s: %s %s; clients disconnected: %u%s", until,
			   names[ban->kind].what, ban->target, count,
			   request->model->calls->keep_record
				   ? ""
				   : " (the ban ends with the server: it has no file of accounts)");
}

void apo_ban_add(struct apo_model *model, struct apo_client *client, enum apo_ban_kind kind,
		 char *text)
{
	struct request request = {.model = model, .client = client, .kind = kind};
	int64_t now_s = apo_wall_s(model);
	struct apo_ban value, *ban;

	if (!read_request(&request, text))
		return;
	value = (struct apo_ban){.kind = kind,
				 .target = request.target,
				 .by = client->nick,
				 .reason = request.reason,
				 .set_at_s = now_s,
				 .ends_at_s = request.span_s ? now_s + request.span_s : 0};
	apo_ban_read_network(&value);
	if (is_mistake(&request, &value) || !has_room(&request))
		return;
	ban = apo_ban_set(model, &value);
	if (ban)
		finish_add(&request, ban);
	else
		fail(&request, "TEMPORARILY_UNAVAILABLE", "Memory is short; try again later");
}

/* ---- removal and lists ---- */

void apo_ban_delete(struct apo_model *model, struct apo_client *client, enum apo_ban_kind kind,
		    const char *target)
{
	char complete[APO_BAN_TARGET_BYTES_MAX + 1];
	const char *wrong = apo_ban_complete(complete, kind, target);
	struct apo_ban *ban = wrong ? NULL : apo_ban_find(model, kind, complete);

	if (!ban) {
		apo_standard_reply(model, client, "FAIL", names[kind].remove, "NO_SUCH_BAN", "%s",
				   wrong ? wrong : "There is no such ban");
		return;
	}
	apo_audit_note(model, "unban", "%s %s by %s", names[kind].what, complete, client->nick);
	apo_ban_remove(model, ban);
	apo_standard_reply(model, client, "NOTE", names[kind].remove, "BAN_REMOVED",
			   "No longer banned: %s %s", names[kind].what, complete);
}

static void tell(struct apo_model *model, struct apo_client *client, const struct apo_ban *ban)
{
	long set_at_s = (long)ban->set_at_s, ends_at_s = (long)ban->ends_at_s;
	char until[APO_STAMP_BYTES + 8];

	switch (ban->kind) {
	case APO_BAN_ADDRESS:
		apo_reply(model, client, RPL_STATSDLINE, ban->target[0] == ':' ? "0" : "",
			  ban->target, set_at_s, ends_at_s, ban->by, ban->reason);
		break;
	case APO_BAN_HOST:
		apo_reply(model, client, RPL_STATSKLINE, ban->target, set_at_s, ends_at_s, ban->by,
			  ban->reason);
		break;
	case APO_BAN_REAL:
		apo_reply(model, client, RPL_STATSXLINE, ban->target, set_at_s, ends_at_s, ban->by,
			  ban->reason);
		break;
	case APO_BAN_ACCOUNT:
		write_end(until, ban);
		apo_standard_reply(model, client, "NOTE", "NICKSERV", "SUSPENDED",
				   "%s is suspended by %s until %s: %s", ban->target, ban->by,
				   until, ban->reason);
		break;
	case APO_BAN_KINDS:
		break;
	}
}

/* An address also finds the networks around it. */
static bool is_listed(const struct apo_ban *ban, const char *mask)
{
	struct apo_network network;

	if (!mask || apo_mask_is_match(mask, ban->target))
		return true;
	return ban->has_network && apo_network_read(&network, mask) &&
	       apo_network_contains(&ban->network, &network);
}

void apo_ban_list(struct apo_model *model, struct apo_client *client, enum apo_ban_kind kind,
		  const char *mask)
{
	const struct rudp_list *head = apo_bans_of(model, kind), *link;
	const struct apo_ban *ban;
	unsigned count = 0;

	for (link = head->next; link != head && count <= LISTED_MAX; link = link->next) {
		ban = RUDP_LIST_OWNER(link, const struct apo_ban, of_kind);
		if (is_listed(ban, mask) && ++count <= LISTED_MAX)
			tell(model, client, ban);
	}
	if (count > LISTED_MAX)
		apo_standard_reply(model, client, "WARN", names[kind].add, "TOO_MANY_MATCHES",
				   "There are more bans than are shown; give a mask");
}

/* ---- commands ---- */

static void on_ban(struct apo_model *model, struct apo_client *client, enum apo_ban_kind kind,
		   const struct apo_message *message)
{
	char text[APO_BODY_BYTES_MAX + 1];
	static const char letters[] = APO_BAN_KINDS_TEXT;
	const char letter[] = {letters[kind], '\0'};

	if (strcasecmp(message->params[0], "LIST") == 0) {
		apo_ban_list(model, client, kind,
			     message->param_count > 1 ? message->params[1] : NULL);
		apo_reply(model, client, RPL_ENDOFSTATS, letter);
		return;
	}
	apo_words_join(text, message);
	apo_ban_add(model, client, kind, text);
}

#define BAN_COMMANDS(name, kind)                                                                   \
	void apo_on_##name(struct apo_model *model, struct apo_client *client,                     \
			   const struct apo_message *message)                                      \
	{                                                                                          \
		on_ban(model, client, kind, message);                                              \
	}                                                                                          \
	void apo_on_un##name(struct apo_model *model, struct apo_client *client,                   \
			     const struct apo_message *message)                                    \
	{                                                                                          \
		apo_ban_delete(model, client, kind, message->params[0]);                           \
	}

BAN_COMMANDS(dline, APO_BAN_ADDRESS)
BAN_COMMANDS(kline, APO_BAN_HOST)
BAN_COMMANDS(xline, APO_BAN_REAL)
