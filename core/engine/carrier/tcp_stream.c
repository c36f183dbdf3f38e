/* SPDX-License-Identifier: MIT */
/* Moves the bytes of a kernel TCP connection between its socket and its rings, as a carrier. */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engine/carrier/tcp_private.h"
#include "proto/conn/endpoint.h"
#include "proto/stream/budget.h"

#define DISCARDS_MAX                                                                               \
	16 /* reads in a row while discarding, so that other connections get their turn */

void rudp_tcp_charge(struct rudp_tcp *tcp)
{
	size_t bytes = tcp->in.capacity_bytes + tcp->out.capacity_bytes;

	rudp_endpoint_charge(tcp->ep, (int64_t)bytes - (int64_t)tcp->charged_bytes);
	tcp->charged_bytes = bytes;
}

/* If memory is scarce, no ring grows beyond RUDP_BUDGET_FLOOR_BYTES; larger rings keep their
 * size. */
static size_t room_of(const struct rudp_tcp *tcp, const struct rudp_ring *ring)
{
	const struct rudp_budget *budget = rudp_endpoint_budget(tcp->ep);
	size_t used = rudp_ring_used(ring), room = rudp_ring_room(ring);
	size_t held = ring->capacity_bytes;

	if (!rudp_budget_is_scarce(budget) && rudp_budget_allows(budget, ring, ring->tail + room))
		return room;
	if (held < RUDP_BUDGET_FLOOR_BYTES)
		held = RUDP_BUDGET_FLOOR_BYTES;
	return held > used ? held - used : 0;
}

/* Shrinks a ring after bytes were taken from it. */
static void shrink_ring(struct rudp_tcp *tcp, struct rudp_ring *ring)
{
	if (rudp_ring_used(ring) == 0)
		rudp_ring_trim(ring);
	else if (rudp_budget_is_scarce(rudp_endpoint_budget(tcp->ep)))
		rudp_ring_shrink(ring);
	rudp_tcp_charge(tcp);
}

void rudp_tcp_fail(struct rudp_tcp *tcp, int error)
{
	if (!tcp->error)
		tcp->error = error;
	tcp->may_read = tcp->may_write = false;
}

/*
 * Reads the urgent byte by itself, so that it can be passed on as urgent. A read stops before the
 * urgent byte, but the next read does not stop after it: so ask before each read whether the mark
 * is reached. The kernel knows this only when a byte is available. If asked without one, an urgent
 * byte that arrives between question and read would be missed.
 *
 * Returns  how much to read; 0 at end of file; negative for an error in errno.
 */
static ssize_t read_limit(struct rudp_tcp *tcp)
{
	int mark = 0;
	char first;
	ssize_t n;

	n = recv(tcp->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0)
		return n;
	if (ioctl(tcp->fd, SIOCATMARK, &mark) < 0 || !mark)
		return RUDP_TCP_RING_BYTES;
	tcp->urgent_in = tcp->in.tail + 1;
	return 1;
}

/*
 * After the kernel has reported an error it reports end of file, as if the end were orderly. It was
 * orderly only if the peer had sent FIN before: then the error is EPIPE and concerns only the
 * writer.
 */
static void on_end(struct rudp_tcp *tcp)
{
	if (!tcp->deferred_error || tcp->deferred_error == EPIPE)
		tcp->peer_fin = true;
	if (tcp->deferred_error)
		rudp_tcp_fail(tcp, tcp->deferred_error);
}

/* The error takes effect when all received bytes have been read. */
void rudp_tcp_fail_after_reading(struct rudp_tcp *tcp, int error)
{
	if (!tcp->deferred_error)
		tcp->deferred_error = error;
	tcp->may_write = false;
	tcp->may_read = true;
}

/* Handles a read that returned n <= 0. true: try again. */
static bool on_read_end(struct rudp_tcp *tcp, ssize_t n)
{
	if (n < 0 && errno == EINTR)
		return true;
	tcp->may_read = false;
	if (n == 0)
		on_end(tcp);
	else if (errno != EAGAIN)
		rudp_tcp_fail(tcp, errno);
	return false;
}

/* Reads once. false: nothing more for now. */
static bool fill_once(struct rudp_tcp *tcp)
{
	size_t room = room_of(tcp, &tcp->in);
	struct iovec iov[2];
	int count;
	ssize_t n;

	if (room == 0)
		return false;
	n = read_limit(tcp);
	if (n <= 0)
		return on_read_end(tcp, n);
	count = rudp_ring_writable(&tcp->in, (size_t)n < room ? (size_t)n : room, iov);
	rudp_tcp_charge(tcp);
	if (count == 0)
		return false;
	if (n == 1) {
		iov[0].iov_len = 1;
		count = 1;
	}
	n = readv(tcp->fd, iov, count);
	if (n <= 0)
		return on_read_end(tcp, n);
	rudp_ring_commit(&tcp->in, (size_t)n);
	if (tcp->discarding)
		rudp_ring_consume(&tcp->in, rudp_ring_used(&tcp->in));
	return true;
}

