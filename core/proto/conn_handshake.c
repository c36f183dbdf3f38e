/* SPDX-License-Identifier: MIT */
/* docs/protocol.md section 6. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/wire.h"
#include "proto/conn_private.h"
#include "proto/cookie.h"
#include "proto/endpoint_private.h"

#define FRESH_LABEL "rudp association, fresh"
#define LASTING_LABEL "rudp association, lasting"

static const uint8_t zero_key[16];

enum rudp_cipher rudp_cipher_of(uint8_t suite)
{
	return suite == RUDP_SUITE_NNPSK0_CHACHA20_POLY1305 ? RUDP_CIPHER_CHACHA20_POLY1305
							    : RUDP_CIPHER_AES_256_GCM;
}

static uint64_t syn_check_value(const uint8_t *datagram, size_t len)
{
	return rudp_siphash(zero_key, datagram, len);
}

bool rudp_syn_check(const uint8_t *datagram, size_t len)
{
	struct rudp_reader reader;

	if (len < RUDP_SYN_CHECK_BYTES)
		return false;
	reader = rudp_reader(datagram + len - RUDP_SYN_CHECK_BYTES, RUDP_SYN_CHECK_BYTES);
	return rudp_read_u64(&reader) == syn_check_value(datagram, len - RUDP_SYN_CHECK_BYTES);
}

void rudp_handshake_free(struct rudp_handshake *handshake)
{
	if (!handshake)
		return;
	rudp_noise_fini(&handshake->noise);
	rudp_resume_fini(&handshake->resume);
	rudp_wipe(&handshake->ticket, sizeof handshake->ticket);
	free(handshake);
}

void rudp_offer_free(struct rudp_offer *offer)
{
	if (!offer)
		return;
	rudp_wipe(offer, sizeof *offer);
	free(offer);
}

void rudp_syn_answer_free(struct rudp_syn_answer *answer)
{
	if (!answer)
		return;
	rudp_offer_free(answer->offer);
	free(answer);
}

void rudp_syn_key_of(const struct rudp_packet *syn, struct rudp_syn_key *key)
{
	memset(key, 0, sizeof *key);
	key->source_id = syn->id;
	memcpy(key->once, syn->body,
	       syn->flags & RUDP_SYN_RESUME ? RUDP_RESUME_HEAD_BYTES : sizeof key->once);
}

static void own_params(struct rudp_conn *conn, struct rudp_params *params)
{
	*params = (struct rudp_params){
		.source_id = conn->id,
		.window_bytes = rudp_recvbuf_window_end(&conn->recvbuf),
		.datagram_max_bytes = RUDP_DATAGRAM_MAX_BYTES,
		.ack_delay_max_ns = RUDP_ACK_DELAY_MAX_NS,
	};
	rudp_recvbuf_on_window_sent(&conn->recvbuf, params->window_bytes);
	rudp_reset_token_make(conn->ep->config.reset_secret, conn->id,
			      rudp_addr_port(&conn->first_local), params->reset_token);
}

static void take_params(struct rudp_conn *conn, const struct rudp_params *params)
{
	conn->peer_id = params->source_id;
	conn->peer_window_end = params->window_bytes;
	conn->peer_ack_delay_ns = params->ack_delay_max_ns;
	conn->peer_datagram_bytes = params->datagram_max_bytes;
	memcpy(conn->peer_reset_token, params->reset_token, sizeof conn->peer_reset_token);
}

static int noise_start(struct rudp_conn *conn, struct rudp_noise *noise, bool initiator,
		       uint64_t source_id, uint16_t target_port)
{
	uint8_t prologue[RUDP_SYN_HEADER_BYTES];
	struct rudp_x25519 ephemeral;

	if (rudp_endpoint_take_key(conn->ep, &ephemeral) < 0)
		return -ENOMEM;
	rudp_packet_write_prologue(prologue, conn->suite, 0, source_id, target_port);
	rudp_noise_init_with(noise, initiator, rudp_cipher_of(conn->suite), conn->ep->config.psk,
			     prologue, sizeof prologue, &ephemeral);
	return 0;
}

/* Only a handshake with DH can make an association. */
static bool makes_association(uint8_t flags)
{
	return !(flags & RUDP_SYN_RESUME) || (flags & RUDP_SYN_DH);
}

