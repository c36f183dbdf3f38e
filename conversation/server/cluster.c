/* SPDX-License-Identifier: MIT */
#include "conversation/server/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conversation/model/model.h"
#include "conversation/server/records.h"
#include "conversation/server/upgrade_state.h"

#define CHUNK_HEAD_BYTES (8 + 8 + 4 + 4)
#define SNAPSHOT_BYTES_MAX ((size_t)1 << 30)
#define SNAPSHOTS_AT_ONCE APO_NODES_MAX /* all nodes start at the same time */
#define SNAPSHOT_EVERY_NS RUDP_NS_PER_S /* after that */

/* ---- snapshots in chunks ---- */

static void send_snapshot(void *of, const char *name, uint64_t position, const void *bytes,
			  size_t len)
{
	struct apo_cluster *cluster = of;
	uint32_t count = (uint32_t)((len + APO_BUS_CHUNK_BYTES - 1) / APO_BUS_CHUNK_BYTES), i;
	uint8_t *chunk = malloc(CHUNK_HEAD_BYTES + APO_BUS_CHUNK_BYTES);
	uint64_t sender = (uint64_t)randombytes_random() << 32 | randombytes_random();
	struct rudp_writer writer;
	size_t part;

	for (i = 0; chunk && i < count; i++, len -= part) {
		part = len < APO_BUS_CHUNK_BYTES ? len : APO_BUS_CHUNK_BYTES;
		writer = rudp_writer(chunk, CHUNK_HEAD_BYTES + APO_BUS_CHUNK_BYTES);
		rudp_write_u64(&writer, position);
		rudp_write_u64(&writer, sender);
		rudp_write_u32(&writer, i);
		rudp_write_u32(&writer, count);
		rudp_write_bytes(&writer, (const uint8_t *)bytes + (size_t)i * APO_BUS_CHUNK_BYTES,
				 part);
		apo_bus_thread_send_chunk(&cluster->bus_thread, name, chunk,
					  rudp_writer_len(&writer));
	}
	free(chunk);
	rudp_log(RUDP_LOG_INFO, "cluster snapshot sent node=%s", name);
}

static bool add_to_snapshot(struct apo_cluster *cluster, const uint8_t *bytes, size_t len)
{
	size_t needed = cluster->snapshot_len + len, capacity = cluster->snapshot_capacity;
	uint8_t *grown;

	if (needed > SNAPSHOT_BYTES_MAX)
		return false;
	if (needed > capacity) {
		capacity = needed < 2 * capacity ? 2 * capacity : needed;
		grown = realloc(cluster->snapshot, capacity);
		if (!grown)
			return false;
		cluster->snapshot = grown;
		cluster->snapshot_capacity = capacity;
	}
	memcpy(cluster->snapshot + cluster->snapshot_len, bytes, len);
	cluster->snapshot_len = needed;
	return true;
}

static void drop_snapshot(struct apo_cluster *cluster)
{
	free(cluster->snapshot);
	cluster->snapshot = NULL;
	cluster->snapshot_len = cluster->snapshot_capacity = 0;
	cluster->snapshot_next = 0;
}

/* The chunks of one sender come in order; that of another sender ends the snapshot. Only a node
 * that joins needs one, and only readers of the log know its incarnation: a process that
 * may only publish can neither use its memory nor disturb a snapshot. */
static void on_chunk(struct apo_cluster *cluster, const struct apo_bus_mail *mail)
{
	struct rudp_reader reader = rudp_reader(mail->bytes, mail->len);
	uint64_t position = rudp_read_u64(&reader), sender = rudp_read_u64(&reader);
	uint32_t number = rudp_read_u32(&reader), count = rudp_read_u32(&reader);

	if (!reader.ok || atomic_load(&cluster->is_live))
		return;
	if (number == 0) {
		if (!apo_replica_is_addressee(cluster->replica, reader.next,
					      rudp_reader_left(&reader)))
			return;
		drop_snapshot(cluster);
		cluster->snapshot_position = position;
		cluster->snapshot_sender = sender;
	}
	if (number != cluster->snapshot_next || position != cluster->snapshot_position ||
	    sender != cluster->snapshot_sender ||
	    !add_to_snapshot(cluster, reader.next, rudp_reader_left(&reader)))
		return;
	if (++cluster->snapshot_next < count)
		return;
	apo_replica_on_snapshot(cluster->replica, position, cluster->snapshot,
				cluster->snapshot_len);
	drop_snapshot(cluster);
}

