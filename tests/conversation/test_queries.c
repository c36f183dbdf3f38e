/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "conversation/model/commands.h"
#include "conversation/model_fixture.h"

static struct fixture w;

static const char *const motd[] = {"Be kind.", "", "Bye."};
static const struct apo_operator operators[] = {{"root", "#root", NULL},
						{"remote", "#remote", "*@10.*"},
						{"near", "#near", "~eve@192.0.2.*"}};

static void begin(void)
{
	fixture_init(&w);
	w.config.operators = operators;
	w.config.operator_count = 3;
	fixture_start_three(&w, NULL);
}

TestSuite(queries, .init = begin, .fini = fixture_fini);
TestSuite(operators, .init = begin, .fini = fixture_fini);
TestSuite(monitor, .init = begin, .fini = fixture_fini);
TestSuite(configuration, .init = begin, .fini = fixture_fini);

/* ---- WHO ---- */

Test(queries, who_of_a_channel)
{
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 0, "MODE #a +v dan");
	fixture_say(&w, 1, "AWAY :x");
	fixture_forget(&w);
	fixture_say(&w, 1, "WHO #a");
	HEARS(&w, 1, ":irc.example 352 eve #a ~dan host0.example irc.example dan H@ :0 Real dan");
	HEARS(&w, 1, ":irc.example 352 eve #a ~eve host1.example irc.example eve G :0 Real eve");
	HEARS(&w, 1, ":irc.example 315 eve #a :End of WHO list");
	fixture_say(&w, 1, "WHO #none");
	HEARS(&w, 1, ":irc.example 315 eve #none :End of WHO list");
	fixture_say(&w, 1, "CAP REQ multi-prefix");
	fixture_forget(&w);
	fixture_say(&w, 1, "WHO #a %%tnfcuhsaridlo,42");
	HEARS(&w, 1,
	      ":irc.example 354 eve 42 #a ~dan 255.255.255.255 host0.example irc.example dan H@+ 0 "
	      "0 0 "
	      "n/a :Real dan");
	HEARS(&w, 1,
	      ":irc.example 354 eve 42 #a ~eve 192.0.2.1 host1.example irc.example eve G 0 0 0 n/a "
	      ":Real eve");
	HEARS_LIKE(&w, 1, "* 315 *");
}

Test(queries, who_of_names_and_masks)
{
	ANSWERS(&w, 0, "WHO EVE",
		":irc.example 352 dan * ~eve host1.example irc.example eve H :0 Real eve");
	HEARS(&w, 0, ":irc.example 315 dan EVE :End of WHO list");
	fixture_say(&w, 0, "WHO host2.* %%n");
	HEARS(&w, 0, ":irc.example 354 dan fay");
	HEARS(&w, 0, ":irc.example 315 dan host2.* :End of WHO list");
	fixture_say(&w, 1, "MODE eve +i");
	fixture_forget(&w);
	fixture_say(&w, 0, "WHO * %%n");
	HEARS(&w, 0, ":irc.example 354 dan dan");
	HEARS(&w, 0, ":irc.example 354 dan fay");
	HEARS_LIKE(&w, 0, "* 315 *");
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 1, "JOIN #a");
	fixture_forget(&w);
	w.config.who_replies_max = 2;
	fixture_say(&w, 0, "WHO 0 %%n");
	HEARS(&w, 0, ":irc.example 354 dan dan");
	HEARS(&w, 0, ":irc.example 354 dan eve");
	HEARS(&w, 0, ":irc.example 315 dan 0 :End of WHO list");
	ANSWERS(&w, 0, "WHO * o", ":irc.example 315 dan * :End of WHO list");
	ANSWERS(&w, 0, "WHO nobody", ":irc.example 315 dan nobody :End of WHO list");
	ANSWERS(&w, 0, "WHO :", ":irc.example 315 dan * :End of WHO list");
}

/* ---- WHOIS ---- */

