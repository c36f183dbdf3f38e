/* SPDX-License-Identifier: MIT */
/*
 * service - the server as a whole: its threads, the event loop of the main thread, and the end.
 *
 * Model    RUNNING until SIGTERM, SIGINT or an operator's DIE. Then ENDING: no new connections, all
 *          clients are told, and queues are written until they are empty or the time (drain) is
 *          over. A second signal ends that at once. SIGHUP and REHASH read the configuration again.
 *          SIGUSR2 hands everything over to a new process, perhaps of another version. Until the
 *          new process can serve, nothing changes; then this one is ENDING, with the connections
 *          that could not be handed over.
 * Threads  the main thread; it blocks the signals before it starts other threads.
 */
#ifndef APO_SERVER_SERVICE_H
#define APO_SERVER_SERVICE_H

#include "conversation/server/config.h"

/*
 * Serves until the end. Takes ownership of a reference to config; file is read again on SIGHUP.
 * upgrade_fd: -1, or the upgrade channel from the previous process (upgrade_channel.h).
 *
 * Returns  the exit code of the process: 0, or 1 if it could not start (the reason is in the log).
 */
int apo_service_run(struct apo_config *config, const char *file, int upgrade_fd);

/* The descriptors that a server with this configuration may need at most. */
static inline unsigned long long apo_service_descriptors(const struct apo_config *config)
{
	const unsigned spare = 64; /* besides those of clients */

	return (unsigned long long)config->model.clients_max + config->waiting_max + spare;
}

#endif
