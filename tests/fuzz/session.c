/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <string.h>

#include "base/log.h"
#include "proto/checks.h"

#define PORT 7

static void print(void *context, enum rudp_log_level level, const char *text)
{
	(void)context, (void)level;
	fprintf(stderr, "%s\n", text);
}

uint8_t session_next(struct session *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->input++;
}

static void seeded_random(void *context, void *out, size_t len)
{
	struct session *s = context;

	for (size_t i = 0; i < len; i++) {
		s->prng = s->prng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		((uint8_t *)out)[i] = (uint8_t)(s->prng >> 56);
	}
}

static uint8_t pattern(int from, uint64_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) + (uint64_t)from * 77);
}

void session_check(const struct session *s)
{
	require(rudp_endpoint_check(s->ep[0]) && rudp_endpoint_check(s->ep[1]));
}

struct flying *session_take(struct session *s, unsigned index)
{
	struct flying *f = s->flight[index];

	s->flight_count--;
	memmove(s->flight + index, s->flight + index + 1,
		(s->flight_count - index) * sizeof *s->flight);
	return f;
}

static void fly(struct session *s, int from, const struct rudp_train *train)
{
	for (size_t at = 0; at < train->len; at += train->segment_bytes) {
		struct flying *f;

		if (s->flight_count == SESSION_FLIGHT_MAX)
			return;
		f = malloc(sizeof *f);
		require(f != NULL);
		f->to = !from;
		f->from_addr = train->local;
		f->to_addr = train->remote;
		f->len = train->len - at < train->segment_bytes ? train->len - at
								: train->segment_bytes;
		require(f->len <= sizeof f->data);
		memcpy(f->data, train->data + at, f->len);
		s->flight[s->flight_count++] = f;
	}
}

void session_transmit(struct session *s)
{
	struct rudp_train train = {.data = s->train, .cap = RUDP_TRAIN_BYTES_MAX};
	unsigned trains = 0;

	for (int host = 0; host < 2; host++)
		while (rudp_endpoint_transmit(s->ep[host], &train, s->now_ns)) {
			require(train.len > 0 && train.count > 0 && train.socket);
			require(trains++ < 10000);
			fly(s, host, &train);
		}
}

void session_deliver(struct session *s, const struct flying *f)
{
	uint8_t *exact = malloc(f->len ? f->len : 1); /* of exact size, for the sanitizer */
	struct rudp_datagram in = {
		.socket = s->socket[f->to],
		.local = f->to == 0 ? s->addr[0] : f->to_addr,
		.remote = f->from_addr,
		.data = exact,
		.len = f->len,
		.ecn = f->len % 4,
	};

	require(exact != NULL);
	memcpy(exact, f->data, f->len);
	if (f->to == 1)
		in.local = s->addr[1];
	rudp_endpoint_on_datagram(s->ep[f->to], &in, s->now_ns);
	free(exact);
}

static void accept_all(struct session *s)
{
	struct rudp_conn *conn;

	while (s->listener && (conn = rudp_listener_accept(s->listener))) {
		int slot = 0;

		while (slot < SESSION_SLOTS && s->side[1][slot].conn)
			slot++;
		if (slot == SESSION_SLOTS) {
			rudp_conn_close(conn, s->now_ns);
			continue;
		}
		s->side[1][slot] = (struct side){.conn = conn};
		rudp_conn_set_user(conn, &s->side[1][slot]);
		for (int i = 0; i < SESSION_SLOTS; i++) {
			struct side *other = &s->side[0][i];

			if (other->conn && !other->twin && other->conn->id == conn->peer_id) {
				other->twin = &s->side[1][slot];
				s->side[1][slot].twin = other;
			}
		}
	}
}

void session_close_side(struct session *s, struct side *side)
{
	if (!side->conn)
		return;
	rudp_conn_close(side->conn, s->now_ns);
	if (side->twin)
		side->twin->twin = NULL;
	*side = (struct side){0};
}

void session_read_side(struct session *s, int host, struct side *side, size_t max)
{
	struct iovec iov[2];

	while (max > 0 && rudp_conn_receive_readable(side->conn, iov) > 0) {
		size_t len = iov[0].iov_len < max ? iov[0].iov_len : max;

		for (size_t k = 0; k < len; k++)
			require(s->hostile ||
				((uint8_t *)iov[0].iov_base)[k] == pattern(!host, side->read + k));
		side->read += len;
		max -= len;
		rudp_conn_receive_consume(side->conn, len, s->now_ns);
	}
	if (rudp_conn_receive_eof(side->conn) && side->twin && !s->hostile)
		require(side->twin->shut);
}

void session_write_side(struct session *s, int host, struct side *side, size_t want)
{
	struct iovec iov[2];
	int count = rudp_conn_send_reserve(side->conn, want, iov);
	size_t done = 0;

	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < iov[i].iov_len; k++, done++)
			((uint8_t *)iov[i].iov_base)[k] = pattern(host, side->written + done);
	require(done <= want);
	rudp_conn_send_commit(side->conn, done, s->now_ns);
	side->written += done;
}

void session_events(struct session *s)
{
	struct rudp_conn *conn;

	for (int host = 0; host < 2; host++)
		while ((conn = rudp_endpoint_next_event(s->ep[host])))
			if (rudp_conn_take_events(conn) & RUDP_EVENT_DEAD && conn->user)
				session_close_side(s, conn->user);
	accept_all(s);
}

