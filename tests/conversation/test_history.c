/* SPDX-License-Identifier: MIT */
/* History and CHATHISTORY. The store is a mock that records the model's calls. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conversation/model/history.h"
#include "conversation/told.h"

static struct fixture w;

static void begin(void)
{
	told_init(&w);
	fixture_start(&w);
}

TestSuite(history, .init = begin, .fini = fixture_fini);

/* ---- what is kept ---- */

Test(history, messages_are_kept_with_their_recipients)
{
	told_log_in(&w, 1, "dan", NULL);
	fixture_join(&w, 0, "eve", NULL);
	fixture_say(&w, 1, "JOIN #Room");
	TOLD("1 dan in #room from 1");
	fixture_say(&w, 0, "JOIN #room");
	TOLD_NOTHING();
	fixture_say(&w, 0, "PRIVMSG #ROOM :hello");
	TOLD("3 eve!~eve@host0.example PRIVMSG #Room: hello");
	fixture_say(&w, 1, "NOTICE #room :hi");
	TOLD("4 dan!~dan@host1.example NOTICE #Room: hi");
	fixture_say(&w, 1, "PART #room");
	TOLD("1 until 4");
	fixture_say(&w, 0, "PRIVMSG #room :alone");
	TOLD("5 eve!~eve@host0.example PRIVMSG #Room: alone");
	TOLD_NOTHING();
}

Test(history, messages_to_some_members_are_not_kept)
{
	told_log_in(&w, 1, "dan", "message-tags");
	fixture_join(&w, 0, "eve", NULL);
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 1, "JOIN #a");
	TOLD("2 dan in #a from 2");
	fixture_say(&w, 0, "PRIVMSG @#a :for operators");
	fixture_say(&w, 0, "PRIVMSG +#a :for some");
	fixture_say(&w, 1, "@+x=y TAGMSG #a");
	fixture_say(&w, 0, "MODE #a +m");
	fixture_say(&w, 1, "PRIVMSG #a :not heard");
	fixture_say(&w, 1, "PRIVMSG nobody :not heard");
	fixture_say(&w, 0, "PRIVMSG dan :one has no account");
	fixture_say(&w, 1, "PRIVMSG eve :one has no account");
	TOLD_NOTHING();
}

Test(history, private_messages_are_kept_between_accounts)
{
	told_log_in(&w, 1, "dan", NULL);
	told_log_in(&w, 3, "eve", NULL);
	fixture_say(&w, 3, "NICK other");
	fixture_say(&w, 1, "PRIVMSG other :hello");
	TOLD("1 dan!~dan@host1.example PRIVMSG other: hello");
	TOLD("between dan eve");
	TOLD_NOTHING();
}

Test(history, messages_to_nickserv_are_not_kept)
{
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "PRIVMSG NickServ :DROP dan secret");
	fixture_say(&w, 1, "PRIVMSG NickServ :GHOST dan");
	TOLD_NOTHING();
}

Test(history, nothing_is_kept_when_history_is_off)
{
	w.config.has_history = false;
	fixture_join(&w, 0, "eve", NULL);
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 0, "PRIVMSG #a :text");
	TOLD_NOTHING();
	fixture_forget(&w);
	fixture_say(&w, 0, "CAP REQ draft/chathistory");
	HEARS(&w, 0, ":irc.example CAP eve NAK :draft/chathistory");
	fixture_say(&w, 0, "CHATHISTORY LATEST #a * 10");
	HEARS_LIKE(&w, 0, ":irc.example 421 eve CHATHISTORY *");
}

/* ---- who was there ---- */

/* The client is lost after position 3 and comes back after position 4. */
static void back_from_a_lost_connection(const char *what_then, const char *told_then)
{
	told_join_two(&w);
	told_talk(&w);
	fixture_close(&w, 1, "gone");
	TOLD("2 until 3");
	told_talk(&w);
	if (what_then)
		fixture_say(&w, 0, "%s", what_then);
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 0, "MODE #a -bik *!*@nowhere");
	fixture_say(&w, 0, "MODE #a -k x");
	fixture_say(&w, 1, "JOIN #a");
	TOLD(told_then);
	TOLD_NOTHING();
}

