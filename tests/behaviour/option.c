/* SPDX-License-Identifier: MIT */
#include "behaviour/option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VALUE_BYTES_MAX 64
#define SHOWN_BYTES_MAX 32

/* clang-format off */
#define END {0, 0, NULL, false, false, 0}
#define SO(name, sample) {SOL_SOCKET, name, #name, false, false, sample}
#define TCP(name, sample) {IPPROTO_TCP, name, #name, false, false, sample}
#define IP(name, sample) {IPPROTO_IP, name, #name, false, false, sample}
#define IP6(name, sample) {IPPROTO_IPV6, name, #name, false, false, sample}
#define VARIES(level, name, sample) {level, name, #name, true, false, sample}
#define SO_REFUSED(name, sample) {SOL_SOCKET, name, #name, false, true, sample}
#define TCP_REFUSED(name, sample) {IPPROTO_TCP, name, #name, false, true, sample}
#define IP_REFUSED(name, sample) {IPPROTO_IP, name, #name, false, true, sample}
#define IP6_REFUSED(name, sample) {IPPROTO_IPV6, name, #name, false, true, sample}
/* clang-format on */

/* Newer than the headers of some systems. */
#ifndef SO_RESERVE_MEM
#define SO_RESERVE_MEM 73
#endif
#ifndef SO_TXREHASH
#define SO_TXREHASH 74
#endif
#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SO_RCVPRIORITY
#define SO_RCVPRIORITY 82
#endif
#ifndef TCP_TX_DELAY
#define TCP_TX_DELAY 37
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif
#ifndef SO_ORIGINAL_DST
#define SO_ORIGINAL_DST 80
#endif

const struct option socket_options[] = {
	SO(SO_DEBUG, 1),
	SO(SO_REUSEADDR, 1),
	SO(SO_TYPE, 1),
	SO(SO_ERROR, 1),
	SO(SO_DONTROUTE, 1),
	SO(SO_BROADCAST, 1),
	VARIES(SOL_SOCKET, SO_SNDBUF, 50000),
	VARIES(SOL_SOCKET, SO_RCVBUF, 50000),
	SO(SO_SNDBUFFORCE, 60000),
	SO(SO_RCVBUFFORCE, 60000),
	SO(SO_KEEPALIVE, 1),
	SO(SO_OOBINLINE, 1),
	SO(SO_NO_CHECK, 1),
	SO(SO_PRIORITY, 3),
	SO(SO_LINGER, 1),
	SO(SO_BSDCOMPAT, 1),
	SO(SO_REUSEPORT, 1),
	SO(SO_PASSCRED, 1),
	SO(SO_PEERCRED, 1),
	SO(SO_RCVLOWAT, 7),
	SO(SO_SNDLOWAT, 7),
	SO(SO_RCVTIMEO, 1),
	SO(SO_SNDTIMEO, 1),
	SO(SO_BINDTODEVICE, 0),
	SO(SO_GET_FILTER, 0),
	SO(SO_PEERNAME, 1),
	SO_REFUSED(SO_TIMESTAMP, 1),
	SO(SO_ACCEPTCONN, 1),
	SO(SO_PEERSEC, 1),
	SO(SO_PASSSEC, 1),
	SO_REFUSED(SO_TIMESTAMPNS, 1),
	SO(SO_MARK, 77),
	SO_REFUSED(SO_TIMESTAMPING, 1),
	SO(SO_PROTOCOL, 1),
	SO(SO_DOMAIN, 1),
	SO(SO_RXQ_OVFL, 1),
	SO(SO_WIFI_STATUS, 1),
	SO(SO_PEEK_OFF, 1),
	SO(SO_NOFCS, 1),
	SO_REFUSED(SO_LOCK_FILTER, 1),
	SO(SO_SELECT_ERR_QUEUE, 1),
	SO(SO_BUSY_POLL, 50),
	SO(SO_MAX_PACING_RATE, 1000000),
	SO(SO_BPF_EXTENSIONS, 1),
	VARIES(SOL_SOCKET, SO_INCOMING_CPU, 0),
	VARIES(SOL_SOCKET, SO_MEMINFO, 1),
	VARIES(SOL_SOCKET, SO_INCOMING_NAPI_ID, 1),
	VARIES(SOL_SOCKET, SO_COOKIE, 1),
	SO(SO_PEERGROUPS, 1),
	SO_REFUSED(SO_ZEROCOPY, 1),
	SO(SO_TXTIME, 1),
	SO(SO_BINDTOIFINDEX, 1),
	SO_REFUSED(SO_TIMESTAMP_NEW, 1),
	SO(SO_RCVTIMEO_NEW, 1),
	SO(SO_SNDTIMEO_NEW, 1),
	SO(SO_PREFER_BUSY_POLL, 1),
	SO(SO_BUSY_POLL_BUDGET, 8),
	VARIES(SOL_SOCKET, SO_NETNS_COOKIE, 1),
	SO(SO_BUF_LOCK, 1),
	SO(SO_RESERVE_MEM, 0),
	SO(SO_TXREHASH, 1),
	SO(SO_RCVMARK, 1),
	SO(SO_PASSPIDFD, 1),
	SO(SO_RCVPRIORITY, 1),
	{SOL_SOCKET, 999, "unknown 999", false, false, 1},
	{SOL_SOCKET, 0, "unknown 0", false, false, 1},
	{SOL_SOCKET, -1, "unknown -1", false, false, 1},
	END,
};

