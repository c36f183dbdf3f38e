/* SPDX-License-Identifier: MIT */
/* trace - one line about a connection, for SIM_TRACE. */
#ifndef RUDP_SIM_TRACE_H
#define RUDP_SIM_TRACE_H

#include "proto/conn/conn.h"

/* queue_ns is how long what it sends waits for the link. */
void trace_conn(const struct rudp_conn *conn, int host, int64_t now_ns, int64_t queue_ns);

#endif
