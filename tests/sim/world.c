/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "age.h"
#include "proto/checks.h"
#include "trace.h"
#include "world_private.h"

#define MEMORY_EXTRA_BYTES (24u << 20) /* records and ranges of one connection, at most */
#define RECORDS_BYTES (64u << 10)      /* of a connection that sends little; never refused */
#define STEPS_AT_ONE_INSTANT_MAX 1000
#define MEMORY_CHECK_EVERY 64 /* steps; the other invariants are checked in each step */

void world_fail(struct world *w, const char *format, ...)
{
	va_list args;

	if (w->over)
		return;
	w->over = true;
	va_start(args, format);
	vsnprintf(w->result->reason, sizeof w->result->reason, format, args);
	va_end(args);
}

static uint32_t interface_of(void *context, void *socket, const struct rudp_addr *remote)
{
	const struct world *w = context;

	(void)socket;
	(void)remote;
	return w->config->interface_bytes;
}

static void fly(struct world *w, int from, const struct rudp_train *train)
{
	for (size_t at = 0; at < train->len; at += train->segment_bytes) {
		size_t left = train->len - at;
		size_t len = left < train->segment_bytes ? left : train->segment_bytes;
		int64_t wait_ns = link_wait_ns(&w->link[from], w->now_ns);
		struct flying *f = flight_new(&w->flight, !from, &train->local, &train->remote,
					      train->data + at, len);

		if (!f || !link_submit(&w->link[from], &w->prng, &w->flight, f, w->now_ns))
			world_fail(w, "no memory for a datagram in flight");
		attacker_on_syn(&w->config->attacker, &w->flight, &w->prng, train, train->data + at,
				len, w->now_ns);
		if (from == 0) {
			w->queue_sum_ns += wait_ns;
			w->result->queue_delay_max_ns =
				rudp_time_max(w->result->queue_delay_max_ns, wait_ns);
		}
		w->result->datagrams++;
	}
}

static void transmit_all(struct world *w)
{
	struct rudp_train train = {.data = w->train, .cap = RUDP_TRAIN_BYTES_MAX};

	for (int host = 0; host < 2; host++)
		while (!w->over && rudp_endpoint_transmit(w->ep[host], &train, w->now_ns))
			fly(w, host, &train);
}

static bool moves_itself(const struct world *w)
{
	return w->config->rebind_host && w->config->seed % 2;
}

/* The NAT on the path: replaces the client's port in both directions. */
static void translate(const struct world *w, struct flying *f)
{
	if (f->to == 1 && w->nat_port) {
		rudp_addr_set_port(&f->from_addr, w->nat_port);
		if (w->nat_host)
			((uint8_t *)&f->from_addr.in4.sin_addr)[3] = w->nat_host;
	}
	if (f->to == 0 && w->config->rebind_every_ns && !moves_itself(w))
		f->to_addr = w->addr[0];
}

/* Whether the datagram was sent to an address that the client has left. */
static bool is_misdirected(const struct world *w, const struct flying *f)
{
	return f->to == 0 && moves_itself(w) && !rudp_addr_equal(&f->to_addr, &w->addr[0]);
}

static void deliver(struct world *w, struct flying *f)
{
	struct rudp_datagram in = {.socket = w->ep[f->to], .data = f->data, .len = f->len};

	translate(w, f);
	if (is_misdirected(w, f))
		return;
	link_corrupt(&w->link[!f->to], &w->prng, f->data, f->len);
	in.local = f->to_addr;
	in.remote = f->from_addr;
	rudp_endpoint_on_datagram(w->ep[f->to], &in, w->now_ns);
}

static bool check_memory(void *context, struct rudp_conn *conn)
{
	struct world *w = context;
	struct rudp_conn_stats stats;

	rudp_conn_stats(conn, &stats);
	if (stats.memory_bytes > 4 * w->config->buffer_max_bytes + MEMORY_EXTRA_BYTES)
		world_fail(w, "a connection holds %" PRIu64 " bytes", stats.memory_bytes);
	return !w->over;
}

