/* SPDX-License-Identifier: MIT */
#include "messaging/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "messaging/node_private.h"

#define EVENTS_AT_ONCE 64

struct rudpmsg_loop {
	pthread_t thread;
	int epoll_fd;
	struct rudpmsg_watch wake;
	pthread_mutex_t lock; /* protects the members below, and each member's due, is_leaving and
			       * has_left */
	pthread_cond_t left;
	struct rudp_list due;
	bool is_asleep; /* the thread waits in epoll_wait, or is about to */
	bool is_over;
	int64_t written_at_ns;  /* when bytes of one of its nodes were written last */
	struct rudp_list ready; /* used by the thread only, like timers */
	struct rudp_timer_wheel timers;
	unsigned users; /* number of nodes; protected by the pool's lock */
};

static struct {
	pthread_mutex_t lock;
	pid_t owner; /* after a fork the child has the loops' memory, but not their threads */
	struct rudpmsg_loop *loops[RUDPMSG_LOOPS_MAX];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the thread ---- */

/* Wakes the thread if it sleeps. The caller holds the loop's lock. */
static void wake_thread(struct rudpmsg_loop *loop)
{
	uint64_t one = 1;

	if (!loop->is_asleep)
		return;
	loop->is_asleep = false;
	while (write(loop->wake.fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void make_ready(struct rudpmsg_loop *loop, struct rudpmsg_loop_member *member)
{
	if (!rudp_list_is_linked(&member->ready))
		rudp_list_append(&loop->ready, &member->ready);
}

static void let_go(struct rudpmsg_loop *loop, struct rudpmsg_loop_member *member)
{
	rudp_timer_cancel(&loop->timers, &member->timer);
	rudpmsg_node_on_leave(member);
	pthread_mutex_lock(&loop->lock);
	member->has_left = true;
	pthread_cond_broadcast(&loop->left);
	pthread_mutex_unlock(&loop->lock);
}

/* Takes the nodes that have work now. Nodes that get work later are served in the next round. */
static void take_due(struct rudpmsg_loop *loop)
{
	struct rudpmsg_loop_member *member;
	struct rudp_list *link, leaving;

	rudp_list_init(&leaving);
	pthread_mutex_lock(&loop->lock);
	while ((link = rudp_list_pop(&loop->due))) {
		member = RUDP_LIST_OWNER(link, struct rudpmsg_loop_member, due);
		make_ready(loop, member);
		if (!member->is_leaving)
			continue;
		rudp_list_remove(&member->ready);
		rudp_list_append(&leaving, &member->ready);
	}
	pthread_mutex_unlock(&loop->lock);
	while ((link = rudp_list_pop(&leaving)))
		let_go(loop, RUDP_LIST_OWNER(link, struct rudpmsg_loop_member, ready));
}

static void serve_ready(struct rudpmsg_loop *loop)
{
	struct rudp_list *link;
	struct rudpmsg_loop_member *member;

	while ((link = rudp_list_pop(&loop->ready))) {
		member = RUDP_LIST_OWNER(link, struct rudpmsg_loop_member, ready);
		rudp_timer_arm(&loop->timers, &member->timer, rudpmsg_node_serve(member));
	}
}

static int timeout_ms(const struct rudpmsg_loop *loop)
{
	return rudp_time_poll_ms(rudp_timer_wheel_next_at_ns(&loop->timers), rudp_clock_now_ns());
}

/* Returns the time that epoll_wait may wait: none while a node has work. */
static int prepare_to_wait(struct rudpmsg_loop *loop)
{
	int wait_ms = timeout_ms(loop);

	pthread_mutex_lock(&loop->lock);
	loop->is_asleep = rudp_list_is_empty(&loop->due) && !loop->is_over;
	if (!loop->is_asleep)
		wait_ms = 0;
	pthread_mutex_unlock(&loop->lock);
	return wait_ms;
}

static bool wake_up(struct rudpmsg_loop *loop)
{
	bool is_over;

	pthread_mutex_lock(&loop->lock);
	loop->is_asleep = false;
	is_over = loop->is_over;
	pthread_mutex_unlock(&loop->lock);
	return !is_over;
}

static void on_event(struct rudpmsg_loop *loop, const struct epoll_event *event)
{
	struct rudpmsg_watch *watch = event->data.ptr;
	struct rudpmsg_loop_member *member = watch->member;
	uint64_t count;

	if (watch->kind == RUDPMSG_WATCH_WAKE) {
		while (read(watch->fd, &count, sizeof count) < 0 && errno == EINTR)
			;
		return;
	}
	rudpmsg_node_on_event(watch, event->events);
	make_ready(loop, member);
}

static void on_time(struct rudpmsg_loop *loop)
{
	int64_t now_at_ns = rudp_clock_now_ns();
	struct rudp_timer *timer;

	while ((timer = rudp_timer_wheel_pop(&loop->timers, now_at_ns)))
		make_ready(loop, RUDP_LIST_OWNER(timer, struct rudpmsg_loop_member, timer));
}

static void *run(void *context)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	struct rudpmsg_loop *loop = context;
	int count, i;

	for (;;) {
		take_due(loop);
		serve_ready(loop);
		count = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, prepare_to_wait(loop));
		if (!wake_up(loop))
			return NULL;
		for (i = 0; i < count; i++)
			on_event(loop, events + i);
		on_time(loop);
	}
}

/* ---- descriptors ---- */

static int epoll_set(int epoll_fd, struct rudpmsg_watch *watch, unsigned before, unsigned events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	int operation = events == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (before == events)
		return 0;
	return epoll_ctl(epoll_fd, operation, watch->fd, &event) < 0 ? -errno : 0;
}

int rudpmsg_loop_watch(struct rudpmsg_watch *watch, unsigned before, unsigned events)
{
	const struct rudpmsg_loop *loop = watch->member->loop;

	return loop ? epoll_set(loop->epoll_fd, watch, before, events) : 0;
}

/* ---- the pool ---- */

static void loop_free(struct rudpmsg_loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	pthread_cond_destroy(&loop->left);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

static int loop_new(struct rudpmsg_loop **out)
{
	struct rudpmsg_loop *loop = calloc(1, sizeof *loop);
	int rc;

	if (!loop)
		return -ENOMEM;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->left, NULL);
	rudp_list_init(&loop->due);
	rudp_list_init(&loop->ready);
	rudp_timer_wheel_init(&loop->timers, rudp_clock_now_ns());
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = (struct rudpmsg_watch){RUDPMSG_WATCH_WAKE,
					    eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), NULL};
	rc = loop->epoll_fd < 0 || loop->wake.fd < 0 ? -errno : 0;
	if (rc == 0)
		rc = epoll_set(loop->epoll_fd, &loop->wake, 0, EPOLLIN);
	if (rc == 0)
		rc = rudpmsg_thread_start(&loop->thread, run, loop);
	if (rc < 0)
		loop_free(loop);
	else
		*out = loop;
	return rc;
}

/* Ends the thread of a loop without nodes, and frees the loop. */
static void loop_end(struct rudpmsg_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->is_over = true;
	wake_thread(loop);
	pthread_mutex_unlock(&loop->lock);
	pthread_join(loop->thread, NULL);
	loop_free(loop);
}

/* Chooses the place for a new node: a free slot, in which a loop is made, or the loop with the
 * fewest nodes. */
static struct rudpmsg_loop **choose(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN), i;
	struct rudpmsg_loop **best = pool.loops;

