/* SPDX-License-Identifier: MIT */
/* Signals and timeouts that interrupt calls, and calls made in a signal handler. */
#include "behaviour/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void count(int number)
{
	(void)number;
	signals++;
}

/*
 * The main thread makes a blocking call. This thread sends it signals until the call ends. With
 * SA_RESTART signals do not end the call, so afterwards act() does.
 */
struct disturber {
	long syscall;
	int wanted;          /* number of signals to send */
	void (*act)(int fd); /* called after them; may be NULL */
	int fd;
	pthread_t main;
	pid_t tid;
};

static bool was_counted(void *argument)
{
	return signals >= *(int *)argument;
}

static void *disturb(void *argument)
{
	struct disturber *d = argument;
	for (int i = 1; i <= d->wanted; i++) {
		wait_in_syscall(getpid(), d->tid, d->syscall);
		pthread_kill(d->main, SIGUSR1);
		wait_true(was_counted, &i);
	}
	if (d->act) {
		wait_in_syscall(getpid(), d->tid, d->syscall);
		d->act(d->fd);
	}
	return NULL;
}

static pthread_t begin(struct disturber *d, int flags)
{
	sigset_t set, old;
	signals = 0;
	on_signal(SIGUSR1, count, flags);
	d->main = pthread_self();
	d->tid = gettid();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	pthread_t thread = spawn(disturb, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return thread;
}

static void end(const char *what, long rc, pthread_t thread)
{
	int error = errno;
	finish(thread);
	errno = error;
	say_result(what, rc);
	say("signals: %d", (int)signals);
}

CHECK(signal_interrupts_accept)
{
	struct disturber d = {.syscall = SYS_accept, .wanted = 1};
	int server = listener(AF_INET, NULL);
	pthread_t thread = begin(&d, 0);
	end("accept", accept(server, NULL, NULL), thread);
}

static struct sockaddr_storage destination;

static void connect_there(int fd)
{
	(void)fd;
	must(connect_to(fresh(AF_INET, 0), &destination) == 0, "connect");
}

CHECK(signal_restarts_accept)
{
	struct disturber d = {.syscall = SYS_accept, .wanted = 3, .act = connect_there};
	int server = listener(AF_INET, &destination);
	pthread_t thread = begin(&d, SA_RESTART);
	end("accept", accept(server, NULL, NULL) < 0 ? -1 : 0, thread);
}

CHECK(signal_interrupts_accept_with_a_time_out_despite_restart)
{
	struct disturber d = {.syscall = SYS_accept, .wanted = 1};
	int server = listener(AF_INET, NULL);
	set_timeout(server, SO_RCVTIMEO, 8000);
	pthread_t thread = begin(&d, SA_RESTART);
	end("accept", accept(server, NULL, NULL), thread);
}

CHECK(signal_interrupts_connect)
{
	struct disturber d = {.syscall = SYS_connect, .wanted = 1};
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	pthread_t thread = begin(&d, 0);
	end("connect", connect_to(fd, &addr), thread);
	say_poll("under way", fd);
	say_error("SO_ERROR", fd);
	must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "F_SETFL");
	say_result("connect again", connect_to(fd, &addr));
}

static void stop_it(int fd)
{
	shutdown(fd, SHUT_RDWR);
}

CHECK(signal_restarts_connect)
{
	struct disturber d = {.syscall = SYS_connect, .wanted = 3, .act = stop_it};
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	d.fd = fd;
	pthread_t thread = begin(&d, SA_RESTART);
	end("connect", connect_to(fd, &addr), thread);
}

CHECK(signal_interrupts_connect_with_a_time_out_despite_restart)
{
	struct disturber d = {.syscall = SYS_connect, .wanted = 1};
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	set_timeout(fd, SO_SNDTIMEO, 8000);
	pthread_t thread = begin(&d, SA_RESTART);
	end("connect", connect_to(fd, &addr), thread);
	say_poll("under way", fd);
}

/* The peer that did not answer starts to: its address was missing before. */
CHECK(interrupted_connect_goes_on)
{
	struct disturber d = {.syscall = SYS_connect, .wanted = 1};
	struct sockaddr_storage addr;
	int server = fresh(AF_INET, 0);
	address(&addr, "0.0.0.0", 2020);
	must(bind_to(server, &addr) == 0 && listen(server, 5) == 0, "listener");
	address(&addr, "192.0.2.9", 2020);
	int fd = fresh(AF_INET, 0);
	pthread_t thread = begin(&d, 0);
	end("connect", connect_to(fd, &addr), thread);
	must(system("ip address add 192.0.2.9/32 dev lo") == 0, "ip address add");
	wait_for(fd, POLLOUT);
	say_error("SO_ERROR", fd);
	say_poll("connected", fd);
	say_result("connect again", connect_to(fd, &addr));
	say_result("connect again", connect_to(fd, &addr));
	say_result("accept", accept(server, NULL, NULL) < 0 ? -1 : 0);
}

