/* SPDX-License-Identifier: MIT */
/* The initiator's side of the handshake: docs/protocol.md section 6. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/wire.h"
#include "proto/conn/conn_handshake.h"
#include "proto/conn/conn_identity.h"
#include "proto/conn/endpoint_private.h"

size_t rudp_conn_write_syn_payload(struct rudp_conn *conn, uint8_t *payload, size_t payload_bytes,
				   bool with_early)
{
	struct rudp_writer start = rudp_writer(payload, payload_bytes), writer = start;
	uint8_t early[RUDP_SYN_MESSAGE_BYTES];
	struct rudp_params params;

	rudp_handshake_own_params(conn, &params);
	params.wants_association =
		!conn->ep->config.resume_off && rudp_handshake_makes_association(conn->syn_flags);
	params.spent = conn->handshake->spent;
	rudp_params_write(&writer, &params);
	if (with_early) {
		params.early = early;
		params.early_bytes = rudp_conn_copy_early(
			conn, early, rudp_writer_room(&writer) - RUDP_PARAM_EARLY_HEAD_BYTES);
		writer = start;
		rudp_params_write(&writer, &params);
		rudp_wipe(early, sizeof early);
	}
	memset(writer.next, 0, rudp_writer_room(&writer));
	return params.early_bytes;
}

uint8_t rudp_handshake_full_flags(const struct rudp_conn *conn)
{
	uint8_t flags = 0;

	if (conn->handshake->knows_peer)
		flags = RUDP_SYN_TO_KEY;
	else if (conn->handshake->asks_peer)
		flags = RUDP_SYN_ASK_KEY;
	return flags && conn->ep->has_identity ? flags | RUDP_SYN_OWN_KEY : flags;
}

/* Makes the SYN's message for a full handshake. */
static int noise_begin(struct rudp_conn *conn)
{
	struct rudp_handshake *handshake = conn->handshake;
	uint8_t payload[RUDP_SYN_MESSAGE_BYTES];
	size_t payload_bytes = sizeof payload;
	int rc;

	conn->syn_flags = handshake->flags = rudp_handshake_full_flags(conn);
	rc = rudp_handshake_start_noise(conn, &handshake->noise, true, conn->id,
					handshake->target_port, &conn->ep->psks[0]);
	if (rc == 0)
		rc = rudp_handshake_give_noise_key(conn, &handshake->noise);
	if (rc < 0)
		return rc;
	payload_bytes -= rudp_noise_overhead_bytes(&handshake->noise);
	payload_bytes -= handshake->flags & RUDP_SYN_TO_KEY ? RUDP_SYN_MAC_BYTES : 0;
	rudp_conn_write_syn_payload(conn, payload, payload_bytes, false);
	rc = rudp_noise_write(&handshake->noise, payload, payload_bytes, handshake->message,
			      sizeof handshake->message);
	handshake->message_bytes = rc < 0 ? 0 : (size_t)rc;
	return rc < 0 ? rc : 0;
}

static int begin_syn(struct rudp_conn *conn, int64_t now_at_ns)
{
	int rc = rudp_conn_resume_begin(conn, now_at_ns);

	if (rc == -ENOENT)
		rc = noise_begin(conn);
	conn->handshake_due = rc == 0;
	return rc;
}

static void take_peer_options(struct rudp_conn *conn)
{
	struct rudp_handshake *handshake = conn->handshake;

	handshake->asks_peer = conn->options.asks_peer;
	handshake->knows_peer = conn->options.peer_key;
	if (handshake->knows_peer)
		memcpy(handshake->peer_key, conn->options.peer_key, sizeof handshake->peer_key);
	conn->options.peer_key = NULL; /* the caller's */
}

