/* SPDX-License-Identifier: MIT */
#include "proto/conn/conn_handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/wire.h"
#include "proto/conn/endpoint_private.h"
#include "proto/crypto/cookie.h"

#define FRESH_LABEL "rudp association, fresh"
#define LASTING_LABEL "rudp association, lasting"
#define BINDING_LABEL "rudp channel binding"

enum rudp_cipher rudp_cipher_of(uint8_t suite)
{
	return suite == RUDP_SUITE_CHACHA20_POLY1305 ? RUDP_CIPHER_CHACHA20_POLY1305
						     : RUDP_CIPHER_AES_256_GCM;
}

uint64_t rudp_handshake_digest(const uint8_t *datagram, size_t len)
{
	static const uint8_t zero_key[16];

	return rudp_siphash(zero_key, datagram, len);
}

bool rudp_syn_check(const uint8_t *datagram, size_t len)
{
	struct rudp_reader reader;

	if (len < RUDP_SYN_CHECK_BYTES)
		return false;
	reader = rudp_reader(datagram + len - RUDP_SYN_CHECK_BYTES, RUDP_SYN_CHECK_BYTES);
	return rudp_read_u64(&reader) ==
	       rudp_handshake_digest(datagram, len - RUDP_SYN_CHECK_BYTES);
}

bool rudp_syn_is_of_another_version(enum rudp_verdict verdict, const struct rudp_packet *packet,
				    size_t len)
{
	return (verdict == RUDP_VERDICT_BAD_VERSION || verdict == RUDP_VERDICT_BAD_CIPHER) &&
	       packet->type == RUDP_PACKET_SYN && packet->id != 0 &&
	       len >= RUDP_DATAGRAM_MIN_SYN_BYTES && rudp_syn_check(packet->header, len);
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

void rudp_syn_answer_free(struct rudp_endpoint *ep, struct rudp_syn_answer *answer)
{
	if (!answer)
		return;
	rudp_offer_free(answer->offer);
	rudp_pool_give(&ep->syn_answers, answer);
}

void rudp_syn_key_of(const struct rudp_packet *syn, struct rudp_syn_key *key)
{
	memset(key, 0, sizeof *key);
	key->source_id = syn->id;
	memcpy(key->once, syn->body,
	       syn->flags & RUDP_SYN_RESUME ? RUDP_RESUME_HEAD_BYTES : sizeof key->once);
}

void rudp_handshake_own_params(struct rudp_conn *conn, struct rudp_params *params)
{
	*params = (struct rudp_params){
		.source_id = conn->id,
		.window_bytes = rudp_recvbuf_window_end(&conn->recvbuf),
		.datagram_max_bytes = RUDP_DATAGRAM_MAX_BYTES,
		.ack_delay_max_ns = RUDP_ACK_DELAY_MAX_NS,
		.takes_repairs = true,
		.takes_short_ids = true,
		.takes_key_shares = true,
		.takes_spare_ids = true,
	};
	rudp_recvbuf_on_window_sent(&conn->recvbuf, params->window_bytes);
	rudp_reset_token_make(conn->ep->config.reset_secret, conn->id,
			      rudp_addr_port(&conn->first_local), params->reset_token);
}

void rudp_handshake_take_params(struct rudp_conn *conn, const struct rudp_params *params)
{
	conn->peer_id = params->source_id;
	conn->peer_window_end = params->window_bytes;
	conn->peer_ack_delay_ns = params->ack_delay_max_ns;
	conn->peer_datagram_bytes = params->datagram_max_bytes;
	conn->peer_takes_repairs = params->takes_repairs;
	conn->peer_takes_short_ids = params->takes_short_ids;
	conn->peer_takes_key_shares = params->takes_key_shares;
	conn->peer_takes_spare_ids = params->takes_spare_ids;
	memcpy(conn->peer_reset_token, params->reset_token, sizeof conn->peer_reset_token);
}

/* Whether this side proves a static key in the handshake. */
static bool needs_own_static(uint8_t flags, bool initiator)
{
	return flags & (initiator ? RUDP_SYN_OWN_KEY : RUDP_SYN_TO_KEY | RUDP_SYN_ASK_KEY);
}

int rudp_handshake_start_noise(struct rudp_conn *conn, struct rudp_noise *noise, bool initiator,
			       uint64_t source_id, uint16_t target_port, const struct rudp_psk *psk)
{
	uint8_t prologue[RUDP_SYN_HEADER_BYTES];
	struct rudp_noise_setup setup = {
		.pattern = rudp_handshake_pattern(conn->syn_flags),
		.initiator = initiator,
		.cipher = rudp_cipher_of(conn->suite),
		.psk = psk->bytes,
		.remote_static = initiator ? conn->handshake->peer_key : NULL,
		.prologue = prologue,
		.prologue_len = sizeof prologue,
	};

	conn->credentials = (struct rudp_credentials){.psk_id = psk->id};
	if (needs_own_static(conn->syn_flags, initiator)) {
		setup.own_static = rudp_endpoint_static_key(conn->ep);
		if (!setup.own_static)
			return -ENOMEM;
		conn->credentials.has_own_key = true;
	}
	rudp_packet_write_prologue(prologue, conn->suite, conn->syn_flags, source_id, target_port);
	rudp_noise_start(noise, &setup);
	return 0;
}

void rudp_handshake_take_peer_key(struct rudp_conn *conn, const struct rudp_noise *noise,
				  bool lasts)
{
	if (!noise->has_remote_static)
		return;
	conn->credentials.has_peer_key = true;
	conn->credentials.peer_key_lasts = lasts;
	memcpy(conn->credentials.peer_key, noise->remote_static, sizeof conn->credentials.peer_key);
}

int rudp_handshake_give_noise_key(struct rudp_conn *conn, struct rudp_noise *noise)
{
	struct rudp_x25519 ephemeral;

	if (rudp_endpoint_take_key(conn->ep, &ephemeral) < 0)
		return -ENOMEM;
	rudp_noise_give_key(noise, &ephemeral);
	return 0;
}

bool rudp_handshake_makes_association(uint8_t flags)
{
	return !(flags & RUDP_SYN_RESUME) || (flags & RUDP_SYN_DH);
}

int rudp_handshake_start_keys(struct rudp_conn *conn, const struct rudp_resume_keys *keys)
{
	const uint8_t *own = conn->initiator ? keys->initiator : keys->listener;
	const uint8_t *peers = conn->initiator ? keys->listener : keys->initiator;
	int rc = rudp_keys_init(&conn->keys, rudp_cipher_of(conn->suite), own, peers);

	conn->has_keys = rc == 0;
	memcpy(conn->channel_binding, keys->channel_binding, sizeof conn->channel_binding);
	return rc;
}

void rudp_handshake_end_noise(const struct rudp_noise *noise, struct rudp_resume_keys *keys)
{
	rudp_noise_split(noise, noise->initiator ? keys->initiator : keys->listener,
			 noise->initiator ? keys->listener : keys->initiator);
	rudp_noise_export(noise, FRESH_LABEL, keys->secrets.fresh);
	rudp_noise_export(noise, LASTING_LABEL, keys->secrets.lasting);
	rudp_noise_export(noise, BINDING_LABEL, keys->channel_binding);
}

void rudp_handshake_observe(struct rudp_conn *conn, const struct rudp_packet *packet, size_t bytes)
{
	rudp_conn_observe_packet(
		conn, RUDP_FACT_PACKET_RECEIVED,
		&(struct rudp_fact_packet){.type = packet->type, .size_bytes = bytes});
}
