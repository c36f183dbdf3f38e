/* SPDX-License-Identifier: MIT */
/* Bans of the server: DLINE, KLINE, XLINE and NickServ's SUSPEND. The store is a mock. */
#include <errno.h>
#include <stdio.h>

#include "conversation/irc/network.h"
#include "conversation/irc/stamp.h"
#include "conversation/model_fixture.h"

#define DAN "AGRhbgBwdw==" /* dan, pw */
#define HOUR_NS (3600 * RUDP_NS_PER_S)

static struct fixture w;
static char kept[400]; /* the last record of a ban */

static void on_record(void *of, const struct apo_registry_record *record)
{
	(void)of;
	if (record->kind != APO_REGISTRY_BAN && record->kind != APO_REGISTRY_BAN_GONE)
		return;
	snprintf(kept, sizeof kept, "%s %s %s %s %s %ld %ld",
		 record->kind == APO_REGISTRY_BAN ? "ban" : "gone", record->list, record->name,
		 record->by ? record->by : "-", record->reason ? record->reason : "-",
		 (long)record->set_at_s, (long)record->ends_at_s);
}

/* root (client 0) is an operator. */
static void begin(void)
{
	fixture_init(&w);
	kept[0] = '\0';
	w.calls.keep_record = on_record;
	fixture_add_root(&w);
	fixture_start(&w);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
	fixture_join(&w, 0, "root", NULL);
	w.mocks[0].reports_end = true;
	fixture_say(&w, 0, "OPER root h");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_forget(&w);
}

TestSuite(bans, .init = begin, .fini = fixture_fini);

#define NOTES(text) HEARS_LIKE(&w, 0, ":irc.example NOTICE root :" text)
#define SAYS(line, text)                                                                           \
	do {                                                                                       \
		fixture_say(&w, 0, "%s", line);                                                    \
		NOTES(text);                                                                       \
	} while (0)

static void come_as_dan(unsigned i, const char *nick)
{
	fixture_connect(&w, i);
	fixture_say(&w, i, "CAP REQ :sasl standard-replies");
	fixture_say(&w, i, "NICK %s", nick);
	fixture_say(&w, i, "USER dan 0 * :Dan");
	fixture_say(&w, i, "AUTHENTICATE PLAIN");
	fixture_say(&w, i, "AUTHENTICATE " DAN);
	fixture_forget(&w);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
}

static const struct apo_model_figures *figures(void)
{
	return apo_model_figures(w.model);
}

/* ---- who may, and mistakes ---- */

Test(bans, only_operators_ban)
{
	fixture_join(&w, 1, "eve", NULL);
	fixture_say(&w, 1, "DLINE 192.0.2.7");
	HEARS_LIKE(&w, 1, "* 481 eve *");
	fixture_say(&w, 1, "NS SUSPEND ADD dan");
	HEARS(&w, 1,
	      ":NickServ!services@irc.example NOTICE eve :Only operators of the server can "
	      "do that");
	fixture_say(&w, 1, "STATS k");
	HEARS_LIKE(&w, 1, "* 481 eve *");
}

Test(bans, a_mistake_is_refused_unless_forced)
{
	SAYS("DLINE 0.0.0.0/0", "That would ban too many*");
	SAYS("DLINE 10.0.0.0/7", "That would ban too many*");
	SAYS("DLINE 0::/0", "That would ban too many*");
	SAYS("KLINE *@*", "That would ban too many*");
	SAYS("KLINE *@10.0.0.0/4", "That would ban too many*");
	SAYS("KLINE ~*@?*", "That would ban too many*");
	SAYS("XLINE *", "That would ban too many*");
	SAYS("DLINE 192.0.2.0/24", "That would ban yourself*");
	SAYS("KLINE ~root@*", "That would ban yourself*");
	SAYS("XLINE real?root", "That would ban yourself*");
	SAYS("NS SUSPEND ADD nobody", "There is no such account");
	SAYS("DLINE 192.0.2", "The target must be an address*");
	SAYS("DLINE 10.0.0.0/33", "The target must be an address*");
	SAYS("KLINE nick!user@host", "The mask must be user@host, without a nick");
	SAYS("KLINE @", "The mask must be user@host");
	SAYS("DLINE 60 10.0.0.1", "A duration has a unit*");
	SAYS("DLINE FORCE", "*NOKILL*");
	SAYS("UNDLINE 10.0.0.1", "There is no such ban");
	cr_assert(eq(u64, figures()->bans, 0));
	fixture_say(&w, 0, "DLINE FORCE 192.0.2.0/24 whole office");
	HEARS(&w, 0, ":irc.example 465 root :You are banned from this server: whole office");
	NOTES("Banned until removed: address 192.0.2.0/24; clients disconnected: 1");
	cr_assert(w.mocks[0].is_closed);
	cr_assert(eq(str, w.mocks[0].last_words,
		     (char *)"ERROR :Closing Link: host0.example (Banned: whole office)"));
}

