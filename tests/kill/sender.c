/* SPDX-License-Identifier: MIT */
/*
 * A node with a store that sends numbers. After each successful rudpmsg_send it reports that the
 * number was accepted: every reported number must arrive, whichever process is killed.
 *
 *  sender STORE PORT FROM TO [FILLING]     exit code 0: all that the store had is acknowledged
 *
 * FILLING: number of bytes after each number.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rudp/msg.h"

static int complain(const char *what, int rc)
{
	fprintf(stderr, "sender: %s: %s\n", what, strerror(-rc));
	return 2;
}

#define FILLING_MAX 100000
#define DRAIN_NS INT64_C(300000000000) /* the caller kills a sender that hangs */

/* Reports at once that a link broke: a test may wait for that. */
static void *watch_links(void *node)
{
	struct rudpmsg_event event;

	while (rudpmsg_event_wait(node, RUDPMSG_FOREVER, &event) == 0)
		if (event.kind == RUDPMSG_EVENT_BROKEN)
			fprintf(stderr, "sender: a link broke\n");
	return NULL;
}

int main(int argc, char **argv)
{
	struct rudpmsg_options options = {.ack = RUDPMSG_ACK_STORED,
					  .backoff_first_ns = INT64_C(10000000),
					  .backoff_max_ns = INT64_C(50000000)};
	static char text[32 + FILLING_MAX];
	char error[RUDPMSG_ERROR_TEXT_SIZE];
	struct rudpmsg_node *node;
	struct rudpmsg_stats stats;
	rudpmsg_conn_id conn;
	pthread_t watcher;
	long number;
	size_t filling = 0;
	int rc, length;

	if (argc < 5 || (argc > 5 && (filling = (size_t)atol(argv[5])) > FILLING_MAX))
		return 2;
	options.store_directory = argv[1];
	rc = rudpmsg_node_open(&node, "alpha", &options, error);
	if (rc < 0) {
		fprintf(stderr, "sender: %s\n", error);
		return 2;
	}
	rc = pthread_create(&watcher, NULL, watch_links, node);
	if (rc)
		return complain("thread", -rc);
	rc = rudpmsg_connect(node, "127.0.0.1", (uint16_t)atoi(argv[2]), "beta", 0, &conn);
	if (rc < 0 && rc != -EINPROGRESS)
		return complain("connect", rc);
	for (number = atol(argv[3]); number < atol(argv[4]); number++) {
		length = snprintf(text, sizeof text, "%ld\n", number);
		memset(text + length, '.', filling);
		rc = rudpmsg_send(node, conn, text, (size_t)length - !filling + filling,
				  RUDPMSG_FOREVER, NULL);
		if (rc < 0)
			return complain("send", rc);
		if (write(1, text, (size_t)length) != length)
			return 2;
	}
	rc = rudpmsg_node_close(node, DRAIN_NS, NULL);
	pthread_join(watcher, NULL);
	rudpmsg_stats(node, &stats, sizeof stats);
	fprintf(stderr, "sender: %llu links broken\n", (unsigned long long)stats.links_broken);
	rudpmsg_node_free(node);
	return rc < 0 ? complain("close", rc) : 0;
}
