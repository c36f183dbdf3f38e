/* SPDX-License-Identifier: MIT */
/*
 * economy ENGINE - what a connection at work may cost its engine: allocations and system calls,
 * which load does not bend as it bends times. ENGINE is rudp-engine with count.c in it; it serves
 * both ends here, so each bound is for both together. And what the calling program's set-up costs.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rudp/rudp.h>

#include "counts.h"
#include "traced.h"

#define CHUNK_BYTES (128 * 1024)
#define WARM_BYTES (INT64_C(192) << 20) /* windows and buffers have grown by then */
#define BULKS 16
#define BULK_BYTES (INT64_C(16) << 20)
#define WARM_MESSAGES 200
#define BLOCKS 100
#define BLOCK_MESSAGES 20
#define MESSAGES (BLOCKS * BLOCK_MESSAGES)
#define MESSAGE_BYTES 64

/*
 * The aim is less than one call for 16 packets at each end. A message there and an answer back are
 * two wake-ups by programs and two datagrams, each with a read and a write, and a wait for the
 * former: on loopback a datagram has come when it is sent. What is over is bytes read off behind,
 * acknowledgements, timers.
 */
#define BYTES_OF_16_PACKETS (16 * 1200)
#define CALLS_PER_16_PACKETS_MAX 1.6
#define BULK_ALLOCATIONS_MAX 1 /* of half of the parts; in others buffers grow, see below */
#define CALLS_PER_EXCHANGE_MAX 11
#define EXCHANGE_ALLOCATIONS_MAX 0

/*
 * A connection that comes, asks once and goes. Counted is what hardly depends on how datagrams and
 * wake-ups fall together: the making and closing of sockets, and memory.
 */
#define WARM_SETUPS 100
#define SETUPS 500
#define SETUP_CALLS_MAX 25
#define SETUP_ALLOCATIONS_MAX 26
/* The program waits for these; the rest is done while it continues. */
#define SETUP_BEFORE_ANSWER_MAX 7
/* System calls of the calling program; that of its end is a read, a shutdown and a close. */
#define TRACED_SETUPS 20
#define SETUP_PROGRAM_CALLS_MAX 26

#define ALL_SETUPS (WARM_SETUPS + SETUPS + 3 * TRACED_SETUPS)

static struct counts *counts;
static struct sockaddr_in address;
static bool failed;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void put(int fd, const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = rudp_send(fd, (const char *)data + done, len - done, 0);

		if (n < 0)
			die("rudp_send");
		done += (size_t)n;
	}
}

static void get(int fd, void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = rudp_recv(fd, (char *)data + done, len - done, 0);

		if (n <= 0)
			die("rudp_recv");
		done += (size_t)n;
	}
}

/* Takes what bulk() sends and answers with a chunk; answers what exchange() asks. */
static void *serve(void *argument)
{
	static char chunk[CHUNK_BYTES];
	int listener = *(int *)argument;
	int fd = rudp_accept(listener, NULL, NULL, 0);

	if (fd < 0)
		die("rudp_accept");
	for (int i = 0; i <= BULKS; i++) {
		for (int64_t left = i ? BULK_BYTES : WARM_BYTES; left > 0; left -= CHUNK_BYTES)
			get(fd, chunk, CHUNK_BYTES);
		put(fd, chunk, CHUNK_BYTES);
	}
	for (int i = 0; i < WARM_MESSAGES + MESSAGES; i++) {
		get(fd, chunk, MESSAGE_BYTES);
		put(fd, chunk, MESSAGE_BYTES);
	}
	rudp_close(fd);
	return NULL;
}

/* Answers each connection once, and closes it. */
static void *serve_many(void *argument)
{
	char message[MESSAGE_BYTES];

	for (int i = 0; i < ALL_SETUPS; i++) {
		int fd = rudp_accept(*(int *)argument, NULL, NULL, 0);

		if (fd < 0)
			die("rudp_accept");
		get(fd, message, sizeof message);
		put(fd, "k", 1);
		rudp_close(fd);
	}
	return NULL;
}

