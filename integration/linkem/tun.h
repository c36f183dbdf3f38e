/* SPDX-License-Identifier: MIT */
/* The two devices of the link, each made inside the network namespace that shall have it. */
#ifndef LINKEM_TUN_H
#define LINKEM_TUN_H

#include "conf.h"

/*
 * Enters the side's namespace, makes its TUN device with addresses and MTU, brings it up and comes
 * back to the caller's namespace. The device lives as long as the returned non-blocking
 * descriptor. Returns it, or -errno after saying on stderr which step failed. Changes the calling
 * thread's namespace meanwhile, so call it from the only thread.
 */
int tun_open(const struct side_conf *side, unsigned mtu_bytes);

#endif
