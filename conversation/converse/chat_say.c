/* SPDX-License-Identifier: MIT */
/* The outbox: lines are kept until the server has answered, and until their receipts are final. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/converse/chat_private.h"
#include "conversation/irc/utf8.h"

/* Maximum length of the server's prefix of a text: the longest source, " PRIVMSG ", " :". */
#define PREFIX_BYTES (1 + APO_SOURCE_BYTES_MAX + 9 + 2)

static struct cv_line *line_of(struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct cv_line, link);
}

static char *name_of(const struct cv_chat *chat, uint64_t number, char name[CV_NAME_SIZE])
{
	snprintf(name, CV_NAME_SIZE, "%016" PRIx64 ".%" PRIu64, chat->stream, number);
	return name;
}

/* ---- the outbox ---- */

static struct cv_line *add(struct cv_chat *chat, uint64_t number, const char *target,
			   const char *text, size_t len)
{
	struct cv_line *line = calloc(1, sizeof *line + len + 1);

	if (!line)
		abort();
	line->number = number;
	snprintf(line->target, sizeof line->target, "%s", target);
	memcpy(line->text, text, len);
	rudp_list_append(&chat->lines, &line->link);
	chat->line_count++;
	return line;
}

static void drop(struct cv_chat *chat, struct cv_line *line)
{
	rudp_list_remove(&line->link);
	if (line->state == CV_LINE_UNDER_WAY)
		chat->answer_at_ns = chat->now_at_ns;
	chat->line_count--;
	chat->under_way -= line->state == CV_LINE_UNDER_WAY;
	chat->said_count -= line->state == CV_LINE_SAID;
	chat->shown_count -= line->is_shown;
	chat->calls->drop_line(chat->of, line->number);
	free(line);
}

static struct cv_line *find(const struct cv_chat *chat, uint64_t number)
{
	struct rudp_list *link = chat->lines.next;

	/* An answer is for one of the first lines. */
	for (; link != &chat->lines && line_of(link)->number <= number; link = link->next)
		if (line_of(link)->number == number)
			return line_of(link);
	return NULL;
}

void cv_chat_restore_line(struct cv_chat *chat, uint64_t number, const char *target,
			  const char *text)
{
	char name[CV_NAME_SIZE];
	struct cv_line *line = add(chat, number, target, text, strlen(text));

	line->is_shown = cv_dedup_has(&chat->dedup, cv_dedup_hash(name_of(chat, number, name)));
	chat->shown_count += line->is_shown;
}

static bool is_sayable(const char *target, const char *text)
{
	return apo_is_word(target) && strlen(target) <= APO_CHANNEL_BYTES_MAX + 1 &&
	       !strpbrk(target, ",\r\n") && !strpbrk(text, "\r\n") &&
	       apo_utf8_is_valid(text, strlen(text)) && apo_utf8_is_valid(target, strlen(target));
}

int cv_chat_say(struct cv_chat *chat, const char *target, const char *text, uint64_t *last)
{
	size_t max = APO_BODY_BYTES_MAX - 2 - PREFIX_BYTES - strlen(target), len = strlen(text), n;
	char part[APO_BODY_BYTES_MAX];
	int count = 0;

	if (!is_sayable(target, text) || (*text == 1 && len > max))
		return -EINVAL;
	if (chat->line_count + len / (max - 3) + 1 > CV_OUTBOX_MAX)
		return -EAGAIN;
	while (len > 0) {
		n = apo_utf8_cut(text, len, max);
		memcpy(part, text, n);
		part[n] = 0;
		(void)add(chat, ++chat->last_number, target, part, n);
		chat->calls->keep_line(chat->of, chat->last_number, target, part);
		text += n;
		len -= n;
		count++;
	}
	*last = chat->last_number;
	cv_send_waiting(chat);
	return count;
}

