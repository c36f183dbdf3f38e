/* SPDX-License-Identifier: MIT */
/*
 * A node of a cluster, with a log and snapshots as an enemy would write them. The input is records:
 * a byte says what comes, two bytes how long it is, and then it comes: an entry of the log (from
 * after the magic and the version on), a snapshot, time, or a hand-over with changes. The replica
 * calls nothing that it may not call, and can be handed over whenever it is live.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "conversation/cluster/replica_private.h"

#define NAME "n1"
#define RECORDS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The last entry that the replica has published. It comes back from the log. */
static uint8_t published[APO_REPLICA_ENTRY_BYTES_MAX];
static size_t published_len;
static bool is_live;
static int64_t time_ms;

static void publish(void *of, const void *bytes, size_t len, uint64_t number)
{
	(void)of;
	(void)number;
	assert(len > 0 && len <= sizeof published);
	memcpy(published, bytes, len);
	published_len = len;
}

static void send_snapshot(void *of, const char *name, uint64_t position, const void *bytes,
			  size_t len)
{
	(void)of;
	(void)bytes;
	assert(is_live && apo_node_name_is_valid(name) && position > 0 && len > 0);
}

static void apply(void *of, uint64_t node, bool is_own, const void *event, size_t len)
{
	(void)of;
	(void)is_own;
	(void)event;
	assert(is_live && node > 0 && len <= APO_REPLICA_ENTRY_BYTES_MAX);
}

static void set_time(void *of, int64_t wall_ms)
{
	(void)of;
	assert(is_live && wall_ms >= time_ms && wall_ms <= APO_WALL_MS_MAX);
	time_ms = wall_ms;
}

static void node_gone(void *of, uint64_t node, const char *name)
{
	(void)of;
	assert(is_live && node > 0 && apo_node_name_is_valid(name));
}

static bool save(void *of, uint8_t **bytes, size_t *len)
{
	(void)of;
	*bytes = calloc(1, 1);
	*len = 1;
	return *bytes != NULL;
}

static bool load(void *of, const void *bytes, size_t len)
{
	(void)of;
	(void)bytes;
	assert(!is_live);
	return len % 2 == 0;
}

static void live(void *of, uint64_t node, uint64_t run)
{
	(void)of;
	(void)run;
	assert(!is_live && node > 0 && node <= INT64_MAX);
	is_live = true;
	time_ms = 0;
}

static void reset(void *of, const char *reason)
{
	(void)of;
	assert(is_live && *reason);
	is_live = false;
}

static void reopen(void *of, enum apo_reopening how)
{
	(void)of;
	(void)how;
}

static uint64_t kept(void *of)
{
	(void)of;
	return 1;
}

static void cut_off(void *of, bool is_cut_off)
{
	(void)of;
	(void)is_cut_off;
	assert(is_live);
}

static const struct apo_replica_calls calls = {.publish = publish,
					       .send_snapshot = send_snapshot,
					       .apply = apply,
					       .time = set_time,
					       .node_gone = node_gone,
					       .save = save,
					       .load = load,
					       .live = live,
					       .reset = reset,
					       .reopen = reopen,
					       .kept = kept,
					       .cut_off = cut_off};

static int64_t now_ns;
static uint64_t seq;

static struct apo_replica *replica_new(void)
{
	struct apo_replica_start start = {.calls = &calls,
					  .name = NAME,
					  .random = 1,
					  .node_timeout_ns = 15 * RUDP_NS_PER_S,
					  .now_at_ns = now_ns,
					  .wall_ms = INT64_C(1700000000000)};
	struct apo_replica *replica = apo_replica_new(&start);

	assert(replica);
	return replica;
}

/* Most entries would be refused for their first five bytes. */
static void on_entry(struct apo_replica *replica, const uint8_t *bytes, size_t len)
{
	uint8_t *entry = malloc(5 + len);

	memcpy(entry, "APOC\x01", 5);
	memcpy(entry + 5, bytes, len);
	apo_replica_on_entry(replica, ++seq, entry, 5 + len);
	free(entry);
}

