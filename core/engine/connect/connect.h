/* SPDX-License-Identifier: MIT */
/*
 * connect - outgoing connections: connect() of a program.
 *
 * A blocking connect keeps the program's descriptor (in its call) until the handshake is over and
 * changes it only then, so a refused connect leaves it as it was. A non-blocking connect joins and
 * gates the socket at once (app_connect_gate.c).
 */
#ifndef RUDP_ENGINE_CONNECT_H
#define RUDP_ENGINE_CONNECT_H

#include "engine/app/app_side.h"
#include "engine/control/control.h"
#include "engine/loop/engine.h"

#define RUDP_CONNECT_BY_KERNEL 2
#define RUDP_CONNECT_DEFERRED 3

/*
 * Starts the connection that the request asks for, on the program's descriptor call->held_fd.
 * more: the bytes that follow the request.
 *
 * Returns  0: blocking, the reply comes later; -EINPROGRESS: non-blocking, started;
 *          RUDP_CONNECT_DEFERRED: the program may write, and its first write starts the handshake;
 *          RUDP_CONNECT_BY_KERNEL: a rule leaves it to kernel TCP; -errno. *app is set in the first
 *          three cases.
 */
int rudp_connect_begin(struct rudp_engine *engine, struct rudp_call *call,
		       const struct rudp_control_request *request, const uint8_t *more,
		       unsigned mark_flags, struct rudp_app **app);

/* The caller of a blocking connect stops waiting: joins and gates its socket now. 0 or -errno. */
int rudp_connect_go_on(struct rudp_engine *engine, struct rudp_call *call, struct rudp_app *app);

/*
 * SHUTDOWN of a socket on which another thread waits in a blocking connect: that connect fails with
 * ECONNRESET. false: there is no such connect.
 */
bool rudp_connect_stop(struct rudp_engine *engine, int fd);

/*
 * The handshake is over: opens the gate or answers the call, before the ACK leaves. May free the
 * app.
 */
void rudp_connect_on_established(struct rudp_engine *engine, struct rudp_app *app);
/* The connection has failed with app->ends.error. Frees the app. */
void rudp_connect_on_failed(struct rudp_engine *engine, struct rudp_app *app);

#endif
