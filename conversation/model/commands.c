/* SPDX-License-Identifier: MIT */
#include "conversation/model/commands.h"

#include <stdlib.h>
#include <strings.h>

#include "conversation/model/multiline.h"
#include "conversation/model/replies.h"

#define ALL APO_PARAMS_MAX

const struct apo_command apo_commands[] = {
	{"ADMIN", apo_on_admin, APO_BY_USER, 0, 1, 500,
	 "ADMIN: contact of this server's administrator"},
	{"AUDIT", apo_on_audit, APO_BY_OPER, 0, 2, 1000,
	 "AUDIT [<mask> [<count>]]: what operators and services did, the last entries that match"},
	{"AUTHENTICATE", apo_on_authenticate, APO_BY_ANY, 1, 1, 500,
	 "AUTHENTICATE <mechanism or data>: log in (SASL)"},
	{"AWAY", apo_on_away, APO_BY_ANY, 0, 1, 1000,
	 "AWAY [<text>]: say that you are away, or without a text that you are back"},
	{"BATCH", apo_on_batch, APO_BY_USER, 1, 3, 1000,
	 "BATCH +<reference> draft/multiline <target>, BATCH -<reference>: a message of several "
	 "lines"},
	{"CAP", apo_on_cap, APO_BY_ANY, 1, 2, 250, "CAP LS|LIST|REQ|END: negotiate capabilities"},
	{"CHANSERV", apo_on_chanserv, APO_BY_USER, 0, ALL, 1000,
	 "CHANSERV REGISTER|AOP|VOP|OP|INFO|DROP|HELP ...: register channels and manage them"},
	{"CHATHISTORY", apo_on_chathistory, APO_BY_USER, 0, ALL, 1000,
	 "CHATHISTORY LATEST|BEFORE|AFTER|AROUND|BETWEEN|TARGETS ...: what was said while you were "
	 "there"},
	{"CHGHOST", apo_on_chghost, APO_BY_OPER, 2, 2, 500,
	 "CHGHOST <nick> <host>: give somebody another visible host (operators)"},
	{"CS", apo_on_chanserv, APO_BY_USER, 0, ALL, 1000, "CS: CHANSERV"},
	{"DIE", apo_on_die, APO_BY_OPER, 0, 0, 500, "DIE: stop the server (operators)"},
	{"DLINE", apo_on_dline, APO_BY_OPER, 1, ALL, 500,
	 "DLINE [NOKILL] [FORCE] [<duration>] <address, network or nick> [<reason>], DLINE LIST "
	 "[<mask>]: ban addresses from the server (HELP BANS)"},
	{"HELP", apo_on_help, APO_BY_USER, 0, 1, 500,
	 "HELP [<command or topic>]: list the commands and topics, or explain one"},
	{"HELPOP", apo_on_help, APO_BY_USER, 0, 1, 500, "HELPOP: HELP"},
	{"INFO", apo_on_info, APO_BY_USER, 0, 1, 1000, "INFO: about the software"},
	{"INVITE", apo_on_invite, APO_BY_USER, 0, 2, 1000,
	 "INVITE <nick> <channel>: invite somebody to a channel; INVITE: list your invitations"},
	{"ISON", apo_on_ison, APO_BY_USER, 1, ALL, 500, "ISON <nick> ...: which of them are here"},
	{"ISUPPORT", apo_on_isupport, APO_BY_ANY, 0, 0, 1000,
	 "ISUPPORT: what this server supports, as after the welcome"},
	{"JOIN", apo_on_join, APO_BY_USER, 1, 2, 1000,
	 "JOIN <channel>{,<channel>} [<key>{,<key>}]: enter channels; JOIN 0: leave all"},
	{"KICK", apo_on_kick, APO_BY_USER, 2, 3, 1000,
	 "KICK <channel> <nick>{,<nick>} [<text>]: remove somebody from a channel"},
	{"KILL", apo_on_kill, APO_BY_OPER, 1, 2, 500,
	 "KILL <nick> [<text>]: end somebody's connection (operators)"},
	{"KLINE", apo_on_kline, APO_BY_OPER, 1, ALL, 500,
	 "KLINE [NOKILL] [FORCE] [<duration>] <user@host or nick> [<reason>], KLINE LIST [<mask>]: "
	 "ban users from the server (HELP BANS)"},
	{"LINKS", apo_on_links, APO_BY_USER, 0, 2, 500, "LINKS: the servers of this network"},
	{"LIST", apo_on_list, APO_BY_USER, 0, 2, 2000,
	 "LIST [<channel or condition>{,...}]: channels; conditions are >n <n C>n C<n T>n T<n "
	 "and masks"},
	{"LUSERS", apo_on_lusers, APO_BY_USER, 0, 2, 500,
	 "LUSERS: the number of users and channels"},
	{"MARKREAD", apo_on_markread, APO_BY_USER, 0, 2, 500,
	 "MARKREAD <channel or nick> [timestamp=<time>]: how far you have read"},
	{"METADATA", apo_on_metadata, APO_BY_USER, 2, ALL, 1000,
	 "METADATA <channel, nick or *> GET|LIST|SET|CLEAR|SUB|UNSUB|SUBS|SYNC [<key> ...]: data "
	 "of "
	 "users and channels"},
	{"MODE", apo_on_mode, APO_BY_USER, 1, ALL, 500,
	 "MODE <channel or nick> [<modes> [<parameter> ...]]: see or change modes"},
	{"MONITOR", apo_on_monitor, APO_BY_USER, 1, 2, 500,
	 "MONITOR +|- <nick>{,<nick>}, MONITOR C|L|S: watch whether users are online"},
	{"MOTD", apo_on_motd, APO_BY_USER, 0, 1, 1000, "MOTD: the message of the day"},
	{"NAMES", apo_on_names, APO_BY_USER, 0, 1, 1000,
	 "NAMES <channel>{,<channel>}: who is in a channel"},
	{"NICK", apo_on_nick, APO_BY_ANY, 0, 1, 1500, "NICK <nick>: change your nick"},
	{"NICKSERV", apo_on_nickserv, APO_BY_USER, 0, ALL, 1000,
	 "NICKSERV GHOST|REGAIN|DROP|HELP ...: manage your account and its nick"},
	{"NOTICE", apo_on_notice, APO_BY_USER, 0, 2, 500,
	 "NOTICE <target>{,<target>} <text>: send a text that must not be answered"},
	{"NS", apo_on_nickserv, APO_BY_USER, 0, ALL, 1000, "NS: NICKSERV"},
	{"OPER", apo_on_oper, APO_BY_USER, 2, 2, 3000,
	 "OPER <name> <password>: become an operator"},
	{"PART", apo_on_part, APO_BY_USER, 1, 2, 500,
	 "PART <channel>{,<channel>} [<text>]: leave channels"},
	{"PASS", apo_on_pass, APO_BY_ANY, 1, 1, 500,
	 "PASS <password>: the password of the server, before NICK and USER"},
	{"PING", apo_on_ping, APO_BY_ANY, 0, 2, 250, "PING <token>: ask for a PONG"},
	{"PONG", apo_on_pong, APO_BY_ANY, 0, 2, 100, "PONG <token>: answer a PING"},
	{"PRIVMSG", apo_on_privmsg, APO_BY_USER, 0, 2, 500,
	 "PRIVMSG <target>{,<target>} <text>: send a text to channels or users"},
	{"QUIT", apo_on_quit, APO_BY_ANY, 0, 1, 100, "QUIT [<text>]: disconnect"},
	{"REDACT", apo_on_redact, APO_BY_USER, 2, 3, 1000,
	 "REDACT <channel or nick> <msgid> [<reason>]: remove a message from history"},
	{"REGISTER", apo_on_register, APO_BY_ANY, 3, 3, 3000,
	 "REGISTER <nick or *> * <password>: register an account for your nick"},
	{"REHASH", apo_on_rehash, APO_BY_OPER, 0, 0, 500,
	 "REHASH: read the configuration again (operators)"},
	{"RENAME", apo_on_rename, APO_BY_USER, 2, 3, 3000,
	 "RENAME <channel> <new name> [<reason>]: give a channel another name"},
	{"REPORT", apo_on_report, APO_BY_USER, 2, ALL, 3000,
	 "REPORT <nick or msgid> <reason>: tell the operators of the server about a user or a "
	 "message"},
	{"REPORTS", apo_on_reports, APO_BY_OPER, 0, 3, 500,
	 "REPORTS [LIST], REPORTS CLOSE <number> [<note>]: the reports of users"},
	{"SETNAME", apo_on_setname, APO_BY_USER, 1, 1, 1500,
	 "SETNAME <text>: change your real name"},
	{"STATS", apo_on_stats, APO_BY_USER, 1, 2, 1000,
	 "STATS d|k|m|o|u|x|z: bans, commands, operators, uptime, counters"},
	{"TAGMSG", apo_on_tagmsg, APO_BY_USER, 0, 1, 500,
	 "TAGMSG <target>{,<target>}: tags without a text"},
	{"TIME", apo_on_time, APO_BY_USER, 0, 1, 500, "TIME: the time of the server"},
	{"TOPIC", apo_on_topic, APO_BY_USER, 1, 2, 1000,
	 "TOPIC <channel> [<text>]: show or change the topic"},
	{"UNDLINE", apo_on_undline, APO_BY_OPER, 1, 1, 500,
	 "UNDLINE <address or network>: end a ban of DLINE"},
	{"UNKLINE", apo_on_unkline, APO_BY_OPER, 1, 1, 500,
	 "UNKLINE <user@host>: end a ban of KLINE"},
	{"UNXLINE", apo_on_unxline, APO_BY_OPER, 1, 1, 500, "UNXLINE <mask>: end a ban of XLINE"},
	{"USER", apo_on_user, APO_BY_ANY, 4, 4, 500,
	 "USER <name> 0 * <real name>: your user name and real name, before anything else"},
	{"USERHOST", apo_on_userhost, APO_BY_USER, 1, 5, 500,
	 "USERHOST <nick> ...: users and hosts of up to five"},
	{"VERIFY", apo_on_verify, APO_BY_ANY, 2, 2, 1000,
	 "VERIFY <account> <code>: no account waits for a code here"},
	{"VERSION", apo_on_version, APO_BY_USER, 0, 1, 500, "VERSION: the version of the server"},
	{"WALLOPS", apo_on_wallops, APO_BY_OPER, 1, 1, 500,
	 "WALLOPS <text>: to all users with mode w (operators)"},
	{"WHO", apo_on_who, APO_BY_USER, 0, 2, 2000,
	 "WHO [<channel, nick or mask>] [o][%fields[,token]]: list users"},
	{"WHOIS", apo_on_whois, APO_BY_USER, 0, 2, 1000, "WHOIS <nick>: about somebody"},
	{"WHOWAS", apo_on_whowas, APO_BY_USER, 0, 3, 1000,
	 "WHOWAS <nick> [<count>]: about somebody who has gone"},
	{"XLINE", apo_on_xline, APO_BY_OPER, 1, ALL, 500,
	 "XLINE [NOKILL] [FORCE] [<duration>] <mask of real names> [<reason>], XLINE LIST "
	 "[<mask>]: "
	 "ban real names from the server (HELP BANS)"},
};

