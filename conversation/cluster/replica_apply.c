/* SPDX-License-Identifier: MIT */
/* Applies the entries of the log, on all live nodes alike; writes and reads snapshots of the
 * result. */
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "conversation/cluster/replica_private.h"

#define SNAPSHOT_HEAD_BYTES_MAX (8 + 8 + 8 + 8 + APO_NODES_BYTES_MAX)

/* ---- nodes ---- */

struct apo_node *apo_replica_node_by_id(struct apo_replica *replica, uint64_t id)
{
	struct apo_node *node;

	for (node = replica->nodes; id && node < replica->nodes + APO_NODES_MAX; node++)
		if (node->id == id)
			return node;
	return NULL;
}

static struct apo_node *node_named(struct apo_replica *replica, const char *name)
{
	struct apo_node *node;

	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++)
		if (node->id && strcmp(node->name, name) == 0)
			return node;
	return NULL;
}

struct apo_node *apo_replica_node_add(struct apo_replica *replica, uint64_t id,
				      const struct apo_entry_head *head)
{
	struct apo_node *node;

	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++) {
		if (node->id)
			continue;
		*node = (struct apo_node){.id = id,
					  .incarnation = head->incarnation,
					  .last_number = head->number,
					  .last_position = id,
					  .wall_ms = head->wall_ms,
					  .heard_at_ns = replica->now_at_ns};
		strcpy(node->name, head->name);
		return node;
	}
	return NULL;
}

/* The node is removed from the table first, so that node_gone does not find it there. */
static void remove_node(struct apo_replica *replica, struct apo_node *node)
{
	struct apo_node gone = *node;

	node->id = 0;
	replica->calls->node_gone(replica->of, gone.id, gone.name);
}

/* The oldest node that seems to be alive, apart from the one that joins. If two nodes differ about
 * that, the second snapshot is ignored; if none sends one, the node joins again. */
static bool is_giver(const struct apo_replica *replica, uint64_t position)
{
	const struct apo_node *node;

	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++)
		if (node->id && node->id != position && node->id < replica->self &&
		    replica->now_at_ns - node->heard_at_ns < APO_CUT_OFF_NS)
			return false;
	return true;
}

const char *apo_replica_name(const struct apo_replica *replica)
{
	return replica->name;
}

/* Returns the number of other nodes that are older than the node. */
static unsigned rank_of(const struct apo_replica *replica, const struct apo_node *node)
{
	const struct apo_node *other;
	unsigned rank = 0;

	for (other = replica->nodes; other < replica->nodes + APO_NODES_MAX; other++)
		rank += other->id && other->id != replica->self && other->id < node->id;
	return rank;
}

unsigned apo_replica_other(const struct apo_replica *replica, unsigned nth,
			   char name[APO_NODE_NAME_BYTES_MAX + 1], bool *is_oldest)
{
	const struct apo_node *node;
	unsigned count = 0;

	*is_oldest = true;
	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++) {
		if (!node->id || node->id == replica->self)
			continue;
		count++;
		*is_oldest &= node->id > replica->self;
	}
	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++)
		if (node->id && node->id != replica->self && rank_of(replica, node) == nth % count)
			strcpy(name, node->name);
	return count;
}

/* ---- digests ---- */

uint64_t apo_replica_digest(const struct apo_replica *replica)
{
	return replica->digests[replica->applied % APO_REPLICA_DIGESTS];
}

static void add_digest(struct apo_replica *replica, uint64_t position, const void *bytes,
		       size_t len)
{
	uint64_t digest = XXH3_64bits_withSeed(bytes, len, apo_replica_digest(replica));

	replica->applied = position;
	replica->digests[position % APO_REPLICA_DIGESTS] = digest;
	if (position - replica->first_digest >= APO_REPLICA_DIGESTS)
		replica->first_digest = position - APO_REPLICA_DIGESTS + 1;
}

/* A node applies its own last entry before it publishes the next one. If the author counts fewer
 * positions than this node did up to that last entry, the author's network has begun later. */
static bool is_behind(const struct apo_node *author, const struct apo_entry_head *head)
{
	return head->about < author->last_position;
}

