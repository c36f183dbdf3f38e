/* SPDX-License-Identifier: MIT */
/* ZeroMQ, push and pull over TCP: no acknowledgements, no retransmission. */
#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "exchange.h"

#define SOCKETS_MAX 1000

static void *context, *sockets[SOCKETS_MAX];
static size_t socket_count;

static void check(int rc, const char *what)
{
	if (rc < 0)
		carrier_die(what, zmq_strerror(errno));
}

static const char *url_of(const char *host, const char *port)
{
	static char url[256];

	snprintf(url, sizeof url, "tcp://%s:%s", host, port);
	return url;
}

void carrier_listen(const char *port)
{
	context = zmq_ctx_new();
	sockets[0] = zmq_socket(context, ZMQ_PULL);
	check(zmq_bind(sockets[0], url_of("127.0.0.1", port)), "bind");
}

const void *carrier_receive(size_t *size)
{
	static zmq_msg_t message;
	static int is_open;

	if (is_open)
		zmq_msg_close(&message);
	is_open = 1;
	zmq_msg_init(&message);
	check(zmq_msg_recv(&message, sockets[0], 0), "receive");
	*size = zmq_msg_size(&message);
	return zmq_msg_data(&message);
}

void carrier_connect(const char *host, const char *port, size_t connections)
{
	context = zmq_ctx_new();
	for (socket_count = 0; socket_count < connections; socket_count++) {
		sockets[socket_count] = zmq_socket(context, ZMQ_PUSH);
		check(zmq_connect(sockets[socket_count], url_of(host, port)), "connect");
	}
}

void carrier_send(size_t i, const void *bytes, size_t size)
{
	check(zmq_send(sockets[i], bytes, size, 0), "send");
}

/* Ending the context waits until everything is written. */
void carrier_finish(void)
{
	for (size_t i = 0; i < socket_count; i++)
		zmq_close(sockets[i]);
	zmq_ctx_term(context);
}
