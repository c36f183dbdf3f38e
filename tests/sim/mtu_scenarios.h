/* SPDX-License-Identifier: MIT */
/* mtu_scenarios - worlds whose paths carry datagrams of limited size, and what is to be found. */
#ifndef RUDP_SIM_MTU_SCENARIOS_H
#define RUDP_SIM_MTU_SCENARIOS_H

#include "world.h"

void scenario_mtu_ethernet(struct world_config *config);
void scenario_mtu_tunnel(struct world_config *config);
void scenario_mtu_base(struct world_config *config);
void scenario_mtu_jumbo(struct world_config *config);
void scenario_mtu_jumbo_ends(struct world_config *config);
void scenario_mtu_loopback(struct world_config *config);
void scenario_mtu_lossy(struct world_config *config);
void scenario_mtu_shrinks(struct world_config *config);
void scenario_mtu_shrinks_lossy(struct world_config *config);
void scenario_mtu_grows(struct world_config *config);
void scenario_mtu_short(struct world_config *config);

#endif