/* ---- messages between history threads ---- */

#define TRIES_MAX 5 /* of each other node, if this one is the oldest */

/* The sender's name, and the last position that the receiver must know, precede the bytes. */
static void send_history(struct apo_cluster *cluster, const char *name,
			 const struct apo_history_peer_mail *mail)
{
	const char *self = apo_replica_name(cluster->replica);
	size_t size = 1 + strlen(self) + 8 + mail->len;
	uint8_t *bytes = malloc(size);
	struct rudp_writer writer = rudp_writer(bytes, bytes ? size : 0);

	rudp_write_u8(&writer, (uint8_t)strlen(self));
	rudp_write_bytes(&writer, self, strlen(self));
	rudp_write_u64(&writer, mail->name[0] ? 0 : (uint64_t)mail->needed);
	rudp_write_bytes(&writer, mail->bytes, mail->len);
	if (bytes)
		apo_bus_thread_send_history(&cluster->bus_thread, name, bytes, size);
	free(bytes);
}

void apo_cluster_send_history(struct apo_cluster *cluster, const struct apo_history_peer_mail *mail)
{
	char name[APO_NODE_NAME_BYTES_MAX + 1];
	bool is_oldest;
	unsigned count;

	if (!atomic_load(&cluster->is_live))
		return;
	if (mail->name[0]) {
		send_history(cluster, mail->name, mail);
		return;
	}
	count = apo_replica_other(cluster->replica, mail->tries, name, &is_oldest);
	/* Those that are synchronized would have answered the oldest node; the others wait for
	 * it. */
	if (count == 0 || (is_oldest && mail->tries >= TRIES_MAX * count))
		apo_history_thread_on_alone(cluster->history_thread);
	else
		send_history(cluster, name, mail);
}

static void on_history(struct apo_cluster *cluster, const struct apo_bus_mail *mail)
{
	struct rudp_reader reader = rudp_reader(mail->bytes, mail->len);
	char name[APO_NODE_NAME_BYTES_MAX + 1] = "";
	size_t len = rudp_read_u8(&reader);
	const uint8_t *bytes = rudp_read_bytes(&reader, len);
	uint64_t needed = rudp_read_u64(&reader);

	if (!reader.ok || len > APO_NODE_NAME_BYTES_MAX || !atomic_load(&cluster->is_live) ||
	    !cluster->history_thread || needed >= apo_model_shared_kept(cluster->model))
		return;
	memcpy(name, bytes, len);
	if (apo_node_name_is_valid(name))
		apo_history_thread_on_peer(cluster->history_thread, name, reader.next,
					   rudp_reader_left(&reader));
}

/* ---- calls of the replica ---- */

static void publish(void *of, const void *bytes, size_t len, uint64_t number)
{
	struct apo_cluster *cluster = of;

	apo_bus_thread_publish(&cluster->bus_thread, bytes, len, number);
}

/* No other module tells the administrator that a clock is wrong. */
static void note_clock(struct apo_cluster *cluster, int64_t shared_wall_ms)
{
	int64_t ahead_ms = cluster->wall_ms - shared_wall_ms;
	bool is_off = ahead_ms > APO_CLOCK_AHEAD_MS || -ahead_ms > APO_CLOCK_AHEAD_MS;

	if (is_off == cluster->is_clock_off)
		return;
	cluster->is_clock_off = is_off;
	rudp_log(is_off ? RUDP_LOG_WARN : RUDP_LOG_INFO,
		 "cluster clock of this machine %s ahead=%" PRId64 "s",
		 is_off ? "differs from the network's" : "agrees with the network's again",
		 ahead_ms / 1000);
}

