/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conversation/server/config_rows.h"

#define HASH                                                                                       \
	"$argon2id$v=19$m=65536,t=2,p=1$V3EPOOjEAdyMhKMqD9wcVg$"                                   \
	"+8K4euBTX9SvJnORzDsqpJCZz+m8wscpbsVR6uSJFS4"
#define FINE "[server]\nname = irc.test\nnetwork = Test\n[listen]\nplain = 127.0.0.1:6667\n"

/* The complaints, one line each, without the name of the file. */
static char complaints[4096];

static void complain(void *of, const char *line)
{
	const char *name = of;
	size_t len = strlen(complaints);

	cr_assert(eq(int, strncmp(line, name, strlen(name)), 0));
	snprintf(complaints + len, sizeof complaints - len, "%s\n", line + strlen(name));
}

static struct apo_config *read_bytes(const char *bytes, size_t length)
{
	char name[] = "/tmp/apollonion-conf.XXXXXX";
	struct apo_config *config;
	int fd = mkstemp(name);

	complaints[0] = 0;
	cr_assert(eq(sz, (size_t)write(fd, bytes, length), length));
	close(fd);
	config = apo_config_read(name, complain, name);
	unlink(name);
	return config;
}

static struct apo_config *read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* A valid configuration followed by this text must be refused with these words. */
static void refused(const char *more, const char *words)
{
	char text[2048];

	snprintf(text, sizeof text, FINE "%s", more);
	cr_assert(eq(ptr, read_text(text), NULL), "%s", more);
	cr_assert(eq(str, complaints, (char *)words), "%s", more);
}

/* A file with that content, which is removed at the end. */
struct temporary {
	char name[40];
};

static struct temporary make_file(const char *content, mode_t mode)
{
	struct temporary file = {"/tmp/apollonion-file.XXXXXX"};
	int fd = mkstemp(file.name);

	cr_assert(eq(sz, (size_t)write(fd, content, strlen(content)), strlen(content)));
	cr_assert(zero(int, fchmod(fd, mode)));
	close(fd);
	return file;
}

Test(config, accounts_have_a_section)
{
	struct apo_config *config = read_text(FINE);

	cr_assert(eq(ptr, (void *)config->accounts_file, NULL));
	cr_assert(config->model.open_registration);
	cr_assert(eq(uint, config->model.login_tries_max, 3));
	cr_assert(eq(uint, config->model.password_len_min, 8));
	cr_assert(not(config->model.early_registration));
	cr_assert(not(config->model.account_required));
	apo_config_put(config);
	config = read_text(FINE "[accounts]\nfile = /a/b.db\nregistration = no\ncount = 7\n"
				"tries = 5\ntries-time = 2m\npassword-length = 12\n"
				"before-connect = yes\nregistrations = 4\nrequired = yes\n");
	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(str, (char *)config->accounts_file, "/a/b.db"));
	cr_assert(not(config->model.open_registration));
	cr_assert(eq(uint, config->model.accounts_max, 7));
	cr_assert(eq(uint, config->model.login_tries_max, 5));
	cr_assert(eq(uint, config->model.password_len_min, 12));
	cr_assert(config->model.early_registration);
	cr_assert(config->model.account_required);
	cr_assert(eq(uint, config->model.registrations_max, 4));
	cr_assert(eq(i64, config->model.login_span_ns, 120 * RUDP_NS_PER_S));
	apo_config_put(config);
	refused("[accounts]\ntries = 0\n", ":7: accounts: tries must be from 1 to 4294967295\n");
	refused("[accounts]\nrequired = yes\n",
		":7: accounts: required needs a file of accounts\n");
}

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

