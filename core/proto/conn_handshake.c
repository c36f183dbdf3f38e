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

/* What fills a SYN without cookie to RUDP_DATAGRAM_MIN_SYN_BYTES exactly. */
#define SYN_MESSAGE_BYTES                                                                          \
	(RUDP_DATAGRAM_MIN_SYN_BYTES - RUDP_SYN_HEADER_BYTES - RUDP_SYN_CHECK_BYTES)
#define SYN_PAYLOAD_BYTES (SYN_MESSAGE_BYTES - RUDP_NOISE_OVERHEAD_BYTES)

static const uint8_t zero_key[16];

static enum rudp_cipher cipher_of(uint8_t suite)
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
	free(handshake);
}

void rudp_syn_key_of(const struct rudp_packet *syn, struct rudp_syn_key *key)
{
	memset(key, 0, sizeof *key);
	key->source_id = syn->id;
	memcpy(key->ephemeral, syn->body, sizeof key->ephemeral);
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
	rudp_packet_write_prologue(prologue, conn->suite, source_id, target_port);
	rudp_noise_init_with(noise, initiator, cipher_of(conn->suite), conn->ep->config.psk,
			     prologue, sizeof prologue, &ephemeral);
	return 0;
}

int rudp_conn_handshake_begin(struct rudp_conn *conn, uint16_t target_port)
{
	struct rudp_handshake *handshake = calloc(1, sizeof *handshake);
	uint8_t payload[SYN_PAYLOAD_BYTES] = {0};
	struct rudp_writer writer = rudp_writer(payload, sizeof payload);
	struct rudp_params params;
	int rc;

	if (!handshake)
		return -ENOMEM;
	conn->initiator = true;
	conn->suite = conn->ep->config.suite;
	handshake->target_port = target_port;
	handshake->cookies_left = RUDP_COOKIES_AT_ONCE;
	rc = noise_start(conn, &handshake->noise, true, conn->id, target_port);
	if (rc < 0)
		goto free_handshake;
	own_params(conn, &params);
	rudp_params_write(&writer, &params);
	rc = rudp_noise_write(&handshake->noise, payload, sizeof payload, handshake->message,
			      sizeof handshake->message);
	if (rc < 0)
		goto free_handshake;
	handshake->message_bytes = (size_t)rc;
	conn->handshake = handshake;
	conn->handshake_due = true;
	rudp_conn_enter(conn, RUDP_STATE_SYN_SENT);
	return 0;

free_handshake:
	rudp_handshake_free(handshake);
	return rc;
}

size_t rudp_conn_write_syn(const struct rudp_conn *conn, uint8_t *out)
{
	const struct rudp_handshake *handshake = conn->handshake;
	struct rudp_writer check;
	size_t len = rudp_packet_write_syn(out, conn->suite, conn->id, handshake->target_port,
					   handshake->cookie, handshake->cookie_bytes);

	memcpy(out + len, handshake->message, handshake->message_bytes);
	len += handshake->message_bytes;
	check = rudp_writer(out + len, RUDP_SYN_CHECK_BYTES);
	rudp_write_u64(&check, syn_check_value(out, len));
	return len + RUDP_SYN_CHECK_BYTES;
}

static int start_keys(struct rudp_conn *conn, const struct rudp_noise *noise)
{
	uint8_t send_key[RUDP_KEY_BYTES], receive_key[RUDP_KEY_BYTES];
	int rc;

	rudp_noise_split(noise, send_key, receive_key);
	rc = rudp_keys_init(&conn->keys, cipher_of(conn->suite), send_key, receive_key);
	conn->has_keys = rc == 0;
	rudp_wipe(send_key, sizeof send_key);
	rudp_wipe(receive_key, sizeof receive_key);
	return rc;
}

static enum rudp_verdict read_syn(struct rudp_noise *noise, const struct rudp_packet *syn,
				  struct rudp_params *params)
{
	uint8_t payload[RUDP_DATAGRAM_MIN_SYN_BYTES * 2];
	size_t message_bytes = syn->body_bytes - RUDP_SYN_CHECK_BYTES;
	int len;

	if (message_bytes > sizeof payload)
		return RUDP_VERDICT_BAD_PARAM;
	len = rudp_noise_read(noise, syn->body, message_bytes, payload, sizeof payload);
	if (len == -ENOMEM)
		return RUDP_VERDICT_NO_MEMORY;
	if (len < 0)
		return RUDP_VERDICT_KEY_MISMATCH;
	return rudp_params_parse(payload, (size_t)len, params);
}

