/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <string.h>

#include "crypto_faults.h"
#include "proto/crypto/keys.h"

#define PLAIN_BYTES 24
#define SEALED_BYTES (PLAIN_BYTES + RUDP_AEAD_TAG_BYTES)
#define NEAR_LIMIT (RUDP_KEY_PACKETS_MAX - 1)

static const enum rudp_cipher ciphers[] = {RUDP_CIPHER_AES_256_GCM, RUDP_CIPHER_CHACHA20_POLY1305};
#define CIPHERS (sizeof ciphers / sizeof *ciphers)

struct packet {
	uint64_t number;
	bool phase;
	uint8_t header[5];
	uint8_t sealed[SEALED_BYTES];
};

struct side {
	struct rudp_keys keys;
	uint64_t next;
};

static void start(struct side sides[2], enum rudp_cipher cipher)
{
	static const uint8_t a[32] = {1}, b[32] = {2};

	sides[0].next = sides[1].next = 1;
	cr_assert(eq(int, rudp_keys_init(&sides[0].keys, cipher, a, b), 0));
	cr_assert(eq(int, rudp_keys_init(&sides[1].keys, cipher, b, a), 0));
}

static void stop(struct side sides[2])
{
	rudp_keys_fini(&sides[0].keys);
	rudp_keys_fini(&sides[1].keys);
}

static void plain_of(uint64_t number, uint8_t plain[PLAIN_BYTES])
{
	for (size_t i = 0; i < PLAIN_BYTES; i++)
		plain[i] = (uint8_t)(number * 7 + i);
}

static struct packet seal(struct side *from)
{
	struct packet packet = {.number = from->next++, .phase = from->keys.send_phase};
	uint8_t plain[PLAIN_BYTES];
	const struct iovec in = {plain, sizeof plain};

	plain_of(packet.number, plain);
	packet.header[0] = packet.phase;
	memcpy(packet.header + 1, &packet.number, sizeof packet.header - 1);
	cr_assert(eq(sz,
		     rudp_keys_seal(&from->keys, packet.number, packet.header, sizeof packet.header,
				    &in, 1, packet.sealed),
		     SEALED_BYTES));
	return packet;
}

/* Works in place, like the connection. */
static bool open(struct side *to, const struct packet *packet)
{
	uint8_t bytes[SEALED_BYTES], plain[PLAIN_BYTES];
	bool ok;

	memcpy(bytes, packet->sealed, sizeof bytes);
	ok = rudp_keys_open(&to->keys, packet->number, packet->phase, packet->header,
			    sizeof packet->header, bytes, sizeof bytes, bytes) == RUDP_VERDICT_OK;
	plain_of(packet->number, plain);
	if (ok)
		cr_assert(eq(int, memcmp(bytes, plain, sizeof plain), 0));
	return ok;
}

static void expect_open(struct side *to, const struct packet *packet)
{
	cr_assert(eq(int, open(to, packet), 1), "packet %d", (int)packet->number);
}

static void update(struct side *side)
{
	cr_assert(eq(int, rudp_keys_update(&side->keys, side->next), 0));
}

/* The state that a forged packet must not change; a derived next key is not part of it. */
static void expect_same(const struct rudp_keys *a, const struct rudp_keys *b)
{
	cr_assert(eq(ptr, a->send.context, b->send.context));
	cr_assert(eq(ptr, a->receive.context, b->receive.context));
	cr_assert(eq(ptr, a->receive_previous.context, b->receive_previous.context));
	cr_assert(eq(int, a->send_phase, b->send_phase));
	cr_assert(eq(int, a->receive_phase, b->receive_phase));
	cr_assert(eq(u64, a->sent_under_key, b->sent_under_key));
	cr_assert(eq(u64, a->first_sent_number, b->first_sent_number));
	cr_assert(eq(u64, a->first_received_number, b->first_received_number));
	cr_assert(eq(u32, a->updates, b->updates));
}

