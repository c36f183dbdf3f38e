/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "conversation/model_fixture.h"

static struct fixture w;

static void begin(void)
{
	fixture_init(&w);
	fixture_start_three(&w, NULL);
}

TestSuite(channels, .init = begin, .fini = fixture_fini);

Test(channels, the_first_member_is_the_operator)
{
	fixture_say(&w, 0, "JOIN #A");
	HEARS(&w, 0, ":dan!~dan@host0.example JOIN #A");
	HEARS(&w, 0, ":irc.example 353 dan = #A :@dan");
	HEARS(&w, 0, ":irc.example 366 dan #A :End of NAMES list");
	fixture_say(&w, 1, "JOIN #a");
	HEARS(&w, 1, ":eve!~eve@host1.example JOIN #A");
	HEARS(&w, 1, ":irc.example 353 eve = #A :@dan eve");
	HEARS(&w, 1, ":irc.example 366 eve #A :End of NAMES list");
	HEARS(&w, 0, ":eve!~eve@host1.example JOIN #A");
	fixture_say(&w, 1, "JOIN #A");
	QUIET(&w, 1);
	QUIET(&w, 2);
}

Test(channels, invalid_names_are_refused)
{
	ANSWERS(&w, 0, "JOIN nohash,#,,#a:b", ":irc.example 403 dan nohash :No such channel");
	HEARS(&w, 0, ":irc.example 403 dan # :No such channel");
	HEARS(&w, 0, ":irc.example 403 dan #a:b :No such channel");
	QUIET(&w, 0);
	ANSWERS(&w, 0, "JOIN", ":irc.example 461 dan JOIN :Not enough parameters");
	ANSWERS(&w, 0, "JOIN :#a b", ":irc.example 403 dan * :No such channel");
}

Test(channels, limits_of_channels_are_kept)
{
	w.config.channels_per_client_max = 2;
	fixture_say(&w, 0, "JOIN #a,#b,#c");
	fixture_forget(&w);
	ANSWERS(&w, 0, "JOIN #c", ":irc.example 405 dan #c :You have joined too many channels");
	w.config.channels_max = 2;
	ANSWERS(&w, 1, "JOIN #d",
		":irc.example 400 eve JOIN :There are too many channels on this server");
	ANSWERS(&w, 1, "JOIN #a", ":eve!~eve@host1.example JOIN #a");
}

Test(channels, part_is_sent_to_all_and_the_last_part_ends_the_channel)
{
	fixture_gather(&w, 3, "#a");
	fixture_say(&w, 1, "PART #a :so long");
	HEARS(&w, 0, ":eve!~eve@host1.example PART #a :so long");
	HEARS(&w, 1, ":eve!~eve@host1.example PART #a :so long");
	HEARS(&w, 2, ":eve!~eve@host1.example PART #a :so long");
	ANSWERS(&w, 1, "PART #a,#none", ":irc.example 442 eve #a :You're not on that channel");
	HEARS(&w, 1, ":irc.example 403 eve #none :No such channel");
	fixture_say(&w, 0, "PART #a");
	HEARS(&w, 2, ":dan!~dan@host0.example PART #a");
	ANSWERS(&w, 2, "JOIN 0", ":fay!~fay@host2.example PART #a");
	cr_assert(eq(u64, apo_model_figures(w.model)->channels, 0));
}

Test(channels, quit_and_nick_are_sent_once_to_each_shared_member)
{
	fixture_gather(&w, 3, "#a");
	fixture_gather(&w, 3, "#b");
	fixture_say(&w, 0, "NICK dora");
	HEARS(&w, 0, ":dan!~dan@host0.example NICK :dora");
	HEARS(&w, 1, ":dan!~dan@host0.example NICK :dora");
	QUIET(&w, 1);
	fixture_say(&w, 0, "QUIT");
	HEARS(&w, 1, ":dora!~dan@host0.example QUIT :Quit: ");
	QUIET(&w, 1);
	HEARS(&w, 2, ":dan!~dan@host0.example NICK :dora");
	HEARS(&w, 2, ":dora!~dan@host0.example QUIT :Quit: ");
	QUIET(&w, 2);
	fixture_close(&w, 1, "Connection reset by peer");
	HEARS(&w, 2, ":eve!~eve@host1.example QUIT :Connection reset by peer");
	QUIET(&w, 2);
}

