/* SPDX-License-Identifier: MIT */
/*
 * work_queue - jobs for several workers; none is lost when a worker dies.
 *
 *	cc -o work_queue work_queue.c $(pkg-config --cflags --libs rudpmsg)
 *	ls *.log | ./work_queue 7000                   # each line is a job
 *	./work_queue ann localhost 7000 'gzip "$JOB"'  # a worker; and more of them, elsewhere
 *
 * A worker acknowledges a job when it is done with it (RUDPMSG_ACK_HANDLED). One that is gone for two
 * seconds is given up: its job fails, and goes to another. A job is done twice if its worker dies
 * between doing it and saying so.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rudp/msg.h>

#define TEXT_SIZE 1000 /* of a job */
#define JOBS_MAX 10000
#define WORKERS_MAX 100

static struct worker {
	rudpmsg_conn_id conn; /* 0: a free place */
	char *job;            /* what it has to do, or NULL */
} workers[WORKERS_MAX];
static char *waiting[JOBS_MAX]; /* jobs that nobody has */
static size_t waiting_count, undone_count;
static struct rudpmsg_node *node;

static void must(int rc, const char *what)
{
	if (rc != 0)
		errx(1, "cannot %s: %s", what, strerror(-rc));
}

static struct worker *worker_of(rudpmsg_conn_id conn)
{
	struct worker *worker, *found = NULL;

	for (worker = workers; worker < workers + WORKERS_MAX; worker++)
		if (worker->conn == conn || (worker->conn == 0 && !found))
			found = worker;
	return found;
}

static void on_event(const struct rudpmsg_event *event)
{
	struct worker *worker = worker_of(event->conn);
	bool is_done = event->kind == RUDPMSG_EVENT_ACKNOWLEDGED;

	if (!worker)
		return; /* others of this time are still leaving: it gets no job */
	if (event->kind == RUDPMSG_EVENT_CONNECTED)
		worker->conn = event->conn;
	if (event->kind == RUDPMSG_EVENT_DISCONNECTED)
		worker->conn = 0;
	if (event->kind == RUDPMSG_EVENT_FAILED)
		waiting[waiting_count++] = worker->job;
	if (is_done || event->kind == RUDPMSG_EVENT_FAILED)
		worker->job = NULL;
	undone_count -= is_done;
}

static void hand_out(struct worker *worker)
{
	const char *job = waiting_count > 0 ? waiting[waiting_count - 1] : NULL;

	if (job && !worker->job && rudpmsg_send(node, worker->conn, job, strlen(job), 0, NULL) == 0)
		worker->job = waiting[--waiting_count];
}

static void be_boss(uint16_t port)
{
	struct rudpmsg_event event;
	struct worker *worker;
	char line[TEXT_SIZE];

	must(rudpmsg_listen(node, NULL, port), "listen");
	while (waiting_count < JOBS_MAX && fgets(line, sizeof line, stdin))
		waiting[waiting_count++] = strndup(line, strcspn(line, "\n"));
	for (undone_count = waiting_count; undone_count > 0;) {
		must(rudpmsg_event_wait(node, RUDPMSG_FOREVER, &event), "wait");
		on_event(&event);
		for (worker = workers; worker < workers + WORKERS_MAX; worker++)
			hand_out(worker);
	}
	for (worker = workers; worker < workers + WORKERS_MAX; worker++)
		rudpmsg_disconnect(node, worker->conn, false, 0); /* it goes home */
}

static void be_worker(const char *host, uint16_t port, const char *command)
{
	struct rudpmsg_message job;
	rudpmsg_conn_id boss;
	char text[TEXT_SIZE];

	must(rudpmsg_connect(node, host, port, "boss", RUDPMSG_FOREVER, &boss), "connect");
	while (rudpmsg_receive(node, boss, RUDPMSG_FOREVER, &job) == 0) {
		snprintf(text, sizeof text, "%.*s", (int)job.length, (const char *)job.bytes);
		setenv("JOB", text, 1);
		if (system(command) != 0)
			warnx("%s: the command fails", text);
		rudpmsg_done(node, &job);
	}
}

int main(int argc, char **argv)
{
	struct rudpmsg_options options = {.ack = RUDPMSG_ACK_HANDLED,
					  .limits.connections_max = WORKERS_MAX,
					  .give_up_ns = INT64_C(2000000000)};

	must(rudpmsg_node_open(&node, argc == 5 ? argv[1] : "boss", &options, NULL), "open a node");
	if (argc == 5)
		be_worker(argv[2], (uint16_t)atoi(argv[3]), argv[4]);
	else
		be_boss((uint16_t)atoi(argc > 1 ? argv[1] : "7000"));
	rudpmsg_node_close(node, 0, NULL);
	rudpmsg_node_free(node);
	return 0;
}
