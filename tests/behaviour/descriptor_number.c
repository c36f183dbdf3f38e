/* SPDX-License-Identifier: MIT */
/* The numbers that sockets get; rudp's own descriptors must not take any. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behaviour/check.h"
#include "behaviour/traffic.h"

CHECK(socket_is_the_lowest_free_number)
{
	close(0);
	say("first: %d", socket(AF_INET, SOCK_STREAM, 0));
	close(2);
	say("second: %d", socket(AF_INET6, SOCK_STREAM, 0));
}

CHECK(accept_takes_the_lowest_free_number)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);

	must(dial(&addr) >= 0, "connect");
	close(0);
	wait_for(waiting, POLLIN);
	say("accepted: %d", accept(waiting, NULL, NULL));
}

CHECK(a_connection_costs_one_number_at_each_end)
{
	int before = count_descriptors();
	int client, server;

	connected_pair(AF_INET, &client, &server);
	say("more descriptors: %d", count_descriptors() - before);
	close(client);
	close(server);
	say("after closing: %d", count_descriptors() - before);
}

CHECK(every_state_of_a_socket_costs_one_number)
{
	struct sockaddr_storage addr;
	int before = count_descriptors();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	say("fresh: %d", count_descriptors() - before);
	must(listener(AF_INET, &addr) >= 0, "listener");
	say("with a listener: %d", count_descriptors() - before);
	must(connect(fd, (struct sockaddr *)&addr, address_len(&addr)) == 0 || errno == EINPROGRESS,
	     "connect");
	say("connecting: %d", count_descriptors() - before);
	wait_for(fd, POLLOUT);
	say("connected: %d", count_descriptors() - before);
}

/* The in-process engine is a thread, which /proc shows. */
CHECK(no_thread_appears_in_the_program)
{
	int before = count_threads();

	say_new_connection("a connection");
	say("more threads: %d", count_threads() - before);
}

static volatile sig_atomic_t child_signals;

static void on_child_signal(int number)
{
	(void)number;
	child_signals++;
}

CHECK(no_child_process_appears)
{
	signal(SIGCHLD, on_child_signal);
	say_new_connection("a connection");
	say_result("waitpid", waitpid(-1, NULL, WNOHANG | __WALL));
	say("SIGCHLD came %d times", (int)child_signals);
}

CHECK(sigchld_may_be_ignored)
{
	signal(SIGCHLD, SIG_IGN);
	say_new_connection("a connection");
	say_result("waitpid", waitpid(-1, NULL, WNOHANG));
}

CHECK(sockets_work_with_standard_numbers_closed)
{
	struct sockaddr_storage addr;

	close(0);
	close(1);
	close(2);
	say("listener: %d", listener(AF_INET, &addr));
	say("client: %d", dial(&addr));
	say("server: %d", accept(0, NULL, NULL));
	say("next: %d", dup(0));
}

static int lower_limit(rlim_t count)
{
	struct rlimit limit = {count, count};

	return setrlimit(RLIMIT_NOFILE, &limit);
}

CHECK(sixty_four_numbers_hold_fifty_connection_ends)
{
	struct sockaddr_storage addr;
	int clients[25], servers[25];
	int waiting, works = 0;

	/*
	 * An engine must run before the limit is lowered, because a new one would inherit the
	 * limit.
	 */
	close(socket(AF_INET, SOCK_STREAM, 0));
	must(lower_limit(64) == 0, "setrlimit");
	waiting = listener(AF_INET, &addr);
	for (int i = 0; i < 25; i++) {
		clients[i] = dial(&addr);
		must(clients[i] >= 0, "connect");
		wait_for(waiting, POLLIN);
		servers[i] = accept(waiting, NULL, NULL);
		must(servers[i] >= 0, "accept");
	}
	for (int i = 0; i < 25; i++) {
		char byte;

		works += write(clients[i], "x", 1) == 1 && read(servers[i], &byte, 1) == 1;
	}
	say("connections that work: %d", works);
}

/* Fills the descriptor table up to its limit. Returns the last number. */
static int fill_table(void)
{
	int last = -1, fd;

	while ((fd = dup(STDIN_FILENO)) >= 0)
		last = fd;
	return last;
}

CHECK(socket_at_a_full_table_is_emfile)
{
	int last;

	must(lower_limit(100) == 0, "setrlimit");
	last = fill_table();
	say_result("socket", socket(AF_INET, SOCK_STREAM, 0));
	close(last);
	say("after one was closed: %s",
	    socket(AF_INET, SOCK_STREAM, 0) == last ? "that number" : "another");
}

/* A failure because of a full table must not be permanent. Only for the shim (proof.c). */
CHECK(sockets_after_a_full_table_show_wrband)
{
	int last, client, server;

	must(lower_limit(100) == 0, "setrlimit");
	last = fill_table();
	say_result("socket", socket(AF_INET, SOCK_STREAM, 0));
	for (int fd = last - 9; fd <= last; fd++)
		close(fd);
	connected_pair(AF_INET, &client, &server);
	struct pollfd entry = {.fd = client, .events = POLLWRBAND};
	say("poll: %d", poll(&entry, 1, 0));
}

CHECK(accept_at_a_full_table_keeps_the_connection_queued)
{
	struct sockaddr_storage addr;
	int waiting = listener(AF_INET, &addr);
	int client = dial(&addr);
	int last, server;

	must(client >= 0 && lower_limit(100) == 0, "setrlimit");
	wait_for(waiting, POLLIN);
	last = fill_table();
	say_result("accept", accept(waiting, NULL, NULL) >= 0 ? 0 : -1);
	say_result("accept again", accept(waiting, NULL, NULL) >= 0 ? 0 : -1);
	close(last);
	server = accept(waiting, NULL, NULL);
	say("with room: %s", server == last ? "accepted" : strerrorname_np(errno));
	must(write(client, "x", 1) == 1, "write");
	say("it works: %zd", read(server, (char[1]){0}, 1));
}

CHECK(control_calls_work_at_a_full_table)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int waiting = listener(AF_INET, &addr);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int third = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;

	must(lower_limit(100) == 0, "setrlimit");
	fill_table();
	say_result("connect", connect(client, (struct sockaddr *)&addr, len));
	say_result("getpeername", getpeername(client, (struct sockaddr *)&addr, &len));
	say_result("setsockopt", setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &one, 4));
	say_result("shutdown", shutdown(client, SHUT_WR));
	connect(other, (struct sockaddr *)&addr, len);
	say("other: %s", wait_for(other, POLLOUT) ? "connected" : "not");
	((struct sockaddr_in *)&addr)->sin_port = 0;
	say_result("bind", bind(third, (struct sockaddr *)&addr, len));
	say_result("listen", listen(third, 5));
	say_result("close", close(waiting));
}

CHECK(a_high_number_works_like_any)
{
	int client, server;

	connected_pair(AF_INET, &client, &server);
	must(dup2(client, 900) == 900 && dup2(server, 901) == 901, "dup2");
	close(client);
	close(server);
	say_alive("900 and 901", 900, 901);
}
