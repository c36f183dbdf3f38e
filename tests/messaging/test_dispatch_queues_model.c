/* SPDX-License-Identifier: MIT */
/*
 * Compares a dispatcher with a simple reference implementation: arrays of accepted and waiting
 * posts for each connection, which are scanned completely. Peers acknowledge, break, leave and come
 * back at random. After each step both must have the same outcomes, in the same order for each
 * connection, and the peers must have received exactly what was accepted, in order.
 */
#include <stdio.h>

#include "base/random.h"
#include "messaging/hub_peer.h"
#include "messaging/dispatch_queues.h"

#define SEEDS 300
#define STEPS 400
#define PEERS 3
#define POSTS (STEPS + 1)
#define FRAME_BYTES RUDPMSG_MESSAGE_HEAD_BYTES

/* Some posts, by their tickets. */
struct row {
	rudpmsg_ticket tickets[POSTS];
	size_t first, end;
};

struct model_peer {
	char name[16];
	rudpmsg_conn_id conn; /* its last connection */
	bool is_connected;
	struct rudpmsg_link *link; /* NULL: none */
	uint64_t links;
	struct row queue;          /* accepted, not acknowledged */
	struct row dispatch_queue; /* waiting */
	struct row outcomes;       /* reported, in order */
	rudpmsg_message_id last_id, seen_id;
	rudpmsg_ticket seen_ticket;
};

static struct model_peer peers[PEERS];
static struct rudpmsg_dispatch_queues queues;
static struct rudpmsg_dispatch_options options;
static struct random chance;
static struct {
	size_t length;
	unsigned peer;
	rudpmsg_message_id id;
	int reason;
} posts[POSTS];
static rudpmsg_ticket last_ticket;
static uint64_t untaken;
static unsigned acks_percent;

/* ---- the reference implementation ---- */

static void put(struct row *row, rudpmsg_ticket ticket)
{
	row->tickets[row->end++] = ticket;
}

static size_t count_of(const struct row *row)
{
	return row->end - row->first;
}

static size_t bytes_of(const struct row *row, size_t extra)
{
	size_t i, bytes = 0;

	for (i = row->first; i < row->end; i++)
		bytes += posts[row->tickets[i]].length + extra;
	return bytes;
}

static void decide(struct model_peer *peer, rudpmsg_ticket ticket, int reason)
{
	posts[ticket].reason = reason;
	put(&peer->outcomes, ticket);
	untaken++;
	if (reason)
		return;
	posts[ticket].id = ++peer->last_id;
	put(&peer->queue, ticket);
}

static bool queue_has_room(const struct model_peer *peer, size_t length)
{
	size_t count = count_of(&peer->queue);

	return count == 0 ||
	       (count < 10 && bytes_of(&peer->queue, FRAME_BYTES) + FRAME_BYTES + length <= 5000);
}

static void serve_queue(struct model_peer *peer)
{
	while (count_of(&peer->dispatch_queue) > 0) {
		rudpmsg_ticket ticket = peer->dispatch_queue.tickets[peer->dispatch_queue.first];

		if (peer->is_connected && !queue_has_room(peer, posts[ticket].length))
			return;
		peer->dispatch_queue.first++;
		decide(peer, ticket, peer->is_connected ? 0 : ENOENT);
	}
}

static bool may_wait(const struct model_peer *peer, size_t length)
{
	size_t i, count = 0, bytes = 0, dispatch_queue = count_of(&peer->dispatch_queue);

	for (i = 0; i < PEERS; i++) {
		count += count_of(&peers[i].dispatch_queue);
		bytes += bytes_of(&peers[i].dispatch_queue, 0);
	}
	if (dispatch_queue > 0 &&
	    (dispatch_queue >= options.queue_posts_max ||
	     bytes_of(&peer->dispatch_queue, 0) + length > options.queue_bytes_max))
		return false;
	return count == 0 || (count < options.posts_max && bytes + length <= options.bytes_max);
}

static int model_post(struct model_peer *peer, size_t length)
{
	rudpmsg_ticket ticket = last_ticket + 1;

	if (untaken >= options.outcomes_max)
		return -EAGAIN;
	posts[ticket].length = length;
	if (count_of(&peer->dispatch_queue) == 0 &&
	    (!peer->is_connected || queue_has_room(peer, length))) {
		decide(peer, ticket, peer->is_connected ? 0 : ENOENT);
	} else {
		if (!may_wait(peer, length))
			return -EAGAIN;
		put(&peer->dispatch_queue, ticket);
	}
	last_ticket = ticket;
	return 0;
}

/* ---- the peers ---- */

/* Reads what the hub sends to the peer. Accepted messages come in order; those that are sent
 * again on a new link are skipped. */
static void listen_to_hub(struct model_peer *peer)
{
	struct rudpmsg_frame frame;
	rudpmsg_ticket ticket;
	uint64_t id;
	int type;

	read_output(peer->link);
	while ((type = next_frame(&frame)) != 0) {
		if (type != RUDPMSG_FRAME_MESSAGE)
			continue;
		cr_assert(eq(int, rudpmsg_id_read(&frame, &id), RUDPMSG_WIRE_OK));
		if (id <= peer->seen_id)
			continue;
		memcpy(&ticket, frame.content + sizeof id, sizeof ticket);
		cr_assert(eq(u64, id, peer->seen_id + 1));
		cr_assert(lt(u64, peer->seen_ticket, ticket));
		cr_assert(eq(u64, posts[ticket].id, id));
		cr_assert(eq(sz, frame.length - sizeof id, posts[ticket].length));
		peer->seen_id = id;
		peer->seen_ticket = ticket;
	}
}

