/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define HEAD_BYTES 256     /* the kernel reads so much to find a #! line */
#define INTERPRETERS_MAX 5 /* scripts that interpret scripts, as in the kernel */
#define DEFAULT_SEARCH "/bin:/usr/bin"
#define SHELL "/bin/sh" /* runs a file that is neither ELF nor has #!, as with execvp */

struct check {
	struct rudp_program *program;
	const char *search;
	const struct rudp_program_caller *caller;
	unsigned depth;
};

static enum rudp_program_fault check_file(struct check *c, const char *path);

struct rudp_program_caller rudp_program_caller_self(void)
{
	return (struct rudp_program_caller){
		.uid = getuid(),
		.gid = getgid(),
		.no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
	};
}

static void copy_path(char out[PATH_MAX], const char *path)
{
	snprintf(out, PATH_MAX, "%s", path);
}

static bool is_executable_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/*
 * As execvp: finds the first executable file in the list. Returns false if there is none; then
 * *found says whether a file was found that is not executable.
 */
static bool search_path(const char *name, const char *search, char out[PATH_MAX], bool *found)
{
	*found = false;
	while (search) {
		const char *end = strchrnul(search, ':');
		char path[PATH_MAX];
		int len = snprintf(path, sizeof path, "%.*s%s%s", (int)(end - search), search,
				   end > search ? "/" : "", name);

		if (len > 0 && len < PATH_MAX && access(path, F_OK) == 0) {
			bool executable = is_executable_file(path);

			if (executable || !*found)
				copy_path(out, path);
			*found = true;
			if (executable)
				return true;
		}
		search = *end ? end + 1 : NULL;
	}
	return false;
}

static enum rudp_program_fault check_access(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? RUDP_PROGRAM_MISSING
							   : RUDP_PROGRAM_NOT_EXECUTABLE;
	if (S_ISDIR(st.st_mode))
		return RUDP_PROGRAM_DIRECTORY;
	return is_executable_file(path) ? RUDP_PROGRAM_NONE : RUDP_PROGRAM_NOT_EXECUTABLE;
}

