/* SPDX-License-Identifier: MIT */
/* One connection between two names at a time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/connection_tuples.h"

static struct rudp_pair *table;

static struct rudp_addr address(const char *text)
{
	struct rudp_addr a;

	cr_assert(zero(int, rudp_addr_parse(&a, text)));
	return a;
}

static bool taken(const char *local, const char *remote)
{
	const struct rudp_addr l = address(local), r = address(remote);

	return rudp_pair_is_taken(table, &l, &r);
}

static void add(struct rudp_pair *pair, const char *local, const char *remote)
{
	const struct rudp_addr l = address(local), r = address(remote);

	rudp_pair_add(&table, pair, &l, &r);
}

Test(pairs, a_pair_is_taken_until_its_owner_goes)
{
	struct rudp_pair pair = {0};

	cr_assert(not(taken("127.0.0.1:5000", "127.0.0.1:80")));
	add(&pair, "127.0.0.1:5000", "127.0.0.1:80");
	cr_assert(taken("127.0.0.1:5000", "127.0.0.1:80"));
	rudp_pair_remove(&table, &pair);
	cr_assert(not(taken("127.0.0.1:5000", "127.0.0.1:80")));
	rudp_pair_remove(&table, &pair);
}

Test(pairs, either_name_another_is_another_pair)
{
	struct rudp_pair pair = {0};

	add(&pair, "127.0.0.1:5000", "127.0.0.1:80");
	cr_assert(not(taken("127.0.0.1:5001", "127.0.0.1:80")));
	cr_assert(not(taken("127.0.0.2:5000", "127.0.0.1:80")));
	cr_assert(not(taken("127.0.0.1:5000", "127.0.0.1:81")));
	cr_assert(not(taken("127.0.0.1:80", "127.0.0.1:5000")));
	cr_assert(not(taken("[::1]:5000", "[::1]:80")));
	rudp_pair_remove(&table, &pair);
}

Test(pairs, new_names_take_the_place_of_the_old)
{
	struct rudp_pair pair = {0};

	add(&pair, "127.0.0.1:5000", "127.0.0.1:80");
	add(&pair, "127.0.0.1:5001", "127.0.0.1:80");
	cr_assert(not(taken("127.0.0.1:5000", "127.0.0.1:80")));
	cr_assert(taken("127.0.0.1:5001", "127.0.0.1:80"));
	rudp_pair_remove(&table, &pair);
	cr_assert(not(taken("127.0.0.1:5001", "127.0.0.1:80")));
}

Test(pairs, of_two_alike_one_is_left_when_the_other_goes)
{
	struct rudp_pair first = {0}, second = {0};

	add(&first, "[::1]:5000", "[::1]:80");
	add(&second, "[::1]:5000", "[::1]:80");
	rudp_pair_remove(&table, &first);
	cr_assert(taken("[::1]:5000", "[::1]:80"));
	rudp_pair_remove(&table, &second);
	cr_assert(not(taken("[::1]:5000", "[::1]:80")));
}
