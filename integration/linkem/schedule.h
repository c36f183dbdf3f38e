/* SPDX-License-Identifier: MIT */
/* Events at set times: pure functions of the time since the first TCP or UDP packet. */
#ifndef LINKEM_SCHEDULE_H
#define LINKEM_SCHEDULE_H

#include "conf.h"

/* Is the time within one of the direction's blackouts that lose packets? */
bool schedule_is_dark(const struct direction_conf *conf, uint64_t elapsed_ns);

/* How often the NAT has forgotten its mappings until then. */
uint64_t schedule_rebinds(const struct nat_conf *conf, uint64_t elapsed_ns);

#endif
