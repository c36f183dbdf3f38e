/* SPDX-License-Identifier: MIT */
#include "engine/config/config_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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

int rudp_config_read(int fd, char **content, size_t *len, size_t bytes_max)
{
	size_t size = bytes_max + 1;
	ssize_t n = 0;

	*len = 0;
	*content = malloc(size + 1);
	if (!*content)
		return -ENOMEM;
	while (*len < size && (n = read(fd, *content + *len, size - *len)) > 0)
		*len += (size_t)n;
	(*content)[*len] = 0;
	if (n < 0)
		return -errno;
	return *len > bytes_max ? -EFBIG : 0;
}

ssize_t rudp_read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -errno : read(fd, text, size - 1);

	if (fd >= 0 && len < 0)
		len = -errno;
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = 0;
	return len;
}
