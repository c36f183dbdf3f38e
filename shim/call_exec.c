/* SPDX-License-Identifier: MIT */
/*
 * The exec family. These functions only pass LD_PRELOAD and the engine on; an engine in a thread
 * first moves out of this process. The new environment is on the caller's stack (alloca), because a
 * child of vfork shares the heap and must not allocate.
 */
#include <alloca.h>
#include <stdarg.h>
#include <string.h>

#include "api/engine_start.h"
#include "exec_environment.h"
#include "filtered.h"
#include "real.h"

/* A statement expression, so that alloca takes the memory in the caller's stack frame. */
#define WITH_SHIM(path, environment)                                                               \
	({                                                                                         \
		char *const *given = (environment);                                                \
		size_t size = rudp_exec_environment_size(given);                                   \
		size ? rudp_exec_environment(alloca(size), given, path) : (char **)given;          \
	})

/* The path of the program; NULL if it is yet to be searched along PATH. */
#define PLACE(file) (strchr(file, '/') ? (file) : NULL)

/* This does nothing in a child, of vfork too: the engine belongs to the parent. */
static void move_engine(void)
{
	if (!rudp_is_filtered())
		rudp_engine_move_thread();
}

RUDP_EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
	move_engine();
	return REAL(execve)(path, arguments, WITH_SHIM(path, environment));
}

RUDP_EXPORT int execv(const char *path, char *const arguments[])
{
	move_engine();
	return REAL(execve)(path, arguments, WITH_SHIM(path, environ));
}

RUDP_EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[])
{
	move_engine();
	return REAL(execvpe)(file, arguments, WITH_SHIM(PLACE(file), environment));
}

RUDP_EXPORT int execvp(const char *file, char *const arguments[])
{
	move_engine();
	return REAL(execvpe)(file, arguments, WITH_SHIM(PLACE(file), environ));
}

RUDP_EXPORT int fexecve(int fd, char *const arguments[], char *const environment[])
{
	move_engine();
	return REAL(fexecve)(fd, arguments, WITH_SHIM(NULL, environment));
}

RUDP_EXPORT int execveat(int directory, const char *path, char *const arguments[],
			 char *const environment[], int flags)
{
	move_engine();
	return REAL(execveat)(directory, path, arguments, WITH_SHIM(NULL, environment), flags);
}

RUDP_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			    const posix_spawnattr_t *attributes, char *const arguments[],
			    char *const environment[])
{
	return REAL(posix_spawn)(pid, path, actions, attributes, arguments,
				 WITH_SHIM(path, environment));
}

RUDP_EXPORT int posix_spawnp(pid_t *pid, const char *file,
			     const posix_spawn_file_actions_t *actions,
			     const posix_spawnattr_t *attributes, char *const arguments[],
			     char *const environment[])
{
	return REAL(posix_spawnp)(pid, file, actions, attributes, arguments,
				  WITH_SHIM(PLACE(file), environment));
}

/*
 * A program that looks these names up at run time finds ours with any libc. If libc lacks them,
 * they return the error of a kernel that does not have the feature.
 */
RUDP_EXPORT int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
			    const posix_spawnattr_t *attributes, char *const arguments[],
			    char *const environment[])
{
	if (!REAL_HAS(pidfd_spawn))
		return ENOSYS;
	return REAL(pidfd_spawn)(pidfd, path, actions, attributes, arguments,
				 WITH_SHIM(path, environment));
}

RUDP_EXPORT int pidfd_spawnp(int *pidfd, const char *file,
			     const posix_spawn_file_actions_t *actions,
			     const posix_spawnattr_t *attributes, char *const arguments[],
			     char *const environment[])
{
	if (!REAL_HAS(pidfd_spawnp))
		return ENOSYS;
	return REAL(pidfd_spawnp)(pidfd, file, actions, attributes, arguments,
				  WITH_SHIM(PLACE(file), environment));
}

/*
 * libc passes its environ to the shell, and we cannot change that. Missing variables go into the
 * command.
 */
#define COMMAND_WITH_SHIM(command)                                                                 \
	({                                                                                         \
		const char *given = (command);                                                     \
		if (given)                                                                         \
			rudp_exec_environment_leave_engine();                                      \
		size_t size = given ? rudp_exec_environment_size(environ) : 0;                     \
		char **wanted = size ? rudp_exec_environment(alloca(size), environ, NULL) : NULL;  \
		size_t bytes = wanted ? rudp_exec_command_size(wanted, given) : 0;                 \
		bytes ? rudp_exec_command(alloca(bytes), wanted, given) : given;                   \
	})

RUDP_EXPORT int system(const char *command)
{
	return REAL(system)(COMMAND_WITH_SHIM(command));
}

RUDP_EXPORT FILE *popen(const char *command, const char *mode)
{
	return REAL(popen)(COMMAND_WITH_SHIM(command), mode);
}

/* Counts the arguments of execl and its variants, the final NULL included. */
static size_t count_arguments(const char *first, va_list list)
{
	size_t count = 1;

	for (const char *next = first; next; next = va_arg(list, char *))
		count++;
	return count;
}

/* Leaves the list after the final NULL. */
static void take_arguments(char **out, const char *first, va_list *list)
{
	*out = (char *)first;
	while (*out)
		*++out = va_arg(*list, char *);
}

/*
 * The arguments of the variadic caller as an array in its stack frame. What follows them is next in
 * list.
 */
#define TAKE_ARGUMENTS(first, list)                                                                \
	({                                                                                         \
		char **taken;                                                                      \
		va_start(list, first);                                                             \
		taken = alloca(count_arguments(first, list) * sizeof *taken);                      \
		va_end(list);                                                                      \
		va_start(list, first);                                                             \
		take_arguments(taken, first, &list);                                               \
		taken;                                                                             \
	})

RUDP_EXPORT int execl(const char *path, const char *first, ...)
{
	va_list list;
	char **arguments = TAKE_ARGUMENTS(first, list);

	va_end(list);
	return execv(path, arguments);
}

RUDP_EXPORT int execlp(const char *file, const char *first, ...)
{
	va_list list;
	char **arguments = TAKE_ARGUMENTS(first, list);

	va_end(list);
	return execvp(file, arguments);
}

RUDP_EXPORT int execle(const char *path, const char *first, ...)
{
	va_list list;
	char **arguments = TAKE_ARGUMENTS(first, list);
	char **environment = va_arg(list, char **);

	va_end(list);
	return execve(path, arguments, environment);
}
