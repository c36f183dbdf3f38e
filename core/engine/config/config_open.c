/* SPDX-License-Identifier: MIT */
#include "engine/config/config_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

static int (*opener)(const char *path);

int rudp_config_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0 || errno != EACCES || !opener)
		return fd;
	fd = opener(path);
	if (fd >= 0)
		return fd;
	errno = -fd;
	return -1;
}

int rudp_config_open_append(const char *path)
{
	return open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
}

void rudp_config_open_by(int (*other)(const char *path))
{
	opener = other;
}
