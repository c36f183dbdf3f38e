/* SPDX-License-Identifier: MIT */
/*
 * Engines with a policy in child processes, and the steps of connections that may carry early data.
 * Requests go to the engine in early_engine. A failure ends the test.
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

extern struct early_engine early_engine; /* the one started last, unless a test sets another */
extern const char *early_policy_path;

/*
 * Starts an engine, also as engine_pid of running_engine.h. NULL: its policy is the file
 * early_policy_path.
 */
void early_start(const char *policy);
void early_write_policy(const char *text);
/* For the fini of a suite. */
void early_end(void);

/* Sends one request with len bytes behind it. Returns the call's socket, which the caller
 * closes. */
int early_begin(struct rudp_control_request request, const void *bytes, size_t len, int fd);
struct rudp_control_reply early_ask(struct rudp_control_request request, const void *bytes,
				    size_t len, int fd);
struct rudp_control_info early_info(uint64_t id);

/*
 * A listener on a port of 127.0.0.1 that accepts up to early_max connections with early data at
 * once.
 */
int early_listener(uint32_t early_max, struct rudp_addr *local);
struct rudp_control_reply early_connect(int fd, const struct rudp_addr *addr, uint32_t flags,
					const void *bytes, size_t len);
int early_accept(int from);
void early_expect_text(int fd, const char *text);
/* Exchanges data in both directions: after that both engines know that the association is kept. */
void early_meet(int from, const struct rudp_addr *local);

#endif
