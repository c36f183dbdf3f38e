/* SPDX-License-Identifier: MIT */
/*
 * proc_look - what /proc says of a program: read by the engine, or by its keeper for it.
 *
 * A process in a Landlock domain may not look into processes outside (ptrace(2), PTRACE_MODE_READ), so
 * a confined engine (confine.h) does not learn which executable calls it. Its keeper is in no domain,
 * and reads that for it: a question in the memory that both share (keep.h), a descriptor that wakes the
 * keeper, and a futex that wakes the engine.
 *
 * Limits  one question at a time; the engine waits for at most RUDP_PROC_LOOK_WAIT_NS, and after an
 *         answer that did not come in time it does not ask for RUDP_PROC_LOOK_PAUSE_NS.
 */
#ifndef RUDP_ENGINE_PROC_LOOK_H
#define RUDP_ENGINE_PROC_LOOK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/time.h"

#define RUDP_PROC_LOOK_BYTES 4096
#define RUDP_PROC_LOOK_WAIT_NS (20 * RUDP_NS_PER_MS)
#define RUDP_PROC_LOOK_PAUSE_NS (1 * RUDP_NS_PER_S)

/* name, the file below /proc/PID */
#define RUDP_PROC_FILES(X)                                                                         \
	X(EXE, "exe") /* a link: where it leads to */                                              \
	X(COMM, "comm")                                                                            \
	X(STATUS, "status")                                                                        \
	X(UID_MAP, "uid_map")

#define RUDP_PROC_ENUM(name, file) RUDP_PROC_##name,
enum rudp_proc_file { RUDP_PROC_FILES(RUDP_PROC_ENUM) RUDP_PROC_COUNT };
#undef RUDP_PROC_ENUM

/* In shared memory, all zeros at first. */
struct rudp_proc_question {
	_Atomic uint32_t asked, answered;     /* equal: there is none */
	uint32_t pid, file;
	int32_t len;                          /* of the answer, or -errno */
	char text[RUDP_PROC_LOOK_BYTES];
	int wake_fd;                          /* eventfd(2), of the table that both share; 0: none */
};

/* Whom this process asks; NULL: nobody. */
void rudp_proc_look_via(struct rudp_proc_question *question);

/*
 * Reads the file of a process into text, which ends with a 0; at most size - 1 bytes.
 *
 * Returns  how many, or -errno: -ESRCH or -ENOENT, -EACCES, -ETIMEDOUT.
 */
ssize_t rudp_proc_look(uint32_t pid, enum rudp_proc_file file, char *text, size_t size);

/* The keeper's part: answers what is asked, if anything. */
void rudp_proc_look_answer(struct rudp_proc_question *question);

#endif
