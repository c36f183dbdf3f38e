/* SPDX-License-Identifier: MIT */
/*
 * notify - what the service manager is told (sd_notify(3): a datagram to $NOTIFY_SOCKET; its
 * protocol is documented as stable, and that a program may speak it by itself).
 */
#ifndef APO_SERVER_NOTIFY_H
#define APO_SERVER_NOTIFY_H

/* Without such a manager nothing happens; what fails is of no consequence here. */
void apo_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
