/* SPDX-License-Identifier: MIT */
/* docs/protocol.md section 6.7. */
#include "proto/crypto/resume.h"

#include <errno.h>
#include <string.h>

#include "base/wire.h"
#include "proto/crypto/noise.h"

/* Prefix of the data hashed under a secret. Each derived key uses one more byte, below. */
static const char label[] = "rudp resume";
#define LABEL_BYTES (sizeof label - 1)

static const char spent_label[] = "rudp spent";
#define SPENT_LABEL_BYTES (sizeof spent_label - 1)

#define SYN_KEY 1 /* derived from the chain of the SYN, like SYNACK_CHAIN */
#define SYNACK_CHAIN 2
#define SYNACK_KEY 1 /* derived from the chain of the SYNACK, like those below */
#define INITIATOR_KEY 2
#define LISTENER_KEY 3
#define FRESH_SECRET 4
#define LASTING_SECRET 5
#define CHANNEL_BINDING 6

#define HEAD_MAX_BYTES (RUDP_RESUME_HEAD_BYTES + RUDP_X25519_BYTES)
#define CONTEXT_MAX_BYTES (LABEL_BYTES + RUDP_SYN_HEADER_BYTES + HEAD_MAX_BYTES)

static size_t head_bytes(bool with_dh)
{
	return RUDP_RESUME_HEAD_BYTES + (with_dh ? RUDP_X25519_BYTES : 0);
}

size_t rudp_resume_syn_overhead_bytes(bool with_dh)
{
	return head_bytes(with_dh) + RUDP_AEAD_TAG_BYTES;
}

void rudp_resume_read_head(const uint8_t *message, uint64_t *association_id, uint64_t *counter)
{
	struct rudp_reader reader = rudp_reader(message, RUDP_RESUME_HEAD_BYTES);

	*association_id = rudp_read_u64(&reader);
	*counter = rudp_read_u64(&reader);
}

void rudp_resume_init(struct rudp_resume *resume, enum rudp_cipher cipher, bool with_dh)
{
	*resume = (struct rudp_resume){.cipher = cipher, .with_dh = with_dh};
}

void rudp_resume_give_key(struct rudp_resume *resume, struct rudp_x25519 *ephemeral)
{
	resume->ephemeral = *ephemeral;
	*ephemeral = (struct rudp_x25519){0};
}

void rudp_resume_fini(struct rudp_resume *resume)
{
	rudp_x25519_fini(&resume->ephemeral);
	rudp_wipe(resume, sizeof *resume);
}

void rudp_resume_prove_spent(const uint8_t lasting[RUDP_RESUME_SECRET_BYTES],
			     struct rudp_spent *spent)
{
	uint8_t bytes[SPENT_LABEL_BYTES + 16], mac[RUDP_SHA256_BYTES];
	struct rudp_writer writer = rudp_writer(bytes, sizeof bytes);

	rudp_write_bytes(&writer, spent_label, SPENT_LABEL_BYTES);
	rudp_write_u64(&writer, spent->association_id);
	rudp_write_u64(&writer, spent->counter);
	rudp_hmac_sha256(lasting, RUDP_RESUME_SECRET_BYTES, bytes, sizeof bytes, mac);
	memcpy(spent->proof, mac, sizeof spent->proof);
}

static void derive(const uint8_t chain[RUDP_SHA256_BYTES], uint8_t which,
		   uint8_t out[RUDP_KEY_BYTES])
{
	rudp_hmac_sha256(chain, RUDP_SHA256_BYTES, &which, 1, out);
}

/* Each key seals one message, so the nonce counter is 0. */
static int seal(enum rudp_cipher cipher, const uint8_t key[RUDP_KEY_BYTES], const uint8_t *aad,
		size_t aad_len, const uint8_t *payload, size_t len, uint8_t *out)
{
	const struct iovec in = {(void *)(uintptr_t)payload, len};
	struct rudp_aead aead;
	int rc = rudp_aead_init(&aead, cipher, true, key);

	if (rc < 0)
		return rc;
	len = rudp_aead_seal(&aead, 0, aad, aad_len, &in, 1, out);
	rudp_aead_fini(&aead);
	return (int)len;
}

static int unseal(enum rudp_cipher cipher, const uint8_t key[RUDP_KEY_BYTES], const uint8_t *aad,
		  size_t aad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	struct rudp_aead aead;
	int rc = rudp_aead_init(&aead, cipher, false, key);

	if (rc < 0)
		return rc;
	rc = rudp_aead_open(&aead, 0, aad, aad_len, in, len, out) ? (int)(len - RUDP_AEAD_TAG_BYTES)
								  : -EBADMSG;
	rudp_aead_fini(&aead);
	return rc;
}

