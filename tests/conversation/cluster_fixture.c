/* SPDX-License-Identifier: MIT */
#include "conversation/cluster_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/split_mix.h"
#include "conversation/cluster/replica_private.h"
#include "conversation/model/shared.h"

#define MS RUDP_NS_PER_MS
#define WALL_MS INT64_C(1700000000000)

uint64_t cluster_random(struct cluster *cluster, uint64_t below)
{
	return rudp_split_mix(&cluster->random) % below;
}

int64_t cluster_delay_ns(struct cluster *cluster)
{
	return cluster->now_ns + (int64_t)cluster_random(cluster, 20) * MS;
}

static bool is_live(const struct cluster_node *node)
{
	return node->replica && node->replica->state == APO_REPLICA_LIVE;
}

/* ---- calls of the models ---- */

static struct cluster_client *client_at(struct cluster_node *node, struct apo_peer peer)
{
	struct cluster_client *client = node->clients;

	cr_assert(lt(uint, peer.slot, CLUSTER_CLIENTS));
	while (client->peer.slot != peer.slot)
		client++;
	return client->peer.generation == peer.generation && client->is_connected ? client : NULL;
}

static unsigned client_number(struct cluster_node *node, struct apo_peer peer)
{
	unsigned number = 0;

	while (node->clients[number].peer.slot != peer.slot)
		number++;
	return number;
}

static void hear(struct cluster_node *node, struct cluster_client *client, const char *bytes,
		 size_t len)
{
	char line[9000];
	const char *end;

	if (client->at == client->len || client->len + len > CLUSTER_OUT_BYTES)
		client->at = client->len = 0;
	memcpy(client->out + client->len, bytes, len);
	client->len += len;
	while (node->cluster->on_line && len > 0) {
		end = memchr(bytes, '\n', len);
		snprintf(line, sizeof line, "%.*s", (int)(end - bytes - 1), bytes);
		node->cluster->on_line(node->cluster, node->index,
				       (unsigned)(client - node->clients), line);
		len -= (size_t)(end + 1 - bytes);
		bytes = end + 1;
	}
}

static void on_deliver(void *of, unsigned worker, struct apo_text *text, const struct apo_peer *to,
		       size_t count)
{
	struct cluster_node *node = of;
	struct cluster_client *client;
	size_t i;

	cr_assert(eq(uint, worker, 0));
	for (i = 0; i < count; i++) {
		client = client_at(node, to[i]);
		if (client)
			hear(node, client, text->bytes, text->len);
	}
}

static void on_deliver_watched(void *of, unsigned worker, struct apo_text *text,
			       const struct apo_peer *to, size_t count, uint64_t watch,
			       uint32_t first)
{
	struct cluster_node *node = of;
	size_t i;

	on_deliver(of, worker, text, to, count);
	for (i = 0; i < count && node->watched_count < CLUSTER_WATCHED; i++)
		node->watched[node->watched_count++] = (struct cluster_watched){
			watch, first + (uint32_t)i, client_number(node, to[i])};
}

static void on_close(void *of, struct apo_peer who, struct apo_text *last_words)
{
	struct cluster_client *client = client_at(of, who);

	cr_assert(ne(ptr, client, NULL), "closed twice");
	client->is_connected = false;
	snprintf(client->last_words, sizeof client->last_words, "%.*s", (int)last_words->len - 2,
		 last_words->bytes);
}

static void on_hold(void *of, struct apo_peer who, bool is_held)
{
	struct cluster_client *client = client_at(of, who);

	if (client)
		client->is_held = is_held;
}

static void on_set_operator(void *of, struct apo_peer who, bool is_operator)
{
	(void)of;
	(void)who;
	(void)is_operator;
}

static bool on_propose(void *of, const void *event, size_t len, bool is_vital)
{
	struct cluster_node *node = of;

	return apo_replica_submit(node->replica, event, len, is_vital) == 0;
}

/* ---- calls of the replicas ---- */

static void on_publish(void *of, const void *bytes, size_t len, uint64_t number)
{
	struct cluster_node *node = of;
	struct cluster_publication *publication = node->publications;
	bool is_repetition = number == node->published;

	node->published = number;
	while (publication < node->publications + CLUSTER_MAIL && publication->is_used)
		publication++;
	if (publication == node->publications + CLUSTER_MAIL)
		return; /* lost */
	publication->is_used = true;
	publication->is_repetition = is_repetition;
	publication->bytes = malloc(len);
	memcpy(publication->bytes, bytes, len);
	publication->len = len;
	publication->number = number;
	publication->at_ns = cluster_delay_ns(node->cluster);
}

