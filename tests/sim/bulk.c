/* SPDX-License-Identifier: MIT */
#include "bulk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flight.h"
#include "kernel_bbr.h"
#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint.h"
#include "queue_account.h"

#define PORT 443
#define FIRST_PORT 20000 /* of the first flow; the next ones follow */
#define IP_UDP_BYTES 28
#define ECN_MASK 3
#define SENDER 0
#define RECEIVER 1

/* A program first writes a few bytes, and the rest a moment later. The sender is idle in
 * between. */
#define FIRST_WRITE_BYTES 49
#define FIRST_WRITE_PAUSE_NS (200 * RUDP_NS_PER_US)
#define REQUEST_BYTES 200

struct flow {
	struct rudp_conn *conn[2];
	uint64_t written, read;
	int64_t writes_rest_at_ns; /* 0: nothing was written yet */
	bool opened, asked, fin_sent, in_startup;
};

struct bulk {
	const struct bulk_config *config;
	struct bulk_result *result;
	struct prng prng;
	int64_t now_ns, next_trace_ns;
	struct rudp_endpoint *ep[2];
	struct rudp_addr addr[2];
	struct rudp_listener *listener;
	struct link link[2]; /* by sender */
	struct link odd;     /* up, for every second flow */
	struct flight flight;
	struct flow flows[BULK_FLOWS_MAX];
	struct queue_account startup, after;
	uint8_t *train;
	bool failed;
};

/* The first instant from at_ns on at which this host is not stalled. */
static int64_t not_stalled_at_ns(const struct bulk *w, int host, int64_t at_ns)
{
	return stall_over_at_ns(&w->config->stall, w->config->seed, host, at_ns);
}

static bool is_at_work(const struct bulk *w, int host)
{
	return not_stalled_at_ns(w, host, w->now_ns) == w->now_ns;
}

static void seeded_random(void *context, void *out, size_t len)
{
	struct bulk *w = context;
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)prng_next(&w->prng);
}

static int opener(const struct bulk *w)
{
	return w->config->requested ? RECEIVER : SENDER;
}

static bool open_flow(struct bulk *w, uint32_t i)
{
	static const uint8_t request[REQUEST_BYTES];
	struct rudp_conn_options options = {.cc = sim_cc_find(w->config->flows[i].cc),
					    .early = w->config->requested};
	int host = opener(w), error;
	struct rudp_addr local = w->addr[host];
	struct rudp_conn *conn;

	rudp_addr_set_port(&local, (uint16_t)(FIRST_PORT + i));
	if (w->config->hosts_apart)
		local.in4.sin_addr.s_addr = htonl(ntohl(local.in4.sin_addr.s_addr) + (i << 8));
	conn = rudp_endpoint_connect(w->ep[host], w->ep[host], &local, &w->addr[!host], PORT,
				     &options, w->now_ns, &error);
	if (!conn)
		return false;
	w->flows[i].conn[host] = conn;
	rudp_conn_set_user(conn, &w->flows[i]);
	return !w->config->requested ||
	       rudp_conn_write(conn, request, REQUEST_BYTES, w->now_ns) == REQUEST_BYTES;
}

static void open_due(struct bulk *w)
{
	for (uint32_t i = 0; i < w->config->flow_count; i++) {
		struct flow *flow = &w->flows[i];

		if (flow->opened || w->config->flows[i].start_at_ns > w->now_ns)
			continue;
		flow->opened = flow->in_startup = true;
		w->failed |= !open_flow(w, i);
	}
}

static void accept_all(struct bulk *w)
{
	struct rudp_conn *conn;

	while ((conn = rudp_listener_accept(w->listener))) {
		struct flow *flow = &w->flows[rudp_addr_port(rudp_conn_remote(conn)) - FIRST_PORT];

		flow->conn[!opener(w)] = conn;
		rudp_conn_set_user(conn, flow);
	}
}

/* A requested sender may send once the request has arrived, even before the handshake is
 * complete. */
static bool may_write(struct bulk *w, struct flow *flow)
{
	struct rudp_conn *sender = flow->conn[SENDER];

	if (!w->config->requested)
		return sender->state == RUDP_STATE_ESTABLISHED;
	if (!flow->asked && rudp_conn_receive_available(sender) == REQUEST_BYTES) {
		rudp_conn_receive_consume(sender, REQUEST_BYTES, w->now_ns);
		flow->asked = true;
	}
	return flow->asked && !flow->fin_sent;
}

