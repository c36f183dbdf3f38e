/* SPDX-License-Identifier: MIT */
/*
 * supervisor - the process behind an engine's, which starts another in its place when that is killed.
 *
 * It is the engine's child, so that starting an engine does not wait for another process, shares its
 * table of descriptors, and the memory in which it notes what a successor needs (failover_state.h),
 * and only waits for its end. Then it closes what belonged to the dead engine alone (as the kernel
 * would have: programs see their connections reset), makes itself a supervisor, and is the
 * successor: with the same settings, though the key file may not be readable any more, the same
 * names and the same listeners. Calls of programs wait in the control listeners until it serves them.
 *
 * There is no successor for an engine that ends in order or has not begun to serve, nor after
 * RUDP_SUPERVISOR_DEATHS_MAX deaths within RUDP_SUPERVISOR_DEATHS_NS, where something kills each.
 * One that nobody needs, as there is no listener, ends by itself.
 *
 * SIGTERM and SIGINT to it go to the engine as SIGTERM. When it is killed itself the engine goes on,
 * and has no successor. ps -o comm shows it as rudp-keeper.
 */
#ifndef RUDP_ENGINE_SUPERVISOR_H
#define RUDP_ENGINE_SUPERVISOR_H

#include "engine/config/settings.h"
#include "engine/failover/failover_state.h"

#define RUDP_SUPERVISOR_DEATHS_MAX 5
#define RUDP_SUPERVISOR_DEATHS_NS (10 * RUDP_NS_PER_S)

/*
 * Runs engine(context, keep) in this process, which has one thread, with a child that runs it again if
 * this is killed before failover says that it is over; and so on. Where there can be no child it has no
 * supervisor. settings say where the log is.
 *
 * Returns  for exit(), in each of them: the engine's status, or a supervisor's that is not needed.
 */
int rudp_supervisor_run(int (*engine)(void *context, struct rudp_failover_state *failover),
			void *context, const struct rudp_settings *settings);

#endif
