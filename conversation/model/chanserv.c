/* SPDX-License-Identifier: MIT */
#include "conversation/model/chanserv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/accounts.h"
#include "conversation/model/channels.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/audit.h"
#include "conversation/model/registry.h"
#include "conversation/model/replies.h"
#include "conversation/model/words.h"

/* A command with its words: the name of a channel first. */
struct request {
	struct apo_model *model;
	struct apo_client *client;
	const char *name;            /* of the channel; "": none */
	struct apo_channel *channel; /* NULL: there is none */
	char *rest;                  /* the words after it; NULL: none */
	bool is_off;                 /* the command takes away */
	uint32_t bit;                /* APO_MEMBERSHIP_ bit that it is about */
};

/* ---- replies ---- */

void apo_chanserv_source(const struct apo_model *model, char to[APO_SOURCE_BYTES_MAX + 1])
{
	snprintf(to, APO_SOURCE_BYTES_MAX + 1, APO_CHANSERV "!services@%s",
		 model->config->server_name);
}

#define answer(request, ...)                                                                       \
	apo_service_notice((request)->model, (request)->client, APO_CHANSERV, __VA_ARGS__)

static void log_change(const struct request *request, const char *what, const char *about)
{
	apo_audit_note(request->model, what, "%s %s by=%s account=%s address=%s",
		       request->channel->name, about, request->client->nick,
		       request->client->account ? request->client->account : "*",
		       request->client->address);
}

/* ---- who may ---- */

static bool is_registered(const struct request *request)
{
	bool is_so = request->channel && request->channel->registration &&
		     apo_channel_is_seen(request->model, request->channel, request->client);

	if (!is_so && *request->name)
		answer(request, "%s is not registered", request->name);
	else if (!is_so)
		answer(request, "Name a channel after the command");
	return is_so;
}

static bool is_logged_in(const struct request *request)
{
	if (!request->client->account)
		answer(request, "Log in to your account first (SASL)");
	return request->client->account != NULL;
}

static bool is_founder(const struct request *request)
{
	if (!is_registered(request))
		return false;
	if (request->client->is_operator ||
	    apo_registry_is_founder(request->channel, request->client->account))
		return true;
	answer(request, "Only the founder of %s may do that", request->channel->name);
	return false;
}

/* The founder, or an operator on the access list. */
static bool is_manager(const struct request *request)
{
	if (!is_registered(request))
		return false;
	if (request->client->is_operator ||
	    (apo_registry_modes(request->channel, request->client->account) &
	     APO_MEMBERSHIP_OPERATOR))
		return true;
	answer(request, "You are no operator on the list of %s", request->channel->name);
	return false;
}

static char *next_word(struct request *request)
{
	char *word;

	while ((word = strsep(&request->rest, " ")) && !*word)
		;
	return word;
}

/* The next word as the name of an account. NULL after telling the client that there is none. */
static const char *next_account(struct request *request)
{
	const char *word = next_word(request);

	if (word && apo_nick_is_valid(word, APO_NICK_BYTES_MAX) &&
	    apo_account_id(request->model, word))
		return word;
	answer(request, "There is no account %s", word ? apo_word(word) : "without a name");
	return NULL;
}

/* ---- REGISTER, DROP, TRANSFER ---- */

static const char *refusal_of_register(const struct request *request)
{
	const struct apo_model_config *config = request->model->config;

	if (!request->channel ||
	    !apo_is_operator_in(request->model, request->client, request->channel))
		return "Join the channel and be its operator first";
	if (request->channel->registration)
		return "That channel is registered already";
	if (request->model->figures.channels_registered >= config->registered_channels_max)
		return "There are too many registered channels";
	if (apo_registry_count_of(request->model, request->client->account) >=
	    config->channels_per_account_max)
		return "Your account has registered too many channels";
	return NULL;
}

static void on_register(struct request *request)
{
	const char *refusal;

	if (!is_logged_in(request))
		return;
	refusal = refusal_of_register(request);
	if (refusal) {
		answer(request, "%s", refusal);
		return;
	}
	if (apo_registry_add(request->model, request->channel, request->client->account) < 0) {
		answer(request, "The channel could not be registered; try again later");
		return;
	}
	log_change(request, "channel-registered", "");
	answer(request, "%s is registered, and you are its founder", request->channel->name);
}

