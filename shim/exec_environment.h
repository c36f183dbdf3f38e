/* SPDX-License-Identifier: MIT */
/*
 * exec_environment - the environment of a program that is about to be executed, with what brings the
 * shim and the engine into it: LD_PRELOAD, RUDP_NONCE with token and settings, and settings that
 * the program has dropped (losing a key file must not lose the encryption).
 *
 * A process that has changed its user keeps its engine. A program that it executes then (a login that
 * sshd starts) gets nothing that leads to that engine, so it finds or starts one of its own user; nor
 * does it get the name of the key file, unless the process passes that on itself.
 *
 * No allocation: the caller gives stack, since exec is called in children of vfork.
 */
#ifndef RUDP_SHIM_EXEC_ENVIRONMENT_H
#define RUDP_SHIM_EXEC_ENVIRONMENT_H

#include <stddef.h>

#define RUDP_EXEC_ENVIRONMENT_BYTES_MAX (512 * 1024)

/* Once, when the shim is loaded: remembers the user. */
void rudp_exec_environment_begin(void);

/* Bytes of space that rudp_exec_environment needs; 0: the environment shall stay as it is. */
size_t rudp_exec_environment_size(char *const environment[]);

/*
 * space is aligned for pointers; the result lives in it and in environment. path: of the program, where
 * it is known: one that is setuid gets nothing that leads to the engine.
 */
char **rudp_exec_environment(void *space, char *const environment[], const char *path);

/* Before environ is handed on as it is, to a shell: takes out of it what does not go to another user. */
void rudp_exec_environment_leave_engine(void);

/*
 * For a shell that will get environ as it is: a command that first exports what of wanted environ lacks.
 * Size 0: the command will do as it is.
 */
size_t rudp_exec_command_size(char *const wanted[], const char *command);
char *rudp_exec_command(char *space, char *const wanted[], const char *command);

#endif
