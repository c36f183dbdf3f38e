/* SPDX-License-Identifier: MIT */
/* METADATA (IRCv3 draft/metadata-2). */
#include <string.h>

#include "conversation/model_fixture.h"

#define CAPS "draft/metadata-2 batch"
#define FROM ":irc.example "

static struct fixture w;

/* dan (0) is operator of #a, eve (1) is in it, fay (2) is not. */
static void begin(void)
{
	fixture_init(&w);
	fixture_add_root(&w);
	fixture_start(&w);
	fixture_join(&w, 0, "dan", CAPS);
	fixture_join(&w, 1, "eve", CAPS);
	fixture_join(&w, 2, "fay", CAPS);
	fixture_gather(&w, 2, "#a");
}

TestSuite(metadata, .init = begin, .fini = fixture_fini);

Test(metadata, a_value_is_set_and_asked_for)
{
	ANSWERS(&w, 0, "METADATA * SET display-name :Dan the first",
		FROM "761 dan dan display-name * :Dan the first");
	QUIET(&w, 1);
	ANSWERS(&w, 2, "METADATA dan GET avatar display-name $", FROM "BATCH +4 metadata dan");
	HEARS(&w, 2, "@batch=4 " FROM "766 fay dan avatar :Key is not set");
	HEARS(&w, 2, "@batch=4 " FROM "761 fay dan display-name * :Dan the first");
	HEARS(&w, 2, "@batch=4 " FROM "FAIL METADATA KEY_INVALID $ :This is no valid key");
	HEARS(&w, 2, FROM "BATCH -4");
	ANSWERS(&w, 0, "METADATA dan SET display-name",
		FROM "766 dan dan display-name :Key is not set");
	ANSWERS(&w, 0, "METADATA * LIST", FROM "BATCH +5 metadata dan");
	HEARS(&w, 0, FROM "BATCH -5");
	QUIET(&w, 0);
}

Test(metadata, subscribers_in_common_channels_are_told)
{
	ANSWERS(&w, 1, "METADATA * SUB avatar color", FROM "770 eve avatar color");
	QUIET(&w, 1);
	ANSWERS(&w, 2, "METADATA * SUB color", FROM "770 fay color");
	fixture_say(&w, 0, "METADATA * SET color :blue");
	HEARS(&w, 1, ":dan!~dan@host0.example METADATA dan color * :blue");
	QUIET(&w, 2);
	fixture_say(&w, 0, "METADATA * SET url :x");
	QUIET(&w, 1);
	fixture_say(&w, 0, "METADATA #a SET color :red");
	HEARS(&w, 1, ":dan!~dan@host0.example METADATA #a color * :red");
	fixture_say(&w, 0, "METADATA * SET color");
	HEARS(&w, 1, ":dan!~dan@host0.example METADATA dan color *");
	ANSWERS(&w, 1, "METADATA * UNSUB color", FROM "771 eve color");
	fixture_say(&w, 0, "METADATA * SET color :green");
	QUIET(&w, 1);
	ANSWERS(&w, 1, "METADATA * SUBS", FROM "BATCH +4 metadata-subs");
	HEARS(&w, 1, "@batch=4 " FROM "772 eve avatar");
	HEARS(&w, 1, FROM "BATCH -4");
}

Test(metadata, a_subscriber_is_told_where_values_are)
{
	fixture_say(&w, 0, "JOIN #b,#c");
	fixture_say(&w, 1, "JOIN #b,#c");
	fixture_say(&w, 0, "METADATA #b SET color :red");
	fixture_say(&w, 1, "METADATA * SET color :blue");
	fixture_forget(&w);
	ANSWERS(&w, 1, "METADATA * SUB url color", FROM "770 eve url color");
	HEARS(&w, 1, FROM "774 eve #b");
	QUIET(&w, 1);
	fixture_say(&w, 0, "METADATA * SET url :x");
	fixture_forget(&w);
	fixture_say(&w, 1, "METADATA * SUB size");
	HEARS(&w, 1, FROM "770 eve size");
	HEARS(&w, 1, FROM "774 eve #a");
	HEARS(&w, 1, FROM "774 eve #b");
	HEARS(&w, 1, FROM "774 eve #c");
	QUIET(&w, 1);
}

