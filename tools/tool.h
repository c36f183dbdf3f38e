/* SPDX-License-Identifier: MIT */
/*
 * tool - the functions that all sub-commands of rudp use.
 *
 * Each sub-command has one function here, and a file of its own name. The function gets the command
 * line, with argv[0] "rudp NAME". It prints errors by warnx(3), whose lines begin with that name,
 * and returns the exit code.
 *
 * Threads  one.
 */
#ifndef RUDP_TOOLS_TOOL_H
#define RUDP_TOOLS_TOOL_H

#include <stdbool.h>

/* Name, and the text of `rudp help`. */
#define RUDP_TOOLS(X)                                                                              \
	X(run, "start a program whose TCP connections go over rudp")                               \
	X(ss, "show connections and listeners")                                                    \
	X(keygen, "make a key file, or check one")                                                 \
	X(key, "manage keys: shared ones, identities, known hosts")                                \
	X(forget, "make the engines forget a host, or all hosts")                                  \
	X(ping, "test whether a rudp listener answers")                                            \
	X(doctor, "find problems on this machine, and how to fix them")

#define RUDP_TOOL_DECLARE(name, what) int rudp_tool_##name(int argc, char **argv);
RUDP_TOOLS(RUDP_TOOL_DECLARE)
#undef RUDP_TOOL_DECLARE

#define RUDP_EXIT_USAGE 2

#define RUDP_PLACE_SIZE 4096

/*
 * Finds a file of an installed or built rudp (librudp_shim.so, rudp-engine, ...): beside this
 * command, where `make install` puts it relative to this command, or at the configured install
 * path.
 *
 * Returns  false if it is not found; path is then the first place that was tried.
 */
bool rudp_place_find(const char *file, char path[RUDP_PLACE_SIZE]);

#endif
