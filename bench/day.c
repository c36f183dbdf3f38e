/* SPDX-License-Identifier: MIT */
/*
 * A server with many clients: some download all the time (pours), some send a small request once a
 * second (askers), and most are idle. When all are connected the server sends them the schedule:
 * first only the askers are active (the quiet part), then the server also sends on the pours, and
 * then it is over. All programs read the same clock. The server prints a line at the begin of each
 * part, so that the caller can measure the parts. The caller must kill all programs at the end.
 */
#include "plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 10000,
	SECONDS_MAX = 60,
	BATCH = 64,
	CHUNK_SIZE = 64 * 1024,
	REQUEST_BYTES = 200,
	RESPONSE_BYTES = 1000,
	ASKED_MAX = 2 * SECONDS_MAX, /* requests of one asker, one a second */
	LEAD_S = 1, /* time for the schedule to reach all clients before it begins */
};

enum kind { POUR = 'p', IDLE = 'i', ASKER = 'a' };

struct schedule {
	double quiet_at_s, pour_at_s, end_at_s;
	double phase_s; /* of an asker within the second */
};

struct connection {
	int fd;
	char kind;
	size_t received_bytes; /* of a message; of a pour: during the pour part */
	/* Only a client that asks uses these. */
	double ask_at_s, asked_at_s[ASKED_MAX], latency_ms[ASKED_MAX];
	size_t asked, answered;
};

static struct connection *connections;
static size_t connection_count;
static struct schedule schedule;
static char chunk[CHUNK_SIZE];

static int ms_until(double at_s)
{
	double left_s = at_s - now_s();

	return left_s <= 0 ? 0 : (int)(left_s * 1e3) + 1;
}

static void watch(int epoll, int how, uint32_t events, size_t number)
{
	struct epoll_event event = {.events = events, .data.u64 = number};

	if (epoll_ctl(epoll, how, connections[number].fd, &event) < 0)
		die("epoll_ctl");
}

/* Returns whether a whole message has arrived. */
static bool receive(struct connection *c, size_t message_bytes)
{
	ssize_t n = recv(c->fd, chunk, message_bytes - c->received_bytes, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n == 0)
		errno = EPIPE;
	if (n <= 0)
		die("receive");
	c->received_bytes += (size_t)n;
	if (c->received_bytes < message_bytes)
		return false;
	c->received_bytes = 0;
	return true;
}

/* Keeps the connections open until the caller has measured their cost. */
static _Noreturn void keep_open(void)
{
	for (;;)
		pause();
}

static void say_part(const char *name)
{
	printf("{\"part\": \"%s\", \"server_cpu_s\": %.6f}\n", name, cpu_s());
	fflush(stdout);
}

static void accept_all(int epoll, const char *port)
{
	int listener = serve_at(port);

	for (size_t i = 0; i < connection_count; i++) {
		struct connection *c = &connections[i];

		c->fd = accept_at(listener);
		recv_all(c->fd, &c->kind, sizeof c->kind);
		watch(epoll, EPOLL_CTL_ADD, EPOLLIN, i);
	}
}

/* Spreads the askers' phases evenly over the second, for any number of askers. */
static void tell_schedule(double quiet_s, double pour_s)
{
	const double golden = 0.6180339887;

	schedule.quiet_at_s = now_s() + LEAD_S;
	schedule.pour_at_s = schedule.quiet_at_s + quiet_s;
	schedule.end_at_s = schedule.pour_at_s + pour_s;
	for (size_t i = 0; i < connection_count; i++) {
		double turns = (double)(i + 1) * golden;

		schedule.phase_s = turns - (double)(size_t)turns;
		send_all(connections[i].fd, &schedule, sizeof schedule);
	}
}

