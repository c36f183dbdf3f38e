/* SPDX-License-Identifier: MIT */
/*
 * tool - what the sub-commands of rudp have in common.
 *
 * Each sub-command has one function here, in a file of its own name. It gets the command line from its
 * own name on (argv[0] is "rudp NAME"), says on stderr what goes wrong, and returns the exit code.
 *
 * Threads  one.
 */
#ifndef RUDP_TOOLS_TOOL_H
#define RUDP_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>

/* name, and what `rudp help` says of it */
#define RUDP_TOOLS(X)                                                                              \
	X(run, "start a program whose TCP connections go over rudp")                               \
	X(ss, "show connections and listeners")                                                    \
	X(keygen, "make a key file, or check one")                                                 \
	X(key, "list the keys in use, or revoke one")                                              \
	X(forget, "make the engines forget a host, or all hosts")                                  \
	X(ping, "does a rudp listener answer there?")                                              \
	X(doctor, "what is wrong on this machine, and what mends it")

#define RUDP_TOOL_DECLARE(name, what) int rudp_tool_##name(int argc, char **argv);
RUDP_TOOLS(RUDP_TOOL_DECLARE)
#undef RUDP_TOOL_DECLARE

#define RUDP_EXIT_USAGE 2

/* One line on stderr, "rudp NAME: " in front. */
void rudp_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The name in that line; "rudp" at first. The text stays the caller's. */
void rudp_complain_as(const char *name);

#define RUDP_PLACE_SIZE 4096

/*
 * Where the file of an installed or built rudp (librudp_shim.so, rudp-engine, ...) lies: beside this
 * command, where `make install` puts it relative to this command, or where it was to be installed.
 *
 * Returns  false: nowhere; path then names the first place looked at.
 */
bool rudp_place_find(const char *file, char path[RUDP_PLACE_SIZE]);

/* Path as seen from the root. false: it does not fit, or there is no working directory. */
bool rudp_place_absolute(const char *path, char absolute[RUDP_PLACE_SIZE]);

#endif
