/* SPDX-License-Identifier: MIT */
/*
 * kernel_bbr - what rudp meets on the road: the BBR of Linux' kernel, the first version, which keeps
 * up to two BDP in flight and answers loss by nothing but a round of conservation. A model of it for
 * the simulator, as another algorithm of congestion control; never part of the product.
 *
 * Source    draft-cardwell-iccrg-bbr-congestion-control-00. Left out: what it does about policers.
 */
#ifndef RUDP_SIM_KERNEL_BBR_H
#define RUDP_SIM_KERNEL_BBR_H

#include "proto/cc/cc.h"

/* "kernel-bbr" */
extern const struct rudp_cc_ops sim_kernel_bbr;

/* That, or one of rudp's own; NULL if unknown. */
const struct rudp_cc_ops *sim_cc_find(const char *name);

#endif
