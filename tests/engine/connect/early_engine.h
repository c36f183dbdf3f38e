/* SPDX-License-Identifier: MIT */
/*
 * Running engines with a policy, in child processes, and the steps of connections that may begin with
 * early data. What is asked goes to the one in early_engine. What fails ends the test.
 */
#ifndef RUDP_TESTS_EARLY_ENGINE_H
#define RUDP_TESTS_EARLY_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "api/control.h"

struct early_engine {
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
};

extern struct early_engine early_engine; /* the one started last, until somebody sets another */
extern const char *early_policy_path;

/* Starts one, also as engine_pid of running_engine.h. NULL: its policy is the file early_policy_path. */
void early_start(const char *policy);
void early_write_policy(const char *text);
/* For a suite's fini. */
void early_end(void);

/* One call, with len bytes behind the request; its channel, the caller's. */
int early_begin(struct rudp_control_request request, const void *bytes, size_t len, int fd);
struct rudp_control_reply early_ask(struct rudp_control_request request, const void *bytes,
				    size_t len, int fd);
struct rudp_control_info early_info(uint64_t id);

/* One that wants so many connections with early data at once, on a port of 127.0.0.1. */
int early_listener(uint32_t early_max, struct rudp_addr *local);
struct rudp_control_reply early_connect(int fd, const struct rudp_addr *addr, uint32_t flags,
					const void *bytes, size_t len);
int early_accept(int from);
void early_expect_text(int fd, const char *text);
/* Something goes to and fro: from then on both know that the association is kept. */
void early_meet(int from, const struct rudp_addr *local);

#endif
