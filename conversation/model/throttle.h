/* SPDX-License-Identifier: MIT */
/*
 * throttle - limits how often a network tries passwords that are wrong, and registers accounts.
 *
 * Model    Each try counts for the address and for the networks around it: IPv6 /64, /56 and /48, IPv4
 *          /32 and /24. A network has a number of tries in a span (login_span_ns) that begins with its
 *          first one: login_tries_max times the share of its size (APO_THROTTLE_SHARE_56 ...). If any of
 *          the networks has no try left, even a right password is refused, so that many tries at once
 *          get no further than one after the other.
 *          Peers have a name in place of an address, which they choose: a name counts as an address,
 *          and all peers together as a network.
 * Limits   APO_THROTTLES_MAX networks. At more, the network whose span ends first is forgotten and may
 *          try again. One /48 fills at most 2 * 16 * login_tries_max + 1 places, one /24 about half.
 */
#ifndef APO_THROTTLE_H
#define APO_THROTTLE_H

#include "conversation/model/model_private.h"

#define APO_THROTTLES_MAX 65536
/* Times login_tries_max. A check takes 0.1 s, so the 48 wrong ones that a /48 has in a minute are 8 % of
 * the time of the thread that checks. */
#define APO_THROTTLE_SHARE_56 4
#define APO_THROTTLE_SHARE_48 16
#define APO_THROTTLE_SHARE_24 16
#define APO_THROTTLE_SHARE_PEERS 16

bool apo_throttle_is_open(struct apo_model *model, const struct apo_client *client);
/* Without memory it is not counted. */
void apo_throttle_count(struct apo_model *model, const struct apo_client *client);
void apo_throttles_forget(struct apo_model *model);

/* A number for the widest network of the client, its /48 or /24: equal for clients of the same one. */
uint64_t apo_throttle_network(const struct apo_client *client);

#endif