/* The answer is no small one, so that the buffers of that way have grown, too. */
static void bulk(int fd, int64_t bytes)
{
	static char chunk[CHUNK_BYTES];

	for (int64_t left = bytes; left > 0; left -= CHUNK_BYTES)
		put(fd, chunk, CHUNK_BYTES);
	get(fd, chunk, CHUNK_BYTES);
}

static void exchange(int fd, int count)
{
	char message[MESSAGE_BYTES] = "";

	for (int i = 0; i < count; i++) {
		put(fd, message, sizeof message);
		get(fd, message, sizeof message);
	}
}

static void set_up(int count)
{
	char message[MESSAGE_BYTES] = "";
	const int on = 1;

	for (int i = 0; i < count; i++) {
		int fd = rudp_socket(AF_INET, SOCK_CLOEXEC);

		if (fd < 0 || rudp_set_option(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
		    rudp_connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
			die("a connection");
		put(fd, message, sizeof message);
		get(fd, message, 1);
		if (rudp_recv(fd, message, 1, 0) != 0)
			die("the end of the stream");
		rudp_close(fd);
	}
}

static void expect_at_most(const char *what, double value, double limit)
{
	printf("%-6s %-48s %8.2f   at most %g\n", value <= limit ? "ok" : "FAIL", what, value,
	       limit);
	failed |= value > limit;
}

static unsigned long all_calls(const struct counts *of)
{
	unsigned long sum = 0;

	for (int i = 0; i < COUNTED_COUNT; i++)
		sum += of->calls[i];
	return sum;
}

static struct counts since(const struct counts *before)
{
	struct counts difference = {.allocations = counts->allocations - before->allocations,
				    .answers = counts->answers - before->answers,
				    .before_answers =
					    counts->before_answers - before->before_answers};

	for (int i = 0; i < COUNTED_COUNT; i++)
		difference.calls[i] = counts->calls[i] - before->calls[i];
	return difference;
}

static void print_calls(const struct counts *of, double per)
{
	static const char *const names[] = {
#define NAME(name) #name,
		COUNTED_CALLS(NAME)
#undef NAME
	};

	printf("       ");
	for (int i = 0; i < COUNTED_COUNT; i++)
		if (of->calls[i] > 0)
			printf(" %s %.2f", names[i], (double)of->calls[i] / per);
	putchar('\n');
}

/*
 * Keeps the part of a measurement with the fewest calls. A process that waits for a processor reads
 * and answers late: it moves less at once and sends separate ACKs, which costs calls.
 */
static void keep_least(struct counts *least, const struct counts *before)
{
	const struct counts cost = since(before);

	if (all_calls(least) == 0 || all_calls(&cost) < all_calls(least))
		*least = cost;
}

static int compare(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * When one end waits for a processor, bytes wait in the buffers of the other, which grow: that may
 * be in any part, so the allocations of a single part say nothing.
 */
static void measure_bulk(int fd)
{
	const double trains = (double)BULK_BYTES / BYTES_OF_16_PACKETS;
	unsigned long allocations[BULKS];
	struct counts before, cost, least = {0};

	bulk(fd, WARM_BYTES);
	for (int i = 0; i < BULKS; i++) {
		before = *counts;
		bulk(fd, BULK_BYTES);
		cost = since(&before);
		allocations[i] = cost.allocations;
		keep_least(&least, &before);
	}
	qsort(allocations, BULKS, sizeof allocations[0], compare);
	expect_at_most("bulk: allocations", (double)allocations[BULKS / 2], BULK_ALLOCATIONS_MAX);
	expect_at_most("bulk: system calls for 16 packets of 1200 bytes",
		       (double)all_calls(&least) / trains, CALLS_PER_16_PACKETS_MAX);
	print_calls(&least, trains);
}

static void measure_exchange(int fd)
{
	struct counts start, before, cost, least = {0};

	exchange(fd, WARM_MESSAGES);
	start = *counts;
	for (int i = 0; i < BLOCKS; i++) {
		before = *counts;
		exchange(fd, BLOCK_MESSAGES);
		keep_least(&least, &before);
	}
	cost = since(&start);
	expect_at_most("exchange: allocations", (double)cost.allocations, EXCHANGE_ALLOCATIONS_MAX);
	expect_at_most("exchange: system calls", (double)all_calls(&least) / BLOCK_MESSAGES,
		       CALLS_PER_EXCHANGE_MAX);
	print_calls(&least, BLOCK_MESSAGES);
}

/* Calls that a process makes once are in both numbers. */
static void measure_program(void)
{
	long once = traced_calls(set_up, TRACED_SETUPS), twice;

	if (once == 0) {
		puts("skipped: no process may be traced here");
		set_up(3 * TRACED_SETUPS); /* the server expects them */
		return;
	}
	twice = traced_calls(set_up, 2 * TRACED_SETUPS);
	if (once < 0 || twice < 0)
		die("a traced program");
	expect_at_most("set-up: system calls of the calling program",
		       (double)(twice - once) / TRACED_SETUPS, SETUP_PROGRAM_CALLS_MAX);
}

static void measure_setup(int listener)
{
	struct counts before, cost;
	unsigned long calls = 0;
	pthread_t server;

	if (pthread_create(&server, NULL, serve_many, &listener) != 0)
		die("a thread");
	set_up(WARM_SETUPS);
	before = *counts;
	set_up(SETUPS);
	cost = since(&before);
	measure_program();
	pthread_join(server, NULL);
	for (int i = COUNTED_SETUP_FIRST; i < COUNTED_COUNT; i++)
		calls += cost.calls[i];
	expect_at_most("set-up: allocations", (double)cost.allocations / SETUPS,
		       SETUP_ALLOCATIONS_MAX);
	expect_at_most("set-up: calls that make, name and close sockets", (double)calls / SETUPS,
		       SETUP_CALLS_MAX);
	expect_at_most("set-up: calls from the peer's answer to the program's",
		       (double)cost.before_answers / (double)cost.answers, SETUP_BEFORE_ANSWER_MAX);
	print_calls(&cost, SETUPS);
}

static void share_counts(void)
{
	static char path[] = "/tmp/rudp-economy-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, sizeof *counts) < 0)
		die(path);
	counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED || setenv(COUNTS_VARIABLE, path, 1) < 0)
		die("the counts");
	close(fd);
}

static int listen_somewhere(void)
{
	int fd = rudp_socket(AF_INET, SOCK_CLOEXEC);
	socklen_t len = sizeof address;

	address = (struct sockaddr_in){.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || rudp_bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    rudp_listen(fd, 1) < 0 || rudp_local_address(fd, (struct sockaddr *)&address, &len) < 0)
		die("a listener");
	return fd;
}

/*
 * On a loaded machine the order in which programs and engine run would cost up to four more calls
 * for each exchange. The engine inherits the priority. Without the right to set it, the test needs
 * an idle machine.
 */
static void raise_priority(void)
{
	const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};

	(void)sched_setscheduler(0, SCHED_FIFO, &least);
}

int main(int argc, char **argv)
{
	const int on = 1;
	pthread_t server;
	int listener, fd;

	if (argc != 2) {
		fputs("usage: economy ENGINE\n", stderr);
		return 2;
	}
	share_counts();
	raise_priority();
	setenv("RUDP_ENGINE", "process", 1);
	setenv("RUDP_ENGINE_PATH", argv[1], 1);
	/* Looking for the next event instead of sleeping asks as often as there is time. */
	setenv("RUDP_BUSY_POLL", "0", 1);
	setenv("RUDP_POLICY", "connect use rudp; listen use rudp", 1);
	listener = listen_somewhere();
	unlink(getenv(COUNTS_VARIABLE));
	fd = rudp_socket(AF_INET, SOCK_CLOEXEC);
	if (pthread_create(&server, NULL, serve, &listener) != 0 || fd < 0 ||
	    rudp_connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		die("a connection");
	rudp_set_option(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (all_calls(counts) == 0) {
		fputs("economy: this engine does not count\n", stderr);
		return 2;
	}
	measure_bulk(fd);
	measure_exchange(fd);
	pthread_join(server, NULL);
	rudp_close(fd);
	measure_setup(listener);
	rudp_close(listener);
	return failed;
}
