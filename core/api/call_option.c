/* SPDX-License-Identifier: MIT */
/*
 * getsockopt and setsockopt. If possible, a temporary kernel TCP socket supplies values, lengths
 * and errors. It gets the program's own pointers, so even the order of its checks is TCP's.
 */
#include "api/call.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "api/address.h"
#include "api/control_client.h"
#include "api/option.h"
#include "api/socket.h"
#include "api/raw_syscall.h"
#include "api/tcp_info.h"
#include "proto/cc/cc_names.h"

#define TEXT_OF(name) #name,
static const char *const own_congestion[] = {RUDP_CC_NAMES(TEXT_OF)};
#undef TEXT_OF

/*
 * getsockopt(SO_TYPE) makes the same checks as any int option and writes an int, which we
 * overwrite.
 */
static int write_int(int fd, int answer, void *value, socklen_t *len)
{
	int rc = rudp_raw_getsockopt(fd, SOL_SOCKET, SO_TYPE, value, len);

	if (rc == 0)
		memcpy(value, &answer, *len);
	return rc;
}

static void copy_stored(int from, int scratch, int level, int option)
{
	struct rudp_stored_options stored;
	uint32_t kept;

	if (rudp_stored_options_get(from, &stored) == 0 &&
	    rudp_stored_options_find(&stored, level, option, &kept))
		rudp_raw_setsockopt(scratch, level, option, &kept, sizeof kept);
}

static int get_by_scratch(int fd, const struct rudp_socket *s, int level, int option, void *value,
			  socklen_t *len)
{
	int scratch = rudp_option_scratch(s);
	int on = 1;
	int rc;

	if (scratch < 0) /* no free descriptor: 0 is the default of most options */
		return write_int(fd, 0, value, len);
	if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && s->flags & RUDP_MARK_V6ONLY)
		rudp_raw_setsockopt(scratch, level, option, &on, sizeof on);
	if (s->flags & RUDP_MARK_STORED_OPTIONS)
		copy_stored(fd, scratch, level,
			    option == SO_BINDTODEVICE && level == SOL_SOCKET ? SO_BINDTOIFINDEX
									     : option);
	rc = rudp_raw_getsockopt(scratch, level, option, value, len);
	rudp_raw_close(scratch);
	return rc;
}

static int get_congestion(int fd, const struct rudp_socket *s, void *value, socklen_t *len)
{
	char name[RUDP_CONGESTION_BYTES] = "";
	struct rudp_control_info info;
	struct rudp_stored_options stored;
	socklen_t room;
	int rc;

	if (rudp_stored_options_get(fd, &stored) < 0 ||
	    !rudp_stored_options_find_congestion(&stored, name)) {
		if (s->state != RUDP_SOCKET_CONNECTED || rudp_call_info(fd, &info) < 0)
			return get_by_scratch(fd, s, IPPROTO_TCP, TCP_CONGESTION, value, len);
		memcpy(name, info.cc_name, sizeof name);
	}
	rc = rudp_address_check_len(fd, len);
	if (rc < 0)
		return rc;
	room = *len < RUDP_CONGESTION_BYTES ? *len : RUDP_CONGESTION_BYTES;
	rc = rudp_raw_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, value, &room); /* checks the pointer */
	if (rc < 0)
		return rc;
	memcpy(value, name, room);
	*len = room;
	return 0;
}

/* Unlike getpeername, it fails if *len is larger than the address. */
static int get_peer_name(int fd, const struct rudp_socket *s, void *value, socklen_t *len)
{
	struct sockaddr_in6 shown;
	int rc = rudp_address_check_len(fd, len);

	if (rc < 0)
		return rc;
	if (s->state != RUDP_SOCKET_CONNECTED ||
	    rudp_socket_progress(fd, s) != RUDP_PROGRESS_ESTABLISHED)
		return -ENOTCONN;
	if (*len > rudp_address_present(&s->name.remote, s->flags, &shown))
		return -EINVAL;
	return rudp_address_give(fd, &shown, value, *len);
}

