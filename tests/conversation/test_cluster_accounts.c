/* SPDX-License-Identifier: MIT */
/* Accounts and registered channels in a network of nodes (model/shared_accounts.h). */
#include "conversation/cluster_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "conversation/irc/mask.h"

/* Three nodes with accounts, an operator whose name is root, and dan's account, registered at node
 * 0. */
static struct cluster *with_account(uint64_t seed)
{
	static const struct apo_operator root = {.name = "root", .password_hash = "hash-x"};
	struct cluster *cluster = cluster_new(seed);

	cluster_offer_accounts(cluster);
	cluster->config.operators = &root;
	cluster->config.operator_count = 1;
	cluster_start_all(cluster, 3);
	cluster_join(cluster, 0, 0, "dan");
	cluster_say(cluster, 0, 0, "REGISTER * * sesame-1");
	cluster_check_password(cluster, 0);
	cluster_run(cluster, RUDP_NS_PER_S);
	return cluster;
}

static void end(struct cluster *cluster)
{
	cluster_check(cluster);
	cluster_check_disks(cluster);
	cluster_free(cluster);
}

Test(cluster_accounts, an_account_is_known_at_all_nodes)
{
	struct cluster *cluster = with_account(1);

	CLUSTER_HEARS(cluster, 0, 0, "* 900 dan * dan *");
	CLUSTER_HEARS(cluster, 0, 0, "* REGISTER SUCCESS dan *");
	cluster_join(cluster, 1, 0, "eve");
	cluster_say(cluster, 1, 0, "WHOIS dan");
	CLUSTER_HEARS(cluster, 1, 0, "* 311 *");
	CLUSTER_HEARS(cluster, 1, 0, "* 312 *");
	CLUSTER_HEARS(cluster, 1, 0, "* 330 eve dan dan *");
	cluster_log_in(cluster, 1, 0, "dan", "wrong");
	CLUSTER_HEARS(cluster, 1, 0, "* 904 eve *");
	cluster_log_in(cluster, 1, 0, "DAN", "sesame-1");
	CLUSTER_HEARS(cluster, 1, 0, "* 900 eve * dan *");
	CLUSTER_HEARS(cluster, 1, 0, "* 903 eve *");
	cluster_join(cluster, 2, 0, "fay");
	cluster_say(cluster, 2, 0, "WHOIS eve");
	CLUSTER_HEARS(cluster, 2, 0, "* 311 *");
	CLUSTER_HEARS(cluster, 2, 0, "* 312 *");
	CLUSTER_HEARS(cluster, 2, 0, "* 330 fay eve dan *");
	end(cluster);
}

Test(cluster_accounts, a_hand_over_keeps_passwords_keys_and_channels)
{
	struct cluster *cluster = with_account(1);
	unsigned i;

	cluster_say(cluster, 0, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 0, 0, "CS REGISTER #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	for (i = 0; i < 3; i++)
		cr_assert(cluster_hand_over(cluster, i, false));
	cluster_forget(cluster);
	cluster_join(cluster, 1, 0, "eve");
	cluster_log_in(cluster, 1, 0, "dan", "wrong");
	CLUSTER_HEARS(cluster, 1, 0, "* 904 eve *");
	cluster_log_in(cluster, 1, 0, "dan", "sesame-1");
	CLUSTER_HEARS(cluster, 1, 0, "* 900 eve * dan *");
	CLUSTER_HEARS(cluster, 1, 0, "* 903 eve *");
	cluster_say(cluster, 1, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":eve!* JOIN #a");
	CLUSTER_HEARS(cluster, 0, 0, ":eve!* JOIN #a");
	CLUSTER_HEARS(cluster, 0, 0, "* MODE #a +o eve");
	cluster_join(cluster, 0, 1, "fay");
	cluster_say(cluster, 0, 1, "REGISTER * * sesame-2");
	cluster_check_password(cluster, 0);
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 0, 1, "* 900 fay * fay *");
	end(cluster);
}

