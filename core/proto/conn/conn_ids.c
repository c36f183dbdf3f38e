/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn_ids.h"

#include <string.h>

#include "proto/conn/conn_identity.h"
#include "proto/conn/endpoint_private.h"
#include "proto/crypto/cookie.h"

static bool is_id(const struct rudp_packet *packet, uint64_t id)
{
	return packet->is_short ? (uint32_t)packet->id == (uint32_t)id : packet->id == id;
}

/* NULL: the packet has none of the ids that this side has sent in SPARE_ID. */
static struct rudp_other_id *find(const struct rudp_conn_ids *ids, const struct rudp_packet *packet)
{
	struct rudp_other_id *const own[] = {ids->current, ids->spare, ids->previous};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (own[i] && is_id(packet, own[i]->id))
			return own[i];
	return NULL;
}

static bool has_first_id(const struct rudp_conn *conn, const struct rudp_packet *packet)
{
	return is_id(packet, conn->id) && !(conn->ids && conn->ids->is_first_over);
}

bool rudp_conn_has_id(const struct rudp_conn *conn, const struct rudp_packet *packet)
{
	return has_first_id(conn, packet) ||
	       (conn->ids && packet->type == RUDP_PACKET_DATA && find(conn->ids, packet));
}

uint32_t rudp_conn_number_offset(const struct rudp_conn *conn, const struct rudp_packet *packet)
{
	const struct rudp_other_id *own;

	if (!conn->ids || has_first_id(conn, packet))
		return 0;
	own = find(conn->ids, packet);
	return own ? own->number_offset : 0;
}

static void drop_own(struct rudp_endpoint *ep, struct rudp_other_id *own)
{
	if (!own)
		return;
	HASH_DELETE(hh, ep->by_other_id, own);
	rudp_pool_give(&ep->other_ids, own);
}

static void drop_dest(struct rudp_endpoint *ep, struct rudp_other_id *dest)
{
	if (!dest)
		return;
	if (dest->is_listed)
		HASH_DELETE(hh, ep->by_dest_id, dest);
	rudp_pool_give(&ep->other_ids, dest);
}

static void forget_previous(struct rudp_endpoint *ep, struct rudp_conn_ids *ids)
{
	ids->forget_at_ns = RUDP_NEVER;
	drop_own(ep, ids->previous);
	ids->previous = NULL;
	if (ids->current) /* then the previous one was, or has followed, that of the handshake */
		ids->is_first_over = true;
}

bool rudp_conn_ids_on_packet(struct rudp_conn *conn, const struct rudp_packet *packet,
			     int64_t now_at_ns)
{
	struct rudp_conn_ids *ids = conn->ids;

	if (!ids || !ids->spare || !is_id(packet, ids->spare->id))
		return false;
	forget_previous(conn->ep, ids);
	ids->previous = ids->current;
	ids->current = ids->spare;
	ids->spare = NULL;
	ids->is_spare_due = false;
	ids->forget_at_ns = now_at_ns + RUDP_PREVIOUS_ID_PTOS * rudp_conn_pto_ns(conn);
	conn->work.units += RUDP_WORK_SPARE_ID;
	return true;
}

static struct rudp_other_id *new_id(struct rudp_conn *conn)
{
	struct rudp_other_id *other = rudp_pool_take(&conn->ep->other_ids);

	if (other)
		other->conn = conn;
	return other;
}

/*
 * Equal ids are malicious. The second connection only lacks stateless reset, as it would without
 * memory for the table.
 */
static void list_dest(struct rudp_endpoint *ep, struct rudp_other_id *dest)
{
	struct rudp_other_id *other = RUDP_TABLE_FIND(hh, ep->by_dest_id, &dest->id);

	if (other)
		return;
	dest->is_listed = RUDP_TABLE_ADD(hh, ep->by_dest_id, id, dest);
}

/* The peer's spare id becomes the destination. False: no memory. */
static bool take_peer_spare(struct rudp_conn *conn)
{
	struct rudp_endpoint *ep = conn->ep;
	struct rudp_conn_ids *ids = conn->ids;
	struct rudp_other_id *dest = new_id(conn);

	if (!dest)
		return false;
	dest->number = ids->peer_spare.number;
	dest->id = ids->peer_spare.id;
	dest->number_offset = ids->peer_spare.number_offset;
	list_dest(ep, dest);
	drop_dest(ep, ids->dest);
	ids->dest = dest;
	/*
	 * From now on only the token of this id ends the connection. The peer forgets the former id
	 * while the connection lives, and then answers a late packet with its token.
	 */
	memcpy(conn->peer_reset_token, ids->peer_spare.reset_token, sizeof conn->peer_reset_token);
	ids->peer_spare.number = 0;
	return true;
}

void rudp_conn_ids_change(struct rudp_conn *conn)
{
	struct rudp_conn_ids *ids = conn->ids;

	if (ids && ids->peer_spare.number > 0 && take_peer_spare(conn))
		ids->changes++;
	else
		conn->moves_with_old_id++;
}

static struct rudp_conn_ids *need_ids(struct rudp_conn *conn)
{
	if (!conn->ids) {
		conn->ids = rudp_pool_take(&conn->ep->conn_ids);
		if (conn->ids)
			conn->ids->forget_at_ns = RUDP_NEVER;
	}
	return conn->ids;
}

