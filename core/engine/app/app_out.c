/* SPDX-License-Identifier: MIT */
/* From the network to the program: straight from the receive buffer into the kernel. */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engine/app/app_side.h"

/* Cuts the vector to len bytes; returns the number of entries left. */
static size_t cut_iov(struct iovec *iov, int count, size_t len)
{
	size_t entries = 0;

	for (int i = 0; i < count && len > 0; i++, entries++) {
		if (iov[i].iov_len > len)
			iov[i].iov_len = len;
		len -= iov[i].iov_len;
	}
	return entries;
}

/* Returns the number of bytes that may go in one send. flags: with MSG_OOB if it is the urgent
 * byte. */
static size_t send_limit(const struct rudp_app *app, int *flags)
{
	size_t ahead = rudp_carrier_urgent_ahead(&app->carrier);

	*flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	if (ahead == 1)
		*flags |= MSG_OOB;
	if (ahead > 0 && ahead - 1 < RUDP_APP_PASS_BYTES)
		return ahead == 1 ? 1 : ahead - 1;
	return RUDP_APP_PASS_BYTES;
}

/*
 * The program has shut its reading side but lives: the engine reads and drops its data, as TCP
 * does.
 */
static void discard_input(struct rudp_app *app)
{
	rudp_ends_on_shutdown_receive(&app->ends);
	rudp_carrier_shutdown_receive(&app->carrier);
}

static bool has_closed(const struct rudp_app *app)
{
	struct pollfd one = {.fd = app->fd};

	return poll(&one, 1, 0) > 0 && one.revents & POLLHUP;
}

/*
 * EPIPE means SHUT_RD, or a close that epoll is about to report. After a close the undelivered data
 * must stay unread: it makes the close a reset. The kernel reports ECONNRESET only once.
 */
static void on_refusal(struct rudp_app *app, int error)
{
	if (error == ECONNRESET) {
		rudp_ends_on_closed(&app->ends, true);
		app->may_read = true; /* its last bytes, whether or not epoll has reported them */
	} else if (error == EPIPE && !has_closed(app)) {
		discard_input(app);
	}
}

static bool is_same_host(const struct rudp_app *app)
{
	return rudp_addr_is_loopback(&app->remote) ||
	       rudp_addr_same_host(&app->local, &app->remote);
}

/* SO_SNDBUF of our end. The other half of the program's SO_RCVBUF is the connection's window. */
static int end_buffer_bytes(const struct rudp_app *app)
{
	uint64_t bytes = RUDP_APP_SNDBUF_BYTES;

	if (app->delivered_bytes < RUDP_APP_BULK_BYTES && is_same_host(app))
		bytes = RUDP_APP_SAME_HOST_SNDBUF_BYTES;
	if (app->options.conn.receive_max_bytes > 0 &&
	    app->options.conn.receive_max_bytes / 2 < bytes)
		bytes = app->options.conn.receive_max_bytes / 2;
	return bytes < RUDP_APP_SNDBUF_LEAST_BYTES ? RUDP_APP_SNDBUF_LEAST_BYTES : (int)bytes;
}

void rudp_app_limit_unread(struct rudp_app *app)
{
	int bytes = end_buffer_bytes(app);

	app->has_final_sndbuf = bytes < RUDP_APP_SNDBUF_BYTES;
	if (app->has_final_sndbuf)
		setsockopt(app->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/* Sets the send buffer to its final size; most connections never need it. true: it has grown. */
static bool grow_sndbuf(struct rudp_app *app)
{
	int bytes = end_buffer_bytes(app);

	if (app->has_final_sndbuf)
		return false;
	app->has_final_sndbuf = true;
	return setsockopt(app->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0;
}

/* The kernel grants more than its default maximum only to a privileged engine. */
void rudp_app_make_room(struct rudp_app *app)
{
	int bytes =
		RUDP_APP_SNDBUF_BYTES + (int)(2 * rudp_carrier_receive_available(&app->carrier));

	app->has_final_sndbuf = true;
	if (setsockopt(app->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
		setsockopt(app->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	app->may_write = true;
}

static ssize_t send_with_flags(const struct rudp_app *app, const struct msghdr *message, int flags)
{
	if (message->msg_iovlen > 1)
		return sendmsg(app->fd, message, flags);
	return send(app->fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, flags);
}

/* A kernel without CONFIG_AF_UNIX_OOB has no urgent bytes on AF_UNIX: send it as a normal byte. */
static ssize_t send_to_program(const struct rudp_app *app, const struct msghdr *message, int flags)
{
	ssize_t n = send_with_flags(app, message, flags);

	if (n < 0 && errno == EOPNOTSUPP && flags & MSG_OOB)
		n = send_with_flags(app, message, flags & ~MSG_OOB);
	return n;
}

/* After the first RUDP_APP_BULK_BYTES the buffer may grow when it is full the next time. */
static void count_delivered(struct rudp_app *app, size_t bytes)
{
	bool was_bulk = app->delivered_bytes >= RUDP_APP_BULK_BYTES;

	app->delivered_bytes += bytes;
	if (!was_bulk && app->delivered_bytes >= RUDP_APP_BULK_BYTES)
		app->has_final_sndbuf = false;
}

bool rudp_app_deliver(struct rudp_engine *engine, struct rudp_app *app)
{
	size_t moved = 0;

	while (moved < RUDP_APP_PASS_BYTES) {
		struct iovec iov[2];
		int count = rudp_carrier_receive_readable(&app->carrier, iov);
		struct msghdr message = {.msg_iov = iov};
		int flags;
		ssize_t n;

		message.msg_iovlen = cut_iov(iov, count, send_limit(app, &flags));
		if (message.msg_iovlen == 0)
			return false;
		/* A connection of small messages does not need this system call. */
		if (!app->has_final_sndbuf && iov[0].iov_len > RUDP_APP_PEEK_BYTES)
			rudp_app_limit_unread(app);
		rudp_app_before_delivery(engine, app);
		n = send_to_program(app, &message, flags);
		if (n > 0) {
			rudp_carrier_receive_consume(engine, &app->carrier, (size_t)n);
			moved += (size_t)n;
			count_delivered(app, (size_t)n);
			continue;
		}
		if (errno == EINTR || (errno == EAGAIN && grow_sndbuf(app)))
			continue;
		/*
		 * The socket has room, but the kernel has no memory: rudp_app_pump() tries again
		 * later.
		 */
		if (errno == ENOBUFS || errno == ENOMEM)
			return false;
		app->may_write = false;
		if (errno == EAGAIN)
			rudp_app_await_reading(engine, app);
		else
			on_refusal(app, errno);
		return false;
	}
	return true;
}

int rudp_app_unread(const struct rudp_app *app)
{
	int bytes = 0;

	return ioctl(app->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}
