/* SPDX-License-Identifier: MIT */
#include "conversation/server/acceptor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "conversation/server/acceptor_private.h"
#include "conversation/server/proxy_header.h"

#define BACKLOG 4096

/* ---- to a worker ---- */

static void drop(struct apo_acceptor *acceptor, int fd, struct apo_ip_entry *ip_entry)
{
	apo_ip_limits_leave(&acceptor->ip_limits, ip_entry);
	close(fd);
}

static void hand_over(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
		      struct apo_ip_entry *ip_entry, const char *refusal)
{
	/* acceptor->tls is NULL if the certificate has disappeared since the configuration was
	 * checked. */
	bool can_serve = !arrival->listen.is_tls || acceptor->tls;
	struct apo_adopt *adopt = can_serve ? malloc(sizeof *adopt) : NULL;

	if (!adopt) {
		drop(acceptor, arrival->fd, ip_entry);
		return;
	}
	*adopt = (struct apo_adopt){.mail.kind = APO_MAIL_ADOPT,
				    .fd = arrival->fd,
				    .address = arrival->address,
				    .ip_entry = ip_entry,
				    .is_web = arrival->listen.is_web,
				    .is_proxied = arrival->is_proxied,
				    .refusal = refusal};
	if (arrival->listen.is_tls)
		adopt->tls = apo_tls_context_get(acceptor->tls);
	if (refusal)
		acceptor->refusals_count++;
	else
		acceptor->active_count++;
	acceptor->next_worker = (acceptor->next_worker + 1) % acceptor->worker_count;
	apo_mailbox_put(&acceptor->workers[acceptor->next_worker].box, &adopt->mail);
}

static void refuse(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
		   struct apo_ip_entry *ip_entry, const char *reason)
{
	if (acceptor->refusals_count < APO_REFUSALS_MAX)
		hand_over(acceptor, arrival, ip_entry, reason);
	else
		drop(acceptor, arrival->fd, ip_entry);
}

/* Sessions of one peer go to the same worker, so that the end of one is reported before the
 * beginning of the next. */
static unsigned worker_of(const struct apo_acceptor *acceptor, const char *name)
{
	static const uint8_t key[16] = {0};

	return (unsigned)(rudp_siphash(key, name, strlen(name)) % acceptor->worker_count);
}

const char *apo_acceptor_admit(void *of, struct apo_session *session)
{
	struct apo_acceptor *acceptor = of;
	struct apo_adopt *adopt;

	if (acceptor->is_closed)
		return "The server is shutting down";
	if (acceptor->active_count >= acceptor->config->model.clients_max ||
	    acceptor->waiting_count > 0)
		return "The server is full";
	adopt = malloc(sizeof *adopt);
	if (!adopt)
		return "Out of memory";
	*adopt = (struct apo_adopt){
		.mail.kind = APO_MAIL_ADOPT, .fd = -1, .session = apo_session_get(session)};
	acceptor->active_count++;
	apo_mailbox_put(&acceptor->workers[worker_of(acceptor, apo_session_name(session))].box,
			&adopt->mail);
	return NULL;
}

/* ---- waiting ---- */

void apo_waiter_free(unsigned *count, struct apo_waiter *waiter)
{
	rudp_list_remove(&waiter->link);
	--*count;
	free(waiter);
}

void apo_acceptor_let_wait(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
			   struct apo_ip_entry *ip_entry, int64_t until_ns)
{
	struct apo_waiter *waiter = calloc(1, sizeof *waiter);

	if (!waiter) {
		drop(acceptor, arrival->fd, ip_entry);
		return;
	}
	waiter->source = (struct apo_event_source){APO_SOURCE_WAITER, arrival->fd};
	waiter->arrival = *arrival;
	waiter->ip_entry = ip_entry;
	waiter->until_ns = until_ns;
	/* The bytes of a waiting client are not read; epoll only reports its end. */
	if (apo_source_watch(acceptor->epoll_fd, &waiter->source, EPOLLRDHUP, EPOLL_CTL_ADD) < 0) {
		drop(acceptor, arrival->fd, ip_entry);
		free(waiter);
		return;
	}
	rudp_list_append(&acceptor->waiting, &waiter->link);
	acceptor->waiting_count++;
}

