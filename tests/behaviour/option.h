/* SPDX-License-Identifier: MIT */
/* The options that programs use, and what the checks of them share. */
#ifndef RUDP_TESTS_BEHAVIOUR_OPTION_H
#define RUDP_TESTS_BEHAVIOUR_OPTION_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "behaviour/check.h"

struct option {
	int level, number;
	const char *name;
	bool varies;    /* from run to run, or with the way the bytes take: only its length is said */
	bool refused;   /* by rudp, when it is switched on: has a check of its own */
	int sample;     /* a value to set */
};

/* Ends with a name of NULL. */
extern const struct option socket_options[], tcp_options[], ip_options[], ipv6_options[];

/* Says "what NAME: 4 bytes, 17", or the error. */
void say_option(const char *what, int fd, const struct option *option);
void say_options(int fd, const struct option *options);
/* The value of an int option. */
int option_value(int fd, int level, int number);

/* Says how setting went, then what is read back. */
void set_and_say(const char *what, int fd, const struct option *option, int value);

#endif