int rudp_conn_handshake_begin(struct rudp_conn *conn, uint16_t target_port, int64_t now_at_ns)
{
	struct rudp_handshake *handshake = calloc(1, sizeof *handshake);
	int rc = 0;

	if (!handshake)
		return -ENOMEM;
	conn->initiator = true;
	conn->suite = conn->ep->config.suite;
	conn->handshake = handshake;
	handshake->target_port = target_port;
	take_peer_options(conn);
	handshake->cookies_left = RUDP_COOKIES_AT_ONCE;
	conn->is_deferred = conn->options.deferred;
	if (!conn->is_deferred)
		rc = begin_syn(conn, now_at_ns);
	if (rc < 0)
		return rc;
	rudp_conn_enter(conn, RUDP_STATE_SYN_SENT);
	return 0;
}

void rudp_conn_handshake_release(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (!conn->is_deferred)
		return;
	conn->is_deferred = false;
	conn->opened_at_ns = now_at_ns;
	if (begin_syn(conn, now_at_ns) < 0)
		rudp_conn_fail(conn, ENOMEM, now_at_ns);
}

size_t rudp_conn_write_syn(struct rudp_conn *conn, uint8_t *out)
{
	const struct rudp_handshake *handshake = conn->handshake;
	struct rudp_writer end;
	size_t len;

	if (handshake->message_bytes == 0 && rudp_conn_resume_seal(conn) < 0)
		return 0;
	len = rudp_packet_write_syn(out, conn->suite, handshake->flags, conn->id,
				    handshake->target_port, handshake->cookie,
				    handshake->cookie_bytes);
	memcpy(out + len, handshake->message, handshake->message_bytes);
	len += handshake->message_bytes;
	end = rudp_writer(out + len, RUDP_SYN_MAC_BYTES + RUDP_SYN_CHECK_BYTES);
	if (handshake->flags & RUDP_SYN_TO_KEY)
		rudp_write_u64(&end, rudp_syn_mac(handshake->peer_key, out, len));
	len += rudp_writer_len(&end);
	rudp_write_u64(&end, rudp_handshake_digest(out, len));
	return len + RUDP_SYN_CHECK_BYTES;
}

/* A copy of the accepted SYNACK changes nothing, but our ACK of it may have been lost. */
static enum rudp_verdict on_second_synack(struct rudp_conn *conn, uint64_t digest)
{
	if (!conn->initiator || digest != conn->synack_digest || conn->dead)
		return RUDP_VERDICT_WRONG_STATE;
	conn->acks.now = true;
	rudp_endpoint_touch(conn->ep, conn);
	return RUDP_VERDICT_DUPLICATE_SYNACK;
}

/* Works on a copy of the handshake state: a forged SYNACK must not spoil it for the real one. */
static int noise_read_synack(struct rudp_conn *conn, const struct rudp_packet *packet,
			     uint8_t payload[RUDP_SYNACK_MAX_BYTES], struct rudp_resume_keys *keys)
{
	struct rudp_noise noise;
	int len, rc = 0;

	rudp_noise_copy(&noise, &conn->handshake->noise);
	len = rudp_noise_read(&noise, packet->body, packet->body_bytes, payload,
			      RUDP_SYNACK_MAX_BYTES);
	if (len >= 0) {
		rudp_handshake_end_noise(&noise, keys);
		rudp_handshake_take_peer_key(conn, &noise, packet->flags & RUDP_SYN_TO_KEY);
	}
	if (len >= 0 && rudp_handshake_pattern(packet->flags) == RUDP_NOISE_XX)
		rc = rudp_conn_identity_prove(conn, &noise);
	rudp_noise_fini(&noise);
	return rc < 0 ? rc : len;
}

static enum rudp_verdict read_synack(struct rudp_conn *conn, const struct rudp_packet *packet,
				     struct rudp_params *params, struct rudp_resume_keys *keys)
{
	uint8_t payload[RUDP_SYNACK_MAX_BYTES];
	enum rudp_verdict verdict;
	int len;