Test(history, a_lost_connection_does_not_end_a_membership)
{
	back_from_a_lost_connection(NULL, "5 dan in #a from 3");
	fixture_say(&w, 1, "PART #a");
	TOLD("5 until 5");
	told_talk(&w);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("7 dan in #a from 7");
}

Test(history, a_ban_ends_the_membership_of_the_absent)
{
	back_from_a_lost_connection("MODE #a +b *!*@nowhere", "5 dan in #a from 5");
}

Test(history, mode_i_ends_the_membership_of_the_absent)
{
	back_from_a_lost_connection("MODE #a +i", "5 dan in #a from 5");
}

Test(history, a_key_ends_the_membership_of_the_absent)
{
	back_from_a_lost_connection("MODE #a +k x", "5 dan in #a from 5");
}

Test(history, other_modes_do_not_end_a_membership)
{
	back_from_a_lost_connection("MODE #a +mstl 5", "5 dan in #a from 3");
}

Test(history, a_long_absence_ends_the_membership)
{
	told_join_two(&w);
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	w.now_ns += w.config.absence_ns;
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("3 dan in #a from 3");
}

Test(history, a_channel_that_ends_and_is_founded_by_others_is_another)
{
	told_join_two(&w);
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	fixture_say(&w, 0, "PART #a");
	fixture_say(&w, 0, "JOIN #a");
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("4 dan in #a from 4");
}

Test(history, a_kick_ends_the_membership)
{
	told_join_two(&w);
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("3 dan in #a from 2");
	fixture_say(&w, 0, "KICK #a dan");
	TOLD("3 until 3");
	fixture_say(&w, 1, "JOIN #a");
	TOLD("4 dan in #a from 4");
}

/* Two connections of one account: one is lost, the other is kicked. */
Test(history, a_kick_does_not_affect_other_channels)
{
	fixture_join(&w, 0, "eve", NULL);
	fixture_say(&w, 0, "JOIN #a");
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 1, "NICK dan1");
	told_log_in(&w, 3, "dan", NULL);
	fixture_say(&w, 3, "JOIN #a");
	told_at = told_count;
	fixture_close(&w, 1, "gone");
	TOLD("2 until 3");
	fixture_say(&w, 0, "KICK #a dan");
	TOLD("3 until 3");
	told_talk(&w);
	fixture_say(&w, 3, "JOIN #a");
	TOLD("5 dan in #a from 5");
}

#define KEY "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_KEY "SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* A guest (client 1) joins #a. */
static void join_with_key(const char *key)
{
	w.mocks[1].fingerprint = key;
	fixture_join(&w, 1, "guest", "draft/chathistory");
	fixture_say(&w, 1, "JOIN #a");
}

/* The guest joins at position 2 and is lost; the next message has position 3. */
static void lose_guest(const char *key)
{
	fixture_join(&w, 0, "eve", NULL);
	fixture_say(&w, 0, "JOIN #a");
	join_with_key(key);
	fixture_close(&w, 1, "gone");
	told_talk(&w);
}

static void guest_sees_from(unsigned position)
{
	char expected[80];

	snprintf(expected, sizeof expected, "way %d - #a - since %u in: * * 5", APO_HISTORY_LATEST,
		 position);
	fixture_say(&w, 1, "CHATHISTORY LATEST #a * 5");
	TOLD(expected);
	TOLD_NOTHING();
	apo_model_on_history(w.model, told_ticket, APO_ASKED_FAILED, NULL, w.now_ns);
}

Test(history, a_guest_is_known_again_by_the_key)
{
	lose_guest(KEY);
	join_with_key(KEY);
	guest_sees_from(2);
	fixture_close(&w, 1, "gone"); /* and once more */
	join_with_key(KEY);
	guest_sees_from(2);
	fixture_say(&w, 1, "PART #a");
	fixture_say(&w, 1, "JOIN #a");
	guest_sees_from(6);
}