size_t rudp_conn_write_syn_payload(struct rudp_conn *conn, uint8_t *payload, size_t payload_bytes,
				   bool with_early)
{
	struct rudp_writer start = rudp_writer(payload, payload_bytes), writer = start;
	uint8_t early[RUDP_SYN_MESSAGE_BYTES];
	struct rudp_params params;

	own_params(conn, &params);
	params.wants_association = !conn->ep->config.resume_off && makes_association(conn->syn_flags);
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

/* The message of strangers; the handshake has no flags then. */
static int noise_begin(struct rudp_conn *conn)
{
	struct rudp_handshake *handshake = conn->handshake;
	uint8_t payload[RUDP_SYN_MESSAGE_BYTES - RUDP_NOISE_OVERHEAD_BYTES];
	int rc;

	conn->syn_flags = handshake->flags = 0;
	rc = noise_start(conn, &handshake->noise, true, conn->id, handshake->target_port);
	if (rc < 0)
		return rc;
	rudp_conn_write_syn_payload(conn, payload, sizeof payload, false);
	rc = rudp_noise_write(&handshake->noise, payload, sizeof payload, handshake->message,
			      sizeof handshake->message);
	handshake->message_bytes = rc < 0 ? 0 : (size_t)rc;
	return rc < 0 ? rc : 0;
}

int rudp_conn_handshake_begin(struct rudp_conn *conn, uint16_t target_port, int64_t now_at_ns)
{
	struct rudp_handshake *handshake = calloc(1, sizeof *handshake);
	int rc;

	if (!handshake)
		return -ENOMEM;
	conn->initiator = true;
	conn->suite = conn->ep->config.suite;
	conn->handshake = handshake;
	handshake->target_port = target_port;
	handshake->cookies_left = RUDP_COOKIES_AT_ONCE;
	rc = rudp_conn_resume_begin(conn, now_at_ns);
	if (rc == -ENOENT)
		rc = noise_begin(conn);
	if (rc < 0)
		return rc;
	conn->handshake_due = true;
	rudp_conn_enter(conn, RUDP_STATE_SYN_SENT);
	return 0;
}

size_t rudp_conn_write_syn(struct rudp_conn *conn, uint8_t *out)
{
	const struct rudp_handshake *handshake = conn->handshake;
	struct rudp_writer check;
	size_t len;

	if (handshake->message_bytes == 0 && rudp_conn_resume_seal(conn) < 0)
		return 0;
	len = rudp_packet_write_syn(out, conn->suite, handshake->flags, conn->id,
				    handshake->target_port, handshake->cookie,
				    handshake->cookie_bytes);
	memcpy(out + len, handshake->message, handshake->message_bytes);
	len += handshake->message_bytes;
	check = rudp_writer(out + len, RUDP_SYN_CHECK_BYTES);
	rudp_write_u64(&check, syn_check_value(out, len));
	return len + RUDP_SYN_CHECK_BYTES;
}

static int start_keys(struct rudp_conn *conn, const struct rudp_resume_keys *keys)
{
	const uint8_t *own = conn->initiator ? keys->initiator : keys->listener;
	const uint8_t *peers = conn->initiator ? keys->listener : keys->initiator;
	int rc = rudp_keys_init(&conn->keys, rudp_cipher_of(conn->suite), own, peers);

	conn->has_keys = rc == 0;
	return rc;
}

/* What a handshake of strangers ends with. */
static void noise_end(const struct rudp_noise *noise, struct rudp_resume_keys *keys)
{
	rudp_noise_split(noise, noise->initiator ? keys->initiator : keys->listener,
			 noise->initiator ? keys->listener : keys->initiator);
	rudp_noise_export(noise, FRESH_LABEL, keys->secrets.fresh);
	rudp_noise_export(noise, LASTING_LABEL, keys->secrets.lasting);
}

/* One handshake at the listener: Noise, or under an association. */
struct answering {
	struct rudp_conn *conn;
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

static enum rudp_verdict noise_read_syn(struct answering *a)
{
	const struct rudp_packet *syn = a->syn;

	if (noise_start(a->conn, &a->noise, false, syn->id, syn->target_port) < 0)
		return RUDP_VERDICT_NO_MEMORY;
	a->payload_len = rudp_noise_read(&a->noise, syn->body, syn->body_bytes - RUDP_SYN_CHECK_BYTES,
					 a->payload, sizeof a->payload);
	if (a->payload_len == -ENOMEM)
		return RUDP_VERDICT_NO_MEMORY;
	return a->payload_len < 0 ? RUDP_VERDICT_KEY_MISMATCH : RUDP_VERDICT_OK;
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
	if (verdict == RUDP_VERDICT_OK && a->params.source_id != a->syn->id)
		verdict = RUDP_VERDICT_BAD_PARAM;
	return verdict;
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
		noise_end(&a->noise, &a->keys);
	return rc;
}

/* The id of an association that may come of this; 0: none. */
static uint64_t new_offer(const struct answering *a)
{
	uint64_t id = 0;

	if (a->params.wants_association && !a->conn->ep->config.resume_off &&
	    makes_association(a->syn->flags))
		rudp_endpoint_random(a->conn->ep, &id, sizeof id);
	return id;
}

/* Without memory the peer will be refused once, and be a stranger again. */
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
	struct rudp_syn_answer *answer = calloc(1, sizeof *answer);
	uint8_t payload[RUDP_SYNACK_MAX_BYTES];
	struct rudp_writer writer = rudp_writer(payload, sizeof payload);
	struct rudp_params params;
	int rc;

	if (!answer)
		return RUDP_VERDICT_NO_MEMORY;
	conn->syn_answer = answer;
	rudp_syn_key_of(a->syn, &answer->key);
	answer->remote = conn->first_remote;
	own_params(conn, &params);
	params.association_id = new_offer(a);
	params.early_taken_bytes = conn->early_bytes;
	rudp_params_write(&writer, &params);
	answer->len = (uint16_t)rudp_packet_write_synack(answer->synack, conn->suite,
							 a->syn->flags, a->syn->id);
	rc = seal_synack(a, answer, payload, rudp_writer_len(&writer));
	if (rc < 0) {
		answer->len = 0;
		return rc == -EBADMSG ? RUDP_VERDICT_KEY_MISMATCH : RUDP_VERDICT_NO_MEMORY;
	}
	answer->len = (uint16_t)(answer->len + rc);
	if (params.association_id)
		answer->offer = offer_new(a, params.association_id, now_at_ns);
	return start_keys(conn, &a->keys) < 0 ? RUDP_VERDICT_NO_MEMORY : RUDP_VERDICT_OK;
}

static void observe_received(struct rudp_conn *conn, const struct rudp_packet *packet, size_t bytes)
{
	rudp_conn_observe_packet(
		conn, RUDP_FACT_PACKET_RECEIVED,
		&(struct rudp_fact_packet){.type = packet->type, .size_bytes = bytes});
}

/*
 * The initiator's first bytes, all or none of them. Its program has asked for this, and ours: what they
 * do may be done although the initiator is never heard again.
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

	if (verdict == RUDP_VERDICT_OK && !is_resumed(a->syn) && a->params.spent.association_id)
		verdict = rudp_endpoint_spend(a->conn->ep, &a->params.spent, now_at_ns);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	take_early(a, early_allowed, now_at_ns);
	return write_synack(a, now_at_ns);
}

/* LISTEN answers a SYN with a new connection of its own sequence space. */
enum rudp_verdict rudp_conn_handshake_answer(struct rudp_conn *conn, const struct rudp_packet *syn,
					     bool early_allowed, int64_t now_at_ns)
{
	struct answering a;
	enum rudp_verdict verdict;

	a.conn = conn;
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
	take_params(conn, &a.params);
	rudp_replay_mark(&conn->replay, 0); /* the SYN is the peer's packet 0 */
	rudp_acks_on_packet(&conn->acks, 0, false, 0, 0, now_at_ns);
	conn->handshake_due = true;
	rudp_conn_enter(conn, RUDP_STATE_SYN_RCVD);
	if (RUDP_IS_OBSERVED(conn))
		observe_received(conn, syn, (size_t)(syn->body - syn->header) + syn->body_bytes);
	return RUDP_VERDICT_OK;
}

/* A copy of the SYNACK that was taken changes nothing; our ACK of it may have been lost. */
static enum rudp_verdict on_second_synack(struct rudp_conn *conn, uint64_t digest)
{
	if (!conn->initiator || digest != conn->synack_digest || conn->dead)
		return RUDP_VERDICT_WRONG_STATE;
	conn->acks.now = true;
	rudp_endpoint_touch(conn->ep, conn);
	return RUDP_VERDICT_DUPLICATE_SYNACK;
}

/* The handshake state is worked on as a copy: a forged SYNACK must not spoil it for the true one. */
static int noise_read_synack(const struct rudp_conn *conn, const struct rudp_packet *packet,
			     uint8_t payload[RUDP_SYNACK_MAX_BYTES], struct rudp_resume_keys *keys)
{
	struct rudp_noise noise;
	int len;

	rudp_noise_copy(&noise, &conn->handshake->noise);
	len = rudp_noise_read(&noise, packet->body, packet->body_bytes, payload,
			      RUDP_SYNACK_MAX_BYTES);
	if (len >= 0)
		noise_end(&noise, keys);
	rudp_noise_fini(&noise);
	return len;
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
	    params->early_taken_bytes > conn->handshake->early_bytes)
		verdict = RUDP_VERDICT_BAD_PARAM;
	if (verdict == RUDP_VERDICT_OK && start_keys(conn, keys) < 0)
		verdict = RUDP_VERDICT_NO_MEMORY;
	return verdict;
}

