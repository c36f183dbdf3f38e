/* SPDX-License-Identifier: MIT */
/* unix_transport - sockets of the kernel's that have names of this process in place of ports, so
 * that tests of nodes are alone on the machine. A test may put calls of its own into the table. */
#ifndef TESTS_MESSAGING_UNIX_TRANSPORT_H
#define TESTS_MESSAGING_UNIX_TRANSPORT_H

#include "messaging/transport.h"

extern struct rudpmsg_transport_ops unix_transport;

#endif
