/* SPDX-License-Identifier: MIT */
/* Policies are parsed as a whole; errors are reported with line and column. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "engine/config/policy.h"
#include "policies.h"

Test(policy, tells_whether_a_rule_names_programs)
{
	static const struct {
		const char *environment, *file;
		bool names;
	} cases[] = {{"", "", false},
		     {"connect port 80 use tcp", "any use rudp", false},
		     {"connect program curl use tcp", "", true},
		     {"", "any use tcp; listen program nginx use rudp", true}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rudp_policy *policy = policy_make(cases[i].environment, cases[i].file);

		cr_assert(eq(int, rudp_policy_settings(policy)->names_programs, cases[i].names),
			  "case %zu", i);
		rudp_policy_free(policy);
	}
}

static unsigned line_for(const char *text, enum rudp_direction direction, const char *address,
			 const char *program, const char *executable)
{
	struct rudp_policy *policy = policy_make("", text);
	struct rudp_decision decision = policy_ask(policy, direction, address, program, executable);

	rudp_policy_free(policy);
	return decision.line;
}

#define STATEMENT "expected connect, listen, any or set"
#define SELECTOR "expected to, on, address, port, program or use"
#define WAY "expected rudp, tcp or auto"
#define END "expected the end of the line or ';'"
#define CONDITION "expected early, peer, allow, require, the end of the line or ';'"
#define SETTING                                                                                    \
	"expected head-start, remember, udp-port, resume, tail, early, identity, known-hosts, "    \
	"authorized-keys, first-contact or removed-peers"
#define HEAD_START "is not a duration from 0ms to 10s (as in 250ms, 2s)"
#define REMEMBER "is not a duration up to 24h (as in 30s, 10min, 1h; 0 for none)"
#define NOT_ADDRESS "is not an IPv4 or IPv6 address (host names are not allowed)"

static const struct wrong_policy statements[] = {
	{"conect use tcp", "p:1:1: found 'conect', " STATEMENT},
	{"Connect use tcp", "p:1:1: found 'Connect', " STATEMENT},
	{"\n\n  conect", "p:3:3: found 'conect', " STATEMENT},
	{"any use tcp;; use", "p:1:15: found 'use', " STATEMENT},
	{"# connect\n\tuse", "p:2:2: found 'use', " STATEMENT},
	{"any use tcp # ; x\nx", "p:2:1: found 'x', " STATEMENT},
	{"any use tcp\r\nx\r\n", "p:2:1: found 'x', " STATEMENT},
	{"\x01x\xff", "p:1:1: found '?x?', " STATEMENT},
	{"any", "p:1:4: found the end of the statement, " SELECTOR},
	{"any ;", "p:1:5: found the end of the statement, " SELECTOR},
	{"any # use tcp", "p:1:5: found the end of the statement, " SELECTOR},
	{"any\nuse tcp", "p:1:4: found the end of the statement, " SELECTOR},
	{"any from 1.2.3.4 use tcp", "p:1:5: found 'from', " SELECTOR},
	{"any use", "p:1:8: found the end of the statement, " WAY},
	{"any use;tcp", "p:1:8: found the end of the statement, " WAY},
	{"any use udp", "p:1:9: found 'udp', " WAY},
	{"any use TCP", "p:1:9: found 'TCP', " WAY},
	{"any use tcp tcp", "p:1:13: found 'tcp', " CONDITION},
	{"any use tcp, any use tcp", "p:1:9: found 'tcp,', " WAY},
	{"any use rudp earl", "p:1:14: found 'earl', " CONDITION},
	{"any use rudp early early", "p:1:20: 'early' is repeated"},
	{"any use auto early", "p:1:14: 'early' goes with 'use rudp' only"},
	{"listen use tcp early", "p:1:16: 'early' goes with 'use rudp' only"},
	{"any early use rudp", "p:1:5: found 'early', " SELECTOR},
	{"set remember 0 0", "p:1:16: found '0', " END},
	{"any to", "p:1:7: found the end of the statement, expected an address"},
	{"any port ;", "p:1:10: found the end of the statement, expected a port or a range "
		       "of ports"},
	{"any program\n", "p:1:12: found the end of the statement, expected the name of a "
			  "program"},
	{"any port 1 port 2 use tcp",
	 "p:1:12: 'port' is repeated: the rule has a port or a range of ports already"},
	{"any program a program b use tcp",
	 "p:1:15: 'program' is repeated: the rule has the name of a program already"},
	{"any to 1.1.1.1 on 1.1.1.1 use tcp",
	 "p:1:16: 'on' is repeated: the rule has an address already"},
	{"any address 1.1.1.1 to 1.1.1.1 use tcp",
	 "p:1:21: 'to' is repeated: the rule has an address already"},
};

static const struct wrong_policy words[] = {
	{"any to example.org use tcp", "p:1:8: 'example.org' " NOT_ADDRESS},
	{"any to localhost/8 use tcp", "p:1:8: 'localhost' " NOT_ADDRESS},
	{"any to 1.2.3 use tcp", "p:1:8: '1.2.3' " NOT_ADDRESS},
	{"any to 1.2.3.256 use tcp", "p:1:8: '1.2.3.256' " NOT_ADDRESS},
	{"any to 1.2.3.4:80 use tcp", "p:1:8: '1.2.3.4:80' " NOT_ADDRESS},
	{"any to [::1] use tcp", "p:1:8: '[::1]' " NOT_ADDRESS},
	{"any to fe80::1%eth0 use tcp", "p:1:8: 'fe80::1%eth0' " NOT_ADDRESS},
	{"any to /8 use tcp", "p:1:8: '' " NOT_ADDRESS},
	{"any to 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef use tcp",
	 "p:1:8: '0123456789abcdef0123456789abcdef0123456789abcdef0123456789...' " NOT_ADDRESS},
	{"any to 10.0.0.0/ use tcp", "p:1:17: '' is not a prefix length from 0 to 32"},
	{"any to 10.0.0.0/33 use tcp", "p:1:17: '33' is not a prefix length from 0 to 32"},
	{"any to 10.0.0.0/8x use tcp", "p:1:17: '8x' is not a prefix length from 0 to 32"},
	{"any to 10.0.0.0/-1 use tcp", "p:1:17: '-1' is not a prefix length from 0 to 32"},
	{"any to 10.0.0.0/4294967304 use tcp",
	 "p:1:17: '4294967304' is not a prefix length from 0 to 32"},
	{"any to 0.0.0.0/0000000008 use tcp",
	 "p:1:16: '0000000008' is not a prefix length from 0 to 32"},
	{"any to ::/129 use tcp", "p:1:11: '129' is not a prefix length from 0 to 128"},
	{"any to 10.1.2.3/8 use tcp",
	 "p:1:8: '10.1.2.3/8' has bits beyond its prefix; the network is 10.0.0.0/8"},
	{"any to 10.1.2.3/31 use tcp",
	 "p:1:8: '10.1.2.3/31' has bits beyond its prefix; the network is 10.1.2.2/31"},
	{"any to 10.1.2.3/0 use tcp",
	 "p:1:8: '10.1.2.3/0' has bits beyond its prefix; the network is 0.0.0.0/0"},
	{"any to fd00::1/64 use tcp",
	 "p:1:8: 'fd00::1/64' has bits beyond its prefix; the network is fd00::/64"},
	{"any to ::ffff:10.1.2.3/104 use tcp",
	 "p:1:8: '::ffff:10.1.2.3/104' has bits beyond its prefix; the network is "
	 "::ffff:10.0.0.0/104"},
	{"any port 0 use tcp", "p:1:10: '0' is not a port from 1 to 65535"},
	{"any port 65536 use tcp", "p:1:10: '65536' is not a port from 1 to 65535"},
	{"any port http use tcp", "p:1:10: 'http' is not a port from 1 to 65535"},
	{"any port -5 use tcp", "p:1:10: '' is not a port from 1 to 65535"},
	{"any port 5- use tcp", "p:1:12: '' is not a port from 1 to 65535"},
	{"any port 5-0 use tcp", "p:1:12: '0' is not a port from 1 to 65535"},
	{"any port 5-70000 use tcp", "p:1:12: '70000' is not a port from 1 to 65535"},
	{"any port 5-6-7 use tcp", "p:1:12: '6-7' is not a port from 1 to 65535"},
	{"any port 9-8 use tcp", "p:1:10: the range '9-8' ends before it begins"},
	{"any program /usr/bin/curl use tcp",
	 "p:1:13: '/usr/bin/curl': a program is named without its directory"},
	{"any program bin/curl use tcp",
	 "p:1:16: 'bin/curl': a program is named without its directory"},
	{"any program 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef use tcp",
	 "p:1:13: '0123456789abcdef0123456789abcdef0123456789abcdef0123456789...' is longer than "
	 "63 "
	 "characters"},
};

static const struct wrong_policy settings[] = {
	{"set", "p:1:4: found the end of the statement, " SETTING},
	{"set headstart 1s", "p:1:5: found 'headstart', " SETTING},
	{"set head-start", "p:1:15: found the end of the statement, expected a value"},
	{"set head-start 250", "p:1:16: '250' " HEAD_START},
	{"set head-start 10001ms", "p:1:16: '10001ms' " HEAD_START},
	{"set head-start 11s", "p:1:16: '11s' " HEAD_START},
	{"set head-start 1min", "p:1:16: '1min' " HEAD_START},
	{"set head-start 1.5s", "p:1:16: '1.5s' " HEAD_START},
	{"set head-start -1s", "p:1:16: '-1s' " HEAD_START},
	{"set head-start ms", "p:1:16: 'ms' " HEAD_START},
	{"set head-start 1S", "p:1:16: '1S' " HEAD_START},
	{"set head-start 9999999999ms", "p:1:16: '9999999999ms' " HEAD_START},
	{"set remember 10", "p:1:14: '10' " REMEMBER},
	{"set remember 10ms", "p:1:14: '10ms' " REMEMBER},
	{"set remember 25h", "p:1:14: '25h' " REMEMBER},
	{"set remember 1441min", "p:1:14: '1441min' " REMEMBER},
	{"set remember off", "p:1:14: 'off' " REMEMBER},
	{"set udp-port 0", "p:1:14: '0' is not a port from 1 to 65535"},
	{"set udp-port 65536", "p:1:14: '65536' is not a port from 1 to 65535"},
	{"set resume", "p:1:11: found the end of the statement, expected a value"},
	{"set resume 1", "p:1:12: '1' is not on or off"},
	{"set resume o", "p:1:12: 'o' is not on or off"},
	{"set resume on1", "p:1:12: 'on1' is not on or off"},
	{"set tail", "p:1:9: found the end of the statement, expected a value"},
	{"set tail 1", "p:1:10: '1' is not on or off"},
	{"set tail offf", "p:1:10: 'offf' is not on or off"},
	{"set early", "p:1:10: found the end of the statement, expected a value"},
	{"set early yes", "p:1:11: 'yes' is not on or off"},
	{"set tail on; set resume on; set tail off",
	 "p:1:33: 'tail' is set a second time (first in line 1)"},
	{"set remember on", "p:1:14: 'on' " REMEMBER},
	{"set udp-port 1s", "p:1:14: '1s' is not a port from 1 to 65535"},
	{"set udp-port 1\nset remember 0; set udp-port 1",
	 "p:2:21: 'udp-port' is set a second time (first in line 1)"},
};

Test(policy, a_wrong_statement_is_reported_with_its_position)
{
	policy_expect_faults(statements, sizeof statements / sizeof statements[0]);
}

Test(policy, a_wrong_address_port_or_program_is_reported_with_its_position)
{
	policy_expect_faults(words, sizeof words / sizeof words[0]);
}

Test(policy, a_wrong_setting_is_reported_with_its_position)
{
	policy_expect_faults(settings, sizeof settings / sizeof settings[0]);
}

Test(policy, a_zero_byte_is_a_character_like_others)
{
	static const char text[] = "any use tcp\0 any use rudp";
	static const char program[] = "any program a\0b use tcp";
	struct rudp_policy *policy = rudp_policy_new();

	cr_assert(not(rudp_policy_parse(policy, false, text, sizeof text - 1, "p", policy_error)));
	cr_assert(eq(str, policy_error, "p:1:9: found 'tcp?', " WAY));
	cr_assert(not(
		rudp_policy_parse(policy, false, program, sizeof program - 1, "p", policy_error)));
	cr_assert(eq(str, policy_error, "p:1:14: 'a?b': invalid character"));
	rudp_policy_free(policy);
}

Test(policy, more_rules_than_the_limit_are_refused)
{
	static char text[(RUDP_POLICY_RULES_MAX + 1) * 12 + 1];
	struct rudp_policy *policy = rudp_policy_new();
	size_t len = RUDP_POLICY_RULES_MAX * 12;

	for (unsigned i = 0; i <= RUDP_POLICY_RULES_MAX; i++)
		memcpy(text + i * 12, "any use tcp\n", 12);
	cr_assert(rudp_policy_parse(policy, false, text, len, "p", policy_error));
	cr_assert(not(rudp_policy_parse(policy, false, text, len + 12, "p", policy_error)));
	cr_assert(eq(str, policy_error, "p:1025:1: there are more than 1024 rules"));
	rudp_policy_free(policy);
}

Test(policy, a_line_beyond_the_limit_is_refused)
{
	static char text[RUDP_POLICY_LINES_MAX + 32];
	struct rudp_policy *policy = rudp_policy_new();

	memset(text, '\n', RUDP_POLICY_LINES_MAX);
	strcpy(text + RUDP_POLICY_LINES_MAX - 1, "any use tcp\n");
	cr_assert(rudp_policy_parse(policy, false, text, strlen(text), "p", policy_error));
	cr_assert(eq(u32, policy_ask(policy, CONNECT, "1.1.1.1:1", NULL, NULL).line, 65535));
	strcpy(text + RUDP_POLICY_LINES_MAX, "any use tcp\n");
	text[RUDP_POLICY_LINES_MAX - 1] = '\n';
	cr_assert(not(rudp_policy_parse(policy, false, text, strlen(text), "p", policy_error)));
	cr_assert(eq(str, policy_error, "p:65536:1: there are more than 65535 lines"));
	rudp_policy_free(policy);
}

Test(policy, the_first_rule_that_matches_decides)
{
	static const char text[] = "connect to 10.0.0.0/8 port 80 use rudp\n"
				   "connect to 10.0.0.0/8 use tcp\n"
				   "connect use auto; connect use tcp\n";
	struct rudp_policy *policy = policy_make("", text);
	struct rudp_decision decision = policy_ask(policy, CONNECT, "10.1.1.1:80", NULL, NULL);

	cr_assert(eq(int, decision.way, RUDP_WAY_RUDP));
	cr_assert(eq(u32, decision.line, 1));
	cr_assert(eq(str, (char *)decision.source, "f"));
	decision = policy_ask(policy, CONNECT, "10.1.1.1:81", NULL, NULL);
	cr_assert(eq(int, decision.way, RUDP_WAY_TCP));
	cr_assert(eq(u32, decision.line, 2));
	decision = policy_ask(policy, CONNECT, "11.1.1.1:80", NULL, NULL);
	cr_assert(eq(int, decision.way, RUDP_WAY_AUTO));
	cr_assert(eq(u32, decision.line, 3));
	cr_assert(zero(u32, policy_ask(policy, LISTEN, "10.1.1.1:80", NULL, NULL).line));
	rudp_policy_free(policy);
}

Test(policy, the_environment_takes_precedence_over_the_file)
{
	struct rudp_policy *policy = policy_make("connect port 80 use rudp; set head-start 1s",
						 "connect use tcp\n"
						 "set head-start 2s\nset remember 1h");
	struct rudp_decision decision = policy_ask(policy, CONNECT, "1.1.1.1:80", NULL, NULL);

	cr_assert(eq(int, decision.way, RUDP_WAY_RUDP));
	cr_assert(eq(str, (char *)decision.source, "RUDP_POLICY"));
	decision = policy_ask(policy, CONNECT, "1.1.1.1:81", NULL, NULL);
	cr_assert(eq(int, decision.way, RUDP_WAY_TCP));
	cr_assert(eq(i64, rudp_policy_settings(policy)->head_start_ns, RUDP_NS_PER_S));
	cr_assert(eq(i64, rudp_policy_settings(policy)->remember_ns, 3600 * RUDP_NS_PER_S));
	rudp_policy_free(policy);
}

Test(policy, the_default_depends_on_key_direction_and_port)
{
	static const struct {
		enum rudp_direction direction;
		const char *address;
		bool has_key;
		enum rudp_way way;
	} cases[] = {
		{CONNECT, "1.1.1.1:80", false, RUDP_WAY_AUTO},
		{CONNECT, "1.1.1.1:80", true, RUDP_WAY_RUDP},
		{CONNECT, "1.1.1.1:53", false, RUDP_WAY_TCP},
		{CONNECT, "[::1]:53", true, RUDP_WAY_TCP},
		{LISTEN, "0.0.0.0:80", false, RUDP_WAY_AUTO},
		{LISTEN, "0.0.0.0:80", true, RUDP_WAY_RUDP},
		{LISTEN, "0.0.0.0:53", false, RUDP_WAY_AUTO},
		{LISTEN, "0.0.0.0:53", true, RUDP_WAY_RUDP},
	};
	struct rudp_policy *policy = policy_make("", "any port 7 use tcp");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rudp_addr addr;
		struct rudp_policy_question question = {.direction = cases[i].direction,
							.addr = &addr,
							.has_key = cases[i].has_key};

		cr_assert(zero(int, rudp_addr_parse(&addr, cases[i].address)));
		cr_expect(eq(int, rudp_policy_decide(policy, &question).way, cases[i].way));
		cr_expect(zero(u32, rudp_policy_decide(policy, &question).line));
		cr_expect(eq(int, rudp_policy_decide(NULL, &question).way, cases[i].way));
	}
	rudp_policy_free(policy);
}

Test(policy, rules_override_the_defaults_for_port_53_and_keys)
{
	struct rudp_policy *policy = policy_make("", "connect port 53 use rudp; connect use auto");
	struct rudp_addr addr;
	struct rudp_policy_question question = {.addr = &addr, .has_key = true};

	rudp_addr_parse(&addr, "1.1.1.1:53");
	cr_assert(eq(int, rudp_policy_decide(policy, &question).way, RUDP_WAY_RUDP));
	rudp_addr_parse(&addr, "1.1.1.1:54");
	cr_assert(eq(int, rudp_policy_decide(policy, &question).way, RUDP_WAY_AUTO));
	rudp_policy_free(policy);
}

struct question {
	const char *rule;
	enum rudp_direction direction;
	const char *address, *program, *executable;
	bool matches;
};

static const struct question questions[] = {
	{"connect use tcp", CONNECT, "1.1.1.1:1", NULL, NULL, true},
	{"connect use tcp", LISTEN, "1.1.1.1:1", NULL, NULL, false},
	{"listen use tcp", CONNECT, "1.1.1.1:1", NULL, NULL, false},
	{"listen use tcp", LISTEN, "1.1.1.1:1", NULL, NULL, true},
	{"any use tcp", CONNECT, "1.1.1.1:1", NULL, NULL, true},
	{"any use tcp", LISTEN, "[::1]:0", NULL, NULL, true},
	{"any to 10.1.2.3 use tcp", CONNECT, "10.1.2.3:1", NULL, NULL, true},
	{"any to 10.1.2.3 use tcp", CONNECT, "10.1.2.2:1", NULL, NULL, false},
	{"any on 10.1.2.2/31 use tcp", LISTEN, "10.1.2.3:1", NULL, NULL, true},
	{"any on 10.1.2.2/31 use tcp", LISTEN, "10.1.2.4:1", NULL, NULL, false},
	{"any address 10.32.0.0/11 use tcp", CONNECT, "10.63.255.255:1", NULL, NULL, true},
	{"any address 10.32.0.0/11 use tcp", CONNECT, "10.64.0.0:1", NULL, NULL, false},
	{"any address 10.32.0.0/11 use tcp", CONNECT, "10.31.255.255:1", NULL, NULL, false},
	{"any to 0.0.0.0/0 use tcp", CONNECT, "255.1.2.3:1", NULL, NULL, true},
	{"any to 0.0.0.0/0 use tcp", CONNECT, "[2001:db8::1]:1", NULL, NULL, false},
	{"any to 0.0.0.0 use tcp", LISTEN, "0.0.0.0:1", NULL, NULL, true},
	{"any to 0.0.0.0 use tcp", LISTEN, "1.0.0.0:1", NULL, NULL, false},
	{"any to ::/0 use tcp", CONNECT, "[2001:db8::1]:1", NULL, NULL, true},
	{"any to ::/0 use tcp", CONNECT, "1.2.3.4:1", NULL, NULL, false},
	{"any to fe80::/10 use tcp", CONNECT, "[febf::1%3]:1", NULL, NULL, true},
	{"any to fe80::/10 use tcp", CONNECT, "[fec0::1]:1", NULL, NULL, false},
	{"any to ::1 use tcp", CONNECT, "[::1]:1", NULL, NULL, true},
	{"any to ::1 use tcp", CONNECT, "[::2]:1", NULL, NULL, false},
	{"any to ::ffff:10.0.0.0/104 use tcp", CONNECT, "10.9.9.9:1", NULL, NULL, true},
	{"any to ::ffff:10.0.0.0/104 use tcp", CONNECT, "11.9.9.9:1", NULL, NULL, false},
	{"any to ::ffff:0:0/96 use tcp", CONNECT, "200.9.9.9:1", NULL, NULL, true},
	{"any to ::ffff:1.2.3.4 use tcp", CONNECT, "1.2.3.4:1", NULL, NULL, true},
	{"any to 1.2.3.4 use tcp", CONNECT, "[::ffff:1.2.3.4]:1", NULL, NULL, true},
	{"any port 80 use tcp", CONNECT, "1.1.1.1:80", NULL, NULL, true},
	{"any port 80 use tcp", CONNECT, "1.1.1.1:81", NULL, NULL, false},
	{"any port 80-82 use tcp", CONNECT, "1.1.1.1:79", NULL, NULL, false},
	{"any port 80-82 use tcp", CONNECT, "1.1.1.1:80", NULL, NULL, true},
	{"any port 80-82 use tcp", CONNECT, "1.1.1.1:82", NULL, NULL, true},
	{"any port 80-82 use tcp", CONNECT, "1.1.1.1:83", NULL, NULL, false},
	{"any port 1-65535 use tcp", LISTEN, "1.1.1.1:0", NULL, NULL, false},
	{"any port 1-65535 use tcp", LISTEN, "1.1.1.1:65535", NULL, NULL, true},
	{"any program curl use tcp", CONNECT, "1.1.1.1:1", "curl", "curl", true},
	{"any program curl use tcp", CONNECT, "1.1.1.1:1", "curl", NULL, true},
	{"any program curl use tcp", CONNECT, "1.1.1.1:1", NULL, "curl", true},
	{"any program curl use tcp", CONNECT, "1.1.1.1:1", "CURL", "curly", false},
	{"any program curl use tcp", CONNECT, "1.1.1.1:1", NULL, NULL, false},
	{"any program * use tcp", CONNECT, "1.1.1.1:1", "", "", false},
	{"any program systemd-resolved use tcp", CONNECT, "1.1.1.1:1", "systemd-resolve",
	 "systemd-resolved", true},
	{"any program python3* use tcp", CONNECT, "1.1.1.1:1", "http", "python3.11", true},
	{"any program python3* use tcp", CONNECT, "1.1.1.1:1", "http", "python2.7", false},
	{"any program [xy]term? use tcp", CONNECT, "1.1.1.1:1", "yterm1", NULL, true},
	{"any program [xy]term? use tcp", CONNECT, "1.1.1.1:1", "zterm1", NULL, false},
	{"any program use use tcp", CONNECT, "1.1.1.1:1", "use", NULL, true},
	{"any program a to 1.1.1.1 port 1 use tcp", CONNECT, "1.1.1.1:1", "a", NULL, true},
	{"any program a to 1.1.1.1 port 1 use tcp", CONNECT, "1.1.1.1:2", "a", NULL, false},
	{"any program a to 1.1.1.1 port 1 use tcp", CONNECT, "1.1.1.2:1", "a", NULL, false},
	{"any program a to 1.1.1.1 port 1 use tcp", CONNECT, "1.1.1.1:1", "b", NULL, false},
};

Test(policy, a_rule_matches_when_all_its_selectors_do)
{
	for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
		const struct question *q = &questions[i];
		unsigned line =
			line_for(q->rule, q->direction, q->address, q->program, q->executable);

		cr_expect(eq(u32, line, q->matches), "%s: %s %s", q->rule, q->address, q->program);
	}
}

Test(policy, blanks_comments_and_line_ends_are_separators)
{
	static const char text[] =
		"\n ;;# nothing\r\n\tany\tport 1\tuse tcp#comment;any use tcp\r\n"
		";any port 2 use tcp;any port 3 use tcp ; # end";

	cr_assert(eq(u32, line_for(text, CONNECT, "1.1.1.1:1", NULL, NULL), 3));
	cr_assert(eq(u32, line_for(text, CONNECT, "1.1.1.1:2", NULL, NULL), 4));
	cr_assert(eq(u32, line_for(text, CONNECT, "1.1.1.1:3", NULL, NULL), 4));
	cr_assert(zero(u32, line_for(text, CONNECT, "1.1.1.1:4", NULL, NULL)));
}

Test(policy, settings_are_read_to_their_limits)
{
	struct rudp_policy *policy = policy_make("", "");

	cr_assert(eq(i64, rudp_policy_settings(policy)->head_start_ns, 250 * RUDP_NS_PER_MS));
	cr_assert(eq(i64, rudp_policy_settings(policy)->remember_ns, 600 * RUDP_NS_PER_S));
	cr_assert(zero(u16, rudp_policy_settings(policy)->udp_port));
	cr_assert(eq(i64, rudp_policy_settings(NULL)->head_start_ns, 250 * RUDP_NS_PER_MS));
	cr_assert(eq(i64, rudp_policy_settings(NULL)->remember_ns, 600 * RUDP_NS_PER_S));
	cr_assert(zero(u16, rudp_policy_settings(NULL)->udp_port));
	rudp_policy_free(policy);
	policy = policy_make("", "set head-start 10s;set remember 24h;set udp-port 65535");
	cr_assert(eq(i64, rudp_policy_settings(policy)->head_start_ns, 10 * RUDP_NS_PER_S));
	cr_assert(eq(i64, rudp_policy_settings(policy)->remember_ns, 86400 * RUDP_NS_PER_S));
	cr_assert(eq(u16, rudp_policy_settings(policy)->udp_port, 65535));
	rudp_policy_free(policy);
	policy = policy_make("", "set head-start 0ms;set remember 0;set udp-port 1");
	cr_assert(zero(i64, rudp_policy_settings(policy)->head_start_ns));
	cr_assert(zero(i64, rudp_policy_settings(policy)->remember_ns));
	cr_assert(eq(u16, rudp_policy_settings(policy)->udp_port, 1));
	rudp_policy_free(policy);
	policy = policy_make("", "set head-start 0;set remember 90s");
	cr_assert(zero(i64, rudp_policy_settings(policy)->head_start_ns));
	cr_assert(eq(i64, rudp_policy_settings(policy)->remember_ns, 90 * RUDP_NS_PER_S));
	rudp_policy_free(policy);
}

Test(policy, is_described_in_one_line)
{
	char text[RUDP_POLICY_TEXT_SIZE];
	struct rudp_policy *policy =
		policy_make("any use tcp", "listen use tcp;any use rudp;set remember 90min; "
					   "set udp-port 443");

	cr_assert(eq(
		str, rudp_policy_describe(policy, text, sizeof text),
		"1 rule in RUDP_POLICY, 2 rules in f; head-start 250ms, remember 90min, udp-port "
		"443"));
	rudp_policy_free(policy);
	policy = policy_make("set remember 0; set head-start 2s", "");
	cr_assert(rudp_policy_parse(policy, false, "", 0, "", policy_error));
	cr_assert(eq(str, rudp_policy_describe(policy, text, sizeof text),
		     "0 rules in RUDP_POLICY, no file; head-start 2s, remember off, udp-port "
		     "that of the connection"));
	rudp_policy_free(policy);
}

/* Values of one switch in the environment and in the file ("": not set), and the effective
 * value. */
