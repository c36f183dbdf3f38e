/* SPDX-License-Identifier: MIT */
/* sender - a reliability layer with an owner that records the fate of each packet. */
#ifndef TESTS_PROTO_SENDER_H
#define TESTS_PROTO_SENDER_H

#include "proto/recovery/reliability.h"

#define SENDER_NUMBERS_MAX 40000
#define SENDER_PACKET_BYTES 1200
#define SENDER_ACK_DELAY_NS (25 * RUDP_NS_PER_MS)

struct sender {
	struct rudp_reliability r;
	struct rudp_rtt rtt;
	struct rudp_reliability_result result; /* of the last call */
	int64_t now_at_ns;
	uint8_t answered[SENDER_NUMBERS_MAX]; /* times each number was answered, and lost */
	uint8_t lost[SENDER_NUMBERS_MAX];
	uint64_t last_told; /* number of the last callback */
};

/* Allocates a sender; fails the test without memory. */
struct sender *sender_new(void);
void sender_free(struct sender *s);

/* Sends n data packets (or packets with only an ACK) now. */
void sender_data(struct sender *s, unsigned n);
void sender_acks(struct sender *s, unsigned n);
/* Sends a path MTU probe. */
void sender_mtu_probe(struct sender *s);

/* Advances the clock. */
void sender_wait(struct sender *s, int64_t ns);

/* Processes a whole ACK; a part of one that has begun. */
enum rudp_verdict sender_recv(struct sender *s, const struct rudp_ack *ack);
bool sender_step(struct sender *s, struct rudp_ack_pass *pass);
/* Processes an ACK of [start, end), or of [start, end) and [0, low_end) below it. */
enum rudp_verdict sender_acked(struct sender *s, uint64_t start, uint64_t end);
enum rudp_verdict sender_acked_two(struct sender *s, uint64_t low_end, uint64_t start,
				   uint64_t end);

unsigned sender_retransmit(struct sender *s);
int64_t sender_deadline_ns(const struct sender *s);

/* Makes the RTT exactly rtt_ns, and leaves nothing outstanding. */
void sender_settle(struct sender *s, int64_t rtt_ns);

#endif
