/* SPDX-License-Identifier: MIT */
/* The two devices of the link, each created inside its network namespace. */
#ifndef LINKEM_TUN_H
#define LINKEM_TUN_H

#include "conf.h"

/*
 * Enters the side's namespace, creates its TUN device with addresses and MTU, brings it up and
 * returns to the caller's namespace. The device exists as long as the returned non-blocking
 * descriptor. Returns the descriptor, or -errno after printing on stderr which step failed. The
 * calling thread's namespace changes meanwhile, so call it while the process has one thread.
 */
int tun_open(const struct side_conf *side, unsigned mtu_bytes);

#endif
