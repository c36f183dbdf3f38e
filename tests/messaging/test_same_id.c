/* SPDX-License-Identifier: MIT */
/* Finds the process with the same --id, in a directory like /proc. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messaging/command/command.h"

static char proc[] = "/tmp/rudp-test-same-id.XXXXXX";

static void make_proc(void)
{
	cr_assert(mkdtemp(proc) != NULL);
}

static void remove_proc(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -r %s", proc);
	cr_expect(eq(int, system(command), 0));
}

TestSuite(same_id, .init = make_proc, .fini = remove_proc);

static void begin_process(const char *pid, uid_t user)
{
	char path[128];
	FILE *status;

	snprintf(path, sizeof path, "%s/%s", proc, pid);
	cr_assert(eq(int, mkdir(path, 0700), 0));
	snprintf(path, sizeof path, "%s/%s/status", proc, pid);
	status = fopen(path, "we");
	cr_assert(ne(ptr, status, NULL));
	fprintf(status, "Name:\trudpmsg\nUid:\t%u\t%u\t%u\t%u\n", user, user, user, user);
	fclose(status);
}

static void write_process(const char *pid, const char *line, size_t length)
{
	char path[128];
	int fd;

	begin_process(pid, getuid());
	snprintf(path, sizeof path, "%s/%s/cmdline", proc, pid);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	cr_assert(le(int, 0, fd));
	cr_assert(eq(sz, (size_t)write(fd, line, length), length));
	close(fd);
}

#define PROCESS(pid, line) write_process(pid, line, sizeof(line)) /* with the final zero byte */

Test(same_id, is_reported_with_pid_and_command_line)
{
	char text[COMMAND_PROCESS_TEXT_SIZE];

	PROCESS("12", "/usr/bin/rudpmsg\0send\0--id\0alpha\0--to\0host");
	PROCESS("13", "rudpmsg\0send\0--id\0beta");
	cr_assert(command_find_same_id(proc, 13, "alpha", text));
	cr_expect(eq(str, text, "process 12 (/usr/bin/rudpmsg send --id alpha --to host)"));
	cr_assert(command_find_same_id(proc, 12, "beta", text));
	cr_expect(eq(str, text, "process 13 (rudpmsg send --id beta)"));
}

Test(same_id, is_found_in_each_way_of_writing_it)
{
	char text[COMMAND_PROCESS_TEXT_SIZE];

	PROCESS("1", "rudpmsg\0--id=a\0receive");
	PROCESS("2", "rudpmsg\0-i\0b");
	PROCESS("3", "./rudpmsg\0-ic");
	PROCESS("4", "converse\0--id\0d");
	cr_expect(command_find_same_id(proc, 99, "a", text));
	cr_expect(command_find_same_id(proc, 99, "b", text));
	cr_expect(command_find_same_id(proc, 99, "c", text));
	cr_expect(command_find_same_id(proc, 99, "d", text));
}

Test(same_id, is_not_seen_in_other_programs_or_other_words)
{
	char text[COMMAND_PROCESS_TEXT_SIZE];

	PROCESS("1", "sh\0-c\0rudpmsg --id alpha");
	PROCESS("2", "rudpmsg\0send\0--peer\0alpha");
	PROCESS("3", "rudpmsg\0send\0--id");
	PROCESS("4", "");
	PROCESS("5", "rudpmsg\0send\0--id\0alpha");
	PROCESS("self", "rudpmsg\0send\0--id\0alpha");
	cr_expect(not(command_find_same_id(proc, 5, "alpha", text)));
	cr_expect(not(command_find_same_id("/nowhere/at/all", 5, "alpha", text)));
}

/* Reading the FIFO would block, as a command line does that another user has mapped from FUSE. */
Test(same_id, command_lines_of_other_users_are_not_read, .timeout = 10)
{
	char text[COMMAND_PROCESS_TEXT_SIZE], path[128];

	begin_process("3", getuid() + 1);
	snprintf(path, sizeof path, "%s/3/cmdline", proc);
	cr_assert(zero(int, mkfifo(path, 0600)));
	cr_expect(not(command_find_same_id(proc, 5, "alpha", text)));
}

Test(same_id, other_programs_text_is_made_printable_and_cut)
{
	char text[COMMAND_PROCESS_TEXT_SIZE], line[8000] = "rudpmsg\0--id\0alpha\0\033[31m";

	memset(line + 24, 'x', sizeof line - 24);
	write_process("7", line, sizeof line);
	cr_assert(command_find_same_id(proc, 1, "alpha", text));
	cr_expect(eq(int, strncmp(text, "process 7 (rudpmsg --id alpha ?[31m", 35), 0));
	cr_expect(lt(sz, strlen(text), sizeof text));
}