/* Returns whether the author has applied another log than this node. If so, the log has lost
 * entries that were delivered to one of them, or servers have copies that differ. */
static void compare_logs(const struct apo_replica *replica, struct apo_node *author,
			 const struct apo_entry_head *head, bool is_author_behind)
{
	if (head->about >= replica->applied /* not before this entry */ || is_author_behind)
		author->is_of_other_log = true;
	else if (head->about >= replica->first_digest)
		author->is_of_other_log =
			replica->digests[head->about % APO_REPLICA_DIGESTS] != head->seen;
}

static bool is_alive(const struct apo_replica *replica, const struct apo_node *node)
{
	return node->id == replica->self || replica->now_at_ns - node->heard_at_ns < APO_CUT_OFF_NS;
}

/* Returns whether most of the nodes that seem to be alive have applied another log than this node;
 * half of them are enough unless the author's network is known to be younger. */
static bool has_no_majority(const struct apo_replica *replica, bool is_author_behind)
{
	const struct apo_node *node;
	unsigned same = 0, other = 0;

	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++) {
		if (!node->id || !is_alive(replica, node))
			continue;
		if (node->is_of_other_log)
			other++;
		else
			same++;
	}
	for (node = replica->foreign; node < replica->foreign + APO_NODES_MAX; node++)
		other += node->is_of_other_log && is_alive(replica, node);
	return is_author_behind ? other > same : other >= same;
}

/* ---- entries ---- */

static void on_join(struct apo_replica *replica, uint64_t position,
		    const struct apo_entry_head *head)
{
	struct apo_node *before = node_named(replica, head->name);

	if (before && before->incarnation == head->incarnation)
		return; /* a repetition */
	if (before && before->id == replica->self) {
		apo_replica_rejoin(replica, "another process has this node's name");
		return;
	}
	if (before)
		remove_node(replica, before);
	if (apo_replica_node_add(replica, position, head) && is_giver(replica, position))
		apo_replica_send_snapshot(replica, head, position);
}

static void on_events(struct apo_replica *replica, uint64_t node, struct rudp_reader *records)
{
	bool is_own = node == replica->self;
	const uint8_t *event;
	size_t len;

	while (replica->state == APO_REPLICA_LIVE && (event = apo_entry_next_record(records, &len)))
		replica->calls->apply(replica->of, node, is_own, event, len);
}

static void on_gone(struct apo_replica *replica, const struct apo_node *author,
		    const struct apo_entry_head *head)
{
	struct apo_node *node = apo_replica_node_by_id(replica, head->about);

	if (!node || (node != author && node->last_position != head->seen))
		return; /* it has gone already, or is alive */
	if (node->id == replica->self)
		apo_replica_rejoin(replica, "this node was silent for too long");
	else
		remove_node(replica, node);
}

/* Returns false if this node must join again. An author that ends does not say what it has
 * applied. */
static bool is_log_right(struct apo_replica *replica, struct apo_node *author,
			 const struct apo_entry_head *head)
{
	bool is_author_behind = is_behind(author, head);

	if (head->kind != APO_ENTRY_EVENTS || head->about == 0)
		return true;
	if (author->id)
		compare_logs(replica, author, head, is_author_behind);
	author->last_position = replica->applied;
	if (!author->is_of_other_log || !has_no_majority(replica, is_author_behind))
		return true;
	apo_replica_rejoin(replica, "other nodes have applied another log");
	return false;
}

static void on_member(struct apo_replica *replica, struct apo_node *node, uint64_t position,
		      const struct apo_entry_head *head, struct rudp_reader *rest)
{
	if (head->number <= node->last_number)
		return; /* a repetition */
	node->heard_at_ns = replica->now_at_ns;
	if (!is_log_right(replica, node, head))
		return;
	/* Entries of the author are missing: it has ended and did not wait for them, or this node's
	 * copy of the log is not the author's, which the next digests show. */
	if (head->number != node->last_number + 1)
		return;
	node->last_number = head->number;
	node->last_position = position;
	if (head->kind == APO_ENTRY_EVENTS)
		replica->events_position = position;
	if (node->id == replica->self)
		apo_replica_landed(replica);
	if (head->kind == APO_ENTRY_GONE)
		on_gone(replica, node, head);
	else
		on_events(replica, node->id, rest);
}

