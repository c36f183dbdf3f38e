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

static void destroy(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
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

int rudp_tcp_connect(struct rudp_engine *engine, uint64_t app_id, const struct rudp_tcp_from *from,
		     const struct rudp_addr *remote, struct rudp_tcp **out)
{
	int fd = from->bound_fd >= 0 ? fcntl(from->bound_fd, F_DUPFD_CLOEXEC, 0)
				     : open_for(from->local, remote);
	int rc;

	if (fd < 0)
		return from->bound_fd >= 0 ? -errno : fd;
	rudp_tcp_put_options(fd, from->bag, from->keepalive);
	prepare(fd);
	rc = connect_to(fd, remote);
	*out = rc == 0 ? make(engine, app_id, fd) : NULL;
	if (!*out) {
		close(fd);
		return rc < 0 ? rc : -ENOMEM;
	}
	(*out)->connecting = true;
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
	if (n == 0)
		tcp->peer_fin = true;
	else if (errno == EINTR)
		return true;
	else if (errno != EAGAIN)
		fail(tcp, errno);
	tcp->may_read = false;
	return false;
}

static void fill(struct rudp_tcp *tcp)
{
	while (tcp->may_read && !tcp->connecting && fill_once(tcp))
		;
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
	/* Why the connection is over is better said by what was read: data first, then the error. */
	if (errno != EAGAIN && errno != EPIPE && errno != ECONNRESET)
		fail(tcp, errno);
	return false;
}

static void flush(struct rudp_tcp *tcp)
{
	while (tcp->may_write && !tcp->error && write_once(tcp))
		;
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
	struct rudp_list *link;

	while ((link = rudp_list_pop(&engine->tcp_dirty))) {
		struct rudp_tcp *tcp = RUDP_LIST_OWNER(link, struct rudp_tcp, dirty_link);
		bool was_full = rudp_tcp_send_room(tcp) == 0;

		if (!tcp->app_id) {
			serve_orphan(engine, tcp);
			continue;
		}
		flush(tcp);
		if (tcp->error || (was_full && rudp_tcp_send_room(tcp) > 0))
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

void rudp_tcp_on_event(struct rudp_engine *engine, struct rudp_tcp *tcp, uint32_t events)
{
	if (tcp->connecting)
		on_connected(tcp, events);
	if (tcp->connecting)
		return;
	if (!tcp->error && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		tcp->may_read = true;
	if (!tcp->error && events & EPOLLOUT)
		tcp->may_write = true;
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
	return tcp->error || tcp->fin_wanted ? 0 : rudp_ring_room(&tcp->out);
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

void rudp_tcp_reset(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	struct linger at_once = {.l_onoff = 1};

	flush(tcp);
	setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
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