static void send_line(struct cv_chat *chat, struct cv_line *line)
{
	char name[CV_NAME_SIZE];

	line->state = CV_LINE_UNDER_WAY;
	if (chat->under_way++ == 0)
		chat->answer_at_ns = chat->now_at_ns;
	cv_send_line(chat, "@label=%" PRIu64 ";" CV_LINE_TAG "=%s PRIVMSG %s :%s", line->number,
		     name_of(chat, line->number, name), line->target, line->text);
}

/* Each said line needs a place for its receipt: slow recipients delay later lines. */
static bool may_send(const struct cv_chat *chat)
{
	return chat->under_way < CV_WINDOW && chat->under_way + chat->said_count < CV_RECEIPTS_MAX;
}

/* Sends in order: a line that must wait delays those after it. */
void cv_send_waiting(struct cv_chat *chat)
{
	struct rudp_list *link = chat->lines.next;
	const struct cv_channel *channel;

	if (chat->state != CV_READY)
		return;
	for (; link != &chat->lines && may_send(chat); link = link->next) {
		if (line_of(link)->state != CV_LINE_WAITING)
			continue;
		channel = cv_channel_of(chat, line_of(link)->target);
		if (channel && channel->state != CV_IN)
			return;
		send_line(chat, line_of(link));
	}
}

/* ---- answers ---- */

uint64_t cv_number_of(const struct cv_chat *chat, const char *line_tag)
{
	uint64_t stream, number;
	char dot;

	if (!line_tag || strlen(line_tag) > 40 ||
	    sscanf(line_tag, "%16" SCNx64 "%c%" SCNu64, &stream, &dot, &number) != 3 ||
	    dot != '.' || stream != chat->stream)
		return 0;
	return number;
}

static struct cv_receipt *receipt_of(struct cv_chat *chat, const char *msgid)
{
	unsigned i;

	for (i = 0; i < CV_RECEIPTS_MAX; i++)
		if (chat->receipts[i].msgid[0] && strcmp(chat->receipts[i].msgid, msgid) == 0)
			return chat->receipts + i;
	return NULL;
}

/* Gives up waiting for a receipt, because its place is needed: delivery will stay unknown. */
static void give_up_receipt(struct cv_chat *chat, struct cv_receipt *receipt)
{
	struct cv_line *line = receipt->msgid[0] ? find(chat, receipt->number) : NULL;

	memset(receipt, 0, sizeof *receipt);
	if (!line || line->state != CV_LINE_SAID)
		return;
	chat->receipts_missing++;
	drop(chat, line);
}

static struct cv_receipt *add_receipt(struct cv_chat *chat, const char *msgid, uint64_t number)
{
	struct cv_receipt *receipt = receipt_of(chat, msgid);

	if (receipt || !*msgid || strlen(msgid) >= CV_MSGID_SIZE)
		return receipt;
	receipt = chat->receipts + chat->next_receipt;
	chat->next_receipt = (chat->next_receipt + 1) % CV_RECEIPTS_MAX;
	give_up_receipt(chat, receipt);
	snprintf(receipt->msgid, sizeof receipt->msgid, "%s", msgid);
	receipt->number = number;
	return receipt;
}

static void show_said(struct cv_chat *chat, struct cv_line *line, const struct cv_shown *echo)
{
	struct cv_shown said = *echo;

	if (line->is_shown)
		return;
	line->is_shown = true;
	chat->shown_count++;
	said.kind = CV_SAID;
	said.number = line->number;
	cv_show(chat, said);
}

/* A restart of the server can lose a line. So it stays here until all recipients have it. */
static void let_go(struct cv_chat *chat, struct cv_line *line, bool is_whole)
{
	if (line->is_final || (is_whole && !line->has_receipt))
		drop(chat, line);
}

