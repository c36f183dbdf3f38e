/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "conversation/model_fixture.h"

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start_three(&w, NULL);
	fixture_gather(&w, 2, "#a");
}

TestSuite(modes, .init = begin, .fini = fixture_fini);

Test(modes, modes_are_shown_and_changed_in_one_line)
{
	ANSWERS(&w, 2, "MODE #a", ":irc.example 324 fay #a +nt");
	HEARS(&w, 2, ":irc.example 329 fay #a 1700000000");
	ANSWERS(&w, 0, "MODE #a +ml-t+kvs 5 key eve",
		":dan!~dan@host0.example MODE #a +ml-t+kvs 5 key eve");
	HEARS(&w, 1, ":dan!~dan@host0.example MODE #a +ml-t+kvs 5 key eve");
	ANSWERS(&w, 0, "MODE #a", ":irc.example 324 dan #a +mnskl key 5");
	HEARS_LIKE(&w, 0, "* 329 *");
	ANSWERS(&w, 2, "MODE #a", ":irc.example 324 fay #a +mnskl * 5");
	HEARS_LIKE(&w, 2, "* 329 *");
	ANSWERS(&w, 0, "MODE #a -kl+t", ":dan!~dan@host0.example MODE #a -kl+t key");
	fixture_say(&w, 0, "MODE #a +t-kl");
	QUIET(&w, 0);
}

Test(modes, only_operators_change_modes)
{
	ANSWERS(&w, 1, "MODE #a +m", ":irc.example 482 eve #a :You're not channel operator");
	ANSWERS(&w, 1, "MODE #a +smv eve", ":irc.example 482 eve #a :You're not channel operator");
	QUIET(&w, 1);
	fixture_say(&w, 0, "MODE #a +o eve");
	HEARS(&w, 1, ":dan!~dan@host0.example MODE #a +o eve");
	ANSWERS(&w, 1, "MODE #a -o dan", ":eve!~eve@host1.example MODE #a -o dan");
	fixture_say(&w, 0, "MODE #a +o dan");
	fixture_forget(&w);
	ANSWERS(&w, 0, "NAMES #a", ":irc.example 353 dan = #a :dan @eve");
}

