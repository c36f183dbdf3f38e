/* SPDX-License-Identifier: MIT */
/* Extended bans (account, real name, mute), channel mode C, and user mode B. */
#include "conversation/model_fixture.h"

#define PLAIN_EVE "AGV2ZQBwdw==" /* eve, pw */

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start_three(&w, "message-tags");
	fixture_gather(&w, 2, "#a");
}

TestSuite(extbans, .init = begin, .fini = fixture_fini);

static void log_in_eve(void)
{
	fixture_say(&w, 1, "CAP REQ sasl");
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	fixture_say(&w, 1, "AUTHENTICATE " PLAIN_EVE);
	fixture_answer(&w, APO_CHECKED_RIGHT, "eve");
	fixture_forget(&w);
}

Test(extbans, the_short_form_is_announced_and_listed)
{
	ANSWERS(&w, 0, "MODE #a +bbb ~account:x Mute:Bar realname:*spam*",
		":dan!~dan@host0.example MODE #a +bbb a:x m:Bar!*@* r:*spam*");
	ANSWERS(&w, 0, "MODE #a b",
		":irc.example 367 dan #a a:x dan!~dan@host0.example 1700000000");
	HEARS(&w, 0, ":irc.example 367 dan #a m:Bar!*@* dan!~dan@host0.example 1700000000");
	HEARS(&w, 0, ":irc.example 367 dan #a r:*spam* dan!~dan@host0.example 1700000000");
	HEARS_LIKE(&w, 0, "* 368 *");
	ANSWERS(&w, 0, "MODE #a -bb account:X m:bar!*@*",
		":dan!~dan@host0.example MODE #a -bb a:X m:bar!*@*");
}

Test(extbans, what_would_match_nobody_is_refused)
{
	ANSWERS(&w, 0, "MODE #a +b ~x:y",
		":irc.example 696 dan #a b ~x:y :There is no such extended ban");
	ANSWERS(&w, 0, "MODE #a +b 2001:db8::1",
		":irc.example 696 dan #a b 2001:db8::1 :There is no such extended ban");
	ANSWERS(&w, 0, "MODE #a +b a:", ":irc.example 696 dan #a b a: :This is no mask");
	ANSWERS(&w, 0, "MODE #a +b :a:x y", ":irc.example 696 dan #a b * :This is no mask");
	ANSWERS(&w, 0, "MODE #a +b m:", ":irc.example 696 dan #a b m: :This is no mask");
	ANSWERS(&w, 0, "MODE #a +b m:m:x",
		":irc.example 696 dan #a b m:m:x :A mute cannot contain a mute");
	ANSWERS(&w, 0, "MODE #a +I m:x",
		":irc.example 696 dan #a I m:x :A mute can only be in the lists b and e");
	QUIET(&w, 0);
}

Test(extbans, an_entry_that_is_too_long_is_refused)
{
	char name[200];

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	fixture_say(&w, 0, "MODE #a +b a:%s", name);
	HEARS_LIKE(&w, 0, "* 696 dan #a b a:xxx* :This is no mask");
	fixture_say(&w, 0, "MODE #a +b m:a:%s", name);
	HEARS_LIKE(&w, 0, "* 696 dan #a b m:a:xxx* :This is no mask");
}

Test(extbans, an_account_is_banned_whatever_its_nick)
{
	log_in_eve();
	fixture_say(&w, 1, "PART #a");
	fixture_say(&w, 1, "NICK other");
	fixture_say(&w, 0, "MODE #a +b ~account:EVE");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #a", ":irc.example 474 other #a :Cannot join channel (+b)");
	fixture_say(&w, 2, "NICK Eve2");
	fixture_forget(&w);
	fixture_say(&w, 2, "JOIN #a");
	HEARS_LIKE(&w, 2, "* JOIN #a");
}

Test(extbans, an_account_is_excepted_and_invited)
{
	log_in_eve();
	fixture_say(&w, 1, "PART #a");
	fixture_say(&w, 0, "MODE #a +bie *!*@* a:eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #a", ":irc.example 473 eve #a :Cannot join channel (+i)");
	fixture_say(&w, 0, "MODE #a +I a:ev?");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #a", ":eve!~eve@host1.example JOIN #a");
}

