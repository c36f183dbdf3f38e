/* SPDX-License-Identifier: MIT */
/* Addresses in X-Forwarded-For and Forwarded (RFC 7239). */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "conversation/server/forwarded.h"

/* The headers name this: an address, or "-" (nobody), "bad", "two". */
static void client_is(const char *headers, const char *wanted)
{
	struct apo_config config = {.trusted_proxy_count = 2};
	char text[1024], found[RUDP_ADDR_TEXT_SIZE] = "-";
	struct apo_http_request request;
	enum apo_proxy_verdict verdict;
	struct rudp_addr client;
	int len;

	cr_assert(apo_network_read(config.trusted_proxies, "10.0.0.0/8"));
	cr_assert(apo_network_read(config.trusted_proxies + 1, "2001:db8:1::/48"));
	len = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);
	cr_assert(eq(int, apo_http_parse(text, (size_t)len, 0, &request), APO_HTTP_OK));
	verdict = apo_forwarded_client(&config, &request, &client);
	if (verdict == APO_PROXY_OK)
		rudp_addr_format(&client, found);
	else if (verdict != APO_PROXY_OTHER)
		snprintf(found, sizeof found, "%s", verdict == APO_PROXY_AMBIGUOUS ? "two" : "bad");
	cr_assert(eq(str, found, (char *)wanted), "%s", headers);
}

/* ---- X-Forwarded-For ---- */

Test(forwarded, the_last_address_that_is_not_trusted_is_the_client)
{
	client_is("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7:0");
	client_is("x-forwarded-for: 2001:db8::7\r\n", "[2001:db8::7]:0");
	/* The proxy adds the last address; those before it are claims of the client. */
	client_is("X-Forwarded-For: 192.0.2.1, 192.0.2.7\r\n", "192.0.2.7:0");
	client_is("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7:0");
	client_is("X-Forwarded-For: nonsense, 192.0.2.7\r\n", "192.0.2.7:0");
	/* Proxies behind proxies. */
	client_is("X-Forwarded-For: 192.0.2.7, 10.1.2.3, 2001:db8:1::2\r\n", "192.0.2.7:0");
	client_is("X-Forwarded-For: 10.0.0.9, 10.1.2.3\r\n", "10.0.0.9:0");
}

Test(forwarded, without_an_address_of_the_client_there_is_none)
{
	client_is("", "-");
	client_is("X-Forwarded-For:\r\n", "-");
	client_is("X-Forwarded-For: unknown\r\n", "-");
	client_is("X-Forwarded-For: 192.0.2.7, unknown\r\n", "-");
	client_is("X-Forwarded-For: 192.0.2.7:4711\r\n", "-");
	client_is("X-Forwarded-For: [2001:db8::7]\r\n", "-");
	client_is("X-Forwarded-For: fe80::7%1\r\n", "-");
}

/* ---- Forwarded ---- */

Test(forwarded, forwarded_names_the_client_as_well)
{
	client_is("Forwarded: for=192.0.2.7\r\n", "192.0.2.7:0");
	client_is("forwarded: FOR=192.0.2.7;proto=https;by=10.0.0.1\r\n", "192.0.2.7:0");
	client_is("Forwarded: proto=https ; for=\"192.0.2.7\";host=\"irc.test:80\"\r\n",
		  "192.0.2.7:0");
	client_is("Forwarded: for=\"[2001:db8::7]\"\r\n", "[2001:db8::7]:0");
	client_is("Forwarded: for=\"[2001:db8:\\:7]\"\r\n", "[2001:db8::7]:0");
	client_is("Forwarded: ;for=192.0.2.7;\r\n", "192.0.2.7:0");
}

Test(forwarded, ports_are_checked_and_not_used)
{
	client_is("Forwarded: for=\"192.0.2.7:4711\"\r\n", "192.0.2.7:0");
	client_is("Forwarded: for=\"[2001:db8::7]:4711\"\r\n", "[2001:db8::7]:0");
	client_is("Forwarded: for=\"192.0.2.7:_port-1.x\"\r\n", "192.0.2.7:0");
	client_is("Forwarded: for=\"192.0.2.7:\"\r\n", "bad");
	client_is("Forwarded: for=\"192.0.2.7:123456\"\r\n", "bad");
	client_is("Forwarded: for=\"192.0.2.7:_\"\r\n", "bad");
	client_is("Forwarded: for=\"[2001:db8::7]4711\"\r\n", "bad");
}

