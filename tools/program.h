/* SPDX-License-Identifier: MIT */
/*
 * program - checks whether a library can be preloaded into a program.
 *
 * It searches the program as execvp(3) does, follows the #! lines of scripts as the kernel does
 * (and the name after `#!/usr/bin/env`), and reads the ELF file at the end. All reads are bounded,
 * and nothing in the file is trusted.
 *
 * Source   execve(2), ld.so(8), elf(5), capabilities(7).
 */
#ifndef RUDP_TOOLS_PROGRAM_H
#define RUDP_TOOLS_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Fault, exit code, text, advice. */
#define RUDP_PROGRAM_FAULTS(X)                                                                     \
	X(NONE, 0, "can be started under rudp", NULL)                                              \
	X(MISSING, 127, "does not exist", NULL)                                                    \
	X(NOT_EXECUTABLE, 126, "may not be executed", "make it executable (chmod +x)")             \
	X(DIRECTORY, 126, "is a directory", NULL)                                                  \
	X(DAMAGED, 126, "is a damaged program file", NULL)                                         \
	X(NO_INTERPRETER, 127, "needs an interpreter that does not exist",                         \
	  "install the interpreter, or correct the first line of the script")                      \
	X(TOO_DEEP, 126, "is a script whose interpreter is a script, too many levels deep", NULL)  \
	X(STATIC, 126, "is statically linked: no library can be preloaded into it",                \
	  RUDP_PROGRAM_OTHERWISE("a dynamically linked build of it"))                              \
	X(GO, 126, "is a Go program: it calls the kernel without the C library",                   \
	  RUDP_PROGRAM_OTHERWISE("another program for this purpose"))                              \
	X(NO_LIBC, 126, "uses no C library, so its calls cannot be interposed",                    \
	  RUDP_PROGRAM_OTHERWISE("a build of it that uses one"))                                   \
	X(OTHER_LIBC, 126, "uses another C library than this rudp",                                \
	  RUDP_PROGRAM_OTHERWISE("a build of it for the C library of this system"))                \
	X(OTHER_WORD_SIZE, 126, "is for another word size than this rudp",                         \
	  RUDP_PROGRAM_OTHERWISE("a build of it (or of rudp) of the same word size"))              \
	X(OTHER_MACHINE, 126, "is for another kind of processor than this rudp",                   \
	  RUDP_PROGRAM_OTHERWISE("a build of it (or of rudp) for the same processor"))             \
	X(SET_ID, 126,                                                                             \
	  "is setuid or setgid: the system does not preload libraries into such programs",         \
	  "become the user that it runs as, then use rudp run (sudo rudp run ...)")                \
	X(CAPABILITIES, 126,                                                                       \
	  "has file capabilities: the system does not preload libraries into such programs",       \
	  "run a copy without them (cp drops them), or use rudp run as root")

#define RUDP_PROGRAM_OTHERWISE(build)                                                              \
	"use " build ", or connect it to a relay (haproxy, socat) that runs under rudp run"

#define RUDP_PROGRAM_ENUM(name, code, what, instead) RUDP_PROGRAM_##name,
enum rudp_program_fault { RUDP_PROGRAM_FAULTS(RUDP_PROGRAM_ENUM) };
#undef RUDP_PROGRAM_ENUM

/* The user that will execute the program. */
struct rudp_program_caller {
	uid_t uid; /* real uid */
	gid_t gid;
	bool no_new_privileges; /* prctl(2): setuid and capabilities have no effect */
};

#define RUDP_PROGRAM_DETAIL_SIZE 512

struct rudp_program {
	char path[PATH_MAX];    /* of the program, as found */
	char culprit[PATH_MAX]; /* the file with the fault: the program, or an interpreter of it */
	char detail[RUDP_PROGRAM_DETAIL_SIZE]; /* more about the fault; may be empty */
	bool is_go; /* a Go program that uses C libraries: only their sockets use rudp */
};

struct rudp_program_caller rudp_program_caller_self(void);

/*
 * Checks the program called name. A name without a slash is searched in search; NULL is the default
 * PATH.
 *
 * Returns  the fault, with *program filled.
 */
enum rudp_program_fault rudp_program_check(struct rudp_program *program, const char *name,
					   const char *search,
					   const struct rudp_program_caller *caller);

/* The message about each fault. */
struct rudp_program_report {
	int exit_code;
	const char *text, *advice; /* advice NULL: none */
};
extern const struct rudp_program_report rudp_program_reports[];

/* elf.c: reads the ELF file that is open at fd. interpreter becomes "" if the file names none. */
#define RUDP_INTERPRETER_SIZE 256
struct rudp_elf {
	char interpreter[RUDP_INTERPRETER_SIZE];
	unsigned libraries; /* number of its DT_NEEDED entries */
	bool is_go;
};

/*
 * Returns  NONE, with *elf filled; DAMAGED, OTHER_WORD_SIZE or OTHER_MACHINE.
 */
enum rudp_program_fault rudp_elf_read(int fd, struct rudp_elf *elf);
/* The ELF interpreter of this command; "" if it has none. */
const char *rudp_elf_own_interpreter(void);

#endif
