/* SPDX-License-Identifier: MIT */
/*
 * socket_name - reads the names (names.h) that the kernel has for a socket. For the engine and for
 * programs.
 *
 * Threads  any. Async-signal-safe.
 */
#ifndef RUDP_API_SOCKET_NAME_H
#define RUDP_API_SOCKET_NAME_H

#include <stdbool.h>

#include "api/names.h"

/*
 * Reads the name that connect or accept gave to fd: that of its peer, or its own if the engine has
 * joined it (engine/app/join.h). Returns false if it is not connected by rudp.
 */
bool rudp_socket_connection_name(int fd, struct rudp_name *name);

/*
 * Reads the name that bind or listen gave to fd. A connection's name hides it from
 * rudp_socket_inspect. Returns false if there is none.
 */
bool rudp_socket_own_name(int fd, struct rudp_name *name);

#endif
