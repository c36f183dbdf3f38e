/* SPDX-License-Identifier: MIT */
/* ChanServ: registered channels. The store is a mock that remembers what it was told. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conversation/model_fixture.h"

#define DAN "AGRhbgBwdw==" /* dan, pw */
#define DAY_NS (86400 * RUDP_NS_PER_S)

static struct fixture w;
static char kept[4096]; /* one line for each record of a channel */

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static void on_record(void *of, const struct apo_registry_record *record)
{
	static const char *const kinds[] = {"channel", "gone", "entry", "entry-gone"};
	size_t len = strlen(kept);

	(void)of;
	if (record->kind > APO_REGISTRY_ENTRY_GONE)
		return;
	snprintf(kept + len, sizeof kept - len, "%s %s %s %s %s %s %s %s\n", kinds[record->kind],
		 record->channel, or_dash(record->list), or_dash(record->name), or_dash(record->by),
		 or_dash(record->modes), or_dash(record->key), or_dash(record->topic));
}

#define KEPT(text)                                                                                 \
	do {                                                                                       \
		cr_assert(eq(str, kept, (char *)(text)));                                          \
		kept[0] = '\0';                                                                    \
	} while (0)

/* Registers a client with the nick, logged in to the account. i must be odd (secure). */
static void come(unsigned i, const char *nick, const char *account)
{
	fixture_connect(&w, i);
	fixture_say(&w, i, "CAP REQ :sasl");
	fixture_say(&w, i, "NICK %s", nick);
	fixture_say(&w, i, "USER %s 0 * :Real", nick);
	fixture_say(&w, i, "AUTHENTICATE PLAIN");
	fixture_say(&w, i, "AUTHENTICATE " DAN);
	fixture_answer(&w, APO_CHECKED_RIGHT, account);
	fixture_say(&w, i, "CAP END");
	fixture_forget(&w);
}

static void begin(void)
{
	fixture_init(&w);
	kept[0] = '\0';
	w.calls.keep_record = on_record;
	w.mocks[1].reports_end = true; /* it is not pinged: tests wait for days */
	fixture_add_root(&w);
	fixture_start(&w);
	cr_assert(eq(int, apo_model_on_account(w.model, "dan", 0, w.now_ns), 0));
	cr_assert(eq(int, apo_model_on_account(w.model, "eve", 0, w.now_ns), 0));
	cr_assert(eq(int, apo_model_on_account(w.model, "hal", 0, w.now_ns), 0));
	come(1, "dan", "dan");
	come(3, "eve", "eve");
	fixture_join(&w, 2, "fay", NULL);
}

TestSuite(chanserv, .init = begin, .fini = fixture_fini);

#define SAYS(i, nick, text) HEARS(&w, i, ":ChanServ!services@irc.example NOTICE " nick " :" text)
#define SETS(i, modes) HEARS(&w, i, ":ChanServ!services@irc.example MODE #a " modes)

static void register_channel(void)
{
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 1, "CS REGISTER #a");
	fixture_forget(&w);
	KEPT("channel #a - #a dan nt - -\n");
}

static const struct apo_model_figures *figures(void)
{
	return apo_model_figures(w.model);
}

Test(chanserv, only_an_operator_with_an_account_registers)
{
	fixture_say(&w, 2, "JOIN #a");
	fixture_say(&w, 1, "JOIN #a");
	fixture_forget(&w);
	fixture_say(&w, 2, "CS REGISTER #a");
	SAYS(2, "fay", "Log in to your account first (SASL)");
	fixture_say(&w, 1, "PRIVMSG chanserv :REGISTER #a");
	SAYS(1, "dan", "Join the channel and be its operator first");
	fixture_say(&w, 2, "MODE #a +o dan");
	fixture_forget(&w);
	fixture_say(&w, 1, "PRIVMSG chanserv :register #A");
	SAYS(1, "dan", "#a is registered, and you are its founder");
	cr_assert(eq(str, w.logged,
		     (char *)"channel-registered: #a  by=dan account=dan address=192.0.2.1"));
	fixture_say(&w, 1, "CS REGISTER #a");
	SAYS(1, "dan", "That channel is registered already");
	KEPT("channel #a - #a dan nt - -\n");
	cr_assert(eq(u64, figures()->channels_registered, 1));
}

