/* SPDX-License-Identifier: MIT */
/*
 * Checks the example handshake of docs/protocol.md appendix A: the code sends what the document
 * prints.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/hash.h"
#include "proto/conn/conn_keys.h"
#include "proto/conn/conn_private.h"
#include "proto/crypto/keys.h"
#include "proto/crypto/noise_begin.h"
#include "proto/crypto/resume.h"
#include "proto/wire/frame.h"

#define CHECK_BYTES 8
#define SYN_BYTES RUDP_DATAGRAM_MIN_SYN_BYTES
#define SYN_MESSAGE_BYTES (SYN_BYTES - RUDP_SYN_HEADER_BYTES - CHECK_BYTES)
#define PORT 80

static const uint64_t initiator_id = UINT64_C(0x0102030405060708);
static const uint64_t listener_id = UINT64_C(0x1112131415161718);

struct example {
	struct rudp_noise initiator, listener;
	uint8_t syn[SYN_BYTES];
	uint8_t synack[256];
	size_t synack_bytes;
};

static bool is_hex(const uint8_t *bytes, size_t len, const char *expected)
{
	char text[3];

	if (strlen(expected) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		snprintf(text, sizeof text, "%02x", bytes[i]);
		if (memcmp(text, expected + 2 * i, 2) != 0)
			return false;
	}
	return true;
}

static size_t write_params(uint8_t *out, size_t cap, uint64_t id, uint8_t token_byte)
{
	struct rudp_params params = {
		.source_id = id,
		.window_bytes = 524288,
		.datagram_max_bytes = 65507,
		.ack_delay_max_ns = 25 * RUDP_NS_PER_MS,
	};
	struct rudp_writer w = rudp_writer(out, cap);

	memset(params.reset_token, token_byte, sizeof params.reset_token);
	cr_assert(eq(int, rudp_params_write(&w, &params), true));
	return rudp_writer_len(&w);
}

static void start(struct rudp_noise *noise, bool initiator, uint8_t ephemeral_byte)
{
	static const uint8_t zero_psk[RUDP_KEY_BYTES];
	uint8_t prologue[RUDP_SYN_HEADER_BYTES];
	uint8_t ephemeral[RUDP_NOISE_DH_BYTES];

	memset(ephemeral, ephemeral_byte, sizeof ephemeral);
	rudp_packet_write_prologue(prologue, RUDP_SUITE_AES_256_GCM, 0, initiator_id, PORT);
	cr_assert(eq(int,
		     noise_begin(noise,
				 &(struct rudp_noise_setup){.initiator = initiator,
							    .cipher = RUDP_CIPHER_AES_256_GCM,
							    .psk = zero_psk,
							    .prologue = prologue,
							    .prologue_len = sizeof prologue},
				 ephemeral),
		     0));
}

static void make_syn(struct example *e)
{
	static const uint8_t zero_key[16];
	uint8_t payload[SYN_MESSAGE_BYTES - RUDP_NOISE_DH_BYTES - RUDP_AEAD_TAG_BYTES] = {0};
	struct rudp_writer check = rudp_writer(e->syn + sizeof e->syn - CHECK_BYTES, CHECK_BYTES);
	size_t head = rudp_packet_write_syn(e->syn, RUDP_SUITE_AES_256_GCM, 0, initiator_id, PORT,
					    NULL, 0);

	write_params(payload, sizeof payload, initiator_id, 0xaa);
	cr_assert(eq(int,
		     rudp_noise_write(&e->initiator, payload, sizeof payload, e->syn + head,
				      sizeof e->syn - head),
		     SYN_MESSAGE_BYTES));
	rudp_write_u64(&check, rudp_siphash(zero_key, e->syn, sizeof e->syn - CHECK_BYTES));
}

static void make_synack(struct example *e)
{
	uint8_t received[SYN_MESSAGE_BYTES], payload[128];
	size_t head = rudp_packet_write_synack(e->synack, RUDP_SUITE_AES_256_GCM, 0, initiator_id);
	size_t len = write_params(payload, sizeof payload, listener_id, 0xbb);
	int message_bytes;

	cr_assert(ge(int,
		     rudp_noise_read(&e->listener, e->syn + RUDP_SYN_HEADER_BYTES,
				     SYN_MESSAGE_BYTES, received, sizeof received),
		     1));
	message_bytes = rudp_noise_write(&e->listener, payload, len, e->synack + head,
					 sizeof e->synack - head);
	cr_assert(ge(int, message_bytes, 1));
	e->synack_bytes = head + (size_t)message_bytes;
	cr_assert(ge(int,
		     rudp_noise_read(&e->initiator, e->synack + head, (size_t)message_bytes,
				     received, sizeof received),
		     1));
}

static void make_example(struct example *e)
{
	start(&e->initiator, true, 0x11);
	start(&e->listener, false, 0x22);
	make_syn(e);
	make_synack(e);
}

static void drop_example(struct example *e)
{
	rudp_noise_fini(&e->initiator);
	rudp_noise_fini(&e->listener);
}

Test(examples, syn_is_as_printed)
{
	struct example e;

	make_example(&e);
	cr_assert(is_hex(e.syn, 112,
			 "10020100010203040506070800500000"
			 "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13"
			 "ff442e375c84b06d258e789ff0432a0cc36fa2a41f778e4a015f8e6224f3c5fe"
			 "7c2c6a41a89d5ae2e9551d7e1338c17f0d65cbb8ee9ac71e15eb9a0fe78969bf"));
	cr_assert(is_hex(e.syn + SYN_BYTES - CHECK_BYTES - RUDP_TAG_BYTES,
			 RUDP_TAG_BYTES + CHECK_BYTES,
			 "c85fe70c64bdf4a73af8846835f4844d"
			 "c8e57185f9beb14f"));
	drop_example(&e);
}

Test(examples, synack_is_as_printed)
{
	struct example e;

	make_example(&e);
	cr_assert(is_hex(e.synack, e.synack_bytes,
			 "200201000102030405060708"
			 "0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20"
			 "fecdc4c9b6f3c1e9bd262821b1254b04e3cad0566cde32f2ce2c9507653ea401"
			 "3188ff963e22d2ec2bb1a1b3ace8"
			 "acf4da13c515ffe9d99520defd2f0b50"));
	drop_example(&e);
}

static size_t write_hello(uint8_t *out, size_t cap)
{
	struct rudp_range syn = {0, 1};
	struct rudp_range_set received = {.ranges = &syn, .count = 1};
	struct rudp_writer w = rudp_writer(out, cap);

	rudp_frame_write_ack(&w, &received, 0, NULL);
	rudp_frame_write_stream_head(&w, 0, 5, false);
	rudp_write_bytes(&w, "hello", 5);
	return rudp_writer_len(&w);
}

Test(examples, first_data_packet_is_as_printed)
{
	struct example e;
	uint8_t send_key[RUDP_KEY_BYTES], receive_key[RUDP_KEY_BYTES];
	uint8_t frames[32], packet[64];
	struct iovec in = {frames, write_hello(frames, sizeof frames)};
	size_t len = rudp_packet_write_data(packet, false, listener_id, 1);
	struct rudp_keys keys;

	make_example(&e);
	rudp_noise_split(&e.initiator, send_key, receive_key);
	cr_assert(is_hex(send_key, sizeof send_key,
			 "02853d43dcc480edb7dacf8fe0dcb8cd556da830947a41154b9a881795edb9c1"));
	cr_assert(is_hex(receive_key, sizeof receive_key,
			 "60e84f25aeb0548e67f03626002f2cce1aeaf6fc19fb6c1e9e477651ccf7c382"));
	cr_assert(is_hex(frames, in.iov_len, "02000000000400000568656c6c6f"));
	cr_assert(
		eq(int, rudp_keys_init(&keys, RUDP_CIPHER_AES_256_GCM, send_key, receive_key), 0));
	len += rudp_keys_seal(&keys, 1, packet, len, &in, 1, packet + len);
	cr_assert(is_hex(packet, len,
			 "40111213141516171800000001"
			 "97c1358c9883e03b88270b72c6bc"
			 "a05c093a3c333ff55a2e01f37329160b"));
	rudp_keys_fini(&keys);
	drop_example(&e);
}

/* The packet has number 5, to which the offset of the id is added. */
Test(examples, spare_id_and_a_packet_to_it_are_as_printed)
{
	static const uint8_t ping[] = {RUDP_FRAME_PING};
	struct example e;
	struct rudp_spare_id spare = {
		.number = 1, .id = UINT64_C(0x3132333435363738), .number_offset = 0xfffffffe};
	uint8_t send_key[RUDP_KEY_BYTES], receive_key[RUDP_KEY_BYTES];
	uint8_t frame[32], packet[64];
	struct rudp_writer w = rudp_writer(frame, sizeof frame);
	struct iovec in = {(void *)(uintptr_t)ping, sizeof ping};
	size_t len = rudp_packet_write_data(packet, false, spare.id, 5 + spare.number_offset);
	struct rudp_keys keys;

	memset(spare.reset_token, 0xcc, sizeof spare.reset_token);
	cr_assert(rudp_frame_write_spare_id(&w, &spare));
	cr_assert(is_hex(frame, rudp_writer_len(&w),
			 "10013132333435363738ccccccccccccccccccccccccccccccccfffffffe"));
	make_example(&e);
	rudp_noise_split(&e.initiator, send_key, receive_key);
	cr_assert(
		eq(int, rudp_keys_init(&keys, RUDP_CIPHER_AES_256_GCM, send_key, receive_key), 0));
	len += rudp_keys_seal(&keys, 5, packet, len, &in, 1, packet + len);
	cr_assert(is_hex(packet, len,
			 "403132333435363738000000038aa7330b9e2a661430e5e0e6dfe7fcbdac"));
	rudp_keys_fini(&keys);
	drop_example(&e);
}

