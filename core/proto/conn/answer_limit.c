/* SPDX-License-Identifier: MIT */
#include "proto/conn/answer_limit.h"

#include <string.h>

#include "base/table.h"

static const uint16_t max_per_s[RUDP_ANSWER_KIND_COUNT] = {
	[RUDP_ANSWER_REFUSE] = RUDP_REFUSES_PER_S,
	[RUDP_ANSWER_RESET] = RUDP_RESETS_PER_S,
};

static unsigned group_of(const struct rudp_addr *addr)
{
	struct rudp_addr_key host = rudp_addr_key_of_host(addr);
	size_t prefix_bytes = addr->family == AF_INET ? RUDP_ANSWER_PREFIX_IPV4_BYTES
						      : RUDP_ANSWER_PREFIX_IPV6_BYTES;

	memset(host.host + prefix_bytes, 0, sizeof host.host - prefix_bytes);
	return rudp_table_hash(&host, sizeof host) % RUDP_ANSWER_GROUPS;
}

bool rudp_answer_limit_take(struct rudp_answer_limit *limit, enum rudp_answer_kind kind,
			    const struct rudp_addr *to, int64_t now_at_ns)
{
	uint16_t *count = &limit->counts[kind][group_of(to)];

	if (now_at_ns - limit->second_at_ns >= RUDP_NS_PER_S) {
		memset(limit->counts, 0, sizeof limit->counts);
		limit->second_at_ns = now_at_ns;
	}
	if (*count == max_per_s[kind])
		return false;
	++*count;
	return true;
}