const struct option tcp_options[] = {
	TCP(TCP_NODELAY, 1),
	VARIES(IPPROTO_TCP, TCP_MAXSEG, 1000),
	TCP(TCP_CORK, 1),
	TCP(TCP_KEEPIDLE, 33),
	TCP(TCP_KEEPINTVL, 7),
	TCP(TCP_KEEPCNT, 4),
	TCP(TCP_SYNCNT, 3),
	TCP(TCP_LINGER2, 20),
	TCP(TCP_DEFER_ACCEPT, 5),
	VARIES(IPPROTO_TCP, TCP_WINDOW_CLAMP, 100000),
	VARIES(IPPROTO_TCP, TCP_INFO, 1),
	VARIES(IPPROTO_TCP, TCP_QUICKACK, 0),
	TCP(TCP_CONGESTION, 1),
	TCP(TCP_MD5SIG, 1),
	TCP(TCP_THIN_LINEAR_TIMEOUTS, 1),
	TCP(TCP_THIN_DUPACK, 1),
	TCP(TCP_USER_TIMEOUT, 5000),
	TCP_REFUSED(TCP_REPAIR, 1),
	TCP(TCP_REPAIR_QUEUE, 1),
	TCP(TCP_REPAIR_OPTIONS, 1),
	TCP(TCP_FASTOPEN, 5),
	VARIES(IPPROTO_TCP, TCP_TIMESTAMP, 1),
	TCP(TCP_NOTSENT_LOWAT, 16384),
	VARIES(IPPROTO_TCP, TCP_CC_INFO, 1),
	TCP(TCP_SAVE_SYN, 1),
	TCP(TCP_SAVED_SYN, 1),
	TCP(TCP_REPAIR_WINDOW, 1),
	TCP(TCP_FASTOPEN_CONNECT, 1),
	TCP(TCP_ULP, 1),
	TCP(TCP_MD5SIG_EXT, 1),
	VARIES(IPPROTO_TCP, TCP_FASTOPEN_KEY, 1),
	TCP(TCP_FASTOPEN_NO_COOKIE, 1),
	TCP(TCP_INQ, 1),
	TCP(TCP_TX_DELAY, 0),
	{IPPROTO_TCP, 999, "unknown 999", false, false, 1},
	{IPPROTO_TCP, 0, "unknown 0", false, false, 1},
	END,
};

