/* SPDX-License-Identifier: MIT */
#include "proto/crypto/keys.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "proto/crypto/noise.h"

static void wipe_bytes(struct rudp_keys *keys)
{
	rudp_wipe(keys->send_key, sizeof keys->send_key);
	rudp_wipe(keys->receive_key, sizeof keys->receive_key);
}

int rudp_keys_wake_to_send(struct rudp_keys *keys)
{
	return keys->send.context ? 0
				  : rudp_aead_init(&keys->send, keys->cipher, true, keys->send_key);
}

static int wake_to_receive(struct rudp_keys *keys)
{
	return keys->receive.context
		       ? 0
		       : rudp_aead_init(&keys->receive, keys->cipher, false, keys->receive_key);
}

static int wake(struct rudp_keys *keys)
{
	int rc = rudp_keys_wake_to_send(keys);

	return rc < 0 ? rc : wake_to_receive(keys);
}

int rudp_keys_init(struct rudp_keys *keys, enum rudp_cipher cipher,
		   const uint8_t send_key[RUDP_KEY_BYTES],
		   const uint8_t receive_key[RUDP_KEY_BYTES])
{
	int rc;

	*keys = (struct rudp_keys){.cipher = cipher};
	memcpy(keys->send_key, send_key, RUDP_KEY_BYTES);
	memcpy(keys->receive_key, receive_key, RUDP_KEY_BYTES);
	rc = wake(keys);
	if (rc < 0)
		rudp_keys_fini(keys);
	return rc;
}

bool rudp_keys_are_asleep(const struct rudp_keys *keys)
{
	return !keys->send.context && !keys->receive.context;
}

void rudp_keys_sleep(struct rudp_keys *keys)
{
	if (keys->receive_previous.context)
		return;
	rudp_aead_fini(&keys->send);
	rudp_aead_fini(&keys->receive);
	rudp_aead_fini(&keys->receive_next);
}

void rudp_keys_fini(struct rudp_keys *keys)
{
	rudp_aead_fini(&keys->send);
	rudp_aead_fini(&keys->receive);
	rudp_aead_fini(&keys->receive_previous);
	rudp_aead_fini(&keys->receive_next);
	wipe_bytes(keys);
}

bool rudp_keys_is_spent(const struct rudp_keys *keys)
{
	return keys->sent_under_key >= RUDP_KEY_PACKETS_MAX;
}

size_t rudp_keys_seal(struct rudp_keys *keys, uint64_t number, const uint8_t *header,
		      size_t header_len, const struct iovec *in, int in_count, uint8_t *out)
{
	size_t len;

	assert(keys->send.context && !rudp_keys_is_spent(keys));
	len = rudp_aead_seal(&keys->send, number, header, header_len, in, in_count, out);
	if (keys->sent_under_key++ == 0)
		keys->first_sent_number = number;
	keys->bytes_under_key += len;
	return len;
}

static void derive_next(const struct rudp_keys *keys, struct rudp_aead *aead,
			uint8_t next[RUDP_KEY_BYTES])
{
	uint8_t salt[RUDP_KEY_BYTES];

	rudp_aead_next_key(aead, next);
	if (!keys->fresh)
		return;
	memcpy(salt, next, sizeof salt);
	rudp_hmac_sha256(salt, sizeof salt, keys->fresh, RUDP_KEY_BYTES, next);
	rudp_wipe(salt, sizeof salt);
}

/* Works in place and allocates nothing, so following the peer's update cannot fail halfway. */
static void move_send(struct rudp_keys *keys)
{
	derive_next(keys, &keys->send, keys->send_key);
	rudp_aead_set_key(&keys->send, keys->send_key);
	keys->send_phase = !keys->send_phase;
	keys->sent_under_key = keys->bytes_under_key = 0;
	keys->updates++;
}

/*
 * The derived key is kept, so that a flood of packets with the wrong phase bit costs no key
 * schedule each.
 */
static int prepare_receive_next(struct rudp_keys *keys)
{
	uint8_t key[RUDP_KEY_BYTES];
	int rc;

	if (keys->receive_next.context)
		return 0;
	derive_next(keys, &keys->receive, key);
	rc = rudp_aead_init(&keys->receive_next, keys->cipher, false, key);
	rudp_wipe(key, sizeof key);
	return rc;
}

