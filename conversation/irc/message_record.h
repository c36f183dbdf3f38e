/* SPDX-License-Identifier: MIT */
/*
 * message_record - a message as history keeps it, and what can be asked of history. Values only:
 * the model makes them, the store keeps and answers them.
 *
 * Positions  number all messages that the server ever relays, over its runs, in the order in which
 *            they were said; a msgid is a run and a position. Joining a channel takes one, too.
 */
#ifndef APO_MESSAGE_RECORD_H
#define APO_MESSAGE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define APO_POSITION_MAX INT64_MAX
#define APO_PAGE_MAX 1000               /* messages of one answer, whatever is configured */
#define APO_PAGE_BYTES_MAX (192u << 10) /* and their bytes: the answer ends there */
#define APO_KEPT_TAGS_BYTES_MAX 1024    /* with more of a client's tags a message is kept without */

/* One message. Strings are NULL only where that is said. */
struct apo_said {
	int64_t position;
	uint64_t run;
	int64_t time_ms; /* since 1970 */
	bool is_notice;  /* else PRIVMSG */
	const char *source, *target, *text;
	const char *account;    /* of the source; NULL: none */
	const char *tags;       /* a client's own, escaped; NULL: none */
	const char *channel;    /* folded; NULL: it is private, and then */
	const char *between[2]; /* between these accounts */
};

enum apo_reference_kind { APO_REFERENCE_NONE, APO_REFERENCE_MSGID, APO_REFERENCE_TIME };

struct apo_reference {
	enum apo_reference_kind kind;
	uint64_t run;
	int64_t position;
	int64_t time_ms;
};

/* Subcommand of CHATHISTORY, and how many references it takes. */
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
};

struct apo_question {
	enum apo_history_way way;
	const char *account; /* who asks; NULL: somebody without */
	const char *channel; /* folded; NULL: what was said privately */
	const char *other;   /* with this account */
	bool is_member;      /* who asks is in the channel now */
	int64_t since;       /* and, without an account, since behind this position */
	struct apo_reference first, second;
	unsigned limit;
};

enum apo_asked {
	APO_ASKED_DONE,
	APO_ASKED_NO_TARGET,  /* not for who asks */
	APO_ASKED_NO_MESSAGE, /* that a reference names */
	APO_ASKED_FAILED
};

/* The answer: messages, oldest first. Of TARGETS: of each only the target, and when something was
 * said there last. */
struct apo_page {
	unsigned count;
	struct apo_said *said[APO_PAGE_MAX]; /* each with its strings in one piece of memory */
};

#endif
