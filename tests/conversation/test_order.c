/* SPDX-License-Identifier: MIT */
/* A client's answers come in the order of its commands, even if another thread answers one. */
#include <string.h>

#include "conversation/model_fixture.h"

#define DAN "AGRhbgBwdw==" /* dan, pw */

static struct fixture w;
static const struct apo_operator operators[] = {{"root", "#hash", NULL}};

static void begin(void)
{
	fixture_init(&w);
	w.config.operators = operators;
	w.config.operator_count = 1;
	fixture_start(&w);
}

TestSuite(order, .init = begin, .fini = fixture_fini);

Test(order, lines_after_oper_wait_for_its_answer)
{
	fixture_join(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "OPER root pw");
	cr_assert(w.mocks[1].is_held);
	fixture_say(&w, 1, "PING later");
	fixture_say(&w, 1, "PING last");
	QUIET(&w, 1);
	cr_assert(apo_model_check(w.model));
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_step_all(&w);
	HEARS_LIKE(&w, 1, ":irc.example 381 dan *");
	HEARS_LIKE(&w, 1, ":dan MODE dan :+o");
	HEARS_LIKE(&w, 1, ":irc.example PONG irc.example :later");
	HEARS_LIKE(&w, 1, ":irc.example PONG irc.example :last");
	QUIET(&w, 1);
	cr_assert(not(w.mocks[1].is_held));
}

Test(order, a_held_command_is_handled_with_its_result)
{
	fixture_join(&w, 1, "dan", "labeled-response batch");
	fixture_say(&w, 1, "OPER root pw");
	fixture_say(&w, 1, "@label=k KILL nobody :x");
	QUIET(&w, 1);
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	fixture_step_all(&w);
	HEARS_LIKE(&w, 1, ":irc.example 464 dan *");
	HEARS_LIKE(&w, 1, "@label=k :irc.example 481 dan *");
	QUIET(&w, 1);
}

Test(order, lines_after_sasl_wait_for_its_answer)
{
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "CAP REQ :sasl");
	fixture_say(&w, 1, "AUTHENTICATE PLAIN");
	fixture_forget(&w);
	fixture_say(&w, 1, "AUTHENTICATE " DAN);
	fixture_say(&w, 1, "NICK dan");
	fixture_say(&w, 1, "USER dan 0 * :Dan");
	fixture_say(&w, 1, "CAP LIST");
	fixture_say(&w, 1, "CAP END");
	QUIET(&w, 1);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_step_all(&w);
	HEARS_LIKE(&w, 1, ":irc.example 900 * dan *");
	HEARS_LIKE(&w, 1, ":irc.example 903 * *");
	HEARS_LIKE(&w, 1, ":irc.example CAP dan LIST :sasl");
	HEARS_LIKE(&w, 1, ":irc.example 001 dan *");
}

Test(order, lines_after_register_wait_for_its_answer)
{
	fixture_join(&w, 1, "dan", "draft/account-registration");
	fixture_say(&w, 1, "REGISTER * * password");
	fixture_say(&w, 1, "REGISTER * * password");
	QUIET(&w, 1);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	fixture_step_all(&w);
	HEARS_LIKE(&w, 1, ":irc.example 900 dan *");
	HEARS_LIKE(&w, 1, ":irc.example REGISTER SUCCESS dan *");
	HEARS_LIKE(&w, 1, ":irc.example FAIL REGISTER ALREADY_AUTHENTICATED dan *");
	QUIET(&w, 1);
}

Test(order, lines_after_the_server_password_wait)
{
	char *line;

	w.config.password_hash = "#hash";
	fixture_connect(&w, 0);
	fixture_say(&w, 0, "PASS secret");
	fixture_say(&w, 0, "NICK dan");
	fixture_say(&w, 0, "USER dan 0 * :Dan");
	fixture_say(&w, 0, "JOIN #a");
	QUIET(&w, 0);
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	HEARS_LIKE(&w, 0, ":irc.example 001 dan *");
	while ((line = fixture_next(&w, 0)) && !strstr(line, " 422 "))
		;
	HEARS(&w, 0, ":dan!~dan@host0.example JOIN #a");
}

Test(order, other_clients_do_not_wait)
{
	fixture_join(&w, 1, "dan", NULL);
	fixture_join(&w, 2, "eve", NULL);
	fixture_say(&w, 1, "OPER root pw");
	ANSWERS(&w, 2, "PING now", ":irc.example PONG irc.example :now");
	fixture_say(&w, 2, "PRIVMSG dan :hi");
	HEARS(&w, 1, ":eve!~eve@host2.example PRIVMSG dan :hi");
}

Test(order, a_client_may_leave_while_its_lines_wait)
{
	fixture_join(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "OPER root pw");
	fixture_say(&w, 1, "PING later");
	fixture_close(&w, 1, "gone");
	cr_assert(apo_model_check(w.model));
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_step_all(&w);
	QUIET(&w, 1);
	cr_assert(eq(u64, apo_model_figures(w.model)->operators, 0));
}

Test(order, a_client_that_sends_too_much_meanwhile_is_closed)
{
	char line[501];
	unsigned i;

	memset(line, 'x', sizeof line - 1);
	memcpy(line, "PING ", 5);
	line[500] = '\0';
	fixture_join(&w, 1, "dan", NULL);
	fixture_say(&w, 1, "OPER root pw");
	for (i = 0; i < 20000 && !w.mocks[1].is_closed; i++)
		fixture_say(&w, 1, "%s", line);
	cr_assert(w.mocks[1].is_closed);
	cr_assert(ne(ptr, strstr(w.mocks[1].last_words, "Excess Flood"), NULL));
}