static void set_time(void *of, int64_t wall_ms)
{
	struct apo_cluster *cluster = of;

	note_clock(cluster, wall_ms);
	apo_model_shared_time(cluster->model, wall_ms, cluster->now_at_ns);
}

static void apply(void *of, uint64_t node, bool is_own, const void *event, size_t len)
{
	struct apo_cluster *cluster = of;

	(void)is_own;
	apo_model_shared_apply(cluster->model, node, event, len, cluster->now_at_ns);
}

static void node_gone(void *of, uint64_t node, const char *name)
{
	struct apo_cluster *cluster = of;

	if (rudp_log_ratelimit_allows(&cluster->log_ratelimit, cluster->now_at_ns))
		rudp_log(RUDP_LOG_WARN, "cluster node has gone node=%s", name);
	apo_model_shared_node_gone(cluster->model, node, name, cluster->now_at_ns);
}

/* The rate of snapshots is limited: each takes the time to write the whole state, and anybody who
 * may append to the log can pretend to be nodes that join. A node that gets none joins again. */
static bool may_save(struct apo_cluster *cluster)
{
	int64_t saved_at_ns = cluster->snapshots_at_ns + SNAPSHOT_EVERY_NS;

	/* A node that was idle may write SNAPSHOTS_AT_ONCE without a pause. */
	saved_at_ns = rudp_time_max(saved_at_ns,
				    cluster->now_at_ns - SNAPSHOTS_AT_ONCE * SNAPSHOT_EVERY_NS);
	if (saved_at_ns <= cluster->now_at_ns && !apo_bus_thread_is_behind(&cluster->bus_thread)) {
		cluster->snapshots_at_ns = saved_at_ns;
		return true;
	}
	if (rudp_log_ratelimit_allows(&cluster->log_ratelimit, cluster->now_at_ns))
		rudp_log(RUDP_LOG_WARN,
			 "cluster snapshot refused reason=\"nodes join more often than they can be "
			 "sent; check who may write to the stream\"");
	return false;
}

static bool save(void *of, uint8_t **bytes, size_t *len)
{
	struct apo_cluster *cluster = of;

	if (!may_save(cluster))
		return false;
	return apo_model_shared_save(cluster->model, bytes, len);
}

static bool load(void *of, const void *bytes, size_t len)
{
	struct apo_cluster *cluster = of;
	bool is_right = apo_model_shared_load(cluster->model, bytes, len, cluster->now_at_ns);

	if (!is_right)
		rudp_log(RUDP_LOG_ERROR, "cluster state not read reason=\"the nodes have other "
					 "programs, names or limits\"");
	return is_right;
}

static uint64_t kept(void *of)
{
	struct apo_cluster *cluster = of;

	return apo_model_shared_kept(cluster->model);
}

static void live(void *of, uint64_t node, uint64_t run)
{
	struct apo_cluster *cluster = of;

	drop_snapshot(cluster);
	apo_model_shared_begin(cluster->model, node, run, cluster->now_at_ns);
	atomic_store(&cluster->is_live, true);
	rudp_log(RUDP_LOG_INFO, "cluster joined position=%" PRIu64, node);
}

static void reset(void *of, const char *reason)
{
	struct apo_cluster *cluster = of;

	atomic_store(&cluster->is_live, false);
	atomic_store(&cluster->is_cut_off, false);
	rudp_log(RUDP_LOG_ERROR, "cluster left reason=\"%s\"", reason);
	apo_model_shared_end(cluster->model, "This server lost its network; please connect again",
			     cluster->now_at_ns);
}

static void reopen(void *of, enum apo_reopening how)
{
	struct apo_cluster *cluster = of;

	apo_bus_thread_reopen(&cluster->bus_thread, how);
}

static void cut_off(void *of, bool is_cut_off)
{
	struct apo_cluster *cluster = of;

	atomic_store(&cluster->is_cut_off, is_cut_off);
	if (is_cut_off)
		rudp_log(RUDP_LOG_ERROR, "cluster cut off: changes are refused");
	else
		rudp_log(RUDP_LOG_INFO, "cluster no longer cut off");
	apo_model_shared_cut_off(cluster->model, is_cut_off, cluster->now_at_ns);
}