Test(config, peers_need_a_key)
{
	struct temporary key = make_file(KEY, 0600);
	struct apo_config *config = read_text(FINE);
	char more[200];

	cr_assert(eq(uint, config->peers_port, 0));
	apo_config_put(config);
	snprintf(more, sizeof more,
		 FINE "[peers]\nport = 6680\nkey = %s\nid = hall\ncount = 7\naway-time = 2m\n",
		 key.name);
	config = read_text(more);
	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(uint, config->peers_port, 6680));
	cr_assert(eq(str, (char *)config->peers_id, "hall"));
	cr_assert(eq(uint, config->peers_max, 7));
	cr_assert(eq(i64, config->peers_away_ns, 120 * RUDP_NS_PER_S));
	apo_config_put(config);
	snprintf(more, sizeof more, "[peers]\nport = 6680\nkey = %s\nid = a b\n", key.name);
	refused(more, ":9: peers: id must be of letters, digits, dots and dashes\n");
	unlink(key.name);
	refused("[peers]\nport = 6680\n", ":7: peers: key is missing\n");
	refused("[peers]\nport = 6680\nkey = /nowhere/at/all\n",
		":8: peers: key /nowhere/at/all: No such file or directory\n");
}

#define BUS "[cluster]\nservers = nats://a:4222\n"

Test(config, a_cluster_needs_a_node_and_equal_cloaks)
{
	struct apo_config *config = read_text(FINE);

	cr_assert(eq(ptr, (void *)config->cluster_servers, NULL));
	apo_config_put(config);
	config = read_text(FINE BUS "node = n1\nnode-timeout = 1m\n[cloak]\nenabled = no\n");
	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(str, (char *)config->cluster_node, "n1"));
	cr_assert(eq(str, (char *)config->cluster_name, "apollonion"));
	cr_assert(eq(uint, config->cluster_replicas, 3));
	cr_assert(eq(i64, config->cluster_timeout_ns, 60 * RUDP_NS_PER_S));
	apo_config_put(config);
	refused(BUS "node = n.1\n[cloak]\nenabled = no\n",
		":8: cluster: node must be of letters, digits, - and _, and another one at each "
		"node\n");
	refused(BUS "node = n1\n", ":7: cluster: servers needs a key in [cloak], the same at all "
				   "nodes\n");
}

Test(config, a_node_of_a_cluster_may_have_peers)
{
	struct temporary key = make_file(KEY, 0600);
	struct apo_config *config;
	char text[400];

	snprintf(text, sizeof text,
		 FINE BUS "node = n1\n[cloak]\nenabled = no\n[peers]\nport = 6680\nkey = %s\n",
		 key.name);
	config = read_text(text);
	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(uint, config->peers_port, 6680));
	apo_config_put(config);
	unlink(key.name);
}

/* A configuration with which the server could not start is not accepted. */
Test(config, a_key_of_peers_is_private_and_whole)
{
	struct temporary key = make_file(KEY, 0644), half = make_file("abc\n", 0600);
	char more[200], words[400];

	snprintf(more, sizeof more, "[peers]\nport = 6680\nkey = %s\n", key.name);
	snprintf(words, sizeof words,
		 ":8: peers: key %s: can be read or changed by others; make it private "
		 "(chmod 600)\n",
		 key.name);
	refused(more, words);
	snprintf(more, sizeof more, "[peers]\nport = 6680\nkey = %s\n", half.name);
	cr_assert(eq(ptr, read_text(more), NULL));
	cr_assert(ne(ptr, strstr(complaints, "too short for a key"), NULL), "%s", complaints);
	unlink(key.name);
	unlink(half.name);
}

Test(config, the_required_keys_are_enough)
{
	struct apo_config *config = read_text(FINE);

	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(str, (char *)config->model.server_name, "irc.test"));
	cr_assert(eq(uint, config->listen_count, 1));
	cr_assert(eq(i64, config->drain_ns, 4 * RUDP_NS_PER_S));
	cr_assert(eq(u32, config->flood_burst_ms, 10000));
	apo_config_put(config);
}

