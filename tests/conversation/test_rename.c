/* SPDX-License-Identifier: MIT */
/* RENAME (IRCv3 draft/channel-rename). The store is a mock (told.h). */
#include <stdio.h>
#include <string.h>

#include "conversation/told.h"

static struct fixture w;
static char kept[1024]; /* kind, channel, list and name of each record */

static void on_record(void *of, const struct apo_registry_record *record)
{
	size_t len = strlen(kept);

	(void)of;
	if (record->kind <= APO_REGISTRY_ENTRY_GONE)
		snprintf(kept + len, sizeof kept - len, "%d %s %s %s, ", (int)record->kind,
			 record->channel, record->list ? record->list : "-",
			 record->name ? record->name : "-");
}

/* dan (1, with an account) created #Room; eve (0) knows RENAME, fay (2) does not. */
static void begin(void)
{
	told_init(&w);
	w.calls.keep_record = on_record;
	fixture_start(&w);
	fixture_join(&w, 0, "eve", "draft/channel-rename");
	told_log_in(&w, 1, "dan", "draft/channel-rename labeled-response batch");
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 1, "JOIN #Room");
	fixture_say(&w, 0, "JOIN #Room");
	fixture_say(&w, 2, "JOIN #Room");
	fixture_forget(&w);
	told_at = told_count;
	kept[0] = '\0';
}

TestSuite(rename, .init = begin, .fini = fixture_fini);

Test(rename, members_with_the_capability_see_one_line)
{
	ANSWERS(&w, 1, "@label=7 RENAME #room #Hall :more space",
		"@label=7 :dan!~dan@host1.example RENAME #Room #Hall :more space");
	HEARS(&w, 0, ":dan!~dan@host1.example RENAME #Room #Hall :more space");
	QUIET(&w, 0);
	ANSWERS(&w, 0, "PRIVMSG #room :x", ":irc.example 403 eve #room :No such channel");
	fixture_say(&w, 0, "PRIVMSG #hall :x");
	HEARS(&w, 1, ":eve!~eve@host0.example PRIVMSG #Hall :x");
}

Test(rename, other_members_see_part_and_join)
{
	fixture_say(&w, 1, "TOPIC #room :about this");
	fixture_forget(&w);
	fixture_say(&w, 1, "RENAME #room #Hall");
	HEARS(&w, 1, ":dan!~dan@host1.example RENAME #Room #Hall :");
	HEARS(&w, 2, ":fay!~fay@host2.example PART #Room");
	HEARS(&w, 2, ":fay!~fay@host2.example JOIN #Hall");
	HEARS(&w, 2, ":irc.example 332 fay #Hall :about this");
	HEARS_LIKE(&w, 2, ":irc.example 333 fay #Hall dan!*");
	HEARS(&w, 2, ":irc.example 353 fay = #Hall :@dan eve fay");
	HEARS(&w, 2, ":irc.example 366 fay #Hall :End of NAMES list");
	QUIET(&w, 2);
}

Test(rename, everything_else_of_the_channel_stays)
{
	fixture_say(&w, 1, "MODE #room +kb key mask");
	fixture_say(&w, 1, "RENAME #room #Hall");
	fixture_forget(&w);
	ANSWERS(&w, 1, "MODE #hall", ":irc.example 324 dan #Hall +ntk key");
	HEARS_LIKE(&w, 1, "* 329 *");
	ANSWERS(&w, 0, "MODE #hall b",
		":irc.example 367 eve #Hall mask!*@* dan!~dan@host1.example 1700000000");
	HEARS_LIKE(&w, 0, "* 368 *");
	ANSWERS(&w, 0, "JOIN #room", ":eve!~eve@host0.example JOIN #room");
}

Test(rename, spelling_alone_can_change)
{
	ANSWERS(&w, 1, "RENAME #room #ROOM", ":dan!~dan@host1.example RENAME #Room #ROOM :");
	HEARS(&w, 0, ":dan!~dan@host1.example RENAME #Room #ROOM :");
	QUIET(&w, 2);
	fixture_say(&w, 1, "RENAME #room #ROOM");
	QUIET(&w, 1);
	TOLD_NOTHING();
}

Test(rename, a_refusal_says_why)
{
	fixture_say(&w, 2, "JOIN #taken");
	fixture_forget(&w);
	ANSWERS(&w, 1, "RENAME #none #a", ":irc.example 403 dan #none :No such channel");
	ANSWERS(&w, 1, "RENAME #taken #a",
		":irc.example 442 dan #taken :You're not on that channel");
	ANSWERS(&w, 0, "RENAME #room #a",
		":irc.example 482 eve #Room :You're not channel operator");
	ANSWERS(&w, 1, "RENAME #room", ":irc.example 461 dan RENAME :Not enough parameters");
	ANSWERS(&w, 1, "RENAME #room #Taken",
		":irc.example FAIL RENAME CHANNEL_NAME_IN_USE #Room #Taken "
		":The channel name is already taken");
	ANSWERS(&w, 1, "RENAME #room room",
		":irc.example FAIL RENAME CANNOT_RENAME #Room room :This is no name of a channel");
	ANSWERS(&w, 1, "RENAME #room :# a",
		":irc.example FAIL RENAME CANNOT_RENAME #Room * :This is no name of a channel");
}

Test(rename, a_channel_is_renamed_once_a_minute)
{
	fixture_say(&w, 1, "RENAME #room #a");
	fixture_forget(&w);
	ANSWERS(&w, 1, "RENAME #a #b",
		":irc.example FAIL RENAME CANNOT_RENAME #a #b "
		":This channel has been renamed recently");
	fixture_hand_over(&w);
	fixture_forget(&w);
	ANSWERS(&w, 1, "RENAME #a #b",
		":irc.example FAIL RENAME CANNOT_RENAME #a #b "
		":This channel has been renamed recently");
	fixture_wait(&w, 60 * RUDP_NS_PER_S);
	fixture_forget(&w);
	ANSWERS(&w, 1, "RENAME #a #b", ":dan!~dan@host1.example RENAME #a #b :");
}

Test(rename, history_belongs_to_the_name)
{
	fixture_say(&w, 1, "RENAME #room #Hall");
	TOLD("1 until 3");
	TOLD("4 dan in #hall from 4");
	TOLD_NOTHING();
	fixture_say(&w, 1, "RENAME #hall #HALL");
	TOLD_NOTHING();
}

Test(rename, a_registration_goes_with_the_channel)
{
	cr_assert(eq(int, apo_model_on_account(w.model, "ann", 0, w.now_ns), 0));
	fixture_say(&w, 1, "CS REGISTER #room");
	fixture_say(&w, 1, "CS AOP #room ADD ann");
	fixture_say(&w, 1, "MODE #room +b x");
	kept[0] = '\0';
	fixture_say(&w, 1, "RENAME #room #Hall");
	cr_assert(eq(str, kept,
		     (char *)"0 #hall - #Hall, 2 #hall b x!*@*, 2 #hall o ann, 1 #room - -, "));
	fixture_forget(&w);
	fixture_say(&w, 1, "MODE #hall +o eve");
	fixture_forget(&w);
	fixture_wait(&w, 60 * RUDP_NS_PER_S);
	fixture_forget(&w);
	ANSWERS(&w, 0, "RENAME #hall #room",
		":irc.example FAIL RENAME CANNOT_RENAME #Hall #room "
		":Only its founder may rename a registered channel");
}