static int get_special(int fd, const struct rudp_socket *s, int option, void *value, socklen_t *len)
{
	switch (option) {
	case SO_ERROR: {
		/* First write 0, so that a wrong pointer does not clear the pending error. */
		int rc = write_int(fd, 0, value, len);
		int error;

		/* While it connects: a program that polls before it has called connect() may ask
		 * at once because of that event (nng), and takes 0 for a connection. */
		if (rc == 0 && s->state == RUDP_SOCKET_CONNECTED && rudp_raw_poll(fd, POLLOUT) == 0)
			rudp_socket_catch_up(s);
		error = rc == 0 ? rudp_socket_take_error(fd, s) : 0;
		if (error)
			memcpy(value, &error, *len);
		return rc;
	}
	case SO_ACCEPTCONN:
		return write_int(fd, s->state == RUDP_SOCKET_LISTENING, value, len);
	case SO_PEERNAME:
		return get_peer_name(fd, s, value, len);
	default:
		return -ENOPROTOOPT;
	}
}

static int get_mtu(int fd, const struct rudp_socket *s, int level, int option, void *value,
		   socklen_t *len)
{
	struct rudp_control_info info;

	if (s->state != RUDP_SOCKET_CONNECTED ||
	    (level == IPPROTO_IPV6 && rudp_socket_family(s) == AF_INET) ||
	    rudp_call_info(fd, &info) < 0)
		return get_by_scratch(fd, s, level, option, value, len);
	return write_int(fd, (int)rudp_tcp_info_mtu(&info), value, len);
}

int rudp_call_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	const struct rudp_option_row *row = rudp_option_row(level, option);
	struct rudp_socket s;

	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	switch (row->home) {
	case RUDP_OPTION_NATIVE:
		return rudp_raw_getsockopt(fd, level, option, value, len);
	case RUDP_OPTION_FLAG:
		if (level == IPPROTO_IPV6) /* accepts other lengths than other int options */
			break;
		return write_int(fd, (s.flags & row->flag) != 0, value, len);
	case RUDP_OPTION_SPECIAL:
		if (level == SOL_SOCKET)
			return get_special(fd, &s, option, value, len);
		if (level != IPPROTO_TCP)
			return get_mtu(fd, &s, level, option, value, len);
		return option == TCP_INFO ? rudp_tcp_info_get(fd, &s, value, len)
					  : get_congestion(fd, &s, value, len);
	case RUDP_OPTION_STORED:
	case RUDP_OPTION_DEVICE:
	case RUDP_OPTION_REFUSED:
		break;
	}
	return get_by_scratch(fd, &s, level, option, value, len);
}

/*
 * Tells the engine about an option of a connection or listener. Before that, it reads them from the
 * socket.
 */
static int tell_engine(int fd, const struct rudp_socket *s, int level, int option,
		       const void *value, socklen_t len)
{
	struct rudp_control_call call;
	int rc;

	if (s->state != RUDP_SOCKET_CONNECTED && s->state != RUDP_SOCKET_LISTENING)
		return 0;
	rudp_socket_begin(s, &call, RUDP_CONTROL_SET, fd);
	if (len > sizeof call.request.value)
		len = sizeof call.request.value;
	call.request.level = level;
	call.request.option = option;
	call.request.number = (int32_t)len;
	memcpy(call.request.value, value, len);
	rc = rudp_socket_call(s, &call);
	return rc < 0 ? rc : -call.reply.error;
}

/* The kernel has read the value before, so it is readable. IP options may be a single byte. */
static uint32_t value_of(const void *value, socklen_t len)
{
	uint32_t number = 0;

	if (len >= sizeof number)
		memcpy(&number, value, sizeof number);
	else if (len >= 1)
		number = *(const uint8_t *)value;
	return number;
}

