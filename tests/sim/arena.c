/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lies.h"
#include "link.h"
#include "pattern.h"
#include "proto/checks.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/conn_keys.h"

#define MS RUDP_NS_PER_MS
#define S RUDP_NS_PER_S

#define PORT 443
#define SERVER 0
#define HONEST 1
#define HOSTILE 2
#define HOSTS 3

#define DOWNLOADS 2
#define UPLOADS 1
#define HONEST_CONNS (DOWNLOADS + UPLOADS)
#define CONNS_MAX 16 /* of the server, including closing ones */

#define UNIT_NS 10 /* work.h */
#define PACKET_NS (2 * RUDP_NS_PER_US)
#define INBOX_MAX 512 /* datagrams in the server's socket */

#define LIE_EVERY_NS (MS / 2)      /* of one hostile connection */
#define SIEGE_EVERY_NS (MS / 10)   /* likewise, when all of them use only the most expensive lies */
#define CHANGE_EVERY_NS (300 * MS) /* between two kinds of lies */
#define REOPEN_NS (100 * MS)
#define HOSTILE_DELAY_NS (5 * MS)
#define BUFFER_BYTES (1u << 20)
#define SCARCE_BYTES (8u << 20)
#define PLENTY_BYTES (64u << 20)
#define CHECK_EVERY 64 /* steps */
#define COSTLY 0.5     /* share of the most expensive lies */

static const struct link_config honest_link = {
	.delay_ns = 10 * MS, .rate_bits_per_s = 40e6, .queue_bytes = 100000};
static const struct link_config hostile_link = {
	.delay_ns = HOSTILE_DELAY_NS, .rate_bits_per_s = 10e6, .queue_bytes = 25000};

/* An honest connection. */
struct honest {
	struct rudp_conn *conn[2]; /* by host */
	uint64_t written, read;
};

struct enemy {
	struct rudp_conn *conn; /* NULL: none */
	struct liar liar;
	struct rudp_keys keys; /* PHASES: its own key chain, unknown to its endpoint */
	bool has_keys;
	enum lie lie;
	int64_t change_at_ns, next_at_ns;
};

struct arena {
	struct arena_result *result;
	struct prng prng;
	bool attacked, is_siege;
	uint64_t memory_max_bytes;
	int64_t now_ns, busy_until_ns;
	struct rudp_endpoint *ep[HOSTS];
	struct rudp_addr addr[HOSTS];
	struct rudp_listener *listener;
	struct link
		link[HOSTS]; /* from the server to each client; [SERVER]: from the honest client */
	struct flight flight;
	struct flying *inbox[INBOX_MAX]; /* of the server */
	unsigned inbox_count;
	struct honest honest[HONEST_CONNS];
	struct enemy enemies[ARENA_HOSTILE_CONNS];
	uint8_t *train;
	uint64_t steps;
};

#define FAIL(a, ...)                                                                               \
	do {                                                                                       \
		if (!(a)->result->reason[0])                                                       \
			snprintf((a)->result->reason, sizeof(a)->result->reason, __VA_ARGS__);     \
	} while (0)

static bool add_units(void *context, struct rudp_conn *conn)
{
	*(uint64_t *)context += rudp_conn_work_total(conn);
	return true;
}

static uint64_t units_of(struct rudp_endpoint *ep)
{
	uint64_t units = 0;

	rudp_endpoint_visit(ep, add_units, &units);
	return units;
}

/* Work units since before. Those of connections that were freed meanwhile are missing. */
static uint64_t units_since(struct rudp_endpoint *ep, uint64_t before)
{
	uint64_t after = units_of(ep);

	return after > before ? after - before : 0;
}

static void submit(struct arena *a, int from, int to, const struct rudp_train *train,
		   const uint8_t *bytes, size_t len)
{
	struct flying *f = flight_new(&a->flight, to, &train->local, &train->remote, bytes, len);
	bool ok = f != NULL;

	if (ok && from == HOSTILE) {
		f->at_ns = a->now_ns + HOSTILE_DELAY_NS;
		ok = flight_insert(&a->flight, f);
	} else if (ok) {
		struct link *link = &a->link[from == SERVER ? to : SERVER];

		ok = link_submit(link, &a->prng, &a->flight, f, a->now_ns);
	}
	if (!ok)
		FAIL(a, "no memory for a datagram");
}

