/* SPDX-License-Identifier: MIT */
/*
 * flood - limits how fast a client may send lines.
 *
 * Model    a token bucket that counts time. Each line costs the penalty of its command (a row of
 *          the table of commands). A client may be burst_ms ahead of the clock; then its lines wait
 *          in the worker that read them, and its receive queue fills. That queue has its own limit,
 *          and exceeding it its own reason: "Excess Flood". None of this needs the model's thread.
 * Threads  any: no shared state.
 */
#ifndef APO_FLOOD_H
#define APO_FLOOD_H

#include <stddef.h>
#include <stdint.h>

/* The cost of the line in milliseconds: that of its command, and a part for its length. No line is
 * free, not even an empty one or one that the sender may not send. Operators pay nothing; the
 * caller knows who is one (set_operator in model.h). */
uint32_t apo_flood_penalty_ms(const char *line, size_t len);

struct apo_flood {
	int64_t paid_until_at_ns; /* zero: no line was sent yet */
};

/* The earliest time at which the next line may be handed to the model; it may be in the past. */
int64_t apo_flood_ready_at_ns(const struct apo_flood *flood, uint32_t burst_ms);
/* A line with that penalty has been handed over. */
void apo_flood_pay(struct apo_flood *flood, uint32_t penalty_ms, int64_t now_at_ns);

#endif
