/* SPDX-License-Identifier: MIT */
/*
 * confine - takes from the engine's process every right that it does not need.
 *
 * An engine reads packets of strangers and holds the keys and the connections of its user. Whoever finds
 * a bug in it must not get the user's files and programs, too. The process gives up: rights that an
 * executable file could give (no_new_privs); being read or traced by other programs of its user
 * (PR_SET_DUMPABLE); capabilities (capabilities(7)) that it does not use; files (Landlock,
 * confine_files.c); system calls (seccomp, confine_calls.c). What a kernel does not have is left out:
 * the engine runs, and says so in its log and to `rudp doctor`.
 *
 * The supervisor (supervisor.h) is confined less: it forks, and what it starts confines itself in
 * turn. It reads in /proc for the engine what Landlock keeps from that (proc_look.h). An engine in
 * a thread is not confined: its process is the program's.
 */
#ifndef RUDP_ENGINE_CONFINE_H
#define RUDP_ENGINE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/config/settings.h"

/* name, what has been given up */
#define RUDP_CONFINEMENTS(X)                                                                       \
	X(PRIVILEGES, "no_new_privs")                                                              \
	X(MEMORY, "not dumpable")                                                                  \
	X(CAPABILITIES, "capabilities")                                                            \
	X(FILES, "files (Landlock)")                                                               \
	X(CALLS, "system calls (seccomp)")

#define RUDP_CONFINE_ENUM(name, text) RUDP_CONFINE_##name,
enum rudp_confine { RUDP_CONFINEMENTS(RUDP_CONFINE_ENUM) RUDP_CONFINE_COUNT };
#undef RUDP_CONFINE_ENUM

#define RUDP_CONFINE_BIT(what) (1u << (what))
#define RUDP_CONFINE_OFF (1u << 30)           /* RUDP_CONFINE=off */
#define RUDP_CONFINE_TOLD (1u << 31)          /* without it nothing is known */
#define RUDP_CONFINE_TEXT_SIZE 256

struct rudp_confinement {
	uint32_t in_force;                    /* RUDP_CONFINE_BITs, OFF, TOLD */
	int files_error, calls_error;         /* 0, or why these are not: an errno */
};

/*
 * Confines this process, and says in *confinement what is in force. run_dir: the private directory in
 * which it listens; "": none. The log and the directory of traces
 * have been opened, libraries have been loaded. Not under settings->confine_off.
 *
 * Threads  the only one: a thread that is there already keeps its files.
 */
void rudp_confine_engine(struct rudp_confinement *confinement, const struct rudp_settings *settings,
			 const char *run_dir);

/* Confines this process, a supervisor; again in the same process: nothing. */
void rudp_confine_supervisor(const struct rudp_settings *settings);

/*
 * The parts of both. Files: reads /proc, the configured files and their directories, writes traces,
 * listens in run_dir.
 * Calls: those on the list of an engine or of a supervisor; any other fails with ENOSYS, so that
 * libc does without it, and the kernel's audit log names it. It must not end the process:
 * connections are in it.
 *
 * Returns  0, or -errno: -ENOSYS or -EOPNOTSUPP where the kernel has it not, or not switched on.
 */
int rudp_confine_files(const struct rudp_settings *settings, const char *run_dir);
int rudp_confine_calls(bool for_supervisor);

/* "no_new_privs, not dumpable", of those that are (in_force) or are not. Returns text. */
const char *rudp_confine_list(uint32_t in_force, bool which, char text[RUDP_CONFINE_TEXT_SIZE]);

#endif
