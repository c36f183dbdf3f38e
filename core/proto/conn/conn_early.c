/* SPDX-License-Identifier: MIT */
/*
 * Early data: stream bytes in a resumed SYN, accepted at most once. docs/protocol.md sections 6.8,
 * 6.3.
 */
#include <string.h>

#include "proto/conn/conn_private.h"
#include "proto/conn/endpoint_private.h"

bool rudp_endpoint_may_send_early(struct rudp_endpoint *ep, const struct rudp_addr *remote,
				  int64_t now_at_ns)
{
	return !ep->config.early_off && !ep->config.resume_off &&
	       rudp_association_is_known(&ep->associations, remote, now_at_ns);
}

/* The bytes stay in the send buffer until the listener has accepted them. */
size_t rudp_conn_copy_early(const struct rudp_conn *conn, uint8_t *early, size_t max)
{
	const struct rudp_ring *ring = &conn->sendbuf.ring;
	size_t len = rudp_ring_used(ring) < max ? rudp_ring_used(ring) : max;
	struct iovec iov[2];
	int count = rudp_ring_readable(ring, 0, len, iov);

	len = 0;
	for (int i = 0; i < count; i++) {
		memcpy(early + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len;
}

/* Early data that was not accepted is sent like all other data. */
void rudp_conn_on_early_taken(struct rudp_conn *conn, uint64_t bytes)
{
	const struct rudp_sendbuf_chunk chunk = {.len = (size_t)bytes};

	/* Nothing was sent or lost before, so this cannot fail. */
	if (bytes == 0 || rudp_sendbuf_on_sent(&conn->sendbuf, &chunk) < 0)
		return;
	rudp_sendbuf_on_acked(&conn->sendbuf, 0, (size_t)bytes, false);
	conn->early_bytes = (uint16_t)bytes;
}

/*
 * An unknown association is acceptable: its listener may have ended together with the program that
 * had the early data. A SYN that cannot prove to come from the holder of the association must not
 * use up its counter.
 */
enum rudp_verdict rudp_endpoint_spend(struct rudp_endpoint *ep, const struct rudp_spent *spent,
				      int64_t now_at_ns)
{
	struct rudp_given *given =
		rudp_association_find_given(&ep->associations, spent->association_id, now_at_ns);

	if (!given || !rudp_given_proves_spent(given, spent))
		return RUDP_VERDICT_OK;
	if (!rudp_given_is_fresh(given, spent->counter))
		return RUDP_VERDICT_EARLY_TAKEN;
	rudp_association_on_taken(&ep->associations, given, spent->counter);
	return RUDP_VERDICT_OK;
}

/*
 * A peer that acknowledges a DATA packet is ESTABLISHED, and so has stored the association. In XX
 * it stores the association when it has verified our proof, so the proof must be acknowledged.
 */
void rudp_conn_prove_offer(struct rudp_conn *conn, uint64_t number)
{
	if (conn->offer_id == 0 || number == 0 || conn->identity_proof)
		return;
	rudp_association_on_known(&conn->ep->associations, &conn->first_remote, conn->offer_id);
	conn->offer_id = 0;
}

void rudp_conn_prove_address(struct rudp_conn *conn)
{
	const struct rudp_syn_answer *answer = conn->syn_answer;

	/* Only the receiver of the SYNACK can answer it, and it was sent to this address only. */
	if (!answer->sent_elsewhere)
		rudp_association_on_proven(&conn->ep->associations, answer->association_id,
					   &answer->remote);
}

void rudp_conn_trust(struct rudp_conn *conn, int64_t now_at_ns)
{
	const struct rudp_syn_answer *answer = conn->syn_answer;

	if (!rudp_association_trusts(&conn->ep->associations, answer->association_id,
				     &answer->remote, now_at_ns))
		return;
	conn->path.validated = true;
	rudp_conn_known_may_start(conn);
}

void rudp_conn_distrust(struct rudp_conn *conn)
{
	if (!conn->is_early || !conn->path.validated)
		return;
	rudp_path_distrust(&conn->path);
	rudp_conn_known_leave(conn);
}
