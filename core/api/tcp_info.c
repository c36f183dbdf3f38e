/* SPDX-License-Identifier: MIT */
#include "api/tcp_info.h"

#include <linux/tcp.h>
#include <string.h>

#include "api/address.h"
#include "api/call.h"
#include "api/raw_syscall.h"
#include "base/time.h"
#include "proto/conn/conn.h"

#define UDP_HEADER_BYTES 8
#define IP_HEADER_BYTES 20
#define IPV6_HEADER_BYTES 40
#define PIECE_BYTES 36 /* SO_MEMINFO writes at most so many bytes */

/*
 * Numbers of the kernel's include/net/tcp_states.h. TCP_INFO makes them part of its user interface.
 */
/* clang-format off */
enum { KERNEL_ESTABLISHED = 1, KERNEL_SYN_SENT, KERNEL_SYN_RECV, KERNEL_FIN_WAIT1,
       KERNEL_FIN_WAIT2, KERNEL_TIME_WAIT, KERNEL_CLOSE, KERNEL_CLOSE_WAIT, KERNEL_LAST_ACK,
       KERNEL_LISTEN, KERNEL_CLOSING };
/* clang-format on */

static uint8_t kernel_state(enum rudp_state state)
{
	switch (state) {
	case RUDP_STATE_LISTEN:
		return KERNEL_LISTEN;
	case RUDP_STATE_SYN_SENT:
		return KERNEL_SYN_SENT;
	case RUDP_STATE_SYN_RCVD:
		return KERNEL_SYN_RECV;
	case RUDP_STATE_ESTABLISHED:
		return KERNEL_ESTABLISHED;
	case RUDP_STATE_FIN_WAIT_1:
		return KERNEL_FIN_WAIT1;
	case RUDP_STATE_FIN_WAIT_2:
		return KERNEL_FIN_WAIT2;
	case RUDP_STATE_CLOSE_WAIT:
		return KERNEL_CLOSE_WAIT;
	case RUDP_STATE_CLOSING:
		return KERNEL_CLOSING;
	case RUDP_STATE_LAST_ACK:
		return KERNEL_LAST_ACK;
	case RUDP_STATE_TIME_WAIT:
		return KERNEL_TIME_WAIT;
	case RUDP_STATE_CLOSED:
	case RUDP_STATE_RESET_SENT:
		break;
	}
	return KERNEL_CLOSE;
}

static uint32_t clamp(uint64_t value)
{
	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint32_t us_of(int64_t span_ns)
{
	return span_ns <= 0 || span_ns == RUDP_NEVER ? 0
						     : clamp((uint64_t)span_ns / RUDP_NS_PER_US);
}

uint32_t rudp_tcp_info_mtu(const struct rudp_control_info *info)
{
	if (info->transport == RUDP_TRANSPORT_TCP)
		return info->datagram_bytes;
	return info->datagram_bytes + UDP_HEADER_BYTES +
	       (info->remote.family == AF_INET ? IP_HEADER_BYTES : IPV6_HEADER_BYTES);
}

/* No side effects. Fields that rudp has no value for are 0. */
static void fill(struct tcp_info *out, const struct rudp_control_info *info)
{
	uint32_t mss = info->datagram_bytes ? info->datagram_bytes : 1;

	memset(out, 0, sizeof *out);
	out->tcpi_state = kernel_state((enum rudp_state)info->state);
	if (info->state == RUDP_STATE_LISTEN) {
		out->tcpi_unacked = info->queued; /* tcp(7): a listener's queue and its limit */
		out->tcpi_sacked = info->backlog;
		return;
	}
	out->tcpi_options = info->early_bytes > 0 ? TCPI_OPT_SYN_DATA : 0;
	out->tcpi_snd_mss = out->tcpi_rcv_mss = out->tcpi_advmss = mss;
	out->tcpi_pmtu = rudp_tcp_info_mtu(info);
	out->tcpi_rtt = us_of(info->srtt_ns);
	out->tcpi_rttvar = us_of(info->rttvar_ns);
	out->tcpi_min_rtt = us_of(info->min_rtt_ns);
	out->tcpi_rto = clamp((uint64_t)out->tcpi_rtt + 4 * (uint64_t)out->tcpi_rttvar);
	out->tcpi_backoff = (uint8_t)(info->pto_count > UINT8_MAX ? UINT8_MAX : info->pto_count);
	out->tcpi_retransmits = out->tcpi_backoff;
	out->tcpi_snd_cwnd = clamp(info->cwnd_bytes / mss);
	out->tcpi_snd_ssthresh = clamp(info->ssthresh_bytes / mss);
	out->tcpi_unacked = clamp((info->inflight_bytes + mss - 1) / mss);
	out->tcpi_total_retrans = clamp(info->stream_resent / mss);
	out->tcpi_rcv_space = clamp(info->window_receive_bytes);
	out->tcpi_pacing_rate = info->pacing_bytes_per_s;
	out->tcpi_max_pacing_rate = UINT64_MAX;
	out->tcpi_bytes_acked = info->stream_acked;
	out->tcpi_bytes_received = info->stream_received;
	out->tcpi_bytes_sent = info->stream_sent;
	out->tcpi_bytes_retrans = info->stream_resent;
	out->tcpi_segs_out = clamp(info->packets_sent);
	out->tcpi_segs_in = clamp(info->packets_received);
	out->tcpi_notsent_bytes = clamp(info->unsent_bytes);
	out->tcpi_snd_wnd = clamp(info->window_send_bytes);
}

/* The kernel writes to each piece first, so that a wrong pointer gives an error and no signal. */
static int write_out(int fd, uint8_t *user, const uint8_t *bytes, socklen_t len)
{
	for (socklen_t at = 0; at < len; at += PIECE_BYTES) {
		socklen_t piece = len - at < PIECE_BYTES ? len - at : PIECE_BYTES;
		int rc = rudp_raw_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, user + at, &piece);

		if (rc < 0)
			return rc;
		memcpy(user + at, bytes + at, len - at < PIECE_BYTES ? len - at : PIECE_BYTES);
	}
	return 0;
}

int rudp_tcp_info_get(int fd, const struct rudp_socket *s, void *value, socklen_t *len)
{
	struct rudp_control_info info = {.state = RUDP_STATE_CLOSED};
	struct tcp_info filled;
	socklen_t room;
	int rc = rudp_address_check_len(fd, len);

	if (rc < 0)
		return rc;
	if (s->state == RUDP_SOCKET_CONNECTED || s->state == RUDP_SOCKET_LISTENING)
		rudp_call_info(fd, &info);
	fill(&filled, &info);
	room = *len < sizeof filled ? *len : (socklen_t)sizeof filled;
	rc = write_out(fd, value, (const uint8_t *)&filled, room);
	if (rc == 0)
		*len = room;
	return rc;
}