Test(queries, whois_shows_only_public_data)
{
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 1, "AWAY :lunch");
	fixture_wait(&w, 5 * RUDP_NS_PER_S);
	fixture_forget(&w);
	fixture_say(&w, 0, "WHOIS eve");
	HEARS(&w, 0, ":irc.example 311 dan eve ~eve host1.example * :Real eve");
	HEARS(&w, 0, ":irc.example 319 dan eve :@#a");
	HEARS(&w, 0, ":irc.example 312 dan eve irc.example :An Apollonion server");
	HEARS(&w, 0, ":irc.example 301 dan eve :lunch");
	HEARS(&w, 0, ":irc.example 671 dan eve :is using a secure connection");
	HEARS(&w, 0, ":irc.example 317 dan eve 5 1700000000 :seconds idle, signon time");
	HEARS(&w, 0, ":irc.example 318 dan eve :End of WHOIS list");
	fixture_say(&w, 0, "WHOIS irc.example dan");
	HEARS_LIKE(&w, 0, "* 311 *");
	HEARS_LIKE(&w, 0, "* 312 *");
	HEARS(&w, 0, ":irc.example 338 dan dan ~dan@192.0.2.0 192.0.2.0 :is actually using host");
	HEARS_LIKE(&w, 0, "* 317 *");
	HEARS_LIKE(&w, 0, "* 318 *");
	fixture_say(&w, 1, "MODE eve +i");
	fixture_forget(&w);
	fixture_say(&w, 0, "WHOIS eve eve");
	HEARS_LIKE(&w, 0, "* 311 *");
	HEARS_LIKE(&w, 0, "* 312 *"); /* the channels are not shown */
	fixture_forget(&w);
}

Test(queries, whois_of_an_unknown_nick)
{
	ANSWERS(&w, 0, "WHOIS", ":irc.example 431 dan :No nickname given");
	ANSWERS(&w, 0, "WHOIS nobody", ":irc.example 401 dan nobody :No such nick or channel");
	HEARS(&w, 0, ":irc.example 318 dan nobody :End of WHOIS list");
	ANSWERS(&w, 0, "WHOIS other.example eve",
		":irc.example 402 dan other.example :No such server");
	QUIET(&w, 0);
}

Test(queries, whowas_remembers_the_last_ones)
{
	w.config.whowas_max = 2;
	ANSWERS(&w, 0, "WHOWAS eve", ":irc.example 406 dan eve :There was no such nickname");
	HEARS(&w, 0, ":irc.example 369 dan eve :End of WHOWAS");
	fixture_say(&w, 1, "QUIT");
	fixture_join(&w, 3, "eve", NULL);
	fixture_say(&w, 3, "NICK other");
	fixture_forget(&w);
	ANSWERS(&w, 0, "WHOWAS EVE", ":irc.example 314 dan eve ~eve host3.example * :Real eve");
	HEARS(&w, 0, ":irc.example 312 dan eve irc.example :2023-11-14T22:13:20.000Z");
	HEARS(&w, 0, ":irc.example 314 dan eve ~eve host1.example * :Real eve");
	HEARS_LIKE(&w, 0, "* 312 *");
	HEARS(&w, 0, ":irc.example 369 dan EVE :End of WHOWAS");
	fixture_say(&w, 0, "WHOWAS eve 1");
	HEARS_LIKE(&w, 0, "* 314 dan eve ~eve host3.example *");
	HEARS_LIKE(&w, 0, "* 312 *");
	HEARS_LIKE(&w, 0, "* 369 *");
	fixture_say(&w, 2, "QUIT");
	fixture_say(&w, 0, "WHOWAS eve");
	HEARS_LIKE(&w, 0, "* 314 dan eve ~eve host3.example *");
	HEARS_LIKE(&w, 0, "* 312 *");
	HEARS_LIKE(&w, 0, "* 369 *");
	ANSWERS(&w, 0, "WHOWAS", ":irc.example 431 dan :No nickname given");
	ANSWERS(&w, 0, "WHOWAS :", ":irc.example 431 dan :No nickname given");
}

Test(queries, userhost_and_ison_name_those_who_are_here)
{
	fixture_say(&w, 1, "AWAY :x");
	fixture_forget(&w);
	fixture_say(&w, 0, "USERHOST eve nobody dan");
	HEARS(&w, 0, ":irc.example 302 dan :eve=-~eve@host1.example dan=+~dan@192.0.2.0");
	fixture_say(&w, 0, "ISON eve nobody :Dan FAY");
	HEARS(&w, 0, ":irc.example 303 dan :eve dan fay");
	fixture_say(&w, 0, "ISON nobody");
	HEARS(&w, 0, ":irc.example 303 dan :");
}

