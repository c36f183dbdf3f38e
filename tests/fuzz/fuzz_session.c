/* SPDX-License-Identifier: MIT */
/*
 * Two endpoints in virtual time. The input decides what becomes of each datagram (dropped, copied, late,
 * damaged, cut, from another address), what both programs call, and which frames a hostile peer with the
 * keys sends. After every step the invariants are looked at; streams are compared; in the end everybody
 * closes, the path turns perfect, nothing may stay behind.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proto/conn_private.h"
#include "proto/endpoint_private.h"

#define SLOTS 6
#define FLIGHT_MAX 512
#define STEPS_MAX 4000
#define DATAGRAM_MAX 1400
#define PORT 7

struct flying {
	int to;
	struct rudp_addr from_addr, to_addr;
	size_t len;
	uint8_t data[DATAGRAM_MAX];
};

struct side {
	struct rudp_conn *conn;
	uint64_t written, read;
	bool shut;
	struct side *twin; /* whose bytes we read; NULL: not known */
};

struct session {
	const uint8_t *input;
	size_t left;
	uint64_t prng;
	int64_t now_ns;
	struct rudp_endpoint *ep[2];
	struct rudp_addr addr[2];
	void *socket[2];
	char handles[8];
	struct rudp_listener *listener;
	struct side side[2][SLOTS];
	struct flying *flight[FLIGHT_MAX];
	unsigned flight_count;
	bool hostile; /* somebody who has the keys has lied: only soundness can be asked for */
	uint8_t *train;
};
#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void print(void *context, enum rudp_log_level level, const char *text)
{
	(void)context, (void)level;
	fprintf(stderr, "%s\n", text);
}

static uint8_t next(struct session *s)
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

static void check(const struct session *s)
{
	require(rudp_endpoint_check(s->ep[0]) && rudp_endpoint_check(s->ep[1]));
}

/* What may be delivered: pop from any place. */
static struct flying *take(struct session *s, unsigned index)
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

		if (s->flight_count == FLIGHT_MAX)
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

static void transmit(struct session *s)
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

static void deliver(struct session *s, const struct flying *f)
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

		while (slot < SLOTS && s->side[1][slot].conn)
			slot++;
		if (slot == SLOTS) {
			rudp_conn_close(conn, s->now_ns);
			continue;
		}
		s->side[1][slot] = (struct side){.conn = conn};
		rudp_conn_set_user(conn, &s->side[1][slot]);
		for (int i = 0; i < SLOTS; i++) {
			struct side *other = &s->side[0][i];

			if (other->conn && !other->twin && other->conn->id == conn->peer_id) {
				other->twin = &s->side[1][slot];
				s->side[1][slot].twin = other;
			}
		}
	}
}

static void close_side(struct session *s, struct side *side)
{
	if (!side->conn)
		return;
	rudp_conn_close(side->conn, s->now_ns);
	if (side->twin)
		side->twin->twin = NULL;
	*side = (struct side){0};
}

static void read_side(struct session *s, int host, struct side *side, size_t max)
{
	struct iovec iov[2];
	int count = rudp_conn_receive_readable(side->conn, iov);
	size_t done = 0;

	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < iov[i].iov_len && done < max; k++, done++)
			require(s->hostile || ((uint8_t *)iov[i].iov_base)[k] ==
						      pattern(!host, side->read + done));
	side->read += done;
	rudp_conn_receive_consume(side->conn, done, s->now_ns);
	if (rudp_conn_receive_eof(side->conn) && side->twin && !s->hostile)
		require(side->twin->shut);
}

static void write_side(struct session *s, int host, struct side *side, size_t want)
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

static void events(struct session *s)
{
	struct rudp_conn *conn;

	for (int host = 0; host < 2; host++)
		while ((conn = rudp_endpoint_next_event(s->ep[host])))
			if (rudp_conn_take_events(conn) & RUDP_EVENT_DEAD && conn->user)
				close_side(s, conn->user);
	accept_all(s);
}

