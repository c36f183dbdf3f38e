/* SPDX-License-Identifier: MIT */
#include "engine/undertaker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#define STACK_BYTES (256u << 10)

static struct {
	pthread_mutex_t lock;
	int waiting[RUDP_UNDERTAKER_MAX];
	unsigned first, count;
	unsigned threads; /* that look for more when they are done */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* false: nothing is left, and the thread does not count any more. */
static bool next(int *fd)
{
	bool found;

	pthread_mutex_lock(&all.lock);
	found = all.count > 0;
	if (found) {
		*fd = all.waiting[all.first];
		all.first = (all.first + 1) % RUDP_UNDERTAKER_MAX;
		all.count--;
	} else {
		all.threads--;
	}
	pthread_mutex_unlock(&all.lock);
	return found;
}

static void *bury(void *unused)
{
	int fd;

	while (next(&fd))
		close(fd);
	return unused;
}

/* It has the signal mask of the engine, which takes none. */
static bool start_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, bury, NULL);
	pthread_attr_destroy(&attr);
	return rc == 0;
}

/* Each that is taken has a thread of its own while there are some, since any of them may be held up. */
void rudp_undertaker_take(int fd)
{
	bool wanted;

	if (fd < 0)
		return;
	pthread_mutex_lock(&all.lock);
	if (all.count < RUDP_UNDERTAKER_MAX)
		all.waiting[(all.first + all.count++) % RUDP_UNDERTAKER_MAX] = fd;
	wanted = all.threads < RUDP_UNDERTAKER_THREADS;
	all.threads += wanted;
	pthread_mutex_unlock(&all.lock);
	if (!wanted || start_thread())
		return;
	pthread_mutex_lock(&all.lock);
	all.threads--;
	pthread_mutex_unlock(&all.lock);
}