Test(bans, their_number_is_limited)
{
	w.config.network_bans_max = 1;
	SAYS("DLINE 10.0.0.1 spam", "Banned until removed: address 10.0.0.1*");
	SAYS("XLINE *spam*", "There are too many bans*");
	SAYS("DLINE 10.0.0.1 more spam", "Banned until removed: address 10.0.0.1*");
	cr_assert(eq(u64, figures()->bans, 1));
}

/* ---- addresses ---- */

Test(bans, a_banned_address_does_not_become_a_client)
{
	fixture_join(&w, 1, "eve", NULL);
	fixture_join(&w, 2, "fay", NULL);
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 0, "dline 2h 192.0.2.1 trolling");
	NOTES("Banned until 2023-11-15T00:13:20.000Z: address 192.0.2.1; clients disconnected: 1");
	cr_assert(eq(str, kept, (char *)"ban d 192.0.2.1 root trolling 1700000000 1700007200"));
	cr_assert(eq(str, w.logged,
		     (char *)"ban: address 192.0.2.1 by root until=2023-11-15T00:13:20.000Z: "
			     "trolling"));
	HEARS(&w, 2, ":eve!~eve@host1.example QUIT :Banned: trolling");
	fixture_connect(&w, 1);
	cr_assert(w.mocks[1].is_closed);
	cr_assert(eq(str, w.mocks[1].last_words,
		     (char *)"ERROR :Closing Link: host1.example (Banned: trolling)"));
	cr_assert(eq(u64, figures()->ban_refusals, 2));
	cr_assert(eq(u64, figures()->unregistered, 0));
	SAYS("UNDLINE 192.0.2.1", "No longer banned: address 192.0.2.1");
	cr_assert(eq(str, kept, (char *)"gone d 192.0.2.1 - - 1700000000 1700007200"));
	fixture_connect(&w, 1);
	cr_assert(not(w.mocks[1].is_closed));
}

Test(bans, a_ban_ends_at_its_time)
{
	SAYS("DLINE 1h 192.0.2.1", "Banned until *");
	SAYS("DLINE 2h 192.0.2.2", "Banned until *");
	fixture_wait(&w, HOUR_NS - 1);
	fixture_connect(&w, 1);
	cr_assert(w.mocks[1].is_closed);
	fixture_wait(&w, 1);
	cr_assert(eq(str, kept, (char *)"gone d 192.0.2.1 - - 1700000000 1700003600"));
	fixture_connect(&w, 1);
	cr_assert(not(w.mocks[1].is_closed));
	fixture_connect(&w, 2);
	cr_assert(w.mocks[2].is_closed);
	fixture_wait(&w, HOUR_NS);
	cr_assert(eq(u64, figures()->bans, 0));
}

/* The wall clock is set: the ends are times of the wall clock. */
Test(bans, ends_follow_the_wall_clock)
{
	SAYS("DLINE 30d 192.0.2.1", "Banned until *");
	cr_assert(le(i64, apo_model_next_at_ns(w.model), w.now_ns + 24 * HOUR_NS));
	apo_model_set_wall(w.model, INT64_C(1700000000000) + 31 * INT64_C(86400000), w.now_ns);
	fixture_wait(&w, 1);
	cr_assert(eq(u64, figures()->bans, 0));
}

