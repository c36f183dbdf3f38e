/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_BYTES 8192

const char *in_build(const char *file)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	path[len < 0 ? 0 : len] = 0;
	for (int up = 0; up < 2; up++)
		if (strrchr(path, '/'))
			*strrchr(path, '/') = 0;
	len = (ssize_t)strlen(path);
	snprintf(path + len, sizeof path - (size_t)len, "/%s", file);
	return path;
}

const char *preload(void)
{
	static char list[2 * PATH_MAX];
	const char *runtime = getenv("SANITIZER_RUNTIME");

	snprintf(list, sizeof list, "%s%s%s", runtime ? runtime : "",
		 runtime && *runtime ? ":" : "", in_build("librudp_shim.so"));
	return list;
}

void let_engine_be_read(void)
{
	if (geteuid() != 0)
		setenv("RUDP_CONFINE", "off", 1);
}

void expect_of_program(const char *program, const char *settings, const char *wanted)
{
	static char output[OUTPUT_BYTES_MAX];
	char command[COMMAND_BYTES];

	let_engine_be_read();
	setenv("PROGRAM", program, 1);
	snprintf(command, sizeof command,
		 "RUDP_MEMORY=%u %s LD_PRELOAD='%s' python3 -c \"$PROGRAM\" </dev/null 2>&1",
		 67108864u + (unsigned)getpid(), settings, preload());
	cr_assert(eq(int, run(command, output), 0), "%s", output);
	cr_assert(eq(str, output, (char *)wanted));
}

int run(const char *command, char output[OUTPUT_BYTES_MAX])
{
	FILE *pipe = popen(command, "r");
	size_t len;
	int status;

	if (!pipe)
		return -1;
	len = fread(output, 1, OUTPUT_BYTES_MAX - 1, pipe);
	output[len] = 0;
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