Test(modes, invalid_modes_are_explained)
{
	ANSWERS(&w, 0, "MODE #none", ":irc.example 403 dan #none :No such channel");
	ANSWERS(&w, 0, "MODE #a +x", ":irc.example 472 dan x :is unknown mode char to me");
	ANSWERS(&w, 0, "MODE #a :+\xc3\xa9:", ":irc.example 472 dan ? :is unknown mode char to me");
	HEARS(&w, 0, ":irc.example 472 dan ? :is unknown mode char to me");
	ANSWERS(&w, 0, "MODE #a +l none",
		":irc.example 696 dan #a l none :A limit is a number above 0");
	ANSWERS(&w, 0, "MODE #a +l -5",
		":irc.example 696 dan #a l -5 :A limit is a number above 0");
	ANSWERS(&w, 0, "MODE #a +l", ":irc.example 461 dan MODE :Not enough parameters");
	ANSWERS(&w, 0, "MODE #a +k :a b", ":irc.example 525 dan #a :Key is not well-formed");
	ANSWERS(&w, 0, "MODE #a +k aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		":irc.example 525 dan #a :Key is not well-formed");
	ANSWERS(&w, 0, "MODE #a +o nobody", ":irc.example 401 dan nobody :No such nick or channel");
	ANSWERS(&w, 0, "MODE #a +o fay",
		":irc.example 441 dan fay #a :They aren't on that channel");
	ANSWERS(&w, 0, "MODE #a +v", ":irc.example 461 dan MODE :Not enough parameters");
	ANSWERS(&w, 0, "MODE #a +b :", ":irc.example 696 dan #a b * :This is no mask");
}

Test(modes, a_key_is_required_to_join)
{
	fixture_say(&w, 0, "MODE #a +k key");
	fixture_forget(&w);
	ANSWERS(&w, 2, "JOIN #a", ":irc.example 475 fay #a :Cannot join channel (+k)");
	ANSWERS(&w, 2, "JOIN #a wrong", ":irc.example 475 fay #a :Cannot join channel (+k)");
	ANSWERS(&w, 2, "JOIN #b,#a x,key", ":fay!~fay@host2.example JOIN #b");
	HEARS_LIKE(&w, 2, "* 353 *");
	HEARS_LIKE(&w, 2, "* 366 *");
	HEARS(&w, 2, ":fay!~fay@host2.example JOIN #a");
}

Test(modes, an_invitation_overrides_the_limit_once)
{
	fixture_gather(&w, 1, "#full");
	fixture_say(&w, 0, "MODE #full +l 1");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #full", ":irc.example 471 eve #full :Cannot join channel (+l)");
	fixture_say(&w, 0, "INVITE eve #full");
	fixture_forget(&w);
	fixture_say(&w, 1, "JOIN #full");
	HEARS_LIKE(&w, 1, ":eve!* JOIN #full");
	fixture_say(&w, 1, "PART #full");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #full", ":irc.example 471 eve #full :Cannot join channel (+l)");
}

Test(modes, a_limit_refuses_joins)
{
	fixture_say(&w, 0, "MODE #a +l 2");
	fixture_forget(&w);
	ANSWERS(&w, 2, "JOIN #a", ":irc.example 471 fay #a :Cannot join channel (+l)");
	fixture_say(&w, 0, "MODE #a +l 3");
	ANSWERS(&w, 2, "JOIN #a", ":fay!~fay@host2.example JOIN #a");
}

Test(modes, bans_prevent_joining_and_speaking_except_for_exceptions)
{
	ANSWERS(&w, 0, "MODE #a +b *!*@host2.example",
		":dan!~dan@host0.example MODE #a +b *!*@host2.example");
	ANSWERS(&w, 2, "JOIN #a", ":irc.example 474 fay #a :Cannot join channel (+b)");
	ANSWERS(&w, 0, "MODE #a +e FAY", ":dan!~dan@host0.example MODE #a +e FAY!*@*");
	ANSWERS(&w, 2, "JOIN #a", ":fay!~fay@host2.example JOIN #a");
	fixture_say(&w, 0, "MODE #a -e fay!*@*");
	fixture_forget(&w);
	ANSWERS(&w, 2, "PRIVMSG #a :hello", ":irc.example 404 fay #a :Cannot send to channel");
	fixture_say(&w, 2, "NOTICE #a :hello");
	QUIET(&w, 2);
	fixture_say(&w, 0, "MODE #a +v fay");
	fixture_forget(&w);
	fixture_say(&w, 2, "PRIVMSG #a :hello");
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG #a :hello");
}

Test(modes, bans_match_the_address_behind_a_host)
{
	fixture_say(&w, 0, "MODE #a +b *!*@192.0.2.2");
	fixture_say(&w, 2, "JOIN #a");
	HEARS(&w, 2, ":irc.example 474 fay #a :Cannot join channel (+b)");
}

Test(modes, quieted_clients_join_but_do_not_speak)
{
	fixture_say(&w, 0, "MODE #a +q fay");
	HEARS(&w, 0, ":dan!~dan@host0.example MODE #a +q fay!*@*");
	fixture_say(&w, 2, "JOIN #a");
	fixture_forget(&w);
	ANSWERS(&w, 2, "PRIVMSG #a :hello", ":irc.example 404 fay #a :Cannot send to channel");
	fixture_say(&w, 2, "TOPIC #a");
	fixture_forget(&w);
	fixture_say(&w, 2, "MODE #a q");
	HEARS(&w, 2, ":irc.example 728 fay #a q fay!*@* dan!~dan@host0.example 1700000000");
	HEARS(&w, 2, ":irc.example 729 fay #a q :End of channel quiet list");
	fixture_say(&w, 0, "MODE #a +e fay");
	fixture_forget(&w);
	fixture_say(&w, 2, "PRIVMSG #a :excepted");
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG #a :excepted");
	fixture_say(&w, 0, "MODE #a -e+v fay fay");
	fixture_forget(&w);
	fixture_say(&w, 2, "PRIVMSG #a :with voice");
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG #a :with voice");
	fixture_say(&w, 0, "MODE #a -vq fay fay");
	fixture_forget(&w);
	fixture_say(&w, 2, "PRIVMSG #a :free");
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG #a :free");
}

Test(modes, lists_have_setter_and_time)
{
	fixture_say(&w, 0, "MODE #a +be-b bad good none");
	HEARS(&w, 0, ":dan!~dan@host0.example MODE #a +be bad!*@* good!*@*");
	fixture_say(&w, 1, "MODE #a b");
	HEARS(&w, 1, ":dan!~dan@host0.example MODE #a +be bad!*@* good!*@*");
	HEARS(&w, 1, ":irc.example 367 eve #a bad!*@* dan!~dan@host0.example 1700000000");
	HEARS(&w, 1, ":irc.example 368 eve #a :End of channel ban list");
	fixture_say(&w, 0, "MODE #a e");
	HEARS(&w, 0, ":irc.example 348 dan #a good!*@* dan!~dan@host0.example 1700000000");
	HEARS(&w, 0, ":irc.example 349 dan #a :End of channel exception list");
	fixture_say(&w, 0, "MODE #a +I friend");
	HEARS(&w, 0, ":dan!~dan@host0.example MODE #a +I friend!*@*");
	fixture_say(&w, 0, "MODE #a +I");
	HEARS(&w, 0, ":irc.example 346 dan #a friend!*@* dan!~dan@host0.example 1700000000");
	HEARS(&w, 0, ":irc.example 347 dan #a :End of channel invite list");
	fixture_say(&w, 1, "MODE #a e");
	HEARS(&w, 1, ":dan!~dan@host0.example MODE #a +I friend!*@*");
	HEARS(&w, 1, ":irc.example 482 eve #a :You're not channel operator");
	fixture_say(&w, 0, "MODE #a +b BAD!*@*");
	QUIET(&w, 0);
}

Test(modes, lists_are_bounded)
{
	w.config.list_entries_max = 2;
	fixture_say(&w, 0, "MODE #a +bbb a b c");
	HEARS(&w, 0, ":irc.example 478 dan #a b :Channel list is full");
	HEARS(&w, 0, ":dan!~dan@host0.example MODE #a +bb a!*@* b!*@*");
}

Test(modes, long_changes_take_several_lines)
{
	char mask[150];
	char *line;
	int lines = 0;

	memset(mask, 'x', sizeof mask - 1);
	mask[sizeof mask - 1] = '\0';
	mask[1] = '!';
	mask[3] = '@';
	fixture_say(&w, 0, "MODE #a +bbb 1%s 2%s 3%s", mask, mask, mask);
	while ((line = fixture_next(&w, 1))) {
		lines++;
		cr_assert(le(sz, strlen(line), 510));
		cr_assert(eq(int, line[strlen(line) - 1], 'x'));
	}
	cr_assert(ge(int, lines, 2));
}

Test(modes, parameters_beyond_the_maximum_are_not_taken)
{
	w.config.modes_max = 2;
	fixture_say(&w, 0, "MODE #a +bbvbklm a b eve c key 5");
	HEARS(&w, 0, ":dan!~dan@host0.example MODE #a +bbm a!*@* b!*@*");
	QUIET(&w, 0);
}

/* A line of 500 letters must not be answered with 500 lists. */
Test(modes, a_list_is_sent_once_for_each_line)
{
	fixture_say(&w, 0, "MODE #a +bb a b");
	HEARS(&w, 0, ":dan!~dan@host0.example MODE #a +bb a!*@* b!*@*");
	fixture_say(&w, 0, "MODE #a bbeb+be");
	HEARS_LIKE(&w, 0, "* 367 dan #a a!*");
	HEARS_LIKE(&w, 0, "* 367 dan #a b!*");
	HEARS_LIKE(&w, 0, "* 368 *");
	HEARS_LIKE(&w, 0, "* 349 *");
	QUIET(&w, 0);
}

Test(modes, n_and_m_decide_who_may_speak)
{
	fixture_say(&w, 2, "PRIVMSG #a :hello");
	HEARS(&w, 2, ":irc.example 404 fay #a :Cannot send to channel");
	fixture_say(&w, 0, "MODE #a -n");
	fixture_forget(&w);
	fixture_say(&w, 2, "PRIVMSG #a :hello");
	HEARS(&w, 0, ":fay!~fay@host2.example PRIVMSG #a :hello");
	fixture_say(&w, 0, "MODE #a +m");
	fixture_forget(&w);
	fixture_say(&w, 1, "PRIVMSG #a :hello");
	HEARS(&w, 1, ":irc.example 404 eve #a :Cannot send to channel");
	fixture_say(&w, 0, "PRIVMSG #a :hello");
	HEARS(&w, 1, ":dan!~dan@host0.example PRIVMSG #a :hello");
}

Test(modes, a_user_changes_only_modes_of_its_own)
{
	fixture_say(&w, 0, "MODE dan");
	HEARS(&w, 0, ":irc.example 221 dan +");
	fixture_say(&w, 0, "MODE dan +iw-x");
	HEARS(&w, 0, ":dan MODE dan :+iw");
	HEARS(&w, 0, ":irc.example 501 dan :Unknown MODE flag");
	fixture_say(&w, 0, "MODE DAN");
	HEARS(&w, 0, ":irc.example 221 dan +iw");
	fixture_say(&w, 0, "MODE dan +o");
	QUIET(&w, 0);
	fixture_say(&w, 0, "MODE dan -i+i-w");
	HEARS(&w, 0, ":dan MODE dan :-i+i-w");
	fixture_say(&w, 0, "MODE eve +i");
	HEARS(&w, 0, ":irc.example 502 dan :Cannot change mode for other users");
	fixture_say(&w, 0, "MODE nobody");
	HEARS(&w, 0, ":irc.example 401 dan nobody :No such nick or channel");
	fixture_say(&w, 1, "LUSERS");
	HEARS(&w, 1, ":irc.example 251 eve :There are 2 users and 1 invisible on 1 servers");
}
