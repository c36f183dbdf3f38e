/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/settings.h"

#define LINE_BYTES_MAX 640

static int log_fd = -1;

/* One write a line, so that engines of the same user do not mix theirs (O_APPEND). */
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
	/* A full disk must not disturb connections: the line is lost. */
	if (write(log_fd, line, (size_t)len) < 0)
		return;
}

int rudp_log_file_open(const struct rudp_settings *settings)
{
	struct stat st;
	int error;

	if (settings->log_level == RUDP_LOG_OFF || !settings->log_path[0])
		return 0;
	log_fd = open(settings->log_path,
		      O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		      0600);
	if (log_fd < 0)
		return -errno;
	/* The default lies in a directory where others may have put a file of theirs first. */
	if (fstat(log_fd, &st) < 0 || (S_ISREG(st.st_mode) && st.st_uid != geteuid())) {
		error = -EPERM;
		rudp_log_file_close();
		return error;
	}
	rudp_log_set(write_line, NULL, settings->log_level);
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
