/* SPDX-License-Identifier: MIT */
#ifndef RUDP_TESTS_THREADS_PEERS_H
#define RUDP_TESTS_THREADS_PEERS_H

/* Clients over the messaging library come, speak and go in every order, beside one over TCP. */
void peers(const char *program);

#endif
