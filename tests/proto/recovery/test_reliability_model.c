/* SPDX-License-Identifier: MIT */
/*
 * Compares the reliability layer with a model that keeps all records for ever and visits all of
 * them each time, over a network that loses, reorders and duplicates packets and ACKs.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/random.h"
#include "proto/recovery/reliability.h"
#include "proto/checks.h"

#define STEPS 3000
#define NUMBERS_MAX 12000
#define ACKS_KEPT 8
#define ACK_DELAY_NS (25 * RUDP_NS_PER_MS)
#define LOST_KEPT_MIN_NS (120 * RUDP_NS_PER_MS) /* less than 3 PTOs, for any measurement */
#define NONE UINT64_MAX

struct packet {
	int64_t sent_at_ns;
	int64_t arrives_at_ns; /* RUDP_NEVER: lost */
	uint32_t size_bytes;
	bool eliciting;
	bool arrived;
	enum rudp_fate fate;
	int64_t lost_at_ns;
};

struct model {
	struct random random;
	int64_t now_at_ns;
	struct rudp_reliability r;
	struct rudp_rtt rtt, rtt_expected;
	struct packet packets[NUMBERS_MAX];
	uint64_t next;
	uint64_t largest; /* answered */
	/* adaptation to reordering */
	uint64_t threshold, eighths, round_end, recovery_end, clean;
	/* expectations for the current call, and what was reported */
	uint64_t want_answered, want_lost, want_spurious, want_lost_bytes, want_answered_bytes;
	uint64_t told_answered, told_lost;
	struct rudp_ack acks[ACKS_KEPT];
	unsigned ack_count;
};

static struct model m;

static void on_answered(void *context, uint64_t number, const struct rudp_sent *sent)
{
	(void)context;
	cr_assert(eq(int, (int)m.packets[number].fate, RUDP_FATE_ANSWERED));
	cr_assert(eq(u64, sent->stream_start, number * 7));
	m.told_answered++;
}

static void on_lost(void *context, uint64_t number, const struct rudp_sent *sent)
{
	(void)context;
	cr_assert(eq(int, (int)m.packets[number].fate, RUDP_FATE_LOST));
	cr_assert(eq(u64, sent->stream_start, number * 7));
	m.told_lost++;
}

static void model_init(uint64_t seed)
{
	struct rudp_reliability_owner owner = {NULL, on_answered, on_lost, NULL};

	memset(&m, 0, sizeof m);
	m.random.state = seed;
	m.now_at_ns = RUDP_NS_PER_S;
	m.largest = NONE;
	m.threshold = RUDP_PACKET_THRESHOLD;
	m.eighths = 1;
	rudp_rtt_init(&m.rtt, 0);
	rudp_rtt_init(&m.rtt_expected, 0);
	cr_assert(eq(int, rudp_reliability_init(&m.r, &owner), 0));
}

static bool chance(unsigned percent)
{
	return random_below(&m.random, 100) < percent;
}

static void send_one(void)
{
	struct packet *packet = &m.packets[m.next];
	struct rudp_sent sent = {.sent_at_ns = m.now_at_ns, .stream_start = m.next * 7};
	int64_t delay_ns = (int64_t)(20 + random_below(&m.random, 4)) * RUDP_NS_PER_MS;

	if (m.next == NUMBERS_MAX || !rudp_reliability_can_send(&m.r))
		return;
	packet->eliciting = !chance(15);
	packet->sent_at_ns = m.now_at_ns;
	packet->size_bytes = (uint32_t)(50 + random_below(&m.random, 1400));
	if (chance(5))
		delay_ns *= 1 + (int64_t)random_below(&m.random, 9);
	packet->arrives_at_ns = chance(5) ? RUDP_NEVER : m.now_at_ns + delay_ns;
	sent.size_bytes = packet->size_bytes;
	sent.expects = packet->eliciting ? RUDP_EXPECTS_ACK : RUDP_EXPECTS_NOTHING;
	sent.in_flight = packet->eliciting;
	rudp_reliability_send(&m.r, &sent);
	m.next++;
}

/* The receiver's ACK of all received packets, within 64 ranges. */
static bool make_ack(struct rudp_ack *ack)
{
	*ack = (struct rudp_ack){.delay_ns = (int64_t)random_below(&m.random, 30) * RUDP_NS_PER_MS};
	for (uint64_t n = m.next; n > 0 && ack->range_count <= RUDP_ACK_RANGES_MAX; n--) {
		if (!m.packets[n - 1].arrived)
			continue;
		if (ack->range_count > 0 && ack->ranges[ack->range_count - 1].start == n) {
			ack->ranges[ack->range_count - 1].start--;
			continue;
		}
		if (ack->range_count == RUDP_ACK_RANGES_MAX)
			break;
		if (ack->range_count == 0)
			ack->largest = n - 1;
		ack->ranges[ack->range_count++] = (struct rudp_range){n - 1, n};
	}
	return ack->range_count > 0;
}

