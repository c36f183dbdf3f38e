/* SPDX-License-Identifier: MIT */
/*
 * name_holder - tells whether a socket still has its abstract name, from the kernel's table of all
 * sockets.
 *
 * When a program closes its socket, the name is free. If another user takes the name, that user's
 * socket looks like the program's socket (binding.h), and the program's port would never become
 * free. Reading the table takes milliseconds if there are many sockets. So it is read only if a
 * program wants that port, and at most RUDP_NAME_READS_MAX times in RUDP_NAME_READS_NS.
 */
#ifndef RUDP_ENGINE_NAME_HOLDER_H
#define RUDP_ENGINE_NAME_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/time.h"

#define RUDP_NAME_READS_MAX 4
#define RUDP_NAME_READS_NS (100 * RUDP_NS_PER_MS)

/* All zeros at first. */
struct rudp_name_reads {
	int64_t since_ns;
	unsigned count;
};

/*
 * Whether the socket with this inode number (st_ino) still has the name. Also true if the table
 * cannot be read, or has been read too often.
 */
bool rudp_name_is_held(struct rudp_name_reads *reads, const struct sockaddr_un *name, socklen_t len,
		       uint64_t inode, int64_t now_at_ns);

#endif
