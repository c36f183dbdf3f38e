/* SPDX-License-Identifier: MIT */
#include "strict.h"

#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/engine_start.h"
#include "api/environment.h"

#define ASK_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION */
#define NET_SINCE 4    /* the first Landlock version that restricts TCP */
#define NET_BIND_TCP 1
#define NET_CONNECT_TCP 2

#ifndef AF_SMC
#define AF_SMC 43
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

/* As in linux/landlock.h since that version. */
struct ruleset {
	uint64_t access_fs, access_net;
};

static long landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);

	return version < 0 ? -errno : version;
}

bool rudp_strict_is_enough(long version, char why[RUDP_STRICT_WHY_SIZE])
{
	why[0] = 0;
	if (version >= NET_SINCE)
		return true;
	if (version == -EOPNOTSUPP)
		snprintf(why, RUDP_STRICT_WHY_SIZE,
			 "Landlock is not enabled; "
			 "add landlock to lsm= on the kernel's command line");
	else if (version == -EPERM)
		snprintf(why, RUDP_STRICT_WHY_SIZE,
			 "a sandbox forbids Landlock here; allow the landlock_ system calls in it");
	else
		snprintf(why, RUDP_STRICT_WHY_SIZE,
			 "the kernel's Landlock cannot deny TCP; Linux 6.7 or later can");
	return false;
}

bool rudp_strict_is_possible(char why[RUDP_STRICT_WHY_SIZE])
{
	return rudp_strict_is_enough(landlock_version(), why);
}

int rudp_strict_start_engine(void)
{
	const char *host = getenv("RUDP_ENGINE");
	struct rudp_engine_ref engine;
	int rc;

	if (host && strcmp(host, "thread") == 0)
		return 0; /* each program has an engine thread, in its own domain */
	rc = rudp_engine_find(&engine);
	/*
	 * An engine stays as long as a process that has sent HELLO to it. An engine that was just
	 * started has not got that yet. Without HELLO it might end, and the program would have to
	 * start another engine in its own domain, which works as well.
	 */
	if (rc == 0)
		(void)rudp_engine_hello(rudp_environment_hash(), &engine);
	return rc;
}

static int deny_tcp(void)
{
	static const struct ruleset rules = {.access_net = NET_BIND_TCP | NET_CONNECT_TCP};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* The kernel takes the lower 32 bits of an int, and seccomp compares 64. */
static struct scmp_arg_cmp is_int(unsigned argument, int value)
{
	return SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)value);
}

static int deny_socket(scmp_filter_ctx filter, int family, int protocol)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPROTONOSUPPORT), SCMP_SYS(socket), 2,
				is_int(0, family), is_int(2, protocol));
}

static int deny_fast_open(scmp_filter_ctx filter, int call, unsigned argument)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), call, 1,
				SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN));
}

/* System calls of another architecture may have other numbers, so they are all refused. */
static int deny_rest(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	if (rc == 0)
		rc = deny_socket(filter, AF_INET, IPPROTO_MPTCP);
	if (rc == 0)
		rc = deny_socket(filter, AF_INET6, IPPROTO_MPTCP);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				      is_int(0, AF_SMC));
	if (rc == 0)
		rc = deny_fast_open(filter, SCMP_SYS(sendto), 3);
	if (rc == 0)
		rc = deny_fast_open(filter, SCMP_SYS(sendmsg), 2);
	if (rc == 0)
		rc = deny_fast_open(filter, SCMP_SYS(sendmmsg), 3);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	return rc;
}

int rudp_strict_enter(void)
{
	int rc = deny_tcp();
	scmp_filter_ctx filter = rc ? NULL : seccomp_init(SCMP_ACT_ALLOW);

	if (!filter)
		return rc ? rc : -ENOMEM;
	rc = deny_rest(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}
