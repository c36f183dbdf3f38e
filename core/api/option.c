/* SPDX-License-Identifier: MIT */
#include "api/option.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "api/raw_syscall.h"

#define TCP_INQ_OPTION 36
#define TCP_AO_ADD_KEY_OPTION 38
#define TCP_AO_REPAIR_OPTION 42

#define UNCONNECTED (RUDP_OPTION_EARLY | RUDP_OPTION_LISTENING)

const int rudp_option_native[] = {
	SO_REUSEADDR, SO_KEEPALIVE, SO_LINGER, SO_OOBINLINE, SO_PRIORITY, SO_RCVTIMEO, SO_SNDTIMEO,
};
const size_t rudp_option_native_count = sizeof rudp_option_native / sizeof rudp_option_native[0];

/*
 * For options that are not listed, a temporary TCP socket checks the value, and the stored options
 * keep it. SO_RCVLOWAT is not listed although AF_UNIX has it: on AF_UNIX, a read below the
 * low-water mark would also consume the reset that follows the data, and leave an end of file.
 */
static const struct rudp_option_row rows[] = {
	{SOL_SOCKET, SO_REUSEADDR, .home = RUDP_OPTION_NATIVE, .flag = RUDP_MARK_REUSEADDR},
	{SOL_SOCKET, SO_KEEPALIVE, .home = RUDP_OPTION_NATIVE, .tells_engine = true},
	{SOL_SOCKET, SO_LINGER, .home = RUDP_OPTION_NATIVE, .tells_engine = true},
	{SOL_SOCKET, SO_OOBINLINE, .home = RUDP_OPTION_NATIVE, .tells_engine = true},
	{SOL_SOCKET, SO_PRIORITY, .home = RUDP_OPTION_NATIVE},
	{SOL_SOCKET, SO_RCVTIMEO_OLD, .home = RUDP_OPTION_NATIVE},
	{SOL_SOCKET, SO_SNDTIMEO_OLD, .home = RUDP_OPTION_NATIVE},
	{SOL_SOCKET, SO_RCVTIMEO_NEW, .home = RUDP_OPTION_NATIVE},
	{SOL_SOCKET, SO_SNDTIMEO_NEW, .home = RUDP_OPTION_NATIVE},
	{SOL_SOCKET, SO_BINDTODEVICE, .home = RUDP_OPTION_DEVICE},
	{SOL_SOCKET, SO_BINDTOIFINDEX, .home = RUDP_OPTION_DEVICE},
	{SOL_SOCKET, SO_TIMESTAMP_OLD, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_TIMESTAMPNS_OLD, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_TIMESTAMPING_OLD, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_TIMESTAMP_NEW, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_TIMESTAMPNS_NEW, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_TIMESTAMPING_NEW, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_PEERNAME, .home = RUDP_OPTION_SPECIAL},
	{SOL_SOCKET, SO_COOKIE, .home = RUDP_OPTION_NATIVE},
	{SOL_SOCKET, SO_TYPE, .home = RUDP_OPTION_NATIVE},
	{SOL_SOCKET, SO_REUSEPORT, .home = RUDP_OPTION_FLAG, .flag = RUDP_MARK_REUSEPORT},
	{SOL_SOCKET, SO_ERROR, .home = RUDP_OPTION_SPECIAL},
	{SOL_SOCKET, SO_ACCEPTCONN, .home = RUDP_OPTION_SPECIAL},
	{SOL_SOCKET, SO_SNDBUF, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{SOL_SOCKET, SO_RCVBUF, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{SOL_SOCKET, SO_MAX_PACING_RATE, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{SOL_SOCKET, SO_ATTACH_FILTER, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_ATTACH_BPF, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_LOCK_FILTER, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, .home = RUDP_OPTION_REFUSED},
	{SOL_SOCKET, SO_ZEROCOPY, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_TCP, TCP_NODELAY, .home = RUDP_OPTION_FLAG, .flag = RUDP_MARK_NODELAY},
	{IPPROTO_TCP, TCP_INFO, .home = RUDP_OPTION_SPECIAL},
	{IPPROTO_TCP, TCP_CONGESTION, .home = RUDP_OPTION_SPECIAL, .tells_engine = true},
	{IPPROTO_TCP, TCP_KEEPIDLE, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{IPPROTO_TCP, TCP_KEEPINTVL, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{IPPROTO_TCP, TCP_KEEPCNT, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{IPPROTO_TCP, TCP_LINGER2, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT, .home = RUDP_OPTION_STORED, .not_inherited = true},
	{IPPROTO_TCP, TCP_FASTOPEN, .home = RUDP_OPTION_STORED, .tells_engine = true,
	 .not_inherited = true, .states = UNCONNECTED, .error = EINVAL},
	{IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, .home = RUDP_OPTION_STORED, .states = UNCONNECTED,
	 .error = EINVAL},
	{IPPROTO_TCP, TCP_FASTOPEN_CONNECT, .home = RUDP_OPTION_STORED, .states = RUDP_OPTION_EARLY,
	 .error = EINVAL},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{IPPROTO_TCP, TCP_ULP, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_TCP, TCP_REPAIR, .home = RUDP_OPTION_REFUSED,
	 .states = RUDP_OPTION_EARLY | RUDP_OPTION_CONNECTED, .error = EPERM},
	{IPPROTO_TCP, TCP_MD5SIG, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_TCP, TCP_MD5SIG_EXT, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_TCP, TCP_INQ_OPTION, .home = RUDP_OPTION_FLAG, .flag = RUDP_MARK_INQ},
	{IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_TCP, TCP_AO_ADD_KEY_OPTION, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_TCP, TCP_AO_REPAIR_OPTION, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_IP, IP_OPTIONS, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_IP, IP_MINTTL, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_IP, IP_TRANSPARENT, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_IP, IP_MTU, .home = RUDP_OPTION_SPECIAL},
	{IPPROTO_IPV6, IPV6_MTU, .home = RUDP_OPTION_SPECIAL},
	{IPPROTO_IPV6, IPV6_MINHOPCOUNT, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_IPV6, IPV6_TRANSPARENT, .home = RUDP_OPTION_REFUSED},
	{IPPROTO_IP, IP_TOS, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{IPPROTO_IPV6, IPV6_TCLASS, .home = RUDP_OPTION_STORED, .tells_engine = true},
	{IPPROTO_IPV6, IPV6_V6ONLY, .home = RUDP_OPTION_FLAG, .flag = RUDP_MARK_V6ONLY},
};

const struct rudp_option_row *rudp_option_row(int level, int option)
{
	static const struct rudp_option_row other = {.home = RUDP_OPTION_STORED};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].level == level && rows[i].option == option)
			return &rows[i];
	return &other;
}

static unsigned states_of(const struct rudp_socket *s)
{
	switch (s->state) {
	case RUDP_SOCKET_FRESH:
	case RUDP_SOCKET_BOUND:
		break;
	case RUDP_SOCKET_LISTENING:
		return RUDP_OPTION_LISTENING;
	case RUDP_SOCKET_CONNECTED:
		return RUDP_OPTION_CONNECTED;
	}
	return RUDP_OPTION_EARLY;
}

int rudp_option_check_state(const struct rudp_option_row *row, const struct rudp_socket *s)
{
	return row->states && !(row->states & states_of(s)) ? -row->error : 0;
}

int rudp_option_scratch(const struct rudp_socket *s)
{
	return rudp_raw_socket(rudp_socket_family(s), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
}
