/* SPDX-License-Identifier: MIT */
#include "conversation/server/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void apo_notify(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t path_len = path ? strlen(path) : 0;
	char text[128];
	va_list args;
	int fd, len;

	if (path_len < 2 || path_len >= sizeof address.sun_path || !strchr("/@", *path))
		return;
	memcpy(address.sun_path, path, path_len + 1);
	if (*path == '@') /* an abstract socket name */
		address.sun_path[0] = '\0';
	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len));
	close(fd);
}
