/* SPDX-License-Identifier: MIT */
/* Finds connections by their ids. docs/protocol.md sections 2, 12.4, 13.1. */
#include <errno.h>

#include "proto/conn/conn_ids.h"
#include "proto/conn/endpoint_private.h"
#include "proto/crypto/cookie.h"

struct rudp_conn *rudp_endpoint_find_short(const struct rudp_endpoint *ep, uint32_t short_id)
{
	return RUDP_TABLE_FIND(hh, ep->by_short_id, &short_id);
}

struct rudp_other_id *rudp_endpoint_find_other(const struct rudp_endpoint *ep, uint32_t short_id)
{
	return RUDP_TABLE_FIND(hh, ep->by_other_id, &short_id);
}

/* 0 means "no id", for full and short ids. */
uint64_t rudp_endpoint_new_id(struct rudp_endpoint *ep, const void *socket)
{
	int number = rudp_endpoint_share_number(ep, socket);
	uint64_t id = 0;

	do {
		rudp_endpoint_random(ep, &id, sizeof id);
		if (number >= 0)
			id = (id & ~(uint64_t)(RUDP_SHARERS_MAX - 1)) | (unsigned)number;
	} while ((uint32_t)id == 0 || rudp_endpoint_find_short(ep, (uint32_t)id) ||
		 rudp_endpoint_find_other(ep, (uint32_t)id));
	return id;
}

static struct rudp_conn *find_by_any(const struct rudp_endpoint *ep, uint32_t short_id)
{
	struct rudp_conn *conn = rudp_endpoint_find_short(ep, short_id);
	struct rudp_other_id *own = conn ? NULL : rudp_endpoint_find_other(ep, short_id);

	return own ? own->conn : conn;
}

/* Packets arrive in trains: the next packet is probably for the same connection as the last one. */
struct rudp_conn *rudp_endpoint_find_receiver(struct rudp_endpoint *ep,
					      const struct rudp_packet *packet)
{
	if (ep->last_found && rudp_conn_has_id(ep->last_found, packet))
		return ep->last_found;
	ep->last_found = find_by_any(ep, (uint32_t)packet->id);
	return ep->last_found && rudp_conn_has_id(ep->last_found, packet) ? ep->last_found : NULL;
}

/* half_open is a resumed SYN of this attempt, whose initiator now uses a full handshake. */
static bool was_given_up(const struct rudp_conn *half_open, const struct rudp_conn *conn)
{
	return half_open->state == RUDP_STATE_SYN_RCVD &&
	       (half_open->syn_flags & RUDP_SYN_RESUME) && !(conn->syn_flags & RUDP_SYN_RESUME) &&
	       rudp_addr_equal(&half_open->first_remote, &conn->first_remote);
}

int rudp_endpoint_know_peer_id(struct rudp_endpoint *ep, struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_conn *other = RUDP_TABLE_FIND(hh_peer, ep->by_peer_id, &conn->peer_id);

	/* Equal ids are malicious. The second connection only lacks stateless reset. */
	if (other && !was_given_up(other, conn))
		return 0;
	if (other && other->is_early)
		return -EEXIST;
	if (other) {
		HASH_DELETE(hh_peer, ep->by_peer_id, other);
		other->has_peer_id = false;
		rudp_conn_die(other, now_at_ns);
	}
	if (!RUDP_TABLE_ADD(hh_peer, ep->by_peer_id, peer_id, conn))
		return -ENOMEM;
	conn->has_peer_id = true;
	return 0;
}

/* conn sends to this id, and the peer has proven that it has forgotten the connection. */
static bool is_reset_by(const struct rudp_conn *conn, const struct rudp_packet *packet)
{
	return conn && rudp_conn_dest_id(conn) == packet->id &&
	       rudp_bytes_equal(conn->peer_reset_token, packet->reset_token,
				RUDP_RESET_TOKEN_BYTES);
}

struct rudp_conn *rudp_endpoint_find_reset(const struct rudp_endpoint *ep,
					   const struct rudp_packet *packet)
{
	struct rudp_conn *conn = RUDP_TABLE_FIND(hh_peer, ep->by_peer_id, &packet->id);
	struct rudp_other_id *dest;

	if (is_reset_by(conn, packet))
		return conn;
	dest = RUDP_TABLE_FIND(hh, ep->by_dest_id, &packet->id);
	return dest && is_reset_by(dest->conn, packet) ? dest->conn : NULL;
}