static void open_one(struct session *s, bool early)
{
	const struct rudp_conn_options options = {.early = early};
	int error;

	for (int i = 0; i < SLOTS; i++) {
		struct side *side = &s->side[0][i];

		if (side->conn)
			continue;
		side->conn = rudp_endpoint_connect(s->ep[0], s->socket[0], &s->addr[0], &s->addr[1],
						   PORT, &options, s->now_ns, &error);
		require(side->conn != NULL);
		rudp_conn_set_user(side->conn, side);
		if (early)
			write_side(s, 0, side, 1500);
		return;
	}
}

static void advance(struct session *s, int64_t ns)
{
	s->now_ns += ns;
	rudp_endpoint_on_time(s->ep[0], s->now_ns);
	rudp_endpoint_on_time(s->ep[1], s->now_ns);
}

/* To the next deadline, at most a minute. */
static void advance_to_deadline(struct session *s)
{
	int64_t at = rudp_time_min(rudp_endpoint_deadline_ns(s->ep[0]),
				   rudp_endpoint_deadline_ns(s->ep[1]));

	at = rudp_time_min(at, s->now_ns + 60 * RUDP_NS_PER_S);
	advance(s, at > s->now_ns ? at - s->now_ns : 0);
}

/* Frames of the input's choice, sealed with the keys of a connection: authentic and perhaps absurd. */
static void lie(struct session *s, struct rudp_conn *conn, int from)
{
	struct rudp_sent sent = {.sent_at_ns = s->now_ns, .expects = RUDP_EXPECTS_ACK};
	uint8_t frames[64];
	struct iovec in = {frames, 1u + next(s) % sizeof frames};
	struct flying f = {.to = !from, .from_addr = conn->path.local, .to_addr = conn->path.remote};
	uint64_t number = conn->reliability.next;

	for (size_t i = 0; i < in.iov_len; i++)
		frames[i] = next(s);
	if (!conn->has_keys || conn->state == RUDP_STATE_SYN_RCVD ||
	    !rudp_reliability_can_send(&conn->reliability) || rudp_keys_wake(&conn->keys) < 0)
		return;
	s->hostile = true;
	f.len = rudp_packet_write_data(f.data, conn->keys.send_phase, conn->peer_id, number);
	f.len += rudp_keys_seal(&conn->keys, number, f.data, f.len, &in, 1, f.data + f.len);
	sent.size_bytes = (uint32_t)f.len;
	rudp_reliability_send(&conn->reliability, &sent);
	deliver(s, &f);
}

static void garbage(struct session *s)
{
	struct flying f = {.to = next(s) & 1, .from_addr = s->addr[0], .to_addr = s->addr[1]};

	f.len = next(s);
	for (size_t i = 0; i < f.len; i++)
		f.data[i] = next(s);
	deliver(s, &f);
}

static void meddle(struct session *s)
{
	unsigned what = next(s);
	struct flying *f;
	unsigned index;

	if (s->flight_count == 0)
		return;
	index = next(s) % s->flight_count;
	switch (what % 8) {
	case 0:
		free(take(s, index));
		return;
	case 1: /* a copy now, the datagram later */
		deliver(s, s->flight[index]);
		return;
	case 2:
		f = s->flight[index];
		f->data[(size_t)(next(s) | next(s) << 8) % f->len] ^= (uint8_t)(1 + next(s) % 255);
		return;
	case 3:
		f = s->flight[index];
		f->len = 1 + (size_t)(next(s) | next(s) << 8) % f->len;
		return;
	case 4:
		rudp_addr_set_port(&s->flight[index]->from_addr, (uint16_t)(1000 + next(s)));
		return;
	case 5:
		((uint8_t *)&s->flight[index]->from_addr.in4.sin_addr)[3] = next(s);
		return;
	default:
		f = take(s, index);
		deliver(s, f);
		free(f);
	}
}

