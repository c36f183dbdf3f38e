/* SPDX-License-Identifier: MIT */
#include "engine/loop/deferred_close.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_BYTES (256u << 10)
/* Places that need no allocation. Enough: messages are taken only while fewer than
 * RUDP_DEFERRED_CLOSE_MAX (256) descriptors wait, and one message brings at most 253. */
#define RESERVE 1024

static int reserve[RESERVE];

static struct {
	pthread_mutex_t lock;
	int *waiting; /* a ring of capacity entries */
	unsigned capacity, first, count;
	unsigned threads; /* running; each takes the next when it has closed one */
	unsigned closing;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .waiting = reserve, .capacity = RESERVE};

static atomic_bool short_of_threads; /* the last thread that was needed could not be started */

/* false: nothing is left, and the thread does not count any more. */
static bool take_next(int *fd, bool has_closed)
{
	bool found;

	pthread_mutex_lock(&all.lock);
	all.closing -= has_closed;
	found = all.count > 0;
	if (found) {
		*fd = all.waiting[all.first];
		all.first = (all.first + 1) % all.capacity;
		all.count--;
		all.closing++;
	} else {
		all.threads--;
	}
	pthread_mutex_unlock(&all.lock);
	return found;
}

static void *close_all(void *unused)
{
	bool has_closed = false;
	int fd;

	while (take_next(&fd, has_closed)) {
		close(fd);
		has_closed = true;
	}
	return unused;
}

/* The thread inherits the engine's signal mask, which blocks all signals. */
static bool start_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, close_all, NULL);
	pthread_attr_destroy(&attr);
	return rc == 0;
}

/* Starts one more thread if a descriptor waits. */
static void start_if_needed(void)
{
	bool wanted, has_failed;

	pthread_mutex_lock(&all.lock);
	wanted = all.count > 0 && all.threads < RUDP_DEFERRED_CLOSE_THREADS;
	all.threads += wanted;
	pthread_mutex_unlock(&all.lock);
	has_failed = wanted && !start_thread();
	atomic_store(&short_of_threads, has_failed);
	if (!has_failed)
		return;
	pthread_mutex_lock(&all.lock);
	all.threads--;
	pthread_mutex_unlock(&all.lock);
}

/* The caller holds the lock. false: there is no memory for more entries. */
static bool make_room(void)
{
	unsigned capacity = 2 * all.capacity;
	int *places;

	if (all.count < all.capacity)
		return true;
	places = calloc(capacity, sizeof *places);
	if (!places)
		return false;
	for (unsigned i = 0; i < all.count; i++)
		places[i] = all.waiting[(all.first + i) % all.capacity];
	if (all.waiting != reserve)
		free(all.waiting);
	all.waiting = places;
	all.capacity = capacity;
	all.first = 0;
	return true;
}

/* Each descriptor starts a thread of its own up to the maximum, as any close() may block. */
void rudp_deferred_close(int fd)
{
	bool has_room;

	if (fd < 0)
		return;
	pthread_mutex_lock(&all.lock);
	has_room = make_room();
	if (has_room)
		all.waiting[(all.first + all.count++) % all.capacity] = fd;
	pthread_mutex_unlock(&all.lock);
	/* If there is no memory for the entry, blocking is better than a leaked descriptor. */
	if (has_room)
		start_if_needed();
	else
		close(fd);
}

/*
 * The queue is empty and stays so. Without SHUT_RD a message could arrive between the check and the
 * close. SO_PASSCRED adds control data to each message, so MSG_CTRUNC shows even an empty message.
 */
static bool is_empty_for_good(int fd)
{
	struct msghdr header = {0};
	int on = 1;
	ssize_t n;

	if (shutdown(fd, SHUT_RD) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
		return false;
	n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_PEEK);
	/* Datagram sockets have no end of file. */
	return n == 0 ? !(header.msg_flags & MSG_CTRUNC) : n < 0 && errno == EAGAIN;
}

void rudp_deferred_close_socket(int fd, int epoll_fd)
{
	if (is_empty_for_good(fd)) {
		close(fd);
		return;
	}
	/* epoll must not report it while it waits for its thread. */
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	rudp_deferred_close(fd);
}

bool rudp_deferred_close_is_full(void)
{
	bool full;

	pthread_mutex_lock(&all.lock);
	full = all.count + all.closing >= RUDP_DEFERRED_CLOSE_MAX;
	pthread_mutex_unlock(&all.lock);
	return full;
}

bool rudp_deferred_close_is_short(void)
{
	return atomic_load_explicit(&short_of_threads, memory_order_relaxed);
}

void rudp_deferred_close_lock(void)
{
	pthread_mutex_lock(&all.lock);
}

void rudp_deferred_close_unlock(void)
{
	pthread_mutex_unlock(&all.lock);
}

/* Descriptors that a thread was closing are not in this process's table any more. */
void rudp_deferred_close_forked(void)
{
	all.threads = 0;
	all.closing = 0;
	pthread_mutex_unlock(&all.lock);
	start_if_needed();
}

void rudp_deferred_close_go_on(void)
{
	if (rudp_deferred_close_is_short())
		start_if_needed();
}
