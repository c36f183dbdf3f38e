/* SPDX-License-Identifier: MIT */
#include "key_files.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char directory[64];

void directory_make(void)
{
	strcpy(directory, "/tmp/rudp-test-keys-XXXXXX");
	cr_assert(not(zero(ptr, mkdtemp(directory))));
}

void directory_remove(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", directory);
	cr_assert(zero(int, system(command)));
}

const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

void make(const char *name, char digit, const char *more)
{
	FILE *file = fopen(path_of(name), "w");

	cr_assert(ne(ptr, file, NULL));
	for (int i = 0; i < 64; i++)
		fputc(digit, file);
	fprintf(file, "\n%s", more);
	fclose(file);
	cr_assert(zero(int, chmod(path_of(name), 0600)));
}

void make_text(const char *name, const char *content)
{
	FILE *file = fopen(path_of(name), "w");

	cr_assert(ne(ptr, file, NULL));
	fputs(content, file);
	fclose(file);
	cr_assert(zero(int, chmod(path_of(name), 0600)));
}