Test(history, a_guest_without_the_same_key_is_another_one)
{
	static const struct {
		const char *before, *after;
	} rows[] = {{NULL, NULL}, {KEY, NULL}, {KEY, OTHER_KEY}, {NULL, KEY}, {"x", "x"}};
	unsigned i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		lose_guest(rows[i].before);
		join_with_key(rows[i].after);
		guest_sees_from(4);
		fixture_fini();
		begin();
	}
}

Test(history, what_ends_the_membership_of_the_absent_ends_that_of_guests)
{
	lose_guest(KEY);
	fixture_say(&w, 0, "MODE #a +b *!*@nowhere");
	join_with_key(KEY);
	guest_sees_from(4);
	fixture_close(&w, 1, "gone");
	fixture_say(&w, 0, "MODE #a +l 9");
	join_with_key(KEY);
	guest_sees_from(4);
	fixture_close(&w, 1, "gone");
	w.now_ns += w.config.absence_ns;
	join_with_key(KEY);
	guest_sees_from(6);
}

/* A guest does not see the messages of the time that it spent as the account, nor the account those
 * of the guest. */
Test(history, an_account_and_a_guest_with_its_key_are_different)
{
	told_join_two(&w);
	w.mocks[1].fingerprint = KEY;
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	join_with_key(KEY);
	guest_sees_from(3);
	fixture_close(&w, 1, "gone");
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("4 dan in #a from 2");
}

/* An account stays when clients with new keys come and go. */
Test(history, absent_guests_displace_no_account)
{
	char key[] = KEY;
	unsigned i;

	told_join_two(&w);
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	for (i = 0; i <= APO_ABSENCES_MAX; i++) {
		snprintf(key, sizeof key, "SHA256:%043u", i);
		join_with_key(key);
		fixture_close(&w, 1, "gone");
	}
	w.mocks[1].fingerprint = NULL;
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	cr_assert(eq(str, strstr(told[told_at], " from "), " from 2"));
}

Test(history, a_login_keeps_the_presence_before_it)
{
	fixture_join(&w, 1, "dan", "draft/account-registration");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 1, "PRIVMSG #a :text");
	TOLD("2 dan!~dan@host1.example PRIVMSG #a: text");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	TOLD("1 dan in #a from 1");
	TOLD_NOTHING();
}

Test(history, a_new_account_of_a_dropped_name_is_another_account)
{
	told_join_two(&w);
	fixture_close(&w, 1, "gone");
	TOLD("2 until 2");
	apo_model_on_account_gone(w.model, "dan", w.now_ns);
	told_log_in(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "JOIN #a");
	TOLD("3 dan in #a from 3");
	apo_model_on_account_gone(w.model, "dan", w.now_ns);
	TOLD("3 until 3");
	fixture_say(&w, 1, "PART #a");
	TOLD_NOTHING();
}

/* ---- asking ---- */

static void told_of(const char *said, const char *expected)
{
	fixture_say(&w, 1, "CHATHISTORY %s", said);
	TOLD(expected);
	apo_model_on_history(w.model, told_ticket, APO_ASKED_FAILED, NULL, w.now_ns);
	fixture_forget(&w);
}

Test(history, requests_are_parsed)
{
	told_log_in(&w, 1, "dan", TOLD_CAPS);
	fixture_say(&w, 1, "JOIN #Room");
	TOLD("1 dan in #room from 1");
	told_of("LATEST #room * 10", "way 4 dan #room - since 1 in: * * 10");
	told_of("latest #ROOM msgid=abc-1f 1000", "way 4 dan #room - since 1 in: abc-1f * 100");
	told_of("BEFORE #gone timestamp=2023-11-14T22:13:20.123Z 5",
		"way 2 dan #gone - since 0: @1700000000123 * 5");
	told_of("AFTER eve msgid=0-1 5", "way 0 dan - eve since 0: 0-1 * 5");
	told_of("AROUND #room msgid=abc-2 5", "way 1 dan #room - since 1 in: abc-2 * 5");
	told_of("BETWEEN #room msgid=abc-2 timestamp=1970-01-01T00:00:00.000Z 5",
		"way 3 dan #room - since 1 in: abc-2 @0 5");
	told_of("TARGETS timestamp=9999-12-31T23:59:59.999Z timestamp=2000-02-29T00:00:00.000Z 7",
		"way 5 dan - - since 0: @253402300799999 @951782400000 7");
}

