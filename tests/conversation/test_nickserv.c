/* SPDX-License-Identifier: MIT */
/* NickServ: ghost sessions, and DROP. The store is a mock. */
#include <stdio.h>

#include "conversation/model_fixture.h"

#define DAN "AGRhbgBwdw==" /* dan, pw */

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_add_root(&w);
	fixture_start(&w);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
	cr_assert(eq(int, apo_model_on_account(w.model, "eve", 0, w.now_ns), 0));
}

TestSuite(nickserv, .init = begin, .fini = fixture_fini);

#define SAYS(i, nick, text) HEARS(&w, i, ":NickServ!services@irc.example NOTICE " nick " :" text)

/* Registers a client with the nick, logged in to the account dan. i must be odd (secure). */
static void come_as_dan(unsigned i, const char *nick, const char *caps)
{
	fixture_connect(&w, i);
	fixture_say(&w, i, "CAP REQ :sasl %s", caps ? caps : "");
	fixture_say(&w, i, "NICK %s", nick);
	fixture_say(&w, i, "USER dan 0 * :Dan");
	fixture_say(&w, i, "AUTHENTICATE PLAIN");
	fixture_say(&w, i, "AUTHENTICATE " DAN);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_say(&w, i, "CAP END");
	fixture_forget(&w);
}

static const struct apo_model_figures *figures(void)
{
	return apo_model_figures(w.model);
}

Test(nickserv, ghost_ends_the_session_that_has_the_accounts_nick)
{
	come_as_dan(1, "dan", NULL);
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	come_as_dan(3, "dan_", NULL);
	fixture_say(&w, 3, "NS GHOST dan");
	SAYS(3, "dan_", "The session of dan has been ended");
	HEARS(&w, 2, ":dan!~dan@host1.example QUIT :Ghost of dan_");
	cr_assert(w.mocks[1].is_closed);
	cr_assert(eq(str, w.mocks[1].last_words,
		     "ERROR :Closing Link: host1.example (Ghost of dan_)"));
	QUIET(&w, 3);
	cr_assert(eq(u64, figures()->ghosts, 1));
	fixture_say(&w, 3, "NICK dan");
	HEARS(&w, 3, ":dan_!~dan@host3.example NICK :dan");
}

/* It may be a password. */
Test(nickserv, a_command_with_other_recipients_is_not_sent_to_them)
{
	fixture_join(&w, 1, "gus", "standard-replies echo-message");
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 1, "PRIVMSG NickServ,fay :IDENTIFY dan pw");
	HEARS_LIKE(&w, 1, ":irc.example FAIL PRIVMSG INVALID_TARGET :*no other recipients");
	fixture_say(&w, 1, "PRIVMSG fay,chanserv :IDENTIFY dan pw");
	HEARS_LIKE(&w, 1, ":irc.example FAIL PRIVMSG INVALID_TARGET :*no other recipients");
	fixture_say(&w, 1, "NOTICE NickServ,fay :IDENTIFY dan pw");
	QUIET(&w, 1);
	QUIET(&w, 2);
	fixture_say(&w, 1, "PRIVMSG fay,NickServices :hello");
	HEARS(&w, 1, ":gus!~gus@host1.example PRIVMSG fay :hello");
	HEARS(&w, 1, ":irc.example 401 gus NickServices :No such nick or channel");
	HEARS(&w, 2, ":gus!~gus@host1.example PRIVMSG fay :hello");
}

Test(nickserv, regain_takes_the_nick_back)
{
	come_as_dan(1, "dan", NULL);
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 2, "MONITOR + dan,dan_");
	come_as_dan(3, "dan_", NULL);
	fixture_say(&w, 3, "PRIVMSG NickServ :regain DAN");
	HEARS(&w, 3, ":dan_!~dan@host3.example NICK :DAN");
	SAYS(3, "DAN", "You are DAN again");
	HEARS(&w, 2, ":irc.example 731 fay :dan");
	HEARS(&w, 2, ":irc.example 731 fay :dan_");
	HEARS(&w, 2, ":irc.example 730 fay :DAN!~dan@host3.example");
	cr_assert(w.mocks[1].is_closed);
	fixture_say(&w, 3, "NICK dan_");
	fixture_forget(&w);
	fixture_say(&w, 3, "NS RECOVER dan");
	HEARS(&w, 3, ":dan_!~dan@host3.example NICK :dan");
	SAYS(3, "dan", "You are dan again");
}