/*
 * The plaintext part of a SYN, after the label. It is also the associated data of the sealed part.
 */
struct context {
	uint8_t bytes[CONTEXT_MAX_BYTES];
	size_t len;
};

static void context_init(struct context *context, const uint8_t prologue[RUDP_SYN_HEADER_BYTES],
			 const uint8_t *head, size_t head_len)
{
	struct rudp_writer writer = rudp_writer(context->bytes, sizeof context->bytes);

	rudp_write_bytes(&writer, label, LABEL_BYTES);
	rudp_write_bytes(&writer, prologue, RUDP_SYN_HEADER_BYTES);
	rudp_write_bytes(&writer, head, head_len);
	context->len = rudp_writer_len(&writer);
}

/* Derives the chain of this connection and the key of its SYN. */
static void start_chain(struct rudp_resume *resume, const uint8_t secret[RUDP_RESUME_SECRET_BYTES],
			const struct context *context, uint8_t key[RUDP_KEY_BYTES])
{
	rudp_hmac_sha256(secret, RUDP_RESUME_SECRET_BYTES, context->bytes, context->len,
			 resume->chain);
	derive(resume->chain, SYN_KEY, key);
}

int rudp_resume_write_syn(struct rudp_resume *resume,
			  const uint8_t secret[RUDP_RESUME_SECRET_BYTES],
			  const uint8_t prologue[RUDP_SYN_HEADER_BYTES], uint64_t association_id,
			  uint64_t counter, const uint8_t *payload, size_t payload_len,
			  uint8_t *message)
{
	size_t head = head_bytes(resume->with_dh);
	struct rudp_writer writer = rudp_writer(message, head);
	struct context context;
	uint8_t key[RUDP_KEY_BYTES];
	int rc;

	rudp_write_u64(&writer, association_id);
	rudp_write_u64(&writer, counter);
	if (resume->with_dh)
		rudp_write_bytes(&writer, resume->ephemeral.public_key, RUDP_X25519_BYTES);
	context_init(&context, prologue, message, head);
	start_chain(resume, secret, &context, key);
	rc = seal(resume->cipher, key, context.bytes + LABEL_BYTES, context.len - LABEL_BYTES,
		  payload, payload_len, message + head);
	rudp_wipe(key, sizeof key);
	if (rc < 0)
		return rc;
	memcpy(resume->syn_tag, message + head + payload_len, sizeof resume->syn_tag);
	return (int)head + rc;
}

int rudp_resume_read_syn(struct rudp_resume *resume, const uint8_t secret[RUDP_RESUME_SECRET_BYTES],
			 const uint8_t prologue[RUDP_SYN_HEADER_BYTES], const uint8_t *message,
			 size_t message_len, uint8_t *payload)
{
	size_t head = head_bytes(resume->with_dh);
	struct context context;
	uint8_t key[RUDP_KEY_BYTES];
	int rc;

	if (message_len < head + RUDP_AEAD_TAG_BYTES)
		return -EBADMSG;
	if (resume->with_dh)
		memcpy(resume->peer_public, message + RUDP_RESUME_HEAD_BYTES, RUDP_X25519_BYTES);
	context_init(&context, prologue, message, head);
	start_chain(resume, secret, &context, key);
	rc = unseal(resume->cipher, key, context.bytes + LABEL_BYTES, context.len - LABEL_BYTES,
		    message + head, message_len - head, payload);
	rudp_wipe(key, sizeof key);
	memcpy(resume->syn_tag, message + message_len - RUDP_AEAD_TAG_BYTES, RUDP_AEAD_TAG_BYTES);
	return rc;
}

#define SYNACK_CONTEXT_MAX_BYTES                                                                   \
	(1 + RUDP_AEAD_TAG_BYTES + RUDP_SYNACK_HEADER_BYTES + RUDP_RESUME_FRESH_BYTES +            \
	 RUDP_X25519_BYTES)

/*
 * Extends the chain over both messages. The tag identifies the authenticated SYN: only a holder of
 * the key could make another SYN with the same tag.
 */
