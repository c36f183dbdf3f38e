/* SPDX-License-Identifier: MIT */
/*
 * Random packets, reordering, loss, forgeries and updates from both ends, against a model that
 * counts generations of keys and knows nothing of phases.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "proto/crypto/keys.h"

#define SEEDS 12
#define STEPS 4000
#define WIRE_MAX 24
#define PLAIN_BYTES 16
#define SEALED_BYTES (PLAIN_BYTES + RUDP_AEAD_TAG_BYTES)

struct flight {
	uint64_t number;
	uint64_t acked; /* what its sender had received when it left: the acknowledgement inside */
	unsigned generation;
	bool phase;
	uint8_t sealed[SEALED_BYTES];
};

struct end {
	struct rudp_keys keys;
	uint64_t next;
	uint64_t largest_received;
	uint64_t largest_acked;
	unsigned send_generation, receive_generation;
	bool has_previous;
	struct flight wire[WIRE_MAX]; /* from here */
	int wire_count;
};

static struct end ends[2];
static uint64_t prng;
static unsigned opened_late, opened_next, refused_forgotten, slept;

static unsigned draw(unsigned below)
{
	prng = prng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(prng >> 33) % below;
}

static void start(enum rudp_cipher cipher)
{
	static const uint8_t a[32] = {1}, b[32] = {2};

	memset(ends, 0, sizeof ends);
	cr_assert(eq(int, rudp_keys_init(&ends[0].keys, cipher, a, b), 0));
	cr_assert(eq(int, rudp_keys_init(&ends[1].keys, cipher, b, a), 0));
	for (int i = 0; i < 2; i++) {
		ends[i].next = 1;
		ends[i].largest_acked = UINT64_MAX;
	}
}

static void send(struct end *from)
{
	uint8_t plain[PLAIN_BYTES];
	struct iovec in = {plain, sizeof plain};
	struct flight *flight = &from->wire[from->wire_count++];

	*flight = (struct flight){.number = from->next++,
				  .acked = from->largest_received,
				  .generation = from->send_generation,
				  .phase = from->keys.send_phase};
	memset(plain, (int)flight->number & 0xff, sizeof plain);
	cr_assert(eq(int, rudp_keys_wake_to_send(&from->keys), 0));
	rudp_keys_seal(&from->keys, flight->number, (uint8_t *)&flight->phase, 1, &in, 1,
		       flight->sealed);
}

static bool try_open(struct end *to, const struct flight *flight)
{
	uint8_t bytes[SEALED_BYTES];

	memcpy(bytes, flight->sealed, sizeof bytes);
	if (rudp_keys_open(&to->keys, flight->number, flight->phase,
			   (const uint8_t *)&flight->phase, 1, bytes, sizeof bytes,
			   bytes) != RUDP_VERDICT_OK)
		return false;
	cr_assert(eq(u8, bytes[PLAIN_BYTES - 1], (uint8_t)flight->number));
	return true;
}

static void forge(struct end *to, const struct flight *flight)
{
	struct flight bad = *flight;
	struct rudp_keys before;

	cr_assert(eq(int, rudp_keys_wake_to_send(&to->keys), 0));
	before = to->keys;
	if (draw(2))
		bad.phase = !bad.phase;
	else if (draw(2))
		bad.number += 1 + draw(100);
	else
		bad.sealed[draw(SEALED_BYTES)] ^= (uint8_t)(1 + draw(255));
	cr_assert(eq(int, try_open(to, &bad), 0));
	before.forgeries = to->keys.forgeries;
	if (!before.receive.context)
		before.receive = to->keys.receive; /* it has woken for that */
	before.receive_next = to->keys.receive_next;
	cr_assert(eq(int, memcmp(&before, &to->keys, sizeof before), 0));
}

/* What has to become of a packet, by generations alone. */
static bool model_opens(const struct end *to, unsigned generation)
{
	if (generation + 1 == to->receive_generation)
		return to->has_previous;
	return generation == to->receive_generation || generation == to->receive_generation + 1;
}

static void model_receive(struct end *to, const struct flight *flight)
{
	if (flight->generation == to->receive_generation + 1) {
		opened_next++;
		to->receive_generation++;
		to->has_previous = true;
		if (to->send_generation < to->receive_generation)
			to->send_generation++;
	} else if (flight->generation < to->receive_generation) {
		opened_late++;
	}
	if (flight->number > to->largest_received)
		to->largest_received = flight->number;
	if (flight->acked > 0 &&
	    (to->largest_acked == UINT64_MAX || flight->acked > to->largest_acked))
		to->largest_acked = flight->acked;
}

static void deliver_any(struct end *from, struct end *to)
{
	int which = (int)draw((unsigned)from->wire_count);
	struct flight flight = from->wire[which];
	bool expected = model_opens(to, flight.generation);

	if (draw(3) == 0)
		forge(to, &flight);
	if (draw(4) == 0) /* copied on the way: the replay window is not here to stop it */
		cr_assert(eq(int, try_open(to, &flight), expected));
	else
		from->wire[which] = from->wire[--from->wire_count];
	if (draw(10) == 0 && from->wire_count > 0)
		from->wire_count--; /* lost */
	cr_assert(eq(int, try_open(to, &flight), expected), "number %d", (int)flight.number);
	if (expected)
		model_receive(to, &flight);
	else
		refused_forgotten++;
}

static void update_if_due(struct end *end)
{
	if (end->keys.sent_under_key > 0)
		end->keys.sent_under_key = RUDP_KEY_PACKETS_DUE;
	if (!rudp_keys_update_due(&end->keys, 0, end->largest_acked))
		return;
	cr_assert(eq(uint, end->send_generation, end->receive_generation));
	cr_assert(eq(int, rudp_keys_update(&end->keys, end->next), 0));
	end->send_generation++;
}

static void step(void)
{
	int i = (int)draw(2);
	struct end *end = &ends[i];

	switch (draw(20)) {
	case 0:
		update_if_due(end);
		break;
	case 1:
		if (draw(4) == 0) {
			rudp_keys_forget_previous(&end->keys);
			end->has_previous = false;
		}
		break;
	case 2:
		rudp_keys_sleep(&end->keys);
		slept += rudp_keys_are_asleep(&end->keys);
		break;
	default:
		if (draw(2) && end->wire_count < WIRE_MAX)
			send(end);
		else if (end->wire_count > 0)
			deliver_any(end, &ends[!i]);
		break;
	}
	cr_assert(eq(int, end->keys.send_phase, end->send_generation % 2));
	cr_assert(eq(int, end->keys.receive_phase, end->receive_generation % 2));
	cr_assert(eq(u32, end->keys.updates, end->send_generation + end->receive_generation));
}

static void run(enum rudp_cipher cipher)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		prng = seed;
		start(cipher);
		for (int i = 0; i < STEPS; i++)
			step();
		cr_assert(ge(uint, ends[0].receive_generation, 6), "seed %d", (int)seed);
		rudp_keys_fini(&ends[0].keys);
		rudp_keys_fini(&ends[1].keys);
	}
	/* The walk was not an idle one. */
	cr_assert(ge(uint, opened_late, 101));
	cr_assert(ge(uint, opened_next, 101));
	cr_assert(ge(uint, refused_forgotten, 11));
	cr_assert(ge(uint, slept, 11));
}

Test(keys_model, aes_gcm_agrees_with_generations)
{
	run(RUDP_CIPHER_AES_256_GCM);
}

Test(keys_model, chacha20_agrees_with_generations)
{
	run(RUDP_CIPHER_CHACHA20_POLY1305);
}
