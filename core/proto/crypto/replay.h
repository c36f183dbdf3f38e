/* SPDX-License-Identifier: MIT */
/*
 * replay - replay protection: the packet numbers already accepted, in a sliding window.
 *
 * A number below the window counts as accepted. Check a number before decryption; mark it only
 * after the packet has authenticated.
 * Source  RFC 6479 (the idea of the block ring), docs/protocol.md section 8.
 */
#ifndef RUDP_PROTO_REPLAY_H
#define RUDP_PROTO_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define RUDP_REPLAY_WINDOW 4096 /* minimum tolerated reordering, in packets */
#define RUDP_REPLAY_WORDS (RUDP_REPLAY_WINDOW / 64 + 1)

struct rudp_replay {
	uint64_t next;   /* one past the largest number marked */
	uint64_t *words; /* the window; NULL while all numbers below next count as accepted */
};

void rudp_replay_init(struct rudp_replay *replay);
void rudp_replay_fini(struct rudp_replay *replay);
/* True if the number was not accepted yet and is not below the window. */
bool rudp_replay_is_fresh(const struct rudp_replay *replay, uint64_t number);
/*
 * Marks a number as accepted. The first gap allocates the window. Without memory the packets of the
 * gap are never accepted.
 */
void rudp_replay_mark(struct rudp_replay *replay, uint64_t number);
/*
 * For idle connections: frees the memory. Packets still missing below next are never accepted then.
 */
void rudp_replay_trim(struct rudp_replay *replay);

#endif
