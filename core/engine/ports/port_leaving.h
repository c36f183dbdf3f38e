/* SPDX-License-Identifier: MIT */
/*
 * port_leaving - announces ports that are about to become free, so that other engines wait for
 * them.
 *
 * When a program ends, its engine moves from a thread to a process (thread_to_process.h). That
 * process learns of the program's end slightly later than the parent that waits for the program. If
 * another program's engine wants the same port in between, it would be refused although kernel TCP
 * has the port free. Therefore the moved engine holds an abstract name (api/names.h) for each of
 * its ports until it has checked which listeners are left. Other engines of the same user wait
 * while the name exists.
 *
 * Limits   RUDP_PORTS_LEAVING_MAX ports; another engine waits at most RUDP_PORT_LEAVING_WAIT_MS.
 */
#ifndef RUDP_ENGINE_PORT_LEAVING_H
#define RUDP_ENGINE_PORT_LEAVING_H

#include <stdint.h>

#include "engine/loop/engine.h"

#define RUDP_PORTS_LEAVING_MAX 16
#define RUDP_PORT_LEAVING_WAIT_MS 40 /* blocks the waiting engine's loop */

/*
 * Begin: the program is about to end. End: it has ended, and the sockets that it alone had are
 * closed. At most once in a process.
 */
void rudp_ports_leaving_begin(struct rudp_engine *engine);
void rudp_ports_leaving_end(struct rudp_engine *engine);
/* Waits while an engine of this user announces that it is leaving the port. */
void rudp_port_leaving_wait(uint16_t port);

#endif