/* It counts if no node has appended EVENTS since its author's JOIN. Otherwise the author has not
 * seen them, or another GENESIS, in time; it joins again. A repetition does not count. */
static void on_genesis(struct apo_replica *replica, const struct apo_entry_head *head)
{
	const struct apo_node *author = node_named(replica, head->name);

	if (author && author->incarnation == head->incarnation &&
	    head->number > author->last_number && replica->events_position < author->id)
		apo_replica_rejoin(replica, "the cluster has begun again without this node");
}

/* A new author replaces the one that was silent for longest. */
static struct apo_node *foreign_node(struct apo_replica *replica, const struct apo_entry_head *head)
{
	struct apo_node *node, *oldest = replica->foreign;

	for (node = replica->foreign; node < replica->foreign + APO_NODES_MAX; node++) {
		if (node->incarnation == head->incarnation)
			return node;
		if (node->heard_at_ns < oldest->heard_at_ns)
			oldest = node;
	}
	*oldest = (struct apo_node){.incarnation = head->incarnation};
	return oldest;
}

/* The author is not in the table. A node that is GONE may have had one entry on its way, since it
 * reads GONE before that one comes back. An author of two entries is a node of another network. */
static void on_foreign_events(struct apo_replica *replica, const struct apo_entry_head *head)
{
	struct apo_node *author = foreign_node(replica, head);

	if (head->number <= author->last_number)
		return; /* a repetition */
	author->is_of_other_log = author->last_number != 0;
	author->heard_at_ns = replica->now_at_ns;
	author->last_number = head->number;
	(void)is_log_right(replica, author, head);
}

/* The time of the network never goes backwards, so a clock that is years ahead must not set it. */
static bool is_clock_right(const struct apo_replica *replica, int64_t wall_ms)
{
	const struct apo_node *node;
	unsigned members = 0, agreeing = 0;

	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++) {
		if (!node->id)
			continue;
		members++;
		agreeing += wall_ms - node->wall_ms <= APO_CLOCK_AHEAD_MS;
	}
	return 2 * agreeing > members;
}

static void advance_time(struct apo_replica *replica, int64_t wall_ms)
{
	if (wall_ms > replica->shared_wall_ms && wall_ms <= APO_WALL_MS_MAX &&
	    is_clock_right(replica, wall_ms))
		replica->shared_wall_ms = wall_ms;
	replica->calls->time(replica->of, replica->shared_wall_ms);
}

void apo_replica_apply(struct apo_replica *replica, uint64_t position, const void *bytes,
		       size_t len)
{
	struct rudp_reader reader = rudp_reader(bytes, len);
	struct apo_entry_head head;
	struct apo_node *node;

	add_digest(replica, position, bytes, len);
	if (!apo_entry_read(&reader, &head))
		return;
	node = node_named(replica, head.name);
	if (node && node->incarnation != head.incarnation)
		node = NULL;
	if (node)
		node->wall_ms = head.wall_ms;
	advance_time(replica, head.wall_ms);
	if (head.kind == APO_ENTRY_JOIN) {
		on_join(replica, position, &head);
		return;
	}
	if (head.kind == APO_ENTRY_GENESIS) {
		on_genesis(replica, &head);
		return;
	}
	if (node)
		on_member(replica, node, position, &head, &reader);
	else if (head.kind == APO_ENTRY_EVENTS)
		on_foreign_events(replica, &head);
}

/* ---- snapshots ---- */

void apo_replica_write_nodes(const struct apo_replica *replica, struct rudp_writer *writer)
{
	const struct apo_node *node;
	uint8_t count = 0;

	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++)
		count = (uint8_t)(count + (node->id != 0));
	rudp_write_u8(writer, count);
	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++) {
		if (!node->id)
			continue;
		rudp_write_u8(writer, (uint8_t)strlen(node->name));
		rudp_write_bytes(writer, node->name, strlen(node->name));
		rudp_write_u64(writer, node->id);
		rudp_write_u64(writer, node->incarnation);
		rudp_write_u64(writer, node->last_number);
		rudp_write_u64(writer, node->last_position);
		rudp_write_u64(writer, (uint64_t)node->wall_ms);
	}
}

