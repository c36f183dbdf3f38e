/* SPDX-License-Identifier: MIT */
/* Which key a host is known to have. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config/known_hosts.h"
#include "key_files.h"

/* Keys of 32 equal bytes: 1, 2, 3. */
#define ONE " rudp-x25519 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE= "
#define TWO " rudp-x25519 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= "
#define THREE " rudp-x25519 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM= "

static struct rudp_known_hosts hosts;
static char text[RUDP_KEY_TEXT_SIZE];

static void clear(void)
{
	rudp_known_hosts_fini(&hosts);
	directory_remove();
}

TestSuite(known_hosts, .init = directory_make, .fini = clear);

static bool parse(const char *content)
{
	rudp_known_hosts_fini(&hosts);
	return rudp_known_hosts_parse(&hosts, content, strlen(content), "known_hosts", text);
}

static void expect_fault(const char *content, const char *said)
{
	cr_assert(not(parse(content)), "%s", content);
	cr_assert(ne(ptr, strstr(text, said), NULL), "%s", text);
	cr_assert(zero(u32, hosts.count));
	cr_assert(eq(ptr, hosts.entries, NULL));
}

/* "KEY LINE", "revoked KEY LINE" or "unknown". */
static const char *verdict(enum rudp_known_host found, const uint8_t *key, unsigned line)
{
	static char said[32];

	snprintf(said, sizeof said, "%s%u %u", found == RUDP_HOST_REVOKED ? "revoked " : "", key[0],
		 line);
	return found == RUDP_HOST_UNKNOWN ? "unknown" : said;
}

static const char *at(const char *address)
{
	uint8_t key[RUDP_IDENTITY_BYTES] = {0};
	struct rudp_addr addr;
	enum rudp_known_host found;
	unsigned line = 0;

	cr_assert(zero(int, rudp_addr_parse(&addr, address)));
	found = rudp_known_hosts_find(&hosts, &addr, key, &line);
	return verdict(found, key, line);
}

static const char *named(const char *name)
{
	uint8_t key[RUDP_IDENTITY_BYTES] = {0};
	unsigned line = 0;
	enum rudp_known_host found = rudp_known_hosts_find_name(&hosts, name, key, &line);

	return verdict(found, key, line);
}

#define EXPECT(got, wanted) cr_assert(eq(str, (char *)(got), (char *)(wanted)))

Test(known_hosts, an_address_is_found_with_and_without_its_port)
{
	cr_assert(parse("192.0.2.1" ONE "one\n192.0.2.1:22" TWO "\n2001:db8::1" THREE "\n"
			"[2001:db8::2]:22" ONE "\n[2001:db8::3]" TWO "\n"),
		  "%s", text);
	EXPECT(at("192.0.2.1:80"), "1 1");
	EXPECT(at("192.0.2.1:22"), "2 2");
	EXPECT(at("192.0.2.2:22"), "unknown");
	EXPECT(at("[2001:db8::1]:443"), "3 3");
	EXPECT(at("[2001:db8::2]:22"), "1 4");
	EXPECT(at("[2001:db8::2]:23"), "unknown");
	EXPECT(at("[2001:db8::3]:1"), "2 5");
	EXPECT(at("[::ffff:192.0.2.1]:22"), "2 2");
}

Test(known_hosts, the_last_line_counts_and_a_port_precedes)
{
	cr_assert(parse("10.0.0.1:22" THREE "\n10.0.0.1" ONE "\n10.0.0.1" TWO "\n"), "%s", text);
	EXPECT(at("10.0.0.1:80"), "2 3");
	EXPECT(at("10.0.0.1:22"), "3 1");
}

static const char *named_at(const char *name, uint16_t port)
{
	uint8_t key[RUDP_IDENTITY_BYTES] = {0};
	unsigned line = 0;
	enum rudp_known_host found = rudp_known_hosts_find_name_at(&hosts, name, port, key, &line);

	return verdict(found, key, line);
}

Test(known_hosts, a_name_is_found_at_a_port)
{
	cr_assert(parse("10.0.0.1" ONE "\nserver" ONE "\nserver:22" TWO "\n@revoked" THREE
			"\nold" THREE "\n"),
		  "%s", text);
	EXPECT(named_at("Server", 80), "1 2");
	EXPECT(named_at("server", 22), "2 3");
	EXPECT(named_at("old", 22), "revoked 3 5");
	EXPECT(named_at("server:22", 80), "unknown");
	EXPECT(named_at("10.0.0.1", 80), "unknown");
	EXPECT(named_at("", 80), "unknown");
	EXPECT(named_at("a b", 80), "unknown");
	cr_assert(eq(int, rudp_known_hosts_find_name_at(NULL, "server", 80, NULL, NULL),
		     RUDP_HOST_UNKNOWN));
}