Test(history, a_nick_means_its_present_user)
{
	told_log_in(&w, 1, "dan", TOLD_CAPS);
	told_log_in(&w, 3, "eve", NULL);
	fixture_say(&w, 3, "NICK fay");
	told_of("LATEST fay * 10", "way 4 dan - eve since 0: * * 10");
	fixture_close(&w, 3, "gone");
	told_of("LATEST fay * 10", "way 4 dan - fay since 0: * * 10");
}

static void refused(const char *said, const char *answer)
{
	char expected[300];

	fixture_say(&w, 1, "%s", said);
	snprintf(expected, sizeof expected, ":irc.example FAIL CHATHISTORY %s", answer);
	HEARS(&w, 1, expected);
	QUIET(&w, 1);
	TOLD_NOTHING();
}

Test(history, wrong_requests_are_explained)
{
	char said[500];

	told_log_in(&w, 1, "dan", "draft/chathistory");
	refused("CHATHISTORY", "INVALID_PARAMS * :Unknown subcommand");
	refused("CHATHISTORY FIRST #a * 1", "INVALID_PARAMS FIRST :Unknown subcommand");
	refused("CHATHISTORY latest #a *", "INVALID_PARAMS LATEST :Insufficient parameters");
	refused("CHATHISTORY LATEST #a * 1 1", "INVALID_PARAMS LATEST :Too many parameters");
	refused("CHATHISTORY BEFORE #a * 1",
		"INVALID_MSGREFTYPE BEFORE * :A reference is timestamp=, or msgid= where that is "
		"possible");
	refused("CHATHISTORY BEFORE #a timestamp=2023-02-29T00:00:00.000Z 1",
		"INVALID_PARAMS BEFORE timestamp=2023-02-29T00:00:00.000Z :Invalid timestamp");
	refused("CHATHISTORY BEFORE #a msgid=ABC-1 1",
		"INVALID_PARAMS BEFORE msgid=ABC-1 :There is no such message");
	refused("CHATHISTORY TARGETS msgid=abc-1 msgid=abc-2 1",
		"INVALID_MSGREFTYPE TARGETS msgid=abc-1 :A reference is timestamp=, or msgid= "
		"where that is possible");
	refused("CHATHISTORY LATEST #a * 0", "INVALID_PARAMS LATEST 0 :Invalid limit");
	refused("CHATHISTORY LATEST #a * -5", "INVALID_PARAMS LATEST -5 :Invalid limit");
	refused("CHATHISTORY LATEST 9x * 5",
		"INVALID_TARGET LATEST 9x :Messages could not be retrieved");
	snprintf(said, sizeof said, "CHATHISTORY LATEST #%0100d * 5", 1);
	fixture_say(&w, 1, "%s", said);
	HEARS_LIKE(&w, 1, ":irc.example FAIL CHATHISTORY INVALID_TARGET LATEST *");
	cr_assert(ge(u64, apo_model_figures(w.model)->history_refused, 11));
}

Test(history, without_an_account_only_present_channels_are_answered)
{
	fixture_join(&w, 1, "dan", "draft/chathistory");
	refused("CHATHISTORY LATEST #a * 5",
		"INVALID_TARGET LATEST #a :Messages could not be retrieved");
	refused("CHATHISTORY LATEST eve * 5",
		"INVALID_TARGET LATEST eve :Messages could not be retrieved");
	fixture_say(&w, 1, "JOIN #a");
	told_of("LATEST #a * 5", "way 4 - #a - since 1 in: * * 5");
	fixture_say(&w, 1, "PART #a");
	fixture_forget(&w);
	refused("CHATHISTORY LATEST #a * 5",
		"INVALID_TARGET LATEST #a :Messages could not be retrieved");
}

