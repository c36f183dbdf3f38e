/* SPDX-License-Identifier: MIT */
/* Snapshots and events from another node that contradict themselves, or are incomplete. */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "conversation/cluster/replica_private.h"
#include "conversation/cluster_fixture.h"
#include "conversation/irc/mask.h"
#include "conversation/model/state.h"

#define HEAD_BYTES 32              /* incarnation, run, time, digest */
#define NODE_BYTES (1 + 2 + 5 * 8) /* names are "n0", "n1" and "n2" */
#define NODE_AT(n) (HEAD_BYTES + 1 + (n)*NODE_BYTES)
#define ID_AT(n) (NODE_AT(n) + 3)
#define INCARNATION_AT(n) (ID_AT(n) + 8)
#define LAST_POSITION_AT(n) (ID_AT(n) + 24)

static struct cluster *cluster;
static struct cluster_snapshot *snapshot; /* for node 2 */

/* Two nodes are live, and a snapshot is on its way to the third one. */
static void begin(void)
{
	unsigned i;

	cluster = cluster_new(1);
	cluster_start_all(cluster, 2);
	cluster_join(cluster, 0, 0, "dan");
	cluster_start(cluster, 2);
	while (!snapshot) {
		cluster_run(cluster, RUDP_NS_PER_MS);
		for (i = 0; i < 4; i++)
			if (cluster->nodes[2].snapshots[i].is_used)
				snapshot = &cluster->nodes[2].snapshots[i];
	}
	snapshot->at_ns = RUDP_NEVER;
}

static void end(void)
{
	cluster_free(cluster);
}

TestSuite(cluster_snapshot, .init = begin, .fini = end);

static void put_u64(uint8_t *at, uint64_t value)
{
	struct rudp_writer writer = rudp_writer(at, 8);

	rudp_write_u64(&writer, value);
}

/* Returns whether a replica that waits for the snapshot takes it. */
static bool is_taken(uint64_t position, const uint8_t *bytes, size_t len)
{
	struct apo_replica *replica = cluster_new_replica(&cluster->nodes[2]);
	uint64_t digest;
	bool is_read;

	replica->incarnation = cluster->nodes[2].replica->incarnation;
	replica->number = cluster->nodes[2].replica->number;
	is_read = apo_replica_read_snapshot(replica, position, bytes, len, &digest);
	apo_replica_free(replica);
	return is_read;
}

Test(cluster_snapshot, one_that_contradicts_itself_is_refused)
{
	static const struct {
		size_t at;
		uint64_t value;
	} changes[] = {
		{16, (uint64_t)INT64_MAX},       /* the time of the network */
		{16, UINT64_MAX},                /* negative */
		{INCARNATION_AT(2), 1},          /* this node is another one */
		{ID_AT(1), (uint64_t)INT64_MAX}, /* a node that joins after this one */
		{LAST_POSITION_AT(1), UINT64_MAX},
	};
	uint64_t position = snapshot->position;
	uint8_t *bytes = malloc(snapshot->len);
	size_t i;

	for (i = 0; i < sizeof changes / sizeof *changes; i++) {
		memcpy(bytes, snapshot->bytes, snapshot->len);
		put_u64(bytes + changes[i].at, changes[i].value);
		cr_assert(not(is_taken(position, bytes, snapshot->len)), "%zu", i);
	}
	memcpy(bytes, snapshot->bytes, snapshot->len);
	memcpy(bytes + ID_AT(1), bytes + ID_AT(0), 8); /* two nodes with one id */
	cr_assert(not(is_taken(position, bytes, snapshot->len)));
	memcpy(bytes, snapshot->bytes, snapshot->len);
	memcpy(bytes + NODE_AT(1), bytes + NODE_AT(0), 3); /* with one name */
	cr_assert(not(is_taken(position, bytes, snapshot->len)));
	memcpy(bytes, snapshot->bytes, snapshot->len);
	put_u64(bytes + ID_AT(2), UINT64_MAX); /* positions that wrap */
	cr_assert(not(is_taken(UINT64_MAX, bytes, snapshot->len)));
	cr_assert(is_taken(position, snapshot->bytes, snapshot->len));
	free(bytes);
}

/* ---- the state of the model ---- */

#define LAST_MSGID_AT 10 /* after the fingerprint and two flags */