const unsigned apo_command_count = sizeof apo_commands / sizeof *apo_commands;

static int compare(const void *name, const void *row)
{
	return strcasecmp(name, ((const struct apo_command *)row)->name);
}

const struct apo_command *apo_command_find(const char *name)
{
	return bsearch(name, apo_commands, apo_command_count, sizeof *apo_commands, compare);
}

void apo_command_run(struct apo_model *model, struct apo_client *client,
		     struct apo_message *message)
{
	const struct apo_command *row = apo_command_find(message->command);

	if (!client->is_registered && (!row || !(row->by & APO_BY_NEW))) {
		apo_reply(model, client, ERR_NOTREGISTERED);
	} else if (client->is_registered && apo_message_tag(message, "batch")) {
		apo_multiline_on_line(model, client, message);
	} else if (!row) {
		apo_reply(model, client, ERR_UNKNOWNCOMMAND, message->command);
	} else if (row->by == APO_BY_OPER && !client->is_operator) {
		apo_reply(model, client, ERR_NOPRIVILEGES);
	} else if (message->param_count < row->params_min) {
		apo_reply(model, client, ERR_NEEDMOREPARAMS, row->name);
	} else {
		model->command_counts[row - apo_commands]++;
		if (message->param_count > row->params_max)
			message->param_count = row->params_max;
		row->handler(model, client, message);
	}
}
