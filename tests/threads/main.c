/* SPDX-License-Identifier: MIT */
/*
 * Many threads over one in-process engine: the test for ThreadSanitizer, and a test by itself.
 *
 * A server thread accepts, a thread for each connection echoes; as many client threads write a
 * pattern, half close, read it back and compare. With RUDP_ENGINE=thread the engine is a thread of
 * this very process. (Criterion cannot start under ThreadSanitizer; so this is a plain program.)
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rudp/rudp.h>

#define CLIENTS 8
#define ROUNDS 4
#define BYTES (200 * 1000)
#define CHUNK_BYTES 8192

static struct sockaddr_in server_addr;
static int listener;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint8_t pattern(size_t seed, size_t i)
{
	return (uint8_t)(seed * 131 + i * 7 + i / 251);
}

static void send_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = rudp_send(fd, data, len, 0);

		if (n < 0)
			die("rudp_send");
		data += n;
		len -= (size_t)n;
	}
}

static void *echo(void *argument)
{
	int fd = (int)(intptr_t)argument;
	uint8_t chunk[CHUNK_BYTES];
	ssize_t n;

	while ((n = rudp_recv(fd, chunk, sizeof chunk, 0)) > 0)
		send_all(fd, chunk, (size_t)n);
	if (n < 0)
		die("rudp_recv of the server");
	rudp_close(fd);
	return NULL;
}

static void *serve(void *argument)
{
	pthread_t threads[CLIENTS * ROUNDS];

	(void)argument;
	for (int i = 0; i < CLIENTS * ROUNDS; i++) {
		int fd = rudp_accept(listener, NULL, NULL, 0);

		if (fd < 0)
			die("rudp_accept");
		if (pthread_create(&threads[i], NULL, echo, (void *)(intptr_t)fd) != 0)
			die("pthread_create");
	}
	for (int i = 0; i < CLIENTS * ROUNDS; i++)
		pthread_join(threads[i], NULL);
	return NULL;
}

static void *send_pattern(void *argument)
{
	int fd = (int)(intptr_t)argument;
	uint8_t *data = malloc(BYTES);

	if (!data)
		die("malloc");
	for (size_t i = 0; i < BYTES; i++)
		data[i] = pattern(0, i);
	send_all(fd, data, BYTES);
	free(data);
	if (rudp_shutdown(fd, SHUT_WR) < 0)
		die("rudp_shutdown");
	return NULL;
}

static void one_round(void)
{
	int fd = rudp_socket(AF_INET, 0);
	uint8_t chunk[CHUNK_BYTES];
	size_t got = 0;
	pthread_t writer;
	ssize_t n;

	if (fd < 0 || rudp_connect(fd, (struct sockaddr *)&server_addr, sizeof server_addr) < 0)
		die("rudp_connect");
	if (pthread_create(&writer, NULL, send_pattern, (void *)(intptr_t)fd) != 0)
		die("pthread_create");
	while ((n = rudp_recv(fd, chunk, sizeof chunk, 0)) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (chunk[i] != pattern(0, got++)) {
				fprintf(stderr, "wrong byte at %zu\n", got - 1);
				exit(1);
			}
	if (n < 0)
		die("rudp_recv of the client");
	pthread_join(writer, NULL);
	rudp_close(fd);
	if (got != BYTES) {
		fprintf(stderr, "%zu of %d bytes came back\n", got, BYTES);
		exit(1);
	}
}

static void *ask(void *argument)
{
	(void)argument;
	for (int i = 0; i < ROUNDS; i++)
		one_round();
	return NULL;
}

static void open_listener(void)
{
	socklen_t len = sizeof server_addr;

	server_addr.sin_family = AF_INET;
	server_addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = rudp_socket(AF_INET, 0);
	if (listener < 0)
		die("rudp_socket");
	if (rudp_bind(listener, (struct sockaddr *)&server_addr, len) < 0 ||
	    rudp_listen(listener, CLIENTS * ROUNDS) < 0)
		die("rudp_listen");
	if (rudp_local_address(listener, (struct sockaddr *)&server_addr, &len) < 0)
		die("rudp_local_address");
}

int main(void)
{
	pthread_t server, clients[CLIENTS];

	alarm(600);
	open_listener();
	if (pthread_create(&server, NULL, serve, NULL) != 0)
		die("pthread_create");
	for (int i = 0; i < CLIENTS; i++)
		if (pthread_create(&clients[i], NULL, ask, NULL) != 0)
			die("pthread_create");
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	pthread_join(server, NULL);
	rudp_close(listener);
	printf("threads: %d connections, %d bytes each way, all as written\n", CLIENTS * ROUNDS,
	       BYTES);
	return 0;
}