/* ---- the server ---- */

Test(queries, queries_about_the_server)
{
	w.config.motd = motd;
	w.config.motd_count = 3;
	fixture_say(&w, 0, "MOTD");
	HEARS(&w, 0, ":irc.example 375 dan :- irc.example Message of the day -");
	HEARS(&w, 0, ":irc.example 372 dan :- Be kind.");
	HEARS(&w, 0, ":irc.example 372 dan :- ");
	HEARS(&w, 0, ":irc.example 372 dan :- Bye.");
	HEARS(&w, 0, ":irc.example 376 dan :End of MOTD");
	fixture_say(&w, 0, "MOTD other.example");
	HEARS(&w, 0, ":irc.example 402 dan other.example :No such server");
	fixture_say(&w, 0, "VERSION *.example");
	HEARS(&w, 0, ":irc.example 351 dan apollonion-1 irc.example :Apollonion");
	HEARS_LIKE(&w, 0, ":irc.example 005 dan * :are supported by this server");
	fixture_forget(&w);
	fixture_say(&w, 0, "TIME");
	HEARS(&w, 0, ":irc.example 391 dan irc.example :2023-11-14T22:13:20.000Z");
	fixture_say(&w, 0, "INFO");
	HEARS(&w, 0, ":irc.example 371 dan :This is apollonion-1, a conversation server.");
	HEARS_LIKE(&w, 0, "* 371 *");
	HEARS_LIKE(&w, 0, "* 371 *");
	HEARS(&w, 0, ":irc.example 374 dan :End of INFO");
	fixture_say(&w, 0, "LINKS");
	HEARS(&w, 0, ":irc.example 364 dan irc.example irc.example :0 An Apollonion server");
	HEARS(&w, 0, ":irc.example 365 dan * :End of LINKS list");
	fixture_say(&w, 0, "ADMIN");
	HEARS(&w, 0, ":irc.example 423 dan irc.example :No administrative info available");
	w.config.admin_location = "Room 5";
	w.config.admin_organisation = "Example";
	w.config.admin_email = "a@example";
	fixture_say(&w, 0, "ADMIN");
	HEARS(&w, 0, ":irc.example 256 dan irc.example :Administrative info");
	HEARS(&w, 0, ":irc.example 257 dan :Room 5");
	HEARS(&w, 0, ":irc.example 258 dan :Example");
	HEARS(&w, 0, ":irc.example 259 dan :a@example");
}

Test(queries, lusers_counts)
{
	fixture_connect(&w, 4);
	fixture_say(&w, 0, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 0, "LUSERS");
	HEARS(&w, 0, ":irc.example 251 dan :There are 3 users and 0 invisible on 1 servers");
	HEARS(&w, 0, ":irc.example 252 dan 0 :operators online");
	HEARS(&w, 0, ":irc.example 253 dan 1 :unregistered connections");
	HEARS(&w, 0, ":irc.example 254 dan 1 :channels formed");
	HEARS(&w, 0, ":irc.example 255 dan :I have 3 clients and 0 servers");
	HEARS(&w, 0, ":irc.example 265 dan 3 3 :Current local users 3, max 3");
	HEARS(&w, 0, ":irc.example 266 dan 3 3 :Current global users 3, max 3");
}

Test(queries, the_command_table_is_sorted_and_checks_parameter_counts)
{
	char line[32];
	unsigned i;

	for (i = 0; i < apo_command_count; i++) {
		cr_assert(eq(ptr, (void *)apo_command_find(apo_commands[i].name),
			     (void *)(apo_commands + i)));
		cr_assert(le(uint, apo_commands[i].params_min, apo_commands[i].params_max));
		if (i > 0)
			cr_assert(
				lt(int, strcmp(apo_commands[i - 1].name, apo_commands[i].name), 0));
		if (apo_commands[i].params_min == 0 || apo_commands[i].by == APO_BY_OPER)
			continue;
		fixture_say(&w, 0, "%s", apo_commands[i].name);
		snprintf(line, sizeof line, "* 461 dan %s *", apo_commands[i].name);
		HEARS_LIKE(&w, 0, line);
		QUIET(&w, 0);
	}
}