Test(chanserv, an_account_and_the_server_have_limits_of_channels)
{
	w.config.channels_per_account_max = 1;
	register_channel();
	fixture_say(&w, 1, "JOIN #b");
	fixture_forget(&w);
	fixture_say(&w, 1, "CS REGISTER #b");
	SAYS(1, "dan", "Your account has registered too many channels");
	w.config.channels_per_account_max = 2;
	w.config.registered_channels_max = 1;
	fixture_say(&w, 1, "CS REGISTER #b");
	SAYS(1, "dan", "There are too many registered channels");
}

/* A channel with bans, key and topic is kept, and no stranger becomes its operator. */
Test(chanserv, a_registered_channel_is_kept_when_empty)
{
	register_channel();
	fixture_say(&w, 1, "MODE #a +bq bad quiet");
	fixture_say(&w, 1, "MODE #a +kl-t sesame 5");
	fixture_say(&w, 1, "TOPIC #a :what it is about");
	KEPT("entry #a b bad!*@* dan!~dan@host1.example - - -\n"
	     "entry #a q quiet!*@* dan!~dan@host1.example - - -\n"
	     "channel #a - #a dan n sesame -\n"
	     "channel #a - #a dan n sesame what it is about\n");
	fixture_say(&w, 1, "PART #a");
	fixture_forget(&w);
	cr_assert(eq(u64, figures()->channels, 1));
	ANSWERS(&w, 2, "JOIN #a", ":irc.example 475 fay #a :Cannot join channel (+k)");
	fixture_say(&w, 2, "LIST");
	HEARS_LIKE(&w, 2, "* 321 *");
	HEARS_LIKE(&w, 2, "* 323 *");
	fixture_say(&w, 2, "JOIN #a sesame");
	HEARS(&w, 2, ":fay!~fay@host2.example JOIN #a");
	HEARS(&w, 2, ":irc.example 332 fay #a :what it is about");
	HEARS_LIKE(&w, 2, "* 333 *");
	HEARS(&w, 2, ":irc.example 353 fay = #a :fay");
	HEARS_LIKE(&w, 2, "* 366 *");
	fixture_say(&w, 2, "MODE #a b");
	HEARS_LIKE(&w, 2, "* 367 fay #a bad!*@* *");
}

Test(chanserv, its_founder_is_operator_again_and_cannot_be_locked_out)
{
	register_channel();
	fixture_say(&w, 1, "MODE #a +ikb sesame *!*@*");
	fixture_say(&w, 1, "PART #a");
	fixture_forget(&w);
	fixture_say(&w, 1, "JOIN #a");
	HEARS(&w, 1, ":dan!~dan@host1.example JOIN #a");
	SETS(1, "+o dan");
	HEARS(&w, 1, ":irc.example 353 dan = #a :@dan");
}

Test(chanserv, accounts_on_the_list_get_their_modes)
{
	register_channel();
	fixture_say(&w, 1, "CS AOP #a ADD eve");
	SAYS(1, "dan", "eve gets operator in #a");
	fixture_say(&w, 1, "CS AMODE #a +v hal");
	SAYS(1, "dan", "hal gets voice in #a");
	fixture_say(&w, 1, "CS AOP #a ADD nobody");
	SAYS(1, "dan", "There is no account nobody");
	KEPT("entry #a o eve dan - - -\nentry #a v hal dan - - -\n");
	fixture_say(&w, 1, "CS ACCESS #a LIST");
	SAYS(1, "dan", "#a: founder dan");
	HEARS_LIKE(&w, 1, "* :#a: operator eve (by dan, *)");
	HEARS_LIKE(&w, 1, "* :#a: voice hal (by dan, *)");
	SAYS(1, "dan", "#a: end of list");
	fixture_say(&w, 3, "JOIN #a");
	HEARS(&w, 1, ":eve!~eve@host3.example JOIN #a");
	SETS(1, "+o eve");
	come(5, "hal", "hal");
	fixture_say(&w, 5, "JOIN #a");
	HEARS_LIKE(&w, 1, ":hal!* JOIN #a");
	SETS(1, "+v hal");
	fixture_forget(&w);
	fixture_say(&w, 1, "CS AMODE #a +o hal");
	KEPT("entry-gone #a v hal - - - -\nentry #a o hal dan - - -\n");
	SAYS(1, "dan", "hal gets operator in #a");
	SETS(1, "+o hal");
	fixture_forget(&w);
	fixture_say(&w, 5, "CS AOP #a DEL hal");
	SAYS(5, "hal", "hal is off the list of #a");
}

