/* SPDX-License-Identifier: MIT */
/*
 * attacker - somebody on the path, who sees every SYN: answers in the listener's place, and keeps
 * copies for later.
 */
#ifndef RUDP_SIM_ATTACKER_H
#define RUDP_SIM_ATTACKER_H

#include "flight.h"
#include "prng.h"
#include "proto/conn/endpoint.h"

#define ATTACKER_REPLAY_MAX_NS (10 * RUDP_NS_PER_S)

struct attacker_config {
	double forge_refusal; /* share of SYNs whose client hears a REFUSE(RESUME) at once */
	double replay_syn;    /* chance of each of three copies of a SYN, sent some seconds later */
};

/* A datagram of the client's; those that are no SYN are left alone. */
void attacker_on_syn(const struct attacker_config *config, struct flight *flight, struct prng *prng,
		     const struct rudp_train *train, const uint8_t *bytes, size_t len,
		     int64_t now_ns);

#endif