#define KEYS                                                                                       \
	";SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"                                            \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"                                            \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void log_in(struct cluster *cluster, const char *renewed)
{
	cluster_say(cluster, 1, 0, "AUTHENTICATE PLAIN");
	cluster_say(cluster, 1, 0, "AUTHENTICATE AGRhbgBzZXNhbWUtMQ=="); /* dan, sesame-1 */
	cluster_forget(cluster);
	apo_model_on_checked(cluster->nodes[1].model, cluster->nodes[1].ticket, APO_CHECKED_RIGHT,
			     renewed, cluster->now_ns);
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, "* 900 eve * dan *");
	CLUSTER_HEARS(cluster, 1, 0, "* 903 eve *");
}

/* The node that has seen the password makes the keys of SCRAM; all nodes get them, and write
 * them. */
Test(cluster_accounts, an_account_gets_keys_of_scram_at_all_nodes)
{
	struct cluster *cluster = with_account(1);
	unsigned i;

	cluster_join(cluster, 1, 0, "eve");
	cluster_say(cluster, 1, 0, "CAP REQ sasl");
	cluster_run(cluster, RUDP_NS_PER_S);
	log_in(cluster, "hash-sesame-1" KEYS);
	for (i = 0; i < 3; i++) {
		cluster_join(cluster, i, 1, i == 0 ? "fay" : i == 1 ? "gus" : "hal");
		cluster_log_in(cluster, i, 1, "dan", "sesame-1");
		cr_assert(eq(str, cluster->nodes[i].against, "hash-sesame-1" KEYS));
	}
	/* The secret stays if the new one is of another password, or not valid. */
	log_in(cluster, "hash-sesame-2" KEYS);
	log_in(cluster, "hash-sesame-1;SCRAM-SHA-256$1");
	cluster_log_in(cluster, 2, 1, "dan", "sesame-1");
	cr_assert(eq(str, cluster->nodes[2].against, "hash-sesame-1" KEYS));
	log_in(cluster, "hash-sesame-1"); /* [accounts] scram = no */
	cluster_log_in(cluster, 0, 1, "dan", "sesame-1");
	cr_assert(eq(str, cluster->nodes[0].against, "hash-sesame-1"));
	end(cluster);
}

Test(cluster_accounts, of_two_at_once_one_has_the_account)
{
	struct cluster *cluster = with_account(2);
	const char *first, *second;
	unsigned i;

	cluster_say(cluster, 0, 0, "NICK other");
	cluster_run(cluster, RUDP_NS_PER_S);
	for (i = 1; i < 3; i++) {
		cluster_connect(cluster, i, 0);
		cluster_say(cluster, i, 0, "CAP REQ draft/account-registration");
		cluster_say(cluster, i, 0, "NICK eve");
	}
	cluster->config.early_registration = true;
	for (i = 1; i < 3; i++)
		cluster_say(cluster, i, 0, "REGISTER * * sesame-%u", i);
	cluster_forget(cluster);
	for (i = 1; i < 3; i++)
		cluster_check_password(cluster, i);
	cluster_run(cluster, RUDP_NS_PER_S);
	first = cluster_next(cluster, 1, 0);
	second = cluster_next(cluster, 2, 0);
	cr_assert(ne(ptr, (void *)first, NULL));
	cr_assert(ne(ptr, (void *)second, NULL));
	cr_assert(ne(int, strstr(first, "ACCOUNT_EXISTS") != NULL,
		     strstr(second, "ACCOUNT_EXISTS") != NULL));
	end(cluster);
}

