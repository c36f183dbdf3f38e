/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "conversation/model_fixture.h"

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start_three(
		&w, "message-tags server-time echo-message labeled-response batch account-tag");
	fixture_gather(&w, 3, "#a");
}

TestSuite(messages, .init = begin, .fini = fixture_fini);

#define TIME "time=2023-11-14T22:13:20.000Z"

Test(messages, a_channel_message_goes_to_all_but_its_sender)
{
	fixture_say(&w, 0, "PRIVMSG #A :hello  there");
	HEARS(&w, 1, ":dan!~dan@host0.example PRIVMSG #a :hello  there");
	HEARS(&w, 2, "@" TIME ";msgid=abc-1 :dan!~dan@host0.example PRIVMSG #a :hello  there");
	QUIET(&w, 0);
	fixture_say(&w, 1, "NOTICE #a word");
	HEARS(&w, 0, ":eve!~eve@host1.example NOTICE #a :word");
}

Test(messages, a_private_message_reaches_its_recipient)
{
	fixture_say(&w, 0, "PRIVMSG EVE,#a :hi");
	HEARS(&w, 1, ":dan!~dan@host0.example PRIVMSG eve :hi");
	HEARS(&w, 1, ":dan!~dan@host0.example PRIVMSG #a :hi");
	fixture_say(&w, 0, "PRIVMSG dan :hi");
	HEARS(&w, 0, ":dan!~dan@host0.example PRIVMSG dan :hi");
	fixture_say(&w, 1, "AWAY :lunch");
	fixture_forget(&w);
	fixture_say(&w, 0, "PRIVMSG eve :hi");
	HEARS(&w, 0, ":irc.example 301 dan eve :lunch");
	fixture_say(&w, 0, "NOTICE eve :hi");
	QUIET(&w, 0);
}

Test(messages, errors_are_answered_except_for_notices)
{
	fixture_say(&w, 0, "PRIVMSG");
	HEARS(&w, 0, ":irc.example 411 dan :No recipient given");
	fixture_say(&w, 0, "PRIVMSG eve");
	HEARS(&w, 0, ":irc.example 412 dan :No text to send");
	fixture_say(&w, 0, "PRIVMSG eve :");
	HEARS(&w, 0, ":irc.example 412 dan :No text to send");
	fixture_say(&w, 0, "PRIVMSG nobody :x");
	HEARS(&w, 0, ":irc.example 401 dan nobody :No such nick or channel");
	fixture_say(&w, 0, "PRIVMSG #none :x");
	HEARS(&w, 0, ":irc.example 403 dan #none :No such channel");
	fixture_say(&w, 0, "PRIVMSG eve,eve,eve,eve,eve :x");
	HEARS(&w, 0, ":irc.example 407 dan eve :Too many targets");
	fixture_say(&w, 0, "NOTICE");
	fixture_say(&w, 0, "NOTICE eve");
	fixture_say(&w, 0, "NOTICE nobody :x");
	fixture_say(&w, 0, "NOTICE #none :x");
	fixture_say(&w, 0, "TAGMSG #a");
	HEARS(&w, 0, ":irc.example 421 dan TAGMSG :Unknown command");
	QUIET(&w, 0);
}

Test(messages, messages_to_operators_and_voiced_members)
{
	fixture_say(&w, 0, "MODE #a +v eve");
	fixture_forget(&w);
	fixture_say(&w, 2, "PRIVMSG @#a :operators");
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG @#a :operators");
	QUIET(&w, 1);
	fixture_say(&w, 2, "PRIVMSG +#a :voices");
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG +#a :voices");
	HEARS(&w, 1, ":fay!~fay@host2.example PRIVMSG +#a :voices");
}