Test(metadata, whois_shows_what_people_read)
{
	fixture_say(&w, 0, "METADATA * SET color :blue");
	fixture_say(&w, 0, "METADATA * SET status :out");
	fixture_say(&w, 0, "METADATA * SET display-name :Dan I");
	fixture_say(&w, 2, "CAP REQ -draft/metadata-2");
	fixture_forget(&w);
	fixture_say(&w, 1, "WHOIS dan");
	HEARS_LIKE(&w, 1, FROM "311 eve dan *");
	HEARS_LIKE(&w, 1, FROM "319 eve dan *");
	HEARS_LIKE(&w, 1, FROM "312 eve dan *");
	HEARS(&w, 1, FROM "760 eve dan display-name * :Dan I");
	HEARS(&w, 1, FROM "760 eve dan status * :out");
	HEARS_LIKE(&w, 1, FROM "317 eve dan *");
	fixture_forget(&w);
	fixture_say(&w, 2, "WHOIS dan");
	HEARS_LIKE(&w, 2, FROM "311 fay dan *");
	HEARS_LIKE(&w, 2, FROM "319 fay dan *");
	HEARS_LIKE(&w, 2, FROM "312 fay dan *");
	HEARS_LIKE(&w, 2, FROM "317 fay dan *");
}

Test(metadata, whoever_joins_is_told_and_tells)
{
	fixture_say(&w, 0, "METADATA * SET color :blue");
	fixture_say(&w, 0, "METADATA #a SET color :red");
	fixture_say(&w, 1, "METADATA * SUB color");
	fixture_say(&w, 2, "METADATA * SET color :gray");
	fixture_say(&w, 2, "METADATA * SUB color");
	fixture_forget(&w);
	fixture_say(&w, 2, "JOIN #a");
	HEARS(&w, 1, ":fay!~fay@host2.example JOIN #a");
	HEARS(&w, 1, ":fay!~fay@host2.example METADATA fay color * :gray");
	HEARS_LIKE(&w, 2, "* JOIN #a");
	HEARS_LIKE(&w, 2, "* 353 *");
	HEARS_LIKE(&w, 2, "* 366 *");
	HEARS(&w, 2, FROM "METADATA #a color * :red");
	HEARS(&w, 2, FROM "METADATA dan color * :blue");
	QUIET(&w, 2);
	ANSWERS(&w, 2, "METADATA #a SYNC", FROM "BATCH +4 metadata #a");
	HEARS(&w, 2, "@batch=4 " FROM "METADATA #a color * :red");
	HEARS(&w, 2, "@batch=4 " FROM "METADATA dan color * :blue");
	HEARS(&w, 2, FROM "BATCH -4");
}

Test(metadata, only_owners_and_operators_change)
{
	ANSWERS(&w, 1, "METADATA dan SET color :x",
		FROM "FAIL METADATA KEY_NO_PERMISSION dan color :You may not change this");
	ANSWERS(&w, 1, "METADATA #a SET color :x",
		FROM "FAIL METADATA KEY_NO_PERMISSION #a color :You may not change this");
	ANSWERS(&w, 1, "METADATA dan CLEAR",
		FROM "FAIL METADATA KEY_NO_PERMISSION dan * :You may not change this");
	fixture_say(&w, 0, "METADATA * SET color :blue");
	fixture_say(&w, 1, "OPER root x");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_forget(&w);
	ANSWERS(&w, 1, "METADATA dan CLEAR", FROM "BATCH +4 metadata dan");
	HEARS(&w, 1, "@batch=4 " FROM "766 eve dan color :Key is not set");
	HEARS(&w, 1, FROM "BATCH -4");
	ANSWERS(&w, 0, "METADATA * SET color",
		FROM "FAIL METADATA KEY_NOT_SET dan color :The key is not set");
}

Test(metadata, wrong_requests_are_refused)
{
	char value[300];

	memset(value, 'x', 257);
	value[257] = '\0';
	ANSWERS(&w, 0, "METADATA nobody LIST",
		FROM "FAIL METADATA INVALID_TARGET nobody :There is no such user or channel");
	ANSWERS(&w, 0, "METADATA * FOO",
		FROM "FAIL METADATA SUBCOMMAND_INVALID FOO :There is no such subcommand");
	ANSWERS(&w, 0, "METADATA * SET", FROM "461 dan METADATA :Not enough parameters");
	ANSWERS(&w, 0, "METADATA * SET a$ :x",
		FROM "FAIL METADATA KEY_INVALID a$ :This is no valid key");
	ANSWERS(&w, 0, "METADATA * SET Color :x",
		FROM "FAIL METADATA KEY_INVALID Color :This is no valid key");
	fixture_say(&w, 0, "METADATA * SET color :%s", value);
	HEARS(&w, 0, FROM "FAIL METADATA VALUE_INVALID :The value is too long");
	fixture_say(&w, 0, "METADATA * SET color :%s", value + 1);
	HEARS_LIKE(&w, 0, FROM "761 dan dan color * :*x");
	fixture_say(&w, 0, "CAP REQ -draft/metadata-2");
	fixture_forget(&w);
	ANSWERS(&w, 0, "METADATA * LIST", FROM "421 dan METADATA :Unknown command");
}

