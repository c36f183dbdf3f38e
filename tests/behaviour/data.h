/* SPDX-License-Identifier: MIT */
/* What the checks of data and options share. Each function ends the check when it cannot do its work. */
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

/* Waits until at least so many bytes lie unread in fd (FIONREAD). */
void wait_unread(int fd, int bytes);

/* Waits until the peer has acknowledged all that was sent on fd (SIOCOUTQ). */
void wait_acknowledged(int fd);

/* Reads and forgets exactly len bytes. */
void swallow(int fd, size_t len);

/* Byte number at of a stream that is easy to check. */
unsigned char pattern(size_t at);
void fill_pattern(unsigned char *data, size_t len, size_t at);
/* false: some byte of them is not as the pattern has it. */
bool is_pattern(const unsigned char *data, size_t len, size_t at);

void set_blocking(int fd, bool blocking);

/* Counts signals of this number from now on (without SA_RESTART). */
void count_signal(int number);
int signal_count(void);

/* Says "what: bytes", the bytes quoted up to 40 of them; or the error. */
void say_data(const char *what, const void *data, long rc);

/* Says which of the events of an epoll entry are there, "what: IN OUT". */
void say_events(const char *what, uint32_t events);

/* A file with len bytes of the pattern, open for reading and writing, that has no name. */
int pattern_file(size_t len);

#endif
