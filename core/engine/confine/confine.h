/* SPDX-License-Identifier: MIT */
/*
 * confine - takes every right from the engine's process that it does not need.
 *
 * An engine reads packets from unknown senders and holds the keys and the connections of its user.
 * An attacker who finds a bug in it must not get the user's files and programs, too. These are
 * taken away:
 * - rights that an executable file could give (no_new_privs);
 * - access of other programs of its user to its memory (PR_SET_DUMPABLE);
 * - capabilities that it does not use (capabilities(7));
 * - access to files (Landlock, confine_files.c);
 * - system calls (seccomp, confine_calls.c).
 *
 * If the kernel lacks one of these, the engine runs without it, and says so in its log and to `rudp
 * doctor`.
 *
 * The supervisor (supervisor.h) is confined less: it forks, and its child confines itself further.
 * It reads in /proc for the engine what Landlock denies to the engine (proc_read.h). An engine in a
 * thread is not confined: its process is the program's.
 */
#ifndef RUDP_ENGINE_CONFINE_H
#define RUDP_ENGINE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/config/settings.h"

/* name, text for the log and `rudp doctor` */
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
#define RUDP_CONFINE_OFF (1u << 30)   /* RUDP_CONFINE=off */
#define RUDP_CONFINE_KNOWN (1u << 31) /* always set: 0 means that nothing is known */
#define RUDP_CONFINE_TEXT_SIZE 256

struct rudp_confinement {
	uint32_t in_force;            /* RUDP_CONFINE_BITs, OFF, KNOWN */
	int files_error, calls_error; /* errno of the failure, or 0 */
};

/*
 * Confines this process and fills *confinement. run_dir: the private directory in which it listens;
 * "": none. Does nothing if settings->confine_off. Call it after the log and the trace directory
 * have been opened and libraries have been loaded.
 *
 * Threads  call it while the process has one thread: other threads would keep their access to
 *          files.
 */
void rudp_confine_engine(struct rudp_confinement *confinement, const struct rudp_settings *settings,
			 const char *run_dir);

/* Confines this process, a supervisor. A second call in the same process does nothing. */
void rudp_confine_supervisor(const struct rudp_settings *settings);

/*
 * The parts of both.
 *
 * Files    may read /proc, the configured files and their directories; write traces; listen in
 *          run_dir.
 * Calls    only those on the list of an engine or of a supervisor. Any other fails with ENOSYS, so
 *          that libc does without it, and is in the kernel's audit log. It does not kill the
 *          process, which holds connections.
 * Returns  0, or -errno: -ENOSYS or -EOPNOTSUPP if the kernel lacks it or has it disabled.
 */
int rudp_confine_files(const struct rudp_settings *settings, const char *run_dir);
int rudp_confine_calls(bool for_supervisor);

/*
 * Lists those that are in force (which: true) or are not: "no_new_privs, not dumpable". Returns
 * text.
 */
const char *rudp_confine_list(uint32_t in_force, bool which, char text[RUDP_CONFINE_TEXT_SIZE]);

#endif
