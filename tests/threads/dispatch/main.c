/* SPDX-License-Identifier: MIT */
/*
 * Many threads over one dispatcher: the test for ThreadSanitizer, and a test by itself. Threads
 * post to quick workers, to a worker that handles nothing until the end, and to nobody; others take
 * the outcomes; all streams are cut now and then. Each post has one outcome, the quick are not held
 * up by the slow one, each worker gets what was accepted for it, in the order of each thread, and
 * those who block are woken by room and by closing.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rudp/dispatch.h"
#include "threads/nodes.h"

#define WORKERS 3 /* the last one is slow */
#define SLOW (WORKERS - 1)
#define POSTERS 4
#define TAKERS 2
#define POSTS 3000 /* of each poster, to each quick worker */
#define TRIES 500  /* of each poster, to the slow one */
#define QUEUE 20   /* messages of each connection */

struct text {
	unsigned poster, number;
	char filling[300];
};

static struct rudpmsg_node *boss, *workers[WORKERS];
static struct rudpmsg_dispatcher *dispatcher;
static rudpmsg_conn_id to_worker[WORKERS];
static uint16_t port;
static atomic_uint got[WORKERS], accepted[WORKERS], unknown, cancelled, refused;
static unsigned last[WORKERS][POSTERS]; /* of each worker's own thread */
static atomic_bool is_slow;

static struct rudpmsg_node *open_node(const char *name)
{
	struct rudpmsg_options options = options_of(QUEUE);
	struct rudpmsg_node *node;

	check(rudpmsg_node_open(&node, name, &options, NULL), 0, "open");
	return node;
}

static void *work(void *argument)
{
	uintptr_t i = (uintptr_t)argument;
	struct rudpmsg_message message;
	struct text text;
	int rc;

	while ((rc = rudpmsg_receive(workers[i], 0, RUDPMSG_FOREVER, &message)) == 0) {
		atomic_fetch_add(&came, 1);
		while (i == SLOW && atomic_load(&is_slow))
			usleep(1000);
		memcpy(&text, message.bytes, offsetof(struct text, filling));
		check(text.number > last[i][text.poster], 1, "order of a poster");
		last[i][text.poster] = text.number;
		atomic_fetch_add(&got[i], 1);
		rudpmsg_done(workers[i], &message);
	}
	check(rc, -ESHUTDOWN, "receive at the end");
	return NULL;
}

static int post(unsigned worker, unsigned poster, unsigned number, int64_t timeout_ns)
{
	struct text text = {.poster = poster, .number = number};

	return rudpmsg_post(dispatcher, to_worker[worker], &text,
			    sizeof text - number % sizeof text.filling, timeout_ns, NULL);
}

static void *post_some(void *argument)
{
	unsigned poster = (unsigned)(uintptr_t)argument, number, worker, slow = 0;

	for (number = 1; number <= POSTS; number++) {
		for (worker = 0; worker < SLOW; worker++)
			check(post(worker, poster, number, RUDPMSG_FOREVER), 0, "post");
		if (number % (POSTS / TRIES) == 0 && post(SLOW, poster, ++slow, 0) == -EAGAIN)
			atomic_fetch_add(&refused, 1);
		if (number % 100 == 0)
			check(rudpmsg_post_to(dispatcher, "nobody", "?", 1, RUDPMSG_FOREVER, NULL),
			      0, "post to nobody");
	}
	return NULL;
}

/* Blocks until the dispatcher is closed: the slow worker's lane is full. */
static void *post_in_vain(void *argument)
{
	unsigned number = POSTS;
	int rc;

	while ((rc = post(SLOW, 0, ++number, RUDPMSG_FOREVER)) == 0)
		;
	check(rc, -ESHUTDOWN, "a post that had no room at the end");
	return argument;
}

static void count(const struct rudpmsg_outcome *outcome)
{
	unsigned worker = 0;

	if (outcome->conn == 0) {
		check(outcome->reason, ENOENT, "reason of a post to nobody");
		atomic_fetch_add(&unknown, 1);
		return;
	}
	if (outcome->reason) {
		check(outcome->reason, ECANCELED, "reason of a failure");
		atomic_fetch_add(&cancelled, 1);
		return;
	}
	while (to_worker[worker] != outcome->conn)
		worker++;
	atomic_fetch_add(&accepted[worker], 1);
}

/* Some wait in the call, some in poll. */
static void *take_outcomes(void *argument)
{
	struct pollfd fd = {.fd = rudpmsg_dispatcher_fd(dispatcher), .events = POLLIN};
	struct rudpmsg_outcome outcome;
	int rc = 0;

	while (rc != -ESHUTDOWN) {
		if (argument) {
			rc = rudpmsg_outcome_wait(dispatcher, RUDPMSG_FOREVER, &outcome);
		} else {
			(void)poll(&fd, 1, 10);
			rc = rudpmsg_outcome(dispatcher, &outcome);
			if (rc == -EAGAIN)
				rc = rudpmsg_outcome_wait(dispatcher, 0, &outcome);
		}
		if (rc == 0)
			count(&outcome);
		else if (rc != -EAGAIN && rc != -ETIMEDOUT)
			check(rc, -ESHUTDOWN, "the end of outcomes");
	}
	return NULL;
}

static void hire(pthread_t *thread, uintptr_t i)
{
	rudpmsg_conn_id conn;
	char name[16];

	snprintf(name, sizeof name, "worker%u", (unsigned)i);
	workers[i] = open_node(name);
	check(rudpmsg_connect(workers[i], "127.0.0.1", port, "boss", 300000 * NS_PER_MS, &conn), 0,
	      "connect");
	check(rudpmsg_conn_find(boss, name, to_worker + i), 0, "find");
	*thread = start(work, (void *)i);
}

