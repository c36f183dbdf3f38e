/* SPDX-License-Identifier: MIT */
/* The text output: two lines for each connection, as ss -tin prints them. */
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "api/start_limits.h"
#include "base/time.h"
#include "engine/config/identity.h"
#include "filter.h"
#include "proto/conn/conn.h"
#include "ss.h"

#define PORT_SIZE 32

struct side {
	char text[RUDP_SS_SIDE_SIZE];
};

static void port_text(uint16_t port, bool numeric, char text[PORT_SIZE])
{
	const struct servent *service = numeric || !port ? NULL : getservbyport(htons(port), "tcp");

	if (service)
		snprintf(text, PORT_SIZE, "%s", service->s_name);
	else if (port)
		snprintf(text, PORT_SIZE, "%u", port);
	else
		snprintf(text, PORT_SIZE, "*");
}

/* The address without its port is the text before the last colon. */
char *rudp_ss_side(const struct rudp_addr *addr, bool numeric, char text[RUDP_SS_SIDE_SIZE])
{
	char address[RUDP_ADDR_TEXT_SIZE], port[PORT_SIZE];
	char *colon;

	port_text(rudp_addr_port(addr), numeric, port);
	colon = strrchr(rudp_addr_format(addr, address), ':');
	if (colon)
		*colon = 0;
	snprintf(text, RUDP_SS_SIDE_SIZE, "%s:%s", colon ? address : "*", port);
	return text;
}

static struct side side_of(const struct rudp_addr *addr, bool numeric)
{
	struct side side;

	rudp_ss_side(addr, numeric, side.text);
	return side;
}

static void measure(const struct rudp_ss *ss, const struct rudp_ss_list *list, int *local,
		    int *peer)
{
	*local = (int)strlen("Local Address:Port");
	*peer = (int)strlen("Peer Address:Port");
	for (size_t i = 0; i < list->count; i++) {
		struct side side = side_of(&list->entries[i].local, ss->numeric);
		int len = (int)strlen(side.text);

		*local = len > *local ? len : *local;
		side = side_of(&list->entries[i].remote, ss->numeric);
		len = (int)strlen(side.text);
		*peer = len > *peer ? len : *peer;
	}
}

static void print_min_rtt(int64_t ns)
{
	if (ns > 0 && ns != RUDP_NEVER)
		printf(" minrtt:%.4g", (double)ns / (double)RUDP_NS_PER_MS);
}

static void print_count(const char *name, uint64_t value)
{
	if (value)
		printf(" %s:%" PRIu64, name, value);
}

static void print_pacing_rate(uint64_t bytes_per_s)
{
	static const char *const units[] = {"bps", "Kbps", "Mbps", "Gbps", "Tbps"};
	double rate = 8.0 * (double)bytes_per_s;
	size_t unit = 0;

	if (!bytes_per_s)
		return;
	for (; rate >= 1000 && unit + 1 < sizeof units / sizeof units[0]; unit++)
		rate /= 1000;
	printf(" pacing_rate %.3g%s", rate, units[unit]);
}

static void print_transport(const struct rudp_control_info *info)
{
	char fingerprint[RUDP_FINGERPRINT_SHORT_SIZE];

	printf("\t %s", rudp_filter_transport_name(info->transport));
	if (info->reason != RUDP_REASON_NONE)
		printf(" (%s", rudp_ss_reason(info));
	if (info->reason != RUDP_REASON_NONE && info->policy_line)
		printf(", line %u", info->policy_line);
	if (info->reason != RUDP_REASON_NONE)
		putchar(')');
	if (info->transport == RUDP_TRANSPORT_RUDP && info->suite)
		printf(" key:%s %s %s", info->authenticated ? "yes" : "no", rudp_ss_suite(info),
		       rudp_ss_handshake_kind(info));
	if (info->peer_name[0])
		printf(" peer:%s", info->peer_name);
	else if (rudp_ss_has_peer_key(info))
		printf(" peer:%s", rudp_fingerprint_short(info->peer_key, fingerprint));
	if (info->transport == RUDP_TRANSPORT_RUDP && info->aead)
		printf(" by:%s", rudp_aead_kind_text(info->aead));
	print_count("early", info->early_bytes);
	print_count("known", (uint64_t)info->known_kib << 10);
	print_count("udp_port", info->udp_port);
}

static void print_path(const struct rudp_control_info *info)
{
	if (info->cc_name[0])
		printf(" %s%s%s", info->cc_name, info->cc_state[0] ? ":" : "", info->cc_state);
	print_count("sharing", info->flows > 1 ? info->flows : 0);
	if (info->srtt_ns > 0)
		printf(" rtt:%.4g/%.4g", (double)info->srtt_ns / (double)RUDP_NS_PER_MS,
		       (double)info->rttvar_ns / (double)RUDP_NS_PER_MS);
	print_min_rtt(info->min_rtt_ns);
	print_count("pmtu", info->datagram_bytes);
	print_count("path_changes", info->path_changes);
	print_count("id_changes", info->id_changes);
	print_count("moves_with_old_id", info->moves_with_old_id);
	print_count("cwnd", info->cwnd_bytes);
	if (info->ssthresh_bytes < UINT32_MAX)
		print_count("ssthresh", info->ssthresh_bytes);
	print_count("inflight", info->inflight_bytes);
	print_pacing_rate(info->pacing_bytes_per_s);
}

