/* SPDX-License-Identifier: MIT */
/*
 * echo - a server that sends back what it gets, and a client for it, over rudp.
 *
 *	cc -o echo echo.c $(pkg-config --cflags --libs rudp)
 *	./echo serve 127.0.0.1 7000 &
 *	echo hello | ./echo ask 127.0.0.1 7000
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rudp/rudp.h>

#define CHUNK_BYTES 16384
#define BACKLOG 64

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct addrinfo *resolve(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found;
	int rc = getaddrinfo(host, port, &hints, &found);

	if (rc != 0) {
		fprintf(stderr, "echo: %s: %s\n", host, gai_strerror(rc));
		exit(1);
	}
	return found;
}

static void send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = rudp_send(fd, data, len, 0);

		if (n < 0)
			die("send");
		data += n;
		len -= (size_t)n;
	}
}

static void echo(int fd)
{
	char chunk[CHUNK_BYTES];
	ssize_t n;

	while ((n = rudp_recv(fd, chunk, sizeof chunk, 0)) > 0)
		send_all(fd, chunk, (size_t)n);
	if (n < 0)
		die("recv");
}

static void report(int fd)
{
	struct rudp_stats stats;
	struct rudp_peer_identity peer;
	uint8_t binding[32];

	if (rudp_stats(fd, &stats, sizeof stats) == 0)
		fprintf(stderr, "echo: %s, %.3f ms, %s\n", stats.state, (double)stats.srtt_ns / 1e6,
			stats.congestion_control);
	if (rudp_peer_identity(fd, &peer, sizeof peer) == 0)
		fprintf(stderr, "echo: the peer is %s\n",
			peer.name[0] ? peer.name : "somebody unknown");
	/* The other end prints the same. A login protocol would sign all 32 bytes. */
	if (rudp_channel_binding(fd, binding) == 0)
		fprintf(stderr, "echo: channel binding %02x%02x%02x%02x...\n", binding[0],
			binding[1], binding[2], binding[3]);
}

/* A child process serves each connection: descriptors of rudp survive fork like any other. */
static void serve(const char *host, const char *port)
{
	struct addrinfo *at = resolve(host, port);
	int listener = rudp_socket(at->ai_family, SOCK_CLOEXEC);

	if (listener < 0)
		die("socket");
	if (rudp_bind(listener, at->ai_addr, at->ai_addrlen) < 0)
		die("bind");
	if (rudp_listen(listener, BACKLOG) < 0)
		die("listen");
	freeaddrinfo(at);
	for (;;) {
		int fd = rudp_accept(listener, NULL, NULL, 0);

		if (fd < 0)
			die("accept");
		switch (fork()) {
		case -1:
			die("fork");
			break;
		case 0:
			rudp_close(listener);
			report(fd);
			echo(fd);
			exit(0);
		}
		rudp_close(fd);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static void ask(const char *host, const char *port)
{
	struct addrinfo *to = resolve(host, port);
	int fd = rudp_socket(to->ai_family, SOCK_CLOEXEC);
	char chunk[CHUNK_BYTES];
	ssize_t n;

	if (fd < 0)
		die("socket");
	if (rudp_connect(fd, to->ai_addr, to->ai_addrlen) < 0)
		die("connect");
	freeaddrinfo(to);
	report(fd);
	/* Sends and receives at the same time. Otherwise both sides could wait with full
	 * buffers. */
	switch (fork()) {
	case -1:
		die("fork");
		break;
	case 0:
		while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0)
			send_all(fd, chunk, (size_t)n);
		if (rudp_shutdown(fd, SHUT_WR) < 0)
			die("shutdown");
		_exit(0);
	}
	while ((n = rudp_recv(fd, chunk, sizeof chunk, 0)) > 0)
		fwrite(chunk, 1, (size_t)n, stdout);
	if (n < 0)
		die("recv");
	rudp_close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], argv[3]);
	else if (argc == 4 && strcmp(argv[1], "ask") == 0)
		ask(argv[2], argv[3]);
	else {
		fprintf(stderr, "usage: echo serve|ask HOST PORT\n");
		return 2;
	}
	return 0;
}