static void rebind(struct session *s, int host, struct side *side)
{
	void *fresh = &s->handles[next(s) % sizeof s->handles];

	if (fresh == s->socket[!host])
		return;
	if (next(s) & 1)
		rudp_endpoint_socket_gone(s->ep[host], s->socket[host]);
	if (host == 0) {
		s->socket[0] = fresh;
		rudp_addr_set_port(&s->addr[0], (uint16_t)(2000 + next(s)));
	}
	rudp_conn_rebind(side->conn, s->socket[host], &s->addr[host], s->now_ns);
}

static void set_options(struct session *s, struct side *side)
{
	struct rudp_conn_options options = {
		.user_timeout_ns = next(s) * RUDP_NS_PER_S,
		.keepalive = next(s) & 1,
		.keepalive_idle_ns = next(s) * RUDP_NS_PER_S,
		.keepalive_interval_ns = next(s) * RUDP_NS_PER_S,
		.keepalive_probes = next(s),
	};

	rudp_conn_set_options(side->conn, &options, s->now_ns);
}

static void call(struct session *s)
{
	uint8_t what = next(s);
	int host = what & 1;
	struct side *side = &s->side[host][(what >> 1) % SLOTS];
	static const int errors[] = {ECONNREFUSED, EHOSTUNREACH};

	what = next(s);
	if (!side->conn)
		return;
	switch (what % 16) {
	case 0:
	case 1:
		write_side(s, host, side, next(s));
		return;
	case 2:
		write_side(s, host, side, (size_t)next(s) << 12);
		return;
	case 3:
	case 4:
		read_side(s, host, side, next(s));
		return;
	case 5:
		read_side(s, host, side, SIZE_MAX);
		return;
	case 6:
		rudp_conn_shutdown_send(side->conn, s->now_ns);
		side->shut = true;
		return;
	case 7:
		rudp_conn_shutdown_receive(side->conn, s->now_ns);
		return;
	case 8:
		rudp_conn_reset(side->conn, next(s) % 5, s->now_ns);
		return;
	case 9:
		close_side(s, side);
		return;
	case 10:
		rudp_conn_on_icmp(side->conn, errors[next(s) % 2], s->now_ns);
		return;
	case 11:
		rebind(s, host, side);
		return;
	case 12:
		set_options(s, side);
		return;
	case 13:
		rudp_conn_set_cc(side->conn, next(s) & 1 ? "cubic" : "bbr", s->now_ns);
		return;
	case 14:
		rudp_conn_mark_urgent(side->conn, s->now_ns);
		return;
	default: /* as after very many packets */
		if (side->conn->has_keys && side->conn->keys.sent_under_key > 0)
			side->conn->keys.sent_under_key = RUDP_KEY_PACKETS_MAX;
	}
}

static void listener(struct session *s)
{
	if (s->listener) {
		rudp_listener_close(s->listener, s->now_ns);
		s->listener = NULL;
	} else {
		s->listener = rudp_endpoint_listen(s->ep[1], s->socket[1], PORT, next(s) % 4, s,
						   NULL);
		require(s->listener != NULL);
		rudp_listener_set_early(s->listener, 2);
	}
}

static void deliver_all(struct session *s)
{
	for (unsigned n = s->flight_count; n > 0; n--) {
		struct flying *f = take(s, 0);

		deliver(s, f);
		free(f);
	}
}

static void step(struct session *s)
{
	uint8_t what = next(s);
	struct side *side;

	switch (what % 16) {
	case 0:
		open_one(s, what >> 4 & 1);
		break;
	case 1: case 2: case 3:
		meddle(s);
		break;
	case 4: case 5: case 6:
		deliver_all(s);
		break;
	case 7:
		advance(s, next(s) * 100 * RUDP_NS_PER_US);
		break;
	case 8: case 9:
		advance_to_deadline(s);
		break;
	case 10:
		garbage(s);
		break;
	case 11:
		side = &s->side[what >> 7][(what >> 4) % SLOTS];
		if (side->conn)
			lie(s, side->conn, what >> 7);
		break;
	case 12:
		if (next(s) % 8 == 0)
			listener(s);
		else
			rudp_endpoint_set_resume(s->ep[what >> 4 & 1], what >> 5 & 1);
		break;
	default:
		call(s);
	}
}

