/* SPDX-License-Identifier: MIT */
/*
 * Concurrent changes of one socket's mark. A hook is called before each system call that writes, so
 * that the test can act in the middle of a change, between its read and its write.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/mark.h"

#define CHANGERS 4
#define CHANGES 20000

static int fd;
static void (*in_the_midst)(void);
static _Thread_local bool is_watched;

int __real_rudp_raw_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int __wrap_rudp_raw_setsockopt(int fd, int level, int option, const void *value, socklen_t len);

int __wrap_rudp_raw_setsockopt(int to, int level, int option, const void *value, socklen_t len)
{
	if (is_watched) {
		is_watched = false;
		in_the_midst();
	}
	return __real_rudp_raw_setsockopt(to, level, option, value, len);
}

static void make_socket(void)
{
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, rudp_mark_set(fd, 0)));
}

TestSuite(lock, .init = make_socket, .timeout = 120);

static void change_with(void (*hook)(void))
{
	in_the_midst = hook;
	is_watched = true;
	cr_assert(zero(int, rudp_mark_change(fd, RUDP_MARK_V6ONLY, 0)));
	cr_assert(not(is_watched));
}

static void expect_both(void)
{
	cr_assert(eq(int, rudp_mark_get(fd), RUDP_MARK_V6ONLY | RUDP_MARK_NODELAY));
}

static pthread_t other;
static atomic_int other_thread; /* thread id during its change, 0 before, -1 after */

static void *change_beside(void *unused)
{
	other_thread = gettid();
	rudp_mark_change(fd, RUDP_MARK_NODELAY, 0);
	other_thread = -1;
	return unused;
}

static bool sleeps(int thread)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
	file = thread > 0 ? fopen(path, "r") : NULL;
	if (!file)
		return false;
	cr_assert(ge(sz, fread(text, 1, sizeof text - 1, file), 1));
	fclose(file);
	return strstr(text, ") S") != NULL;
}

static void let_another_change(void)
{
	cr_assert(zero(int, pthread_create(&other, NULL, change_beside, NULL)));
	while (other_thread != -1 && !sleeps(other_thread))
		sched_yield();
}

/* However long it takes: the holder may have lost its processor to another program. */
Test(lock, who_is_in_the_midst_of_a_change_is_waited_for)
{
	change_with(let_another_change);
	pthread_join(other, NULL);
	expect_both();
}

static void change_in_handler(int number)
{
	(void)number;
	rudp_mark_change(fd, RUDP_MARK_NODELAY, 0);
}

static void interrupt(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
}

Test(lock, a_handler_does_not_come_in_between)
{
	signal(SIGUSR1, change_in_handler);
	change_with(interrupt);
	expect_both();
}

/* The thread is started before, because a handler may not start one. */
static atomic_bool other_may;

static void *change_when_told(void *argument)
{
	while (!other_may)
		sched_yield();
	return change_beside(argument);
}

static void wait_for_the_other(int number)
{
	(void)number;
	other_may = true;
	while (other_thread != -1)
		sched_yield();
}

Test(lock, a_handler_may_wait_for_a_thread_that_changes)
{
	cr_assert(zero(int, pthread_create(&other, NULL, change_when_told, NULL)));
	signal(SIGUSR1, wait_for_the_other);
	change_with(interrupt);
	cr_assert(eq(int, other_thread, -1));
	expect_both();
}

static void change_in_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(rudp_mark_change(fd, RUDP_MARK_NODELAY, 0) == 0 ? 0 : 1);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
	cr_assert(eq(int, rudp_mark_get(fd), RUDP_MARK_NODELAY));
}

/* In the child, the lock is held by a thread that only the parent has. */
Test(lock, a_child_of_fork_does_not_wait_for_ever)
{
	change_with(change_in_child);
}

static void change_and_die(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		is_watched = true;
		rudp_mark_change(fd, RUDP_MARK_NODELAY, 0);
		_exit(0);
	}
	cr_assert(ge(int, pid, 1));
	cr_assert(eq(int, waitpid(pid, NULL, 0), pid));
}

static void die(void)
{
	kill(getpid(), SIGKILL);
}

/* A vfork child shares its parent's memory, and may be killed at any moment. */
Test(lock, a_child_that_is_killed_in_the_midst_leaves_nothing_locked)
{
	in_the_midst = die;
	change_and_die();
	cr_assert(zero(int, rudp_mark_get(fd)));
	cr_assert(zero(int, rudp_mark_change(fd, RUDP_MARK_V6ONLY, 0)));
	cr_assert(eq(int, rudp_mark_get(fd), RUDP_MARK_V6ONLY));
}

Test(lock, signals_are_as_before)
{
	sigset_t before, after;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	sigprocmask(SIG_SETMASK, &before, NULL);
	cr_assert(zero(int, rudp_mark_change(fd, RUDP_MARK_V6ONLY, 0)));
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int number = 1; number <= SIGRTMAX; number++)
		cr_assert(eq(int, sigismember(&after, number), sigismember(&before, number)));
}

static void put_beside(int number)
{
	(void)number;
	rudp_stored_options_put(fd, &(struct rudp_option){IPPROTO_TCP, TCP_KEEPCNT, 7});
}

Test(lock, of_two_options_put_at_once_none_is_lost)
{
	struct rudp_stored_options stored;
	uint32_t idle = 0, count = 0;

	signal(SIGUSR1, put_beside);
	in_the_midst = interrupt;
	is_watched = true;
	cr_assert(zero(int, rudp_stored_options_put(
				    fd, &(struct rudp_option){IPPROTO_TCP, TCP_KEEPIDLE, 5})));
	cr_assert(zero(int, rudp_stored_options_get(fd, &stored)));
	cr_assert(rudp_stored_options_find(&stored, IPPROTO_TCP, TCP_KEEPIDLE, &idle));
	cr_assert(rudp_stored_options_find(&stored, IPPROTO_TCP, TCP_KEEPCNT, &count));
	cr_assert(eq(u32, idle, 5));
	cr_assert(eq(u32, count, 7));
}