/* Typed again, it proves that this registration is meant. */
static uint32_t drop_code(const struct apo_channel *channel)
{
	uint32_t code = (uint32_t)channel->registration->made_at_s;
	const char *at;

	for (at = channel->folded; *at; at++)
		code = (code ^ (uint8_t)*at) * 16777619u;
	return code & 0xffff;
}

static void on_drop(struct request *request)
{
	const char *word;
	char code[8];

	if (!is_founder(request))
		return;
	snprintf(code, sizeof code, "%04" PRIx32, drop_code(request->channel));
	word = next_word(request);
	if (!word || strcasecmp(word, code) != 0) {
		answer(request, "To end the registration of %s, send: DROP %s %s",
		       request->channel->name, request->channel->name, code);
		return;
	}
	log_change(request, "channel-dropped", request->channel->registration->founder);
	answer(request, "%s is no longer registered", request->channel->name);
	apo_registry_remove(request->model, request->channel);
}

/* The new founder must be an operator on the access list, so that a mistyped name is refused. */
static void on_transfer(struct request *request)
{
	char before[APO_ACCOUNT_BYTES_MAX + 1];
	const struct apo_access *access;
	const char *account;

	if (!is_founder(request) || !(account = next_account(request)))
		return;
	access = apo_access_find(request->channel, account);
	if (!request->client->is_operator &&
	    (!access || !(access->modes & APO_MEMBERSHIP_OPERATOR))) {
		answer(request, "Make %s an operator first: AOP %s ADD %s", account,
		       request->channel->name, account);
		return;
	}
	strcpy(before, request->channel->registration->founder);
	if (apo_is_same(before, account))
		return;
	apo_registry_set_founder(request->model, request->channel, account);
	(void)apo_access_set(request->model, request->channel, before, APO_MEMBERSHIP_OPERATOR,
			     account, apo_wall_s(request->model));
	log_change(request, "channel-transferred", account);
	answer(request, "%s is the founder of %s", account, request->channel->name);
}

/* ---- the list of accounts ---- */

static const char *modes_name(uint32_t modes)
{
	return modes & APO_MEMBERSHIP_OPERATOR ? "operator" : "voice";
}

static void tell_access(struct request *request, uint32_t modes)
{
	const struct rudp_list *head;
	char set_at[APO_STAMP_BYTES];

	if (!is_manager(request))
		return;
	head = &request->channel->registration->access;
	answer(request, "%s: founder %s", request->channel->name,
	       request->channel->registration->founder);
	RUDP_LIST_EACH(const struct apo_access, access, head, link) {
		if (!(access->modes & modes))
			continue;
		apo_stamp_write(set_at, access->set_at_s * 1000);
		answer(request, "%s: %s %s (by %s, %s)", request->channel->name,
		       modes_name(access->modes), access->account, access->by, set_at);
	}
	answer(request, "%s: end of list", request->channel->name);
}

static void greet_members(struct request *request, const char *account)
{
	struct apo_readers *readers = apo_account_readers(request->model, account);
	struct apo_membership *membership;
	struct rudp_list *link;

	for (link = readers ? readers->clients.next : NULL; link && link != &readers->clients;
	     link = link->next) {
		membership = apo_membership_find(
			request->model, RUDP_LIST_OWNER(link, struct apo_client, of_account),
			request->channel);
		if (membership)
			apo_registry_greet(request->model, membership);
	}
}

static void add_access(struct request *request, uint32_t modes)
{
	const char *account,
		*by = request->client->account ? request->client->account : request->client->nick;
	char about[128];

	if (!is_founder(request) || !(account = next_account(request)))
		return;
	if (apo_registry_is_founder(request->channel, account)) {
		answer(request, "%s is the founder", account);
	} else if (!apo_access_find(request->channel, account) &&
		   request->channel->registration->access_count >=
			   request->model->config->access_max) {
		answer(request, "The list of %s is full", request->channel->name);
	} else if (apo_access_set(request->model, request->channel, account, modes, by,
				  apo_wall_s(request->model)) < 0) {
		answer(request, "The list could not be changed; try again later");
	} else {
		snprintf(about, sizeof about, "%s %s", modes_name(modes), account);
		log_change(request, "channel-access", about);
		answer(request, "%s gets %s in %s", account, modes_name(modes),
		       request->channel->name);
		greet_members(request, account);
	}
}

