/* SPDX-License-Identifier: MIT */
#include "conversation/server/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conversation/server/cluster.h"
#include "conversation/server/config_values.h"
#include "conversation/server/upgrade_state.h"

#define SEND_BUFFER_BYTES (128 << 10) /* the kernel may begin with one that is too small */

/* ---- text ---- */

static void put(FILE *out, const char *name, const char *help, const char *type, uint64_t value)
{
	fprintf(out,
		"# HELP apollonion_%s %s\n# TYPE apollonion_%s %s\napollonion_%s %" PRIu64 "\n",
		name, help, name, type, name, value);
}

static void put_workers(FILE *out, const struct apo_metrics *metrics)
{
	uint64_t sum;
	unsigned i;

#define PUT(name, help)                                                                            \
	for (sum = 0, i = 0; i < metrics->worker_count; i++)                                       \
		sum += atomic_load_explicit(&metrics->workers[i].counters.name,                    \
					    memory_order_relaxed);                                 \
	put(out, "worker_" #name "_total", help, "counter", sum);
	APO_WORKER_COUNTERS(PUT)
#undef PUT
}

/* The figures of the model that can decrease are gauges; the others are counters. */
static const char *type_of(const char *name)
{
	static const char *const gauges[] = {"clients",      "unregistered", "operators",
					     "invisible",    "channels",     "memberships",
					     "clients_peak", "bans",         "channels_registered"};
	size_t i;

	for (i = 0; i < sizeof gauges / sizeof gauges[0]; i++)
		if (strcmp(name, gauges[i]) == 0)
			return "gauge";
	return "counter";
}

static void put_model(FILE *out, const struct apo_metrics *metrics)
{
#define PUT(name, help)                                                                            \
	put(out, strcmp(type_of(#name), "gauge") == 0 ? #name : #name "_total", help,              \
	    type_of(#name),                                                                        \
	    atomic_load_explicit(&metrics->model_thread->figures.name, memory_order_relaxed));
	APO_MODEL_FIGURES(PUT)
#undef PUT
}

static void put_acceptor(FILE *out, const struct apo_metrics *metrics)
{
#define PUT(name, help)                                                                            \
	put(out, "acceptor_" #name "_total", help, "counter", metrics->acceptor->counters.name);
	APO_ACCEPTOR_COUNTERS(PUT)
#undef PUT
	put(out, "acceptor_active", "connections with the workers", "gauge",
	    metrics->acceptor->active_count);
	put(out, "acceptor_waiting", "connections that wait for a place", "gauge",
	    metrics->acceptor->waiting_count);
}

static void put_peers(FILE *out, const struct apo_metrics *metrics)
{
	if (metrics->messaging_node->source.fd < 0)
		return;
#define PUT(name, help)                                                                            \
	put(out, "peers_" #name "_total", help, "counter",                                         \
	    metrics->messaging_node->peers.counters.name);
	APO_PEERS_COUNTERS(PUT)
#undef PUT
}

static void put_history(FILE *out, const struct apo_metrics *metrics)
{
	if (!metrics->history_thread)
		return;
#define PUT(name, help)                                                                            \
	put(out, "history_" #name "_total", help, "counter",                                       \
	    metrics->history_thread->counters.name);
	APO_HISTORY_THREAD_COUNTERS(PUT)
#undef PUT
}

static void put_cluster(FILE *out, const struct apo_metrics *metrics)
{
	struct apo_cluster *cluster = metrics->model_thread->cluster;
	struct apo_backlog_figures backlog;

	if (!cluster)
		return;
	backlog = apo_backlog_figures(&cluster->bus_thread.backlog);
	put(out, "cluster_live", "1: this node is part of its network", "gauge",
	    atomic_load(&cluster->is_live));
	put(out, "cluster_cut_off", "1: this node is cut off, and refuses changes", "gauge",
	    atomic_load(&cluster->is_cut_off));
	put(out, "cluster_backlog_bytes", "entries of the log that this node has not applied yet",
	    "gauge", backlog.bytes);
	put(out, "cluster_backlog_stops_total", "how often too many entries of the log waited",
	    "counter", backlog.stops);
}

static void answer(const struct apo_metrics *metrics, int fd)
{
	static const char head[] =
		"HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n";
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	fputs(head, out);
	put_model(out, metrics);
	put_acceptor(out, metrics);
	put_peers(out, metrics);
	put_history(out, metrics);
	put_workers(out, metrics);
	put_cluster(out, metrics);
	/* The text is far smaller than the socket's buffer. A client that does not read loses
	 * it. */
	if (fclose(out) == 0)
		(void)send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(text);
}

/* ---- the socket ---- */

static int watch(const struct apo_metrics *metrics, struct apo_event_source *source)
{
	return apo_source_watch(metrics->epoll_fd, source, EPOLLIN, EPOLL_CTL_ADD);
}

static void client_close(struct apo_event_source *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

static void pause_accepting(struct apo_metrics *metrics, int error, int64_t now_at_ns)
{
	if (!apo_accept_must_pause(error))
		return;
	metrics->accept_at_ns = now_at_ns + APO_ACCEPT_PAUSE_NS;
	(void)apo_source_watch(metrics->epoll_fd, &metrics->source, 0, EPOLL_CTL_MOD);
}

void apo_metrics_on_time(struct apo_metrics *metrics, int64_t now_at_ns)
{
	if (metrics->accept_at_ns > now_at_ns)
		return;
	metrics->accept_at_ns = RUDP_NEVER;
	if (metrics->source.fd >= 0)
		(void)apo_source_watch(metrics->epoll_fd, &metrics->source, EPOLLIN, EPOLL_CTL_MOD);
}

void apo_metrics_on_connection(struct apo_metrics *metrics, int64_t now_at_ns)
{
	struct apo_event_source *client;
	int fd = accept4(metrics->source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		pause_accepting(metrics, errno, now_at_ns);
		return;
	}
	client = metrics->clients + metrics->next_client;
	metrics->next_client = (metrics->next_client + 1) % APO_METRICS_CLIENTS_MAX;
	client_close(client);
	client->fd = fd;
	metrics->requests[client - metrics->clients] = (struct apo_metrics_request){0, 0};
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER_BYTES}, sizeof(int));
	if (watch(metrics, client) < 0)
		client_close(client);
}

/* Returns whether the request is complete, with the blank line after its fields. */
static bool is_complete(struct apo_metrics_request *request, const char *bytes, size_t len)
{
	size_t i;

	request->bytes += (unsigned)len;
	for (i = 0; i < len && request->line_ends < 2; i++)
		if (bytes[i] == '\n')
			request->line_ends++;
		else if (bytes[i] != '\r')
			request->line_ends = 0;
	return request->line_ends == 2;
}

void apo_metrics_on_client(struct apo_metrics *metrics, struct apo_event_source *client)
{
	struct apo_metrics_request *of = metrics->requests + (client - metrics->clients);
	char request[4096];

	ssize_t n = client->fd < 0 ? -1 : recv(client->fd, request, sizeof request, 0);

	/* Nothing was read: the event was for an earlier client of this entry, or the entry is
	 * empty. */
	if (n < 0 && (client->fd < 0 || errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && is_complete(of, request, (size_t)n))
		answer(metrics, client->fd);
	else if (n > 0 && of->bytes <= APO_METRICS_REQUEST_MAX)
		return;
	client_close(client);
}

/* Returns whether the socket file was left behind by a process that was killed. */
static bool is_abandoned(const struct sockaddr_un *address)
{
	struct stat there;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Connecting to another kind of file is refused, too, but such a file must not be
	 * removed. */
	bool is = fd >= 0 && lstat(address->sun_path, &there) == 0 && S_ISSOCK(there.st_mode) &&
		  connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 &&
		  errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return is;
}

bool apo_metrics_is_address(const char *path, struct rudp_addr *address)
{
	return !strchr(path, '/') && !apo_value_address(path, address);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct rudp_addr port;
	int fd, error;

	if (apo_metrics_is_address(path, &port))
		return apo_listen_socket(&port, APO_METRICS_CLIENTS_MAX);
	if (strlen(path) >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (is_abandoned(&address))
		(void)unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && chmod(path, 0660) == 0 &&
	    listen(fd, APO_METRICS_CLIENTS_MAX) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

void apo_metrics_init(struct apo_metrics *metrics)
{
	unsigned i;

	metrics->source = (struct apo_event_source){APO_SOURCE_METRICS, -1};
	for (i = 0; i < APO_METRICS_CLIENTS_MAX; i++)
		metrics->clients[i] = (struct apo_event_source){APO_SOURCE_METRICS_CLIENT, -1};
	metrics->accept_at_ns = RUDP_NEVER;
	metrics->path = NULL;
}

int apo_metrics_open(struct apo_metrics *metrics, const char *path)
{
	int result;

	if (!path || metrics->source.fd >= 0)
		return 0;
	metrics->path = strdup(path);
	result = metrics->path ? listen_at(path) : -ENOMEM;
	if (result < 0) {
		free(metrics->path);
		metrics->path = NULL;
		return result;
	}
	metrics->source.fd = result;
	return watch(metrics, &metrics->source);
}

void apo_metrics_close(struct apo_metrics *metrics)
{
	struct rudp_addr address;

	if (metrics->source.fd >= 0 && !apo_metrics_is_address(metrics->path, &address))
		(void)unlink(metrics->path);
	apo_metrics_release(metrics);
}

/* ---- hand-over ---- */

void apo_metrics_serialize(struct apo_upgrade_state *upgrade, struct apo_metrics *metrics)
{
	bool is_there = !upgrade->serializer.is_reading && metrics->source.fd >= 0;
	char *path = is_there ? metrics->path : NULL;
	int fd = metrics->source.fd;

	apo_serializer_flag(&upgrade->serializer, &is_there);
	if (!is_there)
		return;
	apo_serializer_text(&upgrade->serializer, &path, sizeof((struct sockaddr_un *)0)->sun_path);
	apo_upgrade_state_descriptor(upgrade, &fd);
	if (!upgrade->serializer.is_reading)
		return;
	if (upgrade->serializer.ok && path && metrics->wanted_path &&
	    strcmp(path, metrics->wanted_path) == 0) {
		metrics->path = path;
		metrics->source.fd = fd;
		apo_serializer_expect(&upgrade->serializer, watch(metrics, &metrics->source) == 0);
		return;
	}
	free(path);
	if (fd >= 0)
		close(fd);
}

void apo_metrics_release(struct apo_metrics *metrics)
{
	unsigned i;

	for (i = 0; i < APO_METRICS_CLIENTS_MAX; i++)
		client_close(metrics->clients + i);
	if (metrics->source.fd < 0)
		return;
	(void)epoll_ctl(metrics->epoll_fd, EPOLL_CTL_DEL, metrics->source.fd, NULL);
	close(metrics->source.fd);
	free(metrics->path);
	metrics->path = NULL;
	metrics->source.fd = -1;
}
