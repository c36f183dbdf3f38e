/* SPDX-License-Identifier: MIT */
/*
 * verdict - the result of processing a received datagram.
 *
 * Peer input never causes an error of this side. Each decoder returns a verdict, and each verdict
 * has a counter (struct rudp_verdict_counts).
 */
#ifndef RUDP_PROTO_VERDICT_H
#define RUDP_PROTO_VERDICT_H

#include <stdint.h>

/* name, and the reason to drop such a datagram */
#define RUDP_VERDICTS(X)                                                                           \
	X(OK, "accepted")                                                                          \
	X(TRUNCATED, "shorter than its header or a field says")                                    \
	X(BAD_TYPE, "unknown packet type")                                                         \
	X(BAD_VERSION, "protocol version not supported")                                           \
	X(BAD_CIPHER, "cipher or handshake pattern not supported")                                 \
	X(SHORT_SYN, "SYN smaller than 1200 bytes")                                                \
	X(UNKNOWN_ID, "no connection has this id")                                                 \
	X(PASSED_ON, "passed on to another engine that shares the port")                           \
	X(NO_LISTENER, "SYN for a port without a listener")                                        \
	X(KEY_MISMATCH, "handshake did not authenticate: different pre-shared key, or damaged")    \
	X(AUTH_FAILED, "packet did not authenticate: damaged or forged")                           \
	X(REPLAYED, "packet number is a duplicate or too old")                                     \
	X(DUPLICATE_SYN, "duplicate of a SYN already answered; the answer was repeated")           \
	X(DUPLICATE_SYNACK, "duplicate of a SYNACK already accepted; acknowledged again")          \
	X(NO_ASSOCIATION, "resumed SYN whose association or secret is unknown or expired")         \
	X(REPLAYED_SYN, "resumed SYN with a counter that was already used")                        \
	X(EARLY_TAKEN, "SYN that replaces one whose early data was already accepted")              \
	X(BAD_COOKIE, "cookie wrong or too old")                                                   \
	X(BAD_PARAM, "malformed handshake parameter")                                              \
	X(BAD_FRAME, "malformed frame in an authenticated packet")                                 \
	X(BAD_ACK, "acknowledges a packet never sent")                                             \
	X(BAD_STREAM, "stream bytes beyond the window or the final size")                          \
	X(BAD_KEY_SHARE, "unexpected public key, or one that gives no shared secret")              \
	X(OTHER_KEY, "SYN for another identity than that of this side")                            \
	X(NOT_AUTHORIZED, "the peer's identity is not accepted here, or it has shown none")        \
	X(BAD_IDENTITY, "unexpected proof of an identity, or one that does not authenticate")      \
	X(BAD_SPARE_ID, "another id for the peer before the last one was used")                    \
	X(BAD_RESET, "reset or refusal without valid proof")                                       \
	X(WRONG_STATE, "packet type not expected in this state")                                   \
	X(NO_MEMORY, "not enough memory to process it")                                            \
	X(TOO_COSTLY, "more work than a peer may cause; the peer must retransmit")                 \
	X(TOO_MANY, "a limit on half-open or open connections is reached")                         \
	X(SHARE_FULL, "too many half-open connections from this network; others are accepted")

#define RUDP_VERDICT_ENUM(name, why) RUDP_VERDICT_##name,
enum rudp_verdict { RUDP_VERDICTS(RUDP_VERDICT_ENUM) };
#undef RUDP_VERDICT_ENUM

#define RUDP_VERDICT_ONE(name, why) +1
enum { RUDP_VERDICT_COUNT = 0 RUDP_VERDICTS(RUDP_VERDICT_ONE) };
#undef RUDP_VERDICT_ONE

struct rudp_verdict_counts {
	uint64_t count[RUDP_VERDICT_COUNT];
};

const char *rudp_verdict_name(enum rudp_verdict verdict);
const char *rudp_verdict_reason(enum rudp_verdict verdict);

#endif
