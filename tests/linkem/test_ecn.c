/* SPDX-License-Identifier: MIT */
#include "../../integration/linkem/ecn.h"
#include "../../integration/linkem/impairments.h"
#include "../../integration/linkem/link.h"
#include "sample.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct linkem_conf conf;
static struct link link_under_test;

static unsigned get_ecn(const struct sample *sample)
{
	return sample->data[1] >> (sample->data[0] >> 4 == 6 ? 4 : 0) & 3u;
}

/* A sample of IPv4 gets a new header checksum: the field is the sum of the rest. */
static struct sample with_ecn(unsigned version, unsigned bits)
{
	struct sample sample = sample_make(version, IPPROTO_UDP, 5000, 80, 100);

	sample.data[1] |= (uint8_t)(bits << (version == 6 ? 4 : 0));
	if (version == 4)
		sample.data[11] = (uint8_t)(sample.data[11] - bits);
	cr_assert(sample_is_sound(sample.data, sample.size));
	return sample;
}

static bool mark(struct sample *sample)
{
	struct packet_view view = packet_parse(sample->data, sample->size);

	return ecn_mark(&view);
}

Test(ecn, capable_packets_are_marked_and_stay_sound)
{
	for (unsigned version = 4; version <= 6; version += 2)
		for (unsigned bits = 1; bits <= 2; bits++) {
			struct sample sample = with_ecn(version, bits);

			cr_assert(mark(&sample));
			cr_assert(eq(uint, get_ecn(&sample), 3));
			cr_assert(sample_is_sound(sample.data, sample.size));
			cr_assert(not(mark(&sample)));
		}
}

Test(ecn, others_are_left_alone)
{
	for (unsigned version = 4; version <= 6; version += 2) {
		struct sample sample = with_ecn(version, 0), before = sample;

		cr_assert(not(mark(&sample)));
		cr_assert(eq(int, memcmp(sample.data, before.data, sample.size), 0));
	}
}

/* The ECN bits of the next delivered packet. */
static unsigned next_ecn(void)
{
	struct line_packet *packet = link_take(&link_under_test, DIRECTION_AB, 1000 * MS);
	struct sample sample = {.size = packet->size};

	memcpy(sample.data, packet->data, packet->size);
	free(packet);
	return get_ecn(&sample);
}

/* Ten packets of 1228 bytes at once; one that finds more than three of them queued is marked. */
Test(ecn, queue_beyond_the_threshold_marks)
{
	struct direction_conf *d = &conf.direction[DIRECTION_AB];

	conf.mtu_bytes = 1500;
	conf.direction[DIRECTION_AB] = conf.direction[DIRECTION_BA] = impairments_none;
	d->rate_bps = 1000000;
	d->queue = (struct queue_conf){QUEUE_UNIT_PACKETS, 100};
	d->mark = (struct queue_conf){QUEUE_UNIT_PACKETS, 3};
	link_init(&link_under_test, &conf);
	for (int i = 0; i < 10; i++) {
		struct sample sample = with_ecn(4, 2);

		link_submit(&link_under_test, DIRECTION_AB, 0, sample.data, sample.size);
	}
	for (int i = 0; i < 10; i++)
		cr_assert(eq(uint, next_ecn(), i > 3 ? 3 : 2));
	cr_assert(eq(u64, link_under_test.lane[DIRECTION_AB].stats.marked, 6));
	link_fini(&link_under_test);
}

Test(ecn, nothing_is_marked_unless_asked_for)
{
	conf.mtu_bytes = 1500;
	conf.direction[DIRECTION_AB] = conf.direction[DIRECTION_BA] = impairments_none;
	conf.direction[DIRECTION_AB].rate_bps = 1000000;
	conf.direction[DIRECTION_AB].delay_ns = 10 * MS;
	link_init(&link_under_test, &conf);
	for (int i = 0; i < 10; i++) {
		struct sample sample = with_ecn(6, 1);

		link_submit(&link_under_test, DIRECTION_AB, 0, sample.data, sample.size);
	}
	for (int i = 0; i < 10; i++)
		cr_assert(eq(uint, next_ecn(), 1));
	cr_assert(eq(u64, link_under_test.lane[DIRECTION_AB].stats.marked, 0));
	link_fini(&link_under_test);
}
