/* SPDX-License-Identifier: MIT */
#include "engine/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/app_side.h"
#include "engine/udp.h"

#define DISCARDS_MAX 16 /* reads in a row: the one who is sent what is dropped is not alone */

struct rudp_tcp *rudp_tcp_find(struct rudp_engine *engine, uint64_t id)
{
	return rudp_slots_find(&engine->slots, id, RUDP_KIND_TCP);
}

static void set_int(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof value);
}

/* The program's own Nagle has no say: the engine writes what has gathered in one piece. */
static void prepare(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

static void set_reset_on_close(int fd, bool on)
{
	const struct linger linger = {.l_onoff = on};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static struct rudp_tcp *make(struct rudp_engine *engine, uint64_t app_id, int fd)
{
	struct rudp_tcp *tcp = calloc(1, sizeof *tcp);

	if (!tcp)
		return NULL;
	tcp->id = rudp_slots_add(&engine->slots, RUDP_KIND_TCP, tcp);
	if (!tcp->id)
		goto free_tcp;
	if (rudp_engine_watch(engine, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
			      tcp->id) < 0)
		goto remove_slot;
	tcp->fd = fd;
	tcp->app_id = app_id;
	/* An engine process that is killed must not end half a transfer like a whole one. */
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
 * The attempt is over, but the socket stays with its binding, to be connected anew: no SYN of it may
 * be left, and no epoll entry, which a close does not take away where there is a duplicate.
 */
static void give_back(struct rudp_engine *engine, const struct rudp_tcp *tcp)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, tcp->fd, NULL);
	connect(tcp->fd, &nowhere, sizeof nowhere);
}

void rudp_tcp_own(struct rudp_tcp *tcp)
{
	tcp->shared = false;
}

static void destroy(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	if (!engine->stays && !tcp->resets)
		set_reset_on_close(tcp->fd, false);
	if (tcp->shared)
		give_back(engine, tcp);
	rudp_list_remove(&tcp->dirty_link);
	rudp_slots_remove(&engine->slots, tcp->id);
	rudp_ring_fini(&tcp->out);
	rudp_ring_fini(&tcp->in);
	close(tcp->fd);
	engine->tcp_count--;
	free(tcp);
}

struct rudp_tcp *rudp_tcp_adopt(struct rudp_engine *engine, uint64_t app_id, int fd)
{
	struct rudp_tcp *tcp = make(engine, app_id, fd);

	if (!tcp)
		return NULL;
	prepare(fd);
	tcp->may_read = tcp->may_write = true;
	return tcp;
}

/*
 * The port that getsockname has shown already, if it is free on this side, too. It is not where
 * another program connects from it without SO_REUSEADDR: then the network sees another port.
 */
static void bind_near(int fd, const struct rudp_addr *local)
{
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, &local->sa, rudp_addr_len(local)) < 0)
		set_int(fd, SOL_SOCKET, SO_REUSEADDR, 0);
}

