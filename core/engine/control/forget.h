/* SPDX-License-Identifier: MIT */
/*
 * forget - removes what an engine has learnt about a host or about all hosts, for `rudp forget`.
 *
 * It removes whether UDP or TCP was faster (route_cache.h), failed connections (failures.h),
 * associations, path measurements and refused ports (rudp_endpoint_forget_host). The next
 * connection to the host starts without any knowledge. Live connections and the counts of failures
 * are not changed.
 */
#ifndef RUDP_ENGINE_FORGET_H
#define RUDP_ENGINE_FORGET_H

#include "engine/loop/engine.h"

/* host: its port is ignored; NULL: all hosts. Sets *forgotten to what was removed. */
void rudp_forget_host(struct rudp_engine *engine, const struct rudp_addr *host,
		      struct rudp_control_forgotten *forgotten);

#endif