Test(history, lines_after_a_request_wait_for_the_answer)
{
	told_log_in(&w, 1, "dan", "draft/chathistory");
	fixture_say(&w, 1, "JOIN #a");
	fixture_forget(&w);
	cr_assert(not(w.mocks[1].is_held));
	told_count = told_at = 0;
	fixture_say(&w, 1, "CHATHISTORY LATEST #a * 5");
	told_count = told_at = 0;
	fixture_say(&w, 1, "CHATHISTORY LATEST #a * 6");
	fixture_say(&w, 1, "PING later");
	cr_assert(w.mocks[1].is_held);
	cr_assert(eq(uint, told_count, 0));
	QUIET(&w, 1);
	cr_assert(apo_model_check(w.model));
	apo_model_on_history(w.model, told_ticket, APO_ASKED_FAILED, NULL, w.now_ns);
	HEARS_LIKE(&w, 1, "* MESSAGE_ERROR LATEST #a :Messages could not be retrieved");
	QUIET(&w, 1);
	fixture_step_all(&w);
	cr_assert(eq(uint, told_count, 1));
	QUIET(&w, 1);
	apo_model_on_history(w.model, told_ticket, APO_ASKED_FAILED, NULL, w.now_ns);
	HEARS_LIKE(&w, 1, "* MESSAGE_ERROR LATEST #a :Messages could not be retrieved");
	fixture_step_all(&w);
	HEARS_LIKE(&w, 1, "* PONG * :later");
}

Test(history, messages_of_bots_are_kept_with_the_tag)
{
	told_join_two(&w);
	fixture_say(&w, 1, "CAP REQ message-tags");
	fixture_say(&w, 1, "MODE dan +B");
	fixture_say(&w, 1, "PRIVMSG #a :one");
	TOLD("3 dan!~dan@host1.example PRIVMSG #a: one");
	TOLD("tags bot");
	fixture_say(&w, 1, "@+x=y PRIVMSG #a :two");
	TOLD("4 dan!~dan@host1.example PRIVMSG #a: two");
	TOLD("tags bot;+x=y");
	fixture_say(&w, 1, "MODE dan -B");
	fixture_say(&w, 1, "@+x=y PRIVMSG #a :three");
	TOLD("5 dan!~dan@host1.example PRIVMSG #a: three");
	TOLD("tags +x=y");
}

/* ---- answers ---- */

static struct apo_said first = {.position = 0x1f,
				.run = 0xabc,
				.time_ms = INT64_C(1600000000123),
				.source = "eve!~eve@host",
				.target = "#Room",
				.text = "hello",
				.account = "eve",
				.tags = "+x=y"};
static struct apo_said second = {.position = 0x20,
				 .run = 0xabd,
				 .time_ms = INT64_C(1600000000124),
				 .is_notice = true,
				 .source = "fay!~fay@host",
				 .target = "#Room",
				 .text = "hi"};
static struct apo_page page = {.count = 2, .said = {&first, &second}};

static void ask_and_answer(const char *tags, enum apo_asked asked)
{
	fixture_say(&w, 1, "%sCHATHISTORY LATEST #room * 10", tags);
	QUIET(&w, 1);
	apo_model_on_history(w.model, told_ticket, asked, asked == APO_ASKED_DONE ? &page : NULL,
			     w.now_ns);
}

Test(history, an_answer_is_a_batch_with_the_target_as_requested)
{
	told_log_in(&w, 1, "dan", TOLD_CAPS);
	fixture_say(&w, 1, "JOIN #Room");
	fixture_forget(&w);
	ask_and_answer("", APO_ASKED_DONE);
	HEARS_LIKE(&w, 1, "@time=2023-* :irc.example BATCH +1 chathistory #room");
	HEARS(&w, 1,
	      "@batch=1;time=2020-09-13T12:26:40.123Z;account=eve;msgid=abc-1f;+x=y "
	      ":eve!~eve@host PRIVMSG #Room :hello");
	HEARS(&w, 1,
	      "@batch=1;time=2020-09-13T12:26:40.124Z;msgid=abd-20 "
	      ":fay!~fay@host NOTICE #Room :hi");
	HEARS_LIKE(&w, 1, "@time=2023-* :irc.example BATCH -1");
	QUIET(&w, 1);
}

