/* SPDX-License-Identifier: MIT */
/* Functions that set up sockets. Each function ends the check if it fails. */
#ifndef RUDP_TESTS_BEHAVIOUR_SETUP_H
#define RUDP_TESTS_BEHAVIOUR_SETUP_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "behaviour/check.h"

/* A new stream socket; flags: SOCK_NONBLOCK, SOCK_CLOEXEC. */
int fresh(int family, int flags);

/* connect(2) to an address with its full length, and bind(2) to it. */
int connect_to(int fd, const struct sockaddr_storage *addr);
int bind_to(int fd, const struct sockaddr_storage *addr);

/* An address from text ("127.0.0.1", "::1") and port. */
void address(struct sockaddr_storage *addr, const char *text, uint16_t port);
uint16_t port_of(const struct sockaddr_storage *addr);
void set_port(struct sockaddr_storage *addr, uint16_t port);
bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* The results of getsockname and getpeername. */
void name_of(int fd, struct sockaddr_storage *addr);
void peer_of(int fd, struct sockaddr_storage *addr);

/*
 * A loopback address that refuses connections. The result is a socket that is bound to it and does
 * not listen.
 */
int refusing(int family, struct sockaddr_storage *addr);

/* An address from which no answer ever comes. */
void silent(int family, struct sockaddr_storage *addr);

/* Prints SO_ERROR as "what: 0" or "what: ERRNONAME". */
void say_error(const char *what, int fd);

/* Prints "what: IP, port is P|zero|not zero". Only for loopback and any addresses. */
void say_address(const char *what, const struct sockaddr_storage *addr, socklen_t len);

/* Prints the bytes of one recv ("what: 5 hello") or its error. */
void say_bytes(const char *what, int fd);

/* Calls run(argument) in a thread; finish() joins it. */
pthread_t spawn(void *(*run)(void *), void *argument);
void finish(pthread_t thread);

#define ANY_SYSCALL (-1)
/*
 * Waits until a thread of this process (by thread id) sleeps in the system call number (SYS_...).
 */
void wait_in_syscall(pid_t pid, pid_t tid, long number);
/* The same for a child with one thread; it also returns when the child has ended. */
void wait_in_syscall_or_through(pid_t child, long number);

/* Waits for a child. Prints how it ended if the exit code was not 0. */
void reap(pid_t child);

/* Calls handler on this signal, with or without SA_RESTART. */
void on_signal(int number, void (*handler)(int), int flags);

void set_option(int fd, int level, int name, int value);
void set_timeout(int fd, int name, int ms);

#endif
