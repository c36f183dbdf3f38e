/* SPDX-License-Identifier: MIT */
/* trace - prints a line about a connection, for SIM_TRACE. */
#ifndef RUDP_SIM_TRACE_H
#define RUDP_SIM_TRACE_H

#include "proto/conn/conn.h"

/* queue_ns: how long datagrams that it sends now wait for the link. */
void trace_conn(const struct rudp_conn *conn, int host, int64_t now_ns, int64_t queue_ns);

#endif
