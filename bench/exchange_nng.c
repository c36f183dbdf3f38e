/* SPDX-License-Identifier: MIT */
/* nng, push and pull over TCP: no acknowledgements, no retransmission. */
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exchange.h"

#define SOCKETS_MAX 1000
#define BUFFERED 8192 /* messages, the maximum of nng */
#define LINGER_S 2    /* nng does not report what is still unsent */

static nng_socket sockets[SOCKETS_MAX];

static void check(int rc, const char *what)
{
	if (rc != 0)
		carrier_die(what, nng_strerror(rc));
}

static const char *url_of(const char *host, const char *port)
{
	static char url[256];

	snprintf(url, sizeof url, "tcp://%s:%s", host, port);
	return url;
}

void carrier_listen(const char *port)
{
	check(nng_pull0_open(sockets), "socket");
	check(nng_setopt_int(sockets[0], NNG_OPT_RECVBUF, BUFFERED), "buffer");
	check(nng_listen(sockets[0], url_of("127.0.0.1", port), NULL, 0), "listen");
}

const void *carrier_receive(size_t *size)
{
	static nng_msg *message;

	if (message)
		nng_msg_free(message);
	check(nng_recvmsg(sockets[0], &message, 0), "receive");
	*size = nng_msg_len(message);
	return nng_msg_body(message);
}

void carrier_connect(const char *host, const char *port, size_t connections)
{
	for (size_t i = 0; i < connections; i++) {
		check(nng_push0_open(sockets + i), "socket");
		check(nng_setopt_int(sockets[i], NNG_OPT_SENDBUF, BUFFERED), "buffer");
		check(nng_dial(sockets[i], url_of(host, port), NULL, 0), "dial");
	}
}

void carrier_send(size_t i, const void *bytes, size_t size)
{
	check(nng_send(sockets[i], (void *)bytes, size, 0), "send");
}

void carrier_finish(void)
{
	sleep(LINGER_S);
}