/* Removes the longest waiting connection from the queue and admits or refuses it. */
static void end_waiting(struct apo_acceptor *acceptor, const char *refusal)
{
	struct apo_waiter *waiter =
		RUDP_LIST_OWNER(acceptor->waiting.next, struct apo_waiter, link);

	(void)epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, waiter->source.fd, NULL);
	if (refusal)
		refuse(acceptor, &waiter->arrival, waiter->ip_entry, refusal);
	else
		hand_over(acceptor, &waiter->arrival, waiter->ip_entry, NULL);
	apo_waiter_free(&acceptor->waiting_count, waiter);
}

static void fill_places(struct apo_acceptor *acceptor)
{
	while (acceptor->waiting_count > 0 &&
	       acceptor->active_count < acceptor->config->model.clients_max)
		end_waiting(acceptor, NULL);
}

/* The waiting connection has ended. */
static void on_waiter(struct apo_acceptor *acceptor, struct apo_event_source *source)
{
	struct apo_waiter *waiter = (struct apo_waiter *)(void *)source;

	drop(acceptor, source->fd, waiter->ip_entry);
	apo_waiter_free(&acceptor->waiting_count, waiter);
}

void apo_acceptor_on_gone(struct apo_acceptor *acceptor, const struct apo_note *note)
{
	if (note->ip_entry)
		apo_ip_limits_leave(&acceptor->ip_limits, note->ip_entry);
	if (note->was_refused)
		acceptor->refusals_count--;
	else
		acceptor->active_count--;
	fill_places(acceptor);
}

/* ---- accepting ---- */

static const char *reason_against(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
				  int64_t now_at_ns, struct apo_ip_entry **ip_entry)
{
	/* A trusted proxy itself examines whether the server lives, as often as it likes. */
	if (!arrival->is_proxied && apo_proxy_is_trusted(acceptor->config, &arrival->address)) {
		*ip_entry = apo_ip_limits_readmit(&acceptor->ip_limits, &arrival->address);
		return NULL;
	}
	switch (apo_ip_limits_enter(&acceptor->ip_limits, acceptor->config, &arrival->address,
				    now_at_ns, ip_entry)) {
	case APO_IP_LIMIT_WELCOME:
		break;
	case APO_IP_LIMIT_TOO_MANY:
		acceptor->counters.refused_address++;
		return "Too many connections from your address";
	case APO_IP_LIMIT_TOO_OFTEN:
		acceptor->counters.refused_pace++;
		return "Your address connects too often, wait a while";
	case APO_IP_LIMIT_NO_MEMORY:
		return "Out of memory";
	}
	return NULL;
}

static void wait_for_turn(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
			  struct apo_ip_entry *ip_entry, int64_t now_at_ns)
{
	acceptor->counters.waited++;
	apo_acceptor_let_wait(acceptor, arrival, ip_entry,
			      now_at_ns + acceptor->config->waiting_ns);
}

void apo_acceptor_on_arrival(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
			     int64_t now_at_ns)
{
	struct apo_ip_entry *ip_entry;
	const char *reason = reason_against(acceptor, arrival, now_at_ns, &ip_entry);

	if (!ip_entry)
		close(arrival->fd);
	else if (reason)
		refuse(acceptor, arrival, ip_entry, reason);
	else if (acceptor->active_count < acceptor->config->model.clients_max &&
		 acceptor->waiting_count == 0)
		hand_over(acceptor, arrival, ip_entry, NULL);
	else if (acceptor->waiting_count < acceptor->config->waiting_max)
		wait_for_turn(acceptor, arrival, ip_entry, now_at_ns);
	else {
		acceptor->counters.refused_full++;
		refuse(acceptor, arrival, ip_entry, "The server is full");
	}
}

static void on_accepted(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
			int64_t now_at_ns)
{
	acceptor->counters.accepted++;
	if (apo_proxy_is_trusted(acceptor->config, &arrival->address))
		apo_acceptor_await_proxy(acceptor, arrival,
					 now_at_ns + APO_PROXY_HEADER_TIMEOUT_NS);
	else
		apo_acceptor_on_arrival(acceptor, arrival, now_at_ns);
}

static void watch_listeners(struct apo_acceptor *acceptor, uint32_t events)
{
	unsigned i;

	for (i = 0; i < acceptor->listener_count; i++)
		(void)apo_source_watch(acceptor->epoll_fd, &acceptor->listeners[i]->source, events,
				       EPOLL_CTL_MOD);
}