static void print_counts(const struct rudp_control_info *info)
{
	print_count("bytes_sent", info->stream_sent);
	print_count("bytes_retrans", info->stream_resent);
	print_count("bytes_acked", info->stream_acked);
	print_count("bytes_received", info->stream_received);
	print_count("datagrams_out", info->packets_sent);
	print_count("datagrams_in", info->packets_received);
	print_count("wire_out", info->bytes_sent);
	print_count("wire_in", info->bytes_received);
	print_count("lost", info->packets_lost);
	print_count("spurious", info->packets_spurious);
	print_count("pto", info->pto_count);
	print_count("copies_out", info->copies_sent);
	print_count("copied", info->copied_bytes);
	if (info->state != RUDP_STATE_LISTEN)
		print_count("repairs_out", info->repairs_sent);
	print_count("repaired", info->repaired_bytes);
	print_count("notsent", info->unsent_bytes);
	print_count("snd_wnd", info->window_send_bytes);
	print_count("rcv_wnd", info->window_receive_bytes);
	print_count("mem", info->memory_bytes);
}

static void print_program(const struct rudp_control_info *info)
{
	if (info->pid)
		printf(" users:((\"%s\",pid=%u))", info->program, info->pid);
	else
		printf(" -");
}

static void print_entry(const struct rudp_ss *ss, const struct rudp_control_info *info, int local,
			int peer)
{
	bool is_listener = info->state == RUDP_STATE_LISTEN;

	printf("%-10s %-7" PRIu64 " %-7" PRIu64 " %*s %*s", rudp_filter_state_name(info->state),
	       is_listener ? info->queued : info->unread_bytes,
	       is_listener ? info->backlog : info->unacked_bytes, local,
	       side_of(&info->local, ss->numeric).text, peer,
	       side_of(&info->remote, ss->numeric).text);
	if (ss->processes)
		print_program(info);
	putchar('\n');
	print_transport(info);
	print_path(info);
	print_counts(info);
	putchar('\n');
}

void rudp_ss_print_text(const struct rudp_ss *ss, const struct rudp_ss_list *list)
{
	int local, peer;

	measure(ss, list, &local, &peer);
	if (!ss->no_header)
		printf("%-10s %-7s %-7s %*s %*s%s\n", "State", "Recv-Q", "Send-Q", local,
		       "Local Address:Port", peer, "Peer Address:Port",
		       ss->processes ? " Process" : "");
	for (size_t i = 0; i < list->count; i++)
		print_entry(ss, &list->entries[i], local, peer);
}

/* An engine of an earlier release does not report its limit. */
static void print_buffers(const struct rudp_control_engine *engine)
{
	if (engine->limit_bytes)
		printf("Buffers of engine %u: %" PRIu64 " of %" PRIu64 " bytes, %" PRIu64
		       " packets dropped for lack of memory\n",
		       engine->pid, engine->buffered_bytes, engine->limit_bytes,
		       engine->dropped_packets);
}

static void print_dropped(const struct rudp_control_engine *engine)
{
	if (engine->dropped_trains)
		printf("Sockets of engine %u: %" PRIu64
		       " batches of packets dropped because the send buffer was full\n",
		       engine->pid, engine->dropped_trains);
}

static void print_limit(const struct rudp_control_engine *engine)
{
	if (engine->files_max && engine->files_max < RUDP_FILES_FEW)
		printf("Descriptors of engine %u: at most %u, one for each connection\n",
		       engine->pid, engine->files_max);
}

static void print_failures(const struct rudp_control_engine *engine)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < RUDP_FAILURE_CAUSE_COUNT; i++)
		sum += engine->failures[i];
	if (sum > 0)
		printf("Failures of engine %u:", engine->pid);
	for (unsigned i = 0; i < RUDP_FAILURE_CAUSE_COUNT; i++)
		if (engine->failures[i])
			printf(" %s %" PRIu64, rudp_ss_cause_word(i), engine->failures[i]);
	if (sum > 0)
		printf("   (rudp ss --failed)\n");
	if (engine->remembered_tcp > 0)
		printf("Remembered by engine %u: %u destination%s reached by TCP   (rudp forget)\n",
		       engine->pid, engine->remembered_tcp, engine->remembered_tcp == 1 ? "" : "s");
}

void rudp_ss_print_summary(const struct rudp_ss_list *list)
{
	unsigned by_state[RUDP_STATE_RESET_SENT + 1] = {0},
						  by_transport[RUDP_TRANSPORT_BOTH + 1] = {0};
	uint64_t memory = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct rudp_control_info *info = &list->entries[i];

		if (info->state <= RUDP_STATE_RESET_SENT)
			by_state[info->state]++;
		if (info->transport <= RUDP_TRANSPORT_BOTH)
			by_transport[info->transport]++;
		memory += info->memory_bytes;
	}
	printf("Engines: %u\nTotal: %zu\nMemory: %" PRIu64 " bytes\nStates:", list->engines,
	       list->count, memory);
	for (unsigned i = 0; i <= RUDP_STATE_RESET_SENT; i++)
		if (by_state[i])
			printf(" %s %u", rudp_filter_state_name(i), by_state[i]);
	printf("\nTransports:");
	for (unsigned i = 0; i <= RUDP_TRANSPORT_BOTH; i++)
		if (by_transport[i])
			printf(" %s %u", rudp_filter_transport_name(i), by_transport[i]);
	putchar('\n');
	for (unsigned i = 0; i < list->engines; i++) {
		print_buffers(&list->engine_stats[i]);
		print_dropped(&list->engine_stats[i]);
		print_limit(&list->engine_stats[i]);
		print_failures(&list->engine_stats[i]);
	}
}
