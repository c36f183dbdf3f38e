/* SPDX-License-Identifier: MIT */
#include "engine/trace/qlog_text.h"

#include <arpa/inet.h>
#include <errno.h>

#include "engine/trace/qlog_json.h"

uint64_t rudp_qlog_group_id(const struct rudp_conn *conn)
{
	return rudp_conn_is_initiator(conn) ? rudp_conn_id(conn) : rudp_conn_peer_id(conn);
}

size_t rudp_qlog_write_header(char *out, const struct rudp_conn *conn, int64_t wall_began_ns)
{
	struct rudp_qlog_text t = rudp_qlog_begin(out);

	rudp_qlog_put(
		&t,
		"\x1e{\"qlog_format\":\"JSON-SEQ\",\"qlog_version\":\"0.3\",\"title\":\"rudp\","
		"\"trace\":{\"vantage_point\":{\"name\":\"rudp " RUDP_VERSION_TEXT "\",\"type\":");
	rudp_qlog_put_string(&t, rudp_conn_is_initiator(conn) ? "client" : "server");
	rudp_qlog_put(
		&t,
		"},\"common_fields\":{\"protocol_type\":[\"QUIC\"],\"time_format\":\"relative\","
		"\"reference_time\":");
	rudp_qlog_put_ms(&t, wall_began_ns);
	rudp_qlog_put(&t, ",\"group_id\":\"");
	rudp_qlog_put_id(&t, rudp_qlog_group_id(conn));
	rudp_qlog_put(&t, "\"}}}\n");
	return t.ok ? (size_t)(t.next - t.start) : 0;
}

size_t rudp_qlog_write_remark(char *out, const struct rudp_qlog_said *said, const char *message,
			      uint64_t count, int64_t now_at_ns)
{
	struct rudp_qlog_text t = rudp_qlog_begin(out);

	rudp_qlog_event_begin(&t, said, "loglevel:warning", now_at_ns);
	rudp_qlog_put_word(&t, "message", message);
	rudp_qlog_put_pair(&t, "count", count);
	rudp_qlog_event_end(&t);
	return t.ok ? (size_t)(t.next - t.start) : 0;
}

/* What of the metrics has changed, in the order of the schema. */
static void put_changed_times(struct rudp_qlog_text *t, struct rudp_qlog_said *said,
			      const struct rudp_conn_stats *now)
{
	const struct {
		const char *key;
		int64_t *last, value;
	} spans[] = {{"min_rtt", &said->min_rtt_ns, now->min_rtt_ns},
		     {"smoothed_rtt", &said->srtt_ns, now->srtt_ns},
		     {"latest_rtt", &said->latest_rtt_ns, now->latest_rtt_ns},
		     {"rtt_variance", &said->rttvar_ns, now->rttvar_ns}};

	if (now->min_rtt_ns == RUDP_NEVER)
		return; /* no sample: what stands there is a guess */
	for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
		if (*spans[i].last == spans[i].value)
			continue;
		*spans[i].last = spans[i].value;
		rudp_qlog_put_key(t, spans[i].key);
		rudp_qlog_put_ms(t, spans[i].value);
	}
}

static void put_changed(struct rudp_qlog_text *t, const char *key, uint64_t *last, uint64_t value)
{
	if (*last == value)
		return;
	*last = value;
	rudp_qlog_put_pair(t, key, value);
}

static void write_metrics(struct rudp_qlog_text *t, struct rudp_qlog_said *said,
			  const struct rudp_conn_stats *now, int64_t now_at_ns)
{
	char *before = t->next, *body;
	uint64_t pto_count = said->pto_count;
	uint64_t pacing = 8 * said->pacing_bytes_per_s;

	rudp_qlog_event_begin(t, said, "recovery:metrics_updated", now_at_ns);
	body = t->next;
	put_changed_times(t, said, now);
	put_changed(t, "pto_count", &pto_count, now->pto_count);
	put_changed(t, "congestion_window", &said->cwnd_bytes, now->cwnd_bytes);
	put_changed(t, "bytes_in_flight", &said->inflight_bytes, now->inflight_bytes);
	if (now->ssthresh_bytes < UINT64_MAX)
		put_changed(t, "ssthresh", &said->ssthresh_bytes, now->ssthresh_bytes);
	put_changed(t, "pacing_rate", &pacing, 8 * now->pacing_bytes_per_s);
	put_changed(t, "packets_spurious", &said->packets_spurious, now->packets_spurious);
	said->pto_count = now->pto_count;
	said->pacing_bytes_per_s = now->pacing_bytes_per_s;
	if (t->next == body)
		t->next = before;
	else
		rudp_qlog_event_end(t);
}

