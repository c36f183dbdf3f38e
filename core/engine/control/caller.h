/* SPDX-License-Identifier: MIT */
/* caller - checks who sends a request, and what that program may do. */
#ifndef RUDP_ENGINE_CALLER_H
#define RUDP_ENGINE_CALLER_H

#include <stdbool.h>

#include "engine/app/options.h"
#include "engine/control/control.h"

/* The request has the token, which gives its sender the rights of the engine's user. */
bool rudp_caller_has_token(const struct rudp_engine *engine,
			   const struct rudp_control_request *request);

/*
 * Checks whether the caller has these rights without the token: it came through the private
 * directory, which admits only the engine's user and root, and it is not in another container.
 * The uid alone proves nothing: a container has the same uids as its host, and may see its
 * directories.
 *
 * Returns  0; -EACCES; -EMFILE: the engine has no free descriptor for the check.
 */
int rudp_caller_check_user(const struct rudp_call *call);

/*
 * The only system call that is safe on a descriptor from an unknown sender. Most calls on a kernel
 * TCP socket take its lock, which the sender can hold for ever.
 */
bool rudp_caller_fd_is_unix(int fd);

/*
 * The descriptor that came with the call is a socket of this engine: possession is proof. A name
 * proves nothing, as everybody can read names.
 */
bool rudp_caller_holds_ours(struct rudp_engine *engine, const struct rudp_call *call);

/*
 * May bind ports below 1024. The engine acts for the program, so the program's rights count:
 * CAP_NET_BIND_SERVICE in its effective set, or ip_unprivileged_port_start allows the port to all.
 */
bool rudp_caller_may_bind(const struct rudp_call *call, unsigned port);

/* May choose any congestion control algorithm of the kernel (CAP_NET_ADMIN). */
bool rudp_caller_is_net_admin(const struct rudp_call *call);

/*
 * Removes options that setsockopt() would refuse to the caller: SO_MARK needs CAP_NET_ADMIN or
 * CAP_NET_RAW. Limits TCP_CONGESTION to the allowed algorithms.
 */
void rudp_caller_limit(const struct rudp_call *call, struct rudp_sock_options *options);

/* The process that connected the other end of fd, or listened there, was this engine. */
bool rudp_peer_is_engine(const struct rudp_engine *engine, int fd);

#endif
