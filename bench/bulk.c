/* SPDX-License-Identifier: MIT */
/*
 * One connection, many bytes. The client says what it wants (struct order), the bytes follow in one
 * direction, and the server ends with a receipt. So the time runs from before socket() until the
 * client knows that every byte has arrived: start to finish, as the person who waits for it.
 */
#include "plain.h"

#include <endian.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum verb { VERB_SEND = 'S', VERB_FETCH = 'F' };
enum { CHUNK_SIZE = 256 * 1024, CC_NAME_SIZE = 16 };

struct order {
	uint64_t verb;
	uint64_t bytes;
};

struct receipt {
	uint64_t bytes;
	uint64_t cpu_ns;
};

static char chunk[CHUNK_SIZE];

static void pour(int fd, uint64_t bytes)
{
	while (bytes > 0) {
		size_t size = bytes < CHUNK_SIZE ? (size_t)bytes : CHUNK_SIZE;

		send_all(fd, chunk, size);
		bytes -= size;
	}
}

static void drain(int fd, uint64_t bytes)
{
	while (bytes > 0) {
		ssize_t n = recv(fd, chunk, bytes < CHUNK_SIZE ? (size_t)bytes : CHUNK_SIZE, 0);

		if (n <= 0)
			die("receive");
		bytes -= (uint64_t)n;
	}
}

static void move(int fd, uint64_t bytes, bool outward)
{
	if (outward)
		pour(fd, bytes);
	else
		drain(fd, bytes);
}

static void serve_one(int fd)
{
	struct receipt receipt;
	struct order order;
	double cpu = cpu_s();

	recv_all(fd, &order, sizeof order);
	move(fd, be64toh(order.bytes), be64toh(order.verb) == VERB_FETCH);
	receipt.bytes = order.bytes;
	receipt.cpu_ns = htobe64((uint64_t)((cpu_s() - cpu) * 1e9));
	send_all(fd, &receipt, sizeof receipt);
	close(fd);
}

static _Noreturn void serve(const char *port)
{
	int listener = serve_at(port);

	for (;;)
		serve_one(accept_at(listener));
}

static void get_cc(int fd, char name[CC_NAME_SIZE])
{
	socklen_t size = CC_NAME_SIZE - 1;

	memset(name, 0, CC_NAME_SIZE);
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) < 0)
		die("TCP_CONGESTION");
}

static void report(uint64_t bytes, double start_s, double connected_s, double server_cpu_s, int fd)
{
	double elapsed_s = now_s() - start_s;
	char cc[CC_NAME_SIZE];

	get_cc(fd, cc);
	printf("{\"bytes\": %llu, \"elapsed_s\": %.6f, \"connect_s\": %.6f, "
	       "\"goodput_mbps\": %.3f, \"client_cpu_s\": %.6f, \"server_cpu_s\": %.6f, "
	       "\"cc\": \"%s\"}\n",
	       (unsigned long long)bytes, elapsed_s, connected_s - start_s,
	       (double)bytes * 8 / 1e6 / elapsed_s, cpu_s(), server_cpu_s, cc);
}

static void transfer(enum verb verb, char **argument, const char *cc)
{
	uint64_t bytes = count_from(argument[2], UINT64_MAX / 16);
	struct order order = {htobe64((uint64_t)verb), htobe64(bytes)};
	double start_s = now_s(), connected_s;
	struct receipt receipt;
	int fd = dial(argument[0], argument[1], cc);

	connected_s = now_s();
	send_all(fd, &order, sizeof order);
	move(fd, bytes, verb == VERB_SEND);
	recv_all(fd, &receipt, sizeof receipt);
	report(bytes, start_s, connected_s, (double)be64toh(receipt.cpu_ns) / 1e9, fd);
	close(fd);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"bulk serve PORT",
		"bulk send|fetch HOST PORT BYTES [CONGESTION-CONTROL]",
		NULL,
	};

	memset(chunk, 'r', sizeof chunk);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	if ((argc == 5 || argc == 6) && strcmp(argv[1], "send") == 0)
		transfer(VERB_SEND, argv + 2, argv[5]);
	else if ((argc == 5 || argc == 6) && strcmp(argv[1], "fetch") == 0)
		transfer(VERB_FETCH, argv + 2, argv[5]);
	else
		usage(lines);
	return 0;
}