void rudp_tcp_fill(struct rudp_tcp *tcp)
{
	for (int i = 0; tcp->may_read && !tcp->connecting; i++)
		if (!fill_once(tcp) || (tcp->discarding && i == DISCARDS_MAX))
			return;
}

/* Returns the number of bytes to write: up to the urgent byte, or that byte alone. */
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
	message.msg_iovlen = (size_t)rudp_ring_readable(&tcp->out, tcp->out.head, portion, iov);
	n = sendmsg(tcp->fd, &message, flags);
	if (n > 0) {
		rudp_ring_consume(&tcp->out, (size_t)n);
		return true;
	}
	if (errno == EINTR)
		return true;
	tcp->may_write = false;
	if (errno != EAGAIN)
		rudp_tcp_fail_after_reading(tcp, errno);
	return false;
}

void rudp_tcp_flush(struct rudp_tcp *tcp)
{
	while (tcp->may_write && !tcp->error && write_once(tcp))
		;
	if (tcp->deferred_error)
		rudp_tcp_fill(tcp);
	shrink_ring(tcp, &tcp->out);
	if (rudp_ring_used(&tcp->out) == 0 && tcp->fin_wanted && !tcp->fin_sent &&
	    !tcp->connecting) {
		shutdown(tcp->fd, SHUT_WR);
		tcp->fin_sent = true;
	}
}

size_t rudp_tcp_send_room(const struct rudp_tcp *tcp)
{
	return tcp->error || tcp->deferred_error || tcp->fin_wanted ? 0 : room_of(tcp, &tcp->out);
}

int rudp_tcp_send_reserve(struct rudp_tcp *tcp, size_t want, struct iovec iov[2])
{
	size_t room = room_of(tcp, &tcp->out);
	int count = rudp_ring_writable(&tcp->out, want < room ? want : room, iov);

	rudp_tcp_charge(tcp);
	return count;
}

void rudp_tcp_send_commit(struct rudp_engine *engine, struct rudp_tcp *tcp, size_t n)
{
	rudp_ring_commit(&tcp->out, n);
	rudp_tcp_set_dirty(engine, tcp);
}

void rudp_tcp_mark_urgent(struct rudp_engine *engine, struct rudp_tcp *tcp)
{
	tcp->urgent_out = tcp->out.tail;
	rudp_tcp_set_dirty(engine, tcp);
}

int rudp_tcp_receive_readable(struct rudp_tcp *tcp, struct iovec iov[2])
{
	rudp_tcp_fill(tcp);
	return rudp_ring_readable(&tcp->in, tcp->in.head, rudp_ring_used(&tcp->in), iov);
}

size_t rudp_tcp_receive_available(const struct rudp_tcp *tcp)
{
	return rudp_ring_used(&tcp->in);
}

void rudp_tcp_receive_consume(struct rudp_tcp *tcp, size_t n)
{
	rudp_ring_consume(&tcp->in, n);
	shrink_ring(tcp, &tcp->in);
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
	rudp_tcp_set_dirty(engine, tcp);
}

void rudp_tcp_shutdown_receive(struct rudp_tcp *tcp)
{
	tcp->discarding = true;
	rudp_ring_consume(&tcp->in, rudp_ring_used(&tcp->in));
}

/* Only missing memory has this effect: other reasons clear may_read or leave bytes in the ring. */
bool rudp_tcp_is_starved(const struct rudp_tcp *tcp)
{
	return tcp->may_read && !tcp->connecting && !tcp->discarding &&
	       rudp_ring_used(&tcp->in) == 0;
}

bool rudp_tcp_discard(struct rudp_tcp *tcp)
{
	if (!tcp->discarding)
		return false;
	rudp_tcp_fill(tcp);
	return tcp->may_read && !tcp->error;
}

uint64_t rudp_tcp_unacked(const struct rudp_tcp *tcp, uint64_t *unsent)
{
	int queued = 0, waiting = 0;

	ioctl(tcp->fd, SIOCOUTQ, &queued);
	ioctl(tcp->fd, SIOCOUTQNSD, &waiting);
	*unsent = rudp_ring_used(&tcp->out) + (uint64_t)(waiting > 0 ? waiting : 0);
	return rudp_ring_used(&tcp->out) + (uint64_t)(queued > 0 ? queued : 0);
}
