/* SPDX-License-Identifier: MIT */
#include "conversation/server/acceptor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "conversation/server/acceptor_private.h"

#define BACKLOG 4096
#define ACCEPT_PAUSE_NS (100 * RUDP_NS_PER_MS)

int apo_door_watch(const struct apo_door *door, struct apo_source *source, uint32_t events, int how)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(door->epoll_fd, how, source->fd, &event) < 0 ? -errno : 0;
}

/* ---- to a worker ---- */

static void drop(struct apo_door *door, int fd, struct apo_visitor *visitor)
{
	apo_visitors_leave(&door->visitors, visitor);
	close(fd);
}

static void hand_over(struct apo_door *door, int fd, const struct rudp_addr *address, bool is_tls,
		      struct apo_visitor *visitor, const char *refusal)
{
	/* Without a context: the certificate has gone since the configuration was checked. */
	bool can_serve = !is_tls || door->tls;
	struct apo_adopt *adopt = can_serve ? malloc(sizeof *adopt) : NULL;

	if (!adopt) {
		drop(door, fd, visitor);
		return;
	}
	*adopt = (struct apo_adopt){.mail.kind = APO_MAIL_ADOPT,
				    .fd = fd,
				    .address = *address,
				    .visitor = visitor,
				    .refusal = refusal};
	if (is_tls)
		adopt->tls = apo_tls_context_get(door->tls);
	if (refusal)
		door->refusals_count++;
	else
		door->inside_count++;
	door->next_worker = (door->next_worker + 1) % door->worker_count;
	apo_mailbox_put(&door->workers[door->next_worker].box, &adopt->mail);
}

static void refuse(struct apo_door *door, int fd, const struct rudp_addr *address, bool is_tls,
		   struct apo_visitor *visitor, const char *reason)
{
	if (door->refusals_count < APO_REFUSALS_MAX)
		hand_over(door, fd, address, is_tls, visitor, reason);
	else
		drop(door, fd, visitor);
}

/* Sessions of one peer follow each other, so the same worker has them: the end of one is told
 * before the beginning of the next. */
static unsigned worker_of(const struct apo_door *door, const char *name)
{
	static const uint8_t key[16] = {0};

	return (unsigned)(rudp_siphash(key, name, strlen(name)) % door->worker_count);
}

const char *apo_door_admit(void *of, struct apo_session *session)
{
	struct apo_door *door = of;
	struct apo_adopt *adopt;

	if (door->is_closed)
		return "The server is shutting down";
	if (door->inside_count >= door->config->model.clients_max || door->waiting_count > 0)
		return "The server is full";
	adopt = malloc(sizeof *adopt);
	if (!adopt)
		return "Out of memory";
	*adopt = (struct apo_adopt){
		.mail.kind = APO_MAIL_ADOPT, .fd = -1, .session = apo_session_get(session)};
	door->inside_count++;
	apo_mailbox_put(&door->workers[worker_of(door, apo_session_name(session))].box,
			&adopt->mail);
	return NULL;
}

/* ---- waiting ---- */

static void waiter_free(struct apo_door *door, struct apo_waiter *waiter)
{
	rudp_list_remove(&waiter->link);
	door->waiting_count--;
	free(waiter);
}

void apo_door_let_wait(struct apo_door *door, int fd, const struct rudp_addr *address, bool is_tls,
		       struct apo_visitor *visitor, int64_t until_ns)
{
	struct apo_waiter *waiter = calloc(1, sizeof *waiter);

	if (!waiter) {
		drop(door, fd, visitor);
		return;
	}
	waiter->source = (struct apo_source){APO_SOURCE_WAITER, fd};
	waiter->address = *address;
	waiter->visitor = visitor;
	waiter->is_tls = is_tls;
	waiter->until_ns = until_ns;
	/* What it has to say waits as well; only its going is of interest. */
	if (apo_door_watch(door, &waiter->source, EPOLLRDHUP, EPOLL_CTL_ADD) < 0) {
		drop(door, fd, visitor);
		free(waiter);
		return;
	}
	rudp_list_append(&door->waiting, &waiter->link);
	door->waiting_count++;
}

/* The first of those who wait leaves the queue, to come in or to go. */
static void end_waiting(struct apo_door *door, const char *refusal)
{
	struct apo_waiter *waiter = RUDP_LIST_OWNER(door->waiting.next, struct apo_waiter, link);

	(void)epoll_ctl(door->epoll_fd, EPOLL_CTL_DEL, waiter->source.fd, NULL);
	if (refusal)
		refuse(door, waiter->source.fd, &waiter->address, waiter->is_tls, waiter->visitor,
		       refusal);
	else
		hand_over(door, waiter->source.fd, &waiter->address, waiter->is_tls,
			  waiter->visitor, NULL);
	waiter_free(door, waiter);
}

static void fill_places(struct apo_door *door)
{
	while (door->waiting_count > 0 && door->inside_count < door->config->model.clients_max)
		end_waiting(door, NULL);
}

void apo_door_on_waiter(struct apo_door *door, struct apo_source *source)
{
	struct apo_waiter *waiter = (struct apo_waiter *)(void *)source;

	drop(door, source->fd, waiter->visitor);
	waiter_free(door, waiter);
}