/* Each command without parameters and with too many: it may answer or not, but must do no harm. */
Test(queries, no_command_fails_on_odd_parameters)
{
	static const char *const tails[] = {
		"",        " :",        " : ",        " a",
		" * *",    " #a #a #a", " , ,",       " 0",
		" #a :",   " #a +b :",  " @#a :x",    " +#a x",
		" #a,,#b", " +,- x",    " #a 1,2 :x", " - - - - - - - - - - - - - - - - -",
	};
	unsigned i, j;

	for (i = 0; i < apo_command_count; i++) {
		if (strcmp(apo_commands[i].name, "QUIT") == 0 ||
		    strcmp(apo_commands[i].name, "OPER") == 0)
			/* These end the connection, at once or after too many wrong passwords. */
			continue;
		for (j = 0; j < sizeof tails / sizeof *tails; j++) {
			fixture_say(&w, 0, "%s%s", apo_commands[i].name, tails[j]);
			cr_assert(apo_model_check(w.model), "%s%s", apo_commands[i].name, tails[j]);
		}
	}
	cr_assert(not(w.mocks[0].is_closed));
}

/* ---- AWAY, SETNAME ---- */

Test(queries, setname_is_sent_to_clients_with_the_capability)
{
	fixture_join(&w, 3, "gil", "setname standard-replies");
	fixture_join(&w, 4, "hal", "setname");
	fixture_say(&w, 3, "JOIN #a");
	fixture_say(&w, 4, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 3, "SETNAME :New Name");
	HEARS(&w, 3, ":gil!~gil@host3.example SETNAME :New Name");
	HEARS(&w, 4, ":gil!~gil@host3.example SETNAME :New Name");
	fixture_say(&w, 4, "WHO gil %%r");
	HEARS(&w, 4, ":irc.example 354 hal :New Name");
	w.config.real_len_max = 3;
	fixture_say(&w, 3, "SETNAME :long");
	HEARS(&w, 3, ":irc.example FAIL SETNAME INVALID_REALNAME :The name is empty or too long");
	fixture_say(&w, 0, "SETNAME :long");
	HEARS(&w, 0, ":irc.example FAIL SETNAME INVALID_REALNAME :The name is empty or too long");
}

/* ---- operators ---- */

static void oper(unsigned i, const char *name)
{
	fixture_say(&w, i, "OPER %s secret", name);
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	cr_assert(w.mocks[i].is_operator);
	fixture_forget(&w);
}

Test(operators, oper_needs_the_password)
{
	fixture_say(&w, 0, "OPER root secret");
	QUIET(&w, 0);
	cr_assert(eq(str, w.asked[0], "#root"));
	cr_assert(eq(str, w.asked[1], "secret"));
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	HEARS(&w, 0, ":irc.example 381 dan :You are now an IRC operator");
	HEARS(&w, 0, ":dan MODE dan :+o");
	cr_assert(w.mocks[0].is_operator);
	cr_assert(eq(str, w.logged, "oper: dan as root"));
	fixture_say(&w, 1, "WHOIS dan");
	fixture_say(&w, 1, "WHO dan");
	HEARS_LIKE(&w, 1, "* 311 *");
	HEARS_LIKE(&w, 1, "* 312 *");
	HEARS(&w, 1, ":irc.example 313 eve dan :is an IRC operator");
	HEARS_LIKE(&w, 1, "* 317 *");
	HEARS_LIKE(&w, 1, "* 318 *");
	HEARS(&w, 1, ":irc.example 352 eve * ~dan host0.example irc.example dan H* :0 Real dan");
	fixture_forget(&w);
	fixture_say(&w, 0, "MODE dan -o");
	HEARS(&w, 0, ":dan MODE dan :-o");
	cr_assert(not(w.mocks[0].is_operator));
}