static const struct {
	const char *environment, *file;
	bool on;
} switches[] = {{"", "", true}, {"off", "", false}, {"", "off", false}, {"on", "off", true}};

static struct rudp_policy *policy_with_switch(const char *name, size_t i)
{
	char environment[40] = "", file[40] = "";

	if (switches[i].environment[0])
		snprintf(environment, sizeof environment, "set %s %s", name,
			 switches[i].environment);
	if (switches[i].file[0])
		snprintf(file, sizeof file, "set %s %s", name, switches[i].file);
	return policy_make(environment, file);
}

Test(policy, resume_and_tail_are_on_unless_set_off)
{
	char text[RUDP_POLICY_TEXT_SIZE];

	cr_assert(all(rudp_policy_settings(NULL)->resume, rudp_policy_settings(NULL)->tail));
	for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
		struct rudp_policy *policy = policy_with_switch("resume", i);

		cr_assert(eq(int, rudp_policy_settings(policy)->resume, switches[i].on));
		cr_assert(rudp_policy_settings(policy)->tail);
		rudp_policy_describe(policy, text, sizeof text);
		cr_assert(eq(int, strstr(text, "resume off") == NULL, switches[i].on));
		rudp_policy_free(policy);
		policy = policy_with_switch("tail", i);
		cr_assert(eq(int, rudp_policy_settings(policy)->tail, switches[i].on));
		cr_assert(rudp_policy_settings(policy)->resume);
		rudp_policy_describe(policy, text, sizeof text);
		cr_assert(eq(int, strstr(text, ", tail off") == NULL, switches[i].on));
		rudp_policy_free(policy);
	}
}

