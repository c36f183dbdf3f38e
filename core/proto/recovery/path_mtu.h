/* SPDX-License-Identifier: MIT */
/*
 * path_mtu - path MTU discovery by probe packets (DPLPMTUD).
 *
 * Model      A size is known to pass when a packet of that size was acknowledged. The search sends
 *            probes (packets without data) of likely sizes: the interface's MTU, the result of an
 *            earlier search to this host, common MTUs, then a binary search. Data is never sent in
 *            datagrams larger than bytes.
 * States     Those of RFC 8899 section 5.2 without ERROR. The base is also the minimum, so if the
 *            base does not pass, there is nothing smaller to try, and the user time-out decides.
 * Invariant  BASE <= bytes <= max_bytes; failed_bytes is 0 or > bytes; bytes < a probe <=
 *            max_bytes.
 * Limits     RUDP_MTU_PROBES_MAX losses of one size; about a dozen sizes per search. Probes are at
 *            most 1 / RUDP_MTU_COST_SHARE of the bytes that a connection sends.
 * Threads    none: belongs to one connection.
 * Source     RFC 8899; RFC 9000 section 14.3 and 14.4; docs/protocol.md section 15.
 */
#ifndef RUDP_PROTO_PATH_MTU_H
#define RUDP_PROTO_PATH_MTU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RUDP_MTU_PROBES_MAX 3                   /* RFC 8899 section 5.1.2: MAX_PROBES */
#define RUDP_MTU_RAISE_NS (600 * RUDP_NS_PER_S) /* section 5.1.1: PMTU_RAISE_TIMER */
#define RUDP_MTU_RESOLUTION 16 /* the search ends when the possible gain is below 1/16 */
#define RUDP_MTU_COST_SHARE 16
#define RUDP_MTU_WINDOW_SHARE 4 /* a packet should be at most this part of a window */
#define RUDP_MTU_SUSPECTS 3     /* large packets lost in a row that mean a black hole */
#define RUDP_MTU_DOUBTS_MAX 3   /* black holes between two searches that may have been congestion */

/*
 * DISABLED    no limit of the interface is known: only the base size is used
 * BASE        no search yet, or none was useful
 * SEARCHING   probes are being sent
 * COMPLETE    the search has ended; another may start after RUDP_MTU_RAISE_NS
 */
#define RUDP_MTU_STATES(X) X(DISABLED) X(BASE) X(SEARCHING) X(COMPLETE)

#define RUDP_MTU_STATE_ENUM(name) RUDP_MTU_##name,
enum rudp_mtu_state { RUDP_MTU_STATES(RUDP_MTU_STATE_ENUM) };
#undef RUDP_MTU_STATE_ENUM

/* All sizes are bytes of UDP payload. */
struct rudp_path_mtu {
	enum rudp_mtu_state state;
	uint32_t bytes; /* PLPMTU: the largest size known to pass */
	/* MAX_PLPMTU: the minimum of the limits of peer, interface and this side */
	uint32_t max_bytes;
	uint32_t failed_bytes; /* the smallest size found not to pass; 0: none */
	uint32_t hint_bytes;   /* size to try first; 0: none */
	uint32_t probe_bytes;  /* size being tried; 0: none */
	uint8_t header_bytes;  /* IP and UDP headers */
	uint8_t losses;        /* lost probes of this size */
	uint8_t suspects;      /* large packets lost since one was acknowledged */
	uint8_t doubts;        /* black holes since the last new search */
	bool hint_is_found;    /* hint_bytes is the result of an earlier search */
	bool icmp_lies;        /* the last ICMP message was refuted; reset by a new search */
	uint32_t told_bytes;   /* the size in the last ICMP message, not refuted yet; 0: none */
	uint64_t told_number;  /* packets with this number or a higher one were sent after it */
	bool probe_out;        /* a probe is in flight */
	uint64_t probe_number; /* packet number of the last probe; UINT64_MAX: none */
	/* number of the last large packet acknowledged; 0: none (0 is no data packet) */
	uint64_t large_answered;
	uint64_t spent_bytes; /* bytes sent in probes */
	int64_t raise_at_ns;  /* COMPLETE: when another search may start */
};

/* Initialises the search. enabled false: the base size is used for ever. */
void rudp_path_mtu_init(struct rudp_path_mtu *m, bool enabled);

/* True if a search is due: the caller should determine max_bytes and call start. */
bool rudp_path_mtu_is_due(const struct rudp_path_mtu *m, int64_t now_at_ns);

/*
 * Starts a search up to max_bytes. header_bytes is the size of the IP and UDP headers; hint_bytes
 * (0: none) is the result of an earlier search to the same host. If too little can be gained, the
 * state is COMPLETE at once. bytes is lowered to max_bytes if it is larger.
 */
void rudp_path_mtu_start(struct rudp_path_mtu *m, uint32_t max_bytes, uint8_t header_bytes,
			 uint32_t hint_bytes, int64_t now_at_ns);

/*
 * The size of the probe to send now, or 0. limit_bytes is the largest packet that the windows allow
 * now. carried_bytes, the bytes that the connection has sent and has queued, limits the cost of
 * probes.
 */
uint32_t rudp_path_mtu_probe_bytes(const struct rudp_path_mtu *m, uint32_t limit_bytes,
				   uint64_t carried_bytes);
void rudp_path_mtu_on_probe_sent(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes);

/* A probe was acknowledged, perhaps after it was declared lost. True if bytes has grown. */
bool rudp_path_mtu_on_probe_answered(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes,
				     int64_t now_at_ns);
void rudp_path_mtu_on_probe_lost(struct rudp_path_mtu *m, uint64_t number, int64_t now_at_ns);

/*
 * Another ack-eliciting packet was acknowledged or lost. on_lost returns true for a black hole:
 * bytes is the base size again.
 */
void rudp_path_mtu_on_answered(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes);
bool rudp_path_mtu_on_lost(struct rudp_path_mtu *m, uint64_t number, uint32_t size_bytes);

/*
 * The local interface refuses datagrams above max_bytes. True if bytes was larger and has been
 * lowered.
 */
bool rudp_path_mtu_on_refused(struct rudp_path_mtu *m, uint32_t max_bytes, int64_t now_at_ns);
/*
 * An ICMP message gives max_bytes. It may be forged, so it only steers the search and lets fewer
 * losses suffice. If a larger packet sent later (next_number is the next packet number) is
 * acknowledged, ICMP is ignored until the next search. So a forger costs at most one search.
 */
void rudp_path_mtu_on_hint(struct rudp_path_mtu *m, uint32_t max_bytes, uint64_t next_number);

/* Forgets the probe in flight: the path was not used in between. */
void rudp_path_mtu_forget_probe(struct rudp_path_mtu *m);

#endif