static bool covers(const struct rudp_ack *ack, uint64_t number)
{
	for (uint32_t i = 0; i < ack->range_count; i++) {
		if (number >= ack->ranges[i].start && number < ack->ranges[i].end)
			return true;
	}
	return false;
}

static void expect_reordering(uint64_t extent)
{
	uint64_t wanted =
		2 * extent < RUDP_PACKET_THRESHOLD_MAX ? 2 * extent : RUDP_PACKET_THRESHOLD_MAX;

	if (wanted > m.threshold)
		m.threshold = wanted;
	if (wanted > 3 + (m.threshold - 3) / 2)
		m.clean = 0;
}

static void expect_spurious(void)
{
	m.clean = 0;
	if (m.largest < m.round_end)
		return;
	m.round_end = m.next;
	if (m.eighths < RUDP_REORDER_EIGHTHS_MAX)
		m.eighths++;
}

static void expect_losses(void)
{
	int64_t rtt_ns = rudp_time_max(m.rtt_expected.srtt_ns, m.rtt_expected.believed_ns);
	int64_t delay_ns = rtt_ns + rtt_ns * (int64_t)m.eighths / 8;
	uint64_t threshold = m.threshold;

	delay_ns = rudp_time_max(delay_ns, RUDP_RTT_GRANULARITY_NS);
	for (uint64_t n = 0; m.largest != NONE && n < m.largest; n++) {
		struct packet *packet = &m.packets[n];

		if (packet->fate != RUDP_FATE_OUTSTANDING || !packet->eliciting)
			continue;
		if (m.largest - n < threshold && packet->sent_at_ns + delay_ns > m.now_at_ns)
			continue;
		packet->fate = RUDP_FATE_LOST;
		packet->lost_at_ns = m.now_at_ns;
		m.want_lost++;
		m.want_lost_bytes += packet->size_bytes;
		if (n < m.recovery_end)
			continue;
		m.recovery_end = m.next;
		if (++m.clean < RUDP_REORDER_PERSIST)
			continue;
		m.clean = 0;
		m.threshold = 3 + (m.threshold - 3) / 2;
		m.eighths = 1 + (m.eighths - 1) / 2;
	}
}

static void expect_nothing(void)
{
	m.want_answered = m.want_lost = m.want_spurious = 0;
	m.want_lost_bytes = m.want_answered_bytes = 0;
	m.told_answered = m.told_lost = 0;
}

static void expect_ack(const struct rudp_ack *ack)
{
	bool largest_new = false, eliciting = false;
	uint64_t before = m.largest, extent = 0;

	for (uint64_t n = 0; n < m.next; n++) {
		struct packet *packet = &m.packets[n];

		/*
		 * A record no longer kept cannot be acknowledged; checks that it was allowed to be
		 * dropped.
		 */
		if (packet->fate == RUDP_FATE_ANSWERED || !covers(ack, n) ||
		    !rudp_reliability_find(&m.r, n))
			continue;
		m.want_spurious += packet->fate == RUDP_FATE_LOST;
		if (before != NONE && n < before)
			extent = before - n > extent ? before - n : extent;
		packet->fate = RUDP_FATE_ANSWERED;
		m.want_answered++;
		m.want_answered_bytes += packet->eliciting ? packet->size_bytes : 0;
		eliciting |= packet->eliciting;
		largest_new |= n == ack->largest;
	}
	if (m.want_answered == 0)
		return;
	if (m.largest == NONE || ack->largest > m.largest)
		m.largest = ack->largest;
	if (largest_new && eliciting)
		rudp_rtt_sample(&m.rtt_expected, m.now_at_ns - m.packets[ack->largest].sent_at_ns,
				rudp_time_min(ack->delay_ns, ACK_DELAY_NS));
	if (extent > 0)
		expect_reordering(extent);
	if (m.want_spurious > 0)
		expect_spurious();
	expect_losses();
}

static void check_kept(void)
{
	uint64_t in_flight_bytes = 0;

	for (uint64_t n = 0; n < m.next; n++) {
		const struct packet *packet = &m.packets[n];
		const struct rudp_sent *sent = rudp_reliability_find(&m.r, n);
		bool awaited = packet->fate == RUDP_FATE_OUTSTANDING && packet->eliciting;

		if (awaited || (packet->fate == RUDP_FATE_LOST &&
				packet->lost_at_ns + LOST_KEPT_MIN_NS > m.now_at_ns))
			cr_assert(ne(ptr, (void *)sent, NULL));
		if (sent)
			cr_assert(eq(int, (int)sent->fate, (int)packet->fate));
		in_flight_bytes += awaited ? packet->size_bytes : 0;
	}
	cr_assert(eq(u64, m.r.bytes_in_flight, in_flight_bytes));
	cr_assert(eq(int, rudp_reliability_check(&m.r), 1));
}

