/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "messaging/node_private.h"

#define NS_PER_S RUDP_NS_PER_S

static const struct rudpmsg_limits default_limits = {
	.message_bytes_max = 1u << 20,
	.queue_bytes_max = 64u << 20,
	.queue_messages_max = 1000000,
	.unread_bytes_max = 16u << 20,
	.connections_max = 65536,
	.unauthenticated_max = 256,
	.senders_max = 65536,
	.store_bytes_max = UINT64_C(16) << 30,
};

int64_t rudpmsg_until_ns(int64_t timeout_ns)
{
	int64_t now_ns;

	if (timeout_ns >= RUDPMSG_FOREVER || timeout_ns < 0)
		return RUDP_NEVER;
	now_ns = rudp_clock_now_ns();
	return timeout_ns > RUDP_NEVER - 1 - now_ns ? RUDP_NEVER : now_ns + timeout_ns;
}

int rudpmsg_thread_start(pthread_t *thread, void *(*run)(void *), void *context)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(thread, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

/* ---- waking and waiting ---- */

void rudpmsg_node_wake(struct rudpmsg_node *node)
{
	if (node->is_due) {
		node->is_woken = true;
		return;
	}
	node->is_due = true;
	rudpmsg_loop_serve(&node->member);
}

static void set_event_fd(struct rudpmsg_node *node)
{
	uint64_t one = 1;

	if (node->is_fd_readable)
		return;
	node->is_fd_readable = true;
	while (write(node->event_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

/* The changes of the hub, and the waiters that each of them concerns. */
static struct {
	unsigned change;
	size_t waiters;
} const waiters_by_change[] = {
	{RUDPMSG_CHANGED_ROOM, offsetof(struct rudpmsg_node, room)},
	{RUDPMSG_CHANGED_READABLE, offsetof(struct rudpmsg_node, readable)},
	{RUDPMSG_CHANGED_ANSWER, offsetof(struct rudpmsg_node, answer)},
	{RUDPMSG_CHANGED_CONNECT, offsetof(struct rudpmsg_node, connect)},
	{RUDPMSG_CHANGED_EVENT, offsetof(struct rudpmsg_node, event_read)},
	{RUDPMSG_CHANGED_SAVED, offsetof(struct rudpmsg_node, saved)},
};

#define KINDS_OF_WAITERS (sizeof waiters_by_change / sizeof *waiters_by_change)

static struct waiters *waiters_of(struct rudpmsg_node *node, size_t i)
{
	return (struct waiters *)(void *)((char *)node + waiters_by_change[i].waiters);
}

/* Wakes the node's own threads and sets its descriptor. Returns the changes that calls wait for.
 * The caller holds the lock. */
static unsigned take_changes(struct rudpmsg_node *node)
{
	unsigned changes = rudpmsg_hub_take_changes(node->hub), awaited = 0;
	size_t i;

	for (i = 0; i < KINDS_OF_WAITERS; i++)
		if ((changes & waiters_by_change[i].change) && waiters_of(node, i)->count > 0)
			awaited |= waiters_by_change[i].change;
	if (changes & RUDPMSG_CHANGED_EVENT)
		set_event_fd(node);
	if ((changes & RUDPMSG_CHANGED_STORE) && node->has_storer)
		pthread_cond_signal(&node->to_store_cond);
	if (changes & (RUDPMSG_CHANGED_WORK | RUDPMSG_CHANGED_WRITE))
		rudpmsg_node_wake(node);
	return awaited;
}

static void tell(struct rudpmsg_node *node, unsigned awaited)
{
	size_t i;

	for (i = 0; awaited && i < KINDS_OF_WAITERS; i++)
		if (awaited & waiters_by_change[i].change)
			pthread_cond_broadcast(&waiters_of(node, i)->cond);
}

void rudpmsg_node_tell(struct rudpmsg_node *node)
{
	tell(node, take_changes(node));
}

void rudpmsg_node_unlock(struct rudpmsg_node *node)
{
	unsigned awaited = take_changes(node);

	pthread_mutex_unlock(&node->lock);
	tell(node, awaited);
}

int rudpmsg_node_wait(struct rudpmsg_node *node, struct waiters *waiters, int64_t until_ns)
{
	struct timespec until = {until_ns / NS_PER_S, until_ns % NS_PER_S};
	int rc = 0;

	waiters->count++;
	if (until_ns == RUDP_NEVER)
		pthread_cond_wait(&waiters->cond, &node->lock);
	else
		rc = pthread_cond_timedwait(&waiters->cond, &node->lock, &until);
	waiters->count--;
	return -rc;
}

/* ---- opening ---- */

static int __attribute__((format(printf, 3, 4)))
complain(char *text, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, RUDPMSG_ERROR_TEXT_SIZE, format, args);
	va_end(args);
	return error;
}

static void fill_limits(struct rudpmsg_limits *to)
{
#define FILL(field) to->field = to->field ? to->field : default_limits.field
	FILL(message_bytes_max);
	FILL(queue_bytes_max);
	FILL(queue_messages_max);
	FILL(unread_bytes_max);
	FILL(connections_max);
	FILL(unauthenticated_max);
	FILL(senders_max);
	FILL(store_bytes_max);
#undef FILL
}

static int64_t or_default(int64_t given_ns, int64_t default_ns)
{
	return given_ns > 0 ? given_ns : default_ns;
}

static int make_config(struct rudpmsg_hub_config *config, const char *name,
		       const struct rudpmsg_options *options, char *text)
{
	static const struct rudpmsg_options defaults;
	ssize_t n;

	if (!options)
		options = &defaults;
	if (!name || !rudpmsg_name_is_valid(name, strlen(name)))
		return complain(text, -EINVAL,
				"the name of a node has 1 to %d printable characters without space",
				RUDPMSG_NAME_MAX);
	if (options->limits.message_bytes_max > RUDPMSG_MESSAGE_BYTES_TOP)
		return complain(text, -EINVAL,
				"limits.message_bytes_max is %u, at most %u is possible",
				options->limits.message_bytes_max, RUDPMSG_MESSAGE_BYTES_TOP);
	if (options->ack > RUDPMSG_ACK_STORED || options->transport > RUDPMSG_TRANSPORT_TCP)
		return complain(text, -EINVAL,
				"options.ack or options.transport is not one of its enum");
	strcpy(config->name, name);
	config->ack = options->ack;
	config->has_store = options->store_directory != NULL;
	config->limits = options->limits;
	fill_limits(&config->limits);
	config->handshake_timeout_ns = or_default(options->handshake_timeout_ns, 10 * NS_PER_S);
	config->backoff_first_ns = or_default(options->backoff_first_ns, NS_PER_S / 10);
	config->backoff_max_ns = or_default(options->backoff_max_ns, 30 * NS_PER_S);
	config->give_up_ns = or_default(options->give_up_ns, RUDP_NEVER);
	n = getrandom(&config->seed, sizeof config->seed, 0);
	if (n != sizeof config->seed)
		return complain(text, -EIO, "no random numbers from the kernel");
	return 0;
}

void rudpmsg_waiters_init(struct waiters *waiters)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&waiters->cond, &attributes);
	pthread_condattr_destroy(&attributes);
	waiters->count = 0;
}

void rudpmsg_waiters_fini(struct waiters *waiters)
{
	pthread_cond_destroy(&waiters->cond);
}

/* Opens the store, and loads what the last process left in it. */
static int open_store(struct rudpmsg_node *node, struct rudpmsg_hub_config *config,
		      const char *directory, char *text)
{
	int rc = rudpmsg_disk_open(&node->disk, directory, config->name,
				   config->limits.store_bytes_max, text);

	if (rc == 0)
		config->run = rudpmsg_disk_run(node->disk);
	return rc;
}

/* Makes a node without hub, store and threads. event_fd < 0: errno says why. NULL: no memory. */
static struct rudpmsg_node *node_new(const struct rudpmsg_options *options)
{
	struct rudpmsg_node *node = calloc(1, sizeof *node);
	size_t i;

	if (!node)
		return NULL;
	pthread_mutex_init(&node->lock, NULL);
	pthread_cond_init(&node->to_resolve_cond, NULL);
	pthread_cond_init(&node->to_store_cond, NULL);
	for (i = 0; i < KINDS_OF_WAITERS; i++)
		rudpmsg_waiters_init(waiters_of(node, i));
	rudp_list_init(&node->to_resolve);
	rudp_list_init(&node->resolved);
	rudp_list_init(&node->dispatchers);
	rudp_list_init(&node->streams);
	node->transport = options && options->transport == RUDPMSG_TRANSPORT_TCP
				  ? &rudpmsg_transport_tcp
				  : &rudpmsg_transport_rudp;
	/* The storer must not wake a loop that the node is not in yet; joining serves the node. */
	node->is_due = true;
	node->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return node;
}

/* No thread uses the node any more. */
static void node_dispose(struct rudpmsg_node *node)
{
	size_t i;

	rudpmsg_hub_free(node->hub);
	rudpmsg_disk_close(node->disk);
	if (node->event_fd >= 0)
		close(node->event_fd);
	for (i = 0; i < KINDS_OF_WAITERS; i++)
		rudpmsg_waiters_fini(waiters_of(node, i));
	pthread_cond_destroy(&node->to_store_cond);
	pthread_cond_destroy(&node->to_resolve_cond);
	pthread_mutex_destroy(&node->lock);
	free(node);
}

/* Starts the node. After an error rudpmsg_node_open undoes the part that was done. */
static int start(struct rudpmsg_node *node, struct rudpmsg_hub_config *config,
		 const char *store_directory, char *text)
{
	int rc = node->event_fd < 0 ? -errno : 0;

	if (rc == 0 && store_directory)
		rc = open_store(node, config, store_directory, text);
	if (rc < 0)
		return rc;
	node->hub = rudpmsg_hub_new(config, rudp_clock_now_ns());
	if (!node->hub)
		return -ENOMEM;
	if (node->disk)
		rc = rudpmsg_disk_load(node->disk, node->hub, rudp_clock_now_ns(), text);
	if (rc == 0)
		rc = rudpmsg_storer_start(node);
	return rc < 0 ? rc : rudpmsg_loop_join(&node->member);
}

int rudpmsg_node_open(struct rudpmsg_node **out, const char *name,
		      const struct rudpmsg_options *options, char text[RUDPMSG_ERROR_TEXT_SIZE])
{
	char unwanted[RUDPMSG_ERROR_TEXT_SIZE];
	struct rudpmsg_hub_config config = {0};
	struct rudpmsg_node *node;
	int rc;

	text = text ? text : unwanted;
	text[0] = '\0';
	*out = NULL;
	rc = make_config(&config, name, options, text);
	if (rc < 0)
		return rc;
	node = node_new(options);
	if (!node)
		return complain(text, -ENOMEM, "no memory for a node");
	rc = start(node, &config, options ? options->store_directory : NULL, text);
	if (rc == 0) {
		*out = node;
		return 0;
	}
	rudpmsg_storer_stop(node);
	node_dispose(node);
	return text[0] ? rc : complain(text, rc, "cannot open a node: %s", strerror(-rc));
}

/* ---- closing ---- */

static void wake_all(struct rudpmsg_node *node)
{
	size_t i;

	for (i = 0; i < KINDS_OF_WAITERS; i++)
		pthread_cond_broadcast(&waiters_of(node, i)->cond);
}

int rudpmsg_node_close(struct rudpmsg_node *node, int64_t timeout_ns, uint64_t *left)
{
	int64_t until_ns = rudpmsg_until_ns(timeout_ns);
	uint64_t unanswered;

	pthread_mutex_lock(&node->lock);
	node->is_closing = true;
	rudpmsg_hub_stop_accepting(node->hub);
	rudpmsg_node_end_dispatchers(node);
	rudpmsg_node_tell(node);
	wake_all(node);
	while (rudpmsg_hub_unanswered(node->hub) > 0)
		if (rudpmsg_node_wait(node, &node->answer, until_ns) < 0)
			break;
	rudpmsg_storer_flush(node);
	unanswered = rudpmsg_hub_unanswered(node->hub);
	node->is_closed = true;
	pthread_cond_broadcast(&node->answer.cond);
	rudpmsg_hub_end_links(node->hub, rudp_clock_now_ns());
	rudpmsg_node_tell(node);
	/* The last frames have two seconds at most: after that the hub ends the links. */
	while (rudpmsg_hub_has_links(node->hub))
		if (rudpmsg_node_wait(node, &node->connect, rudp_clock_now_ns() + 3 * NS_PER_S) < 0)
			break;
	pthread_mutex_unlock(&node->lock);
	if (left)
		*left = unanswered;
	return unanswered > 0 ? -ETIMEDOUT : 0;
}

static void free_streams(struct rudpmsg_node *node)
{
	struct rudpmsg_link *link;
	struct rudp_list *resolved;
	struct stream *stream;

	rudpmsg_hub_end_links(node->hub, rudp_clock_now_ns());
	rudpmsg_hub_on_time(node->hub, RUDP_NEVER - 1); /* does not wait for last frames */
	while ((link = rudpmsg_hub_next_close(node->hub))) {
		stream = rudpmsg_link_user(link);
		rudpmsg_link_free(link);
		if (stream && rudp_list_is_linked(&stream->resolved))
			rudp_list_remove(&stream->resolved);
		if (stream)
			rudpmsg_stream_free(node, stream);
	}
	while ((resolved = rudp_list_pop(&node->resolved)) ||
	       (resolved = rudp_list_pop(&node->to_resolve)))
		rudpmsg_stream_free(node, RUDP_LIST_OWNER(resolved, struct stream, resolved));
}

void rudpmsg_node_free(struct rudpmsg_node *node)
{
	unsigned i;

	if (!node)
		return;
	pthread_mutex_lock(&node->lock);
	node->is_closing = node->is_closed = node->is_over = true;
	wake_all(node);
	rudpmsg_node_end_dispatchers(node);
	node->is_due = true; /* no thread may wake the loop once the node has left it */
	pthread_mutex_unlock(&node->lock);
	rudpmsg_loop_leave(&node->member);
	rudpmsg_resolver_stop(node);
	rudpmsg_storer_stop(node);
	rudpmsg_node_free_dispatchers(node);
	free_streams(node);
	for (i = 0; i < node->listener_count; i++)
		node->transport->close(node->listeners[i].fd);
	node_dispose(node);
}

/* ---- listening ---- */

/* The resolver may return the same address twice. */
static bool is_repeated(const struct addrinfo *first, const struct addrinfo *at)
{
	for (; first != at; first = first->ai_next)
		if (first->ai_addrlen == at->ai_addrlen &&
		    memcmp(first->ai_addr, at->ai_addr, at->ai_addrlen) == 0)
			return true;
	return false;
}

static void close_all(const struct rudpmsg_node *node, const int *fds, int count)
{
	int i;

	for (i = 0; i < count; i++)
		node->transport->close(fds[i]);
}

/* Listens on all addresses that this host supports. If one of them fails, listens on none. Returns
 * how many. */
static int open_listeners(const struct rudpmsg_node *node, const struct addrinfo *addresses,
			  int fds[RUDPMSG_LISTENERS_MAX])
{
	int count = 0, missing = -EHOSTUNREACH, fd;
	const struct addrinfo *at;

	for (at = addresses; at; at = at->ai_next) {
		if (is_repeated(addresses, at))
			continue;
		fd = count == RUDPMSG_LISTENERS_MAX
			     ? -EMFILE
			     : rudpmsg_transport_listen(node->transport, at->ai_addr,
							at->ai_addrlen);
		/* On a host without IPv6, listening on IPv4 is enough. */
		if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)
			missing = fd;
		else if (fd < 0) {
			close_all(node, fds, count);
			return fd;
		} else
			fds[count++] = fd;
	}
	return count > 0 ? count : missing;
}

