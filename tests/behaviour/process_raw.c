/* SPDX-License-Identifier: MIT */
/* Control calls that do not use the usual functions of libc. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

CHECK(a_whole_connection_by_raw_calls)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int one = 1;
	long waiting = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	long client = syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long server;

	say_result("setsockopt",
		   syscall(SYS_setsockopt, waiting, SOL_SOCKET, SO_REUSEADDR, &one, 4));
	say_result("bind", syscall(SYS_bind, waiting, &addr, len));
	say_result("listen", syscall(SYS_listen, waiting, 5));
	say_result("getsockname", syscall(SYS_getsockname, waiting, &addr, &len));
	say("port is set: %d, length %u", addr.sin_port != 0, len);
	say_result("connect", syscall(SYS_connect, client, &addr, len));
	server = syscall(SYS_accept, waiting, &addr, &len);
	say("accept: family %d, length %u", addr.sin_family, len);
	say_alive("connection", (int)client, (int)server);
	say_result("getpeername", syscall(SYS_getpeername, client, &addr, &len));
	len = sizeof(one);
	say_result("getsockopt", syscall(SYS_getsockopt, client, SOL_SOCKET, SO_ERROR, &one, &len));
	say("error %d", one);
	say_result("shutdown", syscall(SYS_shutdown, client, SHUT_WR));
	say_rest("peer", (int)server);
}

CHECK(accept4_by_a_raw_call)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int waiting = listener(AF_INET6, &addr);
	int client = dial(&addr);
	long server;

	server = syscall(SYS_accept4, waiting, &addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	say("family %d, length %u", addr.ss_family, len);
	say_result("read", syscall(SYS_read, server, &(char){0}, 1));
	wait_for(client, POLLOUT);
	must(write(client, "x", 1) == 1 && wait_for((int)server, POLLIN), "write");
	say_result("read", syscall(SYS_read, server, &(char){0}, 1));
	say_result("accept4 with a wrong flag", syscall(SYS_accept4, waiting, NULL, NULL, 1));
}

CHECK(raw_calls_fail_as_the_kernels_do)
{
	long fd = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);

	say_result("connect to NULL", syscall(SYS_connect, fd, NULL, 16));
	say_result("accept", syscall(SYS_accept, fd, NULL, NULL));
	say_result("getpeername", syscall(SYS_getpeername, fd, NULL, NULL));
	say_result("socket of a wrong family", syscall(SYS_socket, 999, SOCK_STREAM, 0));
	say_result("a number that no kernel has", syscall(99999));
	say_result("getpid is right", syscall(SYS_getpid) == getpid());
}

CHECK(raw_data_calls_work_on_a_connection)
{
	int client, server;
	char text[4] = "";
	struct iovec iov = {text, 3};

	connected_pair(AF_INET, &client, &server);
	say_result("write", syscall(SYS_write, client, "abc", 3));
	wait_for(server, POLLIN);
	say_result("readv", syscall(SYS_readv, server, &iov, 1));
	say("%s", text);
	say_result("sendto", syscall(SYS_sendto, client, "def", 3, 0, NULL, 0));
	wait_for(server, POLLIN);
	say_result("recvfrom", syscall(SYS_recvfrom, server, text, 3, 0, NULL, NULL));
	say("%s", text);
	say_result("close", syscall(SYS_close, client));
	say_rest("peer", server);
}

/* In libc.so besides connect, send and read; declared in no header. */
int __connect(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t __send(int fd, const void *data, size_t len, int flags);
ssize_t __read(int fd, void *data, size_t len);

CHECK(the_other_names_of_calls_work_as_well)
{
	struct sockaddr_storage addr;
	char text[4] = "";
	int waiting = listener(AF_INET, &addr), fd = socket(AF_INET, SOCK_STREAM, 0);

	say_result("read without a connection", __read(fd, text, 3));
	say_result("send without a connection", __send(fd, "abc", 3, MSG_NOSIGNAL));
	say_result("connect", __connect(fd, (struct sockaddr *)&addr, address_len(&addr)));
	say_result("send", __send(fd, "abc", 3, 0));
	say_result("read", __read(accept(waiting, NULL, NULL), text, 3));
	say("%s", text);
}

CHECK(a_raw_fork_and_a_raw_exec_go_through)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		say_new_connection("in the child");
		become_plain_part("greets", 0);
	}
	say_end("child", pid);
}

PART(greets)
{
	say("hello from the part, which got %d", fd);
}
