/* SPDX-License-Identifier: MIT */
/*
 * message_record - a message as the history keeps it, and the questions that the history answers.
 * Plain values: the model makes them, the store keeps and answers them.
 *
 * Positions  All messages that the server relays are numbered in order, across its runs. A msgid
 *            consists of a run and a position. Joining a channel takes a position, too.
 */
#ifndef APO_MESSAGE_RECORD_H
#define APO_MESSAGE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APO_POSITION_MAX INT64_MAX
#define APO_PAGE_MAX 1000               /* messages in one answer, whatever is configured */
#define APO_PAGE_BYTES_MAX (192u << 10) /* bytes of messages after which an answer ends */
#define APO_KEPT_TAGS_BYTES_MAX 1024    /* longer client tags are not kept with their message */

/* One message. A string can be NULL only where the comment says so. */
struct apo_said {
	int64_t position;
	uint64_t run;
	int64_t time_ms; /* since 1970 */
	bool is_notice;  /* NOTICE; else PRIVMSG */
	const char *source, *target, *text;
	const char *account;    /* of the source; NULL: none */
	const char *tags;       /* client-only tags, escaped, and "bot" before them; NULL: none */
	const char *channel;    /* folded; NULL: a private message ... */
	const char *between[2]; /* ... between these two accounts */
	int64_t between_ids[2]; /* their ids in the store; 0: the store finds them by name */
};

/* The bytes of a message with the strings that apo_said_copy copies. */
size_t apo_said_size(struct apo_said *said);
/* Copies a message, with its strings to at, but without its channel or accounts. Returns the place
 * for the next strings. */
char *apo_said_copy(struct apo_said *to, const struct apo_said *from, char *at);

/* A change that the history stores beside the messages. */
enum apo_change_kind {
	APO_CHANGE_JOINED,   /* the account is in the channel: it sees messages after position */
	APO_CHANGE_LEFT,     /* the presence ended: the account sees nothing after position */
	APO_CHANGE_READ,     /* the account has read the target's messages until time_ms */
	APO_CHANGE_REDACTED, /* the message of the run at the position */
};

struct apo_change {
	enum apo_change_kind kind;
	int64_t presence;    /* JOINED, LEFT: identifies the presence; a position of its own */
	int64_t position;    /* not of READ */
	uint64_t run;        /* REDACTED */
	int64_t time_ms;     /* READ */
	const char *account; /* JOINED, READ; NULL in the others */
	int64_t account_id;  /* as in apo_said.between_ids */
	const char *target;  /* JOINED: the channel; READ: a channel or a nick; folded */
};

enum apo_reference_kind { APO_REFERENCE_NONE, APO_REFERENCE_MSGID, APO_REFERENCE_TIME };

struct apo_reference {
	enum apo_reference_kind kind;
	uint64_t run;
	int64_t position;
	int64_t time_ms;
};

/* Subcommands of CHATHISTORY, and how many references each takes. */
#define APO_HISTORY_WAYS(X)                                                                        \
	X(AFTER, 1)                                                                                \
	X(AROUND, 1)                                                                               \
	X(BEFORE, 1)                                                                               \
	X(BETWEEN, 2)                                                                              \
	X(LATEST, 1)                                                                               \
	X(TARGETS, 2)

enum apo_history_way {
#define APO_HISTORY_WAY(name, references) APO_HISTORY_##name,
	APO_HISTORY_WAYS(APO_HISTORY_WAY)
#undef APO_HISTORY_WAY
		APO_HISTORY_REDACT, /* of REDACT: remove the message first */
	APO_HISTORY_MAY_REDACT      /* the same question, without removing the message */
};

struct apo_question {
	enum apo_history_way way;
	const char *account;          /* of the client that asks; NULL: not logged in */
	const char *channel;          /* folded; NULL: private messages ... */
	const char *other;            /* ... with this account */
	int64_t account_id, other_id; /* of account and other, as in apo_said.between_ids */
	bool is_member;               /* the client is in the channel now */
	int64_t since; /* client without an account: it may see messages after this position */
	int64_t public_from; /* every member may see messages from this position on; 0: none */
	struct apo_reference first, second;
	unsigned limit;
	/* REDACT, MAY_REDACT only. The client has had its nick since this position, so later
	 * messages of that nick are its own. It may remove messages of others that were sent at
	 * oversees_ms or later. */
	const char *nick;
	int64_t nick_since, oversees_ms;
};

enum apo_asked {
	APO_ASKED_DONE,
	APO_ASKED_NO_TARGET,  /* the client may not read this target */
	APO_ASKED_NO_MESSAGE, /* a reference names a message that does not exist */
	APO_ASKED_FORBIDDEN,  /* (MAY_)REDACT: the client may read the message, but not remove it */
	APO_ASKED_FAILED
};

/* An answer: messages, oldest first. For TARGETS each entry has only the target, and the time of
 * its last message. */
struct apo_page {
	unsigned count;
	struct apo_said *said[APO_PAGE_MAX]; /* each is one allocation, with its strings */
};

#endif
