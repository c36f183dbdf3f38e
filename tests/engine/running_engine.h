/* SPDX-License-Identifier: MIT */
/* A running engine, in a child process, and its control channel. What fails ends the test. */
#ifndef RUDP_TESTS_RUNNING_ENGINE_H
#define RUDP_TESTS_RUNNING_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/control.h"

#define WAIT_S 30

extern struct rudp_nonce nonce; /* what it said when it began */
extern uint8_t token[RUDP_TOKEN_BYTES];
extern pid_t engine_pid;

/* For a suite's init and fini. */
void engine_start(void);
/* Where the engine has no private directory, as it can make none. */
void engine_start_without_dir(void);
void engine_end(void);

/* The first number that it does not use for a descriptor. */
unsigned first_free_number(void);
/* What it was asked before is over, descriptors and all, when it waits. */
void wait_until_the_engine_rests(void);

/* Connected to its control channel, in the private directory. The caller closes it. */
int channel(void);
/* Likewise by its abstract name, as everybody can. */
int open_channel(void);
/* Likewise, made as another user: a stranger's. For root. */
int strange_channel(void);
/* Listens over kernel TCP on loopback, at *address. The caller's. */
int kernel_listener(struct rudp_addr *address);
/* A connection of kernel TCP that nobody has accepted. The caller's. */
int connected_tcp(void);
/* Likewise, whose close waits for WAIT_S, as its peer reads nothing. The caller's. */
int lingering(void);
/* Another socket, in which fd lies unread. Takes fd; the caller's. */
int wrapped(int fd);
/* The engine answers a call of its owner far sooner than a close may be held up (WAIT_S). */
void expect_a_prompt_answer(void);
bool send_raw_if_it_can(int to, const void *data, size_t len, const int *fds, size_t fd_count);
void send_raw(int to, const void *data, size_t len, const int *fds, size_t fd_count);
struct rudp_control_reply answer(int from);
struct rudp_control_request request_of(enum rudp_control_operation operation);
/* fd: -1 for none. Where a second descriptor is wanted it is a listener of kernel TCP. */
struct rudp_control_reply ask(const struct rudp_control_request *request, int fd);
/* A marked socket as the shim makes it, the caller's. */
int fresh(void);

#endif
