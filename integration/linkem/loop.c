/* SPDX-License-Identifier: MIT */
#include "loop.h"
#include "link.h"
#include "series.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Read from one side before due packets are checked; bounds the lateness of the other side. */
enum { BATCH_PACKETS = 32 };

struct loop {
	const struct linkem_conf *conf;
	const int *fd;
	struct link link;
	struct series series;
	uint64_t snapshots;
};

/* Signals are delivered only during ppoll(), so plain flags suffice. */
static volatile sig_atomic_t stop_wanted, snapshot_wanted;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		snapshot_wanted = 1;
	else
		stop_wanted = 1;
}

static void catch_signals(sigset_t *outside)
{
	static const int numbers[] = {SIGUSR1, SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		sigaddset(&blocked, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, outside);
	/* A script's background job may have inherited some of them blocked. */
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigdelset(outside, numbers[i]);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static double cpu_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int write_snapshot(struct loop *loop, bool final)
{
	struct snapshot snapshot = {
		.number = ++loop->snapshots,
		.final = final,
		.seed = loop->conf->seed,
		.elapsed_ns = link_elapsed_ns(&loop->link, now()),
		.rebinds = loop->link.nat.epoch,
		.cpu_s = cpu_s(),
	};
	int result;

	if (!loop->conf->stats_path)
		return 0;
	for (enum direction d = 0; d < DIRECTIONS; d++) {
		snapshot.direction[d] = &loop->link.lane[d].stats;
		link_under_way(&loop->link, d, &snapshot.under_way[d].packets,
			       &snapshot.under_way[d].bytes);
	}
	result = stats_write(loop->conf->stats_path, &snapshot);
	if (result < 0)
		fprintf(stderr, "linkem: %s: %s\n", loop->conf->stats_path, strerror(-result));
	return result;
}

/* Writing to a device never blocks; the device refuses only invalid packets (or all while it is
 * down). */
static void deliver(struct loop *loop, enum direction direction)
{
	int fd = loop->fd[direction == DIRECTION_AB ? DIRECTION_BA : DIRECTION_AB];
	struct line_packet *packet;

	while ((packet = link_take(&loop->link, direction, now()))) {
		if (write(fd, packet->data, packet->size) < 0)
			link_on_refused_by_device(&loop->link, direction, packet);
		free(packet);
	}
}

/* Returns 0, or -errno if the device is gone. */
static int collect(struct loop *loop, enum direction direction)
{
	static uint8_t data[MTU_MAX + 1];
	ssize_t size;

	for (unsigned i = 0; i < BATCH_PACKETS; i++) {
		size = read(loop->fd[direction], data, sizeof data);
		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (size < 0)
			return -errno;
		link_submit(&loop->link, direction, now(), data, (size_t)size);
	}
	return 0;
}

/* Sleeps so that several packets are handled together: half the wake-ups at some 40,000 packets a
 * second. */
static void nap(const struct loop *loop)
{
	struct timespec span = {.tv_nsec = (long)loop->conf->nap_ns};

	if (span.tv_nsec > 0)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

static int wait_for_work(struct loop *loop, const sigset_t *outside)
{
	struct pollfd poll[DIRECTIONS];
	struct timespec timeout;
	uint64_t at_ns = link_next_at(&loop->link), now_ns, row_at_ns, span_ns;

	nap(loop);
	now_ns = now();
	row_at_ns = series_next_at(&loop->series, &loop->link);
	if (row_at_ns < at_ns)
		at_ns = row_at_ns;
	span_ns = at_ns > now_ns ? at_ns - now_ns : 0;
	for (enum direction d = 0; d < DIRECTIONS; d++)
		poll[d] = (struct pollfd){.fd = loop->fd[d], .events = POLLIN};
	timeout.tv_sec = (time_t)(span_ns / 1000000000);
	timeout.tv_nsec = (long)(span_ns % 1000000000);
	if (ppoll(poll, DIRECTIONS, at_ns == LINE_NEVER ? NULL : &timeout, outside) < 0)
		return errno == EINTR ? 0 : -errno;
	return 0;
}

static int turn(struct loop *loop)
{
	int result;

	for (enum direction d = 0; d < DIRECTIONS; d++) {
		result = collect(loop, d);
		if (result < 0)
			return result;
		deliver(loop, DIRECTION_AB);
		deliver(loop, DIRECTION_BA);
	}
	series_write(&loop->series, &loop->link, now());
	return 0;
}

static int run(struct loop *loop, const sigset_t *outside)
{
	int result = write_snapshot(loop, false);

	while (!result && !stop_wanted) {
		result = wait_for_work(loop, outside);
		if (!result)
			result = turn(loop);
		if (!result && snapshot_wanted) {
			snapshot_wanted = 0;
			result = write_snapshot(loop, false);
		}
	}
	return result ? result : write_snapshot(loop, true);
}

int loop_run(const struct linkem_conf *conf, const int fd[DIRECTIONS])
{
	struct loop *loop = calloc(1, sizeof *loop);
	sigset_t outside;
	int result;

	if (!loop)
		return -ENOMEM;
	loop->conf = conf;
	loop->fd = fd;
	catch_signals(&outside);
	if (!link_init(&loop->link, conf)) {
		link_fini(&loop->link);
		free(loop);
		return -ENOMEM;
	}
	result = series_open(&loop->series, conf);
	if (result < 0)
		fprintf(stderr, "linkem: %s: %s\n", conf->series_path, strerror(-result));
	else
		result = run(loop, &outside);
	series_close(&loop->series);
	link_fini(&loop->link);
	free(loop);
	return result;
}
