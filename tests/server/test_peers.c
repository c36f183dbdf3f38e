/* SPDX-License-Identifier: MIT */
/*
 * Clients over the messaging library, without the library: a mock carrier delivers and takes the
 * messages, the test runs the worker's turns and acts as the model.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conversation/server/peers.h"
#include "lone_worker.h"

#define TEXT_SIZE 65536
#define CONN 5

static struct apo_config config = {
	.references = 1000, /* never freed */
	.model = {.registration_timeout_ns = 10 * RUDP_NS_PER_S},
	.drain_ns = RUDP_NS_PER_S,
	.receive_queue_bytes = 8192,
	.send_queue_bytes = 65536,
	.connects_max = 4,
	.connects_ns = 60 * RUDP_NS_PER_S,
};
static struct lone_worker lone;
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

static int carrier_key(void *of, rudpmsg_conn_id conn, uint8_t key[RUDPMSG_KEY_BYTES])
{
	(void)of;
	(void)conn;
	(void)key;
	return -ENODATA;
}

static const struct apo_carrier carrier = {carrier_send, carrier_done, carrier_key, NULL};

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
	apo_mailbox_put(&lone.worker.box, &adopt->mail);
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
			 connected->reports_end ? " lasting" : "");
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
	case APO_EVENT_ROOM:
		snprintf(at, left, "room\n");
		break;
	}
}

static void on_note(const struct apo_record *record)
{
	(void)record; /* a connection has gone */
	gone_count++;
	apo_peers_on_closed(&peers);
}

