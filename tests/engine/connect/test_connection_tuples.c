/* SPDX-License-Identifier: MIT */
/* One connection between two names at a time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/connect/connection_tuples.h"

static struct rudp_connection_tuple *table;

static struct rudp_addr address(const char *text)
{
	struct rudp_addr a;

	cr_assert(zero(int, rudp_addr_parse(&a, text)));
	return a;
}

static bool taken(const char *local, const char *remote)
{
	const struct rudp_addr l = address(local), r = address(remote);

	return rudp_connection_tuple_is_taken(table, &l, &r);
}

static void add(struct rudp_connection_tuple *tuple, const char *local, const char *remote)
{
	const struct rudp_addr l = address(local), r = address(remote);

	rudp_connection_tuple_add(&table, tuple, &l, &r);
}

Test(connection_tuples, a_tuple_is_taken_until_its_owner_goes)
{
	struct rudp_connection_tuple tuple = {0};

	cr_assert(not(taken("127.0.0.1:5000", "127.0.0.1:80")));
	add(&tuple, "127.0.0.1:5000", "127.0.0.1:80");
	cr_assert(taken("127.0.0.1:5000", "127.0.0.1:80"));
	rudp_connection_tuple_remove(&table, &tuple);
	cr_assert(not(taken("127.0.0.1:5000", "127.0.0.1:80")));
	rudp_connection_tuple_remove(&table, &tuple);
}

Test(connection_tuples, either_name_another_is_another_tuple)
{
	struct rudp_connection_tuple tuple = {0};

	add(&tuple, "127.0.0.1:5000", "127.0.0.1:80");
	cr_assert(not(taken("127.0.0.1:5001", "127.0.0.1:80")));
	cr_assert(not(taken("127.0.0.2:5000", "127.0.0.1:80")));
	cr_assert(not(taken("127.0.0.1:5000", "127.0.0.1:81")));
	cr_assert(not(taken("127.0.0.1:80", "127.0.0.1:5000")));
	cr_assert(not(taken("[::1]:5000", "[::1]:80")));
	rudp_connection_tuple_remove(&table, &tuple);
}

Test(connection_tuples, new_names_take_the_place_of_the_old)
{
	struct rudp_connection_tuple tuple = {0};

	add(&tuple, "127.0.0.1:5000", "127.0.0.1:80");
	add(&tuple, "127.0.0.1:5001", "127.0.0.1:80");
	cr_assert(not(taken("127.0.0.1:5000", "127.0.0.1:80")));
	cr_assert(taken("127.0.0.1:5001", "127.0.0.1:80"));
	rudp_connection_tuple_remove(&table, &tuple);
	cr_assert(not(taken("127.0.0.1:5001", "127.0.0.1:80")));
}

Test(connection_tuples, of_two_alike_one_is_left_when_the_other_goes)
{
	struct rudp_connection_tuple first = {0}, second = {0};

	add(&first, "[::1]:5000", "[::1]:80");
	add(&second, "[::1]:5000", "[::1]:80");
	rudp_connection_tuple_remove(&table, &first);
	cr_assert(taken("[::1]:5000", "[::1]:80"));
	rudp_connection_tuple_remove(&table, &second);
	cr_assert(not(taken("[::1]:5000", "[::1]:80")));
}
