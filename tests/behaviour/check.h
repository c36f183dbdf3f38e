/* SPDX-License-Identifier: MIT */
/*
 * Small numbered observations of what a program sees of its sockets: each check runs on kernel TCP and
 * under the shim, and what it says must be the same.
 *
 * A check says facts that do not vary from run to run ("port same: 1", never the port), waits for
 * conditions and never for time, and relies on nothing that kernel TCP gives only because loopback is
 * synchronous. It runs in a process and session of its own, ends within RUN_SECONDS_MAX, and may leave
 * descriptors, threads and processes behind.
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

/* Where say() writes; far from the numbers that a program gets, and open across exec. */
#define RESULT_FD 200

#define RUN_SECONDS_MAX 120

struct check {
	const char *name;
	const char *file;
	void (*run)(void);
};

#define CHECK(check_name)                                                                            \
	static void check_name(void);                                                                \
	static const struct check check_of_##check_name                                              \
		__attribute__((section("checks"), used, aligned(8))) = {#check_name, __FILE__,       \
									check_name};                 \
	static void check_name(void)

/* One line of what was seen. Whole lines also from several threads and processes. Keeps errno. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says "what: rc", or "what: -1 ERRNONAME". Returns rc and keeps errno. */
long say_result(const char *what, long rc);

/*
 * Says what poll() shows on fd at this moment: "what: IN OUT", "what: nothing". Without POLLWRBAND,
 * which every writable AF_UNIX socket has, and no TCP socket.
 */
void say_poll(const char *what, int fd);

/*
 * Waits up to 10 seconds until poll() shows all of events on fd. When that never comes it says so and
 * ends the check.
 */
bool wait_for(int fd, short events);

/* The same for any condition. */
void wait_true(bool (*condition)(void *), void *argument);

/* A millisecond, between two looks. */
void nap(void);

/* A set-up step that must hold: else says it (with errno) and ends the check. */
void must(bool held, const char *step);

/* A socket listening on loopback, port 0, with a backlog of 128; addr (may be NULL) gets its name. */
int listener(int family, struct sockaddr_storage *addr);

/* A client, the socket that was accepted, and the listener; over loopback. */
struct trio {
	int client, server, listening;
};
struct trio make_trio(int family);

/* Two ends of one connection; returns 0. */
int connected_pair(int family, int *client, int *server);

/* Of a clock that never goes back. */
long ms_now(void);

/* The length of an address of this family, as bind and connect want it. */
socklen_t address_len(const struct sockaddr_storage *addr);

#endif
