/* SPDX-License-Identifier: MIT */
/* history_thread_records - the records that the model's thread sends to the history thread. */
#ifndef APO_SERVER_HISTORY_THREAD_RECORDS_H
#define APO_SERVER_HISTORY_THREAD_RECORDS_H

#include "conversation/server/history_thread.h"

enum apo_history_record_kind {
	APO_HISTORY_SAID,
	APO_HISTORY_JOINED,
	APO_HISTORY_LEFT,
	APO_HISTORY_MARKED,
	APO_HISTORY_ASKED,
	APO_HISTORY_REDACTED,
	APO_HISTORY_REPLACE,
	APO_HISTORY_PEER,
	APO_HISTORY_ALONE
};

/* Mail to the history thread: batches of the model, and mail of the main thread. */
enum apo_history_thread_mail_kind {
	APO_HISTORY_THREAD_BATCH,
	APO_HISTORY_THREAD_CONFIGURE,
	APO_HISTORY_THREAD_STOP
};

/* Strings follow the fixed part, each with its terminator, in the order of the struct's pointers.
 * Strings that are NULL are left out; the pointers tell which. */
#define APO_SAID_STRINGS 8

struct apo_record_said {
	struct apo_record record;
	struct apo_said said; /* a pointer that is not NULL means that its string follows */
	char strings[];
};

struct apo_record_joined {
	struct apo_record record;
	int64_t id, account_id, first;
	char strings[]; /* account, channel */
};

struct apo_record_left {
	struct apo_record record;
	int64_t id, last;
};

struct apo_record_marked {
	struct apo_record record;
	int64_t account_id, time_ms;
	char strings[]; /* account, target */
};

struct apo_record_redacted {
	struct apo_record record;
	uint64_t run;
	int64_t position;
};

struct apo_record_replace {
	struct apo_record record;
	int64_t last;
};

struct apo_record_peer {
	struct apo_record record;
	char name[APO_NODE_NAME_BYTES_MAX + 1];
	size_t len;
	uint8_t bytes[];
};

struct apo_record_asked {
	struct apo_record record;
	uint64_t ticket;
	struct apo_question question; /* its pointers likewise */
	char strings[];
};

struct apo_history_thread_configure {
	struct apo_mail mail;
	struct apo_retention retention;
};

/* The struct's pointers, in the order of the strings. */
static inline void apo_said_strings(struct apo_said *said, const char **strings[APO_SAID_STRINGS])
{
	strings[0] = &said->source;
	strings[1] = &said->target;
	strings[2] = &said->text;
	strings[3] = &said->account;
	strings[4] = &said->tags;
	strings[5] = &said->channel;
	strings[6] = &said->between[0];
	strings[7] = &said->between[1];
}

#define APO_QUESTION_STRINGS 4

static inline void apo_question_strings(struct apo_question *question,
					const char **strings[APO_QUESTION_STRINGS])
{
	strings[0] = &question->account;
	strings[1] = &question->channel;
	strings[2] = &question->other;
	strings[3] = &question->nick;
}

/* Gives up the joins and parts that could not be written. */
void apo_history_thread_forget_unwritten(struct apo_history_thread *history_thread);
/* The main function of the thread. */
void *apo_history_thread_run(void *history_thread);

#endif
