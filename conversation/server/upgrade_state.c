/* SPDX-License-Identifier: MIT */
#include "conversation/server/upgrade_state.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "conversation/model/state.h"
#include "conversation/server/cloak.h"
#include "conversation/server/cluster.h"
#include "conversation/server/conn_move.h"
#include "conversation/server/acceptor.h"
#include "conversation/server/history_thread.h"
#include "conversation/server/metrics.h"
#include "conversation/server/peers.h"

#define MAGIC "Apollonion's cargo"
#define MAGIC_OF_NODE "Apollonion's node"
#define CONN_BYTES_MIN 9
#define LOST "Connection lost: the server was replaced"

/* ---- descriptors ---- */

void apo_upgrade_state_to(struct apo_upgrade_state *upgrade)
{
	memset(upgrade, 0, sizeof *upgrade);
	apo_serializer_to(&upgrade->serializer);
}

void apo_upgrade_state_from(struct apo_upgrade_state *upgrade, const void *bytes, size_t len,
			    int *fds, uint32_t fd_count)
{
	memset(upgrade, 0, sizeof *upgrade);
	apo_serializer_from(&upgrade->serializer, bytes, len);
	upgrade->fds = fds;
	upgrade->fd_count = fd_count;
}

void apo_upgrade_state_fini(struct apo_upgrade_state *upgrade)
{
	apo_serializer_fini(&upgrade->serializer);
	free(upgrade->fds);
	memset(upgrade, 0, sizeof *upgrade);
}

static void add_descriptor(struct apo_upgrade_state *upgrade, int fd)
{
	bool has_room = RUDP_GROW(upgrade->fds, upgrade->fd_count, upgrade->fd_capacity, 64);

	apo_serializer_expect(&upgrade->serializer, has_room);
	if (has_room)
		upgrade->fds[upgrade->fd_count++] = fd;
}

void apo_upgrade_state_descriptor(struct apo_upgrade_state *upgrade, int *fd)
{
	if (!upgrade->serializer.is_reading) {
		add_descriptor(upgrade, *fd);
		return;
	}
	*fd = -1;
	apo_serializer_expect(&upgrade->serializer, upgrade->fds_read < upgrade->fd_count);
	if (!upgrade->serializer.ok)
		return;
	*fd = upgrade->fds[upgrade->fds_read];
	upgrade->fds[upgrade->fds_read++] = -1;
}

/* ---- counters: the first worker continues the sums of all workers ---- */

#define COUNTER_COUNT (sizeof(struct apo_worker_counters) / sizeof(uint64_t))

static uint64_t sum_of(const struct apo_server_parts *parts, size_t counter)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < parts->worker_count; i++)
		sum += atomic_load_explicit((_Atomic uint64_t *)&parts->workers[i].counters +
						    counter,
					    memory_order_relaxed);
	return sum;
}

static void serialize_worker_counters(struct apo_serializer *serializer,
				      const struct apo_server_parts *parts)
{
	_Atomic uint64_t *counters = (_Atomic uint64_t *)&parts->workers[0].counters;
	uint64_t values[COUNTER_COUNT] = {0};
	size_t i;

	for (i = 0; i < COUNTER_COUNT && !serializer->is_reading; i++)
		values[i] = sum_of(parts, i);
	APO_SERIALIZE_COUNTERS(serializer, APO_WORKER_COUNTERS, values);
	for (i = 0; i < COUNTER_COUNT && serializer->is_reading && serializer->ok; i++)
		atomic_fetch_add_explicit(counters + i, values[i], memory_order_relaxed);
}

/* ---- counters of history ---- */

#define HISTORY_COUNT (sizeof((struct apo_history_thread *)0)->counters / sizeof(uint64_t))

static void serialize_history(struct apo_upgrade_state *upgrade,
			      const struct apo_server_parts *parts)
{
	_Atomic uint64_t *counters =
		parts->history_thread ? (_Atomic uint64_t *)&parts->history_thread->counters : NULL;
	const char *own = parts->history_file ? parts->history_file : "";
	uint64_t values[HISTORY_COUNT] = {0};
	char file[PATH_MAX];
	size_t i;

	snprintf(file, sizeof file, "%s", own);
	apo_serializer_string(&upgrade->serializer, file, sizeof file);
	upgrade->continues_history = upgrade->serializer.ok && own[0] && strcmp(file, own) == 0;
	/* All copies of a network have the same history. */
	apo_serializer_expect(&upgrade->serializer, !parts->cluster || !parts->history_thread ||
							    !upgrade->serializer.is_reading ||
							    upgrade->continues_history);
	for (i = 0; i < HISTORY_COUNT && counters && !upgrade->serializer.is_reading; i++)
		values[i] = atomic_load(counters + i);
	APO_SERIALIZE_COUNTERS(&upgrade->serializer, APO_HISTORY_THREAD_COUNTERS, values);
	for (i = 0; i < HISTORY_COUNT && counters && upgrade->serializer.is_reading; i++)
		atomic_fetch_add(counters + i, values[i]);
}

