/* SPDX-License-Identifier: MIT */
/*
 * Two endpoints in virtual time. The input decides what becomes of each datagram (dropped, copied,
 * late, damaged, cut, from another address), what both programs call, and which frames a hostile
 * peer with the keys sends. After every step the invariants are looked at; streams are compared; in
 * the end everybody closes, the path turns perfect, nothing may stay behind.
 */
#include <errno.h>

#include "proto/conn/conn_ids.h"
#include "session.h"

#define STEPS_MAX 4000

/* Frames of the input's choice, sealed with the keys of a connection: authentic and perhaps
 * absurd. */
static void lie(struct session *s, struct rudp_conn *conn, int from)
{
	struct rudp_sent sent = {.sent_at_ns = s->now_ns, .expects = RUDP_EXPECTS_ACK};
	uint8_t frames[64];
	struct iovec in = {frames, 1u + session_next(s) % sizeof frames};
	struct flying f = {
		.to = !from, .from_addr = conn->path.local, .to_addr = conn->path.remote};
	uint64_t number = conn->reliability.next;

	for (size_t i = 0; i < in.iov_len; i++)
		frames[i] = session_next(s);
	if (!conn->has_keys || conn->state == RUDP_STATE_SYN_RCVD ||
	    !rudp_reliability_can_send(&conn->reliability) ||
	    rudp_keys_wake_to_send(&conn->keys) < 0)
		return;
	s->hostile = true;
	f.len = (number & 1 ? rudp_packet_write_short_data : rudp_packet_write_data)(
		f.data, conn->keys.send_phase, rudp_conn_dest_id(conn),
		number + rudp_conn_dest_offset(conn));
	f.len += rudp_keys_seal(&conn->keys, number, f.data, f.len, &in, 1, f.data + f.len);
	sent.size_bytes = (uint32_t)f.len;
	rudp_reliability_send(&conn->reliability, &sent);
	rudp_conn_charge(conn); /* as whatever else makes it send */
	session_deliver(s, &f);
}

static void garbage(struct session *s)
{
	struct flying f = {
		.to = session_next(s) & 1, .from_addr = s->addr[0], .to_addr = s->addr[1]};

	f.len = session_next(s);
	for (size_t i = 0; i < f.len; i++)
		f.data[i] = session_next(s);
	session_deliver(s, &f);
}

static void meddle(struct session *s)
{
	unsigned what = session_next(s);
	struct flying *f;
	unsigned index;

	if (s->flight_count == 0)
		return;
	index = session_next(s) % s->flight_count;
	switch (what % 8) {
	case 0:
		free(session_take(s, index));
		return;
	case 1: /* a copy now, the datagram later */
		session_deliver(s, s->flight[index]);
		return;
	case 2:
		f = s->flight[index];
		f->data[(size_t)(session_next(s) | session_next(s) << 8) % f->len] ^=
			(uint8_t)(1 + session_next(s) % 255);
		return;
	case 3:
		f = s->flight[index];
		f->len = 1 + (size_t)(session_next(s) | session_next(s) << 8) % f->len;
		return;
	case 4:
		rudp_addr_set_port(&s->flight[index]->from_addr,
				   (uint16_t)(1000 + session_next(s)));
		return;
	case 5:
		((uint8_t *)&s->flight[index]->from_addr.in4.sin_addr)[3] = session_next(s);
		return;
	default:
		f = session_take(s, index);
		session_deliver(s, f);
		free(f);
	}
}

static void rebind(struct session *s, int host, struct side *side)
{
	void *fresh = &s->handles[session_next(s) % sizeof s->handles];

	if (fresh == s->socket[!host])
		return;
	if (session_next(s) & 1)
		rudp_endpoint_socket_gone(s->ep[host], s->socket[host]);
	if (host == 0) {
		s->socket[0] = fresh;
		rudp_addr_set_port(&s->addr[0], (uint16_t)(2000 + session_next(s)));
	}
	rudp_conn_rebind(side->conn, s->socket[host], &s->addr[host], s->now_ns);
}