Test(config, values_are_stored_in_their_members)
{
	struct apo_config *config =
		read_text(FINE "plain = [::1]:6668\nplain-passwords = yes\n"
			       "[limits]\nclients = 7\nsend-queue = 2M\n"
			       "connects-time = 90\n[flood]\nburst = off\n"
			       "[operator a]\npassword = " HASH "\nmask = *@x\n");

	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(uint, config->listen_count, 2));
	cr_assert(config->model.plain_passwords);
	cr_assert(eq(uint, config->model.clients_max, 7));
	cr_assert(eq(sz, config->send_queue_bytes, 2 * 1024 * 1024));
	cr_assert(eq(i64, config->connects_ns, 90 * RUDP_NS_PER_S));
	cr_assert(eq(u32, config->flood_burst_ms, 0));
	cr_assert(eq(sz, config->model.operator_count, 1));
	cr_assert(eq(str, (char *)config->model.operators[0].mask, "*@x"));
	apo_config_put(config);
}

Test(config, mistakes_are_reported_with_line_and_key)
{
	refused("[limits]\nclients = many\n",
		":7: limits: clients must be a whole number, optionally followed by k, M or G\n");
	refused("[limits]\nclients = 0\n", ":7: limits: clients must be from 1 to 1000000\n");
	refused("[limits]\nclient = 5\n", ":7: there is no key client in section limits\n");
	refused("[limit]\nclients = 5\n", ":7: there is no section [limit] (key clients)\n");
	refused("[limits]\nclients = 5\nclients = 6\n", ":8: limits: clients is there twice\n");
	refused("[limits]\nclients =\n", ":7: limits: clients has no value\n");
	refused("[flood]\nburst = 1x\n",
		":7: flood: burst must be a time: a whole number followed by ms, s, m, h or "
		"d\n");
	refused("[cloak]\nkey = abc\n", ":7: cloak: key must be 64 hexadecimal digits\n");
	refused("[lengths]\nnick = 400\n", ":7: lengths: nick must be from 1 to 32\n");
	refused("nonsense\n", ":6: is neither a [section] nor key = value\n");
	refused("[operator a]\nmask = x\n", ":7: operator a: has no password\n");
	refused("[operator a]\npasswort = x\n", ":7: there is no key passwort in section operator\n"
						":7: operator a: has no password\n");
	refused("[operator a]\npassword = " HASH "\npassword = " HASH "\n",
		":8: operator a: password is there twice\n");
	refused("[operator a]\npassword = " HASH "\n[operator a]\nmask = *@x\nmask = *@y\n",
		":10: operator a: mask is there twice\n");
	refused("[operator a]\npassword = " HASH "\nmask = a b\n",
		":8: operator a: mask must be one word\n");
	refused("tls = 6697\n", ":6: listen: tls needs certificate and key\n");
	refused("[history]\nenabled = yes\n",
		":7: history: needs the accounts file, and none is configured\n");
	refused("[server]\nlog-level = loud\n",
		":7: server: log-level must be error, warn, info, debug or off\n");
	refused("[server]\nmotd = /nowhere/motd\n",
		":7: server: motd /nowhere/motd: No such file or directory\n");
	refused("[server]\nmotd = /\n", ":7: server: motd /: Is a directory\n");
	refused("[history]\nage = 1s\n", ":7: history: age must be from 60s to 3153600000s\n");
}

/* With a plain password no login could succeed, and the reason would be hard to find. */
Test(config, a_password_is_its_hash)
{
	struct apo_config *config = read_text(FINE "[server]\npassword = " HASH "\n");

	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(str, (char *)config->model.password_hash, HASH));
	apo_config_put(config);
	refused("[server]\npassword = open\n",
		":7: server: password must be a hash, made by apollonion --hash-password\n");
	refused("[operator a]\npassword = open\n",
		":7: operator a: password must be a hash, made by apollonion --hash-password\n");
}

#define TLS "tls = 6697\ncertificate = %s\nkey = %s\n"

Test(config, a_certificate_that_cannot_be_used_says_why)
{
	struct temporary other = make_file("no certificate\n", 0600);
	char more[200], words[300];

	snprintf(more, sizeof more, TLS, "/nowhere/at/all", "/nowhere/key");
	refused(more, ":7: listen: certificate /nowhere/at/all: No such file or directory\n");
	snprintf(more, sizeof more, TLS, other.name, "/nowhere/key");
	snprintf(words, sizeof words, ":7: listen: certificate %s: no start line\n", other.name);
	refused(more, words);
	unlink(other.name);
}

