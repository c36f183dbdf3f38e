/* SPDX-License-Identifier: MIT */
#include "conversation/server/stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation/server/identity.h"

/* The number of bytes written is stored in the pointer, so an idle connection needs no further
 * memory. */
_Static_assert(sizeof(void *) >= sizeof(uint64_t), "counts bytes in a pointer");

uint64_t apo_stream_unacknowledged_in_socket(const struct apo_stream *stream)
{
	int bytes = 0;

	return ioctl(stream->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

static int line_greet(struct apo_stream *stream)
{
	(void)stream;
	return 0;
}

static ssize_t line_read(struct apo_stream *stream, void *bytes, size_t size)
{
	ssize_t n = recv(stream->fd, bytes, size, 0);

	return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t line_write(struct apo_stream *stream, const void *bytes, size_t length)
{
	ssize_t n = send(stream->fd, bytes, length, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	stream->of = (void *)((uintptr_t)stream->of + (uintptr_t)n);
	return n;
}

static void line_finish(struct apo_stream *stream)
{
	(void)shutdown(stream->fd, SHUT_WR);
}

static void line_close(struct apo_stream *stream)
{
	close(stream->fd);
	stream->fd = -1;
}

static uint64_t line_sent_bytes(const struct apo_stream *stream)
{
	return (uint64_t)(uintptr_t)stream->of;
}

static bool line_fingerprint(const struct apo_stream *stream, char text[APO_FINGERPRINT_SIZE])
{
	return apo_identity_of_socket(stream->fd, text);
}

static const struct apo_stream_ops line_ops = {
	.can_move = true,
	.greet = line_greet,
	.read = line_read,
	.write = line_write,
	.finish = line_finish,
	.close = line_close,
	.sent_bytes = line_sent_bytes,
	.unacknowledged_bytes = apo_stream_unacknowledged_in_socket,
	.fingerprint = line_fingerprint,
};

void apo_stream_open_line(struct apo_stream *stream, int fd)
{
	*stream = (struct apo_stream){.ops = &line_ops, .fd = fd};
}

void apo_stream_moved(struct apo_stream *stream, int fd, uint64_t sent_bytes)
{
	apo_stream_open_line(stream, fd);
	stream->of = (void *)(uintptr_t)sent_bytes;
}
