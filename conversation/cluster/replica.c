/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/split_mix.h"
#include "conversation/cluster/replica_private.h"

#define QUEUE_FIRST 4096

/* ---- life ---- */

struct apo_replica *apo_replica_new(const struct apo_replica_start *start)
{
	struct apo_replica *replica = calloc(1, sizeof *replica);

	if (!replica)
		return NULL;
	replica->flight = malloc(APO_REPLICA_ENTRY_BYTES_MAX);
	if (!replica->flight) {
		free(replica);
		return NULL;
	}
	replica->calls = start->calls;
	replica->of = start->of;
	replica->random = start->random;
	replica->node_timeout_ns = start->node_timeout_ns;
	replica->now_at_ns = start->now_at_ns;
	replica->wall_ms = start->wall_ms;
	replica->beat_at_ns = replica->repeat_at_ns = RUDP_NEVER;
	memcpy(replica->name, start->name, strlen(start->name) + 1);
	rudp_list_init(&replica->waiting);
	return replica;
}

static void drop_waiting(struct apo_replica *replica)
{
	struct rudp_list *link;

	while ((link = rudp_list_pop(&replica->waiting)))
		free(RUDP_LIST_OWNER(link, struct apo_waiting_entry, link));
	replica->waiting_bytes = 0;
	free(replica->early);
	replica->early = NULL;
}

void apo_replica_free(struct apo_replica *replica)
{
	drop_waiting(replica);
	free(replica->flight);
	free(replica->queue.bytes);
	free(replica);
}

void apo_replica_set_time(struct apo_replica *replica, int64_t now_at_ns, int64_t wall_ms)
{
	replica->now_at_ns = now_at_ns;
	replica->wall_ms = wall_ms;
}

/* ---- publication: one entry at a time ---- */

static struct apo_entry_head head_of(struct apo_replica *replica, enum apo_entry_kind kind)
{
	struct apo_entry_head head = {.kind = kind,
				      .incarnation = replica->incarnation,
				      .number = ++replica->number,
				      .wall_ms = replica->wall_ms};

	strcpy(head.name, replica->name);
	return head;
}

static void transmit(struct apo_replica *replica)
{
	replica->repeat_at_ns = replica->now_at_ns + APO_REPEAT_NS;
	replica->calls->publish(replica->of, replica->flight, replica->flight_len,
				replica->publication);
}

static void launch(struct apo_replica *replica, size_t len)
{
	replica->is_in_flight = true;
	replica->publication++;
	replica->flight_len = len;
	replica->flight_events = 0;
	replica->flight_at_ns = replica->now_at_ns;
	replica->stored_at_ns = replica->subscribe_at_ns = RUDP_NEVER;
	replica->beat_at_ns = replica->now_at_ns + APO_BEAT_NS;
	transmit(replica);
}

static void launch_head(struct apo_replica *replica, const struct apo_entry_head *head)
{
	struct rudp_writer writer = rudp_writer(replica->flight, APO_REPLICA_ENTRY_BYTES_MAX);

	apo_entry_write(&writer, head);
	launch(replica, rudp_writer_len(&writer));
}

static size_t record_bytes(const uint8_t *record)
{
	struct rudp_reader reader = rudp_reader(record, 4);

	return 4 + (size_t)rudp_read_u32(&reader);
}

/* As many of the waiting events as fit. */
static void launch_events(struct apo_replica *replica, uint64_t about)
{
	struct rudp_writer writer = rudp_writer(replica->flight, APO_REPLICA_ENTRY_BYTES_MAX);
	struct apo_entry_head head = head_of(replica, APO_ENTRY_EVENTS);
	struct apo_queue *queue = &replica->queue;
	size_t taken = 0, events = 0, next;

	head.about = about;
	head.seen = apo_replica_digest(replica);
	apo_entry_write(&writer, &head);
	while (taken < queue->len) {
		next = record_bytes(queue->bytes + taken);
		if (next > rudp_writer_room(&writer))
			break;
		rudp_write_bytes(&writer, queue->bytes + taken, next);
		taken += next;
		events++;
	}
	if (taken > 0) /* else the queue may have no memory yet */
		memmove(queue->bytes, queue->bytes + taken, queue->len - taken);
	queue->len -= taken;
	queue->events -= events;
	launch(replica, rudp_writer_len(&writer));
	replica->flight_events = events;
}