Test(channels, topic_is_set_seen_and_cleared)
{
	fixture_gather(&w, 3, "#a");
	fixture_say(&w, 0, "TOPIC #a");
	HEARS(&w, 0, ":irc.example 331 dan #a :No topic is set");
	fixture_say(&w, 0, "TOPIC #a :hello there");
	HEARS(&w, 0, ":dan!~dan@host0.example TOPIC #a :hello there");
	HEARS(&w, 1, ":dan!~dan@host0.example TOPIC #a :hello there");
	fixture_say(&w, 1, "TOPIC #a");
	HEARS(&w, 1, ":irc.example 332 eve #a :hello there");
	HEARS(&w, 1, ":irc.example 333 eve #a dan!~dan@host0.example 1700000000");
	fixture_say(&w, 1, "TOPIC #a :mine");
	HEARS(&w, 1, ":irc.example 482 eve #a :You're not channel operator");
	fixture_say(&w, 1, "PART #a");
	fixture_say(&w, 1, "JOIN #a");
	HEARS(&w, 1, ":eve!~eve@host1.example PART #a");
	HEARS(&w, 1, ":eve!~eve@host1.example JOIN #a");
	HEARS(&w, 1, ":irc.example 332 eve #a :hello there");
	HEARS(&w, 1, ":irc.example 333 eve #a dan!~dan@host0.example 1700000000");
	fixture_forget(&w);
	fixture_say(&w, 0, "TOPIC #a :");
	HEARS(&w, 0, ":dan!~dan@host0.example TOPIC #a :");
	fixture_say(&w, 0, "TOPIC #a");
	HEARS(&w, 0, ":irc.example 331 dan #a :No topic is set");
	fixture_say(&w, 0, "TOPIC #none :x");
	HEARS(&w, 0, ":irc.example 403 dan #none :No such channel");
}

Test(channels, long_topics_are_cut_between_characters)
{
	w.config.topic_len_max = 4;
	fixture_gather(&w, 3, "#a");
	fixture_say(&w, 0, "TOPIC #a :ab\xc3\xa9\xc3\xa9");
	HEARS(&w, 0, ":dan!~dan@host0.example TOPIC #a :ab\xc3\xa9");
	fixture_say(&w, 0, "TOPIC #a :abc\xc3\xa9");
	HEARS(&w, 0, ":dan!~dan@host0.example TOPIC #a :abc");
}

Test(channels, a_secret_channel_is_hidden_from_non_members)
{
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 0, "MODE #a +s");
	fixture_say(&w, 0, "TOPIC #a :hidden");
	fixture_forget(&w);
	fixture_say(&w, 1, "NAMES #a");
	HEARS(&w, 1, ":irc.example 366 eve #a :End of NAMES list");
	fixture_say(&w, 1, "TOPIC #a");
	HEARS(&w, 1, ":irc.example 442 eve #a :You're not on that channel");
	fixture_say(&w, 1, "LIST");
	HEARS(&w, 1, ":irc.example 321 eve Channel :Users  Name");
	HEARS(&w, 1, ":irc.example 323 eve :End of LIST");
	fixture_say(&w, 1, "LIST #a");
	HEARS(&w, 1, ":irc.example 321 eve Channel :Users  Name");
	HEARS(&w, 1, ":irc.example 323 eve :End of LIST");
	fixture_say(&w, 1, "WHOIS dan");
	HEARS_LIKE(&w, 1, ":irc.example 311 *");
	HEARS_LIKE(&w, 1, ":irc.example 312 *");
	fixture_forget(&w);
	fixture_say(&w, 0, "NAMES #a");
	HEARS(&w, 0, ":irc.example 353 dan @ #a :@dan");
}