static int check_by_tcp(const struct rudp_socket *s, int level, int option, const void *value,
			socklen_t len)
{
	int scratch = rudp_option_scratch(s);
	int rc;

	if (scratch == -EMFILE || scratch == -ENFILE)
		return (int)len < (int)sizeof(int) ? -EINVAL : 0;
	if (scratch < 0)
		return scratch;
	rc = rudp_raw_setsockopt(scratch, level, option, value, len);
	rudp_raw_close(scratch);
	return rc;
}

/* A socket that is not connected yet gets its buffer size with the connection. */
static void limit_unsent(int fd, uint32_t asked)
{
	int bytes = rudp_socket_sndbuf(asked > 0 ? asked : 1);

	rudp_raw_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static int set_stored(int fd, const struct rudp_socket *s, const struct rudp_option_row *row,
		      int level, int option, const void *value, socklen_t len)
{
	struct rudp_option entry = {level, option, 0};
	uint64_t wide;
	int rc = check_by_tcp(s, level, option, value, len);

	if (rc == 0)
		rc = rudp_option_check_state(row, s);
	if (rc < 0)
		return rc;
	entry.value = value_of(value, len);
	if (option == SO_MAX_PACING_RATE && level == SOL_SOCKET && len == sizeof wide) {
		memcpy(&wide, value, sizeof wide);
		entry.value = wide > UINT32_MAX ? UINT32_MAX : (uint32_t)wide;
	}
	rc = rudp_stored_options_put(fd, &entry);
	/*
	 * Options that cannot be stored (unknown level, more than one number) are accepted without
	 * effect.
	 */
	if (rc < 0 && rc != -EINVAL && rc != -ENOSPC)
		return rc;
	if (level == SOL_SOCKET && option == SO_SNDBUF && s->state == RUDP_SOCKET_CONNECTED)
		limit_unsent(fd, entry.value);
	if (row->tells_engine)
		tell_engine(fd, s, level, option, &entry.value, sizeof entry.value);
	return 0;
}

static int set_flag(int fd, const struct rudp_socket *s, const struct rudp_option_row *row,
		    const void *value, socklen_t len)
{
	int rc = check_by_tcp(s, row->level, row->option, value, len);

	if (rc < 0)
		return rc;
	if (row->flag == RUDP_MARK_V6ONLY && s->state != RUDP_SOCKET_FRESH)
		return -EINVAL;
	return value_of(value, len) ? rudp_mark_change(fd, row->flag, 0)
				    : rudp_mark_change(fd, 0, row->flag);
}

/*
 * Programs set TCP_NODELAY on every connection, so no temporary socket is made here. SO_NO_CHECK
 * has the same form and no effect on AF_UNIX: the kernel checks the pointer and the length with it.
 */
static int set_nodelay(int fd, const void *value, socklen_t len)
{
	int flags = rudp_mark_get(fd);
	int rc;

	if (flags < 0)
		return RUDP_NOT_OURS;
	rc = rudp_raw_setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, value, len);
	if (rc < 0)
		return rc;
	if (value_of(value, len))
		return flags & RUDP_MARK_NODELAY ? 0 : rudp_mark_change(fd, RUDP_MARK_NODELAY, 0);
	return flags & RUDP_MARK_NODELAY ? rudp_mark_change(fd, 0, RUDP_MARK_NODELAY) : 0;
}

/*
 * Without CAP_NET_RAW the device can be set once only, so the temporary socket first gets the
 * device that fd has.
 */