static void after(struct session *s)
{
	events(s);
	transmit(s);
	check(s);
}

static bool tell(void *context, struct rudp_conn *conn)
{
	struct rudp_conn_stats stats;

	(void)context;
	rudp_conn_stats(conn, &stats);
	fprintf(stderr,
		"%016llx left in %s: %llu unacked, %llu unsent, window %llu, %llu in flight, "
		"%u outstanding, path %s\n",
		(unsigned long long)stats.id, rudp_state_name(stats.state),
		(unsigned long long)stats.unacked_bytes, (unsigned long long)stats.unsent_bytes,
		(unsigned long long)stats.window_send_bytes,
		(unsigned long long)stats.inflight_bytes, (unsigned)conn->reliability.outstanding,
		!conn->path.socket ? "gone" : conn->path.validated ? "proven" : "not proven");
	return true;
}

/* Everybody closes, the path turns perfect: nothing may stay. */
static void wind_up(struct session *s)
{
	int64_t end = s->now_ns + 2000 * RUDP_NS_PER_S;

	for (int i = 0; i < 2 * SLOTS; i++)
		close_side(s, &s->side[i % 2][i / 2]);
	if (s->listener)
		rudp_listener_close(s->listener, s->now_ns);
	s->listener = NULL;
	transmit(s);
	while (s->now_ns < end && (rudp_endpoint_conn_count(s->ep[0]) > 0 ||
				   rudp_endpoint_conn_count(s->ep[1]) > 0)) {
		if (s->flight_count > 0)
			advance(s, 10 * RUDP_NS_PER_MS);
		else
			advance_to_deadline(s);
		deliver_all(s);
		transmit(s);
		check(s);
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
	return DATAGRAM_MAX;
}

static struct rudp_endpoint *endpoint(struct session *s, uint8_t flags)
{
	struct rudp_endpoint_config config = {
		.random = seeded_random,
		.random_context = s,
		.datagram_max = interface_of,
		.has_psk = flags & 1,
		.suite = flags & 2 ? RUDP_SUITE_NNPSK0_AES_256_GCM : RUDP_SUITE_NNPSK0_CHACHA20_POLY1305,
		.cc = flags & 4 ? &rudp_cc_cubic : &rudp_cc_bbr,
		.receive_buffer_max_bytes = flags & 8 ? 4096 : 1 << 20,
		.send_buffer_max_bytes = flags & 16 ? 4096 : 1 << 20,
		.half_open_cookie_count = flags & 32 ? 1 : 0,
		.half_open_max = flags & 64 ? 2 : 0,
	};

	return rudp_endpoint_new(&config, s->now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session *s = calloc(1, sizeof *s);

	require(s != NULL);
	if (getenv("RUDP_LOG"))
		rudp_log_set(print, NULL, RUDP_LOG_DEBUG);
	s->input = data;
	s->left = size;
	s->now_ns = RUDP_NS_PER_S;
	s->prng = next(s);
	rudp_addr_parse(&s->addr[0], "10.0.0.1:4000");
	rudp_addr_parse(&s->addr[1], "10.0.0.2:7");
	s->socket[0] = &s->handles[0];
	s->socket[1] = &s->handles[1];
	s->train = malloc(RUDP_TRAIN_BYTES_MAX);
	s->ep[0] = endpoint(s, next(s));
	s->ep[1] = endpoint(s, next(s));
	require(s->train && s->ep[0] && s->ep[1]);
	listener(s);
	for (int i = 0; i < STEPS_MAX && s->left > 0; i++) {
		step(s);
		after(s);
	}
	wind_up(s);
	while (s->flight_count > 0)
		free(take(s, 0));
	rudp_endpoint_free(s->ep[0]);
	rudp_endpoint_free(s->ep[1]);
	free(s->train);
	free(s);
	return 0;
}
