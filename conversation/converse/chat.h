/* SPDX-License-Identifier: MIT */
/*
 * chat - the client's side of the conversation, without sockets and clock: it opens sessions,
 * registers, joins, says what is to be said once, and shows what others say once.
 *
 * Once     a line to be said stays in the outbox until the server has echoed it (echo-message) and
 *          its receipt is final (those who should have it do, or have gone), or it was refused
 *          (labeled-response). Whenever a session is lost before that it is said again in the next
 *          one; each line has a name, the client tag CV_LINE_TAG, by which those who get it twice
 *          know that, as do we. docs/conversation.md, "converse".
 * Restart  where the session was lost, what is left to be said in a channel waits until those who
 *          were in it are back, at most CV_GATHER_NS.
 * Limits   CV_WINDOW lines are under way at once, so that no flood control is met unawares.
 * Threads  none: one owner, who implements cv_calls.
 * Memory   what cannot be had ends the process (abort): with nothing kept nothing is lost that was
 *          answered.
 */
#ifndef CV_CHAT_H
#define CV_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "conversation/irc/frame.h"

#define CV_LINE_TAG "+apollonion/line"
#define CV_CHANNELS_MAX 64
#define CV_MEMBERS_MAX 512 /* of a channel: with more nobody is waited for */
#define CV_WINDOW 8
#define CV_PASSWORD_MAX 200 /* bytes */
#define CV_OUTBOX_MAX 65536
#define CV_DEFERRED_MAX 4096 /* lines that wait until history has come */
#define CV_GATHER_NS (10 * RUDP_NS_PER_S)
#define CV_HISTORY_NS (10 * RUDP_NS_PER_S) /* then it is gone on without it */
#define CV_RETRY_FIRST_NS (1 * RUDP_NS_PER_S)
#define CV_RETRY_MAX_NS (30 * RUDP_NS_PER_S)

enum cv_kind {
	CV_MESSAGE, /* nick has said text to channel (a nick: ours, then it is private) */
	CV_NOTICE,
	CV_SAID,       /* our line of that number has been said */
	CV_FAILED,     /* it never will be: text says why */
	CV_RECEIPT,    /* arrived of recipients have it; text: who is missing */
	CV_EVENT,      /* what happens in a channel, in words */
	CV_INFO,       /* what the server tells */
	CV_STATUS,     /* about the connection */
	CV_JOINED,     /* we are in the channel, and what was missed has been shown */
	CV_NOT_JOINED, /* we may not: text says why */
};

/* Bytes from others: nothing of it is safe for a terminal (clean.h). Valid during the call. */
struct cv_shown {
	enum cv_kind kind;
	const char *time; /* as server-time has it */
	const char *channel, *nick, *text;
	uint64_t number; /* of our lines */
	unsigned arrived, recipients;
	bool is_final;   /* of RECEIPT: there is no later one */
	bool is_history; /* said while we were not there */
};

/* None calls the chat. */
struct cv_calls {
	void (*send)(void *of, const struct apo_frame *frame);
	void (*show)(void *of, const struct cv_shown *shown);
	/* What must be there again after a restart: a line of the outbox, one that left it, one
	 * that was had (at its place of CV_DEDUP_MAX), the last message of a channel. */
	void (*keep_line)(void *of, uint64_t number, const char *target, const char *text);
	void (*drop_line)(void *of, uint64_t number);
	void (*keep_seen)(void *of, uint32_t place, uint64_t hash);
	void (*keep_last)(void *of, const char *channel, const char *msgid);
};

struct cv_start {
	const struct cv_calls *calls; /* kept */
	void *of;
	const char *nick;
	const char *user;     /* user and real name */
	const char *password; /* of the account called like nick (SASL PLAIN); NULL: no login */
	uint64_t stream;      /* random; kept with the lines: their names begin with it */
	uint64_t seed;        /* random: of session numbers */
	unsigned history;     /* lines to be shown on joining a channel for the first time */
	uint64_t last_number; /* of a line ever said under this stream */
};

struct cv_chat;

struct cv_chat *cv_chat_new(const struct cv_start *start);
void cv_chat_free(struct cv_chat *chat);

/* What was kept, before anything happens: all that was had first; lines in the order of their
 * numbers. */
void cv_chat_restore_seen(struct cv_chat *chat, uint64_t hash);
void cv_chat_restore_line(struct cv_chat *chat, uint64_t number, const char *target,
			  const char *text);
void cv_chat_restore_last(struct cv_chat *chat, const char *channel, const char *msgid);

/* It is now; before each of the following. */
void cv_chat_set_now(struct cv_chat *chat, int64_t now_at_ns, int64_t wall_ms);

/* ---- events ---- */

void cv_chat_on_message(struct cv_chat *chat, const void *bytes, size_t len);
/* The link stands, or is broken: nothing follows from it but what people are told. */
void cv_chat_on_link(struct cv_chat *chat, bool is_up);
int64_t cv_chat_next_at_ns(const struct cv_chat *chat);
void cv_chat_on_time(struct cv_chat *chat);

/* ---- what the user wants ---- */

/* -EINVAL no channel's name; -ENFILE CV_CHANNELS_MAX. Joined again in each session. key: "" none.
 */
int cv_chat_join(struct cv_chat *chat, const char *channel, const char *key);
void cv_chat_part(struct cv_chat *chat, const char *channel, const char *reason);
void cv_chat_nick(struct cv_chat *chat, const char *nick);
/*
 * Says text, in several lines when it is too long for one.
 *
 * Returns  how many lines, with consecutive numbers of which *last is the last; 0 for an empty
 *          text; -EINVAL target or text cannot be said (no UTF-8, NUL, CR, LF); -EAGAIN
 *          CV_OUTBOX_MAX.
 */
int cv_chat_say(struct cv_chat *chat, const char *target, const char *text, uint64_t *last);
/* A line as it is, now; false: there is no session. */
bool cv_chat_raw(struct cv_chat *chat, const char *line);
/* Leaves; cv_chat_is_over tells when the server has said good bye. */
void cv_chat_quit(struct cv_chat *chat, const char *reason);

/* ---- facts ---- */

bool cv_chat_is_ready(const struct cv_chat *chat); /* registered */
bool cv_chat_is_over(const struct cv_chat *chat);
/* Another version: text says so. NULL: none. */
const char *cv_chat_misfit(const struct cv_chat *chat);
const char *cv_chat_own_nick(const struct cv_chat *chat);
bool cv_chat_is_in(const struct cv_chat *chat, const char *channel);
size_t cv_chat_unsaid(const struct cv_chat *chat);
/* Lines that were said and whose receipts are not final yet; and those that somebody never got, or
 * of which nobody can tell any more. */
size_t cv_chat_receipts_open(const struct cv_chat *chat);
uint64_t cv_chat_receipts_missing(const struct cv_chat *chat);

/* Every invariant. For tests. */
bool cv_chat_check(const struct cv_chat *chat);

#endif
