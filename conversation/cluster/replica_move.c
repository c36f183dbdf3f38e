/* SPDX-License-Identifier: MIT */
/* Hand-over of a node to another process. It appends nothing to the log: other nodes see the same
 * incarnation continue. */
#include <stdlib.h>
#include <string.h>

#include "conversation/cluster/replica_private.h"

#define HEAD_BYTES_MAX                                                                             \
	(1 + APO_NODE_NAME_BYTES_MAX + 10 * 8 + 8 * APO_REPLICA_DIGESTS + APO_NODES_BYTES_MAX)
#define PARTS_BYTES (1 + 4 + 4 + 4) /* besides the bytes of the flight and of the queue */

/* ---- writing ---- */

static void write_log(const struct apo_replica *replica, struct rudp_writer *writer)
{
	uint64_t position;

	rudp_write_u64(writer, replica->incarnation);
	rudp_write_u64(writer, replica->number);
	rudp_write_u64(writer, replica->run);
	rudp_write_u64(writer, (uint64_t)replica->shared_wall_ms);
	rudp_write_u64(writer, replica->seen_seq);
	rudp_write_u64(writer, replica->ahead);
	rudp_write_u64(writer, replica->self);
	rudp_write_u64(writer, replica->events_position);
	rudp_write_u64(writer, replica->first_digest);
	rudp_write_u64(writer, replica->applied);
	for (position = replica->first_digest; position <= replica->applied; position++)
		rudp_write_u64(writer, replica->digests[position % APO_REPLICA_DIGESTS]);
}

static void write_own_events(const struct apo_replica *replica, struct rudp_writer *writer)
{
	size_t len = replica->is_in_flight ? replica->flight_len : 0;

	rudp_write_u8(writer, replica->is_in_flight);
	rudp_write_u32(writer, (uint32_t)replica->flight_events);
	rudp_write_u32(writer, (uint32_t)len);
	rudp_write_bytes(writer, replica->flight, len);
	rudp_write_u32(writer, (uint32_t)replica->queue.len);
	rudp_write_bytes(writer, replica->queue.bytes, replica->queue.len);
}

bool apo_replica_save(const struct apo_replica *replica, uint8_t **bytes, size_t *len)
{
	size_t size = HEAD_BYTES_MAX + PARTS_BYTES + replica->flight_len + replica->queue.len;
	struct rudp_writer writer;

	if (replica->state != APO_REPLICA_LIVE || replica->must_rejoin)
		return false;
	*bytes = malloc(size);
	if (!*bytes)
		return false;
	writer = rudp_writer(*bytes, size);
	rudp_write_u8(&writer, (uint8_t)strlen(replica->name));
	rudp_write_bytes(&writer, replica->name, strlen(replica->name));
	write_log(replica, &writer);
	apo_replica_write_nodes(replica, &writer);
	write_own_events(replica, &writer);
	*len = rudp_writer_len(&writer);
	return true;
}

/* ---- reading ---- */

static bool read_log(struct apo_replica *replica, struct rudp_reader *reader)
{
	uint64_t position;

	replica->incarnation = rudp_read_u64(reader);
	replica->number = rudp_read_u64(reader);
	replica->run = rudp_read_u64(reader);
	replica->shared_wall_ms = (int64_t)rudp_read_u64(reader);
	replica->seen_seq = rudp_read_u64(reader);
	replica->ahead = rudp_read_u64(reader);
	replica->self = rudp_read_u64(reader);
	replica->events_position = rudp_read_u64(reader);
	replica->first_digest = rudp_read_u64(reader);
	replica->applied = rudp_read_u64(reader);
	if (!reader->ok || replica->seen_seq == 0 || replica->self == 0 ||
	    replica->applied > INT64_MAX ||
	    replica->seen_seq + replica->ahead != replica->applied ||
	    replica->first_digest < replica->self || replica->applied < replica->first_digest ||
	    replica->applied - replica->first_digest >= APO_REPLICA_DIGESTS)
		return false;
	for (position = replica->first_digest; position <= replica->applied; position++)
		replica->digests[position % APO_REPLICA_DIGESTS] = rudp_read_u64(reader);
	return reader->ok;
}

static bool read_name(const struct apo_replica *replica, struct rudp_reader *reader)
{
	size_t len = rudp_read_u8(reader);
	const uint8_t *name = rudp_read_bytes(reader, len);

	return name && len == strlen(replica->name) && memcmp(name, replica->name, len) == 0;
}

/* The entry that was in flight keeps its number: if it is in the log already, the repetition is
 * ignored. */
static bool read_flight(struct apo_replica *replica, struct rudp_reader *reader)
{
	struct apo_entry_head head;
	struct rudp_reader entry;
	const uint8_t *bytes;
	size_t len;

	replica->is_in_flight = rudp_read_u8(reader) != 0;
	replica->flight_events = rudp_read_u32(reader);
	len = rudp_read_u32(reader);
	bytes = rudp_read_bytes(reader, len);
	if (!bytes || len > APO_REPLICA_ENTRY_BYTES_MAX)
		return false;
	memcpy(replica->flight, bytes, len);
	replica->flight_len = len;
	entry = rudp_reader(bytes, len);
	return !replica->is_in_flight ||
	       (apo_entry_read(&entry, &head) && strcmp(head.name, replica->name) == 0 &&
		head.incarnation == replica->incarnation && head.number == replica->number);
}

static bool read_queue(struct apo_replica *replica, struct rudp_reader *reader)
{
	struct apo_queue *queue = &replica->queue;
	size_t len = rudp_read_u32(reader), event_len;
	const uint8_t *bytes = rudp_read_bytes(reader, len);
	struct rudp_reader records;

	if (!bytes || len > 2 * APO_REPLICA_QUEUE_BYTES_MAX || rudp_reader_left(reader) > 0)
		return false;
	records = rudp_reader(bytes, len);
	while (apo_entry_next_record(&records, &event_len)) {
		if (event_len > APO_REPLICA_EVENT_BYTES_MAX)
			return false;
		queue->events++;
	}
	if (!records.ok || (len > 0 && !(queue->bytes = malloc(len))))
		return false;
	if (len > 0)
		memcpy(queue->bytes, bytes, len);
	queue->len = queue->capacity = len;
	return true;
}

bool apo_replica_resume(struct apo_replica *replica, const void *bytes, size_t len,
			uint64_t *seen_seq)
{
	struct rudp_reader reader = rudp_reader(bytes, len);

	if (!read_name(replica, &reader) || !read_log(replica, &reader) ||
	    !apo_replica_read_nodes(replica, &reader) ||
	    !apo_replica_knows_itself(replica, replica->self, replica->applied) ||
	    !read_flight(replica, &reader) || !read_queue(replica, &reader))
		return false;
	replica->state = APO_REPLICA_LIVE;
	replica->publication = 1;
	/* Nothing was read or published during the hand-over, so all timers restart. */
	replica->flight_at_ns = replica->beat_at_ns = replica->now_at_ns;
	replica->repeat_at_ns = replica->is_in_flight ? replica->now_at_ns : RUDP_NEVER;
	replica->stored_at_ns = replica->subscribe_at_ns = RUDP_NEVER;
	*seen_seq = replica->seen_seq;
	return true;
}
