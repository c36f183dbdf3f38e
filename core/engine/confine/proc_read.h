/* SPDX-License-Identifier: MIT */
/*
 * proc_read - lets a confined engine (confine.h) read, by its supervisor, what it may not read
 * itself: a program's files in /proc, and configuration files.
 *
 * A process in a Landlock domain may not inspect processes outside of it (ptrace(2),
 * PTRACE_MODE_READ). So a confined engine cannot read which executable calls it. A Landlock rule
 * also refers to a directory that existed at the time: if another directory takes its place, the
 * engine cannot read a key in it. The supervisor is in no domain. The engine writes a question into
 * the memory that both share (failover_state.h) and wakes the supervisor by an eventfd. The
 * supervisor wakes the engine by a futex. The supervisor opens a file for the engine if the
 * settings name that file; both processes share one descriptor table.
 *
 * Limits  One question at a time. The engine waits at most RUDP_PROC_READ_WAIT_NS, or
 *         RUDP_PROC_OPEN_WAIT_NS for a file. After a timeout it asks nothing for
 *         RUDP_PROC_READ_PAUSE_NS.
 */
#ifndef RUDP_ENGINE_PROC_READ_H
#define RUDP_ENGINE_PROC_READ_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/time.h"

struct rudp_settings;

#define RUDP_PROC_READ_BYTES 4096
#define RUDP_PROC_READ_WAIT_NS (20 * RUDP_NS_PER_MS)
#define RUDP_PROC_OPEN_WAIT_NS (500 * RUDP_NS_PER_MS)
#define RUDP_PROC_READ_PAUSE_NS (1 * RUDP_NS_PER_S)

/* Columns: name, file below /proc/PID. */
#define RUDP_PROC_FILES(X)                                                                         \
	X(EXE, "exe") /* a symbolic link: its target is read */                                    \
	X(COMM, "comm")                                                                            \
	X(STATUS, "status")                                                                        \
	X(UID_MAP, "uid_map")                                                                      \
	X(AUXV, "auxv") /* binary, not text */

#define RUDP_PROC_ENUM(name, file) RUDP_PROC_##name,
enum rudp_proc_file { RUDP_PROC_FILES(RUDP_PROC_ENUM) RUDP_PROC_COUNT };
#undef RUDP_PROC_ENUM
enum { RUDP_PROC_OPEN_READ = RUDP_PROC_COUNT, RUDP_PROC_OPEN_APPEND };

/* In shared memory; all zeros at first. */
struct rudp_proc_question {
	_Atomic uint32_t asked, answered; /* equal: no question is open */
	uint32_t pid, file;               /* or an RUDP_PROC_OPEN_*; then text is a path */
	int32_t len;                      /* length of the answer, or a descriptor, or -errno */
	char text[RUDP_PROC_READ_BYTES];
	int wake_fd; /* eventfd(2) in the shared descriptor table; 0: none */
};

/*
 * Sets where this process puts its questions, also those for configuration files (config_open.h).
 * NULL: it cannot ask.
 */
void rudp_proc_read_via(struct rudp_proc_question *question);

/*
 * Reads a file of a process into text: at most size - 1 bytes and a terminating 0.
 *
 * Returns  the number of bytes, or -errno: -ESRCH or -ENOENT, -EACCES, -ETIMEDOUT.
 */
ssize_t rudp_proc_read(uint32_t pid, enum rudp_proc_file file, char *text, size_t size);

/*
 * The supervisor's part: answers the open question, if there is one. It opens only files that
 * settings name: the key file, the files of the key directory, the policy files, and those of
 * identities. Only the known hosts can be opened for appending. If the policy file has changed, the
 * settings follow it.
 */
void rudp_proc_read_answer(struct rudp_proc_question *question, struct rudp_settings *settings);

#endif
