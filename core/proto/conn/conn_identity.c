/* SPDX-License-Identifier: MIT */
/* Static keys: what the sides of a connection prove with them. docs/protocol.md section 6.1. */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "proto/conn/conn_handshake.h"
#include "proto/conn/conn_identity.h"
#include "proto/conn/endpoint_private.h"

#define MAC_LABEL "rudp listener mac"

_Static_assert(RUDP_IDENTITY_PROOF_BYTES == RUDP_NOISE_STATIC_BYTES + RUDP_AEAD_TAG_BYTES,
	       "a proof is the third message of XX without payload");
_Static_assert(RUDP_STATIC_KEY_BYTES == RUDP_NOISE_DH_BYTES, "a static key is a key of Noise");

enum rudp_noise_pattern rudp_handshake_pattern(uint8_t flags)
{
	if (flags & RUDP_SYN_TO_KEY)
		return flags & RUDP_SYN_OWN_KEY ? RUDP_NOISE_IK : RUDP_NOISE_NK;
	if (flags & RUDP_SYN_ASK_KEY)
		return flags & RUDP_SYN_OWN_KEY ? RUDP_NOISE_XX : RUDP_NOISE_NX;
	return RUDP_NOISE_NN;
}

/* Both can be computed by everybody who knows the listener's public key. */
static void make_mac_key(const uint8_t public_key[RUDP_STATIC_KEY_BYTES],
			 uint8_t mac_key[RUDP_SHA256_BYTES])
{
	const struct iovec in[] = {{(void *)(uintptr_t)MAC_LABEL, sizeof MAC_LABEL - 1},
				   {(void *)(uintptr_t)public_key, RUDP_STATIC_KEY_BYTES}};

	rudp_sha256(in, 2, mac_key);
}

uint64_t rudp_syn_mac(const uint8_t public_key[RUDP_STATIC_KEY_BYTES], const uint8_t *datagram,
		      size_t len)
{
	uint8_t mac_key[RUDP_SHA256_BYTES];

	make_mac_key(public_key, mac_key);
	return rudp_siphash(mac_key, datagram, len);
}

int rudp_endpoint_set_identity(struct rudp_endpoint *ep,
			       const uint8_t private_key[RUDP_STATIC_KEY_BYTES])
{
	struct rudp_x25519 key = {0};

	if (private_key && rudp_x25519_init(&key, private_key) < 0)
		return -ENOMEM;
	rudp_x25519_fini(&ep->static_key);
	ep->static_key = key;
	ep->has_identity = private_key;
	return 0;
}

/*
 * A listener without an identity shows a key of its own making to initiators that ask for one, so
 * that no refusal has to lead an initiator to a weaker handshake.
 */
const struct rudp_x25519 *rudp_endpoint_static_key(struct rudp_endpoint *ep)
{
	if (!ep->static_key.pair && rudp_endpoint_take_key(ep, &ep->static_key) < 0)
		return NULL;
	return &ep->static_key;
}

bool rudp_conn_is_authorized(const struct rudp_conn *conn, const struct rudp_listener *listener)
{
	const struct rudp_endpoint_config *config = &conn->ep->config;

	return !config->authorize ||
	       config->authorize(config->authorize_context, conn, &conn->credentials,
				 listener ? listener->user : NULL);
}

void rudp_identity_proof_free(struct rudp_identity_proof *proof)
{
	if (!proof)
		return;
	rudp_noise_fini(&proof->noise);
	rudp_wipe(proof, sizeof *proof);
	free(proof);
}

bool rudp_conn_identity_is_awaited(const struct rudp_conn *conn)
{
	return conn->identity_proof && !conn->initiator;
}

bool rudp_conn_identity_is_due(const struct rudp_conn *conn)
{
	return conn->identity_proof && conn->identity_proof->is_due;
}

int rudp_conn_identity_prove(struct rudp_conn *conn, struct rudp_noise *noise)
{
	struct rudp_identity_proof *proof = calloc(1, sizeof *proof);
	int rc;

	if (!proof)
		return -ENOMEM;
	rc = rudp_noise_write(noise, NULL, 0, proof->message, sizeof proof->message);
	if (rc < 0) {
		rudp_identity_proof_free(proof);
		return rc;
	}
	proof->is_due = true;
	rudp_identity_proof_free(conn->identity_proof);
	conn->identity_proof = proof;
	return 0;
}

