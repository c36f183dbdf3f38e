/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/filter.h"
#include "proto/conn/conn.h"

static struct rudp_filter filter;
static char error[RUDP_FILTER_ERROR_SIZE];
static unsigned at;

static struct rudp_control_info some(void)
{
	struct rudp_control_info info = {.state = RUDP_STATE_ESTABLISHED, .pid = 42};

	rudp_addr_parse(&info.local, "10.1.2.3:40000");
	rudp_addr_parse(&info.remote, "[fd00::1:2]:80");
	strcpy(info.program, "nginx");
	return info;
}

static int match(const char *text, const struct rudp_control_info *info)
{
	if (!rudp_filter_parse(&filter, text, error, &at))
		cr_fatal("%s: column %u: %s", text, at + 1, error);
	return rudp_filter_match(&filter, info);
}

#define YES(text) cr_expect(eq(int, match(text, &info), 1), "%s", text)
#define NO(text) cr_expect(eq(int, match(text, &info), 0), "%s", text)
#define WRONG(text, column)                                                                        \
	do {                                                                                       \
		cr_expect(not(rudp_filter_parse(&filter, text, error, &at)), "%s", text);          \
		cr_expect(eq(uint, at + 1, column), "%s: %s", text, error);                        \
	} while (0)

Test(filter, nothing_lets_everything_pass)
{
	struct rudp_control_info info = some();

	YES("");
	YES("  ");
	cr_assert(not(filter.names_states));
}

Test(filter, ports_compare)
{
	struct rudp_control_info info = some();

	YES("dport = :80");
	YES("dport == 80");
	YES("dport eq :http");
	YES("dport=:80");
	NO("dport != :80");
	YES("sport > :1024");
	YES("sport >= 40000");
	NO("sport < 40000");
	YES("sport le 40000");
	NO("sport = :80");
}

Test(filter, addresses_with_prefix_and_port)
{
	struct rudp_control_info info = some();

	YES("src 10.0.0.0/8");
	YES("src = 10.1.2.3");
	YES("src 10.1.2.3:40000");
	NO("src 10.1.2.3:40001");
	NO("src != 10.0.0.0/8");
	NO("src 10.1.2.4/32");
	YES("src 10.1.2.4/29");
	YES("src 0.0.0.0/0");
	NO("dst 0.0.0.0/0");
	YES("dst fd00::/16");
	YES("dst [fd00::1:2]:80");
	YES("dst [fd00::]/64:80");
	NO("dst [fd00::]/64:81");
	YES("dst :80");
	YES("dst *:http");
	NO("dst *:81");
	NO("dst fe80::/10");
}

Test(filter, states_in_a_row_add_up_and_exclude_takes_away)
{
	struct rudp_control_info info = some();

	YES("state established");
	cr_assert(filter.names_states);
	YES("state listening state established");
	NO("state syn-sent");
	NO("exclude established");
	YES("exclude listening");
	NO("state all exclude established");
	YES("state connected");
	info.state = RUDP_STATE_LISTEN;
	NO("state connected");
	YES("state listening sport = :40000");
	info.state = 200;
	NO("state all");
}

Test(filter, words_join_with_the_usual_precedence)
{
	struct rudp_control_info info = some();

	YES("sport = 1 or dport = 80");
	NO("sport = 1 and dport = 80");
	NO("sport = 1 dport = 80");
	YES("sport = 1 and sport = 2 or dport = 80");
	NO("sport = 1 and ( sport = 2 or dport = 80 )");
	YES("not sport = 1 and dport = 80");
	NO("not (sport = 1 or dport = 80)");
	YES("! ! dport = 80");
	YES("state established (dport = 80 | dport = 443)");
	NO("state established && dport = 443");
}

Test(filter, transport_program_and_pid)
{
	struct rudp_control_info info = some();

	YES("transport rudp");
	NO("transport != rudp");
	NO("transport tcp");
	YES("program nginx");
	NO("program curl");
	YES("program != curl");
	YES("pid = 42");
	NO("pid 43");
}

Test(filter, what_is_wrong_is_told_with_its_place)
{
	WRONG("dport", 6);
	WRONG("dport 80", 7);
	WRONG("dport = :nosuchservice", 9);
	WRONG("dport = :65536", 9);
	WRONG("dport = ", 9);
	WRONG("src 10.0.0.0/33", 5);
	WRONG("src 10.0.0.0/", 5);
	WRONG("src 10.0.0", 5);
	WRONG("src [fd00::1", 5);
	WRONG("src 10.0.0.1:", 5);
	WRONG("src < 10.0.0.1", 7);
	WRONG("state", 6);
	WRONG("state nosuch", 7);
	WRONG("( dport = 80", 13);
	WRONG("dport = 80 )", 12);
	WRONG("dport = 80 or", 14);
	WRONG("not", 4);
	WRONG("transport pigeon", 11);
	WRONG("pid x", 5);
	WRONG("foo", 1);
}

Test(filter, too_long_and_too_deep_is_refused)
{
	char text[4096] = "";

	for (int i = 0; i < RUDP_FILTER_DEPTH_MAX + 1; i++)
		text[i] = '(';
	cr_assert(not(rudp_filter_parse(&filter, text, error, &at)));
	cr_assert(ne(ptr, strstr(error, "nested"), NULL), "%s", error);
	text[0] = 0;
	for (int i = 0; i < RUDP_FILTER_NODES_MAX; i++)
		strcpy(text + strlen(text), "pid 1 ");
	cr_assert(not(rudp_filter_parse(&filter, text, error, &at)));
	cr_assert(ne(ptr, strstr(error, "too long"), NULL), "%s", error);
}

/*
 * Any text made of these pieces is parsed or refused without harm, and a parsed filter can be
 * matched.
 */
Test(filter, any_text_is_harmless)
{
	static const char *const pieces[] = {
		"state", "established", "dport", "=", ":80", "src", "10.0.0.0/8", "(", ")",
		"or",    "and",         "not",   "!", "<",   "&",   "|",          "[", "]",
		"::/0",  "program",     "pid",   "1", "/",   ":",   "exclude",    "*", "",
	};
	struct rudp_control_info info = some();
	unsigned read = 0;

	srand(1);
	for (int i = 0; i < 50000; i++) {
		char text[256] = "";

		for (int words = rand() % 12; words > 0; words--) {
			strcpy(text + strlen(text),
			       pieces[(size_t)rand() % (sizeof pieces / sizeof pieces[0])]);
			if (rand() % 4)
				strcpy(text + strlen(text), " ");
		}
		if (rudp_filter_parse(&filter, text, error, &at)) {
			read++;
			(void)rudp_filter_match(&filter, &info);
		} else {
			cr_assert(le(sz, (size_t)at, strlen(text)));
		}
	}
	cr_assert(ge(uint, read, 101));
}
