/* SPDX-License-Identifier: MIT */
#include "engine/carrier/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/app/app_side.h"
#include "engine/carrier/tcp_private.h"

static void set_int(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof value);
}

/*
 * Nagle is always off: the engine itself writes gathered data in one piece, so the program's
 * TCP_NODELAY has no effect here.
 */
void rudp_tcp_prepare(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

static void set_reset_on_close(int fd, bool on)
{
	const struct linger linger = {.l_onoff = on};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

struct rudp_tcp *rudp_tcp_new(struct rudp_engine *engine, uint64_t app_id, int fd)
{
	struct rudp_tcp *tcp = calloc(1, sizeof *tcp);

	if (!tcp)
		return NULL;
	tcp->id = rudp_slots_add(&engine->slots, RUDP_KIND_TCP, tcp);
	if (!tcp->id)
		goto free_tcp;
	if (rudp_engine_watch(engine, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, tcp->id) < 0)
		goto remove_slot;
	tcp->fd = fd;
	tcp->app_id = app_id;
	tcp->ep = engine->ep;
	/* If the engine is killed, the peer must see a reset, not an orderly end of partial
	 * data. */
	if (!engine->stays)
		set_reset_on_close(fd, true);
	rudp_ring_init(&tcp->out, RUDP_TCP_RING_BYTES);
	rudp_ring_init(&tcp->in, RUDP_TCP_RING_BYTES);
	engine->tcp_count++;
	return tcp;

remove_slot:
	rudp_slots_remove(&engine->slots, tcp->id);
free_tcp:
	free(tcp);
	return NULL;
}

/*
 * A failed attempt returns the socket to its binding, which may connect again. Disconnect it, so
 * that no SYN remains. Remove it from epoll: closing a duplicate does not.
 */
static void return_to_binding(struct rudp_engine *engine, const struct rudp_tcp *tcp)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, tcp->fd, NULL);
	(void)connect(tcp->fd, &nowhere, sizeof nowhere);
}

void rudp_tcp_own(struct rudp_tcp *tcp)
{
	tcp->shared = false;
}

static void destroy(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	if (!engine->stays && !tcp->reset_on_close)
		set_reset_on_close(tcp->fd, false);
	if (tcp->shared)
		return_to_binding(engine, tcp);
	rudp_list_remove(&tcp->dirty_link);
	rudp_slots_remove(&engine->slots, tcp->id);
	rudp_ring_fini(&tcp->out);
	rudp_ring_fini(&tcp->in);
	rudp_tcp_charge(tcp);
	close(tcp->fd);
	engine->tcp_count--;
	free(tcp);
}

struct rudp_tcp *rudp_tcp_adopt(struct rudp_engine *engine, uint64_t app_id, int fd)
{
	struct rudp_tcp *tcp = rudp_tcp_new(engine, app_id, fd);

	if (!tcp)
		return NULL;
	rudp_tcp_prepare(fd);
	tcp->may_read = tcp->may_write = true;
	return tcp;
}

