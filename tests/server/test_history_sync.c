/* SPDX-License-Identifier: MIT */
/* Two history threads with files of their own; the test carries their messages (history_sync.h). */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/server/history_sync.h"
#include "conversation/server/records.h"
#include "server/history_file.h"

#define NODES 2
#define ROWS 3000 /* of 300 bytes: several pages */

static struct node {
	struct history_file file;
	struct apo_history_thread thread;
	struct apo_mailbox box;
	struct apo_history_mail *answer; /* the last one; NULL: none */
	unsigned asked;                  /* messages that it has sent to any other node */
	unsigned answered;               /* to the one that has asked */
	bool is_alone;                   /* they reach no node, which it is told */
	bool is_deaf;                    /* they get lost */
} nodes[NODES];

static struct apo_config config;
static uint64_t ticket;

static void begin(void)
{
	struct node *node;

	config.history_age_ns = INT64_C(100) * 365 * 86400 * RUDP_NS_PER_S;
	config.history_messages_max = 1000000;
	config.history_bytes_max = (size_t)1 << 30;
	for (node = nodes; node < nodes + NODES; node++) {
		memset(node, 0, sizeof *node);
		history_file_make(&node->file);
		cr_assert(eq(int, apo_mailbox_init(&node->box), 0));
		cr_assert(eq(int,
			     apo_history_thread_init(&node->thread, &node->box, node->file.history,
						     &config),
			     0));
		cr_assert(eq(int, apo_history_thread_start(&node->thread), 0));
	}
}

static void drop_mail(struct node *node)
{
	struct apo_mail *mail, *next;

	for (mail = apo_mailbox_take(&node->box); mail; mail = next) {
		next = mail->next;
		if (mail->kind == APO_MAIL_HISTORY)
			apo_page_free(((struct apo_history_mail *)mail)->page);
		free(mail);
	}
}

static void end(void)
{
	struct node *node;

	for (node = nodes; node < nodes + NODES; node++) {
		apo_history_thread_stop(&node->thread);
		drop_mail(node);
		apo_mailbox_fini(&node->box);
		apo_store_close(node->file.store);
		node->file.history = NULL;
		history_file_open(&node->file);
		history_file_remove(&node->file);
	}
}

TestSuite(history_sync, .init = begin, .fini = end, .timeout = 600);

/* ---- what the model says ---- */

static void say(struct node *node, int64_t position, uint64_t run)
{
	char text[300];

	snprintf(text, sizeof text, "%0280d", (int)position);
	apo_history_thread_keep(&node->thread,
				&(struct apo_said){.position = position,
						   .run = run,
						   .time_ms = position,
						   .source = "a!b@c",
						   .target = "#a",
						   .text = text,
						   .channel = position % 7 ? "#a" : "#b"});
}

static void say_privately(struct node *node, int64_t position)
{
	apo_history_thread_keep(&node->thread, &(struct apo_said){.position = position,
								  .run = 1,
								  .time_ms = position,
								  .is_notice = true,
								  .source = "a!b@c",
								  .target = "b",
								  .text = "private",
								  .account = "dan",
								  .tags = "+x=y",
								  .between = {"dan", "eve"},
								  .between_ids = {1, 2}});
}

static void fill(struct node *node, int64_t first, int64_t last)
{
	for (; first <= last; first++) {
		say(node, first, 1);
		if (first % 100 == 0)
			apo_history_thread_change(&node->thread,
						  JOINED(first + ROWS, "dan", 1, "#a", first));
		if (first % 200 == 0)
			apo_history_thread_change(&node->thread, LEFT(first + ROWS, first));
		apo_batcher_flush(&node->thread.batcher);
	}
}

/* ---- messages ---- */

static void carry(struct node *from, struct apo_history_peer_mail *mail)
{
	struct node *to = from == nodes ? nodes + 1 : nodes;

	from->asked += !mail->name[0];
	from->answered += mail->name[0] != 0;
	if (from->is_deaf)
		return;
	if (from->is_alone)
		apo_history_thread_on_alone(&from->thread);
	else
		apo_history_thread_on_peer(&to->thread, from == nodes ? "n0" : "n1", mail->bytes,
					   mail->len);
	apo_batcher_flush(&from->thread.batcher);
	apo_batcher_flush(&to->thread.batcher);
}

static void take(struct node *node)
{
	struct apo_mail *mail, *next;

	for (mail = apo_mailbox_take(&node->box); mail; mail = next) {
		next = mail->next;
		if (mail->kind == APO_MAIL_HISTORY_PEER) {
			carry(node, (void *)mail);
			free(mail);
		} else if (mail->kind == APO_MAIL_HISTORY) {
			node->answer = (void *)mail;
		} else {
			free(mail);
		}
	}
}