static void move_receive(struct rudp_keys *keys, uint64_t number)
{
	derive_next(keys, &keys->receive, keys->receive_key);
	rudp_aead_fini(&keys->receive_previous);
	keys->receive_previous = keys->receive;
	keys->receive = keys->receive_next;
	keys->receive_next = (struct rudp_aead){0};
	keys->receive_phase = !keys->receive_phase;
	keys->first_received_number = number;
	keys->updates++;
}

/*
 * Selects the key of a packet by its phase bit and number. The peer's packets under the previous
 * key have lower numbers than all packets under the current key; packets under the next key have
 * higher ones. Trying several keys is impossible, because opening in place destroys the input.
 */
static struct rudp_aead *claimed_key(struct rudp_keys *keys, uint64_t number, bool key_phase)
{
	if (key_phase == keys->receive_phase)
		return &keys->receive;
	return number < keys->first_received_number ? &keys->receive_previous : &keys->receive_next;
}

enum rudp_verdict rudp_keys_open(struct rudp_keys *keys, uint64_t number, bool key_phase,
				 const uint8_t *header, size_t header_len, const uint8_t *in,
				 size_t len, uint8_t *out)
{
	struct rudp_aead *key = claimed_key(keys, number, key_phase);

	if (wake_to_receive(keys) < 0)
		return RUDP_VERDICT_NO_MEMORY;
	if (key == &keys->receive_next &&
	    (rudp_keys_wake_to_send(keys) < 0 || prepare_receive_next(keys) < 0))
		return RUDP_VERDICT_NO_MEMORY;
	if (!key->context)
		/* its key is discarded; the packet may be authentic */
		return RUDP_VERDICT_AUTH_FAILED;
	if (!rudp_aead_open(key, number, header, header_len, in, len, out)) {
		keys->forgeries++;
		return RUDP_VERDICT_AUTH_FAILED;
	}
	if (key == &keys->receive && number < keys->first_received_number)
		keys->first_received_number = number;
	if (key == &keys->receive_next) {
		move_receive(keys, number);
		if (keys->send_phase != keys->receive_phase)
			move_send(keys);
		keys->exchanges += keys->fresh != NULL;
		keys->fresh = NULL;
	}
	return RUDP_VERDICT_OK;
}

/* The phases differ until the peer follows an update of this side. */
bool rudp_keys_is_unanswered(const struct rudp_keys *keys)
{
	return keys->send_phase != keys->receive_phase;
}

bool rudp_keys_are_settled(const struct rudp_keys *keys)
{
	return !rudp_keys_is_unanswered(keys) && !keys->receive_previous.context;
}

void rudp_keys_mix(struct rudp_keys *keys, const uint8_t secret[RUDP_KEY_BYTES])
{
	assert(!rudp_keys_is_unanswered(keys) && !keys->fresh);
	keys->fresh = secret;
	/* it was derived without the secret, for a forged packet */
	rudp_aead_fini(&keys->receive_next);
}

bool rudp_keys_update_due(const struct rudp_keys *keys, int64_t age_ns,
			  uint64_t largest_acked_number)
{
	bool is_used = keys->sent_under_key >= RUDP_KEY_PACKETS_DUE ||
		       keys->bytes_under_key >= RUDP_KEY_DUE_BYTES ||
		       (age_ns >= RUDP_KEY_DUE_NS && keys->sent_under_key > 0);

	return is_used && largest_acked_number != UINT64_MAX &&
	       largest_acked_number >= keys->first_sent_number && !rudp_keys_is_unanswered(keys);
}

int rudp_keys_update(struct rudp_keys *keys, uint64_t next_number)
{
	int rc;

	if (rudp_keys_is_unanswered(keys))
		return -EAGAIN;
	rc = wake(keys);
	if (rc == 0)
		rc = prepare_receive_next(keys);
	if (rc < 0)
		return rc;
	move_send(keys);
	keys->first_sent_number = next_number;
	return 0;
}

void rudp_keys_forget_previous(struct rudp_keys *keys)
{
	rudp_aead_fini(&keys->receive_previous);
}