Test(channels, names_of_an_unknown_channel_ends_at_once)
{
	fixture_say(&w, 0, "NAMES");
	HEARS(&w, 0, ":irc.example 366 dan * :End of NAMES list");
	fixture_say(&w, 0, "NAMES #none");
	HEARS(&w, 0, ":irc.example 366 dan #none :End of NAMES list");
}

Test(channels, names_of_several_channels_have_one_end)
{
	fixture_gather(&w, 2, "#a");
	fixture_gather(&w, 1, "#b");
	fixture_gather(&w, 1, "#C");
	fixture_say(&w, 0, "NAMES #a,#none,#b");
	HEARS(&w, 0, ":irc.example 353 dan = #a :@dan eve");
	HEARS(&w, 0, ":irc.example 353 dan = #b :@dan");
	HEARS(&w, 0, ":irc.example 366 dan #a,#none,#b :End of NAMES list");
	fixture_say(&w, 0, "NAMES #none,#c,#b,#a,#d");
	HEARS(&w, 0, ":irc.example 353 dan = #C :@dan");
	HEARS(&w, 0, ":irc.example 353 dan = #b :@dan");
	HEARS(&w, 0, ":irc.example 353 dan = #a :@dan eve");
	HEARS(&w, 0, ":irc.example 366 dan #none,#c,#b,#a :End of NAMES list");
	ANSWERS(&w, 0, "NAMES ,", ":irc.example 366 dan , :End of NAMES list");
	ANSWERS(&w, 0, "NAMES :", ":irc.example 366 dan * :End of NAMES list");
	fixture_say(&w, 0, "NAMES #A");
	HEARS(&w, 0, ":irc.example 353 dan = #a :@dan eve");
	HEARS(&w, 0, ":irc.example 366 dan #a :End of NAMES list");
}

Test(channels, names_fill_as_many_lines_as_they_need)
{
	char nick[24], *line;
	unsigned i, lines = 0, names = 0;

	for (i = 3; i < FIXTURE_CLIENTS; i++) {
		snprintf(nick, sizeof nick, "n%02uabcdefghijklmnop", i);
		fixture_join(&w, i, nick, "no-implicit-names");
		fixture_say(&w, i, "JOIN #a");
	}
	fixture_forget(&w);
	fixture_say(&w, 3, "NAMES #a");
	while ((line = fixture_next(&w, 3)) && strstr(line, " 353 ")) {
		lines++;
		cr_assert(le(sz, strlen(line), 510));
		for (line = strchr(line + 1, ':'); line; line = strchr(line + 1, ' '))
			names++;
	}
	cr_assert(eq(uint, names, FIXTURE_CLIENTS - 3));
	cr_assert(ge(uint, lines, 3));
	cr_assert(ne(ptr, line = strstr(line ? line : " 366 ", " 366 "), NULL));
}

Test(channels, kick_needs_an_operator_and_a_member)
{
	fixture_gather(&w, 3, "#a");
	fixture_say(&w, 1, "KICK #a fay");
	HEARS(&w, 1, ":irc.example 482 eve #a :You're not channel operator");
	fixture_say(&w, 0, "KICK #a eve,fay :out");
	HEARS(&w, 0, ":dan!~dan@host0.example KICK #a eve :out");
	HEARS(&w, 0, ":dan!~dan@host0.example KICK #a fay :out");
	HEARS(&w, 1, ":dan!~dan@host0.example KICK #a eve :out");
	QUIET(&w, 1);
	HEARS(&w, 2, ":dan!~dan@host0.example KICK #a eve :out");
	HEARS(&w, 2, ":dan!~dan@host0.example KICK #a fay :out");
	fixture_say(&w, 0, "KICK #a eve");
	HEARS(&w, 0, ":irc.example 441 dan eve #a :They aren't on that channel");
	fixture_say(&w, 0, "KICK #a nobody");
	HEARS(&w, 0, ":irc.example 401 dan nobody :No such nick or channel");
	fixture_say(&w, 1, "KICK #a dan");
	HEARS(&w, 1, ":irc.example 442 eve #a :You're not on that channel");
	fixture_say(&w, 0, "KICK #none dan");
	HEARS(&w, 0, ":irc.example 403 dan #none :No such channel");
	fixture_say(&w, 0, "KICK #a a,b,c,d,e");
	fixture_forget(&w);
	fixture_say(&w, 0, "KICK #a dan");
	HEARS(&w, 0, ":dan!~dan@host0.example KICK #a dan :dan");
	cr_assert(eq(u64, apo_model_figures(w.model)->channels, 0));
}