/*
 * The next connection of the same endpoints under the association of the first, without and with
 * DH.
 */
struct resumed_example {
	struct rudp_resume initiator, listener;
	struct rudp_resume_keys keys;
	struct rudp_resume_secrets secrets;
	uint8_t syn[SYN_BYTES];
	uint8_t synack[256];
	size_t synack_bytes;
};

static void derive_secrets(struct rudp_resume_secrets *secrets)
{
	struct example e;

	make_example(&e);
	rudp_noise_export(&e.initiator, "rudp association, fresh", secrets->fresh);
	rudp_noise_export(&e.initiator, "rudp association, lasting", secrets->lasting);
	drop_example(&e);
}

static void start_resumed(struct rudp_resume *resume, bool with_dh, uint8_t ephemeral_byte)
{
	uint8_t private_key[RUDP_X25519_BYTES];
	struct rudp_x25519 ephemeral;

	rudp_resume_init(resume, RUDP_CIPHER_AES_256_GCM, with_dh);
	if (!with_dh)
		return;
	memset(private_key, ephemeral_byte, sizeof private_key);
	cr_assert(eq(int, rudp_x25519_init(&ephemeral, private_key), 0));
	rudp_resume_give_key(resume, &ephemeral);
}

static void make_resumed(struct resumed_example *r, bool with_dh)
{
	static const uint8_t zero_key[16];
	uint8_t payload[SYN_BYTES] = {0}, received[SYN_BYTES], random[RUDP_RESUME_FRESH_BYTES];
	uint8_t prologue[RUDP_SYN_HEADER_BYTES];
	uint8_t flags = RUDP_SYN_RESUME | (with_dh ? RUDP_SYN_DH : 0);
	struct rudp_writer check = rudp_writer(r->syn + SYN_BYTES - CHECK_BYTES, CHECK_BYTES);
	const uint8_t *secret = with_dh ? r->secrets.lasting : r->secrets.fresh;
	size_t head = rudp_packet_write_syn(r->syn, 1, flags, initiator_id, PORT, NULL, 0), len;

	derive_secrets(&r->secrets);
	start_resumed(&r->initiator, with_dh, 0x33);
	start_resumed(&r->listener, with_dh, 0x44);
	memset(random, 0x55, sizeof random);
	rudp_packet_write_prologue(prologue, 1, flags, initiator_id, PORT);
	write_params(payload, sizeof payload, initiator_id, 0xaa);
	len = SYN_MESSAGE_BYTES - rudp_resume_syn_overhead_bytes(with_dh);
	cr_assert(eq(int,
		     rudp_resume_write_syn(&r->initiator, secret, prologue,
					   UINT64_C(0x2122232425262728), 5, payload, len,
					   r->syn + head),
		     SYN_MESSAGE_BYTES));
	rudp_write_u64(&check, rudp_siphash(zero_key, r->syn, SYN_BYTES - CHECK_BYTES));
	cr_assert(eq(int,
		     rudp_resume_read_syn(&r->listener, secret, prologue, r->syn + head,
					  SYN_MESSAGE_BYTES, received),
		     (int)len));
	head = rudp_packet_write_synack(r->synack, 1, flags, initiator_id);
	len = write_params(payload, sizeof payload, listener_id, 0xbb);
	r->synack_bytes =
		head + (size_t)rudp_resume_write_synack(&r->listener, r->synack, random, payload,
							len, r->synack + head, &r->keys);
}