static const struct apo_replica_calls calls = {.publish = publish,
					       .send_snapshot = send_snapshot,
					       .time = set_time,
					       .apply = apply,
					       .node_gone = node_gone,
					       .save = save,
					       .load = load,
					       .kept = kept,
					       .live = live,
					       .reset = reset,
					       .reopen = reopen,
					       .cut_off = cut_off};

/* ---- the model's thread ---- */

bool apo_cluster_propose(struct apo_cluster *cluster, const void *event, size_t len, bool is_vital)
{
	return apo_replica_submit(cluster->replica, event, len, is_vital) == 0;
}

void apo_cluster_set_time(struct apo_cluster *cluster, int64_t now_at_ns, int64_t wall_ms)
{
	if (!cluster)
		return;
	cluster->now_at_ns = now_at_ns;
	cluster->wall_ms = wall_ms;
	apo_replica_set_time(cluster->replica, now_at_ns, wall_ms);
}

void apo_cluster_on_mail(struct apo_cluster *cluster, const struct apo_bus_mail *mail)
{
	switch (mail->news) {
	case APO_BUS_READY:
		apo_replica_on_bus(cluster->replica);
		break;
	case APO_BUS_ENTRY:
		apo_replica_on_entry(cluster->replica, mail->seq, mail->bytes, mail->len);
		apo_bus_thread_on_handled(&cluster->bus_thread, mail);
		break;
	case APO_BUS_PUBLISHED:
		apo_replica_on_published(cluster->replica, mail->number, mail->seq != 0);
		break;
	case APO_BUS_CHUNK:
		on_chunk(cluster, mail);
		apo_bus_thread_on_handled(&cluster->bus_thread, mail);
		break;
	case APO_BUS_HISTORY:
		on_history(cluster, mail);
		apo_bus_thread_on_handled(&cluster->bus_thread, mail);
		break;
	case APO_BUS_UNREADABLE:
		apo_replica_on_unreadable(cluster->replica);
		break;
	}
}

int64_t apo_cluster_next_at_ns(const struct apo_cluster *cluster)
{
	return cluster ? apo_replica_next_at_ns(cluster->replica) : RUDP_NEVER;
}

void apo_cluster_on_time(struct apo_cluster *cluster)
{
	if (cluster && apo_replica_next_at_ns(cluster->replica) <= cluster->now_at_ns)
		apo_replica_on_time(cluster->replica);
}

/* ---- the main thread ---- */

int apo_cluster_init(struct apo_cluster *cluster, struct apo_model *model,
		     struct apo_history_thread *history_thread, struct apo_config *config)
{
	struct apo_replica_start start = {.calls = &calls,
					  .of = cluster,
					  .name = config->cluster_node,
					  .random = (uint64_t)randombytes_random() << 32 |
						    randombytes_random(),
					  .node_timeout_ns = config->cluster_timeout_ns,
					  .now_at_ns = rudp_clock_now_ns()};

	cluster->now_at_ns = start.now_at_ns;
	cluster->config = apo_config_get(config);
	cluster->model = model;
	cluster->history_thread = history_thread;
	cluster->replica = apo_replica_new(&start);
	return cluster->replica ? 0 : -ENOMEM;
}

int apo_cluster_start(struct apo_cluster *cluster, struct apo_mailbox *box)
{
	return apo_bus_thread_start(&cluster->bus_thread, box, APO_MAIL_CLUSTER, cluster->config,
				    cluster->seen_seq);
}

bool apo_cluster_stop(struct apo_cluster *cluster)
{
	bool has_ended;

	if (cluster->replica && !cluster->is_handed_over)
		apo_replica_leave(cluster->replica);
	has_ended = apo_bus_thread_stop(&cluster->bus_thread);
	drop_snapshot(cluster);
	if (cluster->replica)
		apo_replica_free(cluster->replica);
	cluster->replica = NULL;
	apo_config_put(cluster->config);
	return has_ended;
}