static void write_stats(struct rudp_qlog_text *t, struct rudp_qlog_said *said,
			const struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_conn_stats now;

	rudp_conn_stats(conn, &now);
	write_metrics(t, said, &now, now_at_ns);
	if (said->cc_state != now.cc_state && *now.cc_state) {
		rudp_qlog_event_begin(t, said, "recovery:congestion_state_updated", now_at_ns);
		if (said->cc_state)
			rudp_qlog_put_word(t, "old", said->cc_state);
		rudp_qlog_put_word(t, "new", now.cc_state);
		rudp_qlog_event_end(t);
		said->cc_state = now.cc_state;
	}
	if (said->datagram_bytes == now.datagram_bytes)
		return;
	rudp_qlog_event_begin(t, said, "connectivity:mtu_updated", now_at_ns);
	if (said->datagram_bytes)
		rudp_qlog_put_pair(t, "old", said->datagram_bytes);
	rudp_qlog_put_pair(t, "new", now.datagram_bytes);
	rudp_qlog_event_end(t);
	said->datagram_bytes = now.datagram_bytes;
}

static void put_address(struct rudp_qlog_text *t, const char *ip_key, const char *port_key,
			const struct rudp_addr *addr)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (addr->family == AF_INET)
		inet_ntop(AF_INET, &addr->in4.sin_addr, host, sizeof host);
	else if (addr->family == AF_INET6)
		inet_ntop(AF_INET6, &addr->in6.sin6_addr, host, sizeof host);
	rudp_qlog_put_word(t, ip_key, host);
	rudp_qlog_put_pair(t, port_key, rudp_addr_port(addr));
}

static void write_started(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
			  const struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_addr *remote = rudp_conn_remote(conn);

	rudp_qlog_event_begin(t, said, "connectivity:connection_started", now_at_ns);
	rudp_qlog_put_word(t, "ip_version", remote->family == AF_INET6 ? "v6" : "v4");
	put_address(t, "src_ip", "src_port", rudp_conn_local(conn));
	put_address(t, "dst_ip", "dst_port", remote);
	rudp_qlog_put_key(t, "src_cid");
	rudp_qlog_put(t, "\"");
	rudp_qlog_put_id(t, rudp_conn_id(conn));
	rudp_qlog_put(t, "\"");
	rudp_qlog_event_end(t);
}

static const char *close_trigger(int error)
{
	if (error == 0)
		return "clean";
	if (error == ETIMEDOUT)
		return "idle_timeout";
	return error == ECONNRESET ? "application" : "error";
}

static void write_closed(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
			 const struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_conn_stats stats;

	rudp_conn_stats(conn, &stats);
	rudp_qlog_event_begin(t, said, "connectivity:connection_closed", now_at_ns);
	rudp_qlog_put_word(t, "trigger", close_trigger(rudp_conn_error(conn)));
	rudp_qlog_put_pair(t, "internal_code", (uint64_t)rudp_conn_error(conn));
	rudp_qlog_put_pair(t, "packets_sent", stats.packets_sent);
	rudp_qlog_put_pair(t, "packets_received", stats.packets_received);
	rudp_qlog_put_pair(t, "packets_lost", stats.packets_lost);
	rudp_qlog_put_pair(t, "packets_spurious", stats.packets_spurious);
	rudp_qlog_put_pair(t, "bytes_sent", stats.bytes_sent);
	rudp_qlog_put_pair(t, "stream_sent", stats.stream_sent);
	rudp_qlog_put_pair(t, "stream_received", stats.stream_received);
	rudp_qlog_event_end(t);
}

/* QUIC's states are fewer; ours stands beside. */
static const char *state_word(enum rudp_state state)
{
	switch (state) {
	case RUDP_STATE_SYN_SENT:
		return "attempted";
	case RUDP_STATE_SYN_RCVD:
		return "handshake_started";
	case RUDP_STATE_ESTABLISHED:
	case RUDP_STATE_CLOSE_WAIT:
		return "handshake_confirmed";
	case RUDP_STATE_FIN_WAIT_1:
	case RUDP_STATE_FIN_WAIT_2:
	case RUDP_STATE_CLOSING:
	case RUDP_STATE_LAST_ACK:
	case RUDP_STATE_RESET_SENT:
		return "closing";
	case RUDP_STATE_TIME_WAIT:
		return "draining";
	case RUDP_STATE_LISTEN:
	case RUDP_STATE_CLOSED:
		break;
	}
	return "closed";
}

static void write_state(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
			const struct rudp_conn *conn, const struct rudp_fact *fact,
			int64_t now_at_ns)
{
	enum rudp_state from = fact->state.from, to = fact->state.to;

	if (from == RUDP_STATE_CLOSED)
		write_started(t, said, conn, now_at_ns);
	rudp_qlog_event_begin(t, said, "connectivity:connection_state_updated", now_at_ns);
	if (from != RUDP_STATE_CLOSED)
		rudp_qlog_put_word(t, "old", state_word(from));
	rudp_qlog_put_word(t, "new", state_word(to));
	rudp_qlog_put_word(t, "rudp_state", rudp_state_name(to));
	rudp_qlog_event_end(t);
	if (to == RUDP_STATE_CLOSED)
		write_closed(t, said, conn, now_at_ns);
}

