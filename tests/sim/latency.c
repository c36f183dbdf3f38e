/* SPDX-License-Identifier: MIT */
#include "latency.h"

#include <stdlib.h>

#include "base/time.h"
#include "flight.h"
#include "proto/checks.h"
#include "proto/conn/endpoint.h"

#define PORT 443
#define GIVE_UP_NS (100000 * RUDP_NS_PER_S)
#define BULK_PORT 20000
#define FIRST_PORT 20001

struct lab {
	const struct latency_config *config;
	struct latency_result *result;
	const char *reason;
	struct prng prng;
	int64_t now_ns;
	struct rudp_endpoint *ep[2];
	struct rudp_addr addr[2];
	struct rudp_listener *listener;
	struct link link[2];
	struct flight flight;
	uint8_t *train;
	struct rudp_conn *client, *server, *bulk, *bulk_server;
	uint16_t next_port;
	unsigned asked; /* exchanges, messages or connections begun */
	unsigned done;
	uint64_t got[2]; /* stream bytes received by each measured side */
	uint64_t bulk_left;
	int64_t began_at_ns; /* of the current exchange */
	int64_t next_at_ns;  /* the client's program acts next; RUDP_NEVER: it waits */
	int64_t *sent_at_ns; /* of each message */
	int64_t *took_ns;
};

static void seeded_random(void *context, void *out, size_t len)
{
	struct lab *lab = context;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)prng_next(&lab->prng);
}

static struct rudp_endpoint *new_endpoint(struct lab *lab)
{
	struct rudp_endpoint_config config = {
		.random = seeded_random,
		.random_context = lab,
		.suite = 1,
		.tail_off = lab->config->tail_off,
	};

	return rudp_endpoint_new(&config, 0);
}

static struct rudp_conn *dial(struct lab *lab, uint16_t port)
{
	struct rudp_addr local = lab->addr[0];
	struct rudp_conn *conn;
	int error;

	rudp_addr_set_port(&local, port);
	conn = rudp_endpoint_connect(lab->ep[0], lab->ep[0], &local, &lab->addr[1], PORT, NULL,
				     lab->now_ns, &error);
	if (!conn)
		lab->reason = "no memory to connect";
	else
		rudp_conn_set_user(conn, lab);
	return conn;
}

static void say(struct lab *lab, struct rudp_conn *conn, size_t len)
{
	static const uint8_t text[1 << 20];

	if (rudp_conn_write(conn, text, len, lab->now_ns) != len)
		lab->reason = "the send buffer is full";
	lab->result->stream_bytes += len;
}

static void note(struct lab *lab, int64_t took_ns)
{
	lab->took_ns[lab->done++] = took_ns;
}

/* The action of the client's program at next_at_ns. */
static void act(struct lab *lab)
{
	const struct latency_config *c = lab->config;

	lab->next_at_ns = RUDP_NEVER;
	if (lab->asked == c->count)
		return;
	lab->began_at_ns = lab->now_ns;
	lab->sent_at_ns[lab->asked++] = lab->now_ns;
	if (c->pattern == LATENCY_CONNECTS) {
		lab->got[0] = lab->got[1] = 0;
		lab->client = dial(lab, lab->next_port++);
		lab->server = NULL;
	}
	if (lab->client)
		say(lab, lab->client, c->request_bytes);
	if (c->pattern == LATENCY_MESSAGES)
		lab->next_at_ns = lab->now_ns + c->every_ns;
}

static void forget_client(struct lab *lab);

static void on_client_bytes(struct lab *lab)
{
	const struct latency_config *c = lab->config;

	if (c->response_bytes == 0 || lab->got[0] < c->response_bytes)
		return;
	lab->got[0] -= c->response_bytes;
	note(lab, lab->now_ns - lab->began_at_ns);
	lab->next_at_ns = lab->now_ns + prng_between(&lab->prng, 0, 2 * c->link.delay_ns);
	if (c->pattern == LATENCY_CONNECTS)
		forget_client(lab);
}

static void on_server_bytes(struct lab *lab)
{
	const struct latency_config *c = lab->config;

	while (lab->got[1] >= c->request_bytes) {
		lab->got[1] -= c->request_bytes;
		if (c->response_bytes > 0)
			say(lab, lab->server, c->response_bytes);
		else
			note(lab, lab->now_ns - lab->sent_at_ns[lab->done]);
	}
}