void apo_replica_send_snapshot(struct apo_replica *replica, const struct apo_entry_head *join,
			       uint64_t position)
{
	uint8_t *state = NULL, *whole;
	struct rudp_writer writer;
	size_t state_len = 0;

	if (!replica->calls->save(replica->of, &state, &state_len))
		return; /* the node joins again */
	whole = malloc(SNAPSHOT_HEAD_BYTES_MAX + state_len);
	if (whole) {
		writer = rudp_writer(whole, SNAPSHOT_HEAD_BYTES_MAX + state_len);
		rudp_write_u64(&writer, join->incarnation);
		rudp_write_u64(&writer, replica->run);
		rudp_write_u64(&writer, (uint64_t)replica->shared_wall_ms);
		rudp_write_u64(&writer, apo_replica_digest(replica));
		apo_replica_write_nodes(replica, &writer);
		rudp_write_bytes(&writer, state, state_len);
		replica->calls->send_snapshot(replica->of, join->name, position, whole,
					      rudp_writer_len(&writer));
	}
	free(whole);
	free(state);
}

static bool read_node(struct apo_replica *replica, struct rudp_reader *reader)
{
	struct apo_entry_head head = {.kind = APO_ENTRY_JOIN};
	size_t len = rudp_read_u8(reader);
	const uint8_t *name = rudp_read_bytes(reader, len);
	struct apo_node *node;
	uint64_t id;

	if (!name || len > APO_NODE_NAME_BYTES_MAX)
		return false;
	memcpy(head.name, name, len);
	id = rudp_read_u64(reader);
	head.incarnation = rudp_read_u64(reader);
	head.number = rudp_read_u64(reader);
	if (!apo_node_name_is_valid(head.name) || id == 0 || apo_replica_node_by_id(replica, id) ||
	    node_named(replica, head.name))
		return false;
	node = apo_replica_node_add(replica, id, &head);
	if (!node)
		return false;
	node->last_position = rudp_read_u64(reader);
	node->wall_ms = (int64_t)rudp_read_u64(reader);
	return reader->ok && node->wall_ms >= 0;
}

bool apo_replica_read_nodes(struct apo_replica *replica, struct rudp_reader *reader)
{
	unsigned count;

	for (count = rudp_read_u8(reader); count > 0; count--)
		if (!read_node(replica, reader))
			return false;
	return reader->ok;
}

bool apo_replica_knows_itself(struct apo_replica *replica, uint64_t id, uint64_t applied)
{
	const struct apo_node *self = apo_replica_node_by_id(replica, id), *node;

	if (!self || strcmp(self->name, replica->name) != 0 ||
	    self->incarnation != replica->incarnation || self->last_number > replica->number)
		return false;
	for (node = replica->nodes; node < replica->nodes + APO_NODES_MAX; node++)
		if (node->id > applied || node->last_position > applied)
			return false;
	return replica->shared_wall_ms >= 0 && replica->shared_wall_ms <= APO_WALL_MS_MAX;
}

bool apo_replica_is_addressee(const struct apo_replica *replica, const void *bytes, size_t len)
{
	struct rudp_reader reader = rudp_reader(bytes, len);
	uint64_t incarnation = rudp_read_u64(&reader);

	return reader.ok && incarnation == replica->incarnation;
}

bool apo_replica_read_snapshot(struct apo_replica *replica, uint64_t position, const void *bytes,
			       size_t len, uint64_t *digest)
{
	struct rudp_reader reader = rudp_reader(bytes, len);

	(void)rudp_read_u64(&reader); /* the incarnation */
	replica->run = rudp_read_u64(&reader);
	replica->shared_wall_ms = (int64_t)rudp_read_u64(&reader);
	*digest = rudp_read_u64(&reader);
	return position <= INT64_MAX && apo_replica_read_nodes(replica, &reader) &&
	       apo_replica_knows_itself(replica, position, position) &&
	       replica->calls->load(replica->of, reader.next, rudp_reader_left(&reader));
}
