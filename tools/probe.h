/* SPDX-License-Identifier: MIT */
/*
 * probe - asks a rudp listener for its SYNACK and leaves it at that.
 *
 * A true SYN goes out, from an endpoint of the protocol on a socket of the probe's own. The SYNACK is
 * checked (it shows that the keys match) and answered with a RESET packet, by which the listener forgets
 * the half-open connection (docs/protocol.md section 12.4): its program never hears of it.
 *
 * Threads  one.
 */
#ifndef RUDP_TOOLS_PROBE_H
#define RUDP_TOOLS_PROBE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* name, word for programs, what it means; the more telling first */
#define RUDP_PROBE_RESULTS(X)                                                                      \
	X(ANSWERS, "answers", "answers")                                                           \
	X(KEY, "key-mismatch", "answers, but the keys of the two sides differ, or only one has one") \
	X(VERSION, "version", "answers, but speaks another version of the protocol")               \
	X(CLOSED, "closed", "rudp is there, but nothing listens on this port")                     \
	X(REFUSED, "refused", "port refuses: the host is there, but nothing listens on this UDP port") \
	X(UNREACHABLE, "unreachable", "host or network cannot be reached")                         \
	X(SILENT, "silent", "no answer: filtered, or the host is down")

#define RUDP_PROBE_ENUM(name, word, what) RUDP_PROBE_##name,
enum rudp_probe_result { RUDP_PROBE_RESULTS(RUDP_PROBE_ENUM) };
#undef RUDP_PROBE_ENUM

#define RUDP_PROBE_ONE(name, word, what) +1
enum { RUDP_PROBE_RESULT_COUNT = 0 RUDP_PROBE_RESULTS(RUDP_PROBE_ONE) };
#undef RUDP_PROBE_ONE

struct rudp_probe;

/*
 * remote is where the SYN goes, target_port the listener that it asks for. psk NULL: no key.
 *
 * Returns  NULL, with *error -errno.
 */
struct rudp_probe *rudp_probe_open(const struct rudp_addr *remote, uint16_t target_port,
				   const uint8_t *psk, int *error);
void rudp_probe_close(struct rudp_probe *probe);

/*
 * One SYN, and what comes of it within the span; rtt_ns is set when something answered (0: a host or a
 * router on the way did). Signals of mask come through while it waits, and end the wait.
 *
 * Returns  a result, or -EINTR, or -errno for what is wrong on this side.
 */
int rudp_probe_ask(struct rudp_probe *probe, int64_t span_ns, const sigset_t *mask, int64_t *rtt_ns);

/* Answers to what still comes for attempts that are over, until then. 0 or -EINTR. */
int rudp_probe_rest(struct rudp_probe *probe, int64_t until_ns, const sigset_t *mask);

const char *rudp_probe_word(enum rudp_probe_result result);
const char *rudp_probe_text(enum rudp_probe_result result);

#endif
