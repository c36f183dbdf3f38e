/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/checks.h"
#include "proto/conn/conn_ids.h"

static void seeded_random(void *context, void *out, size_t len)
{
	struct pair *pair = context;
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++) {
		pair->prng = pair->prng * UINT64_C(6364136223846793005) + 1442695040888963407u;
		bytes[i] = (uint8_t)(pair->prng >> 56);
	}
}

static uint32_t interface_of(void *context, void *socket, const struct rudp_addr *remote)
{
	const struct pair *pair = context;

	(void)socket;
	(void)remote;
	return pair->interface_bytes;
}

static struct rudp_endpoint *endpoint(struct pair *pair, uint8_t psk,
				      const struct rudp_observer *observer)
{
	struct rudp_endpoint_config config = {.random = seeded_random,
					      .random_context = pair,
					      .has_psk = psk != 0,
					      .datagram_max = interface_of,
					      .datagram_max_context = pair,
					      .observer = observer};

	memset(config.psk, psk, sizeof config.psk);
	return rudp_endpoint_new(&config, pair->now_ns);
}

static void init(struct pair *pair, uint8_t client_psk, uint8_t server_psk,
		 const struct rudp_observer *observer)
{
	pair->prng = 42;
	rudp_addr_parse(&pair->addr[0], "10.0.0.1:40000");
	rudp_addr_parse(&pair->addr[1], "10.0.0.2:8080");
	pair->ep[0] = endpoint(pair, client_psk, observer);
	pair->ep[1] = endpoint(pair, server_psk, observer);
	pair->listener =
		rudp_endpoint_listen(pair->ep[1], &pair->addr[1], PAIR_PORT, 16, pair, NULL);
	pair->train = malloc(RUDP_TRAIN_BYTES_MAX);
	cr_assert(all(ne(ptr, pair->ep[0], NULL), ne(ptr, pair->ep[1], NULL),
		      ne(ptr, pair->listener, NULL), ne(ptr, pair->train, NULL)));
}

void pair_init(struct pair *pair, uint8_t client_psk, uint8_t server_psk)
{
	memset(pair, 0, sizeof *pair);
	pair->now_ns = RUDP_NS_PER_S;
	init(pair, client_psk, server_psk, NULL);
}

void pair_init_observed(struct pair *pair, const struct rudp_observer *observer)
{
	init(pair, 0, 0, observer);
}

void pair_fini(struct pair *pair)
{
	struct pair_datagram *datagram;

	while ((datagram = pair_take(pair)))
		free(datagram);
	rudp_endpoint_free(pair->ep[0]);
	rudp_endpoint_free(pair->ep[1]);
	free(pair->train);
}

void pair_connect(struct pair *pair, uint16_t port)
{
	int error;

	pair->conn[0] = rudp_endpoint_connect(pair->ep[0], &pair->addr[0], &pair->addr[0],
					      &pair->addr[1], port, NULL, pair->now_ns, &error);
	cr_assert(ne(ptr, pair->conn[0], NULL));
	rudp_conn_set_user(pair->conn[0], pair);
	pair_collect(pair);
}

static void put(struct pair *pair, int from, const struct rudp_train *train)
{
	for (size_t at = 0; at < train->len; at += train->segment_bytes) {
		size_t left = train->len - at;
		size_t len = left < train->segment_bytes ? left : train->segment_bytes;
		struct pair_datagram *datagram;

		if (pair->path_bytes && len > pair->path_bytes)
			continue;
		datagram = malloc(sizeof *datagram);
		cr_assert(all(ne(ptr, datagram, NULL), lt(uint, pair->wire_count, PAIR_WIRE_MAX)));
		datagram->to = !from;
		datagram->from_addr = train->local;
		datagram->to_addr = train->remote;
		datagram->ecn = train->tos & 3;
		datagram->len = len;
		cr_assert(le(sz, datagram->len, sizeof datagram->data));
		memcpy(datagram->data, train->data + at, datagram->len);
		pair->wire[pair->wire_count++] = datagram;
	}
}

void pair_collect(struct pair *pair)
{
	struct rudp_train train = {.data = pair->train, .cap = RUDP_TRAIN_BYTES_MAX};

	for (int side = 0; side < 2; side++)
		while (rudp_endpoint_transmit(pair->ep[side], &train, pair->now_ns))
			put(pair, side, &train);
}

struct pair_datagram *pair_take(struct pair *pair)
{
	struct pair_datagram *first;

	if (pair->wire_count == 0)
		return NULL;
	first = pair->wire[0];
	pair->wire_count--;
	memmove(pair->wire, pair->wire + 1, pair->wire_count * sizeof *pair->wire);
	return first;
}

enum rudp_verdict pair_deliver(struct pair *pair, const struct pair_datagram *datagram)
{
	uint8_t copy[sizeof datagram->data];
	struct rudp_datagram in = {
		.socket = &pair->addr[datagram->to],
		.local = datagram->to_addr,
		.remote = datagram->from_addr,
		.data = copy,
		.len = datagram->len,
		.ecn = datagram->ecn,
	};
	enum rudp_verdict verdict;

	memcpy(copy, datagram->data, datagram->len);
	verdict = rudp_endpoint_on_datagram(pair->ep[datagram->to], &in, pair->now_ns);
	cr_assert(all(rudp_endpoint_check(pair->ep[0]), rudp_endpoint_check(pair->ep[1])));
	return verdict;
}

