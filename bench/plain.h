/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the measuring programs: blocking TCP sockets as the manual pages describe them.
 * Nothing here knows rudp; the same program runs plain and under the shim. An error or a broken
 * connection ends the program with a message and exit code 1: a failed measurement has no result.
 */
#ifndef BENCH_PLAIN_H
#define BENCH_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Noreturn void die(const char *what);          /* with the text of errno */
_Noreturn void usage(const char *const *line); /* the lines up to NULL; exit code 2 */

double now_s(void);
void sleep_until(double at_s); /* in the clock of now_s */
double cpu_s(void);            /* user and system time of this process until now */

/* The whole number in text, from 1 to max; any other text ends the program. */
uint64_t count_from(const char *text, uint64_t max);

/*
 * dial() connects. cc is the kernel's name of a congestion control for TCP_CONGESTION, or NULL for
 * the default. TCP_NODELAY is on. serve_at() listens on all addresses, IPv4 and IPv6, and prints a
 * line when it is ready. Its connections use the congestion control that SERVE_CC names, if it is
 * set. If SERVE_SHARED is set, several programs may listen on the port (SO_REUSEPORT).
 */
int dial(const char *host, const char *port, const char *cc);

/* The same in two steps, for many at once: the descriptor is non-blocking in between. */
int dial_begin(const char *host, const char *port, const char *cc);
void dial_finish(int fd);
int serve_at(const char *port);
int accept_at(int listener); /* with TCP_NODELAY */

/* dial() defers connecting to the first send, so that data can travel with the SYN. */
extern bool use_fast_open;

void send_all(int fd, const void *data, size_t size);
void recv_all(int fd, void *data, size_t size);

/* Raises the limit of descriptors to the hard limit. */
void raise_descriptor_limit(void);

/* Random bytes, which no tunnel can compress. */
void fill_random(void *data, size_t size);

/* Sorts the samples and prints "NAME": {"mean", "p50", "p90", "p99", "max": ...}. */
void print_quantiles(const char *name, double *samples, size_t count);

/* Prints "NAME": [a hundred and one numbers] from sorted samples, for a curve. */
void print_percentiles(const char *name, const double *sorted, size_t count);

#endif