static uint64_t take_all(struct lab *lab, struct rudp_conn *conn)
{
	size_t n = rudp_conn_receive_available(conn);

	if (n > 0)
		rudp_conn_receive_consume(conn, n, lab->now_ns);
	return n;
}

static void count(struct lab *lab, const struct rudp_conn *conn)
{
	struct rudp_conn_stats stats;

	rudp_conn_stats(conn, &stats);
	lab->result->copied_packets += stats.packets_copied;
	lab->result->copied_bytes += stats.stream_copied;
	lab->result->lost_packets += stats.packets_lost;
	lab->result->spurious_packets += stats.packets_spurious;
	lab->result->stream_resent += stats.stream_resent;
}

static void forget_client(struct lab *lab)
{
	count(lab, lab->client);
	rudp_conn_close(lab->client, lab->now_ns);
	lab->client = NULL;
	if (lab->server) {
		count(lab, lab->server);
		rudp_conn_close(lab->server, lab->now_ns);
		lab->server = NULL;
	}
}

static void accept_all(struct lab *lab)
{
	struct rudp_conn *conn;

	while ((conn = rudp_listener_accept(lab->listener))) {
		rudp_conn_set_user(conn, lab);
		if (rudp_addr_port(rudp_conn_remote(conn)) == BULK_PORT)
			lab->bulk_server = conn;
		else
			lab->server = conn;
	}
}

static void feed_bulk(struct lab *lab)
{
	size_t room = lab->bulk ? rudp_conn_send_room(lab->bulk) : 0;
	size_t len = room < lab->bulk_left ? room : (size_t)lab->bulk_left;

	if (len > 1 << 18)
		len = 1 << 18;
	if (len == 0)
		return;
	say(lab, lab->bulk, len);
	lab->bulk_left -= len;
}

static void on_event(struct lab *lab, struct rudp_conn *conn)
{
	unsigned events = rudp_conn_take_events(conn);

	if (events & RUDP_EVENT_FAILED)
		lab->reason = "a connection failed";
	if (conn == lab->client) {
		lab->got[0] += take_all(lab, conn);
		on_client_bytes(lab);
	} else if (conn == lab->server) {
		lab->got[1] += take_all(lab, conn);
		on_server_bytes(lab);
	} else if (conn == lab->bulk) {
		feed_bulk(lab);
	} else if (conn == lab->bulk_server) {
		(void)take_all(lab, conn);
	} else if (rudp_conn_receive_eof(conn) || (events & RUDP_EVENT_DEAD)) {
		rudp_conn_close(conn, lab->now_ns);
	}
}

static void on_events(struct lab *lab)
{
	struct rudp_conn *conn;

	for (int host = 0; host < 2; host++)
		while ((conn = rudp_endpoint_next_event(lab->ep[host]))) {
			accept_all(lab);
			on_event(lab, conn);
		}
}

static void fly(struct lab *lab, int from, const struct rudp_train *train)
{
	for (size_t at = 0; at < train->len; at += train->segment_bytes) {
		size_t left = train->len - at;
		size_t len = left < train->segment_bytes ? left : train->segment_bytes;
		struct flying *f = flight_new(&lab->flight, !from, &train->local, &train->remote,
					      train->data + at, len);

		lab->result->wire_bytes += len;
		if (!f || !link_submit(&lab->link[from], &lab->prng, &lab->flight, f, lab->now_ns))
			lab->reason = "no memory for a datagram in flight";
	}
}

static void transmit_all(struct lab *lab)
{
	struct rudp_train train = {.data = lab->train, .cap = RUDP_TRAIN_BYTES_MAX};

	for (int host = 0; host < 2; host++)
		while (rudp_endpoint_transmit(lab->ep[host], &train, lab->now_ns))
			fly(lab, host, &train);
}

static void deliver_due(struct lab *lab)
{
	struct flying *f;

	while ((f = flight_take(&lab->flight, lab->now_ns))) {
		struct rudp_datagram in = {
			.socket = lab->ep[f->to],
			.local = f->to_addr,
			.remote = f->from_addr,
			.data = f->data,
			.len = f->len,
		};

		rudp_endpoint_on_datagram(lab->ep[f->to], &in, lab->now_ns);
		free(f);
	}
}