enum rudp_verdict pair_say(struct pair *pair, int side, uint64_t number, const void *frames,
			   size_t len)
{
	struct rudp_conn *conn = pair->conn[side];
	const struct iovec in = {(void *)(uintptr_t)frames, len};
	uint8_t bytes[RUDP_DATAGRAM_BASE_BYTES];
	size_t header =
		rudp_packet_write_data(bytes, conn->keys.send_phase, rudp_conn_dest_id(conn),
				       number + rudp_conn_dest_offset(conn));
	struct rudp_datagram datagram = {
		.socket = &pair->addr[!side],
		.local = pair->addr[!side],
		.remote = pair->addr[side],
		.data = bytes,
	};

	cr_assert(le(sz, rudp_packet_data_overhead_bytes(false) + len, sizeof bytes));
	cr_assert(zero(int, rudp_keys_wake_to_send(&conn->keys)));
	datagram.len =
		header + rudp_keys_seal(&conn->keys, number, bytes, header, &in, 1, bytes + header);
	return rudp_endpoint_on_datagram(pair->ep[!side], &datagram, pair->now_ns);
}

void pair_settle(struct pair *pair)
{
	struct pair_datagram *datagram;

	pair_collect(pair);
	while ((datagram = pair_take(pair))) {
		pair_deliver(pair, datagram);
		free(datagram);
		pair_collect(pair);
	}
}

void pair_travel(struct pair *pair, int64_t ns)
{
	unsigned count = pair->wire_count;

	pair->now_ns += ns;
	for (int side = 0; side < 2; side++)
		rudp_endpoint_on_time(pair->ep[side], pair->now_ns);
	for (unsigned i = 0; i < count; i++) {
		struct pair_datagram *datagram = pair_take(pair);

		pair_deliver(pair, datagram);
		free(datagram);
	}
	pair_collect(pair);
}

void pair_run(struct pair *pair, int64_t ns)
{
	int64_t end = pair->now_ns + ns;

	pair_settle(pair);
	while (pair->now_ns < end) {
		int64_t next = rudp_time_min(rudp_endpoint_deadline_ns(pair->ep[0]),
					     rudp_endpoint_deadline_ns(pair->ep[1]));

		next = rudp_time_max(next, pair->now_ns + RUDP_TIMER_TICK_NS);
		pair->now_ns = rudp_time_min(next, end);
		rudp_endpoint_on_time(pair->ep[0], pair->now_ns);
		rudp_endpoint_on_time(pair->ep[1], pair->now_ns);
		pair_settle(pair);
	}
}

void pair_establish(struct pair *pair)
{
	pair_connect(pair, PAIR_PORT);
	pair_settle(pair);
	pair->conn[1] = rudp_listener_accept(pair->listener);
	cr_assert(ne(ptr, pair->conn[1], NULL));
	rudp_conn_set_user(pair->conn[1], pair);
	pair_events(pair, 0);
	pair_events(pair, 1);
}

unsigned pair_events(struct pair *pair, int side)
{
	struct rudp_conn *conn;
	unsigned events = 0;

	while ((conn = rudp_endpoint_next_event(pair->ep[side]))) {
		unsigned taken = rudp_conn_take_events(conn);

		if (conn == pair->conn[side])
			events |= taken;
	}
	return events;
}

void pair_deliver_as(struct pair *pair, struct pair_datagram *datagram, enum rudp_verdict verdict)
{
	cr_assert(ne(ptr, datagram, NULL));
	cr_assert(eq(int, pair_deliver(pair, datagram), verdict));
	free(datagram);
}

uint64_t pair_verdicts(const struct pair *pair, int side, enum rudp_verdict verdict)
{
	return rudp_endpoint_verdicts(pair->ep[side])->count[verdict];
}

void pair_part(struct pair *pair)
{
	rudp_conn_close(pair->conn[0], pair->now_ns);
	pair_settle(pair);
	rudp_conn_close(pair->conn[1], pair->now_ns);
	pair_run(pair, 5 * RUDP_NS_PER_S);
	cr_assert(zero(uint, rudp_endpoint_conn_count(pair->ep[0]) +
				     rudp_endpoint_conn_count(pair->ep[1])));
}

void pair_drop(struct pair *pair)
{
	while (pair->wire_count)
		free(pair_take(pair));
}

void pair_wait(struct pair *pair, int64_t ns)
{
	pair->now_ns += ns + RUDP_TIMER_TICK_NS;
	for (int side = 0; side < 2; side++)
		rudp_endpoint_on_time(pair->ep[side], pair->now_ns);
	pair_collect(pair);
}

struct rudp_conn_stats pair_stats(const struct pair *pair, int side)
{
	struct rudp_conn_stats stats;

	rudp_conn_stats(pair->conn[side], &stats);
	return stats;
}

size_t pair_read(struct pair *pair, int side, char *out, size_t cap)
{
	struct iovec iov[2];
	size_t done = 0;

	while (done < cap && rudp_conn_receive_readable(pair->conn[side], iov) > 0) {
		size_t n = iov[0].iov_len < cap - done ? iov[0].iov_len : cap - done;

		memcpy(out + done, iov[0].iov_base, n);
		rudp_conn_receive_consume(pair->conn[side], n, pair->now_ns);
		done += n;
	}
	return done;
}
