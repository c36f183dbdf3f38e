/* SPDX-License-Identifier: MIT */
/* Explicit congestion notification as in a router (RFC 3168 section 5). */
#ifndef LINKEM_ECN_H
#define LINKEM_ECN_H

#include "packet.h"

#include <stdbool.h>

/* Sets "congestion experienced" in an ECN-capable packet; returns whether the mark is new. */
bool ecn_mark(const struct packet_view *view);

#endif