const struct option ip_options[] = {
	IP(IP_TOS, 0x48),
	IP(IP_TTL, 33),
	IP(IP_HDRINCL, 1),
	IP(IP_RECVOPTS, 1),
	IP(IP_RETOPTS, 1),
	IP(IP_PKTINFO, 1),
	IP(IP_MTU_DISCOVER, 3),
	IP(IP_RECVERR, 1),
	IP(IP_RECVTTL, 1),
	IP(IP_RECVTOS, 1),
	IP(IP_FREEBIND, 1),
	IP(IP_PASSSEC, 1),
	IP_REFUSED(IP_TRANSPARENT, 1),
	IP(IP_RECVORIGDSTADDR, 1),
	IP_REFUSED(IP_MINTTL, 1),
	IP(IP_NODEFRAG, 1),
	IP(IP_CHECKSUM, 1),
	IP(IP_BIND_ADDRESS_NO_PORT, 1),
	IP(IP_RECVFRAGSIZE, 1),
	IP(IP_MULTICAST_IF, 0),
	VARIES(IPPROTO_IP, IP_MULTICAST_TTL, 4),
	IP(IP_MULTICAST_LOOP, 0),
	IP(IP_ADD_MEMBERSHIP, 0),
	IP(IP_MULTICAST_ALL, 0),
	IP(IP_UNICAST_IF, 0),
	IP(IP_LOCAL_PORT_RANGE, 0),
	IP(SO_ORIGINAL_DST, 1),
	{IPPROTO_IP, 999, "unknown 999", false, false, 1},
	END,
};

const struct option ipv6_options[] = {
	IP6(IPV6_UNICAST_HOPS, 33),
	VARIES(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 33),
	IP6(IPV6_MTU_DISCOVER, 3),
	IP6(IPV6_RECVERR, 1),
	IP6(IPV6_V6ONLY, 1),
	IP6(IPV6_RECVPKTINFO, 1),
	IP6(IPV6_RECVHOPLIMIT, 1),
	IP6(IPV6_RECVTCLASS, 1),
	IP6(IPV6_TCLASS, 0x48),
	IP6(IPV6_DONTFRAG, 1),
	IP6(IPV6_AUTOFLOWLABEL, 0),
	IP6(IPV6_ADDR_PREFERENCES, 2),
	IP6_REFUSED(IPV6_MINHOPCOUNT, 1),
	IP6_REFUSED(IPV6_TRANSPARENT, 1),
	IP6(IPV6_UNICAST_IF, 0),
	IP6(IPV6_FREEBIND, 1),
	{IPPROTO_IPV6, 999, "unknown 999", false, false, 1},
	END,
};

/* Four bytes are printed as a number, other lengths as bytes. */
static void describe(char *out, size_t room, const unsigned char *value, socklen_t len)
{
	int number;
	size_t used = 0;
	if (len == sizeof(number)) {
		memcpy(&number, value, sizeof(number));
		snprintf(out, room, "%d", number);
		return;
	}
	for (socklen_t i = 0; i < len && i < SHOWN_BYTES_MAX; i++)
		used += (size_t)snprintf(out + used, room - used, "%s%02x", i ? " " : "", value[i]);
}

void say_option(const char *what, int fd, const struct option *option)
{
	unsigned char value[VALUE_BYTES_MAX] = {0};
	char text[4 * SHOWN_BYTES_MAX] = "";
	socklen_t len = sizeof(value);
	if (getsockopt(fd, option->level, option->number, value, &len) < 0)
		say("%s %s: %s", what, option->name, strerrorname_np(errno));
	else if (option->varies)
		say("%s %s: some value", what, option->name);
	else {
		describe(text, sizeof(text), value, len);
		say("%s %s: %u bytes, %s", what, option->name, (unsigned)len, text);
	}
}

void say_options(int fd, const struct option *options)
{
	for (const struct option *option = options; option->name; option++)
		say_option("get", fd, option);
}

int option_value(int fd, int level, int number)
{
	int value = -1;
	socklen_t len = sizeof(value);
	must(getsockopt(fd, level, number, &value, &len) == 0, "getsockopt");
	return value;
}

void set_and_say(const char *what, int fd, const struct option *option, int value)
{
	char text[64];
	snprintf(text, sizeof(text), "%s %s to %d", what, option->name, value);
	say_result(text, setsockopt(fd, option->level, option->number, &value, sizeof(value)));
	say_option("  then", fd, option);
}