/* Runs turns, which do not wait, until nothing more happens. */
static char *turns(void)
{
	int i;

	heard[0] = 0;
	for (i = 0; i < 4; i++)
		lone_turn(&lone);
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

static void begin(void)
{
	lone_open(&lone, &config, on_event, on_note);
	apo_peers_init(&peers, &carrier, &config, 3);
	peers.admit = admit;
	room = 1000;
}

static void end(void)
{
	apo_peers_fini(&peers);
	lone_close(&lone);
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
	lone_deliver(&lone, last_peer, ":s 001 a :hello\r\n:s 002 a :there\r\n", 0);
	turns();
	cr_assert(eq(str, what_was_sent(),
		     "OPENED 7\nLINE 7 :s 001 a :hello\nLINE 7 :s 002 a :there\n"));
}

Test(peers, a_new_link_continues_the_same_client)
{
	open_session(7);
	apo_peers_on_connected(&peers, CONN, "anna");
	cr_assert(eq(str, what_was_sent(), "HELLO 7\n"));
	bring(APO_FRAME_OPEN, 7, ""); /* sent twice */
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

Test(peers, of_waiting_sessions_the_last_one_begins)
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

Test(peers, a_peer_away_too_long_leaves)
{
	open_session(7);
	apo_peers_on_gone(&peers, CONN, ETIMEDOUT);
	cr_assert(eq(str, turns(), "- Connection timed out\n"));
	cr_assert(eq(uint, gone_count, 1));
}

Test(peers, a_closed_client_gets_the_reason_and_close)
{
	open_session(7);
	lone_end(&lone, last_peer, "ERROR :Closing Link: killed\r\n");
	turns();
	cr_assert(eq(str, what_was_sent(),
		     "LINE 7 ERROR :Closing Link: killed\nCLOSE 7 Connection closed\n"));
	cr_assert(eq(uint, gone_count, 1));
	apo_peers_on_connected(&peers, CONN, "anna");
	cr_assert(eq(str, what_was_sent(), "HELLO 0\n"));
}

Test(peers, a_refused_client_is_told_why)
{
	refusal = "The server is full";
	bring(APO_FRAME_OPEN, 7, "");
	cr_assert(eq(str, turns(), ""));
	cr_assert(eq(str, what_was_sent(), "CLOSE 7 The server is full\n"));
}

Test(peers, opens_are_limited_in_rate)
{
	uint64_t number;

	for (number = 1; number <= 4; number++)
		open_session(number);
	bring(APO_FRAME_OPEN, 5, "");
	cr_assert(eq(str, what_was_sent(), "CLOSE 5 You open sessions too often, wait a while\n"));
}

static void count_line(void *of, enum rudp_log_level level, const char *text)
{
	(void)level;
	(void)text;
	++*(unsigned *)of;
}

Test(peers, a_peer_that_is_refused_again_and_again_does_not_fill_the_log)
{
	unsigned lines = 0;
	uint64_t number;

	rudp_log_set(count_line, &lines, RUDP_LOG_INFO);
	for (number = 1; number <= 100; number++) {
		room = 10;
		bring(APO_FRAME_OPEN, number, "");
	}
	rudp_log_set(NULL, NULL, RUDP_LOG_OFF);
	cr_assert(eq(uint, lines, 1));
}

Test(peers, lines_without_room_wait_and_arrive_in_order)
{
	open_session(7);
	room = 1;
	lone_deliver(&lone, last_peer, "one\r\ntwo\r\n", 0);
	lone_deliver(&lone, last_peer, "three\r\n", 0);
	turns();
	cr_assert(eq(str, what_was_sent(), "LINE 7 one\n"));
	room = 10;
	turns();
	cr_assert(eq(str, what_was_sent(), "")); /* no room was reported */
	apo_peers_on_acknowledged(&peers, CONN, last_id);
	turns();
	cr_assert(eq(str, what_was_sent(), "LINE 7 two\nLINE 7 three\n"));
}

Test(peers, a_client_that_never_reads_exceeds_its_queue)
{
	static char line[4001];
	int i;

	memset(line, 'x', sizeof line - 3);
	memcpy(line + sizeof line - 3, "\r\n", 3);
	open_session(7);
	room = 0;
	for (i = 0; i < 20; i++)
		lone_deliver(&lone, last_peer, line, 0);
	cr_assert(eq(str, turns(), "- SendQ exceeded\n"));
}

/* The worker reads for another reason (flood control, or the model was behind) while it waits for
 * room. */
Test(peers, room_is_reported_although_a_read_comes_between)
{
	open_session(7);
	room = 0;
	lone_deliver(&lone, last_peer, "one\r\n", 0);
	turns();
	cr_assert(eq(str, what_was_sent(), ""));
	room = 10;
	apo_peers_on_acknowledged(&peers, CONN, last_id);
	apo_conn_read(&lone.worker, apo_worker_find(&lone.worker, last_peer));
	turns();
	cr_assert(eq(str, what_was_sent(), "LINE 7 one\n"));
}

Test(peers, a_receipt_comes_with_the_acknowledgement_of_its_message)
{
	open_session(7);
	lone_deliver(&lone, last_peer, "one\r\n", 1);
	turns();
	lone_deliver(&lone, last_peer, "two\r\n", 2);
	turns();
	lone.worker.watches_at_ns = 0;
	cr_assert(eq(str, turns(), ""));
	apo_peers_on_acknowledged(&peers, CONN, last_id - 1);
	lone.worker.watches_at_ns = 0;
	cr_assert(eq(str, turns(), "receipt 1 arrived\n"));
	apo_peers_on_acknowledged(&peers, CONN, last_id);
	lone.worker.watches_at_ns = 0;
	cr_assert(eq(str, turns(), "receipt 2 arrived\n"));
	lone_deliver(&lone, last_peer, "three\r\n", 3);
	turns();
	apo_peers_on_gone(&peers, CONN, ETIMEDOUT);
	cr_assert(eq(str, turns(), "receipt 3 missing\n- Connection timed out\n"));
}

Test(peers, a_hello_without_room_is_sent_later)
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

Test(peers, invalid_frames_are_counted)
{
	bring(APO_FRAME_OPENED, 7, "");
	bring(APO_FRAME_LINE, 7, "two\nlines");
	cr_assert(eq(u64, peers.counters.malformed, 2));
	cr_assert(eq(str, turns(), ""));
}

/* More than a worker reads at once, in pieces of any size. */
Test(peers, many_lines_arrive_complete_and_in_order)
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
