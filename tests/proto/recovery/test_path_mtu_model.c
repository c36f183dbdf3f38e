/* SPDX-License-Identifier: MIT */
/*
 * Tests the search on random paths that lose packets and change their size. An acknowledgement
 * takes a round trip of some packets; a packet is declared lost when a later one is acknowledged.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/random.h"
#include "proto/recovery/path_mtu.h"
#include "proto/wire/packet.h"
#include "proto/checks.h"

#define WORLDS 3000
#define STEPS 1500
#define ROUND_TRIP 20 /* packets */
#define PERCENT 100
#define PROBES_MAX 120 /* random losses make some passing sizes fail, and look like black holes */
#define WAITING_BYTES (64u << 20) /* to be sent */

struct packet {
	uint32_t size_bytes;
	bool probe, arrived;
};

struct model {
	struct random random;
	struct rudp_path_mtu mtu;
	struct packet packets[STEPS + 1];
	uint64_t sent, judged; /* largest packet numbers */
	uint32_t path_bytes, interface_bytes, proven_bytes;
	unsigned loss_percent;
	uint64_t carried_bytes, probe_bytes;
	uint32_t probe_count;
};

static uint32_t draw_size(struct model *m, uint32_t most_bytes)
{
	return RUDP_DATAGRAM_BASE_BYTES +
	       (uint32_t)random_below(&m->random, most_bytes - RUDP_DATAGRAM_BASE_BYTES + 1);
}

static void send_one(struct model *m)
{
	struct packet *packet = &m->packets[++m->sent];
	uint32_t size_bytes = rudp_path_mtu_probe_bytes(&m->mtu, UINT32_MAX, m->carried_bytes);

	packet->probe = size_bytes > 0;
	if (packet->probe) {
		cr_assert(lt(u32, m->mtu.bytes, size_bytes));
		cr_assert(le(u32, size_bytes, m->interface_bytes));
		rudp_path_mtu_on_probe_sent(&m->mtu, m->sent, size_bytes);
		m->probe_count++;
		m->probe_bytes += size_bytes;
	} else {
		size_bytes = random_below(&m->random, 4) ? m->mtu.bytes : 100;
		m->carried_bytes += size_bytes;
	}
	packet->size_bytes = size_bytes;
	packet->arrived =
		size_bytes <= m->path_bytes && random_below(&m->random, PERCENT) >= m->loss_percent;
}

static void judge(struct model *m, uint64_t number)
{
	const struct packet *packet = &m->packets[number];

	if (packet->arrived && packet->probe) {
		if (packet->size_bytes > m->proven_bytes)
			m->proven_bytes = packet->size_bytes;
		rudp_path_mtu_on_probe_answered(&m->mtu, number, packet->size_bytes, 0);
	} else if (packet->arrived) {
		rudp_path_mtu_on_answered(&m->mtu, number, packet->size_bytes);
	} else if (packet->probe) {
		rudp_path_mtu_on_probe_lost(&m->mtu, number, 0);
	} else {
		rudp_path_mtu_on_lost(&m->mtu, number, packet->size_bytes);
	}
}

/* number is acknowledged, so packets sent before it are known to be lost. */
static void answer_up_to(struct model *m, uint64_t number)
{
	if (!m->packets[number].arrived)
		return;
	for (uint64_t n = m->judged + 1; n <= number; n++)
		if (m->packets[n].arrived)
			judge(m, n);
	for (uint64_t n = m->judged + 1; n < number; n++)
		if (!m->packets[n].arrived)
			judge(m, n);
	m->judged = number;
}

static void run(struct model *m, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		if (m->mtu.state == RUDP_MTU_BASE)
			rudp_path_mtu_start(&m->mtu, m->interface_bytes, 28, 0, 0);
		send_one(m);
		if (m->sent > ROUND_TRIP)
			answer_up_to(m, m->sent - ROUND_TRIP);
		cr_assert(rudp_path_mtu_check(&m->mtu));
		cr_assert(le(u32, m->mtu.bytes, m->proven_bytes), "larger than what was proven");
		cr_assert(le(u64, m->probe_bytes * RUDP_MTU_COST_SHARE, m->carried_bytes));
	}
}

static void init(struct model *m, uint64_t seed)
{
	static const uint32_t interfaces[] = {1472, 8972, RUDP_DATAGRAM_MAX_BYTES};

	*m = (struct model){.random = {seed}, .proven_bytes = RUDP_DATAGRAM_BASE_BYTES};
	m->interface_bytes = interfaces[random_below(&m->random, 3)];
	m->path_bytes = draw_size(m, m->interface_bytes);
	m->carried_bytes = WAITING_BYTES;
	rudp_path_mtu_init(&m->mtu, true);
}

Test(path_mtu_model, without_loss_the_size_found_is_the_path_s_to_a_sixteenth)
{
	static struct model m;

	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		init(&m, seed);
		run(&m, STEPS);
		cr_assert(eq(int, m.mtu.state, RUDP_MTU_COMPLETE), "seed %lu", (unsigned long)seed);
		cr_assert(le(u32, m.mtu.bytes, m.path_bytes));
		cr_assert(ge(u32, m.mtu.bytes + m.mtu.bytes / RUDP_MTU_RESOLUTION, m.path_bytes),
			  "seed %lu", (unsigned long)seed);
	}
}

Test(path_mtu_model, with_loss_nothing_larger_than_proven_leaves_and_probes_are_bounded)
{
	static struct model m;

	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		init(&m, seed);
		m.loss_percent = (unsigned)random_below(&m.random, 30);
		run(&m, STEPS);
		cr_assert(le(u32, m.mtu.bytes, m.path_bytes));
		cr_assert(le(u32, m.probe_count, PROBES_MAX), "seed %lu", (unsigned long)seed);
	}
}

Test(path_mtu_model, a_path_that_shrinks_is_followed)
{
	static struct model m;

	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		init(&m, seed);
		run(&m, STEPS / 2);
		m.path_bytes = draw_size(&m, m.path_bytes);
		run(&m, STEPS / 2);
		cr_assert(le(u32, m.mtu.bytes, m.path_bytes), "seed %lu", (unsigned long)seed);
	}
}
