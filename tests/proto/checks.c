/* SPDX-License-Identifier: MIT */
#include "proto/checks.h"

#include <string.h>

#include "base/log.h"
#include "base/min_max.h"
#include "proto/conn/conn_identity.h"
#include "proto/conn/conn_ids.h"
#include "proto/conn/endpoint_private.h"
#include "proto/recovery/reliability_private.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			rudp_log(RUDP_LOG_ERROR, "broken invariant: " #condition);                 \
			return false;                                                              \
		}                                                                                  \
	} while (0)

/* ---- buffers ---- */

bool rudp_recvbuf_check(const struct rudp_recvbuf *buf)
{
	const struct rudp_ring *ring = &buf->ring;
	const struct rudp_range_set *pending = &buf->pending;
	uint64_t highest =
		pending->count > 0 ? pending->ranges[pending->count - 1].end : ring->tail;

	CHECK(ring->head <= ring->tail && ring->tail <= ring->extent);
	CHECK(buf->discarding || ring->tail - ring->head <= ring->capacity_bytes);
	CHECK(buf->discarding || highest <= ring->extent);
	CHECK(!buf->discarding || (ring->head == ring->tail && ring->capacity_bytes == 0));
	CHECK(highest <= buf->window_end && highest <= buf->final_size);
	CHECK(buf->window_bytes >=
	      rudp_min(RUDP_RECVBUF_INITIAL_WINDOW_BYTES, buf->window_max_bytes));
	CHECK(buf->window_bytes <= buf->window_max_bytes);
	CHECK(buf->window_max_bytes <= ring->capacity_max_bytes);
	CHECK(buf->window_end <= ring->head + ring->capacity_max_bytes);
	CHECK(buf->drained_mark <= ring->head);
	for (uint32_t i = 0; i < pending->count; i++) {
		CHECK(pending->ranges[i].start < pending->ranges[i].end);
		CHECK(pending->ranges[i].start > (i > 0 ? pending->ranges[i - 1].end : ring->tail));
	}
	return true;
}

static bool check_inside(const struct rudp_sendbuf *buf, const struct rudp_range_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		CHECK(set->ranges[i].start >= buf->ring.head);
		CHECK(set->ranges[i].start < set->ranges[i].end);
		CHECK(set->ranges[i].end <= buf->sent);
		CHECK(i == 0 || set->ranges[i - 1].end < set->ranges[i].start);
	}
	return true;
}

static bool check_disjoint(const struct rudp_range_set *a, const struct rudp_range_set *b)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct rudp_range *other = rudp_range_set_find(b, a->ranges[i].start);

		CHECK(!other || other->start >= a->ranges[i].end);
	}
	return true;
}

bool rudp_sendbuf_check(const struct rudp_sendbuf *buf)
{
	CHECK(buf->ring.head <= buf->sent && buf->sent <= buf->reached);
	CHECK(buf->reached <= buf->ring.tail);
	CHECK(!buf->fin_sent || buf->fin_wanted);
	CHECK(!buf->fin_lost || (buf->fin_sent && !buf->fin_acked));
	CHECK(!buf->fin_acked || buf->fin_sent);
	CHECK(buf->acked.count == 0 || buf->acked.ranges[0].start > buf->ring.head);
	return check_inside(buf, &buf->lost) && check_inside(buf, &buf->acked) &&
	       check_disjoint(&buf->lost, &buf->acked);
}

/* ---- tables ---- */

bool rudp_syn_shares_check(const struct rudp_syn_shares *shares, unsigned count)
{
	for (unsigned row = 0; row < RUDP_SYN_SHARE_ROWS; row++) {
		unsigned total = 0;

		for (unsigned i = 0; i < RUDP_SYN_SHARE_COUNTS; i++)
			total += shares->counts[0][row][i];
		if (total != count)
			return false;
	}
	return true;
}

/* ---- recovery ---- */

#define RECORDS_CAPACITY_MIN 8u /* the ring begins with so many (sent_records.c) */

static bool check_records(const struct rudp_reliability *r)
{
	CHECK(r->capacity == 0 || r->capacity >= RECORDS_CAPACITY_MIN);
	CHECK(r->capacity <= RUDP_SENT_RECORDS_MAX);
	CHECK((r->capacity & (r->capacity - 1)) == 0);
	CHECK(r->base <= r->next && r->next - r->base <= r->capacity);
	CHECK(r->largest_answered == RUDP_NUMBER_NONE || r->largest_answered < r->next);
	CHECK(r->loss_next <= r->next);
	CHECK(r->packet_threshold >= RUDP_PACKET_THRESHOLD);
	CHECK(r->packet_threshold <= RUDP_PACKET_THRESHOLD_MAX);
	CHECK(r->reorder_shift_eighths >= RUDP_REORDER_EIGHTHS);
	CHECK(r->reorder_shift_eighths <= RUDP_REORDER_EIGHTHS_MAX);
	CHECK(r->spurious_packets <= r->lost_packets);
	CHECK(r->outstanding > 0 || r->loss_at_ns == RUDP_NEVER);
	return true;
}

