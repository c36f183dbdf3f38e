/* SPDX-License-Identifier: MIT */
#include "conversation/server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "conversation/irc/stamp.h"

/* Once the log is a file the number never changes: dup3 replaces the file. */
static _Atomic int log_fd = STDERR_FILENO;
static bool is_journal;
static _Atomic(enum rudp_log_level) level_wanted;

/* Compares standard error with the journal's socket, whose device and inode systemd passes. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat is;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &is) == 0 && is.st_dev == device && is.st_ino == inode;
}

/* Writes a line with one system call, so that lines of several threads do not mix. */
static void write_line(void *context, enum rudp_log_level level, const char *text)
{
	static const char *const priorities[] = {"", "<3>", "<4>", "<6>", "<7>"};
	const char *name = rudp_log_level_name(level);
	char head[APO_STAMP_BYTES + 1];
	struct iovec parts[5];
	ssize_t ignored;

	(void)context;
	if (level > atomic_load_explicit(&level_wanted, memory_order_relaxed))
		return;
	if (is_journal) {
		strcpy(head, priorities[level]);
	} else {
		apo_stamp_write(head, rudp_clock_wall_ms());
		strcpy(head + APO_STAMP_BYTES - 1, " ");
	}
	parts[0] = (struct iovec){head, strlen(head)};
	parts[1] = (struct iovec){(void *)(uintptr_t)name, is_journal ? 0 : strlen(name)};
	parts[2] = (struct iovec){(void *)(uintptr_t) " ", is_journal ? 0 : 1};
	parts[3] = (struct iovec){(void *)(uintptr_t)text, strlen(text)};
	parts[4] = (struct iovec){(void *)(uintptr_t) "\n", 1};
	ignored = writev(log_fd, parts, 5);
	(void)ignored;
}

static int open_file(const char *file)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640), error;

	if (fd < 0)
		return -errno;
	if (log_fd == STDERR_FILENO) {
		log_fd = fd;
		return 0;
	}
	/* Other threads may be writing, so the file is replaced under the same number. */
	error = dup3(fd, log_fd, O_CLOEXEC) < 0 ? -errno : 0;
	close(fd);
	return error;
}

int apo_log_open(const char *file, enum rudp_log_level level)
{
	static bool is_open;
	int error = 0;

	if (!is_open) {
		is_journal = stderr_is_journal();
		atomic_store(&level_wanted, RUDP_LOG_ERROR);
		rudp_log_set(write_line, NULL, RUDP_LOG_DEBUG);
	}
	if (file)
		error = open_file(file);
	else if (is_open && log_fd != STDERR_FILENO && dup3(STDERR_FILENO, log_fd, O_CLOEXEC) < 0)
		error = -errno;
	if (error < 0)
		return error;
	atomic_store(&level_wanted, level);
	is_journal = is_journal && log_fd == STDERR_FILENO;
	is_open = true;
	return 0;
}
