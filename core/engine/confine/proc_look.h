/* SPDX-License-Identifier: MIT */
/*
 * proc_look - what a confined engine (confine.h) may not read itself, and its supervisor reads for
 * it: what /proc says of a program, and files of the configuration.
 *
 * A process in a Landlock domain may not look into processes outside (ptrace(2), PTRACE_MODE_READ), so
 * a confined engine does not learn which executable calls it. And a rule of Landlock is for a directory
 * that is there: a key in another directory, which has taken the place of that, is out of the engine's
 * reach. Its supervisor is in no domain. The engine writes a question into the memory that both share
 * (failover_state.h) and wakes the supervisor by a descriptor; the supervisor wakes the engine by a
 * futex. A file is opened for the engine, as both have one table of descriptors, if the settings
 * name it.
 *
 * Limits  one question at a time; the engine waits for at most RUDP_PROC_LOOK_WAIT_NS, or for a file
 *         RUDP_PROC_OPEN_WAIT_NS. After an answer that did not come in time it does not ask for
 *         RUDP_PROC_LOOK_PAUSE_NS.
 */
#ifndef RUDP_ENGINE_PROC_LOOK_H
#define RUDP_ENGINE_PROC_LOOK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/time.h"

struct rudp_settings;

#define RUDP_PROC_LOOK_BYTES 4096
#define RUDP_PROC_LOOK_WAIT_NS (20 * RUDP_NS_PER_MS)
#define RUDP_PROC_OPEN_WAIT_NS (500 * RUDP_NS_PER_MS)
#define RUDP_PROC_LOOK_PAUSE_NS (1 * RUDP_NS_PER_S)

/* name, the file below /proc/PID */
#define RUDP_PROC_FILES(X)                                                                         \
	X(EXE, "exe") /* a link: where it leads to */                                              \
	X(COMM, "comm")                                                                            \
	X(STATUS, "status")                                                                        \
	X(UID_MAP, "uid_map")                                                                      \
	X(AUXV, "auxv") /* numbers, not text */

#define RUDP_PROC_ENUM(name, file) RUDP_PROC_##name,
enum rudp_proc_file { RUDP_PROC_FILES(RUDP_PROC_ENUM) RUDP_PROC_COUNT };
#undef RUDP_PROC_ENUM

/* In shared memory, all zeros at first. */
struct rudp_proc_question {
	_Atomic uint32_t asked, answered;     /* equal: there is none */
	uint32_t pid, file;                   /* RUDP_PROC_COUNT: open the path in text */
	int32_t len;                          /* of the answer, or a descriptor, or -errno */
	char text[RUDP_PROC_LOOK_BYTES];
	int wake_fd;                          /* eventfd(2), of the table that both share; 0: none */
};

/* Whom this process asks, for files of the configuration, too (config_open.h); NULL: nobody. */
void rudp_proc_look_via(struct rudp_proc_question *question);

/*
 * Reads the file of a process into text, which ends with a 0; at most size - 1 bytes.
 *
 * Returns  how many, or -errno: -ESRCH or -ENOENT, -EACCES, -ETIMEDOUT.
 */
ssize_t rudp_proc_look(uint32_t pid, enum rudp_proc_file file, char *text, size_t size);
/* The same of a file that this process may read by itself. Returns how many, or -errno. */
ssize_t rudp_read_text(const char *path, char *text, size_t size);

/*
 * The supervisor's part: answers what is asked, if anything. It opens what settings name: the key
 * file, the files of that directory, the policy files.
 */
void rudp_proc_look_answer(struct rudp_proc_question *question, const struct rudp_settings *settings);

#endif
