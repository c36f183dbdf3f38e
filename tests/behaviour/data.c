/* SPDX-License-Identifier: MIT */
#include "behaviour/data.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHOWN_BYTES_MAX 40

void *forbidden(void)
{
	void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(page != MAP_FAILED, "mmap");
	return page;
}

void put_bytes(int fd, const void *data, size_t len)
{
	const char *next = data;
	while (len > 0) {
		ssize_t n = send(fd, next, len, MSG_NOSIGNAL);
		must(n > 0, "send");
		next += n;
		len -= (size_t)n;
	}
}

void put(int fd, const char *text)
{
	put_bytes(fd, text, strlen(text));
}

struct amount {
	int fd;
	int bytes;
};

static bool has_unread(void *argument)
{
	const struct amount *wanted = argument;
	int bytes = 0;
	must(ioctl(wanted->fd, FIONREAD, &bytes) == 0, "FIONREAD");
	return bytes >= wanted->bytes;
}

void wait_unread(int fd, int bytes)
{
	struct amount wanted = {fd, bytes};
	wait_true(has_unread, &wanted);
}

static bool has_nothing_under_way(void *argument)
{
	int bytes = 0;
	must(ioctl(*(int *)argument, SIOCOUTQ, &bytes) == 0, "SIOCOUTQ");
	return bytes == 0;
}

void wait_acknowledged(int fd)
{
	wait_true(has_nothing_under_way, &fd);
}

void swallow(int fd, size_t len)
{
	char buffer[65536];
	while (len > 0) {
		ssize_t n = recv(fd, buffer, len < sizeof(buffer) ? len : sizeof(buffer), 0);
		must(n > 0, "recv");
		len -= (size_t)n;
	}
}

unsigned char pattern(size_t at)
{
	uint32_t mixed = (uint32_t)at * 2654435761u;
	return (unsigned char)(mixed >> 24);
}

void fill_pattern(unsigned char *data, size_t len, size_t at)
{
	for (size_t i = 0; i < len; i++)
		data[i] = pattern(at + i);
}

bool is_pattern(const unsigned char *data, size_t len, size_t at)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != pattern(at + i))
			return false;
	}
	return true;
}

void set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);
	must(flags >= 0, "F_GETFL");
	flags = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
	must(fcntl(fd, F_SETFL, flags) == 0, "F_SETFL");
}

static volatile sig_atomic_t signals;

static void count(int number)
{
	(void)number;
	signals++;
}

void count_signal(int number)
{
	struct sigaction action = {.sa_handler = count};
	signals = 0;
	must(sigaction(number, &action, NULL) == 0, "sigaction");
}

int signal_count(void)
{
	return signals;
}

void say_data(const char *what, const void *data, long rc)
{
	if (rc < 0)
		say_result(what, rc);
	else
		say("%s: %ld \"%.*s\"", what, rc,
		    (int)(rc < SHOWN_BYTES_MAX ? rc : SHOWN_BYTES_MAX), (const char *)data);
}

void say_events(const char *what, uint32_t events)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} bits[] = {{EPOLLIN, " IN"},   {EPOLLPRI, " PRI"}, {EPOLLOUT, " OUT"},
		    {EPOLLERR, " ERR"}, {EPOLLHUP, " HUP"}, {EPOLLRDHUP, " RDHUP"}};
	char names[64] = " nothing";
	size_t used = 0;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (events & bits[i].bit)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s",
						 bits[i].name);
	}
	say("%s:%s", what, names);
}

int pattern_file(size_t len)
{
	unsigned char block[4096];
	int fd = memfd_create("pattern", 0);
	must(fd >= 0, "memfd_create");
	for (size_t at = 0; at < len; at += sizeof(block)) {
		size_t n = len - at < sizeof(block) ? len - at : sizeof(block);
		fill_pattern(block, n, at);
		must(write(fd, block, n) == (ssize_t)n, "write to a file");
	}
	must(lseek(fd, 0, SEEK_SET) == 0, "lseek of a file");
	return fd;
}