Test(metadata, keys_and_subscriptions_are_limited)
{
	unsigned i;

	for (i = 0; i < 16; i++)
		fixture_say(&w, 0, "METADATA * SET k%u :x", i);
	for (i = 0; i < 50; i++)
		fixture_say(&w, 1, "METADATA * SUB k%u", i);
	fixture_forget(&w);
	ANSWERS(&w, 0, "METADATA * SET more :x",
		FROM "FAIL METADATA LIMIT_REACHED dan :There are too many keys");
	ANSWERS(&w, 0, "METADATA * SET k3 :y", FROM "761 dan dan k3 * :y");
	fixture_forget(&w);
	ANSWERS(&w, 1, "METADATA * SUB k1 more k2",
		FROM "FAIL METADATA TOO_MANY_SUBS more :There are too many subscriptions");
	HEARS(&w, 1, FROM "770 eve k1");
}

Test(metadata, a_hand_over_keeps_it)
{
	fixture_say(&w, 0, "METADATA * SET color :blue");
	fixture_say(&w, 0, "METADATA #a SET url :http://irc.example/");
	fixture_say(&w, 1, "METADATA * SUB color");
	fixture_hand_over(&w);
	fixture_forget(&w);
	ANSWERS(&w, 0, "METADATA #a GET url", FROM "BATCH +4 metadata #a");
	HEARS(&w, 0, "@batch=4 " FROM "761 dan #a url * :http://irc.example/");
	fixture_forget(&w);
	fixture_say(&w, 0, "METADATA * SET color :red");
	HEARS(&w, 1, ":dan!~dan@host0.example METADATA dan color * :red");
}

Test(metadata, those_who_get_the_capability_get_a_batch)
{
	fixture_join(&w, 3, "gus", "batch");
	ANSWERS(&w, 3, "CAP REQ draft/metadata-2", FROM "CAP gus ACK :draft/metadata-2");
	HEARS(&w, 3, FROM "BATCH +4 metadata gus");
	HEARS(&w, 3, FROM "BATCH -4");
}

Test(metadata, an_empty_value_is_a_value)
{
	fixture_say(&w, 1, "METADATA * SUB color");
	ANSWERS(&w, 0, "METADATA * SET color :", FROM "761 dan dan color * :");
	fixture_forget(&w);
	fixture_hand_over(&w);
	ANSWERS(&w, 0, "METADATA * GET color", FROM "BATCH +4 metadata dan");
	HEARS(&w, 0, "@batch=4 " FROM "761 dan dan color * :");
}

Test(metadata, what_changes_nothing_is_not_told)
{
	fixture_say(&w, 1, "METADATA * SUB color");
	fixture_say(&w, 0, "METADATA * SET color :blue");
	fixture_forget(&w);
	ANSWERS(&w, 0, "METADATA * SET color :blue", FROM "761 dan dan color * :blue");
	QUIET(&w, 1);
}

Test(metadata, those_who_monitor_a_user_are_told)
{
	fixture_say(&w, 1, "METADATA * SUB color");
	fixture_say(&w, 2, "METADATA * SUB color");
	fixture_say(&w, 1, "MONITOR + dan");
	fixture_say(&w, 2, "MONITOR + dan");
	fixture_forget(&w);
	fixture_say(&w, 0, "METADATA * SET color :blue");
	HEARS(&w, 2, ":dan!~dan@host0.example METADATA dan color * :blue");
	QUIET(&w, 2);
	HEARS(&w, 1, ":dan!~dan@host0.example METADATA dan color * :blue");
	QUIET(&w, 1);
	fixture_say(&w, 0, "METADATA * SET url :x");
	QUIET(&w, 2);
}
