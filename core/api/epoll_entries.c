/* SPDX-License-Identifier: MIT */
#include "api/epoll_entries.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "api/raw_syscall.h"

#define LISTING_BYTES 1024
#define LINE_BYTES 128
#define EPOLL_LINK "anon_inode:[eventpoll]"

static int open_path(const char *path, int flags)
{
	return (int)rudp_raw_syscall(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, 0, 0, 0);
}

static bool is_epoll(int directory, const char *name)
{
	char target[sizeof EPOLL_LINK];
	long len = rudp_raw_syscall(SYS_readlinkat, directory, (long)name, (long)target,
				    sizeof target, 0, 0);

	return len == sizeof EPOLL_LINK - 1 && memcmp(target, EPOLL_LINK, (size_t)len) == 0;
}

static void take_line(const char *line, int set, int fd, struct rudp_epoll_entries *found)
{
	unsigned long long data;
	unsigned events;
	int target;

	if (sscanf(line, "tfd: %d events: %x data: %llx", &target, &events, &data) != 3 ||
	    target != fd || found->count == RUDP_EPOLL_ENTRIES_MAX)
		return;
	found->entries[found->count].set = set;
	found->entries[found->count].events = events;
	found->entries[found->count].data = data;
	found->count++;
}

static void read_set(int set, int fd, struct rudp_epoll_entries *found)
{
	char path[48], chunk[LISTING_BYTES], line[LINE_BYTES];
	size_t len = 0;
	int info;
	long n;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", set);
	info = open_path(path, O_RDONLY);
	if (info < 0)
		return;
	while ((n = rudp_raw_syscall(SYS_read, info, (long)chunk, sizeof chunk, 0, 0, 0)) > 0)
		for (long i = 0; i < n; i++) {
			if (chunk[i] != '\n') {
				if (len < sizeof line - 1)
					line[len++] = chunk[i];
				continue;
			}
			line[len] = 0;
			take_line(line, set, fd, found);
			len = 0;
		}
	rudp_raw_close(info);
}

void rudp_epoll_entries_find(int fd, struct rudp_epoll_entries *found)
{
	_Alignas(struct dirent64) char listing[LISTING_BYTES];
	int directory = open_path("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	long len;

	found->count = 0;
	if (directory < 0)
		return;
	while ((len = rudp_raw_syscall(SYS_getdents64, directory, (long)listing, sizeof listing, 0,
				       0, 0)) > 0)
		for (long at = 0; at < len;) {
			const struct dirent64 *entry = (const struct dirent64 *)(listing + at);

			at += entry->d_reclen;
			if (is_epoll(directory, entry->d_name))
				read_set(atoi(entry->d_name), fd, found);
		}
	rudp_raw_close(directory);
}

void rudp_epoll_entries_restore(int fd, const struct rudp_epoll_entries *found)
{
	for (int i = 0; i < found->count; i++) {
		struct epoll_event event = {
			.events = found->entries[i].events,
			.data.u64 = found->entries[i].data,
		};

		/* EPOLLHUP and EPOLLERR are always listed; setting them again has no effect. */
		rudp_raw_syscall(SYS_epoll_ctl, found->entries[i].set, EPOLL_CTL_ADD, fd,
				 (long)&event, 0, 0);
	}
}
