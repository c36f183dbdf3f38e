/* SPDX-License-Identifier: MIT */
/*
 * policy - decides which sockets the shim takes and which it leaves to kernel TCP.
 *
 * RUDP_DISABLE=1 leaves all sockets to the kernel. A connection to port 0 is left to it too,
 * because no such port exists and the kernel gives the right error.
 */
#ifndef RUDP_SHIM_POLICY_H
#define RUDP_SHIM_POLICY_H

#include <stdbool.h>

#include "base/addr.h"

/* Whether the shim makes a rudp socket of a new socket of this kind. */
bool rudp_policy_takes(int domain, int type, int protocol);
bool rudp_policy_disabled(void);

/* A rudp_wants_kernel (api/call.h). */
bool rudp_policy_wants_kernel(const struct rudp_addr *remote);

#endif