Test(channels, an_invitation_is_good_for_one_join)
{
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 0, "MODE #a +i");
	fixture_forget(&w);
	fixture_say(&w, 1, "JOIN #a");
	HEARS(&w, 1, ":irc.example 473 eve #a :Cannot join channel (+i)");
	fixture_say(&w, 0, "INVITE eve #a");
	HEARS(&w, 0, ":irc.example 341 dan eve #a");
	HEARS(&w, 1, ":dan!~dan@host0.example INVITE eve #a");
	fixture_say(&w, 1, "INVITE");
	HEARS(&w, 1, ":irc.example 336 eve #a");
	HEARS(&w, 1, ":irc.example 337 eve :End of INVITE list");
	fixture_say(&w, 1, "JOIN #a");
	HEARS(&w, 1, ":eve!~eve@host1.example JOIN #a");
	fixture_say(&w, 1, "PART #a");
	fixture_forget(&w);
	fixture_say(&w, 1, "JOIN #a");
	HEARS(&w, 1, ":irc.example 473 eve #a :Cannot join channel (+i)");
	fixture_say(&w, 0, "MODE #a +I eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "JOIN #a");
	HEARS(&w, 1, ":eve!~eve@host1.example JOIN #a");
}

Test(channels, an_operators_invitation_lifts_a_ban_for_one_join)
{
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 0, "MODE #a +b eve!*@*");
	fixture_say(&w, 0, "INVITE eve #a");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #a", ":eve!~eve@host1.example JOIN #a");
	fixture_say(&w, 0, "KICK #a eve");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #a", ":irc.example 474 eve #a :Cannot join channel (+b)");
}

Test(channels, the_invitation_of_a_member_lifts_no_ban)
{
	fixture_gather(&w, 2, "#a");
	fixture_say(&w, 0, "MODE #a +b fay!*@*");
	fixture_say(&w, 1, "INVITE fay #a");
	fixture_forget(&w);
	ANSWERS(&w, 2, "JOIN #a", ":irc.example 474 fay #a :Cannot join channel (+b)");
	fixture_say(&w, 0, "INVITE fay #a");
	fixture_forget(&w);
	ANSWERS(&w, 2, "JOIN #a", ":fay!~fay@host2.example JOIN #a");
}

Test(channels, a_ban_holds_for_those_invited_before)
{
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 0, "INVITE eve #a");
	fixture_say(&w, 0, "MODE #a +b eve!*@*");
	fixture_forget(&w);
	ANSWERS(&w, 1, "JOIN #a", ":irc.example 474 eve #a :Cannot join channel (+b)");
}

Test(channels, invite_explains_its_refusals)
{
	fixture_gather(&w, 3, "#a");
	fixture_say(&w, 0, "INVITE eve");
	HEARS(&w, 0, ":irc.example 461 dan INVITE :Not enough parameters");
	fixture_say(&w, 0, "INVITE nobody #a");
	HEARS(&w, 0, ":irc.example 401 dan nobody :No such nick or channel");
	fixture_say(&w, 0, "INVITE eve #none");
	HEARS(&w, 0, ":irc.example 403 dan #none :No such channel");
	fixture_say(&w, 0, "INVITE eve #a");
	HEARS(&w, 0, ":irc.example 443 dan eve #a :is already on channel");
	fixture_say(&w, 2, "PART #a");
	fixture_forget(&w);
	fixture_say(&w, 2, "INVITE dan #a");
	HEARS(&w, 2, ":irc.example 442 fay #a :You're not on that channel");
	fixture_say(&w, 0, "MODE #a +i");
	fixture_forget(&w);
	fixture_say(&w, 1, "INVITE fay #a");
	HEARS(&w, 1, ":irc.example 482 eve #a :You're not channel operator");
}

