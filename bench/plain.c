/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 1024, PERCENTS = 100 };

bool use_fast_open;

void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

void usage(const char *const *line)
{
	for (; *line; line++)
		fprintf(stderr, "usage: %s\n", *line);
	exit(2);
}

double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void sleep_until(double at_s)
{
	struct timespec at = {(time_t)at_s, (long)((at_s - (double)(time_t)at_s) * 1e9)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

uint64_t count_from(const char *text, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno == 0 && (*end || value == 0 || value > max || *text == '-'))
		errno = ERANGE;
	if (errno != 0)
		die(text);
	return value;
}

static void set_nodelay(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		die("TCP_NODELAY");
}

static void set_congestion_control(int fd, const char *cc)
{
	if (cc && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, (socklen_t)strlen(cc)) < 0)
		die("TCP_CONGESTION");
}

static int dial_as(const char *host, const char *port, const char *cc, int flags)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	int fd, wrong = getaddrinfo(host, port, &hints, &found);

	if (wrong) {
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, host,
			gai_strerror(wrong));
		exit(1);
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		die("socket");
	set_congestion_control(fd, cc);
	if (use_fast_open &&
	    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){1}, sizeof(int)) < 0)
		die("TCP_FASTOPEN_CONNECT");
	set_nodelay(fd);
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0 && errno != EINPROGRESS)
		die("connect");
	freeaddrinfo(found);
	return fd;
}

int dial(const char *host, const char *port, const char *cc)
{
	return dial_as(host, port, cc, 0);
}

int dial_begin(const char *host, const char *port, const char *cc)
{
	return dial_as(host, port, cc, SOCK_NONBLOCK);
}

void dial_finish(int fd)
{
	struct pollfd when = {.fd = fd, .events = POLLOUT};
	int error;
	socklen_t size = sizeof error;

	if (poll(&when, 1, -1) < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ||
	    fcntl(fd, F_SETFL, 0) < 0)
		die("waiting for a connection");
	errno = error;
	if (errno)
		die("connect");
}

int serve_at(const char *port)
{
	struct sockaddr_in6 any = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)count_from(port, UINT16_MAX)),
		.sin6_addr = IN6ADDR_ANY_INIT,
	};
	const char *cc = getenv("SERVE_CC");
	int on = 1, off = 0;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	set_congestion_control(fd, cc);
	if (getenv("SERVE_SHARED") && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
		die("setsockopt");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0)
		die("setsockopt");
	if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
		die("bind");
	if (listen(fd, BACKLOG) < 0)
		die("listen");
	puts("listening");
	fflush(stdout);
	return fd;
}

int accept_at(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die("accept");
	set_nodelay(fd);
	return fd;
}

void send_all(int fd, const void *data, size_t size)
{
	const char *from = data;

	while (size > 0) {
		ssize_t n = send(fd, from, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("send");
		from += n;
		size -= (size_t)n;
	}
}

void recv_all(int fd, void *data, size_t size)
{
	char *to = data;

	while (size > 0) {
		ssize_t n = recv(fd, to, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EPIPE;
		if (n <= 0)
			die("receive");
		to += n;
		size -= (size_t)n;
	}
}

/* Marsaglia's xorshift: fast and deterministic. */
void fill_random(void *data, size_t size)
{
	uint64_t state = 88172645463325252u;
	uint8_t *to = data;

	for (size_t i = 0; i < size; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		to[i] = (uint8_t)(state >> 32);
	}
}

void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nearest rank: the smallest sample that is at or above this share of them. */
static double quantile(const double *sorted, size_t count, unsigned percent)
{
	size_t rank = (count * percent + PERCENTS - 1) / PERCENTS;

	return count ? sorted[rank ? rank - 1 : 0] : 0;
}

void print_quantiles(const char *name, double *samples, size_t count)
{
	double sum = 0;

	qsort(samples, count, sizeof *samples, by_size);
	for (size_t i = 0; i < count; i++)
		sum += samples[i];
	printf("\"%s\": {\"mean\": %.4f, \"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f, "
	       "\"max\": %.4f}",
	       name, count ? sum / (double)count : 0, quantile(samples, count, 50),
	       quantile(samples, count, 90), quantile(samples, count, 99),
	       count ? samples[count - 1] : 0);
}

void print_percentiles(const char *name, const double *sorted, size_t count)
{
	printf("\"%s\": [", name);
	for (unsigned percent = 0; percent <= PERCENTS; percent++)
		printf("%s%.3f", percent ? ", " : "", quantile(sorted, count, percent));
	putchar(']');
}
