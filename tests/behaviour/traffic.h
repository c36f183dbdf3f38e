/* SPDX-License-Identifier: MIT */
/* traffic - sends bytes over connections and checks that all of them arrive. */
#ifndef RUDP_TESTS_BEHAVIOUR_TRAFFIC_H
#define RUDP_TESTS_BEHAVIOUR_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Bytes that depend on their position, so that they can be checked in pieces of any size. */
void pattern_fill(void *out, size_t offset, size_t len);
/* Blocking. Returns false, with errno, if the connection was refused. */
bool pattern_write(int fd, size_t len);
/*
 * Reads to the end and prints "who: N bytes, then end of file", or the error, or the first wrong
 * byte.
 */
void say_rest(const char *who, int fd);

/* Sends one byte in each direction; this process holds both ends. */
void say_alive(const char *what, int client, int server);
/* Connects a new blocking socket. Returns -1 and errno on failure. */
int dial(const struct sockaddr_storage *addr);
/* Connects, and reads "hello" from the server. */
bool is_greeted(const struct sockaddr_storage *addr);
/* Listens, connects, accepts, sends in both directions, closes. */
bool new_connection_works(void);
void say_new_connection(const char *what);

/* A channel between this process and its child, which gets ends[1]. */
void make_channel(int ends[2]);
/* Sends and receives the address of a listener over a channel. */
void tell_address(int channel, const struct sockaddr_storage *addr);
void hear_address(int channel, struct sockaddr_storage *addr);
/* Passes a descriptor over a unix socket. */
void send_fd(int channel, int fd);
int receive_fd(int channel);

/* The number of descriptors and threads of this process, from /proc. */
int count_descriptors(void);
int count_threads(void);

#endif
