/* SPDX-License-Identifier: MIT */
/* Nodes whose store is at its limit, limits.store_bytes_max. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "messaging/node_private.h"
#include "messaging/unix_transport.h"

#define STORE_BYTES ((uint64_t)8 << 20)
#define RESERVE_BYTES ((uint64_t)4 << 20) /* part of the file, needed to delete from a full store */
#define LENGTH ((size_t)64 << 10)
#define MESSAGES 200 /* more than the store takes */

static uint8_t bytes[LENGTH];
static char directory[64];
static struct rudpmsg_node *alpha, *beta;
static rudpmsg_conn_id to_beta;

static void set_up(void)
{
	strcpy(directory, "/tmp/rudp-node-store.XXXXXX");
	cr_assert(mkdtemp(directory) != NULL);
}

static void tear_down(void)
{
	char command[128];

	rudpmsg_node_free(alpha);
	rudpmsg_node_free(beta);
	snprintf(command, sizeof command, "rm -r %s", directory);
	cr_assert(eq(int, system(command), 0));
}

TestSuite(node_store, .init = set_up, .fini = tear_down, .timeout = 600);

static struct rudpmsg_node *open_node(const char *name, bool has_store)
{
	const struct rudpmsg_options options = {.transport = RUDPMSG_TRANSPORT_TCP,
						.store_directory = has_store ? directory : NULL,
						.backoff_max_ns = RUDP_NS_PER_S / 10,
						.limits.store_bytes_max = STORE_BYTES};
	struct rudpmsg_node *node;

	cr_assert(eq(int, rudpmsg_node_open(&node, name, &options, NULL), 0));
	node->transport = &unix_transport;
	return node;
}

static void open_beta(bool has_store)
{
	beta = open_node("beta", has_store);
	cr_assert(eq(int, rudpmsg_listen(beta, "127.0.0.1", 1), 0));
}

static void receive_all(uint64_t count)
{
	struct rudpmsg_message message;
	uint64_t id;

	for (id = 1; id <= count; id++) {
		cr_assert(eq(int, rudpmsg_receive(beta, 0, RUDPMSG_FOREVER, &message), 0));
		cr_assert(eq(u64, message.id, id));
		rudpmsg_done(beta, &message);
	}
}

static void check_file(void)
{
	char path[128];
	struct stat status;

	snprintf(path, sizeof path, "%s/messages.mdb", directory);
	cr_assert(eq(int, stat(path, &status), 0));
	cr_expect(le(i64, (int64_t)status.st_size, (int64_t)(STORE_BYTES + RESERVE_BYTES)));
}

Test(node_store, at_store_bytes_max_sending_fails_until_messages_are_delivered)
{
	uint64_t accepted = 0;
	int rc;

	alpha = open_node("alpha", true);
	(void)rudpmsg_connect(alpha, "127.0.0.1", 1, "beta", 0, &to_beta); /* no node listens yet */
	while ((rc = rudpmsg_send(alpha, to_beta, bytes, LENGTH, RUDPMSG_FOREVER, NULL)) == 0)
		accepted++;
	cr_assert(eq(int, rc, -ENOSPC));
	cr_expect(lt(u64, STORE_BYTES / LENGTH / 2, accepted));
	check_file();
	open_beta(false);
	receive_all(accepted);
	do
		rc = rudpmsg_send(alpha, to_beta, bytes, LENGTH, RUDPMSG_FOREVER, NULL);
	while (rc == -ENOSPC);
	cr_expect(eq(int, rc, 0));
}

Test(node_store, at_store_bytes_max_the_sender_keeps_its_messages_and_retries)
{
	rudpmsg_message_id last = 0;
	struct rudpmsg_event event;
	struct rudpmsg_stats stats;
	int i;

	open_beta(true);
	alpha = open_node("alpha", false);
	cr_assert(eq(int, rudpmsg_connect(alpha, "127.0.0.1", 1, "beta", RUDPMSG_FOREVER, &to_beta),
		     0));
	for (i = 0; i < MESSAGES; i++)
		cr_assert(eq(int,
			     rudpmsg_send(alpha, to_beta, bytes, LENGTH, RUDPMSG_FOREVER, &last),
			     0));
	do
		cr_assert(eq(int, rudpmsg_event_wait(alpha, RUDPMSG_FOREVER, &event), 0));
	while (event.kind != RUDPMSG_EVENT_BROKEN);
	cr_expect(eq(int, event.reason, ENOSPC));
	check_file();
	receive_all(MESSAGES);
	cr_expect(eq(int, rudpmsg_wait(alpha, to_beta, last, RUDPMSG_FOREVER), 0));
	rudpmsg_stats(beta, &stats, sizeof stats);
	cr_expect(ge(u64, stats.store_failures, 1));
}
