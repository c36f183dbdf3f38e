/* SPDX-License-Identifier: MIT */
/*
 * chat - the logic of the chat client, without sockets and clock: opens sessions, registers, joins
 * channels, says each line once, and shows each line of others once.
 *
 * Once     A line stays in the outbox until the server has echoed it (echo-message) and its receipt
 *          is final (each recipient has received it or has left), or until it was refused
 *          (labeled-response). If the session is lost before that, the line is said again in the
 *          next one. Each line has a name, in the client tag CV_LINE_TAG, by which receivers and we
 *          recognize duplicates. docs/conversation.md, "converse".
 * Restart  After a lost session, lines for a channel wait until the members that were in it are
 *          back, at most CV_GATHER_NS.
 * Servers  Several servers can be nodes of one network. If there is no link, or no answer, for
 *          some time, or the server refuses, the owner is asked to connect to another one. The
 *          session is lost then, as after a restart.
 * Limits   At most CV_WINDOW lines are under way, so that flood control does not act on us.
 * Threads  none: one owner, which implements cv_calls.
 * Memory   If there is none left, the process ends (abort). Nothing that was acknowledged is lost.
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
#define CV_MEMBERS_MAX 512 /* of a channel; if there are more, we wait for no member to be back */
#define CV_WINDOW 8
#define CV_PASSWORD_MAX 200 /* bytes */
#define CV_OUTBOX_MAX 65536
#define CV_DEFERRED_MAX 4096 /* lines that wait until the history has come */
#define CV_GATHER_NS (10 * RUDP_NS_PER_S)
#define CV_HISTORY_NS (10 * RUDP_NS_PER_S) /* after this time we go on without the history */
#define CV_RETRY_FIRST_NS (1 * RUDP_NS_PER_S)
#define CV_RETRY_MAX_NS (30 * RUDP_NS_PER_S)
/* A session that has lasted this long was no failure: the pause after its end is the first one. */
#define CV_STEADY_NS (60 * RUDP_NS_PER_S)
/* A server that is syncing its history is asked again so often, once a second. */
#define CV_HISTORY_RETRIES 60
/* If there are other servers: after this time without a link, or with a link and without an answer
 * to the login or to a line, the next one is tried. */
#define CV_LINK_NS (3 * RUDP_NS_PER_S)
#define CV_ANSWER_NS (20 * RUDP_NS_PER_S)

enum cv_kind {
	CV_MESSAGE, /* nick has said text to channel; a private one if channel is our nick */
	CV_NOTICE,
	CV_SAID,       /* our line of that number was echoed by the server */
	CV_FAILED,     /* our line was refused; text says why */
	CV_RECEIPT,    /* arrived of recipients have received our line; text: who has not */
	CV_EVENT,      /* something happened in a channel; text describes it */
	CV_INFO,       /* text from the server */
	CV_STATUS,     /* about the connection */
	CV_JOINED,     /* we are in the channel, and its missed messages were shown */
	CV_NOT_JOINED, /* we may not join; text says why */
};

/* An event for the user interface to show. Its strings come from other users and are not safe for
 * a terminal (clean.h). It is valid during the call. */
struct cv_shown {
	enum cv_kind kind;
	const char *time; /* in the format of server-time */
	const char *channel, *nick, *text;
	uint64_t number; /* of our line */
	unsigned arrived, recipients;
	bool is_final;   /* of RECEIPT: no later one will come */
	bool is_history; /* the message was sent while we were not in the channel */
};

/* Calls that the owner implements. None of them may call the chat. */
struct cv_calls {
	void (*send)(void *of, const struct apo_frame *frame);
	void (*show)(void *of, const struct cv_shown *shown);
	/* Store what must survive a restart: a line of the outbox; that a line has left it; a
	 * message that was received (at its place of CV_DEDUP_MAX); the last message of a
	 * channel. */
	void (*keep_line)(void *of, uint64_t number, const char *target, const char *text);
	void (*drop_line)(void *of, uint64_t number);
	void (*keep_received)(void *of, uint32_t place, uint64_t hash);
	void (*keep_last)(void *of, const char *channel, const char *msgid);
};

