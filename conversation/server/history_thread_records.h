/* SPDX-License-Identifier: MIT */
/* history_thread_records - the records that the model's thread sends to the history thread. */
#ifndef APO_SERVER_HISTORY_THREAD_RECORDS_H
#define APO_SERVER_HISTORY_THREAD_RECORDS_H

#include "conversation/server/history_thread.h"

enum apo_history_record_kind {
	APO_HISTORY_SAID,
	APO_HISTORY_CHANGED,
	APO_HISTORY_ASKED,
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

/* The strings of the first three follow them (apo_batcher_add_strings). */
struct apo_record_said {
	struct apo_record record;
	struct apo_said said;
};

struct apo_record_changed {
	struct apo_record record;
	struct apo_change change;
};

struct apo_record_asked {
	struct apo_record record;
	uint64_t ticket;
	struct apo_question question;
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

struct apo_history_thread_configure {
	struct apo_mail mail;
	struct apo_retention retention;
};

/* Gives up the joins and parts that could not be written. */
void apo_history_thread_forget_unwritten(struct apo_history_thread *history_thread);
/* The main function of the thread. */
void *apo_history_thread_run(void *history_thread);

#endif