static bool is_pausing(const struct bulk *w, const struct bulk_flow *plan)
{
	if (!plan->stop_at_ns || w->now_ns < plan->stop_at_ns)
		return false;
	return !plan->resume_at_ns || w->now_ns < plan->resume_at_ns;
}

static uint64_t before_bulk_bytes(const struct bulk *w, const struct bulk_flow *plan)
{
	uint64_t messages = 0;

	if (plan->message_every_ns)
		messages = 1 + (uint64_t)((w->now_ns - plan->start_at_ns) / plan->message_every_ns);
	return plan->first_bytes + messages * plan->message_bytes;
}

static uint64_t wanted_bytes(const struct bulk *w, const struct bulk_flow *plan,
			     const struct flow *flow)
{
	uint64_t until = plan->bytes ? plan->bytes : UINT64_MAX;

	if (is_pausing(w, plan))
		return 0;
	if (w->now_ns < plan->bulk_at_ns)
		until = before_bulk_bytes(w, plan);
	if (w->now_ns < flow->writes_rest_at_ns)
		until = until < FIRST_WRITE_BYTES ? until : FIRST_WRITE_BYTES;
	if (plan->app_bytes_per_s) {
		int64_t ms = (w->now_ns - plan->start_at_ns) / RUDP_NS_PER_MS;
		uint64_t due = (uint64_t)ms * plan->app_bytes_per_s / 1000;

		until = due < until ? due : until;
	}
	return until > flow->written ? until - flow->written : 0;
}

/* The content does not matter: the bytes in the ring are sent as they are. */
static void write_some(struct bulk *w, const struct bulk_flow *plan, struct flow *flow)
{
	uint64_t want;
	struct iovec iov[2];
	size_t room = rudp_conn_send_room(flow->conn[SENDER]);
	size_t take, got = 0;
	int count;

	if (flow->writes_rest_at_ns == 0)
		flow->writes_rest_at_ns = w->now_ns + FIRST_WRITE_PAUSE_NS;
	want = wanted_bytes(w, plan, flow);
	take = want < room ? (size_t)want : room;
	if (take > 0) {
		count = rudp_conn_send_reserve(flow->conn[SENDER], take, iov);
		for (int i = 0; i < count; i++)
			got += iov[i].iov_len;
		rudp_conn_send_commit(flow->conn[SENDER], got, w->now_ns);
		flow->written += got;
	}
	if (plan->bytes && flow->written == plan->bytes && !flow->fin_sent) {
		flow->fin_sent = true;
		rudp_conn_shutdown_send(flow->conn[SENDER], w->now_ns);
	}
}

static void read_all(struct bulk *w, struct bulk_flow_result *result, const struct bulk_flow *plan,
		     struct flow *flow)
{
	size_t got = rudp_conn_receive_available(flow->conn[RECEIVER]);

	if (got == 0)
		return;
	rudp_conn_receive_consume(flow->conn[RECEIVER], got, w->now_ns);
	flow->read += got;
	if (w->now_ns >= w->config->measure_from_at_ns)
		result->measured_bytes += got;
	if (plan->bytes && flow->read == plan->bytes)
		result->done_at_ns = w->now_ns;
}

static bool is_startup(const char *state)
{
	static const char *const states[] = {"startup", "drain", "slow_start", "css", ""};

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (strcmp(state, states[i]) == 0)
			return true;
	return false;
}

static void pump(struct bulk *w, uint32_t i)
{
	struct flow *flow = &w->flows[i];
	struct bulk_flow_result *result = &w->result->flows[i];
	const struct rudp_conn *sender = flow->conn[SENDER];

	if (!sender)
		return;
	if (rudp_conn_error(sender)) {
		printf("bulk: flow %" PRIu32 ": %s\n", i, strerror(rudp_conn_error(sender)));
		w->failed = true;
	}
	if (sender->state == RUDP_STATE_ESTABLISHED)
		result->established_at_ns = rudp_time_min(result->established_at_ns, w->now_ns);
	if (may_write(w, flow))
		write_some(w, &w->config->flows[i], flow);
	if (flow->in_startup && sender->cc.state_name && !is_startup(sender->cc.state_name)) {
		flow->in_startup = false;
		result->startup_done_at_ns = w->now_ns;
	}
	if (flow->conn[RECEIVER])
		read_all(w, result, &w->config->flows[i], flow);
}

static void on_events(struct bulk *w)
{
	struct rudp_conn *conn;

	for (int host = 0; host < 2; host++) {
		while ((conn = rudp_endpoint_next_event(w->ep[host]))) {
			rudp_conn_take_events(conn);
			if (host != opener(w))
				accept_all(w);
		}
	}
	for (uint32_t i = 0; i < w->config->flow_count; i++)
		pump(w, i);
}

