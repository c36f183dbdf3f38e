/* SPDX-License-Identifier: MIT */
/*
 * inherited - undoes what a process keeps of the program that has started it.
 *
 * A program starts the engine that all programs of its user share. So its signals, limits, priority
 * and the like must not apply to the others. Each value becomes that of a new login, where a
 * process without privileges may do so:
 *
 *	signals        default, except those that the engine ignores; not blocked
 *	umask          077
 *	directory      /
 *	soft limits    as the hard ones; the hard limit of descriptors is raised, too
 *	priority       nice 0, the scheduling class OTHER, the default I/O priority
 *	processors     those of process 1; the default memory policy
 *	timer slack    50 us
 *	out of memory  oom_score_adj is 0 if the program raised it
 *
 * What cannot be undone: hard limits and a lower priority (start_limits.h), Landlock (confined.h),
 * system call filters, control groups and namespaces. Values that favour the program (a negative
 * oom_score_adj) stay.
 */
#ifndef RUDP_ENGINE_INHERITED_H
#define RUDP_ENGINE_INHERITED_H

/* Signals and umask. Call it first. */
void rudp_inherited_signals_undo(void);

/* All others. */
void rudp_inherited_undo(void);

#endif