Test(bans, without_kill_connected_clients_stay)
{
	fixture_join(&w, 1, "eve", NULL);
	SAYS("DLINE NOKILL 192.0.2.1", "Banned until removed: address 192.0.2.1; clients "
				       "disconnected: 0");
	ANSWERS(&w, 1, "PING x", ":irc.example PONG irc.example :x");
}

Test(bans, a_nick_stands_for_its_address)
{
	fixture_join(&w, 1, "eve", NULL);
	fixture_join(&w, 2, "fay", NULL);
	SAYS("DLINE eve", "Banned until removed: address 192.0.2.1; *");
	SAYS("KLINE fay", "Banned until removed: user@host ~fay@192.0.2.2; clients "
			  "disconnected: 1");
}

/* The owner of a network of IPv6 has all its addresses: a ban of one would have no effect. */
Test(bans, a_nick_stands_for_its_network_of_ipv6)
{
	w.mocks[1].address = "2001:db8:0:7::1";
	w.mocks[2].address = "2001:db8:0:8::1";
	fixture_join(&w, 1, "eve", NULL);
	fixture_join(&w, 2, "fay", NULL);
	SAYS("DLINE eve", "Banned until removed: address 2001:db8:0:7::/64; clients "
			  "disconnected: 1");
	SAYS("KLINE fay", "Banned until removed: user@host ~fay@2001:db8:0:8::/64; clients "
			  "disconnected: 1");
	w.mocks[1].address = "2001:db8:0:7:1:2:3:4";
	fixture_connect(&w, 1);
	cr_assert(w.mocks[1].is_closed);
}

Test(bans, an_address_that_begins_with_a_colon_is_shown_as_one_word)
{
	SAYS("DLINE 0::1 no", "Banned until removed: address ::1; *");
	ANSWERS(&w, 0, "DLINE LIST 0::1", ":irc.example 225 root D 0::1 1700000000 0 root :no");
	HEARS_LIKE(&w, 0, "* 219 *");
	SAYS("UNDLINE 0::1", "No longer banned: address ::1");
}

/* ---- user@host, real names ---- */

Test(bans, user_and_host_are_compared_at_the_welcome)
{
	SAYS("KLINE ~bad@host1.example no", "Banned *");
	SAYS("KLINE 1d ~worse@192.0.2.0/28 no", "Banned *");
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "NICK eve");
	QUIET(&w, 1);
	fixture_say(&w, 1, "USER bad 0 * :Real");
	HEARS(&w, 1, ":irc.example 465 eve :You are banned from this server: no");
	cr_assert(w.mocks[1].is_closed);
	fixture_connect(&w, 2);
	fixture_say(&w, 2, "NICK eve");
	fixture_say(&w, 2, "USER worse 0 * :Real");
	HEARS(&w, 2, ":irc.example 465 eve :You are banned from this server: no");
	fixture_join(&w, 3, "fay", NULL);
	cr_assert(not(w.mocks[3].is_closed));
	fixture_connect(&w, 17);
	fixture_say(&w, 17, "NICK eve");
	fixture_say(&w, 17, "USER worse 0 * :Real");
	HEARS_LIKE(&w, 17, "* 001 eve *");
}

Test(bans, real_names_are_compared_at_the_welcome_and_at_setname)
{
	fixture_join(&w, 1, "eve", "setname");
	SAYS("XLINE *cheap?pills* spam", "Banned until removed: real name *cheap?pills*; *");
	fixture_connect(&w, 2);
	fixture_say(&w, 2, "NICK fay");
	fixture_say(&w, 2, "USER fay 0 * :get CHEAP PILLS here");
	HEARS(&w, 2, ":irc.example 465 fay :You are banned from this server: spam");
	ANSWERS(&w, 1, "SETNAME :cheap pills",
		":irc.example FAIL SETNAME CANNOT_CHANGE_REALNAME :That name is banned from this "
		"server");
	SAYS("UNXLINE *Cheap?Pills*", "No longer banned: real name *");
	ANSWERS(&w, 1, "SETNAME :cheap pills", ":eve!~eve@host1.example SETNAME :cheap pills");
}

/* ---- accounts ---- */

