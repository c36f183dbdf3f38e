/* SPDX-License-Identifier: MIT */
#include "engine/config/config_path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int result(int len, size_t size)
{
	return len >= 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

int rudp_config_join(char *path, size_t size, const char *directory, const char *name)
{
	return result(snprintf(path, size, "%s/%s", directory, name), size);
}

int rudp_config_absolute(char *path, size_t size, const char *name)
{
	char directory[PATH_MAX] = "";

	if (name[0] == '/')
		return rudp_config_join(path, size, "", name + 1);
	if (!getcwd(directory, sizeof directory))
		return errno == ERANGE ? -ENAMETOOLONG : -errno;
	return rudp_config_join(path, size, directory, name);
}

int rudp_config_of_user(char *path, size_t size, char *(*get)(const char *name), const char *name)
{
	const char *config = get("XDG_CONFIG_HOME"), *home = get("HOME");

	/* XDG Base Directory Specification: a relative directory must be ignored. */
	if (config && config[0] == '/')
		return result(snprintf(path, size, "%s/rudp/%s", config, name), size);
	if (home && home[0] == '/')
		return result(snprintf(path, size, "%s/.config/rudp/%s", home, name), size);
	return -ENOENT;
}
