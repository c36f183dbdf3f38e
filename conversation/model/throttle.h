/* SPDX-License-Identifier: MIT */
/*
 * throttle - limits how often a network may try wrong passwords, register accounts, and send
 * reports.
 *
 * Model    Each try counts for the address and for the networks around it: IPv6 /64, /56 and /48,
 *          IPv4 /32 and /24. The span (login_span_ns) of a network begins with its first try. In it
 *          a network has login_tries_max times the share of its size (APO_THROTTLE_SHARE_56 ...)
 *          tries. If one of the networks has no try left, even a right password is refused. So many
 *          tries at once gain nothing over tries one after the other. Clients over messaging have a
 *          name in place of an address, and choose it themselves: a name counts as an address, and
 *          all such clients together as one network.
 * Limits   APO_THROTTLES_MAX networks for each use. At more, the network whose span ends first is
 *          forgotten and may try again. One /48 fills at most 2 * 16 * login_tries_max + 1 entries,
 *          one /24 about half of that.
 */
#ifndef APO_THROTTLE_H
#define APO_THROTTLE_H

#include "conversation/model/model_private.h"

#define APO_THROTTLES_MAX 65536
/* Factors of login_tries_max. A check takes 0.1 s, so the 48 wrong tries that a /48 has in a minute
 * use 8 % of the time of the password thread. */
#define APO_THROTTLE_SHARE_56 4
#define APO_THROTTLE_SHARE_48 16
#define APO_THROTTLE_SHARE_24 16
#define APO_THROTTLE_SHARE_PEERS 16

bool apo_throttle_is_open(struct apo_model *model, const struct apo_client *client,
			  enum apo_throttle_use use);
/* Counts a try. It is not counted if memory is short. */
void apo_throttle_count(struct apo_model *model, const struct apo_client *client,
			enum apo_throttle_use use);
void apo_throttles_forget(struct apo_model *model);

/* A number for the widest network of the client, its /48 or /24: equal for clients of the same
 * network. */
uint64_t apo_throttle_network(const struct apo_client *client);

#endif