/* ---- writing connections ---- */

static void write_conn(struct apo_upgrade_state *upgrade, struct apo_worker *worker,
		       struct apo_conn *conn, uint32_t ordinal)
{
	bool moves = apo_conn_can_move(conn);

	apo_serializer_u32(&upgrade->serializer, &ordinal);
	apo_serializer_flag(&upgrade->serializer, &moves);
	if (moves)
		apo_upgrade_state_descriptor(upgrade, &conn->stream.fd);
	apo_conn_serialize(&upgrade->serializer, worker, conn, moves);
	if (moves)
		upgrade->moved++;
	else
		upgrade->left++;
}

/* Each client of this server has a connection: the threads stand still and no event is pending. */
static void write_conns(struct apo_upgrade_state *upgrade, const struct apo_server_parts *parts,
			uint32_t count)
{
	uint32_t slot, ordinal, written = 0, remote = apo_state_remote(parts->model);
	struct apo_worker *worker;
	struct apo_conn *conn;

	apo_serializer_u32(&upgrade->serializer, &count);
	if (parts->cluster)
		apo_serializer_u32(&upgrade->serializer, &remote);
	for (worker = parts->workers; worker < parts->workers + parts->worker_count; worker++)
		for (slot = 0; slot < worker->slot_count; slot++) {
			conn = apo_worker_conn(worker, slot);
			if (conn->state != APO_CONN_OPEN)
				continue;
			ordinal = apo_state_ordinal(parts->model, apo_conn_peer(worker, conn));
			if (ordinal == APO_ORDINAL_NONE)
				continue;
			write_conn(upgrade, worker, conn, ordinal);
			written++;
		}
	apo_serializer_expect(&upgrade->serializer, written + remote == count);
}

/* ---- reading connections ---- */

struct place {
	struct apo_worker *worker;
	struct apo_conn *conn; /* NULL: not read yet */
	bool moves;
};

struct reading {
	struct apo_upgrade_state *upgrade;
	const struct apo_server_parts *parts;
	struct place *places; /* by ordinal */
	struct apo_peer *peers;
	uint32_t count, remote; /* clients, and those of other nodes among them */
};

static void read_moved(struct reading *reading, struct place *place)
{
	struct apo_conn *conn = place->conn;
	int fd;

	apo_upgrade_state_descriptor(reading->upgrade, &fd);
	if (fd < 0)
		return;
	apo_stream_open_line(&conn->stream, fd);
	conn->ip_entry = NULL;
	apo_conn_serialize(&reading->upgrade->serializer, place->worker, conn, true);
	if (reading->upgrade->serializer.ok)
		conn->ip_entry =
			apo_ip_limits_readmit(&reading->parts->acceptor->ip_limits, &conn->address);
	apo_serializer_expect(&reading->upgrade->serializer, conn->ip_entry != NULL);
}

static void read_conn(struct reading *reading, uint32_t turn)
{
	struct apo_worker *worker = reading->parts->workers + turn % reading->parts->worker_count;
	struct apo_serializer *serializer = &reading->upgrade->serializer;
	struct place *place;
	uint32_t ordinal;
	bool moves = false;

	apo_serializer_u32(serializer, &ordinal);
	apo_serializer_flag(serializer, &moves);
	apo_serializer_expect(serializer,
			      ordinal < reading->count && !reading->places[ordinal].conn);
	if (!serializer->ok)
		return;
	place = reading->places + ordinal;
	*place = (struct place){worker, apo_worker_take_slot(worker), moves};
	apo_serializer_expect(serializer, place->conn != NULL);
	if (!serializer->ok)
		return;
	reading->peers[ordinal] = apo_conn_peer(worker, place->conn);
	if (moves)
		read_moved(reading, place);
	else
		apo_conn_serialize(serializer, worker, place->conn, false);
}

static bool resume_all(struct reading *reading)
{
	uint32_t i;

	for (i = 0; i < reading->count; i++) {
		if (!reading->places[i].moves)
			continue;
		if (apo_conn_resume(reading->places[i].worker, reading->places[i].conn) < 0)
			return false;
		reading->upgrade->moved++;
	}
	return true;
}

/* Connections that could not be handed over end in the model, too, since no event will come from
 * them. */
