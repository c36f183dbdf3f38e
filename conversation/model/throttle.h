/* SPDX-License-Identifier: MIT */
/*
 * throttle - how often somebody from one address (IPv6: one /64) has tried what is not to be tried
 * often: passwords that were wrong, and accounts registered.
 *
 * Model    so many tries (login_tries_max) in a span (login_span_ns) that begins with the first.
 *          Who has used them up learns nothing more in it: a right password is refused, too, so
 *          that many at once get no further than one after the other.
 * Limits   APO_THROTTLES_MAX addresses; at more the one whose span ends first goes.
 */
#ifndef APO_THROTTLE_H
#define APO_THROTTLE_H

#include "conversation/model/model_private.h"

#define APO_THROTTLES_MAX 65536

bool apo_throttle_is_open(struct apo_model *model, const struct apo_client *client);
/* Without memory it is not counted. */
void apo_throttle_count(struct apo_model *model, const struct apo_client *client);
void apo_throttles_forget(struct apo_model *model);

#endif