Test(config, a_key_that_others_can_read_is_refused)
{
	struct temporary key = make_file("no key\n", 0644);
	char more[200], words[300];

	snprintf(more, sizeof more, TLS, "/nowhere/certificate", key.name);
	snprintf(words, sizeof words,
		 ":7: listen: key %s: other users may read or write it (mode 644; chmod 600 mends "
		 "that)\n",
		 key.name);
	refused(more, words);
	/* A group may read it, so the next mistake is found. */
	cr_assert(zero(int, chmod(key.name, 0640)));
	refused(more, ":7: listen: certificate /nowhere/certificate: No such file or directory\n");
	unlink(key.name);
}

Test(config, all_mistakes_are_reported_at_once)
{
	cr_assert(eq(ptr, read_text("[server]\nname = x\n[limits]\nwaiting = -1\n"), NULL));
	cr_assert(
		eq(str, complaints,
		   ":4: limits: waiting must be a whole number, optionally followed by k, M or G\n"
		   ": listen: no address is configured\n"
		   ":2: server: name must be a host name with a dot in it, of at most 63 bytes\n"));
}

Test(config, a_line_that_is_too_long_is_not_cut_in_two)
{
	char more[600];

	memset(more, 'x', 300);
	memcpy(more, "[server]\ndescription = ", 23);
	strcpy(more + 300, "\nmotd = /dev/null\n");
	refused(more, ":7: is longer than 198 bytes\n");
}

/* Neither the rest of the line nor the next line may be lost without an error. */
Test(config, a_zero_byte_is_reported)
{
	static const char middle[] = FINE "[limits]\nclients = 5\0000\nwaiting = -1\n",
			  last[] = FINE "[limits]\nclients = 5\0000";

	cr_assert(eq(ptr, read_bytes(middle, sizeof middle - 1), NULL));
	cr_assert(eq(
		str, complaints,
		":7: has a zero byte, so this is not a text file\n"
		":8: limits: waiting must be a whole number, optionally followed by k, M or G\n"));
	cr_assert(eq(ptr, read_bytes(last, sizeof last - 1), NULL));
	cr_assert(eq(str, complaints, ":7: has a zero byte, so this is not a text file\n"));
}

Test(config, a_missing_file_is_an_error)
{
	complaints[0] = 0;
	cr_assert(eq(ptr,
		     apo_config_read("/nowhere/conf", complain, (void *)(uintptr_t) "/nowhere"),
		     NULL));
	cr_assert(eq(str, complaints, "/conf: No such file or directory\n"));
}

static const char certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbDCCAROgAwIBAgIUAP7lI0dal9y0QHZB7BuGZMPpjuUwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBZTAeFw0yNjExMjIyMzI2MzVaFw0yNjEyMjIyMzI2MzVaMAwx\n"
	"CjAIBgNVBAMMAWUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATxXm4sWrFVbgHa\n"
	"wq+i1YE3QF++eXEU7mCt961RBP50Jqlm5P8hwoduzdOhfFXgZZYJtzP1ThBgMDp0\n"
	"H4XjfF1lo1MwUTAdBgNVHQ4EFgQUIMHdJI5xtw1fMwVfYZcqJEyhM2swHwYDVR0j\n"
	"BBgwFoAUIMHdJI5xtw1fMwVfYZcqJEyhM2swDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
	"hkjOPQQDAgNHADBEAiADoSPZ0B4bKLV0ZVDF6dz8zztDFqod6EOoMubRw/I9gwIg\n"
	"EMdx5TxDUJxhjim5aSwas2E8QLUvuNU6lG5RY5Ltvm8=\n"
	"-----END CERTIFICATE-----\n";
