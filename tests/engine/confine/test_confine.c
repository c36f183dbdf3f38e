/* SPDX-License-Identifier: MIT */
/* What a confined engine may still do and what not, and what its supervisor reads for it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/config/config_open.h"
#include "engine/confine/confine.h"
#include "engine/failover/supervisor.h"
#include "engine/control/private_dir.h"
#include "engine/confine/proc_read.h"

#define NOT_SUPPORTED 77
#define ASKED_AGAIN_MAX 100

static char directory[] = "/tmp/rudp-confine.XXXXXX";
static struct rudp_settings settings;
static char run_dir[RUDP_RUN_DIR_SIZE];
static struct rudp_confinement confinement;

static void put(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, (int)write(fd, text, strlen(text)), (int)strlen(text)));
	close(fd);
}

/* Makes keys/key and other/file. */
static void setup(void)
{
	char path[128];

	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(path, sizeof path, "%s/keys", directory);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/other", directory);
	mkdir(path, 0700);
	put("keys/key", "old");
	put("other/file", "secret");
	snprintf(settings.keys.path, sizeof settings.keys.path, "%s/keys/key", directory);
}

static void cleanup(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", directory);
	cr_assert(zero(int, system(command)));
}

TestSuite(confine, .init = setup, .fini = cleanup, .timeout = 20);

/* Runs function in a process that is confined like an engine. Returns its exit status. */
static int status_of(int (*function)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		rudp_confine_engine(&confinement, &settings, run_dir);
		_exit(function());
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool has(enum rudp_confine what)
{
	return confinement.in_force & RUDP_CONFINE_BIT(what);
}

static int open_errno(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	return fd < 0 ? errno : 0;
}

static int reads_its_key_only(void)
{
	if (!has(RUDP_CONFINE_FILES))
		return NOT_SUPPORTED;
	if (open_errno("keys/key", O_RDONLY) || open("/proc/self/status", O_RDONLY) < 0)
		return 1;
	if (open_errno("other/file", O_RDONLY) != EACCES ||
	    open_errno("keys/key", O_RDWR) != EACCES)
		return 2;
	return open_errno("keys/new", O_RDWR | O_CREAT) != EACCES ||
			       open("/etc/passwd", O_RDONLY) >= 0
		       ? 3
		       : 0;
}

Test(confine, an_engine_reads_its_key_and_no_other_file)
{
	int status = status_of(reads_its_key_only);

	if (status == NOT_SUPPORTED)
		cr_skip_test("this kernel has no Landlock");
	cr_assert(zero(int, status));
}

static int pipe_ends[2];

static int reads_a_replaced_key(void)
{
	char byte;

	/* Waits until the other process has replaced the file. */
	return read(pipe_ends[0], &byte, 1) == 1 && open_errno("keys/key", O_RDONLY) == 0 ? 0 : 1;
}

Test(confine, an_engine_reads_a_key_that_has_been_replaced)
{
	char from[128];
	int status;
	pid_t pid;

	cr_assert(zero(int, pipe(pipe_ends)));
	pid = fork();
	if (pid == 0)
		_exit(status_of(reads_a_replaced_key));
	put("keys/next", "new");
	snprintf(from, sizeof from, "%s/keys/next", directory);
	cr_assert(zero(int, rename(from, settings.keys.path)));
	cr_assert(eq(int, (int)write(pipe_ends[1], "x", 1), 1));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
}

/* Listens on a path and is called there, then binds a program's socket so that only it can
 * connect. */
static int listens_in_its_directory(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX}, hidden = {.sun_family = AF_UNIX};
	int first = socket(AF_UNIX, SOCK_STREAM, 0), again = socket(AF_UNIX, SOCK_STREAM, 0);
	int program = socket(AF_UNIX, SOCK_STREAM, 0), caller = socket(AF_UNIX, SOCK_STREAM, 0);
	int path_fd;
	socklen_t len;

	snprintf(un.sun_path, sizeof un.sun_path, "%s/rudp1.a", run_dir);
	snprintf(hidden.sun_path, sizeof hidden.sun_path, "%s/rudp1.b", run_dir);
	if (rudp_private_dir_listen(run_dir, first, &un, sizeof un, 5) != 0)
		return 1;
	close(first); /* a killed engine leaves it like this */
	if (rudp_private_dir_listen(run_dir, again, &un, sizeof un, 5) != 0)
		return 2;
	path_fd = rudp_private_dir_bind(run_dir, program, &hidden, sizeof hidden);
	if (path_fd < 0 || listen(program, 5) < 0)
		return 3;
	len = rudp_private_dir_address(path_fd, &hidden);
	if (connect(caller, (struct sockaddr *)&hidden, len) < 0)
		return 4;
	rudp_private_dir_remove(again, rudp_private_dir_inode(again));
	return access(un.sun_path, F_OK) < 0 && errno == ENOENT ? 0 : 5;
}