static void on_send_snapshot(void *of, const char *name, uint64_t position, const void *bytes,
			     size_t len)
{
	struct cluster *cluster = ((struct cluster_node *)of)->cluster;
	struct cluster_node *to;
	unsigned i;

	for (to = cluster->nodes; to < cluster->nodes + CLUSTER_NODES; to++) {
		if (strcmp(to->name, name) != 0 || to->is_apart)
			continue;
		for (i = 0; i < 4; i++) {
			if (to->snapshots[i].is_used)
				continue;
			to->snapshots[i] = (struct cluster_snapshot){
				true, position, malloc(len), len, cluster_delay_ns(cluster)};
			memcpy(to->snapshots[i].bytes, bytes, len);
			return;
		}
	}
}

static void on_time(void *of, int64_t wall_ms)
{
	struct cluster_node *node = of;

	apo_model_shared_time(node->model, wall_ms, node->cluster->now_ns);
}

static void on_apply(void *of, uint64_t from, bool is_own, const void *event, size_t len)
{
	struct cluster_node *node = of;

	(void)is_own;
	apo_model_shared_apply(node->model, from, event, len, node->cluster->now_ns);
}

static void on_node_gone(void *of, uint64_t gone, const char *name)
{
	struct cluster_node *node = of;

	apo_model_shared_node_gone(node->model, gone, name, node->cluster->now_ns);
}

static bool on_save(void *of, uint8_t **bytes, size_t *len)
{
	if (!apo_model_shared_save(((struct cluster_node *)of)->model, bytes, len))
		return false;
	cluster_add_history(of, bytes, len);
	return true;
}

static bool on_load(void *of, const void *bytes, size_t len)
{
	struct cluster_node *node = of;

	len = cluster_take_history(node, bytes, len);
	return apo_model_shared_load(node->model, bytes, len, node->cluster->now_ns);
}

static uint64_t on_kept(void *of)
{
	return apo_model_shared_kept(((struct cluster_node *)of)->model);
}

static void on_live(void *of, uint64_t self, uint64_t run)
{
	struct cluster_node *node = of;

	apo_model_shared_begin(node->model, self, run, node->cluster->now_ns);
}

static void on_reset(void *of, const char *reason)
{
	struct cluster_node *node = of;

	node->resets++;
	snprintf(node->reason, sizeof node->reason, "%s", reason);
	apo_model_shared_end(node->model, reason, node->cluster->now_ns);
}

static void on_reopen(void *of, enum apo_reopening how)
{
	struct cluster_node *node = of;

	if (how == APO_REOPEN_NEXT && node->is_told_unreadable)
		node->unreadable_at_ns = cluster_delay_ns(node->cluster);
	if (how != APO_REOPEN_NEXT)
		node->open_at_ns = cluster_delay_ns(node->cluster);
}

static void on_cut_off(void *of, bool is_cut_off)
{
	struct cluster_node *node = of;

	node->cut_offs += is_cut_off;
	apo_model_shared_cut_off(node->model, is_cut_off, node->cluster->now_ns);
}

static const struct apo_replica_calls replica_calls = {.publish = on_publish,
						       .send_snapshot = on_send_snapshot,
						       .time = on_time,
						       .apply = on_apply,
						       .node_gone = on_node_gone,
						       .save = on_save,
						       .load = on_load,
						       .kept = on_kept,
						       .live = on_live,
						       .reset = on_reset,
						       .reopen = on_reopen,
						       .cut_off = on_cut_off};

/* ---- life ---- */

struct cluster *cluster_new(uint64_t seed)
{
	struct cluster *cluster = calloc(1, sizeof *cluster);
	unsigned i, k;

	cr_assert(ne(ptr, cluster, NULL));
	apo_model_config_init(&cluster->config);
	cluster->config.server_name = "irc.example";
	cluster->config.network = "Example";
	cluster->config.version = "apollonion-1";
	cluster->calls = (struct apo_model_calls){.deliver = on_deliver,
						  .deliver_watched = on_deliver_watched,
						  .close = on_close,
						  .hold = on_hold,
						  .set_operator = on_set_operator,
						  .ask_auth = cluster_on_ask,
						  .propose = on_propose};
	cluster->now_ns = RUDP_NS_PER_S;
	cluster->node_timeout_ns = 15 * RUDP_NS_PER_S;
	cluster->random = seed;
	for (i = 0; i < CLUSTER_NODES; i++) {
		cluster->nodes[i].cluster = cluster;
		cluster->nodes[i].index = i;
		snprintf(cluster->nodes[i].name, sizeof cluster->nodes[i].name, "n%u", i);
		for (k = 0; k < CLUSTER_CLIENTS; k++)
			cluster->nodes[i].clients[k].peer.slot = k & 0xff;
	}
	return cluster;
}

static int64_t wall_ms(const struct cluster_node *node)
{
	/* The nodes' clocks differ. */
	return WALL_MS + node->cluster->now_ns / MS + 700 * (int64_t)node->index + node->clock_ms;
}

