/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];

void files_init(void)
{
	char build[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", build, sizeof build - 1);

	build[len] = 0;
	*strrchr(build, '/') = 0;
	strcpy(strrchr(build, '/'), "/rudp");
	setenv("RUDP", build, 1);
	strcpy(directory, "/tmp/rudp-tools.XXXXXX");
	if (!mkdtemp(directory))
		cr_fatal("no directory for files");
	setenv("FILES", directory, 1);
}

void files_fini(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", directory);
	if (system(command) != 0)
		cr_log_warn("%s stays behind", directory);
}

const char *files_path(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", directory, name);
	return path;
}

const char *files_make(const char *name, const void *content, size_t len, mode_t mode)
{
	const char *path = files_path(name);
	FILE *file = fopen(path, "w");

	if (!file || fwrite(content, 1, len, file) != len || fclose(file) != 0 ||
	    chmod(path, mode) < 0)
		cr_fatal("cannot write %s", path);
	return path;
}

const char *files_text(const char *name, const char *content, mode_t mode)
{
	return files_make(name, content, strlen(content), mode);
}

int files_run(const char *command, char output[OUTPUT_BYTES_MAX])
{
	char line[1024];
	size_t len;
	FILE *pipe;
	int status;

	snprintf(line, sizeof line, "exec 2>&1; %s", command);
	pipe = popen(line, "r");
	if (!pipe)
		cr_fatal("no shell");
	len = fread(output, 1, OUTPUT_BYTES_MAX - 1, pipe);
	output[len] = 0;
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