/* A listener that is watched stays, even if the next one fails: the loop may be using it. */
static int add_listeners(struct rudpmsg_node *node, const int *fds, int count)
{
	struct rudpmsg_watch *watch;
	int rc = 0, i = 0;

	pthread_mutex_lock(&node->lock);
	if (node->listener_count + (unsigned)count > RUDPMSG_LISTENERS_MAX)
		rc = -EMFILE;
	for (; i < count && rc == 0; i += rc == 0) {
		watch = node->listeners + node->listener_count;
		*watch = (struct rudpmsg_watch){RUDPMSG_WATCH_LISTENER, fds[i], &node->member};
		rc = rudpmsg_loop_watch(watch, 0, EPOLLIN);
		node->listener_count += rc == 0;
	}
	pthread_mutex_unlock(&node->lock);
	close_all(node, fds + i, count - i);
	return rc;
}

int rudpmsg_listen(struct rudpmsg_node *node, const char *host, uint16_t port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	int fds[RUDPMSG_LISTENERS_MAX], rc;
	struct addrinfo *addresses;
	char service[8];

	snprintf(service, sizeof service, "%u", port ? port : RUDPMSG_PORT);
	rc = getaddrinfo(host, service, &hints, &addresses);
	if (rc)
		return rc == EAI_MEMORY ? -ENOMEM : -EHOSTUNREACH;
	rc = open_listeners(node, addresses, fds);
	freeaddrinfo(addresses);
	return rc < 0 ? rc : add_listeners(node, fds, rc);
}