/* A thread does not block signals: a handler interrupts its change, and both changes are kept. */
static void *change_and_be_interrupted(void *unused)
{
	change_with(interrupt);
	return unused;
}

Test(lock, a_handler_in_the_midst_of_a_threads_change_loses_nothing)
{
	signal(SIGUSR1, change_in_handler);
	cr_assert(zero(int, pthread_create(&other, NULL, change_and_be_interrupted, NULL)));
	pthread_join(other, NULL);
	expect_both();
}

static void *put_and_be_interrupted(void *unused)
{
	is_watched = true;
	cr_assert(zero(int, rudp_stored_options_put(
				    fd, &(struct rudp_option){IPPROTO_TCP, TCP_KEEPIDLE, 5})));
	return unused;
}

Test(lock, an_option_put_by_a_handler_in_the_midst_of_a_threads_is_kept)
{
	struct rudp_stored_options stored;
	uint32_t idle = 0, count = 0;

	signal(SIGUSR1, put_beside);
	in_the_midst = interrupt;
	cr_assert(zero(int, pthread_create(&other, NULL, put_and_be_interrupted, NULL)));
	pthread_join(other, NULL);
	cr_assert(zero(int, rudp_stored_options_get(fd, &stored)));
	cr_assert(rudp_stored_options_find(&stored, IPPROTO_TCP, TCP_KEEPIDLE, &idle));
	cr_assert(rudp_stored_options_find(&stored, IPPROTO_TCP, TCP_KEEPCNT, &count));
	cr_assert(eq(u32, idle, 5));
	cr_assert(eq(u32, count, 7));
}

#define SIGNALS 3000

static atomic_int in_main, elsewhere;
static atomic_bool begun, main_unblocks, all_sent;

static void note_thread(int number)
{
	(void)number;
	if (gettid() == getpid())
		in_main++;
	else
		elsewhere++;
}

static void *change_until_all_are_sent(void *unused)
{
	for (unsigned i = 0; !all_sent; i++) {
		rudp_mark_change(fd, i % 2 ? 0 : RUDP_MARK_V6ONLY, i % 2 ? RUDP_MARK_V6ONLY : 0);
		begun = true;
	}
	return unused;
}

/* A starting thread unblocks the signal too. */
static void *send_signals(void *unused)
{
	while (!begun || !main_unblocks)
		sched_yield();
	for (int i = 0; i < SIGNALS; i++) {
		kill(getpid(), SIGUSR1);
		while (in_main + elsewhere == i)
			sched_yield();
	}
	all_sent = true;
	return unused;
}

/* As without rudp: a call that only the signal ends would otherwise never return. */
Test(lock, a_signal_of_the_process_is_the_main_threads)
{
	/* The next signal may arrive while its handler runs, and must not be blocked there. */
	const struct sigaction action = {.sa_handler = note_thread, .sa_flags = SA_NODEFER};
	pthread_t sender;

	sigaction(SIGUSR1, &action, NULL);
	cr_assert(zero(int, pthread_create(&other, NULL, change_until_all_are_sent, NULL)));
	cr_assert(zero(int, pthread_create(&sender, NULL, send_signals, NULL)));
	/* pthread_create() blocks signals in its caller: the new thread may run before it
	 * returns. */
	main_unblocks = true;
	pthread_join(sender, NULL);
	pthread_join(other, NULL);
	cr_assert(zero(int, elsewhere));
	cr_assert(eq(int, in_main, SIGNALS));
}

static const unsigned own_flags[CHANGERS] = {RUDP_MARK_V6ONLY, RUDP_MARK_NODELAY,
					     RUDP_MARK_REUSEPORT, RUDP_MARK_INQ};
static atomic_int lost, handled;

/* The flag of this thread must be as the thread has set it, whatever the others do. */
static void *change_often(void *argument)
{
	const unsigned *own = argument;

	for (int i = 0; i < CHANGES; i++) {
		bool on = i % 2 == 0;

		rudp_mark_change(fd, on ? *own : 0, on ? 0 : *own);
		if (((unsigned)rudp_mark_get(fd) & *own) != (on ? *own : 0))
			lost++;
	}
	return NULL;
}

/* The same for the handler's flag. */
static void change_one_by_one(int number)
{
	bool on = handled % 2 == 0;
	unsigned found = (unsigned)rudp_mark_get(fd) & RUDP_MARK_ABORTED;

	(void)number;
	if (found != (on ? 0 : RUDP_MARK_ABORTED))
		lost++;
	rudp_mark_change(fd, on ? RUDP_MARK_ABORTED : 0, on ? 0 : RUDP_MARK_ABORTED);
	handled++;
}

/* Only the main thread runs handlers, one at a time. */
Test(lock, threads_and_handlers_that_change_all_the_time_lose_nothing)
{
	struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
	pthread_t threads[CHANGERS];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 1; i < CHANGERS; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, change_often,
						   (void *)&own_flags[i])));
	signal(SIGALRM, change_one_by_one);
	setitimer(ITIMER_REAL, &often, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	change_often((void *)&own_flags[0]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	for (int i = 1; i < CHANGERS; i++)
		pthread_join(threads[i], NULL);
	cr_assert(zero(int, lost));
	cr_assert(ge(int, handled, 1));
}
