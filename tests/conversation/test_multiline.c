/* SPDX-License-Identifier: MIT */
/* Messages of several lines (draft/multiline): from a client, to all kinds of recipients,
 * limits. */
#include <stdio.h>
#include <string.h>

#include "conversation/model/multiline.h"
#include "conversation/told.h"

#define CAPS "message-tags batch labeled-response echo-message draft/multiline"

static struct fixture w;

/* dan and eve know batches of lines; fay does not, and gus knows nothing. */
static void begin(void)
{
	told_init(&w);
	fixture_start(&w);
	fixture_join(&w, 0, "dan", CAPS);
	fixture_join(&w, 1, "eve", "message-tags batch draft/multiline account-tag");
	fixture_join(&w, 2, "fay", "message-tags");
	fixture_join(&w, 3, "gus", "draft/multiline");
	fixture_gather(&w, 4, "#a");
	told_at = told_count;
}

TestSuite(multiline, .init = begin, .fini = fixture_fini);

#define FAIL_INVALID ":irc.example FAIL BATCH MULTILINE_INVALID :"

static void say_three(const char *tags)
{
	fixture_say(&w, 0, "%sBATCH +123 draft/multiline #a", tags);
	fixture_say(&w, 0, "@batch=123 PRIVMSG #a hello");
	fixture_say(&w, 0, "@batch=123 PRIVMSG #A :#how is ");
	fixture_say(&w, 0, "@batch=123;draft/multiline-concat privmsg #a :everyone?");
	QUIET(&w, 0);
	QUIET(&w, 1);
	fixture_say(&w, 0, "BATCH -123");
}

Test(multiline, recipients_get_a_batch)
{
	say_three("@+x=y ");
	HEARS_LIKE(&w, 1, "@msgid=abc-5;+x=y :dan!~dan@host0.example BATCH +? draft/multiline #a");
	HEARS_LIKE(&w, 1, "@batch=? :dan!~dan@host0.example PRIVMSG #a :hello");
	HEARS_LIKE(&w, 1, "@batch=? :dan!~dan@host0.example PRIVMSG #a :#how is ");
	HEARS_LIKE(&w, 1,
		   "@batch=?;draft/multiline-concat :dan!~dan@host0.example PRIVMSG #a :everyone?");
	HEARS_LIKE(&w, 1, ":irc.example BATCH -?");
	QUIET(&w, 1);
}

/* It may be a password: nothing of it is kept. */
Test(multiline, a_service_gets_no_batch)
{
	fixture_say(&w, 0, "BATCH +1 draft/multiline NickServ");
	HEARS(&w, 0, FAIL_INVALID "A service takes single lines only");
	fixture_say(&w, 0, "@batch=1 PRIVMSG NickServ :DROP dan pw");
	HEARS(&w, 0, FAIL_INVALID "There is no such open batch");
	fixture_say(&w, 0, "BATCH -1");
	HEARS(&w, 0, FAIL_INVALID "There is no such open batch");
	fixture_say(&w, 0, "BATCH +2 draft/multiline ChanServ");
	HEARS(&w, 0, FAIL_INVALID "A service takes single lines only");
	QUIET(&w, 1);
}

Test(multiline, others_get_lines_of_which_the_first_has_the_msgid)
{
	say_three("@+x=y ");
	HEARS(&w, 2, "@msgid=abc-5;+x=y :dan!~dan@host0.example PRIVMSG #a :hello");
	HEARS(&w, 2, "@+x=y :dan!~dan@host0.example PRIVMSG #a :#how is ");
	HEARS(&w, 2, "@+x=y :dan!~dan@host0.example PRIVMSG #a :everyone?");
	QUIET(&w, 2);
	HEARS(&w, 3, ":dan!~dan@host0.example PRIVMSG #a :hello");
	HEARS(&w, 3, ":dan!~dan@host0.example PRIVMSG #a :#how is ");
	HEARS(&w, 3, ":dan!~dan@host0.example PRIVMSG #a :everyone?");
	QUIET(&w, 3);
}

Test(multiline, the_echo_has_the_label_once)
{
	say_three("@label=xyz ");
	HEARS_LIKE(&w, 0,
		   "@label=xyz;msgid=abc-5 :dan!~dan@host0.example BATCH +? draft/multiline #a");
	HEARS_LIKE(&w, 0, "@batch=? :dan!~dan@host0.example PRIVMSG #a :hello");
	HEARS_LIKE(&w, 0, "@batch=? :dan!~dan@host0.example PRIVMSG #a :#how is ");
	HEARS_LIKE(&w, 0, "@batch=?;draft/multiline-concat :*");
	HEARS_LIKE(&w, 0, ":irc.example BATCH -?");
	QUIET(&w, 0);
}