static bool check_record(const struct rudp_reliability *r, uint64_t number, uint64_t run_end)
{
	const struct rudp_sent *sent = rudp_sent_at(r, number);

	CHECK(sent->fate <= RUDP_FATE_LOST);
	CHECK(sent->expects <= RUDP_EXPECTS_ACK);
	CHECK(!sent->in_flight || sent->expects != RUDP_EXPECTS_NOTHING);
	CHECK(sent->fate != RUDP_FATE_LOST || sent->expects != RUDP_EXPECTS_NOTHING);
	CHECK(!rudp_sent_is_awaited(sent) || number >= r->loss_next);
	CHECK(sent->fate != RUDP_FATE_ANSWERED ||
	      (sent->answered_run > 0 && number + sent->answered_run <= run_end));
	return true;
}

bool rudp_reliability_check(const struct rudp_reliability *r)
{
	uint64_t bytes_in_flight = 0;
	uint64_t outstanding = 0;
	uint64_t run_end = r->next; /* end of the run of answered records that contains number */

	if (!check_records(r))
		return false;
	for (uint64_t number = r->next; number-- > r->base;) {
		const struct rudp_sent *sent = rudp_sent_at(r, number);

		if (sent->fate != RUDP_FATE_ANSWERED)
			run_end = number;
		if (!check_record(r, number, run_end))
			return false;
		outstanding += rudp_sent_is_awaited(sent);
		if (number >= r->path_first && rudp_sent_is_awaited(sent) && sent->in_flight)
			bytes_in_flight += sent->size_bytes;
	}
	CHECK(bytes_in_flight == r->bytes_in_flight);
	CHECK(outstanding == r->outstanding);
	return true;
}

bool rudp_path_mtu_check(const struct rudp_path_mtu *m)
{
	if (m->bytes < RUDP_DATAGRAM_BASE_BYTES || m->max_bytes > RUDP_DATAGRAM_MAX_BYTES)
		return false;
	if (m->state == RUDP_MTU_DISABLED && m->bytes != RUDP_DATAGRAM_BASE_BYTES)
		return false;
	return m->bytes <= m->max_bytes && (!m->failed_bytes || m->bytes < m->failed_bytes) &&
	       m->suspects < RUDP_MTU_SUSPECTS && m->losses < RUDP_MTU_PROBES_MAX;
}

/* ---- connections ---- */

static bool is_listed(const struct rudp_conn *conn, const struct rudp_other_id *own)
{
	return !own || (own->conn == conn && own->short_id == (uint32_t)own->id &&
			rudp_endpoint_find_other(conn->ep, own->short_id) == own);
}

static bool check_ids(const struct rudp_conn *conn)
{
	const struct rudp_conn_ids *ids = conn->ids;

	if (!ids)
		return true;
	if (!is_listed(conn, ids->current) || !is_listed(conn, ids->spare) ||
	    !is_listed(conn, ids->previous))
		return false;
	return (!ids->previous || ids->current) && (!ids->is_first_over || ids->current) &&
	       (ids->spare || !ids->is_spare_due);
}

static bool check_conn(const struct rudp_conn *conn)
{
	bool ended = conn->state == RUDP_STATE_RESET_SENT || conn->state == RUDP_STATE_TIME_WAIT ||
		     conn->state == RUDP_STATE_CLOSED;

	CHECK(conn->short_id == (uint32_t)conn->id);
	CHECK(check_ids(conn));
	CHECK(rudp_reliability_check(&conn->reliability));
	CHECK(rudp_sendbuf_check(&conn->sendbuf));
	CHECK(rudp_recvbuf_check(&conn->recvbuf));
	CHECK(conn->charged_bytes == rudp_conn_buffer_bytes(conn));
	CHECK(conn->dead == (conn->state == RUDP_STATE_CLOSED));
	CHECK(conn->cc.cwnd_bytes >= 2 * (uint64_t)conn->cc.datagram_bytes);
	CHECK(ended || conn->sendbuf.sent <= conn->peer_window_end);
	CHECK(conn->sendbuf.fin_sent || !conn->sendbuf.fin_acked);
	CHECK(conn->recvbuf.window_end >= conn->recvbuf.ring.tail || ended);
	CHECK(rudp_ring_used(&conn->sendbuf.ring) <= conn->ep->config.send_buffer_max_bytes);
	CHECK(rudp_path_mtu_check(&conn->path.mtu));
	CHECK(conn->path.datagram_bytes == conn->path.mtu.bytes);
	CHECK(conn->cc.datagram_bytes == conn->path.datagram_bytes);
	CHECK(!conn->exchange || conn->has_keys);
	CHECK((conn->handshake != NULL) <= conn->initiator);
	CHECK(!conn->is_early || conn->state == RUDP_STATE_SYN_RCVD);
	CHECK(!conn->is_deferred || conn->dead ||
	      (conn->state == RUDP_STATE_SYN_SENT && rudp_sendbuf_unacked(&conn->sendbuf) == 0 &&
	       !conn->handshake_due));
	CHECK(conn->path.validated || conn->initiator ||
	      conn->path.sent_bytes <= RUDP_AMPLIFICATION_FACTOR * conn->path.received_bytes);
	return true;
}

