/* SPDX-License-Identifier: MIT */
/* Sets a program's options on a kernel TCP socket, and reads the kernel's statistics of it. */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "api/mark.h"
#include "engine/app/options.h"
#include "engine/carrier/tcp.h"
#include "engine/control/without_admin.h"

/*
 * Options that affect the network. All others concern the program's own end, not this socket: the
 * engine reads as soon as there are bytes, writes gathered bytes in one piece, and closes when the
 * program does. The list also prevents that options which a program has put into its stored options
 * itself are set with the engine's rights.
 */
static const struct {
	int level, option;
} allowed[] = {
	/* clang-format off */
	{IPPROTO_TCP, TCP_KEEPIDLE},       {IPPROTO_TCP, TCP_KEEPINTVL},
	{IPPROTO_TCP, TCP_KEEPCNT},        {IPPROTO_TCP, TCP_USER_TIMEOUT},
	{IPPROTO_TCP, TCP_SYNCNT},         {IPPROTO_TCP, TCP_LINGER2},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT},  {IPPROTO_TCP, TCP_MAXSEG},
	{IPPROTO_TCP, TCP_WINDOW_CLAMP},   {IPPROTO_TCP, TCP_QUICKACK},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT},   {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS},
	{IPPROTO_TCP, TCP_THIN_DUPACK},    {IPPROTO_IP, IP_TOS},
	{IPPROTO_IP, IP_TTL},              {IPPROTO_IP, IP_MTU_DISCOVER},
	{IPPROTO_IPV6, IPV6_TCLASS},       {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER}, {SOL_SOCKET, SO_SNDBUF},
	{SOL_SOCKET, SO_RCVBUF},           {SOL_SOCKET, SO_MAX_PACING_RATE},
	/* clang-format on */
};

static bool is_allowed(int level, int option)
{
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		if (allowed[i].level == level && allowed[i].option == option)
			return true;
	return false;
}

static void put_route(int fd, const struct rudp_udp_route *route)
{
	if (route->device)
		setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &route->device, sizeof route->device);
	if (route->mark)
		setsockopt(fd, SOL_SOCKET, SO_MARK, &route->mark, sizeof route->mark);
}

void rudp_tcp_put_options(int fd, const struct rudp_stored_options *stored,
			  const struct rudp_sock_options *options)
{
	char congestion[RUDP_CONGESTION_BYTES];
	int on = 1;

	if (options && options->conn.keepalive)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	if (options)
		put_route(fd, &options->route);
	if (!stored)
		return;
	for (int i = 0; i < stored->count; i++)
		if (is_allowed(stored->options[i].level, stored->options[i].option))
			setsockopt(fd, stored->options[i].level, stored->options[i].option,
				   &stored->options[i].value, sizeof stored->options[i].value);
	if (rudp_stored_options_find_congestion(stored, congestion))
		(void)rudp_tcp_set_congestion(fd, congestion, sizeof congestion,
					      !options || options->cc_is_limited);
}

int rudp_tcp_set_congestion(int fd, const void *name, size_t size, bool is_limited)
{
	socklen_t len = (socklen_t)strnlen(name, size);

	if (is_limited)
		return rudp_set_without_admin(fd, IPPROTO_TCP, TCP_CONGESTION, name, len);
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, len) < 0 ? -errno : 0;
}

int rudp_tcp_set(int fd, int level, int option, const void *value, size_t len)
{
	if (!(level == SOL_SOCKET && option == SO_KEEPALIVE) && !is_allowed(level, option))
		return 0;
	return setsockopt(fd, level, option, value, (socklen_t)len) < 0 ? -errno : 0;
}

/* The states of include/net/tcp_states.h; TCP_INFO makes their numbers part of the interface. */
static enum rudp_state state_of(unsigned kernel_state)
{
	static const enum rudp_state states[] = {
		RUDP_STATE_CLOSED,    RUDP_STATE_ESTABLISHED, RUDP_STATE_SYN_SENT,
		RUDP_STATE_SYN_RCVD,  RUDP_STATE_FIN_WAIT_1,  RUDP_STATE_FIN_WAIT_2,
		RUDP_STATE_TIME_WAIT, RUDP_STATE_CLOSED,      RUDP_STATE_CLOSE_WAIT,
		RUDP_STATE_LAST_ACK,  RUDP_STATE_LISTEN,      RUDP_STATE_CLOSING,
		RUDP_STATE_SYN_RCVD,
	};

	return kernel_state < sizeof states / sizeof states[0] ? states[kernel_state]
							       : RUDP_STATE_CLOSED;
}

static void copy_info(struct rudp_conn_stats *stats, const struct tcp_info *info)
{
	uint64_t mss = info->tcpi_snd_mss;

	stats->state = state_of(info->tcpi_state);
	stats->srtt_ns = (int64_t)info->tcpi_rtt * 1000;
	stats->rttvar_ns = (int64_t)info->tcpi_rttvar * 1000;
	stats->min_rtt_ns =
		info->tcpi_min_rtt == UINT32_MAX ? RUDP_NEVER : (int64_t)info->tcpi_min_rtt * 1000;
	stats->cwnd_bytes = info->tcpi_snd_cwnd * mss;
	stats->ssthresh_bytes = info->tcpi_snd_ssthresh * mss;
	stats->inflight_bytes = info->tcpi_unacked * mss;
	stats->pacing_bytes_per_s =
		info->tcpi_pacing_rate == UINT64_MAX ? 0 : info->tcpi_pacing_rate;
	stats->packets_sent = info->tcpi_segs_out;
	stats->packets_received = info->tcpi_segs_in;
	stats->packets_lost = info->tcpi_total_retrans;
	stats->bytes_sent = stats->stream_sent = info->tcpi_bytes_sent;
	stats->bytes_received = stats->stream_received = info->tcpi_bytes_received;
	stats->stream_acked = info->tcpi_bytes_acked;
	stats->stream_resent = info->tcpi_bytes_retrans;
	stats->window_send_bytes = info->tcpi_snd_wnd;
	stats->window_receive_bytes = info->tcpi_rcv_space;
	stats->datagram_bytes = info->tcpi_pmtu;
}

void rudp_tcp_stats(const struct rudp_tcp *tcp, struct rudp_conn_stats *stats)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	*stats = (struct rudp_conn_stats){.state = RUDP_STATE_SYN_SENT, .min_rtt_ns = RUDP_NEVER};
	if (getsockopt(tcp->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		copy_info(stats, &info);
	stats->unacked_bytes = rudp_tcp_unacked(tcp, &stats->unsent_bytes);
	stats->unread_bytes = rudp_ring_used(&tcp->in);
	stats->memory_bytes = sizeof *tcp + tcp->in.capacity_bytes + tcp->out.capacity_bytes;
}

void rudp_tcp_congestion(const struct rudp_tcp *tcp, char name[RUDP_CONGESTION_BYTES])
{
	socklen_t len = RUDP_CONGESTION_BYTES - 1;

	memset(name, 0, RUDP_CONGESTION_BYTES);
	getsockopt(tcp->fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
}
