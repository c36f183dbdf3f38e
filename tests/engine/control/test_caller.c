/* SPDX-License-Identifier: MIT */
/* Whose rights count when the engine, which may have more, acts for a program. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "engine/control/caller.h"

#define NOBODY 65534
#define MARK 5

static void need_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("it needs root");
}

/* ---- a process that calls ---- */

static int listener;
static struct sockaddr_un name;
static socklen_t name_len = sizeof name;

static void open_listener(void)
{
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	name.sun_family = AF_UNIX;
	/* The kernel chooses the name (autobind). */
	cr_assert(zero(int, bind(listener, (struct sockaddr *)&name, sizeof name.sun_family)));
	cr_assert(zero(int, getsockname(listener, (struct sockaddr *)&name, &name_len)));
	cr_assert(zero(int, listen(listener, 1)));
}

TestSuite(caller, .init = open_listener);

static void connect_to_listener(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (connect(fd, (struct sockaddr *)&name, name_len) < 0)
		abort();
}

/* Makes the call as the engine does for a new connection. */
static struct rudp_call take_call(void)
{
	struct rudp_call call = {.fd = accept(listener, NULL, NULL)};
	struct ucred peer;
	socklen_t len = sizeof peer;

	cr_assert(zero(int, getsockopt(call.fd, SOL_SOCKET, SO_PEERCRED, &peer, &len)));
	call.pid = (uint32_t)peer.pid;
	call.uid = peer.uid;
	return call;
}

static uint32_t mark_granted(const struct rudp_call *call)
{
	struct rudp_sock_options options = {.route.mark = MARK};

	rudp_caller_limit(call, &options);
	return options.route.mark;
}

/*
 * Starts a process that connects as nobody after prepare(), then executes become(), which writes a
 * byte to descriptor 1 when it is done. false: that failed.
 */
static bool begin_caller(bool (*prepare)(void), void (*become)(void), struct rudp_call *call,
			 pid_t *pid)
{
	char byte;
	int ends[2];

	cr_assert(zero(int, pipe(ends)));
	*pid = fork();
	if (*pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		if (!prepare())
			_exit(1);
		connect_to_listener();
		become();
		_exit(1);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1) {
		waitpid(*pid, NULL, 0);
		return false;
	}
	*call = take_call();
	return true;
}

static void end_caller(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool become_nobody(void)
{
	return setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static void wait_for_the_end(void)
{
	if (write(1, "x", 1) == 1)
		pause();
}

/* ---- rights ---- */

Test(caller, root_may_mark)
{
	struct rudp_call call;

	need_root();
	connect_to_listener();
	call = take_call();
	cr_assert(eq(u32, mark_granted(&call), MARK));
}

/* The process asks, then executes a program with more rights; its pid stays the same. */
Test(caller, rights_gained_after_the_request_do_not_count)
{
	struct rudp_call call;

	need_root();
	cr_assert(zero(int, setresuid(NOBODY, NOBODY, 0)));
	connect_to_listener();
	cr_assert(zero(int, setresuid(0, 0, 0)));
	call = take_call();
	cr_assert(eq(u32, call.uid, NOBODY));
	cr_assert(zero(u32, mark_granted(&call)));
}

/* A copy of cat with file capabilities. */
static char privileged[] = "/tmp/rudp-cat-XXXXXX";

static bool make_privileged_program(void)
{
	static const uint32_t set = CAP_TO_MASK(CAP_NET_ADMIN) | CAP_TO_MASK(CAP_NET_BIND_SERVICE);
	struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
				    .data[0].permitted = set};
	int from = open("/bin/cat", O_RDONLY | O_CLOEXEC), to = mkstemp(privileged);
	bool made;

	while (sendfile(to, from, NULL, 1 << 20) > 0)
		;
	made = fchmod(to, 0755) == 0 &&
	       fsetxattr(to, "security.capability", &data, sizeof data, 0) == 0;
	close(from);
	close(to);
	return made;
}

/* It copies one byte, then waits for more. */
static void execute_privileged_program(void)
{
	int ends[2];

	if (pipe(ends) == 0 && write(ends[1], "x", 1) == 1 && dup2(ends[0], 0) == 0)
		execl(privileged, "cat", (char *)NULL);
}

Test(caller, capabilities_of_an_executed_file_do_not_count)
{
	struct rudp_call call;
	bool binds, marks, has_begun;
	pid_t pid;

	need_root();
	if (!make_privileged_program())
		cr_skip_test("it needs a file system with file capabilities");
	has_begun = begin_caller(become_nobody, execute_privileged_program, &call, &pid);
	binds = has_begun && rudp_caller_may_bind(&call, 1);
	marks = has_begun && mark_granted(&call) != 0;
	if (has_begun)
		end_caller(pid);
	unlink(privileged);
	cr_assert(has_begun);
	cr_assert(not(binds));
	cr_assert(not(marks));
}

/* Like a server that gives up root and keeps the capability to bind ports. */
static bool keep_one_capability(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};

	sets[0].permitted = sets[0].effective = CAP_TO_MASK(CAP_NET_BIND_SERVICE);
	return prctl(PR_SET_KEEPCAPS, 1) == 0 && become_nobody() &&
	       syscall(SYS_capset, &header, sets) == 0;
}

Test(caller, rights_that_a_server_has_kept_count)
{
	struct rudp_call call;
	bool binds, marks;
	pid_t pid;

	need_root();
	cr_assert(begin_caller(keep_one_capability, wait_for_the_end, &call, &pid));
	binds = rudp_caller_may_bind(&call, 1);
	marks = mark_granted(&call) != 0;
	end_caller(pid);
	cr_assert(binds);
	cr_assert(not(marks));
}

/* Its pid may belong to another process by now. */
Test(caller, a_process_that_has_ended_has_no_rights)
{
	struct rudp_call call;
	pid_t pid;

	need_root();
	cr_assert(begin_caller(become_nobody, wait_for_the_end, &call, &pid));
	end_caller(pid);
	call.pid = (uint32_t)getpid();
	call.uid = 0;
	cr_assert(zero(u32, mark_granted(&call)));
}

Test(caller, a_live_connection_gets_no_mark)
{
	struct rudp_sock_options options = {0};
	const int value = MARK;

	cr_assert(zero(int,
		       rudp_sock_options_set(&options, SOL_SOCKET, SO_MARK, &value, sizeof value)));
	cr_assert(zero(u32, options.route.mark));
}

/* ---- user namespaces ---- */

/* In its own user namespace every process has all rights. */
static bool enter_own_namespace(void)
{
	return become_nobody() && unshare(CLONE_NEWUSER) == 0;
}

Test(caller, rights_in_another_user_namespace_do_not_count)
{
	struct rudp_call call;
	uint32_t granted;
	pid_t pid;

	need_root();
	if (!begin_caller(enter_own_namespace, wait_for_the_end, &call, &pid))
		cr_skip_test("it needs user namespaces");
	granted = mark_granted(&call);
	end_caller(pid);
	cr_assert(zero(u32, granted));
}
