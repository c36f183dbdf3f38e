/* SPDX-License-Identifier: MIT */
/* Headers of the PROXY protocol. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "conversation/server/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct apo_proxy_header header;

static enum apo_proxy_verdict parse(const char *bytes, size_t len)
{
	return apo_proxy_header_parse((const uint8_t *)bytes, len, &header);
}

static enum apo_proxy_verdict parse_text(const char *text)
{
	return parse(text, strlen(text));
}

static void client_is(const char *text)
{
	char found[RUDP_ADDR_TEXT_SIZE];

	cr_assert(header.has_client);
	cr_assert(eq(str, rudp_addr_format(&header.client, found), (char *)text));
}

/* Each beginning of the header is incomplete; the whole is complete, whatever follows. */
static void is_whole_at(const char *bytes, size_t len)
{
	char more[256];
	size_t part;

	for (part = 1; part < len; part++)
		cr_assert(eq(int, parse(bytes, part), APO_PROXY_INCOMPLETE));
	memset(more, 0, sizeof more);
	memcpy(more, bytes, len);
	cr_assert(eq(int, parse(more, sizeof more), APO_PROXY_OK));
	cr_assert(eq(sz, header.len, len));
}

Test(proxy_header, version_1_names_the_client)
{
	static const char v4[] = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 6667\r\n";
	static const char v6[] = "PROXY TCP6 2001:db8::7 2001:db8::1 0 65535\r\n";

	is_whole_at(v4, sizeof v4 - 1);
	client_is("192.0.2.7:56324");
	is_whole_at(v6, sizeof v6 - 1);
	client_is("[2001:db8::7]:0");
}

Test(proxy_header, version_1_unknown_names_nobody)
{
	cr_assert(eq(int, parse_text("PROXY UNKNOWN\r\n"), APO_PROXY_OK));
	cr_assert(not(header.has_client));
	cr_assert(eq(int, parse_text("PROXY UNKNOWN ::1 x 7\r\nNICK a\r\n"), APO_PROXY_OK));
	cr_assert(not(header.has_client));
	cr_assert(eq(sz, header.len, 23));
}

Test(proxy_header, malformed_lines_of_version_1_are_refused)
{
	static const char *const lines[] = {
		"PROXY TCP4 192.0.2.7 198.51.100.1 56324 6667\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 65536 6667\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 056 6667\r\n",
		"PROXY TCP4 192.0.2.7  198.51.100.1 56 6667\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 56 6667 \r\n",
		"PROXY TCP4 192.0.2 198.51.100.1 56 6667\r\n",
		"PROXY TCP4 ::1 ::1 56 6667\r\n",
		"PROXY TCP6 192.0.2.7 198.51.100.1 56 6667\r\n",
		"PROXY TCP5 192.0.2.7 198.51.100.1 56 6667\r\n",
		"PROXY UNKNOWNS\r\n",
		"PROXY \r\n",
		"PROXY \n",
	};
	char longest[200];
	size_t i;

	for (i = 0; i < sizeof lines / sizeof *lines; i++)
		cr_assert(eq(int, parse_text(lines[i]), APO_PROXY_MALFORMED), "%s", lines[i]);
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "PROXY UNKNOWN ", 14);
	cr_assert(eq(int, parse(longest, 106), APO_PROXY_INCOMPLETE));
	cr_assert(eq(int, parse(longest, 107), APO_PROXY_MALFORMED));
	cr_assert(eq(int, parse("PROXY UNKNOWN \0\r\n", 17), APO_PROXY_MALFORMED));
}

Test(proxy_header, version_2_names_the_client)
{
	static const char v4[] =
		SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x1a\x0b";
	static const char mapped[] =
		SIGNATURE "\x21\x21\0\x27\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x07"
			  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xdc\x04\x1a\x0b\x04\0\0";

	is_whole_at(v4, sizeof v4 - 1);
	client_is("192.0.2.7:56324");
	/* With an extension of three bytes. IPv4 in IPv6 is IPv4. */
	is_whole_at(mapped, sizeof mapped - 1);
	client_is("192.0.2.7:56324");
}