/* A user of another node may take the nick after REGISTER was accepted. */
Test(cluster_accounts, only_the_nicks_holder_can_register_it)
{
	struct cluster *cluster = with_account(2);

	cluster->config.early_registration = true;
	cluster_connect(cluster, 1, 0);
	cluster_say(cluster, 1, 0, "CAP REQ :sasl draft/account-registration");
	cluster_say(cluster, 1, 0, "NICK zoe");
	cluster_say(cluster, 1, 0, "REGISTER * * sesame-2");
	cluster_say(cluster, 0, 0, "NICK zoe");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
	cluster_check_password(cluster, 1);
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, "* FAIL REGISTER ACCOUNT_NAME_MUST_BE_NICK zoe *");
	cluster_say(cluster, 1, 0, "REGISTER * * sesame-2");
	CLUSTER_HEARS(cluster, 1, 0, "* FAIL REGISTER ACCOUNT_NAME_MUST_BE_NICK zoe *");
	end(cluster);
}

Test(cluster_accounts, a_nick_belongs_to_its_account_at_all_nodes)
{
	struct cluster *cluster = with_account(3);

	cluster_say(cluster, 0, 0, "QUIT");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_connect(cluster, 1, 0);
	cluster_say(cluster, 1, 0, "NICK dan");
	cluster_say(cluster, 1, 0, "USER d 0 * :d");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, "* 433 * dan *registered*");
	cluster_connect(cluster, 2, 0);
	cluster_say(cluster, 2, 0, "CAP LS 302");
	cluster_say(cluster, 2, 0, "NICK dan");
	cluster_say(cluster, 2, 0, "USER d 0 * :d");
	cluster_log_in(cluster, 2, 0, "dan", "sesame-1");
	cluster_forget(cluster);
	cluster_say(cluster, 2, 0, "CAP END");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 2, 0, "* 001 dan *");
	end(cluster);
}

Test(cluster_accounts, the_owner_takes_the_nick_from_a_stale_session_at_another_node)
{
	struct cluster *cluster = with_account(4);

	cluster_run(cluster, 61 * RUDP_NS_PER_S);
	cluster_connect(cluster, 2, 0);
	cluster_say(cluster, 2, 0, "CAP LS 302");
	cluster_say(cluster, 2, 0, "NICK dan");
	cluster_say(cluster, 2, 0, "USER d 0 * :d");
	cluster_log_in(cluster, 2, 0, "dan", "sesame-1");
	cluster_forget(cluster);
	cluster_say(cluster, 2, 0, "CAP END");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 2, 0, "* 001 dan *");
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	end(cluster);
}

Test(cluster_accounts, a_session_at_another_node_is_ended_by_ghost)
{
	struct cluster *cluster = with_account(5);

	cluster_join(cluster, 1, 0, "eve");
	cluster_log_in(cluster, 1, 0, "dan", "sesame-1");
	cluster_forget(cluster);
	cluster_say(cluster, 1, 0, "PRIVMSG NickServ :REGAIN dan");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":eve!* NICK *dan");
	cr_assert(not(cluster->nodes[0].clients[0].is_connected));
	end(cluster);
}

/* Is the text in any entry of the log? */
static bool is_in_log(const struct cluster *cluster, const char *text)
{
	size_t i;

	for (i = 0; i < cluster->log_len; i++)
		if (memmem(cluster->log[i].bytes, cluster->log[i].len, text, strlen(text)))
			return true;
	return false;
}

Test(cluster_accounts, a_removed_account_logs_out_at_all_nodes)
{
	struct cluster *cluster = with_account(6);

	cluster_join(cluster, 1, 0, "eve");
	cluster_log_in(cluster, 1, 0, "dan", "sesame-1");
	cluster_forget(cluster);
	cluster_say(cluster, 0, 0, "PRIVMSG NickServ :DROP dan sesame-1");
	cluster_check_password(cluster, 0);
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, "* 901 eve *");
	CLUSTER_HEARS(cluster, 0, 0, "* 901 dan *");
	CLUSTER_HEARS(cluster, 0, 0, ":NickServ!* NOTICE dan *dan was removed*");
	cluster_log_in(cluster, 1, 0, "dan", "sesame-1");
	CLUSTER_HEARS(cluster, 1, 0, "* 904 *");
	cr_assert(is_in_log(cluster, "hash-sesame-1")); /* of the registration */
	cr_assert(not(is_in_log(cluster, " sesame-1")));
	end(cluster);
}

