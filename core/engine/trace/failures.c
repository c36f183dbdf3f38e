/* SPDX-License-Identifier: MIT */
#include "engine/trace/failures.h"

#include <errno.h>
#include <string.h>

/* A peer's SYN has a new source port in each attempt, so only its host is compared. */
static bool is_repeated(const struct rudp_failure *entry, const struct rudp_failure *what)
{
	if (entry->number == 0 || entry->cause != what->cause || entry->error != what->error)
		return false;
	if (what->pid == 0)
		return rudp_addr_same_host(&entry->remote, &what->remote) &&
		       rudp_addr_port(&entry->local) == rudp_addr_port(&what->local);
	return rudp_addr_equal(&entry->remote, &what->remote) &&
	       memcmp(entry->program, what->program, sizeof what->program) == 0;
}

void rudp_failures_add(struct rudp_failures *failures, const struct rudp_failure *what)
{
	struct rudp_failure *half = what->pid ? failures->of_programs : failures->of_peers;
	struct rudp_failure *entry = &half[0];
	uint32_t count = 0;

	failures->counts[what->cause]++;
	for (unsigned i = 0; i < RUDP_FAILURES_MAX; i++) {
		if (is_repeated(&half[i], what)) {
			entry = &half[i];
			count = entry->count;
			break;
		}
		if (half[i].number < entry->number)
			entry = &half[i];
	}
	*entry = *what;
	entry->count = count < UINT32_MAX ? count + 1 : count;
	entry->number = ++failures->last_number;
}

static const struct rudp_failure *lower(const struct rudp_failure *a, const struct rudp_failure *b)
{
	return !a || b->number < a->number ? b : a;
}

const struct rudp_failure *rudp_failures_next(const struct rudp_failures *failures, uint64_t number)
{
	const struct rudp_failure *found = NULL;

	for (unsigned i = 0; i < RUDP_FAILURES_MAX; i++) {
		if (failures->of_programs[i].number > number)
			found = lower(found, &failures->of_programs[i]);
		if (failures->of_peers[i].number > number)
			found = lower(found, &failures->of_peers[i]);
	}
	return found;
}

static unsigned forget_in(struct rudp_failure entries[RUDP_FAILURES_MAX],
			  const struct rudp_addr *host)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RUDP_FAILURES_MAX; i++) {
		if (entries[i].number == 0 ||
		    (host && !rudp_addr_same_host(&entries[i].remote, host)))
			continue;
		entries[i] = (struct rudp_failure){0};
		count++;
	}
	return count;
}

unsigned rudp_failures_forget_host(struct rudp_failures *failures, const struct rudp_addr *host)
{
	return forget_in(failures->of_programs, host) + forget_in(failures->of_peers, host);
}

enum rudp_failure_cause rudp_failure_cause_of(int error)
{
	switch (error) {
	case EKEYREJECTED:
		return RUDP_FAILURE_KEY;
	case EPROTONOSUPPORT:
		return RUDP_FAILURE_VERSION;
	case ECONNREFUSED:
		return RUDP_FAILURE_REFUSED;
	case ETIMEDOUT:
		return RUDP_FAILURE_SILENT;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return RUDP_FAILURE_UNREACHABLE;
	case EPERM:
	case EACCES:
		return RUDP_FAILURE_FILTERED;
	default:
		return RUDP_FAILURE_OTHER;
	}
}
