/* SPDX-License-Identifier: MIT */
/*
 * check - small numbered observations of what a program sees of its sockets. Each check runs on
 * kernel TCP and under the shim, and both must print the same.
 *
 * A check prints only facts that do not vary from run to run ("port same: 1", never the port). It
 * waits for conditions and never for a fixed time. It does not rely on behaviour that kernel TCP
 * shows only because loopback is synchronous (except a reset at getpeername). It runs in a process
 * and session of its own and ends within RUN_SECONDS_MAX. It may leave descriptors, threads and
 * processes behind.
 *
 *   CHECK(a_short_sentence_that_is_unique)
 *   {
 *           say_result("connect", connect(...));
 *   }
 */
#ifndef RUDP_TESTS_BEHAVIOUR_CHECK_H
#define RUDP_TESTS_BEHAVIOUR_CHECK_H

#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * The descriptor to which say() writes: far from the numbers that a program gets, and open across
 * exec.
 */
#define RESULT_FD 200

#define RUN_SECONDS_MAX 120

struct check {
	const char *name;
	const char *file;
	void (*run)(void);
};

#define CHECK(check_name)                                                                          \
	static void check_name(void);                                                              \
	static const struct check check_of_##check_name                                            \
		__attribute__((section("checks"), used, aligned(8))) = {#check_name, __FILE__,     \
									check_name};               \
	static void check_name(void)

/* Prints one observation. Lines of several threads and processes are not mixed. Keeps errno. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "what: rc", or "what: -1 ERRNONAME". Returns rc and keeps errno. */
long say_result(const char *what, long rc);

/*
 * Prints the poll() events of fd at this moment: "what: IN OUT", "what: nothing". POLLWRBAND is
 * left out: every writable AF_UNIX socket has it, and no TCP socket.
 */
void say_poll(const char *what, int fd);

/*
 * Waits up to 10 seconds until poll() shows all of events on fd. If that does not happen, it prints
 * so and ends the check.
 */
bool wait_for(int fd, short events);

/* The same for any condition. */
void wait_true(bool (*condition)(void *), void *argument);

/* Sleeps one millisecond between two tests of a condition. */
void nap(void);

/* A set-up step that must succeed. If it fails, it is printed with errno, and the check ends. */
void must(bool held, const char *step);

/* A socket listening on loopback, port 0, with a backlog of 128; addr (may be NULL) gets its
 * name. */
int listener(int family, struct sockaddr_storage *addr);

/* A client, the socket that was accepted, and the listener; over loopback. */
struct trio {
	int client, server, listening;
};
struct trio make_trio(int family);

/* Makes both ends of one connection; returns 0. */
int connected_pair(int family, int *client, int *server);

/* The time of a monotonic clock. */
long ms_now(void);

/* The length of an address of this family, for bind and connect. */
socklen_t address_len(const struct sockaddr_storage *addr);

#endif
