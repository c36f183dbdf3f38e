/* SPDX-License-Identifier: MIT */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define LEN(array) (sizeof(array) / sizeof(array)[0])

static struct rudp_addr parsed(const char *text)
{
	struct rudp_addr addr;

	cr_assert(eq(int, rudp_addr_parse(&addr, text), 0), "%s", text);
	return addr;
}

Test(addr, text_survives_parsing_and_formatting)
{
	static const char *const texts[] = {
		"0.0.0.0:0",
		"1.2.3.4:80",
		"255.255.255.255:65535",
		"[::]:0",
		"[::1]:80",
		"[fe80::1%7]:443",
		"[fe80::1%4294967295]:443",
		"[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535",
	};
	char text[RUDP_ADDR_TEXT_SIZE];

	for (size_t i = 0; i < LEN(texts); i++) {
		struct rudp_addr addr = parsed(texts[i]);
		char *returned = rudp_addr_format(&addr, text);

		cr_assert(eq(ptr, returned, text));
		cr_assert(eq(str, text, (char *)texts[i]));
	}
}

Test(addr, refuses_text_that_is_not_an_address_and_port)
{
	static const char *const texts[] = {
		"",
		":",
		":80",
		"1.2.3.4",
		"1.2.3.4:",
		"1.2.3.4:65536",
		"1.2.3.4:-1",
		"1.2.3.4:+1",
		"1.2.3.4: 80",
		"1.2.3.4:80 ",
		"1.2.3.4:8o",
		"1.2.3.4:000080",
		"1.2.3:80",
		"1.2.3.256:80",
		"[1.2.3.4]:80",
		"::1:80",
		"[::1]",
		"[::1]80",
		"[]:80",
		"[:80",
		"]:80",
		"[::1:80",
		"::1]:80",
		"[::1%]:80",
		"[::1%lo]:80",
		"[::1%4294967296]:80",
		"[::g]:80",
		"localhost:80",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:0]:80",
	};
	struct rudp_addr addr, untouched;

	memset(&addr, 0x5a, sizeof addr);
	memset(&untouched, 0x5a, sizeof untouched);
	for (size_t i = 0; i < LEN(texts); i++) {
		cr_assert(eq(int, rudp_addr_parse(&addr, texts[i]), -EINVAL), "%s", texts[i]);
		cr_assert(eq(int, memcmp(&addr, &untouched, sizeof addr), 0), "%s", texts[i]);
	}
}

Test(addr, mapped_ipv6_becomes_ipv4)
{
	struct rudp_addr addr = parsed("[::ffff:10.1.2.3]:99");
	struct rudp_addr same = parsed("10.1.2.3:99");

	cr_assert(eq(int, addr.family, AF_INET));
	cr_assert(eq(int, rudp_addr_equal(&addr, &same), true));
}

Test(addr, mapped_sockaddr_becomes_ipv4)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(99)};
	struct rudp_addr addr;
	struct rudp_addr same = parsed("10.1.2.3:99");

	inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr);
	cr_assert(eq(int, rudp_addr_from_sockaddr(&addr, (struct sockaddr *)&in6, sizeof in6), 0));
	cr_assert(eq(int, rudp_addr_equal(&addr, &same), true));
	cr_assert(eq(sz, rudp_addr_len(&addr), sizeof(struct sockaddr_in)));
}

Test(addr, equal_addresses_are_equal_bytes)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(7)};
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(7), .sin6_flowinfo = 0xffff};
	struct rudp_addr a, b;

	memset(in4.sin_zero, 0xff, sizeof in4.sin_zero);
	memset(&a, 0xff, sizeof a);
	cr_assert(eq(int, rudp_addr_from_sockaddr(&a, (struct sockaddr *)&in4, sizeof in4), 0));
	b = parsed("0.0.0.0:7");
	cr_assert(eq(int, memcmp(&a, &b, sizeof a), 0));
	cr_assert(eq(int, rudp_addr_from_sockaddr(&a, (struct sockaddr *)&in6, sizeof in6), 0));
	b = parsed("[::]:7");
	cr_assert(eq(int, memcmp(&a, &b, sizeof a), 0));
}

Test(addr, takes_an_unaligned_sockaddr)
{
	struct rudp_addr from = parsed("[fe80::2%3]:5"), to;
	char bytes[sizeof from + 1];

	memcpy(bytes + 1, &from, sizeof from);
	cr_assert(eq(int,
		     rudp_addr_from_sockaddr(&to, (const void *)(bytes + 1), rudp_addr_len(&from)),
		     0));
	cr_assert(eq(int, rudp_addr_equal(&from, &to), true));
}

Test(addr, takes_the_old_short_ipv6_sockaddr_without_scope)
{
	struct rudp_addr from = parsed("[fe80::2%3]:5"), to;
	struct rudp_addr expected = parsed("[fe80::2]:5");

	for (socklen_t len = 24; len < sizeof from.in6; len++) {
		cr_assert(eq(int, rudp_addr_from_sockaddr(&to, &from.sa, len), 0));
		cr_assert(eq(int, rudp_addr_equal(&to, &expected), true));
	}
	cr_assert(eq(int, rudp_addr_from_sockaddr(&to, &from.sa, 23), -EINVAL));
}

