/* SPDX-License-Identifier: MIT */
/*
 * flood - how fast a client may speak.
 *
 * Model    a bucket of time. Each line costs the penalty of its command (a row of the table of
 *          commands); a client may be burst_ms ahead of the clock, then its lines wait in the
 *          worker that read them, and its receive queue fills (which has its own limit, and its
 *          own reason: "Excess Flood"). Nothing of this needs the model's thread.
 * Threads  none kept: any.
 */
#ifndef APO_FLOOD_H
#define APO_FLOOD_H

#include <stddef.h>
#include <stdint.h>

/* What the line costs in milliseconds: that of its command, and a part for its length. No line is
 * free: each is answered, if only by who may not say it. Operators pay nothing: whoever calls knows
 * (set_operator in model.h). */
uint32_t apo_flood_penalty_ms(const char *line, size_t len);

struct apo_flood {
	int64_t paid_until_at_ns; /* zeroed is right: never spoken */
};

/* When the next line may be handed over: not before the instant returned (which may be past). */
int64_t apo_flood_ready_at_ns(const struct apo_flood *flood, uint32_t burst_ms);
/* It has been. */
void apo_flood_pay(struct apo_flood *flood, uint32_t penalty_ms, int64_t now_at_ns);

#endif
