/* SPDX-License-Identifier: MIT */
#include "behaviour/setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

int fresh(int family, int flags)
{
	int fd = socket(family, SOCK_STREAM | flags, 0);
	must(fd >= 0, "socket");
	return fd;
}

int connect_to(int fd, const struct sockaddr_storage *addr)
{
	return connect(fd, (const struct sockaddr *)addr, address_len(addr));
}

int bind_to(int fd, const struct sockaddr_storage *addr)
{
	return bind(fd, (const struct sockaddr *)addr, address_len(addr));
}

void address(struct sockaddr_storage *addr, const char *text, uint16_t port)
{
	memset(addr, 0, sizeof(*addr));
	if (strchr(text, ':')) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
		in6->sin6_family = AF_INET6;
		must(inet_pton(AF_INET6, text, &in6->sin6_addr) == 1, "an IPv6 address");
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)addr;
		in->sin_family = AF_INET;
		must(inet_pton(AF_INET, text, &in->sin_addr) == 1, "an IPv4 address");
	}
	set_port(addr, port);
}

/* sin_port and sin6_port have the same offset. */
uint16_t port_of(const struct sockaddr_storage *addr)
{
	return ntohs(((const struct sockaddr_in *)addr)->sin_port);
}

void set_port(struct sockaddr_storage *addr, uint16_t port)
{
	((struct sockaddr_in *)addr)->sin_port = htons(port);
}

bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return a->ss_family == b->ss_family && memcmp(a, b, address_len(a)) == 0;
}

void name_of(int fd, struct sockaddr_storage *addr)
{
	socklen_t len = sizeof(*addr);
	memset(addr, 0, sizeof(*addr));
	must(getsockname(fd, (struct sockaddr *)addr, &len) == 0, "getsockname");
}

void peer_of(int fd, struct sockaddr_storage *addr)
{
	socklen_t len = sizeof(*addr);
	memset(addr, 0, sizeof(*addr));
	must(getpeername(fd, (struct sockaddr *)addr, &len) == 0, "getpeername");
}

int refusing(int family, struct sockaddr_storage *addr)
{
	int fd = fresh(family, 0);
	address(addr, family == AF_INET6 ? "::1" : "127.0.0.1", 0);
	must(bind_to(fd, addr) == 0, "bind of an address that refuses");
	name_of(fd, addr);
	return fd;
}

void silent(int family, struct sockaddr_storage *addr)
{
	address(addr, family == AF_INET6 ? "2001:db8::2" : "192.0.2.2", 7777);
}

void say_error(const char *what, int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);
	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0, "SO_ERROR");
	say("%s: %s", what, error ? strerrorname_np(error) : "0");
}

void say_address(const char *what, const struct sockaddr_storage *addr, socklen_t len)
{
	char text[INET6_ADDRSTRLEN] = "?";
	const void *ip = &((const struct sockaddr_in *)addr)->sin_addr;
	if (addr->ss_family == AF_INET6)
		ip = &((const struct sockaddr_in6 *)addr)->sin6_addr;
	if (addr->ss_family == AF_INET || addr->ss_family == AF_INET6)
		inet_ntop(addr->ss_family, ip, text, sizeof(text));
	say("%s: family %d, %s, length %u, port is %s", what, addr->ss_family, text, (unsigned)len,
	    port_of(addr) ? "not zero" : "zero");
}

void say_bytes(const char *what, int fd)
{
	char buffer[256];
	ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
	if (n < 0)
		say_result(what, n);
	else
		say("%s: %zd %.*s", what, n, (int)n, buffer);
}

pthread_t spawn(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	errno = pthread_create(&thread, NULL, run, argument);
	must(errno == 0, "pthread_create");
	return thread;
}

void finish(pthread_t thread)
{
	errno = pthread_join(thread, NULL);
	must(errno == 0, "pthread_join");
}

struct sleeper {
	pid_t pid, tid;
	long number;
};

/*
 * Under the shim a blocking connect() waits for the engine's answer in recv, and MSG_WAITALL in
 * poll.
 */
static bool stands_for(long now, long wanted)
{
	if (wanted == SYS_connect &&
	    (now == SYS_recvmsg || now == SYS_recvfrom || now == SYS_ppoll))
		return true;
	if (wanted == SYS_accept && now == SYS_accept4)
		return true;
	if (wanted == SYS_recvfrom && (now == SYS_recvmsg || now == SYS_poll || now == SYS_ppoll))
		return true;
	return now == wanted || wanted == ANY_SYSCALL;
}

/* "running", or the number of the system call followed by its arguments. */
static bool is_in_syscall(void *argument)
{
	const struct sleeper *sleeper = argument;
	char path[64], text[128] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", sleeper->pid, sleeper->tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0, path);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && text[0] != 'r' && stands_for(atol(text), sleeper->number);
}

void wait_in_syscall(pid_t pid, pid_t tid, long number)
{
	struct sleeper sleeper = {pid, tid, number};
	wait_true(is_in_syscall, &sleeper);
}

static bool is_in_syscall_or_through(void *argument)
{
	const struct sleeper *sleeper = argument;
	siginfo_t info = {0};
	must(waitid(P_PID, (id_t)sleeper->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0, "waitid");
	return info.si_pid == sleeper->pid || is_in_syscall(argument);
}

void wait_in_syscall_or_through(pid_t child, long number)
{
	struct sleeper sleeper = {child, child, number};
	wait_true(is_in_syscall_or_through, &sleeper);
}

void reap(pid_t child)
{
	int status;
	must(waitpid(child, &status, 0) == child, "waitpid");
	if (WIFSIGNALED(status))
		say("child killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		say("child ended with %d", WEXITSTATUS(status));
}

void on_signal(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
	must(sigaction(number, &action, NULL) == 0, "sigaction");
}

void set_option(int fd, int level, int name, int value)
{
	must(setsockopt(fd, level, name, &value, sizeof(value)) == 0, "setsockopt");
}

void set_timeout(int fd, int name, int ms)
{
	struct timeval time = {ms / 1000, ms % 1000 * 1000};
	must(setsockopt(fd, SOL_SOCKET, name, &time, sizeof(time)) == 0,
	     "setsockopt of a time-out");
}