static void set_cut_off(struct apo_replica *replica, bool is_cut_off)
{
	if (replica->is_cut_off == is_cut_off)
		return;
	replica->is_cut_off = is_cut_off;
	replica->calls->cut_off(replica->of, is_cut_off);
}

/* After a time without progress the silence of others proves nothing. */
static void excuse_others(struct apo_replica *replica)
{
	struct apo_node *node;

	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++)
		node->heard_at_ns = replica->now_at_ns;
}

void apo_replica_landed(struct apo_replica *replica)
{
	replica->is_in_flight = false;
	replica->awaited_events = replica->flight_events + replica->queue.events;
	replica->repeat_at_ns = RUDP_NEVER;
	if (replica->is_cut_off)
		excuse_others(replica);
	set_cut_off(replica, false);
}

/* The sequence of the answer would tell nothing: it is that of the leader's copy of the log. */
void apo_replica_on_published(struct apo_replica *replica, uint64_t number, bool is_stored)
{
	if (!replica->is_in_flight || number != replica->publication)
		return;
	if (!is_stored) {
		replica->repeat_at_ns = replica->now_at_ns + APO_RETRY_NS;
	} else if (replica->stored_at_ns == RUDP_NEVER) {
		replica->stored_at_ns = replica->now_at_ns;
		replica->subscribe_at_ns = replica->now_at_ns + APO_SUBSCRIBE_NS;
	}
}

void apo_replica_on_unreadable(struct apo_replica *replica)
{
	if (replica->stored_at_ns != RUDP_NEVER)
		replica->stored_at_ns = replica->now_at_ns;
}

static int enqueue(struct apo_replica *replica, const void *event, size_t len, size_t max)
{
	struct apo_queue *queue = &replica->queue;
	size_t needed = queue->len + 4 + len, capacity = queue->capacity;
	struct rudp_writer writer;
	uint8_t *bytes;

	if (needed > max || len > APO_REPLICA_EVENT_BYTES_MAX)
		return -ENOBUFS;
	while (capacity < needed)
		capacity = capacity ? 2 * capacity : QUEUE_FIRST;
	if (capacity > queue->capacity) {
		bytes = realloc(queue->bytes, capacity);
		if (!bytes)
			return -ENOMEM;
		queue->bytes = bytes;
		queue->capacity = capacity;
	}
	writer = rudp_writer(queue->bytes + queue->len, 4 + len);
	rudp_write_u32(&writer, (uint32_t)len);
	rudp_write_bytes(&writer, event, len);
	queue->len = needed;
	queue->events++;
	return 0;
}

int apo_replica_submit(struct apo_replica *replica, const void *event, size_t len, bool is_vital)
{
	int error;

	if (replica->state != APO_REPLICA_LIVE)
		return -EAGAIN;
	error = enqueue(replica, event, len,
			is_vital ? 2 * APO_REPLICA_QUEUE_BYTES_MAX : APO_REPLICA_QUEUE_BYTES_MAX);
	replica->must_rejoin |= error < 0 && is_vital;
	return error;
}

void apo_replica_leave(struct apo_replica *replica)
{
	struct apo_entry_head head;

	if (replica->state != APO_REPLICA_LIVE)
		return;
	/* The results are not awaited any more. Without its predecessors an entry is ignored. The
	 * predecessors are not applied yet, so the entries do not say up to where this node is. */
	if (replica->is_in_flight)
		transmit(replica);
	while (replica->queue.len > 0)
		launch_events(replica, 0);
	head = head_of(replica, APO_ENTRY_GONE);
	head.about = replica->self;
	launch_head(replica, &head);
}

/* ---- joining ---- */

static void join(struct apo_replica *replica)
{
	struct apo_entry_head head;

	replica->state = APO_REPLICA_JOINING;
	replica->incarnation = rudp_split_mix(&replica->random);
	replica->number = 0;
	replica->self = 0;
	replica->since_at_ns = replica->now_at_ns;
	head = head_of(replica, APO_ENTRY_JOIN);
	head.about = replica->calls->kept(replica->of);
	launch_head(replica, &head);
}

