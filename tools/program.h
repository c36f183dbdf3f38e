/* SPDX-License-Identifier: MIT */
/*
 * program - can a library be preloaded into this program?
 *
 * Looks for the program as execvp(3) does, follows the #! lines of scripts as the kernel does (and the
 * name behind `#!/usr/bin/env`), and looks into the ELF file at the end: bounded, and trusting nothing
 * in it.
 *
 * Source   execve(2), ld.so(8), elf(5), capabilities(7).
 */
#ifndef RUDP_TOOLS_PROGRAM_H
#define RUDP_TOOLS_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* name, exit code, what it is, what to do instead */
#define RUDP_PROGRAM_FAULTS(X)                                                                     \
	X(NONE, 0, "can be started under rudp", NULL)                                              \
	X(MISSING, 127, "is not there", NULL)                                                      \
	X(NOT_EXECUTABLE, 126, "may not be executed", "make it executable (chmod +x)")             \
	X(DIRECTORY, 126, "is a directory", NULL)                                                  \
	X(DAMAGED, 126, "is a damaged program file", NULL)                                         \
	X(NO_INTERPRETER, 127, "wants an interpreter that is not there",                           \
	  "install the interpreter, or mend the first line of the script")                         \
	X(TOO_DEEP, 126, "is a script whose interpreter is a script, and so on without end", NULL) \
	X(STATIC, 126, "is linked statically: nothing can be preloaded into it",                   \
	  RUDP_PROGRAM_OTHERWISE("a dynamically linked build of it"))                              \
	X(GO, 126, "is a Go program: it calls the kernel itself, past every library",              \
	  RUDP_PROGRAM_OTHERWISE("another program for the purpose"))                               \
	X(NO_LIBC, 126, "uses no C library, whose calls could be taken over",                      \
	  RUDP_PROGRAM_OTHERWISE("a build of it that does"))                                       \
	X(OTHER_LIBC, 126, "uses another C library than this rudp",                                \
	  RUDP_PROGRAM_OTHERWISE("a build of it for the C library of this system"))                \
	X(OTHER_WORD_SIZE, 126, "is for another word size than this rudp",                         \
	  RUDP_PROGRAM_OTHERWISE("a build of it (or of rudp) of the same word size"))              \
	X(OTHER_MACHINE, 126, "is for another kind of processor than this rudp",                   \
	  RUDP_PROGRAM_OTHERWISE("a build of it (or of rudp) for the same processor"))             \
	X(SET_ID, 126,                                                                             \
	  "is setuid or setgid: the system keeps preloaded libraries out of such programs",        \
	  "become the user it runs as first, and then say rudp run (sudo rudp run ...)")           \
	X(CAPABILITIES, 126,                                                                       \
	  "has file capabilities: the system keeps preloaded libraries out of such programs",      \
	  "run a copy without them (cp drops them), or say rudp run as root")

#define RUDP_PROGRAM_OTHERWISE(build)                                                              \
	"use " build ", or let it talk to a relay (haproxy, socat) that runs under rudp run"

#define RUDP_PROGRAM_ENUM(name, code, what, instead) RUDP_PROGRAM_##name,
enum rudp_program_fault { RUDP_PROGRAM_FAULTS(RUDP_PROGRAM_ENUM) };
#undef RUDP_PROGRAM_ENUM

/* Who is going to execute it. */
struct rudp_program_caller {
	uid_t uid; /* real */
	gid_t gid;
	bool no_new_privileges; /* prctl(2): setuid and capabilities have no effect */
};

#define RUDP_PROGRAM_DETAIL_SIZE 512

struct rudp_program {
	char path[PATH_MAX];     /* of the program itself, as found */
	char culprit[PATH_MAX];  /* the file with the fault: it, or an interpreter of it */
	char detail[RUDP_PROGRAM_DETAIL_SIZE]; /* more about the fault; may be empty */
	bool is_go;              /* uses a C library all the same: only its sockets are taken over */
};

struct rudp_program_caller rudp_program_caller_self(void);

/*
 * Looks at the program called name; search is the PATH for names without a slash, NULL: the default one.
 *
 * Returns  what is wrong, with *program filled.
 */
enum rudp_program_fault rudp_program_check(struct rudp_program *program, const char *name,
					   const char *search,
					   const struct rudp_program_caller *caller);

/* Of a fault: exit code, words, what to do instead (NULL: nothing to say). */
int rudp_program_exit_code(enum rudp_program_fault fault);
const char *rudp_program_text(enum rudp_program_fault fault);
const char *rudp_program_advice(enum rudp_program_fault fault);

/* elf.c: one ELF file, open at fd. interpreter gets what it names, "" for none. */
#define RUDP_INTERPRETER_SIZE 256
struct rudp_elf {
	char interpreter[RUDP_INTERPRETER_SIZE];
	unsigned libraries; /* that it names as needed */
	bool is_go;
};

/*
 * Returns  NONE, with *elf filled; DAMAGED, OTHER_WORD_SIZE or OTHER_MACHINE.
 */
enum rudp_program_fault rudp_elf_read(int fd, struct rudp_elf *elf);
/* The interpreter of this very command; "" when it has none. */
const char *rudp_elf_own_interpreter(void);

#endif
