/* SPDX-License-Identifier: MIT */
#include "messaging/net_sim.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ring.h"

/* One stream. Side 0 dialed it. */
struct end {
	int node;
	struct rudpmsg_link *link; /* NULL: closed by its node */
	struct rudp_ring in;       /* bytes for this side */
	bool is_cut;               /* the stream ends after the bytes in the ring */
	int error;
	bool wants_write;
};

struct net_sim_pipe {
	struct end ends[2];
	bool is_open;
	int64_t opens_at_ns;
	bool fails;
};

struct rudpmsg_hub_config net_sim_config(const char *name, uint64_t seed, enum rudpmsg_ack ack)
{
	struct rudpmsg_hub_config config = {
		.ack = ack,
		.limits = {.message_bytes_max = 65536,
			   .queue_bytes_max = 20000,
			   .queue_messages_max = 100,
			   .unread_bytes_max = 5000,
			   .connections_max = 10,
			   .unauthenticated_max = 8,
			   .senders_max = 16},
		.handshake_timeout_ns = 2 * RUDP_NS_PER_S,
		.backoff_first_ns = RUDP_NS_PER_S / 10,
		.backoff_max_ns = RUDP_NS_PER_S,
		.give_up_ns = RUDP_NEVER,
		.seed = seed,
	};

	strcpy(config.name, name);
	return config;
}

uint64_t net_sim_first_seed(uint64_t seeds)
{
	const char *round = getenv("RUDP_TEST_ROUND");

	return 1 + (round ? strtoull(round, NULL, 10) : 0) * seeds;
}

void net_sim_init(struct net_sim *net_sim, uint64_t seed)
{
	memset(net_sim, 0, sizeof *net_sim);
	net_sim->random.state = seed;
	net_sim->now_ns = RUDP_NS_PER_S;
}

static void pipe_free(struct net_sim *net_sim, unsigned i)
{
	struct net_sim_pipe *pipe = net_sim->pipes[i];

	rudp_ring_fini(&pipe->ends[0].in);
	rudp_ring_fini(&pipe->ends[1].in);
	free(pipe);
	net_sim->pipes[i] = NULL;
}

void net_sim_fini(struct net_sim *net_sim)
{
	unsigned i;

	for (i = 0; i < net_sim->node_count; i++)
		net_sim_kill(net_sim, i);
	for (i = 0; i < NET_SIM_PIPES_MAX; i++)
		if (net_sim->pipes[i])
			pipe_free(net_sim, i);
}

void net_sim_start(struct net_sim *net_sim, unsigned i, const struct rudpmsg_hub_config *config)
{
	assert(i < NET_SIM_NODES_MAX && !net_sim->nodes[i].hub);
	if (net_sim->node_count <= i)
		net_sim->node_count = i + 1;
	net_sim->nodes[i].hub = rudpmsg_hub_new(config, net_sim->now_ns);
	net_sim->nodes[i].port = (uint16_t)(1000 + i);
	assert(net_sim->nodes[i].hub);
	if (net_sim->nodes[i].store)
		memory_store_restore(net_sim->nodes[i].store, net_sim->nodes[i].hub,
				     net_sim->now_ns);
}

static void cut(struct net_sim_pipe *pipe, unsigned side, bool lose, int error)
{
	struct end *end = pipe->ends + side;

	if (lose)
		rudp_ring_consume(&end->in, rudp_ring_used(&end->in));
	if (!end->is_cut)
		end->error = error;
	end->is_cut = true;
}

void net_sim_kill(struct net_sim *net_sim, unsigned i)
{
	struct net_sim_pipe *pipe;
	unsigned p, side;

	if (!net_sim->nodes[i].hub)
		return;
	for (p = 0; p < NET_SIM_PIPES_MAX; p++) {
		pipe = net_sim->pipes[p];
		for (side = 0; pipe && side < 2; side++) {
			if (pipe->ends[side].node != (int)i || !pipe->ends[side].link)
				continue;
			pipe->ends[side].link = NULL;
			cut(pipe, !side, random_below(&net_sim->random, 2), ECONNRESET);
		}
	}
	rudpmsg_hub_free(net_sim->nodes[i].hub);
	net_sim->nodes[i].hub = NULL;
	net_sim->nodes[i].batch = NULL;
	net_sim->nodes[i].is_written = false;
}