struct apo_model *cluster_new_model(struct cluster_node *node)
{
	struct apo_model_start start = {.config = &node->cluster->config,
					.calls = &node->cluster->calls,
					.of = node,
					.workers = 1,
					.now_at_ns = node->cluster->now_ns,
					.wall_ms = wall_ms(node)};

	return apo_model_new(&start);
}

struct apo_replica *cluster_new_replica(struct cluster_node *node)
{
	struct apo_replica_start start = {.calls = &replica_calls,
					  .of = node,
					  .name = node->name,
					  .random = cluster_random(node->cluster, UINT64_MAX),
					  .node_timeout_ns = node->cluster->node_timeout_ns,
					  .now_at_ns = node->cluster->now_ns,
					  .wall_ms = wall_ms(node)};

	return apo_replica_new(&start);
}

void cluster_start(struct cluster *cluster, unsigned index)
{
	struct cluster_node *node = &cluster->nodes[index];

	node->model = cluster_new_model(node);
	node->replica = cluster_new_replica(node);
	cluster_drop_disk(node);
	node->watched_count = 0;
	node->copy_shift = 0;
	node->next_seq = cluster->log_len + 1;
	node->deliver_at_ns = cluster->now_ns;
	node->open_at_ns = node->unreadable_at_ns = RUDP_NEVER;
	node->published = 0;
	apo_replica_on_bus(node->replica);
}

void cluster_kill(struct cluster *cluster, unsigned index)
{
	struct cluster_node *node = &cluster->nodes[index];
	unsigned i;

	if (!node->model)
		return;
	apo_model_free(node->model);
	apo_replica_free(node->replica);
	node->model = NULL;
	node->replica = NULL;
	for (i = 0; i < CLUSTER_CLIENTS; i++)
		node->clients[i].is_connected = false;
	for (i = 0; i < CLUSTER_MAIL; i++) {
		/* An entry on its way to the log may still arrive. */
		node->answers[i].is_used = false;
		if (!node->publications[i].is_used || cluster_random(cluster, 2))
			continue;
		free(node->publications[i].bytes);
		node->publications[i].is_used = false;
	}
	for (i = 0; i < 4; i++) {
		if (node->snapshots[i].is_used)
			free(node->snapshots[i].bytes);
		node->snapshots[i].is_used = false;
	}
}

void cluster_free(struct cluster *cluster)
{
	unsigned i, k;

	for (i = 0; i < CLUSTER_NODES; i++) {
		cluster_kill(cluster, i);
		for (k = 0; k < CLUSTER_MAIL; k++)
			if (cluster->nodes[i].publications[k].is_used)
				free(cluster->nodes[i].publications[k].bytes);
	}
	for (i = 0; i < CLUSTER_NODES; i++)
		cluster_drop_disk(&cluster->nodes[i]);
	cluster_lose(cluster, cluster->log_len);
	free(cluster->log);
	free(cluster);
}

/* ---- time ---- */

static void run_models(struct cluster *cluster, struct cluster_node *node)
{
	while (apo_model_next_at_ns(node->model) <= cluster->now_ns)
		apo_model_on_time(node->model, cluster->now_ns);
}

static void step(struct cluster *cluster)
{
	struct cluster_node *node;

	for (node = cluster->nodes; node < cluster->nodes + CLUSTER_NODES; node++) {
		if (!node->model || node->is_standing) {
			cluster_take_publications(cluster, node);
			continue;
		}
		apo_replica_set_time(node->replica, cluster->now_ns, wall_ms(node));
		cluster_open_log(cluster, node);
		cluster_take_publications(cluster, node);
		cluster_take_answers(cluster, node);
		cluster_take_snapshots(cluster, node);
		cluster_take_entries(cluster, node);
		if (apo_replica_next_at_ns(node->replica) <= cluster->now_ns)
			apo_replica_on_time(node->replica);
		run_models(cluster, node);
	}
}

void cluster_run(struct cluster *cluster, int64_t span_ns)
{
	int64_t end_ns = cluster->now_ns + span_ns;

	while (cluster->now_ns < end_ns) {
		cluster->now_ns += (int64_t)(1 + cluster_random(cluster, 9)) * MS;
		step(cluster);
	}
}

bool cluster_is_live(const struct cluster *cluster, unsigned node)
{
	return is_live(&cluster->nodes[node]);
}

void cluster_start_all(struct cluster *cluster, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		cluster_start(cluster, i);
	cluster_run(cluster, 20 * RUDP_NS_PER_S);
	for (i = 0; i < count; i++)
		cr_assert(cluster_is_live(cluster, i));
}

/* ---- clients ---- */