static int host_at(const struct arena *a, const struct rudp_addr *addr)
{
	for (int host = 0; host < HOSTS; host++)
		if (rudp_addr_same_host(addr, &a->addr[host]))
			return host;
	return HOSTILE; /* one of its many addresses */
}

/* Returns the number of packets sent. */
static unsigned transmit(struct arena *a, int host)
{
	struct rudp_train train = {.data = a->train, .cap = RUDP_TRAIN_BYTES_MAX};
	unsigned count = 0;

	while (rudp_endpoint_transmit(a->ep[host], &train, a->now_ns)) {
		int to = host_at(a, &train.remote);

		for (size_t at = 0; at < train.len; at += train.segment_bytes, count++) {
			size_t left = train.len - at;

			submit(a, host, to, &train, train.data + at,
			       left < train.segment_bytes ? left : train.segment_bytes);
		}
	}
	return count;
}

static void write_on(struct arena *a, struct rudp_conn *conn, int index, int from,
		     uint64_t *written)
{
	uint8_t block[4096];
	size_t room;

	while (rudp_state_is_established(rudp_conn_state(conn)) &&
	       (room = rudp_conn_send_room(conn)) > 0) {
		size_t len = room < sizeof block ? room : sizeof block;

		for (size_t i = 0; i < len; i++)
			block[i] = pattern(index, from, *written + i);
		len = rudp_conn_write(conn, block, len, a->now_ns);
		if (len == 0)
			return;
		*written += len;
	}
}

static void read_on(struct arena *a, struct rudp_conn *conn, int index, int from, uint64_t *read)
{
	struct iovec iov[2];

	while (rudp_conn_receive_readable(conn, iov) > 0) {
		for (size_t n = 0; n < iov[0].iov_len; n++)
			if (((const uint8_t *)iov[0].iov_base)[n] !=
			    pattern(index, from, *read + n))
				FAIL(a, "a wrong byte in the honest stream %d", index);
		*read += iov[0].iov_len;
		rudp_conn_receive_consume(conn, iov[0].iov_len, a->now_ns);
	}
}

static bool add_exchanges(void *context, struct rudp_conn *conn)
{
	*(uint64_t *)context += conn->keys.exchanges + (conn->exchange && conn->exchange->is_mixed);
	return true;
}

/* The server's programs send as much as they can on each connection, and read all data. */
static void serve_hostile(struct arena *a, struct rudp_conn *conn)
{
	uint64_t written = 0;

	rudp_conn_receive_consume(conn, rudp_conn_receive_available(conn), a->now_ns);
	write_on(a, conn, HONEST_CONNS, SERVER, &written);
	if (rudp_conn_error(conn) || rudp_conn_receive_eof(conn)) {
		add_exchanges(&a->result->exchanges, conn);
		rudp_conn_close(conn, a->now_ns);
	}
}

static void serve(struct arena *a, struct honest *honest, int host)
{
	int index = (int)(honest - a->honest);
	int writer = index < DOWNLOADS ? SERVER : HONEST;

	if (rudp_conn_error(honest->conn[host]))
		FAIL(a, "honest connection %d failed: %s", index,
		     strerror(rudp_conn_error(honest->conn[host])));
	else if (writer == host)
		write_on(a, honest->conn[host], index, writer, &honest->written);
	else
		read_on(a, honest->conn[host], index, writer, &honest->read);
}

/* Makes hostile connections look old (age.h), so that key exchanges happen during the run. */
static void accept_all(struct arena *a)
{
	struct rudp_conn *conn;

	while ((conn = rudp_listener_accept(a->listener))) {
		const struct rudp_addr *remote = rudp_conn_remote(conn);
		unsigned index = rudp_addr_port(remote) - 20000u;

		if (host_at(a, remote) == HONEST && index < HONEST_CONNS) {
			a->honest[index].conn[SERVER] = conn;
			rudp_conn_set_user(conn, &a->honest[index]);
			serve(a, &a->honest[index], SERVER);
			continue;
		}
		conn->exchange_from_ns -= RUDP_KEY_EXCHANGE_LEAST_NS;
		rudp_conn_set_user(conn, a);
		serve_hostile(a, conn);
	}
}

static void on_events(struct arena *a, int host)
{
	struct rudp_conn *conn;

	if (host == SERVER)
		accept_all(a);
	while ((conn = rudp_endpoint_next_event(a->ep[host]))) {
		void *user = rudp_conn_user(conn);

		rudp_conn_take_events(conn);
		if (user == a && host == SERVER)
			serve_hostile(a, conn);
		else if (host != HOSTILE && user && user != a)
			serve(a, user, host);
	}
}

