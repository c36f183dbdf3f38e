/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conversation/converse/outbox_db.h"

static char directory[] = "/tmp/converse-keep.XXXXXX";
static char reason[512], sent[4096], shown[4096];

static void begin(void)
{
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
}

static void end(void)
{
	static const char *const names[] = {"converse.db", "converse.db-wal", "converse.db-shm"};
	char file[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "%s/%s", directory, names[i]);
		unlink(file);
	}
	rmdir(directory);
}

TestSuite(outbox, .init = begin, .fini = end);

static struct cv_outbox_db *open_outbox(const char *id, uint64_t stream, uint64_t *found)
{
	uint64_t last_number = 0;
	struct cv_outbox_db *outbox;

	*found = stream;
	outbox = cv_outbox_db_open(directory, id, found, &last_number, reason, sizeof reason);
	return outbox;
}

static void on_send(void *of, const struct apo_frame *frame)
{
	size_t len = strlen(sent);

	(void)of;
	snprintf(sent + len, sizeof sent - len, "%.*s\n", (int)frame->text_len,
		 frame->text ? frame->text : "");
}

static void on_show(void *of, const struct cv_shown *what)
{
	size_t len = strlen(shown);

	(void)of;
	snprintf(shown + len, sizeof shown - len, "%d %s\n", (int)what->kind, what->text);
}

static const struct cv_calls calls = {.send = on_send, .show = on_show};

Test(outbox, stored_lines_can_be_read_again)
{
	struct cv_start start = {.calls = &calls, .nick = "a", .user = "a", .stream = 7, .seed = 1};
	struct cv_chat *chat;
	struct cv_outbox_db *outbox;
	uint64_t stream, last_number = 0;

	outbox = open_outbox("anna", 7, &stream);
	cr_assert(ne(ptr, outbox, NULL), "%s", reason);
	cv_outbox_db_line(outbox, 1, "#a", "one");
	cv_outbox_db_line(outbox, 2, "#a", "two");
	cv_outbox_db_line(outbox, 3, "bob", "three");
	cv_outbox_db_drop(outbox, 2);
	cv_outbox_db_received(outbox, 0, 77);
	cv_outbox_db_last(outbox, "#a", "m1");
	cv_outbox_db_last(outbox, "#a", "m2");
	cr_assert(eq(int, cv_outbox_db_commit(outbox), 0), "%s", cv_outbox_db_error(outbox));
	cv_outbox_db_close(outbox);
	stream = 8;
	outbox = cv_outbox_db_open(directory, "anna", &stream, &last_number, reason, sizeof reason);
	cr_assert(ne(ptr, outbox, NULL), "%s", reason);
	cr_assert(eq(u64, stream, 7));
	cr_assert(eq(u64, last_number, 3));
	start.last_number = last_number;
	chat = cv_chat_new(&start);
	cr_assert(eq(int, cv_chat_join(chat, "#a", ""), 0));
	cr_assert(eq(int, cv_outbox_db_restore(outbox, chat), 0));
	cr_assert(eq(sz, cv_chat_unsaid(chat), 2));
	cv_chat_free(chat);
	cv_outbox_db_close(outbox);
}

Test(outbox, one_process_at_a_time_and_one_id)
{
	uint64_t stream;
	struct cv_outbox_db *outbox = open_outbox("anna", 7, &stream);

	cr_assert(ne(ptr, outbox, NULL), "%s", reason);
	cr_assert(eq(ptr, open_outbox("anna", 7, &stream), NULL));
	cr_assert(ne(ptr, strstr(reason, "another converse has it open"), NULL), "%s", reason);
	cv_outbox_db_close(outbox);
	cr_assert(eq(ptr, open_outbox("bob", 7, &stream), NULL));
	cr_assert(ne(ptr, strstr(reason, "another --id"), NULL), "%s", reason);
}

Test(outbox, a_file_of_another_program_is_refused)
{
	char file[128];
	uint64_t stream;
	FILE *out;

	snprintf(file, sizeof file, "%s/converse.db", directory);
	out = fopen(file, "w");
	fputs("this is no database, but it is long enough to be looked at as one", out);
	fclose(out);
	cr_assert(eq(ptr, open_outbox("anna", 7, &stream), NULL));
	cr_assert(ne(ptr, strstr(reason, "not a database"), NULL), "%s", reason);
}
