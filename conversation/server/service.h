/* SPDX-License-Identifier: MIT */
/*
 * service - the server as a whole: its threads, what the main thread waits for, and its end.
 *
 * Model    RUNNING until SIGTERM, SIGINT or an operator's DIE: then ENDING, no more connections,
 *          all are told and what is queued is written, until everything is or the time (drain) is
 *          over. A second signal ends that at once. SIGHUP and REHASH read the configuration anew.
 *          SIGUSR2 hands all over to another process, of another version perhaps: until that can go
 *          on nothing happens, and then this one is ENDING, with what could not go along.
 * Threads  the main thread; it blocks the signals before there are others.
 */
#ifndef APO_SERVER_SERVICE_H
#define APO_SERVER_SERVICE_H

#include "conversation/server/config.h"

/*
 * Serves until the end. config is a reference, the callee's from now on; file is read again on
 * SIGHUP. upgrade_fd: -1, or where the server before hands over to this one (upgrade_channel.h).
 *
 * Returns  the exit code of the process: 0, or 1 when it could not begin (the reason is in the
 *          log).
 */
int apo_service_run(struct apo_config *config, const char *file, int upgrade_fd);

#endif