Test(multiline, without_an_echo_the_answer_is_ACK)
{
	fixture_say(&w, 0, "CAP REQ -echo-message");
	fixture_forget(&w);
	say_three("@label=xyz ");
	HEARS(&w, 0, "@label=xyz :irc.example ACK");
	QUIET(&w, 0);
}

/* To clients without batches the second line is a message of its own. */
static void say_ctcp(const char *target, const char *first, const char *second)
{
	fixture_say(&w, 0, "BATCH +1 draft/multiline %s", target);
	fixture_say(&w, 0, "@batch=1 PRIVMSG %s :%s", target, first);
	fixture_say(&w, 0, "@batch=1 PRIVMSG %s :%s", target, second);
	fixture_say(&w, 0, "BATCH -1");
}

Test(multiline, ctcp_in_a_later_line_is_refused)
{
	fixture_say(&w, 0, "MODE #a +C");
	fixture_say(&w, 2, "MODE fay +T");
	fixture_forget(&w);
	say_ctcp("#a", "hello", "\001VERSION\001");
	HEARS(&w, 0, ":irc.example 404 dan #a :Cannot send to channel");
	say_ctcp("fay", "", "\001VERSION\001");
	HEARS(&w, 0, ":irc.example 531 dan fay :This user takes no CTCP");
	QUIET(&w, 2);
	QUIET(&w, 3);
}

Test(multiline, an_action_in_any_line_is_no_ctcp)
{
	fixture_say(&w, 2, "MODE fay +T");
	fixture_forget(&w);
	say_ctcp("fay", "\001ACTION", "\001ACTION waves\001");
	HEARS_LIKE(&w, 2, "*PRIVMSG fay :\001ACTION");
	HEARS_LIKE(&w, 2, "*PRIVMSG fay :\001ACTION waves\001");
	QUIET(&w, 2);
}

Test(multiline, a_refusal_has_the_label)
{
	fixture_say(&w, 3, "MODE #a +m");
	fixture_say(&w, 0, "PART #a");
	fixture_forget(&w);
	fixture_say(&w, 0, "@label=xyz BATCH +1 draft/multiline #a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a hello");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a hello");
	fixture_say(&w, 0, "BATCH -1");
	HEARS(&w, 0, "@label=xyz :irc.example 404 dan #a :Cannot send to channel");
	QUIET(&w, 1);
}

Test(multiline, empty_lines_are_for_those_who_know_batches)
{
	fixture_say(&w, 0, "BATCH +1 draft/multiline #a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :text");
	fixture_say(&w, 0, "BATCH -1");
	HEARS_LIKE(&w, 1, "@msgid=abc-5 :dan!~dan@host0.example BATCH +? draft/multiline #a");
	HEARS_LIKE(&w, 1, "@batch=? :dan!~dan@host0.example PRIVMSG #a :");
	HEARS_LIKE(&w, 1, "@batch=? :dan!~dan@host0.example PRIVMSG #a :text");
	HEARS(&w, 2, "@msgid=abc-5 :dan!~dan@host0.example PRIVMSG #a :text");
	QUIET(&w, 2);
}

Test(multiline, a_user_gets_them_too)
{
	fixture_say(&w, 0, "BATCH +1 draft/multiline eve");
	fixture_say(&w, 0, "@batch=1 PRIVMSG eve :a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG eve :b");
	fixture_say(&w, 0, "BATCH -1");
	HEARS_LIKE(&w, 1, "@msgid=abc-5 :dan!~dan@host0.example BATCH +? draft/multiline eve");
	HEARS_LIKE(&w, 1, "@batch=? :dan!~dan@host0.example PRIVMSG eve :a");
	fixture_forget(&w);
	fixture_say(&w, 0, "BATCH +1 draft/multiline fay");
	fixture_say(&w, 0, "@batch=1 PRIVMSG fay :a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG fay :b");
	fixture_say(&w, 0, "BATCH -1");
	HEARS(&w, 2, "@msgid=abc-6 :dan!~dan@host0.example PRIVMSG fay :a");
	HEARS(&w, 2, ":dan!~dan@host0.example PRIVMSG fay :b");
}

Test(multiline, one_line_is_an_ordinary_message)
{
	fixture_say(&w, 0, "BATCH +1 draft/multiline #a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :text");
	fixture_say(&w, 0, "BATCH -1");
	HEARS(&w, 1, "@msgid=abc-5 :dan!~dan@host0.example PRIVMSG #a :text");
	QUIET(&w, 1);
}

