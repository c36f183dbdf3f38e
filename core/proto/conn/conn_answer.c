/* SPDX-License-Identifier: MIT */
/* The listener's side of the handshake: docs/protocol.md section 6. */
#include <errno.h>
#include <stdlib.h>

#include "base/wire.h"
#include "proto/conn/conn_handshake.h"
#include "proto/conn/conn_identity.h"
#include "proto/conn/endpoint_private.h"

/* One handshake at the listener: full (Noise) or resumed. */
struct answering {
	struct rudp_conn *conn;
	const struct rudp_listener *listener;
	const struct rudp_packet *syn;
	struct rudp_noise noise;
	struct rudp_resume resume;
	uint8_t payload[RUDP_DATAGRAM_MIN_SYN_BYTES * 2];
	int payload_len;
	struct rudp_params params; /* the initiator's */
	struct rudp_resume_keys keys;
};

static bool is_resumed(const struct rudp_packet *syn)
{
	return syn->flags & RUDP_SYN_RESUME;
}

/* A SYN has at least 1200 bytes, so it has room for all of this. */
static size_t message_bytes(const struct rudp_packet *syn)
{
	return syn->body_bytes - RUDP_SYN_CHECK_BYTES -
	       (syn->flags & RUDP_SYN_TO_KEY ? RUDP_SYN_MAC_BYTES : 0);
}

/*
 * Tries each pre-shared key. The SYN does not name its key, so that observers cannot see which one
 * it is.
 */
static int try_keys(struct answering *a)
{
	const struct rudp_packet *syn = a->syn;
	const struct rudp_endpoint *ep = a->conn->ep;
	struct rudp_noise_es es = {0};
	int len = -EBADMSG;

	for (unsigned i = 0; i < ep->psk_count && len == -EBADMSG; i++) {
		rudp_noise_fini(&a->noise);
		if (rudp_handshake_start_noise(a->conn, &a->noise, false, syn->id, syn->target_port,
					       &ep->psks[i]) < 0) {
			len = -ENOMEM;
			break;
		}
		rudp_noise_share_es(&a->noise, &es);
		len = rudp_noise_read(&a->noise, syn->body, message_bytes(syn), a->payload,
				      sizeof a->payload);
	}
	rudp_noise_share_es(&a->noise, NULL);
	rudp_wipe(&es, sizeof es);
	return len;
}

/*
 * Compared before any X25519, so that a stranger who does not know this listener's key causes none.
 */
static bool is_for_other_key(const struct answering *a)
{
	const struct rudp_packet *syn = a->syn;
	const uint8_t *mac = syn->body + message_bytes(syn);
	struct rudp_reader reader = rudp_reader(mac, RUDP_SYN_MAC_BYTES);

	if (!(syn->flags & RUDP_SYN_TO_KEY))
		return false;
	return !a->conn->ep->has_identity ||
	       rudp_read_u64(&reader) != rudp_syn_mac(a->conn->ep->static_key.public_key,
						      syn->header, (size_t)(mac - syn->header));
}

static enum rudp_verdict noise_read_syn(struct answering *a)
{
	if (is_for_other_key(a))
		return RUDP_VERDICT_OTHER_KEY;
	a->payload_len = try_keys(a);
	if (a->payload_len == -ENOMEM)
		return RUDP_VERDICT_NO_MEMORY;
	if (a->payload_len < 0)
		return RUDP_VERDICT_KEY_MISMATCH;
	rudp_handshake_take_peer_key(a->conn, &a->noise, true);
	return rudp_handshake_give_noise_key(a->conn, &a->noise) < 0 ? RUDP_VERDICT_NO_MEMORY
								     : RUDP_VERDICT_OK;
}

static enum rudp_verdict read_syn(struct answering *a, int64_t now_at_ns)
{
	enum rudp_verdict verdict;

	if (a->syn->body_bytes - RUDP_SYN_CHECK_BYTES > sizeof a->payload)
		return RUDP_VERDICT_BAD_PARAM;
	if (is_resumed(a->syn))
		verdict = rudp_conn_resume_read_syn(a->conn, &a->resume, a->syn, a->payload,
						    &a->payload_len, now_at_ns);
	else
		verdict = noise_read_syn(a);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	verdict = rudp_params_parse(a->payload, (size_t)a->payload_len, &a->params);
	if (verdict == RUDP_VERDICT_OK &&
	    (a->params.source_id != a->syn->id || !rudp_params_fit(&a->params, true)))
		verdict = RUDP_VERDICT_BAD_PARAM;
	return verdict;
}

/* In XX the initiator shows its key in the third message. */
static bool shows_key_later(const struct rudp_packet *syn)
{
	return rudp_handshake_pattern(syn->flags) == RUDP_NOISE_XX;
}

static int seal_synack(struct answering *a, struct rudp_syn_answer *answer, const uint8_t *payload,
		       size_t payload_len)
{
	uint8_t *message = answer->synack + answer->len;
	uint8_t random[RUDP_RESUME_FRESH_BYTES];
	int rc;

	if (is_resumed(a->syn)) {
		rudp_endpoint_random(a->conn->ep, random, sizeof random);
		return rudp_resume_write_synack(&a->resume, answer->synack, random, payload,
						payload_len, message, &a->keys);
	}
	rc = rudp_noise_write(&a->noise, payload, payload_len, message,
			      sizeof answer->synack - answer->len);
	if (rc >= 0)
		rudp_handshake_end_noise(&a->noise, &a->keys);
	if (rc >= 0 && shows_key_later(a->syn) && rudp_conn_identity_await(a->conn, &a->noise) < 0)
		return -ENOMEM;
	return rc;
}

