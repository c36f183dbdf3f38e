/* SPDX-License-Identifier: MIT */
#include "conversation/server/upgrade_channel.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "conversation/model/state.h"
#include "conversation/server/upgrade_state.h"

#define MAGIC UINT32_C(0x41706f48) /* "ApoH" */

struct message {
	uint32_t magic, version, kind, count;
	uint64_t len, sum;
};

/* Ancillary data of a message: descriptors. */
union rights {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(APO_UPGRADE_CHANNEL_AT_ONCE * sizeof(int))];
};

/* The version of everything that is handed over: another number is another format. */
static uint32_t format_version(void)
{
	return APO_UPGRADE_STATE_VERSION << 16 | APO_STATE_VERSION;
}

/* ---- one message ---- */

static int wait_for(int fd, short events, int64_t deadline_at_ns)
{
	struct pollfd wait = {.fd = fd, .events = events};
	int64_t left_ns = deadline_at_ns - rudp_clock_now_ns();
	int result;

	if (left_ns <= 0)
		return -ETIME;
	result = poll(&wait, 1, (int)(left_ns / RUDP_NS_PER_MS) + 1);
	return result > 0 || (result < 0 && errno == EINTR) ? 0 : result == 0 ? -ETIME : -errno;
}

static int send_message(int fd, struct message *message, const int *fds, uint32_t fd_count,
			int64_t deadline_at_ns)
{
	struct iovec part = {message, sizeof *message};
	struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};
	union rights rights;
	ssize_t n;
	int error;

	message->magic = MAGIC;
	message->version = format_version();
	if (fd_count > 0) {
		memset(&rights, 0, sizeof rights);
		rights.header.cmsg_level = SOL_SOCKET;
		rights.header.cmsg_type = SCM_RIGHTS;
		rights.header.cmsg_len = CMSG_LEN(fd_count * sizeof *fds);
		memcpy(CMSG_DATA(&rights.header), fds, fd_count * sizeof *fds);
		whole.msg_control = &rights;
		whole.msg_controllen = CMSG_SPACE(fd_count * sizeof *fds);
	}
	while ((error = wait_for(fd, POLLOUT, deadline_at_ns)) == 0) {
		n = sendmsg(fd, &whole, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			return n == sizeof *message ? 0 : -EPROTO;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return error;
}

static void close_all(const int *fds, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Takes all descriptors of the message, whatever its kind. */
static uint32_t take_rights(struct msghdr *whole, int fds[APO_UPGRADE_CHANNEL_AT_ONCE])
{
	uint32_t count = 0, more;
	struct cmsghdr *header;

	for (header = CMSG_FIRSTHDR(whole); header; header = CMSG_NXTHDR(whole, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		more = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds + count, CMSG_DATA(header), more * sizeof(int));
		count += more;
	}
	return count;
}

/* fds has room for APO_UPGRADE_CHANNEL_AT_ONCE; *fd_count is the number received. */
static int receive_message(int fd, struct message *message, enum apo_upgrade_channel_kind kind,
			   int *fds, uint32_t *fd_count, int64_t deadline_at_ns)
{
	struct iovec part = {message, sizeof *message};
	union rights rights;
	struct msghdr whole = {.msg_iov = &part,
			       .msg_iovlen = 1,
			       .msg_control = &rights,
			       .msg_controllen = sizeof rights};
	ssize_t n = -1;
	int error;

	*fd_count = 0;
	while (n < 0) {
		error = wait_for(fd, POLLIN, deadline_at_ns);
		if (error < 0)
			return error;
		n = recvmsg(fd, &whole, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	}
	if (n == 0)
		return -EPIPE;
	*fd_count = take_rights(&whole, fds);
	if (n == sizeof *message && message->magic == MAGIC &&
	    message->version == format_version() && message->kind == (uint32_t)kind &&
	    !(whole.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 0;
	close_all(fds, *fd_count);
	*fd_count = 0;
	return -EPROTO;
}

int apo_upgrade_channel_send_kind(int fd, enum apo_upgrade_channel_kind kind,
				  int64_t deadline_at_ns)
{
	struct message message = {.kind = (uint32_t)kind};

	return send_message(fd, &message, NULL, 0, deadline_at_ns);
}

int apo_upgrade_channel_await(int fd, enum apo_upgrade_channel_kind kind, int64_t deadline_at_ns)
{
	int fds[APO_UPGRADE_CHANNEL_AT_ONCE];
	struct message message;
	uint32_t fd_count;
	int error = receive_message(fd, &message, kind, fds, &fd_count, deadline_at_ns);

	close_all(fds, fd_count);
	return error;
}

/* ---- state and descriptors ---- */

static uint64_t sum_of(const void *bytes, size_t len)
{
	return XXH3_64bits(bytes, len);
}

/* A file that exists only in memory. */
static int memory_file(const void *bytes, size_t len)
{
	int fd = memfd_create("apollonion-state", MFD_CLOEXEC);
	const char *next = bytes;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len > 0) {
		n = write(fd, next, len);
		if (n < 0) {
			n = -errno;
			close(fd);
			return (int)n;
		}
		next += n;
		len -= (size_t)n;
	}
	return fd;
}

int apo_upgrade_channel_send(int fd, const void *state, size_t len, const int *fds,
			     uint32_t fd_count, int64_t deadline_at_ns)
{
	struct message message = {.kind = APO_UPGRADE_CHANNEL_STATE,
				  .count = fd_count,
				  .len = len,
				  .sum = sum_of(state, len)};
	int file = memory_file(state, len), error;
	uint32_t sent, more;

	if (file < 0)
		return file;
	error = send_message(fd, &message, &file, 1, deadline_at_ns);
	close(file);
	for (sent = 0; sent < fd_count && error == 0; sent += more) {
		more = fd_count - sent < APO_UPGRADE_CHANNEL_AT_ONCE ? fd_count - sent
								     : APO_UPGRADE_CHANNEL_AT_ONCE;
		message = (struct message){.kind = APO_UPGRADE_CHANNEL_DESCRIPTORS, .count = more};
		error = send_message(fd, &message, fds + sent, more, deadline_at_ns);
	}
	return error;
}

static int map_state(struct apo_received_state *received, int file, const struct message *message)
{
	struct stat status;

	if (message->len == 0 || message->len > APO_SERIALIZER_BYTES_MAX ||
	    fstat(file, &status) < 0 || (uint64_t)status.st_size != message->len)
		return -EPROTO;
	received->state = mmap(NULL, message->len, PROT_READ, MAP_PRIVATE, file, 0);
	if (received->state == MAP_FAILED) {
		received->state = NULL;
		return -errno;
	}
	received->len = message->len;
	return sum_of(received->state, received->len) == message->sum ? 0 : -EPROTO;
}

static int receive_descriptors(int fd, struct apo_received_state *received, uint32_t wanted,
			       int64_t deadline_at_ns)
{
	int fds[APO_UPGRADE_CHANNEL_AT_ONCE], error;
	struct message message;
	uint32_t count;

	while (received->fd_count < wanted) {
		error = receive_message(fd, &message, APO_UPGRADE_CHANNEL_DESCRIPTORS, fds, &count,
					deadline_at_ns);
		if (error < 0)
			return error;
		if (count == 0 || count != message.count || count > wanted - received->fd_count) {
			close_all(fds, count);
			return -EPROTO;
		}
		memcpy(received->fds + received->fd_count, fds, count * sizeof *fds);
		received->fd_count += count;
	}
	return 0;
}

int apo_upgrade_channel_receive(int fd, struct apo_received_state *received, int64_t deadline_at_ns)
{
	int files[APO_UPGRADE_CHANNEL_AT_ONCE], error;
	struct message message;
	uint32_t count;

	memset(received, 0, sizeof *received);
	error = receive_message(fd, &message, APO_UPGRADE_CHANNEL_STATE, files, &count,
				deadline_at_ns);
	if (error < 0)
		return error;
	if (count != 1 || message.count > APO_UPGRADE_CHANNEL_DESCRIPTORS_MAX)
		error = -EPROTO;
	else
		error = map_state(received, files[0], &message);
	close_all(files, count);
	if (error == 0 && !(received->fds = calloc((size_t)message.count + 1, sizeof(int))))
		error = -ENOMEM;
	if (error == 0)
		error = receive_descriptors(fd, received, message.count, deadline_at_ns);
	if (error < 0)
		apo_received_state_fini(received);
	return error;
}

void apo_received_state_fini(struct apo_received_state *received)
{
	if (received->fds)
		close_all(received->fds, received->fd_count);
	free(received->fds);
	if (received->state)
		munmap(received->state, received->len);
	memset(received, 0, sizeof *received);
}