	for (i = 0; i < processors && i < RUDPMSG_LOOPS_MAX; i++) {
		if (!pool.loops[i])
			return pool.loops + i;
		if (pool.loops[i]->users < (*best)->users)
			best = pool.loops + i;
	}
	return *best ? best : pool.loops;
}

int rudpmsg_loop_join(struct rudpmsg_loop_member *member)
{
	struct rudpmsg_loop **loop;
	int rc = 0;

	pthread_mutex_lock(&pool.lock);
	if (pool.owner != getpid()) {
		memset(pool.loops, 0, sizeof pool.loops);
		pool.owner = getpid();
	}
	loop = choose();
	if (!*loop)
		rc = loop_new(loop);
	if (rc == 0) {
		member->loop = *loop;
		member->loop->users++;
	}
	pthread_mutex_unlock(&pool.lock);
	if (rc == 0)
		rudpmsg_loop_serve(member);
	return rc;
}

static void forget(struct rudpmsg_loop *loop)
{
	unsigned i;

	pthread_mutex_lock(&pool.lock);
	if (--loop->users == 0) {
		for (i = 0; i < RUDPMSG_LOOPS_MAX; i++)
			if (pool.loops[i] == loop)
				pool.loops[i] = NULL;
		loop_end(loop);
	}
	pthread_mutex_unlock(&pool.lock);
}

void rudpmsg_loop_leave(struct rudpmsg_loop_member *member)
{
	struct rudpmsg_loop *loop = member->loop;

	pthread_mutex_lock(&loop->lock);
	member->is_leaving = true;
	if (!rudp_list_is_linked(&member->due))
		rudp_list_append(&loop->due, &member->due);
	wake_thread(loop);
	while (!member->has_left)
		pthread_cond_wait(&loop->left, &loop->lock);
	pthread_mutex_unlock(&loop->lock);
	member->loop = NULL;
	forget(loop);
}

void rudpmsg_loop_serve(struct rudpmsg_loop_member *member)
{
	struct rudpmsg_loop *loop = member->loop;

	pthread_mutex_lock(&loop->lock);
	if (!rudp_list_is_linked(&member->due))
		rudp_list_append(&loop->due, &member->due);
	wake_thread(loop);
	pthread_mutex_unlock(&loop->lock);
}

bool rudpmsg_loop_may_write(struct rudpmsg_loop_member *member, int64_t now_at_ns)
{
	struct rudpmsg_loop *loop = member->loop;
	bool may;

	pthread_mutex_lock(&loop->lock);
	may = loop->is_asleep && now_at_ns - loop->written_at_ns >= RUDPMSG_WRITE_PAUSE_NS;
	if (may)
		loop->written_at_ns = now_at_ns;
	pthread_mutex_unlock(&loop->lock);
	return may;
}

void rudpmsg_loop_note_write(struct rudpmsg_loop_member *member, int64_t now_at_ns)
{
	pthread_mutex_lock(&member->loop->lock);
	member->loop->written_at_ns = now_at_ns;
	pthread_mutex_unlock(&member->loop->lock);
}
