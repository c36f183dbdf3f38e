/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/time.h"
#include "conversation/server/config_values.h"

static uint64_t number(const char *text)
{
	uint64_t value = 0;

	return apo_value_number(text, &value) ? UINT64_MAX : value;
}

static int64_t span(const char *text)
{
	int64_t value = 0;

	return apo_value_span(text, &value) ? -1 : value;
}

Test(values, numbers_have_units_of_1024)
{
	cr_assert(eq(u64, number("0"), 0));
	cr_assert(eq(u64, number("10000"), 10000));
	cr_assert(eq(u64, number("64k"), 65536));
	cr_assert(eq(u64, number("1M"), 1048576));
	cr_assert(eq(u64, number("2G"), UINT64_C(2) << 30));
}

Test(values, invalid_numbers_are_refused)
{
	static const char *const wrong[] = {"",
					    "-1",
					    "+1",
					    " 1",
					    "1 k",
					    "k",
					    "1kk",
					    "0x10",
					    "1.5",
					    "1K",
					    "99999999999999999999",
					    "9999999999999G"};
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		cr_assert(eq(u64, number(wrong[i]), UINT64_MAX), "%s", wrong[i]);
}

Test(values, spans_without_a_unit_are_seconds)
{
	cr_assert(eq(i64, span("90"), 90 * RUDP_NS_PER_S));
	cr_assert(eq(i64, span("90s"), 90 * RUDP_NS_PER_S));
	cr_assert(eq(i64, span("250ms"), 250 * RUDP_NS_PER_MS));
	cr_assert(eq(i64, span("5m"), 300 * RUDP_NS_PER_S));
	cr_assert(eq(i64, span("2h"), 7200 * RUDP_NS_PER_S));
	cr_assert(eq(i64, span("30d"), 30 * 86400 * RUDP_NS_PER_S));
	cr_assert(eq(i64, span("5 m"), -1));
	cr_assert(eq(i64, span("soon"), -1));
	cr_assert(eq(i64, span("999999999999d"), -1));
}

Test(values, yes_and_no_have_three_words_each)
{
	bool is = false;

	cr_assert(eq(ptr, (void *)apo_value_bool("Yes", &is), NULL));
	cr_assert(is);
	cr_assert(eq(ptr, (void *)apo_value_bool("off", &is), NULL));
	cr_assert(not(is));
	cr_assert(ne(ptr, (void *)apo_value_bool("maybe", &is), NULL));
}

static const char *address(const char *text)
{
	static char is[RUDP_ADDR_TEXT_SIZE];
	struct rudp_addr value;

	return apo_value_address(text, &value) ? "wrong" : rudp_addr_format(&value, is);
}

Test(values, a_port_alone_is_every_address)
{
	cr_assert(eq(str, (char *)address("6667"), "[::]:6667"));
	cr_assert(eq(str, (char *)address("*:6667"), "[::]:6667"));
	cr_assert(eq(str, (char *)address("127.0.0.1:6667"), "127.0.0.1:6667"));
	cr_assert(eq(str, (char *)address("[::1]:6697"), "[::1]:6697"));
	cr_assert(eq(str, (char *)address("localhost:6667"), "wrong"));
	cr_assert(eq(str, (char *)address("127.0.0.1:0"), "wrong"));
	cr_assert(eq(str, (char *)address("70000"), "wrong"));
	cr_assert(eq(str, (char *)address(""), "wrong"));
}

Test(values, keys_are_hexadecimal_and_of_their_length)
{
	uint8_t key[3];

	cr_assert(eq(ptr, (void *)apo_value_hex("0aFf10", key, 3), NULL));
	cr_assert(eq(u8, key[0], 0x0a));
	cr_assert(eq(u8, key[1], 0xff));
	cr_assert(eq(u8, key[2], 0x10));
	cr_assert(ne(ptr, (void *)apo_value_hex("0aff1", key, 3), NULL));
	cr_assert(ne(ptr, (void *)apo_value_hex("0aff1g", key, 3), NULL));
}