/* An account may always remove itself. */
static void remove_access(struct request *request, uint32_t modes)
{
	const char *account = next_word(request);
	struct apo_access *access;

	if (!is_registered(request) || !account)
		return;
	if ((!request->client->account || !apo_is_same(account, request->client->account)) &&
	    !is_founder(request))
		return;
	access = apo_access_find(request->channel, account);
	if (!access || !(access->modes & modes)) {
		answer(request, "%s is not on that list of %s", apo_word(account),
		       request->channel->name);
		return;
	}
	log_change(request, "channel-access-removed", access->account);
	answer(request, "%s is off the list of %s", access->account, request->channel->name);
	apo_access_remove(request->model, request->channel, access);
}

/* AOP, VOP: <channel> ADD|DEL|LIST [<account>] */
static void on_list_of(struct request *request)
{
	const char *verb = next_word(request);

	if (!verb || strcasecmp(verb, "LIST") == 0)
		tell_access(request, request->bit);
	else if (strcasecmp(verb, "ADD") == 0)
		add_access(request, request->bit);
	else if (strcasecmp(verb, "DEL") == 0)
		remove_access(request, request->bit);
	else
		answer(request, "ADD <account>, DEL <account>, or LIST");
}

/* AMODE: <channel> [+o|-o|+v|-v <account>], and ACCESS <channel> [LIST] */
static void on_amode(struct request *request)
{
	const char *modes = next_word(request);
	uint32_t both = APO_MEMBERSHIP_OPERATOR | APO_MEMBERSHIP_VOICE;

	if (!modes || strcasecmp(modes, "LIST") == 0)
		tell_access(request, both);
	else if (strcmp(modes, "+o") == 0)
		add_access(request, APO_MEMBERSHIP_OPERATOR);
	else if (strcmp(modes, "+v") == 0)
		add_access(request, APO_MEMBERSHIP_VOICE);
	else if (strcmp(modes, "-o") == 0 || strcmp(modes, "-v") == 0)
		remove_access(request, both);
	else
		answer(request, "AMODE <channel> +o|-o|+v|-v <account>");
}

/* ---- members ---- */

static void change_member(struct request *request, const char *nick)
{
	struct apo_client *other = apo_client_named(request->model, nick);
	struct apo_membership *membership =
		other ? apo_membership_find(request->model, other, request->channel) : NULL;

	if (!membership)
		answer(request, "%s is not in %s", apo_word(nick), request->channel->name);
	else
		(void)apo_registry_change_member(request->model, membership, request->bit,
						 !request->is_off);
}

/* OP, DEOP, VOICE, DEVOICE: <channel> [<nick> ...]; without a nick the client itself. */
static void on_member(struct request *request)
{
	const char *nick;

	if (!is_manager(request))
		return;
	nick = next_word(request);
	if (!nick)
		change_member(request, request->client->nick);
	for (; nick; nick = next_word(request))
		change_member(request, nick);
}

static void on_invite(struct request *request)
{
	char source[APO_SOURCE_BYTES_MAX + 1];
	struct apo_line line;

	if (!is_manager(request))
		return;
	if (apo_invite_add(request->client, request->channel, true,
			   request->model->config->invites_max) < 0)
		return;
	apo_chanserv_source(request->model, source);
	apo_line_print(&line, source, "INVITE %s %s", request->client->nick,
		       request->channel->name);
	apo_tell(request->model, request->client, &line);
}

/* ---- questions ---- */

static void on_info(struct request *request)
{
	const struct apo_channel_registration *registration;
	char made[APO_STAMP_BYTES], used[APO_STAMP_BYTES];

	if (!is_registered(request))
		return;
	registration = request->channel->registration;
	apo_stamp_write(made, registration->made_at_s * 1000);
	apo_stamp_write(used, registration->used_at_s * 1000);
	answer(request, "%s: founder %s, registered %s, last used by an operator %s",
	       request->channel->name, registration->founder, made, used);
}

