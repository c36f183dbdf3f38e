/* SPDX-License-Identifier: MIT */
/* Several servers, and servers that refuse for a time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "conversation/converse/chat_private.h"
#include "fake_server.h"

static struct fake_server fake_server;
static struct cv_chat *chat; /* of the first client */

/* Both clients are in the channel; what they have shown is dropped. */
static void begin(void)
{
	fake_server_init(&fake_server, 2, 1);
	chat = fake_server.clients[0].chat;
	chat->has_other_servers = true;
	cv_chat_on_link(chat, true);
	fake_server_settle(&fake_server);
	fake_server_log(&fake_server, 0);
	fake_server_log(&fake_server, 1);
}

static void end(void)
{
	fake_server_fini(&fake_server);
}

TestSuite(chat_servers, .init = begin, .fini = end);

static bool has(unsigned client, const char *line)
{
	return strstr(fake_server.clients[client].log, line) != NULL;
}

/* The server has closed the session of the first client. */
static void close_session(void)
{
	struct apo_frame frame = {
		.kind = APO_FRAME_CLOSE, .session = chat->session, .text = "x", .text_len = 1};
	uint8_t bytes[APO_FRAME_BYTES_MAX];

	cv_chat_on_message(chat, bytes, apo_frame_write(&frame, bytes));
}

Test(chat_servers, without_a_link_another_one_is_tried)
{
	fake_server_wait(&fake_server, CV_ANSWER_NS);
	cr_assert(not(cv_chat_wants_other_server(chat)));
	cv_chat_on_link(chat, false);
	fake_server_wait(&fake_server, 0);
	cr_assert(eq(i64, cv_chat_next_at_ns(chat), fake_server.now_ns + CV_LINK_NS));
	fake_server_wait(&fake_server, CV_LINK_NS - 1);
	cr_assert(not(cv_chat_wants_other_server(chat)));
	fake_server_wait(&fake_server, 1);
	cr_assert(cv_chat_wants_other_server(chat));
	/* The next one has as much time. */
	cv_chat_on_other_server(chat, "b");
	cr_assert(not(cv_chat_wants_other_server(chat)));
	fake_server_wait(&fake_server, CV_LINK_NS);
	cr_assert(cv_chat_wants_other_server(chat));
}

Test(chat_servers, a_short_break_ends_no_session)
{
	uint64_t session = chat->session;

	cv_chat_on_link(chat, false);
	fake_server_wait(&fake_server, CV_LINK_NS - 1);
	cv_chat_on_link(chat, true);
	fake_server_wait(&fake_server, CV_ANSWER_NS);
	cr_assert(not(cv_chat_wants_other_server(chat)));
	cr_assert(eq(u64, chat->session, session));
}

Test(chat_servers, without_a_welcome_another_one_is_tried)
{
	cv_chat_on_other_server(chat, "b");
	fake_server_wait(&fake_server, CV_LINK_NS - 1);
	cv_chat_on_link(chat, true);
	fake_server_wait(&fake_server, CV_ANSWER_NS - CV_LINK_NS);
	cr_assert(not(cv_chat_wants_other_server(chat)));
	fake_server_wait(&fake_server, 1);
	cr_assert(cv_chat_wants_other_server(chat));
}

Test(chat_servers, a_server_that_does_not_answer_a_line_is_left)
{
	fake_server_say(&fake_server, 0, "one");
	fake_server_wait(&fake_server, CV_ANSWER_NS - 1);
	fake_server_say(&fake_server, 0, "two");
	cr_assert(not(cv_chat_wants_other_server(chat)));
	cr_assert(eq(i64, cv_chat_next_at_ns(chat), fake_server.now_ns + 1));
	fake_server_wait(&fake_server, 1);
	cr_assert(cv_chat_wants_other_server(chat));
	fake_server_settle(&fake_server); /* the answers come late */
	cr_assert(not(cv_chat_wants_other_server(chat)));
	fake_server_wait(&fake_server, 10 * CV_ANSWER_NS);
	cr_assert(not(cv_chat_wants_other_server(chat)));
}

Test(chat_servers, a_server_that_closes_the_session_is_left)
{
	close_session();
	cr_assert(not(cv_chat_wants_other_server(chat)));
	fake_server_wait(&fake_server, CV_RETRY_FIRST_NS);
	cr_assert(cv_chat_wants_other_server(chat));
	cr_assert(eq(u64, chat->session, 0), "no session at a server that has closed it");
}

Test(chat_servers, the_only_server_is_never_left)
{
	chat->has_other_servers = false;
	cv_chat_on_link(chat, false);
	fake_server_wait(&fake_server, 100 * CV_ANSWER_NS);
	cr_assert(not(cv_chat_wants_other_server(chat)));
	cv_chat_on_link(chat, true);
	close_session();
	fake_server_wait(&fake_server, CV_RETRY_FIRST_NS);
	cr_assert(not(cv_chat_wants_other_server(chat)));
	cr_assert(ne(u64, chat->session, 0), "a new session");
}

Test(chat_servers, who_quits_tries_no_other_one)
{
	cv_chat_on_link(chat, false);
	cv_chat_quit(chat, "bye");
	fake_server_wait(&fake_server, 2 * CV_LINK_NS);
	cr_assert(not(cv_chat_wants_other_server(chat)));
}