static struct link *link_for(struct bulk *w, int from, const struct rudp_train *train)
{
	bool is_odd = rudp_addr_port(&train->local) % 2 != FIRST_PORT % 2;

	if (from == SENDER && w->config->odd_bits_per_s > 0 && is_odd)
		return &w->odd;
	return &w->link[from];
}

static void fly(struct bulk *w, int from, const struct rudp_train *train)
{
	struct link *link = link_for(w, from, train);

	for (size_t at = 0; at < train->len; at += train->segment_bytes) {
		size_t left = train->len - at;
		size_t len = left < train->segment_bytes ? left : train->segment_bytes;
		struct flying *f = flight_new(&w->flight, !from, &train->local, &train->remote,
					      train->data + at, len);

		if (link == &w->link[SENDER])
			queue_account_add(w->flows[0].in_startup ? &w->startup : &w->after,
					  link_wait_ns(link, w->now_ns));
		if (f)
			f->ecn = train->tos & ECN_MASK;
		w->failed |= !f || !link_submit(link, &w->prng, &w->flight, f, w->now_ns);
	}
}

static void transmit_all(struct bulk *w)
{
	struct rudp_train train = {.data = w->train, .cap = RUDP_TRAIN_BYTES_MAX};

	for (int host = 0; host < 2; host++)
		while (is_at_work(w, host) &&
		       rudp_endpoint_transmit(w->ep[host], &train, w->now_ns))
			fly(w, host, &train);
}

static void deliver(struct bulk *w, struct flying *f)
{
	struct rudp_datagram in = {
		.socket = w->ep[f->to],
		.data = f->data,
		.len = f->len,
		.local = f->to_addr,
		.remote = f->from_addr,
		.ecn = f->ecn,
	};

	rudp_endpoint_on_datagram(w->ep[f->to], &in, w->now_ns);
}

static void trace(struct bulk *w)
{
	struct rudp_conn_stats s;

	if (!w->config->trace_every_ns || w->now_ns < w->next_trace_ns)
		return;
	w->next_trace_ns = w->now_ns + w->config->trace_every_ns;
	for (uint32_t i = 0; i < w->config->flow_count; i++) {
		if (!w->flows[i].conn[SENDER])
			continue;
		rudp_conn_stats(w->flows[i].conn[SENDER], &s);
		printf("%8.3f s  %" PRIu32 " %-15s  rtt %6.1f  min %6.1f ms  cwnd %8" PRIu64
		       "  bound %8" PRIu64 "  flight %8" PRIu64
		       "  pace %7.2f Mbit/s  acked %9" PRIu64 "  unsent %8" PRIu64
		       "  window %8" PRIu64 "  lost %" PRIu64 "/%" PRIu64 "  queue %5.1f ms\n",
		       (double)w->now_ns / 1e9, i, s.cc_state, (double)s.latest_rtt_ns / 1e6,
		       (double)s.min_rtt_ns / 1e6, s.cwnd_bytes,
		       s.ssthresh_bytes == UINT64_MAX ? 0 : s.ssthresh_bytes, s.inflight_bytes,
		       (double)s.pacing_bytes_per_s * 8 / 1e6, s.stream_acked, s.unsent_bytes,
		       s.window_send_bytes, s.packets_lost, s.packets_spurious,
		       (double)link_wait_ns(&w->link[SENDER], w->now_ns) / 1e6);
	}
}

static void sample(struct bulk *w)
{
	const struct link_counts *counts = &w->link[SENDER].counts;
	struct bulk_result *r = w->result;
	int64_t every_ns = w->config->sample_every_ns;

	if (!every_ns)
		return;
	while (r->sample_count < BULK_SAMPLES_MAX &&
	       (r->sample_count + 1) * every_ns <= w->now_ns) {
		int64_t at_ns = (r->sample_count + 1) * every_ns;

		r->samples[r->sample_count++] = (struct bulk_sample){
			.wait_ns = link_wait_ns(&w->link[SENDER], at_ns),
			.delivered_bytes = w->flows[0].read,
			.offered_packets = counts->offered,
			.dropped_packets = counts->dropped_queue + counts->dropped_aqm +
					   counts->dropped_policer,
		};
	}
}

static int64_t next_message_ns(const struct bulk *w, const struct bulk_flow *plan)
{
	int64_t since = w->now_ns - plan->start_at_ns;

	if (plan->message_every_ns == 0)
		return plan->bulk_at_ns;
	return rudp_time_min(plan->bulk_at_ns,
			     w->now_ns + plan->message_every_ns - since % plan->message_every_ns);
}