/* Each of them ends the batch, and what follows of it is ignored. */
static void is_refused(const char *line, const char *answer)
{
	fixture_say(&w, 0, "BATCH +1 draft/multiline #a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :text");
	ANSWERS(&w, 0, line, answer);
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :text");
	fixture_say(&w, 0, "BATCH -1");
	QUIET(&w, 0);
	QUIET(&w, 1);
}

Test(multiline, invalid_batches_are_refused)
{
	is_refused("@batch=2 PRIVMSG #a :hi", FAIL_INVALID "There is no such open batch");
	is_refused("@batch=1 NOTICE #a :hi",
		   FAIL_INVALID "A batch consists of PRIVMSG with a target and a text");
	is_refused("@batch=1 PRIVMSG #a",
		   FAIL_INVALID "A batch consists of PRIVMSG with a target and a text");
	is_refused("@batch=1;draft/multiline-concat PRIVMSG #a :",
		   FAIL_INVALID "An empty line cannot continue the line before it");
	is_refused("@batch=1 PRIVMSG #b :hi",
		   ":irc.example FAIL BATCH MULTILINE_INVALID_TARGET #a #b :All lines of a batch "
		   "have the target of the batch");
	is_refused("BATCH -2", FAIL_INVALID "There is no such open batch");
}

Test(multiline, invalid_commands_are_refused)
{
	ANSWERS(&w, 0, "BATCH -1", FAIL_INVALID "There is no such open batch");
	ANSWERS(&w, 0, "BATCH 1", FAIL_INVALID "BATCH takes +reference or -reference");
	ANSWERS(&w, 0, "BATCH + draft/multiline #a",
		FAIL_INVALID "The reference is empty or too long");
	ANSWERS(&w, 0, "BATCH +1 netjoin #a",
		FAIL_INVALID "A batch has the type draft/multiline and one target");
	ANSWERS(&w, 0, "BATCH +1 draft/multiline",
		FAIL_INVALID "A batch has the type draft/multiline and one target");
	ANSWERS(&w, 0, "BATCH +1 draft/multiline #a,#b",
		FAIL_INVALID "A batch has the type draft/multiline and one target");
	ANSWERS(&w, 2, "BATCH +1 draft/multiline #a",
		":irc.example 421 fay BATCH :Unknown command");
	fixture_say(&w, 0, "BATCH +1 draft/multiline #a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :");
	ANSWERS(&w, 0, "BATCH -1", FAIL_INVALID "The batch has no text");
	fixture_say(&w, 0, "BATCH +1 draft/multiline #a");
	ANSWERS(&w, 0, "BATCH +2 draft/multiline #a", FAIL_INVALID "Another batch was open");
	QUIET(&w, 1);
}

/* It would cost the sender less than its other lines. */
Test(multiline, a_line_of_no_batch_is_not_delivered)
{
	fixture_say(&w, 2, "@batch=1 PRIVMSG #a :cheap");
	HEARS_LIKE(&w, 2, "*There is no such open batch");
	QUIET(&w, 0);
	QUIET(&w, 1);
}

Test(multiline, the_number_of_lines_is_limited)
{
	unsigned i;

	fixture_say(&w, 0, "@label=7 BATCH +1 draft/multiline #a");
	for (i = 0; i < APO_MULTILINE_LINES_MAX; i++)
		fixture_say(&w, 0, "@batch=1 PRIVMSG #a :x");
	QUIET(&w, 0);
	ANSWERS(&w, 0, "@batch=1 PRIVMSG #a :x",
		"@label=7 :irc.example FAIL BATCH MULTILINE_MAX_LINES 32 :The message has too many "
		"lines");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :x");
	fixture_say(&w, 0, "BATCH -1");
	QUIET(&w, 0);
	QUIET(&w, 1);
}

/* 10 lines of 400 bytes, 9 line feeds and 87 bytes. */
Test(multiline, the_number_of_bytes_is_limited)
{
	char x[401];
	unsigned i;

	memset(x, 'x', sizeof x - 1);
	x[sizeof x - 1] = '\0';
	fixture_say(&w, 0, "BATCH +1 draft/multiline #a");
	for (i = 0; i < 10; i++)
		fixture_say(&w, 0, "@batch=1 PRIVMSG #a :%s", x);
	fixture_say(&w, 0, "@batch=1;draft/multiline-concat PRIVMSG #a :%.87s", x);
	QUIET(&w, 0);
	ANSWERS(&w, 0, "@batch=1;draft/multiline-concat PRIVMSG #a :x",
		":irc.example FAIL BATCH MULTILINE_MAX_BYTES 4096 :The message has too many bytes");
}

