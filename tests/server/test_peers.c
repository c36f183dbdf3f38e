/* SPDX-License-Identifier: MIT */
/*
 * Clients over the messaging library, without the library: messages are brought and taken by a mock
 * carrier, a worker is driven by turns, and the model is this test.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/server/peers.h"
#include "conversation/server/worker.h"

#define TEXT_SIZE 65536
#define CONN 5

static struct apo_config config = {
	.references = 1000, /* nobody frees it */
	.model = {.registration_timeout_ns = 10 * RUDP_NS_PER_S},
	.drain_ns = RUDP_NS_PER_S,
	.receive_queue_bytes = 8192,
	.send_queue_bytes = 65536,
	.connects_max = 4,
	.connects_ns = 60 * RUDP_NS_PER_S,
};
static struct apo_worker worker;
static struct apo_mailbox model_box, door_box;
static struct apo_batcher effects;
static struct apo_peers peers;
static char heard[4 * TEXT_SIZE]; /* by the model */
static char sent[TEXT_SIZE];      /* to the peer: "HELLO 0\n", "LINE 7 PING x\n" */
static unsigned room, taken_count, done_count, gone_count;
static rudpmsg_message_id last_id;
static const char *refusal;
static struct apo_peer last_peer;

/* ---- the mocks ---- */

static int carrier_send(void *of, rudpmsg_conn_id conn, const void *bytes, size_t len,
			rudpmsg_message_id *id)
{
	static const char *const names[] = {"", "HELLO", "OPEN", "OPENED", "LINE", "CLOSE"};
	struct apo_frame frame;
	size_t at = strlen(sent);

	(void)of;
	cr_assert(eq(u64, conn, CONN));
	if (room == 0)
		return -EAGAIN;
	room--;
	cr_assert(eq(int, apo_frame_read(bytes, len, &frame), APO_FRAME_OK));
	snprintf(sent + at, sizeof sent - at, "%s %d%s%.*s\n", names[frame.kind],
		 (int)frame.session, frame.text_len ? " " : "", (int)frame.text_len, frame.text);
	*id = ++last_id;
	return 0;
}

static void carrier_done(void *of, struct rudpmsg_message *message)
{
	(void)of;
	free((void *)(uintptr_t)message->bytes);
	done_count++;
}

static const struct apo_carrier carrier = {carrier_send, carrier_done, NULL};

static const char *admit(void *of, struct apo_session *session)
{
	struct apo_adopt *adopt = calloc(1, sizeof *adopt);

	(void)of;
	if (refusal) {
		free(adopt);
		return refusal;
	}
	adopt->mail.kind = APO_MAIL_ADOPT;
	adopt->fd = -1;
	adopt->session = apo_session_get(session);
	apo_mailbox_put(&worker.box, &adopt->mail);
	return NULL;
}

static void on_event(const struct apo_record *record)
{
	const struct apo_event_connected *connected = (const void *)record;
	const struct apo_event_text *text = (const void *)record;
	const struct apo_event_receipt *receipt = (const void *)record;
	char *at = heard + strlen(heard);
	size_t left = sizeof heard - strlen(heard);

	switch ((enum apo_event_kind)record->kind) {
	case APO_EVENT_CONNECTED:
		last_peer = connected->peer;
		snprintf(at, left, "+ %s %s%s%s\n", connected->address, connected->host,
			 connected->is_secure ? " secure" : "",
			 connected->is_lasting ? " lasting" : "");
		break;
	case APO_EVENT_LINE:
		snprintf(at, left, "%.*s\n", (int)text->len, text->text);
		break;
	case APO_EVENT_CLOSED:
		snprintf(at, left, "- %s\n", text->text);
		break;
	case APO_EVENT_RECEIPT:
		snprintf(at, left, "receipt %u %s\n", (unsigned)receipt->watch,
			 receipt->arrived ? "arrived" : "missing");
		break;
	}
}