void session_open(struct session *s, bool early)
{
	const struct rudp_conn_options options = {.early = early};
	int error;

	for (int i = 0; i < SESSION_SLOTS; i++) {
		struct side *side = &s->side[0][i];

		if (side->conn)
			continue;
		side->conn = rudp_endpoint_connect(s->ep[0], s->socket[0], &s->addr[0], &s->addr[1],
						   PORT, &options, s->now_ns, &error);
		require(side->conn != NULL);
		rudp_conn_set_user(side->conn, side);
		if (early)
			session_write_side(s, 0, side, 1500);
		return;
	}
}

void session_advance(struct session *s, int64_t ns)
{
	s->now_ns += ns;
	rudp_endpoint_on_time(s->ep[0], s->now_ns);
	rudp_endpoint_on_time(s->ep[1], s->now_ns);
}

void session_advance_to_deadline(struct session *s)
{
	int64_t at = rudp_time_min(rudp_endpoint_deadline_ns(s->ep[0]),
				   rudp_endpoint_deadline_ns(s->ep[1]));

	at = rudp_time_min(at, s->now_ns + 60 * RUDP_NS_PER_S);
	session_advance(s, at > s->now_ns ? at - s->now_ns : 0);
}

void session_toggle_listener(struct session *s)
{
	if (s->listener) {
		rudp_listener_close(s->listener, s->now_ns);
		s->listener = NULL;
	} else {
		s->listener = rudp_endpoint_listen(s->ep[1], s->socket[1], PORT,
						   session_next(s) % 4, s, NULL);
		require(s->listener != NULL);
		rudp_listener_set_early(s->listener, 2);
	}
}

void session_deliver_all(struct session *s)
{
	for (unsigned n = s->flight_count; n > 0; n--) {
		struct flying *f = session_take(s, 0);

		session_deliver(s, f);
		free(f);
	}
}

static bool tell(void *context, struct rudp_conn *conn)
{
	struct rudp_conn_stats stats;

	(void)context;
	rudp_conn_stats(conn, &stats);
	fprintf(stderr,
		"%016llx left in %s: %llu unacked, %llu unsent, window %llu, %llu in flight, "
		"%u outstanding, path %s\n",
		(unsigned long long)conn->id, rudp_state_name(stats.state),
		(unsigned long long)stats.unacked_bytes, (unsigned long long)stats.unsent_bytes,
		(unsigned long long)stats.window_send_bytes,
		(unsigned long long)stats.inflight_bytes, (unsigned)conn->reliability.outstanding,
		!conn->path.socket     ? "gone"
		: conn->path.validated ? "proven"
				       : "not proven");
	return true;
}

void session_wind_up(struct session *s)
{
	int64_t end = s->now_ns + 2000 * RUDP_NS_PER_S;

	for (int i = 0; i < 2 * SESSION_SLOTS; i++)
		session_close_side(s, &s->side[i % 2][i / 2]);
	if (s->listener)
		rudp_listener_close(s->listener, s->now_ns);
	s->listener = NULL;
	session_transmit(s);
	while (s->now_ns < end &&
	       (rudp_endpoint_conn_count(s->ep[0]) > 0 || rudp_endpoint_conn_count(s->ep[1]) > 0)) {
		if (s->flight_count > 0)
			session_advance(s, 10 * RUDP_NS_PER_MS);
		else
			session_advance_to_deadline(s);
		session_deliver_all(s);
		session_transmit(s);
		session_check(s);
	}
	if (s->hostile)
		return;
	rudp_endpoint_visit(s->ep[0], tell, NULL);
	rudp_endpoint_visit(s->ep[1], tell, NULL);
	require(rudp_endpoint_conn_count(s->ep[0]) + rudp_endpoint_conn_count(s->ep[1]) == 0);
}

static uint32_t interface_of(void *context, void *socket, const struct rudp_addr *remote)
{
	(void)context, (void)socket, (void)remote;
	return SESSION_DATAGRAM_MAX;
}

static struct rudp_endpoint *endpoint(struct session *s, uint8_t flags)
{
	struct rudp_endpoint_config config = {
		.random = seeded_random,
		.random_context = s,
		.datagram_max = interface_of,
		.has_psk = flags & 1,
		.suite = flags & 2 ? RUDP_SUITE_AES_256_GCM : RUDP_SUITE_CHACHA20_POLY1305,
		.cc = flags & 4 ? &rudp_cc_cubic : &rudp_cc_bbr,
		.receive_buffer_max_bytes = flags & 8 ? 4096 : 1 << 20,
		.send_buffer_max_bytes = flags & 16 ? 4096 : 1 << 20,
		.half_open_cookie_count = flags & 32 ? 1 : 0,
		.half_open_max = flags & 64 ? 2 : 0,
	};

	return rudp_endpoint_new(&config, s->now_ns);
}

struct session *session_new(const uint8_t *input, size_t len)
{
	struct session *s = calloc(1, sizeof *s);

	require(s != NULL);
	if (getenv("RUDP_LOG"))
		rudp_log_set(print, NULL, RUDP_LOG_DEBUG);
	s->input = input;
	s->left = len;
	s->now_ns = RUDP_NS_PER_S;
	s->prng = session_next(s);
	rudp_addr_parse(&s->addr[0], "10.0.0.1:4000");
	rudp_addr_parse(&s->addr[1], "10.0.0.2:7");
	s->socket[0] = &s->handles[0];
	s->socket[1] = &s->handles[1];
	s->train = malloc(RUDP_TRAIN_BYTES_MAX);
	s->ep[0] = endpoint(s, session_next(s));
	s->ep[1] = endpoint(s, session_next(s));
	require(s->train && s->ep[0] && s->ep[1]);
	session_toggle_listener(s);
	return s;
}

void session_free(struct session *s)
{
	while (s->flight_count > 0)
		free(session_take(s, 0));
	rudp_endpoint_free(s->ep[0]);
	rudp_endpoint_free(s->ep[1]);
	free(s->train);
	free(s);
}
