/* SPDX-License-Identifier: MIT */
/*
 * probe - tests whether a rudp listener answers: it sends a SYN and waits for the SYNACK.
 *
 * The SYN is real: it comes from a protocol endpoint on a socket of the probe. The SYNACK is
 * verified, which shows that the keys match, and answered with a RESET packet. The listener then
 * drops the half-open connection (docs/protocol.md section 12.4), so its program never sees it.
 *
 * Threads  one.
 */
#ifndef RUDP_TOOLS_PROBE_H
#define RUDP_TOOLS_PROBE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "proto/crypto/credentials.h"

/*
 * Result, word for programs, text for users. The earlier one in the list says more about the
 * listener.
 */
#define RUDP_PROBE_RESULTS(X)                                                                      \
	X(ANSWERS, "answers", "answers")                                                           \
	X(KEY, "key-mismatch",                                                                     \
	  "answers, but the keys of the two sides differ, or only one has one")                    \
	X(IDENTITY, "identity", "answers, but refuses the identity of this user")                  \
	X(VERSION, "version", "answers, but has another version of the protocol")                  \
	X(CLOSED, "closed", "rudp is running, but nothing listens on this port")                   \
	X(REFUSED, "refused", "refused: the host is up, but nothing listens on this UDP port")     \
	X(UNREACHABLE, "unreachable", "host or network cannot be reached")                         \
	X(SILENT, "silent", "no answer: a firewall drops the packets, or the host is down")

#define RUDP_PROBE_ENUM(name, word, what) RUDP_PROBE_##name,
enum rudp_probe_result { RUDP_PROBE_RESULTS(RUDP_PROBE_ENUM) };
#undef RUDP_PROBE_ENUM

#define RUDP_PROBE_ONE(name, word, what) +1
enum { RUDP_PROBE_RESULT_COUNT = 0 RUDP_PROBE_RESULTS(RUDP_PROBE_ONE) };
#undef RUDP_PROBE_ONE

struct rudp_probe;

/*
 * The SYN goes to remote and asks for a listener on target_port. psk NULL: no key. identity, a
 * private key, is shown to the listener; NULL: none. The listener is asked for its key.
 *
 * Returns  NULL, with *error -errno.
 */
struct rudp_probe *rudp_probe_open(const struct rudp_addr *remote, uint16_t target_port,
				   const uint8_t *psk, const uint8_t *identity, int *error);
void rudp_probe_close(struct rudp_probe *probe);

/*
 * Sends one SYN and waits for the result for at most span_ns. *rtt_ns is the time until an answer
 * came, and 0 if none came. An answer may also be an ICMP error of the host or of a router. Signals
 * that mask does not block can arrive during the wait, and end it.
 *
 * Returns  a result, or -EINTR, or -errno for a local failure.
 */
int rudp_probe_ask(struct rudp_probe *probe, int64_t span_ns, const sigset_t *mask,
		   int64_t *rtt_ns);

/*
 * The next attempts demand that the listener proves this key. Their SYN shows the own identity to
 * it, so that the listener says whether it accepts it; NULL: they ask for any key again, and the
 * listener answers before it sees an identity.
 */
void rudp_probe_demand_peer_key(struct rudp_probe *probe, const uint8_t *key);

/* The key of the listener that has answered last. false: none has answered, or it has no
 * identity. */
bool rudp_probe_peer_key(const struct rudp_probe *probe, uint8_t key[RUDP_STATIC_KEY_BYTES]);

/* Until until_ns, answers late packets for attempts that have ended. Returns 0 or -EINTR. */
int rudp_probe_rest(struct rudp_probe *probe, int64_t until_ns, const sigset_t *mask);

const char *rudp_probe_word(enum rudp_probe_result result);
const char *rudp_probe_text(enum rudp_probe_result result);

#endif