static void step(struct lab *lab)
{
	const struct links links = {.link = {&lab->link[0], &lab->link[1]}, .count = 2};
	int64_t next = lab->next_at_ns;

	for (int host = 0; host < 2; host++)
		next = rudp_time_min(next, rudp_endpoint_deadline_ns(lab->ep[host]));
	next = links_run(&links, &lab->flight, next);
	if (next == RUDP_NEVER || next > GIVE_UP_NS) {
		lab->reason = "nothing happens any more";
		return;
	}
	lab->now_ns = rudp_time_max(lab->now_ns, next);
	deliver_due(lab);
	for (int host = 0; host < 2; host++)
		rudp_endpoint_on_time(lab->ep[host], lab->now_ns);
	on_events(lab);
	if (lab->next_at_ns <= lab->now_ns)
		act(lab);
	feed_bulk(lab);
	transmit_all(lab);
	for (int host = 0; host < 2; host++)
		if (!rudp_endpoint_check(lab->ep[host]))
			lab->reason = "an invariant is broken (log above)";
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void summarise(struct lab *lab)
{
	struct latency_result *r = lab->result;
	struct rudp_conn_stats stats;

	qsort(lab->took_ns, lab->done, sizeof *lab->took_ns, by_size);
	r->samples = lab->done;
	r->p50_ns = lab->took_ns[lab->done / 2];
	r->p99_ns = lab->took_ns[lab->done * 99ul / 100];
	r->max_ns = lab->took_ns[lab->done - 1];
	r->end_ns = lab->now_ns;
	if (lab->client)
		count(lab, lab->client);
	if (lab->server)
		count(lab, lab->server);
	if (lab->bulk) {
		rudp_conn_stats(lab->bulk, &stats);
		r->bulk_copied_bytes = stats.stream_copied;
	}
}

static bool lab_init(struct lab *lab)
{
	const struct latency_config *c = lab->config;

	lab->prng.state = c->seed;
	rudp_addr_parse(&lab->addr[0], "10.0.0.1:20000");
	rudp_addr_parse(&lab->addr[1], "10.0.0.2:443");
	lab->next_port = FIRST_PORT;
	lab->bulk_left = c->bulk_bytes;
	lab->train = malloc(RUDP_TRAIN_BYTES_MAX);
	lab->sent_at_ns = calloc(c->count + 1, sizeof *lab->sent_at_ns);
	lab->took_ns = calloc(c->count + 1, sizeof *lab->took_ns);
	lab->ep[0] = new_endpoint(lab);
	lab->ep[1] = new_endpoint(lab);
	if (!link_init(&lab->link[0], &c->link) || !link_init(&lab->link[1], &c->link))
		return false;
	if (!lab->train || !lab->sent_at_ns || !lab->took_ns || !lab->ep[0] || !lab->ep[1])
		return false;
	lab->listener = rudp_endpoint_listen(lab->ep[1], lab->ep[1], PORT, 64, lab, NULL);
	if (!lab->listener)
		return false;
	if (c->bulk_bytes > 0) {
		lab->bulk = dial(lab, BULK_PORT);
		if (lab->bulk && c->bulk_cc)
			rudp_conn_set_cc(lab->bulk, c->bulk_cc, 0);
	}
	if (c->pattern != LATENCY_CONNECTS)
		lab->client = dial(lab, lab->next_port++);
	return true;
}

static void lab_fini(struct lab *lab)
{
	flight_fini(&lab->flight);
	link_fini(&lab->link[0]);
	link_fini(&lab->link[1]);
	for (int host = 0; host < 2; host++)
		if (lab->ep[host])
			rudp_endpoint_free(lab->ep[host]);
	free(lab->train);
	free(lab->sent_at_ns);
	free(lab->took_ns);
}

bool latency_run(const struct latency_config *config, struct latency_result *result,
		 const char **reason)
{
	struct lab lab = {.config = config, .result = result};

	*result = (struct latency_result){0};
	if (!lab_init(&lab))
		lab.reason = "no memory";
	while (!lab.reason && lab.done < config->count)
		step(&lab);
	if (!lab.reason)
		summarise(&lab);
	*reason = lab.reason;
	lab_fini(&lab);
	return !lab.reason;
}
