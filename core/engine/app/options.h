/* SPDX-License-Identifier: MIT */
/*
 * options - what a program has asked of its socket, read from the socket itself.
 *
 * AF_UNIX keeps SO_KEEPALIVE, SO_LINGER and SO_REUSEADDR natively; the rest waits in the stored
 * options (mark.h).
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
	bool reset_on_close; /* SO_LINGER with time 0 */
	bool reuse_address;
	bool freebind;       /* IP_FREEBIND */
	unsigned early_max;  /* TCP_FASTOPEN: connections with early data at once */
	struct rudp_udp_route route; /* SO_BINDTODEVICE, SO_MARK */
	bool cc_is_limited;  /* TCP_CONGESTION was set; the program may lack CAP_NET_ADMIN */
};

/* What fd says; mark_flags are those of its mark, negative: it has none. */
void rudp_sock_options_read(struct rudp_sock_options *options, int fd, int mark_flags,
			    const struct rudp_settings *settings);

/*
 * One setsockopt on a living connection.
 *
 * Returns  0; -EINVAL; -ENOENT (unknown congestion control); options that mean nothing to this
 *          transport are accepted.
 */
int rudp_sock_options_set(struct rudp_sock_options *options, int level, int option,
			  const void *value, size_t len);

#endif