static void on_gone(void)
{
	gone_count++;
	apo_peers_on_closed(&peers);
}

static void take(struct apo_mailbox *box)
{
	struct apo_mail *mail = apo_mailbox_take(box), *next;

	for (; mail; mail = next) {
		struct apo_batch *batch = (struct apo_batch *)mail;
		const struct apo_record *record = NULL;

		next = mail->next;
		while ((record = apo_batch_next(batch, record)))
			if (box == &model_box)
				on_event(record);
			else
				on_gone();
		apo_batch_done(batch);
	}
}

/* Turns until nothing more comes of them; each does not wait. */
static char *turns(void)
{
	int i;

	heard[0] = 0;
	for (i = 0; i < 4; i++) {
		apo_batcher_flush(&effects);
		apo_mailbox_wake(&worker.box);
		apo_worker_turn(&worker);
		take(&model_box);
		take(&door_box);
	}
	return heard;
}

static void bring(enum apo_frame_kind kind, uint64_t session, const char *text)
{
	struct apo_frame frame = {
		.kind = kind, .session = session, .text = text, .text_len = strlen(text)};
	struct rudpmsg_message message = {.conn = CONN};
	uint8_t *bytes = malloc(APO_FRAME_BYTES_MAX);

	message.length = apo_frame_write(&frame, bytes);
	message.bytes = bytes;
	taken_count++;
	apo_peers_on_message(&peers, &message, "anna", 1);
}

static char *what_was_sent(void)
{
	static char text[TEXT_SIZE];

	memcpy(text, sent, sizeof text);
	sent[0] = 0;
	return text;
}

static void deliver(const char *line, uint64_t watch)
{
	struct apo_effect_deliver *effect =
		apo_batcher_add(&effects, watch ? APO_EFFECT_DELIVER_WATCHED : APO_EFFECT_DELIVER,
				sizeof *effect + sizeof last_peer);

	effect->text = apo_text_copy(line, strlen(line));
	effect->watch = watch;
	effect->first = 0;
	effect->count = 1;
	effect->to[0] = last_peer;
}

static void close_last(const char *words)
{
	struct apo_effect_close *effect =
		apo_batcher_add(&effects, APO_EFFECT_CLOSE, sizeof *effect);

	effect->peer = last_peer;
	effect->last_words = apo_text_copy(words, strlen(words));
}

static void begin(void)
{
	cr_assert(eq(int, apo_mailbox_init(&model_box), 0));
	cr_assert(eq(int, apo_mailbox_init(&door_box), 0));
	cr_assert(eq(int, apo_worker_init(&worker, 0, &model_box, &door_box, &config), 0));
	apo_batcher_init(&effects, &worker.box, &model_box, APO_MAIL_BATCH, 0);
	apo_peers_init(&peers, &carrier, &config, 3);
	peers.admit = admit;
	room = 1000;
}

static void end(void)
{
	apo_peers_fini(&peers);
	apo_worker_clear(&worker);
	take(&model_box);
	take(&door_box);
	apo_worker_fini(&worker);
	apo_batcher_fini(&effects);
	apo_mailbox_fini(&model_box);
	apo_mailbox_fini(&door_box);
	cr_assert(eq(uint, done_count, taken_count));
}

TestSuite(peers, .init = begin, .fini = end);

static void open_session(uint64_t number)
{
	bring(APO_FRAME_OPEN, number, "");
	turns();
	sent[0] = 0;
}

/* ---- the tests ---- */

Test(peers, a_session_is_a_client)
{
	apo_peers_on_connected(&peers, CONN, "anna");
	cr_assert(eq(str, what_was_sent(), "HELLO 0\n"));
	bring(APO_FRAME_OPEN, 7, "");
	bring(APO_FRAME_LINE, 7, "NICK a");
	bring(APO_FRAME_LINE, 7, "USER a 0 * :a");
	cr_assert(eq(str, turns(), "+ anna anna.peer secure lasting\nNICK a\nUSER a 0 * :a\n"));
	deliver(":s 001 a :hello\r\n:s 002 a :there\r\n", 0);
	turns();
	cr_assert(eq(str, what_was_sent(),
		     "OPENED 7\nLINE 7 :s 001 a :hello\nLINE 7 :s 002 a :there\n"));
}