/* A key of the certificate, encrypted with a passphrase. */
static const char locked_key[] =
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	"MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAhefXPK5ToexgICCAAw\n"
	"DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQI1SAMm0Df8qMEgZB23KxJbKcRgtsV\n"
	"o+yB9oHzvDLkuPzuzkxy7DXs99AJpF9fRCW3Xn0iwhHI+71uJt3RQASHkMFtaZUR\n"
	"IuYAOQ7fqvFVobi0M1RirCPSha3yhsXzHmQtPHjUSl9/8L345AYkuUNJSzjxuizf\n"
	"YLqcB8Jk/ELs8pZnu8ahC3M/QS9orl2B9iM/VCIeC0nfk1ZixaA=\n"
	"-----END ENCRYPTED PRIVATE KEY-----\n";

/* OpenSSL would ask at the terminal, at the start and at each SIGHUP. */
Test(config, nobody_is_asked_for_a_passphrase, .timeout = 20)
{
	struct temporary public = make_file(certificate, 0600), key = make_file(locked_key, 0600);
	char more[200], words[300];

	snprintf(more, sizeof more, TLS, public.name, key.name);
	snprintf(words, sizeof words,
		 ":7: listen: key %s: has a passphrase, which a server cannot ask for\n", key.name);
	refused(more, words);
	unlink(public.name);
	unlink(key.name);
}

Test(config, trusted_proxies_are_addresses_and_networks)
{
	struct apo_config *config =
		read_text(FINE "[listen]\ntrusted-proxy = 10.0.0.0/8\ntrusted-proxy = ::1\n");

	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(uint, config->trusted_proxy_count, 2));
	cr_assert(eq(uint, config->trusted_proxies[0].prefix_bits, 104));
	cr_assert(eq(uint, config->trusted_proxies[1].prefix_bits, 128));
	apo_config_put(config);
	refused("[listen]\ntrusted-proxy = proxy.test\n",
		":7: listen: trusted-proxy must be an address or a network: 192.0.2.1, "
		"10.0.0.0/8, ::1\n");
}

Test(config, web_listeners_have_a_section)
{
	struct apo_config *config =
		read_text(FINE "[web]\nplain = 8067\nhost = a.test\nhost = b.test\n"
			       "origin = https://c.test\nclient = no\n");

	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(uint, config->listen_count, 2));
	cr_assert(not(config->listens[0].is_web));
	cr_assert(config->listens[1].is_web);
	cr_assert(not(config->listens[1].is_tls));
	cr_assert(eq(uint, config->web.host_count, 2));
	cr_assert(eq(str, (char *)config->web.origins[0], "https://c.test"));
	cr_assert(not(config->web.has_client));
	apo_config_put(config);
	refused("[web]\nhost = a.test:80\n", ":7: web: host must be a host name, without port\n");
	refused("[web]\norigin = c.test\n", ":7: web: origin must be https://HOST, "
					    "https://HOST:PORT, the same with http, or *\n");
	refused("[web]\ntls = 8443\n", ": listen: tls needs certificate and key\n");
}

/* Compares a configuration with one in which only the member of this row differs. */
static void differs_in(const struct apo_config_row *row, bool by_text)
{
	static struct apo_config is, was;
	bool is_peers = strcmp(row->section, "peers") == 0;

	memset(&was, 0, sizeof was);
	memset(&is, 0, sizeof is);
	if (by_text)
		*(const char **)((char *)&is + row->offset) = "other";
	else
		((char *)&is)[row->offset + row->size - 1] = 1;
	cr_expect(apo_config_has_other_section(&is, &was, row->section), "%s", row->key);
	cr_expect(not(apo_config_has_other_section(&is, &was, is_peers ? "cluster" : "peers")));
}

Test(config, a_section_is_another_if_one_of_its_keys_is)
{
	struct apo_config *config = read_text(FINE "[cluster]\nname = one\n");
	struct apo_config *same = read_text(FINE "[cluster]\nname = one\n");
	size_t i;

	cr_assert(not(apo_config_has_other_section(config, same, "cluster")));
	apo_config_put(config);
	apo_config_put(same);
	for (i = 0; i < apo_config_row_count; i++)
		if (strcmp(apo_config_rows[i].section, "peers") == 0 ||
		    strcmp(apo_config_rows[i].section, "cluster") == 0)
			differs_in(apo_config_rows + i, apo_config_rows[i].kind == APO_CONFIG_TEXT);
}
