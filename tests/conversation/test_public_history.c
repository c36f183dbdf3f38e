/* SPDX-License-Identifier: MIT */
/* Channel mode H: members read what was said before they joined. The store is a mock (told.h). */
#include <stdio.h>
#include <string.h>

#include "conversation/told.h"

static struct fixture w;
static struct apo_registry_record record; /* the last one of a channel */
static char record_modes[16];

static void on_record(void *of, const struct apo_registry_record *one)
{
	(void)of;
	if (one->kind != APO_REGISTRY_CHANNEL)
		return;
	record = *one;
	snprintf(record_modes, sizeof record_modes, "%s", one->modes);
}

/* dan (1, with an account) has created #a, eve (0, without) is in it. Both ask for history. */
static void begin(void)
{
	told_init(&w);
	w.calls.keep_record = on_record;
	fixture_start(&w);
	told_log_in(&w, 1, "dan", "draft/channel-rename");
	fixture_join(&w, 0, "eve", "draft/chathistory");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 0, "JOIN #a");
	fixture_forget(&w);
	told_at = told_count;
	memset(&record, 0, sizeof record);
}

TestSuite(public_history, .init = begin, .fini = fixture_fini);

/* eve asks; public_from: what the question says of public history. */
static void asks_about(const char *channel, int64_t public_from)
{
	char expected[64];

	told_at = told_count;
	fixture_say(&w, 0, "CHATHISTORY LATEST %s * 10", channel);
	cr_assert(lt(uint, told_at, told_count));
	told_at++;
	snprintf(expected, sizeof expected, "public from %d", (int)public_from);
	if (public_from)
		TOLD(expected);
	TOLD_NOTHING();
	apo_model_on_history(w.model, told_ticket, APO_ASKED_NO_TARGET, NULL, w.now_ns);
	fixture_forget(&w);
}

static void asks(int64_t public_from)
{
	asks_about("#a", public_from);
}

Test(public_history, it_begins_when_an_operator_says_so)
{
	asks(0);
	ANSWERS(&w, 0, "MODE #a +H", ":irc.example 482 eve #a :You're not channel operator");
	asks(0);
	told_talk(&w);
	fixture_forget(&w);
	fixture_say(&w, 1, "MODE #a +H");
	HEARS(&w, 1, ":dan!~dan@host1.example MODE #a +H");
	HEARS(&w, 0, ":dan!~dan@host1.example MODE #a +H");
	asks(4); /* 1, 2: the members have joined; 3: what eve said */
	told_talk(&w);
	asks(4);
	fixture_say(&w, 1, "MODE #a +H");
	asks(4);
	ANSWERS(&w, 0, "MODE #a", ":irc.example 324 eve #a +Hnt");
}

Test(public_history, what_was_public_is_not_after_the_mode_was_removed)
{
	fixture_say(&w, 1, "MODE #a +H");
	told_talk(&w);
	fixture_say(&w, 1, "MODE #a -H");
	asks(0);
	fixture_say(&w, 1, "MODE #a +H");
	asks(4);
}

Test(public_history, only_members_read_it)
{
	fixture_say(&w, 1, "MODE #a +H");
	fixture_say(&w, 0, "PART #a");
	fixture_forget(&w);
	fixture_say(&w, 0, "CHATHISTORY LATEST #a * 10");
	HEARS_LIKE(&w, 0, "*FAIL CHATHISTORY INVALID_TARGET LATEST #a *");
	fixture_say(&w, 0, "JOIN #a");
	asks(3);
}

Test(public_history, another_channel_of_that_name_has_none)
{
	fixture_say(&w, 1, "MODE #a +H");
	fixture_say(&w, 1, "PART #a");
	fixture_say(&w, 0, "PART #a");
	fixture_say(&w, 0, "JOIN #a");
	asks(0);
}

Test(public_history, under_another_name_it_begins_anew)
{
	fixture_say(&w, 1, "MODE #a +H");
	told_talk(&w);
	fixture_say(&w, 1, "RENAME #a #b");
	asks_about("#b", 4);
}

Test(public_history, a_registered_channel_keeps_it)
{
	struct apo_registry_record read;

	fixture_say(&w, 1, "MODE #a +H");
	cr_assert(eq(ptr, (void *)record.channel, NULL));
	fixture_say(&w, 1, "CS REGISTER #a");
	cr_assert(eq(i64, record.public_from, 3));
	cr_assert(eq(str, record_modes, "Hnt"));
	fixture_say(&w, 1, "MODE #a -H");
	cr_assert(eq(i64, record.public_from, 0));
	fixture_say(&w, 1, "PART #a");
	fixture_say(&w, 0, "PART #a");
	read = (struct apo_registry_record){.kind = APO_REGISTRY_CHANNEL,
					    .channel = "#b",
					    .name = "#b",
					    .by = "dan",
					    .modes = "H",
					    .public_from = 2};
	cr_assert(eq(int, apo_model_on_record(w.model, &read), 0));
	fixture_say(&w, 0, "JOIN #b");
	asks_about("#b", 2);
}

/* The position from which the history is public would be unknown. */
Test(public_history, a_record_of_the_mode_without_a_position_is_not_believed)
{
	struct apo_registry_record read = {.kind = APO_REGISTRY_CHANNEL,
					   .channel = "#b",
					   .name = "#b",
					   .by = "dan",
					   .modes = "Hn"};

	cr_assert(eq(int, apo_model_on_record(w.model, &read), 0));
	fixture_say(&w, 0, "JOIN #b");
	fixture_forget(&w);
	ANSWERS(&w, 0, "MODE #b", ":irc.example 324 eve #b +n");
}

Test(public_history, another_process_goes_on_with_it)
{
	fixture_say(&w, 1, "MODE #a +H");
	told_talk(&w);
	fixture_hand_over(&w);
	asks(3);
	ANSWERS(&w, 0, "MODE #a", ":irc.example 324 eve #a +Hnt");
}

Test(public_history, without_history_the_mode_is_unknown)
{
	fixture_say(&w, 1, "MODE #a +H");
	w.config.has_history = false;
	fixture_forget(&w);
	ANSWERS(&w, 1, "MODE #a +H", ":irc.example 472 dan H :is unknown mode char to me");
	ANSWERS(&w, 0, "MODE #a", ":irc.example 324 eve #a +nt");
	w.config.has_history = true;
	asks(3);
}

Test(public_history, the_server_says_whether_it_has_the_mode)
{
	fixture_connect(&w, 2);
	fixture_say(&w, 2, "NICK fay");
	fixture_say(&w, 2, "USER fay 0 * :fay");
	HEARS_LIKE(&w, 2, ":irc.example 001 *");
	HEARS_LIKE(&w, 2, ":irc.example 002 *");
	HEARS_LIKE(&w, 2, ":irc.example 003 *");
	HEARS_LIKE(&w, 2, ":irc.example 004 * CHIMbeiklmnoqstv *");
	HEARS_LIKE(&w, 2, ":irc.example 005 * CHANMODES=Ibeq,k,l,CHMimnst *");
}
