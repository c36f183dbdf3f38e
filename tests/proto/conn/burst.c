/* SPDX-License-Identifier: MIT */
#include "burst.h"
#include "proto/checks.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

struct burst burst;

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

struct rudp_conn *burst_speaking(void)
{
	return burst.pair.conn[burst.speaker];
}

struct rudp_conn *burst_listening(void)
{
	return burst.pair.conn[!burst.speaker];
}

static bool is_new_dropped(void)
{
	return burst.drops_news || (burst.news < 64 && (burst.dropped_news >> burst.news & 1));
}

/*
 * Whether the test drops this datagram, which depends on the sender's record of it. Counts it by
 * its kind.
 */
static bool is_dropped(const struct pair_datagram *datagram)
{
	const struct rudp_sent *sent;
	struct rudp_packet packet;
	bool dropped = false;

	cr_assert(eq(int, rudp_packet_parse(datagram->data, datagram->len, &packet),
		     RUDP_VERDICT_OK));
	if (datagram->to == burst.speaker || !burst_speaking() || packet.type != RUDP_PACKET_DATA)
		return false;
	sent = rudp_reliability_find(&burst_speaking()->reliability, packet.number_low);
	if (!sent)
		return false;
	if (sent->content & RUDP_CONTENT_REPAIR) {
		dropped = burst.drops_sums;
		burst.sums++;
	} else if (sent->content & RUDP_CONTENT_COPY) {
		dropped = burst.drops_copies;
		burst.copies++;
	} else if (sent->stream_bytes > 0 && sent->stream_start < burst.highest) {
		dropped = burst.drops_repeats;
		burst.repeats++;
	} else if (sent->stream_bytes > 0 || (sent->content & RUDP_CONTENT_FIN)) {
		dropped = is_new_dropped();
		burst.highest = sent->stream_start + sent->stream_bytes;
		burst.news++;
	}
	return dropped;
}

void burst_collect(void)
{
	struct pair_datagram *datagram;

	pair_collect(&burst.pair);
	while ((datagram = pair_take(&burst.pair))) {
		if (is_dropped(datagram) || random_below(&burst.dice, 100) < burst.loss_percent) {
			free(datagram);
			continue;
		}
		cr_assert(lt(uint, burst.line_count, BURST_UNDER_WAY_MAX));
		burst.line[burst.line_count].datagram = datagram;
		burst.line[burst.line_count++].at_ns = burst.pair.now_ns + burst.rtt_ns / 2;
	}
	cr_assert(
		all(rudp_endpoint_check(burst.pair.ep[0]), rudp_endpoint_check(burst.pair.ep[1])));
}

static void deliver_first(void)
{
	pair_deliver(&burst.pair, burst.line[0].datagram);
	free(burst.line[0].datagram);
	memmove(burst.line, burst.line + 1, --burst.line_count * sizeof burst.line[0]);
}

static void step(int64_t end_ns)
{
	int64_t next = rudp_time_min(rudp_endpoint_deadline_ns(burst.pair.ep[0]),
				     rudp_endpoint_deadline_ns(burst.pair.ep[1]));

	next = rudp_time_max(next, burst.pair.now_ns + RUDP_TIMER_TICK_NS);
	if (burst.line_count > 0)
		next = rudp_time_min(next, burst.line[0].at_ns);
	burst.pair.now_ns = rudp_time_min(next, end_ns);
	for (int side = 0; side < 2; side++)
		rudp_endpoint_on_time(burst.pair.ep[side], burst.pair.now_ns);
	while (burst.line_count > 0 && burst.line[0].at_ns <= burst.pair.now_ns) {
		deliver_first();
		burst_collect();
	}
	burst_collect();
}

void burst_run_for(int64_t ns)
{
	int64_t end_ns = burst.pair.now_ns + ns;

	while (burst.pair.now_ns < end_ns)
		step(end_ns);
}

void burst_run_until_sums(unsigned count)
{
	int64_t end_ns = burst.pair.now_ns + 2 * RUDP_NS_PER_S;

	while (burst.sums < count && burst.pair.now_ns < end_ns)
		step(end_ns);
	cr_assert(ge(uint, burst.sums, count));
}

static void burst_forget(void)
{
	burst.news = burst.repeats = burst.copies = burst.sums = 0;
	burst.dropped_news = 0;
	burst.drops_news = burst.drops_repeats = burst.drops_copies = burst.drops_sums = false;
}

void burst_say(size_t bytes)
{
	static uint8_t text[400000];
	uint64_t tail = burst_speaking()->sendbuf.ring.tail;

	for (size_t i = 0; i < bytes; i++)
		text[i] = byte_at(tail + i);
	cr_assert(eq(sz, rudp_conn_write(burst_speaking(), text, bytes, burst.pair.now_ns), bytes));
	burst_collect();
}

size_t burst_hear(void)
{
	uint64_t offset = burst_listening()->recvbuf.ring.head;
	struct iovec iov[2];
	size_t heard = 0;

	while (rudp_conn_receive_readable(burst_listening(), iov) > 0) {
		for (size_t k = 0; k < iov[0].iov_len; k++, heard++)
			if (((uint8_t *)iov[0].iov_base)[k] != byte_at(offset + heard))
				cr_fatal("wrong at %llu", (unsigned long long)(offset + heard));
		rudp_conn_receive_consume(burst_listening(), iov[0].iov_len, burst.pair.now_ns);
	}
	return heard;
}

void burst_establish(int64_t ns)
{
	burst.rtt_ns = ns;
	pair_connect(&burst.pair, PAIR_PORT);
	burst_collect();
	burst_run_for(3 * burst.rtt_ns);
	burst.pair.conn[1] = rudp_listener_accept(burst.pair.listener);
	cr_assert(ne(ptr, burst.pair.conn[1], NULL));
	rudp_conn_set_user(burst.pair.conn[1], &burst.pair);
}

void burst_warm_up(void)
{
	for (int i = 0; i < 6; i++) {
		burst_say(50000);
		burst_run_for(6 * burst.rtt_ns);
		cr_assert(eq(sz, burst_hear(), 50000));
	}
	cr_assert(zero(u64, burst_speaking()->reliability.outstanding));
	burst_forget();
}

void burst_establish_warm(int64_t ns)
{
	burst_establish(ns);
	burst_warm_up();
}

void burst_init(void)
{
	burst.dice.state = 3;
	pair_init(&burst.pair, 0, 0);
}

void burst_fini(void)
{
	while (burst.line_count > 0)
		free(burst.line[--burst.line_count].datagram);
	pair_fini(&burst.pair);
}

void burst_know_losses(void)
{
	struct rudp_cc_measured measured = {
		.bytes_per_s = 10000000,
		.min_rtt_ns = burst.rtt_ns,
		.is_whole = true,
	};
	struct rudp_known_loss loss = {.packets = 3000, .lost = 1000};
	struct pair *pair = &burst.pair;
	struct rudp_host_cache *known = &pair->ep[0]->hosts;

	rudp_host_cache_note(known, &pair->addr[0], &pair->addr[1], &measured, RUDP_KNOWN_DONE,
			     pair->now_ns);
	rudp_host_cache_note_loss(known, &pair->addr[0], &pair->addr[1], loss, pair->now_ns);
}