void apo_replica_rejoin(struct apo_replica *replica, const char *reason)
{
	bool was_live = replica->state == APO_REPLICA_LIVE;

	replica->state = APO_REPLICA_OFF;
	replica->is_in_flight = false;
	replica->queue.len = replica->queue.events = 0;
	replica->is_cut_off = replica->must_rejoin = false;
	memset(replica->nodes, 0, sizeof replica->nodes);
	memset(replica->foreign, 0, sizeof replica->foreign);
	replica->shared_wall_ms = 0;
	drop_waiting(replica);
	if (was_live)
		replica->calls->reset(replica->of, reason);
	replica->calls->reopen(replica->of,
			       replica->attempts++ ? APO_REOPEN_CONNECT : APO_REOPEN_END);
}

void apo_replica_on_bus(struct apo_replica *replica)
{
	if (replica->state == APO_REPLICA_OFF)
		join(replica);
}

/* Becomes live at the position, which has been applied, with the digest of the log up to there. */
static void enter_live(struct apo_replica *replica, uint64_t position, uint64_t digest)
{
	replica->state = APO_REPLICA_LIVE;
	replica->attempts = 0;
	replica->self = replica->applied = replica->first_digest = position;
	replica->events_position = 0;
	replica->ahead = position - replica->join_seq;
	replica->digests[position % APO_REPLICA_DIGESTS] = digest;
	replica->is_in_flight = false;
	replica->beat_at_ns = replica->now_at_ns;
	excuse_others(replica);
	replica->calls->live(replica->of, replica->self, replica->run);
}

static void keep_waiting(struct apo_replica *replica, uint64_t seq, const void *bytes, size_t len)
{
	struct apo_waiting_entry *entry = malloc(sizeof *entry + len);

	replica->waiting_bytes += sizeof *entry + len;
	if (!entry || replica->waiting_bytes > APO_REPLICA_BUFFER_BYTES_MAX) {
		free(entry);
		apo_replica_rejoin(replica, "no snapshot has come");
		return;
	}
	entry->seq = seq;
	entry->len = len;
	entry->link.next = NULL;
	memcpy(entry->bytes, bytes, len);
	rudp_list_append(&replica->waiting, &entry->link);
}

static bool is_own(const struct apo_replica *replica, const struct apo_entry_head *head)
{
	return strcmp(head->name, replica->name) == 0 && head->incarnation == replica->incarnation;
}

/* Its position is the first one. */
static void on_own_genesis(struct apo_replica *replica, uint64_t seq,
			   const struct apo_entry_head *head)
{
	drop_waiting(replica);
	(void)apo_replica_node_add(replica, 1, head);
	replica->run = head->seen;
	replica->shared_wall_ms = rudp_time_min(head->wall_ms, APO_WALL_MS_MAX);
	replica->join_seq = seq;
	enter_live(replica, 1, replica->run ^ head->incarnation);
}

static void load(struct apo_replica *replica, uint64_t position, const void *bytes, size_t len)
{
	struct apo_waiting_entry *entry;
	struct rudp_list *link;
	uint64_t digest;

	memset(replica->nodes, 0, sizeof replica->nodes);
	if (!apo_replica_read_snapshot(replica, position, bytes, len, &digest)) {
		memset(replica->nodes, 0, sizeof replica->nodes);
		return; /* it joins again after APO_SNAPSHOT_NS */
	}
	enter_live(replica, position, digest);
	while (replica->state == APO_REPLICA_LIVE && (link = rudp_list_pop(&replica->waiting))) {
		entry = RUDP_LIST_OWNER(link, struct apo_waiting_entry, link);
		apo_replica_apply(replica, entry->seq + replica->ahead, entry->bytes, entry->len);
		free(entry);
	}
}

static void on_own_join(struct apo_replica *replica, uint64_t seq)
{
	uint8_t *early = replica->early;

	replica->state = APO_REPLICA_WAITING;
	replica->join_seq = seq;
	replica->is_other_alive = false;
	replica->is_in_flight = false;
	replica->repeat_at_ns = RUDP_NEVER;
	replica->since_at_ns = replica->quiet_at_ns = replica->yield_until_ns = replica->now_at_ns;
	replica->early = NULL;
	if (early)
		load(replica, replica->early_position, early, replica->early_len);
	free(early);
}

