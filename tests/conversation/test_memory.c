/* SPDX-License-Identifier: MIT */
/* The nth allocation fails, n = 1, 2, 3 ...: the model stays consistent, and clients that did
 * nothing stay connected. */
#include "conversation/fault.h"
#include "conversation/model_fixture.h"

#define BYSTANDER 5
#define FAULTS_MAX 2000

static struct fixture w;

static const struct {
	unsigned who;
	const char *line;
} script[] = {
	{0, "CAP REQ :message-tags server-time batch labeled-response echo-message"},
	{0, "CAP REQ :apollonion/receipts"},
	{0, "PASS secret"},
	{0, "NICK dan"},
	{0, "USER dan 0 * :Dan"},
	{0, "CAP END"},
	{1, "NICK eve"},
	{1, "USER eve 0 * :Eve"},
	{1, "CAP REQ :sasl"},
	{1, "AUTHENTICATE PLAIN"},
	{1, "AUTHENTICATE AGRhbgBwdw=="},
	{1, "CAP END"},
	{7, "NICK fay"},
	{7, "USER fay 0 * :Fay"},
	{7, "CAP REQ :draft/account-registration"},
	{7, "REGISTER * * password"},
	{7, "NICK acc"},
	{0, "JOIN #a"},
	{1, "JOIN #a,#b,#c,#all"},
	{0, "JOIN #b,#all"},
	{0, "MODE #a +bbIe x y z v"},
	{0, "@label=x MODE #a b"},
	{0, "TOPIC #a :about this"},
	{0, "CAP REQ :draft/metadata-2"},
	{0, "METADATA * SUB color"},
	{0, "METADATA * SET color :blue"},
	{0, "METADATA #b SET color :red"},
	{0, "RENAME #b #c2 :for memory"},
	{0, "RENAME #c2 #b"},
	{0, "PRIVMSG #a,eve,watcher :hello"},
	{0, "INVITE watcher #a"},
	{0, "MONITOR + eve,one,two,three"},
	{1, "NICK one"},
	{1, "AWAY :gone"},
	{1, "SETNAME :other"},
	{0, "OPER root x"},
	{0, "WHO *"},
	{7, "JOIN #all"},
	{7, "NICK other"},
	{1, "NS REGAIN acc"},
	{1, "NS GHOST acc"},
	{1, "PRIVMSG NickServ :DROP acc pw"},
	{0, "WHOIS one"},
	{0, "@+a=b;label=q TAGMSG #b"},
	{1, "PART #a :bye"},
	{0, "KICK #all one :bye"},
	{1, "QUIT :bye"},
	{0, "WHOWAS one"},
};

static const struct apo_operator root = {.name = "root", .password_hash = "#"};

static void settle(void)
{
	bool was_armed = fault_pause();

	cr_assert(apo_model_check(w.model));
	fault_resume(was_armed);
}

/* A client that is closed because memory is short connects again, without a nick. */
static void say(unsigned who, const char *line)
{
	uint64_t ticket = w.ticket;

	if (!w.mocks[who].is_connected || w.mocks[who].is_closed)
		fixture_connect(&w, who);
	fixture_say(&w, who, "%s", line);
	settle();
	if (w.ticket != ticket)
		fixture_answer(&w, APO_CHECKED_RIGHT, "acc");
	settle();
}

/* Returns false if there were fewer than nth allocations. */
static bool run(unsigned nth)
{
	bool has_come;
	unsigned i;

	fixture_init(&w);
	w.config.operators = &root;
	w.config.operator_count = 1;
	fixture_start(&w);
	fixture_join(&w, BYSTANDER, "watcher", "server-time");
	fixture_say(&w, BYSTANDER, "JOIN #all");
	fault_arm(nth);
	for (i = 0; i < sizeof script / sizeof *script; i++)
		say(script[i].who, script[i].line);
	for (i = 0; i < w.watched_count; i++)
		apo_model_on_receipt(w.model, w.watched[i].watch, w.watched[i].recipient, i % 2,
				     w.now_ns);
	fault_pause();
	has_come = fault_has_come();
	cr_assert(not(w.mocks[BYSTANDER].is_closed), "%u", nth);
	fixture_say(&w, BYSTANDER, "PRIVMSG #all :still here");
	fixture_fini();
	return has_come;
}

Test(memory, the_nth_allocation_fails_and_the_model_stays_whole)
{
	unsigned nth = 1;

	while (run(nth))
		cr_assert(lt(uint, ++nth, FAULTS_MAX));
	cr_assert(ge(uint, nth, 101)); /* else hardly anything was tested */
}
