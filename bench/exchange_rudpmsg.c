/* SPDX-License-Identifier: MIT */
/*
 * librudpmsg: one node for each sending connection. EXCHANGE_TRANSPORT=tcp uses plain TCP;
 * EXCHANGE_STORE=DIRECTORY keeps every message on disk at both ends and requests STORED.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "exchange.h"
#include "rudp/msg.h"

#define NODES_MAX 1000

static struct rudpmsg_node *nodes[NODES_MAX];
static rudpmsg_conn_id conns[NODES_MAX];
static rudpmsg_message_id last[NODES_MAX];
static size_t node_count;

static void check(int rc, const char *what)
{
	if (rc < 0)
		carrier_die(what, strerror(-rc));
}

static struct rudpmsg_node *open_node(const char *name)
{
	const char *transport = getenv("EXCHANGE_TRANSPORT"), *store = getenv("EXCHANGE_STORE");
	struct rudpmsg_options options = {0};
	char text[RUDPMSG_ERROR_TEXT_SIZE], directory[4096];
	struct rudpmsg_node *node;

	if (transport && strcmp(transport, "tcp") == 0)
		options.transport = RUDPMSG_TRANSPORT_TCP;
	if (store) {
		snprintf(directory, sizeof directory, "%s/%s", store, name);
		mkdir(directory, 0700);
		options.store_directory = directory;
		options.ack = RUDPMSG_ACK_STORED;
	}
	if (rudpmsg_node_open(&node, name, &options, text) < 0)
		carrier_die("open", text);
	return node;
}

void carrier_listen(const char *port)
{
	nodes[0] = open_node("server");
	check(rudpmsg_listen(nodes[0], "127.0.0.1", (uint16_t)atoi(port)), "listen");
}

const void *carrier_receive(size_t *size)
{
	static struct rudpmsg_message message;

	rudpmsg_done(nodes[0], &message);
	check(rudpmsg_receive(nodes[0], 0, RUDPMSG_FOREVER, &message), "receive");
	*size = message.length;
	return message.bytes;
}

void carrier_connect(const char *host, const char *port, size_t connections)
{
	char name[32];

	for (node_count = 0; node_count < connections; node_count++) {
		snprintf(name, sizeof name, "client%zu", node_count);
		nodes[node_count] = open_node(name);
		check(rudpmsg_connect(nodes[node_count], host, (uint16_t)atoi(port), "server",
				      10000000000, conns + node_count),
		      "connect");
	}
}

void carrier_send(size_t i, const void *bytes, size_t size)
{
	check(rudpmsg_submit(nodes[i], conns[i], bytes, size, RUDPMSG_FOREVER, last + i), "send");
}

void carrier_finish(void)
{
	for (size_t i = 0; i < node_count; i++)
		if (last[i])
			check(rudpmsg_wait(nodes[i], conns[i], last[i], RUDPMSG_FOREVER), "wait");
}
