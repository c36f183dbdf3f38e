/* SPDX-License-Identifier: MIT */
/* traffic - bytes through connections, and whether all of them came. */
#ifndef RUDP_TESTS_BEHAVIOUR_TRAFFIC_H
#define RUDP_TESTS_BEHAVIOUR_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Bytes that tell their place: what came can be checked whatever its pieces were. */
void pattern_fill(void *out, size_t offset, size_t len);
/* Blocking; false (and errno) when it was refused. */
bool pattern_write(int fd, size_t len);
/* Reads to the end and says "who: N bytes, then end of file", or the error, or where it went wrong. */
void say_rest(const char *who, int fd);

/* One byte each way over both ends, which this process holds. */
void say_alive(const char *what, int client, int server);
/* Connects a new blocking socket; -1 and errno. */
int dial(const struct sockaddr_storage *addr);
/* Connects, and reads "hello" from whoever accepts. */
bool is_greeted(const struct sockaddr_storage *addr);
/* Listens, connects, accepts, sends both ways, closes. */
bool new_connection_works(void);
void say_new_connection(const char *what);

/* The channel between this process and its child, which has ends[1]. */
void make_channel(int ends[2]);
/* The address of a listener, through a channel. */
void tell_address(int channel, const struct sockaddr_storage *addr);
void hear_address(int channel, struct sockaddr_storage *addr);
/* Hands a descriptor on through a unix socket. */
void send_fd(int channel, int fd);
int receive_fd(int channel);

/* Descriptors and threads of this process, from /proc. */
int count_descriptors(void);
int count_threads(void);

#endif
