/* SPDX-License-Identifier: MIT */
/*
 * without_admin - sets a socket option as a program without CAP_NET_ADMIN would.
 *
 * The engine may have this capability where the program for which it acts does not. The kernel judges
 * the thread that calls setsockopt(2), so this thread gives the capability up for that call.
 */
#ifndef RUDP_ENGINE_WITHOUT_ADMIN_H
#define RUDP_ENGINE_WITHOUT_ADMIN_H

#include <sys/socket.h>

/*
 * Calls setsockopt(2) while CAP_NET_ADMIN is not effective in this thread.
 *
 * Returns  0; -EPERM: the option needs the capability, or the capability cannot be given up; -errno.
 */
int rudp_set_without_admin(int fd, int level, int option, const void *value, socklen_t len);

#endif