/* The incarnation of the addressee is put in front; the first two bytes are the position. */
static void on_snapshot(struct apo_replica *replica, const uint8_t *bytes, size_t len)
{
	struct rudp_reader reader = rudp_reader(bytes, len);
	uint64_t position = rudp_read_u16(&reader);
	size_t left = rudp_reader_left(&reader);
	uint8_t *snapshot = malloc(8 + left);
	struct rudp_writer writer = rudp_writer(snapshot, 8 + left);

	rudp_write_u64(&writer, replica->incarnation);
	if (reader.ok)
		rudp_write_bytes(&writer, reader.next, left);
	if (reader.ok)
		apo_replica_on_snapshot(replica, position, snapshot, 8 + left);
	free(snapshot);
}

/* A state with changes, three bytes each: where, and what. */
static void hand_over(struct apo_replica **replica, const uint8_t *changes, size_t len)
{
	struct apo_replica *next = replica_new();
	uint8_t *bytes = NULL;
	size_t bytes_len = 0;
	uint64_t seen;

	if (apo_replica_save(*replica, &bytes, &bytes_len)) {
		assert(is_live);
		if (len < 3)
			assert(apo_replica_resume(next, bytes, bytes_len, &seen));
		for (; len >= 3; changes += 3, len -= 3)
			bytes[(size_t)(changes[0] << 8 | changes[1]) % bytes_len] = changes[2];
		apo_replica_free(next);
		next = replica_new();
		if (apo_replica_resume(next, bytes, bytes_len, &seen)) {
			seq = seen;
			time_ms = 0;
			apo_replica_free(*replica);
			*replica = next;
			next = NULL;
		}
	}
	free(bytes);
	if (next)
		apo_replica_free(next);
}

static void take(struct apo_replica **replica, uint8_t what, const uint8_t *bytes, size_t len)
{
	switch (what % 6) {
	case 0:
		on_entry(*replica, bytes, len);
		break;
	case 1:
		if (published_len > 0)
			apo_replica_on_entry(*replica, ++seq, published, published_len);
		break;
	case 2:
		on_snapshot(*replica, bytes, len);
		break;
	case 3:
		now_ns += (int64_t)(1 + what / 6) * 100 * RUDP_NS_PER_MS;
		apo_replica_set_time(*replica, now_ns, INT64_C(1700000000000));
		apo_replica_on_time(*replica);
		break;
	case 4:
		(void)apo_replica_submit(*replica, bytes, len, what / 6 % 2);
		apo_replica_on_bus(*replica);
		break;
	default:
		hand_over(replica, bytes, len);
	}
}

static void check_others(const struct apo_replica *replica)
{
	char name[APO_NODE_NAME_BYTES_MAX + 1] = "";
	bool is_oldest;
	unsigned nth;

	for (nth = 0; nth < APO_NODES_MAX; nth++, *name = '\0')
		if (apo_replica_other(replica, nth, name, &is_oldest) > 0)
			assert(apo_node_name_is_valid(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rudp_reader reader = rudp_reader(data, size);
	struct apo_replica *replica;
	unsigned records;
	size_t len;

	now_ns = RUDP_NS_PER_S;
	seq = published_len = 0;
	is_live = false;
	replica = replica_new();
	apo_replica_on_bus(replica);
	for (records = 0; records < RECORDS_MAX && rudp_reader_left(&reader) > 0; records++) {
		uint8_t what = rudp_read_u8(&reader);
		const uint8_t *bytes;

		len = rudp_read_u16(&reader);
		len = len < rudp_reader_left(&reader) ? len : rudp_reader_left(&reader);
		bytes = rudp_read_bytes(&reader, len);
		if (!bytes)
			break;
		take(&replica, what, bytes, len);
		check_others(replica);
	}
	apo_replica_leave(replica);
	apo_replica_free(replica);
	return 0;
}
