/* SPDX-License-Identifier: MIT */
/* The audit log, reports of users, and server notices. The store is a mock. */
#include <errno.h>
#include <stdio.h>

#include "conversation/model_fixture.h"

#define DAY_NS (86400 * RUDP_NS_PER_S)

static struct fixture w;
static char kept[400]; /* the last record of the audit log */

static void on_record(void *of, const struct apo_registry_record *record)
{
	(void)of;
	if (record->kind == APO_REGISTRY_AUDIT || record->kind == APO_REGISTRY_AUDIT_GONE)
		snprintf(kept, sizeof kept, "%s %ld %s %s: %s",
			 record->kind == APO_REGISTRY_AUDIT ? "audit" : "gone",
			 (long)record->number, record->list, record->name, record->reason);
}

static void become_operator(unsigned i)
{
	fixture_say(&w, i, "OPER root h");
	fixture_answer(&w, APO_CHECKED_RIGHT, NULL);
	fixture_forget(&w);
}

/* root (client 0) is an operator, entry 1; eve (client 1) and fay (client 2) are not. */
static void begin(void)
{
	static const struct apo_operator operators[] = {
		{.name = "root", .password_hash = "h"},
		{.name = "far", .password_hash = "h", .mask = "*@far.example"}};

	fixture_init(&w);
	w.calls.keep_record = on_record;
	w.config.operators = operators;
	w.config.operator_count = 2;
	/* The server must not ping these clients: tests wait for days. */
	w.mocks[0].reports_end = w.mocks[1].reports_end = w.mocks[2].reports_end = true;
	fixture_start(&w);
	fixture_join(&w, 0, "root", NULL);
	fixture_join(&w, 1, "eve", NULL);
	fixture_join(&w, 2, "fay", NULL);
	become_operator(0);
	kept[0] = '\0';
}

TestSuite(audit, .init = begin, .fini = fixture_fini);

#define NOTES(text) HEARS_LIKE(&w, 0, ":irc.example NOTICE root :" text)
#define SAYS(line, text)                                                                           \
	do {                                                                                       \
		fixture_say(&w, 0, "%s", line);                                                    \
		NOTES(text);                                                                       \
	} while (0)

/* ---- the log ---- */

Test(audit, operators_read_what_was_done)
{
	fixture_say(&w, 0, "KILL fay :spam");
	cr_assert(eq(str, kept, (char *)"audit 2 closed kill: fay by root: spam"));
	cr_assert(eq(str, w.logged, (char *)"kill: fay by root: spam"));
	fixture_say(&w, 0, "CHGHOST eve new.example");
	fixture_say(&w, 0, "JOIN #a");
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 0, "KICK #a eve :out");
	fixture_forget(&w);
	SAYS("AUDIT", "#1 2023-11-14T22:13:20.000Z oper: root as root");
	NOTES("#2 2023-11-14T22:13:20.000Z kill: fay by root: spam");
	NOTES("#3 * chghost: eve to new.example by root");
	NOTES("#4 * kick: eve from #a by root: out");
	NOTES("End of the audit log: 4");
	SAYS("AUDIT *by?root 2", "#3 *");
	NOTES("#4 *");
	NOTES("End of the audit log: 2");
	SAYS("AUDIT nothing", "End of the audit log: 0");
	fixture_say(&w, 1, "AUDIT");
	HEARS_LIKE(&w, 1, "* 481 eve *");
}

Test(audit, a_kick_by_a_channels_operator_is_no_entry)
{
	fixture_say(&w, 1, "JOIN #a");
	fixture_say(&w, 2, "JOIN #a");
	fixture_say(&w, 1, "KICK #a fay");
	cr_assert(eq(str, kept, (char *)""));
}

Test(audit, failed_oper_has_entries_but_only_some_from_one_address)
{
	unsigned i;

	fixture_say(&w, 1, "OPER far x");
	cr_assert(eq(str, kept,
		     (char *)"audit 2 closed oper-failed: eve as far address=192.0.2.1 "
			     "reason=host"));
	for (i = 0; i < 20; i++)
		fixture_say(&w, 1, "OPER far x");
	cr_assert(eq(str, kept,
		     (char *)"audit 6 closed oper-failed: eve as far address=192.0.2.1 "
			     "reason=host"));
	fixture_say(&w, 2, "OPER a:b x");
	cr_assert(eq(str, kept,
		     (char *)"audit 7 closed oper-failed: fay as * address=192.0.2.2 "
			     "reason=unknown"));
	fixture_say(&w, 2, "OPER root x");
	fixture_answer(&w, APO_CHECKED_WRONG, NULL);
	cr_assert(eq(str, kept,
		     (char *)"audit 8 closed oper-failed: fay as root address=192.0.2.2 "
			     "reason=password"));
}