/* Said wrongly: with other recipients, as a notice, in a batch, in a batch of another target. */
Test(cluster_accounts, a_password_for_a_service_is_never_in_the_log)
{
	static const char *const lines[] = {"PRIVMSG NickServ,eve :IDENTIFY dan sesame-1",
					    "PRIVMSG eve,nickserv :DROP dan sesame-1",
					    "PRIVMSG @NickServ :DROP dan sesame-1",
					    "PRIVMSG ChanServ,eve :IDENTIFY sesame-1",
					    "NOTICE NickServ :DROP dan sesame-1",
					    "NOTICE eve,NickServ :DROP dan sesame-1",
					    "BATCH +1 draft/multiline NickServ",
					    "@batch=1 PRIVMSG NickServ :DROP dan sesame-1",
					    "BATCH -1",
					    "BATCH +2 draft/multiline eve",
					    "@batch=2 PRIVMSG NickServ :DROP dan sesame-1",
					    "@batch=2 NS DROP dan sesame-1",
					    "@batch=2 OPER dan sesame-1",
					    "BATCH -2",
					    "@batch=3 REGISTER * * sesame-1"};
	struct cluster *cluster = with_account(11);
	size_t i;

	cluster_join(cluster, 1, 0, "eve");
	cluster_say(cluster, 0, 0, "CAP REQ :batch message-tags draft/multiline");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
	for (i = 0; i < sizeof lines / sizeof *lines; i++) {
		cluster_say(cluster, 0, 0, "%s", lines[i]);
		cluster_run(cluster, RUDP_NS_PER_S);
		CLUSTER_QUIET(cluster, 1, 0);
	}
	CLUSTER_HEARS(cluster, 0, 0, "* NOTICE dan *no other recipients*");
	cr_assert(not(is_in_log(cluster, " sesame-1")));
	cr_assert(not(is_in_log(cluster, ":sesame-1")));
	cluster_say(cluster, 0, 0, "BATCH +4 draft/multiline eve");
	cluster_say(cluster, 0, 0, "@batch=4 PRIVMSG eve :first");
	cluster_say(cluster, 0, 0, "@batch=4 PRIVMSG eve :second");
	cluster_say(cluster, 0, 0, "BATCH -4");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* PRIVMSG eve :first");
	CLUSTER_HEARS(cluster, 1, 0, ":dan!* PRIVMSG eve :second");
	cluster_check(cluster);
	end(cluster);
}