Test(bans, nobody_logs_in_to_a_suspended_account)
{
	come_as_dan(1, "dan");
	fixture_say(&w, 1, "CAP END");
	SAYS("NS SUSPEND ADD 1d dan stolen",
	     "Banned until *: account dan; clients disconnected: 1");
	cr_assert(w.mocks[1].is_closed);
	come_as_dan(3, "dan");
	HEARS(&w, 3,
	      ":irc.example FAIL AUTHENTICATE ACCOUNT_SUSPENDED :The account is suspended: "
	      "stolen");
	HEARS_LIKE(&w, 3, "* 904 dan *");
	SAYS("NS SUSPEND LIST", "dan is suspended by root until *: stolen");
	SAYS("NS SUSPEND DEL Dan", "No longer banned: account *");
	come_as_dan(5, "dan_");
	HEARS_LIKE(&w, 5, "* 900 *");
}

/* ---- lists ---- */

Test(bans, the_bans_of_a_kind_are_listed)
{
	SAYS("DLINE 10.0.0.0/8 private", "Banned *");
	SAYS("DLINE 1h 2001:DB8:0::/32", "Banned *");
	SAYS("KLINE bad.example", "Banned until removed: user@host *@bad.example; *");
	ANSWERS(&w, 0, "STATS d", ":irc.example 225 root D 10.0.0.0/8 1700000000 0 root :private");
	HEARS(&w, 0,
	      ":irc.example 225 root D 2001:db8::/32 1700000000 1700003600 root :no reason given");
	HEARS_LIKE(&w, 0, "* 219 root d *");
	ANSWERS(&w, 0, "KLINE LIST",
		":irc.example 216 root K *@bad.example 1700000000 0 root :no reason given");
	HEARS_LIKE(&w, 0, "* 219 root k *");
	fixture_say(&w, 0, "DLINE LIST 10.1.2.3");
	HEARS_LIKE(&w, 0, "* 225 root D 10.0.0.0/8 *");
	HEARS_LIKE(&w, 0, "* 219 root d *");
	fixture_say(&w, 0, "DLINE LIST *db8*");
	HEARS_LIKE(&w, 0, "* 225 root D 2001:db8::/32 *");
	HEARS_LIKE(&w, 0, "* 219 root d *");
}

/* ---- many, the store, a hand-over ---- */

Test(bans, many_networks_of_many_sizes)
{
	char line[100];
	unsigned i;

	for (i = 0; i < 2000; i++) {
		snprintf(line, sizeof line, "DLINE 10.%u.%u.0/%u", i / 256, i % 256, 24 + i % 9);
		fixture_say(&w, 0, "%s", line);
	}
	fixture_forget(&w);
	cr_assert(eq(u64, figures()->bans, 2000));
	fixture_hand_over(&w);
	cr_assert(apo_model_check(w.model));
	for (i = 0; i < 2000; i++) {
		snprintf(line, sizeof line, "UNDLINE 10.%u.%u.0/%u", i / 256, i % 256, 24 + i % 9);
		fixture_say(&w, 0, "%s", line);
		HEARS_LIKE(&w, 0, "*No longer banned*");
	}
}

Test(bans, a_hand_over_keeps_bans_and_writes_nothing)
{
	SAYS("DLINE 1h 192.0.2.1 a", "Banned *");
	SAYS("KLINE ~bad@192.0.2.0/24 b", "Banned *");
	SAYS("XLINE spam c", "Banned *");
	SAYS("NS SUSPEND ADD dan d", "Banned *");
	kept[0] = '\0';
	fixture_hand_over(&w);
	cr_assert(eq(str, kept, (char *)""));
	cr_assert(eq(u64, figures()->bans, 4));
	fixture_connect(&w, 1);
	cr_assert(w.mocks[1].is_closed);
	fixture_wait(&w, HOUR_NS);
	cr_assert(eq(str, kept, (char *)"gone d 192.0.2.1 - - 1700000000 1700003600"));
}

static int reads(const char *list, const char *name, const char *why, int64_t ends_at_s)
{
	return apo_model_on_record(w.model, &(struct apo_registry_record){.kind = APO_REGISTRY_BAN,
									  .list = list,
									  .name = name,
									  .by = "root",
									  .reason = why,
									  .set_at_s = 1,
									  .ends_at_s = ends_at_s});
}