void cluster_connect(struct cluster *cluster, unsigned index, unsigned number)
{
	struct cluster_node *node = &cluster->nodes[index];
	struct cluster_client *client = &node->clients[number];
	char host[32];
	struct apo_peer_facts facts = {.address = "192.0.2.1", .host = host};

	snprintf(host, sizeof host, "h%u-%u.example", index, number);
	client->peer.generation++;
	client->is_connected = true;
	client->is_held = false;
	client->len = client->at = 0;
	apo_model_on_connected(node->model, client->peer, &facts, cluster->now_ns);
}

void cluster_say(struct cluster *cluster, unsigned index, unsigned number, const char *format, ...)
{
	struct cluster_node *node = &cluster->nodes[index];
	char line[1000];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (node->clients[number].is_connected)
		apo_model_on_line(node->model, node->clients[number].peer, line, (size_t)len,
				  cluster->now_ns);
}

void cluster_close(struct cluster *cluster, unsigned index, unsigned number)
{
	struct cluster_node *node = &cluster->nodes[index];

	if (!node->clients[number].is_connected)
		return;
	node->clients[number].is_connected = false;
	apo_model_on_closed(node->model, node->clients[number].peer, "Connection reset by peer",
			    cluster->now_ns);
}

void cluster_join(struct cluster *cluster, unsigned index, unsigned number, const char *nick)
{
	char *line;

	cluster_connect(cluster, index, number);
	cluster_say(cluster, index, number, "NICK %s", nick);
	cluster_say(cluster, index, number, "USER %s 0 * :%s", nick, nick);
	cluster_run(cluster, RUDP_NS_PER_S);
	line = cluster_next(cluster, index, number);
	cr_assert(ne(ptr, line, NULL));
	cr_assert(ne(ptr, strstr(line, " 001 "), NULL), "%s", line);
	cluster_forget(cluster);
}

char *cluster_next(struct cluster *cluster, unsigned index, unsigned number)
{
	struct cluster_client *client = &cluster->nodes[index].clients[number];
	char *line = client->out + client->at, *end;

	if (client->at == client->len)
		return NULL;
	end = memchr(line, '\n', client->len - client->at);
	cr_assert(ne(ptr, end, NULL));
	end[-1] = '\0';
	client->at += (size_t)(end + 1 - line);
	return line;
}

void cluster_meet(struct cluster *cluster)
{
	cluster_join(cluster, 0, 0, "dan");
	cluster_join(cluster, 1, 0, "eve");
	cluster_say(cluster, 0, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, 1, 0, "JOIN #a");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_forget(cluster);
}

void cluster_forget(struct cluster *cluster)
{
	unsigned i, k;

	for (i = 0; i < CLUSTER_NODES; i++)
		for (k = 0; k < CLUSTER_CLIENTS; k++)
			cluster->nodes[i].clients[k].at = cluster->nodes[i].clients[k].len = 0;
}

/* ---- checks ---- */

/* The times since clients spoke differ by the times of delivery. */
static void save(struct cluster_node *node, uint8_t **bytes, size_t *len)
{
	struct apo_shared_client *entry;

	for (entry = node->model->shared->by_key; entry; entry = entry->by_key.next)
		entry->client->spoke_at_ns = node->model->now_at_ns;
	cr_assert(apo_model_shared_save(node->model, bytes, len));
}

static void check_equal(struct cluster_node *first, struct cluster_node *node)
{
	uint8_t *bytes[2];
	size_t len[2];

	cr_assert(eq(u64, first->replica->applied, node->replica->applied));
	save(first, &bytes[0], &len[0]);
	save(node, &bytes[1], &len[1]);
	cr_assert(eq(sz, len[0], len[1]));
	cr_assert(eq(int, memcmp(bytes[0], bytes[1], len[0]), 0), "%s and %s differ", first->name,
		  node->name);
	free(bytes[0]);
	free(bytes[1]);
}

static void check_all(struct cluster *cluster)
{
	struct cluster_node *node, *first = NULL;

	for (node = cluster->nodes; node < cluster->nodes + CLUSTER_NODES; node++) {
		if (!node->model)
			continue;
		cr_assert(apo_model_check(node->model), "the model of %s", node->name);
		if (!is_live(node))
			continue;
		if (first)
			check_equal(first, node);
		else
			first = node;
	}
}

static bool is_settled(const struct cluster *cluster)
{
	const struct cluster_node *node;

	for (node = cluster->nodes; node < cluster->nodes + CLUSTER_NODES; node++)
		if (is_live(node) && node->replica->seen_seq != cluster_copy_len(cluster, node))
			return false;
	return true;
}

void cluster_check(struct cluster *cluster)
{
	unsigned tries;

	for (tries = 0; !is_settled(cluster) && tries < 10000; tries++)
		cluster_run(cluster, RUDP_NS_PER_MS);
	check_all(cluster);
}