Test(audit, the_oldest_entry_goes_at_the_limit)
{
	w.config.audit_max = 2;
	fixture_say(&w, 0, "CHGHOST eve a.example");
	fixture_say(&w, 0, "CHGHOST eve b.example");
	fixture_forget(&w);
	SAYS("AUDIT", "#2 *");
	NOTES("#3 *");
	NOTES("End *");
	w.config.audit_max = 0;
	fixture_say(&w, 0, "CHGHOST eve c.example");
	cr_assert(eq(str, kept, (char *)"gone 3 closed chghost: eve to b.example by root"));
	cr_assert(eq(str, w.logged, (char *)"chghost: eve to c.example by root"));
}

Test(audit, old_entries_go)
{
	w.config.audit_age_ns = 2 * DAY_NS;
	fixture_wait(&w, DAY_NS);
	fixture_say(&w, 0, "WALLOPS :still here");
	fixture_say(&w, 0, "CHGHOST root b.example");
	fixture_wait(&w, DAY_NS - 1);
	cr_assert(eq(str, kept, (char *)"audit 2 closed chghost: root to b.example by root"));
	fixture_wait(&w, 1);
	cr_assert(eq(str, kept, (char *)"gone 1 closed oper: root as root"));
}

static int reads(int64_t number, const char *list, const char *action, const char *text)
{
	return apo_model_on_record(w.model,
				   &(struct apo_registry_record){.kind = APO_REGISTRY_AUDIT,
								 .number = number,
								 .list = list,
								 .name = action,
								 .reason = text,
								 .set_at_s = 1700000000});
}

Test(audit, records_of_the_store)
{
	cr_assert(eq(int, reads(7, "open", "report", "x"), 0));
	cr_assert(eq(int, reads(7, "open", "report", "x"), -EINVAL));
	cr_assert(eq(int, reads(8, "open", "two words", "x"), -EINVAL));
	cr_assert(eq(int, reads(8, NULL, "kill", "x"), -EINVAL));
	cr_assert(eq(int, reads(9, "closed", "kill", "x"), 0));
	cr_assert(eq(str, kept, (char *)""));
	fixture_say(&w, 0, "CHGHOST eve a.example");
	cr_assert(eq(str, kept, (char *)"audit 10 closed chghost: eve to a.example by root"));
	SAYS("REPORTS", "#7 * report: x");
	NOTES("End of the open reports: 1");
}

/* ---- reports ---- */

Test(audit, a_report_reaches_operators_and_is_closed)
{
	fixture_say(&w, 1, "REPORT fay he sends me spam");
	HEARS(&w, 1, ":irc.example NOTICE eve :The operators of the server have your report: #2");
	NOTES("??? report: fay!~fay@host2.example address=192.0.2.2 account=* by *");
	cr_assert(eq(str, kept,
		     (char *)"audit 2 open report: fay!~fay@host2.example address=192.0.2.2 "
			     "account=* by eve!~eve@host1.example address=192.0.2.1 account=*: he "
			     "sends me spam"));
	QUIET(&w, 2);
	fixture_say(&w, 1, "REPORT 17c-2a :insult");
	fixture_forget(&w);
	SAYS("REPORTS", "#2 * he sends me spam");
	NOTES("#3 * report: msgid=17c-2a by *: insult");
	NOTES("End of the open reports: 2");
	fixture_say(&w, 0, "REPORTS CLOSE #2 :warned");
	NOTES("*report-closed: #2 by root: warned");
	NOTES("Closed: #2");
	SAYS("REPORTS CLOSE 2", "There is no such open report");
	SAYS("REPORTS LIST", "#3 *");
	NOTES("End of the open reports: 1");
	SAYS("REPORTS CLOSE", "LIST, or CLOSE*");
}

