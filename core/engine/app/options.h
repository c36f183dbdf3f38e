/* SPDX-License-Identifier: MIT */
/*
 * options - the socket options that a program has set, read from its socket.
 *
 * The program's socket is an AF_UNIX socket. It keeps SO_KEEPALIVE, SO_LINGER and SO_REUSEADDR
 * itself. All other options are stored options (mark.h).
 */
#ifndef RUDP_ENGINE_OPTIONS_H
#define RUDP_ENGINE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/config/settings.h"
#include "engine/udp/udp.h"
#include "proto/conn/conn.h"

struct rudp_sock_options {
	struct rudp_conn_options conn;
	bool reset_on_close; /* SO_LINGER with a timeout of 0 */
	bool reuse_address;
	bool freebind;      /* IP_FREEBIND */
	unsigned early_max; /* TCP_FASTOPEN: limit of pending connections with early data */
	struct rudp_udp_route route; /* SO_BINDTODEVICE, SO_MARK */
	bool cc_is_limited; /* TCP_CONGESTION is set, and the program may lack CAP_NET_ADMIN */
};

/* Reads the options of the socket fd. mark_flags: flags of its mark; negative: it has no mark. */
void rudp_sock_options_read(struct rudp_sock_options *options, int fd, int mark_flags,
			    const struct rudp_settings *settings);

/*
 * Applies one setsockopt() call on an established connection.
 *
 * Returns  0; -EINVAL; -ENOENT: unknown congestion control. An option that this transport does not
 *          know is accepted and ignored.
 */
int rudp_sock_options_set(struct rudp_sock_options *options, int level, int option,
			  const void *value, size_t len);

#endif
