/* SPDX-License-Identifier: MIT */
/*
 * fuzz_noise - both roles of the handshake reading what anybody may send.
 *
 * Input    one byte of options (cipher, psk, which side reads, mode, pattern), then what the mode
 *          takes:
 *	ARBITRARY  the message itself, to the role that reads it
 *	DAMAGED    patches to a good message: pairs of place (2 bytes) and what to flip there (1)
 *	RESIZED    the new length of a good message (2 bytes), then what fills it up
 * Finding  a crash, a payload beyond its buffer, a changed message that authenticates, a handshake
 *          that continues after an error, a good message that is refused.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/noise_begin.h"

#define OPTION_CHACHA 1
#define OPTION_PSK 2
#define OPTION_INITIATOR 4
#define OPTION_MODE_SHIFT 3
#define MODES 3
#define OPTION_PATTERN_SHIFT 5
#define PATTERNS 5

#define MESSAGE_MAX_BYTES 2048
#define PAYLOAD_BYTES 100

enum mode { ARBITRARY, DAMAGED, RESIZED };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t psk[RUDP_KEY_BYTES] = {1, 2, 3};
static const uint8_t private_keys[2][RUDP_NOISE_DH_BYTES] = {{4, 5, 6}, {7, 8, 9}};
static const uint8_t static_keys[2][RUDP_NOISE_DH_BYTES] = {{10, 11, 12}, {13, 14, 15}};
static const uint8_t payload[PAYLOAD_BYTES] = {'p'};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static enum rudp_noise_pattern pattern_of(uint8_t options)
{
	return (enum rudp_noise_pattern)((options >> OPTION_PATTERN_SHIFT) % PATTERNS);
}

static void start(struct rudp_noise *noise, bool initiator, uint8_t options)
{
	enum rudp_cipher cipher =
		options & OPTION_CHACHA ? RUDP_CIPHER_CHACHA20_POLY1305 : RUDP_CIPHER_AES_256_GCM;

	struct rudp_x25519 statics[2];
	struct rudp_noise_setup setup = {
		.pattern = pattern_of(options),
		.initiator = initiator,
		.cipher = cipher,
		.psk = options & OPTION_PSK ? psk : NULL,
		.own_static = &statics[initiator],
		.remote_static = statics[!initiator].public_key,
		.prologue = "fuzz",
		.prologue_len = 4,
	};

	for (int i = 0; i < 2; i++)
		require(rudp_x25519_init(&statics[i], static_keys[i]) == 0);
	require(noise_begin(noise, &setup, private_keys[initiator]) == 0);
	rudp_x25519_fini(&statics[0]);
	rudp_x25519_fini(&statics[1]);
}

/* Brings reader to where it reads; returns the length of the good message that it waits for. */
static size_t prepare(struct rudp_noise *reader, uint8_t options, uint8_t *good)
{
	bool initiator = options & OPTION_INITIATOR;
	struct rudp_noise writer;
	uint8_t first[MESSAGE_MAX_BYTES], out[MESSAGE_MAX_BYTES];
	int len;

	start(reader, initiator, options);
	start(&writer, !initiator, options);
	if (initiator) {
		len = rudp_noise_write(reader, NULL, 0, first, sizeof first);
		require(len > 0);
		require(rudp_noise_read(&writer, first, (size_t)len, out, sizeof out) == 0);
	}
	len = rudp_noise_write(&writer, payload, sizeof payload, good, MESSAGE_MAX_BYTES);
	require(len > 0);
	rudp_noise_fini(&writer);
	return (size_t)len;
}

/* A copy of exact size, so that the sanitizer sees a byte too many read or written. */
static int read_exactly(struct rudp_noise *reader, const uint8_t *message, size_t len)
{
	uint8_t *in = malloc(len ? len : 1);
	uint8_t *out = malloc(len ? len : 1);
	int rc;

	require(in && out);
	if (len > 0)
		memcpy(in, message, len);
	rc = rudp_noise_read(reader, in, len, out, len);
	require(rc <= (int)len);
	free(in);
	free(out);
	return rc;
}

static void go_on(struct rudp_noise *reader, int rc)
{
	uint8_t message[MESSAGE_MAX_BYTES];
	uint8_t keys[2][RUDP_KEY_BYTES];
	int written;

	if (rc < 0) {
		require(rc == -EBADMSG);
		require(rudp_noise_read(reader, message, 0, message, 0) == -EINVAL);
		require(rudp_noise_write(reader, NULL, 0, message, sizeof message) == -EINVAL);
		return;
	}
	if (!reader->initiator) {
		size_t overhead = rudp_noise_overhead_bytes(reader);

		written =
			rudp_noise_write(reader, payload, sizeof payload, message, sizeof message);
		require(written == -EBADMSG || /* a point of low order */
			written == PAYLOAD_BYTES + (int)overhead);
		if (written < 0)
			return;
	}
	rudp_noise_split(reader, keys[0], keys[1]);
	require(memcmp(keys[0], keys[1], sizeof keys[0]) != 0);
}

static size_t damage(uint8_t *message, size_t len, const uint8_t *data, size_t size)
{
	for (; size >= 3; data += 3, size -= 3)
		message[(size_t)(data[0] << 8 | data[1]) % len] ^= data[2];
	return len;
}

static size_t resize(uint8_t *message, size_t len, const uint8_t *data, size_t size)
{
	size_t new_len;

	if (size < 2)
		return len;
	new_len = (size_t)(data[0] << 8 | data[1]) % (MESSAGE_MAX_BYTES + 1);
	data += 2;
	size -= 2;
	for (size_t i = len; i < new_len; i++)
		message[i] = size > 0 ? data[i % size] : 0;
	return new_len;
}

/*
 * Without a psk the first message of NN, NX and XX is sealed under nothing: any that is long enough
 * is a good one.
 */
static bool is_sealed(uint8_t options)
{
	enum rudp_noise_pattern pattern = pattern_of(options);

	return (options & (OPTION_PSK | OPTION_INITIATOR)) || pattern == RUDP_NOISE_NK ||
	       pattern == RUDP_NOISE_IK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t good[MESSAGE_MAX_BYTES], message[MESSAGE_MAX_BYTES] = {0};
	struct rudp_noise reader;
	size_t good_len, len;
	uint8_t options;
	bool is_good;
	int rc;

	if (size == 0)
		return 0;
	options = *data++;
	size--;
	good_len = len = prepare(&reader, options, good);
	memcpy(message, good, good_len);
	switch ((enum mode)((options >> OPTION_MODE_SHIFT) % MODES)) {
	case ARBITRARY:
		len = size < sizeof message ? size : sizeof message;
		memcpy(message, data, len);
		break;
	case DAMAGED:
		len = damage(message, len, data, size);
		break;
	case RESIZED:
		len = resize(message, len, data, size);
		break;
	}
	rc = read_exactly(&reader, message, len);
	is_good = len == good_len && memcmp(message, good, len) == 0;
	if (is_good)
		require(rc == PAYLOAD_BYTES);
	else if (is_sealed(options))
		require(rc < 0);
	go_on(&reader, rc);
	rudp_noise_fini(&reader);
	return 0;
}