enum rudp_verdict rudp_conn_on_spare_id(struct rudp_conn *conn, const struct rudp_spare_id *spare)
{
	struct rudp_conn_ids *ids;
	uint64_t last;

	if (!rudp_state_is_established(conn->state))
		return RUDP_VERDICT_OK;
	ids = need_ids(conn);
	if (!ids)
		return RUDP_VERDICT_NO_MEMORY;
	last = ids->peer_spare.number;
	if (last == 0 && ids->dest)
		last = ids->dest->number;
	if (spare->number <= last)
		return RUDP_VERDICT_OK;
	if (spare->number != last + 1 || ids->peer_spare.number > 0)
		return RUDP_VERDICT_BAD_SPARE_ID;
	ids->peer_spare = *spare;
	return RUDP_VERDICT_OK;
}

/* A connection that is about to end will not move. */
static bool goes_on(const struct rudp_conn *conn)
{
	if (conn->user_closed || rudp_conn_identity_is_awaited(conn))
		return false;
	return conn->state == RUDP_STATE_ESTABLISHED || conn->state == RUDP_STATE_FIN_WAIT_1 ||
	       conn->state == RUDP_STATE_FIN_WAIT_2 ||
	       (conn->state == RUDP_STATE_CLOSE_WAIT && rudp_sendbuf_unacked(&conn->sendbuf) > 0);
}

/* Both ends on one host: there is no other path. */
bool rudp_conn_ids_is_wanted(const struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_conn_ids *ids = conn->ids;
	int64_t from_ns = conn->opened_at_ns + conn->handshake_ns + RUDP_SPARE_ID_AFTER_NS;

	if ((ids && ids->spare) || !conn->peer_takes_spare_ids || conn->is_same_host)
		return false;
	return ((ids && ids->current) || now_at_ns >= from_ns) && goes_on(conn);
}

void rudp_conn_ids_issue(struct rudp_conn *conn)
{
	struct rudp_endpoint *ep = conn->ep;
	struct rudp_conn_ids *ids = need_ids(conn);
	struct rudp_other_id *own = ids ? new_id(conn) : NULL;

	if (!own)
		return;
	own->number = ids->current ? ids->current->number + 1 : 1;
	own->id = rudp_endpoint_new_id(ep, conn->path.socket);
	own->short_id = (uint32_t)own->id;
	rudp_endpoint_random(ep, &own->number_offset, sizeof own->number_offset);
	if (!RUDP_TABLE_ADD(hh, ep->by_other_id, short_id, own)) {
		rudp_pool_give(&ep->other_ids, own);
		return;
	}
	ids->spare = own;
	ids->spare_from = conn->reliability.next;
	ids->is_spare_due = true;
	ids->is_spare_acked = false;
}

/*
 * The token is made with the port of today. An initiator that gets another port cannot prove later
 * that it has forgotten the connection; a listener's port stays.
 */
struct rudp_spare_id rudp_conn_ids_frame(const struct rudp_conn *conn)
{
	const struct rudp_other_id *own = conn->ids->spare;
	struct rudp_spare_id spare = {
		.number = own->number, .id = own->id, .number_offset = own->number_offset};

	rudp_reset_token_make(conn->ep->config.reset_secret, own->id,
			      rudp_addr_port(&conn->path.local), spare.reset_token);
	return spare;
}

void rudp_conn_ids_on_acked(struct rudp_conn *conn, uint64_t number)
{
	if (conn->ids && conn->ids->spare && number >= conn->ids->spare_from) {
		conn->ids->is_spare_acked = true;
		conn->ids->is_spare_due = false;
	}
}

void rudp_conn_ids_on_lost(struct rudp_conn *conn)
{
	if (conn->ids)
		conn->ids->is_spare_due = conn->ids->spare && !conn->ids->is_spare_acked;
}

int64_t rudp_conn_ids_deadline_ns(const struct rudp_conn *conn)
{
	return conn->ids ? conn->ids->forget_at_ns : RUDP_NEVER;
}

void rudp_conn_ids_on_time(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (rudp_conn_ids_deadline_ns(conn) <= now_at_ns)
		forget_previous(conn->ep, conn->ids);
}

size_t rudp_conn_ids_bytes(const struct rudp_conn *conn)
{
	const struct rudp_conn_ids *ids = conn->ids;
	size_t count;

	if (!ids)
		return 0;
	count = (size_t)(ids->current != NULL) + (ids->spare != NULL) + (ids->previous != NULL) +
		(ids->dest != NULL);
	return sizeof *ids + count * sizeof *ids->spare;
}

void rudp_conn_ids_free(struct rudp_conn *conn)
{
	struct rudp_conn_ids *ids = conn->ids;

	if (!ids)
		return;
	drop_own(conn->ep, ids->current);
	drop_own(conn->ep, ids->spare);
	drop_own(conn->ep, ids->previous);
	drop_dest(conn->ep, ids->dest);
	rudp_wipe(&ids->peer_spare, sizeof ids->peer_spare);
	rudp_pool_give(&conn->ep->conn_ids, ids);
	conn->ids = NULL;
}
