/* SPDX-License-Identifier: MIT */
/* bench: measures messages per second. The sender waits for acknowledgements; the receiver discards
 * messages. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "messaging/command/command.h"

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Measures what the disk itself can do, to compare the store's rate with. */
static void measure_disk(const char *directory)
{
	static const char page[4096];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	double start = seconds(CLOCK_MONOTONIC), span = 0;
	unsigned count = 0;

	while (fd >= 0 && span < 1 && pwrite(fd, page, sizeof page, 0) == sizeof page &&
	       fdatasync(fd) == 0) {
		count++;
		span = seconds(CLOCK_MONOTONIC) - start;
	}
	if (count > 0)
		printf("disk: %.0f writes of 4 KiB with fdatasync per second\n", count / span);
	if (fd >= 0)
		close(fd);
}

static int send_many(const struct command_options *options, struct rudpmsg_node *node,
		     rudpmsg_conn_id conn)
{
	uint64_t i, count = options->count ? options->count : 1000000;
	char *bytes = calloc(1, options->size ? options->size : 1);
	struct rudpmsg_stats stats;
	double start, span, cpu;
	rudpmsg_message_id last = 0;
	int rc = bytes ? 0 : -ENOMEM;

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
		warnx("the benchmark ended early: %s", strerror(-rc));
		return EXIT_NOT_DELIVERED;
	}
	printf("%" PRIu64 " messages of %" PRIu64
	       " bytes in %.3f s: %.0f/s, sender's CPU %.2f us each\n",
	       count, options->size, span, (double)count / span, cpu * 1e6 / (double)count);
	if (options->node.store_directory) {
		rudpmsg_stats(node, &stats, sizeof stats);
		printf("%" PRIu64 " commits of the sender's store\n", stats.store_commits);
		measure_disk(options->node.store_directory);
	}
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
