/* SPDX-License-Identifier: MIT */
/* System call filters that kill: the shim must not make calls that the program would not make. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/data.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

#define RULES_MAX 64

struct filter {
	struct sock_filter rules[RULES_MAX];
	unsigned short count;
};

static void add(struct filter *filter, struct sock_filter rule)
{
	must(filter->count < RULES_MAX, "room in the filter");
	filter->rules[filter->count++] = rule;
}

static void begin_filter(struct filter *filter)
{
	filter->count = 0;
	add(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr)));
}

static void on_call(struct filter *filter, long number, unsigned what)
{
	add(filter,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1));
	add(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

static long by_prctl(struct sock_fprog *program)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
}

/* Installs the filter as libseccomp does. */
static long by_seccomp(struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
}

static long (*install)(struct sock_fprog *program) = by_prctl;

static void enter_filter(struct filter *filter, unsigned otherwise)
{
	struct sock_fprog program = {.filter = filter->rules};

	add(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise));
	program.len = filter->count;
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install(&program) == 0, "the filter");
}

/* The system calls that a worker with one connection needs, the tested call, and no others. */
static void keep_data_calls_and(long also)
{
	static const long calls[] = {SYS_read, SYS_write,  SYS_close,   SYS_exit_group,
				     SYS_poll, SYS_sendto, SYS_recvfrom};
	struct filter filter;

	begin_filter(&filter);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		on_call(&filter, calls[i], SECCOMP_RET_ALLOW);
	on_call(&filter, also, SECCOMP_RET_ALLOW);
	enter_filter(&filter, SECCOMP_RET_KILL_PROCESS);
}

CHECK(a_worker_that_may_only_move_data)
{
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0) {
		keep_data_calls_and(SYS_read);
		must(pattern_write(server, 100000), "write");
		must(send(server, "x", 1, MSG_NOSIGNAL) == 1, "send");
		must(recv(server, &(char){0}, 1, 0) == 1, "recv");
		say("read to the end: %zd", read(server, &(char){0}, 1));
		close(server);
		_exit(0);
	}
	close(server);
	char text[65536];
	size_t left = 100001;
	while (left > 0) {
		ssize_t n = read(client, text, left < sizeof(text) ? left : sizeof(text));
		must(n > 0, "read");
		left -= (size_t)n;
	}
	must(write(client, "y", 1) == 1 && shutdown(client, SHUT_WR) == 0, "write");
	say_end("worker", pid);
	say_rest("then", client);
}

CHECK(the_most_strict_mode_of_seccomp)
{
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0) {
		char byte;

		must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0, "PR_SET_SECCOMP");
		while (read(server, &byte, 1) == 1)
			write(server, &byte, 1);
		syscall(SYS_exit, 0);
	}
	close(server);
	char text[6] = "";
	must(write(client, "hello", 5) == 5 && recv(client, text, 5, MSG_WAITALL) == 5, "echo");
	shutdown(client, SHUT_WR);
	say("%s", text);
	say_end("worker", pid);
	say_rest("then", client);
}

/* Only the call that the filter allows may be made; each in a process of its own. */
static void only_call(const char *what, long number, int (*call)(int fd))
{
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0) {
		keep_data_calls_and(number);
		say_result(what, call(server));
		_exit(0);
	}
	say_end(what, pid);
	close(client);
	close(server);
}

static int call_getpeername(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	return getpeername(fd, (struct sockaddr *)&addr, &len);
}

static int call_getsockname(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	return getsockname(fd, (struct sockaddr *)&addr, &len);
}