/* The channels of the client's account. */
static void on_list(struct request *request)
{
	const struct apo_model *model = request->model;
	const struct apo_channel *channel;
	unsigned count = 0;

	if (!is_logged_in(request))
		return;
	RUDP_LIST_EACH(struct apo_channel_registration, registration, &model->registrations,
		       of_model) {
		channel = registration->channel;
		if (apo_registry_is_founder(channel, request->client->account)) {
			answer(request, "%s", channel->name);
			count++;
		}
	}
	answer(request, "%u channels are registered to %s", count, request->client->account);
}

static void on_help(struct request *request)
{
	static const char *const lines[] = {
		"REGISTER <channel>: the channel becomes yours and is kept while it has no member",
		"AOP <channel> ADD|DEL|LIST <account>: accounts that become operators on joining",
		"VOP <channel> ADD|DEL|LIST <account>: accounts that get voice on joining",
		"AMODE <channel> [+o|-o|+v|-v <account>]: both in one; ACCESS: the list",
		"OP, DEOP, VOICE, DEVOICE <channel> [<nick> ...]: change members now",
		"INVITE <channel>: invites you; TRANSFER <channel> <account>: another founder",
		"INFO <channel>; LIST: your channels; DROP <channel>: end the registration",
	};
	size_t i;

	for (i = 0; i < sizeof lines / sizeof *lines; i++)
		answer(request, "%s", lines[i]);
}

/* ---- commands ---- */

static const struct {
	const char *name;
	void (*handler)(struct request *request);
	uint32_t bit;
	bool is_off;
} rows[] = {
	{"ACCESS", on_amode, 0, false},
	{"AMODE", on_amode, 0, false},
	{"AOP", on_list_of, APO_MEMBERSHIP_OPERATOR, false},
	{"DEOP", on_member, APO_MEMBERSHIP_OPERATOR, true},
	{"DEVOICE", on_member, APO_MEMBERSHIP_VOICE, true},
	{"DROP", on_drop, 0, false},
	{"HELP", on_help, 0, false},
	{"INFO", on_info, 0, false},
	{"INVITE", on_invite, 0, false},
	{"LIST", on_list, 0, false},
	{"OP", on_member, APO_MEMBERSHIP_OPERATOR, false},
	{"REGISTER", on_register, 0, false},
	{"TRANSFER", on_transfer, 0, false},
	{"UNREGISTER", on_drop, 0, false},
	{"VOICE", on_member, APO_MEMBERSHIP_VOICE, false},
	{"VOP", on_list_of, APO_MEMBERSHIP_VOICE, false},
};

bool apo_chanserv_is_meant(const char *nick)
{
	return apo_is_same(nick, APO_CHANSERV);
}

static void run(struct request *request, const char *command)
{
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcasecmp(command, rows[i].name) != 0)
			continue;
		request->bit = rows[i].bit;
		request->is_off = rows[i].is_off;
		rows[i].handler(request);
		return;
	}
	answer(request, "Unknown command; HELP lists the commands");
}

bool apo_chanserv_handle(struct apo_model *model, struct apo_client *client, const char *text)
{
	struct request request = {.model = model, .client = client, .name = ""};
	char copy[APO_BODY_BYTES_MAX + 1];
	const char *command, *name;

	if (!apo_registry_is_on(model))
		return false;
	snprintf(copy, sizeof copy, "%s", text);
	request.rest = copy;
	command = next_word(&request);
	name = next_word(&request);
	if (name && apo_channel_is_valid(name, APO_CHANNEL_BYTES_MAX)) {
		request.name = name;
		request.channel = apo_channel_find(model, name);
	}
	run(&request, command ? command : "HELP");
	return true;
}

void apo_on_chanserv(struct apo_model *model, struct apo_client *client,
		     const struct apo_message *message)
{
	char text[APO_BODY_BYTES_MAX + 1];

	apo_words_join(text, message);
	if (!apo_chanserv_handle(model, client, text))
		apo_notice(model, client, "Channels cannot be registered here");
}
