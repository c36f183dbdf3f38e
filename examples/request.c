/* SPDX-License-Identifier: MIT */
/*
 * request - requests and replies over messages, with a deadline.
 *
 *  cc -o request request.c $(pkg-config --cflags --libs rudpmsg) ./request 7000
 *  # a service that answers in capitals ./request localhost 7000 2 hello world  # asks it, and
 *  waits 2 seconds at most
 *
 * An acknowledgement says only that the peer has a message. So the answer is another message,
 * "NUMBER ANSWER" to "NUMBER QUESTION". The client chooses the number: answers may come in any
 * order, and each is matched with its question.
 */
#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rudp/msg.h>

#define SECOND INT64_C(1000000000)
#define TEXT_SIZE 1000

static struct rudpmsg_node *node;

static void must(int rc, const char *what)
{
	if (rc != 0)
		errx(1, "cannot %s: %s", what, strerror(-rc));
}

/* Receives the next message from conn, or from any peer if *from is 0; *from is its sender. Longer
 * messages are cut. */
static int receive_text(rudpmsg_conn_id conn, char text[TEXT_SIZE], int64_t timeout_ns,
			rudpmsg_conn_id *from)
{
	struct rudpmsg_message message;
	int rc = rudpmsg_receive(node, conn, timeout_ns, &message);

	if (rc < 0)
		return rc;
	snprintf(text, TEXT_SIZE, "%.*s", (int)message.length, (const char *)message.bytes);
	*from = message.conn;
	rudpmsg_done(node, &message);
	return 0;
}

static void serve(uint16_t port)
{
	char text[TEXT_SIZE], *c;
	rudpmsg_conn_id client;

	must(rudpmsg_listen(node, NULL, port), "listen");
	while (receive_text(0, text, RUDPMSG_FOREVER, &client) == 0) {
		for (c = text; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		/* If a client does not read its answers, they are dropped: others must not wait for
		 * it. */
		rudpmsg_send(node, client, text, strlen(text), 0, NULL);
	}
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/* Sends all questions at once. Returns how many were not answered in time. */
static int ask(const char *host, uint16_t port, int64_t span_ns, char **questions, int count)
{
	int64_t deadline_ns = now_ns() + span_ns;
	int number, length, missing = count;
	char text[TEXT_SIZE], answer[TEXT_SIZE];
	rudpmsg_conn_id server;

	must(rudpmsg_connect(node, host, port, NULL, span_ns, &server), "connect");
	for (number = 0; number < count; number++) {
		length = snprintf(text, sizeof text, "%d %s", number, questions[number]);
		must(rudpmsg_send(node, server, text, (size_t)length, span_ns, NULL), "ask");
	}
	while (missing > 0 && (span_ns = deadline_ns - now_ns()) > 0 &&
	       receive_text(server, text, span_ns, &server) == 0) {
		if (sscanf(text, "%d %999[^\n]", &number, answer) != 2 || number < 0 ||
		    number >= count)
			continue;
		printf("%s: %s\n", questions[number], answer);
		missing--;
	}
	return missing;
}

int main(int argc, char **argv)
{
	int missing = 0;
	char name[32];

	if (argc != 2 && argc < 5)
		errx(2, "usage: request PORT, or request HOST PORT SECONDS QUESTION...");
	snprintf(name, sizeof name, argc > 4 ? "client-%d" : "server", (int)getpid());
	must(rudpmsg_node_open(&node, name, NULL, NULL), "open a node");
	if (argc > 4)
		missing = ask(argv[1], (uint16_t)atoi(argv[2]), atoi(argv[3]) * SECOND, argv + 4,
			      argc - 4);
	else
		serve((uint16_t)atoi(argv[1]));
	if (missing > 0)
		warnx("%d without an answer in time", missing);
	rudpmsg_node_free(node);
	return missing > 0;
}
