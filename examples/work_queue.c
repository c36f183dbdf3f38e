/* SPDX-License-Identifier: MIT */
/*
 * work_queue - gives jobs to several workers; no job is lost when a worker dies.
 *
 *  cc -o work_queue work_queue.c $(pkg-config --cflags --libs rudpmsg) ls *.log | ./work_queue 7000
 *  # each line is a job ./work_queue ann localhost 7000 'gzip "$JOB"'  # a worker; start as many as
 *  you like
 *
 * A worker acknowledges a job when it has done it (RUDPMSG_ACK_HANDLED). After two seconds without
 * a worker its job fails, and is given to another one. A job is done twice if its worker dies after
 * doing it and before acknowledging it.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rudp/msg.h>

#define TEXT_SIZE 1000 /* bytes of a job */
#define JOBS_MAX 10000
#define WORKERS_MAX 1000 /* during the whole run: ids of connections are 1, 2, 3 ... */

static char *waiting[JOBS_MAX];       /* jobs that no worker has */
static char *job_of[WORKERS_MAX + 1]; /* by connection: the worker's job, or NULL */
static size_t waiting_count, undone_count;
static struct rudpmsg_node *node;

static void must(int rc, const char *what)
{
	if (rc != 0)
		errx(1, "cannot %s: %s", what, strerror(-rc));
}

/* Sending to a worker that is gone fails. */
static void hand_out(rudpmsg_conn_id worker)
{
	const char *job = waiting_count > 0 ? waiting[waiting_count - 1] : NULL;

	if (job && !job_of[worker] && rudpmsg_send(node, worker, job, strlen(job), 0, NULL) == 0)
		job_of[worker] = waiting[--waiting_count];
}

static void on_event(const struct rudpmsg_event *event)
{
	char *job = job_of[event->conn];

	if (job && event->kind == RUDPMSG_EVENT_ACKNOWLEDGED)
		undone_count--;
	else if (job && event->kind == RUDPMSG_EVENT_FAILED)
		waiting[waiting_count++] = job;
	else
		return;
	job_of[event->conn] = NULL;
}

static void be_boss(uint16_t port)
{
	rudpmsg_conn_id worker, newest = 0;
	struct rudpmsg_event event;
	char line[TEXT_SIZE];

	must(rudpmsg_listen(node, NULL, port), "listen");
	while (waiting_count < JOBS_MAX && fgets(line, sizeof line, stdin))
		waiting[waiting_count++] = strndup(line, strcspn(line, "\n"));
	for (undone_count = waiting_count; undone_count > 0;) {
		must(rudpmsg_event_wait(node, RUDPMSG_FOREVER, &event), "wait");
		if (event.conn > WORKERS_MAX)
			continue; /* too many workers: this one gets no job */
		newest = event.conn > newest ? event.conn : newest;
		on_event(&event);
		for (worker = 1; worker <= newest; worker++)
			hand_out(worker);
	}
	for (worker = 1; worker <= newest; worker++)
		rudpmsg_disconnect(node, worker, false, 0); /* no job is left for this worker */
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
		/* NOLINTNEXTLINE(cert-env33-c): a job is a command for the shell */
		if (system(command) != 0)
			warnx("%s: the command fails", text);
		rudpmsg_done(node, &job);
	}
}

int main(int argc, char **argv)
{
	struct rudpmsg_options options = {.ack = RUDPMSG_ACK_HANDLED,
					  .give_up_ns = INT64_C(2000000000)};

	if (argc != 2 && argc != 5)
		errx(2, "usage: work_queue PORT <JOBS, or work_queue NAME HOST PORT COMMAND");
	must(rudpmsg_node_open(&node, argc == 5 ? argv[1] : "boss", &options, NULL), "open a node");
	if (argc == 5)
		be_worker(argv[2], (uint16_t)atoi(argv[3]), argv[4]);
	else
		be_boss((uint16_t)atoi(argv[1]));
	rudpmsg_node_close(node, 0, NULL);
	rudpmsg_node_free(node);
	return 0;
}