static void end_left_behind(struct reading *reading)
{
	const struct apo_server_parts *parts = reading->parts;
	const struct apo_text_watch *watch;
	struct place *place;
	uint32_t i;

	for (i = 0; i < reading->count; i++) {
		place = reading->places + i;
		if (!place->conn || place->moves)
			continue;
		for (watch = place->conn->watches; watch; watch = watch->next)
			apo_model_on_receipt(parts->model, watch->watch, watch->recipient, false,
					     parts->now_at_ns);
		apo_model_on_closed(parts->model, reading->peers[i], LOST, parts->now_at_ns);
		apo_conn_forget(place->worker, place->conn);
		reading->upgrade->left++;
	}
}

static void undo(struct reading *reading)
{
	struct place *place;
	uint32_t i;

	for (i = 0; i < reading->count; i++) {
		place = reading->places + i;
		if (place->conn)
			apo_conn_forget(place->worker, place->conn);
	}
}

static bool read_all(struct reading *reading)
{
	struct apo_upgrade_state *upgrade = reading->upgrade;
	uint32_t i;

	if (reading->parts->cluster)
		apo_serializer_u32(&upgrade->serializer, &reading->remote);
	apo_serializer_expect(&upgrade->serializer, reading->remote <= reading->count);
	for (i = 0; i < reading->count; i++) /* those of other nodes have no connection */
		reading->peers[i] = (struct apo_peer){.worker = APO_WORKERS_MAX - 1};
	for (i = reading->remote; i < reading->count && upgrade->serializer.ok; i++)
		read_conn(reading, i);
	if (!upgrade->serializer.ok || !apo_state_read(&upgrade->serializer, reading->parts->model,
						       reading->peers, reading->count))
		return false;
	return apo_serializer_is_whole(&upgrade->serializer) &&
	       upgrade->fds_read == upgrade->fd_count;
}

static bool read_conns(struct apo_upgrade_state *upgrade, const struct apo_server_parts *parts)
{
	struct reading reading = {.upgrade = upgrade, .parts = parts};
	bool is_right;

	apo_serializer_count(&upgrade->serializer, &reading.count, CONN_BYTES_MIN);
	reading.places = calloc((size_t)reading.count + 1, sizeof *reading.places);
	reading.peers = calloc((size_t)reading.count + 1, sizeof *reading.peers);
	is_right = reading.places && reading.peers && read_all(&reading) && resume_all(&reading);
	if (is_right) {
		if (!upgrade->continues_history)
			apo_state_begin_history(parts->model);
		end_left_behind(&reading);
		parts->acceptor->active_count = (unsigned)upgrade->moved;
	} else if (reading.places)
		undo(&reading);
	free(reading.places);
	free(reading.peers);
	return is_right;
}

/* ---- the whole state ---- */

static void serialize_head(struct apo_upgrade_state *upgrade, const struct apo_server_parts *parts)
{
	const char *own = parts->cluster ? MAGIC_OF_NODE : MAGIC;
	char magic[32];

	snprintf(magic, sizeof magic, "%s", own);
	apo_serializer_string(&upgrade->serializer, magic, sizeof magic);
	apo_serializer_expect(&upgrade->serializer, strcmp(magic, own) == 0);
	if (parts->cluster && upgrade->serializer.ok)
		apo_cluster_serialize(upgrade, parts->cluster);
	apo_cloak_serialize(&upgrade->serializer);
	serialize_worker_counters(&upgrade->serializer, parts);
	serialize_history(upgrade, parts);
	apo_acceptor_serialize(upgrade, parts->acceptor);
	apo_peers_serialize(&upgrade->serializer, parts->peers);
	apo_metrics_serialize(upgrade, parts->metrics);
}

bool apo_upgrade_state_write(struct apo_upgrade_state *upgrade, const struct apo_server_parts *from)
{
	serialize_head(upgrade, from);
	write_conns(upgrade, from, apo_state_number(from->model));
	apo_state_write(&upgrade->serializer, from->model);
	return upgrade->serializer.ok;
}

bool apo_upgrade_state_read(struct apo_upgrade_state *upgrade, const struct apo_server_parts *to)
{
	serialize_head(upgrade, to);
	return upgrade->serializer.ok && read_conns(upgrade, to);
}

void apo_upgrade_state_release(const struct apo_server_parts *from, const char *reason)
{
	struct apo_worker *worker;
	struct apo_conn *conn;
	uint32_t slot;

	apo_acceptor_release(from->acceptor);
	apo_metrics_release(from->metrics);
	for (worker = from->workers; worker < from->workers + from->worker_count; worker++) {
		worker->now_at_ns = from->now_at_ns;
		for (slot = 0; slot < worker->slot_count; slot++) {
			conn = apo_worker_conn(worker, slot);
			if (conn->state == APO_CONN_OPEN && apo_conn_can_move(conn))
				apo_conn_release(worker, conn);
			else if (conn->state == APO_CONN_OPEN)
				apo_conn_expel(worker, conn, reason);
		}
	}
}