struct cv_start {
	const struct cv_calls *calls; /* must stay valid */
	void *of;
	const char *nick;
	const char *user; /* used as user name and real name */
	/* The password of the account named like nick (SASL SCRAM-SHA-256 or PLAIN); NULL: none. */
	const char *password;
	bool uses_key;        /* log in by our rudp identity (SASL EXTERNAL); without password */
	uint64_t stream;      /* random, stored with the lines: the names of lines begin with it */
	uint64_t seed;        /* random, for session numbers */
	unsigned history;     /* lines to show when a channel is joined for the first time */
	uint64_t last_number; /* largest number of a line that this stream ever had */
	bool has_other_servers;
};

struct cv_chat;

struct cv_chat *cv_chat_new(const struct cv_start *start);
void cv_chat_free(struct cv_chat *chat);

/* Restore what was stored, before any other call: received messages first; lines in the order of
 * their numbers. */
void cv_chat_restore_received(struct cv_chat *chat, uint64_t hash);
void cv_chat_restore_line(struct cv_chat *chat, uint64_t number, const char *target,
			  const char *text);
void cv_chat_restore_last(struct cv_chat *chat, const char *channel, const char *msgid);

/* Sets the present time. Call it before each of the following. */
void cv_chat_set_now(struct cv_chat *chat, int64_t now_at_ns, int64_t wall_ms);

/* ---- events ---- */

void cv_chat_on_message(struct cv_chat *chat, const void *bytes, size_t len);
/* The link to the server is up or broken. The user is told; the session continues. */
void cv_chat_on_link(struct cv_chat *chat, bool is_up);
/* Returns whether the owner is to connect to another server now. Needs has_other_servers. */
bool cv_chat_wants_other_server(const struct cv_chat *chat);
/* The owner has ended the connection, and connects to this server from now on. */
void cv_chat_on_other_server(struct cv_chat *chat, const char *server);
int64_t cv_chat_next_at_ns(const struct cv_chat *chat);
void cv_chat_on_time(struct cv_chat *chat);

/* ---- the user's requests ---- */

/* Joins a channel, also in each later session. key "": none. -EINVAL not a channel name; -ENFILE
 * CV_CHANNELS_MAX. */
int cv_chat_join(struct cv_chat *chat, const char *channel, const char *key);
void cv_chat_part(struct cv_chat *chat, const char *channel, const char *reason);
void cv_chat_nick(struct cv_chat *chat, const char *nick);
/*
 * Says text, in several lines if it is too long for one.
 *
 * Returns  the number of lines, which have consecutive numbers up to *last; 0 for an empty text;
 *          -EINVAL target or text is not allowed (not UTF-8, or contains NUL, CR or LF); -EAGAIN
 *          CV_OUTBOX_MAX.
 */
int cv_chat_say(struct cv_chat *chat, const char *target, const char *text, uint64_t *last);
/* Sends a line of IRC unchanged, now. false: there is no session. */
bool cv_chat_raw(struct cv_chat *chat, const char *line);
/* Leaves the server. cv_chat_is_over says when the server has confirmed it. */
void cv_chat_quit(struct cv_chat *chat, const char *reason);

/* ---- state ---- */

bool cv_chat_is_over(const struct cv_chat *chat);
/* If the server has another version: a text that says so. NULL: it does not. */
const char *cv_chat_version_error(const struct cv_chat *chat);
const char *cv_chat_own_nick(const struct cv_chat *chat);
size_t cv_chat_unsaid(const struct cv_chat *chat);
/* The number of lines that were said and whose receipts are not final; and of those that a
 * recipient never received, or for which this is unknown. */
size_t cv_chat_receipts_open(const struct cv_chat *chat);
uint64_t cv_chat_receipts_missing(const struct cv_chat *chat);

#endif
