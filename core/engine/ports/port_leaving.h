/* SPDX-License-Identifier: MIT */
/*
 * port_leaving - an engine that has left its program says that ports are about to be free.
 *
 * The engine has moved from a thread to a process, as its program ends (thread_to_process.h), and learns
 * of the program's end a moment after the parent that waits for it. An engine of another program that
 * wants a port of the program meanwhile would be refused, where kernel TCP has the port free. So the
 * moved engine has an abstract name (api/names.h) for each port until it has looked which listeners are
 * left, and other engines of the same user wait for that.
 *
 * Limits   RUDP_PORTS_LEAVING_MAX ports; another engine waits RUDP_PORT_LEAVING_WAIT_MS at most.
 */
#ifndef RUDP_ENGINE_PORT_LEAVING_H
#define RUDP_ENGINE_PORT_LEAVING_H

#include <stdint.h>

#include "engine/loop/engine.h"

#define RUDP_PORTS_LEAVING_MAX 16
#define RUDP_PORT_LEAVING_WAIT_MS 40 /* of an engine's turn */

/* The program ends; and it has ended, and what it alone had is closed. Once a process. */
void rudp_ports_leaving_begin(struct rudp_engine *engine);
void rudp_ports_leaving_end(struct rudp_engine *engine);
/* Returns when no engine of this user says so of the port. */
void rudp_port_leaving_wait(uint16_t port);

#endif
