/* SPDX-License-Identifier: MIT */
/*
 * filter - prints the seccomp filters of the engine and its supervisor as a C header.
 *
 * It runs while rudp is built: libseccomp needs more than a millisecond to generate a filter, and a
 * program that starts an engine would wait for it. The header contains two arrays of struct
 * sock_filter for this architecture, engine_filter and supervisor_filter. confine_calls.c loads
 * them.
 *
 * Errors  exits with 1 and a line on stderr.
 */
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BINARY_TREE 2 /* search by call number: ten comparisons instead of a hundred */

/*
 * System calls of the engine. Some are alternatives among which libc chooses. Calls that exist only
 * on other architectures have no effect.
 */
/* clang-format off */
static const int engine_calls[] = {
	/* sockets, waiting for them, and their bytes */
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect),
	SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(listen),
	SCMP_SYS(recv), SCMP_SYS(recvfrom), SCMP_SYS(recvmmsg), SCMP_SYS(recvmmsg_time64),
	SCMP_SYS(recvmsg), SCMP_SYS(send), SCMP_SYS(sendmmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
	SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(socketpair), SCMP_SYS(sendfile),
	SCMP_SYS(sendfile64), SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64), SCMP_SYS(eventfd2),
	/* descriptors and files */
	SCMP_SYS(access), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(dup2),
	SCMP_SYS(dup3), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64), SCMP_SYS(flock), SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(fstatat64),
	SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64), SCMP_SYS(getcwd), SCMP_SYS(getdents64),
	SCMP_SYS(ioctl), SCMP_SYS(_llseek), SCMP_SYS(lseek), SCMP_SYS(lstat), SCMP_SYS(lstat64),
	SCMP_SYS(memfd_create), SCMP_SYS(newfstatat), SCMP_SYS(open), SCMP_SYS(openat),
	SCMP_SYS(pread64), SCMP_SYS(read), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(readv), SCMP_SYS(signalfd), SCMP_SYS(signalfd4), SCMP_SYS(stat), SCMP_SYS(stat64),
	SCMP_SYS(statx), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(write), SCMP_SYS(writev),
	/* memory, threads, its own signals, time */
	SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(futex_time64), SCMP_SYS(membarrier),
	SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64),
	SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(time), SCMP_SYS(getrandom),
	/* its own identity, and that of callers */
	SCMP_SYS(capget), SCMP_SYS(getegid), SCMP_SYS(getegid32), SCMP_SYS(geteuid),
	SCMP_SYS(geteuid32), SCMP_SYS(getgid), SCMP_SYS(getgid32), SCMP_SYS(getpid),
	SCMP_SYS(getppid), SCMP_SYS(getrlimit), SCMP_SYS(gettid), SCMP_SYS(getuid),
	SCMP_SYS(getuid32), SCMP_SYS(pidfd_open), SCMP_SYS(prlimit64), SCMP_SYS(sysinfo),
	SCMP_SYS(ugetrlimit), SCMP_SYS(uname),
};
/* clang-format on */

/*
 * Additional system calls of the supervisor: it waits for an engine, replaces it, and confines the
 * successor, which loads libraries.
 */
static const int supervisor_calls[] = {
	SCMP_SYS(capset),
	SCMP_SYS(clone),
	SCMP_SYS(kill),
	SCMP_SYS(landlock_add_rule),
	SCMP_SYS(landlock_create_ruleset),
	SCMP_SYS(landlock_restrict_self),
	SCMP_SYS(mmap),
	SCMP_SYS(mmap2),
	SCMP_SYS(mprotect),
	SCMP_SYS(pause),
	SCMP_SYS(prctl),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(rt_sigtimedwait_time64),
	SCMP_SYS(seccomp),
	SCMP_SYS(setrlimit),
	SCMP_SYS(socket),
	SCMP_SYS(unshare),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	SCMP_SYS(waitpid),
};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static int add_calls(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* Allows new threads but no processes, no executable memory, and only the usual socket families. */
static int add_engine_arguments(scmp_filter_ctx filter)
{
#ifdef __s390__
	const unsigned flags = 1;
#else
	const unsigned flags = 0;
#endif
	static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				  SCMP_CMP(flags, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	for (size_t i = 0; i < COUNT(memory) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, memory[i], 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	for (size_t i = 0; i < COUNT(families) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	return rc;
}

/* All other calls fail with ENOSYS (confine.h). */
static int make(scmp_filter_ctx filter, bool for_supervisor)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
	if (rc == 0)
		rc = add_calls(filter, engine_calls, COUNT(engine_calls));
	if (rc == 0)
		rc = for_supervisor ? add_calls(filter, supervisor_calls, COUNT(supervisor_calls))
				    : add_engine_arguments(filter);
	return rc;
}

static int print_program(FILE *program, const char *name)
{
	struct sock_filter step;

	rewind(program);
	printf("static const struct sock_filter %s[] = {\n", name);
	while (fread(&step, sizeof step, 1, program) == 1)
		printf("\t{0x%02x, %u, %u, 0x%08x},\n", step.code, step.jt, step.jf, step.k);
	printf("};\n");
	return ferror(program) ? -EIO : 0;
}

static int print_filter(bool for_supervisor, const char *name)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	FILE *program = tmpfile();
	int rc = filter && program ? make(filter, for_supervisor) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_export_bpf(filter, fileno(program));
	if (rc == 0)
		rc = print_program(program, name);
	if (rc < 0)
		fprintf(stderr, "filter: cannot make %s: %s\n", name, strerror(-rc));
	if (filter)
		seccomp_release(filter);
	if (program)
		fclose(program);
	return rc;
}

int main(void)
{
	printf("/* Made by core/engine/confine/filter/main.c. */\n");
	if (print_filter(false, "engine_filter") < 0 || print_filter(true, "supervisor_filter") < 0)
		return 1;
	return fflush(stdout) == 0 ? 0 : 1;
}