enum rudp_verdict rudp_conn_on_synack(struct rudp_conn *conn, const struct rudp_packet *packet,
				      size_t datagram_bytes, int64_t now_at_ns)
{
	uint64_t digest = rudp_siphash(zero_key, packet->header, datagram_bytes);
	struct rudp_resume_keys keys = {0};
	struct rudp_params params;
	enum rudp_verdict verdict;

	if (conn->state != RUDP_STATE_SYN_SENT)
		return on_second_synack(conn, digest);
	if (packet->suite != conn->suite)
		return RUDP_VERDICT_BAD_CIPHER;
	if (packet->flags != conn->handshake->flags)
		return RUDP_VERDICT_WRONG_STATE; /* to a SYN that was refused meanwhile */
	verdict = read_synack(conn, packet, &params, &keys);
	if (verdict == RUDP_VERDICT_OK && makes_association(packet->flags))
		rudp_conn_take_offer(conn, params.association_id, &keys.secrets, now_at_ns);
	rudp_wipe(&keys, sizeof keys);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	take_params(conn, &params);
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
		observe_received(conn, packet, datagram_bytes);
	rudp_conn_on_early_taken(conn, params.early_taken_bytes);
	rudp_conn_on_answer(conn, 0, now_at_ns);
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
		return RUDP_VERDICT_TOO_MANY; /* it goes with the next copy of the SYN */
	handshake->cookies_left--;
	conn->handshake_due = true;
	rudp_endpoint_touch(conn->ep, conn);
	return RUDP_VERDICT_OK;
}