CHECK(signal_interrupts_recv)
{
	struct disturber d = {.syscall = SYS_recvfrom, .wanted = 1};
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	pthread_t thread = begin(&d, 0);
	end("recv", recv(client, &byte, 1, 0), thread);
}

static void send_hello(int fd)
{
	must(send(fd, "hello", 5, 0) == 5, "send");
}

CHECK(signal_restarts_recv)
{
	struct disturber d = {.syscall = SYS_recvfrom, .wanted = 3, .act = send_hello};
	int client, server;
	char buffer[8];
	connected_pair(AF_INET, &client, &server);
	d.fd = server;
	pthread_t thread = begin(&d, SA_RESTART);
	end("recv", recv(client, buffer, sizeof(buffer), 0), thread);
}

CHECK(signal_interrupts_recv_with_a_time_out_despite_restart)
{
	struct disturber d = {.syscall = SYS_recvfrom, .wanted = 1};
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	set_timeout(client, SO_RCVTIMEO, 8000);
	pthread_t thread = begin(&d, SA_RESTART);
	end("recv", recv(client, &byte, 1, 0), thread);
}

CHECK(signal_cuts_recv_that_waits_for_all)
{
	struct disturber d = {.syscall = SYS_recvfrom, .wanted = 1};
	int client, server;
	char buffer[16];
	connected_pair(AF_INET, &client, &server);
	must(send(server, "hello", 5, 0) == 5, "send");
	wait_for(client, POLLIN);
	pthread_t thread = begin(&d, 0);
	end("recv", recv(client, buffer, sizeof(buffer), MSG_WAITALL), thread);
}

CHECK(signal_interrupts_read)
{
	struct disturber d = {.syscall = SYS_read, .wanted = 1};
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	pthread_t thread = begin(&d, 0);
	end("read", read(client, &byte, 1), thread);
}

static void fill(int fd)
{
	static char bytes[65536];
	int flags = fcntl(fd, F_GETFL);
	must(fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0, "F_SETFL");
	/* Full means that nothing is taken for a moment while no process reads. */
	for (int idle = 0; idle < 50;) {
		ssize_t n = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
		if (n > 0) {
			idle = 0;
			continue;
		}
		struct pollfd entry = {.fd = fd, .events = POLLOUT};
		idle += poll(&entry, 1, 10) == 0;
	}
	must(fcntl(fd, F_SETFL, flags) == 0, "F_SETFL");
}

CHECK(signal_interrupts_send)
{
	struct disturber d = {.syscall = SYS_sendto, .wanted = 1};
	int client, server;
	connected_pair(AF_INET, &client, &server);
	fill(client);
	pthread_t thread = begin(&d, 0);
	end("send", send(client, "x", 1, MSG_NOSIGNAL), thread);
}

CHECK(signal_interrupts_poll_despite_restart)
{
	struct disturber d = {.syscall = SYS_poll, .wanted = 1};
	int client, server;
	connected_pair(AF_INET, &client, &server);
	struct pollfd entry = {.fd = client, .events = POLLIN};
	pthread_t thread = begin(&d, SA_RESTART);
	end("poll", poll(&entry, 1, -1), thread);
}

CHECK(time_outs_of_recv_and_send)
{
	int client, server;
	char byte;
	connected_pair(AF_INET, &client, &server);
	set_timeout(client, SO_RCVTIMEO, 30);
	set_timeout(client, SO_SNDTIMEO, 30);
	say_result("recv", recv(client, &byte, 1, 0));
	say_result("read", read(client, &byte, 1));
	fill(client);
	say_result("send", send(client, "x", 1, MSG_NOSIGNAL));
	say_result("write", write(client, "x", 1));
}

static void alarm_in(int ms)
{
	struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000}};
	must(setitimer(ITIMER_REAL, &timer, NULL) == 0, "setitimer");
}

CHECK(alarm_ends_a_connect)
{
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	on_signal(SIGALRM, count, 0);
	alarm_in(150);
	say_result("connect", connect_to(fd, &addr));
	say("signals: %d", (int)signals);
	close(fd);
}

static sigjmp_buf before_connect;

static void jump(int number)
{
	siglongjmp(before_connect, number);
}

CHECK(a_handler_jumps_out_of_a_connect)
{
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int fd = fresh(AF_INET, 0);
	on_signal(SIGALRM, jump, 0);
	alarm_in(150);
	if (sigsetjmp(before_connect, 1) == 0)
		say_result("connect", connect_to(fd, &addr));
	close(fd);
	say("numbers in use: %d", dup(fresh(AF_INET, 0)) - fd);
}

CHECK(alarm_ends_an_accept)
{
	int server = listener(AF_INET, NULL);
	on_signal(SIGALRM, count, 0);
	alarm_in(150);
	say_result("accept", accept(server, NULL, NULL));
	say("signals: %d", (int)signals);
}

CHECK(deadly_alarm_during_a_connect)
{
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	alarm_in(150);
	connect_to(fresh(AF_INET, 0), &addr);
}

static int handler_failures;

