/* SPDX-License-Identifier: MIT */
/*
 * supervisor - a process that restarts the engine's process if it is killed, so that listeners
 * survive.
 *
 * The supervisor is the engine's child: starting an engine does not have to wait for a further
 * process. It shares the engine's descriptor table, and the memory in which the engine notes what a
 * successor needs (failover_state.h). It waits for the engine's end. Then it closes the descriptors
 * that only the dead engine needed. Programs see their connections reset, as if the kernel had
 * closed them. It starts a supervisor for itself and becomes the successor, with the same settings
 * (even if the key file is no longer readable), names and listeners. Calls of programs wait in the
 * control listeners until the successor serves them.
 *
 * There is no successor if the engine ends in an orderly way or has not begun to serve. Nor after
 * RUDP_SUPERVISOR_DEATHS_MAX deaths within RUDP_SUPERVISOR_DEATHS_NS, since the next engine would
 * probably be killed, too. A successor without listeners ends by itself.
 *
 * The supervisor passes SIGTERM and SIGINT on to the engine as SIGTERM. If the supervisor is
 * killed, the engine continues and has no successor. ps -o comm shows the supervisor as
 * rudp-supervisor.
 */
#ifndef RUDP_ENGINE_SUPERVISOR_H
#define RUDP_ENGINE_SUPERVISOR_H

#include "engine/config/settings.h"
#include "engine/failover/failover_state.h"

#define RUDP_SUPERVISOR_DEATHS_MAX 5
#define RUDP_SUPERVISOR_DEATHS_NS (10 * RUDP_NS_PER_S)

/*
 * Runs engine(context, failover) in this process, which must have one thread. A child process runs
 * it again if this process is killed before failover says that the engine is over; and so on. If no
 * child can be created, the engine runs without supervisor. settings name the log.
 *
 * Returns  the argument for exit(), in each process: the engine's status, or the status of a
 *          supervisor that is no longer needed.
 */
int rudp_supervisor_run(int (*engine)(void *context, struct rudp_failover_state *failover),
			void *context, struct rudp_settings *settings);

#endif
