/* SPDX-License-Identifier: MIT */
/* Who may connect, and under which conditions. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/config/authorized_keys.h"
#include "key_files.h"

/* Keys of 32 equal bytes: 1, 2, 3. */
#define ONE "rudp-x25519 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define TWO "rudp-x25519 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define THREE "rudp-x25519 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="
#define NEW_YEAR_S 1798761600 /* 2027-01-01T00:00:00Z */

static struct rudp_authorized_keys keys;
static char text[RUDP_KEY_TEXT_SIZE];

static void clear(void)
{
	rudp_authorized_keys_fini(&keys);
	directory_remove();
}

TestSuite(authorized_keys, .init = directory_make, .fini = clear);

static bool parse(const char *content)
{
	rudp_authorized_keys_fini(&keys);
	return rudp_authorized_keys_parse(&keys, content, strlen(content), "authorized_keys", text);
}

static void expect_fault(const char *content, const char *said)
{
	cr_assert(not(parse(content)), "%s", content);
	cr_assert(ne(ptr, strstr(text, said), NULL), "%s", text);
	cr_assert(zero(u32, keys.count));
	cr_assert(eq(ptr, keys.list, NULL));
}

static const char *names[] = {
#define NAME(name, text) #name,
	RUDP_AUTHORIZATIONS(NAME)
#undef NAME
};

/* "VERDICT NAME" for the key of equal bytes. */
static const char *check(uint8_t digit, uint16_t port, const char *address, int64_t now_s)
{
	static char said[128];
	uint8_t key[RUDP_IDENTITY_BYTES];
	struct rudp_addr from;
	const char *name;
	enum rudp_authorization found;

	memset(key, digit, sizeof key);
	cr_assert(zero(int, rudp_addr_parse(&from, address)));
	found = rudp_authorized_keys_check(&keys, key, port, &from, now_s, NULL, &name);
	snprintf(said, sizeof said, "%s %s", names[found], name ? name : "-");
	return said;
}

/* The key of equal bytes may connect to port 22 as one of who. */
static bool is_one_of(uint8_t digit, const char *who)
{
	uint8_t key[RUDP_IDENTITY_BYTES];
	struct rudp_addr from;
	enum rudp_authorization found;

	memset(key, digit, sizeof key);
	cr_assert(zero(int, rudp_addr_parse(&from, "10.0.0.1:5")));
	found = rudp_authorized_keys_check(&keys, key, 22, &from, 0, who, NULL);
	cr_assert(found == RUDP_AUTHORIZATION_OK || found == RUDP_AUTHORIZATION_NOT_MEMBER ||
		  found == RUDP_AUTHORIZATION_UNKNOWN || found == RUDP_AUTHORIZATION_WRONG_PORT);
	return found == RUDP_AUTHORIZATION_OK;
}

#define EXPECT(got, wanted) cr_assert(eq(str, (char *)(got), (char *)(wanted)))

Test(authorized_keys, a_key_without_options_is_authorized_everywhere)
{
	cr_assert(parse(ONE " alice\n" TWO " bob@laptop\n"), "%s", text);
	EXPECT(check(1, 22, "10.0.0.1:5", 0), "OK alice");
	EXPECT(check(2, 80, "[2001:db8::1]:5", NEW_YEAR_S), "OK bob@laptop");
	EXPECT(check(3, 80, "10.0.0.1:5", 0), "UNKNOWN -");
}

Test(authorized_keys, options_limit_ports_addresses_and_time)
{
	cr_assert(
		parse("[listen=22;8000-8999,from=10.0.0.0/8;2001:db8::/32,expires=2027-01-01] " ONE
		      " alice\n"),
		"%s", text);
	EXPECT(check(1, 22, "10.1.2.3:5", NEW_YEAR_S - 1), "OK alice");
	EXPECT(check(1, 8999, "[2001:db8::1]:5", 0), "OK alice");
	EXPECT(check(1, 9000, "10.1.2.3:5", 0), "WRONG_PORT alice");
	EXPECT(check(1, 22, "192.0.2.1:5", 0), "WRONG_ADDRESS alice");
	EXPECT(check(1, 22, "[2001:db9::1]:5", 0), "WRONG_ADDRESS alice");
	EXPECT(check(1, 22, "10.1.2.3:5", NEW_YEAR_S), "EXPIRED alice");
}

