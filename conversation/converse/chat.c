/* SPDX-License-Identifier: MIT */
/* Sessions: how they begin, and how they are lost. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/converse/chat_private.h"

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* ---- output ---- */

void cv_send_line(struct cv_chat *chat, const char *format, ...)
{
	char line[APO_FRAME_LINE_MAX + 1];
	struct apo_frame frame = {.kind = APO_FRAME_LINE, .session = chat->session, .text = line};
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	frame.text_len = len < 0 ? 0 : (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
	chat->calls->send(chat->of, &frame);
}

void cv_show(struct cv_chat *chat, struct cv_shown shown)
{
	char now[APO_STAMP_BYTES];

	apo_stamp_write(now, chat->wall_ms);
	shown.time = shown.time ? shown.time : now;
	shown.channel = shown.channel ? shown.channel : "";
	shown.nick = shown.nick ? shown.nick : "";
	shown.text = shown.text ? shown.text : "";
	chat->calls->show(chat->of, &shown);
}

void cv_tell(struct cv_chat *chat, enum cv_kind kind, const char *channel, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	cv_show(chat, (struct cv_shown){.kind = kind, .channel = channel, .text = text});
}

/* ---- sessions ---- */

static void begin_session(struct cv_chat *chat)
{
	struct apo_frame open = {.kind = APO_FRAME_OPEN};

	do
		chat->session = chat->seed++;
	while (chat->session == 0);
	chat->state = CV_OPENED;
	chat->is_confirmed = false;
	chat->offered = chat->caps = 0;
	chat->retry_at_ns = RUDP_NEVER;
	copy(chat->nick, sizeof chat->nick, chat->wanted_nick);
	open.session = chat->session;
	chat->calls->send(chat->of, &open);
	cv_send_line(chat, "CAP LS 302");
	cv_send_line(chat, "NICK %s", chat->nick);
	cv_send_line(chat, "USER %s 0 * :%s", chat->user, chat->user);
}

void cv_session_lost(struct cv_chat *chat)
{
	memset(chat->batches, 0, sizeof chat->batches);
	cv_channels_on_session_lost(chat);
	cv_lines_on_session_lost(chat);
	chat->session = 0;
	if (chat->state != CV_OVER)
		chat->state = CV_OFFLINE;
}

static void on_hello(struct cv_chat *chat, const struct apo_frame *hello)
{
	bool is_other_run = chat->has_epoch && hello->epoch != chat->epoch;
	bool is_lost = chat->session && chat->is_confirmed && hello->session != chat->session;

	chat->epoch = hello->epoch;
	chat->has_epoch = true;
	if (chat->state == CV_OVER || (chat->session && !is_other_run && !is_lost))
		return;
	if (chat->session) {
		cv_tell(chat, CV_STATUS, NULL, "%s",
			is_other_run ? "the server was restarted" : "the session was lost");
		cv_session_lost(chat);
	}
	begin_session(chat);
}

/* The session has ended. Pauses become longer, so that two programs with one id do not end each
 * other's sessions without pause. */
static void retry_later(struct cv_chat *chat)
{
	if (chat->state == CV_READY && chat->now_at_ns - chat->ready_at_ns >= CV_STEADY_NS)
		chat->retry_ns = CV_RETRY_FIRST_NS;
	cv_session_lost(chat);
	if (chat->state == CV_OVER)
		return;
	chat->retry_at_ns = chat->now_at_ns + chat->retry_ns;
	chat->retry_ns = rudp_time_min(2 * chat->retry_ns, CV_RETRY_MAX_NS);
}

static void on_close(struct cv_chat *chat, const struct apo_frame *close)
{
	if (close->session != chat->session)
		return;
	retry_later(chat);
	if (chat->state != CV_OVER)
		cv_tell(chat, CV_STATUS, NULL, "the server has closed the session: %.*s",
			(int)close->text_len, close->text);
}

void cv_session_give_up(struct cv_chat *chat, const char *reason)
{
	static const char text[] = "Trying again later";
	struct apo_frame close = {.kind = APO_FRAME_CLOSE,
				  .session = chat->session,
				  .text = text,
				  .text_len = sizeof text - 1};

	if (!chat->session)
		return;
	cv_tell(chat, CV_STATUS, NULL, "the server does nothing now: %s", reason);
	chat->calls->send(chat->of, &close);
	retry_later(chat);
}

void cv_chat_on_message(struct cv_chat *chat, const void *bytes, size_t len)
{
	struct apo_frame frame = {.kind = APO_FRAME_HELLO};
	enum apo_frame_verdict verdict = apo_frame_read(bytes, len, &frame);

	if (verdict == APO_FRAME_OTHER && !chat->version_error[0]) {
		snprintf(chat->version_error, sizeof chat->version_error,
			 "the server speaks another version of the frames than %d",
			 APO_FRAME_VERSION);
		return;
	}
	if (verdict != APO_FRAME_OK)
		return;
	switch (frame.kind) {
	case APO_FRAME_HELLO:
		on_hello(chat, &frame);
		break;
	case APO_FRAME_OPENED:
		chat->is_confirmed = chat->is_confirmed || frame.session == chat->session;
		break;
	case APO_FRAME_LINE:
		cv_on_line(chat, frame.text, frame.text_len, frame.session == chat->session);
		break;
	case APO_FRAME_CLOSE:
		on_close(chat, &frame);
		break;
	case APO_FRAME_OPEN: /* only clients send it */
		break;
	}
}

void cv_on_welcome(struct cv_chat *chat, const char *nick)
{
	if (chat->state != CV_OPENED)
		return;
	if ((chat->caps & CV_CAPS_NEEDED) != CV_CAPS_NEEDED) {
		snprintf(chat->version_error, sizeof chat->version_error,
			 "the server does not have all of message-tags, batch, echo-message and "
			 "labeled-response");
		return;
	}
	chat->state = CV_READY;
	chat->ready_at_ns = chat->now_at_ns;
	copy(chat->nick, sizeof chat->nick, nick);
	cv_tell(chat, CV_STATUS, NULL, "registered as %s", nick);
	cv_channels_join(chat);
	cv_send_waiting(chat);
}

void cv_chat_on_link(struct cv_chat *chat, bool is_up)
{
	if (!is_up && !chat->is_linked)
		return;
	chat->is_linked = is_up;
	cv_tell(chat, CV_STATUS, NULL, "%s",
		is_up ? "connected"
		      : "the connection is broken; what is said waits for the next one");
}

/* ---- time ---- */

void cv_chat_set_now(struct cv_chat *chat, int64_t now_at_ns, int64_t wall_ms)
{
	chat->now_at_ns = now_at_ns;
	chat->wall_ms = wall_ms;
	cv_servers_note(chat);
}

int64_t cv_chat_next_at_ns(const struct cv_chat *chat)
{
	return rudp_time_min(rudp_time_min(chat->retry_at_ns, cv_servers_next_at_ns(chat)),
			     cv_channels_next_at_ns(chat));
}

void cv_chat_on_time(struct cv_chat *chat)
{
	if (chat->retry_at_ns <= chat->now_at_ns && chat->state == CV_OFFLINE) {
		chat->is_server_left = chat->has_other_servers;
		chat->retry_at_ns = RUDP_NEVER;
		if (!chat->is_server_left)
			begin_session(chat);
	}
	cv_channels_on_time(chat);
	cv_send_waiting(chat);
	cv_servers_note(chat);
}

/* ---- the user's requests ---- */

void cv_chat_nick(struct cv_chat *chat, const char *nick)
{
	copy(chat->wanted_nick, sizeof chat->wanted_nick, nick);
	if (chat->session)
		cv_send_line(chat, "NICK %s", chat->wanted_nick);
}

bool cv_chat_raw(struct cv_chat *chat, const char *line)
{
	if (chat->session)
		cv_send_line(chat, "%s", line);
	return chat->session != 0;
}

void cv_chat_quit(struct cv_chat *chat, const char *reason)
{
	if (chat->session)
		cv_send_line(chat, "QUIT :%s", reason);
	cv_lines_on_quit(chat);
	chat->state = CV_OVER;
	chat->retry_at_ns = RUDP_NEVER;
}

/* ---- state ---- */

bool cv_chat_is_over(const struct cv_chat *chat)
{
	return chat->state == CV_OVER && chat->session == 0;
}

const char *cv_chat_version_error(const struct cv_chat *chat)
{
	return chat->version_error[0] ? chat->version_error : NULL;
}

const char *cv_chat_own_nick(const struct cv_chat *chat)
{
	return chat->nick;
}

/* ---- creation ---- */

struct cv_chat *cv_chat_new(const struct cv_start *start)
{
	struct cv_chat *chat = calloc(1, sizeof *chat);

	if (!chat)
		abort();
	chat->calls = start->calls;
	chat->of = start->of;
	chat->stream = start->stream;
	chat->seed = start->seed;
	chat->history = start->history;
	chat->last_number = start->last_number;
	chat->has_other_servers = start->has_other_servers;
	chat->retry_at_ns = chat->unwell_at_ns = RUDP_NEVER;
	chat->retry_ns = CV_RETRY_FIRST_NS;
	copy(chat->wanted_nick, sizeof chat->wanted_nick, start->nick);
	copy(chat->nick, sizeof chat->nick, start->nick);
	copy(chat->user, sizeof chat->user, start->user);
	chat->uses_key = start->uses_key;
	copy(chat->password, sizeof chat->password, start->password ? start->password : "");
	rudp_list_init(&chat->lines);
	return chat;
}

void cv_chat_free(struct cv_chat *chat)
{
	while (chat->channel_count > 0)
		cv_channel_drop(chat, chat->channels[0]);
	cv_lines_free(chat);
	sodium_memzero(chat->password, sizeof chat->password);
	free(chat);
}
