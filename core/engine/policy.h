/* SPDX-License-Identifier: MIT */
/*
 * policy - which connections are rudp, which are kernel TCP, and which are tried.
 *
 * Rules come from RUDP_POLICY and then from a file; the first that matches decides. The grammar is
 * rudp.conf(5). What no rule decides: connect to port 53 is tcp; the rest is rudp where a key is set
 * (clear text would be a downgrade), else auto.
 *
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_POLICY_H
#define RUDP_ENGINE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define RUDP_POLICY_RULES_MAX 1024
#define RUDP_POLICY_TEXT_SIZE 512

enum rudp_way { RUDP_WAY_AUTO, RUDP_WAY_RUDP, RUDP_WAY_TCP };
enum rudp_direction { RUDP_DIRECTION_CONNECT, RUDP_DIRECTION_LISTEN };

struct rudp_policy;

struct rudp_policy_question {
	enum rudp_direction direction;
	const struct rudp_addr *addr; /* connect: the peer; listen: the local address */
	const char *program;          /* as /proc/PID/comm says; NULL: not known */
	const char *executable;       /* last part of its path; NULL: not known */
	bool has_key;                 /* what no rule decides is rudp then */
};

struct rudp_decision {
	enum rudp_way way;
	unsigned line;                /* of the rule, in its source; 0: no rule matched */
};

struct rudp_decision rudp_policy_decide(const struct rudp_policy *policy,
					const struct rudp_policy_question *question);

/* The settings of the policy; without one, the defaults. */
int64_t rudp_policy_head_start_ns(const struct rudp_policy *policy); /* of rudp before TCP is tried */
int64_t rudp_policy_remember_ns(const struct rudp_policy *policy);   /* what a race has shown */
uint16_t rudp_policy_udp_port(const struct rudp_policy *policy);     /* fixed; 0: as the TCP port */

#endif