Test(authorized_keys, a_time_may_have_seconds)
{
	cr_assert(parse("[expires=2027-01-01T00:00:01Z] " ONE " alice\n"), "%s", text);
	EXPECT(check(1, 22, "10.1.2.3:5", NEW_YEAR_S), "OK alice");
	EXPECT(check(1, 22, "10.1.2.3:5", NEW_YEAR_S + 1), "EXPIRED alice");
}

Test(authorized_keys, one_line_that_allows_is_enough)
{
	cr_assert(parse("[listen=22] " ONE " alice\n[listen=80] " ONE " alice-web\n"), "%s", text);
	EXPECT(check(1, 22, "10.0.0.1:5", 0), "OK alice");
	EXPECT(check(1, 80, "10.0.0.1:5", 0), "OK alice-web");
	EXPECT(check(1, 443, "10.0.0.1:5", 0), "WRONG_PORT alice-web");
}

Test(authorized_keys, a_revoked_key_is_never_authorized)
{
	cr_assert(parse("@revoked " ONE " alice\n" ONE " alice\n" TWO " bob\n@revoked " TWO "\n"),
		  "%s", text);
	EXPECT(check(1, 22, "10.0.0.1:5", 0), "REVOKED alice");
	EXPECT(check(2, 22, "10.0.0.1:5", 0), "REVOKED bob");
}

Test(authorized_keys, a_rule_may_allow_names_and_groups_only)
{
	cr_assert(parse("[groups=admins;ops] " ONE " alice\n" TWO " admins\n"), "%s", text);
	cr_assert(is_one_of(1, "alice"));
	cr_assert(is_one_of(1, "@admins"));
	cr_assert(is_one_of(1, "@ops"));
	cr_assert(is_one_of(1, "bob,@staff,alice"));
	cr_assert(is_one_of(1, "@ops,bob"));
	cr_assert(not(is_one_of(1, "admins")));
	cr_assert(not(is_one_of(1, "@alice")));
	cr_assert(not(is_one_of(1, "alic,alice2,@op")));
	cr_assert(is_one_of(2, "admins"));
	cr_assert(not(is_one_of(2, "@admins")));
	cr_assert(not(is_one_of(3, "alice")));
}

/* The line that allows the group and the one that allows the port must be the same. */
Test(authorized_keys, conditions_and_groups_are_those_of_one_line)
{
	cr_assert(parse("[listen=80,groups=admins] " ONE " alice\n[listen=22] " ONE " alice\n"),
		  "%s", text);
	cr_assert(is_one_of(1, NULL));
	cr_assert(is_one_of(1, "alice"));
	cr_assert(not(is_one_of(1, "@admins")));
}

Test(authorized_keys, names_and_revocations_of_a_key_are_found)
{
	const uint8_t one[RUDP_IDENTITY_BYTES] = {[0 ... 31] = 1}, two[32] = {[0 ... 31] = 2};

	cr_assert(parse("@revoked " ONE "\n[listen=22] " ONE " alice\n" TWO " bob\n"), "%s", text);
	EXPECT(rudp_authorized_keys_name(&keys, one), "alice");
	cr_assert(rudp_authorized_keys_is_revoked(&keys, one));
	cr_assert(not(rudp_authorized_keys_is_revoked(&keys, two)));
	cr_assert(not(rudp_authorized_keys_is_revoked(NULL, two)));
	cr_assert(eq(ptr, (void *)rudp_authorized_keys_name(NULL, two), NULL));
}