bool apo_accept_must_pause(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void pause_accepting(struct apo_acceptor *acceptor, int error, int64_t now_at_ns)
{
	if (!apo_accept_must_pause(error))
		return;
	acceptor->counters.accept_failures++;
	if (acceptor->accept_at_ns == RUDP_NEVER)
		rudp_log(RUDP_LOG_WARN, "accepting paused reason=\"%s\"", strerror(error));
	acceptor->accept_at_ns = now_at_ns + APO_ACCEPT_PAUSE_NS;
	watch_listeners(acceptor, 0);
}

static void on_listener(struct apo_acceptor *acceptor, struct apo_event_source *source,
			int64_t now_at_ns)
{
	struct apo_listener *listener = (struct apo_listener *)(void *)source;
	struct sockaddr_storage from;
	struct apo_arrival arrival = {.listen = listener->listen};
	socklen_t len;
	int i;

	for (i = 0; i < APO_ACCEPTS_AT_ONCE; i++) {
		len = sizeof from;
		arrival.fd = accept4(source->fd, (struct sockaddr *)&from, &len,
				     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (arrival.fd < 0) {
			pause_accepting(acceptor, errno, now_at_ns);
			return;
		}
		if (rudp_addr_from_sockaddr(&arrival.address, (struct sockaddr *)&from, len) < 0)
			memset(&arrival.address, 0, sizeof arrival.address);
		on_accepted(acceptor, &arrival, now_at_ns);
	}
}

void apo_acceptor_on_source(struct apo_acceptor *acceptor, struct apo_event_source *source,
			    int64_t now_at_ns)
{
	if (source->kind == APO_SOURCE_LISTENER)
		on_listener(acceptor, source, now_at_ns);
	else if (source->kind == APO_SOURCE_PROXIED)
		apo_acceptor_on_proxied(acceptor, source, now_at_ns);
	else
		on_waiter(acceptor, source);
}

/* ---- listening ---- */

int apo_bind_socket(const struct rudp_addr *address, int type)
{
	int fd = socket(address->family, type | SOCK_CLOEXEC, 0), error;
	static const int on = 1, off = 0;

	if (fd < 0)
		return -errno;
	if (type & SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				 rudp_addr_is_any(address) ? &off : &on, sizeof on);
	if (bind(fd, &address->sa, rudp_addr_len(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int apo_listen_socket(const struct rudp_addr *address, int backlog)
{
	int fd = apo_bind_socket(address, SOCK_STREAM | SOCK_NONBLOCK), error;

	if (fd < 0 || listen(fd, backlog) == 0)
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

static int listener_open(struct apo_acceptor *acceptor, const struct apo_listen *listen_on)
{
	struct apo_listener *listener = calloc(1, sizeof *listener);
	char text[RUDP_ADDR_TEXT_SIZE];
	int error;

	if (!listener)
		return -ENOMEM;
	listener->listen = *listen_on;
	listener->source = (struct apo_event_source){
		APO_SOURCE_LISTENER, apo_listen_socket(&listen_on->address, BACKLOG)};
	error = listener->source.fd;
	if (error >= 0)
		error = apo_source_watch(acceptor->epoll_fd, &listener->source, EPOLLIN,
					 EPOLL_CTL_ADD);
	if (error >= 0) {
		acceptor->listeners[acceptor->listener_count++] = listener;
		rudp_log(RUDP_LOG_INFO, "listening address=%s tls=%s web=%s",
			 rudp_addr_format(&listen_on->address, text),
			 listen_on->is_tls ? "yes" : "no", listen_on->is_web ? "yes" : "no");
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
	return a->is_tls == b->is_tls && a->is_web == b->is_web &&
	       rudp_addr_equal(&a->address, &b->address);
}

static bool is_listening(const struct apo_acceptor *acceptor, const struct apo_listen *listen_on)
{
	unsigned i;

	for (i = 0; i < acceptor->listener_count; i++)
		if (is_same(&acceptor->listeners[i]->listen, listen_on))
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

static void close_unwanted(struct apo_acceptor *acceptor, const struct apo_config *config)
{
	unsigned i, kept = 0;

	for (i = 0; i < acceptor->listener_count; i++)
		if (is_wanted(config, &acceptor->listeners[i]->listen))
			acceptor->listeners[kept++] = acceptor->listeners[i];
		else
			listener_close(acceptor->listeners[i]);
	acceptor->listener_count = kept;
}

static int open_wanted(struct apo_acceptor *acceptor)
{
	int error = 0, result;
	unsigned i;

	for (i = 0; i < acceptor->config->listen_count; i++) {
		if (is_listening(acceptor, acceptor->config->listens + i))
			continue;
		result = listener_open(acceptor, acceptor->config->listens + i);
		error = error ? error : result;
	}
	return error;
}

/* ---- life ---- */

/* The configuration has been checked; an error here means that the files have changed since. */
static void renew_tls(struct apo_acceptor *acceptor)
{
	const struct apo_config *config = acceptor->config;
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
	if (acceptor->tls)
		apo_tls_context_put(acceptor->tls);
	acceptor->tls = tls;
}

int apo_acceptor_open(struct apo_acceptor *acceptor, int epoll_fd, struct apo_worker *workers,
		      unsigned worker_count, struct apo_config *config, bool is_takeover)
{
	int error;

	memset(acceptor, 0, sizeof *acceptor);
	acceptor->epoll_fd = epoll_fd;
	acceptor->workers = workers;
	acceptor->worker_count = worker_count;
	acceptor->config = apo_config_get(config);
	acceptor->accept_at_ns = RUDP_NEVER;
	rudp_list_init(&acceptor->waiting);
	rudp_list_init(&acceptor->proxied);
	apo_ip_limits_init(&acceptor->ip_limits);
	renew_tls(acceptor);
	error = is_takeover ? 0 : open_wanted(acceptor);
	if (error < 0)
		apo_acceptor_fini(acceptor);
	return error;
}

void apo_acceptor_configure(struct apo_acceptor *acceptor, struct apo_config *config)
{
	struct apo_config *before = acceptor->config;

	acceptor->config = apo_config_get(config);
	apo_config_put(before);
	if (acceptor->is_closed)
		return;
	renew_tls(acceptor);
	close_unwanted(acceptor, config);
	(void)open_wanted(acceptor);
	fill_places(acceptor);
}

static void stop_listening(struct apo_acceptor *acceptor)
{
	while (acceptor->listener_count > 0)
		listener_close(acceptor->listeners[--acceptor->listener_count]);
	acceptor->accept_at_ns = RUDP_NEVER;
}

void apo_acceptor_close(struct apo_acceptor *acceptor, const char *reason)
{
	acceptor->is_closed = true;
	stop_listening(acceptor);
	apo_acceptor_drop_proxied(acceptor);
	while (acceptor->waiting_count > 0)
		end_waiting(acceptor, reason);
}

void apo_acceptor_drop_all(struct apo_acceptor *acceptor)
{
	stop_listening(acceptor);
	apo_acceptor_drop_proxied(acceptor);
	while (acceptor->waiting_count > 0)
		on_waiter(
			acceptor,
			&RUDP_LIST_OWNER(acceptor->waiting.next, struct apo_waiter, link)->source);
}

void apo_acceptor_fini(struct apo_acceptor *acceptor)
{
	apo_acceptor_drop_all(acceptor);
	apo_ip_limits_fini(&acceptor->ip_limits);
	if (acceptor->tls)
		apo_tls_context_put(acceptor->tls);
	apo_config_put(acceptor->config);
}

/* ---- time ---- */

int64_t apo_acceptor_next_at_ns(const struct apo_acceptor *acceptor)
{
	int64_t first_ns = RUDP_NEVER;

	if (acceptor->waiting_count > 0)
		first_ns =
			RUDP_LIST_OWNER(acceptor->waiting.next, struct apo_waiter, link)->until_ns;
	first_ns = rudp_time_min(first_ns, apo_acceptor_proxied_at_ns(acceptor));
	return rudp_time_min(first_ns, acceptor->accept_at_ns);
}

void apo_acceptor_on_time(struct apo_acceptor *acceptor, int64_t now_at_ns)
{
	if (acceptor->accept_at_ns <= now_at_ns) {
		acceptor->accept_at_ns = RUDP_NEVER;
		watch_listeners(acceptor, EPOLLIN);
	}
	apo_acceptor_expire_proxied(acceptor, now_at_ns);
	while (acceptor->waiting_count > 0 &&
	       RUDP_LIST_OWNER(acceptor->waiting.next, struct apo_waiter, link)->until_ns <=
		       now_at_ns) {
		acceptor->counters.refused_waited++;
		end_waiting(acceptor, "The server is full");
	}
}

void apo_acceptor_listen(struct apo_acceptor *acceptor)
{
	close_unwanted(acceptor, acceptor->config);
	(void)open_wanted(acceptor);
	fill_places(acceptor);
}