void apo_door_on_gone(struct apo_door *door, const struct apo_note *note)
{
	if (note->visitor)
		apo_visitors_leave(&door->visitors, note->visitor);
	if (note->was_refused)
		door->refusals_count--;
	else
		door->inside_count--;
	fill_places(door);
}

/* ---- accepting ---- */

static const char *reason_against(struct apo_door *door, const struct rudp_addr *address,
				  int64_t now_at_ns, struct apo_visitor **visitor)
{
	switch (apo_visitors_enter(&door->visitors, door->config, address, now_at_ns, visitor)) {
	case APO_VISIT_WELCOME:
		break;
	case APO_VISIT_TOO_MANY:
		door->counters.refused_address++;
		return "Too many connections from your address";
	case APO_VISIT_TOO_OFTEN:
		door->counters.refused_pace++;
		return "Your address connects too often, wait a while";
	case APO_VISIT_NO_MEMORY:
		return "Out of memory";
	}
	return NULL;
}

static void wait_for_turn(struct apo_door *door, int fd, const struct rudp_addr *address,
			  bool is_tls, struct apo_visitor *visitor, int64_t now_at_ns)
{
	door->counters.waited++;
	apo_door_let_wait(door, fd, address, is_tls, visitor, now_at_ns + door->config->waiting_ns);
}

static void on_accepted(struct apo_door *door, int fd, bool is_tls, const struct rudp_addr *address,
			int64_t now_at_ns)
{
	struct apo_visitor *visitor;
	const char *reason = reason_against(door, address, now_at_ns, &visitor);

	door->counters.accepted++;
	if (!visitor)
		close(fd);
	else if (reason)
		refuse(door, fd, address, is_tls, visitor, reason);
	else if (door->inside_count < door->config->model.clients_max && door->waiting_count == 0)
		hand_over(door, fd, address, is_tls, visitor, NULL);
	else if (door->waiting_count < door->config->waiting_max)
		wait_for_turn(door, fd, address, is_tls, visitor, now_at_ns);
	else {
		door->counters.refused_full++;
		refuse(door, fd, address, is_tls, visitor, "The server is full");
	}
}

static void watch_listeners(struct apo_door *door, uint32_t events)
{
	unsigned i;

	for (i = 0; i < door->listener_count; i++)
		(void)apo_door_watch(door, &door->listeners[i]->source, events, EPOLL_CTL_MOD);
}

/* It stays readable: without a rest the loop would spin until somebody goes. */
static void pause_accepting(struct apo_door *door, int error, int64_t now_at_ns)
{
	if (error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOBUFS)
		return;
	door->counters.accept_failures++;
	if (door->accept_at_ns == RUDP_NEVER)
		rudp_log(RUDP_LOG_WARN, "accepting paused reason=\"%s\"", strerror(error));
	door->accept_at_ns = now_at_ns + ACCEPT_PAUSE_NS;
	watch_listeners(door, 0);
}

void apo_door_on_listener(struct apo_door *door, struct apo_source *source, int64_t now_at_ns)
{
	struct apo_listener *listener = (struct apo_listener *)(void *)source;
	struct sockaddr_storage from;
	struct rudp_addr address;
	socklen_t len;
	int fd, i;

	for (i = 0; i < APO_ACCEPTS_AT_ONCE; i++) {
		len = sizeof from;
		fd = accept4(source->fd, (struct sockaddr *)&from, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			pause_accepting(door, errno, now_at_ns);
			return;
		}
		if (rudp_addr_from_sockaddr(&address, (struct sockaddr *)&from, len) < 0)
			memset(&address, 0, sizeof address);
		on_accepted(door, fd, listener->listen.is_tls, &address, now_at_ns);
	}
}

/* ---- listening ---- */