/* Adds the processor time of a turn of the server. */
static void spend(struct arena *a, unsigned packets, uint64_t units)
{
	a->busy_until_ns = a->now_ns + packets * PACKET_NS + (int64_t)units * UNIT_NS;
	a->result->units += units;
	a->result->packets += packets;
}

static void take(struct arena *a, struct flying *f)
{
	struct rudp_datagram in = {.socket = a->ep[f->to],
				   .local = f->to_addr,
				   .remote = f->from_addr,
				   .data = f->data,
				   .len = f->len};

	rudp_endpoint_on_datagram(a->ep[f->to], &in, a->now_ns);
	free(f);
}

/* One turn of the server: at most one datagram, the due timers, and sending. */
static void run_server(struct arena *a)
{
	uint64_t before = units_of(a->ep[SERVER]), units;
	unsigned packets = 0;

	if (a->inbox_count > 0) {
		take(a, a->inbox[0]);
		memmove(a->inbox, a->inbox + 1, --a->inbox_count * sizeof *a->inbox);
		packets++;
		units = units_since(a->ep[SERVER], before);
		if (units > a->result->packet_units_most)
			a->result->packet_units_most = units;
		if (units > RUDP_WORK_FREE)
			a->result->owed_units += units - RUDP_WORK_FREE;
	}
	rudp_endpoint_on_time(a->ep[SERVER], a->now_ns);
	on_events(a, SERVER);
	packets += transmit(a, SERVER);
	spend(a, packets, units_since(a->ep[SERVER], before));
}

static void run_client(struct arena *a, int host)
{
	rudp_endpoint_on_time(a->ep[host], a->now_ns);
	on_events(a, host);
	transmit(a, host);
}

static void open_enemy(struct arena *a, struct enemy *enemy)
{
	struct rudp_addr local = a->addr[HOSTILE];
	int error;

	rudp_addr_set_port(&local, (uint16_t)(30000 + prng_next(&a->prng) % 1000));
	enemy->liar = (struct liar){0};
	enemy->conn = rudp_endpoint_connect(a->ep[HOSTILE], a->ep[HOSTILE], &local,
					    &a->addr[SERVER], PORT, NULL, a->now_ns, &error);
	if (!enemy->conn)
		return;
	rudp_conn_set_user(enemy->conn, enemy);
	a->result->opened++;
}

static void end_enemy(struct arena *a, struct enemy *enemy)
{
	if (enemy->has_keys)
		rudp_keys_fini(&enemy->keys);
	enemy->has_keys = false;
	if (enemy->conn)
		rudp_conn_abandon(enemy->conn, a->now_ns);
	enemy->conn = NULL;
	enemy->next_at_ns = a->now_ns + REOPEN_NS;
}

/* Moves the hostile peer's own key chain to the next phase, whether or not the victim has
 * followed. */
static bool flip(struct enemy *enemy)
{
	const struct rudp_keys *keys = &enemy->conn->keys;

	if (!enemy->has_keys) {
		enemy->has_keys = rudp_keys_init(&enemy->keys, keys->cipher, keys->send_key,
						 keys->receive_key) == 0;
		enemy->keys.send_phase = enemy->keys.receive_phase = keys->send_phase;
	}
	if (!enemy->has_keys || rudp_keys_update(&enemy->keys, enemy->conn->reliability.next) < 0)
		return false;
	enemy->keys.receive_phase = enemy->keys.send_phase;
	return true;
}

