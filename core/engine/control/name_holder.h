/* SPDX-License-Identifier: MIT */
/*
 * name_holder - whose an abstract name is, of which only the kernel's table of all sockets tells.
 *
 * When a program's socket is closed its name is free, and another user who takes it looks like the
 * program that still has it (binding.h): its port would never be free again. To read the table takes
 * milliseconds where there are many sockets, so it is read only where somebody wants that port, and
 * RUDP_NAME_LOOKS_MAX times in RUDP_NAME_LOOKS_NS.
 */
#ifndef RUDP_ENGINE_NAME_HOLDER_H
#define RUDP_ENGINE_NAME_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/time.h"

#define RUDP_NAME_LOOKS_MAX 4
#define RUDP_NAME_LOOKS_NS (100 * RUDP_NS_PER_MS)

/* All zeros at first. */
struct rudp_name_looks {
	int64_t since_ns;
	unsigned count;
};

/*
 * Whether the socket with this number (st_ino) has the name still; true, too, where that is not to be
 * found out, or has been looked for too often.
 */
bool rudp_name_is_held(struct rudp_name_looks *looks, const struct sockaddr_un *name, socklen_t len,
		       uint64_t inode, int64_t now_at_ns);

#endif