Test(channels, invitations_end_with_the_channel_or_at_the_limit)
{
	w.config.invites_max = 2;
	fixture_say(&w, 0, "JOIN #a,#b,#c");
	fixture_say(&w, 0, "INVITE eve #a");
	fixture_say(&w, 0, "INVITE eve #b");
	fixture_say(&w, 0, "INVITE eve #c");
	fixture_forget(&w);
	fixture_say(&w, 0, "PART #b");
	fixture_forget(&w);
	fixture_say(&w, 1, "INVITE");
	HEARS(&w, 1, ":irc.example 336 eve #c");
	HEARS(&w, 1, ":irc.example 337 eve :End of INVITE list");
}

Test(channels, list_filters)
{
	fixture_say(&w, 0, "JOIN #one,#two");
	fixture_say(&w, 1, "JOIN #two");
	fixture_say(&w, 0, "TOPIC #two :here");
	fixture_wait(&w, 100 * RUDP_NS_PER_S);
	fixture_forget(&w);
#define LISTS(what, mask)                                                                          \
	do {                                                                                       \
		fixture_say(&w, 2, "LIST %s", what);                                               \
		HEARS_LIKE(&w, 2, "* 321 *");                                                      \
		if (*(mask))                                                                       \
			HEARS_LIKE(&w, 2, mask);                                                   \
		HEARS_LIKE(&w, 2, "* 323 *");                                                      \
	} while (0)
	LISTS("#one", ":irc.example 322 fay #one 1 :");
	LISTS("#none", "");
	LISTS(">1", ":irc.example 322 fay #two 2 :here");
	LISTS("<2", ":irc.example 322 fay #one 1 :");
	LISTS("#t*", ":irc.example 322 fay #two 2 :here");
	LISTS("!#t*", ":irc.example 322 fay #one 1 :");
	LISTS("T<5", ":irc.example 322 fay #two 2 :here");
	LISTS("T<1", "");
	LISTS("C<1", "");
	LISTS("C>1,<2", ":irc.example 322 fay #one 1 :");
	LISTS(">1,<2", "");
#undef LISTS
}

Test(channels, list_is_bounded_and_says_so)
{
	w.config.list_replies_max = 2;
	fixture_say(&w, 0, "JOIN #a,#b");
	fixture_forget(&w);
	fixture_say(&w, 1, "LIST");
	HEARS_LIKE(&w, 1, "* 321 *");
	HEARS_LIKE(&w, 1, "* 322 *");
	HEARS_LIKE(&w, 1, "* 322 *");
	HEARS_LIKE(&w, 1, "* 323 *");
	fixture_say(&w, 0, "JOIN #c");
	fixture_say(&w, 1, "LIST");
	HEARS_LIKE(&w, 1, "* 321 *");
	HEARS_LIKE(&w, 1, "* 322 *");
	HEARS_LIKE(&w, 1, "* 322 *");
	HEARS_LIKE(&w, 1, "* NOTICE eve :There are more channels *");
	HEARS_LIKE(&w, 1, "* 323 *");
	QUIET(&w, 1);
}

