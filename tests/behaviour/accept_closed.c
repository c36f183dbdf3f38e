/* SPDX-License-Identifier: MIT */
/*
 * Apache's children close their listener in a signal handler, which may interrupt accept. Another
 * thread closes a listener in the same way, if the check can wait for it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

struct acceptor {
	int listener;
	atomic_int thread_id;
	int accepted;
};

static void *accept_one(void *argument)
{
	struct acceptor *acceptor = argument;

	atomic_store(&acceptor->thread_id, (int)syscall(SYS_gettid));
	acceptor->accepted = accept(acceptor->listener, NULL, NULL);
	return NULL;
}

static bool waits_in_accept(void *argument)
{
	struct acceptor *acceptor = argument;
	char path[64];
	long number = -1;
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%d/syscall",
		 atomic_load(&acceptor->thread_id));
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%ld", &number) != 1)
		number = -1;
	fclose(file);
	return number == SYS_accept4 || number == SYS_accept;
}

CHECK(a_listener_closed_during_accept_still_gives_the_connection)
{
	struct sockaddr_storage addr;
	struct acceptor acceptor = {.listener = listener(AF_INET, &addr)};
	int client = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;
	char byte;

	must(pthread_create(&thread, NULL, accept_one, &acceptor) == 0, "thread");
	wait_true(waits_in_accept, &acceptor);
	say_result("close", close(acceptor.listener));
	say_result("connect", connect(client, (struct sockaddr *)&addr, address_len(&addr)));
	pthread_join(thread, NULL);
	must(acceptor.accepted >= 0, "accept");
	say_result("write", write(client, "a", 1));
	say_result("read", read(acceptor.accepted, &byte, 1));
	say_result("close", close(acceptor.accepted));
	say_result("end of file", read(client, &byte, 1));
}