/* All connections together keep the memory budget, except for the minimum that each may have. */
static void check_budget(struct world *w, int host)
{
	const struct rudp_budget *budget = rudp_endpoint_budget(w->ep[host]);
	uint64_t each_bytes = 2 * RUDP_BUDGET_FLOOR_BYTES + RECORDS_BYTES;
	uint64_t count = rudp_endpoint_conn_count(w->ep[host]);

	if (!w->config->memory_max_bytes)
		return;
	if (budget->used_bytes > budget->limit_bytes + count * each_bytes)
		world_fail(w, "%" PRIu64 " connections of host %d hold %" PRIu64 " bytes", count,
			   host, budget->used_bytes);
	if (budget->used_bytes > w->result->memory_most_bytes)
		w->result->memory_most_bytes = budget->used_bytes;
}

static void check(struct world *w)
{
	bool count = w->result->steps % MEMORY_CHECK_EVERY == 0;

	for (int host = 0; host < 2; host++) {
		if (!rudp_endpoint_check(w->ep[host]))
			world_fail(w, "an invariant of host %d is broken (log above)", host);
		check_budget(w, host);
		if (count)
			rudp_endpoint_visit(w->ep[host], check_memory, w);
	}
}

static void move_client(struct world *w)
{
	rudp_addr_set_port(&w->addr[0], (uint16_t)prng_between(&w->prng, 30000, 60000));
	((uint8_t *)&w->addr[0].in4.sin_addr)[3] = (uint8_t)prng_between(&w->prng, 10, 250);
	for (int i = 0; i < w->config->conns; i++)
		if (w->side[0][i].conn)
			rudp_conn_rebind(w->side[0][i].conn, w->ep[0], &w->addr[0], w->now_ns);
}

static void change_mapping(struct world *w)
{
	w->nat_port = (uint16_t)prng_between(&w->prng, 30000, 60000);
	if (w->config->rebind_host)
		w->nat_host = (uint8_t)prng_between(&w->prng, 10, 250);
}

static void rebind_due(struct world *w)
{
	if (!w->config->rebind_every_ns || w->now_ns < w->next_rebind_ns)
		return;
	if (moves_itself(w))
		move_client(w);
	else
		change_mapping(w);
	w->next_rebind_ns += w->config->rebind_every_ns;
}

/* Notes the datagram size while the connection exists. */
static void note_size(struct world *w)
{
	struct rudp_conn_stats s;

	if (!w->config->interface_bytes || !w->side[1][0].conn)
		return;
	rudp_conn_stats(w->side[1][0].conn, &s);
	w->result->datagram_bytes = s.datagram_bytes;
}

static void check_size(struct world *w)
{
	const struct world_config *c = w->config;

	if (c->datagram_least && w->result->datagram_bytes < c->datagram_least)
		world_fail(w, "datagrams of %u bytes, not %u", w->result->datagram_bytes,
			   c->datagram_least);
	if (c->datagram_most && w->result->datagram_bytes > c->datagram_most)
		world_fail(w, "datagrams of %u bytes, over %u", w->result->datagram_bytes,
			   c->datagram_most);
	if (c->size_drops_max && w->link[1].counts.dropped_size > c->size_drops_max)
		world_fail(w, "%" PRIu64 " datagrams too big for the path",
			   w->link[1].counts.dropped_size);
}

static void trace(struct world *w)
{
	if (!w->config->trace_every_ns || w->now_ns < w->next_trace_ns)
		return;
	w->next_trace_ns = w->now_ns + w->config->trace_every_ns;
	for (int host = 0; host < 2; host++)
		if (w->side[host][0].conn)
			trace_conn(w->side[host][0].conn, host, w->now_ns,
				   link_wait_ns(&w->link[host], w->now_ns));
}