	if (packet->body_bytes > sizeof payload)
		return RUDP_VERDICT_BAD_PARAM;
	if (packet->flags & RUDP_SYN_RESUME)
		len = rudp_resume_read_synack(&conn->handshake->resume, packet->header,
					      packet->body, packet->body_bytes, payload, keys);
	else
		len = noise_read_synack(conn, packet, payload, keys);
	if (len < 0)
		return len == -ENOMEM ? RUDP_VERDICT_NO_MEMORY : RUDP_VERDICT_KEY_MISMATCH;
	verdict = rudp_params_parse(payload, (size_t)len, params);
	if (verdict == RUDP_VERDICT_OK &&
	    (params->early_taken_bytes > conn->handshake->early_bytes ||
	     !rudp_params_fit(params, false)))
		verdict = RUDP_VERDICT_BAD_PARAM;
	if (verdict == RUDP_VERDICT_OK && rudp_handshake_start_keys(conn, keys) < 0)
		verdict = RUDP_VERDICT_NO_MEMORY;
	if (verdict == RUDP_VERDICT_OK)
		conn->credentials.peer_key_lasts |= params->key_lasts;
	return verdict;
}

enum rudp_verdict rudp_conn_on_synack(struct rudp_conn *conn, const struct rudp_packet *packet,
				      size_t datagram_bytes, int64_t now_at_ns)
{
	uint64_t digest = rudp_handshake_digest(packet->header, datagram_bytes);
	struct rudp_resume_keys keys = {0};
	struct rudp_params params;
	enum rudp_verdict verdict;

	if (conn->state != RUDP_STATE_SYN_SENT)
		return on_second_synack(conn, digest);
	if (packet->suite != conn->suite)
		return RUDP_VERDICT_BAD_CIPHER;
	if (packet->flags != conn->handshake->flags)
		/* It answers an earlier SYN, which was refused meanwhile. */
		return RUDP_VERDICT_WRONG_STATE;
	verdict = read_synack(conn, packet, &params, &keys);
	if (verdict == RUDP_VERDICT_OK && !rudp_conn_is_authorized(conn, NULL)) {
		rudp_wipe(&keys, sizeof keys);
		rudp_conn_fail(conn, EACCES, now_at_ns);
		return RUDP_VERDICT_NOT_AUTHORIZED;
	}
	if (verdict == RUDP_VERDICT_OK && rudp_handshake_makes_association(packet->flags))
		rudp_conn_take_offer(conn, params.association_id, &keys.secrets, now_at_ns);
	rudp_wipe(&keys, sizeof keys);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	rudp_handshake_take_params(conn, &params);
	if (rudp_endpoint_know_peer_id(conn->ep, conn, now_at_ns) < 0) {
		rudp_conn_fail(conn, ENOMEM, now_at_ns);
		return RUDP_VERDICT_NO_MEMORY;
	}
	rudp_handshake_free(conn->handshake);
	conn->handshake = NULL;
	conn->handshake_due = false;
	conn->synack_digest = digest;
	conn->heard_at_ns = now_at_ns;
	rudp_replay_mark(&conn->replay, 0);
	rudp_acks_on_packet(&conn->acks, 0, true, 0, 0, now_at_ns);
	conn->acks.now = true;
	if (RUDP_IS_OBSERVED(conn))
		rudp_handshake_observe(conn, packet, datagram_bytes);
	rudp_conn_on_early_taken(conn, params.early_taken_bytes);
	rudp_conn_on_answer(conn, now_at_ns);
	rudp_conn_on_established(conn, now_at_ns);
	rudp_endpoint_touch(conn->ep, conn);
	return RUDP_VERDICT_OK;
}

enum rudp_verdict rudp_conn_on_cookie(struct rudp_conn *conn, const struct rudp_packet *packet)
{
	struct rudp_handshake *handshake = conn->handshake;

	if (conn->state != RUDP_STATE_SYN_SENT)
		return RUDP_VERDICT_WRONG_STATE;
	if (handshake->cookie_bytes == packet->cookie_bytes &&
	    memcmp(handshake->cookie, packet->cookie, packet->cookie_bytes) == 0)
		return RUDP_VERDICT_OK;
	memcpy(handshake->cookie, packet->cookie, packet->cookie_bytes);
	handshake->cookie_bytes = packet->cookie_bytes;
	if (handshake->cookies_left == 0)
		/* The cookie is sent with the next retransmitted SYN. */
		return RUDP_VERDICT_TOO_MANY;
	handshake->cookies_left--;
	conn->handshake_due = true;
	rudp_endpoint_touch(conn->ep, conn);
	return RUDP_VERDICT_OK;
}

