/* SPDX-License-Identifier: MIT */
/*
 * The memory cost of a connected and idle peer for a node of librudpmsg: bytes that the library has
 * allocated in its process (mallinfo2, in one arena). The peers are streams of another process that
 * send the handshake and one message, over the library's own transports.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/plain.h"
#include "messaging/transport.h"
#include "messaging/wire.h"
#include "rudp/msg.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define STEADY_S 3 /* no decrease for that long */
#define LONGEST_S 30
#define DIAL_MS 10000

static const struct rudpmsg_transport_ops *transport;

static void fail(const char *what, long rc)
{
	errno = (int)-rc;
	die(what);
}

static void await(int fd, short events)
{
	struct pollfd when = {.fd = fd, .events = events};

	if (poll(&when, 1, DIAL_MS) != 1) {
		errno = ETIMEDOUT;
		die("a peer's stream");
	}
}

static int dial_peer(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd, rc = rudpmsg_transport_dial(transport, (struct sockaddr *)&to, sizeof to, &fd);

	if (rc == -EINPROGRESS || rc == -EAGAIN || rc > 0)
		rc = 0;
	if (rc < 0)
		fail("dial", rc);
	do {
		await(fd, POLLOUT);
		rc = rudpmsg_transport_dial_result(transport, fd);
	} while (rc == -EINPROGRESS);
	if (rc < 0)
		fail("dial", rc);
	return fd;
}

/* Sends HANDSHAKE and a message, and reads the answer. */
static void greet(int fd, uint64_t number)
{
	uint8_t bytes[RUDPMSG_HANDSHAKE_BYTES_MAX + RUDPMSG_MESSAGE_HEAD_BYTES + 4] = {0};
	struct rudpmsg_handshake handshake = {
		.message_bytes_max = 1 << 20, .run = 1, .link = 1, .stream = number};
	struct iovec iov = {bytes, 0};
	ssize_t n;

	snprintf(handshake.name, sizeof handshake.name, "peer%llu", (unsigned long long)number);
	iov.iov_len = rudpmsg_handshake_write(bytes, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	rudpmsg_message_head_write(bytes + iov.iov_len, 1, 4);
	iov.iov_len += RUDPMSG_MESSAGE_HEAD_BYTES + 4;
	n = rudpmsg_transport_write(transport, fd, &iov, 1);
	if (n != (ssize_t)iov.iov_len)
		fail("write", n < 0 ? n : -EIO);
	do {
		await(fd, POLLIN);
		n = rudpmsg_transport_read(transport, fd, bytes, sizeof bytes);
	} while (n == -EAGAIN);
	if (n <= 0)
		fail("read", n < 0 ? n : -EPIPE);
}

static _Noreturn void be_peers(int go, int done, uint16_t port, uint64_t count)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(go, &byte, 1) != 1)
		exit(1);
	for (uint64_t i = 1; i <= count; i++)
		greet(dial_peer(port), i);
	if (write(done, "", 1) != 1)
		exit(1);
	for (;;)
		pause();
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Waits, since memory is freed only after a connection was idle for a while. */
static size_t steady(void)
{
	size_t least = allocated(), now;
	int same_s = 0, i;

	for (i = 0; i < LONGEST_S && same_s < STEADY_S; i++) {
		sleep(1);
		now = allocated();
		same_s = now < least ? 0 : same_s + 1;
		least = now < least ? now : least;
	}
	return least;
}

static void serve(const char *name, uint16_t port, uint64_t count, int go, int done)
{
	struct rudpmsg_options options = {.transport = strcmp(name, "tcp") == 0
							       ? RUDPMSG_TRANSPORT_TCP
							       : RUDPMSG_TRANSPORT_RUDP};
	char text[RUDPMSG_ERROR_TEXT_SIZE], byte;
	struct rudpmsg_message message;
	struct rudpmsg_event event;
	struct rudpmsg_node *node;
	size_t before;
	int rc;

	mallopt(M_ARENA_MAX, 1);
	if (rudpmsg_node_open(&node, "hub", &options, text) < 0) {
		fprintf(stderr, "%s\n", text);
		exit(1);
	}
	rc = rudpmsg_listen(node, "127.0.0.1", port);
	if (rc < 0)
		fail("listen", rc);
	before = allocated();
	if (write(go, "", 1) != 1)
		die("pipe");
	for (uint64_t i = 0; i < count; i++) {
		rc = rudpmsg_receive(node, 0, RUDPMSG_FOREVER, &message);
		if (rc < 0)
			fail("receive", rc);
		rudpmsg_done(node, &message);
	}
	if (read(done, &byte, 1) != 1)
		die("the peers");
	while (rudpmsg_event(node, &event) == 0)
		;
	printf("{\"peers\": %llu, \"bytes_each\": %.1f}\n", (unsigned long long)count,
	       (double)(steady() - before) / (double)count);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {"idle_peers tcp|rudp PORT PEERS", NULL};
	int go[2], done[2];
	uint16_t port;
	uint64_t count;
	pid_t child;

	if (argc != 4)
		usage(lines);
	transport = strcmp(argv[1], "tcp") == 0 ? &rudpmsg_transport_tcp : &rudpmsg_transport_rudp;
	port = (uint16_t)count_from(argv[2], UINT16_MAX);
	count = count_from(argv[3], 100000);
	raise_descriptor_limit();
	if (pipe(go) < 0 || pipe(done) < 0)
		die("pipe");
	child = fork();
	if (child == 0) {
		close(go[1]);
		close(done[0]);
		be_peers(go[0], done[1], port, count);
	}
	close(done[1]);
	serve(argv[1], port, count, go[1], done[0]);
	fflush(stdout);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
