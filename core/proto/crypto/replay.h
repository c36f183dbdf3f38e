/* SPDX-License-Identifier: MIT */
/*
 * replay - which packet numbers have been taken, in a sliding window.
 *
 * A number below the window counts as taken. Checked before decryption, marked only after the
 * packet has authenticated.
 * Source  RFC 6479 (the idea of the block ring), docs/protocol.md section 8.
 */
#ifndef RUDP_PROTO_REPLAY_H
#define RUDP_PROTO_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define RUDP_REPLAY_WINDOW 4096 /* packets of reordering that are still taken, at least */
#define RUDP_REPLAY_WORDS (RUDP_REPLAY_WINDOW / 64 + 1)

struct rudp_replay {
	uint64_t next;   /* one past the largest number marked */
	uint64_t *words; /* the window; NULL while all below next count as marked */
};

void rudp_replay_init(struct rudp_replay *replay);
void rudp_replay_fini(struct rudp_replay *replay);
bool rudp_replay_is_fresh(const struct rudp_replay *replay, uint64_t number);
/* The first gap needs memory for the window. Without it, what is in the gap is not taken any more. */
void rudp_replay_mark(struct rudp_replay *replay, uint64_t number);
/* For an idle connection: gives the memory back. What has not come until now is not taken any more. */
void rudp_replay_trim(struct rudp_replay *replay);

#endif