Test(bans, records_of_the_store)
{
	cr_assert(eq(int, reads("d", "192.0.2.1", "x", 0), 0));
	cr_assert(eq(int, reads("a", "dan", "x", 5), 0));
	cr_assert(eq(int, reads("d", "192.0.2.1/24", "x", 0), -EINVAL), "not the shortest form");
	cr_assert(eq(int, reads("q", "192.0.2.1", "x", 0), -EINVAL));
	cr_assert(eq(int, reads("", "192.0.2.1", "x", 0), -EINVAL));
	cr_assert(eq(int, reads("k", "host", "x", 0), -EINVAL));
	cr_assert(eq(int, reads("x", NULL, "x", 0), -EINVAL));
	cr_assert(eq(int, reads("x", "a", "x", -1), -EINVAL));
	cr_assert(eq(u64, figures()->bans, 2));
	fixture_wait(&w, 1);
	cr_assert(eq(u64, figures()->bans, 1), "the other one was over long ago");
	cr_assert(eq(str, kept, (char *)"gone a dan - - 1 5"));
}

/* ---- networks and durations ---- */

static void is_network(const char *text, const char *written)
{
	struct apo_network network;
	char to[APO_NETWORK_TEXT_SIZE];

	cr_assert(apo_network_read(&network, text), "%s", text);
	apo_network_write(to, &network);
	cr_assert(eq(str, to, (char *)written));
}

Test(network, only_addresses_with_valid_lengths_are_read)
{
	static const char *const wrong[] = {
		"",           "x",          "1.2.3",      "1.2.3.4/",     "1.2.3.4/33",
		"1.2.3.4/-1", "1.2.3.4/8x", "::1/129",    "1.2.3.4/0008", "/8",
		"1.2.3.4/+8", "1.2.3.4//8", "::ffff/1/1", "1.2.3.4.5/8",  "fe80::1%x/",
		"1.2.3.4/8 ",
	};
	struct apo_network network;
	size_t i;

	is_network("10.1.2.3/8", "10.0.0.0/8");
	is_network("10.1.2.3/32", "10.1.2.3");
	is_network("10.1.2.255/27", "10.1.2.224/27");
	is_network("0.0.0.0/0", "0.0.0.0/0");
	is_network("2001:DB8::1/33", "2001:db8::/33");
	is_network("::/0", "::/0");
	is_network("::ffff:10.0.0.1", "10.0.0.1");
	is_network("fe80::1%eth0", "fe80::1");
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert(not(apo_network_read(&network, wrong[i])), "%s", wrong[i]);
}

Test(network, a_network_contains_itself_and_narrower_ones)
{
	struct apo_network wide, narrow, other;

	cr_assert(apo_network_read(&wide, "10.0.0.0/9"));
	cr_assert(apo_network_read(&narrow, "10.127.0.0/16"));
	cr_assert(apo_network_read(&other, "10.128.0.1"));
	cr_assert(apo_network_contains(&wide, &narrow));
	cr_assert(not(apo_network_contains(&narrow, &wide)));
	cr_assert(not(apo_network_contains(&wide, &other)));
	cr_assert(apo_network_contains(&wide, &wide));
}

Test(duration, only_numbers_with_units_are_read)
{
	static const char *const wrong[] = {"",    "1",    "m",     "1x",  "1d1",
					    "-1s", "0s",   "101y",  " 1s", "99999999999999999999s",
					    "1s ", "1.5h", "1d 1h", "+1s"};
	int64_t seconds = 0;
	size_t i;

	cr_assert(apo_duration_read("90s", &seconds) && seconds == 90);
	cr_assert(apo_duration_read("1d12h", &seconds) && seconds == 129600);
	cr_assert(apo_duration_read("2w30m", &seconds) && seconds == 1211400);
	cr_assert(apo_duration_read("100y", &seconds) && seconds == INT64_C(3153600000));
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert(not(apo_duration_read(wrong[i], &seconds)), "%s", wrong[i]);
}
