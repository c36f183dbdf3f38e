/* SPDX-License-Identifier: MIT */
/* What happens at set times. Pure functions of the time since the first TCP or UDP packet. */
#ifndef LINKEM_SCHEDULE_H
#define LINKEM_SCHEDULE_H

#include "conf.h"

/* Whether one of the direction's blackouts that lose packets covers this instant. */
bool schedule_is_dark(const struct direction_conf *conf, uint64_t elapsed_ns);

/* How many times the NAT has forgotten its mappings by then. */
uint64_t schedule_rebinds(const struct nat_conf *conf, uint64_t elapsed_ns);

#endif