Test(policy, a_rule_may_ask_for_early_data)
{
	struct rudp_policy *policy =
		policy_make("connect port 80 use rudp early; connect port 81 use rudp",
			    "any use rudp early # all");
	char text[RUDP_POLICY_TEXT_SIZE];

	cr_assert(policy_ask(policy, CONNECT, "1.2.3.4:80", "", "").early);
	cr_assert(eq(int, policy_ask(policy, CONNECT, "1.2.3.4:80", "", "").way, RUDP_WAY_RUDP));
	cr_assert(not(policy_ask(policy, CONNECT, "1.2.3.4:81", "", "").early));
	cr_assert(policy_ask(policy, LISTEN, "1.2.3.4:81", "", "").early);
	/* The rule asks for early data; the setting still forbids it. */
	cr_assert(not(rudp_policy_settings(policy)->early));
	rudp_policy_describe(policy, text, sizeof text);
	cr_assert(ne(ptr, strstr(text, ", early off: rules that say early need 'set early on'"),
		     NULL));
	rudp_policy_free(policy);
	policy = policy_make("any use rudp early; set early on", "");
	rudp_policy_describe(policy, text, sizeof text);
	cr_assert(eq(ptr, strstr(text, "early off"), NULL));
	rudp_policy_free(policy);
}