static const char *drop_trigger(enum rudp_verdict verdict)
{
	if (verdict == RUDP_VERDICT_REPLAYED)
		return "duplicate";
	return verdict == RUDP_VERDICT_NO_MEMORY ? "internal_error" : "decryption_failure";
}

static void write_dropped(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
			  const struct rudp_fact *fact, int64_t now_at_ns)
{
	rudp_qlog_event_begin(t, said, "transport:packet_dropped", now_at_ns);
	rudp_qlog_put_length(t, fact->dropped.size_bytes);
	rudp_qlog_put_word(t, "trigger", drop_trigger(fact->dropped.verdict));
	rudp_qlog_event_end(t);
}

static void write_lost(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
		       const struct rudp_conn *conn, const struct rudp_fact *fact,
		       int64_t now_at_ns)
{
	enum rudp_packet_type first =
		rudp_conn_is_initiator(conn) ? RUDP_PACKET_SYN : RUDP_PACKET_SYNACK;

	rudp_qlog_event_begin(t, said, "recovery:packet_lost", now_at_ns);
	rudp_qlog_put_header(t, fact->lost.number ? RUDP_PACKET_DATA : first, fact->lost.number);
	rudp_qlog_put_length(t, fact->lost.size_bytes);
	rudp_qlog_put_word(t, "trigger",
			   fact->lost.by_count ? "reordering_threshold" : "time_threshold");
	rudp_qlog_event_end(t);
}

static void write_moved(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
			const struct rudp_fact *fact, int64_t now_at_ns)
{
	rudp_qlog_event_begin(t, said, "connectivity:path_updated", now_at_ns);
	put_address(t, "src_ip", "src_port", fact->moved.local);
	put_address(t, "dst_ip", "dst_port", fact->moved.remote);
	rudp_qlog_event_end(t);
}

static void write_probe(struct rudp_qlog_text *t, struct rudp_qlog_said *said,
			const struct rudp_conn *conn, int64_t now_at_ns)
{
	rudp_qlog_event_begin(t, said, "recovery:loss_timer_updated", now_at_ns);
	rudp_qlog_put_word(t, "event_type", "expired");
	rudp_qlog_put_word(t, "timer_type", "pto");
	rudp_qlog_event_end(t);
	write_stats(t, said, conn, now_at_ns);
}

static void write_keys(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
		       int64_t now_at_ns)
{
	rudp_qlog_event_begin(t, said, "security:key_updated", now_at_ns);
	rudp_qlog_put_word(t, "key_type", "client_1rtt_secret");
	rudp_qlog_event_end(t);
	rudp_qlog_event_begin(t, said, "security:key_updated", now_at_ns);
	rudp_qlog_put_word(t, "key_type", "server_1rtt_secret");
	rudp_qlog_event_end(t);
}

size_t rudp_qlog_write_fact(char *out, struct rudp_qlog_said *said, const struct rudp_conn *conn,
			    const struct rudp_fact *fact, int64_t now_at_ns)
{
	struct rudp_qlog_text t = rudp_qlog_begin(out);

	switch (fact->kind) {
	case RUDP_FACT_STATE:
		write_state(&t, said, conn, fact, now_at_ns);
		break;
	case RUDP_FACT_PACKET_SENT:
		rudp_qlog_put_packet(&t, said, "transport:packet_sent", &fact->packet, now_at_ns);
		break;
	case RUDP_FACT_PACKET_RECEIVED:
		rudp_qlog_put_packet(&t, said, "transport:packet_received", &fact->packet,
				     now_at_ns);
		break;
	case RUDP_FACT_PACKET_DROPPED:
		write_dropped(&t, said, fact, now_at_ns);
		break;
	case RUDP_FACT_PACKET_LOST:
		write_lost(&t, said, conn, fact, now_at_ns);
		break;
	case RUDP_FACT_PROBE_TIMEOUT:
		write_probe(&t, said, conn, now_at_ns);
		break;
	case RUDP_FACT_METRICS:
		write_stats(&t, said, conn, now_at_ns);
		break;
	case RUDP_FACT_KEYS_UPDATED:
		write_keys(&t, said, now_at_ns);
		break;
	case RUDP_FACT_MOVED:
		write_moved(&t, said, fact, now_at_ns);
		break;
	case RUDP_FACT_GONE:
		break;
	}
	return t.ok ? (size_t)(t.next - t.start) : 0;
}
