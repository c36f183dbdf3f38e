/* SPDX-License-Identifier: MIT */
/* Functions for the checks of data and options. Each function ends the check if it fails. */
#ifndef RUDP_TESTS_BEHAVIOUR_DATA_H
#define RUDP_TESTS_BEHAVIOUR_DATA_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "behaviour/check.h"

/* A page that may be neither read nor written. */
void *forbidden(void);

/* Sends the whole text, or all bytes. */
void put(int fd, const char *text);
void put_bytes(int fd, const void *data, size_t len);

/* Waits until at least so many bytes are unread in fd (FIONREAD). */
void wait_unread(int fd, int bytes);

/* Waits until the peer has acknowledged everything that was sent on fd (SIOCOUTQ). */
void wait_acknowledged(int fd);

/* Reads exactly len bytes and discards them. */
void swallow(int fd, size_t len);

/* Byte number at of a pattern that is easy to check. */
unsigned char pattern(size_t at);
void fill_pattern(unsigned char *data, size_t len, size_t at);
/* Returns false if a byte differs from the pattern. */
bool is_pattern(const unsigned char *data, size_t len, size_t at);

void set_blocking(int fd, bool blocking);

/* Counts signals with this number from now on (without SA_RESTART). */
void count_signal(int number);
int signal_count(void);

/* Prints "what: bytes", with up to 40 of the bytes quoted, or the error. */
void say_data(const char *what, const void *data, long rc);

/* Prints the events that an epoll entry reports: "what: IN OUT". */
void say_events(const char *what, uint32_t events);

/* An unnamed file with len bytes of the pattern, open for reading and writing. */
int pattern_file(size_t len);

#endif
