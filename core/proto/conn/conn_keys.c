/* SPDX-License-Identifier: MIT */
/* Change of keys during a connection: docs/protocol.md section 7. */
#include "proto/conn/conn_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/conn/endpoint_private.h"

#define SECRET_LABEL "rudp fresh keys"

_Static_assert(RUDP_KEY_SHARE_BYTES == RUDP_X25519_BYTES, "a share is a public key");

void rudp_key_exchange_free(struct rudp_key_exchange *exchange)
{
	if (!exchange)
		return;
	rudp_x25519_fini(&exchange->own);
	rudp_wipe(exchange, sizeof *exchange);
	free(exchange);
}

void rudp_key_exchange_on_lost(struct rudp_key_exchange *exchange)
{
	exchange->is_due = exchange->is_asking ? !exchange->has_peer : exchange->is_mixed;
}

static int take_own_share(struct rudp_conn *conn, struct rudp_key_exchange *exchange)
{
	if (rudp_endpoint_take_key(conn->ep, &exchange->own) < 0)
		return -ENOMEM;
	memcpy(exchange->own_public, exchange->own.public_key, sizeof exchange->own_public);
	return 0;
}

/* Only stream bytes count as use: an idle connection needs no exchange. */
static uint64_t used_bytes(const struct rudp_conn *conn)
{
	return conn->sendbuf.sent + conn->recvbuf.ring.tail;
}

static bool is_exchange_due(const struct rudp_conn *conn, int64_t now_at_ns)
{
	return now_at_ns - conn->exchange_from_ns >= RUDP_KEY_EXCHANGE_DUE_NS && conn->initiator &&
	       conn->peer_takes_key_shares && !conn->exchange &&
	       rudp_state_is_established(conn->state) && !rudp_keys_is_unanswered(&conn->keys) &&
	       used_bytes(conn) != conn->exchange_from_bytes;
}

/* If memory is short, a later packet starts the exchange. */
static void begin_exchange(struct rudp_conn *conn)
{
	struct rudp_key_exchange *exchange = calloc(1, sizeof *exchange);

	if (!exchange)
		return;
	if (take_own_share(conn, exchange) < 0) {
		rudp_key_exchange_free(exchange);
		return;
	}
	exchange->is_asking = exchange->is_due = true;
	conn->exchange = exchange;
}

static void end_exchange(struct rudp_conn *conn, int64_t now_at_ns)
{
	rudp_key_exchange_free(conn->exchange);
	conn->exchange = NULL;
	conn->exchange_from_ns = now_at_ns;
	conn->exchange_from_bytes = used_bytes(conn);
}

static bool update(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (rudp_keys_update(&conn->keys, conn->reliability.next) < 0)
		return false;
	conn->keys_from_ns = now_at_ns;
	conn->forget_keys_at_ns = now_at_ns + 3 * rudp_conn_pto_ns(conn);
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe(conn, RUDP_FACT_KEYS_UPDATED);
	return true;
}

int rudp_key_exchange_make_secret(struct rudp_key_exchange *exchange)
{
	const uint8_t *asked = exchange->is_asking ? exchange->own_public : exchange->peer_public;
	const uint8_t *answer = exchange->is_asking ? exchange->peer_public : exchange->own_public;
	uint8_t shared[RUDP_X25519_BYTES];
	const struct iovec in[] = {
		{(void *)(uintptr_t)SECRET_LABEL, sizeof SECRET_LABEL - 1},
		{shared, sizeof shared},
		{(void *)(uintptr_t)asked, RUDP_KEY_SHARE_BYTES},
		{(void *)(uintptr_t)answer, RUDP_KEY_SHARE_BYTES},
	};
	int rc = rudp_x25519_shared(&exchange->own, exchange->peer_public, shared);

	if (rc == 0)
		rudp_sha256(in, sizeof in / sizeof *in, exchange->secret);
	rudp_wipe(shared, sizeof shared);
	return rc;
}

/* If memory is short, it is tried again at a later packet. */
static void mix(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_key_exchange *exchange = conn->exchange;
	int rc = rudp_key_exchange_make_secret(exchange);

	if (rc == -EBADMSG) {
		conn->ep->verdicts.count[RUDP_VERDICT_BAD_KEY_SHARE]++;
		rudp_conn_on_violation(conn, RUDP_VERDICT_BAD_KEY_SHARE, now_at_ns);
	}
	if (rc < 0)
		return;
	rudp_keys_mix(&conn->keys, exchange->secret);
	exchange->is_mixed = true;
	rudp_x25519_fini(&exchange->own);
}

