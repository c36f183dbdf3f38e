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
	{SOL_SOCKET, SO_REUSEADDR, RUDP_OPTION_NATIVE, RUDP_MARK_REUSEADDR, false, false, 0, 0},
	{SOL_SOCKET, SO_KEEPALIVE, RUDP_OPTION_NATIVE, 0, true, false, 0, 0},
	{SOL_SOCKET, SO_LINGER, RUDP_OPTION_NATIVE, 0, true, false, 0, 0},
	{SOL_SOCKET, SO_OOBINLINE, RUDP_OPTION_NATIVE, 0, true, false, 0, 0},
	{SOL_SOCKET, SO_PRIORITY, RUDP_OPTION_NATIVE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_RCVTIMEO_OLD, RUDP_OPTION_NATIVE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_SNDTIMEO_OLD, RUDP_OPTION_NATIVE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_RCVTIMEO_NEW, RUDP_OPTION_NATIVE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_SNDTIMEO_NEW, RUDP_OPTION_NATIVE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_BINDTODEVICE, RUDP_OPTION_DEVICE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_BINDTOIFINDEX, RUDP_OPTION_DEVICE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_TIMESTAMP_OLD, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_TIMESTAMPNS_OLD, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_TIMESTAMPING_OLD, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_TIMESTAMP_NEW, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_TIMESTAMPNS_NEW, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_TIMESTAMPING_NEW, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_PEERNAME, RUDP_OPTION_SPECIAL, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_COOKIE, RUDP_OPTION_NATIVE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_TYPE, RUDP_OPTION_NATIVE, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_REUSEPORT, RUDP_OPTION_FLAG, RUDP_MARK_REUSEPORT, false, false, 0, 0},
	{SOL_SOCKET, SO_ERROR, RUDP_OPTION_SPECIAL, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_ACCEPTCONN, RUDP_OPTION_SPECIAL, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_SNDBUF, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{SOL_SOCKET, SO_RCVBUF, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{SOL_SOCKET, SO_MAX_PACING_RATE, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{SOL_SOCKET, SO_ATTACH_FILTER, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_ATTACH_BPF, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_LOCK_FILTER, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{SOL_SOCKET, SO_ZEROCOPY, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_TCP, TCP_NODELAY, RUDP_OPTION_FLAG, RUDP_MARK_NODELAY, false, false, 0, 0},
	{IPPROTO_TCP, TCP_INFO, RUDP_OPTION_SPECIAL, 0, false, false, 0, 0},
	{IPPROTO_TCP, TCP_CONGESTION, RUDP_OPTION_SPECIAL, 0, true, false, 0, 0},
	{IPPROTO_TCP, TCP_KEEPIDLE, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{IPPROTO_TCP, TCP_KEEPINTVL, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{IPPROTO_TCP, TCP_KEEPCNT, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{IPPROTO_TCP, TCP_LINGER2, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT, RUDP_OPTION_STORED, 0, false, true, 0, 0},
	{IPPROTO_TCP, TCP_FASTOPEN, RUDP_OPTION_STORED, 0, true, true, UNCONNECTED, EINVAL},
	{IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, RUDP_OPTION_STORED, 0, false, false, UNCONNECTED,
	 EINVAL},
	{IPPROTO_TCP, TCP_FASTOPEN_CONNECT, RUDP_OPTION_STORED, 0, false, false, RUDP_OPTION_EARLY,
	 EINVAL},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{IPPROTO_TCP, TCP_ULP, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_TCP, TCP_REPAIR, RUDP_OPTION_REFUSED, 0, false, false,
	 RUDP_OPTION_EARLY | RUDP_OPTION_CONNECTED, EPERM},
	{IPPROTO_TCP, TCP_MD5SIG, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_TCP, TCP_MD5SIG_EXT, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_TCP, TCP_INQ_OPTION, RUDP_OPTION_FLAG, RUDP_MARK_INQ, false, false, 0, 0},
	{IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_TCP, TCP_AO_ADD_KEY_OPTION, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_TCP, TCP_AO_REPAIR_OPTION, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_IP, IP_OPTIONS, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_IP, IP_MINTTL, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_IP, IP_TRANSPARENT, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_IP, IP_MTU, RUDP_OPTION_SPECIAL, 0, false, false, 0, 0},
	{IPPROTO_IPV6, IPV6_MTU, RUDP_OPTION_SPECIAL, 0, false, false, 0, 0},
	{IPPROTO_IPV6, IPV6_MINHOPCOUNT, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_IPV6, IPV6_TRANSPARENT, RUDP_OPTION_REFUSED, 0, false, false, 0, 0},
	{IPPROTO_IP, IP_TOS, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{IPPROTO_IPV6, IPV6_TCLASS, RUDP_OPTION_STORED, 0, true, false, 0, 0},
	{IPPROTO_IPV6, IPV6_V6ONLY, RUDP_OPTION_FLAG, RUDP_MARK_V6ONLY, false, false, 0, 0},
};

const struct rudp_option_row *rudp_option_row(int level, int option)
{
	static const struct rudp_option_row other = {0, 0, RUDP_OPTION_STORED, 0, false, false,
						     0, 0};

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
