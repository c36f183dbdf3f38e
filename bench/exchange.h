/* SPDX-License-Identifier: MIT */
/*
 * What carries messages in exchange.c: one of exchange_*.c, linked with it. A failure ends the
 * program with a message. One thread sends, round over all connections; one receives.
 */
#ifndef BENCH_EXCHANGE_H
#define BENCH_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

/* Listens; whoever cannot (mosquitto's clients) subscribes instead. */
void carrier_listen(const char *port);
/* The next message, whose bytes stay until the next call. */
const void *carrier_receive(size_t *size);

void carrier_connect(const char *host, const char *port, size_t connections);
/* Takes the message, and waits where the carrier's own queue is full. */
void carrier_send(size_t connection, const void *bytes, size_t size);
/* Until all that was sent is acknowledged, where there are acknowledgements, and else as far as the
 * carrier can tell. */
void carrier_finish(void);

_Noreturn void carrier_die(const char *what, const char *why);

#endif