/* A program that writes at a rate does so every millisecond. */
static int64_t next_program_ns(const struct bulk *w)
{
	int64_t next = w->config->end_at_ns;

	for (uint32_t i = 0; i < w->config->flow_count; i++) {
		const struct bulk_flow *plan = &w->config->flows[i];

		if (!w->flows[i].opened)
			next = rudp_time_min(next, plan->start_at_ns);
		else if (w->flows[i].writes_rest_at_ns > w->now_ns)
			next = rudp_time_min(next, w->flows[i].writes_rest_at_ns);
		else if (plan->resume_at_ns > w->now_ns)
			next = rudp_time_min(next, plan->resume_at_ns);
		else if (plan->bulk_at_ns > w->now_ns)
			next = rudp_time_min(next, next_message_ns(w, plan));
		else if (plan->app_bytes_per_s && plan->stop_at_ns > w->now_ns)
			next = rudp_time_min(next, w->now_ns + RUDP_NS_PER_MS);
	}
	return next;
}

/* A stalled host does nothing until its stall ends, whatever its endpoint's deadline is. */
static int64_t next_of_host_ns(const struct bulk *w, int host)
{
	int64_t due_at_ns = rudp_endpoint_deadline_ns(w->ep[host]);
	int64_t work_at_ns = not_stalled_at_ns(w, host, w->now_ns);

	if (work_at_ns > w->now_ns)
		return work_at_ns;
	return due_at_ns == RUDP_NEVER ? due_at_ns : not_stalled_at_ns(w, host, due_at_ns);
}

/* A stalled host receives datagrams when its stall is over. */
static int64_t arrival_ns(void *context, const struct flying *f)
{
	return not_stalled_at_ns(context, f->to, f->at_ns);
}

static void step(struct bulk *w)
{
	const struct links links = {
		.link = {&w->link[SENDER], &w->link[RECEIVER], &w->odd},
		.count = w->config->odd_bits_per_s > 0 ? 3 : 2,
		.arrival_ns = arrival_ns,
		.context = w,
	};
	int64_t next = next_program_ns(w);
	struct flying *f;

	for (int host = 0; host < 2; host++)
		next = rudp_time_min(next, next_of_host_ns(w, host));
	next = links_run(&links, &w->flight, next);
	w->failed |= next < 0;
	w->now_ns = rudp_time_max(w->now_ns, next);
	sample(w);
	while ((f = flight_take(&w->flight, w->now_ns))) {
		deliver(w, f);
		free(f);
	}
	for (int host = 0; host < 2; host++)
		if (is_at_work(w, host))
			rudp_endpoint_on_time(w->ep[host], w->now_ns);
	open_due(w);
	on_events(w);
	transmit_all(w);
	trace(w);
}

static bool is_over(const struct bulk *w)
{
	if (w->failed || w->now_ns >= w->config->end_at_ns)
		return true;
	for (uint32_t i = 0; i < w->config->flow_count; i++)
		if (w->result->flows[i].done_at_ns == RUDP_NEVER)
			return false;
	return true;
}

static struct bulk_queue queue_of(const struct queue_account *account)
{
	return (struct bulk_queue){queue_account_mean_ms(account), queue_account_p99_ms(account),
				   account->max_ms};
}

/* The link's capacity from this instant to the end. */
static double capacity_bits_per_s(const struct bulk *w, int64_t from_ns)
{
	const struct link_config *link = &w->config->up;
	double bytes = link_capacity_bytes(&w->link[SENDER], from_ns, w->config->end_at_ns);
	double bits_per_s = bytes * 8e9 / (double)(w->config->end_at_ns - from_ns);

	if (link->police_bits_per_s > 0 && link->police_bits_per_s < bits_per_s)
		bits_per_s = link->police_bits_per_s;
	if (link->blackout_every_ns > 0)
		bits_per_s *= 1 - (double)link->blackout_ns / (double)link->blackout_every_ns;
	return bits_per_s;
}

/* Goodput with full datagrams and no pauses, less the link's random loss. */
static double ideal_bits_per_s(const struct bulk *w, const struct bulk_flow_result *flow)
{
	const struct link_config *link = &w->config->up;
	double stream = flow->datagram_bytes - RUDP_DATA_OVERHEAD_SHORT_BYTES -
			(double)rudp_frame_stream_head_bytes(100 << 20);
	bool varies = w->link[SENDER].trace.count > 0 || link->police_bits_per_s > 0 ||
		      link->blackout_every_ns > 0;
	double bits_per_s = varies && flow->established_at_ns != RUDP_NEVER
				    ? capacity_bits_per_s(w, flow->established_at_ns)
				    : link->rate_bits_per_s;

	return bits_per_s * (1 - link->loss) * (1 - link->burst_loss) * stream /
	       (flow->datagram_bytes + IP_UDP_BYTES);
}