static enum rudp_verdict write_synack(struct rudp_conn *conn, struct rudp_noise *noise,
				      const struct rudp_packet *syn)
{
	struct rudp_syn_answer *answer = calloc(1, sizeof *answer);
	uint8_t payload[RUDP_SYNACK_MAX_BYTES];
	struct rudp_writer writer = rudp_writer(payload, sizeof payload);
	struct rudp_params params;
	int rc;

	if (!answer)
		return RUDP_VERDICT_NO_MEMORY;
	conn->syn_answer = answer;
	rudp_syn_key_of(syn, &answer->key);
	answer->remote = conn->first_remote;
	own_params(conn, &params);
	rudp_params_write(&writer, &params);
	answer->len = rudp_packet_write_synack(answer->synack, conn->suite, syn->id);
	rc = rudp_noise_write(noise, payload, rudp_writer_len(&writer), answer->synack + answer->len,
			      sizeof answer->synack - answer->len);
	if (rc < 0)
		return rc == -EBADMSG ? RUDP_VERDICT_KEY_MISMATCH : RUDP_VERDICT_NO_MEMORY;
	answer->len += (size_t)rc;
	return RUDP_VERDICT_OK;
}

static void observe_received(struct rudp_conn *conn, const struct rudp_packet *packet, size_t bytes)
{
	rudp_conn_observe_packet(
		conn, RUDP_FACT_PACKET_RECEIVED,
		&(struct rudp_fact_packet){.type = packet->type, .size_bytes = bytes});
}

/* LISTEN answers a SYN with a new connection of its own sequence space. */
enum rudp_verdict rudp_conn_handshake_answer(struct rudp_conn *conn, const struct rudp_packet *syn,
					     int64_t now_at_ns)
{
	struct rudp_noise noise;
	struct rudp_params params;
	enum rudp_verdict verdict;

	conn->suite = syn->suite;
	if (noise_start(conn, &noise, false, syn->id, syn->target_port) < 0)
		return RUDP_VERDICT_NO_MEMORY;
	verdict = read_syn(&noise, syn, &params);
	if (verdict == RUDP_VERDICT_OK && params.source_id != syn->id)
		verdict = RUDP_VERDICT_BAD_PARAM;
	if (verdict == RUDP_VERDICT_OK)
		verdict = write_synack(conn, &noise, syn);
	if (verdict == RUDP_VERDICT_OK && start_keys(conn, &noise) < 0)
		verdict = RUDP_VERDICT_NO_MEMORY;
	rudp_noise_fini(&noise);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	take_params(conn, &params);
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
static enum rudp_verdict read_synack(struct rudp_conn *conn, const struct rudp_packet *packet,
				     struct rudp_params *params)
{
	uint8_t payload[RUDP_SYNACK_MAX_BYTES];
	struct rudp_noise noise;
	enum rudp_verdict verdict;
	int len;

	if (packet->body_bytes > sizeof payload)
		return RUDP_VERDICT_BAD_PARAM;
	rudp_noise_copy(&noise, &conn->handshake->noise);
	len = rudp_noise_read(&noise, packet->body, packet->body_bytes, payload, sizeof payload);
	if (len < 0) {
		rudp_noise_fini(&noise);
		return len == -ENOMEM ? RUDP_VERDICT_NO_MEMORY : RUDP_VERDICT_KEY_MISMATCH;
	}
	verdict = rudp_params_parse(payload, (size_t)len, params);
	if (verdict == RUDP_VERDICT_OK && start_keys(conn, &noise) < 0)
		verdict = RUDP_VERDICT_NO_MEMORY;
	rudp_noise_fini(&noise);
	return verdict;
}

enum rudp_verdict rudp_conn_on_synack(struct rudp_conn *conn, const struct rudp_packet *packet,
				      size_t datagram_bytes, int64_t now_at_ns)
{
	uint64_t digest = rudp_siphash(zero_key, packet->header, datagram_bytes);
	struct rudp_params params;
	enum rudp_verdict verdict;

	if (conn->state != RUDP_STATE_SYN_SENT)
		return on_second_synack(conn, digest);
	if (packet->suite != conn->suite)
		return RUDP_VERDICT_BAD_CIPHER;
	verdict = read_synack(conn, packet, &params);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	take_params(conn, &params);
	if (rudp_endpoint_know_peer_id(conn->ep, conn) < 0) {
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

enum rudp_verdict rudp_conn_on_refuse(struct rudp_conn *conn, const struct rudp_packet *packet,
				      int64_t now_at_ns)
{
	char remote[RUDP_ADDR_TEXT_SIZE];

	if (conn->state != RUDP_STATE_SYN_SENT)
		return RUDP_VERDICT_BAD_RESET;
	rudp_log(packet->refusal == RUDP_REFUSAL_KEY_MISMATCH ? RUDP_LOG_ERROR : RUDP_LOG_INFO,
		 "connect to %s refused: %s", rudp_addr_format(&conn->first_remote, remote),
		 refusal_text(packet->refusal));
	rudp_conn_fail(conn, refusal_error(packet->refusal), now_at_ns);
	return RUDP_VERDICT_OK;
}
