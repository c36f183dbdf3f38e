/* SPDX-License-Identifier: MIT */
#include "engine/undertaker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#define STACK_BYTES (256u << 10)

static struct {
	pthread_mutex_t lock;
	int waiting[RUDP_UNDERTAKER_MAX];
	unsigned first, count;
	unsigned threads; /* that look for more when they are done */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_bool short_of_threads; /* the last that was wanted could not be had */

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

/* One thread more, where somebody waits. */
static void employ(void)
{
	bool wanted, missed;

	pthread_mutex_lock(&all.lock);
	wanted = all.count > 0 && all.threads < RUDP_UNDERTAKER_THREADS;
	all.threads += wanted;
	pthread_mutex_unlock(&all.lock);
	missed = wanted && !start_thread();
	atomic_store(&short_of_threads, missed);
	if (!missed)
		return;
	pthread_mutex_lock(&all.lock);
	all.threads--;
	pthread_mutex_unlock(&all.lock);
}

/* Each that is taken has a thread of its own while there are some, since any of them may be held up. */
void rudp_undertaker_take(int fd)
{
	if (fd < 0)
		return;
	pthread_mutex_lock(&all.lock);
	if (all.count < RUDP_UNDERTAKER_MAX)
		all.waiting[(all.first + all.count++) % RUDP_UNDERTAKER_MAX] = fd;
	pthread_mutex_unlock(&all.lock);
	employ();
}

bool rudp_undertaker_is_short(void)
{
	return atomic_load_explicit(&short_of_threads, memory_order_relaxed);
}

void rudp_undertaker_go_on(void)
{
	if (rudp_undertaker_is_short())
		employ();
}
