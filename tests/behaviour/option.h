/* SPDX-License-Identifier: MIT */
/* The options that programs use, and functions for the checks of them. */
#ifndef RUDP_TESTS_BEHAVIOUR_OPTION_H
#define RUDP_TESTS_BEHAVIOUR_OPTION_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "behaviour/check.h"

struct option {
	int level, number;
	const char *name;
	bool varies;  /* between runs or transports: only its length is printed */
	bool refused; /* rudp refuses to switch it on; another check tests that */
	int sample;   /* a value to set */
};

/* The list ends with a NULL name. */
extern const struct option socket_options[], tcp_options[], ip_options[], ipv6_options[];

/* Prints "what NAME: 4 bytes, 17", or the error. */
void say_option(const char *what, int fd, const struct option *option);
void say_options(int fd, const struct option *options);
/* The value of an int option. */
int option_value(int fd, int level, int number);

/* Prints the result of setting, then the value that is read back. */
void set_and_say(const char *what, int fd, const struct option *option, int value);

#endif
