/* SPDX-License-Identifier: MIT */
/* How many messages a second: the sender counts acknowledgements, the receiver takes and forgets.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "messaging/command/command.h"

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int send_many(const struct command_options *options, struct rudpmsg_node *node,
		     rudpmsg_conn_id conn)
{
	uint64_t i, count = options->count ? options->count : 1000000;
	char *bytes = calloc(1, options->size ? options->size : 1);
	double start, span, cpu;
	rudpmsg_message_id last = 0;
	int rc = bytes ? 0 : -1;

	start = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (i = 0; rc == 0 && i < count; i++)
		rc = rudpmsg_submit(node, conn, bytes, options->size, RUDPMSG_FOREVER, &last);
	if (rc == 0)
		rc = rudpmsg_wait(node, conn, last, RUDPMSG_FOREVER);
	span = seconds(CLOCK_MONOTONIC) - start;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	free(bytes);
	if (rc < 0) {
		command_complain("the benchmark ended early: %s", strerror(-rc));
		return EXIT_NOT_DELIVERED;
	}
	printf("%" PRIu64 " messages of %" PRIu64
	       " bytes in %.3f s: %.0f/s, sender's CPU %.2f us each\n",
	       count, options->size, span, (double)count / span, cpu * 1e6 / (double)count);
	return EXIT_DELIVERED;
}

static int receive_many(const struct command_options *options, struct rudpmsg_node *node)
{
	struct rudpmsg_message message;
	uint64_t received = 0;
	double cpu;

	while ((options->count == 0 || received < options->count) &&
	       rudpmsg_receive(node, 0, RUDPMSG_FOREVER, &message) == 0) {
		rudpmsg_done(node, &message);
		received++;
	}
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	printf("%" PRIu64 " messages, receiver's CPU %.2f us each\n", received,
	       cpu * 1e6 / (double)received);
	return EXIT_DELIVERED;
}

int command_bench(const struct command_options *options)
{
	rudpmsg_conn_id conn;
	int exit_code;
	struct rudpmsg_node *node = command_open(options, &conn, &exit_code);

	if (!node)
		return exit_code;
	exit_code = conn ? send_many(options, node, conn) : receive_many(options, node);
	rudpmsg_node_close(node, options->timeout_ns, NULL);
	rudpmsg_node_free(node);
	return exit_code;
}
