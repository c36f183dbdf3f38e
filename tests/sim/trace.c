/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>

void trace_conn(const struct rudp_conn *conn, int host, int64_t now_ns, int64_t queue_ns)
{
	struct rudp_conn_stats s;

	rudp_conn_stats(conn, &s);
	printf("  %7.3f s  host %d  %-11s %-14s srtt %6.1f ms  cwnd %8" PRIu64 "  flight %8" PRIu64
	       "  size %5u  pace %7.2f Mbit/s  acked %9" PRIu64 "  unsent %8" PRIu64
	       "  window %8" PRIu64 "  lost %" PRIu64 "/%" PRIu64 " queue %.1f ms\n",
	       (double)now_ns / 1e9, host, rudp_state_name(s.state), s.cc_state,
	       (double)s.srtt_ns / 1e6, s.cwnd_bytes, s.inflight_bytes, s.datagram_bytes,
	       (double)s.pacing_bytes_per_s * 8 / 1e6, s.stream_acked, s.unsent_bytes,
	       s.window_send_bytes, s.packets_lost, s.packets_spurious, (double)queue_ns / 1e6);
}
