/* SPDX-License-Identifier: MIT */
/*
 * tcp_info - TCP_INFO and the path MTU, computed from the engine's data about a connection.
 */
#ifndef RUDP_API_TCP_INFO_H
#define RUDP_API_TCP_INFO_H

#include <sys/socket.h>

#include "api/control.h"
#include "api/socket.h"

struct tcp_info; /* of linux/tcp.h, which conflicts with netinet/tcp.h */

/* The largest IP packet that fits the path, as IP_MTU reports it. */
uint32_t rudp_tcp_info_mtu(const struct rudp_control_info *info);

/* getsockopt(TCP_INFO): 0 or -errno. */
int rudp_tcp_info_get(int fd, const struct rudp_socket *s, void *value, socklen_t *len);

#endif
