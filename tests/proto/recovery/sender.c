/* SPDX-License-Identifier: MIT */
#include "sender.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static void on_answered(void *context, uint64_t number, const struct rudp_sent *sent)
{
	struct sender *s = context;

	(void)sent;
	s->answered[number]++;
	s->last_told = number;
}

static void on_lost(void *context, uint64_t number, const struct rudp_sent *sent)
{
	struct sender *s = context;

	(void)sent;
	s->lost[number]++;
	s->last_told = number;
}

struct sender *sender_new(void)
{
	struct sender *s = calloc(1, sizeof *s);

	cr_assert(ne(ptr, s, NULL));
	s->now_at_ns = 1000 * RUDP_NS_PER_S;
	rudp_rtt_init(&s->rtt, 0);
	cr_assert(eq(int,
		     rudp_reliability_init(&s->r, &(struct rudp_reliability_owner){s, on_answered,
										   on_lost, NULL}),
		     0));
	return s;
}

void sender_free(struct sender *s)
{
	rudp_reliability_fini(&s->r);
	free(s);
}

void sender_data(struct sender *s, unsigned n)
{
	struct rudp_sent sent = {
		.sent_at_ns = s->now_at_ns,
		.stream_bytes = SENDER_PACKET_BYTES - 40,
		.size_bytes = SENDER_PACKET_BYTES,
		.expects = RUDP_EXPECTS_ACK,
		.in_flight = true,
	};

	for (unsigned i = 0; i < n; i++) {
		cr_assert(eq(int, rudp_reliability_can_send(&s->r), 1));
		rudp_reliability_send(&s->r, &sent);
	}
}

void sender_acks(struct sender *s, unsigned n)
{
	struct rudp_sent sent = {
		.sent_at_ns = s->now_at_ns,
		.size_bytes = 50,
		.content = RUDP_CONTENT_ACK,
	};

	for (unsigned i = 0; i < n; i++) {
		cr_assert(eq(int, rudp_reliability_can_send(&s->r), 1));
		rudp_reliability_send(&s->r, &sent);
	}
}

void sender_mtu_probe(struct sender *s)
{
	struct rudp_sent sent = {
		.sent_at_ns = s->now_at_ns,
		.size_bytes = 65507,
		.content = RUDP_CONTENT_PING | RUDP_CONTENT_MTU_PROBE,
		.expects = RUDP_EXPECTS_ACK,
	};

	cr_assert(eq(int, rudp_reliability_can_send(&s->r), 1));
	rudp_reliability_send(&s->r, &sent);
}

void sender_wait(struct sender *s, int64_t ns)
{
	s->now_at_ns += ns;
}

enum rudp_verdict sender_recv(struct sender *s, const struct rudp_ack *ack)
{
	struct rudp_ack_pass pass;
	enum rudp_verdict verdict = rudp_reliability_recv_begin(&s->r, ack, s->now_at_ns, &pass);

	while (verdict == RUDP_VERDICT_OK && !sender_step(s, &pass))
		;
	s->result = pass.result;
	return verdict;
}

bool sender_step(struct sender *s, struct rudp_ack_pass *pass)
{
	return rudp_reliability_recv_step(&s->r, &s->rtt, pass, SENDER_ACK_DELAY_NS, s->now_at_ns);
}

enum rudp_verdict sender_acked_two(struct sender *s, uint64_t low_end, uint64_t start, uint64_t end)
{
	struct rudp_ack ack = {.largest = end - 1, .ranges = {{start, end}}, .range_count = 1};

	if (low_end > 0)
		ack.ranges[ack.range_count++] = (struct rudp_range){0, low_end};
	return sender_recv(s, &ack);
}

enum rudp_verdict sender_acked(struct sender *s, uint64_t start, uint64_t end)
{
	return sender_acked_two(s, 0, start, end);
}

unsigned sender_retransmit(struct sender *s)
{
	return rudp_reliability_retransmit(&s->r, &s->rtt, SENDER_ACK_DELAY_NS, s->now_at_ns,
					   &s->result);
}

int64_t sender_deadline_ns(const struct sender *s)
{
	return rudp_reliability_deadline_ns(&s->r, &s->rtt, SENDER_ACK_DELAY_NS);
}

void sender_settle(struct sender *s, int64_t rtt_ns)
{
	for (int i = 0; i < 100; i++) {
		sender_data(s, 1);
		sender_wait(s, rtt_ns);
		sender_acked(s, s->r.next - 1, s->r.next);
	}
	cr_assert(eq(i64, s->rtt.srtt_ns, rtt_ns));
}
