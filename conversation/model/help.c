/* SPDX-License-Identifier: MIT */
/* HELP and HELPOP: a reference of the commands, from their table, and of some other subjects. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/commands.h"
#include "conversation/model/replies.h"

#define LINES_MAX 16
#define WIDTH 60 /* of a line with several names */

static const struct topic {
	const char *name, *title;
	const char *lines[LINES_MAX]; /* NULL after the last one */
} topics[] = {
	{"BANS",
	 "Bans of the server, by operators: <command> [NOKILL] [FORCE] [<duration>] <target> "
	 "[<reason>]",
	 {"DLINE <address, network or nick>: as in 192.0.2.0/24; UNDLINE ends it",
	  "KLINE <user@host or nick>: with * and ?; the host may be a network; UNKLINE",
	  "XLINE <real name>: with * and ?; write ? for a space; UNXLINE",
	  "NS SUSPEND ADD <account>: no login to it is possible; NS SUSPEND DEL <account>",
	  "<duration>: 30m, 2h, 7d, 1d12h; without one until the ban is removed",
	  "NOKILL: connected users stay", "FORCE: also if it bans very many, or yourself",
	  "<command> LIST [<mask>]: shows bans; of an address also those around it"}},
	{"CMODES",
	 "Modes of channels: MODE <channel> +<modes> <parameters>",
	 {"b <mask>: ban; who matches can neither join nor speak (HELP EXTBANS: other masks)",
	  "e <mask>: exception from bans and quiets", "I <mask>: needs no invitation",
	  "q <mask>: quiet; who matches can join but not speak", "k <key>: JOIN needs the key",
	  "l <number>: limit for the number of members", "C: no CTCP, except ACTION",
	  "H: public history: members may read what was said since the mode was set",
	  "M: only those with an account speak", "i: members need an invitation",
	  "m: only operators and members with voice speak", "n: only members speak",
	  "s: secret: hidden from others", "t: only operators change the topic",
	  "o <nick>: operator (@)", "v <nick>: voice (+)"}},
	{"EXTBANS",
	 "Masks of b, e, I and q that are not nick!user@host",
	 {"a:<account>: clients that are logged in to the account; a:* to any",
	  "r:<real name>: clients with that real name; write ? for a space",
	  "m:<mask>: clients that may join but not speak, in b and e only; mask can be one of the "
	  "above",
	  "Example: MODE #channel +b m:a:troll"}},
	{"UMODES",
	 "Modes of users: MODE <your nick> +<modes>",
	 {"B: you are a bot", "R: messages of users without an account are refused",
	  "T: CTCP is refused, except ACTION",
	  "i: invisible to those who share no channel with you",
	  "o: operator of the server; by OPER only",
	  "s <letters>: server notices, for operators (letters: bcfkors)",
	  "w: you receive WALLOPS"}},
};

#define TOPIC_COUNT (sizeof topics / sizeof *topics)

static const struct topic *topic_find(const char *name)
{
	size_t i;

	for (i = 0; i < TOPIC_COUNT; i++)
		if (strcasecmp(topics[i].name, name) == 0)
			return topics + i;
	return NULL;
}

/* ---- the list of subjects ---- */

/* Names that are packed into lines. */
struct pack {
	struct apo_model *model;
	struct apo_client *client;
	char text[APO_BODY_BYTES_MAX / 2];
	size_t len;
};

static void pack_flush(struct pack *pack)
{
	if (pack->len > 0)
		apo_reply(pack->model, pack->client, RPL_HELPTXT, "*", pack->text);
	pack->len = 0;
}

static void pack_add(struct pack *pack, const char *name)
{
	if (pack->len > WIDTH)
		pack_flush(pack);
	pack->len += (size_t)snprintf(pack->text + pack->len, sizeof pack->text - pack->len, "%s%s",
				      pack->len ? " " : "", name);
}

static void list_subjects(struct apo_model *model, struct apo_client *client)
{
	struct pack pack = {.model = model, .client = client};
	unsigned i;

	apo_reply(model, client, RPL_HELPSTART, "*", "HELP <command or topic>");
	apo_reply(model, client, RPL_HELPTXT, "*", "The commands of this server:");
	for (i = 0; i < apo_command_count; i++)
		pack_add(&pack, apo_commands[i].name);
	pack_flush(&pack);
	apo_reply(model, client, RPL_HELPTXT, "*", "Topics:");
	for (i = 0; i < TOPIC_COUNT; i++)
		pack_add(&pack, topics[i].name);
	pack_flush(&pack);
	apo_reply(model, client, RPL_ENDOFHELP, "*");
}

/* ---- one subject ---- */

static void tell_topic(struct apo_model *model, struct apo_client *client,
		       const struct topic *topic)
{
	unsigned i;

	apo_reply(model, client, RPL_HELPSTART, topic->name, topic->title);
	for (i = 0; i < LINES_MAX && topic->lines[i]; i++)
		apo_reply(model, client, RPL_HELPTXT, topic->name, topic->lines[i]);
	apo_reply(model, client, RPL_ENDOFHELP, topic->name);
}

static const char *who_may(const struct apo_command *row)
{
	if (row->by & APO_BY_OPER)
		return "operators of the server";
	return row->by == APO_BY_ANY ? "everybody, also before registration" : "users";
}

/* The text of a row is "syntax: explanation". */
static void tell_command(struct apo_model *model, struct apo_client *client,
			 const struct apo_command *row)
{
	const char *explanation = strstr(row->help, ": ");
	size_t syntax_len = explanation ? (size_t)(explanation - row->help) : strlen(row->help);
	char text[APO_BODY_BYTES_MAX / 2];

	snprintf(text, sizeof text, "%.*s", (int)syntax_len, row->help);
	apo_reply(model, client, RPL_HELPSTART, row->name, text);
	if (explanation)
		apo_reply(model, client, RPL_HELPTXT, row->name, explanation + 2);
	snprintf(text, sizeof text, "For %s. Penalty of flood control: %u.%02u s", who_may(row),
		 row->penalty_ms / 1000, row->penalty_ms % 1000 / 10);
	apo_reply(model, client, RPL_HELPTXT, row->name, text);
	apo_reply(model, client, RPL_ENDOFHELP, row->name);
}

void apo_on_help(struct apo_model *model, struct apo_client *client,
		 const struct apo_message *message)
{
	const char *subject = message->params[0];
	const struct apo_command *row = apo_command_find(subject);
	const struct topic *topic = topic_find(subject);

	if (!*subject)
		list_subjects(model, client);
	else if (row)
		tell_command(model, client, row);
	else if (topic)
		tell_topic(model, client, topic);
	else
		apo_reply(model, client, ERR_HELPNOTFOUND, apo_word(subject));
}