static void rekey_due(struct world *w)
{
	if (!w->config->rekey_every_ns || w->now_ns < w->next_rekey_ns)
		return;
	for (int host = 0; host < 2; host++)
		rudp_endpoint_visit(w->ep[host], age_keys, &w->result->exchanges_most);
	w->next_rekey_ns = w->now_ns + w->config->rekey_every_ns;
}

static struct rudp_endpoint *new_endpoint(struct world *w);

static void listen_at(struct world *w)
{
	w->listener =
		rudp_endpoint_listen(w->ep[1], w->ep[1], WORLD_PORT, WORLD_CONNS_MAX, w, NULL);
	if (w->listener && w->config->early)
		rudp_listener_set_early(w->listener, WORLD_CONNS_MAX);
}

/* Restarts the server, only while there is no connection: open ones would get RESETs, which other
 * scenarios test. */
static void restart_due(struct world *w)
{
	if (!w->config->restart_every_ns || w->now_ns < w->next_restart_ns ||
	    rudp_endpoint_conn_count(w->ep[0]) + rudp_endpoint_conn_count(w->ep[1]) > 0)
		return;
	rudp_endpoint_free(w->ep[1]);
	w->ep[1] = new_endpoint(w);
	listen_at(w);
	w->next_restart_ns = w->now_ns + w->config->restart_every_ns;
}

static void step(struct world *w)
{
	const struct links links = {.link = {&w->link[0], &w->link[1]}, .count = 2};
	int64_t next = programs_next_ns(w);
	struct flying *f;

	if (w->config->rebind_every_ns)
		next = rudp_time_min(next, w->next_rebind_ns);
	for (int host = 0; host < 2; host++)
		next = rudp_time_min(next, rudp_endpoint_deadline_ns(w->ep[host]));
	next = links_run(&links, &w->flight, next);
	if (next < 0)
		world_fail(w, "no memory for datagrams in flight");
	if (next == RUDP_NEVER) {
		world_fail(w, "nothing will ever happen again");
		return;
	}
	if (next > w->now_ns)
		w->steps_here = 0;
	else if (w->steps_here++ > STEPS_AT_ONE_INSTANT_MAX)
		world_fail(w, "time stands still: something is due and never done");
	w->now_ns = rudp_time_max(w->now_ns, next);
	if (w->now_ns > w->config->finish_by_ns) {
		world_fail(w, "not finished after %.3f s of virtual time",
			   (double)w->config->finish_by_ns / 1e9);
		return;
	}
	while (!w->over && (f = flight_take(&w->flight, w->now_ns))) {
		deliver(w, f);
		free(f);
	}
	for (int host = 0; host < 2; host++)
		rudp_endpoint_on_time(w->ep[host], w->now_ns);
	rebind_due(w);
	rekey_due(w);
	restart_due(w);
	programs_open_due(w);
	for (int host = 0; host < 2; host++)
		programs_on_events(w, host);
	programs_read_on(w);
	transmit_all(w);
	note_size(w);
	w->result->steps++;
	trace(w);
	rudp_qlog_run(&w->qlog);
	check(w);
}

static struct rudp_endpoint *new_endpoint(struct world *w)
{
	struct rudp_endpoint_config config = {
		.random = prng_fill,
		.random_context = &w->prng,
		.has_psk = w->config->keyed,
		.psk = {1, 2, 3},
		.suite = w->config->suite,
		.resume_off = w->config->resume_off,
		.cc = rudp_cc_find(w->config->cc),
		.send_buffer_max_bytes = w->config->buffer_max_bytes,
		.receive_buffer_max_bytes = w->config->buffer_max_bytes,
		.memory_max_bytes = w->config->memory_max_bytes,
		.observer = rudp_qlog_observer(&w->qlog),
		.datagram_max = w->config->interface_bytes ? interface_of : NULL,
		.datagram_max_context = w,
	};

	return rudp_endpoint_new(&config, w->now_ns);
}

