/* SPDX-License-Identifier: MIT */
/*
 * A process of the engine's user in another user namespace, as a container has it that shares the host's
 * network and sees the private directory: it gets nothing without the token.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/run_dir.h"
#include "engine/control/control.h"
#include "engine/running_engine.h"

#define USER 47110 /* nobody's */
#define NO_NAMESPACE 77

static char session[] = "/tmp/rudp-XXXXXX";

/* An engine of a user without any right. */
static void setup(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody else");
	cr_assert(ne(ptr, mkdtemp(session), NULL));
	cr_assert(zero(int, chown(session, USER, USER)));
	setenv("XDG_RUNTIME_DIR", session, 1);
	cr_assert(zero(int, setresuid(USER, USER, 0)));
	engine_start();
}

static void remove_session(void)
{
	char path[512];
	const struct dirent *entry;
	DIR *entries;

	snprintf(path, sizeof path, "%s/rudp", session);
	entries = opendir(path);
	while (entries && (entry = readdir(entries)))
		(void)unlinkat(dirfd(entries), entry->d_name, 0);
	if (entries)
		closedir(entries);
	(void)rmdir(path);
	(void)rmdir(session);
}

static void end(void)
{
	if (setresuid(0, 0, 0) < 0)
		return;
	engine_end();
	remove_session();
}

TestSuite(user_namespace, .init = setup, .fini = end, .timeout = 60);

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

/* As `unshare --user --map-user` does without a privilege: the uid and the files are the same. */
static bool enter_own_namespace(void)
{
	char map[64];

	snprintf(map, sizeof map, "%d %d 1", USER, USER);
	/* A change of the user hides the files in /proc from the process itself. */
	return setresuid(USER, USER, USER) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0 &&
	       unshare(CLONE_NEWUSER) == 0 &&
	       write_file("/proc/self/uid_map", map) && geteuid() == USER;
}

static int ask_from(bool (*enter)(void), enum rudp_control_operation operation, bool with_token)
{
	struct rudp_control_request request = request_of(operation);
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (!enter())
			_exit(NO_NAMESPACE);
		if (!with_token)
			memset(request.token, 0, sizeof request.token);
		_exit(ask(&request, rudp_control_fds(operation) ? fresh() : -1).error);
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(ne(int, WIFEXITED(status), 0));
	if (WEXITSTATUS(status) == NO_NAMESPACE)
		cr_skip_test("it needs user namespaces");
	return WEXITSTATUS(status);
}

static bool stay(void)
{
	return setresuid(USER, USER, USER) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

Test(user_namespace, a_process_of_the_user_needs_no_token_in_that_of_the_engine)
{
	cr_assert(zero(int, ask_from(stay, RUDP_CONTROL_HELLO, false)));
	cr_assert(zero(int, ask_from(stay, RUDP_CONTROL_LIST, false)));
}

Test(user_namespace, it_gets_nothing_without_the_token_in_another_one)
{
	static const enum rudp_control_operation operations[] = {
		RUDP_CONTROL_HELLO, RUDP_CONTROL_LIST,    RUDP_CONTROL_KEYS,   RUDP_CONTROL_INFO,
		RUDP_CONTROL_BIND,  RUDP_CONTROL_CONNECT, RUDP_CONTROL_FAILED, RUDP_CONTROL_REVOKE,
	};

	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		cr_expect(eq(int, ask_from(enter_own_namespace, operations[i], false), EACCES), "%s",
			  rudp_control_name(operations[i]));
}

Test(user_namespace, it_is_served_with_the_token)
{
	cr_assert(zero(int, ask_from(enter_own_namespace, RUDP_CONTROL_HELLO, true)));
	cr_assert(zero(int, ask_from(enter_own_namespace, RUDP_CONTROL_LIST, true)));
}

/* A process that cannot be dumped is not shown to the engine. */
static bool enter_undumpable(void)
{
	return enter_own_namespace() && prctl(PR_SET_DUMPABLE, 0) == 0;
}

static bool stay_undumpable(void)
{
	return stay() && prctl(PR_SET_DUMPABLE, 0) == 0;
}

Test(user_namespace, a_process_that_cannot_be_dumped_is_judged_by_the_map_of_its_users)
{
	cr_assert(zero(int, ask_from(stay_undumpable, RUDP_CONTROL_HELLO, false)));
	cr_assert(eq(int, ask_from(enter_undumpable, RUDP_CONTROL_HELLO, false), EACCES));
}

/* It is not in the way of the engine that programs there start. */
Test(user_namespace, the_well_known_name_is_another_in_another_one)
{
	struct rudp_name names[2] = {{.kind = RUDP_NAME_WELL_KNOWN}, {.kind = RUDP_NAME_WELL_KNOWN}};
	uint64_t *number = mmap(NULL, sizeof *number, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = fresh(), status;
	pid_t child = fork();

	if (child == 0) {
		if (!enter_own_namespace())
			_exit(NO_NAMESPACE);
		rudp_run_dir_place_name(&names[1], fd);
		*number = names[1].network;
		_exit(0);
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	if (WEXITSTATUS(status) == NO_NAMESPACE)
		cr_skip_test("it needs user namespaces");
	rudp_run_dir_place_name(&names[0], fd);
	cr_assert(ne(u64, names[0].network, *number));
}
