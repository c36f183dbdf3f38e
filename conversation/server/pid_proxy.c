/* SPDX-License-Identifier: MIT */
#include "conversation/server/pid_proxy.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED 1

struct pid_proxy {
	int notices_fd, signals_fd;
	pid_t serving; /* the serving process */
};

/* ---- notices ---- */

static int name_socket(int fd, char variable[APO_PID_PROXY_NAME_SIZE])
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t len = sizeof name;
	static const int on = 1;

	/* An abstract name, chosen by the kernel. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
	    bind(fd, (const struct sockaddr *)&name, sizeof name.sun_family) < 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		return -errno;
	len -= (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1;
	snprintf(variable, APO_PID_PROXY_NAME_SIZE, "NOTIFY_SOCKET=@%.*s", (int)len,
		 name.sun_path + 1);
	return 0;
}

int apo_pid_proxy_open(char variable[APO_PID_PROXY_NAME_SIZE])
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return -errno;
	error = name_socket(fd, variable);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

/* The pid of the sender as the kernel reports it; 0: unknown. */
static pid_t sender_of(struct msghdr *notice)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(notice);
	struct ucred sender = {.pid = 0};

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS)
		memcpy(&sender, CMSG_DATA(header), sizeof sender);
	return sender.pid;
}

static void take_notices(struct pid_proxy *proxy)
{
	char text[256], rights[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = {text, sizeof text - 1};
	struct msghdr notice;
	ssize_t len;
	int pid;

	for (;;) {
		notice = (struct msghdr){.msg_iov = &part,
					 .msg_iovlen = 1,
					 .msg_control = rights,
					 .msg_controllen = sizeof rights};
		len = recvmsg(proxy->notices_fd, &notice, MSG_DONTWAIT);
		if (len < 0)
			return;
		text[len] = 0;
		if (sender_of(&notice) == proxy->serving && sscanf(text, "MAINPID=%d", &pid) == 1 &&
		    pid > 0)
			proxy->serving = pid;
	}
}

/* ---- signals ---- */

/* A notice may have come before this signal and after the last look at notices. */
static void pass_signals_on(struct pid_proxy *proxy)
{
	struct signalfd_siginfo info;

	while (read(proxy->signals_fd, &info, sizeof info) == sizeof info) {
		take_notices(proxy);
		if (info.ssi_signo != SIGCHLD)
			(void)kill(proxy->serving, (int)info.ssi_signo);
	}
}

/* A process that has ended may have named its successor before. Returns false if no process
 * serves. */
static bool is_served(struct pid_proxy *proxy, int *exit_code)
{
	int status;
	pid_t ended;

	while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
		take_notices(proxy);
		if (ended != proxy->serving)
			continue;
		*exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		return false;
	}
	*exit_code = FAILED;
	return ended == 0; /* < 0: there is no child */
}

int apo_pid_proxy_run(int notices_fd, int signals_fd, pid_t successor)
{
	struct pid_proxy proxy = {notices_fd, signals_fd, successor};
	struct pollfd waits[] = {{notices_fd, POLLIN, 0}, {signals_fd, POLLIN, 0}};
	int exit_code;

	(void)malloc_trim(0);
	while (is_served(&proxy, &exit_code)) {
		(void)poll(waits, 2, -1);
		take_notices(&proxy);
		pass_signals_on(&proxy);
	}
	return exit_code;
}