static void wait_and_take(void)
{
	struct pollfd wait[NODES];
	unsigned i;

	for (i = 0; i < NODES; i++)
		wait[i] = (struct pollfd){.fd = nodes[i].box.fd, .events = POLLIN};
	(void)poll(wait, NODES, -1);
	for (i = 0; i < NODES; i++)
		take(nodes + i);
}

/* How many of the last messages of #a the account reads; -1: the question has failed. */
static int read_by(struct node *node, const char *account)
{
	int count;

	apo_history_thread_ask(&node->thread, ++ticket,
			       &(struct apo_question){.way = APO_HISTORY_LATEST,
						      .account = account,
						      .channel = "#a",
						      .limit = 1000});
	apo_batcher_flush(&node->thread.batcher);
	while (!node->answer)
		wait_and_take();
	cr_assert(eq(u64, node->answer->ticket, ticket));
	count = node->answer->asked == APO_ASKED_FAILED ? -1 : 0;
	if (node->answer->asked == APO_ASKED_DONE)
		count = (int)node->answer->page->count;
	apo_page_free(node->answer->page);
	free(node->answer);
	node->answer = NULL;
	return count;
}

/* Until questions are answered. */
static void run_until_equal(struct node *node)
{
	while (read_by(node, "dan") < 0)
		;
}

static int64_t number(struct node *node, const char *sql)
{
	int64_t value = -1;

	cr_assert(eq(int, apo_sql_number(node->file.store->db, sql, &value), SQLITE_OK), "%s", sql);
	return value;
}

static void check_equal(void)
{
	static const char attach[] = "ATTACH '%s' AS other";
	static const char differ[] =
		"WITH mine AS (SELECT messages.*, name, account_a, account_b, count FROM "
		"main.messages JOIN main.buffers ON buffers.id = buffer), theirs AS (SELECT "
		"messages.*, name, account_a, account_b, count FROM other.messages JOIN "
		"other.buffers ON buffers.id = buffer) "
		"SELECT (SELECT count(*) FROM (SELECT position, run, time_ms, is_notice, source, "
		"target, account, tags, text, name, account_a, account_b, count FROM mine EXCEPT "
		"SELECT position, run, time_ms, is_notice, source, target, account, tags, text, "
		"name, "
		"account_a, account_b, count FROM theirs)) + (SELECT count(*) FROM (SELECT * FROM "
		"main.presence EXCEPT SELECT * FROM other.presence)) + abs((SELECT count(*) FROM "
		"mine) - (SELECT count(*) FROM theirs)) + abs((SELECT count(*) FROM main.presence) "
		"- "
		"(SELECT count(*) FROM other.presence))";
	char sql[200];

	snprintf(sql, sizeof sql, attach, nodes[1].file.path);
	cr_assert(eq(int, sqlite3_exec(nodes[0].file.store->db, sql, NULL, NULL, NULL), SQLITE_OK));
	cr_assert(eq(i64, number(nodes, differ), 0));
	cr_assert(eq(int, sqlite3_exec(nodes[0].file.store->db, "DETACH other", NULL, NULL, NULL),
		     SQLITE_OK));
}

/* ---- tests ---- */

Test(history_sync, an_empty_file_gets_everything)
{
	fill(nodes, 1, ROWS);
	say_privately(nodes, 3 * ROWS);
	apo_history_thread_replace(&nodes[1].thread, 3 * ROWS);
	apo_batcher_flush(&nodes[1].thread.batcher);
	run_until_equal(nodes + 1);
	cr_assert(ge(uint, nodes[1].asked, 5)); /* several pages */
	cr_assert(eq(i64, number(nodes + 1, "SELECT count(*) FROM messages"), ROWS + 1));
	check_equal();
}

Test(history_sync, only_what_differs_is_fetched)
{
	struct apo_history_sync *sync = &nodes[1].thread.sync;

	fill(nodes, 1, ROWS);
	fill(nodes + 1, 1, ROWS - 100);
	apo_history_thread_change(&nodes[0].thread, REDACTED(1, 2 * ROWS / 3));
	apo_history_thread_replace(&nodes[1].thread, 3 * ROWS);
	apo_batcher_flush(&nodes[0].thread.batcher);
	apo_batcher_flush(&nodes[1].thread.batcher);
	run_until_equal(nodes + 1);
	check_equal();
	(void)apo_history_thread_pause(&nodes[1].thread);
	cr_assert(ge(u64, sync->pages, 1));
	cr_assert(lt(u64, sync->pages, nodes[1].asked));
}

/* The file was that of another network, or of a single server. */
Test(history_sync, what_the_others_do_not_have_is_removed)
{
	fill(nodes, 1, 200);
	fill(nodes + 1, 1, 100);
	say(nodes + 1, 150, 9);
	say(nodes + 1, 20000, 9); /* after the position */
	apo_history_thread_change(&nodes[1].thread, JOINED(20001, "dan", 1, "#a", 20001));
	apo_history_thread_change(&nodes[1].thread, READ("dan", 1, "#a", 7));
	apo_history_thread_replace(&nodes[1].thread, 10000);
	apo_history_thread_change(&nodes[1].thread, READ("eve", 2, "#a", 8));
	say(nodes + 1, 20000, 1); /* what the network says there */
	say(nodes, 20000, 1);
	apo_batcher_flush(&nodes[0].thread.batcher);
	apo_batcher_flush(&nodes[1].thread.batcher);
	run_until_equal(nodes + 1);
	check_equal();
	cr_assert(eq(i64, number(nodes + 1, "SELECT sum(time_ms) FROM markers"), 8));
}

