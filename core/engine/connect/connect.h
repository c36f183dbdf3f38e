/* SPDX-License-Identifier: MIT */
/*
 * connect - the active side.
 *
 * A blocking connect keeps the program's descriptor (in its call) until the handshake is over and
 * touches it only then: a refused one spends nothing. A non-blocking one is joined and gated at once.
 */
#ifndef RUDP_ENGINE_CONNECT_H
#define RUDP_ENGINE_CONNECT_H

#include "engine/app/app_side.h"
#include "engine/control/control.h"
#include "engine/loop/engine.h"

#define RUDP_CONNECT_BY_KERNEL 2
#define RUDP_CONNECT_DEFERRED 3

/*
 * CONNECT of the call, on the program's descriptor in call->held_fd; early: what stands behind the
 * request.
 *
 * Returns  0: blocking, the answer comes later; -EINPROGRESS: non-blocking, begun;
 *          RUDP_CONNECT_DEFERRED: the program may write, and begins it by that;
 *          RUDP_CONNECT_BY_KERNEL: a rule leaves it to kernel TCP; -errno. *app is set for the
 *          first three.
 */
int rudp_connect_begin(struct rudp_engine *engine, struct rudp_call *call,
		       const struct rudp_control_request *request, const uint8_t *early,
		       unsigned mark_flags, struct rudp_app **app);

/* The caller of a blocking connect leaves: joined and gated now. 0 or -errno. */
int rudp_connect_go_on(struct rudp_engine *engine, struct rudp_call *call, struct rudp_app *app);

/*
 * SHUTDOWN of a socket on which another thread's blocking connect waits: that ends with ECONNRESET.
 * false: there is no such connect.
 */
bool rudp_connect_stop(struct rudp_engine *engine, int fd);

/* The handshake is over: unplugs, or answers the call. Before the ACK leaves. May free the app. */
void rudp_connect_on_established(struct rudp_engine *engine, struct rudp_app *app);
/* It has failed with app->ends.error; frees the app. */
void rudp_connect_on_failed(struct rudp_engine *engine, struct rudp_app *app);

#endif
