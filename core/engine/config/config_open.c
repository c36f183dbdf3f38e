/* SPDX-License-Identifier: MIT */
#include "engine/config/config_open.h"

#include <errno.h>
#include <fcntl.h>

static int (*opener)(const char *path, bool append);

static int open_file(const char *path, bool append)
{
	int flags = append ? O_RDWR | O_APPEND | O_CREAT : O_RDONLY;
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

	if (fd >= 0 || errno != EACCES || !opener)
		return fd;
	fd = opener(path, append);
	if (fd >= 0)
		return fd;
	errno = -fd;
	return -1;
}

int rudp_config_open(const char *path)
{
	return open_file(path, false);
}

int rudp_config_open_append(const char *path)
{
	return open_file(path, true);
}

void rudp_config_open_by(int (*other)(const char *path, bool append))
{
	opener = other;
}