static void whole_life_in_a_handler(int number)
{
	int saved = errno;
	char byte;
	(void)number;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&destination, address_len(&destination)) < 0 ||
	    send(fd, "x", 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1)
		handler_failures++;
	close(fd);
	signals++;
	errno = saved;
}

static void *answer_all(void *argument)
{
	int server = *(int *)argument;
	for (;;) {
		char byte;
		int fd = accept(server, NULL, NULL);
		if (fd < 0)
			return NULL;
		while (recv(fd, &byte, 1, 0) == 1)
			send(fd, &byte, 1, MSG_NOSIGNAL);
		close(fd);
	}
}

/*
 * The next signal is sent some time after the end of this handler. At a fixed rate a slow machine
 * would spend all its time in the handler.
 */
static void interrupt_soon(void)
{
	struct itimerval timer = {.it_value = {0, 300 + signals * 137 % 1500}};
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void whole_life_again_and_again(int number)
{
	whole_life_in_a_handler(number);
	interrupt_soon();
}

/*
 * Timers interrupt socket, connect, send, recv and close at any point, and the handler makes the
 * same calls.
 */
CHECK(sockets_in_a_handler_that_interrupts_the_same)
{
	struct itimerval never = {{0, 0}, {0, 0}};
	sigset_t set;
	int bad = 0;
	int server = listener(AF_INET, &destination);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* One for the interrupted connection, one for the handler's own. */
	spawn(answer_all, &server);
	spawn(answer_all, &server);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	on_signal(SIGALRM, whole_life_again_and_again, SA_RESTART);
	interrupt_soon();
	for (int i = 0; i < 50 || signals < 25; i++) {
		char byte;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bad += fd < 0 || connect_to(fd, &destination) < 0 ||
		       send(fd, "y", 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1;
		bad += close(fd) < 0;
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	must(setitimer(ITIMER_REAL, &never, NULL) == 0, "setitimer");
	say("failures: %d, in the handler: %d", bad, handler_failures);
}

CHECK(handler_connects_while_a_connect_blocks)
{
	struct disturber d = {.syscall = SYS_connect, .wanted = 1, .act = stop_it};
	struct sockaddr_storage addr;
	silent(AF_INET, &addr);
	int server = listener(AF_INET, &destination);
	spawn(answer_all, &server);
	int fd = fresh(AF_INET, 0);
	d.fd = fd;
	pthread_t thread = begin(&d, SA_RESTART);
	on_signal(SIGUSR1, whole_life_in_a_handler, SA_RESTART);
	end("connect", connect_to(fd, &addr), thread);
	say("failures in the handler: %d", handler_failures);
}

struct victim {
	int fd;
	_Atomic pid_t tid;
	struct sockaddr_storage addr;
};

static void *victim_accepts(void *argument)
{
	struct victim *victim = argument;
	victim->tid = gettid();
	accept(victim->fd, NULL, NULL);
	return NULL;
}

static void *victim_connects(void *argument)
{
	struct victim *victim = argument;
	victim->tid = gettid();
	connect_to(victim->fd, &victim->addr);
	return NULL;
}

static void *victim_receives(void *argument)
{
	struct victim *victim = argument;
	char byte;
	victim->tid = gettid();
	recv(victim->fd, &byte, 1, 0);
	return NULL;
}

static bool victim_has_begun(void *argument)
{
	return ((struct victim *)argument)->tid != 0;
}

static void cancel(void *(*run)(void *), struct victim *victim, long number)
{
	void *result = NULL;
	pthread_t thread = spawn(run, victim);
	wait_true(victim_has_begun, victim);
	wait_in_syscall(getpid(), victim->tid, number);
	must(pthread_cancel(thread) == 0, "pthread_cancel");
	must(pthread_join(thread, &result) == 0, "pthread_join");
	say("cancelled: %d", result == PTHREAD_CANCELED);
}

CHECK(thread_is_cancelled_in_accept)
{
	struct victim victim = {0};
	victim.fd = listener(AF_INET, &victim.addr);
	cancel(victim_accepts, &victim, SYS_accept);
	int fd = fresh(AF_INET, 0);
	must(connect_to(fd, &victim.addr) == 0, "connect");
	say("accepted afterwards: %d", accept(victim.fd, NULL, NULL) >= 0);
}

CHECK(thread_is_cancelled_in_connect)
{
	struct victim victim = {.fd = fresh(AF_INET, 0)};
	int next = dup(victim.fd);
	close(next);
	silent(AF_INET, &victim.addr);
	cancel(victim_connects, &victim, SYS_connect);
	say("no descriptor is left: %d", dup(victim.fd) == next);
	must(fcntl(victim.fd, F_SETFL, O_NONBLOCK) == 0, "F_SETFL");
	say_result("connect again", connect_to(victim.fd, &victim.addr));
}

CHECK(thread_is_cancelled_in_recv)
{
	struct victim victim = {0};
	int server;
	connected_pair(AF_INET, &victim.fd, &server);
	cancel(victim_receives, &victim, SYS_recvfrom);
	must(send(server, "hello", 5, 0) == 5, "send");
	say_bytes("recv afterwards", victim.fd);
}
