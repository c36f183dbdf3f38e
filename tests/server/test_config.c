/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conversation/server/config.h"

#define FINE "[server]\nname = irc.test\nnetwork = Test\n[listen]\nplain = 127.0.0.1:6667\n"

/* What was complained of, without the name of the file; a line each. */
static char complaints[4096];

static void complain(void *of, const char *line)
{
	const char *name = of;
	size_t len = strlen(complaints);

	cr_assert(eq(int, strncmp(line, name, strlen(name)), 0));
	snprintf(complaints + len, sizeof complaints - len, "%s\n", line + strlen(name));
}

static struct apo_config *read_text(const char *text)
{
	char name[] = "/tmp/apollonion-conf.XXXXXX";
	struct apo_config *config;
	int fd = mkstemp(name);

	complaints[0] = 0;
	cr_assert(eq(sz, (size_t)write(fd, text, strlen(text)), strlen(text)));
	close(fd);
	config = apo_config_read(name, complain, name);
	unlink(name);
	return config;
}

/* The text behind a configuration that is right must be refused with these words. */
static void refused(const char *more, const char *words)
{
	char text[2048];

	snprintf(text, sizeof text, FINE "%s", more);
	cr_assert(eq(ptr, read_text(text), NULL), "%s", more);
	cr_assert(eq(str, complaints, (char *)words), "%s", more);
}

Test(config, accounts_have_a_section)
{
	struct apo_config *config = read_text(FINE);

	cr_assert(eq(ptr, (void *)config->accounts_file, NULL));
	cr_assert(config->model.open_registration);
	cr_assert(eq(uint, config->model.login_tries_max, 3));
	apo_config_put(config);
	config = read_text(FINE "[accounts]\nfile = /a/b.db\nregistration = no\ncount = 7\n"
				"tries = 5\ntries-time = 2m\n");
	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(str, (char *)config->accounts_file, "/a/b.db"));
	cr_assert(not(config->model.open_registration));
	cr_assert(eq(uint, config->model.accounts_max, 7));
	cr_assert(eq(uint, config->model.login_tries_max, 5));
	cr_assert(eq(i64, config->model.login_span_ns, 120 * RUDP_NS_PER_S));
	apo_config_put(config);
	refused("[accounts]\ntries = 0\n", ":7: accounts: tries must be from 1 to 4294967295\n");
}

Test(config, peers_need_a_key)
{
	struct apo_config *config = read_text(FINE);

	cr_assert(eq(uint, config->peers_port, 0));
	apo_config_put(config);
	config = read_text(FINE "[peers]\nport = 6680\nkey = /dev/null\nid = hall\ncount = 7\n"
				"away-time = 2m\n");
	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(uint, config->peers_port, 6680));
	cr_assert(eq(str, (char *)config->peers_id, "hall"));
	cr_assert(eq(uint, config->peers_max, 7));
	cr_assert(eq(i64, config->peers_away_ns, 120 * RUDP_NS_PER_S));
	apo_config_put(config);
	refused("[peers]\nport = 6680\n", ": peers: key is missing\n");
	refused("[peers]\nport = 6680\nkey = /nowhere/at/all\n",
		": peers: key /nowhere/at/all: No such file or directory\n");
	refused("[peers]\nport = 6680\nkey = /dev/null\nid = a b\n",
		": peers: id must be of letters, digits, dots and dashes\n");
}

Test(config, what_must_be_there_is_enough)
{
	struct apo_config *config = read_text(FINE);

	cr_assert(ne(ptr, config, NULL), "%s", complaints);
	cr_assert(eq(str, (char *)config->model.server_name, "irc.test"));
	cr_assert(eq(uint, config->listen_count, 1));
	cr_assert(eq(i64, config->drain_ns, 4 * RUDP_NS_PER_S));
	cr_assert(eq(u32, config->flood_burst_ms, 10000));
	apo_config_put(config);
}

Test(config, values_come_to_where_they_belong)
{
	struct apo_config *config = read_text(FINE "plain = [::1]:6668\nplain-passwords = yes\n"
						   "[limits]\nclients = 7\nsend-queue = 2M\n"
						   "connects-time = 90\n[flood]\nburst = off\n"
						   "[operator a]\npassword = hash\nmask = *@x\n");

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

Test(config, what_is_wrong_is_told_with_line_and_key)
{
	refused("[limits]\nclients = many\n",
		":7: limits: clients must be a whole number, or one with k, M or G behind it\n");
	refused("[limits]\nclients = 0\n", ":7: limits: clients must be from 1 to 1000000\n");
	refused("[limits]\nclient = 5\n", ":7: there is no key client in section limits\n");
	refused("[limit]\nclients = 5\n", ":7: there is no section [limit] (key clients)\n");
	refused("[limits]\nclients = 5\nclients = 6\n", ":8: limits: clients is there twice\n");
	refused("[limits]\nclients =\n", ":7: limits: clients has no value\n");
	refused("[flood]\nburst = 1x\n",
		":7: flood: burst must be a span of time: a whole number with ms, s, m, h or d "
		"behind it\n");
	refused("[cloak]\nkey = abc\n", ":7: cloak: key must be 64 hexadecimal digits\n");
	refused("[lengths]\nnick = 400\n", ":7: lengths: nick must be from 1 to 32\n");
	refused("nonsense\n", ":6: is neither a [section] nor key = value\n");
	refused("[operator a]\nmask = x\n", ": operator a: has no password\n");
	refused("[operator a]\npasswort = x\n", ":7: there is no key passwort in section operator\n"
						": operator a: has no password\n");
	refused("tls = 6697\n", ": listen: tls needs certificate and key\n");
}

Test(config, all_that_is_wrong_is_told_at_once)
{
	cr_assert(eq(ptr, read_text("[server]\nname = x\n[limits]\nwaiting = -1\n"), NULL));
	cr_assert(
		eq(str, complaints,
		   ":4: limits: waiting must be a whole number, or one with k, M or G behind it\n"
		   ": listen: no address is listened on\n"
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

Test(config, a_file_that_is_not_there_is_no_crash)
{
	complaints[0] = 0;
	cr_assert(eq(ptr,
		     apo_config_read("/nowhere/conf", complain, (void *)(uintptr_t) "/nowhere"),
		     NULL));
	cr_assert(eq(str, complaints, "/conf: No such file or directory\n"));
}
