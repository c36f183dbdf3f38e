/* SPDX-License-Identifier: MIT */
/* The native API: the functions of call.h with their public names and with errno. */
#include "rudp/rudp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "api/call.h"
#include "api/control.h"
#include "api/mark.h"
#include "api/raw_syscall.h"
#include "base/time.h"
#include "proto/conn/conn.h"

#define PUBLIC __attribute__((visibility("default")))

#define STATE_NAME(name) #name,
static const char *const state_names[] = {RUDP_STATES(STATE_NAME)};
#undef STATE_NAME
#define STATE_COUNT (sizeof state_names / sizeof state_names[0])

/* RUDP_NOT_OURS becomes EBADF if fd is not open, else ENOTSOCK. */
static int result_of(int fd, long rc)
{
	if (rc == RUDP_NOT_OURS)
		rc = rudp_mark_get(fd) < 0 && rudp_raw_fcntl(fd, F_GETFD, 0) < 0 ? -EBADF
										 : -ENOTSOCK;
	if (rc >= 0)
		return (int)rc;
	errno = (int)-rc;
	return -1;
}

PUBLIC int rudp_socket(int family, int flags)
{
	int rc;

	if (family != AF_INET && family != AF_INET6)
		return result_of(-1, -EAFNOSUPPORT);
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return result_of(-1, -EINVAL);
	rc = rudp_call_socket(family, SOCK_STREAM | flags);
	return result_of(-1, rc == RUDP_NOT_OURS ? -EPROTONOSUPPORT : rc);
}

/*
 * The functions below pass descriptors that are not rudp's on to the kernel: a rule of rudp.conf(5)
 * may have made rudp_connect replace a rudp socket by a kernel TCP socket.
 */
PUBLIC int rudp_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int rc = rudp_call_bind(fd, address, length);

	return rc == RUDP_NOT_OURS ? bind(fd, address, length) : result_of(fd, rc);
}

PUBLIC int rudp_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int rc = rudp_call_connect(fd, address, length, NULL);

	return rc == RUDP_NOT_OURS ? connect(fd, address, length) : result_of(fd, rc);
}

PUBLIC int rudp_listen(int fd, int backlog)
{
	int rc = rudp_call_listen(fd, backlog);

	return rc == RUDP_NOT_OURS ? listen(fd, backlog) : result_of(fd, rc);
}

PUBLIC int rudp_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	int rc = rudp_call_accept(fd, address, length, flags, false);

	return rc == RUDP_NOT_OURS ? accept4(fd, address, length, flags) : result_of(fd, rc);
}

/*
 * libc's send and recv are cancellation points. If a shim is loaded too, these calls go through it.
 */
PUBLIC ssize_t rudp_send(int fd, const void *data, size_t length, int flags)
{
	ssize_t rc = send(fd, data, length, flags | MSG_NOSIGNAL);

	if (rc < 0)
		errno = rudp_call_send_error(fd, errno);
	return rc;
}

PUBLIC ssize_t rudp_recv(int fd, void *data, size_t length, int flags)
{
	ssize_t rc = recv(fd, data, length, flags);

	if (rc < 0)
		errno = rudp_call_receive_error(fd, errno);
	return rc;
}

PUBLIC int rudp_shutdown(int fd, int how)
{
	int rc = rudp_call_shutdown(fd, how);

	return rc == RUDP_NOT_OURS ? shutdown(fd, how) : result_of(fd, rc);
}

PUBLIC int rudp_close(int fd)
{
	return result_of(fd, rudp_raw_close(fd));
}

PUBLIC int rudp_set_option(int fd, int level, int option, const void *value, socklen_t length)
{
	int rc = rudp_call_setsockopt(fd, level, option, value, length);

	return rc == RUDP_NOT_OURS ? setsockopt(fd, level, option, value, length)
				   : result_of(fd, rc);
}

PUBLIC int rudp_get_option(int fd, int level, int option, void *value, socklen_t *length)
{
	int rc = rudp_call_getsockopt(fd, level, option, value, length);

	return rc == RUDP_NOT_OURS ? getsockopt(fd, level, option, value, length)
				   : result_of(fd, rc);
}

PUBLIC int rudp_local_address(int fd, struct sockaddr *address, socklen_t *length)
{
	int rc = rudp_call_getsockname(fd, address, length);

	return rc == RUDP_NOT_OURS ? getsockname(fd, address, length) : result_of(fd, rc);
}

