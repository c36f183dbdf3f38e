/* SPDX-License-Identifier: MIT */
/*
 * A resumed handshake in which the input changes, cuts or replaces one of the two messages: what is
 * not the message that was written does not authenticate, and both ends come to the same keys
 * otherwise.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/resume.h"

#define MESSAGE_MAX_BYTES 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *next;
	size_t left;
};

static uint8_t take(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->next++;
}

static void start(struct rudp_resume *resume, enum rudp_cipher cipher, bool with_dh, uint8_t byte)
{
	uint8_t private_key[RUDP_X25519_BYTES];
	struct rudp_x25519 ephemeral;

	rudp_resume_init(resume, cipher, with_dh);
	if (!with_dh)
		return;
	memset(private_key, byte, sizeof private_key);
	assert(rudp_x25519_init(&ephemeral, private_key) == 0);
	rudp_resume_give_key(resume, &ephemeral);
}

/* Another message of exactly its size, for the sanitizer; whether it is still the same one. */
static uint8_t *meddle(struct input *in, const uint8_t *message, size_t *len, bool *same)
{
	uint8_t how = take(in);
	size_t before = *len, i;
	uint8_t *copy;

	if (how % 4 == 1)
		*len = (size_t)(take(in) | take(in) << 8) % (before + 1);
	if (how % 4 == 2)
		*len = in->left < MESSAGE_MAX_BYTES ? in->left : MESSAGE_MAX_BYTES;
	copy = malloc(*len ? *len : 1);
	assert(copy);
	memcpy(copy, message, *len < before ? *len : before);
	if (how % 4 == 2)
		for (i = 0; i < *len; i++)
			copy[i] = take(in);
	if (how % 4 == 3 && *len > 0)
		copy[(size_t)(take(in) | take(in) << 8) % *len] ^= take(in);
	*same = *len == before && memcmp(copy, message, before) == 0;
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t what = take(&in);
	bool with_dh = what & 1, same;
	enum rudp_cipher cipher =
		what & 2 ? RUDP_CIPHER_CHACHA20_POLY1305 : RUDP_CIPHER_AES_256_GCM;
	size_t payload_len = what & 4 ? 1000 : 0, len;
	static const uint8_t payload[1000], random[RUDP_RESUME_FRESH_BYTES];
	uint8_t secret[32] = {what}; /* a message that was good in another run is not in this */
	uint8_t prologue[RUDP_SYN_HEADER_BYTES] = {1}, header[RUDP_SYNACK_HEADER_BYTES] = {2};
	uint8_t message[MESSAGE_MAX_BYTES], received[MESSAGE_MAX_BYTES], *copy;
	struct rudp_resume initiator, listener;
	struct rudp_resume_keys ours, theirs;
	int rc;

	start(&initiator, cipher, with_dh, 1);
	start(&listener, cipher, with_dh, 2);
	rc = rudp_resume_write_syn(&initiator, secret, prologue, 1, 2, payload, payload_len,
				   message);
	assert(rc == (int)(rudp_resume_syn_overhead_bytes(with_dh) + payload_len));
	len = (size_t)rc;
	copy = meddle(&in, message, &len, &same);
	rc = rudp_resume_read_syn(&listener, secret, prologue, copy, len, received);
	free(copy);
	assert(same ? rc == (int)payload_len : rc == -EBADMSG);
	if (!same)
		goto fini;
	rc = rudp_resume_write_synack(&listener, header, random, payload, payload_len, message,
				      &theirs);
	assert(rc > 0);
	len = (size_t)rc;
	copy = meddle(&in, message, &len, &same);
	rc = rudp_resume_read_synack(&initiator, header, copy, len, received, &ours);
	free(copy);
	assert(same ? rc == (int)payload_len : rc == -EBADMSG);
	assert(!same || memcmp(&ours, &theirs, sizeof ours) == 0);

fini:
	rudp_resume_fini(&initiator);
	rudp_resume_fini(&listener);
	return 0;
}
