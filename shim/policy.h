/* SPDX-License-Identifier: MIT */
/*
 * policy - what the shim takes and what it leaves to kernel TCP.
 *
 * RUDP_DISABLE=1 leaves everything alone. Name servers (port 53) stay kernel TCP: they answer nothing
 * else; port 0 is no port, and the kernel words its refusal.
 */
#ifndef RUDP_SHIM_POLICY_H
#define RUDP_SHIM_POLICY_H

#include <stdbool.h>

#include "base/addr.h"

/* New sockets of this kind become rudp's. */
bool rudp_policy_takes(int domain, int type, int protocol);
bool rudp_policy_disabled(void);

/* A rudp_wants_kernel (api/call.h). */
bool rudp_policy_wants_kernel(const struct rudp_addr *remote);

#endif
