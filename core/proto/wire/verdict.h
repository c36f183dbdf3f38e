/* SPDX-License-Identifier: MIT */
/*
 * verdict - what became of a datagram. What a peer sends is never an error of ours: each decoder
 * returns a verdict, and each verdict has a counter of the same name (struct rudp_verdict_counts).
 */
#ifndef RUDP_PROTO_VERDICT_H
#define RUDP_PROTO_VERDICT_H

#include <stdint.h>

/* name, and why such a datagram was dropped */
#define RUDP_VERDICTS(X)                                                                           \
	X(OK, "accepted")                                                                          \
	X(TRUNCATED, "shorter than its header or a field says")                                    \
	X(BAD_TYPE, "unknown packet type")                                                         \
	X(BAD_VERSION, "protocol version not spoken here")                                         \
	X(BAD_CIPHER, "cipher or handshake pattern not spoken here")                               \
	X(SHORT_SYN, "SYN smaller than 1200 bytes")                                                \
	X(UNKNOWN_ID, "no connection has this id")                                                 \
	X(PASSED_ON, "for another engine at the same port, which has it now")                      \
	X(NO_LISTENER, "SYN for a port nobody listens on")                                         \
	X(KEY_MISMATCH, "handshake did not authenticate: other pre-shared key, or damaged")        \
	X(AUTH_FAILED, "packet did not authenticate: damaged or forged")                           \
	X(REPLAYED, "packet number seen before or too old")                                        \
	X(DUPLICATE_SYN, "copy of a SYN already answered; same answer sent again")                 \
	X(DUPLICATE_SYNACK, "copy of a SYNACK already taken; acknowledged again")                  \
	X(NO_ASSOCIATION, "SYN under an association that is not known, or too old for it")         \
	X(REPLAYED_SYN, "SYN under an association with a counter that was taken before")           \
	X(EARLY_TAKEN, "SYN in place of one whose early data was taken")                           \
	X(BAD_COOKIE, "cookie wrong or too old")                                                   \
	X(BAD_PARAM, "malformed handshake parameter")                                              \
	X(BAD_FRAME, "malformed frame inside an authentic packet")                                 \
	X(BAD_ACK, "acknowledges a packet never sent")                                             \
	X(BAD_STREAM, "stream bytes beyond the window or the final size")                          \
	X(BAD_KEY_SHARE, "public key out of turn, or one that leads to no secret")                 \
	X(BAD_RESET, "reset or refusal that proves nothing")                                       \
	X(WRONG_STATE, "packet that means nothing in this state")                                  \
	X(NO_MEMORY, "no memory to take it")                                                       \
	X(TOO_COSTLY, "more work than a peer may cause; it must send again, and less of it")       \
	X(TOO_MANY, "a limit on half-open or open connections is reached")                         \
	X(SHARE_FULL, "too many half-open connections from this network; others still get in")

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