static void drop_resumed(struct resumed_example *r)
{
	rudp_resume_fini(&r->initiator);
	rudp_resume_fini(&r->listener);
}

Test(examples, association_is_as_printed)
{
	struct rudp_resume_secrets secrets;

	derive_secrets(&secrets);
	cr_assert(is_hex(secrets.fresh, sizeof secrets.fresh,
			 "d51b60c84e8b864f5f1a9d9a6627e112f5f5586c6819031852882d38622f2769"));
	cr_assert(is_hex(secrets.lasting, sizeof secrets.lasting,
			 "7088e2488c6052e769cd28b5ed1485fce390fd87bba2d93e8122657665fc3b8f"));
}

/* The parts that docs/protocol.md prints: the SYN's beginning and end, the SYNACK, two keys. */
struct printed {
	size_t syn_bytes;
	const char *syn, *syn_end, *synack, *initiator, *listener;
};

static void expect_printed(const struct resumed_example *r, const struct printed *printed)
{
	const size_t end_bytes = RUDP_TAG_BYTES + CHECK_BYTES;

	cr_assert(is_hex(r->syn, printed->syn_bytes, printed->syn));
	cr_assert(is_hex(r->syn + SYN_BYTES - end_bytes, end_bytes, printed->syn_end));
	cr_assert(is_hex(r->synack, r->synack_bytes, printed->synack));
	cr_assert(is_hex(r->keys.initiator, RUDP_KEY_BYTES, printed->initiator));
	cr_assert(is_hex(r->keys.listener, RUDP_KEY_BYTES, printed->listener));
}

