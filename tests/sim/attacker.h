/* SPDX-License-Identifier: MIT */
/*
 * attacker - an attacker on the path that sees every SYN: forges answers of the listener, and
 * replays copies later.
 */
#ifndef RUDP_SIM_ATTACKER_H
#define RUDP_SIM_ATTACKER_H

#include "flight.h"
#include "prng.h"
#include "proto/conn/endpoint.h"

#define ATTACKER_REPLAY_MAX_NS (10 * RUDP_NS_PER_S)

struct attacker_config {
	double forge_refusal; /* share of SYNs that get a forged REFUSE(RESUME) at once */
	double replay_syn;    /* chance of each of three copies of a SYN, sent some seconds later */
};

/* Handles a datagram of the client. Only a SYN is attacked. */
void attacker_on_syn(const struct attacker_config *config, struct flight *flight, struct prng *prng,
		     const struct rudp_train *train, const uint8_t *bytes, size_t len,
		     int64_t now_ns);

#endif
