/* SPDX-License-Identifier: MIT */
/* Adds hosts to a file of known hosts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config/config_open.h"
#include "engine/config/known_hosts.h"

#define COMMENT_LEN_MAX 128

int rudp_known_hosts_open(const char *path)
{
	/* Also for reading: the last byte tells whether the last line lacks its newline. */
	int fd = rudp_config_open_append(path);

	return fd < 0 ? -errno : fd;
}

static bool lacks_newline(int fd)
{
	struct stat st;
	char last;

	return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
	       last != '\n';
}

int rudp_known_hosts_append(int fd, const char *host, const uint8_t public_key[RUDP_IDENTITY_BYTES],
			    const char *comment)
{
	char line[RUDP_HOST_TEXT_SIZE + RUDP_PUBLIC_KEY_TEXT_SIZE + COMMENT_LEN_MAX + 4];
	char key[RUDP_PUBLIC_KEY_TEXT_SIZE];
	int len = snprintf(line, sizeof line, "%s%s %s%s%.*s\n", lacks_newline(fd) ? "\n" : "",
			   host, rudp_public_key_format(public_key, key), comment ? " " : "",
			   COMMENT_LEN_MAX, comment ? comment : "");
	ssize_t n;

	if (!rudp_known_hosts_is_host(host) || (comment && strpbrk(comment, "\r\n")))
		return -EINVAL;
	n = write(fd, line, (size_t)len);
	if (n < 0)
		return -errno;
	return n == len ? 0 : -EIO;
}

char *rudp_known_hosts_format(const struct rudp_addr *addr, char text[RUDP_HOST_TEXT_SIZE])
{
	char address[RUDP_ADDR_TEXT_SIZE], *colon;

	rudp_addr_format(addr, address);
	colon = strrchr(address, ':');
	if (colon && rudp_addr_port(addr) == 0)
		*colon = 0;
	strcpy(text, address);
	return text;
}