Test(operators, who_finds_operators_beyond_its_limit)
{
	oper(2, "root");
	w.config.who_replies_max = 1;
	fixture_say(&w, 0, "WHO * o%%n");
	HEARS(&w, 0, ":irc.example 354 dan fay");
	HEARS(&w, 0, ":irc.example 315 dan * :End of WHO list");
}

Test(operators, wrong_passwords_and_hosts_are_refused)
{
	fixture_say(&w, 0, "OPER nobody x");
	HEARS(&w, 0, ":irc.example 464 dan :Password incorrect");
	fixture_say(&w, 0, "OPER remote x");
	HEARS(&w, 0, ":irc.example 491 dan :No operator lines for your host");
	fixture_say(&w, 0, "OPER root wrong");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	HEARS(&w, 0, ":irc.example 464 dan :Password incorrect");
	fixture_say(&w, 0, "OPER root wrong");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	cr_assert(eq(str, w.mocks[0].last_words,
		     "ERROR :Closing Link: host0.example (Too many wrong passwords)"));
	oper(1, "near");
}

Test(operators, only_operators_may_use_their_commands)
{
	static const char *const lines[] = {"KILL eve x", "REHASH", "DIE", "WALLOPS x",
					    "CHGHOST eve a.b"};
	size_t i;

	for (i = 0; i < sizeof lines / sizeof *lines; i++) {
		fixture_say(&w, 0, "%s", lines[i]);
		HEARS(&w, 0,
		      ":irc.example 481 dan :Permission denied, you are not an IRC operator");
	}
	fixture_say(&w, 0, "STATS o");
	HEARS_LIKE(&w, 0, "* 481 *");
	HEARS(&w, 0, ":irc.example 219 dan o :End of STATS");
}

Test(operators, kill_ends_a_connection)
{
	oper(0, "root");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 0, "KILL eve :bad manners");
	HEARS(&w, 1, ":dan!~dan@host0.example KILL eve :bad manners");
	cr_assert(eq(str, w.mocks[1].last_words,
		     "ERROR :Closing Link: host1.example (Killed (dan (bad manners)))"));
	HEARS(&w, 2, ":eve!~eve@host1.example QUIT :Killed (dan (bad manners))");
	fixture_say(&w, 0, "KILL eve :again");
	HEARS(&w, 0, ":irc.example 401 dan eve :No such nick or channel");
	fixture_say(&w, 0, "KILL fay");
	HEARS(&w, 2, ":dan!~dan@host0.example KILL fay :No reason");
	cr_assert(w.mocks[2].is_closed);
	fixture_say(&w, 0, "KILL dan :enough");
	cr_assert(w.mocks[0].is_closed);
	cr_assert(eq(u64, apo_model_figures(w.model)->operators, 0));
}

Test(operators, rehash_and_die_call_the_server)
{
	oper(0, "root");
	fixture_say(&w, 0, "REHASH");
	HEARS(&w, 0, ":irc.example 382 dan configuration :Rehashing");
	cr_assert(eq(uint, w.rehash_count, 1));
	apo_model_on_rehashed(w.model, w.ticket, "line 3: what?", w.now_ns);
	HEARS(&w, 0, ":irc.example NOTICE dan :The configuration stays as it was: line 3: what?");
	fixture_say(&w, 0, "REHASH");
	apo_model_on_rehashed(w.model, w.ticket, NULL, w.now_ns);
	HEARS_LIKE(&w, 0, "* 382 *");
	HEARS(&w, 0, ":irc.example NOTICE dan :The configuration has been read again");
	fixture_say(&w, 0, "DIE");
	cr_assert(eq(uint, w.die_count, 1));
}

Test(operators, wallops_reach_users_with_mode_w)
{
	oper(0, "root");
	fixture_say(&w, 1, "MODE eve +w");
	fixture_forget(&w);
	fixture_say(&w, 0, "WALLOPS :hear hear");
	HEARS(&w, 1, ":dan!~dan@host0.example WALLOPS :hear hear");
	QUIET(&w, 2);
	QUIET(&w, 0);
}