Test(chanserv, only_the_founder_changes_the_list)
{
	register_channel();
	fixture_say(&w, 1, "CS AOP #a ADD eve");
	fixture_forget(&w);
	fixture_say(&w, 3, "CS VOP #a ADD hal");
	SAYS(3, "eve", "Only the founder of #a may do that");
	fixture_say(&w, 3, "CS DROP #a");
	SAYS(3, "eve", "Only the founder of #a may do that");
	fixture_say(&w, 2, "CS OP #a");
	SAYS(2, "fay", "You are no operator on the list of #a");
	fixture_say(&w, 3, "CS AOP #a DEL EVE");
	SAYS(3, "eve", "eve is off the list of #a");
	fixture_say(&w, 3, "CS OP #a");
	SAYS(3, "eve", "You are no operator on the list of #a");
}

Test(chanserv, operators_of_the_list_change_members)
{
	register_channel();
	fixture_say(&w, 2, "JOIN #a");
	fixture_say(&w, 1, "MODE #a +o fay");
	fixture_say(&w, 1, "MODE #a -o dan");
	fixture_forget(&w);
	fixture_say(&w, 1, "CS OP #a");
	SETS(1, "+o dan");
	fixture_say(&w, 1, "CS DEOP #a fay nobody");
	SETS(1, "-o fay");
	SAYS(1, "dan", "nobody is not in #a");
	fixture_say(&w, 1, "CS VOICE #a fay");
	SETS(1, "+v fay");
	fixture_say(&w, 1, "CS DEVOICE #a fay");
	SETS(1, "-v fay");
}

Test(chanserv, the_founder_transfers_and_drops)
{
	char *code;

	register_channel();
	fixture_say(&w, 1, "CS TRANSFER #a eve");
	SAYS(1, "dan", "Make eve an operator first: AOP #a ADD eve");
	fixture_say(&w, 1, "CS AOP #a ADD eve");
	fixture_say(&w, 1, "CS TRANSFER #a eve");
	fixture_forget(&w);
	kept[0] = '\0';
	fixture_say(&w, 1, "CS DROP #a");
	SAYS(1, "dan", "Only the founder of #a may do that");
	fixture_say(&w, 3, "CS LIST");
	SAYS(3, "eve", "#a");
	SAYS(3, "eve", "1 channels are registered to eve");
	fixture_say(&w, 3, "CS DROP #a");
	code = fixture_next(&w, 3);
	cr_assert(fixture_is_like("*send: DROP #a ????", code), "%s", code);
	fixture_say(&w, 3, "CS DROP #a %s", code + strlen(code) - 4);
	SAYS(3, "eve", "#a is no longer registered");
	KEPT("gone #a - - - - - -\n");
	fixture_say(&w, 1, "PART #a");
	cr_assert(eq(u64, figures()->channels, 0));
}

Test(chanserv, a_network_operator_may_drop_and_transfer)
{
	register_channel();
	fixture_say(&w, 2, "OPER root pw");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_forget(&w);
	fixture_say(&w, 2, "CS TRANSFER #a hal");
	SAYS(2, "fay", "hal is the founder of #a");
	fixture_say(&w, 2, "CS INFO #a");
	HEARS_LIKE(&w, 2, "*:#a: founder hal, registered 2023-*");
}