Test(policy, early_is_off_unless_set_on)
{
	static const struct {
		const char *environment, *file;
		bool on;
	} cases[] = {{"", "", false},
		     {"set early on", "", true},
		     {"", "set early on", true},
		     {"set early off", "set early on", false}};

	cr_assert(not(rudp_policy_settings(NULL)->early));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rudp_policy *policy = policy_make(cases[i].environment, cases[i].file);
		char text[RUDP_POLICY_TEXT_SIZE];

		cr_assert(eq(int, rudp_policy_settings(policy)->early, cases[i].on));
		rudp_policy_describe(policy, text, sizeof text);
		cr_assert(eq(int, strstr(text, ", early on") != NULL, cases[i].on));
		rudp_policy_free(policy);
	}
}

/* `rudp doctor` lists these rules: with a key they are the ones that allow clear text. */
Test(policy, rules_that_allow_clear_text_are_found_with_their_lines)
{
	struct rudp_policy *policy =
		policy_make("any use rudp; connect to 127.0.0.0/8 use tcp\nlisten port 80 use auto",
			    "connect to ::1 use tcp\nconnect to 10.0.0.0/8 use rudp\n\n"
			    "connect to 10.0.0.0/8 use tcp");
	struct rudp_decision rule;
	unsigned index = 0;

	cr_assert(rudp_policy_next_clear(policy, &index, &rule));
	cr_assert(all(eq(uint, rule.line, 2), eq(str, (char *)rule.source, "RUDP_POLICY")));
	cr_assert(eq(int, (int)rule.way, RUDP_WAY_AUTO));
	cr_assert(rudp_policy_next_clear(policy, &index, &rule));
	cr_assert(all(eq(uint, rule.line, 4), eq(str, (char *)rule.source, "f")));
	cr_assert(eq(int, (int)rule.way, RUDP_WAY_TCP));
	cr_assert(not(rudp_policy_next_clear(policy, &index, &rule)));
	rudp_policy_free(policy);
}
