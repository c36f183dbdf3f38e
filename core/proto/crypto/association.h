/* SPDX-License-Identifier: MIT */
/*
 * association - what two endpoints keep of a handshake, so that their next connections need none:
 * tables of those that we gave to initiators, by id, and of those that listeners gave to us, by
 * address.
 *
 * Source   docs/protocol.md section 6.7.
 * Threads  none: an endpoint's own.
 */
#ifndef RUDP_PROTO_ASSOCIATION_H
#define RUDP_PROTO_ASSOCIATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"
#include "proto/crypto/replay.h"
#include "proto/crypto/resume.h"

#define RUDP_ASSOCIATIONS_GIVEN_MAX 16384u /* 250 bytes, 800 with gaps; the one unused longest leaves */
#define RUDP_ASSOCIATIONS_TAKEN_MAX 4096u  /* peers; likewise */
#define RUDP_ASSOCIATION_LIFE_NS (24 * 3600 * RUDP_NS_PER_S) /* since the DH that made it */
#define RUDP_ASSOCIATION_FRESH_NS (120 * RUDP_NS_PER_S)      /* as long it serves without another */
#define RUDP_ASSOCIATION_SLACK_NS (15 * RUDP_NS_PER_S)  /* the giver's; for SYNs on their way */
#define RUDP_ASSOCIATION_LINGER_NS (30 * RUDP_NS_PER_S) /* when another has taken its place */
#define RUDP_ASSOCIATION_TRUSTS 8 /* SYNs from a proven address that count, before it is proven again */

struct rudp_given; /* all of one kind; their tables are in association.c */
struct rudp_taken;

/* Each association is in one of these; the one that leaves next comes first. */
struct rudp_association_ages {
	struct rudp_list fresh;   /* serve without DH: both secrets stand */
	struct rudp_list lasting; /* only with DH: the fresh secret is wiped */
	struct rudp_list ending;  /* replaced: likewise, and soon to be dropped */
};

struct rudp_associations {
	struct rudp_given *given;
	struct rudp_taken *taken;
	unsigned given_count, taken_count;
	struct rudp_list given_by_use, taken_by_use; /* the one unused longest first */
	struct rudp_association_ages given_by_age, taken_by_age;
};

void rudp_associations_init(struct rudp_associations *all);
/* Wipes and frees all of them; the tables are empty then, and may be used on. */
void rudp_associations_clear(struct rudp_associations *all);
/* The same with those whose key is not good. Returns how many there were. */
unsigned rudp_associations_keep(struct rudp_associations *all,
				bool (*is_good)(const void *context, uint64_t psk_id),
				const void *context);
/*
 * The same with those of one host: taken from a listener there, on any port, or given to an initiator
 * that was last proven to be there. Returns how many there were.
 */
unsigned rudp_associations_forget_host(struct rudp_associations *all, const struct rudp_addr *host);

/*
 * Given: keeps what an initiator has been told.
 *
 * Returns  0, -EEXIST (an id twice: chance, or malice) or -ENOMEM.
 */
int rudp_association_give(struct rudp_associations *all, uint64_t id,
			  const struct rudp_resume_secrets *secrets, uint64_t psk_id,
			  int64_t made_at_ns);
/* Of the key under which it was made. */
uint64_t rudp_given_psk_id(const struct rudp_given *given);
/* NULL: not known, or its life is over. */
struct rudp_given *rudp_association_find_given(struct rudp_associations *all, uint64_t id,
					       int64_t now_at_ns);
/* The secret for a SYN with or without DH; NULL: none any more. */
const uint8_t *rudp_given_secret(const struct rudp_given *given, bool with_dh);
/* No SYN with this counter has been taken. */
bool rudp_given_is_fresh(const struct rudp_given *given, uint64_t counter);
/* Its initiator says so, and no other. */
bool rudp_given_proves_spent(const struct rudp_given *given, const struct rudp_spent *spent);
/* One has been, and never will be again. */
void rudp_association_on_taken(struct rudp_associations *all, struct rudp_given *given,
			       uint64_t counter);
/*
 * A connection of its initiator, from this address, has shown that somebody receives there. Unknown ids
 * are ignored.
 */
void rudp_association_on_proven(struct rudp_associations *all, uint64_t id,
				const struct rudp_addr *remote);
/*
 * A SYN under it has been taken that came from this address: whether that is the host that was proven
 * last, while the association is fresh. Each yes is one of RUDP_ASSOCIATION_TRUSTS.
 */
bool rudp_association_trusts(struct rudp_associations *all, uint64_t id,
			     const struct rudp_addr *remote, int64_t now_at_ns);
/* Its initiator has another one by now: it ends soon. Unknown ids are ignored. */
void rudp_association_on_replaced(struct rudp_associations *all, uint64_t id, int64_t now_at_ns);

/* Taken: keeps what the listener at this address has told; in place of what it told before. */
int rudp_association_take(struct rudp_associations *all, const struct rudp_addr *remote,
			  uint64_t id, const struct rudp_resume_secrets *secrets,
			  uint64_t psk_id, int64_t made_at_ns);

/*
 * The listener has shown that it has kept it. Before that, it may not know the association now, and know
 * it later: a SYN that it has refused could be taken then.
 */
void rudp_association_on_known(struct rudp_associations *all, const struct rudp_addr *remote,
			       uint64_t id);

/* There is an association with this address, of which that has been shown. */
bool rudp_association_is_known(struct rudp_associations *all, const struct rudp_addr *remote,
			       int64_t now_at_ns);

/* Everything for one resumed SYN. */
struct rudp_ticket {
	uint64_t association_id;
	uint64_t counter; /* never told a second time */
	uint64_t psk_id;  /* of the key under which the association was made */
	struct rudp_spent spent; /* proves the same of both */
	bool is_known;    /* to the listener: see rudp_association_on_known */
	bool with_dh;
	uint8_t secret[RUDP_RESUME_SECRET_BYTES];
};

/* false: there is no association with this address. */
bool rudp_association_use(struct rudp_associations *all, const struct rudp_addr *remote,
			  int64_t now_at_ns, struct rudp_ticket *ticket);
/* The listener does not know it any more. One that has taken its place stays. */
void rudp_association_forget(struct rudp_associations *all, const struct rudp_addr *remote,
			     uint64_t id);

/* When on_time has something to wipe; RUDP_NEVER. */
int64_t rudp_associations_deadline_ns(const struct rudp_associations *all);
void rudp_associations_on_time(struct rudp_associations *all, int64_t now_at_ns);

/* Counts, lists and tables agree, and limits hold. For tests. */
bool rudp_associations_check(const struct rudp_associations *all);

#endif
