/* SPDX-License-Identifier: MIT */
/* Which system calls an engine and its keeper may make: seccomp(2), by libseccomp. */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "engine/confine.h"

/* A sanitizer makes calls of its own, ptrace(2) at the end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of an engine; libc chooses among some. The names of other architectures mean nothing on this one. */
static const int engine_calls[] = {
	/* sockets, what waits for them, and their bytes */
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
	SCMP_SYS(fcntl64), SCMP_SYS(fstat), SCMP_SYS(fstat64), SCMP_SYS(fstatat64),
	SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64), SCMP_SYS(getcwd), SCMP_SYS(getdents64),
	SCMP_SYS(ioctl), SCMP_SYS(_llseek), SCMP_SYS(lseek), SCMP_SYS(lstat), SCMP_SYS(lstat64),
	SCMP_SYS(memfd_create), SCMP_SYS(newfstatat), SCMP_SYS(open), SCMP_SYS(openat),
	SCMP_SYS(pread64), SCMP_SYS(read), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(readv), SCMP_SYS(signalfd), SCMP_SYS(signalfd4), SCMP_SYS(stat), SCMP_SYS(stat64),
	SCMP_SYS(statx), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(write), SCMP_SYS(writev),
	/* memory, threads, signals of its own, time */
	SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(futex_time64), SCMP_SYS(membarrier),
	SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64),
	SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(time), SCMP_SYS(getrandom),
	/* who it is, and who calls */
	SCMP_SYS(capget), SCMP_SYS(getegid), SCMP_SYS(getegid32), SCMP_SYS(geteuid),
	SCMP_SYS(geteuid32), SCMP_SYS(getgid), SCMP_SYS(getgid32), SCMP_SYS(getpid),
	SCMP_SYS(getppid), SCMP_SYS(getrlimit), SCMP_SYS(gettid), SCMP_SYS(getuid),
	SCMP_SYS(getuid32), SCMP_SYS(pidfd_open), SCMP_SYS(prlimit64), SCMP_SYS(sysinfo),
	SCMP_SYS(ugetrlimit), SCMP_SYS(uname),
};

/*
 * Of a keeper besides: what waits for an engine, replaces it and confines the successor, which loads
 * libraries.
 */
static const int keeper_calls[] = {
	SCMP_SYS(capset), SCMP_SYS(clone), SCMP_SYS(kill), SCMP_SYS(landlock_add_rule),
	SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_restrict_self), SCMP_SYS(mmap),
	SCMP_SYS(mmap2), SCMP_SYS(mprotect), SCMP_SYS(pause), SCMP_SYS(prctl),
	SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigtimedwait_time64), SCMP_SYS(seccomp),
	SCMP_SYS(setrlimit), SCMP_SYS(socket), SCMP_SYS(unshare), SCMP_SYS(wait4),
	SCMP_SYS(waitid), SCMP_SYS(waitpid),
};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static int add_calls(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* No process but threads, no new code, no socket of a rare family. */
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
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return rc;
}

/*
 * TSYNC: for all threads. SSB: without the measures against speculation that some kernels take for each
 * process under a filter and that slow it down (the engine runs no foreign code). LOG: a call that is
 * refused is in the kernel's log.
 */
static int set_attributes(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	return rc;
}

int rudp_confine_calls(bool for_keeper)
{
	scmp_filter_ctx filter = IS_SANITIZED ? NULL : seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc;

	if (!filter)
		return IS_SANITIZED ? -EOPNOTSUPP : -ENOMEM;
	rc = set_attributes(filter);
	if (rc == 0)
		rc = add_calls(filter, engine_calls, COUNT(engine_calls));
	if (rc == 0)
		rc = for_keeper ? add_calls(filter, keeper_calls, COUNT(keeper_calls))
				: add_engine_arguments(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}