Test(keys, both_ends_follow_an_update_of_one)
{
	for (size_t c = 0; c < CIPHERS; c++) {
		struct side sides[2];
		struct packet packet;

		start(sides, ciphers[c]);
		for (int round = 0; round < 5; round++) {
			update(&sides[0]);
			packet = seal(&sides[0]);
			cr_assert(eq(int, packet.phase, round % 2 == 0));
			expect_open(&sides[1], &packet);
			packet = seal(&sides[1]);
			cr_assert(eq(int, packet.phase, round % 2 == 0));
			expect_open(&sides[0], &packet);
			cr_assert(eq(u32, sides[0].keys.updates, 2 * (uint32_t)(round + 1)));
			cr_assert(eq(u32, sides[1].keys.updates, 2 * (uint32_t)(round + 1)));
		}
		cr_assert(eq(u64, sides[0].keys.forgeries, 0));
		cr_assert(eq(u64, sides[1].keys.forgeries, 0));
		stop(sides);
	}
}

Test(keys, simultaneous_updates_of_both_ends_agree)
{
	struct packet from_a, from_b;
	struct side sides[2];

	start(sides, RUDP_CIPHER_AES_256_GCM);
	update(&sides[0]);
	update(&sides[1]);
	from_a = seal(&sides[0]);
	from_b = seal(&sides[1]);
	expect_open(&sides[1], &from_a);
	expect_open(&sides[0], &from_b);
	for (int i = 0; i < 2; i++) {
		cr_assert(eq(u32, sides[i].keys.updates, 2));
		cr_assert(eq(int, sides[i].keys.send_phase, 1));
		cr_assert(eq(int, sides[i].keys.receive_phase, 1));
		from_a = seal(&sides[i]);
		expect_open(&sides[!i], &from_a);
	}
	stop(sides);
}

Test(keys, late_packets_open_under_the_previous_key_until_forgotten)
{
	struct packet late[2], packet;
	struct side sides[2];

	start(sides, RUDP_CIPHER_AES_256_GCM);
	late[0] = seal(&sides[0]);
	late[1] = seal(&sides[0]);
	update(&sides[0]);
	packet = seal(&sides[0]);
	expect_open(&sides[1], &packet);
	expect_open(&sides[1], &late[0]);
	cr_assert(eq(int, sides[1].keys.receive_phase, 1));
	rudp_keys_forget_previous(&sides[1].keys);
	cr_assert(eq(int, open(&sides[1], &late[1]), 0));
	cr_assert(eq(u64, sides[1].keys.forgeries, 0)); /* late, not forged */
	rudp_keys_forget_previous(&sides[1].keys);
	packet = seal(&sides[0]);
	expect_open(&sides[1], &packet);
	stop(sides);
}

/* The phase bit of the previous key is also that of the next key. */
Test(keys, the_first_packets_of_a_phase_may_come_in_any_order)
{
	struct packet early[3], late, packet;
	struct side sides[2];

	start(sides, RUDP_CIPHER_AES_256_GCM);
	late = seal(&sides[0]);
	update(&sides[0]);
	for (int i = 0; i < 3; i++)
		early[i] = seal(&sides[0]);
	expect_open(&sides[1], &early[2]);
	cr_assert(eq(u64, sides[1].keys.first_received_number, early[2].number));
	expect_open(&sides[1], &early[0]);
	cr_assert(eq(u64, sides[1].keys.first_received_number, early[0].number));
	expect_open(&sides[1], &late);
	expect_open(&sides[1], &early[1]);
	packet = seal(&sides[1]);
	expect_open(&sides[0], &packet);
	update(&sides[0]);
	packet = seal(&sides[0]);
	expect_open(&sides[1], &packet);
	cr_assert(eq(u32, sides[1].keys.updates, 4));
	stop(sides);
}

Test(keys, a_forged_packet_with_the_phase_bit_flipped_changes_nothing)
{
	for (size_t c = 0; c < CIPHERS; c++) {
		struct packet good, bad;
		struct rudp_keys before;
		struct side sides[2];

		start(sides, ciphers[c]);
		good = seal(&sides[0]);
		bad = good;
		bad.phase = !bad.phase;
		bad.header[0] = bad.phase;
		before = sides[1].keys;
		for (int i = 0; i < 100; i++)
			cr_assert(eq(int, open(&sides[1], &bad), 0));
		expect_same(&sides[1].keys, &before);
		cr_assert(eq(u64, sides[1].keys.forgeries, 100));
		expect_open(&sides[1], &good);

		/* nor does it disturb the following update */
		update(&sides[0]);
		good = seal(&sides[0]);
		expect_open(&sides[1], &good);
		stop(sides);
	}
}

