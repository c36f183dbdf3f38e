/* SPDX-License-Identifier: MIT */
/*
 * udp_owner - whether a UDP socket of this host belongs to an engine, of any user.
 *
 * A program may have its own UDP socket with the number of its TCP port. A SYN sent to it is 1200
 * bytes that the program did not ask for, and delays the connect until TCP is tried. So before a
 * connect to an address of this host the engine asks the kernel about the socket there
 * (sock_diag(7)). Engines set a combination of options on their listening sockets as a mark. The
 * options have no effect there, and no other program is known to set all of them.
 *
 * Source   INET_DIAG_SOCKOPT, Linux 5.10. On an older kernel, or without udp_diag, the owner is not
 *          known and the SYN is sent.
 */
#ifndef RUDP_ENGINE_UDP_OWNER_H
#define RUDP_ENGINE_UDP_OWNER_H

#include <stdbool.h>

#include "base/addr.h"

/* Sets the mark on a bound socket. */
void rudp_udp_owner_mark(int fd);
/* Whether a datagram to this address of this host would reach a socket without the mark. */
bool rudp_udp_owner_is_other(const struct rudp_addr *to);

#endif
