/* SPDX-License-Identifier: MIT */
#include "proto/conn/refusals.h"

/* Index of the entry of this host; RUDP_REFUSALS_MAX: it has none. */
static unsigned find(const struct rudp_refusals *refusals, const struct rudp_addr *host)
{
	unsigned i = 0;

	while (i < RUDP_REFUSALS_MAX && !rudp_addr_same_host(&refusals->entries[i].host, host))
		i++;
	return i;
}

void rudp_refusals_note(struct rudp_refusals *refusals, const struct rudp_addr *from,
			int64_t now_at_ns)
{
	unsigned i = find(refusals, from);

	if (i == RUDP_REFUSALS_MAX) {
		i = refusals->next;
		refusals->next = (i + 1) % RUDP_REFUSALS_MAX;
		refusals->entries[i].host = *from;
	}
	refusals->entries[i].until_ns = now_at_ns + RUDP_REFUSAL_NS;
}

bool rudp_refusals_has(const struct rudp_refusals *refusals, const struct rudp_addr *host,
		       int64_t now_at_ns)
{
	unsigned i = find(refusals, host);

	return i < RUDP_REFUSALS_MAX && now_at_ns < refusals->entries[i].until_ns;
}

void rudp_refusals_forget(struct rudp_refusals *refusals, const struct rudp_addr *host)
{
	unsigned i;

	if (!host)
		*refusals = (struct rudp_refusals){.next = 0};
	else if ((i = find(refusals, host)) < RUDP_REFUSALS_MAX)
		refusals->entries[i].until_ns = 0;
}
