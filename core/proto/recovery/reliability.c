/* SPDX-License-Identifier: MIT */
/* Records of sent packets, and the processing of acknowledgements. */
#include "proto/recovery/reliability.h"

#include <assert.h>

#include "base/min_max.h"
#include "proto/recovery/reliability_private.h"

#define HAS_A_BIT(name, value, eliciting)                                                          \
	_Static_assert((value) < RUDP_FRAME_TYPES_MAX, "RUDP_FRAME_" #name " has no content bit");
RUDP_FRAMES(HAS_A_BIT)
#undef HAS_A_BIT

/* One call for an ACK. */
struct step {
	struct rudp_reliability *r;
	struct rudp_ack_pass *pass;
	int64_t now_at_ns;
	unsigned left; /* packets that it may still settle */
};

int rudp_reliability_init(struct rudp_reliability *r, const struct rudp_reliability_owner *owner)
{
	*r = (struct rudp_reliability){
		.owner = *owner,
		.largest_answered = RUDP_NUMBER_NONE,
		.loss_at_ns = RUDP_NEVER,
		.packet_threshold = RUDP_PACKET_THRESHOLD,
		.reorder_shift_eighths = RUDP_REORDER_EIGHTHS,
		.first_rtt_at_ns = RUDP_NEVER,
		.lost_run_from_ns = RUDP_NEVER,
	};
	return rudp_sent_records_init(r);
}

void rudp_reliability_fini(struct rudp_reliability *r)
{
	rudp_sent_records_fini(r);
}

/*
 * draft-cheng-iccrg-delivery-rate-estimation section 3.2: stores the delivery state at send time.
 */
static void stamp_rate(struct rudp_reliability *r, struct rudp_sent *sent)
{
	if (sent->in_flight && r->bytes_in_flight == 0)
		r->first_sent_at_ns = r->delivered_at_ns = sent->sent_at_ns;
	sent->rate = (struct rudp_sent_rate){
		.delivered_bytes = r->delivered_bytes,
		.lost_bytes = r->lost_bytes,
		.inflight_bytes = r->bytes_in_flight + (sent->in_flight ? sent->size_bytes : 0),
		.delivered_at_ns = r->delivered_at_ns,
		.first_sent_at_ns = r->first_sent_at_ns,
		.app_limited = r->app_limited_until > 0,
	};
}

/* Marks a record as outstanding since its sent_at_ns. */
static void await(struct rudp_reliability *r, struct rudp_sent *sent)
{
	stamp_rate(r, sent);
	sent->fate = RUDP_FATE_OUTSTANDING;
	if (sent->expects == RUDP_EXPECTS_NOTHING)
		return;
	r->outstanding++;
	r->pto_from_ns = sent->sent_at_ns;
	if (sent->in_flight)
		r->bytes_in_flight += sent->size_bytes;
}

void rudp_reliability_send(struct rudp_reliability *r, const struct rudp_sent *sent)
{
	struct rudp_sent *record = rudp_sent_at(r, r->next);

	assert(r->next - r->base < r->capacity);
	assert(!sent->in_flight || sent->expects != RUDP_EXPECTS_NOTHING);
	*record = *sent;
	r->next++;
	await(r, record);
}

void rudp_reliability_skip(struct rudp_reliability *r)
{
	if (r->next == 0 || r->next - r->base >= r->capacity)
		return;
	*rudp_sent_at(r, r->next) = (struct rudp_sent){.expects = RUDP_EXPECTS_NOTHING};
	r->skipped[r->skipped_next] = r->next++;
	r->skipped_next = (uint8_t)((r->skipped_next + 1) % RUDP_SKIPPED_KEPT);
}

static bool has_skipped(const struct rudp_reliability *r, const struct rudp_range *range)
{
	for (int i = 0; i < RUDP_SKIPPED_KEPT; i++)
		if (r->skipped[i] > 0 && r->skipped[i] >= range->start &&
		    r->skipped[i] < range->end)
			return true;
	return false;
}

/*
 * False if the ACK covers a number that was never sent. The decoder has checked the order of the
 * ranges, so the first is the highest.
 */
static bool covers_only_sent(const struct rudp_reliability *r, const struct rudp_ack *ack)
{
	if (ack->largest >= r->next || ack->range_count == 0 || ack->ranges[0].end > r->next)
		return false;
	for (uint32_t i = 0; i < ack->range_count; i++)
		if (has_skipped(r, &ack->ranges[i]))
			return false;
	return true;
}

void rudp_reliability_resend(struct rudp_reliability *r, uint64_t number, int64_t now_at_ns)
{
	struct rudp_sent *sent;

	if (!rudp_reliability_find(r, number))
		return;
	sent = rudp_sent_at(r, number);
	if (sent->fate == RUDP_FATE_ANSWERED)
		return;
	rudp_sent_judge_path(r, number, sent);
	sent->sent_at_ns = now_at_ns;
	sent->resent = true;
	if (sent->fate == RUDP_FATE_OUTSTANDING) {
		r->pto_from_ns = now_at_ns;
		return;
	}
	await(r, sent);
	if (number < r->loss_next)
		r->loss_next = number;
}

void rudp_reliability_settle(struct rudp_reliability *r, uint64_t number)
{
	struct rudp_sent *sent;

	if (!rudp_reliability_find(r, number))
		return;
	sent = rudp_sent_at(r, number);
	if (!rudp_sent_is_awaited(sent))
		return;
	rudp_sent_judge_path(r, number, sent);
	if (--r->outstanding == 0)
		r->loss_at_ns = RUDP_NEVER;
	if (sent->in_flight)
		r->bytes_in_flight -= sent->size_bytes;
	sent->fate = RUDP_FATE_ANSWERED;
	sent->answered_run = 1;
}

void rudp_reliability_on_app_limited(struct rudp_reliability *r)
{
	uint64_t until = r->delivered_bytes + r->bytes_in_flight;

	r->app_limited_until = until > 0 ? until : 1;
}

static void note_spurious(struct step *step, uint64_t number, const struct rudp_sent *sent)
{
	struct rudp_reliability_result *result = &step->pass->result;

	step->r->spurious_packets++;
	result->spurious_packets++;
	result->spurious_largest_number = number;
	if (sent->in_flight)
		result->spurious_bytes += sent->size_bytes;
}

/* RFC 8985 section 6.2 step 3: the packet was overtaken, whether or not it was declared lost. */
static void note_reordering(struct rudp_ack_pass *pass, uint64_t number,
			    const struct rudp_sent *sent)
{
	if (pass->largest_before == RUDP_NUMBER_NONE || number > pass->largest_before ||
	    sent->resent || (sent->content & RUDP_CONTENT_EXTRA))
		return;
	if (pass->largest_before - number > pass->extent)
		pass->extent = pass->largest_before - number;
}

static void note_delivered(struct step *step, uint64_t number, const struct rudp_sent *sent)
{
	struct rudp_reliability *r = step->r;

	step->pass->result.answered_bytes += sent->size_bytes;
	r->delivered_bytes += sent->size_bytes;
	r->delivered_at_ns = step->now_at_ns;
	/* A resent packet gives no sample, because it is unknown which copy was acknowledged. */
	if (!sent->resent)
		step->pass->newest = number;
}

/* Marks a packet as acknowledged that was not so before. */
static void answer(struct step *step, uint64_t number)
{
	struct rudp_reliability *r = step->r;
	struct rudp_ack_pass *pass = step->pass;
	struct rudp_sent *sent = rudp_sent_at(r, number);
	bool awaited = rudp_sent_is_awaited(sent);

	rudp_sent_judge_path(r, number, sent);
	note_reordering(pass, number, sent);
	if (sent->fate == RUDP_FATE_LOST && !(sent->content & RUDP_CONTENT_EXTRA))
		note_spurious(step, number, sent);
	r->outstanding -= awaited;
	if (awaited && sent->in_flight)
		r->bytes_in_flight -= sent->size_bytes;
	sent->fate = RUDP_FATE_ANSWERED;
	sent->answered_run = 1;
	r->answered_packets++;
	pass->result.answered_packets++;
	pass->eliciting |= sent->expects != RUDP_EXPECTS_NOTHING;
	if (sent->in_flight)
		note_delivered(step, number, sent);
	if (number == pass->ack->largest && !sent->resent)
		pass->rtt_ns = pass->arrived_at_ns - sent->sent_at_ns;
	r->owner.on_answered(r->owner.context, number, sent);
}

/*
 * number is ANSWERED. Returns the first number after it that may not be. Halves the path for later
 * calls.
 */
static uint64_t step_over(struct rudp_reliability *r, uint64_t number)
{
	struct rudp_sent *sent = rudp_sent_at(r, number);
	uint64_t after = number + sent->answered_run;

	if (after < r->next && rudp_sent_at(r, after)->fate == RUDP_FATE_ANSWERED)
		sent->answered_run += rudp_sent_at(r, after)->answered_run;
	return number + sent->answered_run;
}

/*
 * Marks [start, end) as acknowledged. ACKs repeat earlier ones, so each run of acknowledged records
 * is skipped at once, as in a union-find structure with path halving.
 *
 * Returns  false: no packet may be settled any more, and some are left.
 */
static bool answer_range(struct step *step, uint64_t start, uint64_t end)
{
	struct rudp_reliability *r = step->r;
	struct rudp_ack_pass *pass = step->pass;
	uint64_t number;

	start = rudp_max(start, rudp_max(r->base, pass->from));
	for (number = start; number < end;) {
		if (rudp_sent_at(r, number)->fate == RUDP_FATE_ANSWERED) {
			number = step_over(r, number);
			continue;
		}
		if (step->left == 0)
			break;
		step->left--;
		answer(step, number++);
	}
	if (number > start) {
		rudp_sent_at(r, start)->answered_run = (uint32_t)(number - start);
		pass->largest = rudp_min(number, end) - 1;
	}
	pass->from = number;
	return number >= end;
}

static bool may_go_on(const struct rudp_reliability *r)
{
	return !r->owner.may_go_on || r->owner.may_go_on(r->owner.context);
}

/* The record may be gone when the pass ends. */
static void take_newest(const struct step *step)
{
	struct rudp_ack_pass *pass = step->pass;

	if (pass->newest == RUDP_NUMBER_NONE || pass->newest == pass->result.newest_number)
		return;
	pass->result.newest = *rudp_sent_at(step->r, pass->newest);
	pass->result.newest_number = pass->newest;
}

/* Returns false if packets are left. */
static bool answer_all(struct step *step)
{
	struct rudp_ack_pass *pass = step->pass;
	bool is_whole = true;

	while (is_whole && pass->ranges_left > 0) {
		const struct rudp_range *range = &pass->ack->ranges[pass->ranges_left - 1];

		is_whole = answer_range(step, range->start, range->end);
		pass->ranges_left -= is_whole;
		if (!may_go_on(step->r))
			break;
	}
	take_newest(step);
	return is_whole;
}

/*
 * RFC 9002 section 5.1: a sample needs that the largest number is newly acknowledged, and that a
 * newly acknowledged packet was ack-eliciting.
 */
static void measure_rtt(const struct step *step, struct rudp_rtt *rtt, int64_t ack_delay_ns)
{
	struct rudp_ack_pass *pass = step->pass;

	if (pass->rtt_ns == RUDP_NEVER || !pass->eliciting)
		return;
	/* Also after a change of path, when the owner has reset the RTT. */
	if (rtt->samples == 0)
		step->r->first_rtt_at_ns = step->now_at_ns;
	rudp_rtt_sample(rtt, pass->rtt_ns, ack_delay_ns);
	pass->result.has_rtt = true;
}

static void sample_rate(struct rudp_reliability *r, struct rudp_ack_pass *pass)
{
	if (r->app_limited_until > 0 && r->delivered_bytes > r->app_limited_until)
		r->app_limited_until = 0;
	if (pass->newest == RUDP_NUMBER_NONE)
		return;
	pass->result.has_sample = true;
	r->first_sent_at_ns = pass->result.newest.sent_at_ns;
}

/* All packets of the ACK are settled that will be. */
static void on_answered_all(const struct step *step, struct rudp_rtt *rtt, int64_t ack_delay_max_ns)
{
	struct rudp_reliability *r = step->r;
	struct rudp_ack_pass *pass = step->pass;

	pass->is_answered = true;
	if (pass->result.answered_packets == 0)
		return;
	if (r->largest_answered == RUDP_NUMBER_NONE || pass->largest > r->largest_answered)
		r->largest_answered = pass->largest;
	measure_rtt(step, rtt, rudp_time_min(pass->ack->delay_ns, ack_delay_max_ns));
	sample_rate(r, pass);
	r->pto_count = 0;
	if (pass->extent > 0)
		rudp_loss_on_reordering(r, pass->extent);
	if (pass->result.spurious_packets > 0)
		rudp_loss_on_spurious(r);
}

void rudp_reliability_leave_path(struct rudp_reliability *r)
{
	r->path_first = r->next; /* rudp_sent_judge_path() */
	r->bytes_in_flight = 0;
	r->lost_run_from_ns = RUDP_NEVER;
	r->app_limited_until = 0;
	r->pto_count = 0;
}

enum rudp_verdict rudp_reliability_recv_begin(struct rudp_reliability *r,
					      const struct rudp_ack *ack, int64_t now_at_ns,
					      struct rudp_ack_pass *pass)
{
	*pass = (struct rudp_ack_pass){
		.result = {.inflight_before_bytes = r->bytes_in_flight,
			   .newest_number = RUDP_NUMBER_NONE},
		.ack = ack,
		.ranges_left = ack->range_count,
		.arrived_at_ns = now_at_ns,
		.rtt_ns = RUDP_NEVER,
		.largest_before = r->largest_answered,
		.newest = RUDP_NUMBER_NONE,
	};
	return covers_only_sent(r, ack) ? RUDP_VERDICT_OK : RUDP_VERDICT_BAD_ACK;
}

bool rudp_reliability_recv_step(struct rudp_reliability *r, struct rudp_rtt *rtt,
				struct rudp_ack_pass *pass, int64_t ack_delay_max_ns,
				int64_t now_at_ns)
{
	struct step step = {r, pass, now_at_ns, RUDP_FATES_PER_CALL};

	if (!pass->is_answered) {
		if (!answer_all(&step))
			return false;
		on_answered_all(&step, rtt, ack_delay_max_ns);
	}
	return pass->result.answered_packets == 0 ||
	       rudp_loss_detect(r, rtt, ack_delay_max_ns, now_at_ns, RUDP_FATES_PER_CALL,
				&pass->result);
}

void rudp_reliability_recv_forget(struct rudp_ack_pass *pass)
{
	pass->result = (struct rudp_reliability_result){
		.answered_packets = pass->result.answered_packets,
		.newest_number = RUDP_NUMBER_NONE,
	};
	pass->newest = RUDP_NUMBER_NONE;
	pass->extent = 0;
}

void rudp_reliability_recv_end(struct rudp_reliability *r, struct rudp_rtt *rtt,
			       struct rudp_ack_pass *pass, int64_t ack_delay_max_ns,
			       int64_t now_at_ns)
{
	struct step step = {r, pass, now_at_ns, 0};

	if (!pass->is_answered)
		on_answered_all(&step, rtt, ack_delay_max_ns);
}

void rudp_reliability_recv_answer(struct rudp_reliability *r, struct rudp_rtt *rtt, uint64_t number,
				  int64_t now_at_ns, struct rudp_reliability_result *result)
{
	struct rudp_ack ack = {
		.largest = number, .ranges = {{number, number + 1}}, .range_count = 1};
	struct rudp_ack_pass pass;

	if (rudp_reliability_recv_begin(r, &ack, now_at_ns, &pass) == RUDP_VERDICT_OK)
		(void)rudp_reliability_recv_step(r, rtt, &pass, 0, now_at_ns);
	*result = pass.result;
}
