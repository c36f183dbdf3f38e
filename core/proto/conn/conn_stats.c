/* SPDX-License-Identifier: MIT */
/* Statistics of a connection, and the check of its invariants. */
#include "proto/conn/conn_ids.h"
#include "proto/conn/conn_keys.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

static uint64_t memory_bytes(const struct rudp_conn *conn)
{
	uint64_t bytes = sizeof *conn + rudp_conn_buffer_bytes(conn);

	if (conn->handshake)
		bytes += sizeof *conn->handshake;
	if (conn->syn_answer)
		bytes += sizeof *conn->syn_answer;
	if (conn->previous)
		bytes += sizeof *conn->previous;
	if (conn->exchange)
		bytes += sizeof *conn->exchange;
	return bytes + rudp_conn_ids_bytes(conn);
}

static void fill_path(const struct rudp_conn *conn, struct rudp_conn_stats *stats)
{
	stats->srtt_ns = conn->rtt.srtt_ns;
	stats->rttvar_ns = conn->rtt.var_ns;
	stats->min_rtt_ns = conn->rtt.min_ns;
	stats->latest_rtt_ns = conn->rtt.latest_ns;
	stats->cwnd_bytes = conn->cc.cwnd_bytes;
	stats->ssthresh_bytes = conn->cc.ssthresh_bytes;
	stats->inflight_bytes = conn->reliability.bytes_in_flight;
	stats->pacing_bytes_per_s = rudp_conn_pacing_bytes_per_s(conn);
	stats->cc_name = conn->cc.ops->name;
	stats->cc_state = conn->cc.state_name ? conn->cc.state_name : "";
	stats->datagram_bytes = conn->path.datagram_bytes;
	stats->path_changes = conn->path_changes;
	stats->id_changes = conn->ids ? conn->ids->changes : 0;
	stats->moves_with_old_id = conn->moves_with_old_id;
}

static void fill_stream(const struct rudp_conn *conn, struct rudp_conn_stats *stats)
{
	const struct rudp_sendbuf *out = &conn->sendbuf;
	const struct rudp_recvbuf *in = &conn->recvbuf;

	stats->stream_sent = out->sent;
	stats->stream_acked = out->ring.head;
	stats->stream_received = in->ring.tail;
	stats->stream_resent = out->resent_bytes;
	stats->unacked_bytes = rudp_sendbuf_unacked(out);
	stats->unsent_bytes = rudp_sendbuf_unsent(out);
	stats->unread_bytes = rudp_recvbuf_available(in);
	stats->window_send_bytes =
		conn->peer_window_end > out->sent ? conn->peer_window_end - out->sent : 0;
	stats->window_receive_bytes = in->window_bytes;
}

static uint8_t handshake_kind_of(const struct rudp_conn *conn)
{
	if (!(conn->syn_flags & RUDP_SYN_RESUME))
		return RUDP_HANDSHAKE_KIND_FULL;
	return conn->syn_flags & RUDP_SYN_DH ? RUDP_HANDSHAKE_KIND_RESUMED_DH
					     : RUDP_HANDSHAKE_KIND_RESUMED;
}

void rudp_conn_stats(const struct rudp_conn *conn, struct rudp_conn_stats *stats)
{
	*stats = (struct rudp_conn_stats){
		.state = conn->state,
		.packets_sent = conn->packets_sent,
		.packets_received = conn->packets_received,
		.bytes_sent = conn->bytes_sent,
		.bytes_received = conn->bytes_received,
		.packets_lost = conn->reliability.lost_packets,
		.packets_spurious = conn->reliability.spurious_packets,
		.packets_copied = conn->tail.copied_packets,
		.stream_copied = conn->tail.copied_bytes,
		.repairs_sent = conn->fec_sender.sent_packets,
		.stream_repaired = conn->fec_store.repaired_bytes,
		.pto_count = conn->reliability.pto_count,
		.memory_bytes = memory_bytes(conn),
		.authenticated = conn->ep->config.has_psk,
		.suite = conn->suite,
		.aead = conn->has_keys ? conn->keys.send.backend->kind : RUDP_AEAD_NONE,
		.handshake_kind = handshake_kind_of(conn),
		.early_bytes = conn->early_bytes,
		.jump_bytes = conn->known.jump_bytes,
		.flows = conn->cc.flows,
	};
	fill_path(conn, stats);
	fill_stream(conn, stats);
}
