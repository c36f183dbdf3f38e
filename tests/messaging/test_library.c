/* SPDX-License-Identifier: MIT */
/* The shared libraries as files: each exports what its public headers declare. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "shim/support.h"

static void shows_what_is_declared(const char *library, const char *header, const char *prefix)
{
	static char shown[OUTPUT_BYTES_MAX], declared[OUTPUT_BYTES_MAX];
	char command[1024];

	snprintf(command, sizeof command,
		 "nm -D --defined-only '%s' | awk '$2 == \"T\" { sub(/@.*/, \"\", $3); print $3 }' "
		 "| "
		 "LC_ALL=C sort",
		 in_build(library));
	cr_assert(eq(int, run(command, shown), 0));
	/* Only functions are followed by a parenthesis. */
	snprintf(command, sizeof command,
		 "cc -E -P -Icore/include -Imessaging/include %s | grep -oE '\\b%s_[a-z_]+\\(' | "
		 "tr -d '(' | LC_ALL=C sort -u",
		 header, prefix);
	cr_assert(eq(int, run(command, declared), 0));
	cr_assert(ne(str, declared, ""));
	cr_assert(eq(str, shown, declared));
}

/* Only functions, and the name of the version. */
static void shows_no_data(const char *library, const char *version)
{
	static char shown[OUTPUT_BYTES_MAX];
	char command[1024], line[64];

	snprintf(command, sizeof command,
		 "nm -D --defined-only '%s' | awk '$2 != \"T\" {print $3}'", in_build(library));
	snprintf(line, sizeof line, "%s\n", version);
	cr_assert(eq(int, run(command, shown), 0));
	cr_assert(eq(str, shown, line));
}

Test(library, librudp_exports_its_header)
{
	shows_what_is_declared("librudp.so", "core/include/rudp/rudp.h", "rudp");
	shows_no_data("librudp.so", "RUDP_0");
}

/* dispatch.h includes msg.h. */
Test(library, librudpmsg_exports_its_headers)
{
	shows_what_is_declared("librudpmsg.so", "messaging/include/rudp/dispatch.h", "rudpmsg");
	shows_no_data("librudpmsg.so", "RUDPMSG_0");
}

/* A program must have one copy of librudp only. */
Test(library, librudpmsg_needs_librudp_by_its_version)
{
	static char needed[OUTPUT_BYTES_MAX];
	char command[1024];

	snprintf(command, sizeof command, "readelf -d '%s' | grep -c 'NEEDED.*librudp\\.so\\.0'",
		 in_build("librudpmsg.so"));
	cr_assert(eq(int, run(command, needed), 0));
	snprintf(command, sizeof command, "readelf -d '%s' | grep -c 'SONAME.*librudpmsg\\.so\\.0'",
		 in_build("librudpmsg.so"));
	cr_assert(eq(int, run(command, needed), 0));
}
