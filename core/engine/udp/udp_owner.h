/* SPDX-License-Identifier: MIT */
/*
 * udp_owner - whether a UDP socket of this host belongs to an engine, of whatever user.
 *
 * A program may have a UDP socket of its own with the number of its TCP port. A SYN that is sent there
 * is 1200 bytes that the program never asked for, and costs the connect the time until TCP is tried.
 * So before a connect to an address of this host the engine asks the kernel what the socket there
 * looks like (sock_diag(7)). The sockets on which engines listen have a combination of options that
 * means nothing to them, and that no other program is known to set.
 *
 * Source   INET_DIAG_SOCKOPT, Linux 5.10. On an older kernel, or without udp_diag, nothing is known, and
 *          the SYN is sent.
 */
#ifndef RUDP_ENGINE_UDP_OWNER_H
#define RUDP_ENGINE_UDP_OWNER_H

#include <stdbool.h>

#include "base/addr.h"

/* Sets the combination, on a socket that is bound. */
void rudp_udp_owner_mark(int fd);
/* A datagram to this address of this host would reach a socket that is no engine's. */
bool rudp_udp_owner_is_other(const struct rudp_addr *to);

#endif
