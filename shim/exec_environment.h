/* SPDX-License-Identifier: MIT */
/*
 * exec_environment - builds the environment for a program that is about to be executed, so that it
 * has the shim and the engine too.
 *
 * It adds LD_PRELOAD, and RUDP_NONCE, RUDP_TOKEN and RUDP_SETTINGS, which lead to the engine. It
 * also restores settings that the program has removed, because losing the key file must not turn
 * encryption off.
 *
 * A process that has changed its user keeps its engine. A program that it then executes (a login
 * shell that sshd starts) gets nothing that leads to that engine: it finds or starts an engine of
 * its own user. It does not get the name of the key file either, unless the process itself passes
 * it on.
 *
 * No allocation: the caller provides stack memory, because exec is called in children of vfork.
 */
#ifndef RUDP_SHIM_EXEC_ENVIRONMENT_H
#define RUDP_SHIM_EXEC_ENVIRONMENT_H

#include <stddef.h>

#define RUDP_EXEC_ENVIRONMENT_BYTES_MAX (512 * 1024)

/* Remembers the user. Call it once, when the shim is loaded. */
void rudp_exec_environment_begin(void);

/* Bytes of space that rudp_exec_environment needs. 0: leave the environment unchanged. */
size_t rudp_exec_environment_size(char *const environment[]);

/*
 * Builds the new environment. space is aligned for pointers; the result points into space and into
 * environment. path is that of the program, or NULL if it is not known. A setuid program gets
 * nothing that leads to the engine.
 */
char **rudp_exec_environment(void *space, char *const environment[], const char *path);

/* Removes from environ what another user must not get. Call it before a shell inherits environ. */
void rudp_exec_environment_leave_engine(void);

/*
 * For system() and popen(), whose shell inherits environ unchanged. rudp_exec_command() writes a
 * command that first exports the variables of wanted that environ lacks. A size of 0 means that the
 * command needs no change.
 */
size_t rudp_exec_command_size(char *const wanted[], const char *command);
char *rudp_exec_command(char *space, char *const wanted[], const char *command);

#endif
