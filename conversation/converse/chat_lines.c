/* SPDX-License-Identifier: MIT */
/* Handles the lines that the server sends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/converse/chat_private.h"

struct heard {
	struct apo_message message;
	struct apo_source from;
	const char *time, *msgid, *name; /* tags; NULL: none */
	struct cv_batch *batch;          /* the batch that it belongs to; NULL: none */
	uint64_t label;                  /* of our line that it answers; 0: none */
	const char *line;                /* unparsed */
	size_t len;
};

static const char *param(const struct heard *heard, unsigned i)
{
	return i < heard->message.param_count ? heard->message.params[i] : "";
}

static const char *last_param(const struct heard *heard)
{
	return heard->message.param_count ? heard->message.params[heard->message.param_count - 1]
					  : "";
}

static bool is_own(const struct cv_chat *chat, const char *nick)
{
	return apo_is_same(chat->nick, nick);
}

/* ---- messages ---- */

/* Has this message come before? It comes twice if its sender repeated it after a lost session, or
 * if it is in the history as well. */
static bool is_known(struct cv_chat *chat, const char *name)
{
	uint64_t hash;

	if (!name)
		return false;
	hash = cv_dedup_hash(name);
	if (cv_dedup_has(&chat->dedup, hash))
		return true;
	chat->calls->keep_received(chat->of, cv_dedup_add(&chat->dedup, hash), hash);
	return false;
}

static void note_last(struct cv_chat *chat, const struct heard *heard)
{
	struct cv_channel *channel = cv_channel_of(chat, param(heard, 0));

	if (!channel || !heard->msgid || strlen(heard->msgid) >= sizeof channel->last ||
	    strpbrk(heard->msgid, " \r\n"))
		return;
	snprintf(channel->last, sizeof channel->last, "%s", heard->msgid);
	chat->calls->keep_last(chat->of, channel->name, channel->last);
}

static void on_message(struct cv_chat *chat, const struct heard *heard)
{
	bool is_notice = strcmp(heard->message.command, "NOTICE") == 0;
	struct cv_shown shown = {.kind = is_notice ? CV_NOTICE : CV_MESSAGE,
				 .time = heard->time,
				 .channel = param(heard, 0),
				 .nick = heard->from.nick,
				 .text = param(heard, 1),
				 .is_history = heard->batch && heard->batch->is_history};
	struct cv_channel *channel = cv_channel_of(chat, shown.channel);
	uint64_t number = cv_number_of(chat, heard->name);
	bool is_duplicate;

	if (channel && !shown.is_history && cv_channel_defers(channel, heard->line, heard->len))
		return;
	/* Both names must be remembered: either may come the next time. */
	is_duplicate = is_known(chat, heard->msgid);
	is_duplicate = is_known(chat, heard->name) || is_duplicate;
	note_last(chat, heard);
	if (channel && shown.is_history)
		channel->page_lines++;
	if (number)
		cv_on_echo(chat, number, &shown, heard->msgid,
			   shown.is_history || !heard->batch || !heard->batch->label);
	else if (!is_duplicate)
		cv_show(chat, shown);
}

static void on_receipt(struct cv_chat *chat, const struct heard *heard)
{
	cv_on_receipt(chat, heard->label, &heard->message, heard->time);
}

/* ---- the session ---- */

static void on_ping(struct cv_chat *chat, const struct heard *heard)
{
	cv_send_line(chat, "PONG :%s", last_param(heard));
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word), n;

	for (; *words; words += n) {
		words += strspn(words, " ");
		n = strcspn(words, " ");
		if (n >= len && strncmp(words, word, len) == 0 && (n == len || words[len] == '='))
			return true;
	}
	return false;
}

static uint32_t caps_in(const char *words)
{
	uint32_t caps = 0;

#define X(name, text) caps |= has_word(words, text) ? 1u << CV_CAP_##name : 0;
	CV_CAPS(X)
#undef X
	return caps;
}