Test(authorized_keys, faults_say_the_place_and_what_is_expected)
{
	expect_fault(ONE " alice\nbob\n", "authorized_keys:2:1: unknown line; expected [OPTIONS]");
	expect_fault(ONE "\n",
		     "authorized_keys:1:57: there is no name after the key; expected a name");
	expect_fault(ONE " @admins\n", "authorized_keys:1:58: this is not a name");
	expect_fault(ONE " alice smith\n", "authorized_keys:1:64: there is more after the name");
	expect_fault("rudp-x25519 AQ== alice\n", "authorized_keys:1:13: too short for a key");
	expect_fault("[listen=22 " ONE " a\n", "authorized_keys:1:11: the options do not end here");
	expect_fault("[listen=22]" ONE " a\n",
		     "authorized_keys:1:12: there is no blank after the options");
	expect_fault("[] " ONE " a\n",
		     "authorized_keys:1:2: unknown option; expected listen=, from=");
	expect_fault("[port=22] " ONE " a\n", "authorized_keys:1:2: unknown option");
	expect_fault("[listen=22,,from=::1] " ONE " a\n", "authorized_keys:1:12: unknown option");
	expect_fault("[listen] " ONE " a\n", "authorized_keys:1:8: there is no value");
	expect_fault("[listen=] " ONE " a\n", "authorized_keys:1:9: there is no value");
	expect_fault("[listen=22;] " ONE " a\n", "authorized_keys:1:12: there is no value");
	expect_fault("[listen=0] " ONE " a\n", "authorized_keys:1:9: '0' is not a port");
	expect_fault("[listen=22;90-80] " ONE " a\n",
		     "authorized_keys:1:12: the range '90-80' ends");
	expect_fault("[listen=1;2;3;4;5;6;7;8;9] " ONE " a\n",
		     "authorized_keys:1:25: there are more than 8 values");
	expect_fault("[listen=22,listen=23] " ONE " a\n",
		     "authorized_keys:1:12: this option occurs twice");
	expect_fault("[from=10.0.0.1/8] " ONE " a\n",
		     "authorized_keys:1:7: '10.0.0.1/8' has bits beyond its prefix");
	expect_fault("[from=home] " ONE " a\n", "authorized_keys:1:7: 'home' is not an IPv4");
	expect_fault("[expires=2027-02-30] " ONE " a\n", "authorized_keys:1:10: not a valid time");
	expect_fault("[expires=tomorrow] " ONE " a\n", "authorized_keys:1:10: not a valid time");
	expect_fault("[expires=2027-01-01;2028-01-01] " ONE " a\n",
		     "authorized_keys:1:21: there is more than one time");
	expect_fault("[groups=@admins] " ONE " a\n",
		     "authorized_keys:1:9: this is not the name of a group");
	expect_fault("@revoke " ONE " a\n", "authorized_keys:1:1: unknown line");
	expect_fault("@revoked [listen=22] " ONE " a\n",
		     "authorized_keys:1:10: this is no public key");
}

Test(authorized_keys, lines_can_be_listed)
{
	struct rudp_authorized_line line;

	cr_assert(parse("# ours\n[expires=2027-01-01] " TWO " bob\n@revoked " ONE "\n"), "%s",
		  text);
	cr_assert(rudp_authorized_keys_line(&keys, 0, &line));
	cr_assert(line.is_revoked);
	cr_assert(eq(u32, line.line, 3));
	EXPECT(line.name, "");
	cr_assert(rudp_authorized_keys_line(&keys, 1, &line));
	EXPECT(line.name, "bob");
	cr_assert(eq(i64, line.expires_s, NEW_YEAR_S));
	cr_assert(not(rudp_authorized_keys_line(&keys, 2, &line)));
}

Test(authorized_keys, a_file_that_others_can_change_is_refused)
{
	make_text("keys", ONE " alice\n");
	cr_assert(zero(int, chmod(path_of("keys"), 0644)));
	cr_assert(rudp_authorized_keys_load(&keys, path_of("keys"), text), "%s", text);
	rudp_authorized_keys_fini(&keys);
	cr_assert(zero(int, chmod(path_of("keys"), 0664)));
	cr_assert(not(rudp_authorized_keys_load(&keys, path_of("keys"), text)));
	cr_assert(ne(ptr, strstr(text, "can be changed by others"), NULL), "%s", text);
}
