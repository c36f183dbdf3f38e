/* SPDX-License-Identifier: MIT */
/*
 * A process of the engine's user in another user namespace, or with another root directory, such as
 * a container that shares the host's network and sees the private directory: without the token it
 * gets nothing.
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
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/run_dir.h"
#include "engine/control/control.h"
#include "engine/running_engine.h"

#define USER 47110 /* a uid that no one has */
#define NO_NAMESPACE 77

static char session[] = "/tmp/rudp-XXXXXX";

/* An engine of a user without privileges. */
static void setup(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to change the user");
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

TestSuite(container, .init = setup, .fini = end, .timeout = 60);

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

/* Root mounts; then the process is as stay() leaves it. */
static bool enter_mount_namespace(void)
{
	return setresuid(0, 0, 0) == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool stay(void)
{
	return setresuid(USER, USER, USER) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

/* As systemd does it: some directories are other ones, the root directory is not. */
static bool enter_sandbox(void)
{
	return enter_mount_namespace() && mount("none", "/mnt", "tmpfs", 0, NULL) == 0 && stay();
}

/* Another root directory, in which the private directory is seen. */
static bool enter_container(void)
{
	return enter_mount_namespace() && mount("none", "/mnt", "tmpfs", 0, NULL) == 0 &&
	       mkdir("/mnt/tmp", 01777) == 0 && mkdir("/mnt/proc", 0755) == 0 &&
	       mount("/tmp", "/mnt/tmp", NULL, MS_BIND, NULL) == 0 &&
	       mount("/proc", "/mnt/proc", NULL, MS_BIND | MS_REC, NULL) == 0 &&
	       chroot("/mnt") == 0 && chdir("/") == 0 && stay();
}

/* Like an unprivileged `unshare --user --map-user`: uid and files stay the same. */
static bool enter_own_namespace(void)
{
	char map[64];

	snprintf(map, sizeof map, "%d %d 1", USER, USER);
	/* After a change of user the process cannot open its own files in /proc. */
	return setresuid(USER, USER, USER) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0 &&
	       unshare(CLONE_NEWUSER) == 0 && write_file("/proc/self/uid_map", map) &&
	       geteuid() == USER;
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

static void check_it_gets_nothing(bool (*enter)(void))
{
	static const enum rudp_control_operation operations[] = {
		RUDP_CONTROL_HELLO, RUDP_CONTROL_LIST,    RUDP_CONTROL_KEYS,   RUDP_CONTROL_INFO,
		RUDP_CONTROL_BIND,  RUDP_CONTROL_CONNECT, RUDP_CONTROL_FAILED, RUDP_CONTROL_REVOKE,
	};

	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		cr_expect(eq(int, ask_from(enter, operations[i], false), EACCES), "%s",
			  rudp_control_name(operations[i]));
}

static void check_it_is_served_with_the_token(bool (*enter)(void))
{
	cr_assert(zero(int, ask_from(enter, RUDP_CONTROL_HELLO, true)));
	cr_assert(zero(int, ask_from(enter, RUDP_CONTROL_LIST, true)));
}

Test(container, in_the_engines_namespace_a_process_needs_no_token)
{
	cr_assert(zero(int, ask_from(stay, RUDP_CONTROL_HELLO, false)));
	cr_assert(zero(int, ask_from(stay, RUDP_CONTROL_LIST, false)));
}

Test(container, in_another_namespace_it_gets_nothing_without_the_token)
{
	check_it_gets_nothing(enter_own_namespace);
}

Test(container, in_another_namespace_it_is_served_with_the_token)
{
	check_it_is_served_with_the_token(enter_own_namespace);
}

Test(container, in_a_sandbox_with_the_same_root_it_needs_no_token)
{
	cr_assert(zero(int, ask_from(enter_sandbox, RUDP_CONTROL_HELLO, false)));
}

Test(container, with_another_root_it_gets_nothing_without_the_token)
{
	check_it_gets_nothing(enter_container);
	check_it_is_served_with_the_token(enter_container);
}

/* The engine cannot examine a process that is not dumpable. */
static bool enter_undumpable(void)
{
	return enter_own_namespace() && prctl(PR_SET_DUMPABLE, 0) == 0;
}

static bool stay_undumpable(void)
{
	return stay() && prctl(PR_SET_DUMPABLE, 0) == 0;
}

static bool enter_container_undumpable(void)
{
	return enter_container() && prctl(PR_SET_DUMPABLE, 0) == 0;
}

Test(container, for_an_undumpable_process_the_uid_map_counts)
{
	cr_assert(zero(int, ask_from(stay_undumpable, RUDP_CONTROL_HELLO, false)));
	cr_assert(eq(int, ask_from(enter_undumpable, RUDP_CONTROL_HELLO, false), EACCES));
}

Test(container, the_root_of_an_undumpable_process_is_known)
{
	cr_assert(eq(int, ask_from(enter_container_undumpable, RUDP_CONTROL_HELLO, false), EACCES));
}

/* The name that programs there give to the engine that they start. */
static uint64_t name_in(bool (*enter)(void))
{
	struct rudp_name name = {.kind = RUDP_NAME_WELL_KNOWN};
	uint64_t *number = mmap(NULL, sizeof *number, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = fresh(), status;
	pid_t child = fork();

	if (child == 0) {
		if (!enter())
			_exit(NO_NAMESPACE);
		rudp_run_dir_place_name(&name, fd);
		*number = name.network;
		_exit(0);
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	if (WEXITSTATUS(status) == NO_NAMESPACE)
		cr_skip_test("it needs user namespaces");
	return *number;
}

/* Engines of different containers do not conflict. */
Test(container, the_well_known_name_differs_between_containers)
{
	uint64_t here = name_in(stay);

	cr_assert(ne(u64, here, name_in(enter_own_namespace)));
	cr_assert(ne(u64, here, name_in(enter_container)));
	cr_assert(eq(u64, here, name_in(enter_sandbox)));
}