/* A client that is not registered yet holds its nick, too. */
Test(nickserv, regain_ends_an_unregistered_connection_too)
{
	come_as_dan(3, "dan_", NULL);
	fixture_connect(&w, 2);
	fixture_say(&w, 2, "NICK dan");
	fixture_say(&w, 3, "NS REGAIN dan");
	HEARS(&w, 3, ":dan_!~dan@host3.example NICK :dan");
	cr_assert(w.mocks[2].is_closed);
}

/* REGAIN is refused as NICK is, and the ghost stays. */
Test(nickserv, the_muted_cannot_regain_a_nick)
{
	come_as_dan(3, "dan_", NULL);
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 2, "JOIN #a");
	fixture_say(&w, 3, "JOIN #a");
	fixture_say(&w, 2, "MODE #a +b m:dan_");
	fixture_connect(&w, 4);
	fixture_say(&w, 4, "NICK dan");
	fixture_forget(&w);
	fixture_say(&w, 3, "NS REGAIN dan");
	HEARS(&w, 3,
	      ":irc.example 435 dan_ dan #a :Cannot change nick while banned or muted there");
	QUIET(&w, 3);
	cr_assert(not(w.mocks[4].is_closed));
	fixture_say(&w, 2, "MODE #a +v dan_");
	fixture_forget(&w);
	fixture_say(&w, 3, "NS REGAIN dan");
	HEARS(&w, 3, ":dan_!~dan@host3.example NICK :dan");
}

Test(nickserv, ghost_ends_another_session_of_the_account)
{
	come_as_dan(1, "guest", NULL);
	come_as_dan(3, "dan", NULL);
	fixture_say(&w, 3, "NS GHOST guest");
	SAYS(3, "dan", "The session of guest has been ended");
	fixture_say(&w, 3, "NS GHOST guest");
	SAYS(3, "dan", "guest is neither your account's nick nor a session of yours");
	fixture_say(&w, 3, "NS GHOST dan");
	SAYS(3, "dan", "That is you");
}

Test(nickserv, sessions_of_others_cannot_be_ended)
{
	fixture_join(&w, 2, "fay", NULL);
	fixture_join(&w, 4, "gus", NULL);
	fixture_say(&w, 2, "NS GHOST gus");
	SAYS(2, "fay", "Log in to your account first (SASL)");
	come_as_dan(1, "dan", NULL);
	fixture_say(&w, 1, "NS GHOST gus");
	SAYS(1, "dan", "gus is neither your account's nick nor a session of yours");
	fixture_say(&w, 1, "NS REGAIN eve");
	SAYS(1, "dan", "eve is neither your account's nick nor a session of yours");
	fixture_say(&w, 1, "NS REGAIN hal");
	SAYS(1, "dan", "hal is neither your account's nick nor a session of yours");
	fixture_say(&w, 1, "NS GHOST");
	SAYS(1, "dan", "Which nick?");
	cr_assert(not(w.mocks[4].is_closed));
	cr_assert(eq(u64, figures()->ghosts, 0));
}

/* The QUIT of the ghost is not part of the labeled response. */
Test(nickserv, a_label_covers_only_the_answer)
{
	come_as_dan(1, "dan", NULL);
	come_as_dan(3, "dan_", "labeled-response batch");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 3, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 3, "@label=x NS GHOST dan");
	HEARS(&w, 3, ":dan!~dan@host1.example QUIT :Ghost of dan_");
	HEARS_LIKE(&w, 3, "@label=x :NickServ!services@irc.example NOTICE dan_ *");
	QUIET(&w, 3);
}