static void keep_early(struct apo_replica *replica, uint64_t position, const void *bytes,
		       size_t len)
{
	uint8_t *copy = malloc(len);

	if (!copy)
		return;
	memcpy(copy, bytes, len);
	free(replica->early);
	replica->early = copy;
	replica->early_len = len;
	replica->early_position = position;
}

/* It may overtake the entry. */
void apo_replica_on_snapshot(struct apo_replica *replica, uint64_t position, const void *bytes,
			     size_t len)
{
	if (!apo_replica_is_addressee(replica, bytes, len))
		return;
	if (replica->state == APO_REPLICA_JOINING)
		keep_early(replica, position, bytes, len);
	else if (replica->state == APO_REPLICA_WAITING)
		load(replica, position, bytes, len);
}

/* Before the snapshot: finds the own JOIN, and keeps what comes after it. */
static void on_early_entry(struct apo_replica *replica, uint64_t seq, const void *bytes, size_t len)
{
	struct rudp_reader reader = rudp_reader(bytes, len);
	struct apo_entry_head head;
	bool is_entry = apo_entry_read(&reader, &head);

	if (replica->state == APO_REPLICA_JOINING) {
		if (is_entry && head.kind == APO_ENTRY_JOIN && is_own(replica, &head))
			on_own_join(replica, seq);
		return;
	}
	if (is_entry && head.kind == APO_ENTRY_GENESIS) {
		if (is_own(replica, &head) && !replica->is_other_alive)
			on_own_genesis(replica, seq, &head);
		else
			apo_replica_rejoin(replica, "the cluster has begun again");
		return;
	}
	if (is_entry && head.kind == APO_ENTRY_EVENTS)
		replica->is_other_alive = true;
	if (is_entry && head.kind == APO_ENTRY_JOIN &&
	    head.about > replica->calls->kept(replica->of))
		replica->yield_until_ns = replica->now_at_ns + APO_YIELD_NS;
	keep_waiting(replica, seq, bytes, len);
}

/* ---- events ---- */

void apo_replica_on_entry(struct apo_replica *replica, uint64_t seq, const void *bytes, size_t len)
{
	bool has_gap = replica->seen_seq && seq > replica->seen_seq + 1;

	if (replica->state == APO_REPLICA_OFF)
		return;
	if (seq <= replica->seen_seq && replica->state != APO_REPLICA_JOINING)
		return; /* delivered again */
	replica->seen_seq = seq;
	if (has_gap && replica->state != APO_REPLICA_JOINING) {
		apo_replica_rejoin(replica, "entries of the log are missing");
		return;
	}
	if (replica->state == APO_REPLICA_LIVE)
		apo_replica_apply(replica, seq + replica->ahead, bytes, len);
	else
		on_early_entry(replica, seq, bytes, len);
}

/* ---- time ---- */

static struct apo_node *silent_node(struct apo_replica *replica)
{
	struct apo_node *node;

	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++)
		if (node->id && node->id != replica->self &&
		    replica->now_at_ns - node->heard_at_ns >= replica->node_timeout_ns)
			return node;
	return NULL;
}

/* Clients that speak without pause send their next lines soon after their last ones have come back.
 * So an entry waits for as many events as these were. */
static int64_t entry_at_ns(const struct apo_replica *replica)
{
	const struct apo_queue *queue = &replica->queue;

	if (queue->events == 0)
		return replica->beat_at_ns;
	if (queue->events >= replica->awaited_events || queue->len >= APO_GATHER_BYTES)
		return replica->now_at_ns;
	return replica->flight_at_ns + APO_GATHER_NS;
}

static void launch_next(struct apo_replica *replica)
{
	struct apo_node *silent = silent_node(replica);
	struct apo_entry_head head;

	if (silent) {
		head = head_of(replica, APO_ENTRY_GONE);
		head.about = silent->id;
		head.seen = silent->last_position;
		launch_head(replica, &head);
	} else if (replica->now_at_ns >= entry_at_ns(replica)) {
		launch_events(replica, replica->applied);
	}
}

