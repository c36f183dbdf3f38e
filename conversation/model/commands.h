/* SPDX-License-Identifier: MIT */
/*
 * commands - one row for each command: its name, its handler, who may send it, how many parameters
 * it takes, and its cost in milliseconds (flood.h). Handlers do not repeat the checks that the row
 * makes.
 */
#ifndef APO_COMMANDS_H
#define APO_COMMANDS_H

#include "conversation/model/model_private.h"

/* The message has at least as many parameters as the row asks for; those beyond the row's maximum
 * are dropped. */
typedef void apo_handler(struct apo_model *model, struct apo_client *client,
			 const struct apo_message *message);

#define APO_BY_NEW 1u  /* before registration */
#define APO_BY_USER 2u /* after registration */
#define APO_BY_OPER 4u /* only operators */
#define APO_BY_ANY (APO_BY_NEW | APO_BY_USER)

struct apo_command {
	const char *name;
	apo_handler *handler;
	unsigned by;
	unsigned params_min, params_max;
	unsigned penalty_ms;
	const char *help;
};

/* Sorted by name. */
extern const struct apo_command apo_commands[];
extern const unsigned apo_command_count;

/* The name may be in any case. NULL if there is no such command. */
const struct apo_command *apo_command_find(const char *name);
void apo_command_run(struct apo_model *model, struct apo_client *client,
		     struct apo_message *message);

/* clang-format off */
#define APO_HANDLERS(X) \
	X(admin) X(audit) X(authenticate) X(away) X(batch) X(cap) X(chanserv) X(chathistory) \
	X(chghost) X(die) X(dline) X(help) X(info) X(invite) X(ison) X(isupport) X(join) X(kick) \
	X(kill) X(kline) X(links) X(list) X(lusers) X(markread) X(metadata) X(mode) X(monitor) \
	X(motd) X(names) X(nick) X(nickserv) X(notice) X(oper) X(part) X(pass) X(ping) X(pong) \
	X(privmsg) X(quit) X(redact) X(register) X(rehash) X(rename) X(report) X(reports) \
	X(setname) X(stats) X(tagmsg) X(time) X(topic) X(undline) X(unkline) X(unxline) X(user) \
	X(userhost) X(verify) X(version) X(wallops) X(who) X(whois) X(whowas) X(xline)
/* clang-format on */

#define APO_HANDLER_DECLARE(name) apo_handler apo_on_##name;
APO_HANDLERS(APO_HANDLER_DECLARE)
#undef APO_HANDLER_DECLARE

#endif