static int refusal_error(uint8_t refusal)
{
	switch (refusal) {
	case RUDP_REFUSAL_KEY_MISMATCH:
		return EKEYREJECTED;
	case RUDP_REFUSAL_VERSION:
		return EPROTONOSUPPORT;
	case RUDP_REFUSAL_EARLY_TAKEN:
		return ECONNRESET;
	case RUDP_REFUSAL_OTHER_KEY:
	case RUDP_REFUSAL_NOT_AUTHORIZED:
		return EACCES;
	default:
		return ECONNREFUSED;
	}
}

static const char *refusal_text(uint8_t refusal)
{
#define REFUSAL_CASE(name, value, why)                                                             \
	case value:                                                                                \
		return why;
	switch (refusal) {
		RUDP_REFUSALS(REFUSAL_CASE)
	}
#undef REFUSAL_CASE
	return "unknown reason";
}

/*
 * The listener no longer knows the association: continues the same attempt with a full handshake.
 * The refusal may be forged, but an attacker who can forge it could also refuse the connection for
 * good.
 */
static void restart_with_noise(struct rudp_conn *conn, int64_t now_at_ns)
{
	struct rudp_handshake *handshake = conn->handshake;

	rudp_association_forget(&conn->ep->associations, &conn->first_remote,
				handshake->ticket.association_id);
	rudp_resume_fini(&handshake->resume);
	if (handshake->early_bytes > 0)
		handshake->spent = handshake->ticket.spent;
	rudp_wipe(&handshake->ticket, sizeof handshake->ticket);
	handshake->early_bytes = 0;
	if (noise_begin(conn) < 0) {
		rudp_conn_fail(conn, ENOMEM, now_at_ns);
		return;
	}
	conn->handshake_due = true;
	rudp_endpoint_touch(conn->ep, conn);
}

/*
 * A listener that has lost its associations can send only a limited number of refusals a second;
 * other initiators hear nothing. So after some time-outs a full handshake is tried. With early data
 * the limit is higher: if the listener's program already has the data and only the SYNACKs were
 * lost, the full handshake ends the attempt.
 */
void rudp_conn_handshake_repeat(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->state == RUDP_STATE_SYN_SENT && (conn->handshake->flags & RUDP_SYN_RESUME) &&
	    conn->reliability.pto_count >=
		    (conn->handshake->early_bytes > 0 ? RUDP_EARLY_TIMEOUTS : RUDP_RESUME_TIMEOUTS))
		restart_with_noise(conn, now_at_ns);
	else
		conn->handshake_due = true;
}

enum rudp_verdict rudp_conn_on_refuse(struct rudp_conn *conn, const struct rudp_packet *packet,
				      int64_t now_at_ns)
{
	char remote[RUDP_ADDR_TEXT_SIZE];

	if (conn->state != RUDP_STATE_SYN_SENT)
		return RUDP_VERDICT_BAD_RESET;
	if (packet->refusal == RUDP_REFUSAL_RESUME) {
		if (!(conn->handshake->flags & RUDP_SYN_RESUME))
			return RUDP_VERDICT_BAD_RESET; /* it answers an earlier SYN */
		restart_with_noise(conn, now_at_ns);
		return RUDP_VERDICT_OK;
	}
	if (packet->refusal == RUDP_REFUSAL_VERSION)
		rudp_association_forget(&conn->ep->associations, &conn->first_remote,
					conn->handshake->ticket.association_id);
	rudp_log(refusal_error(packet->refusal) == ECONNREFUSED ? RUDP_LOG_INFO : RUDP_LOG_ERROR,
		 "connect to %s refused: %s", rudp_addr_format(&conn->first_remote, remote),
		 refusal_text(packet->refusal));
	conn->refusal = packet->refusal;
	rudp_conn_fail(conn, refusal_error(packet->refusal), now_at_ns);
	return RUDP_VERDICT_OK;
}