Test(nickserv, nobody_can_take_the_nick_nickserv)
{
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 2, "NICK nickSERV");
	HEARS(&w, 2, ":irc.example 433 fay nickSERV :Nickname is already in use");
	fixture_say(&w, 2, "NS nonsense");
	SAYS(2, "fay", "Unknown command; HELP lists the commands");
	fixture_say(&w, 2, "NS IDENTIFY fay pw");
	SAYS(2, "fay",
	     "There is no IDENTIFY: set SASL in your client, with your account and its password, "
	     "and "
	     "connect again");
	fixture_say(&w, 2, "PRIVMSG NickServ :register pw fay@example");
	SAYS(2, "fay", "To register the nick that you have, send /quote REGISTER * * <password>");
	fixture_say(&w, 2, "NOTICE NickServ :HELP");
	QUIET(&w, 2);
	fixture_say(&w, 2, "PRIVMSG nickserv :HELP");
	HEARS_LIKE(&w, 2, ":NickServ!services@irc.example NOTICE fay :Log in by SASL*");
}

Test(nickserv, where_there_are_no_accounts_there_is_no_nickserv)
{
	fixture_fini();
	fixture_init(&w);
	w.calls.has_accounts = false;
	fixture_start(&w);
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 2, "PRIVMSG NickServ :HELP");
	HEARS(&w, 2, ":irc.example 401 fay NickServ :No such nick or channel");
	fixture_say(&w, 2, "NS HELP");
	HEARS(&w, 2, ":irc.example NOTICE fay :There are no accounts here");
}

/* ---- DROP ---- */

Test(nickserv, drop_with_the_password_ends_the_account)
{
	come_as_dan(1, "dan", NULL);
	come_as_dan(3, "dan_", "account-notify labeled-response batch");
	fixture_join(&w, 2, "fay", "account-notify");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 3, "@label=7 NS DROP Dan correct horse");
	QUIET(&w, 3);
	cr_assert(eq(str, w.asked[0], "Dan"));
	cr_assert(eq(str, w.asked[1], "correct horse"));
	apo_model_on_account_gone(w.model, "dan", w.now_ns);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS(&w, 3, ":irc.example 901 dan_ dan_!~dan@host3.example :You are now logged out");
	HEARS(&w, 3, ":dan_!~dan@host3.example ACCOUNT *");
	HEARS(&w, 3,
	      "@label=7 :NickServ!services@irc.example NOTICE dan_ :The account dan was removed");
	HEARS(&w, 1, ":irc.example 901 dan dan!~dan@host1.example :You are now logged out");
	HEARS(&w, 2, ":dan!~dan@host1.example ACCOUNT *");
	cr_assert(eq(u64, figures()->accounts_removed, 1));
	fixture_say(&w, 1, "NICK other");
	fixture_forget(&w);
	fixture_say(&w, 2, "NICK dan");
	HEARS(&w, 2, ":fay!~fay@host2.example NICK :dan");
}

Test(nickserv, a_wrong_password_counts)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		come_as_dan(1, "dan", NULL);
		fixture_say(&w, 1, "NS UNREGISTER dan wrong");
		fixture_answer(&w, APO_CHECKED_WRONG, NULL);
		SAYS(1, "dan", "The password is wrong");
		fixture_close(&w, 1, "gone");
	}
	come_as_dan(1, "dan", NULL);
	fixture_say(&w, 1, "NS DROP dan wrong");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	SAYS(1, "dan", "The password is wrong");
	w.asked[0][0] = '\0';
	fixture_say(&w, 1, "NS DROP dan right");
	SAYS(1, "dan", "Too many wrong passwords from your address; try again later");
	cr_assert(eq(str, w.asked[0], ""));
	cr_assert(eq(u64, figures()->passwords_wrong, 3));
}

