/* SPDX-License-Identifier: MIT */
/*
 * Finds another process of this user with the same --id, by the command lines in /proc.
 *
 * A command line is in the memory of its process. Another user can make that memory a file of a
 * FUSE file system, and so block any process that reads it (proc(5)).
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "messaging/command/command.h"

#define LINE_BYTES_MAX 4096  /* of a command line; the rest is not read */
#define PROCESSES_MAX 100000 /* processes that are examined */

/* Returns the number of bytes; a zero byte follows them. */
static size_t read_file(int proc, const char *pid, const char *name, char text[LINE_BYTES_MAX + 1])
{
	char path[64];
	ssize_t n = -1;
	int fd;

	text[0] = '\0';
	if ((size_t)snprintf(path, sizeof path, "%s/%s", pid, name) >= sizeof path)
		return 0;
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, LINE_BYTES_MAX);
		close(fd);
	}
	n = n < 0 ? 0 : n;
	text[n] = '\0';
	return (size_t)n;
}

/* The owner of the directory says less: root owns that of a process that is not dumpable. */
static bool is_of_this_user(int proc, const char *pid, char text[LINE_BYTES_MAX + 1])
{
	const char *line;

	read_file(proc, pid, "status", text);
	line = strstr(text, "\nUid:");
	return line && strtoul(line + sizeof "\nUid:" - 1, NULL, 10) == getuid();
}

/* The value of --id in this argument or the next one. NULL: it is another option. */
static const char *id_in(const char *argument, const char *next)
{
	if (strcmp(argument, "--id") == 0 || strcmp(argument, "-i") == 0)
		return next;
	if (strncmp(argument, "--id=", 5) == 0)
		return argument + 5;
	return strncmp(argument, "-i", 2) == 0 ? argument + 2 : NULL;
}

static bool is_node_command(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	return strcmp(name, "rudpmsg") == 0 || strcmp(name, "converse") == 0;
}

/* Each argument ends with a zero byte; the caller added one after the last byte that was read. */
static bool has_id(const char *line, size_t length, const char *id)
{
	const char *at = line, *end = line + length, *value;

	if (length == 0 || !is_node_command(line))
		return false;
	while ((at += strlen(at) + 1) < end) {
		value = id_in(at, at + strlen(at) + 1 < end ? at + strlen(at) + 1 : "");
		if (value && strcmp(value, id) == 0)
			return true;
	}
	return false;
}

/* For output to a terminal: other programs' arguments can contain any bytes. */
static void make_printable(char *line, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!isprint((unsigned char)line[i]))
			line[i] = line[i] == '\0' && i + 1 < length ? ' ' : line[i] ? '?' : '\0';
}

bool command_find_same_id(const char *proc, long self, const char *id,
			  char text[COMMAND_PROCESS_TEXT_SIZE])
{
	char line[LINE_BYTES_MAX + 1];
	DIR *processes = opendir(proc);
	const struct dirent *entry;
	bool is_found = false;
	unsigned count;
	size_t length;
	long pid;

	for (count = 0; processes && !is_found && count < PROCESSES_MAX; count++) {
		entry = readdir(processes);
		if (!entry)
			break;
		pid = strtol(entry->d_name, NULL, 10);
		if (pid <= 0 || pid == self ||
		    !is_of_this_user(dirfd(processes), entry->d_name, line))
			continue;
		length = read_file(dirfd(processes), entry->d_name, "cmdline", line);
		is_found = has_id(line, length, id);
		if (is_found) {
			make_printable(line, length);
			snprintf(text, COMMAND_PROCESS_TEXT_SIZE, "process %ld (%.100s)", pid,
				 line);
		}
	}
	if (processes)
		closedir(processes);
	return is_found;
}
