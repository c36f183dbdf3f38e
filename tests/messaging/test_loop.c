/* SPDX-License-Identifier: MIT */
/* The loops that nodes share: their number, the distribution of nodes, and that leaving frees
 * everything. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messaging/node_private.h"

#define NODES 150 /* more than the maximum number of loops */

static struct rudpmsg_node *nodes[NODES];
static long processors_said; /* mocked number of processors; 0: the real one */

long sysconf(int name)
{
	long (*real)(int);

	if (name == _SC_NPROCESSORS_ONLN && processors_said)
		return processors_said;
	*(void **)&real = dlsym(RTLD_NEXT, "sysconf");
	return real(name);
}

/* One for each node, two for each loop, and those that are open already. */
#define DESCRIPTORS (NODES + 2 * RUDPMSG_LOOPS_MAX + 100)

static void allow_descriptors(void)
{
	struct rlimit limit;

	cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &limit), 0));
	cr_assert(ge(ulong, limit.rlim_max, DESCRIPTORS), "%d nodes need a larger ulimit -Hn",
		  NODES);
	limit.rlim_cur = limit.rlim_max;
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &limit), 0));
}

static int open_nodes(int count)
{
	const struct rudpmsg_options options = {.transport = RUDPMSG_TRANSPORT_TCP};
	char name[32];
	int i, rc;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "node%d", i);
		rc = rudpmsg_node_open(nodes + i, name, &options, NULL);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void free_nodes(int count)
{
	while (count-- > 0)
		rudpmsg_node_free(nodes[count]);
}

static unsigned entries_of(const char *path)
{
	DIR *directory = opendir(path);
	unsigned count = 0;

	cr_assert(directory != NULL);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* The kernel lists a joined thread for a short time. */
static void wait_for_threads(unsigned count)
{
	while (entries_of("/proc/self/task") != count)
		sched_yield();
}

/* How many of the first count nodes are in the loop of this one. */
static int neighbours_of(int index, int count)
{
	int i, neighbours = 0;

	for (i = 0; i < count; i++)
		neighbours += nodes[i]->member.loop == nodes[index]->member.loop;
	return neighbours;
}

/* threads: their number without nodes. */
static void expect_loops(unsigned threads, long processors, int wanted)
{
	int i;

	processors_said = processors;
	cr_assert(eq(int, open_nodes(NODES), 0));
	wait_for_threads(threads + (unsigned)wanted);
	for (i = 0; i < wanted; i++)
		cr_expect(eq(int, neighbours_of(i, wanted), 1));
	for (i = 0; i < NODES; i++) {
		cr_expect(ge(int, neighbours_of(i, NODES), NODES / wanted));
		cr_expect(le(int, neighbours_of(i, NODES), NODES / wanted + 1));
	}
	free_nodes(NODES);
}

Test(loop, nodes_share_one_thread_for_each_processor, .timeout = 300)
{
	unsigned threads = entries_of("/proc/self/task");

	allow_descriptors();
	expect_loops(threads, 1, 1);
	expect_loops(threads, 2, 2);
	expect_loops(threads, 7, 7);
	expect_loops(threads, -1, 1); /* the number of processors is unknown */
	expect_loops(threads, 4 * RUDPMSG_LOOPS_MAX, RUDPMSG_LOOPS_MAX);
}

Test(loop, the_last_node_frees_thread_and_descriptors, .timeout = 300)
{
	unsigned threads = entries_of("/proc/self/task"), files = entries_of("/proc/self/fd");
	int round;

	for (round = 0; round < 20; round++) {
		cr_assert(eq(int, open_nodes(3), 0));
		free_nodes(3);
		cr_assert(eq(u32, entries_of("/proc/self/fd"), files));
		wait_for_threads(threads);
	}
}

/* Opens files until all descriptors below the returned one are in use. The test may have
 * inherited open descriptors with gaps between them. */
static int fill_holes(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	int highest = 0, fd;

	cr_assert(directory != NULL);
	while ((entry = readdir(directory)))
		if (atoi(entry->d_name) > highest)
			highest = atoi(entry->d_name);
	closedir(directory);
	do {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		cr_assert(ge(int, fd, 0));
	} while (fd <= highest);
	close(fd);
	return fd;
}

/* The limit of descriptors grows by one each time, so opening fails at each place that needs
 * one. */
Test(loop, a_failed_open_leaks_no_descriptor, .timeout = 300)
{
	struct rlimit limit;
	unsigned files, allowed = 0;
	int rc, first = fill_holes();

	files = entries_of("/proc/self/fd");
	cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &limit), 0));
	do {
		limit.rlim_cur = (rlim_t)first + allowed++;
		cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &limit), 0));
		rc = open_nodes(1);
		limit.rlim_cur = limit.rlim_max;
		cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &limit), 0));
		if (rc < 0) {
			cr_expect(eq(int, rc, -EMFILE));
			cr_expect(eq(u32, entries_of("/proc/self/fd"), files));
		}
	} while (rc < 0);
	/* The node's event descriptor; the loop's epoll set and eventfd. */
	cr_expect(eq(u32, allowed, 4));
	free_nodes(1);
}