Test(examples, resumed_handshake_is_as_printed)
{
	static const struct printed printed = {
		.syn_bytes = 64,
		.syn = "10020101010203040506070800500000"
		       "21222324252627280000000000000005"
		       "2dcda377122fef36b42630c8400a3e38a1227ebd5c79cd90dd57e7cb17d86251",
		.syn_end = "8d1cf04f8173e7ee88c7476f5466838a"
			   "92fb2504954c07a8",
		.synack = "200201010102030405060708"
			  "5555555555555555555555555555555555555555555555555555555555555555"
			  "4aa77ee7474219a938969c060dcf60789a499610d9ae8141313690d82d2bc67b"
			  "8f416f8d40ef08bd10aeab28f0bf"
			  "991af84f5aa1ba8eb526b4733e8b4e7f",
		.initiator = "b815f7f9bdeee158467870ee8821f3d0bb3bfeb4b37cc0a2310bce96f65077db",
		.listener = "d4dae4c2f95c613a1db754e86f241858e9aaf22ee2f4e5228e3a425202c3e5c9",
	};
	struct resumed_example r;

	make_resumed(&r, false);
	expect_printed(&r, &printed);
	drop_resumed(&r);
}

Test(examples, resumed_handshake_with_dh_is_as_printed)
{
	static const struct printed printed = {
		.syn_bytes = 96,
		.syn = "10020103010203040506070800500000"
		       "21222324252627280000000000000005"
		       "7b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b14"
		       "c94752b0f2d9c7192b62aaf8f86a5dbc97a4ad25c4549f9814e0488e3603260a",
		.syn_end = "f1b9afe5d650d09584d33831442a7763"
			   "e56d5b727ac976a2",
		.synack = "200201030102030405060708"
			  "ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b"
			  "06e34299a23c1b768446e2868f49e1c6aa365772a9e1fa0e077e640164702ac5"
			  "d4adbf42f50152981370fcec88a0"
			  "e12512369e759835f1538928877e0883",
		.initiator = "55f9abe26a1ffe6be499040b40903e81cc6ed6624c84a91f98741e6dd9e49b3d",
		.listener = "1007adf7c0ada1b545a6d2e261ea9c1405145fd8359b9b14f8cd6ecbe6da82ab",
	};
	struct resumed_example r;

	make_resumed(&r, true);
	expect_printed(&r, &printed);
	cr_assert(is_hex(r.keys.secrets.fresh, RUDP_KEY_BYTES,
			 "b90fedbb0fec6f00c1e0e8fed13bd3cb4a2af51519bc0759bb168516c2f3a089"));
	cr_assert(is_hex(r.keys.secrets.lasting, RUDP_KEY_BYTES,
			 "0e864f0138a5831e65ca1fea450fbe3acb52db6186e8957e8950f1748b165597"));
	drop_resumed(&r);
}

