/* SPDX-License-Identifier: MIT */
/*
 * remembered - which way the last connection to a destination took, so that only the first one races.
 *
 * At most RUDP_REMEMBERED_MAX destinations (address and port); the oldest entry makes room. An entry
 * counts for the time given when it is asked for.
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_REMEMBERED_H
#define RUDP_ENGINE_REMEMBERED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"

#define RUDP_REMEMBERED_MAX 4096

struct rudp_remembered_entry;

struct rudp_remembered {
	struct rudp_remembered_entry *table;
	struct rudp_list by_age;      /* oldest first */
	unsigned count;
};

void rudp_remembered_init(struct rudp_remembered *remembered);
void rudp_remembered_fini(struct rudp_remembered *remembered);

/*
 * from: this host's address, which it left from; rtt_ns: of a handshake over rudp.
 * Without memory nothing is remembered.
 */
void rudp_remembered_put(struct rudp_remembered *remembered, const struct rudp_addr *to,
			 const struct rudp_addr *from, bool tcp, int64_t rtt_ns, int64_t now_at_ns);
void rudp_remembered_forget(struct rudp_remembered *remembered, const struct rudp_addr *to);
/* What has left from addresses of which keeps says false: this host is in another network by now. */
void rudp_remembered_forget_unless(struct rudp_remembered *remembered,
				   bool (*keeps)(void *context, const struct rudp_addr *from),
				   void *context);

/* All ports of a host; host NULL: every destination. Returns how many there were. */
unsigned rudp_remembered_forget_host(struct rudp_remembered *remembered, const struct rudp_addr *host);

/* false: not known, or older than age_max_ns. */
bool rudp_remembered_find(const struct rudp_remembered *remembered, const struct rudp_addr *to,
			  int64_t age_max_ns, int64_t now_at_ns, bool *tcp, int64_t *rtt_ns);

/* So many destinations are remembered to have taken TCP, and not longer ago. Looks at each. */
unsigned rudp_remembered_tcp_count(const struct rudp_remembered *remembered, int64_t age_max_ns,
				   int64_t now_at_ns);

#endif