static void request_caps(struct cv_chat *chat)
{
	char words[256] = "";
	size_t len = 0;

	if (!chat->password[0] && !chat->uses_key)
		chat->offered &= ~(1u << CV_CAP_SASL);
	if (chat->uses_key && !(chat->offered & 1u << CV_CAP_SASL))
		cv_tell(chat, CV_STATUS, NULL,
			"not logged in: the server has no accounts, or sees no key of ours");

#define X(name, text)                                                                              \
	if (chat->offered & 1u << CV_CAP_##name)                                                   \
		len += (size_t)snprintf(words + len, sizeof words - len, "%s%s", len ? " " : "",   \
					text);
	CV_CAPS(X)
#undef X
	if (len > 0)
		cv_send_line(chat, "CAP REQ :%s", words);
	else
		cv_send_line(chat, "CAP END");
}

static void on_cap(struct cv_chat *chat, const struct heard *heard)
{
	const char *what = param(heard, 1);

	if (strcmp(what, "LS") == 0) {
		chat->offered |= caps_in(last_param(heard));
		cv_login_on_offer(chat, last_param(heard));
		if (strcmp(param(heard, 2), "*") != 0)
			request_caps(chat);
	} else if (strcmp(what, "ACK") == 0 || strcmp(what, "NAK") == 0) {
		if (what[0] == 'A')
			chat->caps |= caps_in(last_param(heard));
		if (chat->caps & 1u << CV_CAP_SASL)
			cv_login_begin(chat);
		else
			cv_send_line(chat, "CAP END");
	} else if (strcmp(what, "NEW") == 0)
		chat->offered |= caps_in(last_param(heard));
	else if (strcmp(what, "DEL") == 0)
		chat->caps &= ~caps_in(last_param(heard));
}

static void on_authenticate(struct cv_chat *chat, const struct heard *heard)
{
	cv_login_on_challenge(chat, param(heard, 0));
}

static void on_login(struct cv_chat *chat, const struct heard *heard)
{
	cv_login_on_result(chat, heard->message.command, last_param(heard));
}

static void on_welcome(struct cv_chat *chat, const struct heard *heard)
{
	cv_on_welcome(chat, param(heard, 0));
}

/* Before the welcome we try another nick; if that is taken as well, one with a longer tail. */
static void on_nick_taken(struct cv_chat *chat, const struct heard *heard)
{
	size_t len = strlen(chat->nick);

	cv_tell(chat, CV_INFO, NULL, "%s: %s", param(heard, 1), last_param(heard));
	if (chat->state != CV_OPENED)
		return;
	if (len > 0 && len + 1 < 30) {
		chat->nick[len] = '_';
		chat->nick[len + 1] = 0;
		cv_send_line(chat, "NICK %s", chat->nick);
	}
}

static void on_error(struct cv_chat *chat, const struct heard *heard)
{
	if (chat->state != CV_OVER)
		cv_tell(chat, CV_STATUS, NULL, "%s", last_param(heard));
}

/* ---- batches ---- */

static uint64_t number_in(const char *label)
{
	return label && *label ? strtoull(label, NULL, 10) : 0;
}

static struct cv_batch *batch_of(struct cv_chat *chat, const char *ref)
{
	unsigned i;

	for (i = 0; ref && *ref && i < CV_BATCHES_MAX; i++)
		if (strcmp(chat->batches[i].ref, ref) == 0)
			return chat->batches + i;
	return NULL;
}

static void on_batch(struct cv_chat *chat, const struct heard *heard)
{
	const char *ref = param(heard, 0);
	struct cv_batch *batch = batch_of(chat, *ref ? ref + 1 : NULL), ended;

	if (*ref == '-' && batch) {
		ended = *batch;
		memset(batch, 0, sizeof *batch);
		if (ended.is_history && ended.channel)
			cv_channel_on_history_end(chat, ended.channel);
		if (ended.label)
			cv_on_answered(chat, ended.label);
	} else if (*ref == '+' && strlen(ref + 1) < sizeof batch->ref) {
		batch = chat->batches + chat->next_batch;
		chat->next_batch = (chat->next_batch + 1) % CV_BATCHES_MAX;
		*batch =
			(struct cv_batch){.is_history = strcmp(param(heard, 1), "chathistory") == 0,
					  .label = heard->label};
		snprintf(batch->ref, sizeof batch->ref, "%s", ref + 1);
		if (batch->is_history)
			batch->channel = cv_channel_of(chat, param(heard, 2));
	}
}

/* ---- channels ---- */

static void on_join(struct cv_chat *chat, const struct heard *heard)
{
	struct cv_channel *channel = cv_channel_of(chat, param(heard, 0));

	if (is_own(chat, heard->from.nick)) {
		channel = channel ? channel : cv_channel_add(chat, param(heard, 0));
		if (channel)
			cv_channel_on_joined(channel);
		return;
	}
	if (!channel)
		return;
	cv_members_add(&channel->members, heard->from.nick);
	cv_tell(chat, CV_EVENT, channel->name, "%s has joined", heard->from.nick);
	if (channel->state == CV_GATHERING)
		cv_channel_on_names(chat, channel);
}

static void leave(struct cv_chat *chat, const char *name, const char *nick, const char *how,
		  const char *reason)
{
	struct cv_channel *channel = cv_channel_of(chat, name);

	if (!channel)
		return;
	cv_members_remove(&channel->members, nick);
	cv_tell(chat, CV_EVENT, channel->name, "%s %s%s%s", nick, how, *reason ? ": " : "", reason);
	if (is_own(chat, nick)) {
		cv_channel_drop(chat, channel);
		cv_send_waiting(chat);
	}
}

static void on_part(struct cv_chat *chat, const struct heard *heard)
{
	leave(chat, param(heard, 0), heard->from.nick, "has left", param(heard, 1));
}

static void on_kick(struct cv_chat *chat, const struct heard *heard)
{
	leave(chat, param(heard, 0), param(heard, 1), "was kicked", param(heard, 2));
}

static void on_quit(struct cv_chat *chat, const struct heard *heard)
{
	unsigned i;

	for (i = 0; i < chat->channel_count; i++) {
		struct cv_channel *channel = chat->channels[i];

		if (!cv_members_has(&channel->members, heard->from.nick))
			continue;
		cv_members_remove(&channel->members, heard->from.nick);
		cv_tell(chat, CV_EVENT, channel->name, "%s has quit: %s", heard->from.nick,
			param(heard, 0));
	}
}

static void on_nick(struct cv_chat *chat, const struct heard *heard)
{
	unsigned i;

	if (is_own(chat, heard->from.nick)) {
		snprintf(chat->nick, sizeof chat->nick, "%s", param(heard, 0));
		cv_tell(chat, CV_STATUS, NULL, "you are %s now", chat->nick);
	}
	for (i = 0; i < chat->channel_count; i++) {
		struct cv_channel *channel = chat->channels[i];

		if (!cv_members_has(&channel->members, heard->from.nick))
			continue;
		cv_members_remove(&channel->members, heard->from.nick);
		cv_members_add(&channel->members, param(heard, 0));
		cv_tell(chat, CV_EVENT, channel->name, "%s is %s now", heard->from.nick,
			param(heard, 0));
	}
}

static void on_topic(struct cv_chat *chat, const struct heard *heard)
{
	cv_tell(chat, CV_EVENT, param(heard, 0), "%s has set the topic: %s", heard->from.nick,
		param(heard, 1));
}

static void on_topic_is(struct cv_chat *chat, const struct heard *heard)
{
	cv_tell(chat, CV_EVENT, param(heard, 1), "the topic: %s", last_param(heard));
}

static void on_names(struct cv_chat *chat, const struct heard *heard)
{
	struct cv_channel *channel = cv_channel_of(chat, param(heard, 2));
	const char *names = last_param(heard);
	char nick[APO_NICK_BYTES_MAX + 1];
	size_t n;

	cv_tell(chat, CV_INFO, NULL, "in %s: %s", param(heard, 2), names);
	for (; channel && *names; names += n) {
		names += strspn(names, " @+");
		n = strcspn(names, " !");
		snprintf(nick, sizeof nick, "%.*s", (int)(n < sizeof nick ? n : sizeof nick - 1),
			 names);
		if (*nick)
			cv_members_add(&channel->members, nick);
		n = strcspn(names, " ");
	}
}

static void on_names_end(struct cv_chat *chat, const struct heard *heard)
{
	struct cv_channel *channel = cv_channel_of(chat, param(heard, 1));

	if (channel)
		cv_channel_on_names(chat, channel);
}

static void on_not_joined(struct cv_chat *chat, const struct heard *heard)
{
	struct cv_channel *channel = cv_channel_of(chat, param(heard, 1));

	if (!channel || channel->state != CV_JOINING) {
		cv_tell(chat, CV_INFO, NULL, "%s: %s", param(heard, 1), last_param(heard));
		return;
	}
	cv_show(chat, (struct cv_shown){.kind = CV_NOT_JOINED,
					.channel = channel->name,
					.text = last_param(heard)});
	cv_channel_drop(chat, channel);
	cv_send_waiting(chat);
}

static bool is_about(const struct heard *heard, const struct cv_channel *channel)
{
	bool is_named = false;
	unsigned i;

	for (i = 2; i + 1 < heard->message.param_count; i++) {
		if (apo_is_same(param(heard, i), channel->name))
			return true;
		is_named = is_named || *param(heard, i) == '#';
	}
	return !is_named;
}

/* The server compares its history with that of other nodes, or cannot read it just now: what was
 * missed is requested again, lest it be skipped. */
static void on_no_history(struct cv_chat *chat, const struct heard *heard)
{
	bool is_for_now = strcmp(param(heard, 1), "MESSAGE_ERROR") == 0;
	unsigned i;

	for (i = 0; i < chat->channel_count; i++) {
		struct cv_channel *channel = chat->channels[i];

		if (channel->state != CV_CATCHING_UP || !is_about(heard, channel) ||
		    (is_for_now && cv_channel_asks_later(chat, channel)))
			continue;
		cv_tell(chat, CV_INFO, NULL, "no history of %s: %s", channel->name,
			last_param(heard));
		cv_channel_on_history_end(chat, channel);
	}
}

/* FAIL command code [context ...] :text */
static void on_fail(struct cv_chat *chat, const struct heard *heard)
{
	if (strcmp(param(heard, 0), "CHATHISTORY") == 0)
		on_no_history(chat, heard);
	else
		cv_tell(chat, CV_INFO, NULL, "%s: %s", param(heard, 0), last_param(heard));
}

static void ignore(struct cv_chat *chat, const struct heard *heard)
{
	(void)chat;
	(void)heard;
}

/* ---- dispatch ---- */

static const struct {
	const char *command;
	void (*on)(struct cv_chat *chat, const struct heard *heard);
} rows[] = {
	{"PRIVMSG", on_message}, {"NOTICE", on_message},
	{"RECEIPT", on_receipt}, {"PING", on_ping},
	{"CAP", on_cap},         {"001", on_welcome},
	{"432", on_nick_taken},  {"433", on_nick_taken},
	{"437", on_nick_taken},  {"AUTHENTICATE", on_authenticate},
	{"903", on_login},       {"902", on_login},
	{"904", on_login},       {"905", on_login},
	{"906", on_login},       {"908", on_login},
	{"ERROR", on_error},     {"BATCH", on_batch},
	{"JOIN", on_join},       {"PART", on_part},
	{"KICK", on_kick},       {"QUIT", on_quit},
	{"NICK", on_nick},       {"TOPIC", on_topic},
	{"332", on_topic_is},    {"353", on_names},
	{"366", on_names_end},   {"403", on_not_joined},
	{"405", on_not_joined},  {"471", on_not_joined},
	{"473", on_not_joined},  {"474", on_not_joined},
	{"475", on_not_joined},  {"476", on_not_joined},
	{"400", on_not_joined},  {"525", on_not_joined},
	{"FAIL", on_fail},       {"PONG", ignore},
	{"TAGMSG", ignore},      {"ACK", ignore},
	{"MODE", ignore},        {"333", ignore},
	{"002", ignore},         {"003", ignore},
	{"004", ignore},         {"005", ignore},
};

static void dispatch(struct cv_chat *chat, const struct heard *heard)
{
	char words[APO_BODY_BYTES_MAX] = "";
	size_t i, len = 0;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(heard->message.command, rows[i].command) == 0) {
			rows[i].on(chat, heard);
			return;
		}
	for (i = 1; i < heard->message.param_count && len < sizeof words; i++)
		len += (size_t)snprintf(words + len, sizeof words - len, "%s%s", len ? " " : "",
					heard->message.params[i]);
	cv_tell(chat, CV_INFO, NULL, "%s", words);
}