static void send_lie(struct arena *a, struct enemy *enemy)
{
	struct rudp_conn *conn = enemy->conn;
	struct rudp_keys *keys = &conn->keys;
	struct rudp_sent sent = {.sent_at_ns = a->now_ns, .expects = RUDP_EXPECTS_ACK};
	uint8_t frames[LIE_BYTES_MAX], bytes[RUDP_DATAGRAM_BASE_BYTES];
	struct iovec in = {frames, 0};
	struct rudp_train train = {.local = conn->path.local, .remote = conn->path.remote};
	uint64_t number = conn->reliability.next;
	size_t len;

	if (!rudp_reliability_can_send(&conn->reliability) || rudp_keys_wake_to_send(keys) < 0)
		return;
	if (enemy->lie == LIE_PHASES) {
		if (!flip(enemy))
			return;
		keys = &enemy->keys;
	}
	if (enemy->lie == LIE_PATHS)
		train.local.in4.sin_addr.s_addr ^= htonl((uint32_t)prng_next(&a->prng) % 8 << 8);
	in.iov_len = lies_write(enemy->lie, &enemy->liar, conn, &a->prng, frames);
	if (enemy->lie == LIE_SPARES && conn->ids && conn->ids->peer_spare.number > 0)
		rudp_conn_ids_change(conn);
	len = rudp_packet_write_data(bytes, keys->send_phase, rudp_conn_dest_id(conn),
				     number + rudp_conn_dest_offset(conn));
	len += rudp_keys_seal(keys, number, bytes, len, &in, 1, bytes + len);
	sent.size_bytes = (uint32_t)len;
	rudp_reliability_send(&conn->reliability, &sent);
	rudp_conn_charge(conn);
	submit(a, HOSTILE, SERVER, &train, bytes, len);
	a->result->lies++;
}

static enum lie draw_lie(struct arena *a)
{
	static const enum lie costly[] = {LIE_HOLES, LIE_SUMS, LIE_RANGES};
	uint64_t which = prng_next(&a->prng);

	if (a->is_siege)
		return LIE_HOLES;
	if (prng_chance(&a->prng, COSTLY))
		return costly[which % (sizeof costly / sizeof *costly)];
	return (enum lie)(which % LIE_COUNT);
}

/* Replaces a connection that the victim has reset, or whose key phase is unknown. */
static void lie_on(struct arena *a, struct enemy *enemy)
{
	bool may_lie = enemy->conn && rudp_state_is_established(rudp_conn_state(enemy->conn));
	bool changes = enemy->change_at_ns <= a->now_ns;

	enemy->next_at_ns = a->now_ns + (a->is_siege ? SIEGE_EVERY_NS : LIE_EVERY_NS);
	if (enemy->conn && !may_lie && rudp_conn_state(enemy->conn) != RUDP_STATE_SYN_SENT) {
		end_enemy(a, enemy);
		return;
	}
	if (changes) {
		enemy->change_at_ns = a->now_ns + CHANGE_EVERY_NS;
		enemy->lie = draw_lie(a);
		if (enemy->has_keys) {
			end_enemy(a, enemy);
			return;
		}
	}
	if (!enemy->conn)
		open_enemy(a, enemy);
	else if (may_lie)
		send_lie(a, enemy);
}

static void check(struct arena *a)
{
	const struct rudp_budget *budget = rudp_endpoint_budget(a->ep[SERVER]);
	unsigned count = rudp_endpoint_conn_count(a->ep[SERVER]);
	uint64_t floor_bytes =
		2 * RUDP_BUDGET_FLOOR_BYTES + RUDP_BUDGET_RECORDS_FLOOR * sizeof(struct rudp_sent);

	if (budget->used_bytes > a->result->memory_most_bytes)
		a->result->memory_most_bytes = budget->used_bytes;
	if (budget->used_bytes > a->memory_max_bytes + count * floor_bytes)
		FAIL(a, "%u connections hold %" PRIu64 " bytes", count, budget->used_bytes);
	if (a->steps % CHECK_EVERY == 0 && !rudp_endpoint_check(a->ep[SERVER]))
		FAIL(a, "an invariant of the server is broken (log above)");
}

static int64_t next_ns(struct arena *a)
{
	const struct links links = {.link = {&a->link[0], &a->link[1], &a->link[2]},
				    .count = HOSTS};
	int64_t next = rudp_endpoint_deadline_ns(a->ep[SERVER]);

	if (a->inbox_count > 0)
		next = 0;
	next = rudp_time_max(next, a->busy_until_ns);
	for (int host = HONEST; host < HOSTS; host++)
		next = rudp_time_min(next, rudp_endpoint_deadline_ns(a->ep[host]));
	for (int i = 0; a->attacked && i < ARENA_HOSTILE_CONNS; i++)
		next = rudp_time_min(next, a->enemies[i].next_at_ns);
	return links_run(&links, &a->flight, rudp_time_max(next, a->now_ns + 1));
}

static void arrive(struct arena *a, struct flying *f)
{
	if (f->to != SERVER) {
		take(a, f);
	} else if (a->inbox_count < INBOX_MAX) {
		a->inbox[a->inbox_count++] = f;
	} else {
		a->result->dropped++;
		free(f);
	}
}