/* The recipients get three different texts. */
Test(multiline, a_receipt_counts_all_recipients)
{
	unsigned i;

	fixture_say(&w, 0, "CAP REQ :apollonion/receipts -echo-message");
	fixture_forget(&w);
	say_three("@label=7 ");
	HEARS(&w, 0, "@label=7 :irc.example RECEIPT abc-5 #a 0 3 sent");
	cr_assert(eq(uint, w.watched_count, 3));
	for (i = 0; i < 3; i++)
		apo_model_on_receipt(w.model, w.watched[i].watch, w.watched[i].recipient, true,
				     w.now_ns);
	HEARS(&w, 0, ":irc.example RECEIPT abc-5 #a 3 3 final");
}

Test(multiline, the_limits_are_announced)
{
	char *line;
	char all[1200] = "";

	fixture_say(&w, 0, "CAP LS 302");
	while ((line = fixture_next(&w, 0)))
		strncat(all, line, sizeof all - strlen(all) - 1);
	cr_assert(ne(ptr, strstr(all, " draft/multiline=" APO_MULTILINE_CAP_VALUE), NULL), "%s",
		  all);
}

Test(multiline, history_keeps_the_lines_as_one_message)
{
	say_three("");
	TOLD("5 dan!~dan@host0.example PRIVMSG #a: hello\n#how is \reveryone?");
	TOLD_NOTHING();
}

static struct apo_said kept = {.position = 0x1f,
			       .run = 0xabc,
			       .time_ms = INT64_C(1600000000123),
			       .source = "eve!~eve@host",
			       .target = "#a",
			       .text = "one\ntwo\rthree"};
static struct apo_page page = {.count = 1, .said = {&kept}};

Test(multiline, history_shows_a_batch_in_its_batch)
{
	fixture_say(&w, 0, "CAP REQ draft/chathistory");
	fixture_forget(&w);
	fixture_say(&w, 0, "CHATHISTORY LATEST #a * 10");
	apo_model_on_history(w.model, told_ticket, APO_ASKED_DONE, &page, w.now_ns);
	HEARS(&w, 0, ":irc.example BATCH +1 chathistory #a");
	HEARS(&w, 0, "@batch=1;msgid=abc-1f :eve!~eve@host BATCH +2 draft/multiline #a");
	HEARS(&w, 0, "@batch=2 :eve!~eve@host PRIVMSG #a :one");
	HEARS(&w, 0, "@batch=2 :eve!~eve@host PRIVMSG #a :two");
	HEARS(&w, 0, "@batch=2;draft/multiline-concat :eve!~eve@host PRIVMSG #a :three");
	HEARS(&w, 0, "@batch=1 :irc.example BATCH -2");
	HEARS(&w, 0, ":irc.example BATCH -1");
}

Test(multiline, history_shows_lines_to_others)
{
	fixture_say(&w, 2, "CAP REQ :draft/chathistory batch");
	fixture_forget(&w);
	fixture_say(&w, 2, "CHATHISTORY LATEST #a * 10");
	apo_model_on_history(w.model, told_ticket, APO_ASKED_DONE, &page, w.now_ns);
	HEARS(&w, 2, ":irc.example BATCH +1 chathistory #a");
	HEARS(&w, 2, "@batch=1;msgid=abc-1f :eve!~eve@host PRIVMSG #a :one");
	HEARS(&w, 2, "@batch=1 :eve!~eve@host PRIVMSG #a :two");
	HEARS(&w, 2, "@batch=1 :eve!~eve@host PRIVMSG #a :three");
	HEARS(&w, 2, ":irc.example BATCH -1");
}

Test(multiline, an_open_batch_survives_a_hand_over)
{
	fixture_say(&w, 0, "@label=9;+x=y BATCH +1 draft/multiline #a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :a");
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :");
	fixture_hand_over(&w);
	fixture_say(&w, 0, "@batch=1 PRIVMSG #a :c");
	fixture_say(&w, 0, "BATCH -1");
	HEARS_LIKE(&w, 0, "@label=9;msgid=abc-5;+x=y :dan!~dan@host0.example BATCH +? *");
	HEARS_LIKE(&w, 1, "@msgid=abc-5;+x=y :dan!~dan@host0.example BATCH +? *");
	HEARS_LIKE(&w, 1, "@batch=? :dan!~dan@host0.example PRIVMSG #a :a");
	HEARS_LIKE(&w, 1, "@batch=? :dan!~dan@host0.example PRIVMSG #a :");
	HEARS_LIKE(&w, 1, "@batch=? :dan!~dan@host0.example PRIVMSG #a :c");
}
