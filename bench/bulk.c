/* SPDX-License-Identifier: MIT */
/*
 * Bytes in one direction for a given time. The time begins before the client's first socket(), so
 * that connecting and starting up count. The result is what the server has read at the end: both
 * programs read the same clock. The data cannot be compressed.
 */
#include "plain.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHUNK_SIZE = 1024 * 1024,
	CONNECTIONS_MAX = 4096,
	BATCH = 64,
	STEPS_MAX = 4096,
	STEP_MS = 250,
	SECONDS_MAX = 600,
	CC_NAME_SIZE = 16,
};

/* The first message on every connection. */
struct order {
	double start_s, end_s;
};

static struct {
	double start_s, end_s;
	uint64_t total_bytes, step_bytes[STEPS_MAX];
	uint64_t bytes[CONNECTIONS_MAX];
	size_t count;
} served;

static char chunk[CHUNK_SIZE];

static int ms_until(double at_s)
{
	double left_s = at_s - now_s();

	return left_s <= 0 ? 0 : (int)(left_s * 1e3) + 1;
}

static void watch(int epoll, int fd, uint32_t events, uint64_t number)
{
	struct epoll_event event = {.events = events, .data.u64 = number << 32 | (uint32_t)fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void take_in(int epoll, int listener)
{
	int fd = accept_at(listener);
	struct order order;

	recv_all(fd, &order, sizeof order);
	if (served.count == 0) {
		served.start_s = order.start_s;
		served.end_s = order.end_s;
	}
	watch(epoll, fd, EPOLLIN, served.count++);
}

static void count_bytes(size_t number, uint64_t bytes, double at_s)
{
	size_t step = (size_t)((at_s - served.start_s) * 1e3 / STEP_MS);

	served.total_bytes += bytes;
	served.bytes[number] += bytes;
	if (step < STEPS_MAX)
		served.step_bytes[step] += bytes;
}

static void drain(int epoll, int fd, size_t number)
{
	ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);

	if (n > 0)
		count_bytes(number, (uint64_t)n, now_s());
	else if (n == 0 || errno != EAGAIN)
		epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* Jain's index of fairness: 1 if all have the same. */
static double fairness(void)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < served.count; i++) {
		sum += (double)served.bytes[i];
		squares += (double)served.bytes[i] * (double)served.bytes[i];
	}
	return squares > 0 ? sum * sum / ((double)served.count * squares) : 0;
}

static void report_served(void)
{
	double elapsed_s = served.end_s - served.start_s;
	size_t steps = (size_t)(elapsed_s * 1e3 / STEP_MS + 0.5);

	printf("{\"connections\": %zu, \"bytes\": %llu, \"elapsed_s\": %.6f, \"goodput_mbps\": "
	       "%.4f, "
	       "\"server_cpu_s\": %.6f, \"jain\": %.4f, \"step_ms\": %d, \"step_mbps\": [",
	       served.count, (unsigned long long)served.total_bytes, elapsed_s,
	       (double)served.total_bytes * 8 / 1e6 / elapsed_s, cpu_s(), fairness(), STEP_MS);
	for (size_t i = 0; i < steps && i < STEPS_MAX; i++)
		printf("%s%.3f", i ? ", " : "", (double)served.step_bytes[i] * 8 / 1e3 / STEP_MS);
	puts("]}");
}

static void serve(const char *port, size_t connections)
{
	int epoll = epoll_create1(0), listener = serve_at(port);
	struct epoll_event events[BATCH];
	uint64_t none = UINT32_MAX;

	raise_descriptor_limit();
	watch(epoll, listener, EPOLLIN, none);
	while (served.count == 0 || now_s() < served.end_s) {
		int n = epoll_wait(epoll, events, BATCH,
				   served.count ? ms_until(served.end_s) : -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.u64 >> 32 != none)
				drain(epoll, (int)(uint32_t)events[i].data.u64,
				      (size_t)(events[i].data.u64 >> 32));
			else if (served.count < connections)
				take_in(epoll, listener);
	}
	report_served();
}