Test(cluster_accounts, a_node_that_joins_has_accounts_channels_and_bans)
{
	struct cluster *cluster = with_account(7);

	cluster_say(cluster, 0, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 0, 0, "PRIVMSG ChanServ :REGISTER #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 0, 0, "MODE #a +b *!*@bad.example");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 0, 0, "TOPIC #a :of dan");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 0, 0, "PART #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_check_disks(cluster);
	cluster_start(cluster, 3);
	cluster_run(cluster, 5 * RUDP_NS_PER_S);
	cr_assert(cluster_is_live(cluster, 3));
	cluster_check_disks(cluster);
	cluster_join(cluster, 3, 0, "eve");
	cluster_log_in(cluster, 3, 0, "dan", "sesame-1");
	CLUSTER_HEARS(cluster, 3, 0, "* 900 eve * dan *");
	cluster_forget(cluster);
	cluster_say(cluster, 3, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	CLUSTER_HEARS(cluster, 3, 0, ":eve!* JOIN #a");
	CLUSTER_HEARS(cluster, 3, 0, ":ChanServ!* MODE #a +o eve");
	CLUSTER_HEARS(cluster, 3, 0, "* 332 eve #a :of dan");
	end(cluster);
}

/* As if the node's file had the account, and perhaps a channel of it. */
static void start_with(struct cluster *cluster, const char *name, int64_t id, const char *channel)
{
	struct apo_registry_record account = {.kind = APO_REGISTRY_ACCOUNT,
					      .name = name,
					      .number = id,
					      .reason = "hash-x",
					      .set_at_s = 1};
	struct apo_registry_record registration = {.kind = APO_REGISTRY_CHANNEL,
						   .channel = channel,
						   .name = channel,
						   .by = name,
						   .modes = "",
						   .set_at_s = 1,
						   .created_at_s = 1,
						   .used_at_s = 1};
	struct apo_model *model;

	cluster_start(cluster, 3);
	model = cluster->nodes[3].model;
	cr_assert(eq(int, apo_model_on_record(model, &account), 0));
	if (channel)
		cr_assert(eq(int, apo_model_on_record(model, &registration), 0));
	apo_model_on_records_read(model);
	cluster_run(cluster, 20 * RUDP_NS_PER_S);
	cr_assert(cluster_is_live(cluster, 3));
}

Test(cluster_accounts, a_file_that_loses_accounts_or_channels_is_copied)
{
	struct cluster *cluster = with_account(10);
	int64_t dan = apo_model_shared_account_id(cluster->nodes[0].model, "dan");

	start_with(cluster, "dan", dan, NULL);
	cr_assert(eq(uint, cluster->nodes[3].copies, 0));
	cluster_kill(cluster, 3);
	start_with(cluster, "dan", 7, NULL); /* another account of that name */
	cr_assert(eq(uint, cluster->nodes[3].copies, 1));
	cluster_kill(cluster, 3);
	start_with(cluster, "old", 7, NULL);
	cr_assert(eq(uint, cluster->nodes[3].copies, 2));
	cluster_kill(cluster, 3);
	start_with(cluster, "dan", dan, "#old");
	cr_assert(eq(uint, cluster->nodes[3].copies, 3));
	end(cluster);
}

Test(cluster_accounts, accounts_outlive_the_network)
{
	struct cluster *cluster = with_account(8);
	unsigned i;

	for (i = 0; i < 3; i++)
		cluster->nodes[i].is_apart = true;
	cluster_run(cluster, 120 * RUDP_NS_PER_S);
	cluster_lose(cluster, cluster->log_len);
	for (i = 0; i < 3; i++)
		cluster->nodes[i].is_apart = false;
	cluster_run(cluster, 120 * RUDP_NS_PER_S);
	for (i = 0; i < 3; i++)
		cr_assert(cluster_is_live(cluster, i), "%u: %s", i, cluster->nodes[i].reason);
	cluster_join(cluster, 1, 0, "eve");
	cluster_log_in(cluster, 1, 0, "dan", "sesame-1");
	CLUSTER_HEARS(cluster, 1, 0, "* 900 eve * dan *");
	end(cluster);
}

Test(cluster_accounts, the_node_with_the_newest_accounts_begins_the_network)
{
	struct cluster *cluster = with_account(9);
	unsigned i;

	/* Node 0 has an account that the others do not know; they start earlier. */
	cluster_kill(cluster, 1);
	cluster_kill(cluster, 2);
	cluster_run(cluster, 60 * RUDP_NS_PER_S);
	cluster_join(cluster, 0, 1, "eve");
	cluster_say(cluster, 0, 1, "REGISTER * * sesame-2");
	cluster_check_password(cluster, 0);
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster->nodes[0].is_apart = true;
	cluster_run(cluster, 60 * RUDP_NS_PER_S);
	cluster_start(cluster, 1);
	cluster_run(cluster, 3 * RUDP_NS_PER_S);
	cluster->nodes[0].is_apart = false;
	cluster_start(cluster, 2);
	cluster_run(cluster, 60 * RUDP_NS_PER_S);
	for (i = 0; i < 3; i++)
		cr_assert(cluster_is_live(cluster, i), "%u: %s", i, cluster->nodes[i].reason);
	cluster_join(cluster, 2, 0, "fay");
	cluster_log_in(cluster, 2, 0, "eve", "sesame-2");
	CLUSTER_HEARS(cluster, 2, 0, "* 900 fay * eve *");
	end(cluster);
}

/* ---- random faults ---- */

#define NAMES 6
static const char *const names[NAMES] = {"ann", "bob", "cat", "dog", "eel", "fox"};

static void say_something(struct cluster *cluster, unsigned node, unsigned client)
{
	const char *name = names[cluster_random(cluster, NAMES)];
	const char *other = names[cluster_random(cluster, NAMES)];
	const char *channel = cluster_random(cluster, 2) ? "#x" : "#y";

	switch (cluster_random(cluster, 16)) {
	case 0:
	case 1:
		cluster_say(cluster, node, client, "REGISTER * * password-x");
		break;
	case 2:
		cluster_say(cluster, node, client, "NS DROP %s password-x", name);
		break;
	case 3:
	case 4:
	case 5:
		cluster_say(cluster, node, client, "JOIN %s", channel);
		break;
	case 6:
		cluster_say(cluster, node, client, "PART %s", channel);
		break;
	case 7:
	case 8:
		cluster_say(cluster, node, client, "CS REGISTER %s", channel);
		break;
	case 9:
		cluster_say(cluster, node, client, "CS AOP %s ADD %s", channel, other);
		break;
	case 10:
		cluster_say(cluster, node, client, "CS TRANSFER %s %s", channel, other);
		break;
	case 11:
		cluster_say(cluster, node, client, "MODE %s +bt *!*@h%u-1.example", channel, node);
		break;
	case 12:
		cluster_say(cluster, node, client, "NICK %s", name);
		break;
	case 13:
		cluster_say(cluster, node, client, "NS REGAIN %s", name);
		break;
	case 14:
		cluster_close(cluster, node, client);
		break;
	default:
		cluster_log_in(cluster, node, client, name, "password-x");
		break;
	}
}

static void act(struct cluster *cluster)
{
	unsigned node = (unsigned)cluster_random(cluster, 3);
	unsigned client = (unsigned)cluster_random(cluster, 3);

	if (!cluster->nodes[node].model)
		return;
	if (cluster->nodes[node].clients[client].is_connected) {
		say_something(cluster, node, client);
	} else {
		cluster_connect(cluster, node, client);
		cluster_say(cluster, node, client, "NICK %s",
			    names[cluster_random(cluster, NAMES)]);
		cluster_say(cluster, node, client, "USER u 0 * :r");
	}
	cluster_check_password(cluster, node);
}

static void run_story(uint64_t seed)
{
	struct cluster *cluster = cluster_new(seed);
	unsigned i, step, node;

	cluster_offer_accounts(cluster);
	cluster->config.login_tries_max = cluster->config.registrations_max = 10000;
	cluster_start_all(cluster, 3);
	cluster->loss_percent = (unsigned)cluster_random(cluster, 20);
	for (step = 0; step < 400; step++) {
		act(cluster);
		act(cluster);
		node = (unsigned)cluster_random(cluster, 3);
		cluster_fault(cluster, node, (unsigned)cluster_random(cluster, 80));
		cluster_run(cluster, (int64_t)cluster_random(cluster, 600) * RUDP_NS_PER_MS);
	}
	cluster->is_log_down = false;
	cluster->loss_percent = 0;
	for (i = 0; i < 3; i++) {
		cluster->nodes[i].is_apart = false;
		if (!cluster->nodes[i].model)
			cluster_start(cluster, i);
	}
	cluster_run(cluster, 60 * RUDP_NS_PER_S);
	for (i = 0; i < 3; i++)
		cr_assert(cluster_is_live(cluster, i), "seed %lu: node %u", (unsigned long)seed, i);
	end(cluster);
}

Test(cluster_accounts, random_faults_leave_equal_accounts)
{
	uint64_t seed;

	for (seed = 1; seed <= 40; seed++)
		run_story(seed);
}