/* The one who has been operator for longest; without operators the registration ends. */
Test(chanserv, an_operator_of_the_list_follows_a_removed_founder)
{
	register_channel();
	fixture_say(&w, 1, "CS VOP #a ADD hal");
	fixture_say(&w, 1, "CS AOP #a ADD eve");
	w.now_ns += 2 * RUDP_NS_PER_S;
	fixture_say(&w, 1, "CS AOP #a ADD hal");
	kept[0] = '\0';
	apo_model_on_account_gone(w.model, "dan", w.now_ns);
	KEPT("entry-gone #a o eve - - - -\nchannel #a - #a eve nt - -\n");
	apo_model_on_account_gone(w.model, "eve", w.now_ns);
	KEPT("entry-gone #a o hal - - - -\nchannel #a - #a hal nt - -\n");
	fixture_say(&w, 1, "PART #a");
	apo_model_on_account_gone(w.model, "hal", w.now_ns);
	KEPT("gone #a - - - - - -\n");
	cr_assert(eq(u64, figures()->channels, 0));
}

Test(chanserv, logging_in_later_gives_the_modes_too)
{
	register_channel();
	fixture_say(&w, 1, "PART #a");
	fixture_connect(&w, 7);
	fixture_say(&w, 7, "CAP REQ :sasl");
	fixture_say(&w, 7, "NICK late");
	fixture_say(&w, 7, "USER late 0 * :Late");
	fixture_say(&w, 7, "CAP END");
	fixture_say(&w, 7, "JOIN #a");
	fixture_say(&w, 7, "AUTHENTICATE PLAIN");
	fixture_say(&w, 7, "AUTHENTICATE " DAN);
	fixture_forget(&w);
	fixture_answer(&w, APO_CHECKED_RIGHT, "dan");
	HEARS_LIKE(&w, 7, "* 900 *");
	SETS(7, "+o late");
}

Test(chanserv, unused_registrations_expire)
{
	w.config.channel_expiry_ns = 30 * DAY_NS;
	register_channel();
	fixture_wait(&w, 29 * DAY_NS);
	cr_assert(eq(u64, figures()->channels_registered, 1)); /* its founder is in it */
	fixture_close(&w, 1, "gone");
	fixture_close(&w, 2, "gone");
	fixture_close(&w, 3, "gone");
	fixture_wait(&w, 29 * DAY_NS);
	cr_assert(eq(u64, figures()->channels_registered, 1));
	fixture_wait(&w, 2 * DAY_NS);
	cr_assert(eq(u64, figures()->channels_registered, 0));
	cr_assert(eq(u64, figures()->channels, 0));
	cr_assert(eq(u64, figures()->channels_expired, 1));
}

Test(chanserv, registrations_are_handed_over)
{
	register_channel();
	fixture_say(&w, 1, "CS AOP #a ADD eve");
	fixture_say(&w, 1, "MODE #a +bk bad sesame");
	fixture_say(&w, 1, "PART #a");
	kept[0] = '\0';
	fixture_hand_over(&w);
	KEPT("");
	fixture_forget(&w);
	fixture_say(&w, 3, "JOIN #a");
	HEARS_LIKE(&w, 3, ":eve!* JOIN #a");
	SETS(3, "+o eve");
	fixture_forget(&w);
	fixture_say(&w, 1, "JOIN #a");
	HEARS_LIKE(&w, 3, ":dan!* JOIN #a");
	SETS(3, "+o dan");
	fixture_say(&w, 1, "CS AOP #a DEL eve");
	KEPT("entry-gone #a o eve - - - -\n");
}

