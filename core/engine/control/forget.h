/* SPDX-License-Identifier: MIT */
/*
 * forget - removes, for `rudp forget`, what an engine remembers of a host or of all hosts.
 *
 * That is: whether UDP or TCP was faster (route_cache.h), failed connections (failures.h), associations,
 * measured paths and refused ports (rudp_endpoint_forget_host). The next connection to the host begins
 * as the first one did. Living connections, and the counts of failures, stay as they are.
 */
#ifndef RUDP_ENGINE_FORGET_H
#define RUDP_ENGINE_FORGET_H

#include "engine/loop/engine.h"

/* host: its port does not matter; NULL: all hosts. *forgotten says what there was. */
void rudp_forget_host(struct rudp_engine *engine, const struct rudp_addr *host,
		      struct rudp_control_forgotten *forgotten);

#endif
