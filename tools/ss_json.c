/* SPDX-License-Identifier: MIT */
/*
 * The JSON output. The name of each number ends in its unit; unknown values are null or left out.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "engine/config/identity.h"
#include "filter.h"
#include "proto/conn/conn.h"
#include "ss.h"

bool rudp_json_print(const json_t *root)
{
	return json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0 &&
	       putchar('\n') != EOF;
}

/*
 * Peers and programs choose some of these numbers, so they are limited to the range of JSON
 * readers.
 */
static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *duration(int64_t ns)
{
	return ns <= 0 || ns == RUDP_NEVER ? json_null() : json_integer(ns);
}

/* The address without the port, and without the brackets that are only needed with a port. */
json_t *rudp_ss_json_address(const struct rudp_addr *addr)
{
	char text[RUDP_ADDR_TEXT_SIZE];
	char *colon = strrchr(rudp_addr_format(addr, text), ':');
	char *start = text;

	if (!colon)
		return json_null();
	*colon = 0;
	if (*start == '[') {
		start++;
		colon[-1] = 0;
	}
	return json_string(start);
}

json_t *rudp_ss_json_port(const struct rudp_addr *addr)
{
	return addr->family != AF_UNSPEC ? json_integer(rudp_addr_port(addr)) : json_null();
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

/* json_object_set_new frees the value if it fails, and fails for NULL. */
static bool put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool put_identity(json_t *o, const struct rudp_control_info *info)
{
	return put(o, "state", json_string(rudp_filter_state_name(info->state))) &&
	       put(o, "transport", json_string(rudp_filter_transport_name(info->transport))) &&
	       put(o, "reason",
		   info->reason == RUDP_REASON_NONE ? json_null()
						    : json_string(rudp_ss_reason(info))) &&
	       put(o, "policy_line",
		   info->policy_line ? json_integer(info->policy_line) : json_null()) &&
	       put(o, "local_address", rudp_ss_json_address(&info->local)) &&
	       put(o, "local_port", json_integer(rudp_addr_port(&info->local))) &&
	       put(o, "peer_address", rudp_ss_json_address(&info->remote)) &&
	       put(o, "peer_port", rudp_ss_json_port(&info->remote)) &&
	       put(o, "udp_port", info->udp_port ? json_integer(info->udp_port) : json_null()) &&
	       put(o, "program", info->pid ? text_or_null(info->program) : json_null()) &&
	       put(o, "pid", info->pid ? json_integer(info->pid) : json_null()) &&
	       put(o, "memory_bytes", number(info->memory_bytes));
}

static bool put_listener(json_t *o, const struct rudp_control_info *info)
{
	return put(o, "queued_connections", number(info->queued)) &&
	       put(o, "backlog_connections", number(info->backlog));
}

static bool put_path(json_t *o, const struct rudp_control_info *info)
{
	char fingerprint[RUDP_FINGERPRINT_FULL_SIZE];

	return put(o, "key", json_boolean(info->authenticated)) &&
	       put(o, "peer_identity",
		   rudp_ss_has_peer_key(info)
			   ? json_string(rudp_fingerprint_full(info->peer_key, fingerprint))
			   : json_null()) &&
	       put(o, "peer_name", text_or_null(info->peer_name)) &&
	       put(o, "suite", text_or_null(rudp_ss_suite(info))) &&
	       put(o, "encrypted_by", text_or_null(rudp_aead_kind_text(info->aead))) &&
	       put(o, "handshake", text_or_null(rudp_ss_handshake_kind(info))) &&
	       put(o, "early_bytes", number(info->early_bytes)) &&
	       put(o, "known_path_bytes", number((uint64_t)info->known_kib << 10)) &&
	       put(o, "congestion_control", text_or_null(info->cc_name)) &&
	       put(o, "congestion_state", text_or_null(info->cc_state)) &&
	       put(o, "sharing_connections", number(info->flows)) &&
	       put(o, "srtt_ns", duration(info->srtt_ns)) &&
	       put(o, "rttvar_ns", duration(info->rttvar_ns)) &&
	       put(o, "min_rtt_ns", duration(info->min_rtt_ns)) &&
	       put(o, "datagram_bytes", number(info->datagram_bytes)) &&
	       put(o, "id_changes", number(info->id_changes)) &&
	       put(o, "moves_with_old_id", number(info->moves_with_old_id)) &&
	       put(o, "cwnd_bytes", number(info->cwnd_bytes)) &&
	       put(o, "ssthresh_bytes",
		   info->ssthresh_bytes > UINT32_MAX ? json_null()
						     : number(info->ssthresh_bytes)) &&
	       put(o, "inflight_bytes", number(info->inflight_bytes)) &&
	       put(o, "pacing_bytes_per_s", number(info->pacing_bytes_per_s));
}

static bool put_counts(json_t *o, const struct rudp_control_info *info)
{
	const struct {
		const char *key;
		uint64_t value;
	} counts[] = {
		{"receive_queue_bytes", info->unread_bytes},
		{"send_queue_bytes", info->unacked_bytes},
		{"unsent_bytes", info->unsent_bytes},
		{"stream_sent_bytes", info->stream_sent},
		{"stream_acked_bytes", info->stream_acked},
		{"stream_received_bytes", info->stream_received},
		{"stream_resent_bytes", info->stream_resent},
		{"wire_sent_bytes", info->bytes_sent},
		{"wire_received_bytes", info->bytes_received},
		{"packets_sent", info->packets_sent},
		{"packets_received", info->packets_received},
		{"packets_lost", info->packets_lost},
		{"packets_spurious", info->packets_spurious},
		{"probe_timeouts", info->pto_count},
		{"path_changes", info->path_changes},
		{"copies_sent", info->copies_sent},
		{"stream_copied_bytes", info->copied_bytes},
		{"repairs_sent", info->state == RUDP_STATE_LISTEN ? 0 : info->repairs_sent},
		{"stream_repaired_bytes", info->repaired_bytes},
		{"window_send_bytes", info->window_send_bytes},
		{"window_receive_bytes", info->window_receive_bytes},
	};
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof counts / sizeof counts[0]; i++)
		ok = put(o, counts[i].key, number(counts[i].value));
	return ok;
}

