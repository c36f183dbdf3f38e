/* SPDX-License-Identifier: MIT */
/*
 * udp_moderation - bulk that comes over a path is taken now and then, not at every datagram.
 *
 * Datagrams that a bottleneck spaces by a tenth of a millisecond would wake the engine, and the
 * program behind it, one by one: most of what bulk costs who receives it. So a socket on which one
 * connection alone receives, and is woken twice and more in a sixteenth of its round trip, is not
 * watched: it is read at common instants, up to two milliseconds apart, until there is little to find.
 * Network cards do the same with their interrupts. What it delays is that connection's bytes and
 * acknowledgements, by less than a sixteenth of the round trip. Not moderated are short
 * round trips, sockets on which others are heard, too, and what comes first: start-up measures the
 * path by the spacing of answers.
 *
 * Threads  the engine's.
 */
#ifndef RUDP_ENGINE_UDP_MODERATION_H
#define RUDP_ENGINE_UDP_MODERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/time.h"

struct rudp_engine;
struct rudp_udp;

#define RUDP_MODERATION_NS_MAX (INT64_C(1) << 21) /* about two milliseconds */
#define RUDP_MODERATION_NS_MIN (INT64_C(1) << 18) /* powers of two; shorter ones save too little */
#define RUDP_MODERATION_RTT_DIVISOR 16
#define RUDP_MODERATION_WAKES_MIN 2               /* in a span: fewer are not worth it */
#define RUDP_MODERATION_HEARD_MAX 64u             /* in a look: more should not have to wait so long */
#define RUDP_MODERATION_PACKETS_MIN 512u          /* received by the connection before */
#define RUDP_MODERATION_VAIN_MAX 2                /* looks in a row that find less than two datagrams */

/* In its socket. */
struct rudp_moderation {
	struct rudp_list link;        /* in engine->moderated_udps */
	struct rudp_addr from;        /* who was heard last */
	int64_t read_at_ns;
	int64_t gap_ns;               /* between two reads, smoothed */
	int64_t span_ns;              /* between two looks; 0: not moderated */
	int64_t look_at_ns;
	unsigned heard;               /* datagrams, in this look */
	unsigned vain;                /* looks in a row that found too little */
};

void rudp_moderation_init(struct rudp_moderation *m);
/* So long between two looks, for a connection with this least round trip; 0: it is not moderated. */
int64_t rudp_moderation_span_ns(int64_t min_rtt_ns);
/* So many datagrams have come from there; false: what came before did not. */
bool rudp_moderation_on_heard(struct rudp_moderation *m, const struct rudp_addr *from,
			      unsigned datagrams);
/* A read that an event has brought about found something. true: they are close together. */
bool rudp_moderation_on_read(struct rudp_moderation *m, int64_t now_at_ns);

/* After every read that has found something; alone: all of it from where the last was heard before. */
void rudp_udp_moderate(struct rudp_engine *engine, struct rudp_udp *udp, bool alone);
/* Reads those whose instant has come. */
void rudp_udp_read_moderated(struct rudp_engine *engine);
/* When that wants to be called; RUDP_NEVER. */
int64_t rudp_udp_moderated_at_ns(const struct rudp_engine *engine);
/* What epoll should look for, as things are. */
void rudp_udp_rewatch(struct rudp_engine *engine, const struct rudp_udp *udp);

#endif