/* Is it an error that answers a line of ours: 4xx, 5xx, FAIL? */
static bool is_refusal(const struct heard *heard)
{
	const char *command = heard->message.command;

	return heard->label && (((*command == '4' || *command == '5') && strlen(command) == 3) ||
				strcmp(command, "FAIL") == 0);
}

/* A server that is cut off from its network refuses what changes anything, for a time. */
static bool is_refusal_for_now(const struct heard *heard)
{
	return strcmp(heard->message.command, "FAIL") == 0 &&
	       strcmp(param(heard, 1), "TEMPORARILY_UNAVAILABLE") == 0 &&
	       (strcmp(param(heard, 0), "PRIVMSG") == 0 || strcmp(param(heard, 0), "JOIN") == 0);
}

static bool is_time(const char *time)
{
	static const char shape[] = "0000-00-00T00:00:00.000Z";
	size_t i;

	for (i = 0; i < sizeof shape; i++)
		if (shape[i] == '0' ? time[i] < '0' || time[i] > '9' : time[i] != shape[i])
			return false;
	return true;
}

static void read_tags(struct cv_chat *chat, struct heard *heard)
{
	heard->time = apo_message_tag(&heard->message, "time");
	if (heard->time && !is_time(heard->time))
		heard->time = NULL;
	heard->msgid = apo_message_tag(&heard->message, "msgid");
	heard->name = apo_message_tag(&heard->message, CV_LINE_TAG);
	heard->label = number_in(apo_message_tag(&heard->message, "label"));
	heard->batch = batch_of(chat, apo_message_tag(&heard->message, "batch"));
	if (!heard->label && heard->batch)
		heard->label = heard->batch->label;
}

