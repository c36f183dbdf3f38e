/* SPDX-License-Identifier: MIT */
/*
 * Whatever breaks, and in whatever order things come: each line is shown once to each of the
 * others, in the order in which it was said, and told to its sender once as said.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_server.h"

#define SEEDS 300
#define STEPS 1500

static struct fake_server fake_server;

/* Lines of one nick in a log, in order: "kind #a nick n". */
static void check_lines(uint64_t seed, const char *log, const char *kind, const char *nick,
			unsigned count)
{
	char expected[64];
	unsigned next = 1;
	const char *line, *end;

	for (line = log; *line; line = end + 1) {
		end = strchr(line, '\n');
		snprintf(expected, sizeof expected, "%s #a %s ", kind, nick);
		if (strncmp(line, expected, strlen(expected)) != 0)
			continue;
		snprintf(expected, sizeof expected, "%s #a %s %u\n", kind, nick, next++);
		cr_assert(eq(int, strncmp(line, expected, strlen(expected)), 0),
			  "seed %llu: %.40s in place of %s", (unsigned long long)seed, line,
			  expected);
	}
	cr_assert(eq(uint, next - 1, count), "seed %llu: %s %s", (unsigned long long)seed, kind,
		  nick);
}

static void check_all(uint64_t seed, const unsigned *said)
{
	static const char *const nicks[] = {"anna", "bob", "carl", "dora"};
	unsigned i, j;

	for (i = 0; i < fake_server.client_count; i++) {
		cr_assert(eq(sz, fake_server.clients[i].kept_count, 0), "seed %llu",
			  (unsigned long long)seed);
		for (j = 0; j < fake_server.client_count; j++)
			check_lines(seed, fake_server.clients[i].log, i == j ? "SAID" : "MESSAGE",
				    nicks[j], said[j]);
	}
}

static void settle(void)
{
	unsigned i;

	for (i = 0; i < 20; i++) {
		fake_server_settle(&fake_server);
		fake_server_wait(&fake_server, RUDP_NS_PER_S);
	}
	fake_server_settle(&fake_server);
}

static void run(uint64_t seed, bool do_clients_die)
{
	unsigned said[FAKE_SERVER_CLIENTS] = {0}, i, client;
	char text[32];

	fake_server_init(&fake_server, 2 + (unsigned)(seed % 3), seed);
	fake_server.has_receipts = true;
	fake_server_settle(&fake_server);
	for (i = 0; i < STEPS; i++) {
		client = (unsigned)random_below(&fake_server.random, fake_server.client_count);
		switch (random_below(&fake_server.random, 40)) {
		case 0:
		case 1:
		case 2:
			/* Only the first client speaks if clients are killed. */
			client = do_clients_die ? 0 : client;
			snprintf(text, sizeof text, "%u", ++said[client]);
			fake_server_say(&fake_server, client, text);
			break;
		case 3:
			if (random_below(&fake_server.random, 6) > 0)
				break;
			if (do_clients_die)
				fake_server_restart_client(&fake_server, 0);
			else
				fake_server_restart_server(&fake_server);
			break;
		case 4:
			fake_server_wait(&fake_server, RUDP_NS_PER_MS);
			break;
		default:
			(void)fake_server_step(&fake_server, client,
					       random_below(&fake_server.random, 2) == 0);
		}
	}
	settle();
	check_all(seed, said);
	fake_server_fini(&fake_server);
}

Test(chat_model, a_killed_server_causes_no_lost_or_doubled_line, .timeout = 600)
{
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++)
		run(seed, false);
}

Test(chat_model, a_killed_client_sends_each_line_once, .timeout = 600)
{
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++)
		run(seed, true);
}