Test(nickserv, drop_does_not_reveal_accounts)
{
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 2, "NS DROP eve password");
	SAYS(2, "fay", "Log in to that account first (SASL)");
	fixture_say(&w, 2, "NS DROP hal password");
	SAYS(2, "fay", "Log in to that account first (SASL)");
	come_as_dan(1, "dan", NULL);
	fixture_say(&w, 1, "NS DROP eve password");
	SAYS(1, "dan", "Log in to that account first (SASL)");
	fixture_say(&w, 1, "NS DROP hal password");
	SAYS(1, "dan", "Log in to that account first (SASL)");
	fixture_say(&w, 1, "NS DROP dan");
	SAYS(1, "dan", "DROP <account> <password>: the password is missing");
	fixture_say(&w, 1, "NS DROP");
	SAYS(1, "dan", "DROP <account> <password>");
	cr_assert(eq(str, w.asked[0], "dan")); /* from its login */
}

Test(nickserv, an_operator_drops_without_a_password)
{
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 2, "OPER root x");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_forget(&w);
	fixture_say(&w, 2, "NS DROP eve");
	cr_assert(eq(str, w.asked[0], "eve"));
	cr_assert(eq(int, w.asked_question, APO_AUTH_REMOVE_UNASKED));
	cr_assert(eq(str, w.logged, "drop: eve by fay"));
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	SAYS(2, "fay", "There is no such account, or the password is wrong");
	fixture_say(&w, 2, "NS DROP eve");
	fixture_answer(&w, APO_CHECKED_FAILED, NULL);
	SAYS(2, "fay", "The account could not be removed; try again later");
	cr_assert(eq(u64, figures()->passwords_wrong, 0));
}

Test(nickserv, accounts_that_are_not_listed_again_are_removed)
{
	come_as_dan(1, "dan", NULL);
	fixture_join(&w, 2, "fay", NULL);
	apo_model_accounts_begin(w.model);
	cr_assert(eq(int, apo_model_on_account(w.model, "DAN", 0, w.now_ns), 0));
	cr_assert(eq(int, apo_model_on_account(w.model, "hal", 0, w.now_ns), 0));
	apo_model_accounts_end(w.model, w.now_ns);
	QUIET(&w, 1);
	cr_assert(eq(u64, figures()->accounts_removed, 1));
	fixture_say(&w, 2, "NICK eve");
	HEARS(&w, 2, ":fay!~fay@host2.example NICK :eve");
	fixture_say(&w, 2, "NICK hal");
	HEARS_LIKE(&w, 2, ":irc.example 433 eve hal *");
	apo_model_accounts_begin(w.model);
	apo_model_accounts_end(w.model, w.now_ns);
	HEARS(&w, 1, ":irc.example 901 dan dan!~dan@host1.example :You are now logged out");
	fixture_say(&w, 2, "NICK hal");
	HEARS(&w, 2, ":eve!~fay@host2.example NICK :hal");
}

/* Another program has removed and registered the account again, and the model was told of
 * neither. */
Test(nickserv, an_account_with_another_id_is_another_account)
{
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 5, w.now_ns), 0));
	come_as_dan(1, "dan", NULL);
	apo_model_accounts_begin(w.model);
	cr_assert(eq(int, apo_model_on_account(w.model, "Dan", 5, w.now_ns), 0));
	cr_assert(eq(int, apo_model_on_account(w.model, "eve", 6, w.now_ns), 0));
	apo_model_accounts_end(w.model, w.now_ns);
	QUIET(&w, 1);
	apo_model_accounts_begin(w.model);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 7, w.now_ns), 0));
	cr_assert(eq(int, apo_model_on_account(w.model, "eve", 6, w.now_ns), 0));
	apo_model_accounts_end(w.model, w.now_ns);
	HEARS(&w, 1, ":irc.example 901 dan dan!~dan@host1.example :You are now logged out");
	QUIET(&w, 1);
	cr_assert(eq(u64, figures()->accounts_removed, 1));
	come_as_dan(3, "dan_", NULL);
	fixture_say(&w, 3, "NS GHOST dan");
	SAYS(3, "dan_", "The session of dan has been ended");
}