Test(forwarded, elements_of_all_headers_are_one_list)
{
	client_is("Forwarded: for=192.0.2.1, for=192.0.2.7\r\n", "192.0.2.7:0");
	client_is("Forwarded: for=192.0.2.1\r\nForwarded: for=192.0.2.7\r\n", "192.0.2.7:0");
	client_is("Forwarded: for=192.0.2.7, for=10.1.2.3;by=\"[2001:db8:1::2]\", "
		  "for=\"[2001:db8:1::2]:80\"\r\n",
		  "192.0.2.7:0");
	client_is("Forwarded: for=10.0.0.9,for=10.1.2.3\r\n", "10.0.0.9:0");
	client_is("Forwarded: for=192.0.2.1;host=\"a, for=192.0.2.9\", for=192.0.2.7\r\n",
		  "192.0.2.7:0");
}

Test(forwarded, a_hidden_node_is_no_address)
{
	client_is("Forwarded:\r\n", "-");
	client_is("Forwarded: proto=https\r\n", "-");
	client_is("Forwarded: for=unknown\r\n", "-");
	client_is("Forwarded: for=_SEVKISEK\r\n", "-");
	client_is("Forwarded: for=\"_gazonk.1-x:_p\"\r\n", "-");
	client_is("Forwarded: for=192.0.2.7, for=_hidden\r\n", "-");
	/* A claim of the client may be hidden. */
	client_is("Forwarded: for=_hidden, for=192.0.2.7\r\n", "192.0.2.7:0");
	client_is("Forwarded: for=unknown, for=192.0.2.7, for=10.1.2.3\r\n", "192.0.2.7:0");
}

Test(forwarded, other_forms_are_refused)
{
	static const char *const bad[] = {
		"for", "for=", "=192.0.2.7", "for =192.0.2.7", "for=192.0.2.7 x", "for=192.0.2",
		"for=nonsense", "for=\"\"", "for=\"_\"", "for=\"_a b\"", "for=192.0.2.7:80",
		"for=2001:db8::7", "for=[2001:db8::7]", "for=\"2001:db8::7\"",
		"for=\"[2001:db8::7\"", "for=\"[192.0.2.7]\"", "for=\"[fe80::7%1]\"",
		"for=\"192.0.2.7", "for=\"192.0.2.7\\", "for=\"192.0.2.7\"x",
		"for=192.0.2.7;for=192.0.2.8", "for=192.0.2.7;by", "for=nonsense, for=192.0.2.7",
		/* The proxy's element must not become a part of the client's. */
		"for=192.0.2.1;x=\", for=192.0.2.7", "for=192.0.2.1;x=\", for=\"[2001:db8::7]\""};
	char header[128];
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(header, sizeof header, "Forwarded: %s\r\n", bad[i]);
		client_is(header, "bad");
	}
}

Test(forwarded, a_long_identifier_is_cut_and_no_address)
{
	char header[400];

	snprintf(header, sizeof header, "Forwarded: for=_%0300d\r\n", 7);
	client_is(header, "-");
	snprintf(header, sizeof header, "Forwarded: for=%0300d\r\n", 7);
	client_is(header, "bad");
}

/* A proxy that writes one of the headers may leave the other one as the client has sent it. */
Test(forwarded, two_headers_must_name_the_same_client)
{
	client_is("X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.7\r\n", "192.0.2.7:0");
	client_is("X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.1\r\n", "two");
	client_is("X-Forwarded-For: 192.0.2.7\r\nForwarded: for=unknown\r\n", "two");
	client_is("X-Forwarded-For: unknown\r\nForwarded: for=192.0.2.7\r\n", "two");
	client_is("X-Forwarded-For:\r\nForwarded: for=192.0.2.7\r\n", "two");
	client_is("X-Forwarded-For: 192.0.2.7\r\nForwarded: nonsense\r\n", "bad");
}