int rudp_conn_identity_await(struct rudp_conn *conn, const struct rudp_noise *noise)
{
	struct rudp_identity_proof *proof = calloc(1, sizeof *proof);

	if (!proof)
		return -ENOMEM;
	rudp_noise_copy(&proof->noise, noise);
	conn->identity_proof = proof;
	return 0;
}

static void drop_proof(struct rudp_conn *conn)
{
	rudp_identity_proof_free(conn->identity_proof);
	conn->identity_proof = NULL;
}

/* On a copy, so that a lack of memory does not spoil the handshake for the next attempt. */
static enum rudp_verdict read_proof(struct rudp_conn *conn, const uint8_t *message)
{
	struct rudp_noise noise;
	uint8_t payload[RUDP_IDENTITY_PROOF_BYTES];
	int len;

	rudp_noise_copy(&noise, &conn->identity_proof->noise);
	len = rudp_noise_read(&noise, message, RUDP_IDENTITY_PROOF_BYTES, payload, sizeof payload);
	if (len == 0)
		rudp_handshake_take_peer_key(conn, &noise, true);
	rudp_noise_fini(&noise);
	if (len == -ENOMEM)
		return RUDP_VERDICT_NO_MEMORY;
	return len == 0 ? RUDP_VERDICT_OK : RUDP_VERDICT_BAD_IDENTITY;
}

/* The program never sees this connection, the peer gets EACCES. */
static void reject(struct rudp_conn *conn, int64_t now_at_ns)
{
	conn->ep->verdicts.count[RUDP_VERDICT_NOT_AUTHORIZED]++;
	rudp_conn_reset(conn, RUDP_RESET_NOT_AUTHORIZED, now_at_ns);
	if (conn->listener)
		rudp_listener_forget(conn);
}

enum rudp_verdict rudp_conn_on_identity(struct rudp_conn *conn, const struct rudp_frame *frame,
					int64_t now_at_ns)
{
	const struct rudp_listener *listener = conn->listener;
	enum rudp_verdict verdict;

	if (conn->initiator || !(conn->syn_flags & RUDP_SYN_ASK_KEY) ||
	    !(conn->syn_flags & RUDP_SYN_OWN_KEY))
		return RUDP_VERDICT_BAD_IDENTITY;
	if (!conn->identity_proof || conn->state == RUDP_STATE_RESET_SENT)
		return RUDP_VERDICT_OK; /* a copy */
	verdict = read_proof(conn, frame->proof);
	if (verdict != RUDP_VERDICT_OK)
		return verdict;
	if (!rudp_conn_is_authorized(conn, listener)) {
		reject(conn, now_at_ns);
		drop_proof(conn);
		return RUDP_VERDICT_OK;
	}
	drop_proof(conn);
	rudp_conn_on_authenticated(conn, true, now_at_ns);
	rudp_conn_raise(conn, conn->events); /* those that were held back */
	return RUDP_VERDICT_OK;
}

void rudp_conn_identity_on_acked(struct rudp_conn *conn)
{
	drop_proof(conn);
}

void rudp_conn_identity_on_lost(struct rudp_conn *conn)
{
	if (conn->identity_proof)
		conn->identity_proof->is_due = true;
}

/* In XX authorize decides later, when the proof has arrived. */
static bool waits_for_its_program(const struct rudp_conn *conn)
{
	return conn->listener && rudp_conn_lives(conn) && !rudp_conn_identity_is_awaited(conn);
}

unsigned rudp_endpoint_withdraw_rights(struct rudp_endpoint *ep,
				       bool (*is_good)(const void *context,
						       const struct rudp_credentials *credentials),
				       const void *context, int64_t now_at_ns)
{
	unsigned count = rudp_associations_keep(&ep->associations, is_good, context);
	struct rudp_conn *conn, *next;

	HASH_ITER(hh, ep->by_short_id, conn, next) {
		if (!waits_for_its_program(conn) || rudp_conn_is_authorized(conn, conn->listener))
			continue;
		reject(conn, now_at_ns);
		count++;
	}
	return count;
}

unsigned rudp_endpoint_reset_bad(struct rudp_endpoint *ep,
				 bool (*is_bad)(void *context, const struct rudp_conn *conn),
				 void *context, int64_t now_at_ns)
{
	struct rudp_conn *conn, *next;
	unsigned count = 0;

	HASH_ITER(hh, ep->by_short_id, conn, next) {
		if (!rudp_conn_lives(conn) || !is_bad(context, conn))
			continue;
		rudp_conn_reset_for_both(conn, now_at_ns);
		count++;
	}
	return count;
}