static bool has_right_path_key(const struct rudp_conn *conn)
{
	struct rudp_path_key key = rudp_path_key_of(conn->path.socket, &conn->path.remote);

	return !conn->is_path_known ||
	       (conn->path.socket && memcmp(&key, &conn->path_key, sizeof key) == 0);
}

/* The connection is in the lists of its sockets. */
static bool check_links(const struct rudp_conn *conn)
{
	CHECK(has_right_path_key(conn));
	CHECK(rudp_list_is_linked(&conn->user_link) == (conn->path.socket != NULL));
	CHECK(rudp_list_is_linked(&conn->returner_link) == (conn->previous != NULL));
	return true;
}

bool rudp_host_cache_check(const struct rudp_host_cache *all)
{
	const struct rudp_host *host, *next;
	unsigned count = 0;

	HASH_ITER(hh, all->table, host, next)
		count += host->holders == 0;
	for (const struct rudp_list *link = all->by_use.next; link != &all->by_use;
	     link = link->next)
		count--;
	return count == 0 && all->idle_count <= RUDP_HOST_CACHE_MAX;
}

/* The counters of the hosts must equal the sums over the connections. */
static bool check_hosts(const struct rudp_endpoint *ep)
{
	const struct rudp_host *host, *next_host;
	const struct rudp_conn *conn, *next;
	uint64_t bytes_per_s = 0, wanted = 0;
	unsigned host_holders = 0, starting = 0, holders = 0, flows = 0;

	HASH_ITER(hh, ep->hosts.table, host, next_host) {
		host_holders += host->holders;
		starting += host->starting;
		for (const struct rudp_flow_group *group = host->flow_groups; group;
		     group = group->next) {
			holders += group->holders;
			flows += group->flows;
			bytes_per_s += group->bytes_per_s;
			wanted += group->wanted_bytes_per_s;
		}
	}
	host_holders -= starting + holders;
	HASH_ITER(hh, ep->by_short_id, conn, next) {
		starting -= conn->known.startup_host != NULL;
		holders -= conn->flow.group != NULL;
		flows -= conn->flow.is_member;
		bytes_per_s -= conn->flow.flow.counted_bytes_per_s;
		wanted -= conn->flow.flow.asked_bytes_per_s;
	}
	if (host_holders == 0 && starting == 0 && holders == 0 && flows == 0 && bytes_per_s == 0 &&
	    wanted == 0 && rudp_host_cache_check(&ep->hosts))
		return true;
	rudp_log(RUDP_LOG_ERROR, "the table of hosts is inconsistent with the connections");
	return false;
}

bool rudp_endpoint_check(const struct rudp_endpoint *ep)
{
	struct rudp_conn *conn, *next;
	unsigned half_open = 0, early = 0;
	uint64_t charged_bytes = ep->owner_bytes;

	HASH_ITER(hh, ep->by_short_id, conn, next) {
		if (!check_conn(conn) || !check_links(conn)) {
			rudp_log(RUDP_LOG_ERROR, "connection %016llx in %s is broken",
				 (unsigned long long)conn->id, rudp_state_name(conn->state));
			return false;
		}
		half_open += (conn->state == RUDP_STATE_SYN_RCVD && !conn->is_early) ||
			     (rudp_conn_identity_is_awaited(conn) && conn->listener);
		early += conn->is_early;
		charged_bytes += conn->charged_bytes;
	}
	if (charged_bytes != ep->budget.used_bytes) {
		rudp_log(RUDP_LOG_ERROR, "endpoint counts %llu bytes of buffers, has %llu",
			 (unsigned long long)ep->budget.used_bytes,
			 (unsigned long long)charged_bytes);
		return false;
	}
	if (!rudp_associations_check(&ep->associations)) {
		rudp_log(RUDP_LOG_ERROR, "the tables of associations are inconsistent");
		return false;
	}
	if (!check_hosts(ep))
		return false;
	if (early != ep->early_count) {
		rudp_log(RUDP_LOG_ERROR, "endpoint counts %u early connections, has %u",
			 ep->early_count, early);
		return false;
	}
	if (half_open != ep->half_open_count ||
	    !rudp_syn_shares_check(&ep->syn_shares, half_open)) {
		rudp_log(RUDP_LOG_ERROR, "endpoint counts %u half-open connections, has %u",
			 ep->half_open_count, half_open);
		return false;
	}
	return true;
}