static void set_options(struct session *s, struct side *side)
{
	struct rudp_conn_options options = {
		.user_timeout_ns = session_next(s) * RUDP_NS_PER_S,
		.keepalive = session_next(s) & 1,
		.keepalive_idle_ns = session_next(s) * RUDP_NS_PER_S,
		.keepalive_interval_ns = session_next(s) * RUDP_NS_PER_S,
		.keepalive_probes = session_next(s),
	};

	rudp_conn_set_options(side->conn, &options);
}

static void call(struct session *s)
{
	uint8_t what = session_next(s);
	int host = what & 1;
	struct side *side = &s->side[host][(what >> 1) % SESSION_SLOTS];
	static const int errors[] = {ECONNREFUSED, EHOSTUNREACH};

	what = session_next(s);
	if (!side->conn)
		return;
	switch (what % 16) {
	case 0:
	case 1:
		session_write_side(s, host, side, session_next(s));
		return;
	case 2:
		session_write_side(s, host, side, (size_t)session_next(s) << 12);
		return;
	case 3:
	case 4:
		session_read_side(s, host, side, session_next(s));
		return;
	case 5:
		session_read_side(s, host, side, SIZE_MAX);
		return;
	case 6:
		rudp_conn_shutdown_send(side->conn, s->now_ns);
		side->shut = true;
		return;
	case 7:
		rudp_conn_shutdown_receive(side->conn);
		return;
	case 8:
		rudp_conn_reset(side->conn, session_next(s) % 5, s->now_ns);
		return;
	case 9:
		session_close_side(s, side);
		return;
	case 10:
		rudp_conn_on_icmp(side->conn, errors[session_next(s) % 2], s->now_ns);
		return;
	case 11:
		rebind(s, host, side);
		return;
	case 12:
		set_options(s, side);
		return;
	case 13:
		rudp_conn_set_cc(side->conn, session_next(s) & 1 ? "cubic" : "bbr", s->now_ns);
		return;
	case 14:
		rudp_conn_mark_urgent(side->conn);
		return;
	default: /* as after very many packets */
		if (side->conn->has_keys && side->conn->keys.sent_under_key > 0)
			side->conn->keys.sent_under_key = RUDP_KEY_PACKETS_DUE;
	}
}

/* As if a connection had: the next one may begin faster than it should. */
static void measure(struct session *s, int host)
{
	const struct rudp_cc_measured measured = {
		.bytes_per_s = (uint64_t)session_next(s) << 16,
		.min_rtt_ns = session_next(s) * RUDP_NS_PER_MS,
		.is_whole = true,
	};

	rudp_host_cache_note(&s->ep[host]->hosts, &s->addr[host], &s->addr[!host], &measured,
			     RUDP_KNOWN_DONE, s->now_ns);
}

static void step(struct session *s)
{
	uint8_t what = session_next(s);
	struct side *side;

	switch (what % 16) {
	case 0:
		session_open(s, what >> 4 & 1);
		break;
	case 1:
	case 2:
	case 3:
		meddle(s);
		break;
	case 4:
	case 5:
	case 6:
		session_deliver_all(s);
		break;
	case 7:
		session_advance(s, session_next(s) * 100 * RUDP_NS_PER_US);
		break;
	case 8:
	case 9:
		session_advance_to_deadline(s);
		break;
	case 10:
		garbage(s);
		break;
	case 11:
		side = &s->side[what >> 7][(what >> 4) % SESSION_SLOTS];
		if (side->conn)
			lie(s, side->conn, what >> 7);
		break;
	case 12:
		if (session_next(s) % 8 == 0)
			session_toggle_listener(s);
		else if (what >> 6 == 3)
			measure(s, what >> 4 & 1);
		else
			rudp_endpoint_set_resume(s->ep[what >> 4 & 1], what >> 5 & 1);
		break;
	default:
		call(s);
	}
}

static void after(struct session *s)
{
	session_events(s);
	session_transmit(s);
	session_check(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session *s = session_new(data, size);

	for (int i = 0; i < STEPS_MAX && s->left > 0; i++) {
		step(s);
		after(s);
	}
	session_wind_up(s);
	session_free(s);
	return 0;
}