/* The tags of a server and of a client together can exceed what is parsed. Then other clients' tags
 * are removed, except the name of the line. Returns the new length. */
static size_t without_other_tags(char *line, size_t len)
{
	const char *space = *line == '@' ? memchr(line, ' ', len) : NULL, *from = line + 1, *end;
	char *to = line + 1;
	size_t n;

	if (!space || space - line < APO_CLIENT_TAGS_BYTES_MAX)
		return len;
	for (; from < space; from = end) {
		end = memchr(from, ';', (size_t)(space - from));
		end = end ? end + 1 : space;
		n = (size_t)(end - from);
		if (*from == '+' && strncmp(from, CV_LINE_TAG "=", sizeof CV_LINE_TAG) != 0)
			continue;
		memmove(to, from, n);
		to += n;
	}
	n = len - (size_t)(space - line);
	memmove(to, space, n);
	return (size_t)(to - line) + n;
}

void cv_on_line(struct cv_chat *chat, const char *line, size_t len, bool is_present)
{
	char copy[APO_FRAME_LINE_MAX + 2];
	char source[APO_SOURCE_BYTES_MAX + 1];
	struct heard heard = {.line = line, .len = len};

	if (len > APO_FRAME_LINE_MAX)
		return;
	memcpy(copy, line, len);
	len = without_other_tags(copy, len);
	if (apo_message_parse(copy, len, &heard.message) != APO_MESSAGE_OK)
		return;
	snprintf(source, sizeof source, "%s", heard.message.source ? heard.message.source : "");
	heard.from = apo_source_split(source);
	read_tags(chat, &heard);
	if (!is_present) {
		/* The line is from an earlier session: its messages are shown, its state is
		 * outdated. */
		heard.batch = NULL;
		if (strcmp(heard.message.command, "PRIVMSG") == 0)
			on_message(chat, &heard);
		return;
	}
	if (is_refusal_for_now(&heard)) {
		cv_session_give_up(chat, last_param(&heard));
		return;
	}
	if (is_refusal(&heard)) {
		cv_on_refused(chat, heard.label, last_param(&heard));
		return;
	}
	dispatch(chat, &heard);
}

void cv_chat_restore_received(struct cv_chat *chat, uint64_t hash)
{
	(void)cv_dedup_add(&chat->dedup, hash);
}