Test(confine, an_engine_listens_in_its_private_directory)
{
	int len = snprintf(run_dir, sizeof run_dir, "%s/run", directory);

	cr_assert(lt(int, len, (int)sizeof run_dir));
	cr_assert(zero(int, mkdir(run_dir, 0700)));
	cr_assert(zero(int, status_of(listens_in_its_directory)));
}

static void *nothing(void *argument)
{
	return argument;
}

static int has_few_calls(void)
{
	char *const words[] = {"true", NULL};
	pthread_t thread;

	if (!has(RUDP_CONFINE_CALLS))
		return NOT_SUPPORTED;
	if (execv("/bin/true", words) == 0 || errno != ENOSYS)
		return 1;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 || errno != ENOSYS)
		return 2;
	if (fork() >= 0 || errno != ENOSYS)
		return 3;
	if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != ENOSYS ||
	    socket(AF_INET, SOCK_DGRAM, 0) < 0)
		return 4;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	    MAP_FAILED)
		return 5;
	if (syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno != ENOSYS)
		return 6;
	if (kill(getppid(), 0) == 0 || errno != ENOSYS)
		return 7;
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 8;
	return 0;
}

Test(confine, an_engine_starts_threads_but_no_program)
{
	int status = status_of(has_few_calls);

	if (status == NOT_SUPPORTED)
		cr_skip_test("there is no filter of system calls here");
	cr_assert(zero(int, status));
}

static int has_few_rights(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (!has(RUDP_CONFINE_PRIVILEGES) || !has(RUDP_CONFINE_MEMORY) ||
	    !has(RUDP_CONFINE_CAPABILITIES))
		return 1;
	if (syscall(SYS_capget, &header, data) < 0)
		return 2;
	return data[0].permitted & (CAP_TO_MASK(CAP_SYS_PTRACE) | CAP_TO_MASK(CAP_SYS_ADMIN)) ? 3
											      : 0;
}

Test(confine, an_engine_has_few_capabilities)
{
	cr_assert(zero(int, status_of(has_few_rights)));
}

/* A kernel before 5.13 answers like this. */
static bool take_landlock_away(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog program = {sizeof steps / sizeof steps[0], steps};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

Test(confine, an_engine_on_an_older_kernel_runs_without_landlock)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (!take_landlock_away())
			_exit(NOT_SUPPORTED);
		rudp_confine_engine(&confinement, &settings, run_dir);
		_exit(!has(RUDP_CONFINE_FILES) && confinement.files_error == ENOSYS &&
				      has(RUDP_CONFINE_MEMORY) &&
				      has(RUDP_CONFINE_CALLS) == (confinement.calls_error == 0)
			      ? 0
			      : 1);
	}
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	if (WEXITSTATUS(status) == NOT_SUPPORTED)
		cr_skip_test("there is no filter of system calls here");
	cr_assert(zero(int, status));
}

static int has_everything(void)
{
	return confinement.in_force == (RUDP_CONFINE_KNOWN | RUDP_CONFINE_OFF) &&
			       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 &&
			       open_errno("other/file", O_RDONLY) == 0
		       ? 0
		       : 1;
}

Test(confine, a_setting_switches_it_off)
{
	settings.confine_off = true;
	cr_assert(zero(int, status_of(has_everything)));
}

Test(confine, the_text_lists_what_is_in_force)
{
	char text[RUDP_CONFINE_TEXT_SIZE];
	uint32_t in_force = RUDP_CONFINE_KNOWN | RUDP_CONFINE_BIT(RUDP_CONFINE_PRIVILEGES) |
			    RUDP_CONFINE_BIT(RUDP_CONFINE_CALLS);

	cr_assert(eq(str, (char *)rudp_confine_list(in_force, true, text),
		     "no_new_privs, system calls (seccomp)"));
	cr_assert(eq(str, (char *)rudp_confine_list(in_force, false, text),
		     "not dumpable, capabilities, files (Landlock)"));
}

/* Asks again after a time-out and its pause: the supervisor may wait for a processor. */
static ssize_t read_of(pid_t pid, enum rudp_proc_file file, char *text)
{
	ssize_t len;

	for (int i = 0; i < ASKED_AGAIN_MAX; i++) {
		len = rudp_proc_read((uint32_t)pid, file, text, RUDP_PROC_READ_BYTES);
		if (len != -ETIMEDOUT && len != -EACCES)
			break;
		usleep(100 * 1000);
	}
	return len;
}

