/* SPDX-License-Identifier: MIT */
/*
 * The message carrier of exchange.c: one of exchange_*.c, linked with it. A failure ends the
 * program with an error message. One thread sends over all connections in turn; one receives.
 */
#ifndef BENCH_EXCHANGE_H
#define BENCH_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

/* Listens. Carriers that cannot listen (mosquitto's clients) subscribe instead. */
void carrier_listen(const char *port);
/* The next message. Its bytes are valid until the next call. */
const void *carrier_receive(size_t *size);

void carrier_connect(const char *host, const char *port, size_t connections);
/* Accepts the message; waits while the carrier's own queue is full. */
void carrier_send(size_t connection, const void *bytes, size_t size);
/* Waits until everything is acknowledged; without acknowledgements, as far as the carrier can
 * tell. */
void carrier_finish(void);

_Noreturn void carrier_die(const char *what, const char *why);

#endif
