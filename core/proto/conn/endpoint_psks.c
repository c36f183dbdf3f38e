/* SPDX-License-Identifier: MIT */
/* Changes the keys of an endpoint, and ends what was made under an old key. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "proto/conn/endpoint_private.h"

bool rudp_endpoint_has_psk(const struct rudp_endpoint *ep, uint64_t id)
{
	for (unsigned i = 0; i < ep->psk_count; i++)
		if (ep->psks[i].id == id)
			return true;
	return false;
}

static bool is_accepted(const void *context, const struct rudp_credentials *credentials)
{
	return rudp_endpoint_has_psk(context, credentials->psk_id);
}

unsigned rudp_endpoint_set_psks(struct rudp_endpoint *ep, const struct rudp_psk *psks,
				unsigned count)
{
	assert(count >= 1 && count <= RUDP_PSKS_MAX);
	rudp_wipe(ep->psks, sizeof ep->psks);
	memcpy(ep->psks, psks, count * sizeof *psks);
	ep->psk_count = count;
	ep->config.has_psk = true;
	return rudp_associations_keep(&ep->associations, is_accepted, ep);
}

bool rudp_conn_lives(const struct rudp_conn *conn)
{
	return !conn->dead && conn->state < RUDP_STATE_TIME_WAIT;
}

unsigned rudp_endpoint_count_psk(const struct rudp_endpoint *ep, uint64_t id)
{
	const struct rudp_conn *conn, *next;
	unsigned count = 0;

	HASH_ITER(hh, ep->by_short_id, conn, next)
		count += conn->credentials.psk_id == id && rudp_conn_lives(conn);
	return count;
}

uint64_t rudp_endpoint_next_psk(const struct rudp_endpoint *ep, uint64_t after)
{
	const struct rudp_conn *conn, *next_conn;
	uint64_t next = 0;

	HASH_ITER(hh, ep->by_short_id, conn, next_conn) {
		uint64_t id = conn->credentials.psk_id;

		if (rudp_conn_lives(conn) && id > after && (!next || id < next))
			next = id;
	}
	return next;
}

void rudp_conn_reset_for_both(struct rudp_conn *conn, int64_t now_at_ns)
{
	conn->error = ECONNRESET;
	rudp_conn_reset(conn, RUDP_RESET_APPLICATION, now_at_ns);
	rudp_conn_raise(conn, RUDP_EVENT_FAILED);
}

unsigned rudp_endpoint_reset_psk(struct rudp_endpoint *ep, uint64_t id, int64_t now_at_ns)
{
	struct rudp_conn *conn, *next;
	unsigned count = 0;

	HASH_ITER(hh, ep->by_short_id, conn, next) {
		if (conn->credentials.psk_id != id || !rudp_conn_lives(conn))
			continue;
		rudp_conn_reset_for_both(conn, now_at_ns);
		count++;
	}
	return count;
}