Test(audit, reports_are_limited)
{
	unsigned i;

	ANSWERS(&w, 1, "REPORT nobody spam",
		":irc.example NOTICE eve :There is no such user, and it is no msgid");
	ANSWERS(&w, 1, "REPORT fay", ":irc.example 461 eve REPORT :Not enough parameters");
	for (i = 0; i < 5; i++)
		fixture_say(&w, 1, "REPORT fay spam");
	fixture_forget(&w);
	ANSWERS(&w, 1, "REPORT fay spam",
		":irc.example NOTICE eve :Too many reports from your address; try again later");
	fixture_wait(&w, 600 * RUDP_NS_PER_S);
	fixture_forget(&w);
	w.config.reports_max = 5;
	ANSWERS(&w, 1, "REPORT fay spam",
		":irc.example NOTICE eve :There are too many reports; try again later");
	fixture_say(&w, 0, "REPORTS CLOSE 2");
	fixture_forget(&w);
	fixture_say(&w, 1, "REPORT fay spam");
	HEARS_LIKE(&w, 1, "*have your report*");
}

/* Open reports stay when the log is full. */
Test(audit, an_open_report_outlives_other_entries)
{
	w.config.audit_max = 2;
	fixture_say(&w, 1, "REPORT fay spam");
	fixture_say(&w, 0, "CHGHOST eve a.example");
	fixture_say(&w, 0, "CHGHOST eve b.example");
	fixture_forget(&w);
	SAYS("AUDIT", "#2 * report: *");
	NOTES("#4 * chghost: eve to b.example by root");
}

/* ---- server notices ---- */

Test(audit, operators_choose_their_notices)
{
	fixture_say(&w, 0, "MODE root");
	HEARS(&w, 0, ":irc.example 221 root +os");
	fixture_say(&w, 0, "MODE root +s +ck-r");
	HEARS(&w, 0, ":irc.example 008 root +ck :Server notice mask");
	QUIET(&w, 0);
	fixture_join(&w, 4, "new", NULL);
	fixture_say(&w, 0, "MODE root +s -c");
	HEARS(&w, 0, ":irc.example 008 root +k :Server notice mask");
	fixture_say(&w, 1, "REPORT fay spam");
	fixture_say(&w, 0, "KILL fay :x");
	NOTES("??? kill: fay by root: x");
	QUIET(&w, 0);
	fixture_say(&w, 0, "MODE root +s");
	HEARS(&w, 0, ":irc.example 008 root +bfkors :Server notice mask");
	fixture_say(&w, 0, "MODE root -s");
	HEARS(&w, 0, ":root MODE root :-s");
	fixture_say(&w, 0, "KILL new :x");
	QUIET(&w, 0);
	fixture_say(&w, 1, "MODE eve +s c");
	fixture_say(&w, 1, "MODE eve");
	fixture_forget(&w);
	fixture_join(&w, 5, "late", NULL);
	QUIET(&w, 1);
}

Test(audit, connections_and_floods_are_told)
{
	fixture_say(&w, 0, "MODE root +s cf");
	fixture_forget(&w);
	fixture_connect(&w, 4);
	fixture_say(&w, 4, "NICK new");
	fixture_say(&w, 4, "USER new 0 * :Real");
	NOTES("??? connect: new!~new@host4.example address=192.0.2.4 account=?");
	fixture_close(&w, 4, "Excess Flood");
	NOTES("??? flood: new!~new@host4.example address=192.0.2.4 (Excess Flood)");
	NOTES("??? quit: new!~new@host4.example address=192.0.2.4 (Excess Flood)");
	fixture_connect(&w, 4);
	fixture_close(&w, 4, "Connection reset by peer");
	QUIET(&w, 0);
}

Test(audit, an_operator_who_leaves_or_resigns_gets_none)
{
	fixture_say(&w, 0, "MODE root +s *");
	become_operator(1);
	become_operator(2);
	fixture_say(&w, 0, "MODE root -o");
	HEARS_LIKE(&w, 0, "*");
	fixture_close(&w, 2, "gone");
	fixture_forget(&w);
	fixture_say(&w, 0, "REPORT eve spam");
	HEARS_LIKE(&w, 0, "*have your report*");
	QUIET(&w, 0);
	HEARS_LIKE(&w, 1, "*report: eve*");
}

Test(audit, a_hand_over_keeps_the_log_and_the_notices)
{
	fixture_say(&w, 0, "MODE root +s kb");
	fixture_say(&w, 1, "REPORT fay spam");
	kept[0] = '\0';
	fixture_hand_over(&w);
	fixture_forget(&w);
	cr_assert(eq(str, kept, (char *)""));
	SAYS("REPORTS", "#2 *");
	NOTES("End *");
	fixture_say(&w, 0, "KILL eve :x");
	cr_assert(eq(str, kept, (char *)"audit 3 closed kill: eve by root: x"));
	NOTES("*kill: eve*");
}
