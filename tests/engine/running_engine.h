/* SPDX-License-Identifier: MIT */
/* A running engine in a child process, and its control sockets. A failure ends the test. */
#ifndef RUDP_TESTS_RUNNING_ENGINE_H
#define RUDP_TESTS_RUNNING_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/control.h"

#define WAIT_S 30

extern struct rudp_nonce nonce; /* reported by the engine at its start */
extern uint8_t token[RUDP_TOKEN_BYTES];
extern pid_t engine_pid;

/* For the init and fini of a suite. */
void engine_start(void);
/* The same with the rules of rudp.conf(5). */
void engine_start_with(const char *rules);
/* The same with RUDP_KEY_FILE. */
void engine_start_with_keys(const char *path);
/* The same, but the engine cannot make a private directory. */
void engine_start_without_dir(void);
void engine_end(void);

/* The lowest number that is not a descriptor of the engine. */
unsigned first_free_number(void);
/* Waits until the engine sleeps: earlier requests are done, with their descriptors. */
void wait_until_the_engine_sleeps(void);

/* Connects to the control listener in the private directory. The caller closes the socket. */
int channel(void);
/* The same by the abstract name, which every user can use. */
int open_channel(void);
/* The same, made by another user. Needs root. */
int channel_of_other_user(void);
/* A kernel TCP listener on loopback; sets *address. The caller closes it. */
int kernel_listener(struct rudp_addr *address);
/* A kernel TCP connection that was not accepted. The caller closes it. */
int connected_tcp(void);
/* The same; its close blocks for WAIT_S, as its peer reads nothing. The caller closes it. */
int lingering(void);
/* A socket with fd in an unread message. Takes fd over; the caller closes the socket. */
int wrapped(int fd);
/* The engine answers a request of its owner much sooner than a blocked close would last
 * (WAIT_S). */
void expect_a_prompt_answer(void);
bool send_raw_if_it_can(int to, const void *data, size_t len, const int *fds, size_t fd_count);
void send_raw(int to, const void *data, size_t len, const int *fds, size_t fd_count);
struct rudp_control_reply answer(int from);
struct rudp_control_request request_of(enum rudp_control_operation operation);
/* Sends a request with fd (-1: none). If a second descriptor is needed, it is a kernel TCP
 * listener. */
struct rudp_control_reply ask(const struct rudp_control_request *request, int fd);
/* A new socket with the mark that the shim sets. The caller closes it. */
int fresh(void);

#endif