static int set_device(int fd, const struct rudp_socket *s, int option, const void *value,
		      socklen_t len)
{
	struct rudp_option entry = {SOL_SOCKET, SO_BINDTOIFINDEX, 0};
	int scratch = rudp_option_scratch(s);
	socklen_t index_len = sizeof entry.value;
	int rc;

	if (scratch < 0)
		return scratch;
	copy_stored(fd, scratch, SOL_SOCKET, SO_BINDTOIFINDEX);
	rc = rudp_raw_setsockopt(scratch, SOL_SOCKET, option, value, len);
	if (rc == 0)
		rc = rudp_raw_getsockopt(scratch, SOL_SOCKET, SO_BINDTOIFINDEX, &entry.value,
					 &index_len);
	rudp_raw_close(scratch);
	return rc < 0 ? rc : rudp_stored_options_put(fd, &entry);
}

/*
 * A wrong value gives TCP's error. Else switching the option on is refused, switching it off
 * succeeds.
 */
static int refuse(const struct rudp_socket *s, const struct rudp_option_row *row, const void *value,
		  socklen_t len)
{
	int rc = check_by_tcp(s, row->level, row->option, value, len);

	if (rc == 0)
		rc = rudp_option_check_state(row, s);
	if (rc < 0)
		return rc == -ENOTCONN && s->state == RUDP_SOCKET_CONNECTED ? -ENOPROTOOPT : rc;
	return value_of(value, len) ? -ENOPROTOOPT : 0;
}

static int set_native(int fd, const struct rudp_socket *s, const struct rudp_option_row *row,
		      const void *value, socklen_t len)
{
	unsigned flag = row->flag ? row->flag : RUDP_MARK_NATIVE;
	int rc = rudp_raw_setsockopt(fd, row->level, row->option, value, len);

	if (rc < 0)
		return rc;
	if (!(s->flags & flag))
		rudp_mark_change(fd, flag, 0);
	if (row->tells_engine)
		tell_engine(fd, s, row->level, row->option, value, len);
	return 0;
}

static bool is_own_congestion(const char *name)
{
	for (size_t i = 0; i < sizeof own_congestion / sizeof own_congestion[0]; i++)
		if (strcmp(name, own_congestion[i]) == 0)
			return true;
	return false;
}

/* rudp's own algorithms need not exist in this kernel. For other names the kernel decides. */
static int set_congestion(int fd, const struct rudp_socket *s, const void *value, socklen_t len)
{
	char name[RUDP_CONGESTION_BYTES] = "";
	int rc = check_by_tcp(s, IPPROTO_TCP, TCP_CONGESTION, value, len);

	if (rc < 0 && rc != -ENOENT && rc != -EPERM)
		return rc;
	memcpy(name, value, len < sizeof name ? len : sizeof name - 1);
	if (rc < 0 && !is_own_congestion(name))
		return rc;
	rc = rudp_stored_options_put_congestion(fd, name);
	if (rc == 0 && is_own_congestion(name))
		rc = tell_engine(fd, s, IPPROTO_TCP, TCP_CONGESTION, name,
				 (socklen_t)strlen(name) + 1);
	return rc;
}

int rudp_call_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	const struct rudp_option_row *row = rudp_option_row(level, option);
	struct rudp_socket s;

	if (level == IPPROTO_TCP && option == TCP_NODELAY)
		return set_nodelay(fd, value, len);
	if (!rudp_socket_inspect(fd, &s))
		return RUDP_NOT_OURS;
	switch (row->home) {
	case RUDP_OPTION_NATIVE:
		return set_native(fd, &s, row, value, len);
	case RUDP_OPTION_FLAG:
		return set_flag(fd, &s, row, value, len);
	case RUDP_OPTION_SPECIAL:
		if (level == IPPROTO_TCP && option == TCP_CONGESTION)
			return set_congestion(fd, &s, value, len);
		return check_by_tcp(&s, level, option, value, len);
	case RUDP_OPTION_REFUSED:
		return refuse(&s, row, value, len);
	case RUDP_OPTION_DEVICE:
		return set_device(fd, &s, option, value, len);
	case RUDP_OPTION_STORED:
		break;
	}
	return set_stored(fd, &s, row, level, option, value, len);
}