Test(peers, a_link_that_comes_back_finds_the_same_client)
{
	open_session(7);
	apo_peers_on_connected(&peers, CONN, "anna");
	cr_assert(eq(str, what_was_sent(), "HELLO 7\n"));
	bring(APO_FRAME_OPEN, 7, ""); /* said twice */
	bring(APO_FRAME_LINE, 7, "PING x");
	cr_assert(eq(str, turns(), "PING x\n"));
}

Test(peers, another_session_ends_the_one_before)
{
	open_session(7);
	bring(APO_FRAME_LINE, 7, "PRIVMSG #a :last");
	bring(APO_FRAME_OPEN, 8, "");
	bring(APO_FRAME_LINE, 7, "PRIVMSG #a :too late");
	bring(APO_FRAME_LINE, 8, "NICK b");
	cr_assert(eq(str, turns(),
		     "PRIVMSG #a :last\n- Connection closed\n+ anna anna.peer secure lasting\n"
		     "NICK b\n"));
	cr_assert(eq(uint, gone_count, 1));
	cr_assert(eq(u64, peers.counters.stale, 1));
	cr_assert(eq(u64, peers.counters.replaced, 1));
}

Test(peers, of_sessions_that_wait_the_last_one_begins)
{
	open_session(7);
	bring(APO_FRAME_OPEN, 8, "");
	bring(APO_FRAME_LINE, 8, "NICK b");
	bring(APO_FRAME_OPEN, 9, "");
	bring(APO_FRAME_LINE, 9, "NICK c");
	cr_assert(
		eq(str, turns(), "- Connection closed\n+ anna anna.peer secure lasting\nNICK c\n"));
	cr_assert(eq(str, what_was_sent(), "CLOSE 7 Connection closed\nOPENED 9\n"));
	cr_assert(eq(uint, gone_count, 1));
}

Test(peers, who_is_away_too_long_has_gone)
{
	open_session(7);
	apo_peers_on_gone(&peers, CONN, ETIMEDOUT);
	cr_assert(eq(str, turns(), "- Connection timed out\n"));
	cr_assert(eq(uint, gone_count, 1));
}

Test(peers, a_client_that_is_closed_hears_why_and_that_it_is_over)
{
	open_session(7);
	close_last("ERROR :Closing link: killed\r\n");
	turns();
	cr_assert(eq(str, what_was_sent(),
		     "LINE 7 ERROR :Closing link: killed\nCLOSE 7 Connection closed\n"));
	cr_assert(eq(uint, gone_count, 1));
	apo_peers_on_connected(&peers, CONN, "anna");
	cr_assert(eq(str, what_was_sent(), "HELLO 0\n"));
}

Test(peers, who_may_not_come_in_is_told_why)
{
	refusal = "The server is full";
	bring(APO_FRAME_OPEN, 7, "");
	cr_assert(eq(str, turns(), ""));
	cr_assert(eq(str, what_was_sent(), "CLOSE 7 The server is full\n"));
}

Test(peers, opening_has_a_pace)
{
	uint64_t number;

	for (number = 1; number <= 4; number++)
		open_session(number);
	bring(APO_FRAME_OPEN, 5, "");
	cr_assert(eq(str, what_was_sent(), "CLOSE 5 You open sessions too often, wait a while\n"));
}

Test(peers, what_has_no_room_waits_and_comes_in_order)
{
	open_session(7);
	room = 1;
	deliver("one\r\ntwo\r\n", 0);
	deliver("three\r\n", 0);
	turns();
	cr_assert(eq(str, what_was_sent(), "LINE 7 one\n"));
	room = 10;
	turns();
	cr_assert(eq(str, what_was_sent(), "")); /* nobody has said that there is room */
	apo_peers_on_acknowledged(&peers, CONN, last_id);
	turns();
	cr_assert(eq(str, what_was_sent(), "LINE 7 two\nLINE 7 three\n"));
}