/* ---- hand-over ---- */

#define INSTEAD "end the server (SIGTERM) and start it instead"
#define OTHER_NODE                                                                                 \
	"servers (or none), node and name of [cluster], and the file of [accounts], cannot be "    \
	"changed in this way; " INSTEAD
#define OTHER_RULES                                                                                \
	"the new program has other rules or limits than the other nodes of the network; end all "  \
	"nodes (SIGTERM) and start them with it instead"

const char *apo_cluster_refusal(const struct apo_cluster *cluster, const struct apo_config *next)
{
	if ((cluster != NULL) != (next->cluster_servers != NULL))
		return OTHER_NODE;
	if (!cluster)
		return NULL;
	if (apo_config_is_other(cluster->config->cluster_node, next->cluster_node) ||
	    apo_config_is_other(cluster->config->cluster_name, next->cluster_name) ||
	    apo_config_is_other(cluster->config->accounts_file, next->accounts_file))
		return OTHER_NODE;
	if (!atomic_load(&cluster->is_live))
		return "this node is not in its network; try again when its log says \"cluster "
		       "joined\"";
	if (atomic_load(&cluster->is_cut_off))
		return "this node is cut off from its network; try again when its log says "
		       "\"cluster no longer cut off\"";
	return NULL;
}

static void serialize_word(struct apo_serializer *serializer, const char *own)
{
	char word[PATH_MAX];

	snprintf(word, sizeof word, "%s", own ? own : "");
	apo_serializer_string(serializer, word, sizeof word);
	apo_serializer_expect(serializer, !apo_config_is_other(word, own));
}

/* Returns the reason why this process cannot go on as the node; NULL: it can. */
static const char *serialize_identity(struct apo_serializer *serializer,
				      const struct apo_config *config)
{
	uint64_t fingerprint = apo_model_shared_fingerprint(&config->model), theirs = fingerprint;

	apo_serializer_u64(serializer, &theirs);
	apo_serializer_expect(serializer, theirs == fingerprint);
	if (!serializer->ok)
		return OTHER_RULES;
	serialize_word(serializer, config->cluster_node);
	serialize_word(serializer, config->cluster_name);
	serialize_word(serializer, config->accounts_file);
	return serializer->ok ? NULL : OTHER_NODE;
}

static void write_replica(struct apo_serializer *serializer, const struct apo_cluster *cluster)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	uint32_t count;

	apo_serializer_expect(serializer, apo_replica_save(cluster->replica, &bytes, &len));
	count = (uint32_t)len;
	apo_serializer_count(serializer, &count, 1);
	if (serializer->ok)
		apo_serializer_bytes(serializer, bytes, len);
	free(bytes);
}

static void read_replica(struct apo_serializer *serializer, struct apo_cluster *cluster)
{
	const uint8_t *bytes;
	uint32_t count = 0;

	apo_serializer_count(serializer, &count, 1);
	bytes = serializer->ok ? rudp_read_bytes(&serializer->reader, count) : NULL;
	apo_serializer_expect(serializer, bytes && apo_replica_resume(cluster->replica, bytes,
								      count, &cluster->seen_seq));
}

void apo_cluster_serialize(struct apo_upgrade_state *upgrade, struct apo_cluster *cluster)
{
	upgrade->wrong = serialize_identity(&upgrade->serializer, cluster->config);
	if (upgrade->wrong)
		return;
	if (!upgrade->serializer.is_reading) {
		write_replica(&upgrade->serializer, cluster);
		return;
	}
	apo_replica_set_time(cluster->replica, cluster->now_at_ns, 0);
	read_replica(&upgrade->serializer, cluster);
	atomic_store(&cluster->is_live, upgrade->serializer.ok);
}

void apo_cluster_on_handed_over(struct apo_cluster *cluster)
{
	cluster->is_handed_over = true;
	apo_bus_thread_end(&cluster->bus_thread);
}