static int listen_at(const struct apo_listen *listen_on)
{
	const struct rudp_addr *address = &listen_on->address;
	int fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;
	static const int on = 1, off = 0;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				 rudp_addr_is_any(address) ? &off : &on, sizeof on);
	if (bind(fd, &address->sa, rudp_addr_len(address)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void listener_close(struct apo_listener *listener)
{
	close(listener->source.fd);
	free(listener);
}

static int listener_open(struct apo_door *door, const struct apo_listen *listen_on)
{
	struct apo_listener *listener = calloc(1, sizeof *listener);
	char text[RUDP_ADDR_TEXT_SIZE];
	int error;

	if (!listener)
		return -ENOMEM;
	listener->listen = *listen_on;
	listener->source = (struct apo_source){APO_SOURCE_LISTENER, listen_at(listen_on)};
	error = listener->source.fd;
	if (error >= 0)
		error = apo_door_watch(door, &listener->source, EPOLLIN, EPOLL_CTL_ADD);
	if (error >= 0) {
		door->listeners[door->listener_count++] = listener;
		rudp_log(RUDP_LOG_INFO, "listening address=%s tls=%s",
			 rudp_addr_format(&listen_on->address, text),
			 listen_on->is_tls ? "yes" : "no");
		return 0;
	}
	rudp_log(RUDP_LOG_ERROR, "not listening address=%s reason=\"%s\"",
		 rudp_addr_format(&listen_on->address, text), strerror(-error));
	if (listener->source.fd >= 0)
		close(listener->source.fd);
	free(listener);
	return error;
}

static bool is_same(const struct apo_listen *a, const struct apo_listen *b)
{
	return a->is_tls == b->is_tls && rudp_addr_equal(&a->address, &b->address);
}

static bool is_listening(const struct apo_door *door, const struct apo_listen *listen_on)
{
	unsigned i;

	for (i = 0; i < door->listener_count; i++)
		if (is_same(&door->listeners[i]->listen, listen_on))
			return true;
	return false;
}

static bool is_wanted(const struct apo_config *config, const struct apo_listen *listen_on)
{
	unsigned i;

	for (i = 0; i < config->listen_count; i++)
		if (is_same(config->listens + i, listen_on))
			return true;
	return false;
}

static void close_unwanted(struct apo_door *door, const struct apo_config *config)
{
	unsigned i, kept = 0;

	for (i = 0; i < door->listener_count; i++)
		if (is_wanted(config, &door->listeners[i]->listen))
			door->listeners[kept++] = door->listeners[i];
		else
			listener_close(door->listeners[i]);
	door->listener_count = kept;
}

static int open_wanted(struct apo_door *door)
{
	int error = 0, result;
	unsigned i;

	for (i = 0; i < door->config->listen_count; i++) {
		if (is_listening(door, door->config->listens + i))
			continue;
		result = listener_open(door, door->config->listens + i);
		error = error ? error : result;
	}
	return error;
}

/* ---- life ---- */

/* The configuration has been checked; what can fail now has changed since. */
static void renew_tls(struct apo_door *door)
{
	const struct apo_config *config = door->config;
	char reason[256];
	apo_tls_context *tls;

	if (!config->certificate_file)
		return;
	tls = apo_tls_context_new(config->certificate_file, config->key_file, reason,
				  sizeof reason);
	if (!tls) {
		rudp_log(RUDP_LOG_ERROR, "certificate not renewed reason=\"%s\"", reason);
		return;
	}
	if (door->tls)
		apo_tls_context_put(door->tls);
	door->tls = tls;
}

int apo_door_open(struct apo_door *door, int epoll_fd, struct apo_worker *workers,
		  unsigned worker_count, struct apo_config *config, bool is_heir)
{
	int error;

	memset(door, 0, sizeof *door);
	door->epoll_fd = epoll_fd;
	door->workers = workers;
	door->worker_count = worker_count;
	door->config = apo_config_get(config);
	door->accept_at_ns = RUDP_NEVER;
	rudp_list_init(&door->waiting);
	apo_visitors_init(&door->visitors);
	renew_tls(door);
	error = is_heir ? 0 : open_wanted(door);
	if (error < 0)
		apo_door_fini(door);
	return error;
}

void apo_door_configure(struct apo_door *door, struct apo_config *config)
{
	struct apo_config *before = door->config;

	door->config = apo_config_get(config);
	apo_config_put(before);
	if (door->is_closed)
		return;
	renew_tls(door);
	close_unwanted(door, config);
	(void)open_wanted(door);
	fill_places(door);
}

void apo_door_stop_listening(struct apo_door *door)
{
	while (door->listener_count > 0)
		listener_close(door->listeners[--door->listener_count]);
	door->accept_at_ns = RUDP_NEVER;
}

void apo_door_close(struct apo_door *door, const char *reason)
{
	door->is_closed = true;
	apo_door_stop_listening(door);
	while (door->waiting_count > 0)
		end_waiting(door, reason);
}

void apo_door_fini(struct apo_door *door)
{
	apo_door_stop_listening(door);
	while (door->waiting_count > 0)
		apo_door_on_waiter(
			door,
			&RUDP_LIST_OWNER(door->waiting.next, struct apo_waiter, link)->source);
	apo_visitors_fini(&door->visitors);
	if (door->tls)
		apo_tls_context_put(door->tls);
	apo_config_put(door->config);
}

/* ---- time ---- */

int64_t apo_door_next_at_ns(const struct apo_door *door)
{
	int64_t first_ns = RUDP_NEVER;

	if (door->waiting_count > 0)
		first_ns = RUDP_LIST_OWNER(door->waiting.next, struct apo_waiter, link)->until_ns;
	return rudp_time_min(first_ns, door->accept_at_ns);
}

void apo_door_on_time(struct apo_door *door, int64_t now_at_ns)
{
	if (door->accept_at_ns <= now_at_ns) {
		door->accept_at_ns = RUDP_NEVER;
		watch_listeners(door, EPOLLIN);
	}
	while (door->waiting_count > 0 &&
	       RUDP_LIST_OWNER(door->waiting.next, struct apo_waiter, link)->until_ns <=
		       now_at_ns) {
		door->counters.refused_waited++;
		end_waiting(door, "The server is full");
	}
}

void apo_door_listen(struct apo_door *door)
{
	close_unwanted(door, door->config);
	(void)open_wanted(door);
	fill_places(door);
}
