/* SPDX-License-Identifier: MIT */
/*
 * The examples of RFC 9937, in segments (a datagram is one byte), and properties that always hold.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "proto/recovery/prr.h"

#define ACKS_MAX 400

/* A sender that always has data, and its flight; no further losses. */
struct flight {
	struct rudp_prr prr;
	uint64_t ssthresh_bytes, inflight_bytes;
	uint32_t datagram_bytes;
	unsigned acks;
	char sent[ACKS_MAX + 1]; /* one digit per ACK: the datagrams that it released */
};

static void begin(struct flight *f, unsigned datagrams, unsigned lost, uint64_t ssthresh_bytes,
		  uint32_t datagram_bytes)
{
	*f = (struct flight){.ssthresh_bytes = ssthresh_bytes,
			     .inflight_bytes = (datagrams - lost) * (uint64_t)datagram_bytes,
			     .datagram_bytes = datagram_bytes};
	rudp_prr_begin(&f->prr, datagrams * (uint64_t)datagram_bytes);
}

static void ack(struct flight *f, unsigned datagrams)
{
	struct rudp_prr_ack ack = {.ssthresh_bytes = f->ssthresh_bytes,
				   .acked_bytes = datagrams * (uint64_t)f->datagram_bytes,
				   .datagram_bytes = f->datagram_bytes};
	uint64_t cwnd_bytes;
	unsigned sent = 0;

	f->inflight_bytes -= ack.acked_bytes;
	ack.inflight_bytes = f->inflight_bytes;
	cwnd_bytes = rudp_prr_on_ack(&f->prr, &ack);
	for (; f->inflight_bytes + f->datagram_bytes <= cwnd_bytes; sent++) {
		rudp_prr_on_sent(&f->prr, f->datagram_bytes);
		f->inflight_bytes += f->datagram_bytes;
	}
	f->sent[f->acks++] = (char)('0' + sent);
}

static void ack_each(struct flight *f, unsigned count)
{
	while (count-- > 0)
		ack(f, 1);
}

Test(prr, halving_sends_with_every_other_ack_and_ends_at_the_threshold)
{
	struct flight f;

	begin(&f, 20, 1, 10, 1);
	ack_each(&f, 19);
	cr_assert(eq(str, f.sent, (char *)"1010101010101010011"));
	cr_assert(eq(u64, f.inflight_bytes, 10));
}

Test(prr, three_tenths_less_sends_with_seven_of_ten_acks)
{
	struct flight f;

	begin(&f, 100, 1, 70, 1);
	ack_each(&f, 10);
	cr_assert(eq(str, f.sent, (char *)"1110110110"));
	ack_each(&f, 89);
	cr_assert(eq(u64, f.inflight_bytes, 70));
}

Test(prr, an_ack_of_several_releases_several)
{
	struct flight f;

	begin(&f, 20, 1, 10, 1);
	ack(&f, 4);
	ack(&f, 6);
	ack(&f, 1);
	cr_assert(eq(str, f.sent, (char *)"231"));
}

Test(prr, below_the_threshold_no_more_leaves_than_arrives)
{
	struct flight f;

	begin(&f, 20, 15, 10, 1);
	ack_each(&f, 5);
	cr_assert(eq(str, f.sent, (char *)"11111"));
	cr_assert(eq(u64, f.inflight_bytes, 5));
}

Test(prr, after_a_pause_unsent_bytes_are_made_up_below_the_threshold)
{
	struct rudp_prr prr;
	const struct rudp_prr_ack acks[] = {
		{.ssthresh_bytes = 10, .inflight_bytes = 9, .acked_bytes = 8, .datagram_bytes = 1},
		{.ssthresh_bytes = 10, .inflight_bytes = 5, .acked_bytes = 4, .datagram_bytes = 1},
	};

	rudp_prr_begin(&prr, 20);
	cr_assert(eq(u64, rudp_prr_on_ack(&prr, &acks[0]), 10));
	/* 12 were delivered, none was sent */
	cr_assert(eq(u64, rudp_prr_on_ack(&prr, &acks[1]), 10));
}

Test(prr, the_first_datagram_may_always_be_sent)
{
	struct flight f;

	begin(&f, 20, 1, 14 * 1200, 1200);
	ack(&f, 1);
	cr_assert(eq(str, f.sent, (char *)"1"));
	begin(&f, 2, 2, 2 * 1200, 1200); /* a timer has found both lost */
	ack(&f, 0);
	cr_assert(eq(str, f.sent, (char *)"1"));
}

static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*state >> 33) % below;
}

/* For any losses and acknowledgements: no burst, never above ssthresh, never a stall. */
Test(prr, the_flight_comes_down_in_proportion_and_to_the_threshold)
{
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		uint64_t state = seed;
		unsigned datagrams = 3 + (unsigned)draw(&state, 300);
		unsigned lost = 1 + (unsigned)draw(&state, datagrams - 1), left = datagrams - lost;
		uint64_t ssthresh = datagrams * 1200 * UINT64_C(7) / 10;
		struct flight f;

		begin(&f, datagrams, lost, ssthresh, 1200);
		while (left > 0) {
			unsigned n = 1 + (unsigned)draw(&state, left < 4 ? left : 4);
			uint64_t before = f.inflight_bytes;

			ack(&f, n);
			left -= n;
			cr_assert(le(u64, f.inflight_bytes,
				     before > ssthresh ? before + 1200 : ssthresh + 1200),
				  "seed %d", (int)seed);
			cr_assert(le(u64, f.prr.out_bytes,
				     f.prr.delivered_bytes + (f.acks == 1 ? 1200 : 0) + 1200),
				  "seed %d", (int)seed);
		}
		if (datagrams - lost >= datagrams * 7 / 10 + 1)
			cr_assert(lt(u64, ssthresh, f.inflight_bytes + 1200), "seed %d", (int)seed);
	}
}