/* One step of a store: takes a batch, writes it, or reports it to the hub. */
static void step_store(struct net_sim *net_sim, struct net_sim_node *node)
{
	if (!node->store || random_below(&net_sim->random, 3))
		return;
	if (!node->batch) {
		node->batch = rudpmsg_hub_take_batch(node->hub);
	} else if (node->is_written) {
		node->is_written = false;
		node->batch = NULL;
		rudpmsg_hub_on_stored(node->hub, 0, net_sim->now_ns);
	} else if (random_below(&net_sim->random, 1000) < net_sim->store_fails_permille) {
		net_sim->store_failures++;
		node->batch = NULL;
		rudpmsg_hub_on_stored(node->hub, -ENOSPC, net_sim->now_ns);
	} else {
		memory_store_apply(node->store, node->batch);
		node->is_written = true;
	}
}

static void begin_dial(struct net_sim *net_sim, unsigned node, struct rudpmsg_link *link)
{
	struct net_sim_pipe *pipe;
	unsigned i = 0;

	while (net_sim->pipes[i])
		i++;
	assert(i < NET_SIM_PIPES_MAX);
	pipe = net_sim->pipes[i] = calloc(1, sizeof *pipe);
	pipe->ends[0].node = (int)node;
	pipe->ends[0].link = link;
	pipe->ends[1].node = rudpmsg_link_port(link) - 1000;
	rudp_ring_init(&pipe->ends[0].in, 1 << 24);
	rudp_ring_init(&pipe->ends[1].in, 1 << 24);
	pipe->opens_at_ns = net_sim->now_ns + (int64_t)random_below(&net_sim->random, 100000000);
	pipe->fails = random_below(&net_sim->random, 1000) < net_sim->dial_fails_permille;
	rudpmsg_link_set_user(link, pipe);
}

static struct end *end_of(struct net_sim_pipe *pipe, const struct rudpmsg_link *link)
{
	return pipe->ends[0].link == link ? pipe->ends : pipe->ends + 1;
}

/* Serves the hub's requests to dial, write, read and close. */
static void serve_lists(struct net_sim *net_sim, unsigned node)
{
	struct rudpmsg_hub *hub = net_sim->nodes[node].hub;
	struct rudpmsg_link *link;
	struct net_sim_pipe *pipe;
	struct end *end;

	while ((link = rudpmsg_hub_next_dial(hub)))
		begin_dial(net_sim, node, link);
	while ((link = rudpmsg_hub_next_write(hub)))
		end_of(rudpmsg_link_user(link), link)->wants_write = true;
	while ((link = rudpmsg_hub_next_read(hub)))
		rudpmsg_hub_on_read(hub, link, 0, net_sim->now_ns);
	while ((link = rudpmsg_hub_next_close(hub))) {
		pipe = rudpmsg_link_user(link);
		if (pipe) {
			end = end_of(pipe, link);
			end->link = NULL;
			cut(pipe, end == pipe->ends, false, 0);
		}
		rudpmsg_link_free(link);
	}
	rudpmsg_hub_take_changes(hub);
}

static void serve_all(struct net_sim *net_sim)
{
	unsigned i, round;

	/* Serving one list may fill another. */
	for (round = 0; round < 3; round++)
		for (i = 0; i < net_sim->node_count; i++)
			if (net_sim->nodes[i].hub)
				serve_lists(net_sim, i);
}

static void open_pipe(struct net_sim *net_sim, struct net_sim_pipe *pipe)
{
	struct end *dialer = pipe->ends, *acceptor = pipe->ends + 1;
	struct rudpmsg_hub *hub = net_sim->nodes[acceptor->node].hub;

	pipe->is_open = true;
	if (!dialer->link)
		return;
	if (pipe->fails || !hub) {
		rudpmsg_hub_on_dialed(net_sim->nodes[dialer->node].hub, dialer->link, ECONNREFUSED,
				      net_sim->now_ns);
		return;
	}
	acceptor->link = rudpmsg_hub_on_accepted(hub, pipe, net_sim->now_ns);
	if (!acceptor->link)
		cut(pipe, 0, true, ECONNRESET);
	rudpmsg_hub_on_dialed(net_sim->nodes[dialer->node].hub, dialer->link, 0, net_sim->now_ns);
}

static void move_out(struct net_sim *net_sim, struct net_sim_pipe *pipe, unsigned side)
{
	struct end *end = pipe->ends + side, *other = pipe->ends + !side;
	struct rudpmsg_hub *hub = net_sim->nodes[end->node].hub;
	struct iovec iov[3];
	size_t room = 1 + random_below(&net_sim->random, 3000), written = 0, part;
	int i, count = rudpmsg_hub_write_next(end->link, iov, 3);

	if (count == 0)
		end->wants_write = false;
	for (i = 0; i < count && room > 0; i++) {
		part = iov[i].iov_len < room ? iov[i].iov_len : room;
		if (!other->is_cut)
			rudp_ring_write(&other->in, iov[i].iov_base, part);
		room -= part;
		written += part;
	}
	if (written > 0)
		rudpmsg_hub_on_written(hub, end->link, written);
}

