/* SPDX-License-Identifier: MIT */
/*
 * Many threads over the nodes of the messaging library: the test for ThreadSanitizer, and a test by
 * itself. Clients send from several threads to one server whose threads share the receiving, over
 * plain TCP on loopback, while every stream of the process is cut again and again and connections
 * come and go. Each message must come exactly once, and closing must wake each blocked thread.
 *
 * With the argument "store" all of them have stores, in memory that looks like a disk (/dev/shm).
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "threads/nodes.h"

#define CLIENTS 3
#define SENDERS 2 /* threads of each client */
#define RECEIVERS 3
#define MESSAGES 6000 /* of each sender */
#define TOTAL (CLIENTS * SENDERS * MESSAGES)

struct text {
	unsigned client, sender, number;
	char filling[500];
};

static char root[] = "/dev/shm/rudp-threads.XXXXXX"; /* of the stores */
static bool has_stores;
static struct rudpmsg_node *server, *clients[CLIENTS];
static rudpmsg_conn_id to_server[CLIENTS];
static uint16_t port;
static atomic_uint seen[CLIENTS][SENDERS][MESSAGES];
static atomic_uint received;

static struct rudpmsg_node *open_node(const char *name)
{
	struct rudpmsg_options options = options_of(50);
	struct rudpmsg_node *node;
	char path[64];

	if (has_stores) {
		snprintf(path, sizeof path, "%s/%s", root, name);
		options.store_directory = path;
		options.ack = RUDPMSG_ACK_STORED;
	}
	check(rudpmsg_node_open(&node, name, &options, NULL), 0, "open");
	return node;
}

static void *send_some(void *argument)
{
	unsigned index = (unsigned)(uintptr_t)argument, client = index / SENDERS;
	struct text text = {.client = client, .sender = index % SENDERS};
	rudpmsg_message_id id = 0;

	for (text.number = 0; text.number < MESSAGES; text.number++)
		check(rudpmsg_send(clients[client], to_server[client], &text,
				   sizeof text - text.number % sizeof text.filling, RUDPMSG_FOREVER,
				   &id),
		      0, "send");
	check(rudpmsg_wait(clients[client], to_server[client], id, RUDPMSG_FOREVER), 0, "wait");
	return NULL;
}

static void *receive_some(void *argument)
{
	struct rudpmsg_message message;
	struct text text;
	int rc;

	(void)argument;
	while ((rc = rudpmsg_receive(server, 0, RUDPMSG_FOREVER, &message)) == 0) {
		atomic_fetch_add(&came, 1);
		if (message.length >= offsetof(struct text, filling)) {
			memcpy(&text, message.bytes, offsetof(struct text, filling));
			check((int)atomic_fetch_add(&seen[text.client][text.sender][text.number],
						    1),
			      0, "times that a message came before");
			atomic_fetch_add(&received, 1);
		}
		rudpmsg_done(server, &message);
	}
	check(rc, -ESHUTDOWN, "receive at the end");
	return NULL;
}

static void *hear_events(void *argument)
{
	struct rudpmsg_event event;
	int rc;

	while ((rc = rudpmsg_event_wait(argument, RUDPMSG_FOREVER, &event)) == 0)
		;
	check(rc, -ESHUTDOWN, "event_wait at the end");
	return NULL;
}

/* A peer that comes, says a word and goes, while the server speaks to it; each time a new node, in
 * a loop that it shares with others. */
static void *come_and_go(void *argument)
{
	struct rudpmsg_node *node = NULL;
	rudpmsg_conn_id conn, back;
	int rc;

	while (!atomic_load(&is_over)) {
		rudpmsg_node_free(node);
		node = open_node("guest");
		rc = rudpmsg_connect(node, "127.0.0.1", port, "server", 200 * NS_PER_MS, &conn);
		if (rc < 0 && rc != -EINPROGRESS && rc != -ECONNABORTED && rc != -EPROTO)
			check(rc, 0, "connect of the guest");
		if (rc < 0)
			continue;
		(void)rudpmsg_send(node, conn, "hi", 2, 0, NULL);
		if (rudpmsg_conn_find(server, "guest", &back) == 0 &&
		    rudpmsg_send(server, back, "hello", 5, 0, NULL) == 0)
			(void)rudpmsg_disconnect(server, back, false, 0);
		(void)rudpmsg_disconnect(node, conn, true, 20 * NS_PER_MS);
	}
	rudpmsg_node_free(node);
	return argument;
}

static void finish_clients(void)
{
	pthread_t listeners[CLIENTS];
	int i;

	for (i = 0; i < CLIENTS; i++) {
		listeners[i] = start(hear_events, clients[i]);
		check(rudpmsg_node_close(clients[i], 300000 * NS_PER_MS, NULL), 0, "close");
		pthread_join(listeners[i], NULL);
		rudpmsg_node_free(clients[i]);
	}
}

static void remove_stores(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -r %s", root);
	check(system(command), 0, "rm");
}

int main(int argc, char **argv)
{
	pthread_t senders[CLIENTS * SENDERS], receivers[RECEIVERS], events, cutter, guest;
	char name[16];
	uintptr_t i;

	alarm(PATIENCE_S);
	has_stores = argc > 1 && strcmp(argv[1], "store") == 0;
	if (has_stores)
		check(mkdtemp(root) != NULL, 1, "mkdtemp");
	server = open_node("server");
	port = listen_somewhere(server);
	for (i = 0; i < RECEIVERS; i++)
		receivers[i] = start(receive_some, NULL);
	events = start(hear_events, server);
	for (i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof name, "client%u", (unsigned)i);
		clients[i] = open_node(name);
		check(rudpmsg_connect(clients[i], "127.0.0.1", port, "server", 300000 * NS_PER_MS,
				      to_server + i),
		      0, "connect");
	}
	cutter = start(cut_streams, &port);
	wait_for_cut();
	guest = start(come_and_go, NULL);
	for (i = 0; i < CLIENTS * SENDERS; i++)
		senders[i] = start(send_some, (void *)i);
	for (i = 0; i < CLIENTS * SENDERS; i++)
		pthread_join(senders[i], NULL);
	atomic_store(&is_over, true);
	pthread_join(guest, NULL);
	pthread_join(cutter, NULL);
	finish_clients();
	(void)rudpmsg_node_close(server, 0, NULL); /* what it said to the guest may be left */
	for (i = 0; i < RECEIVERS; i++)
		pthread_join(receivers[i], NULL);
	pthread_join(events, NULL);
	rudpmsg_node_free(server);
	if (has_stores)
		remove_stores();
	check((int)atomic_load(&received), TOTAL, "messages");
	if (atomic_load(&cuts) == 0)
		check(0, 1, "cuts");
	printf("threads: %d messages came once each, %u streams were cut\n", TOTAL,
	       atomic_load(&cuts));
	return 0;
}