static void start_share(struct rudp_key_exchange *exchange, uint8_t private_byte, bool is_asking)
{
	uint8_t private_key[RUDP_X25519_BYTES];

	*exchange = (struct rudp_key_exchange){.is_asking = is_asking};
	memset(private_key, private_byte, sizeof private_key);
	cr_assert(zero(int, rudp_x25519_init(&exchange->own, private_key)));
	memcpy(exchange->own_public, exchange->own.public_key, sizeof exchange->own_public);
}

static void expect_next_key(const uint8_t *key, const uint8_t *secret, const char *next)
{
	struct rudp_keys keys;

	cr_assert(zero(int, rudp_keys_init(&keys, RUDP_CIPHER_AES_256_GCM, key, key)));
	rudp_keys_mix(&keys, secret);
	cr_assert(zero(int, rudp_keys_update(&keys, 1)));
	cr_assert(is_hex(keys.send_key, sizeof keys.send_key, next));
	rudp_keys_fini(&keys);
}

/* The expected values were computed by other software. */
Test(examples, fresh_keys_are_as_printed)
{
	struct rudp_key_exchange initiator, listener;
	uint8_t keys[2][RUDP_KEY_BYTES];
	struct example e;

	make_example(&e);
	rudp_noise_split(&e.initiator, keys[0], keys[1]);
	start_share(&initiator, 0x33, true);
	start_share(&listener, 0x44, false);
	memcpy(initiator.peer_public, listener.own_public, sizeof initiator.peer_public);
	memcpy(listener.peer_public, initiator.own_public, sizeof listener.peer_public);
	cr_assert(zero(int, rudp_key_exchange_make_secret(&initiator)));
	cr_assert(zero(int, rudp_key_exchange_make_secret(&listener)));
	cr_assert(zero(int, memcmp(initiator.secret, listener.secret, sizeof initiator.secret)));
	cr_assert(is_hex(initiator.secret, sizeof initiator.secret,
			 "b2f68f572ad67532ab7b71f3252efa6a2f0568f327c3eba6665d57a0b693e0ab"));
	expect_next_key(keys[0], initiator.secret,
			"1029df1156f2b16dccf81be751d5606d79eac425fbd6fec9b248371a9915b713");
	expect_next_key(keys[1], initiator.secret,
			"2a89a57f9c3293f61d44e9328709b26c486068c60393f0073c469f21dda91521");
	rudp_x25519_fini(&initiator.own);
	rudp_x25519_fini(&listener.own);
	drop_example(&e);
}
