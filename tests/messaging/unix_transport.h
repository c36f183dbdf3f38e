/* SPDX-License-Identifier: MIT */
/* unix_transport - Unix sockets with names of this process instead of ports, so that tests of nodes
 * do not meet other programs. A test may replace calls in the table. */
#ifndef TESTS_MESSAGING_UNIX_TRANSPORT_H
#define TESTS_MESSAGING_UNIX_TRANSPORT_H

#include "messaging/transport.h"

extern struct rudpmsg_transport_ops unix_transport;

#endif