static bool raises_by_mode(const struct stat *st, const struct rudp_program_caller *caller)
{
	if (st->st_mode & S_ISUID && st->st_uid != caller->uid)
		return true;
	return (st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	       st->st_gid != caller->gid;
}

/* Root already has all capabilities, so the program gets no more. */
static bool raises_by_capabilities(int fd, const struct rudp_program_caller *caller)
{
	struct vfs_ns_cap_data data = {0};
	ssize_t len =
		caller->uid == 0 ? -1 : fgetxattr(fd, "security.capability", &data, sizeof data);

	if (len < (ssize_t)XATTR_CAPS_SZ_1)
		return false;
	return data.magic_etc & VFS_CAP_FLAGS_EFFECTIVE || data.data[0].permitted ||
	       (len >= (ssize_t)XATTR_CAPS_SZ_2 && data.data[1].permitted);
}

static enum rudp_program_fault check_privileges(const struct check *c, int fd)
{
	struct statvfs filesystem;
	struct stat st;

	if (c->caller->no_new_privileges || fstat(fd, &st) < 0 ||
	    (fstatvfs(fd, &filesystem) == 0 && filesystem.f_flag & ST_NOSUID))
		return RUDP_PROGRAM_NONE;
	if (raises_by_mode(&st, c->caller))
		return RUDP_PROGRAM_SET_ID;
	return raises_by_capabilities(fd, c->caller) ? RUDP_PROGRAM_CAPABILITIES
						     : RUDP_PROGRAM_NONE;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * The name of the loader shows the C library: ld-linux-x86-64.so.2, ld-musl-x86_64.so.1, linker64.
 */
static enum rudp_program_fault check_interpreter(struct check *c, const char *interpreter)
{
	const char *own = rudp_elf_own_interpreter();

	snprintf(c->program->detail, sizeof c->program->detail, "%s", interpreter);
	if (*own && strcmp(last_part(own), last_part(interpreter)) != 0)
		return RUDP_PROGRAM_OTHER_LIBC;
	if (access(interpreter, F_OK) < 0)
		return RUDP_PROGRAM_NO_INTERPRETER;
	c->program->detail[0] = 0;
	return RUDP_PROGRAM_NONE;
}

static enum rudp_program_fault check_elf(struct check *c, int fd)
{
	struct rudp_elf elf;
	enum rudp_program_fault fault = rudp_elf_read(fd, &elf);

	if (fault != RUDP_PROGRAM_NONE)
		return fault;
	if (elf.is_go && elf.libraries == 0)
		return RUDP_PROGRAM_GO;
	if (elf.interpreter[0] == 0)
		return RUDP_PROGRAM_STATIC;
	fault = check_interpreter(c, elf.interpreter);
	if (fault != RUDP_PROGRAM_NONE)
		return fault;
	if (elf.libraries == 0)
		return RUDP_PROGRAM_NO_LIBC;
	c->program->is_go = elf.is_go;
	return check_privileges(c, fd);
}

static size_t word_length(const char *text)
{
	return strcspn(text, " \t");
}

static bool is_skipped_by_env(const char *word)
{
	return strcmp(word, "-S") == 0 || strcmp(word, "-i") == 0 || strcmp(word, "-") == 0 ||
	       (word[0] != '-' && strchr(word, '='));
}

/* #!/usr/bin/env [-S] [NAME=VALUE]... PROGRAM: checks PROGRAM. */
static enum rudp_program_fault check_after_env(struct check *c, const char *words)
{
	char name[HEAD_BYTES], path[PATH_MAX];
	bool found;

	do {
		words += strspn(words, " \t");
		snprintf(name, sizeof name, "%.*s", (int)word_length(words), words);
		words += word_length(words);
	} while (is_skipped_by_env(name));
	/* Other options may have an argument, so the program cannot be found. */
	if (name[0] == 0 || name[0] == '-')
		return RUDP_PROGRAM_NONE;
	if (strchr(name, '/'))
		return check_file(c, name);
	if (search_path(name, c->search, path, &found))
		return check_file(c, path);
	snprintf(c->program->detail, sizeof c->program->detail, "%s", name);
	return RUDP_PROGRAM_NO_INTERPRETER;
}

/* line is the text after #!. */
static enum rudp_program_fault check_script(struct check *c, char *line)
{
	char *interpreter = line + strspn(line, " \t");
	char *rest = interpreter + word_length(interpreter);
	char script[PATH_MAX];
	enum rudp_program_fault fault;

	if (*rest)
		*rest++ = 0;
	if (*interpreter == 0)
		return RUDP_PROGRAM_DAMAGED;
	if (++c->depth > INTERPRETERS_MAX)
		return RUDP_PROGRAM_TOO_DEEP;
	if (access(interpreter, F_OK) < 0) {
		snprintf(c->program->detail, sizeof c->program->detail, "%s", interpreter);
		return RUDP_PROGRAM_NO_INTERPRETER;
	}
	copy_path(script, c->program->culprit);
	fault = check_file(c, interpreter);
	if (fault != RUDP_PROGRAM_NONE || strcmp(last_part(interpreter), "env") != 0)
		return fault;
	copy_path(c->program->culprit, script);
	return check_after_env(c, rest);
}

/* execvp runs a file that is neither ELF nor a script with the shell. */
static enum rudp_program_fault check_content(struct check *c, int fd)
{
	char head[HEAD_BYTES + 1];
	ssize_t len = pread(fd, head, HEAD_BYTES, 0);

	if (len < 0)
		return RUDP_PROGRAM_NOT_EXECUTABLE;
	head[len] = 0;
	if (len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
		return check_elf(c, fd);
	if (head[0] == '#' && head[1] == '!') {
		head[strcspn(head, "\n")] = 0;
		return check_script(c, head + 2);
	}
	return ++c->depth > INTERPRETERS_MAX ? RUDP_PROGRAM_TOO_DEEP : check_file(c, SHELL);
}

static enum rudp_program_fault check_file(struct check *c, const char *path)
{
	enum rudp_program_fault fault = check_access(path);
	int fd;

	copy_path(c->program->culprit, path);
	if (fault != RUDP_PROGRAM_NONE)
		return fault;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	/* The file may be executable but not readable. Then nothing can be checked. */
	if (fd < 0)
		return RUDP_PROGRAM_NONE;
	fault = check_content(c, fd);
	close(fd);
	return fault;
}

enum rudp_program_fault rudp_program_check(struct rudp_program *program, const char *name,
					   const char *search,
					   const struct rudp_program_caller *caller)
{
	struct check c = {program, search ? search : DEFAULT_SEARCH, caller, 0};
	bool found = true;

	*program = (struct rudp_program){.is_go = false};
	copy_path(program->path, name);
	copy_path(program->culprit, name);
	if (name[0] == 0 ||
	    (!strchr(name, '/') && !search_path(name, c.search, program->path, &found) && !found))
		return RUDP_PROGRAM_MISSING;
	return check_file(&c, program->path);
}

const struct rudp_program_report rudp_program_reports[] = {
#define REPORT(name, code, what, instead) {code, what, instead},
	RUDP_PROGRAM_FAULTS(REPORT)
#undef REPORT
};
