/* SPDX-License-Identifier: MIT */
/* Protection from spam: required accounts, mode M, user modes R and T, and the limit of
 * registrations. */

#include "conversation/told.h"

static struct fixture w;

/* dan (1) has an account; eve (0) and fay (2) have none. */
static void begin(void)
{
	told_init(&w);
	fixture_add_root(&w);
	w.config.registrations_max = 2;
	fixture_start(&w);
	fixture_join(&w, 0, "eve", NULL);
	told_log_in(&w, 1, "dan", NULL);
	fixture_join(&w, 2, "fay", NULL);
}

TestSuite(spam, .init = begin, .fini = fixture_fini);

Test(spam, mode_M_lets_accounts_and_the_voiced_speak)
{
	fixture_gather(&w, 3, "#a");
	ANSWERS(&w, 0, "MODE #a +M", ":eve!~eve@host0.example MODE #a +M");
	fixture_forget(&w);
	fixture_say(&w, 1, "PRIVMSG #a :with an account");
	HEARS(&w, 2, ":dan!~dan@host1.example PRIVMSG #a :with an account");
	ANSWERS(&w, 2, "PRIVMSG #a :x", ":irc.example 404 fay #a :Cannot send to channel");
	fixture_say(&w, 2, "NOTICE #a :x");
	QUIET(&w, 2);
	fixture_say(&w, 0, "MODE #a +v fay");
	fixture_forget(&w);
	fixture_say(&w, 2, "PRIVMSG #a :with voice");
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG #a :with voice");
	fixture_hand_over(&w);
	fixture_forget(&w);
	ANSWERS(&w, 0, "MODE #a", ":irc.example 324 eve #a +Mnt");
}

Test(spam, user_mode_R_refuses_messages_of_guests)
{
	told_log_in(&w, 3, "gus", NULL);
	ANSWERS(&w, 1, "MODE dan +R", ":dan MODE dan :+R");
	fixture_hand_over(&w);
	fixture_forget(&w);
	ANSWERS(&w, 1, "MODE dan", ":irc.example 221 dan +R");
	ANSWERS(&w, 0, "PRIVMSG dan :x", ":irc.example 477 eve dan :Log in to an account first");
	fixture_say(&w, 0, "NOTICE dan :x");
	QUIET(&w, 0);
	QUIET(&w, 1);
	fixture_say(&w, 1, "PRIVMSG eve :hello");
	HEARS(&w, 0, ":dan!~dan@host1.example PRIVMSG eve :hello");
	fixture_say(&w, 3, "PRIVMSG dan :with an account");
	HEARS(&w, 1, ":gus!~gus@host3.example PRIVMSG dan :with an account");
	fixture_say(&w, 1, "MODE dan -R");
	fixture_forget(&w);
	fixture_say(&w, 0, "PRIVMSG dan :x");
	HEARS(&w, 1, ":eve!~eve@host0.example PRIVMSG dan :x");
}

Test(spam, user_mode_T_refuses_ctcp)
{
	ANSWERS(&w, 1, "MODE dan +T", ":dan MODE dan :+T");
	fixture_hand_over(&w);
	fixture_forget(&w);
	ANSWERS(&w, 0, "PRIVMSG dan :\001VERSION\001",
		":irc.example 531 eve dan :This user takes no CTCP");
	QUIET(&w, 1);
	fixture_say(&w, 0, "PRIVMSG dan :\001ACTION waves\001");
	HEARS(&w, 1, ":eve!~eve@host0.example PRIVMSG dan :\001ACTION waves\001");
	fixture_say(&w, 0, "NOTICE dan :\001VERSION eve's\001");
	HEARS(&w, 1, ":eve!~eve@host0.example NOTICE dan :\001VERSION eve's\001");
}

Test(spam, operators_of_the_server_may_write_to_everybody)
{
	ANSWERS(&w, 1, "MODE dan +RT", ":dan MODE dan :+RT");
	fixture_say(&w, 0, "OPER root x");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_forget(&w);
	fixture_say(&w, 0, "PRIVMSG dan :\001VERSION\001");
	HEARS(&w, 1, ":eve!~eve@host0.example PRIVMSG dan :\001VERSION\001");
}

Test(spam, required_accounts_are_needed_to_join_and_speak)
{
	w.config.account_required = true;
	ANSWERS(&w, 0, "JOIN #a", ":irc.example 477 eve #a :Log in to an account first");
	ANSWERS(&w, 0, "PRIVMSG dan :x", ":irc.example 477 eve dan :Log in to an account first");
	fixture_say(&w, 0, "NOTICE dan :x");
	QUIET(&w, 0);
	QUIET(&w, 1);
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 1, "MODE #a -n");
	fixture_forget(&w);
	ANSWERS(&w, 0, "PRIVMSG #a :x", ":irc.example 404 eve #a :Cannot send to channel");
	fixture_say(&w, 1, "PRIVMSG eve :hello");
	HEARS(&w, 0, ":dan!~dan@host1.example PRIVMSG eve :hello");
}

Test(spam, operators_need_no_account_and_can_be_asked)
{
	w.config.account_required = true;
	fixture_say(&w, 2, "OPER root x");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_forget(&w);
	fixture_say(&w, 0, "PRIVMSG fay :help me");
	HEARS(&w, 2, ":eve!~eve@host0.example PRIVMSG fay :help me");
	ANSWERS(&w, 2, "JOIN #a", ":fay!~fay@host2.example JOIN #a");
}

static void register_account(unsigned i, const char *nick)
{
	fixture_connect(&w, i);
	fixture_say(&w, i, "NICK %s", nick);
	fixture_say(&w, i, "USER %s 0 * :Real", nick);
	fixture_forget(&w);
	fixture_say(&w, i, "REGISTER * * password");
	fixture_answer(&w, APO_CHECKED_RIGHT, nick);
}

Test(spam, an_address_registers_so_many_accounts_in_an_hour)
{
	register_account(5, "gus");
	HEARS_LIKE(&w, 5, ":irc.example 900 gus *");
	fixture_close(&w, 5, "gone");
	register_account(5, "hal");
	HEARS_LIKE(&w, 5, ":irc.example 900 hal *");
	fixture_close(&w, 5, "gone");
	fixture_connect(&w, 5);
	fixture_say(&w, 5, "NICK ivy");
	fixture_say(&w, 5, "USER ivy 0 * :Real");
	fixture_wait(&w, 61 * RUDP_NS_PER_S);
	fixture_forget(&w);
	ANSWERS(&w, 5, "REGISTER * * password",
		":irc.example FAIL REGISTER TEMPORARILY_UNAVAILABLE ivy :Too many tries from "
		"your address; try again later");
}