Test(history, the_batch_has_the_label)
{
	told_log_in(&w, 1, "dan", TOLD_CAPS);
	fixture_say(&w, 1, "JOIN #Room");
	fixture_forget(&w);
	page.count = 0;
	ask_and_answer("@label=7 ", APO_ASKED_DONE);
	page.count = 2;
	HEARS_LIKE(&w, 1, "@label=7;time=2023-* :irc.example BATCH +1 chathistory #room");
	HEARS_LIKE(&w, 1, "@time=2023-* :irc.example BATCH -1");
	QUIET(&w, 1);
	ask_and_answer("@label=8 ", APO_ASKED_FAILED);
	HEARS_LIKE(&w, 1,
		   "@label=8;time=* :irc.example FAIL CHATHISTORY MESSAGE_ERROR LATEST #room :*");
	QUIET(&w, 1);
}

Test(history, without_batch_the_answer_is_lines)
{
	told_log_in(&w, 1, "dan", "draft/chathistory");
	fixture_say(&w, 1, "JOIN #Room");
	fixture_forget(&w);
	ask_and_answer("", APO_ASKED_DONE);
	HEARS(&w, 1, ":eve!~eve@host PRIVMSG #Room :hello");
	HEARS(&w, 1, ":fay!~fay@host NOTICE #Room :hi");
	ask_and_answer("", APO_ASKED_NO_TARGET);
	HEARS(&w, 1,
	      ":irc.example FAIL CHATHISTORY INVALID_TARGET LATEST #room "
	      ":Messages could not be retrieved");
	ask_and_answer("", APO_ASKED_NO_MESSAGE);
	HEARS(&w, 1,
	      ":irc.example FAIL CHATHISTORY INVALID_PARAMS LATEST #room "
	      ":There is no such message");
	QUIET(&w, 1);
}

Test(history, targets_have_their_times)
{
	told_log_in(&w, 1, "dan", "draft/chathistory batch");
	fixture_say(&w, 1,
		    "CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z "
		    "timestamp=2030-01-01T00:00:00.000Z 5");
	apo_model_on_history(w.model, told_ticket, APO_ASKED_DONE, &page, w.now_ns);
	HEARS(&w, 1, ":irc.example BATCH +1 draft/chathistory-targets");
	HEARS(&w, 1, "@batch=1 :irc.example CHATHISTORY TARGETS #Room 2020-09-13T12:26:40.123Z");
	HEARS(&w, 1, "@batch=1 :irc.example CHATHISTORY TARGETS #Room 2020-09-13T12:26:40.124Z");
	HEARS(&w, 1, ":irc.example BATCH -1");
}

Test(history, a_client_that_has_left_is_not_answered)
{
	told_log_in(&w, 1, "dan", TOLD_CAPS);
	fixture_say(&w, 1, "CHATHISTORY LATEST #room * 10");
	fixture_close(&w, 1, "gone");
	apo_model_on_history(w.model, told_ticket, APO_ASKED_DONE, &page, w.now_ns);
	apo_model_on_history(w.model, told_ticket, APO_ASKED_DONE, &page, w.now_ns);
	told_log_in(&w, 3, "eve", TOLD_CAPS);
	/* Still pending when the model is freed. */
	fixture_say(&w, 3, "CHATHISTORY LATEST #room * 10");
}

Test(history, the_capability_and_isupport_match_the_configuration)
{
	w.config.history_answer_max = 77;
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "USER dan 0 * :dan");
	HEARS_LIKE(&w, 1, "*001*");
	HEARS_LIKE(&w, 1, "*002*");
	HEARS_LIKE(&w, 1, "*003*");
	HEARS_LIKE(&w, 1, "*004*");
	HEARS_LIKE(&w, 1, "*005*CHATHISTORY=77 *");
	HEARS_LIKE(&w, 1, "*005*MSGREFTYPES=msgid,timestamp *");
	fixture_forget(&w);
	fixture_say(&w, 1, "CAP LS 302");
	HEARS_LIKE(&w, 1, "*draft/chathistory*");
}