/* Descriptors in epoll sets of this process. */
static unsigned watched(void)
{
	DIR *directory = opendir("/proc/self/fdinfo");
	const struct dirent *entry;
	unsigned count = 0;
	char path[300], line[200];
	FILE *file;

	cr_assert(directory != NULL);
	while ((entry = readdir(directory))) {
		snprintf(path, sizeof path, "/proc/self/fdinfo/%s", entry->d_name);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof line, file))
			count += strncmp(line, "tfd:", 4) == 0;
		if (file)
			fclose(file);
	}
	closedir(directory);
	return count;
}

/* epoll watches the open file, not the descriptor. While a child has the file open, epoll could
 * wake the loop with a pointer to freed memory. */
Test(loop, a_stream_that_is_closed_is_not_watched_while_a_child_has_it, .timeout = 300)
{
	struct stream *stream;
	unsigned before;
	pid_t child;
	int pair[2];

	cr_assert(eq(int, open_nodes(1), 0));
	before = watched();
	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0));
	stream = rudpmsg_stream_new(nodes[0], pair[0]);
	cr_assert(eq(int, rudpmsg_stream_watch(stream, true, false), 0));
	cr_assert(eq(u32, watched(), before + 1));
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	rudpmsg_stream_free(nodes[0], stream);
	cr_expect(eq(u32, watched(), before));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(pair[1]);
	free_nodes(1);
}

/* Programs should not do this, but it must not block on threads that the child does not have. */
Test(loop, a_child_that_opens_nodes_has_loops_of_its_own, .timeout = 300)
{
	int status = -1;
	pid_t child;

	cr_assert(eq(int, open_nodes(1), 0));
	child = fork();
	if (child == 0) {
		struct rudpmsg_node *node;

		_exit(rudpmsg_node_open(&node, "child", NULL, NULL) == 0 &&
				      rudpmsg_node_close(node, RUDPMSG_FOREVER, NULL) == 0
			      ? (rudpmsg_node_free(node), 0)
			      : 1);
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_expect(eq(int, status, 0));
	free_nodes(1);
}

/* The store's thread reports results before the node has a loop that it could wake. */
Test(loop, a_node_with_pending_store_events_can_be_opened, .timeout = 300)
{
	char directory[] = "/tmp/rudp-test-loop.XXXXXX", command[64];
	const struct rudpmsg_options options = {.transport = RUDPMSG_TRANSPORT_TCP,
						.store_directory = directory};
	rudpmsg_conn_id conn;
	int round;

	cr_assert(mkdtemp(directory) != NULL);
	for (round = 0; round < 20; round++) {
		cr_assert(eq(int, rudpmsg_node_open(nodes, "alpha", &options, NULL), 0));
		if (round == 0)
			cr_assert(eq(int,
				     rudpmsg_connect(nodes[0], "127.0.0.1", 1, "beta", 0, &conn),
				     -EINPROGRESS));
		cr_assert(eq(int, rudpmsg_conn_find(nodes[0], "beta", &conn), 0));
		cr_assert(eq(int, rudpmsg_send(nodes[0], conn, "x", 1, RUDPMSG_FOREVER, NULL), 0));
		rudpmsg_node_free(nodes[0]);
	}
	snprintf(command, sizeof command, "rm -r %s", directory);
	cr_expect(eq(int, system(command), 0));
}