static int refusal_error(uint8_t refusal)
{
	switch (refusal) {
	case RUDP_REFUSAL_KEY_MISMATCH:
		return EACCES;
	case RUDP_REFUSAL_VERSION:
		return EPROTONOSUPPORT;
	case RUDP_REFUSAL_EARLY_TAKEN:
		return ECONNRESET;
	default:
		return ECONNREFUSED;
	}
}

static const char *refusal_text(uint8_t refusal)
{
#define REFUSAL_CASE(name, value, why) case value: return why;
	switch (refusal) {
		RUDP_REFUSALS(REFUSAL_CASE)
	}
#undef REFUSAL_CASE
	return "reason not known to this version";
}

/*
 * The listener has forgotten what we have in common: strangers again, within the same attempt. Whoever
 * can forge this could as well have refused for good.
 */
static void begin_anew(struct rudp_conn *conn, int64_t now_at_ns)
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
 * A listener that has forgotten us can refuse only so many in a second; the rest hear nothing. But one
 * whose program has our early data, and whose SYNACKs were lost, would have to end the attempt: that
 * takes longer to believe.
 */
void rudp_conn_handshake_repeat(struct rudp_conn *conn, int64_t now_at_ns)
{
	if (conn->state == RUDP_STATE_SYN_SENT && (conn->handshake->flags & RUDP_SYN_RESUME) &&
	    conn->reliability.pto_count >= (conn->handshake->early_bytes > 0
						    ? RUDP_EARLY_TIMEOUTS
						    : RUDP_RESUME_TIMEOUTS))
		begin_anew(conn, now_at_ns);
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
			return RUDP_VERDICT_BAD_RESET; /* of a SYN before this one */
		begin_anew(conn, now_at_ns);
		return RUDP_VERDICT_OK;
	}
	if (packet->refusal == RUDP_REFUSAL_VERSION)
		rudp_association_forget(&conn->ep->associations, &conn->first_remote,
					conn->handshake->ticket.association_id);
	rudp_log(packet->refusal == RUDP_REFUSAL_KEY_MISMATCH ? RUDP_LOG_ERROR : RUDP_LOG_INFO,
		 "connect to %s refused: %s", rudp_addr_format(&conn->first_remote, remote),
		 refusal_text(packet->refusal));
	rudp_conn_fail(conn, refusal_error(packet->refusal), now_at_ns);
	return RUDP_VERDICT_OK;
}