/* The id of the association to offer in the SYNACK; 0: none. */
static uint64_t new_offer(const struct answering *a)
{
	uint64_t id = 0;

	if (a->params.wants_association && !a->conn->ep->config.resume_off &&
	    rudp_handshake_makes_association(a->syn->flags))
		rudp_endpoint_random(a->conn->ep, &id, sizeof id);
	return id;
}

/* If memory is short the peer's next resumed SYN is refused, and it needs one full handshake. */
static struct rudp_offer *offer_new(const struct answering *a, uint64_t id, int64_t now_at_ns)
{
	struct rudp_offer *offer = malloc(sizeof *offer);
	uint64_t counter;

	if (!offer)
		return NULL;
	*offer = (struct rudp_offer){.id = id, .made_at_ns = now_at_ns, .secrets = a->keys.secrets};
	if (is_resumed(a->syn))
		rudp_resume_read_head(a->syn->body, &offer->replaces, &counter);
	return offer;
}

static enum rudp_verdict write_synack(struct answering *a, int64_t now_at_ns)
{
	struct rudp_conn *conn = a->conn;
	struct rudp_syn_answer *answer = rudp_pool_take(&conn->ep->syn_answers);
	uint8_t payload[RUDP_SYNACK_MAX_BYTES];
	struct rudp_writer writer = rudp_writer(payload, sizeof payload);
	struct rudp_params params;
	uint64_t counter;
	int rc;

	if (!answer)
		return RUDP_VERDICT_NO_MEMORY;
	conn->syn_answer = answer;
	answer->conn = conn;
	rudp_syn_key_of(a->syn, &answer->key);
	answer->remote = conn->first_remote;
	rudp_handshake_own_params(conn, &params);
	params.association_id = new_offer(a);
	params.early_taken_bytes = conn->early_bytes;
	params.key_lasts = (a->syn->flags & RUDP_SYN_ASK_KEY) && conn->ep->has_identity;
	rudp_params_write(&writer, &params);
	answer->len = (uint16_t)rudp_packet_write_synack(answer->synack, conn->suite, a->syn->flags,
							 a->syn->id);
	rc = seal_synack(a, answer, payload, rudp_writer_len(&writer));
	if (rc < 0) {
		answer->len = 0;
		return rc == -EBADMSG ? RUDP_VERDICT_KEY_MISMATCH : RUDP_VERDICT_NO_MEMORY;
	}
	answer->len = (uint16_t)(answer->len + rc);
	answer->association_id = params.association_id;
	if (params.association_id)
		answer->offer = offer_new(a, params.association_id, now_at_ns);
	else if (is_resumed(a->syn))
		rudp_resume_read_head(a->syn->body, &answer->association_id, &counter);
	return rudp_handshake_start_keys(conn, &a->keys) < 0 ? RUDP_VERDICT_NO_MEMORY
							     : RUDP_VERDICT_OK;
}

/*
 * Accepts the early data, all or none of it. Both programs have asked for early data, because it
 * may be processed even if the initiator is never heard again.
 */
static void take_early(struct answering *a, bool allowed, int64_t now_at_ns)
{
	struct rudp_conn *conn = a->conn;

	if (allowed && is_resumed(a->syn) && a->params.early_bytes > 0 &&
	    rudp_recvbuf_take(&conn->recvbuf, 0, a->params.early, a->params.early_bytes, false,
			      now_at_ns) == RUDP_VERDICT_OK)
		conn->early_bytes = (uint16_t)a->params.early_bytes;
}

static enum rudp_verdict answer_syn(struct answering *a, bool early_allowed, int64_t now_at_ns)
{
	enum rudp_verdict verdict = read_syn(a, now_at_ns);

	if (verdict == RUDP_VERDICT_OK && !shows_key_later(a->syn) &&
	    !rudp_conn_is_authorized(a->conn, a->listener))
		verdict = RUDP_VERDICT_NOT_AUTHORIZED;
	if (verdict == RUDP_VERDICT_OK && !is_resumed(a->syn) && a->params.spent.association_id)
		verdict = rudp_endpoint_spend(a->conn->ep, &a->params.spent, now_at_ns);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	take_early(a, early_allowed, now_at_ns);
	return write_synack(a, now_at_ns);
}

/* A listener answers a SYN with a new connection. */
enum rudp_verdict rudp_conn_handshake_answer(struct rudp_conn *conn,
					     const struct rudp_listener *listener,
					     const struct rudp_packet *syn, bool early_allowed,
					     int64_t now_at_ns)
{
	struct answering a;
	enum rudp_verdict verdict;

	a.conn = conn;
	a.listener = listener;
	a.syn = syn;
	a.noise = (struct rudp_noise){0};
	a.resume = (struct rudp_resume){0};
	a.keys = (struct rudp_resume_keys){0};
	conn->suite = syn->suite;
	conn->syn_flags = syn->flags;
	verdict = answer_syn(&a, early_allowed, now_at_ns);
	rudp_noise_fini(&a.noise);
	rudp_resume_fini(&a.resume);
	rudp_wipe(&a.keys, sizeof a.keys);
	rudp_wipe(a.payload, sizeof a.payload);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	rudp_handshake_take_params(conn, &a.params);
	rudp_replay_mark(&conn->replay, 0); /* the SYN is the peer's packet number 0 */
	rudp_acks_on_packet(&conn->acks, 0, false, 0, 0, now_at_ns);
	conn->handshake_due = true;
	rudp_conn_enter(conn, RUDP_STATE_SYN_RCVD);
	if (RUDP_IS_OBSERVED(conn))
		rudp_handshake_observe(conn, syn,
				       (size_t)(syn->body - syn->header) + syn->body_bytes);
	return RUDP_VERDICT_OK;
}