static void connect_peer(struct model_peer *peer)
{
	struct rudpmsg_handshake handshake = make_handshake(peer->name, ++peer->links);

	peer->link = accepted_link();
	send_handshake(peer->link, RUDPMSG_FRAME_HANDSHAKE, &handshake);
	if (!peer->is_connected) {
		peer->conn = rudpmsg_conn_id_of(rudpmsg_hub_find(hub, peer->name));
		peer->last_id = peer->seen_id = peer->seen_ticket = 0;
		peer->queue.first = peer->queue.end;
	}
	peer->is_connected = true;
	listen_to_hub(peer);
}

static void break_link(struct model_peer *peer)
{
	rudpmsg_hub_on_ended(hub, peer->link, ECONNRESET, now_ns);
	peer->link = NULL;
}

static void leave(struct model_peer *peer)
{
	rudpmsg_hub_disconnect(hub, rudpmsg_hub_conn(hub, peer->conn), ECANCELED, now_ns);
	peer->link = NULL;
	peer->is_connected = false;
}

static void acknowledge(struct model_peer *peer)
{
	uint8_t bytes[RUDPMSG_MESSAGE_HEAD_BYTES];
	size_t count = count_of(&peer->queue);
	uint64_t id;

	listen_to_hub(peer);
	if (count == 0)
		return;
	peer->queue.first += 1 + random_below(&chance, count);
	id = posts[peer->queue.tickets[peer->queue.first - 1]].id;
	cr_assert(le(u64, id, peer->seen_id));
	send_bytes(peer->link, bytes, rudpmsg_ack_write(bytes, id));
	output_bytes = 0;
}

/* ---- steps of both implementations ---- */

static void post_one(unsigned p)
{
	size_t length =
		sizeof(rudpmsg_ticket) + random_below(&chance, 2) * random_below(&chance, 990);
	rudpmsg_ticket bytes[1000 / sizeof(rudpmsg_ticket)] = {last_ticket + 1}, ticket = 0;
	int rc = rudpmsg_dispatch_queues_post(&queues, peers[p].conn, bytes, length, now_ns,
					      &ticket);

	cr_assert(eq(int, rc, model_post(peers + p, length)));
	if (rc == 0)
		cr_assert(eq(u64, ticket, last_ticket));
	posts[last_ticket].peer = rc == 0 ? p : posts[last_ticket].peer;
}

static void take_outcome(void)
{
	struct rudpmsg_outcome outcome;
	struct row *row;

	if (rudpmsg_dispatch_queues_outcome(&queues, &outcome) < 0) {
		cr_assert(eq(u64, untaken, 0));
		return;
	}
	row = &peers[posts[outcome.ticket].peer].outcomes;
	cr_assert(ge(sz, count_of(row), 1));
	cr_assert(eq(u64, outcome.ticket, row->tickets[row->first]));
	cr_assert(eq(u64, outcome.id, posts[outcome.ticket].id));
	cr_assert(eq(int, outcome.reason, posts[outcome.ticket].reason));
	row->first++;
	untaken--;
}

static void act(struct model_peer *peer)
{
	unsigned choice = (unsigned)random_below(&chance, 100);

	if (choice < acks_percent && peer->link)
		acknowledge(peer);
	else if (choice == 30 && peer->link)
		break_link(peer);
	else if (choice == 31 && peer->is_connected)
		leave(peer);
	else if (choice > 30 && choice < 40 && !peer->link)
		connect_peer(peer);
	else if (choice < 70)
		post_one((unsigned)(peer - peers));
	else
		take_outcome();
}

static void step(void)
{
	struct model_peer *peer = peers + random_below(&chance, PEERS);
	struct rudpmsg_room *room;

	act(peer);
	while ((room = rudpmsg_hub_next_room(hub)))
		rudpmsg_dispatch_queues_on_room(room, now_ns);
	serve_queue(peer);
	output_bytes = 0;
	close_ended();
	cr_assert(rudpmsg_dispatch_queues_check(&queues));
	cr_assert(eq(u64, queues.stats.posts_waiting,
		     count_of(&peers[0].dispatch_queue) + count_of(&peers[1].dispatch_queue) +
			     count_of(&peers[2].dispatch_queue)));
}

static uint64_t run(uint64_t seed)
{
	uint64_t delayed;
	unsigned p;

	set_up();
	chance.state = seed;
	memset(peers, 0, sizeof peers);
	memset(posts, 0, sizeof posts);
	last_ticket = untaken = 0;
	acks_percent = (unsigned)random_below(&chance, 20);
	options = (struct rudpmsg_dispatch_options){
		.posts_max = 1 + (uint32_t)random_below(&chance, 12),
		.bytes_max = 1 + random_below(&chance, 4000),
		.queue_posts_max = 1 + (uint32_t)random_below(&chance, 6),
		.queue_bytes_max = 1 + random_below(&chance, 2000),
		.outcomes_max = 1 + (uint32_t)random_below(&chance, 30)};
	rudpmsg_dispatch_queues_init(&queues, hub, &options, NULL);
	for (p = 0; p < PEERS; p++) {
		snprintf(peers[p].name, sizeof peers[p].name, "peer%u", p);
		peers[p].conn = 1000 + p; /* an unknown connection */
	}
	for (p = 0; p < STEPS; p++)
		step();
	delayed = queues.stats.posts_delayed;
	rudpmsg_dispatch_queues_fini(&queues);
	tear_down();
	return delayed;
}

Test(dispatch_queues_model, posts_behave_as_in_the_reference_implementation)
{
	uint64_t seed, delayed = 0;

	for (seed = 1; seed <= SEEDS; seed++)
		delayed += run(seed);
	cr_assert(lt(u64, SEEDS, delayed), "too few delayed posts for a useful test");
}