Test(keys, the_next_key_is_derived_only_when_it_is_needed)
{
	struct side sides[2];
	struct packet packet;

	start(sides, RUDP_CIPHER_AES_256_GCM);
	packet = seal(&sides[0]);
	expect_open(&sides[1], &packet);
	packet.sealed[0] ^= 1;
	cr_assert(eq(int, open(&sides[1], &packet), 0));
	cr_assert(eq(ptr, sides[1].keys.receive_next.context, NULL));
	update(&sides[1]);
	cr_assert(ne(ptr, sides[1].keys.receive_next.context, NULL));
	stop(sides);
}

Test(keys, an_update_waits_for_the_peer_to_follow)
{
	struct side sides[2];
	struct packet packet;

	start(sides, RUDP_CIPHER_AES_256_GCM);
	update(&sides[0]);
	cr_assert(eq(int, rudp_keys_update(&sides[0].keys, sides[0].next), -EAGAIN));
	cr_assert(eq(int, sides[0].keys.send_phase, 1));
	packet = seal(&sides[0]);
	expect_open(&sides[1], &packet);
	packet = seal(&sides[1]);
	expect_open(&sides[0], &packet);
	update(&sides[0]);
	stop(sides);
}

Test(keys, an_update_is_due_near_the_limit_once_the_last_is_acknowledged)
{
	struct side sides[2];
	struct packet packet;
	uint64_t first;

	start(sides, RUDP_CIPHER_AES_256_GCM);
	first = sides[0].next;
	packet = seal(&sides[0]);
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, first), 0));
	sides[0].keys.sent_under_key = NEAR_LIMIT;
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, UINT64_MAX), 0)); /* no ack yet */
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, first - 1), 0));
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, first), 1));

	update(&sides[0]);
	cr_assert(eq(u64, sides[0].keys.sent_under_key, 0));
	cr_assert(eq(u64, sides[0].keys.first_sent_number, sides[0].next));
	packet = seal(&sides[0]);
	sides[0].keys.sent_under_key = NEAR_LIMIT;
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, packet.number - 1), 0));
	/* An acknowledgement received under the old key is no proof. */
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, packet.number), 0));
	expect_open(&sides[1], &packet);
	packet = seal(&sides[1]);
	expect_open(&sides[0], &packet);
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, sides[0].next - 1), 1));
	stop(sides);
}

Test(keys, an_update_is_due_when_a_key_is_old_or_has_sealed_much)
{
	const int64_t old_ns = RUDP_KEY_DUE_NS;
	struct side sides[2];

	start(sides, RUDP_CIPHER_AES_256_GCM);
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, old_ns, 1), 0),
		  "nothing was sealed");
	seal(&sides[0]);
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, old_ns - 1, 0), 0));
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, old_ns, UINT64_MAX), 0));
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, old_ns, sides[0].next - 1), 1));
	sides[0].keys.bytes_under_key = RUDP_KEY_DUE_BYTES - 1;
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, sides[0].next - 1), 0));
	seal(&sides[0]);
	cr_assert(eq(int, rudp_keys_update_due(&sides[0].keys, 0, sides[0].next - 1), 1));
	stop(sides);
}

/* The side that followed counts from the first packet that it seals under the new key. */
Test(keys, the_end_that_followed_waits_for_its_own_acknowledgement)
{
	struct side sides[2];
	struct packet packet;

	start(sides, RUDP_CIPHER_AES_256_GCM);
	for (int i = 0; i < 5; i++)
		seal(&sides[1]);
	update(&sides[0]);
	packet = seal(&sides[0]);
	expect_open(&sides[1], &packet);
	packet = seal(&sides[1]);
	sides[1].keys.sent_under_key = NEAR_LIMIT;
	cr_assert(eq(int, rudp_keys_update_due(&sides[1].keys, 0, packet.number - 1), 0));
	cr_assert(eq(int, rudp_keys_update_due(&sides[1].keys, 0, packet.number), 1));
	stop(sides);
}