static bool put_all(json_t *o, const struct rudp_control_info *info)
{
	if (!put_identity(o, info))
		return false;
	if (info->state == RUDP_STATE_LISTEN)
		return put_listener(o, info);
	return info->state == RUDP_STATE_CLOSED || (put_path(o, info) && put_counts(o, info));
}

static json_t *list_of(const struct rudp_ss_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < list->count; i++) {
		json_t *o = json_object();

		if (!o || !put_all(o, &list->entries[i]) || json_array_append(array, o) < 0) {
			json_decref(array);
			array = NULL;
		}
		json_decref(o);
	}
	return array;
}

static bool add_one(json_t *object, const char *key)
{
	json_int_t was = json_integer_value(json_object_get(object, key));

	return put(object, key, json_integer(was + 1));
}

/* All causes by their words, zeros included. NULL: no memory. */
static json_t *failures_of(const struct rudp_control_engine *engine)
{
	json_t *o = json_object();

	for (unsigned i = 0; o && i < RUDP_FAILURE_CAUSE_COUNT; i++)
		if (!put(o, rudp_ss_cause_word(i), number(engine->failures[i]))) {
			json_decref(o);
			o = NULL;
		}
	return o;
}

/* Engines of earlier releases do not report their buffers. NULL: no memory. */
static json_t *buffers_of(const struct rudp_ss_list *list)
{
	json_t *array = json_array();

	for (unsigned i = 0; array && i < list->engines; i++) {
		const struct rudp_control_engine *engine = &list->engine_stats[i];
		json_t *o;

		if (!engine->limit_bytes)
			continue;
		o = json_object();
		if (!o || !put(o, "pid", json_integer(engine->pid)) ||
		    !put(o, "buffered_bytes", number(engine->buffered_bytes)) ||
		    !put(o, "limit_bytes", number(engine->limit_bytes)) ||
		    !put(o, "packets_dropped_for_memory", number(engine->dropped_packets)) ||
		    !put(o, "trains_dropped_for_room", number(engine->dropped_trains)) ||
		    !put(o, "descriptors_max", json_integer(engine->files_max)) ||
		    !put(o, "failures", failures_of(engine)) ||
		    !put(o, "remembered_tcp", json_integer(engine->remembered_tcp)) ||
		    json_array_append(array, o) < 0) {
			json_decref(array);
			array = NULL;
		}
		json_decref(o);
	}
	return array;
}

static json_t *summary_of(const struct rudp_ss_list *list)
{
	json_t *states = json_object(), *transports = json_object();
	uint64_t memory = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct rudp_control_info *info = &list->entries[i];

		if (!add_one(states, rudp_filter_state_name(info->state)) ||
		    !add_one(transports, rudp_filter_transport_name(info->transport)))
			break;
		memory += info->memory_bytes;
	}
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "engines", (json_int_t)list->engines,
			 "total", (json_int_t)list->count, "memory_bytes", (json_int_t)memory,
			 "states", states, "transports", transports, "buffers", buffers_of(list));
}

int rudp_ss_print_json(const struct rudp_ss *ss, const struct rudp_ss_list *list)
{
	json_t *root = ss->summary ? summary_of(list) : list_of(list);
	int rc;

	if (!root)
		return -ENOMEM;
	rc = rudp_json_print(root) ? 0 : -EIO;
	json_decref(root);
	return rc;
}