PUBLIC int rudp_peer_address(int fd, struct sockaddr *address, socklen_t *length)
{
	int rc = rudp_call_getpeername(fd, address, length, false);

	return rc == RUDP_NOT_OURS ? getpeername(fd, address, length) : result_of(fd, rc);
}

static uint64_t span(int64_t span_ns)
{
	return span_ns < 0 || span_ns == RUDP_NEVER ? 0 : (uint64_t)span_ns;
}

static void fill(struct rudp_stats *stats, const struct rudp_control_info *info)
{
	*stats = (struct rudp_stats){
		.id = info->id,
		.authenticated = info->authenticated,
		.srtt_ns = span(info->srtt_ns),
		.rttvar_ns = span(info->rttvar_ns),
		.min_rtt_ns = span(info->min_rtt_ns),
		.cwnd_bytes = info->cwnd_bytes,
		.inflight_bytes = info->inflight_bytes,
		.pacing_bytes_per_s = info->pacing_bytes_per_s,
		.datagram_bytes = info->datagram_bytes,
		.packets_sent = info->packets_sent,
		.packets_received = info->packets_received,
		.packets_lost = info->packets_lost,
		.packets_spurious = info->packets_spurious,
		.bytes_sent = info->bytes_sent,
		.bytes_received = info->bytes_received,
		.stream_sent = info->stream_sent,
		.stream_acked = info->stream_acked,
		.stream_received = info->stream_received,
		.stream_resent = info->stream_resent,
		.unacked_bytes = info->unacked_bytes,
		.unsent_bytes = info->unsent_bytes,
		.unread_bytes = info->unread_bytes,
		.window_send_bytes = info->window_send_bytes,
		.window_receive_bytes = info->window_receive_bytes,
		.early_bytes = info->early_bytes,
	};
	if (info->state < STATE_COUNT)
		strncpy(stats->state, state_names[info->state], sizeof stats->state - 1);
	memcpy(stats->congestion_control, info->cc_name, sizeof stats->congestion_control - 1);
	memcpy(stats->congestion_state, info->cc_state, sizeof stats->congestion_state - 1);
}

/* A library of another release may know fewer or more members. */
static void give(void *out, size_t size, const void *filled, size_t filled_size)
{
	memset(out, 0, size);
	memcpy(out, filled, size < filled_size ? size : filled_size);
}

PUBLIC int rudp_stats(int fd, struct rudp_stats *stats, size_t size)
{
	struct rudp_control_info info;
	struct rudp_stats filled;
	int rc;

	if (size == 0)
		return result_of(fd, -EINVAL);
	rc = rudp_call_info(fd, &info);
	if (rc < 0)
		return result_of(fd, rc);
	fill(&filled, &info);
	give(stats, size, &filled, sizeof filled);
	return 0;
}

/* The engine leaves zeros where it has no key and no binding. */
static bool is_zero(const uint8_t bytes[32])
{
	static const uint8_t zeros[32];

	return memcmp(bytes, zeros, sizeof zeros) == 0;
}

PUBLIC int rudp_peer_identity(int fd, struct rudp_peer_identity *identity, size_t size)
{
	struct rudp_peer_identity filled = {.name = ""};
	struct rudp_control_info info;
	int rc;

	if (size == 0)
		return result_of(fd, -EINVAL);
	rc = rudp_call_info(fd, &info);
	if (rc == 0 && is_zero(info.peer_key))
		rc = -ENODATA;
	if (rc < 0)
		return result_of(fd, rc);
	memcpy(filled.public_key, info.peer_key, sizeof filled.public_key);
	memcpy(filled.name, info.peer_name, sizeof filled.name - 1);
	give(identity, size, &filled, sizeof filled);
	return 0;
}

PUBLIC int rudp_channel_binding(int fd, uint8_t binding[32])
{
	struct rudp_control_info info;
	int rc = rudp_call_info(fd, &info);

	if (rc == 0 && is_zero(info.channel_binding))
		rc = info.state == RUDP_STATE_SYN_SENT || info.state == RUDP_STATE_LISTEN
			     ? -ENOTCONN
			     : -ENOTSUP;
	if (rc < 0)
		return result_of(fd, rc);
	memcpy(binding, info.channel_binding, sizeof info.channel_binding);
	return 0;
}
