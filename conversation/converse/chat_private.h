/* SPDX-License-Identifier: MIT */
/* chat_private - what the files of the chat share; only chat*.c include it. */
#ifndef CV_CHAT_PRIVATE_H
#define CV_CHAT_PRIVATE_H

#include "base/list.h"
#include "conversation/converse/chat.h"
#include "conversation/converse/dedup.h"
#include "conversation/irc/message.h"
#include "conversation/irc/names.h"
#include "conversation/irc/scram.h"
#include "conversation/irc/stamp.h"

#define CV_BATCHES_MAX 8
#define CV_RECEIPTS_MAX 256
#define CV_MSGID_SIZE 65
#define CV_NAME_SIZE 40   /* of the name of a line of ours */
#define CV_PAGE_LINES 100 /* lines of history in one request */
#define CV_PAGES_MAX 100

/* The session. Each state says what has happened. */
enum cv_state {
	CV_OFFLINE, /* the server has sent nothing yet, or has closed the session */
	CV_OPENED,  /* OPEN and the registration were sent */
	CV_READY,   /* the server has sent the welcome */
	CV_OVER,    /* we have left */
};

enum cv_channel_state {
	CV_WANTED,
	CV_JOINING,
	CV_CATCHING_UP, /* waiting for the history */
	CV_GATHERING,   /* waiting for members of the lost session to be back */
	CV_IN,
};

struct cv_members {
	char (*names)[APO_NICK_BYTES_MAX + 1];
	unsigned count, capacity;
	bool is_partial; /* there are more than CV_MEMBERS_MAX */
};

struct cv_deferred {
	struct rudp_list link;
	size_t len;
	char line[];
};

struct cv_channel {
	char name[APO_CHANNEL_BYTES_MAX + 1], key[64];
	char last[CV_MSGID_SIZE]; /* msgid of the last message; "": none */
	enum cv_channel_state state;
	int64_t until_ns;  /* deadline of CATCHING_UP and GATHERING */
	int64_t ask_at_ns; /* when the history is requested again; RUDP_NEVER: not */
	struct cv_members members, awaited;
	struct rudp_list deferred;
	unsigned deferred_count;
	unsigned page_lines, pages; /* of the history that is being received */
	unsigned retries;           /* requests of history that failed */
};

/* State of a line in the present session. */
enum cv_line_state {
	CV_LINE_WAITING,
	CV_LINE_UNDER_WAY,
	CV_LINE_SAID, /* the server has echoed it */
};

struct cv_line {
	struct rudp_list link; /* chat->lines */
	uint64_t number;
	enum cv_line_state state;
	bool is_shown;    /* was shown as said, in this session or an earlier one */
	bool has_receipt; /* in the present session: a final receipt will come */
	bool is_final;    /* the final receipt has come */
	char target[APO_CHANNEL_BYTES_MAX + 2];
	char text[];
};

struct cv_batch {
	char ref[32]; /* "": free */
	bool is_history;
	uint64_t label; /* 0: none */
	struct cv_channel *channel;
};

struct cv_receipt {
	char msgid[CV_MSGID_SIZE]; /* "": none */
	uint64_t number;
};

#define CV_CAPS(X)                                                                                 \
	X(TAGS, "message-tags")                                                                    \
	X(TIME, "server-time")                                                                     \
	X(BATCH, "batch")                                                                          \
	X(ECHO, "echo-message")                                                                    \
	X(LABEL, "labeled-response")                                                               \
	X(REPLIES, "standard-replies")                                                             \
	X(HISTORY, "draft/chathistory")                                                            \
	X(SASL, "sasl")                                                                            \
	X(RECEIPTS, "apollonion/receipts")

enum cv_cap {
#define X(name, text) CV_CAP_##name,
	CV_CAPS(X)
#undef X
};
#define CV_CAPS_NEEDED                                                                             \
	(1u << CV_CAP_TAGS | 1u << CV_CAP_BATCH | 1u << CV_CAP_ECHO | 1u << CV_CAP_LABEL)

enum cv_mechanism { CV_PLAIN, CV_EXTERNAL, CV_SCRAM };

/* The login of the present session. */
struct cv_login {
	enum cv_mechanism mechanism;
	bool offers_scram;
	bool is_begun;          /* SCRAM: our first message was sent */
	bool is_server_right;   /* SCRAM: the server has proven that it knows the password */
	bool is_password_known; /* it did so in some session: the password is never sent */
	size_t len;
	char text[1024]; /* base64 of the server, in pieces */
	struct apo_scram_client scram;
};

