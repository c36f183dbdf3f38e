/* SPDX-License-Identifier: MIT */
/* CAP LS with all capabilities that there can be, and the longest names. */
#include <string.h>

#include "conversation/told.h"

static struct fixture w;

static void begin(void)
{
	told_init(&w);
	w.config.sts_port = 65535;
	w.config.server_name = "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.gh2";
	cr_assert(eq(sz, strlen(w.config.server_name), 63));
	fixture_start(&w);
	fixture_connect(&w, 1);
	fixture_say(&w, 1, "NICK a23456789b23456789c23456789");
}

TestSuite(caps, .init = begin, .fini = fixture_fini);

Test(caps, all_names_fit_in_one_line)
{
	char *line;

	fixture_say(&w, 1, "CAP LS");
	line = fixture_next(&w, 1);
	cr_assert(ne(ptr, strstr(line, " LS :server-time "), NULL), "%s", line);
	cr_assert(ne(ptr, strstr(line, " draft/read-marker "), NULL), "%s", line);
	cr_assert(ne(ptr, strstr(line, " userhost-in-names"), NULL), "%s", line);
	QUIET(&w, 1);
}

Test(caps, with_values_they_need_two_lines)
{
	char *line;

	fixture_say(&w, 1, "CAP LS 302");
	line = fixture_next(&w, 1);
	cr_assert(ne(ptr, strstr(line, " LS * :server-time "), NULL), "%s", line);
	cr_assert(le(sz, strlen(line), 510));
	line = fixture_next(&w, 1);
	cr_assert(ne(ptr, strstr(line, " LS :"), NULL), "%s", line);
	cr_assert(ne(ptr, strstr(line, "sts=duration=2592000 "), NULL), "%s", line);
	cr_assert(ne(ptr, strstr(line, " userhost-in-names"), NULL), "%s", line);
	QUIET(&w, 1);
}