static void step(struct arena *a)
{
	int64_t next = next_ns(a);
	struct flying *f;

	if (next < 0) {
		FAIL(a, "no memory for datagrams in flight");
		return;
	}
	a->now_ns = rudp_time_max(a->now_ns, next);
	while ((f = flight_take(&a->flight, a->now_ns)))
		arrive(a, f);
	for (int i = 0; a->attacked && i < ARENA_HOSTILE_CONNS; i++)
		if (a->enemies[i].next_at_ns <= a->now_ns)
			lie_on(a, &a->enemies[i]);
	if (a->busy_until_ns <= a->now_ns)
		run_server(a);
	run_client(a, HONEST);
	run_client(a, HOSTILE);
	a->steps++;
	check(a);
}

bool arena_is_scarce(uint64_t seed)
{
	return seed % 2 == 0;
}

static bool init(struct arena *a, uint64_t seed, bool attacked)
{
	static const char *const names[HOSTS] = {"10.0.0.1:443", "10.1.0.2:20000",
						 "10.2.0.3:30000"};
	struct rudp_endpoint_config config = {
		.random = prng_fill,
		.random_context = &a->prng,
		.has_psk = true,
		.psk = {1, 2, 3},
		.send_buffer_max_bytes = BUFFER_BYTES,
		.receive_buffer_max_bytes = BUFFER_BYTES,
	};

	a->prng.state = seed;
	a->attacked = attacked;
	a->is_siege = seed % 3 == 0;
	a->memory_max_bytes = arena_is_scarce(seed) ? SCARCE_BYTES : PLENTY_BYTES;
	a->train = malloc(RUDP_TRAIN_BYTES_MAX);
	for (int host = 0; host < HOSTS; host++) {
		config.memory_max_bytes = host == SERVER ? a->memory_max_bytes : 0;
		rudp_addr_parse(&a->addr[host], names[host]);
		a->ep[host] = rudp_endpoint_new(&config, 0);
		if (!a->ep[host] ||
		    !link_init(&a->link[host], host == HOSTILE ? &hostile_link : &honest_link))
			return false;
	}
	a->listener = rudp_endpoint_listen(a->ep[SERVER], a->ep[SERVER], PORT, CONNS_MAX, a, NULL);
	return a->train && a->listener;
}

static bool open_honest(struct arena *a)
{
	for (int i = 0; i < HONEST_CONNS; i++) {
		struct rudp_addr local = a->addr[HONEST];
		int error;

		rudp_addr_set_port(&local, (uint16_t)(20000 + i));
		a->honest[i].conn[HONEST] =
			rudp_endpoint_connect(a->ep[HONEST], a->ep[HONEST], &local,
					      &a->addr[SERVER], PORT, NULL, 0, &error);
		if (!a->honest[i].conn[HONEST])
			return false;
		rudp_conn_set_user(a->honest[i].conn[HONEST], &a->honest[i]);
	}
	return true;
}

static void fini(struct arena *a)
{
	for (unsigned i = 0; i < a->inbox_count; i++)
		free(a->inbox[i]);
	for (int i = 0; i < ARENA_HOSTILE_CONNS; i++)
		if (a->enemies[i].has_keys)
			rudp_keys_fini(&a->enemies[i].keys);
	flight_fini(&a->flight);
	for (int host = 0; host < HOSTS; host++) {
		link_fini(&a->link[host]);
		if (a->ep[host])
			rudp_endpoint_free(a->ep[host]);
	}
	free(a->train);
	free(a);
}

bool arena_run(uint64_t seed, bool attacked, struct arena_result *result)
{
	struct arena *a = calloc(1, sizeof *a);

	*result = (struct arena_result){0};
	if (!a)
		return false;
	a->result = result;
	if (!init(a, seed, attacked) || !open_honest(a)) {
		fini(a);
		return false;
	}
	while (a->now_ns < ARENA_RUN_NS && !result->reason[0])
		step(a);
	for (int i = 0; i < HONEST_CONNS; i++)
		result->honest_bytes += a->honest[i].read;
	rudp_endpoint_visit(a->ep[SERVER], add_exchanges, &result->exchanges);
	result->verdicts = *rudp_endpoint_verdicts(a->ep[SERVER]);
	fini(a);
	return !result->reason[0];
}