static void check_result(const struct rudp_reliability_result *result)
{
	cr_assert(eq(u64, m.told_answered, m.want_answered));
	cr_assert(eq(u64, m.told_lost, m.want_lost));
	cr_assert(eq(u64, result->answered_packets, m.want_answered));
	cr_assert(eq(u64, result->answered_bytes, m.want_answered_bytes));
	cr_assert(eq(u64, result->lost_packets, m.want_lost));
	cr_assert(eq(u64, result->lost_bytes, m.want_lost_bytes));
	cr_assert(eq(u64, result->spurious_packets, m.want_spurious));
	cr_assert(eq(i64, m.rtt.srtt_ns, m.rtt_expected.srtt_ns));
	cr_assert(eq(u64, m.rtt.samples, m.rtt_expected.samples));
	cr_assert(eq(u64, m.r.packet_threshold, m.threshold));
	cr_assert(eq(u64, m.r.reorder_shift_eighths, m.eighths));
	cr_assert(eq(u64, m.r.largest_answered, m.largest));
}

static void deliver_ack(const struct rudp_ack *ack)
{
	struct rudp_ack_pass pass;

	expect_nothing();
	expect_ack(ack);
	cr_assert(eq(int, rudp_reliability_recv_begin(&m.r, ack, m.now_at_ns, &pass),
		     RUDP_VERDICT_OK));
	while (!rudp_reliability_recv_step(&m.r, &m.rtt, &pass, ACK_DELAY_NS, m.now_at_ns))
		;
	check_result(&pass.result);
}

static void forge_ack(void)
{
	struct rudp_reliability before = m.r;
	struct rudp_ack_pass pass;
	struct rudp_ack ack = {
		.largest = m.next, .ranges = {{m.next, m.next + 1}}, .range_count = 1};

	cr_assert(eq(int, rudp_reliability_recv_begin(&m.r, &ack, m.now_at_ns, &pass),
		     RUDP_VERDICT_BAD_ACK));
	cr_assert(eq(int, memcmp(&before, &m.r, sizeof before), 0));
}

static void pass_time(void)
{
	struct rudp_reliability_result result;
	int64_t deadline_ns = rudp_reliability_deadline_ns(&m.r, &m.rtt, ACK_DELAY_NS);
	bool loss_timer = m.r.loss_at_ns != RUDP_NEVER;
	unsigned probes;

	m.now_at_ns += (int64_t)random_below(&m.random, 5) * RUDP_NS_PER_MS;
	if (chance(2))
		m.now_at_ns += 200 * RUDP_NS_PER_MS;
	for (uint64_t n = 0; n < m.next; n++)
		m.packets[n].arrived |= m.packets[n].arrives_at_ns <= m.now_at_ns;
	if (deadline_ns > m.now_at_ns)
		return;
	expect_nothing();
	if (loss_timer)
		expect_losses();
	probes = rudp_reliability_retransmit(&m.r, &m.rtt, ACK_DELAY_NS, m.now_at_ns, &result);
	check_result(&result);
	cr_assert(eq(u32, probes, loss_timer ? 0 : 2));
	cr_assert(eq(int, loss_timer, m.want_lost > 0)); /* a deadline always has an effect */
}

static void receive(void)
{
	struct rudp_ack *ack = &m.acks[m.ack_count % ACKS_KEPT];

	if (chance(50) && make_ack(ack)) {
		m.ack_count++;
		if (!chance(10))
			deliver_ack(ack);
	}
	if (m.ack_count >= ACKS_KEPT && chance(20)) /* late or duplicated */
		deliver_ack(&m.acks[random_below(&m.random, ACKS_KEPT)]);
	if (chance(2))
		forge_ack();
}

static void run(uint64_t seed)
{
	model_init(seed);
	for (int step = 0; step < STEPS; step++) {
		unsigned burst = chance(3) ? 40 : (unsigned)random_below(&m.random, 4);

		while (burst-- > 0)
			send_one();
		pass_time();
		receive();
		if (step % 16 == 0)
			check_kept();
	}
	check_kept();
	cr_assert(ge(u64, m.r.spurious_packets, 1));
	cr_assert(lt(u64, m.r.spurious_packets, m.r.lost_packets));
	rudp_reliability_fini(&m.r);
}

Test(reliability_model, agrees_over_a_network_that_loses_and_reorders_1)
{
	run(1);
}

Test(reliability_model, agrees_over_a_network_that_loses_and_reorders_2)
{
	run(2);
}

Test(reliability_model, agrees_over_a_network_that_loses_and_reorders_3)
{
	run(3);
}

Test(reliability_model, agrees_over_a_network_that_loses_and_reorders_4)
{
	run(4);
}
