/* SPDX-License-Identifier: MIT */
/*
 * kernel_bbr - a model of the BBR in the Linux kernel, as a competitor for rudp in the simulator.
 * It is the first version: up to two BDP in flight, and one round of packet conservation is its
 * only answer to loss. It is a congestion control algorithm like rudp's own, but never part of the
 * product.
 *
 * Source    draft-cardwell-iccrg-bbr-congestion-control-00, without its detection of policers.
 */
#ifndef RUDP_SIM_KERNEL_BBR_H
#define RUDP_SIM_KERNEL_BBR_H

#include "proto/cc/cc.h"

/* "kernel-bbr" */
extern const struct rudp_cc_ops sim_kernel_bbr;

/* "kernel-bbr" or an algorithm of rudp; NULL: unknown. */
const struct rudp_cc_ops *sim_cc_find(const char *name);

#endif