Test(known_hosts, an_entry_is_there_with_exactly_its_port)
{
	cr_assert(parse("10.0.0.1:22" THREE "\nserver" ONE "\n"), "%s", text);
	cr_assert(rudp_known_hosts_has(&hosts, "10.0.0.1:22"));
	cr_assert(not(rudp_known_hosts_has(&hosts, "10.0.0.1")));
	cr_assert(rudp_known_hosts_has(&hosts, "SERVER"));
	cr_assert(not(rudp_known_hosts_has(&hosts, "server:22")));
	cr_assert(not(rudp_known_hosts_has(&hosts, "not a name")));
	cr_assert(not(rudp_known_hosts_has(NULL, "server")));
}

Test(known_hosts, names_are_compared_without_case)
{
	cr_assert(parse("Server.Example,server,10.0.0.1" ONE "\nserver:22" TWO "\n"), "%s", text);
	EXPECT(named("server.example"), "1 1");
	EXPECT(named("SERVER"), "1 1");
	EXPECT(named("server:22"), "2 2");
	EXPECT(named("server.example:22"), "1 1");
	EXPECT(named("serve"), "unknown");
	EXPECT(named("server."), "unknown");
	EXPECT(named("10.0.0.1"), "1 1");
	EXPECT(named("10.0.0.1:22"), "1 1");
	EXPECT(named("not a name"), "unknown");
	EXPECT(named(""), "unknown");
	EXPECT(at("10.0.0.1:5"), "1 1");
}

Test(known_hosts, a_revoked_key_is_good_nowhere_and_hides_older_ones)
{
	uint8_t one[RUDP_IDENTITY_BYTES], two[RUDP_IDENTITY_BYTES];

	memset(one, 1, sizeof one);
	memset(two, 2, sizeof two);
	cr_assert(parse("10.0.0.1" TWO "\n10.0.0.1" ONE "\n@revoked" ONE "stolen\n"
			"10.0.0.2" ONE "\n10.0.0.2" TWO "\n"),
		  "%s", text);
	EXPECT(at("10.0.0.1:80"), "revoked 1 2");
	EXPECT(at("10.0.0.2:80"), "2 5");
	cr_assert(rudp_known_hosts_is_revoked(&hosts, one));
	cr_assert(not(rudp_known_hosts_is_revoked(&hosts, two)));
	cr_assert(eq(ptr, (char *)rudp_known_hosts_find_key(&hosts, one), NULL));
	cr_assert(parse("@revoked *" ONE "\n@revoked server,10.0.0.3" TWO "\n"), "%s", text);
	cr_assert(rudp_known_hosts_is_revoked(&hosts, one));
	cr_assert(rudp_known_hosts_is_revoked(&hosts, two));
	EXPECT(at("10.0.0.3:80"), "unknown");
	EXPECT(named("server"), "unknown");
}

Test(known_hosts, a_key_has_a_name_to_show)
{
	uint8_t one[RUDP_IDENTITY_BYTES], two[RUDP_IDENTITY_BYTES], three[RUDP_IDENTITY_BYTES];

	memset(one, 1, sizeof one);
	memset(two, 2, sizeof two);
	memset(three, 3, sizeof three);
	cr_assert(parse("10.0.0.1,server:22" ONE "\n10.0.0.2:80" TWO "\n"), "%s", text);
	EXPECT(rudp_known_hosts_find_key(&hosts, one), "server:22");
	EXPECT(rudp_known_hosts_find_key(&hosts, two), "10.0.0.2:80");
	cr_assert(eq(ptr, (char *)rudp_known_hosts_find_key(&hosts, three), NULL));
	cr_assert(eq(ptr, (char *)rudp_known_hosts_find_key(NULL, one), NULL));
}

Test(known_hosts, faults_say_the_place_and_what_is_expected)
{
	expect_fault("10.0.0.1" ONE "\nserver\n", "known_hosts:2:7: the key is missing; expected");
	expect_fault("server ssh-ed25519 AAAA\n", "known_hosts:1:8: this is no public key");
	expect_fault("server rudp-x25519 AAAA\n", "known_hosts:1:20: too short for a key");
	expect_fault("10.0.0.999" ONE, "known_hosts:1:1: this is not a valid address");
	expect_fault("10.0.0.0/8" ONE, "known_hosts:1:9: invalid character in a host");
	expect_fault("a,10.0.0.1:0" ONE, "known_hosts:1:12: this is not a port from 1 to 65535");
	expect_fault("a:65536" ONE, "known_hosts:1:3: this is not a port");
	expect_fault("a:" ONE, "known_hosts:1:3: this is not a port");
	expect_fault("a,,b" ONE, "known_hosts:1:3: there is no host");
	expect_fault("a," ONE, "known_hosts:1:3: there is no host");
	expect_fault("*.example" ONE, "known_hosts:1:1: invalid character in a host");
	expect_fault("*" ONE, "known_hosts:1:1: * is for revoked keys only");
	expect_fault("-oProxyCommand=x" ONE, "known_hosts:1:1: a name does not begin with -");
	expect_fault("[10.0.0.1]:22" ONE,
		     "known_hosts:1:1: this is not an IPv6 address in brackets");
	expect_fault("[::1" ONE, "known_hosts:1:1: this is not an IPv6 address in brackets");
	expect_fault("[::1]22" ONE, "known_hosts:1:6: there is more after the address");
	expect_fault("1:2:3" ONE, "known_hosts:1:1: this is not a valid address");
	expect_fault("@cert-authority a" ONE, "known_hosts:1:1: unknown marker; expected @revoked");
	expect_fault("@revoked\n", "known_hosts:1:9: the key is missing");
	expect_fault("@revoked a,!b" ONE, "known_hosts:1:12: invalid character");
	expect_fault("rudp-x25519 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
		     "known_hosts:1:1: there is no host before the key");
}