static int open_for(const struct rudp_addr *local, const struct rudp_addr *remote)
{
	int fd = socket(remote->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (local && rudp_addr_port(local) != 0)
		bind_near(fd, local);
	return fd;
}

static int connect_to(int fd, const struct rudp_addr *remote)
{
	struct sockaddr_in6 name;
	int family = 0;
	socklen_t len = sizeof family;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	len = rudp_udp_address_for((sa_family_t)family, remote, &name);
	if (connect(fd, (struct sockaddr *)&name, len) == 0 || errno == EINPROGRESS)
		return 0;
	return -errno;
}

/* An attempt that fails takes away a port that the kernel has chosen; else this is in vain. */
static int duplicate(const struct rudp_tcp_from *from)
{
	int fd = fcntl(from->bound_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	bind(fd, &from->local->sa, rudp_addr_len(from->local));
	return fd;
}

/* Returns a connecting socket or -errno. */
static int begin(const struct rudp_tcp_from *from, const struct rudp_addr *remote)
{
	int fd = from->bound_fd >= 0 ? duplicate(from) : open_for(from->local, remote);
	int rc;

	if (fd < 0)
		return fd;
	rudp_tcp_put_options(fd, from->bag, from->options);
	prepare(fd);
	rc = connect_to(fd, remote);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int rudp_tcp_connect(struct rudp_engine *engine, uint64_t app_id, const struct rudp_tcp_from *from,
		     const struct rudp_addr *remote, struct rudp_tcp **out)
{
	const struct rudp_tcp_from anywhere = {
		.bound_fd = -1, .bag = from->bag, .options = from->options};
	int fd = begin(from, remote);

	/* Between these two ports there was a connection just now. */
	if (fd == -EADDRNOTAVAIL && from->bound_fd < 0)
		fd = begin(&anywhere, remote);
	if (fd < 0)
		return fd;
	*out = make(engine, app_id, fd);
	if (!*out) {
		close(fd);
		return -ENOMEM;
	}
	(*out)->connecting = true;
	(*out)->shared = from->bound_fd >= 0;
	return 0;
}

static void fail(struct rudp_tcp *tcp, int error)
{
	if (!tcp->error)
		tcp->error = error;
	tcp->may_read = tcp->may_write = false;
}

static int pending_error(const struct rudp_tcp *tcp)
{
	int error = 0;
	socklen_t len = sizeof error;

	getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

/* The urgent byte is read alone, so that it can be handed on as one. */
static size_t read_limit(struct rudp_tcp *tcp)
{
	int mark = 0;

	if (!tcp->urgent_near)
		return RUDP_TCP_RING_BYTES;
	tcp->urgent_near = false;
	if (ioctl(tcp->fd, SIOCATMARK, &mark) < 0 || !mark)
		return RUDP_TCP_RING_BYTES;
	tcp->urgent_in = tcp->in.tail + 1;
	return 1;
}

/*
 * Once the kernel has said why the connection is over it says end of file, as if that were orderly. It
 * is where the peer had ended its half before: then the error is EPIPE, and concerns who writes.
 */
static void on_end(struct rudp_tcp *tcp)
{
	if (!tcp->lost || tcp->lost == EPIPE)
		tcp->peer_fin = true;
	if (tcp->lost)
		fail(tcp, tcp->lost);
}

/* What it is will be known when all that came before has been read. */
static void lose(struct rudp_tcp *tcp, int error)
{
	if (!tcp->lost)
		tcp->lost = error;
	tcp->may_write = false;
	tcp->may_read = true;
}

/* One read; false: nothing more for now. */
static bool fill_once(struct rudp_tcp *tcp)
{
	struct iovec iov[2];
	size_t limit = read_limit(tcp);
	int count = rudp_ring_writable(&tcp->in, limit, iov);
	ssize_t n;

	if (count == 0)
		return false;
	/* A read stops in front of the urgent byte: the next one may be at it, event or not. */
	tcp->urgent_near = true;
	if (limit == 1) {
		iov[0].iov_len = 1;
		count = 1;
	}
	n = readv(tcp->fd, iov, count);
	if (n > 0) {
		rudp_ring_commit(&tcp->in, (size_t)n);
		if (tcp->discarding)
			rudp_ring_consume(&tcp->in, rudp_ring_used(&tcp->in));
		return true;
	}
	if (n < 0 && errno == EINTR)
		return true;
	tcp->may_read = false;
	if (n == 0)
		on_end(tcp);
	else if (errno != EAGAIN)
		fail(tcp, errno);
	return false;
}

static void fill(struct rudp_tcp *tcp)
{
	for (int i = 0; tcp->may_read && !tcp->connecting; i++)
		if (!fill_once(tcp) || (tcp->discarding && i == DISCARDS_MAX))
			return;
}

/* Up to the urgent byte, or that byte alone. */
static size_t write_portion(const struct rudp_tcp *tcp, int *flags)
{
	size_t used = rudp_ring_used(&tcp->out);
	uint64_t ahead = tcp->urgent_out > tcp->out.head ? tcp->urgent_out - tcp->out.head : 0;

	*flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	if (ahead == 0 || ahead > used)
		return used;
	if (ahead == 1)
		*flags |= MSG_OOB;
	return ahead == 1 ? 1 : (size_t)ahead - 1;
}

static bool write_once(struct rudp_tcp *tcp)
{
	struct iovec iov[2];
	struct msghdr message = {.msg_iov = iov};
	int flags;
	size_t portion = write_portion(tcp, &flags);
	ssize_t n;

	if (portion == 0)
		return false;
	message.msg_iovlen =
		(size_t)rudp_ring_readable(&tcp->out, tcp->out.head, portion, iov);
	n = sendmsg(tcp->fd, &message, flags);
	if (n > 0) {
		rudp_ring_consume(&tcp->out, (size_t)n);
		return true;
	}
	if (errno == EINTR)
		return true;
	tcp->may_write = false;
	if (errno != EAGAIN)
		lose(tcp, errno);
	return false;
}

static void flush(struct rudp_tcp *tcp)
{
	while (tcp->may_write && !tcp->error && write_once(tcp))
		;
	if (tcp->lost)
		fill(tcp);
	if (rudp_ring_used(&tcp->out) == 0) {
		rudp_ring_trim(&tcp->out);
		if (tcp->fin_wanted && !tcp->fin_sent && !tcp->connecting) {
			shutdown(tcp->fd, SHUT_WR);
			tcp->fin_sent = true;
		}
	}
}

/* The program is gone; bytes that come now find nobody, as with a closed socket: reset. */
static void serve_orphan(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	flush(tcp);
	fill(tcp);
	if (rudp_ring_used(&tcp->in) > 0)
		rudp_tcp_reset(engine, tcp);
	else if (tcp->error || rudp_ring_used(&tcp->out) == 0)
		destroy(engine, tcp);
}

static void tell_app(struct rudp_engine *engine, const struct rudp_tcp *tcp)
{
	struct rudp_app *app = rudp_app_find(engine, tcp->app_id);

	if (app)
		rudp_app_on_tcp(engine, app);
}

void rudp_tcp_flush_all(struct rudp_engine *engine)
{
	struct rudp_list turn, *link;

	/* Those that get more meanwhile have their turn when all others have had one. */
	rudp_list_init(&turn);
	while ((link = rudp_list_pop(&engine->tcp_dirty)))
		rudp_list_append(&turn, link);
	while ((link = rudp_list_pop(&turn))) {
		struct rudp_tcp *tcp = RUDP_LIST_OWNER(link, struct rudp_tcp, dirty_link);
		bool was_full = rudp_tcp_send_room(tcp) == 0;

		if (!tcp->app_id) {
			serve_orphan(engine, tcp);
			continue;
		}
		flush(tcp);
		if (tcp->error || tcp->lost || (was_full && rudp_tcp_send_room(tcp) > 0))
			tell_app(engine, tcp);
	}
}

static void set_dirty(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	if (!rudp_list_is_linked(&tcp->dirty_link))
		rudp_list_append(&engine->tcp_dirty, &tcp->dirty_link);
}

static void on_connected(struct rudp_tcp *tcp, uint32_t events)
{
	int error = pending_error(tcp);

	if (error)
		fail(tcp, error);
	else if (!(events & EPOLLOUT) || events & EPOLLHUP)
		return; /* the first event of a fresh socket */
	tcp->connecting = false;
}

/* A peer that had ended its half before it reset is no error to who reads. */
static void look_for_error(struct rudp_tcp *tcp)
{
	int error = pending_error(tcp);

	if (error)
		lose(tcp, error);
}

void rudp_tcp_on_event(struct rudp_engine *engine, struct rudp_tcp *tcp, uint32_t events)
{
	if (tcp->connecting)
		on_connected(tcp, events);
	if (tcp->connecting)
		return;
	if (!tcp->error && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		tcp->may_read = true;
	if (!tcp->error && !tcp->lost && events & EPOLLOUT)
		tcp->may_write = true;
	if (!tcp->error && events & EPOLLERR)
		look_for_error(tcp);
	if (events & EPOLLPRI)
		tcp->urgent_near = true;
	if (!tcp->app_id) {
		serve_orphan(engine, tcp);
		return;
	}
	fill(tcp);
	flush(tcp);
	tell_app(engine, tcp);
}

size_t rudp_tcp_send_room(const struct rudp_tcp *tcp)
{
	return tcp->error || tcp->lost || tcp->fin_wanted ? 0 : rudp_ring_room(&tcp->out);
}

int rudp_tcp_send_reserve(struct rudp_tcp *tcp, size_t want, struct iovec iov[2])
{
	return rudp_ring_writable(&tcp->out, want, iov);
}

void rudp_tcp_send_commit(struct rudp_engine *engine, struct rudp_tcp *tcp, size_t n)
{
	rudp_ring_commit(&tcp->out, n);
	set_dirty(engine, tcp);
}

void rudp_tcp_mark_urgent(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	tcp->urgent_out = tcp->out.tail;
	set_dirty(engine, tcp);
}

int rudp_tcp_receive_readable(struct rudp_tcp *tcp, struct iovec iov[2])
{
	fill(tcp);
	return rudp_ring_readable(&tcp->in, tcp->in.head, rudp_ring_used(&tcp->in), iov);
}

size_t rudp_tcp_receive_available(const struct rudp_tcp *tcp)
{
	return rudp_ring_used(&tcp->in);
}

void rudp_tcp_receive_consume(struct rudp_tcp *tcp, size_t n)
{
	rudp_ring_consume(&tcp->in, n);
	if (rudp_ring_used(&tcp->in) == 0)
		rudp_ring_trim(&tcp->in);
}

size_t rudp_tcp_urgent_ahead(const struct rudp_tcp *tcp)
{
	return tcp->urgent_in > tcp->in.head ? (size_t)(tcp->urgent_in - tcp->in.head) : 0;
}

bool rudp_tcp_receive_eof(const struct rudp_tcp *tcp)
{
	return tcp->peer_fin && rudp_ring_used(&tcp->in) == 0;
}

void rudp_tcp_shutdown_send(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	tcp->fin_wanted = true;
	set_dirty(engine, tcp);
}

void rudp_tcp_shutdown_receive(struct rudp_tcp *tcp)
{
	tcp->discarding = true;
	rudp_ring_consume(&tcp->in, rudp_ring_used(&tcp->in));
}

bool rudp_tcp_discard(struct rudp_tcp *tcp)
{
	fill(tcp);
	return tcp->may_read && !tcp->error;
}

void rudp_tcp_reset(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	flush(tcp);
	tcp->resets = true;
	set_reset_on_close(tcp->fd, true);
	destroy(engine, tcp);
}

void rudp_tcp_close(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	tcp->app_id = 0;
	if (tcp->connecting || tcp->error) {
		destroy(engine, tcp);
		return;
	}
	fill(tcp);
	if (rudp_ring_used(&tcp->in) > 0 && !tcp->discarding) {
		rudp_tcp_reset(engine, tcp);
		return;
	}
	flush(tcp);
	if (rudp_ring_used(&tcp->out) == 0)
		destroy(engine, tcp);
	else
		set_dirty(engine, tcp);
}

uint64_t rudp_tcp_unacked(const struct rudp_tcp *tcp, uint64_t *unsent)
{
	int queued = 0, waiting = 0;

	ioctl(tcp->fd, SIOCOUTQ, &queued);
	ioctl(tcp->fd, SIOCOUTQNSD, &waiting);
	*unsent = rudp_ring_used(&tcp->out) + (uint64_t)(waiting > 0 ? waiting : 0);
	return rudp_ring_used(&tcp->out) + (uint64_t)(queued > 0 ? queued : 0);
}

void rudp_tcp_close_all(struct rudp_engine *engine)
{
	uint32_t place = 0;
	enum rudp_kind kind;
	struct rudp_tcp *tcp;

	while ((tcp = rudp_slots_next(&engine->slots, &place, RUDP_KIND_TCP, RUDP_KIND_TCP, &kind)))
		destroy(engine, tcp);
}