/* The engine itself may not read this of a process outside its domain. */
static int asks_its_supervisor(void *context, struct rudp_failover_state *keep)
{
	const pid_t *other = context;
	char text[RUDP_PROC_READ_BYTES], path[32];
	ssize_t len;

	keep->is_over = true;
	rudp_confine_engine(&confinement, &settings, run_dir);
	snprintf(path, sizeof path, "/proc/%d/exe", (int)*other);
	if (has(RUDP_CONFINE_FILES) && readlink(path, text, sizeof text) >= 0)
		return 1;
	len = read_of(*other, RUDP_PROC_EXE, text);
	if (len <= 0 || text[0] != '/')
		return 2;
	return read_of(*other, RUDP_PROC_COMM, text) > 0 ? 0 : 3;
}

static int asks_a_dead_supervisor(void *context, struct rudp_failover_state *keep)
{
	const pid_t *other = context;
	char text[RUDP_PROC_READ_BYTES];

	keep->is_over = true;
	kill(keep->supervisor_pid, SIGKILL);
	rudp_confine_engine(&confinement, &settings, run_dir);
	if (!has(RUDP_CONFINE_FILES))
		return 0;
	return rudp_proc_read((uint32_t)*other, RUDP_PROC_EXE, text, sizeof text) < 0 &&
			       rudp_proc_read((uint32_t)*other, RUDP_PROC_EXE, text, sizeof text) ==
				       -EACCES
		       ? 0
		       : 1;
}

static int status_of_kept(int (*engine)(void *context, struct rudp_failover_state *keep))
{
	pid_t self = getpid(), pid = fork();
	int status;

	if (pid == 0)
		_exit(rudp_supervisor_run(engine, &self, &settings));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Test(confine, a_supervisor_reads_files_of_proc_for_its_engine)
{
	cr_assert(zero(int, status_of_kept(asks_its_supervisor)));
}

Test(confine, an_engine_does_not_wait_for_a_dead_supervisor)
{
	cr_assert(zero(int, status_of_kept(asks_a_dead_supervisor)));
}

static int ready_ends[2];

/* 0 if the file can be opened and contains "new"; else the errno. */
static int new_text_errno(const char *path)
{
	char text[8] = "";
	int fd = rudp_config_open(path);

	if (fd < 0)
		return errno;
	return read(fd, text, sizeof text - 1) > 0 && strcmp(text, "new") == 0 ? 0 : ENOMSG;
}

/* Reads the key at the path (context) after its directory was replaced by another one. */
static int reads_the_new_key(void *context, struct rudp_failover_state *keep)
{
	char byte = 0, path[128];

	keep->is_over = true;
	rudp_confine_engine(&confinement, &settings, run_dir);
	if (write(ready_ends[1], &byte, 1) != 1 || read(pipe_ends[0], &byte, 1) != 1)
		return 1;
	if (new_text_errno(context))
		return 2;
	snprintf(path, sizeof path, "%s/other/file", directory);
	return has(RUDP_CONFINE_FILES) && new_text_errno(path) != EACCES ? 3 : 0;
}

static void replace_keys(void)
{
	char keys[64], away[64], next[64];

	snprintf(keys, sizeof keys, "%s/keys", directory);
	snprintf(away, sizeof away, "%s/away", directory);
	snprintf(next, sizeof next, "%s/next", directory);
	cr_assert(zero(int, mkdir(next, 0700)));
	put("next/key", "new");
	cr_assert(zero(int, rename(keys, away)));
	cr_assert(zero(int, rename(next, keys)));
}

static void check_replaced_keys(const char *configured)
{
	char path[64], byte;
	int status;
	pid_t pid;

	snprintf(settings.keys.path, sizeof settings.keys.path, "%s/%s", directory, configured);
	snprintf(path, sizeof path, "%s/keys/key", directory);
	cr_assert(zero(int, pipe(pipe_ends)));
	cr_assert(zero(int, pipe(ready_ends)));
	pid = fork();
	if (pid == 0)
		_exit(rudp_supervisor_run(reads_the_new_key, path, &settings));
	cr_assert(eq(int, (int)read(ready_ends[0], &byte, 1), 1));
	replace_keys();
	cr_assert(eq(int, (int)write(pipe_ends[1], "x", 1), 1));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
}

Test(confine, a_directory_of_keys_may_be_replaced_as_a_whole)
{
	check_replaced_keys("keys");
}

Test(confine, a_key_is_read_when_its_directory_has_been_replaced)
{
	check_replaced_keys("keys/key");
}