Test(peers, who_does_not_take_it_has_too_much_at_last)
{
	static char line[4001];
	int i;

	memset(line, 'x', sizeof line - 3);
	memcpy(line + sizeof line - 3, "\r\n", 3);
	open_session(7);
	room = 0;
	for (i = 0; i < 20; i++)
		deliver(line, 0);
	cr_assert(eq(str, turns(), "- SendQ exceeded\n"));
}

/* As when a line has waited for its time, or the model was behind: nobody has looked whether there is
 * room. */
Test(peers, room_is_heard_of_though_a_read_comes_between)
{
	open_session(7);
	room = 0;
	deliver("one\r\n", 0);
	turns();
	cr_assert(eq(str, what_was_sent(), ""));
	room = 10;
	apo_peers_on_acknowledged(&peers, CONN, last_id);
	apo_conn_read(&worker, apo_worker_find(&worker, last_peer));
	turns();
	cr_assert(eq(str, what_was_sent(), "LINE 7 one\n"));
}

Test(peers, a_receipt_comes_with_the_acknowledgement_of_its_message)
{
	open_session(7);
	deliver("one\r\n", 1);
	turns();
	deliver("two\r\n", 2);
	turns();
	worker.watches_at_ns = 0;
	cr_assert(eq(str, turns(), ""));
	apo_peers_on_acknowledged(&peers, CONN, last_id - 1);
	worker.watches_at_ns = 0;
	cr_assert(eq(str, turns(), "receipt 1 arrived\n"));
	apo_peers_on_acknowledged(&peers, CONN, last_id);
	worker.watches_at_ns = 0;
	cr_assert(eq(str, turns(), "receipt 2 arrived\n"));
	deliver("three\r\n", 3);
	turns();
	apo_peers_on_gone(&peers, CONN, ETIMEDOUT);
	cr_assert(eq(str, turns(), "receipt 3 missing\n- Connection timed out\n"));
}

Test(peers, a_greeting_that_had_no_room_is_made_up_for)
{
	room = 0;
	apo_peers_on_connected(&peers, CONN, "anna");
	cr_assert(eq(str, what_was_sent(), ""));
	room = 10;
	apo_peers_on_acknowledged(&peers, CONN, 1);
	cr_assert(eq(str, what_was_sent(), "HELLO 0\n"));
	apo_peers_on_acknowledged(&peers, CONN, 2);
	cr_assert(eq(str, what_was_sent(), ""));
}

Test(peers, what_is_no_frame_is_counted)
{
	bring(APO_FRAME_OPENED, 7, "");
	bring(APO_FRAME_LINE, 7, "two\nlines");
	cr_assert(eq(u64, peers.counters.malformed, 2));
	cr_assert(eq(str, turns(), ""));
}

/* Longer than what a worker reads at once, in pieces of any size. */
Test(peers, a_crowd_of_lines_comes_whole_and_in_order)
{
	static char expected[TEXT_SIZE * 4];
	char line[64], *at = expected;
	unsigned count = 0;
	size_t i, len = 0;

	open_session(7);
	for (i = 0; i < 3000; i++) {
		snprintf(line, sizeof line, "PRIVMSG #a :line %zu of many", i);
		bring(APO_FRAME_LINE, 7, line);
		at += snprintf(at, sizeof line + 1, "%s\n", line);
	}
	at = expected;
	for (i = 0; i < 10; i++) {
		len = strlen(turns());
		cr_assert(eq(int, strncmp(heard, at, len), 0));
		at += len;
		count += len > 0;
	}
	cr_assert(eq(int, *at, 0));
	cr_assert(ge(uint, count, 1));
}