static bool world_init(struct world *w)
{
	const struct world_config *c = w->config;

	w->prng.state = c->seed;
	rudp_addr_parse(&w->addr[0], "10.0.0.1:20000");
	rudp_addr_parse(&w->addr[1], "10.0.0.2:443");
	w->next_rebind_ns = c->rebind_every_ns;
	w->next_restart_ns = c->restart_every_ns;
	w->train = malloc(RUDP_TRAIN_BYTES_MAX);
	rudp_qlog_open(&w->qlog, c->qlog ? c->qlog : "", &w->now_ns);
	w->ep[0] = new_endpoint(w);
	w->ep[1] = new_endpoint(w);
	if (!link_init(&w->link[0], &c->up) || !link_init(&w->link[1], &c->down))
		return false;
	if (!w->train || !w->ep[0] || !w->ep[1])
		return false;
	listen_at(w);
	for (int i = 0; i < c->conns; i++) {
		w->side[0][i].start_at_ns =
			c->start_spread_ns ? prng_between(&w->prng, 0, c->start_spread_ns) : 0;
		w->side[0][i].to_send = w->side[1][i].to_read = c->up_bytes;
		w->side[1][i].to_send = w->side[0][i].to_read = c->down_bytes;
	}
	return w->listener != NULL;
}

static void world_fini(struct world *w)
{
	flight_fini(&w->flight);
	link_fini(&w->link[0]);
	link_fini(&w->link[1]);
	if (w->ep[0])
		rudp_endpoint_free(w->ep[0]);
	if (w->ep[1])
		rudp_endpoint_free(w->ep[1]);
	rudp_qlog_close(&w->qlog);
	free(w->train);
	free(w);
}

/* Checks that memory was scarce in fact: otherwise the run would test nothing. */
static void check_scarcity(struct world *w)
{
	struct world_result *r = w->result;

	for (int host = 0; host < 2; host++)
		r->refused += rudp_endpoint_verdicts(w->ep[host])->count[RUDP_VERDICT_NO_MEMORY];
	if (r->memory_most_bytes < w->config->memory_max_bytes / 2)
		world_fail(w, "memory has not been scarce: %" PRIu64 " bytes",
			   r->memory_most_bytes);
	if (r->refused < w->config->refused_min)
		world_fail(w, "only %" PRIu64 " datagrams found no memory", r->refused);
}

bool world_run(const struct world_config *config, struct world_result *result)
{
	struct world *w = calloc(1, sizeof *w);
	uint64_t bytes;

	if (!w)
		return false;
	*result = (struct world_result){0};
	w->config = config;
	w->result = result;
	if (!world_init(w)) {
		world_fini(w);
		return false;
	}
	while (!w->over && !programs_are_done(w))
		step(w);
	check_size(w);
	if (config->data_by_ns && result->data_end_ns > config->data_by_ns)
		world_fail(w, "the last byte was read after %.3f s of virtual time",
			   (double)result->data_end_ns / 1e9);
	if (config->resumed_min > result->resumed)
		world_fail(w, "only %u ends of connections were resumed", result->resumed);
	if (config->early_min > result->early)
		world_fail(w, "only %u ends of connections had early data", result->early);
	if (config->exchanges_min > result->exchanges_most)
		world_fail(w, "only %u exchanges of keys", result->exchanges_most);
	check_scarcity(w);
	result->ok = !w->over;
	result->end_ns = w->now_ns;
	result->up = w->link[0].counts;
	result->down = w->link[1].counts;
	bytes = (config->up_bytes + config->down_bytes) * (uint64_t)config->conns;
	if (result->data_end_ns > 0)
		result->goodput_bits_per_s = (double)bytes * 8e9 / (double)result->data_end_ns;
	if (w->link[0].counts.offered)
		result->queue_delay_mean_ns = w->queue_sum_ns / (int64_t)w->link[0].counts.offered;
	world_fini(w);
	return true;
}