/*
 * The listener answers a key share. Not while it processes the packet with the share: X25519 costs
 * more than one packet may, and a peer that asks all the time has to wait. No timer ends the wait:
 * a connection in use sends another packet anyway.
 */
static void answer(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (now_at_ns - conn->exchange_from_ns < RUDP_KEY_EXCHANGE_LEAST_NS ||
	    !rudp_conn_work_may_begin(conn, now_at_ns))
		return;
	rudp_conn_work_begin(conn);
	conn->work.units += RUDP_WORK_EXCHANGE;
	if (conn->exchange->own.pair || take_own_share(conn, conn->exchange) == 0)
		mix(conn, now_at_ns);
	conn->exchange->is_due = conn->exchange->is_mixed;
	rudp_conn_work_end(conn, 0, now_at_ns);
}

/*
 * The initiator has the listener's share and updates its keys. It first waits for late packets
 * under the previous key, which would be lost. The ping lets the peer update at once.
 */
static void update_with_secret(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (!conn->keys.fresh)
		mix(conn, now_at_ns);
	if (conn->keys.fresh && rudp_keys_are_settled(&conn->keys))
		conn->ping_due |= update(conn, now_at_ns);
}

static void continue_exchange(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (!conn->exchange->has_peer || !rudp_state_is_established(conn->state) ||
	    rudp_keys_is_unanswered(&conn->keys))
		return;
	if (conn->exchange->is_asking)
		update_with_secret(conn, now_at_ns);
	else if (!conn->keys.fresh)
		answer(conn, now_at_ns);
}

/*
 * Between sending its own share and the update with the secret, neither side starts another update.
 */
static bool blocks_updates(const struct rudp_key_exchange *exchange)
{
	return exchange && (exchange->is_asking || exchange->is_mixed);
}

void rudp_conn_keys_on_transmit(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (!blocks_updates(conn->exchange) &&
	    rudp_keys_update_due(&conn->keys, now_at_ns - conn->keys_from_ns,
				 conn->reliability.largest_answered))
		update(conn, now_at_ns);
	if (is_exchange_due(conn, now_at_ns))
		begin_exchange(conn);
	if (conn->exchange)
		continue_exchange(conn, now_at_ns);
}

void rudp_conn_keys_on_followed(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_key_exchange *exchange = conn->exchange;

	conn->keys_from_ns = now_at_ns;
	conn->forget_keys_at_ns = 0; /* conn_timers.c sets it from the PTO */
	if (RUDP_IS_OBSERVED(conn))
		rudp_conn_observe(conn, RUDP_FACT_KEYS_UPDATED);
	if (exchange && exchange->is_mixed && !conn->keys.fresh)
		end_exchange(conn, now_at_ns);
}

/* Shares of earlier exchanges, and copies in the current one, are ignored. */
enum rudp_verdict rudp_conn_on_key_share(struct rudp_conn *conn, const struct rudp_frame *frame)
{
	if (frame->share.number <= conn->keys.exchanges || !rudp_state_is_established(conn->state))
		return RUDP_VERDICT_OK;
	if (frame->share.number > conn->keys.exchanges + UINT64_C(1) ||
	    (conn->initiator && !conn->exchange))
		return RUDP_VERDICT_BAD_KEY_SHARE;
	if (!conn->exchange)
		conn->exchange = calloc(1, sizeof *conn->exchange);
	if (!conn->exchange)
		return RUDP_VERDICT_NO_MEMORY;
	if (conn->exchange->has_peer)
		return RUDP_VERDICT_OK;
	memcpy(conn->exchange->peer_public, frame->share.public_key, RUDP_KEY_SHARE_BYTES);
	conn->exchange->has_peer = true;
	/*
	 * Our own key update is not acknowledged yet: the ACK of a ping shows that the peer has
	 * followed it.
	 */
	if (!conn->initiator && rudp_keys_is_unanswered(&conn->keys))
		conn->ping_due = true;
	return RUDP_VERDICT_OK;
}