static bool is_loaded(const uint8_t *bytes, size_t len)
{
	struct apo_model *model = cluster_new_model(&cluster->nodes[1]);
	bool is_read = apo_model_shared_load(model, bytes, len, cluster->now_ns);

	apo_model_free(model);
	return is_read;
}

/* Ids of messages and accounts are signed on disk, and grow from there. */
Test(cluster_snapshot, ids_that_would_wrap_are_refused)
{
	uint8_t *bytes;
	size_t len;

	cr_assert(apo_model_shared_save(cluster->nodes[0].model, &bytes, &len));
	cr_assert(is_loaded(bytes, len));
	put_u64(bytes + LAST_MSGID_AT, UINT64_MAX - 1);
	cr_assert(not(is_loaded(bytes, len)));
	free(bytes);
}

/* The clock that counts instants begins when the machine starts. */
Test(cluster_snapshot, a_node_on_a_machine_that_has_just_started_can_be_handed_over)
{
	struct apo_peer elsewhere = {.worker = APO_WORKERS_MAX - 1};
	struct apo_serializer serializer, state;
	struct apo_model *model;
	uint8_t *bytes;
	size_t len;

	cluster_run(cluster, 60 * RUDP_NS_PER_S);
	cr_assert(apo_model_shared_save(cluster->nodes[0].model, &bytes, &len));
	cluster->now_ns = RUDP_NS_PER_S;
	model = cluster_new_model(&cluster->nodes[1]);
	cr_assert(apo_model_shared_load(model, bytes, len, cluster->now_ns));
	apo_model_shared_begin(model, 2, 1, cluster->now_ns);
	cr_assert(eq(uint, apo_state_number(model), 1));
	apo_serializer_to(&serializer);
	apo_state_write(&serializer, model);
	cr_assert(serializer.ok);
	apo_model_free(model);
	model = cluster_new_model(&cluster->nodes[1]);
	apo_serializer_from(&state, serializer.bytes, serializer.len);
	cr_assert(apo_state_read(&state, model, &elsewhere, 1));
	apo_serializer_fini(&serializer);
	apo_model_free(model);
	free(bytes);
}

/* ---- events ---- */

/* A client without host, address and real name. */
Test(cluster_snapshot, an_incomplete_client_is_ignored)
{
	char nick[] = "eve", user[] = "~e";
	struct apo_model *model = cluster->nodes[0].model;
	uint8_t kind = 1 /* a client */, no = 0;
	struct apo_serializer event;
	uint64_t number = 7;
	uint32_t zero = 0;
	int64_t id = 0;
	unsigned i;

	apo_serializer_to(&event);
	apo_serializer_u8(&event, &kind);
	apo_serializer_u64(&event, &number);
	apo_serializer_string(&event, nick, sizeof nick);
	apo_serializer_string(&event, user, sizeof user);
	for (i = 0; i < 5; i++) /* host, address, fingerprint, real name, away */
		apo_serializer_u8(&event, &no);
	apo_serializer_u32(&event, &zero); /* capabilities */
	apo_serializer_u8(&event, &no);    /* flags */
	apo_serializer_u8(&event, &no);    /* server notices */
	apo_serializer_u8(&event, &no);    /* account */
	apo_serializer_i64(&event, &id);
	apo_model_shared_apply(model, 99, event.bytes, event.len, cluster->now_ns);
	apo_serializer_fini(&event);
	cr_assert(apo_model_check(model));
	cluster_say(cluster, 0, 0, "WHOIS eve");
	CLUSTER_HEARS(cluster, 0, 0, "* 401 dan eve *");
}

/* dan has the number of its place at node 0: the first one, for the first time. */
Test(cluster_snapshot, an_operator_becomes_one_only_once)
{
	struct apo_model *model = cluster->nodes[0].model;
	char name[] = "root", label[] = "";
	uint64_t number = 1;
	unsigned i;

	for (i = 0; i < 2; i++) {
		uint8_t kind = 3 /* an operator */;
		struct apo_serializer event;

		apo_serializer_to(&event);
		apo_serializer_u8(&event, &kind);
		apo_serializer_u64(&event, &number);
		apo_serializer_string(&event, name, sizeof name);
		apo_serializer_string(&event, label, sizeof label);
		apo_model_shared_apply(model, cluster->nodes[0].replica->self, event.bytes,
				       event.len, cluster->now_ns);
		apo_serializer_fini(&event);
		cr_assert(eq(u64, apo_model_figures(model)->operators, 1));
	}
	cr_assert(apo_model_check(model));
}