Test(chanserv, records_of_the_store_are_read)
{
	static const struct apo_registry_record records[] = {
		{.kind = APO_REGISTRY_CHANNEL,
		 .channel = "#b",
		 .name = "#B",
		 .by = "eve",
		 .modes = "nms?",
		 .key = "k",
		 .topic = "old topic",
		 .topic_by = "x!y@z",
		 .set_at_s = 5,
		 .created_at_s = 4,
		 .used_at_s = 6,
		 .topic_at_s = 7},
		{.kind = APO_REGISTRY_ENTRY,
		 .channel = "#b",
		 .list = "b",
		 .name = "bad!*@*",
		 .by = "x!y@z",
		 .set_at_s = 8},
		{.kind = APO_REGISTRY_ENTRY,
		 .channel = "#b",
		 .list = "v",
		 .name = "dan",
		 .by = "eve",
		 .set_at_s = 9},
	};
	static const struct apo_registry_record bad[] = {
		{.kind = APO_REGISTRY_CHANNEL, .channel = "b", .name = "b", .by = "eve"},
		{.kind = APO_REGISTRY_CHANNEL, .channel = "#b", .name = "#b", .by = "eve"},
		{.kind = APO_REGISTRY_ENTRY, .channel = "#c", .list = "b", .name = "m", .by = "y"},
		{.kind = APO_REGISTRY_ENTRY, .channel = "#b", .list = "x", .name = "m", .by = "y"},
		{.kind = APO_REGISTRY_ENTRY,
		 .channel = "#b",
		 .list = "b",
		 .name = "a b",
		 .by = "y"},
	};
	size_t i;

	for (i = 0; i < sizeof records / sizeof *records; i++)
		cr_assert(eq(int, apo_model_on_record(w.model, records + i), 0));
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert(eq(int, apo_model_on_record(w.model, bad + i), -EINVAL));
	apo_model_on_records_read(w.model);
	KEPT("");
	fixture_say(&w, 1, "JOIN #b k");
	HEARS(&w, 1, ":dan!~dan@host1.example JOIN #B");
	HEARS(&w, 1, ":ChanServ!services@irc.example MODE #B +v dan");
	HEARS(&w, 1, ":irc.example 332 dan #B :old topic");
	HEARS(&w, 1, ":irc.example 333 dan #B x!y@z 7");
	fixture_forget(&w);
	ANSWERS(&w, 1, "MODE #b", ":irc.example 324 dan #B +mnsk k");
}

/* Returns how many entries of the list are read until one is refused. */
static unsigned read_entries(const char *list)
{
	char name[16];
	struct apo_registry_record entry = {.kind = APO_REGISTRY_ENTRY,
					    .channel = "#b",
					    .list = list,
					    .name = name,
					    .by = "eve"};
	unsigned count = 0;

	do
		snprintf(name, sizeof name, "n%u", count++);
	while (apo_model_on_record(w.model, &entry) == 0 && count < 2 * APO_LIST_ENTRIES_MAX);
	cr_assert(eq(int, apo_model_on_record(w.model, &entry), -EINVAL));
	return count - 1;
}

/* More could not be handed over. */
Test(chanserv, the_store_has_no_more_entries_than_a_state)
{
	static const struct apo_registry_record channel = {
		.kind = APO_REGISTRY_CHANNEL, .channel = "#b", .name = "#b", .by = "eve"};

	cr_assert(eq(int, apo_model_on_record(w.model, &channel), 0));
	cr_assert(eq(uint, read_entries("o"), APO_ACCESS_MAX));
	cr_assert(eq(uint, read_entries("b"), APO_LIST_ENTRIES_MAX));
	fixture_hand_over(&w);
}

Test(chanserv, nobody_takes_its_nick)
{
	ANSWERS(&w, 2, "NICK chanserv",
		":irc.example 433 fay chanserv :Nickname is already in use");
	fixture_say(&w, 2, "CS");
	HEARS_LIKE(&w, 2, ":ChanServ!* :REGISTER <channel>:*");
	fixture_forget(&w);
	fixture_say(&w, 2, "CS NONSENSE");
	SAYS(2, "fay", "Unknown command; HELP lists the commands");
	fixture_say(&w, 2, "CS INFO");
	SAYS(2, "fay", "Name a channel after the command");
	fixture_say(&w, 2, "CS INFO #none");
	SAYS(2, "fay", "#none is not registered");
}