/* The checksum was computed by another program. */
Test(proxy_header, a_checksum_of_version_2_is_right)
{
	static const char head[] =
		SIGNATURE "\x21\x11\0\x17\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x1a\x0b"
			  "\x04\0\x01x\x03\0\x04\xb8\x84\xcc\xab";
	/* In the address, its port, the extensions before the checksum, and the checksum. */
	static const size_t changes[] = {16, 25, 28, 31, 35, 38};
	char wrong[sizeof head - 1];
	size_t i;

	is_whole_at(head, sizeof head - 1);
	client_is("192.0.2.7:56324");
	for (i = 0; i < sizeof changes / sizeof *changes; i++) {
		memcpy(wrong, head, sizeof wrong);
		wrong[changes[i]] ^= 1;
		cr_assert(eq(int, parse(wrong, sizeof wrong), APO_PROXY_MALFORMED), "%zu",
			  changes[i]);
	}
}

/* Also in the proxy's own connections. */
Test(proxy_header, a_checksum_has_four_bytes)
{
	static const char three[] = SIGNATURE "\x20\0\0\x06\x03\0\x03\0\0\0";
	static const char cut[] = SIGNATURE "\x20\0\0\x06\x03\0\x04\0\0\0";

	cr_assert(eq(int, parse(three, sizeof three - 1), APO_PROXY_MALFORMED));
	cr_assert(eq(int, parse(cut, sizeof cut - 1), APO_PROXY_MALFORMED));
}

Test(proxy_header, version_2_may_name_nobody)
{
	static const char local[] = SIGNATURE "\x20\0\0\0";
	static const char local_of_tcp[] =
		SIGNATURE "\x20\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x1a\x0b";
	static const char unspecified[] = SIGNATURE "\x21\0\0\x02xx";

	is_whole_at(local, sizeof local - 1);
	cr_assert(not(header.has_client));
	is_whole_at(local_of_tcp, sizeof local_of_tcp - 1);
	cr_assert(not(header.has_client));
	is_whole_at(unspecified, sizeof unspecified - 1);
	cr_assert(not(header.has_client));
}

Test(proxy_header, malformed_headers_of_version_2_are_refused)
{
	static const char version_3[] = SIGNATURE "\x31\x11\0\x0c";
	static const char command_2[] = SIGNATURE "\x22\x11\0\x0c";
	static const char udp[] = SIGNATURE "\x21\x12\0\x0c            ";
	static const char short_address[] = SIGNATURE "\x21\x11\0\x0b           ";
	static const char huge[] = SIGNATURE "\x21\x11\xff\xff";

	cr_assert(eq(int, parse(version_3, sizeof version_3 - 1), APO_PROXY_MALFORMED));
	cr_assert(eq(int, parse(command_2, sizeof command_2 - 1), APO_PROXY_MALFORMED));
	cr_assert(eq(int, parse(udp, sizeof udp - 1), APO_PROXY_MALFORMED));
	cr_assert(eq(int, parse(short_address, sizeof short_address - 1), APO_PROXY_MALFORMED));
	cr_assert(eq(int, parse(huge, sizeof huge - 1), APO_PROXY_MALFORMED));
}

Test(proxy_header, other_bytes_are_no_header)
{
	cr_assert(eq(int, parse_text("NICK a\r\n"), APO_PROXY_OTHER));
	cr_assert(eq(int, parse_text("PRIVMSG #a :b\r\n"), APO_PROXY_OTHER));
	cr_assert(eq(int, parse_text("PASS x\r\n"), APO_PROXY_OTHER));
	cr_assert(eq(int, parse_text("proxy TCP4 "), APO_PROXY_OTHER));
	cr_assert(eq(int, parse_text("\r\n\r\nNICK"), APO_PROXY_OTHER));
}
