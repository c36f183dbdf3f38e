/* SPDX-License-Identifier: MIT */
/*
 * What a program has written before its end arrives, even if no other process can continue its
 * engine. The program is always forked before the check has a socket, so an engine thread belongs
 * to that program alone.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/setup.h"
#include "behaviour/traffic.h"

#define FULL_MS 300
#define ALLOCATORS 8
#define ALLOCATING_ENDS 20
#define LITTLE_BYTES 10240

/* Writes until nothing is taken for a while: all buffers up to the peer's program are full. */
static size_t fill(int fd)
{
	static char bytes[65536];
	struct pollfd one = {.fd = fd, .events = POLLOUT};
	size_t written = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	do {
		n = write(fd, bytes, sizeof(bytes));
		written += n > 0 ? (size_t)n : 0;
	} while (n > 0 || poll(&one, 1, FULL_MS) == 1);
	return written;
}

/* The number of written bytes that are missing at the end of file. */
static size_t missing(int fd, size_t written)
{
	static char bytes[65536];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		written -= (size_t)n;
	say("peer: %zd", n);
	return written;
}

/* The peer reads only when the writer has ended. */
CHECK(a_program_ends_at_once_and_what_it_has_written_arrives_later)
{
	struct sockaddr_storage addr;
	int ends[2], waiting, server;
	size_t written;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0) {
		hear_address(ends[1], &addr);
		written = fill(dial(&addr));
		must(write(ends[1], &written, sizeof(written)) == sizeof(written),
		     "write of a size");
		exit(0);
	}
	waiting = listener(AF_INET, &addr);
	tell_address(ends[0], &addr);
	server = accept(waiting, NULL, NULL);
	must(recv(ends[0], &written, sizeof(written), MSG_WAITALL) == sizeof(written),
	     "read of a size");
	say_end("program", pid);
	say("much was written: %d", written > 65536);
	say("missing: %zu", missing(server, written));
}

static void *allocate_for_ever(void *unused)
{
	for (size_t size = 0;; size = (size + 4099) % 100000)
		free(malloc(size));
	return unused;
}

static void allocate_and_end(int channel)
{
	struct sockaddr_storage addr;
	int waiting;

	for (int i = 0; i < ALLOCATORS; i++)
		spawn(allocate_for_ever, NULL);
	waiting = listener(AF_INET, &addr);
	tell_address(channel, &addr);
	send_fd(channel, waiting);
	exit(0);
}

static void serve_in_its_place(void)
{
	struct sockaddr_storage addr;
	int ends[2], waiting, client;
	pid_t pid;

	make_channel(ends);
	pid = begin_child();
	if (pid == 0)
		allocate_and_end(ends[1]);
	hear_address(ends[0], &addr);
	waiting = receive_fd(ends[0]);
	waitpid(pid, NULL, 0);
	client = dial(&addr);
	_exit(client < 0 || accept(waiting, NULL, NULL) < 0);
}

/* Other threads hold libc's locks at any moment, also when the program ends. */
CHECK(a_program_whose_threads_allocate_ends_before_its_listener)
{
	int served = 0;

	for (int i = 0; i < ALLOCATING_ENDS; i++) {
		pid_t pid = begin_child();
		int status;

		if (pid == 0)
			serve_in_its_place();
		waitpid(pid, &status, 0);
		served += status == 0;
	}
	say("served: %d", served);
}

/* What a program writes right before its end arrives, if confine() was called after connect. */
static void write_and_end_confined(void (*confine)(void), bool in_new_namespace)
{
	struct sockaddr_storage addr;
	int ends[2], waiting;
	pid_t pid;

	make_channel(ends);
	if (in_new_namespace)
		must(unshare(CLONE_NEWPID) == 0, "a namespace of processes");
	pid = begin_child();
	if (pid == 0) {
		hear_address(ends[1], &addr);
		int client = dial(&addr);
		confine();
		must(pattern_write(client, LITTLE_BYTES), "write");
		exit(0);
	}
	waiting = listener(AF_INET, &addr);
	tell_address(ends[0], &addr);
	say_rest("peer", accept(waiting, NULL, NULL));
	say_end("program", pid);
}

static void confine_nothing(void)
{
	must(getpid() == 1, "the first process");
}

/* All processes that are made later in the namespace end with the program. */
CHECK(the_first_process_of_a_namespace_ends_and_what_it_has_written_arrives)
{
	write_and_end_confined(confine_nothing, true);
}

/* For all threads of the program: it dies if one of them makes a process. */
static void forbid_processes(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {sizeof(rules) / sizeof(rules[0]), rules};

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			     &program) == 0,
	     "the filter");
}

CHECK(a_program_that_may_make_no_process_ends_and_what_it_has_written_arrives)
{
	write_and_end_confined(forbid_processes, false);
}