static int64_t genesis_at_ns(const struct apo_replica *replica)
{
	/* The first entry of a new log: no other node can be alive. */
	if (replica->is_other_alive)
		return RUDP_NEVER;
	if (replica->join_seq == 1 && replica->seen_seq == 1 &&
	    replica->calls->kept(replica->of) == 0)
		return replica->since_at_ns;
	return rudp_time_max(replica->quiet_at_ns + APO_GENESIS_NS, replica->yield_until_ns);
}

static bool is_joining(const struct apo_replica *replica)
{
	return replica->state == APO_REPLICA_JOINING || replica->state == APO_REPLICA_WAITING;
}

static void on_joining_time(struct apo_replica *replica)
{
	struct apo_entry_head head;

	if (replica->now_at_ns >= replica->since_at_ns + APO_SNAPSHOT_NS) {
		apo_replica_rejoin(replica, "no snapshot has come");
	} else if (replica->state == APO_REPLICA_JOINING) {
		return;
	} else if (replica->now_at_ns >= genesis_at_ns(replica) && !replica->is_in_flight) {
		head = head_of(replica, APO_ENTRY_GENESIS);
		head.seen = (uint64_t)replica->wall_ms; /* runs increase, as those of one server */
		launch_head(replica, &head);
	}
}

int64_t apo_replica_next_at_ns(const struct apo_replica *replica)
{
	int64_t next_at_ns = RUDP_NEVER;
	const struct apo_node *node;

	if (replica->must_rejoin)
		return replica->now_at_ns;
	if (replica->is_in_flight)
		next_at_ns = rudp_time_min(replica->repeat_at_ns, replica->subscribe_at_ns);
	if (replica->is_in_flight && replica->state == APO_REPLICA_LIVE && !replica->is_cut_off)
		next_at_ns = rudp_time_min(next_at_ns, replica->flight_at_ns + APO_CUT_OFF_NS);
	if (is_joining(replica))
		next_at_ns = rudp_time_min(next_at_ns, replica->since_at_ns + APO_SNAPSHOT_NS);
	if (replica->state == APO_REPLICA_WAITING && !replica->is_in_flight)
		next_at_ns = rudp_time_min(next_at_ns, genesis_at_ns(replica));
	if (replica->state != APO_REPLICA_LIVE || replica->is_in_flight)
		return next_at_ns;
	next_at_ns = entry_at_ns(replica);
	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++)
		if (node->id && node->id != replica->self)
			next_at_ns = rudp_time_min(next_at_ns,
						   node->heard_at_ns + replica->node_timeout_ns);
	return next_at_ns;
}

/* The own entry is stored, and not delivered: perhaps the subscription is lost; or the log has lost
 * entries, so that this one has a sequence that was delivered before. */
static void on_undelivered(struct apo_replica *replica)
{
	if (replica->state == APO_REPLICA_LIVE &&
	    replica->now_at_ns >= replica->stored_at_ns + APO_LOST_NS) {
		apo_replica_rejoin(replica, "an entry of this node was not delivered");
		return;
	}
	replica->subscribe_at_ns = replica->now_at_ns + APO_SUBSCRIBE_NS;
	replica->calls->reopen(replica->of, APO_REOPEN_NEXT);
}

void apo_replica_on_time(struct apo_replica *replica)
{
	if (replica->is_in_flight && replica->now_at_ns >= replica->subscribe_at_ns)
		on_undelivered(replica);
	if (replica->must_rejoin)
		apo_replica_rejoin(replica, "the queue of this node was full");
	if (is_joining(replica))
		on_joining_time(replica);
	if (replica->state == APO_REPLICA_LIVE && replica->is_in_flight &&
	    replica->now_at_ns >= replica->flight_at_ns + APO_CUT_OFF_NS)
		set_cut_off(replica, true);
	if (replica->is_in_flight && replica->now_at_ns >= replica->repeat_at_ns)
		transmit(replica);
	else if (replica->state == APO_REPLICA_LIVE && !replica->is_in_flight)
		launch_next(replica);
}
