/* SPDX-License-Identifier: MIT */
/* Which part of the host's memory connections may take. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config/memory_limit.h"

static char root[64];

/* A tree as of control groups: / has none of a limit, /a has one, /a/b another, /a/c has "max". */
static void put(const char *directory, const char *limit)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s%s", root, directory);
	mkdir(path, 0700);
	if (!limit)
		return;
	snprintf(path, sizeof path, "%s%s/memory.max", root, directory);
	file = fopen(path, "w");
	cr_assert(ne(ptr, file, NULL));
	fprintf(file, "%s\n", limit);
	fclose(file);
}

static void setup(void)
{
	snprintf(root, sizeof root, "/tmp/rudp-groups-XXXXXX");
	cr_assert(ne(ptr, mkdtemp(root), NULL));
	put("", NULL);
	put("/a", "4000000");
	put("/a/b", "9000000");
	put("/a/c", "max");
	put("/a/b/d", "1000000");
}

static void teardown(void)
{
	static const char *const names[] = {"/a/b/d", "/a/c", "/a/b", "/a", ""};
	char path[128];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s%s/memory.max", root, names[i]);
		unlink(path);
		snprintf(path, sizeof path, "%s%s", root, names[i]);
		cr_assert(zero(int, rmdir(path)));
	}
}

TestSuite(memory_limit, .init = setup, .fini = teardown);

Test(memory_limit, the_least_of_a_group_and_those_above_holds)
{
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/a\n", root), 4000000));
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/a/b\n", root), 4000000));
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/a/c\n", root), 4000000));
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/a/b/d\n", root), 1000000));
	cr_assert(eq(u64, rudp_memory_group_bytes("4:memory:/x\n0::/a/b/d\n", root), 1000000));
}

Test(memory_limit, a_container_finds_its_own_at_the_top)
{
	put("", "2000000");
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/\n", root), 2000000));
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/a\n", root), 2000000));
}

Test(memory_limit, where_nothing_says_so_there_is_none)
{
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/\n", root), UINT64_MAX));
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/nowhere\n", root), UINT64_MAX));
	cr_assert(eq(u64, rudp_memory_group_bytes("", root), UINT64_MAX));
	cr_assert(eq(u64, rudp_memory_group_bytes("4:memory:/a\n", root), UINT64_MAX));
	cr_assert(eq(u64, rudp_memory_group_bytes("0::a", root), UINT64_MAX));
	cr_assert(eq(u64, rudp_memory_group_bytes("0::/a\n", "/dev/null"), UINT64_MAX));
}

Test(memory_limit, connections_get_a_share)
{
	uint64_t bytes = rudp_memory_default_bytes();
	uint64_t host_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	cr_assert(ge(u64, bytes, RUDP_MEMORY_DEFAULT_MIN_BYTES));
	cr_assert(le(u64, bytes, host_bytes));
}
