/* SPDX-License-Identifier: MIT */
/*
 * checks - the invariants of an endpoint and of its parts, for unit tests, the simulator and
 * fuzzers. Each returns false if one is broken, and logs which.
 */
#ifndef RUDP_TESTS_CHECKS_H
#define RUDP_TESTS_CHECKS_H

#include "proto/cc/host_cache.h"
#include "proto/conn/endpoint.h"
#include "proto/conn/syn_shares.h"
#include "proto/recovery/path_mtu.h"
#include "proto/recovery/reliability.h"
#include "proto/stream/recvbuf.h"
#include "proto/stream/sendbuf.h"

/* The endpoint and each of its connections. */
bool rudp_endpoint_check(const struct rudp_endpoint *ep);
/* The counts are those of count half-open connections. */
bool rudp_syn_shares_check(const struct rudp_syn_shares *shares, unsigned count);
bool rudp_recvbuf_check(const struct rudp_recvbuf *buf);
bool rudp_sendbuf_check(const struct rudp_sendbuf *buf);
bool rudp_reliability_check(const struct rudp_reliability *r);
bool rudp_path_mtu_check(const struct rudp_path_mtu *m);
/* Count, list and table of hosts agree and are within the limit. */
bool rudp_host_cache_check(const struct rudp_host_cache *all);

#endif