Test(operators, chghost_is_sent_to_clients_with_the_capability)
{
	fixture_join(&w, 3, "gil", "chghost");
	oper(0, "root");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_say(&w, 3, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 0, "CHGHOST eve staff.example");
	HEARS(&w, 3, ":eve!~eve@host1.example CHGHOST ~eve staff.example");
	HEARS(&w, 1, ":irc.example 396 eve staff.example :is now your visible host");
	QUIET(&w, 2);
	fixture_say(&w, 0, "CHGHOST eve bad!host");
	HEARS_LIKE(&w, 0, "* NOTICE dan *");
	fixture_say(&w, 1, "PRIVMSG #a x");
	HEARS(&w, 2, ":eve!~eve@staff.example PRIVMSG #a :x");
}

Test(operators, chghost_lifts_no_ban)
{
	oper(0, "root");
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 0, "MODE #a +b *!*@host1.example");
	fixture_say(&w, 0, "CHGHOST eve staff.example");
	fixture_say(&w, 0, "CHGHOST eve other.example");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #a", ":irc.example 474 eve #a :Cannot join channel (+b)");
	fixture_hand_over(&w);
	ANSWERS(&w, 1, "JOIN #a", ":irc.example 474 eve #a :Cannot join channel (+b)");
	fixture_say(&w, 0, "MODE #a -b+b *!*@host1.example *!*@other.example");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #a", ":irc.example 474 eve #a :Cannot join channel (+b)");
	fixture_say(&w, 0, "MODE #a -b *!*@other.example");
	fixture_forget(&w);
	fixture_say(&w, 1, "JOIN #a");
	HEARS(&w, 0, ":eve!~eve@other.example JOIN #a");
}

Test(operators, stats_is_answered_to_operators)
{
	oper(0, "root");
	fixture_say(&w, 0, "STATS o");
	HEARS(&w, 0, ":irc.example 243 dan O *@* * root");
	HEARS(&w, 0, ":irc.example 243 dan O *@10.* * remote");
	HEARS(&w, 0, ":irc.example 243 dan O ~eve@192.0.2.* * near");
	HEARS_LIKE(&w, 0, "* 219 *");
	fixture_say(&w, 0, "STATS m");
	HEARS(&w, 0, ":irc.example 212 dan CAP 3");
	HEARS(&w, 0, ":irc.example 212 dan NICK 3");
	HEARS(&w, 0, ":irc.example 212 dan OPER 1");
	fixture_forget(&w);
	fixture_wait(&w, 90061 * RUDP_NS_PER_S);
	fixture_join(&w, 5, "kim", NULL);
	fixture_say(&w, 5, "STATS u");
	HEARS(&w, 5, ":irc.example 242 kim :Server up 1 days 1:01:01");
	HEARS_LIKE(&w, 5, "* 219 *");
	oper(5, "root");
	fixture_say(&w, 5, "STATS z");
	HEARS(&w, 5, ":irc.example 249 kim :clients that are registered 1");
	fixture_forget(&w);
}

/* ---- MONITOR ---- */

Test(monitor, monitor_reports_logons_and_logoffs)
{
	fixture_say(&w, 0, "MONITOR + eve,gil,9bad");
	HEARS(&w, 0, ":irc.example 730 dan :eve!~eve@host1.example");
	HEARS(&w, 0, ":irc.example 731 dan :gil");
	fixture_join(&w, 3, "gil", NULL);
	fixture_say(&w, 3, "NICK Gil2");
	fixture_say(&w, 3, "NICK gil");
	fixture_say(&w, 3, "NICK GIL");
	fixture_forget(&w);
	fixture_say(&w, 0, "MONITOR L");
	HEARS(&w, 0, ":irc.example 732 dan :eve,gil");
	HEARS(&w, 0, ":irc.example 733 dan :End of MONITOR list");
	fixture_say(&w, 1, "QUIT");
	HEARS(&w, 0, ":irc.example 731 dan :eve");
	fixture_say(&w, 0, "MONITOR S");
	HEARS(&w, 0, ":irc.example 730 dan :GIL!~gil@host3.example");
	HEARS(&w, 0, ":irc.example 731 dan :eve");
	fixture_say(&w, 0, "MONITOR - gil,nobody");
	fixture_close(&w, 3, "gone");
	QUIET(&w, 0);
	fixture_say(&w, 0, "MONITOR C");
	fixture_say(&w, 0, "MONITOR L");
	HEARS(&w, 0, ":irc.example 733 dan :End of MONITOR list");
}