static int pending_error(const struct rudp_tcp *tcp)
{
	int error = 0;
	socklen_t len = sizeof error;

	getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

/* The program has closed its socket. Bytes that arrive now cause a reset, as on a closed socket. */
static void serve_orphan(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	rudp_tcp_flush(tcp);
	rudp_tcp_fill(tcp);
	if (rudp_ring_used(&tcp->in) > 0)
		rudp_tcp_reset(engine, tcp);
	else if (tcp->error || rudp_ring_used(&tcp->out) == 0)
		destroy(engine, tcp);
}

static void notify_app(struct rudp_engine *engine, const struct rudp_tcp *tcp)
{
	struct rudp_app *app = rudp_app_find(engine, tcp->app_id);

	if (app)
		rudp_app_on_tcp(engine, app);
}

void rudp_tcp_flush_all(struct rudp_engine *engine)
{
	struct rudp_list this_round, *link;

	/* Connections that become dirty meanwhile wait for the next round: others get a turn. */
	rudp_list_init(&this_round);
	rudp_list_move_all(&engine->tcp_dirty, &this_round);
	while ((link = rudp_list_pop(&this_round))) {
		struct rudp_tcp *tcp = RUDP_LIST_OWNER(link, struct rudp_tcp, dirty_link);
		bool was_full = rudp_tcp_send_room(tcp) == 0;

		if (!tcp->app_id) {
			serve_orphan(engine, tcp);
			continue;
		}
		rudp_tcp_flush(tcp);
		if (tcp->error || tcp->deferred_error || (was_full && rudp_tcp_send_room(tcp) > 0))
			notify_app(engine, tcp);
	}
}

void rudp_tcp_set_dirty(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	if (!rudp_list_is_linked(&tcp->dirty_link))
		rudp_list_append(&engine->tcp_dirty, &tcp->dirty_link);
}

static void on_connected(struct rudp_tcp *tcp, uint32_t events)
{
	int error = pending_error(tcp);

	if (error)
		rudp_tcp_fail(tcp, error);
	else if (!(events & EPOLLOUT) || events & EPOLLHUP)
		return; /* a socket that is not connected yet reports EPOLLHUP at first */
	tcp->connecting = false;
}

/* If the peer has sent FIN before its reset, the reset is no error for the reader. */
static void check_error(struct rudp_tcp *tcp)
{
	int error = pending_error(tcp);

	if (error)
		rudp_tcp_fail_after_reading(tcp, error);
}

void rudp_tcp_on_event(struct rudp_engine *engine, struct rudp_tcp *tcp, uint32_t events)
{
	if (tcp->connecting)
		on_connected(tcp, events);
	if (tcp->connecting)
		return;
	if (!tcp->error && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		tcp->may_read = true;
	if (!tcp->error && !tcp->deferred_error && events & EPOLLOUT)
		tcp->may_write = true;
	if (!tcp->error && events & EPOLLERR)
		check_error(tcp);
	if (!tcp->app_id) {
		serve_orphan(engine, tcp);
		return;
	}
	rudp_tcp_fill(tcp);
	rudp_tcp_flush(tcp);
	notify_app(engine, tcp);
}

void rudp_tcp_reset(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	rudp_tcp_flush(tcp);
	tcp->reset_on_close = true;
	set_reset_on_close(tcp->fd, true);
	destroy(engine, tcp);
}

/* A time-out that the program has chosen stays. */
void rudp_tcp_orphan(struct rudp_tcp *tcp)
{
	unsigned limit_ms = RUDP_ORPHAN_NS / RUDP_NS_PER_MS, chosen_ms = 0;
	socklen_t len = sizeof chosen_ms;

	if (tcp->has_orphan_limit)
		return;
	tcp->has_orphan_limit = true;
	getsockopt(tcp->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &chosen_ms, &len);
	if (chosen_ms == 0)
		setsockopt(tcp->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
}

void rudp_tcp_close(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	tcp->app_id = 0;
	if (tcp->connecting || tcp->error) {
		destroy(engine, tcp);
		return;
	}
	rudp_tcp_fill(tcp);
	if (rudp_ring_used(&tcp->in) > 0 && !tcp->discarding) {
		rudp_tcp_reset(engine, tcp);
		return;
	}
	rudp_tcp_flush(tcp);
	if (rudp_ring_used(&tcp->out) == 0)
		destroy(engine, tcp);
	else {
		rudp_tcp_orphan(tcp);
		rudp_tcp_set_dirty(engine, tcp);
	}
}

void rudp_tcp_close_all(struct rudp_engine *engine)
{
	uint32_t place = 0;
	enum rudp_kind kind;
	struct rudp_tcp *tcp;

	while ((tcp = rudp_slots_next(&engine->slots, &place, RUDP_KIND_TCP, RUDP_KIND_TCP, &kind)))
		destroy(engine, tcp);
}