Test(keys, packets_and_updates_followed_cost_no_allocation_beyond_one_key)
{
	struct side sides[2];
	struct packet packet;

	start(sides, RUDP_CIPHER_AES_256_GCM);
	packet = seal(&sides[0]);
	expect_open(&sides[1], &packet);
	crypto_faults_arm(0);
	for (int i = 0; i < 100; i++) {
		packet = seal(&sides[0]);
		expect_open(&sides[1], &packet);
	}
	cr_assert(eq(uint, crypto_faults_count(), 0));
	packet.phase = !packet.phase;
	for (int i = 0; i < 100; i++)
		cr_assert(eq(int, open(&sides[1], &packet), 0));
	cr_assert(le(uint, crypto_faults_count(), 4)); /* the next key, once */
	stop(sides);
}

Test(keys, a_failed_allocation_leaves_the_keys_as_they_were)
{
	unsigned failed = 0;

	for (unsigned nth = 1; nth < 8; nth++) {
		struct packet packet, first;
		struct rudp_keys before;
		struct side sides[2];
		uint8_t key[32] = {1};

		crypto_faults_arm(0);
		start(sides, RUDP_CIPHER_AES_256_GCM);
		first = seal(&sides[0]);
		before = sides[0].keys;
		crypto_faults_arm(nth);
		if (rudp_keys_update(&sides[0].keys, sides[0].next) < 0) {
			failed++;
			expect_same(&sides[0].keys, &before);
			crypto_faults_arm(0);
			update(&sides[0]);
		}
		packet = seal(&sides[0]);
		before = sides[1].keys;
		crypto_faults_arm(nth);
		if (!open(&sides[1], &packet)) {
			failed++;
			expect_same(&sides[1].keys, &before);
			cr_assert(eq(u64, sides[1].keys.forgeries, 0));
			crypto_faults_arm(0);
			expect_open(&sides[1], &packet);
		}
		expect_open(&sides[1], &first);
		stop(sides);

		crypto_faults_arm(nth);
		if (rudp_keys_init(&sides[0].keys, RUDP_CIPHER_AES_256_GCM, key, key) == 0)
			rudp_keys_fini(&sides[0].keys);
	}
	cr_assert(ge(uint, failed, 3));
}

Test(keys, sleeping_keys_hold_no_memory_and_wake_unchanged)
{
	struct side sides[2];
	struct packet late, packet;
	long blocks;

	for (size_t i = 0; i < CIPHERS; i++) {
		start(sides, ciphers[i]);
		stop(sides);
		blocks = crypto_faults_blocks();
		start(sides, ciphers[i]);
		late = seal(&sides[0]);
		rudp_keys_sleep(&sides[0].keys);
		rudp_keys_sleep(&sides[1].keys);
		cr_assert(eq(int, rudp_keys_are_asleep(&sides[1].keys), 1));
		cr_assert(eq(int, (int)(crypto_faults_blocks() - blocks), 0));
		cr_assert(eq(int, open(&sides[1], &late), 1));
		cr_assert(eq(int, rudp_keys_wake_to_send(&sides[0].keys), 0));
		cr_assert(eq(int, rudp_keys_update(&sides[0].keys, sides[0].next), 0));
		rudp_keys_sleep(&sides[0].keys);
		cr_assert(eq(int, rudp_keys_wake_to_send(&sides[0].keys), 0));
		packet = seal(&sides[0]);
		cr_assert(eq(int, open(&sides[1], &packet), 1));
		rudp_keys_sleep(&sides[1].keys); /* late packets are still accepted */
		cr_assert(eq(int, rudp_keys_are_asleep(&sides[1].keys), 0));
		stop(sides);
	}
}

Test(keys, without_memory_they_stay_asleep)
{
	struct side sides[2];
	struct packet packet;

	start(sides, RUDP_CIPHER_AES_256_GCM);
	packet = seal(&sides[0]);
	rudp_keys_sleep(&sides[1].keys);
	for (unsigned n = 1; n <= 2; n++) {
		crypto_faults_arm(n);
		cr_assert(eq(int, rudp_keys_wake_to_send(&sides[1].keys), -ENOMEM));
		crypto_faults_arm(n);
		cr_assert(eq(int, open(&sides[1], &packet), 0));
		crypto_faults_arm(0);
	}
	cr_assert(eq(u64, sides[1].keys.forgeries, 0));
	cr_assert(eq(int, open(&sides[1], &packet), 1));
	stop(sides);
}
