/* SPDX-License-Identifier: MIT */
#include "engine/control/info.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>

#include "engine/app/app_side.h"
#include "engine/carrier/tcp.h"
#include "engine/identity/peer_check.h"
#include "engine/ports/binding.h"
#include "engine/ports/listener.h"
#include "engine/ports/port.h"

static uint32_t at_most_u32(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static uint16_t at_most_u16(uint64_t n)
{
	return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

static void copy_stats(struct rudp_control_info *info, const struct rudp_conn_stats *stats)
{
	info->state = (uint8_t)stats->state;
	info->authenticated = stats->authenticated;
	info->suite = stats->suite;
	info->aead = (uint8_t)stats->aead;
	info->handshake_kind = stats->handshake_kind;
	info->flows = (uint8_t)(stats->flows < UINT8_MAX ? stats->flows : UINT8_MAX);
	info->early_bytes = stats->early_bytes;
	info->known_kib = at_most_u16(stats->jump_bytes >> 10);
	info->id_changes = at_most_u16(stats->id_changes);
	info->moves_with_old_id = at_most_u16(stats->moves_with_old_id);
	info->path_changes = at_most_u32(stats->path_changes);
	info->copies_sent = at_most_u32(stats->packets_copied);
	info->copied_bytes = at_most_u32(stats->stream_copied);
	info->repairs_sent = at_most_u32(stats->repairs_sent);
	info->repaired_bytes = at_most_u32(stats->stream_repaired);
	info->srtt_ns = stats->srtt_ns;
	info->rttvar_ns = stats->rttvar_ns;
	info->min_rtt_ns = stats->min_rtt_ns;
	info->cwnd_bytes = stats->cwnd_bytes;
	info->ssthresh_bytes = stats->ssthresh_bytes;
	info->inflight_bytes = stats->inflight_bytes;
	info->pacing_bytes_per_s = stats->pacing_bytes_per_s;
	info->packets_sent = stats->packets_sent;
	info->packets_received = stats->packets_received;
	info->packets_lost = stats->packets_lost;
	info->packets_spurious = stats->packets_spurious;
	info->bytes_sent = stats->bytes_sent;
	info->bytes_received = stats->bytes_received;
	info->stream_sent = stats->stream_sent;
	info->stream_acked = stats->stream_acked;
	info->stream_received = stats->stream_received;
	info->stream_resent = stats->stream_resent;
	info->unacked_bytes = stats->unacked_bytes;
	info->unsent_bytes = stats->unsent_bytes;
	info->unread_bytes = stats->unread_bytes;
	info->window_send_bytes = stats->window_send_bytes;
	info->window_receive_bytes = stats->window_receive_bytes;
	info->memory_bytes = stats->memory_bytes;
	info->datagram_bytes = stats->datagram_bytes;
	info->pto_count = stats->pto_count;
	snprintf(info->cc_name, sizeof info->cc_name, "%s", stats->cc_name ? stats->cc_name : "");
	snprintf(info->cc_state, sizeof info->cc_state, "%s",
		 stats->cc_state ? stats->cc_state : "");
}

/* Bytes that the program has written and the engine has not read are unsent, too. */
static void add_queue(struct rudp_control_info *info, const struct rudp_app *app)
{
	int bytes = 0;

	if (app->fd < 0 || app->stage != RUDP_APP_OPEN || ioctl(app->fd, FIONREAD, &bytes) < 0)
		return;
	bytes -= (int)app->unread_tail;
	if (bytes > 0) {
		info->unacked_bytes += (uint64_t)bytes;
		info->unsent_bytes += (uint64_t)bytes;
	}
}

enum rudp_state rudp_info_state(const struct rudp_app *app)
{
	struct rudp_conn_stats stats;

	if (app->stage == RUDP_APP_CONNECTING)
		return RUDP_STATE_SYN_SENT;
	rudp_carrier_stats(&app->carrier, &stats);
	return stats.state;
}

static void copy_peer(const struct rudp_engine *engine, const struct rudp_conn *conn,
		      struct rudp_control_info *info)
{
	const struct rudp_credentials *credentials = rudp_conn_credentials(conn);
	const uint8_t *binding = rudp_conn_channel_binding(conn);
	char name[RUDP_PEER_TEXT_SIZE];

	if (binding)
		memcpy(info->channel_binding, binding, sizeof info->channel_binding);
	if (!credentials->has_peer_key || !credentials->peer_key_lasts)
		return;
	memcpy(info->peer_key, credentials->peer_key, sizeof info->peer_key);
	snprintf(info->peer_name, sizeof info->peer_name, "%.*s", (int)sizeof info->peer_name - 1,
		 rudp_peer_name(engine, credentials->peer_key, name));
}

static void fill_app(const struct rudp_engine *engine, const struct rudp_app *app,
		     struct rudp_control_info *info)
{
	struct rudp_conn_stats stats = {0};

	*info = (struct rudp_control_info){
		.id = app->id, .pid = app->program.pid, .local = app->local, .remote = app->remote};
	memcpy(info->program, app->program.name, sizeof info->program);
	rudp_carrier_stats(&app->carrier, &stats);
	copy_stats(info, &stats);
	if (app->stage == RUDP_APP_CONNECTING)
		info->state = RUDP_STATE_SYN_SENT;
	info->transport = (uint8_t)app->transport;
	info->reason = (uint8_t)app->reason;
	info->policy_line = (uint16_t)app->policy_line;
	if (app->carrier.conn && !app->carrier.by_tcp && app->stage != RUDP_APP_CONNECTING)
		copy_peer(engine, app->carrier.conn, info);
	if (app->race.asked_udp)
		memcpy(info->peer_key, app->race.shown_key, sizeof info->peer_key);
	if (app->carrier.by_tcp && info->cc_name[0] == 0)
		rudp_tcp_congestion(app->carrier.tcp, info->cc_name);
	add_queue(info, app);
	info->memory_bytes += sizeof *app;
}

static void fill_binding(const struct rudp_engine *engine, const struct rudp_binding *binding,
			 struct rudp_control_info *info)
{
	*info = (struct rudp_control_info){
		.id = binding->id,
		.state = binding->listening ? RUDP_STATE_LISTEN : RUDP_STATE_CLOSED,
		.pid = binding->program.pid,
		.local = binding->local,
		.transport = (uint8_t)rudp_listener_transport(engine, binding),
		.reason = binding->policy_line ? RUDP_REASON_POLICY : RUDP_REASON_DEFAULT,
		.policy_line = (uint16_t)binding->policy_line,
		.backlog = binding->backlog < 0 ? 0 : (uint32_t)binding->backlog,
		.queued = binding->queued,
		.memory_bytes = sizeof *binding};
	if (binding->listening && binding->port->listener)
		info->queued += rudp_listener_queued(binding->port->listener);
	memcpy(info->program, binding->program.name, sizeof info->program);
}

bool rudp_info_fill(struct rudp_engine *engine, uint64_t id, struct rudp_control_info *info)
{
	const struct rudp_app *app = rudp_app_find(engine, id);
	const struct rudp_binding *binding = rudp_binding_find(engine, id);

	if (app)
		fill_app(engine, app, info);
	else if (binding)
		fill_binding(engine, binding, info);
	return app || binding;
}

/* A connection without a program: closed by it, or not accepted yet. */
static void fill_conn(const struct rudp_conn *conn, struct rudp_control_info *info)
{
	struct rudp_conn_stats stats = {0};

	*info = (struct rudp_control_info){.id = rudp_conn_id(conn),
					   .local = *rudp_conn_local(conn),
					   .remote = *rudp_conn_remote(conn)};
	rudp_conn_stats(conn, &stats);
	copy_stats(info, &stats);
}

struct search {
	uint64_t after;
	const struct rudp_conn *found;
};

/*
 * Finds the next higher id: such a cursor stays valid when connections come and go between two
 * calls.
 */
static bool consider_conn(void *context, struct rudp_conn *conn)
{
	struct search *search = context;
	uint64_t id = rudp_conn_id(conn);

	if (!rudp_conn_user(conn) && id > search->after &&
	    (!search->found || id < rudp_conn_id(search->found)))
		search->found = conn;
	return true;
}

/*
 * Cursors up to UINT32_MAX are places in slots; higher ones are ids of connections (random 64-bit
 * numbers).
 */
static bool next_conn(struct rudp_engine *engine, uint64_t *cursor, struct rudp_control_info *info)
{
	struct search search = {*cursor < UINT32_MAX ? UINT32_MAX : *cursor, NULL};

	rudp_endpoint_visit(engine->ep, consider_conn, &search);
	if (!search.found)
		return false;
	*cursor = rudp_conn_id(search.found);
	fill_conn(search.found, info);
	return true;
}

bool rudp_info_next(struct rudp_engine *engine, uint64_t *cursor, struct rudp_control_info *info)
{
	uint32_t place = *cursor > UINT32_MAX ? UINT32_MAX : (uint32_t)*cursor;
	enum rudp_kind kind;
	const void *object =
		rudp_slots_next(&engine->slots, &place, RUDP_KIND_APP, RUDP_KIND_BINDING, &kind);

	if (!object)
		return next_conn(engine, cursor, info);
	*cursor = place;
	if (kind == RUDP_KIND_APP)
		fill_app(engine, object, info);
	else
		fill_binding(engine, object, info);
	return true;
}

bool rudp_info_next_asked(struct rudp_engine *engine, uint64_t *cursor,
			  struct rudp_control_info *info)
{
	uint32_t place = *cursor > UINT32_MAX ? UINT32_MAX : (uint32_t)*cursor;
	const struct rudp_app *app;
	enum rudp_kind kind;

	do
		app = rudp_slots_next(&engine->slots, &place, RUDP_KIND_APP, RUDP_KIND_APP, &kind);
	while (app && !app->race.asked_udp);
	if (!app)
		return false;
	*cursor = place;
	fill_app(engine, app, info);
	return true;
}

static uint32_t files_max(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : at_most_u32(limit.rlim_cur);
}

void rudp_info_engine(const struct rudp_engine *engine, struct rudp_control_engine *info)
{
	const struct rudp_budget *budget = rudp_endpoint_budget(engine->ep);

	*info = (struct rudp_control_engine){
		.buffered_bytes = budget->used_bytes,
		.limit_bytes = budget->limit_bytes,
		.dropped_packets =
			rudp_endpoint_verdicts(engine->ep)->count[RUDP_VERDICT_NO_MEMORY],
		.pid = (uint32_t)engine->pid,
		.remembered_tcp = rudp_route_cache_tcp_count(
			&engine->route_cache,
			rudp_policy_settings(engine->settings.policy)->remember_ns,
			engine->now_at_ns),
		.confined = engine->confinement.in_force,
		.files_error = engine->confinement.files_error,
		.calls_error = engine->confinement.calls_error,
		.files_max = files_max(),
		.dropped_trains = engine->dropped_trains};
	memcpy(info->failures, engine->failures.counts, sizeof info->failures);
}

bool rudp_info_next_failure(const struct rudp_engine *engine, uint64_t *cursor,
			    struct rudp_control_reply *reply)
{
	const struct rudp_failure *failure = rudp_failures_next(&engine->failures, *cursor);

	if (!failure)
		return false;
	*cursor = failure->number;
	reply->local = failure->local;
	reply->remote = failure->remote;
	reply->failure = (struct rudp_control_failure){.age_ns = engine->now_at_ns - failure->at_ns,
						       .error = failure->error,
						       .count = failure->count,
						       .pid = failure->pid,
						       .cause = (uint8_t)failure->cause,
						       .transport = (uint8_t)failure->transport};
	memcpy(reply->failure.program, failure->program, sizeof reply->failure.program);
	memcpy(reply->failure.peer_key, failure->peer_key, sizeof reply->failure.peer_key);
	memcpy(reply->failure.known_key, failure->known_key, sizeof reply->failure.known_key);
	if (failure->why)
		snprintf(reply->failure.why, sizeof reply->failure.why, "%s", failure->why);
	return true;
}

static enum rudp_key_state key_state(const struct rudp_engine *engine, const struct rudp_key *key)
{
	if (rudp_key_is_used(engine, key->id))
		return engine->key_use.ids[0] == key->id ? RUDP_KEY_SENT : RUDP_KEY_TAKEN;
	if (key->is_revoked)
		return RUDP_KEY_REVOKED;
	return key->not_before_s > time(NULL) ? RUDP_KEY_FUTURE : RUDP_KEY_EXPIRED;
}

static void fill_key(const struct rudp_engine *engine, unsigned index,
		     struct rudp_control_key *info)
{
	const struct rudp_key *key = &engine->settings.keys.entries[index].key;
	char path[RUDP_KEY_PATH_SIZE + RUDP_KEY_NAME_SIZE];

	*info = (struct rudp_control_key){.id = key->id,
					  .not_before_s = key->not_before_s,
					  .not_after_s = key->not_after_s,
					  .state = key_state(engine, key)};
	rudp_key_ring_name(&engine->settings.keys, index, path);
	if (strlen(path) < sizeof info->file)
		strcpy(info->file, path);
}

/* The next higher id of a key without a file; 0: none. */
static uint64_t next_withdrawn(const struct rudp_engine *engine, uint64_t after)
{
	uint64_t id = after;

	do
		id = rudp_endpoint_next_psk(engine->ep, id);
	while (id && rudp_key_ring_has(&engine->settings.keys, id));
	return id;
}

bool rudp_info_next_key(const struct rudp_engine *engine, uint64_t *cursor,
			struct rudp_control_key *info)
{
	const struct rudp_key_ring *ring = &engine->settings.keys;

	/* Cursors below the number of files are indexes of these, higher ones are key ids. */
	while (*cursor < ring->count && !ring->entries[*cursor].key.id)
		++*cursor;
	if (*cursor < ring->count) {
		fill_key(engine, (unsigned)(*cursor)++, info);
	} else {
		*cursor = next_withdrawn(engine, *cursor);
		if (!*cursor)
			return false;
		*info = (struct rudp_control_key){.id = *cursor,
						  .not_before_s = INT64_MIN,
						  .not_after_s = INT64_MAX,
						  .state = RUDP_KEY_WITHDRAWN};
	}
	info->connections = rudp_endpoint_count_psk(engine->ep, info->id);
	info->pid = engine->pid;
	return true;
}

void rudp_info_ended(const struct rudp_engine *engine, struct rudp_control_ended *info)
{
	*info = (struct rudp_control_ended){.connections = engine->key_use.ended_conns,
					    .associations = engine->key_use.ended_associations,
					    .pid = engine->pid};
}
