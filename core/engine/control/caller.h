/* SPDX-License-Identifier: MIT */
/*
 * caller - who asks, and what that program may do.
 */
#ifndef RUDP_ENGINE_CALLER_H
#define RUDP_ENGINE_CALLER_H

#include <stdbool.h>

#include "engine/app/options.h"
#include "engine/control/control.h"

/* Knows the token: it has the rights of the engine's user, whoever it is. */
bool rudp_caller_has_token(const struct rudp_engine *engine,
			   const struct rudp_control_request *request);

/*
 * Whether the caller has these rights without the token: it has come through the private directory,
 * which lets in the engine's user and root, from the engine's user namespace. The uid alone proves
 * nothing: a container has the same users as its host, and may see its directories.
 *
 * Returns  0; -EACCES; -EMFILE: the engine has no descriptor left to look at the process.
 */
int rudp_caller_check_user(const struct rudp_call *call);

/*
 * The only question that a descriptor of an unknown sender is asked. Most calls on a kernel TCP socket
 * take its lock, which the sender can hold for ever.
 */
bool rudp_caller_fd_is_unix(int fd);

/*
 * The descriptor that came along is one of this engine's: possession is proof. A name alone is not,
 * names are visible to all.
 */
bool rudp_caller_holds_ours(struct rudp_engine *engine, const struct rudp_call *call);

/*
 * May bind ports below 1024: the engine acts for the program, so it asks with the program's rights
 * (CAP_NET_BIND_SERVICE in its effective set, or the port is free for all by sysctl).
 */
bool rudp_caller_may_bind(const struct rudp_call *call, unsigned port);

/* May choose among all congestion control algorithms of the kernel (CAP_NET_ADMIN). */
bool rudp_caller_is_net_admin(const struct rudp_call *call);

/*
 * Takes out what setsockopt would have refused: SO_MARK (CAP_NET_ADMIN or CAP_NET_RAW); and limits
 * TCP_CONGESTION.
 */
void rudp_caller_limit(const struct rudp_call *call, struct rudp_sock_options *options);

/* Whoever connected the other end of fd, or listened there, was this engine. */
bool rudp_peer_is_engine(const struct rudp_engine *engine, int fd);

#endif
