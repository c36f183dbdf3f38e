/* SPDX-License-Identifier: MIT */
/*
 * path_mtu - how large a datagram the path carries: DPLPMTUD, the search by packets of our own.
 *
 * Model      a size is known to pass when a packet of that size has been answered. The search sends
 *            probes, packets that carry nothing, of sizes likely to pass: what the interface allows,
 *            what was found on the way to this host before, the MTUs that are in use in the field, and
 *            then halves of what is left. Data never leaves in anything larger than bytes.
 * States     those of RFC 8899 section 5.2, but for ERROR: the base is the minimum here, so where the
 *            base does not pass there is nothing smaller to try, and the user time-out decides.
 * Invariant  BASE <= bytes <= max_bytes; 0 or bytes < failed_bytes; a probe is > bytes and <= max_bytes.
 * Limits     RUDP_MTU_PROBES_MAX losses of one size; about a dozen sizes a search; the probes of a
 *            connection are at most a RUDP_MTU_COST_SHARE-th of what it sends.
 * Threads    none.
 * Source     RFC 8899; RFC 9000 section 14.3 and 14.4; docs/protocol.md section 15.
 */
#ifndef RUDP_PROTO_PATH_MTU_H
#define RUDP_PROTO_PATH_MTU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_MTU_PROBES_MAX 3 /* RFC 8899 section 5.1.2: MAX_PROBES */
#define RUDP_MTU_RAISE_NS (600 * RUDP_NS_PER_S) /* section 5.1.1: PMTU_RAISE_TIMER */
#define RUDP_MTU_RESOLUTION 16  /* the search ends when less than this part is left to win */
#define RUDP_MTU_COST_SHARE 16
#define RUDP_MTU_WINDOW_SHARE 4 /* of a window, the largest part that one packet should be */
#define RUDP_MTU_SUSPECTS 3     /* large packets lost in a row: a black hole */
#define RUDP_MTU_DOUBTS_MAX 3   /* black holes between two searches that may have been congestion */

/*
 * DISABLED    nobody has said how much may leave: the base it is
 * BASE        nothing has been looked for yet, or there was nothing to win
 * SEARCHING   sizes are being tried
 * COMPLETE    the search has ended; RUDP_MTU_RAISE_NS later there may be another
 */
#define RUDP_MTU_STATES(X) X(DISABLED) X(BASE) X(SEARCHING) X(COMPLETE)

#define RUDP_MTU_STATE_ENUM(name) RUDP_MTU_##name,
enum rudp_mtu_state { RUDP_MTU_STATES(RUDP_MTU_STATE_ENUM) };
#undef RUDP_MTU_STATE_ENUM

/* All sizes are bytes of UDP payload. */
struct rudp_path_mtu {
	enum rudp_mtu_state state;
	uint32_t bytes;          /* PLPMTU: the largest size known to pass */
	uint32_t max_bytes;      /* MAX_PLPMTU: the least of peer, interface and ourselves */
	uint32_t failed_bytes;   /* the least size found not to pass; 0: none */
	uint32_t hint_bytes;     /* worth trying first; 0: none */
	uint32_t probe_bytes;    /* being tried; 0: none */
	uint8_t header_bytes;    /* of IP and UDP before it */
	uint8_t losses;          /* of the size being tried */
	uint8_t suspects;        /* large packets lost since a large one was answered */
	uint8_t doubts;          /* black holes since a search began anew */
	bool hint_is_found;      /* an earlier search has ended with it */
	bool icmp_lies;          /* what it said last was refuted, since a search began anew */
	uint32_t told_bytes;     /* what ICMP said last, not refuted yet; 0: nothing */
	uint64_t told_number;    /* packets from this on were sent after it was said */
	bool probe_out;          /* one is under way, */
	uint64_t probe_number;   /* with this packet number, or was; UINT64_MAX: never */
	uint64_t large_answered; /* the last large one; 0: none (0 is no data packet) */
	uint64_t spent_bytes;    /* in probes */
	int64_t raise_at_ns;     /* COMPLETE: then another search */
	uint32_t probes, black_holes; /* statistics */
};

/* May be searched, or (where nothing can be won, or nobody says how far) stays with the base. */
void rudp_path_mtu_init(struct rudp_path_mtu *m, bool enabled);

/* A search is due: somebody should find out max_bytes and start it, when there is something to win. */
bool rudp_path_mtu_is_due(const struct rudp_path_mtu *m, int64_t now_at_ns);

/*
 * Begins a search up to max_bytes. header_bytes are those of IP and UDP; hint_bytes (0: none) is what
 * an earlier search to the same host has found. COMPLETE at once where too little can be won.
 * bytes may have to shrink to max_bytes.
 */
void rudp_path_mtu_start(struct rudp_path_mtu *m, uint32_t max_bytes, uint8_t header_bytes,
			 uint32_t hint_bytes, int64_t now_at_ns);

/*
 * The size of a probe that should leave now, or 0. limit_bytes is the most that one packet should be
 * at the moment (windows); carried_bytes, what the connection has sent and has yet to send in all,
 * bounds what probes may cost.
 */
uint32_t rudp_path_mtu_probe_bytes(const struct rudp_path_mtu *m, uint32_t limit_bytes,
				   uint64_t carried_bytes);
void rudp_path_mtu_on_probe_sent(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes);

/* A probe has been answered, the last one even late; true: bytes has grown. */
bool rudp_path_mtu_on_probe_answered(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes,
				     int64_t now_at_ns);
void rudp_path_mtu_on_probe_lost(struct rudp_path_mtu *m, uint64_t number, int64_t now_at_ns);

/* Any other packet that expected an answer. on_lost true: a black hole, bytes is the base again. */
void rudp_path_mtu_on_answered(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes);
bool rudp_path_mtu_on_lost(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes);

/* Our own interface refuses more than max_bytes; true: bytes was larger and has been lowered. */
bool rudp_path_mtu_on_refused(struct rudp_path_mtu *m, uint32_t max_bytes, int64_t now_at_ns);
/*
 * ICMP said so, or somebody in its name: it only steers the search, and makes suspicious. When a larger
 * packet, sent later (next_number is that of the next one), is answered, it is not listened to any more
 * until the next search: who forges it costs one search.
 */
void rudp_path_mtu_on_hint(struct rudp_path_mtu *m, uint32_t max_bytes, uint64_t next_number);

/* What was under way is not to be waited for: the path was out of use in between. */
void rudp_path_mtu_forget_probe(struct rudp_path_mtu *m);

/* The invariant, for tests. */
bool rudp_path_mtu_check(const struct rudp_path_mtu *m);

#endif
