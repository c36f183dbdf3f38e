/* SPDX-License-Identifier: MIT */
/* Runs an engine in a child process, with a control channel to it. Failures end the test. */
#ifndef RUDP_TESTS_RUNNING_ENGINE_H
#define RUDP_TESTS_RUNNING_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/control.h"

#define WAIT_S 30

extern struct rudp_nonce nonce; /* sent by the engine at its start */
extern uint8_t token[RUDP_TOKEN_BYTES];
extern pid_t engine_pid;

/* init and fini of a test suite. */
void engine_start(void);
/* For an engine that cannot create a private directory. */
void engine_start_without_dir(void);
void engine_end(void);

/* The lowest number that the engine does not use for a descriptor. */
unsigned first_free_number(void);
/* Waits until the engine is idle: earlier requests and their descriptors are finished. */
void wait_until_the_engine_rests(void);

/* Connects to the control listener in the private directory. The caller closes the socket. */
int channel(void);
/* The same by the abstract name, which any user can use. */
int open_channel(void);
/* The same as another user, unauthenticated. Needs root. */
int strange_channel(void);
/* Opens a kernel TCP listener on loopback and stores its address. The caller closes it. */
int kernel_listener(struct rudp_addr *address);
/* Opens a kernel TCP connection that is not accepted. The caller closes it. */
int connected_tcp(void);
/*
 * The same with a close that waits for WAIT_S, because the peer does not read. The caller closes
 * it.
 */
int lingering(void);
/* Returns another socket in which fd lies unread. Takes fd; the caller closes the result. */
int wrapped(int fd);
/* The engine answers a request of its owner much faster than a close may block (WAIT_S). */
void expect_a_prompt_answer(void);
bool send_raw_if_it_can(int to, const void *data, size_t len, const int *fds, size_t fd_count);
void send_raw(int to, const void *data, size_t len, const int *fds, size_t fd_count);
struct rudp_control_reply answer(int from);
struct rudp_control_request request_of(enum rudp_control_operation operation);
/*
 * Sends a request and returns the reply. fd: -1 for none. If a second descriptor is needed, it is a
 * kernel TCP listener.
 */
struct rudp_control_reply ask(const struct rudp_control_request *request, int fd);
/* Creates a marked socket as the shim does. The caller closes it. */
int fresh(void);

#endif