static int continue_chain(const struct rudp_resume *resume,
			  const uint8_t header[RUDP_SYNACK_HEADER_BYTES],
			  const uint8_t fresh[RUDP_RESUME_FRESH_BYTES],
			  const uint8_t peer_public[RUDP_X25519_BYTES],
			  uint8_t chain[RUDP_SHA256_BYTES])
{
	uint8_t bytes[SYNACK_CONTEXT_MAX_BYTES], shared[RUDP_X25519_BYTES];
	struct rudp_writer writer = rudp_writer(bytes, sizeof bytes);
	int rc = 0;

	rudp_write_u8(&writer, SYNACK_CHAIN);
	rudp_write_bytes(&writer, resume->syn_tag, sizeof resume->syn_tag);
	rudp_write_bytes(&writer, header, RUDP_SYNACK_HEADER_BYTES);
	rudp_write_bytes(&writer, fresh, RUDP_RESUME_FRESH_BYTES);
	if (resume->with_dh) {
		rc = rudp_x25519_shared(&resume->ephemeral, peer_public, shared);
		if (rc == 0)
			rudp_write_bytes(&writer, shared, sizeof shared);
	}
	if (rc == 0)
		rudp_hmac_sha256(resume->chain, sizeof resume->chain, bytes,
				 rudp_writer_len(&writer), chain);
	rudp_wipe(shared, sizeof shared);
	rudp_wipe(bytes, sizeof bytes);
	return rc;
}

static void end_chain(const struct rudp_resume *resume, const uint8_t chain[RUDP_SHA256_BYTES],
		      struct rudp_resume_keys *keys)
{
	*keys = (struct rudp_resume_keys){0};
	derive(chain, INITIATOR_KEY, keys->initiator);
	derive(chain, LISTENER_KEY, keys->listener);
	derive(chain, CHANNEL_BINDING, keys->channel_binding);
	if (!resume->with_dh)
		return;
	derive(chain, FRESH_SECRET, keys->secrets.fresh);
	derive(chain, LASTING_SECRET, keys->secrets.lasting);
}

/* The associated data of the SYNACK: its header and the fresh bytes. */
static void write_synack_aad(uint8_t aad[RUDP_SYNACK_HEADER_BYTES + RUDP_RESUME_FRESH_BYTES],
			     const uint8_t header[RUDP_SYNACK_HEADER_BYTES],
			     const uint8_t fresh[RUDP_RESUME_FRESH_BYTES])
{
	memcpy(aad, header, RUDP_SYNACK_HEADER_BYTES);
	memcpy(aad + RUDP_SYNACK_HEADER_BYTES, fresh, RUDP_RESUME_FRESH_BYTES);
}

int rudp_resume_write_synack(const struct rudp_resume *resume,
			     const uint8_t header[RUDP_SYNACK_HEADER_BYTES],
			     const uint8_t random[RUDP_RESUME_FRESH_BYTES], const uint8_t *payload,
			     size_t payload_len, uint8_t *message, struct rudp_resume_keys *keys)
{
	const uint8_t *fresh = resume->with_dh ? resume->ephemeral.public_key : random;
	uint8_t aad[RUDP_SYNACK_HEADER_BYTES + RUDP_RESUME_FRESH_BYTES];
	uint8_t chain[RUDP_SHA256_BYTES], key[RUDP_KEY_BYTES];
	int rc = continue_chain(resume, header, fresh, resume->peer_public, chain);

	if (rc < 0)
		return rc;
	write_synack_aad(aad, header, fresh);
	memcpy(message, fresh, RUDP_RESUME_FRESH_BYTES);
	derive(chain, SYNACK_KEY, key);
	rc = seal(resume->cipher, key, aad, sizeof aad, payload, payload_len,
		  message + RUDP_RESUME_FRESH_BYTES);
	end_chain(resume, chain, keys);
	rudp_wipe(key, sizeof key);
	rudp_wipe(chain, sizeof chain);
	return rc < 0 ? rc : RUDP_RESUME_FRESH_BYTES + rc;
}

int rudp_resume_read_synack(const struct rudp_resume *resume,
			    const uint8_t header[RUDP_SYNACK_HEADER_BYTES], const uint8_t *message,
			    size_t message_len, uint8_t *payload, struct rudp_resume_keys *keys)
{
	uint8_t aad[RUDP_SYNACK_HEADER_BYTES + RUDP_RESUME_FRESH_BYTES];
	uint8_t chain[RUDP_SHA256_BYTES], key[RUDP_KEY_BYTES];
	int rc;

	if (message_len < RUDP_RESUME_SYNACK_OVERHEAD_BYTES)
		return -EBADMSG;
	rc = continue_chain(resume, header, message, message, chain);
	if (rc < 0)
		return rc;
	write_synack_aad(aad, header, message);
	derive(chain, SYNACK_KEY, key);
	rc = unseal(resume->cipher, key, aad, sizeof aad, message + RUDP_RESUME_FRESH_BYTES,
		    message_len - RUDP_RESUME_FRESH_BYTES, payload);
	if (rc >= 0)
		end_chain(resume, chain, keys);
	rudp_wipe(key, sizeof key);
	rudp_wipe(chain, sizeof chain);
	return rc;
}
