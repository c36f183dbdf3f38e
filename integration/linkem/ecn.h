/* SPDX-License-Identifier: MIT */
/* Explicit congestion notification, as a router does it (RFC 3168 section 5). */
#ifndef LINKEM_ECN_H
#define LINKEM_ECN_H

#include "packet.h"

#include <stdbool.h>

/* Sets "congestion experienced" in a packet that allows it; returns whether it was set just now. */
bool ecn_mark(const struct packet_view *view);

#endif
