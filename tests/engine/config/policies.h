/* SPDX-License-Identifier: MIT */
/* policies - makes policies from text, asks them, and expects errors. Threads: none. */
#ifndef RUDP_TESTS_POLICIES_H
#define RUDP_TESTS_POLICIES_H

#include <stddef.h>

#include "engine/config/policy.h"

#define CONNECT RUDP_DIRECTION_CONNECT
#define LISTEN RUDP_DIRECTION_LISTEN

struct wrong_policy {
	const char *text, *error;
};

extern char policy_error[RUDP_POLICY_TEXT_SIZE];

/* The policy of these rules in the variable and in the file, to be freed by the caller. */
struct rudp_policy *policy_make(const char *environment, const char *file);
/* The decision for a question. */
struct rudp_decision policy_ask(const struct rudp_policy *policy, enum rudp_direction direction,
				const char *address, const char *program, const char *executable);
/* Each text has that error, and changes nothing. */
void policy_expect_faults(const struct wrong_policy *wrong, size_t count);

#endif