static void finish(struct bulk *w)
{
	struct rudp_conn_stats stats;

	for (uint32_t i = 0; i < w->config->flow_count; i++) {
		struct bulk_flow_result *result = &w->result->flows[i];

		result->delivered_bytes = w->flows[i].read;
		if (!w->flows[i].conn[SENDER])
			continue;
		rudp_conn_stats(w->flows[i].conn[SENDER], &stats);
		result->sent_packets = stats.packets_sent;
		result->lost_packets = stats.packets_lost;
		result->spurious_packets = stats.packets_spurious;
		/* Packets in flight at the end are not counted. */
		result->wire_bytes =
			stats.bytes_sent + stats.packets_sent * IP_UDP_BYTES - stats.inflight_bytes;
		result->datagram_bytes = stats.datagram_bytes;
		result->jump_bytes = stats.jump_bytes;
		result->ideal_bits_per_s = ideal_bits_per_s(w, result);
	}
	w->result->startup = queue_of(&w->startup);
	w->result->after = queue_of(&w->after);
	w->result->dropped_packets = w->link[SENDER].counts.dropped_queue;
	w->result->aqm_packets = w->link[SENDER].counts.dropped_aqm;
	w->result->policed_packets = w->link[SENDER].counts.dropped_policer;
	w->result->marked_packets = w->link[SENDER].counts.marked;
	w->result->down_bytes =
		w->link[RECEIVER].counts.bytes + w->link[RECEIVER].counts.delivered * IP_UDP_BYTES;
}

static uint32_t interface_of(void *context, void *socket, const struct rudp_addr *remote)
{
	const struct bulk *w = context;

	(void)socket;
	(void)remote;
	return w->config->interface_bytes;
}

static bool bulk_init(struct bulk *w)
{
	struct rudp_endpoint_config config = {
		.random = seeded_random,
		.random_context = w,
		.datagram_max = w->config->interface_bytes ? interface_of : NULL,
		.datagram_max_context = w,
	};
	struct link_config odd = w->config->up;
	struct rudp_endpoint *listening;

	w->prng.state = w->config->seed;
	rudp_addr_parse(&w->addr[SENDER], "10.0.0.1:20000");
	rudp_addr_parse(&w->addr[RECEIVER], "10.0.0.2:443");
	odd.rate_bits_per_s = w->config->odd_bits_per_s;
	if (!link_init(&w->link[SENDER], &w->config->up) ||
	    !link_init(&w->link[RECEIVER], &w->config->down) || !link_init(&w->odd, &odd))
		return false;
	w->train = malloc(RUDP_TRAIN_BYTES_MAX);
	for (int host = 0; host < 2; host++)
		w->ep[host] = rudp_endpoint_new(&config, 0);
	for (uint32_t i = 0; i < w->config->flow_count; i++) {
		struct bulk_flow_result *flow = &w->result->flows[i];

		flow->established_at_ns = flow->startup_done_at_ns = flow->done_at_ns = RUDP_NEVER;
	}
	if (!w->train || !w->ep[SENDER] || !w->ep[RECEIVER])
		return false;
	listening = w->ep[!opener(w)];
	w->listener = rudp_endpoint_listen(listening, listening, PORT, BULK_FLOWS_MAX, w, NULL);
	if (!w->listener)
		return false;
	rudp_listener_set_early(w->listener, BULK_FLOWS_MAX);
	return true;
}

bool bulk_run(const struct bulk_config *config, struct bulk_result *result)
{
	struct bulk *w = calloc(1, sizeof *w);
	bool ok;

	if (!w)
		return false;
	*result = (struct bulk_result){0};
	w->config = config;
	w->result = result;
	ok = bulk_init(w);
	while (ok && !is_over(w))
		step(w);
	ok = ok && !w->failed;
	finish(w);
	flight_fini(&w->flight);
	link_fini(&w->link[SENDER]);
	link_fini(&w->link[RECEIVER]);
	link_fini(&w->odd);
	for (int host = 0; host < 2; host++)
		if (w->ep[host])
			rudp_endpoint_free(w->ep[host]);
	free(w->train);
	free(w);
	return ok;
}
