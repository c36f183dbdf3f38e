/* SPDX-License-Identifier: MIT */
/* The socket for metrics; the test is its event loop. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "conversation/server/metrics.h"

#define NOW RUDP_NS_PER_S

static char directory[] = "/tmp/apollonion-metrics.XXXXXX", path[64];
static struct apo_metrics metrics;
static struct apo_acceptor acceptor;
static struct apo_messaging_node messaging_node;
static struct apo_model_thread model_thread;

static void begin(void)
{
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(path, sizeof path, "%s/socket", directory);
	messaging_node.source.fd = -1;
	metrics = (struct apo_metrics){.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
				       .acceptor = &acceptor,
				       .messaging_node = &messaging_node,
				       .model_thread = &model_thread};
	apo_metrics_init(&metrics);
	cr_assert(eq(int, apo_metrics_open(&metrics, path), 0));
}

static void end(void)
{
	apo_metrics_close(&metrics);
	close(metrics.epoll_fd);
	cr_assert(eq(int, rmdir(directory), 0));
}

TestSuite(metrics, .init = begin, .fini = end, .timeout = 60);

static int connect_one(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, sizeof path);
	cr_assert(eq(int, connect(fd, (struct sockaddr *)&address, sizeof address), 0));
	return fd;
}

/* The next event of epoll; NULL: none. */
static struct apo_event_source *event(void)
{
	struct epoll_event one;

	return epoll_wait(metrics.epoll_fd, &one, 1, 0) == 1 ? one.data.ptr : NULL;
}

static const char *answer_to(int fd)
{
	static char text[65536];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void expect_answer(int fd)
{
	struct apo_event_source *source;
	const char *answer;

	cr_assert(eq(ptr, event(), &metrics.source));
	apo_metrics_on_connection(&metrics, NOW);
	cr_assert(eq(int, (int)send(fd, "GET /\r\n\r\n", 9, MSG_NOSIGNAL), 9));
	source = event();
	cr_assert(ne(ptr, source, NULL));
	apo_metrics_on_client(&metrics, source);
	answer = answer_to(fd);
	cr_assert(ne(ptr, strstr(answer, "\napollonion_clients "), NULL));
	/* A number that can fall is a gauge. */
	cr_assert(ne(ptr, strstr(answer, "# TYPE apollonion_bans gauge\n"), NULL));
	cr_assert(ne(ptr, strstr(answer, "# TYPE apollonion_channels_registered gauge\n"), NULL));
	cr_assert(ne(ptr, strstr(answer, "# TYPE apollonion_kills_total counter\n"), NULL));
	close(fd);
}

Test(metrics, a_request_is_answered_and_closed)
{
	expect_answer(connect_one());
	expect_answer(connect_one());
	cr_assert(eq(ptr, event(), NULL));
}

/* The bytes of the request come one after the other. */
Test(metrics, a_request_in_pieces_is_answered_at_its_end)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd = connect_one();
	const char *at;

	apo_metrics_on_connection(&metrics, NOW);
	for (at = request; *at; at++) {
		cr_assert(ge(int, metrics.clients[0].fd, 0), "answered before %s", at);
		cr_assert(eq(int, (int)send(fd, at, 1, MSG_NOSIGNAL), 1));
		apo_metrics_on_client(&metrics, metrics.clients);
	}
	cr_assert(lt(int, metrics.clients[0].fd, 0));
	cr_assert(ne(ptr, strstr(answer_to(fd), "\napollonion_clients "), NULL));
	close(fd);
}

Test(metrics, a_request_without_end_is_closed)
{
	char bytes[1024];
	int fd = connect_one();
	unsigned sent = 0;

	memset(bytes, 'x', sizeof bytes);
	apo_metrics_on_connection(&metrics, NOW);
	while (metrics.clients[0].fd >= 0) {
		cr_assert(le(uint, sent, APO_METRICS_REQUEST_MAX));
		cr_assert(eq(int, (int)send(fd, bytes, sizeof bytes, MSG_NOSIGNAL),
			     (int)sizeof bytes));
		sent += sizeof bytes;
		apo_metrics_on_client(&metrics, metrics.clients);
	}
	cr_assert(eq(str, (char *)(uintptr_t)answer_to(fd), ""));
	close(fd);
}

Test(metrics, an_address_is_told_from_a_path)
{
	struct rudp_addr address;

	cr_assert(apo_metrics_is_address("127.0.0.1:9180", &address));
	cr_assert(eq(uint, rudp_addr_port(&address), 9180));
	cr_assert(apo_metrics_is_address("[::1]:9180", &address));
	cr_assert(not(apo_metrics_is_address("/run/apollonion/metrics", &address)));
	cr_assert(not(apo_metrics_is_address("/run/127.0.0.1:9180", &address)));
	cr_assert(not(apo_metrics_is_address("metrics", &address)));
}

/* An entry is used again while an event of its previous client is still pending. */
Test(metrics, a_late_event_of_a_closed_client_has_no_effect)
{
	int fd = connect_one();

	apo_metrics_on_connection(&metrics, NOW);
	apo_metrics_on_client(&metrics, metrics.clients);
	cr_assert(ge(int, metrics.clients[0].fd, 0));
	apo_metrics_on_client(&metrics, metrics.clients + 1);
	close(fd);
}

/* Takes all free descriptors; returns their number. */
static int take_descriptors(int *taken, int most)
{
	struct rlimit limit;
	int count = 0;

	cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &limit), 0));
	limit.rlim_cur = (rlim_t)most;
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &limit), 0));
	while (count < most && (taken[count] = dup(metrics.epoll_fd)) >= 0)
		count++;
	cr_assert(eq(int, errno, EMFILE));
	return count;
}

Test(metrics, without_descriptors_accepting_pauses)
{
	int taken[256], count, fd = connect_one();

	count = take_descriptors(taken, 256);
	cr_assert(eq(ptr, event(), &metrics.source));
	apo_metrics_on_connection(&metrics, NOW);
	cr_assert(eq(ptr, event(), NULL), "the loop would spin");
	cr_assert(lt(i64, NOW, metrics.accept_at_ns));
	while (count > 0)
		close(taken[--count]);
	apo_metrics_on_time(&metrics, metrics.accept_at_ns - 1);
	cr_assert(eq(ptr, event(), NULL));
	apo_metrics_on_time(&metrics, metrics.accept_at_ns);
	cr_assert(eq(i64, metrics.accept_at_ns, RUDP_NEVER));
	expect_answer(fd);
}

Test(metrics, a_file_that_is_no_socket_is_not_replaced)
{
	struct apo_metrics others = {.epoll_fd = metrics.epoll_fd};
	char file[80];
	FILE *stream;

	snprintf(file, sizeof file, "%s/file", directory);
	stream = fopen(file, "w");
	cr_assert(ne(ptr, stream, NULL));
	fclose(stream);
	apo_metrics_init(&others);
	cr_assert(eq(int, apo_metrics_open(&others, file), -EADDRINUSE));
	cr_assert(eq(int, unlink(file), 0));
}