Test(monitor, monitor_reports_a_change_of_nick_once)
{
	fixture_say(&w, 0, "MONITOR + eve,ann");
	fixture_forget(&w);
	fixture_say(&w, 1, "NICK ann");
	HEARS(&w, 0, ":irc.example 731 dan :eve");
	HEARS(&w, 0, ":irc.example 730 dan :ann!~eve@host1.example");
	fixture_say(&w, 1, "NICK Ann");
	QUIET(&w, 0);
}

Test(monitor, monitor_is_limited)
{
	w.config.monitor_max = 2;
	ANSWERS(&w, 0, "MONITOR + a,b,c,d", ":irc.example 734 dan 2 c :Monitor list is full");
	HEARS(&w, 0, ":irc.example 731 dan :a,b");
	ANSWERS(&w, 0, "MONITOR +", ":irc.example 461 dan MONITOR :Not enough parameters");
}

Test(monitor, extended_monitor_reports_more)
{
	fixture_join(&w, 3, "gil", "extended-monitor away-notify setname");
	fixture_say(&w, 3, "MONITOR + eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "AWAY :x");
	HEARS(&w, 3, ":eve!~eve@host1.example AWAY :x");
	fixture_say(&w, 1, "SETNAME :y");
	HEARS(&w, 3, ":eve!~eve@host1.example SETNAME :y");
	fixture_say(&w, 3, "JOIN #a");
	fixture_say(&w, 1, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 1, "AWAY");
	HEARS(&w, 3, ":eve!~eve@host1.example AWAY");
	QUIET(&w, 3);
}

/* ---- another configuration ---- */

Test(configuration, changes_are_announced)
{
	static struct apo_model_config other;

	fixture_join(&w, 3, "gil", "cap-notify");
	fixture_join(&w, 4, "hal", "cap-notify");
	fixture_say(&w, 3, "CAP REQ sasl");
	fixture_forget(&w);
	other = w.config;
	other.plain_passwords = true;
	cr_assert(eq(ptr, (void *)apo_model_configure(w.model, &other), &w.config));
	HEARS(&w, 4, ":irc.example CAP hal NEW :draft/account-registration sasl");
	QUIET(&w, 3);
	QUIET(&w, 0);
	fixture_say(&w, 4, "CAP REQ sasl");
	fixture_forget(&w);
	w.config.topic_len_max = 100;
	w.config.whowas_max = 1;
	fixture_say(&w, 1, "QUIT");
	fixture_say(&w, 2, "QUIT");
	cr_assert(eq(ptr, (void *)apo_model_configure(w.model, &w.config), &other));
	cr_assert(apo_model_check(w.model));
	HEARS(&w, 4, ":irc.example CAP hal DEL :draft/account-registration sasl");
	HEARS_LIKE(&w, 0, ":irc.example 005 dan *");
	fixture_forget(&w);
	fixture_say(&w, 4, "CAP LIST");
	HEARS(&w, 4, ":irc.example CAP hal LIST :cap-notify");
}

Test(configuration, is_checked_member_by_member)
{
	struct apo_model_config c = w.config;
	const char *member;

	cr_assert(eq(ptr, (void *)apo_model_config_check(&c, &member), NULL));
	c.server_name = "nodot";
	cr_assert(ne(ptr, (void *)apo_model_config_check(&c, &member), NULL));
	cr_assert(eq(str, (char *)member, "server_name"));
	c = w.config;
	c.nick_len_max = 33;
	cr_assert(eq(str, (char *)apo_model_config_check(&c, &member), "must be from 1 to 32"));
	cr_assert(eq(str, (char *)member, "nick_len_max"));
	c = w.config;
	c.ping_interval_ns = 0;
	cr_assert(eq(str, (char *)apo_model_config_check(&c, &member),
		     "must be from 1 to 86400 seconds"));
	c = w.config;
	c.network = "two words";
	cr_assert(ne(ptr, (void *)apo_model_config_check(&c, &member), NULL));
}