/* LIST must not end its own client, however long the topics of other users are. */
Test(channels, list_waits_for_a_slow_reader)
{
	unsigned i, told = 0, rounds = 0;
	bool is_over = false;
	size_t bytes = 0;
	char *line = NULL;

	for (i = 0; i < 1500; i++) {
		if (i % 100 == 0)
			fixture_join(&w, 10 + i / 100, (char[]){'n', (char)('a' + i / 100), 0},
				     NULL);
		fixture_say(&w, 10 + i / 100, "JOIN #chan%u", i);
		fixture_say(&w, 10 + i / 100, "TOPIC #chan%u :%0390d", i, 0);
	}
	fixture_forget(&w);
	w.mocks[0].is_slow = true;
	fixture_say(&w, 0, "LIST");
	do {
		for (bytes = 0; (line = fixture_next(&w, 0));) {
			bytes += strlen(line) + 2;
			told += strstr(line, " 322 ") != NULL;
			is_over = strstr(line, " 323 ") != NULL;
		}
		cr_assert(le(sz, bytes, 33 << 10));
		fixture_read(&w, 0);
		fixture_step_all(&w);
		rounds++;
	} while (!is_over && rounds < 100);
	cr_assert(eq(uint, told, 1500));
	cr_assert(ge(uint, rounds, 20));
	fixture_forget(&w);
	w.mocks[0].is_slow = false;
	fixture_say(&w, 0, "LIST #chan1*7*");
	HEARS_LIKE(&w, 0, "* 321 *");
	HEARS_LIKE(&w, 0, "* 322 dan #chan1*");
}

Test(channels, capabilities_change_what_members_see)
{
	fixture_join(&w, 3, "gil",
		     "extended-join multi-prefix userhost-in-names away-notify "
		     "invite-notify server-time account-tag");
	fixture_say(&w, 3, "JOIN #a");
	fixture_say(&w, 3, "MODE #a +v gil");
	fixture_forget(&w);
	fixture_say(&w, 0, "AWAY :lunch");
	fixture_forget(&w);
	fixture_say(&w, 0, "JOIN #a");
	HEARS(&w, 3, "@time=2023-11-14T22:13:20.000Z :dan!~dan@host0.example JOIN #a * :Real dan");
	HEARS(&w, 3, "@time=2023-11-14T22:13:20.000Z :dan!~dan@host0.example AWAY :lunch");
	HEARS(&w, 0, ":dan!~dan@host0.example JOIN #a");
	HEARS(&w, 0, ":irc.example 353 dan = #a :@gil dan");
	fixture_say(&w, 3, "NAMES #a");
	HEARS(&w, 3,
	      "@time=2023-11-14T22:13:20.000Z :irc.example 353 gil = #a :@+gil!~gil@host3.example "
	      "dan!~dan@host0.example");
	fixture_forget(&w);
	fixture_say(&w, 0, "INVITE fay #a");
	HEARS(&w, 3, "@time=2023-11-14T22:13:20.000Z :dan!~dan@host0.example INVITE fay #a");
	fixture_say(&w, 3, "CAP REQ :-server-time");
	fixture_forget(&w);
	fixture_say(&w, 0, "AWAY");
	HEARS(&w, 0, ":irc.example 305 dan :You are no longer marked as being away");
	HEARS(&w, 3, ":dan!~dan@host0.example AWAY");
}

Test(channels, one_text_for_each_set_of_tags_and_worker)
{
	unsigned i, before;
	uint64_t texts;

	for (i = 3; i < 33; i++) {
		char nick[8];

		snprintf(nick, sizeof nick, "n%u", i);
		fixture_join(&w, i, nick, i % 2 ? "server-time" : NULL);
		fixture_say(&w, i, "JOIN #a");
	}
	fixture_forget(&w);
	before = w.deliver_calls;
	texts = apo_model_figures(w.model)->texts;
	fixture_say(&w, 3, "PRIVMSG #a :hello");
	cr_assert(eq(uint, w.deliver_calls - before, 2 * FIXTURE_WORKERS));
	cr_assert(eq(u64, apo_model_figures(w.model)->texts - texts, 2));
	HEARS_LIKE(&w, 5, "@time=* :n3!~n3@host3.example PRIVMSG #a :hello");
	HEARS(&w, 4, ":n3!~n3@host3.example PRIVMSG #a :hello");
	QUIET(&w, 3);
}