static int call_nodelay(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int call_keepalive(int fd)
{
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int call_error(int fd)
{
	int error;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

static int call_shutdown(int fd)
{
	return shutdown(fd, SHUT_WR);
}

static void see_reset_and_shut_down(void)
{
	static const struct linger at_once = {.l_onoff = 1};
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0) {
		close(client);
		keep_data_calls_and(SYS_shutdown);
		say_result("read", read(server, &(char){0}, 1));
		say_result("read", read(server, &(char){0}, 1));
		shutdown(server, SHUT_RDWR);
		_exit(0);
	}
	close(server);
	must(write(client, "x", 1) == 1, "write");
	wait_acknowledged(client); /* a reset may overtake bytes in flight */
	must(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0,
	     "SO_LINGER");
	close(client);
	say_end("worker", pid);
}

CHECK(a_worker_sees_a_reset_and_shuts_down)
{
	see_reset_and_shut_down();
}

CHECK(a_worker_under_a_filter_of_libseccomp_sees_a_reset_and_shuts_down)
{
	install = by_seccomp;
	see_reset_and_shut_down();
}

/* libseccomp tests so whether the kernel has filters. That installs none. */
CHECK(the_question_for_filters_changes_nothing)
{
	int client, server, idle = 77;
	socklen_t len = sizeof(idle);

	connected_pair(AF_INET, &client, &server);
	say_result("a filter at no address",
		   (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
	say_result("set", setsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)));
	idle = 0;
	say_result("get", getsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &len));
	say("TCP_KEEPIDLE: %d", idle);
}

CHECK(a_worker_that_may_also_shut_down)
{
	only_call("shutdown", SYS_shutdown, call_shutdown);
}

CHECK(a_worker_that_may_also_ask_for_its_peer)
{
	only_call("getpeername", SYS_getpeername, call_getpeername);
}

CHECK(a_worker_that_may_also_ask_for_its_name)
{
	only_call("getsockname", SYS_getsockname, call_getsockname);
}

CHECK(a_worker_that_may_also_ask_for_errors)
{
	only_call("SO_ERROR", SYS_getsockopt, call_error);
}

CHECK(a_worker_that_may_also_set_nodelay)
{
	only_call("TCP_NODELAY", SYS_setsockopt, call_nodelay);
}

CHECK(a_worker_that_may_also_set_keepalive)
{
	only_call("SO_KEEPALIVE", SYS_setsockopt, call_keepalive);
}

static int call_urgent(int fd)
{
	return (int)recv(fd, &(char){0}, 1, MSG_OOB);
}

CHECK(a_worker_that_asks_for_an_urgent_byte)
{
	only_call("recv", SYS_recvfrom, call_urgent);
}

static int receive_named(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	ssize_t rc = recvfrom(fd, &(char){0}, 1, 0, (struct sockaddr *)&addr, &len);

	say("name %u", len);
	return (int)rc;
}

static int receive_message_named(int fd)
{
	struct sockaddr_storage addr;
	struct iovec iov = {&(char){0}, 1};
	struct msghdr message = {
		.msg_name = &addr, .msg_namelen = sizeof(addr), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t rc = recvmsg(fd, &message, 0);

	say("name %u", message.msg_namelen);
	return (int)rc;
}

static void only_receive(const char *what, long number, int (*call)(int fd))
{
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	put(client, "x");
	pid = begin_child();
	if (pid == 0) {
		keep_data_calls_and(number);
		say_result(what, call(server));
		_exit(0);
	}
	say_end(what, pid);
}

CHECK(a_worker_that_wants_the_name_of_who_sent)
{
	only_receive("recvfrom", SYS_recvfrom, receive_named);
	only_receive("recvmsg", SYS_recvmsg, receive_message_named);
}

static struct sockaddr_in datagrams_to;

static int exchange_datagram(int fd)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	say_result("sendto", sendto(fd, "x", 1, 0, (struct sockaddr *)&datagrams_to, sizeof(addr)));
	say_result("recvfrom", recvfrom(fd, &(char){0}, 1, 0, (struct sockaddr *)&addr, &len));
	say("name %u, from itself: %d", len, addr.sin_port == datagrams_to.sin_port);
	return 0;
}

CHECK(a_worker_that_exchanges_datagrams)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(datagrams_to);
	pid_t pid;

	datagrams_to.sin_family = AF_INET;
	datagrams_to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(fd, (struct sockaddr *)&datagrams_to, len) == 0 &&
		     getsockname(fd, (struct sockaddr *)&datagrams_to, &len) == 0,
	     "bind");
	pid = begin_child();
	if (pid == 0) {
		keep_data_calls_and(SYS_read);
		exchange_datagram(fd);
		_exit(0);
	}
	say_end("worker", pid);
}

CHECK(a_filter_that_forbids_new_sockets)
{
	int client, server;
	struct filter filter;

	connected_pair(AF_INET, &client, &server);
	begin_filter(&filter);
	on_call(&filter, SYS_socket, SECCOMP_RET_ERRNO | EACCES);
	enter_filter(&filter, SECCOMP_RET_ALLOW);
	say_result("socket", socket(AF_INET, SOCK_STREAM, 0));
	say_alive("the one from before", client, server);
	say_result("getpeername", call_getpeername(client));
	say_result("shutdown", call_shutdown(client));
	say_rest("peer", server);
}

/* As RestrictAddressFamilies=AF_INET of systemd: the family is the first argument. */
CHECK(a_filter_that_forbids_unix_sockets)
{
	struct filter filter;

	begin_filter(&filter);
	add(&filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3));
	add(&filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, args)));
	add(&filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1));
	add(&filter,
	    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT));
	enter_filter(&filter, SECCOMP_RET_ALLOW);
	say_result("a unix socket", socket(AF_UNIX, SOCK_STREAM, 0));
	say_new_connection("a connection");
}

/* No process and no thread can be made any more. */
CHECK(a_filter_that_forbids_to_start_processes)
{
	struct filter filter;

	begin_filter(&filter);
	on_call(&filter, SYS_clone, SECCOMP_RET_ERRNO | EPERM);
	on_call(&filter, SYS_clone3, SECCOMP_RET_ERRNO | EPERM);
	on_call(&filter, SYS_execve, SECCOMP_RET_ERRNO | EPERM);
	enter_filter(&filter, SECCOMP_RET_ALLOW);
	say_new_connection("a connection");
}
