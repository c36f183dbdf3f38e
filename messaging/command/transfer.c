/* SPDX-License-Identifier: MIT */
/* The commands send, receive and pipe. */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "messaging/command/command.h"

/* Sends the messages on standard input to the connection. Returns an exit code. */
static int send_all(const struct command_options *options, struct rudpmsg_node *node,
		    rudpmsg_conn_id conn)
{
	uint64_t sent = 0;
	size_t capacity = 0;
	char *bytes = NULL;
	int exit_code = EXIT_DELIVERED, rc;
	rudpmsg_message_id last = 0;
	long length;

	while ((length = command_read_message(options, stdin, &bytes, &capacity)) >= 0) {
		rc = rudpmsg_submit(node, conn, bytes, (size_t)length, RUDPMSG_FOREVER, &last);
		if (rc < 0) {
			warnx("message %" PRIu64 " was not accepted: %s", sent + 1, strerror(-rc));
			exit_code = EXIT_NOT_DELIVERED;
			break;
		}
		sent++;
	}
	free(bytes);
	/* The result is not needed: the counters will show whether all messages were accepted. */
	if (last)
		(void)rudpmsg_accepted(node, conn, last);
	return length == -2 ? EXIT_NOT_DELIVERED : exit_code;
}

/* Reports once that another program uses the --id. The node continues, and takes the link back. */
struct id_watch {
	const struct command_options *options;
	struct rudpmsg_node *node;
	pthread_t thread;
	bool has_thread;
};

static void *watch_id(void *of)
{
	const struct id_watch *watch = of;
	struct rudpmsg_event event;
	bool is_told = false;

	while (rudpmsg_event_wait(watch->node, RUDPMSG_FOREVER, &event) == 0) {
		if (event.kind != RUDPMSG_EVENT_BROKEN || event.reason != ESTALE || is_told)
			continue;
		command_complain_of_same_id(watch->options);
		is_told = true;
	}
	return NULL;
}

/* If no thread can be made, it is not reported. */
static void id_watch_start(struct id_watch *watch, const struct command_options *options,
			   struct rudpmsg_node *node)
{
	watch->options = options;
	watch->node = node;
	watch->has_thread = pthread_create(&watch->thread, NULL, watch_id, watch) == 0;
}

/* Waits until the rest is acknowledged, and closes the node. Returns an exit code. */
static int close_node(const struct command_options *options, struct rudpmsg_node *node,
		      struct id_watch *watch)
{
	struct rudpmsg_stats stats;
	uint64_t left = 0;
	int rc = rudpmsg_node_close(node, options->timeout_ns, &left);

	if (watch->has_thread)
		pthread_join(watch->thread, NULL);
	rudpmsg_stats(node, &stats, sizeof stats);
	if (stats.messages_failed > 0)
		warnx("%" PRIu64 " messages failed%s", stats.messages_failed,
		      stats.store_failures > 0 ? ": the store could not take them" : "");
	if (rc < 0)
		warnx("%" PRIu64 " of %" PRIu64 " messages were not acknowledged within %" PRId64
		      " s (--timeout), and %s",
		      left, stats.messages_acknowledged + left,
		      options->timeout_ns / INT64_C(1000000000),
		      options->node.store_directory ? "are kept in the store" : "are lost");
	else if (!options->quiet && stats.messages_acknowledged > 0)
		warnx("%" PRIu64 " messages delivered", stats.messages_acknowledged);
	return rc < 0 || stats.messages_failed > 0 ? EXIT_NOT_DELIVERED : EXIT_DELIVERED;
}

typedef int transfer_messages(const struct command_options *options, struct rudpmsg_node *node,
			      rudpmsg_conn_id conn);

/* Opens a node, transfers messages and frees the node. Returns an exit code. */
static int run(const struct command_options *options, transfer_messages *transfer)
{
	rudpmsg_conn_id conn;
	int exit_code, rest;
	struct rudpmsg_node *node = command_open(options, &conn, &exit_code);
	struct id_watch watch;

	if (!node)
		return exit_code;
	id_watch_start(&watch, options, node);
	exit_code = transfer(options, node, conn);
	rest = close_node(options, node, &watch);
	rudpmsg_node_free(node);
	return exit_code ? exit_code : rest;
}

int command_send(const struct command_options *options)
{
	return run(options, send_all);
}

/* Receives from any peer. */
static int receive_all(const struct command_options *options, struct rudpmsg_node *node,
		       rudpmsg_conn_id conn)
{
	struct rudpmsg_message message;
	uint64_t count = 0;
	bool good = true;

	(void)conn;
	while (good && (options->count == 0 || count < options->count) &&
	       rudpmsg_receive(node, 0, RUDPMSG_FOREVER, &message) == 0) {
		good = command_write_message(options, stdout, &message);
		if (good)
			rudpmsg_done(node, &message);
		count++;
	}
	return good ? EXIT_DELIVERED : EXIT_NOT_DELIVERED;
}

int command_receive(const struct command_options *options)
{
	return run(options, receive_all);
}

struct receiver {
	const struct command_options *options;
	struct rudpmsg_node *node;
	int exit_code;
};

static void *run_receiver(void *context)
{
	struct receiver *receiver = context;

	receiver->exit_code = receive_all(receiver->options, receiver->node, 0);
	return NULL;
}

/* A node that only listens talks to the first peer that connects. */
static int await_peer(struct rudpmsg_node *node, rudpmsg_conn_id *conn)
{
	struct rudpmsg_event event;
	int rc;

	while (*conn == 0) {
		rc = rudpmsg_event_wait(node, RUDPMSG_FOREVER, &event);
		if (rc < 0)
			return rc;
		if (event.kind == RUDPMSG_EVENT_CONNECTED)
			*conn = event.conn;
	}
	return 0;
}

int command_pipe(const struct command_options *options)
{
	rudpmsg_conn_id conn;
	int exit_code, rest;
	struct rudpmsg_node *node = command_open(options, &conn, &exit_code);
	struct receiver receiver = {options, node, EXIT_DELIVERED};
	struct id_watch watch;
	pthread_t thread;

	if (!node)
		return exit_code;
	if (await_peer(node, &conn) < 0 ||
	    pthread_create(&thread, NULL, run_receiver, &receiver) != 0) {
		warnx("cannot wait for a peer");
		rudpmsg_node_free(node);
		return EXIT_NOT_DELIVERED;
	}
	id_watch_start(&watch, options, node);
	exit_code = send_all(options, node, conn);
	/* Closing the node ends the receiver, once all sent messages are acknowledged. */
	if (options->count > 0)
		pthread_join(thread, NULL);
	rest = close_node(options, node, &watch);
	if (options->count == 0)
		pthread_join(thread, NULL);
	rudpmsg_node_free(node);
	return exit_code ? exit_code : rest ? rest : receiver.exit_code;
}
