/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

/* The directory of this command, without the last slash; empty if the kernel does not tell. */
static void own_directory(char directory[RUDP_PLACE_SIZE])
{
	ssize_t len = readlink("/proc/self/exe", directory, RUDP_PLACE_SIZE - 1);
	char *slash;

	directory[len > 0 ? len : 0] = 0;
	slash = strrchr(directory, '/');
	if (slash)
		*slash = 0;
}

/* If the file exists, path becomes its canonical path, because LD_PRELOAD will show it. */
static bool is_there(char path[RUDP_PLACE_SIZE])
{
	char *real = realpath(path, NULL);
	bool there = real && access(real, R_OK) == 0;

	if (there)
		snprintf(path, RUDP_PLACE_SIZE, "%s", real);
	free(real);
	return there;
}

/* An installed command reports the library directory, where a user expects the file. */
static void name_expected_place(const char *here, const char *file, char path[RUDP_PLACE_SIZE])
{
	char *real;

	snprintf(path, RUDP_PLACE_SIZE, "%.3000s/../lib/rudp", here);
	real = realpath(path, NULL);
	snprintf(path, RUDP_PLACE_SIZE, "%.3000s/%s", real ? real : here, file);
	free(real);
}

bool rudp_place_find(const char *file, char path[RUDP_PLACE_SIZE])
{
	/* For PREFIX/bin/rudp the libraries are in PREFIX/lib/rudp. */
	static const char *const from_here[] = {"", "/../lib/rudp"};
	char here[RUDP_PLACE_SIZE];

	own_directory(here);
	for (size_t i = 0; here[0] && i < sizeof from_here / sizeof from_here[0]; i++) {
		int len = snprintf(path, RUDP_PLACE_SIZE, "%s%s/%s", here, from_here[i], file);

		if (len > 0 && len < RUDP_PLACE_SIZE && is_there(path))
			return true;
	}
	snprintf(path, RUDP_PLACE_SIZE, "%s/%s", RUDP_LIBDIR, file);
	if (is_there(path))
		return true;
	name_expected_place(here, file, path);
	return false;
}