struct cv_chat {
	const struct cv_calls *calls;
	void *of;
	enum cv_state state;
	char wanted_nick[APO_NICK_BYTES_MAX + 1], nick[APO_NICK_BYTES_MAX + 1];
	char user[APO_NICK_BYTES_MAX + 1];
	char version_error[160];
	char password[CV_PASSWORD_MAX + 1]; /* "": none */
	bool uses_key;                      /* login by SASL EXTERNAL */
	struct cv_login login;
	unsigned history;
	uint64_t stream, last_number; /* struct cv_start */
	uint64_t seed;                /* the next session number */
	uint64_t session;             /* 0: none */
	bool is_confirmed;            /* the server has opened the session */
	uint64_t epoch;               /* of the server's run */
	bool has_epoch;
	uint32_t offered, caps; /* bits of cv_cap */
	int64_t now_at_ns, wall_ms, retry_at_ns, retry_ns;
	int64_t ready_at_ns;    /* of the present session's welcome */
	bool has_other_servers; /* the owner knows some */
	bool is_linked;
	bool is_server_left;  /* the server has refused, so another one is to be tried */
	int64_t answer_at_ns; /* when lines were answered last, or the first one was sent */
	int64_t unwell_at_ns; /* since when there is no link, or no welcome; RUDP_NEVER: well */
	struct cv_channel *channels[CV_CHANNELS_MAX];
	unsigned channel_count;
	struct rudp_list lines; /* the outbox, by number */
	size_t line_count, shown_count;
	unsigned under_way, said_count; /* lines in these states */
	struct cv_batch batches[CV_BATCHES_MAX];
	unsigned next_batch;
	struct cv_receipt receipts[CV_RECEIPTS_MAX];
	unsigned next_receipt;
	uint64_t receipts_missing;
	struct cv_dedup dedup;
};

/* ---- chat.c ---- */
void cv_send_line(struct cv_chat *chat, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Shows it. Members that are NULL become "", time the present time. */
void cv_show(struct cv_chat *chat, struct cv_shown shown);
void cv_tell(struct cv_chat *chat, enum cv_kind kind, const char *channel, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void cv_on_welcome(struct cv_chat *chat, const char *nick);
void cv_session_lost(struct cv_chat *chat);
/* The server is cut off from its network: ends the session, and begins another one later. */
void cv_session_give_up(struct cv_chat *chat, const char *reason);

/* ---- chat_servers.c ---- */
/* The link or the state may have changed. */
void cv_servers_note(struct cv_chat *chat);
int64_t cv_servers_next_at_ns(const struct cv_chat *chat);

/* ---- chat_rooms.c ---- */
struct cv_channel *cv_channel_of(const struct cv_chat *chat, const char *name);
struct cv_channel *cv_channel_add(struct cv_chat *chat, const char *name);
void cv_channel_drop(struct cv_chat *chat, struct cv_channel *channel);
void cv_channels_join(struct cv_chat *chat);
void cv_channels_on_session_lost(struct cv_chat *chat);
void cv_channels_on_time(struct cv_chat *chat);
int64_t cv_channels_next_at_ns(const struct cv_chat *chat);
void cv_channel_on_joined(struct cv_channel *channel);
/* The list of NAMES is complete. */
void cv_channel_on_names(struct cv_chat *chat, struct cv_channel *channel);
void cv_channel_on_history_end(struct cv_chat *chat, struct cv_channel *channel);
/* Asks the server again later. Returns false if it was asked often enough. */
bool cv_channel_asks_later(struct cv_chat *chat, struct cv_channel *channel);
/* true: the line was kept, to be shown after the history. */
bool cv_channel_defers(struct cv_channel *channel, const char *line, size_t len);
void cv_members_add(struct cv_members *members, const char *nick);
void cv_members_remove(struct cv_members *members, const char *nick);
bool cv_members_has(const struct cv_members *members, const char *nick);

/* ---- chat_lines.c ---- */
/* is_present: the line belongs to the present session; of an earlier one only messages count. */
void cv_on_line(struct cv_chat *chat, const char *line, size_t len, bool is_present);

/* ---- chat_login.c ---- */
void cv_login_on_offer(struct cv_chat *chat, const char *caps);
void cv_login_begin(struct cv_chat *chat);
void cv_login_on_challenge(struct cv_chat *chat, const char *piece);
/* Numerics 902 to 908. */
void cv_login_on_result(struct cv_chat *chat, const char *numeric, const char *text);

/* ---- chat_say.c ---- */
/* Sends lines that wait, as far as the window allows. */
void cv_send_waiting(struct cv_chat *chat);
/* Our line was echoed. is_whole: the echo is the complete answer. */
void cv_on_echo(struct cv_chat *chat, uint64_t number, const struct cv_shown *echo,
		const char *msgid, bool is_whole);
/* The answer to our line is complete. */
void cv_on_answered(struct cv_chat *chat, uint64_t number);
/* Said lines are dropped: no later session will say them again. */
void cv_lines_on_quit(struct cv_chat *chat);
void cv_on_refused(struct cv_chat *chat, uint64_t number, const char *reason);
void cv_on_receipt(struct cv_chat *chat, uint64_t label, const struct apo_message *message,
		   const char *time);
void cv_lines_on_session_lost(struct cv_chat *chat);
void cv_lines_free(struct cv_chat *chat);
/* The number in a line's name; 0: the line is not ours, or has no name. */
uint64_t cv_number_of(const struct cv_chat *chat, const char *line_tag);

#endif