void cv_on_echo(struct cv_chat *chat, uint64_t number, const struct cv_shown *echo,
		const char *msgid, bool is_whole)
{
	struct cv_line *line = find(chat, number);

	if (!line)
		return;
	chat->answer_at_ns = chat->now_at_ns;
	chat->under_way -= line->state == CV_LINE_UNDER_WAY;
	chat->said_count += line->state != CV_LINE_SAID;
	line->state = CV_LINE_SAID;
	show_said(chat, line, echo);
	if (msgid && !is_whole)
		(void)add_receipt(chat, msgid, number);
	let_go(chat, line, is_whole);
	cv_send_waiting(chat);
}

void cv_on_answered(struct cv_chat *chat, uint64_t number)
{
	struct cv_line *line = find(chat, number);

	if (line && line->state == CV_LINE_SAID)
		let_go(chat, line, true);
	cv_send_waiting(chat);
}

void cv_on_refused(struct cv_chat *chat, uint64_t number, const char *reason)
{
	struct cv_line *line = find(chat, number);

	if (!line)
		return;
	cv_show(chat, (struct cv_shown){.kind = CV_FAILED,
					.channel = line->target,
					.text = reason,
					.number = number});
	drop(chat, line);
	cv_send_waiting(chat);
}

static void on_final(struct cv_chat *chat, struct cv_receipt *receipt, bool is_missing)
{
	struct cv_line *line = find(chat, receipt->number);

	memset(receipt, 0, sizeof *receipt);
	chat->receipts_missing += is_missing;
	if (!line)
		return;
	line->is_final = true;
	if (line->state == CV_LINE_SAID)
		drop(chat, line);
	cv_send_waiting(chat);
}

void cv_on_receipt(struct cv_chat *chat, uint64_t label, const struct apo_message *message,
		   const char *time)
{
	struct cv_receipt *receipt = receipt_of(chat, message->params[0]);
	struct cv_shown shown = {.kind = CV_RECEIPT, .time = time};
	struct cv_line *line;

	if (message->param_count < 5)
		return;
	if (!receipt && label)
		receipt = add_receipt(chat, message->params[0], label);
	if (!receipt)
		return;
	line = find(chat, receipt->number);
	if (line)
		line->has_receipt = true;
	shown.channel = message->params[1];
	shown.number = receipt->number;
	shown.arrived = (unsigned)strtoul(message->params[2], NULL, 10);
	shown.recipients = (unsigned)strtoul(message->params[3], NULL, 10);
	shown.is_final = strcmp(message->params[4], "final") == 0;
	shown.text = message->param_count > 5 ? message->params[5] : "";
	if (shown.is_final)
		on_final(chat, receipt, shown.arrived < shown.recipients);
	cv_show(chat, shown);
}

void cv_lines_on_session_lost(struct cv_chat *chat)
{
	struct rudp_list *link = chat->lines.next;

	for (; link != &chat->lines; link = link->next) {
		line_of(link)->state = CV_LINE_WAITING;
		line_of(link)->has_receipt = line_of(link)->is_final = false;
	}
	chat->under_way = chat->said_count = 0;
	memset(chat->receipts, 0, sizeof chat->receipts);
}

void cv_lines_on_quit(struct cv_chat *chat)
{
	struct rudp_list *link = chat->lines.next, *next;

	for (; link != &chat->lines; link = next) {
		next = link->next;
		if (line_of(link)->state != CV_LINE_SAID)
			continue;
		chat->receipts_missing++;
		drop(chat, line_of(link));
	}
}

void cv_lines_free(struct cv_chat *chat)
{
	struct rudp_list *link;

	while ((link = rudp_list_pop(&chat->lines)))
		free(line_of(link));
}

/* ---- state ---- */

size_t cv_chat_unsaid(const struct cv_chat *chat)
{
	return chat->line_count - chat->shown_count;
}

size_t cv_chat_receipts_open(const struct cv_chat *chat)
{
	return chat->shown_count;
}

uint64_t cv_chat_receipts_missing(const struct cv_chat *chat)
{
	return chat->receipts_missing;
}