Test(history_sync, parts_and_redactions_meanwhile_are_not_lost)
{
	unsigned i;

	fill(nodes, 1, 500);
	nodes[1].is_deaf = true;
	apo_history_thread_replace(&nodes[1].thread, 10000);
	apo_batcher_flush(&nodes[1].thread.batcher);
	cr_assert(eq(int, read_by(nodes + 1, "dan"), -1));
	for (i = 0; i < NODES; i++) {
		apo_history_thread_change(&nodes[i].thread, REDACTED(1, 250));
		apo_history_thread_change(&nodes[i].thread, LEFT(300 + ROWS, 400));
		apo_batcher_flush(&nodes[i].thread.batcher);
	}
	nodes[1].is_deaf = false;
	run_until_equal(nodes + 1);
	cr_assert(eq(i64, number(nodes + 1, "SELECT count(*) FROM messages"), 499));
	check_equal();
}

Test(history_sync, without_other_nodes_the_file_stays_as_it_is)
{
	fill(nodes + 1, 1, 100);
	nodes[1].is_alone = true;
	apo_history_thread_replace(&nodes[1].thread, 10000);
	apo_batcher_flush(&nodes[1].thread.batcher);
	run_until_equal(nodes + 1);
	cr_assert(eq(i64, number(nodes + 1, "SELECT count(*) FROM messages"), 100));
}

/* Neither can answer the other until one gives up. */
Test(history_sync, two_that_wait_for_each_other)
{
	unsigned i;

	fill(nodes, 1, 100);
	fill(nodes + 1, 1, 50);
	for (i = 0; i < NODES; i++) {
		apo_history_thread_replace(&nodes[i].thread, 10000);
		apo_batcher_flush(&nodes[i].thread.batcher);
	}
	while (nodes[0].asked < 3)
		wait_and_take();
	nodes[0].is_alone = true;
	run_until_equal(nodes);
	nodes[0].is_alone = false;
	run_until_equal(nodes + 1);
	check_equal();
}

/* A locked database; the page is asked for again. */
Test(history_sync, a_page_that_cannot_be_written_is_not_lost)
{
	sqlite3 *db = nodes[1].file.store->db;

	fill(nodes, 1, 100);
	apo_history_thread_replace(&nodes[1].thread, 10000);
	apo_batcher_flush(&nodes[1].thread.batcher);
	cr_assert(eq(int, read_by(nodes + 1, "dan"), -1));
	cr_assert(eq(int, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK));
	while (nodes[1].thread.counters.groups_failed == 0)
		cr_assert(eq(int, read_by(nodes + 1, "dan"), -1));
	cr_assert(eq(int, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK));
	run_until_equal(nodes + 1);
	check_equal();
}

/* Messages that no node of this program sends are dropped. */
Test(history_sync, malformed_messages_change_nothing)
{
	static uint8_t bytes[64];
	unsigned i;

	fill(nodes, 1, 100);
	apo_history_thread_replace(&nodes[1].thread, 10000);
	apo_batcher_flush(&nodes[1].thread.batcher);
	for (i = 0; i < 64; i++) {
		bytes[0] = (uint8_t)(i % 5);
		apo_history_thread_on_peer(&nodes[1].thread, "n9", bytes, i);
		if (i % (APO_PEERS_AT_ONCE / 2) == 0)
			(void)read_by(nodes + 1, "dan");
	}
	apo_batcher_flush(&nodes[1].thread.batcher);
	run_until_equal(nodes + 1);
	check_equal();
}

/* An answer costs reading a page, which would delay the answers to clients. */
Test(history_sync, of_many_questions_at_once_only_some_are_answered)
{
	static const uint8_t ask[34] = {[0] = 1, [9] = APO_TABLE_MESSAGES, [25] = 5};
	unsigned i;

	fill(nodes, 1, 10);
	(void)read_by(nodes, "dan");
	nodes[0].is_deaf = true; /* its answers get lost */
	cr_assert(apo_history_thread_pause(&nodes[0].thread));
	for (i = 0; i < 100; i++)
		apo_history_thread_on_peer(&nodes[0].thread, "n1", ask, sizeof ask);
	cr_assert(eq(int, apo_history_thread_start(&nodes[0].thread), 0));
	(void)read_by(nodes, "dan");
	cr_assert(eq(uint, nodes[0].answered, APO_PEERS_AT_ONCE));
}
