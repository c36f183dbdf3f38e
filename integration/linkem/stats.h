/* SPDX-License-Identifier: MIT */
/* Statistics: delivered packets, and the reasons why others were lost. */
#ifndef LINKEM_STATS_H
#define LINKEM_STATS_H

#include "conf.h"
#include "histogram.h"
#include "packet.h"

#define DROPS(X)                                                                                   \
	X(LOSS, loss)       /* independent loss */                                                 \
	X(BURST, burst)     /* Gilbert-Elliott */                                                  \
	X(QUEUE, queue)     /* did not fit in the bottleneck's queue */                            \
	X(AQM, aqm)         /* by CoDel, FQ-CoDel or PIE */                                        \
	X(POLICER, policer) /* beyond --police */                                                  \
	X(ACK, ack)         /* superfluous by a newer one (--acks newest) */                       \
	X(BLACKOUT, blackout)                                                                      \
	X(FILTER, filter)     /* --drop */                                                         \
	X(REFUSED, refused)   /* --refuse */                                                       \
	X(PATH_MTU, path_mtu) /* too big for --path-mtu */                                         \
	X(NAT, nat)           /* for a mapping that the NAT has forgotten */                       \
	X(OVERFLOW, overflow) /* linkem's own memory limit: the emulation is not faithful */       \
	X(DEVICE, device)     /* the kernel did not take it */

enum drop {
#define X(upper, lower) DROP_##upper,
	DROPS(X)
#undef X
		DROPS_COUNT
};

struct traffic {
	uint64_t packets, bytes, payload_bytes;
};

struct direction_stats {
	struct traffic sent[PROTOCOLS_COUNT];      /* as the sender gave it to the link */
	struct traffic delivered[PROTOCOLS_COUNT]; /* as the receiver got it */
	uint64_t drops[DROPS_COUNT];
	uint64_t duplicated, corrupted, reordered, translated, marked;
	size_t queue_bytes_max, queue_packets_max;         /* filling seen */
	size_t queue_bytes_limit, queue_packets_limit;     /* SIZE_MAX: none */
	struct histogram queue_delay, queue_delay_settled; /* all; within --settled */
	uint64_t queue_delay_peak_ns;                      /* since the last row of --series */
	struct histogram late; /* delay between a packet's due time and its delivery */
};

struct snapshot {
	uint64_t number; /* 1, 2, 3 ... so that a reader recognizes a new snapshot */
	bool final;
	uint64_t seed, elapsed_ns, rebinds;
	const struct direction_stats *direction[DIRECTIONS];
	struct {
		size_t packets, bytes;
	} under_way[DIRECTIONS]; /* sent, not yet delivered */
	double cpu_s;            /* CPU time of linkem itself */
};

void traffic_add(struct traffic *traffic, const struct packet_view *view);

/* Replaces the file by a JSON document, atomically. Returns 0 or -errno. */
int stats_write(const char *path, const struct snapshot *snapshot);

#endif
