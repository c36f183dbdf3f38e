/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/config/settings.h"

#define LINE_BYTES_MAX 640

static int log_fd = -1;

/* One write() per line: O_APPEND keeps the lines of several engines of a user apart. */
static void write_line(void *context, enum rudp_log_level level, const char *text)
{
	char line[LINE_BYTES_MAX];
	struct timespec now;
	struct tm utc;
	int len;

	(void)context;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	len = snprintf(line, sizeof line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %d %s: %s\n",
		       utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		       utc.tm_sec, now.tv_nsec / 1000000, getpid(), rudp_log_level_name(level),
		       text);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof line) {
		len = sizeof line - 1;
		line[len - 1] = '\n';
	}
	/* If the disk is full, the line is lost; connections go on. */
	if (write(log_fd, line, (size_t)len) < 0)
		return;
}

/*
 * The default path is in a directory where other users may create a file first, or a FIFO that they
 * read. Device files belong to root.
 */
static bool belongs_to_other_user(const struct stat *st)
{
	return st->st_uid != geteuid() && (S_ISREG(st->st_mode) || st->st_uid != 0);
}

/* Returns  a descriptor, or -errno. */
static int open_file(const char *path, int flags)
{
	int fd = open(path,
		      O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags,
		      0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || belongs_to_other_user(&st)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static bool is_wanted(const struct rudp_settings *settings)
{
	return settings->log_level != RUDP_LOG_OFF && settings->log_path[0];
}

int rudp_log_file_open(const struct rudp_settings *settings)
{
	int fd;

	if (!is_wanted(settings))
		return 0;
	fd = open_file(settings->log_path, O_CREAT);
	if (fd < 0)
		return fd;
	log_fd = fd;
	rudp_log_set(write_line, NULL, settings->log_level);
	return 0;
}

static int check_directory(const char *path)
{
	char directory[RUDP_SETTINGS_PATH_SIZE];

	snprintf(directory, sizeof directory, "%s", path);
	return access(dirname(directory), W_OK | X_OK) < 0 ? -errno : 0;
}

int rudp_log_file_check(const struct rudp_settings *settings)
{
	int fd;

	if (!is_wanted(settings))
		return 0;
	fd = open_file(settings->log_path, 0);
	if (fd == -ENOENT)
		return check_directory(settings->log_path);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

void rudp_settings_complain(const struct rudp_settings *settings, const char *text)
{
	if (rudp_log_file_open(settings) < 0)
		return;
	rudp_log(RUDP_LOG_ERROR, "no engine: %s", text);
	rudp_log_file_close();
}

void rudp_log_file_close(void)
{
	rudp_log_set(NULL, NULL, RUDP_LOG_OFF);
	if (log_fd >= 0)
		close(log_fd);
	log_fd = -1;
}