Test(known_hosts, a_file_with_a_zero_byte_is_refused)
{
	static const char content[] = "a" ONE "\n\0b";

	cr_assert(not(rudp_known_hosts_parse(&hosts, content, sizeof content - 1, "f", text)));
	cr_assert(ne(ptr, strstr(text, "f: is not a text file"), NULL), "%s", text);
}

Test(known_hosts, the_number_of_hosts_is_limited)
{
	FILE *file = fopen(path_of("many"), "w");

	cr_assert(ne(ptr, file, NULL));
	for (unsigned i = 0; i < RUDP_KNOWN_HOSTS_MAX; i++)
		fprintf(file, "10.0.%u.%u%s\n", i / 256, i % 256, i % 2 ? ONE : TWO);
	fflush(file);
	cr_assert(rudp_known_hosts_load(&hosts, path_of("many"), text), "%s", text);
	EXPECT(at("10.0.7.1:9"), "1 1794");
	EXPECT(at("10.0.7.2:9"), "2 1795");
	rudp_known_hosts_fini(&hosts);
	fprintf(file, "server%s\n", ONE);
	fclose(file);
	cr_assert(not(rudp_known_hosts_load(&hosts, path_of("many"), text)));
	cr_assert(ne(ptr, strstr(text, "many:4097:1: there are more than 4096 hosts"), NULL), "%s",
		  text);
}

Test(known_hosts, a_file_that_others_can_change_is_refused)
{
	make_text("known_hosts", "a" ONE "\n");
	cr_assert(zero(int, chmod(path_of("known_hosts"), 0644)));
	cr_assert(rudp_known_hosts_load(&hosts, path_of("known_hosts"), text), "%s", text);
	rudp_known_hosts_fini(&hosts);
	cr_assert(zero(int, chmod(path_of("known_hosts"), 0666)));
	cr_assert(not(rudp_known_hosts_load(&hosts, path_of("known_hosts"), text)));
	cr_assert(ne(ptr, strstr(text, "can be changed by others"), NULL), "%s", text);
}

Test(known_hosts, appended_hosts_are_known)
{
	uint8_t key[RUDP_IDENTITY_BYTES];
	char host[RUDP_HOST_TEXT_SIZE];
	struct rudp_addr addr;
	struct stat st;
	int fd = rudp_known_hosts_open(path_of("new"));

	cr_assert(ge(int, fd, 0));
	memset(key, 2, sizeof key);
	cr_assert(zero(int, rudp_addr_parse(&addr, "[2001:db8::1]:22")));
	cr_assert(zero(int, rudp_known_hosts_append(fd, rudp_known_hosts_format(&addr, host), key,
						    "first contact")));
	rudp_addr_set_port(&addr, 0);
	memset(key, 1, sizeof key);
	cr_assert(zero(
		int, rudp_known_hosts_append(fd, rudp_known_hosts_format(&addr, host), key, NULL)));
	cr_assert(eq(int, rudp_known_hosts_append(fd, "a b", key, NULL), -EINVAL));
	cr_assert(eq(int, rudp_known_hosts_append(fd, "a", key, "x\n* y"), -EINVAL));
	cr_assert(zero(int, fstat(fd, &st)));
	cr_assert(eq(int, (int)(st.st_mode & 07777), 0600));
	close(fd);
	cr_assert(rudp_known_hosts_load(&hosts, path_of("new"), text), "%s", text);
	EXPECT(at("[2001:db8::1]:22"), "2 1");
	EXPECT(at("[2001:db8::1]:80"), "1 2");
	cr_assert(eq(int, rudp_known_hosts_open(path_of("none/known_hosts")), -ENOENT));
}

Test(known_hosts, a_line_without_a_newline_is_ended_first)
{
	uint8_t key[RUDP_IDENTITY_BYTES];
	int fd;

	make_text("old", "10.0.0.1" ONE);
	fd = rudp_known_hosts_open(path_of("old"));
	cr_assert(ge(int, fd, 0));
	memset(key, 2, sizeof key);
	cr_assert(zero(int, rudp_known_hosts_append(fd, "10.0.0.2", key, NULL)));
	close(fd);
	cr_assert(rudp_known_hosts_load(&hosts, path_of("old"), text), "%s", text);
	EXPECT(at("10.0.0.1:1"), "1 1");
	EXPECT(at("10.0.0.2:1"), "2 2");
}