Test(chat_servers, lines_go_on_at_another_one_and_are_shown_once)
{
	fake_server_say(&fake_server, 0, "one");
	while (fake_server_step(&fake_server, 0, true) || fake_server_step(&fake_server, 0, false))
		;
	cr_assert(has(0, "SAID #a anna one\n"));
	fake_server_say(&fake_server, 0, "two");
	cv_chat_on_link(chat, false);
	fake_server_wait(&fake_server, CV_LINK_NS);
	cv_chat_on_other_server(chat, "b port 6680");
	cr_assert(has(0, "STATUS   connecting to b port 6680\n"));
	cv_chat_on_link(chat, true);
	fake_server_restart_server(&fake_server); /* another epoch, and no sessions */
	fake_server_settle(&fake_server);
	fake_server_wait(&fake_server, CV_GATHER_NS);
	fake_server_settle(&fake_server);
	cr_assert(not(has(0, "the server was restarted")));
	cr_assert(has(1, "MESSAGE #a anna one\nMESSAGE #a anna two\n"));
	cr_assert(eq(ptr, strstr(strstr(fake_server.clients[1].log, "one") + 1, "one"), NULL));
	cr_assert(has(0, "SAID #a anna two\n"));
	cr_assert(eq(sz, fake_server.clients[0].kept_count, 0));
}

/* ---- servers that refuse for now ---- */

Test(chat_servers, a_line_that_is_refused_for_now_is_kept)
{
	fake_server.is_cut_off = true;
	fake_server_say(&fake_server, 0, "hello");
	fake_server_settle(&fake_server);
	cr_assert(not(has(0, "FAILED")));
	cr_assert(eq(u64, chat->session, 0));
	fake_server_wait(&fake_server, CV_RETRY_FIRST_NS);
	cr_assert(cv_chat_wants_other_server(chat));
	fake_server.is_cut_off = false;
	cv_chat_on_other_server(chat, "b");
	fake_server_restart_server(&fake_server);
	fake_server_settle(&fake_server);
	fake_server_wait(&fake_server, CV_GATHER_NS);
	fake_server_settle(&fake_server);
	cr_assert(has(1, "MESSAGE #a anna hello\n"));
	cr_assert(eq(sz, fake_server.clients[0].kept_count, 0));
}

Test(chat_servers, a_channel_that_is_refused_for_now_is_joined_later)
{
	chat->has_other_servers = false;
	fake_server.is_cut_off = true;
	fake_server_restart_server(&fake_server);
	fake_server_settle(&fake_server);
	cr_assert(not(fake_server.clients[0].is_in));
	fake_server.is_cut_off = false;
	fake_server_wait(&fake_server, CV_RETRY_FIRST_NS);
	fake_server_settle(&fake_server);
	cr_assert(fake_server.clients[0].is_in);
	cr_assert(has(0, "JOINED #a"));
}

Test(chat_servers, sessions_that_end_soon_begin_after_longer_pauses)
{
	chat->has_other_servers = false;
	close_session();
	cr_assert(eq(i64, chat->retry_at_ns, fake_server.now_ns + CV_RETRY_FIRST_NS));
	fake_server_wait(&fake_server, CV_RETRY_FIRST_NS);
	fake_server_settle(&fake_server);
	cr_assert(eq(int, chat->state, CV_READY));
	close_session();
	cr_assert(eq(i64, chat->retry_at_ns, fake_server.now_ns + 2 * CV_RETRY_FIRST_NS));
	fake_server_wait(&fake_server, 2 * CV_RETRY_FIRST_NS);
	fake_server_settle(&fake_server);
	fake_server_wait(&fake_server, CV_STEADY_NS);
	close_session();
	cr_assert(eq(i64, chat->retry_at_ns, fake_server.now_ns + CV_RETRY_FIRST_NS));
}

static void ask_history(unsigned failures)
{
	fake_server.history = "@batch=hist;msgid=m1 :x!u@h PRIVMSG #a :missed";
	fake_server.caps = "message-tags batch echo-message labeled-response draft/chathistory";
	fake_server.failures = failures;
	fake_server_restart_client(&fake_server, 0);
	fake_server_settle(&fake_server);
	chat = fake_server.clients[0].chat;
}

Test(chat_servers, history_that_is_being_compared_is_requested_again)
{
	unsigned i;

	ask_history(20);
	for (i = 0; i < 20; i++) {
		cr_assert(not(has(0, "missed")));
		cr_assert(not(has(0, "JOINED")));
		cr_assert(eq(i64, cv_chat_next_at_ns(chat), fake_server.now_ns + RUDP_NS_PER_S));
		fake_server_wait(&fake_server, RUDP_NS_PER_S);
		fake_server_settle(&fake_server);
	}
	cr_assert(has(0, "MESSAGE~ #a x missed\nJOINED #a"));
}

Test(chat_servers, history_that_cannot_be_read_is_given_up)
{
	unsigned i;

	ask_history(2 * CV_HISTORY_RETRIES);
	for (i = 0; i < CV_HISTORY_RETRIES; i++) {
		cr_assert(not(has(0, "JOINED")));
		fake_server_wait(&fake_server, RUDP_NS_PER_S);
		fake_server_settle(&fake_server);
	}
	cr_assert(has(0, "INFO   no history of #a: No\nJOINED #a"));
}
