/* SPDX-License-Identifier: MIT */
/* server - apollonion as a child of the test: started, asked, ended. */
#ifndef RUDP_TESTS_THREADS_SERVER_H
#define RUDP_TESTS_THREADS_SERVER_H

#include <stdint.h>
#include <sys/types.h>

extern pid_t server; /* the process that serves, or stands in for the one that does; 0: none */
extern uint16_t port, peers_port;

/* Before all others: a directory for its files, and RUDP_KEY_FILE for all of us. */
void server_prepare(void);
void server_clean(void);
/* It listens. */
void server_start(const char *program);
/* One of its counters, without the prefix. */
uint64_t server_counter(const char *name);
/* Another process serves (SIGUSR2). */
void server_hand_over(void);
/* It ends in time, with exit code 0, of one SIGTERM, or of two signals, and so does who serves for
 * it. */
void server_end(unsigned signals);

#endif
