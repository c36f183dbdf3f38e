/* SPDX-License-Identifier: MIT */
/* vfork, threads and signal handlers: code that may do only little. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/child.h"
#include "behaviour/traffic.h"

#define CONNECTORS 3
#define FORKS 20

PART(writes_to_its_output)
{
	must(write(fd, "from the part", 13) == 13, "write of the part");
}

/* As Python's subprocess, make and Java do it. */
CHECK(a_child_of_vfork_moves_sockets_and_executes)
{
	struct arguments arguments;
	char **list = part_arguments(&arguments, "writes_to_its_output", STDOUT_FILENO);
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = vfork();
	if (pid == 0) {
		dup2(client, STDOUT_FILENO);
		close(client);
		close(server);
		execve(own_path(), list, environ);
		_exit(127);
	}
	close(client);
	say_end("child", pid);
	char text[14] = "";
	must(recv(server, text, 13, MSG_WAITALL) == 13, "read");
	say("%s", text);
	say_rest("then", server);
}

CHECK(a_child_of_vfork_that_cannot_execute)
{
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = vfork();
	if (pid == 0) {
		execlp("there-is-no-such-program", "x", NULL);
		_exit(errno == ENOENT ? 3 : 4);
	}
	say_end("child", pid);
	say_alive("connection", client, server);
}

CHECK(posix_spawn_moves_sockets)
{
	struct arguments arguments;
	char **list = part_arguments(&arguments, "writes_to_its_output", 7);
	posix_spawn_file_actions_t actions;
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, client, 7);
	posix_spawn_file_actions_addclose(&actions, server);
	posix_spawn_file_actions_addclosefrom_np(&actions, RESULT_FD + 1);
	say_result("posix_spawn", posix_spawn(&pid, own_path(), &actions, NULL, list, environ));
	close(client);
	say_end("child", pid);
	char text[14] = "";
	must(recv(server, text, 13, MSG_WAITALL) == 13, "read");
	say("%s", text);
}

static atomic_bool enough;
static atomic_int connections;

static void *connect_again_and_again(void *unused)
{
	(void)unused;
	while (!enough)
		if (new_connection_works())
			connections++;
	return NULL;
}

CHECK(forks_while_other_threads_connect)
{
	pthread_t threads[CONNECTORS];
	int working = 0;

	for (int i = 0; i < CONNECTORS; i++)
		pthread_create(&threads[i], NULL, connect_again_and_again, NULL);
	for (int i = 0; i < FORKS; i++) {
		int status;
		pid_t pid = begin_child();

		if (pid == 0)
			_exit(new_connection_works() ? 0 : 1);
		waitpid(pid, &status, 0);
		working += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	enough = true;
	for (int i = 0; i < CONNECTORS; i++)
		pthread_join(threads[i], NULL);
	say("children whose connection worked: %d", working);
	say("threads had connections: %d", connections > 0);
}

CHECK(forks_while_other_threads_open_the_first_sockets)
{
	pthread_t threads[CONNECTORS];
	pid_t pid;

	for (int i = 0; i < CONNECTORS; i++)
		pthread_create(&threads[i], NULL, connect_again_and_again, NULL);
	pid = begin_child();
	if (pid == 0) {
		say_new_connection("in the child");
		_exit(0);
	}
	say_end("child", pid);
	enough = true;
	for (int i = 0; i < CONNECTORS; i++)
		pthread_join(threads[i], NULL);
}

static void fork_in_handler(int number)
{
	pid_t pid = fork();

	(void)number;
	if (pid == 0) {
		say_new_connection("child of the handler");
		_exit(0);
	}
	say_end("child of the handler", pid);
}

CHECK(a_signal_handler_forks)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	signal(SIGUSR1, fork_in_handler);
	raise(SIGUSR1);
	say_alive("the parent's", client, server);
}

static void connect_in_handler(int number)
{
	(void)number;
	say_new_connection("in the handler");
}

CHECK(a_signal_handler_opens_the_first_socket)
{
	signal(SIGUSR1, connect_in_handler);
	raise(SIGUSR1);
	say_new_connection("then");
}

/* The smallest stack that sigaltstack(2) recommends, above a page without access. */
CHECK(a_handler_on_a_small_stack_opens_the_first_socket)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory =
		mmap(NULL, page + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_sp = memory + page, .ss_size = 8192};
	struct sigaction action = {.sa_handler = connect_in_handler, .sa_flags = SA_ONSTACK};

	must(memory != MAP_FAILED && mprotect(memory, page, PROT_NONE) == 0, "mmap");
	must(sigaltstack(&stack, NULL) == 0, "sigaltstack");
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static void *connect_once(void *unused)
{
	(void)unused;
	say_new_connection("in the thread");
	return NULL;
}

CHECK(a_thread_with_the_smallest_stack_opens_the_first_socket)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int created;

	pthread_attr_init(&attributes);
	say_result("size", pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN));
	created = pthread_create(&thread, &attributes, connect_once, NULL);
	pthread_join(thread, NULL);
	say_result("create", created);
}

CHECK(the_plain_fork_of_posix_works)
{
	pid_t pid = _Fork();

	if (pid == 0) {
		say_new_connection("in the child");
		_exit(0);
	}
	say_end("child", pid);
}

static atomic_int handled;

static void count_signal(int number)
{
	(void)number;
	handled++;
}

CHECK(signals_go_to_the_programs_own_threads)
{
	sigset_t set;

	say_new_connection("before");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	signal(SIGUSR1, count_signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGTERM);
	for (int i = 0; i < 2; i++)
		say_result("sigtimedwait", sigtimedwait(&set, NULL, &(struct timespec){5, 0}));
	say("handled: %d", handled);
}

CHECK(the_main_thread_ends_and_others_go_on)
{
	int client, server;
	pid_t pid;

	connected_pair(AF_INET, &client, &server);
	pid = begin_child();
	if (pid == 0) {
		pthread_t thread;

		close(server);
		pthread_create(&thread, NULL, connect_once, NULL);
		pthread_exit(NULL);
	}
	close(client);
	say_rest("peer", server);
	say_end("child", pid);
}