Test(messages, long_messages_are_cut_between_characters)
{
	char text[600], *line;
	int i;

	for (i = 0; i < 240; i++)
		memcpy(text + 2 * i, "\xc3\xa9", 3);
	fixture_say(&w, 0, "PRIVMSG #a :%s", text);
	line = fixture_next(&w, 1);
	cr_assert(le(sz, strlen(line), 510));
	cr_assert(ge(sz, strlen(line), 509));
	cr_assert(eq(int, (unsigned char)line[strlen(line) - 1], 0xa9));
}

Test(messages, echo_is_the_answer)
{
	fixture_say(&w, 2, "@label=l1 PRIVMSG #a :hello");
	HEARS(&w, 2, "@label=l1;" TIME ";msgid=abc-1 :fay!~fay@host2.example PRIVMSG #a :hello");
	QUIET(&w, 2);
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG #a :hello");
	fixture_say(&w, 2, "@label=l2 PRIVMSG fay :self");
	HEARS(&w, 2, "@" TIME ";msgid=abc-2 :fay!~fay@host2.example PRIVMSG fay :self");
	HEARS(&w, 2, "@label=l2;" TIME ";msgid=abc-2 :fay!~fay@host2.example PRIVMSG fay :self");
	QUIET(&w, 2);
}

Test(messages, each_label_gets_one_answer)
{
	fixture_say(&w, 2, "@label=a PONG x");
	HEARS(&w, 2, "@label=a;" TIME " :irc.example ACK");
	fixture_say(&w, 2, "@label=b PING x");
	HEARS(&w, 2, "@label=b;" TIME " :irc.example PONG irc.example :x");
	fixture_say(&w, 2, "@label=c NAMES #a");
	HEARS(&w, 2, "@label=c;" TIME " :irc.example BATCH +1 labeled-response");
	HEARS(&w, 2, "@batch=1;" TIME " :irc.example 353 fay = #a :@dan eve fay");
	HEARS(&w, 2, "@batch=1;" TIME " :irc.example 366 fay #a :End of NAMES list");
	HEARS(&w, 2, "@" TIME " :irc.example BATCH -1");
	fixture_say(&w, 2, "@label=d NONSENSE");
	HEARS(&w, 2, "@label=d;" TIME " :irc.example 421 fay NONSENSE :Unknown command");
	fixture_say(&w, 2, "@label=e\\:f PING x");
	HEARS(&w, 2, "@label=e\\:f;" TIME " :irc.example PONG irc.example :x");
	fixture_say(
		&w, 2,
		"@label=0123456789012345678901234567890123456789012345678901234567890123X PING x");
	HEARS(&w, 2, "@" TIME " :irc.example PONG irc.example :x");
	fixture_say(&w, 0, "@label=g PING x");
	HEARS(&w, 0, ":irc.example PONG irc.example :x");
}

