/* SPDX-License-Identifier: MIT */
#include "behaviour/traffic.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "behaviour/check.h"

#define CHUNK_BYTES 65536

void pattern_fill(void *to, size_t offset, size_t len)
{
	unsigned char *bytes = to;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)((offset + i) * 31 >> 3);
}

bool pattern_write(int fd, size_t len)
{
	static unsigned char chunk[CHUNK_BYTES];
	size_t done = 0;

	while (done < len) {
		size_t want = len - done < sizeof chunk ? len - done : sizeof chunk;
		ssize_t n;

		pattern_fill(chunk, done, want);
		n = write(fd, chunk, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

void say_rest(const char *who, int fd)
{
	static unsigned char chunk[CHUNK_BYTES], right[CHUNK_BYTES];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		pattern_fill(right, len, (size_t)n);
		if (memcmp(chunk, right, (size_t)n) != 0) {
			say("%s: wrong bytes among those after %zu", who, len);
			return;
		}
		len += (size_t)n;
	}
	say("%s: %zu bytes, then %s", who, len, n == 0 ? "end of file" : strerrorname_np(errno));
}

static bool passes(int from, int to)
{
	char byte = 0;

	return send(from, "x", 1, MSG_NOSIGNAL) == 1 && read(to, &byte, 1) == 1 && byte == 'x';
}

void say_alive(const char *what, int client, int server)
{
	say("%s: %s, %s", what, passes(client, server) ? "passes" : strerrorname_np(errno),
	    passes(server, client) ? "passes back" : strerrorname_np(errno));
}

int dial(const struct sockaddr_storage *addr)
{
	int fd = socket(addr->ss_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)addr, address_len(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

bool is_greeted(const struct sockaddr_storage *addr)
{
	char text[6] = "";
	int client = dial(addr);
	bool greeted = client >= 0 && recv(client, text, 5, MSG_WAITALL) == 5 &&
		       strcmp(text, "hello") == 0;

	if (client >= 0)
		close(client);
	return greeted;
}

/* Does not use must(), because it runs where nothing can be printed any more. */
bool new_connection_works(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage stored = {0};
	socklen_t len = sizeof addr;
	int waiting = socket(AF_INET, SOCK_STREAM, 0);
	int client = -1, server = -1;
	bool works = waiting >= 0 && bind(waiting, (struct sockaddr *)&addr, len) == 0 &&
		     listen(waiting, 8) == 0 &&
		     getsockname(waiting, (struct sockaddr *)&addr, &len) == 0;

	memcpy(&stored, &addr, sizeof addr);
	if (works)
		client = dial(&stored);
	if (client >= 0)
		server = accept(waiting, NULL, NULL);
	works = server >= 0 && passes(client, server) && passes(server, client);
	if (server >= 0)
		close(server);
	if (client >= 0)
		close(client);
	if (waiting >= 0)
		close(waiting);
	return works;
}

void say_new_connection(const char *what)
{
	bool works = new_connection_works();

	say("%s: %s", what, works ? "works" : strerrorname_np(errno));
}

void make_channel(int ends[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
}

void tell_address(int channel, const struct sockaddr_storage *addr)
{
	must(write(channel, addr, sizeof(*addr)) == sizeof(*addr), "write of an address");
}

void hear_address(int channel, struct sockaddr_storage *addr)
{
	must(recv(channel, addr, sizeof(*addr), MSG_WAITALL) == sizeof(*addr),
	     "read of an address");
}

void send_fd(int channel, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {(char[]){'f'}, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *header;

	memset(&control, 0, sizeof control);
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof control.bytes;
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	must(sendmsg(channel, &message, 0) == 1, "handing on a descriptor");
}

int receive_fd(int channel)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	int fd = -1;

	memset(&control, 0, sizeof control);
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof control.bytes;
	must(recvmsg(channel, &message, 0) == 1, "receiving a descriptor");
	must(CMSG_FIRSTHDR(&message) != NULL, "a descriptor in the message");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

static int count_entries(const char *folder)
{
	DIR *directory = opendir(folder);
	int count = 0;

	must(directory != NULL, folder);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2; /* without . and .. */
}

int count_descriptors(void)
{
	return count_entries("/proc/self/fd") - 1; /* without the descriptor of the listing */
}

int count_threads(void)
{
	return count_entries("/proc/self/task");
}
