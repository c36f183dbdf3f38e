/* SPDX-License-Identifier: MIT */
/*
 * association - lets two endpoints that completed a handshake resume later connections without a
 * new one.
 *
 * An association holds the secrets for that (like a TLS session ticket). There are two tables: the
 * associations that we, as listener, gave to initiators, by id; and those that listeners gave to
 * us, by address.
 *
 * Source   docs/protocol.md section 6.7.
 * Threads  none: owned by the endpoint.
 */
#ifndef RUDP_PROTO_ASSOCIATION_H
#define RUDP_PROTO_ASSOCIATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"
#include "proto/crypto/credentials.h"
#include "proto/crypto/replay.h"
#include "proto/crypto/resume.h"

#define RUDP_ASSOCIATIONS_GIVEN_MAX 16384u /* 250 to 800 bytes each; LRU eviction */
#define RUDP_ASSOCIATIONS_TAKEN_MAX 4096u  /* one for each peer; LRU eviction */
#define RUDP_ASSOCIATION_LIFE_NS (24 * 3600 * RUDP_NS_PER_S) /* from the DH that made it */
#define RUDP_ASSOCIATION_FRESH_NS (120 * RUDP_NS_PER_S) /* how long it works without a new DH */
#define RUDP_ASSOCIATION_SLACK_NS (15 * RUDP_NS_PER_S)  /* extra for the listener: SYNs in flight */
#define RUDP_ASSOCIATION_LINGER_NS (30 * RUDP_NS_PER_S) /* after it was replaced */
/* The number of SYNs from a validated address that are trusted before the address must be validated
 * again. */
#define RUDP_ASSOCIATION_TRUSTS 8

/* One association that was given, and one that was taken; defined in association.c. */
struct rudp_given;
struct rudp_taken;

/*
 * Every association is in one of these lists, each sorted by the time at which it leaves the list.
 */
struct rudp_association_ages {
	struct rudp_list fresh;   /* usable without DH: both secrets exist */
	struct rudp_list lasting; /* usable only with DH: the fresh secret is wiped */
	struct rudp_list ending;  /* replaced by a newer one: usable only with DH, removed soon */
};

struct rudp_associations {
	struct rudp_given *given;
	struct rudp_taken *taken;
	unsigned given_count, taken_count;
	struct rudp_list given_by_use, taken_by_use; /* least recently used first */
	struct rudp_association_ages given_by_age, taken_by_age;
};

void rudp_associations_init(struct rudp_associations *all);
/* Wipes and frees all associations. The tables are then empty and can be used again. */
void rudp_associations_clear(struct rudp_associations *all);
/* Removes the associations whose credentials are not good. Returns how many were removed. */
unsigned rudp_associations_keep(struct rudp_associations *all,
				bool (*is_good)(const void *context,
						const struct rudp_credentials *credentials),
				const void *context);
/*
 * Removes the associations of one host: those taken from a listener there, on any port, and those
 * given to an initiator whose address was last validated there. Returns how many were removed.
 */
unsigned rudp_associations_forget_host(struct rudp_associations *all, const struct rudp_addr *host);

/*
 * Stores an association that we, as listener, give to an initiator.
 *
 * Returns  0, -EEXIST (the id is in use: by chance, or the peer cheats) or -ENOMEM.
 */
int rudp_association_give(struct rudp_associations *all, uint64_t id,
			  const struct rudp_resume_secrets *secrets,
			  const struct rudp_credentials *credentials, int64_t made_at_ns);
/* What the handshake that made the association has proven. */
const struct rudp_credentials *rudp_given_credentials(const struct rudp_given *given);
/* Returns NULL if the id is unknown or the association has expired. */
struct rudp_given *rudp_association_find_given(struct rudp_associations *all, uint64_t id,
					       int64_t now_at_ns);
/* The secret for a SYN with or without DH. Returns NULL if that secret was wiped. */
const uint8_t *rudp_given_secret(const struct rudp_given *given, bool with_dh);
/* True if no SYN with this counter was accepted yet. */
bool rudp_given_is_fresh(const struct rudp_given *given, uint64_t counter);
/*
 * Verifies the initiator's proof that it used this association and counter. Only that initiator can
 * make the proof.
 */
bool rudp_given_proves_spent(const struct rudp_given *given, const struct rudp_spent *spent);
/* Marks the counter as used: no other SYN with it will be accepted. */
void rudp_association_on_taken(struct rudp_associations *all, struct rudp_given *given,
			       uint64_t counter);
/*
 * Reports that a connection of the association's initiator has validated this address (RFC 9000
 * section 8). Unknown ids are ignored.
 */
void rudp_association_on_proven(struct rudp_associations *all, uint64_t id,
				const struct rudp_addr *remote);
/*
 * Whether to treat remote, from which a SYN under this association was accepted, as validated. True
 * if remote is the host validated last and the association is fresh. Each true result uses up one
 * of RUDP_ASSOCIATION_TRUSTS.
 */
bool rudp_association_trusts(struct rudp_associations *all, uint64_t id,
			     const struct rudp_addr *remote, int64_t now_at_ns);
/*
 * Reports that the initiator has a newer association: this one expires soon. Unknown ids are
 * ignored.
 */
void rudp_association_on_replaced(struct rudp_associations *all, uint64_t id, int64_t now_at_ns);

/*
 * Stores an association that the listener at this address gave us. It replaces an older one from
 * there. Returns 0 or -ENOMEM.
 */
int rudp_association_take(struct rudp_associations *all, const struct rudp_addr *remote,
			  uint64_t id, const struct rudp_resume_secrets *secrets,
			  const struct rudp_credentials *credentials, int64_t made_at_ns);

/*
 * Reports that the listener has shown that it stored the association. Before that, the listener may
 * not know the association yet: a SYN that it refuses now could be accepted later.
 */
void rudp_association_on_known(struct rudp_associations *all, const struct rudp_addr *remote,
			       uint64_t id);

/* Whether there is an association with this address that the listener is known to have stored. */
bool rudp_association_is_known(struct rudp_associations *all, const struct rudp_addr *remote,
			       int64_t now_at_ns);

/* The data for one resumed SYN. */
struct rudp_ticket {
	uint64_t association_id;
	uint64_t counter;        /* used only once */
	struct rudp_spent spent; /* proves to the listener that this SYN was sent */
	bool is_known;           /* the listener has stored it: see rudp_association_on_known() */
	bool with_dh;
	uint8_t secret[RUDP_RESUME_SECRET_BYTES];
};

/*
 * What the handshake that made the association with this address has proven; NULL: there is no
 * association. Valid until the next call that changes the table.
 */
const struct rudp_credentials *rudp_association_credentials(struct rudp_associations *all,
							    const struct rudp_addr *remote,
							    int64_t now_at_ns);

/* Makes the ticket for the next SYN. Returns false if there is no association with this address. */
bool rudp_association_use(struct rudp_associations *all, const struct rudp_addr *remote,
			  int64_t now_at_ns, struct rudp_ticket *ticket);
/*
 * Removes the association id, which the listener no longer knows. A newer association with that
 * address stays.
 */
void rudp_association_forget(struct rudp_associations *all, const struct rudp_addr *remote,
			     uint64_t id);

/* When rudp_associations_on_time() must be called next; RUDP_NEVER: not needed. */
int64_t rudp_associations_deadline_ns(const struct rudp_associations *all);
void rudp_associations_on_time(struct rudp_associations *all, int64_t now_at_ns);

/* For tests: whether counts, lists and tables agree and the limits hold. */
bool rudp_associations_check(const struct rudp_associations *all);

#endif