Test(messages, a_long_answer_to_a_label_is_one_batch_of_whole_lines)
{
	static char text[600];
	char *line;
	unsigned i, bans = 0;

	w.config.list_entries_max = 300;
	fixture_say(&w, 2, "JOIN #b");
	for (i = 0; i < 200; i++)
		fixture_say(&w, 2,
			    "MODE #b +b "
			    "%u-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			    i);
	fixture_forget(&w);
	w.deliver_calls = 0;
	fixture_say(&w, 2, "@label=a MODE #b b");
	cr_assert(ge(uint, w.deliver_calls, 2)); /* more than one text can hold */
	HEARS_LIKE(&w, 2, "@label=a;* BATCH +* labeled-response");
	while ((line = fixture_next(&w, 2)) && strstr(line, " 367 ")) {
		snprintf(text, sizeof text, "%s", line);
		cr_assert(eq(int, strncmp(line, "@batch=", 7), 0), "%s", line);
		bans++;
	}
	cr_assert(eq(uint, bans, 200));
	cr_assert(ne(ptr, strstr(line, " 368 "), NULL));
	HEARS_LIKE(&w, 2, "@time=* BATCH -*");
}

Test(messages, client_tags_go_to_clients_with_message_tags)
{
	fixture_join(&w, 3, "gil", "message-tags");
	fixture_say(&w, 3, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 3, "@+a=b\\sc;x=y;+vendor.example/k;+=z;+b@d=1 PRIVMSG #a :hi");
	HEARS(&w, 2,
	      "@" TIME ";msgid=abc-1;+a=b\\sc;+vendor.example/k :gil!~gil@host3.example PRIVMSG #a "
	      ":hi");
	HEARS(&w, 0, ":gil!~gil@host3.example PRIVMSG #a :hi");
	fixture_say(&w, 3, "@+typing=active TAGMSG #a");
	HEARS(&w, 2, "@" TIME ";msgid=abc-2;+typing=active :gil!~gil@host3.example TAGMSG #a");
	QUIET(&w, 0);
	QUIET(&w, 3);
	fixture_say(&w, 2, "@+typing=active;label=q TAGMSG gil");
	HEARS(&w, 3, "@msgid=abc-3;+typing=active :fay!~fay@host2.example TAGMSG gil");
	HEARS(&w, 2,
	      "@label=q;" TIME ";msgid=abc-3;+typing=active :fay!~fay@host2.example TAGMSG gil");
	fixture_say(&w, 3, "TAGMSG");
	HEARS(&w, 3, ":irc.example 461 gil TAGMSG :Not enough parameters");
}

Test(messages, the_largest_tags_are_passed_on_whole)
{
	char value[4100], *line;

	memset(value, 'v', sizeof value);
	value[4094 - strlen("+a=")] = '\0';
	fixture_join(&w, 3, "gil", "message-tags");
	fixture_say(&w, 3, "@+a=%s PRIVMSG fay :hi", value);
	line = fixture_next(&w, 2);
	cr_assert(eq(sz, strcspn(line, " "), strlen("@" TIME ";msgid=abc-1;") + 4094));
	QUIET(&w, 3);
	fixture_say(&w, 3, "@+a=%sv PRIVMSG fay :hi", value);
	HEARS(&w, 3, ":irc.example 417 gil :Input line was too long");
}

Test(messages, the_account_of_the_sender_is_a_tag)
{
	fixture_join(&w, 3, "gil", "sasl");
	fixture_say(&w, 3, "AUTHENTICATE PLAIN");
	fixture_say(&w, 3, "AUTHENTICATE AGRhbgBwdw==");
	fixture_answer(&w, APO_CHECKED_RIGHT, "gil\\bert");
	fixture_say(&w, 3, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 3, "PRIVMSG #a :hi");
	HEARS(&w, 2,
	      "@" TIME ";account=gil\\\\bert;msgid=abc-1 :gil!~gil@host3.example PRIVMSG #a :hi");
}

/* ---- receipts ---- */

static void begin_receipts(void)
{
	begin();
	fixture_join(&w, 3, "gil", "apollonion/receipts labeled-response batch");
	fixture_say(&w, 3, "JOIN #a");
	fixture_forget(&w);
}

TestSuite(receipts, .init = begin_receipts, .fini = fixture_fini);

static void arrive(unsigned i, bool arrived)
{
	apo_model_on_receipt(w.model, w.watched[i].watch, w.watched[i].recipient, arrived,
			     w.now_ns);
}

Test(receipts, a_receipt_is_final_when_all_have_the_message)
{
	fixture_say(&w, 3, "PRIVMSG #a :hi");
	HEARS(&w, 3, ":irc.example RECEIPT abc-1 #a 0 3 sent");
	cr_assert(eq(uint, w.watched_count, 3));
	arrive(0, true);
	arrive(0, true);
	arrive(1, true);
	QUIET(&w, 3);
	arrive(2, true);
	HEARS(&w, 3, ":irc.example RECEIPT abc-1 #a 3 3 final");
	arrive(2, true);
	fixture_wait(&w, 20 * RUDP_NS_PER_S);
	QUIET(&w, 3);
}

Test(receipts, receipts_name_missing_recipients_and_end)
{
	fixture_say(&w, 3, "PRIVMSG #a :hi");
	HEARS(&w, 3, ":irc.example RECEIPT abc-1 #a 0 3 sent");
	arrive(0, true);
	fixture_wait(&w, 1100 * RUDP_NS_PER_MS);
	HEARS_LIKE(&w, 3, ":irc.example RECEIPT abc-1 #a 1 3 partial :* *");
	arrive(1, false);
	fixture_wait(&w, 2 * RUDP_NS_PER_S);
	HEARS_LIKE(&w, 3, ":irc.example RECEIPT abc-1 #a 1 3 partial :* *");
	fixture_wait(&w, 4 * RUDP_NS_PER_S);
	HEARS_LIKE(&w, 3, "* partial *");
	QUIET(&w, 3);
	fixture_wait(&w, w.config.receipt_timeout_ns);
	fixture_forget(&w);
	arrive(2, true);
	QUIET(&w, 3);
	cr_assert(eq(u64, apo_model_figures(w.model)->receipts_watched, 1));
}

Test(receipts, a_recipient_that_has_left_is_named)
{
	fixture_say(&w, 3, "PRIVMSG eve :hi");
	HEARS(&w, 3, ":irc.example RECEIPT abc-1 eve 0 1 sent");
	arrive(0, false);
	HEARS(&w, 3, ":irc.example RECEIPT abc-1 eve 0 1 final :eve");
	fixture_say(&w, 3, "PRIVMSG eve :hi");
	HEARS(&w, 3, ":irc.example RECEIPT abc-2 eve 0 1 sent");
	arrive(1, false);
	fixture_close(&w, 1, "gone");
	HEARS(&w, 3, ":irc.example RECEIPT abc-2 eve 0 1 final :eve");
	HEARS(&w, 3, ":eve!~eve@host1.example QUIT :gone");
	fixture_say(&w, 3, "PRIVMSG fay :hi");
	fixture_close(&w, 2, "gone");
	fixture_forget(&w);
	arrive(2, false);
	HEARS(&w, 3, ":irc.example RECEIPT abc-3 fay 0 1 final :fay");
}

Test(receipts, without_recipients_a_receipt_is_final_at_once)
{
	fixture_say(&w, 3, "JOIN #empty");
	fixture_forget(&w);
	ANSWERS(&w, 3, "@label=x PRIVMSG #empty :hi",
		"@label=x :irc.example RECEIPT abc-1 #empty 0 0 final");
	fixture_say(&w, 3, "TAGMSG #a");
	HEARS_LIKE(&w, 3, "* 421 *");
}

Test(receipts, a_sender_that_has_left_gets_no_receipt)
{
	fixture_say(&w, 3, "PRIVMSG #a :hi");
	fixture_close(&w, 3, "gone");
	arrive(0, true);
	arrive(1, true);
	arrive(2, true);
	fixture_wait(&w, 100 * RUDP_NS_PER_S);
}

Test(receipts, beyond_the_limits_messages_have_no_receipt)
{
	w.config.receipt_recipients_max = 2;
	fixture_say(&w, 3, "PRIVMSG #a :hi");
	QUIET(&w, 3);
	HEARS_LIKE(&w, 0, "* PRIVMSG #a :hi");
	w.config.receipts_max = 1;
	fixture_say(&w, 3, "PRIVMSG eve :hi");
	HEARS_LIKE(&w, 3, "* sent");
	fixture_say(&w, 3, "PRIVMSG eve :hi");
	QUIET(&w, 3);
	cr_assert(eq(u64, apo_model_figures(w.model)->receipts_refused, 2));
}

Test(receipts, without_the_capability_there_is_no_receipt)
{
	fixture_say(&w, 0, "PRIVMSG #a :hi");
	cr_assert(eq(uint, w.watched_count, 0));
	QUIET(&w, 0);
}