/* Blocking writes of this size, as in most programs. */
static void pour_one(int fd, size_t write_bytes, double end_s)
{
	int left_ms;

	while ((left_ms = ms_until(end_s)) > 0) {
		struct timeval limit = {left_ms / 1000, left_ms % 1000 * 1000};

		/* With small writes the clock is read less often. */
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
			die("SO_SNDTIMEO");
		for (size_t sent = 0; sent < CHUNK_SIZE; sent += write_bytes)
			if (send(fd, chunk, write_bytes, MSG_NOSIGNAL) < 0) {
				if (errno == EAGAIN || errno == ECONNRESET || errno == EPIPE)
					break;
				die("send");
			}
	}
}

static void pour_many(const int *fd, size_t count, size_t write_bytes, double end_s)
{
	int epoll = epoll_create1(0), left_ms;
	struct epoll_event events[BATCH];

	for (size_t i = 0; i < count; i++) {
		if (fcntl(fd[i], F_SETFL, O_NONBLOCK) < 0)
			die("fcntl");
		watch(epoll, fd[i], EPOLLOUT, i);
	}
	while ((left_ms = ms_until(end_s)) > 0) {
		int n = epoll_wait(epoll, events, BATCH, left_ms);

		for (int i = 0; i < n; i++)
			if (send((int)(uint32_t)events[i].data.u64, chunk, write_bytes,
				 MSG_NOSIGNAL) < 0 &&
			    errno != EAGAIN && errno != ECONNRESET && errno != EPIPE)
				die("send");
	}
}

static void get_cc(int fd, char name[CC_NAME_SIZE])
{
	socklen_t size = CC_NAME_SIZE - 1;

	memset(name, 0, CC_NAME_SIZE);
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) < 0)
		die("TCP_CONGESTION");
}

/* Connects all at once: a thousand connects in sequence would take longer than the transfer. */
static void connect_all(int *fd, size_t count, char **argument)
{
	for (size_t i = 0; i < count; i++)
		fd[i] = dial_begin(argument[0], argument[1], argument[5]);
	for (size_t i = 0; i < count; i++)
		dial_finish(fd[i]);
}

/* For one connection the time counts from its connect(), for many from when all are established. */
static void transfer(char **argument)
{
	static int fd[CONNECTIONS_MAX];
	double start_s = now_s(), connected_s;
	double seconds = (double)count_from(argument[2], SECONDS_MAX);
	size_t write_bytes = count_from(argument[3], CHUNK_SIZE);
	size_t count = count_from(argument[4], CONNECTIONS_MAX);
	struct order order;
	char cc[CC_NAME_SIZE];

	raise_descriptor_limit();
	connect_all(fd, count, argument);
	connected_s = now_s();
	order.start_s = count > 1 ? connected_s : start_s;
	order.end_s = order.start_s + seconds;
	for (size_t i = 0; i < count; i++)
		send_all(fd[i], &order, sizeof order);
	get_cc(fd[0], cc);
	if (count == 1)
		pour_one(fd[0], write_bytes, order.end_s);
	else
		pour_many(fd, count, write_bytes, order.end_s);
	printf("{\"connect_s\": %.6f, \"client_cpu_s\": %.6f, \"cc\": \"%s\"}\n",
	       connected_s - start_s, cpu_s(), cc);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"bulk serve PORT CONNECTIONS",
		"bulk send HOST PORT SECONDS BYTES-A-WRITE CONNECTIONS [CONGESTION-CONTROL]",
		NULL,
	};

	fill_random(chunk, sizeof chunk);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], count_from(argv[3], CONNECTIONS_MAX));
	else if ((argc == 7 || argc == 8) && strcmp(argv[1], "send") == 0)
		transfer(argv + 2);
	else
		usage(lines);
	return 0;
}
