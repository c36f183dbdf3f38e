/* SPDX-License-Identifier: MIT */
#include "proto/cc/pacer.h"

#include "proto/cc/cc_pace.h"

/* Later than this is not a late timer but a sender with nothing to send. */
#define LATE_NS_MAX (10 * RUDP_NS_PER_MS)

/* What a late timer may make up. A quantum is capped for the sake of one system call, the time that
 * a busy engine loses is not: so a millisecond of the rate if that is more. */
#define MAKE_UP_NS (1 * RUDP_NS_PER_MS)

/* One packet holds back the next no longer than this, whatever the rate. */
#define SPAN_NS_MAX (3600 * RUDP_NS_PER_S)

static int64_t span_ns(uint64_t bytes, uint64_t rate_bytes_per_s)
{
	return rudp_time_min(rudp_cc_span_ns(bytes, rate_bytes_per_s), SPAN_NS_MAX);
}

/* How much of the lateness counts: all of a late timer within the bound, nothing after idling. */
static int64_t credit_ns(const struct rudp_pacer *pacer, uint64_t rate_bytes_per_s,
			 uint64_t quantum_bytes, int64_t now_at_ns)
{
	int64_t late_ns = now_at_ns - pacer->release_at_ns;
	int64_t bound_ns = rudp_time_max(span_ns(quantum_bytes, rate_bytes_per_s), MAKE_UP_NS);

	if (late_ns <= 0 || late_ns > rudp_time_max(bound_ns, LATE_NS_MAX))
		return 0;
	return rudp_time_min(late_ns, bound_ns);
}

void rudp_pacer_init(struct rudp_pacer *pacer, int64_t now_at_ns)
{
	pacer->release_at_ns = now_at_ns;
}

uint64_t rudp_pacer_budget_bytes(const struct rudp_pacer *pacer, uint64_t rate_bytes_per_s,
				 uint64_t quantum_bytes, int64_t now_at_ns)
{
	if (rate_bytes_per_s == 0)
		return quantum_bytes;
	if (now_at_ns < pacer->release_at_ns)
		return 0;
	return quantum_bytes +
	       rudp_cc_bytes_in(rate_bytes_per_s,
				credit_ns(pacer, rate_bytes_per_s, quantum_bytes, now_at_ns));
}

void rudp_pacer_on_sent(struct rudp_pacer *pacer, uint64_t rate_bytes_per_s, uint64_t quantum_bytes,
			uint64_t bytes, int64_t now_at_ns)
{
	int64_t from_at_ns = pacer->release_at_ns;

	if (rate_bytes_per_s == 0)
		return;
	if (from_at_ns <= now_at_ns)
		from_at_ns =
			now_at_ns - credit_ns(pacer, rate_bytes_per_s, quantum_bytes, now_at_ns);
	pacer->release_at_ns = from_at_ns + span_ns(bytes, rate_bytes_per_s);
}

int64_t rudp_pacer_release_at_ns(const struct rudp_pacer *pacer)
{
	return pacer->release_at_ns;
}
