/* SPDX-License-Identifier: MIT */
/*
 * notify - tells the service manager the state of the server (sd_notify(3): a datagram to
 * $NOTIFY_SOCKET. The protocol is documented as stable, and programs may implement it themselves).
 */
#ifndef APO_SERVER_NOTIFY_H
#define APO_SERVER_NOTIFY_H

/* Does nothing without such a manager. Errors are ignored. */
void apo_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