Test(extbans, everybody_without_an_account_is_banned)
{
	log_in_eve();
	fixture_say(&w, 1, "PART #a");
	fixture_say(&w, 0, "MODE #a +be *!*@* a:*");
	fixture_forget(&w);
	ANSWERS(&w, 2, "JOIN #a", ":irc.example 474 fay #a :Cannot join channel (+b)");
	ANSWERS(&w, 1, "JOIN #a", ":eve!~eve@host1.example JOIN #a");
}

Test(extbans, a_real_name_is_banned)
{
	fixture_say(&w, 0, "MODE #a +b r:real?FAY");
	fixture_forget(&w);
	ANSWERS(&w, 2, "JOIN #a", ":irc.example 474 fay #a :Cannot join channel (+b)");
}

Test(extbans, the_muted_join_and_do_not_speak)
{
	fixture_say(&w, 0, "MODE #a +b m:EVE");
	fixture_say(&w, 1, "PART #a");
	fixture_forget(&w);
	fixture_say(&w, 1, "JOIN #a");
	fixture_forget(&w);
	ANSWERS(&w, 1, "PRIVMSG #a :hi", ":irc.example 404 eve #a :Cannot send to channel");
	QUIET(&w, 0);
	fixture_say(&w, 0, "MODE #a +v eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "PRIVMSG #a :voiced");
	HEARS(&w, 0, ":eve!~eve@host1.example PRIVMSG #a :voiced");
	fixture_say(&w, 0, "MODE #a -vb eve m:eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "PRIVMSG #a :again");
	HEARS(&w, 0, ":eve!~eve@host1.example PRIVMSG #a :again");
}

Test(extbans, an_exception_from_mutes_lifts_no_ban)
{
	fixture_say(&w, 0, "MODE #a +be m:*!*@* m:*!~eve@*");
	fixture_forget(&w);
	fixture_say(&w, 1, "PRIVMSG #a :excepted");
	HEARS(&w, 0, ":eve!~eve@host1.example PRIVMSG #a :excepted");
	fixture_say(&w, 0, "MODE #a +b eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "PRIVMSG #a :hi", ":irc.example 404 eve #a :Cannot send to channel");
	fixture_say(&w, 0, "MODE #a +e eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "PRIVMSG #a :excepted");
	HEARS(&w, 0, ":eve!~eve@host1.example PRIVMSG #a :excepted");
}

Test(extbans, an_account_is_muted)
{
	log_in_eve();
	fixture_say(&w, 0, "MODE #a +b mute:account:eve");
	HEARS(&w, 0, ":dan!~dan@host0.example MODE #a +b m:a:eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "PRIVMSG #a :hi", ":irc.example 404 eve #a :Cannot send to channel");
	fixture_say(&w, 1, "NOTICE #a :hi");
	QUIET(&w, 1);
	QUIET(&w, 0);
}

Test(extbans, mode_C_refuses_ctcp_except_action)
{
	ANSWERS(&w, 0, "MODE #a +C", ":dan!~dan@host0.example MODE #a +C");
	fixture_forget(&w);
	fixture_say(&w, 0, "PRIVMSG #a :\001ACTION waves\001");
	HEARS(&w, 1, ":dan!~dan@host0.example PRIVMSG #a :\001ACTION waves\001");
	ANSWERS(&w, 0, "PRIVMSG #a :\001VERSION\001",
		":irc.example 404 dan #a :Cannot send to channel");
	ANSWERS(&w, 0, "PRIVMSG #a :\001ACTIONS\001",
		":irc.example 404 dan #a :Cannot send to channel");
	fixture_say(&w, 0, "NOTICE #a :\001PING 1\001");
	QUIET(&w, 0);
	QUIET(&w, 1);
	fixture_say(&w, 0, "MODE #a -C");
	fixture_forget(&w);
	fixture_say(&w, 0, "PRIVMSG #a :\001VERSION\001");
	HEARS(&w, 1, ":dan!~dan@host0.example PRIVMSG #a :\001VERSION\001");
}

Test(extbans, a_bot_is_marked)
{
	ANSWERS(&w, 0, "MODE dan +B", ":dan MODE dan :+B");
	ANSWERS(&w, 0, "MODE dan", ":irc.example 221 dan +B");
	fixture_say(&w, 1, "WHOIS dan");
	HEARS_LIKE(&w, 1, "* 311 *");
	HEARS_LIKE(&w, 1, "* 319 *");
	HEARS_LIKE(&w, 1, "* 312 *");
	HEARS(&w, 1, ":irc.example 335 eve dan :is a bot on Example");
	fixture_forget(&w);
	ANSWERS(&w, 1, "WHO dan",
		":irc.example 352 eve * ~dan host0.example irc.example dan HB "
		":0 Real dan");
	fixture_say(&w, 2, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 0, "PRIVMSG #a :beep");
	HEARS_LIKE(&w, 2, "@msgid=*;bot :dan!~dan@host0.example PRIVMSG #a :beep");
	HEARS(&w, 1, ":dan!~dan@host0.example PRIVMSG #a :beep");
	fixture_say(&w, 0, "TOPIC #a :x");
	HEARS(&w, 2, "@bot :dan!~dan@host0.example TOPIC #a :x");
	fixture_say(&w, 0, "MODE dan -B");
	fixture_say(&w, 0, "PART #a");
	HEARS(&w, 2, ":dan!~dan@host0.example PART #a");
}

Test(extbans, marks_of_bots_and_mode_C_survive_a_hand_over)
{
	fixture_say(&w, 0, "MODE dan +B");
	fixture_say(&w, 0, "MODE #a +Cb a:x");
	fixture_forget(&w);
	fixture_hand_over(&w);
	ANSWERS(&w, 0, "MODE dan", ":irc.example 221 dan +B");
	ANSWERS(&w, 0, "MODE #a", ":irc.example 324 dan #a +Cnt");
	HEARS_LIKE(&w, 0, "* 329 *");
	ANSWERS(&w, 0, "MODE #a b",
		":irc.example 367 dan #a a:x dan!~dan@host0.example 1700000000");
}

/* ---- ways round a mute ---- */

Test(extbans, the_muted_take_no_other_nick)
{
	fixture_say(&w, 0, "MODE #a +b m:eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "NICK evan",
		":irc.example 435 eve evan #a :Cannot change nick while banned or muted there");
	QUIET(&w, 0);
	fixture_say(&w, 0, "MODE #a +v eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "NICK evan", ":eve!~eve@host1.example NICK :evan");
}

Test(extbans, the_muted_take_no_other_real_name)
{
	fixture_say(&w, 0, "MODE #a +q r:real?eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "SETNAME :somebody",
		":irc.example FAIL SETNAME CANNOT_CHANGE_REALNAME "
		":You are banned or muted in one of your channels");
	fixture_say(&w, 0, "MODE #a -q r:real?eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "SETNAME :somebody");
	QUIET(&w, 1);
}

Test(extbans, the_muted_quit_without_a_text)
{
	fixture_say(&w, 0, "MODE #a +b m:eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "QUIT :shouting");
	HEARS(&w, 0, ":eve!~eve@host1.example QUIT :Quit: ");
}

/* Solanum, ergo and InspIRCd do the same. */
Test(extbans, the_muted_may_be_away)
{
	fixture_join(&w, 3, "gus", "away-notify");
	fixture_say(&w, 3, "JOIN #a");
	fixture_say(&w, 0, "MODE #a +b m:eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "AWAY :gone");
	HEARS(&w, 3, ":eve!~eve@host1.example AWAY :gone");
}

Test(extbans, who_may_not_speak_leaves_without_a_text)
{
	fixture_say(&w, 0, "MODE #a +b m:eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "PART #a :shouting", ":eve!~eve@host1.example PART #a");
	HEARS(&w, 0, ":eve!~eve@host1.example PART #a");
	fixture_say(&w, 0, "MODE #a -b+m m:eve");
	fixture_say(&w, 1, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 1, "PART #a :shouting");
	HEARS(&w, 0, ":eve!~eve@host1.example PART #a");
	fixture_say(&w, 0, "PART #a :bye");
	HEARS(&w, 0, ":dan!~dan@host0.example PART #a :bye");
}

Test(extbans, who_may_not_speak_sets_no_topic)
{
	fixture_say(&w, 0, "MODE #a -t+b m:eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "TOPIC #a :shouting", ":irc.example 404 eve #a :Cannot send to channel");
	QUIET(&w, 0);
	fixture_say(&w, 0, "MODE #a -b m:eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "TOPIC #a :x", ":eve!~eve@host1.example TOPIC #a :x");
}
