/* SPDX-License-Identifier: MIT */
/* Programs with restricted rights or resources, before and after their first socket. */
#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

#define NOBODY 65534

static bool become_nobody(void)
{
	return setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
}

/* The name is removed at once, because it could not be removed later. */
static bool enter_empty_root(void)
{
	char path[] = "/tmp/rudp-empty.XXXXXX";

	return mkdtemp(path) && chdir(path) == 0 && rmdir(path) == 0 && chroot(".") == 0;
}

/* A new network namespace with loopback. */
static bool enter_new_network(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	bool up;
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return up;
}

static bool lose_proc(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/proc", "tmpfs", 0, NULL) == 0;
}

static bool limit(int resource, rlim_t value)
{
	struct rlimit both = {value, value};

	return setrlimit(resource, &both) == 0;
}

static bool start_no_processes(void)
{
	return become_nobody() && limit(RLIMIT_NPROC, 0);
}

/* A little more than is in use: too little for an engine. */
static bool have_little_memory(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	bool known = file && fscanf(file, "%lu", &pages) == 1;

	if (file)
		fclose(file);
	return known && limit(RLIMIT_AS, pages * 4096 + (1 << 20));
}

static bool lock_memory(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
}

static bool lose_environment(void)
{
	return clearenv() == 0;
}

static bool lose_environment_array(void)
{
	environ = NULL;
	return true;
}

static bool lead_a_session(void)
{
	return setsid() >= 0 || getsid(0) == getpid();
}

static bool gain_no_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool dump_no_core(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static bool lose_capabilities(void)
{
	for (int i = 0; i < 41; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	return become_nobody();
}

static bool enter_new_user_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool enter_new_descriptor_table(void)
{
	return unshare(CLONE_FILES | CLONE_FS) == 0;
}

static bool ignore_all_signals(void)
{
	for (int number = 1; number < 32; number++)
		signal(number, SIG_IGN);
	return true;
}

static void before_the_first_socket(bool (*confine)(void))
{
	if (!confine())
		say_result("confinement", -1);
	say_new_connection("a connection");
}

static void say_another(const struct sockaddr_storage *addr, int waiting)
{
	int client = dial(addr);

	if (client < 0)
		say_result("another to the old listener", -1);
	else
		say_alive("another to the old listener", client, accept(waiting, NULL, NULL));
}

/* Existing connections work, and new ones can be made. */
static void after_the_first_socket(bool (*confine)(void))
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int client = dial(&addr);
	int server = accept(waiting, NULL, NULL);
	socklen_t len = sizeof(addr);

	if (!confine())
		say_result("confinement", -1);
	say_alive("the one from before", client, server);
	say_result("its getpeername", getpeername(client, (struct sockaddr *)&addr, &len));
	say("family %d", addr.ss_family);
	say_new_connection("a new one");
	say_another(&addr, waiting);
	say_result("shutdown", shutdown(client, SHUT_WR));
	say_rest("peer", server);
}

/* As in linux/landlock.h since Linux 6.12. Without it there is no such restriction. */
struct ruleset {
	uint64_t access_fs, access_net, scoped;
};
#define SCOPE_ABSTRACT_NAMES 1

static bool see_no_older_names(void)
{
	struct ruleset rules = {.scoped = SCOPE_ABSTRACT_NAMES};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd < 0)
		return true;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_landlock_restrict_self, fd, 0) == 0;
}

#define CONFINED(confine)                                                                          \
	CHECK(confine##_before_the_first_socket)                                                   \
	{                                                                                          \
		before_the_first_socket(confine);                                                  \
	}                                                                                          \
	CHECK(confine##_after_the_first_socket)                                                    \
	{                                                                                          \
		after_the_first_socket(confine);                                                   \
	}

CONFINED(become_nobody)
CONFINED(enter_empty_root)
CONFINED(enter_new_network)
CONFINED(lose_proc)
CONFINED(start_no_processes)
CONFINED(have_little_memory)
CONFINED(lock_memory)
CONFINED(lose_environment)
CONFINED(lose_environment_array)
CONFINED(lead_a_session)
CONFINED(gain_no_privileges)
CONFINED(dump_no_core)
CONFINED(lose_capabilities)
CONFINED(enter_new_user_namespace)
CONFINED(enter_new_descriptor_table)
CONFINED(ignore_all_signals)
CONFINED(see_no_older_names)

CHECK(sockets_from_before_when_no_older_names_are_seen)
{
	struct sockaddr_storage addr, any;
	int waiting = listener(AF_INET, &addr), bound = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	any = addr;
	((struct sockaddr_in *)&any)->sin_port = 0;
	must(see_no_older_names(), "landlock");
	say_result("connect", connect(client, (struct sockaddr *)&addr, address_len(&addr)));
	say_alive("it", client, accept(waiting, NULL, NULL));
	say_result("bind", bind(bound, (struct sockaddr *)&any, address_len(&any)));
	say_result("listen", listen(bound, 5));
}

/* What the first program starts within its restrictions must not affect other programs. */
CHECK(the_first_to_open_a_socket_sees_no_older_names)
{
	int channel[2];
	pid_t pid;

	/* An engine for this check alone (under the shim). */
	setenv("RUDP_CC", "cubic", 1);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0, "socketpair");
	pid = begin_child();
	if (pid == 0) {
		char byte;

		close(channel[0]);
		must(see_no_older_names(), "landlock");
		say_new_connection("the first");
		must(write(channel[1], "", 1) == 1, "telling");
		must(read(channel[1], &byte, 1) == 0, "waiting");
		say_new_connection("one more of the first");
		_exit(0);
	}
	close(channel[1]);
	must(read(channel[0], &(char){0}, 1) == 1, "waiting");
	say_new_connection("one without confinement");
	close(channel[0]);
	say_end("the first", pid);
}

/* As daemons do: bind a port as root, change to nobody, then chroot. */
CHECK(a_server_drops_everything_between_listen_and_accept)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	pid_t pid = begin_child();

	if (pid == 0) {
		if (!enter_empty_root() || !become_nobody())
			say_result("confinement", -1);
		int server = accept(waiting, NULL, NULL);
		socklen_t len = sizeof(addr);
		say_result("getpeername", getpeername(server, (struct sockaddr *)&addr, &len));
		say("family %d", addr.ss_family);
		must(pattern_write(server, 100000), "write");
		_exit(0);
	}
	close(waiting);
	say_rest("client", dial(&addr));
	say_end("server", pid);
}

CHECK(a_listener_is_taken_into_another_network)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	pid_t pid = begin_child();

	if (pid == 0) {
		if (!enter_new_network())
			say_result("confinement", -1);
		int server = accept(waiting, NULL, NULL);
		must(pattern_write(server, 1000), "write");
		_exit(0);
	}
	say_rest("client", dial(&addr));
	say_end("server", pid);
}

CHECK(a_child_in_a_new_process_namespace)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0)
		say_result("confinement", -1);
	pid = begin_child();
	if (pid == 0) {
		int client = dial(&addr);

		say_alive("its own", client, accept(waiting, NULL, NULL));
		say_new_connection("another");
		_exit(0);
	}
	say_end("child", pid);
}

/* The engine must not be a child for which wait() waits. */
CHECK(a_reaper_of_orphans_finds_none)
{
	must(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "PR_SET_CHILD_SUBREAPER");
	say_new_connection("a connection");
	say_result("waitpid", waitpid(-1, NULL, WNOHANG | __WALL));
}