Test(addr, refuses_short_sockaddrs_and_other_families)
{
	struct rudp_addr a = parsed("1.2.3.4:5"), b;
	struct sockaddr foreign = {.sa_family = AF_UNIX};

	cr_assert(eq(int, rudp_addr_from_sockaddr(&b, &a.sa, 0), -EINVAL));
	cr_assert(eq(int, rudp_addr_from_sockaddr(&b, &a.sa, 1), -EINVAL));
	cr_assert(eq(int, rudp_addr_from_sockaddr(&b, &a.sa, sizeof a.in4 - 1), -EINVAL));
	cr_assert(eq(int, rudp_addr_from_sockaddr(&b, &a.sa, 128), 0));
	cr_assert(eq(int, rudp_addr_from_sockaddr(&b, &foreign, sizeof foreign), -EAFNOSUPPORT));
}

Test(addr, equality_compares_family_host_port_and_scope)
{
	struct rudp_addr a = parsed("[fe80::1%1]:80");
	struct rudp_addr other_port = parsed("[fe80::1%1]:81");
	struct rudp_addr other_scope = parsed("[fe80::1%2]:80");
	struct rudp_addr other_host = parsed("[fe80::2%1]:80");
	struct rudp_addr other_family = parsed("0.0.0.0:80");
	struct rudp_addr none = {0}, none_either = {0};

	cr_assert(eq(int, rudp_addr_equal(&a, &a), true));
	cr_assert(eq(int, rudp_addr_equal(&a, &other_port), false));
	cr_assert(eq(int, rudp_addr_same_host(&a, &other_port), true));
	cr_assert(eq(int, rudp_addr_same_host(&a, &other_scope), false));
	cr_assert(eq(int, rudp_addr_same_host(&a, &other_host), false));
	cr_assert(eq(int, rudp_addr_same_host(&a, &other_family), false));
	cr_assert(eq(int, rudp_addr_same_host(&a, &none), false));
	cr_assert(eq(int, rudp_addr_equal(&none, &none_either), true));
}

Test(addr, ipv4_equality_compares_host_and_port)
{
	struct rudp_addr a = parsed("10.0.0.1:80");
	struct rudp_addr other_port = parsed("10.0.0.1:81");
	struct rudp_addr other_host = parsed("10.0.0.2:80");

	cr_assert(eq(int, rudp_addr_equal(&a, &other_port), false));
	cr_assert(eq(int, rudp_addr_same_host(&a, &other_port), true));
	cr_assert(eq(int, rudp_addr_same_host(&a, &other_host), false));
}

Test(addr, port_can_be_changed)
{
	struct rudp_addr in4 = parsed("1.2.3.4:5"), in6 = parsed("[::1]:5"), none = {0};

	rudp_addr_set_port(&in4, 60000);
	rudp_addr_set_port(&in6, 60001);
	rudp_addr_set_port(&none, 60002);
	cr_assert(eq(u16, rudp_addr_port(&in4), 60000));
	cr_assert(eq(u16, ntohs(in4.in4.sin_port), 60000));
	cr_assert(eq(u16, rudp_addr_port(&in6), 60001));
	cr_assert(eq(u16, rudp_addr_port(&none), 0));
}

Test(addr, detects_any_and_loopback)
{
	struct rudp_addr any4 = parsed("0.0.0.0:1"), any6 = parsed("[::]:1");
	struct rudp_addr loop4 = parsed("127.255.0.1:1"), loop6 = parsed("[::1]:1");
	struct rudp_addr far4 = parsed("128.0.0.1:1"), far6 = parsed("[2001:db8::1]:1");
	struct rudp_addr none = {0};

	cr_assert(eq(int, rudp_addr_is_any(&any4), true));
	cr_assert(eq(int, rudp_addr_is_any(&any6), true));
	cr_assert(eq(int, rudp_addr_is_any(&loop4), false));
	cr_assert(eq(int, rudp_addr_is_any(&loop6), false));
	cr_assert(eq(int, rudp_addr_is_any(&none), false));
	cr_assert(eq(int, rudp_addr_is_loopback(&loop4), true));
	cr_assert(eq(int, rudp_addr_is_loopback(&loop6), true));
	cr_assert(eq(int, rudp_addr_is_loopback(&far4), false));
	cr_assert(eq(int, rudp_addr_is_loopback(&far6), false));
	cr_assert(eq(int, rudp_addr_is_loopback(&none), false));
}

Test(addr, no_address_has_no_length_and_prints_a_dash)
{
	struct rudp_addr none = {0};
	char text[RUDP_ADDR_TEXT_SIZE];

	cr_assert(eq(sz, rudp_addr_len(&none), 0));
	cr_assert(eq(str, rudp_addr_format(&none, text), "-"));
}

Test(addr, any_becomes_loopback_of_its_family_and_others_stay)
{
	struct rudp_addr any4, any6, other, same;

	cr_assert(zero(int, rudp_addr_parse(&any4, "0.0.0.0:80")));
	cr_assert(zero(int, rudp_addr_parse(&any6, "[::]:80")));
	cr_assert(zero(int, rudp_addr_parse(&other, "10.0.0.1:80")));
	same = other;
	rudp_addr_resolve_any(&any4);
	rudp_addr_resolve_any(&any6);
	rudp_addr_resolve_any(&other);
	cr_assert(all(eq(int, any4.family, AF_INET), eq(int, any6.family, AF_INET6)));
	cr_assert(rudp_addr_is_loopback(&any4));
	cr_assert(rudp_addr_is_loopback(&any6));
	cr_assert(eq(int, rudp_addr_port(&any6), 80));
	cr_assert(rudp_addr_equal(&other, &same));
}