static void pour(struct connection *c)
{
	if (send(c->fd, chunk, sizeof chunk, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
		die("send");
}

static void serve_until(int epoll, double at_s)
{
	struct epoll_event events[BATCH];
	int left_ms;

	while ((left_ms = ms_until(at_s)) > 0) {
		int n = epoll_wait(epoll, events, BATCH, left_ms);

		for (int i = 0; i < n; i++) {
			struct connection *c = &connections[events[i].data.u64];

			if (c->kind == POUR)
				pour(c);
			else if (receive(c, REQUEST_BYTES))
				send_all(c->fd, chunk, RESPONSE_BYTES);
		}
	}
}

static _Noreturn void serve(const char *port, double quiet_s, double pour_s)
{
	int epoll = epoll_create1(0);

	accept_all(epoll, port);
	tell_schedule(quiet_s, pour_s);
	serve_until(epoll, schedule.quiet_at_s);
	say_part("quiet");
	serve_until(epoll, schedule.pour_at_s);
	say_part("pour");
	for (size_t i = 0; i < connection_count; i++)
		if (connections[i].kind == POUR)
			watch(epoll, EPOLL_CTL_MOD, EPOLLOUT, i);
	serve_until(epoll, schedule.end_at_s);
	say_part("end");
	keep_open();
}

static void connect_one(int epoll, char **name, enum kind kind)
{
	struct connection *c = &connections[connection_count];

	c->kind = (char)kind;
	c->fd = dial(name[0], name[1], name[5]);
	send_all(c->fd, &c->kind, sizeof c->kind);
	watch(epoll, EPOLL_CTL_ADD, EPOLLIN, connection_count++);
}

static void connect_all(int epoll, char **argument)
{
	static const enum kind kinds[] = {POUR, IDLE, ASKER};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (uint64_t left = count_from(argument[2 + i], CONNECTIONS_MAX / 3); left > 0;
		     left--)
			connect_one(epoll, argument, kinds[i]);
	for (size_t i = 0; i < connection_count; i++) {
		recv_all(connections[i].fd, &schedule, sizeof schedule);
		connections[i].ask_at_s = schedule.quiet_at_s + schedule.phase_s;
	}
}

static void on_input(struct connection *c)
{
	double now;

	if (c->kind == POUR) {
		ssize_t n = recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT);

		if (n > 0)
			c->received_bytes += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			die("the download");
		return;
	}
	if (!receive(c, RESPONSE_BYTES))
		return;
	now = now_s();
	c->latency_ms[c->answered] = (now - c->asked_at_s[c->answered]) * 1e3;
	c->answered++;
}

/* Sends requests when they are due, even if earlier answers are missing. Returns when the next one
 * is due. */
static double ask_those_due(void)
{
	double next_s = schedule.end_at_s, now = now_s();

	for (size_t i = 0; i < connection_count; i++) {
		struct connection *c = &connections[i];

		if (c->kind != ASKER)
			continue;
		if (c->ask_at_s <= now && c->asked < ASKED_MAX) {
			send_all(c->fd, chunk, REQUEST_BYTES);
			c->asked_at_s[c->asked++] = c->ask_at_s;
			c->ask_at_s += 1;
		}
		next_s = c->ask_at_s < next_s ? c->ask_at_s : next_s;
	}
	return next_s;
}

static void take_part(int epoll)
{
	struct epoll_event events[BATCH];

	while (ms_until(schedule.end_at_s) > 0) {
		int n = epoll_wait(epoll, events, BATCH, ms_until(ask_those_due()));

		for (int i = 0; i < n; i++)
			on_input(&connections[events[i].data.u64]);
	}
}

/* A request without an answer counts with its waiting time so far. */
static void print_latencies(const char *name, double from_s, double to_s)
{
	const char *comma = "";

	printf(", \"%s\": [", name);
	for (size_t i = 0; i < connection_count; i++)
		for (size_t j = 0; j < connections[i].asked; j++) {
			const struct connection *c = &connections[i];
			double waited_ms = (schedule.end_at_s - c->asked_at_s[j]) * 1e3;

			if (c->asked_at_s[j] < from_s || c->asked_at_s[j] >= to_s)
				continue;
			printf("%s%.3f", comma, j < c->answered ? c->latency_ms[j] : waited_ms);
			comma = ", ";
		}
	printf("]");
}

static void report(void)
{
	size_t unanswered = 0;
	const char *comma = "";

	printf("{\"pour_bytes\": [");
	for (size_t i = 0; i < connection_count; i++) {
		unanswered += connections[i].asked - connections[i].answered;
		if (connections[i].kind == POUR) {
			printf("%s%zu", comma, connections[i].received_bytes);
			comma = ", ";
		}
	}
	printf("], \"unanswered\": %zu", unanswered);
	print_latencies("quiet_ms", schedule.quiet_at_s, schedule.pour_at_s);
	print_latencies("pour_ms", schedule.pour_at_s, schedule.end_at_s);
	puts("}");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"day serve PORT CONNECTIONS SECONDS-QUIET SECONDS-POURING",
		"day join HOST PORT POURS IDLE ASKERS [CONGESTION-CONTROL]",
		NULL,
	};
	int epoll;

	raise_descriptor_limit();
	fill_random(chunk, sizeof chunk);
	connections = calloc(CONNECTIONS_MAX, sizeof *connections);
	if (!connections)
		die("memory");
	if (argc == 6 && strcmp(argv[1], "serve") == 0) {
		connection_count = count_from(argv[3], CONNECTIONS_MAX);
		serve(argv[2], (double)count_from(argv[4], SECONDS_MAX),
		      (double)count_from(argv[5], SECONDS_MAX));
	}
	if ((argc != 7 && argc != 8) || strcmp(argv[1], "join") != 0)
		usage(lines);
	epoll = epoll_create1(0);
	connect_all(epoll, argv + 2);
	take_part(epoll);
	report();
	keep_open();
}