static void wait_for_quick(void)
{
	unsigned worker;

	for (worker = 0; worker < SLOW; worker++)
		while (atomic_load(&got[worker]) < POSTERS * POSTS)
			usleep(1000);
}

static void join(pthread_t *threads, int count_of_threads)
{
	int i;

	for (i = 0; i < count_of_threads; i++)
		pthread_join(threads[i], NULL);
}

static void expect_outcome(struct rudpmsg_dispatcher *of, rudpmsg_ticket ticket, int reason)
{
	struct rudpmsg_outcome outcome;

	check(rudpmsg_outcome_wait(of, 0, &outcome), 0, "an outcome");
	check((int64_t)outcome.ticket, (int64_t)ticket, "its ticket");
	check(outcome.reason, reason, "its reason");
}

/* The peer never answers. Calls fail at a limit, and after the node was closed. */
static void close_with_posts_waiting(void)
{
	struct rudpmsg_dispatch_options one = {.posts_max = 1};
	struct rudpmsg_dispatcher *lonely, *late;
	struct rudpmsg_node *node = open_node("lonely");
	struct rudpmsg_outcome outcome;
	rudpmsg_conn_id conn;
	int i;

	check(rudpmsg_connect(node, "127.0.0.1", 1, "nobody", 0, &conn), -EINPROGRESS, "connect");
	check(rudpmsg_dispatcher_open(&lonely, node, &one), 0, "open");
	for (i = 1; i <= QUEUE + 1; i++)
		check(rudpmsg_post(lonely, conn, "x", 1, 0, NULL), 0, "post");
	check(rudpmsg_post(lonely, conn, "x", 1, 0, NULL), -EAGAIN, "at once");
	check(rudpmsg_post(lonely, conn, "x", 1, NS_PER_MS, NULL), -ETIMEDOUT, "in time");
	check(rudpmsg_node_close(node, 0, NULL), -ETIMEDOUT, "close");
	check(rudpmsg_post(lonely, conn, "x", 1, RUDPMSG_FOREVER, NULL), -ESHUTDOWN, "too late");
	for (i = 1; i <= QUEUE; i++)
		expect_outcome(lonely, (rudpmsg_ticket)i, 0);
	expect_outcome(lonely, QUEUE + 1, ESHUTDOWN);
	check(rudpmsg_outcome_wait(lonely, RUDPMSG_FOREVER, &outcome), -ESHUTDOWN, "the end");
	check(rudpmsg_dispatcher_open(&late, node, NULL), -ESHUTDOWN, "open too late");
	rudpmsg_dispatcher_free(lonely);
	rudpmsg_node_free(node);
}

int main(void)
{
	struct rudpmsg_dispatch_options options = {.posts_max = 100, .outcomes_max = 1000};
	pthread_t working[WORKERS], posting[POSTERS], taking[TAKERS], cutter, in_vain;
	struct rudpmsg_dispatch_stats stats;
	uint64_t failed;
	uintptr_t i;

	alarm(PATIENCE_S);
	close_with_posts_waiting();
	atomic_store(&is_slow, true);
	boss = open_node("boss");
	port = listen_somewhere(boss);
	for (i = 0; i < WORKERS; i++)
		hire(working + i, i);
	check(rudpmsg_dispatcher_open(&dispatcher, boss, &options), 0, "open the dispatcher");
	for (i = 0; i < TAKERS; i++)
		taking[i] = start(take_outcomes, (void *)i);
	cutter = start(cut_streams, &port);
	wait_for_cut();
	for (i = 0; i < POSTERS; i++)
		posting[i] = start(post_some, (void *)i);
	join(posting, POSTERS);
	wait_for_quick();
	in_vain = start(post_in_vain, NULL);
	do
		rudpmsg_dispatcher_stats(dispatcher, &stats, sizeof stats);
	while (stats.posts_waiting < options.posts_max / 4);
	check(rudpmsg_dispatcher_close(dispatcher, true, 100 * NS_PER_MS, &failed), -ETIMEDOUT,
	      "close while one is slow");
	atomic_store(&is_over, true);
	pthread_join(cutter, NULL);
	pthread_join(in_vain, NULL);
	join(taking, TAKERS);
	atomic_store(&is_slow, false);
	check(rudpmsg_node_close(boss, 300000 * NS_PER_MS, NULL), 0, "close");
	for (i = 0; i < WORKERS; i++)
		(void)rudpmsg_node_close(workers[i], 0, NULL);
	join(working, WORKERS);
	rudpmsg_dispatcher_stats(dispatcher, &stats, sizeof stats);
	for (i = 0; i < WORKERS; i++) {
		check(atomic_load(&got[i]), atomic_load(&accepted[i]), "messages of a worker");
		rudpmsg_node_free(workers[i]);
	}
	check(atomic_load(&unknown), POSTERS * POSTS / 100, "posts to nobody");
	check(atomic_load(&cancelled), (int64_t)failed, "posts that were cancelled");
	check(stats.posts_taken, stats.posts_accepted + stats.posts_failed, "posts");
	check(atomic_load(&refused) > 0 && atomic_load(&cuts) > 0 && failed > 0, 1, "trouble");
	rudpmsg_node_free(boss); /* and the dispatcher */
	printf("threads: %u posts had one outcome each, %u streams were cut\n",
	       (unsigned)stats.posts_taken, atomic_load(&cuts));
	return 0;
}