void net_sim_write_alone(struct net_sim *net_sim, unsigned i)
{
	struct rudpmsg_hub *hub = net_sim->nodes[i].hub;
	struct rudpmsg_link *link = rudpmsg_hub_sole_write(hub);
	struct net_sim_pipe *pipe;
	struct iovec iov[3];
	unsigned side;

	if (!link)
		return;
	pipe = rudpmsg_link_user(link);
	side = (unsigned)(end_of(pipe, link) - pipe->ends);
	while (rudpmsg_hub_write_next(link, iov, 3) > 0) {
		if (random_below(&net_sim->random, 4) == 0) {
			rudpmsg_hub_write_later(hub, link);
			return;
		}
		move_out(net_sim, pipe, side);
	}
	net_sim->written_alone++;
}

static void move_in(struct net_sim *net_sim, struct net_sim_pipe *pipe, unsigned side)
{
	struct end *end = pipe->ends + side;
	struct rudpmsg_hub *hub = net_sim->nodes[end->node].hub;
	size_t size = 1 + random_below(&net_sim->random, 3000), room;
	struct iovec iov[2];
	uint8_t *to;
	int count, i;

	if (rudp_ring_used(&end->in) == 0) {
		if (end->is_cut)
			rudpmsg_hub_on_ended(hub, end->link, end->error, net_sim->now_ns);
		return;
	}
	room = rudpmsg_hub_read_room(hub, end->link, &to);
	if (size > room)
		size = room;
	if (size > rudp_ring_used(&end->in))
		size = rudp_ring_used(&end->in);
	count = rudp_ring_readable(&end->in, end->in.head, size, iov);
	for (i = 0, room = 0; i < count; i++) {
		memcpy(to + room, iov[i].iov_base, iov[i].iov_len);
		room += iov[i].iov_len;
	}
	rudp_ring_consume(&end->in, size);
	if (size > 0)
		rudpmsg_hub_on_read(hub, end->link, size, net_sim->now_ns);
}

static void step_pipe(struct net_sim *net_sim, unsigned i)
{
	struct net_sim_pipe *pipe = net_sim->pipes[i];
	unsigned side;

	if (!pipe->is_open) {
		if (pipe->opens_at_ns <= net_sim->now_ns)
			open_pipe(net_sim, pipe);
		return;
	}
	if (random_below(&net_sim->random, 1000) < net_sim->break_permille) {
		net_sim->breaks++;
		side = (unsigned)random_below(&net_sim->random, 2);
		cut(pipe, side, random_below(&net_sim->random, 2), ECONNRESET);
		cut(pipe, !side, random_below(&net_sim->random, 2), ETIMEDOUT);
	}
	for (side = 0; side < 2; side++) {
		if (pipe->ends[side].link)
			move_out(net_sim, pipe, side);
		serve_all(net_sim);
		if (pipe->ends[side].link)
			move_in(net_sim, pipe, side);
		serve_all(net_sim);
	}
	if (!pipe->ends[0].link && !pipe->ends[1].link)
		pipe_free(net_sim, i);
}

void net_sim_step(struct net_sim *net_sim)
{
	unsigned i, start = (unsigned)random_below(&net_sim->random, NET_SIM_PIPES_MAX);

	serve_all(net_sim);
	for (i = 0; i < NET_SIM_PIPES_MAX; i++)
		if (net_sim->pipes[(start + i) % NET_SIM_PIPES_MAX] &&
		    random_below(&net_sim->random, 2))
			step_pipe(net_sim, (start + i) % NET_SIM_PIPES_MAX);
	net_sim->now_ns += 1 + (int64_t)random_below(&net_sim->random, 5000000);
	for (i = 0; i < net_sim->node_count; i++)
		if (net_sim->nodes[i].hub)
			step_store(net_sim, net_sim->nodes + i);
	for (i = 0; i < net_sim->node_count; i++)
		if (net_sim->nodes[i].hub)
			rudpmsg_hub_on_time(net_sim->nodes[i].hub, net_sim->now_ns);
	serve_all(net_sim);
}

void net_sim_run_until(struct net_sim *net_sim, int64_t at_ns)
{
	while (net_sim->now_ns < at_ns)
		net_sim_step(net_sim);
}
