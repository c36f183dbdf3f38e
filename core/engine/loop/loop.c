/* SPDX-License-Identifier: MIT */
#include "engine/loop/loop.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/app/app_side.h"
#include "engine/control/control.h"
#include "engine/ports/listener.h"
#include "engine/connect/race.h"
#include "engine/udp/roam.h"
#include "engine/ports/port_share.h"
#include "engine/carrier/tcp.h"
#include "engine/udp/udp.h"
#include "engine/udp/udp_spare.h"

static void on_signal(struct rudp_engine *engine, const int *signal_fd)
{
	struct signalfd_siginfo info;

	if (read(*signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	if (info.ssi_signo == SIGINT && engine->stopping)
		rudp_engine_end(engine); /* a user has pressed Ctrl-C twice */
	else
		rudp_engine_retire(engine);
}

void rudp_engine_watch_signals(struct rudp_engine *engine)
{
	static int fd;
	sigset_t set;
	uint64_t id;

	rudp_engine_signals(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	id = fd >= 0 ? rudp_slots_add(&engine->slots, RUDP_KIND_SIGNAL, &fd) : 0;
	if (id)
		rudp_engine_watch(engine, fd, EPOLLIN, id);
}

void rudp_engine_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

static void dispatch(struct rudp_engine *engine, uint64_t id, uint32_t events)
{
	enum rudp_kind kind = rudp_slots_kind(id);
	void *object = rudp_slots_find(&engine->slots, id, kind);

	if (!object)
		return; /* freed after the kernel queued the event */
	switch (kind) {
	case RUDP_KIND_FREE:
		break;
	case RUDP_KIND_CONTROL_LISTENER:
		rudp_control_listener_on_event(engine, object);
		break;
	case RUDP_KIND_CALL:
		rudp_call_on_event(engine, object, events);
		break;
	case RUDP_KIND_UDP:
		rudp_udp_on_event(engine, object, events);
		break;
	case RUDP_KIND_APP:
		rudp_app_on_epoll(engine, object, events);
		break;
	case RUDP_KIND_TCP:
		rudp_tcp_on_event(engine, object, events);
		break;
	case RUDP_KIND_BINDING:
		rudp_listener_on_tcp(engine, object);
		break;
	case RUDP_KIND_CLIENT:
		rudp_client_on_event(engine, id);
		break;
	case RUDP_KIND_SIGNAL:
		on_signal(engine, object);
		break;
	case RUDP_KIND_PORT_SHARE:
		rudp_port_share_on_event(engine, object);
		break;
	case RUDP_KIND_ROAM:
		rudp_roam_on_event(engine);
		break;
	}
}

/*
 * Continues the apps that a bounded pass left over. An app that is still not done goes to the end
 * of the list.
 */
static void run_ready(struct rudp_engine *engine)
{
	struct rudp_list turn, *link;
	int count = 0;

	rudp_list_init(&turn);
	while (count++ < RUDP_READY_PER_TURN && (link = rudp_list_pop(&engine->ready)))
		rudp_list_append(&turn, link);
	while ((link = rudp_list_pop(&turn)))
		rudp_app_pump(engine, RUDP_LIST_OWNER(link, struct rudp_app, ready_link));
}

static void on_conn_event(struct rudp_engine *engine, struct rudp_conn *conn)
{
	unsigned events = rudp_conn_take_events(conn);
	uint64_t id = (uint64_t)(uintptr_t)rudp_conn_user(conn);
	struct rudp_listener *listener = rudp_conn_listener(conn);
	struct rudp_app *app = rudp_app_find(engine, id);

	if (app)
		rudp_app_on_conn(engine, app, events);
	else if (listener && events & RUDP_EVENT_ESTABLISHED)
		rudp_listener_pump(engine, rudp_listener_user(listener));
}

/* Many connections have events at once if the key of all of them is revoked. */
static void run_conn_events(struct rudp_engine *engine)
{
	struct rudp_conn *conn;
	int count = 0;

	while (count++ < RUDP_CONN_EVENTS_PER_PASS && (conn = rudp_endpoint_next_event(engine->ep)))
		on_conn_event(engine, conn);
	engine->has_conn_events = count > RUDP_CONN_EVENTS_PER_PASS;
}

/* Sockets of this engine that have received trains, in the order of the trains. */
struct own_sockets {
	struct rudp_udp *udps[RUDP_FEW_TRAINS];
	int count;
};

/* Sends one train. false: there was none. *own: the receiving socket, if it belongs to this
 * engine. */
static bool transmit_one(struct rudp_engine *engine, struct rudp_udp **own)
{
	struct rudp_train train = {.data = engine->train_buffer, .cap = RUDP_TRAIN_BYTES_MAX};

	*own = NULL;
	if (!rudp_endpoint_transmit(engine->ep, &train, engine->now_at_ns))
		return false;
	if (!train.socket || train.len == 0)
		return true;
	rudp_udp_send(engine, train.socket, &train);
	*own = rudp_udp_own_at(engine, &train.remote);
	return true;
}

/* If there are many trains, *own is empty. */
static void transmit(struct rudp_engine *engine, struct own_sockets *own)
{
	struct rudp_udp *udp;
	int count = 0;

	own->count = 0;
	while (count < RUDP_TRAINS_PER_TURN && transmit_one(engine, &udp)) {
		if (count++ < RUDP_FEW_TRAINS && udp &&
		    (own->count == 0 || own->udps[own->count - 1] != udp))
			own->udps[own->count++] = udp;
	}
	if (count > RUDP_FEW_TRAINS)
		own->count = 0;
}

/*
 * On loopback the peer is often in this very engine. Then the datagrams have arrived already and
 * need not wait for epoll: a handshake, a request or a reply goes from socket to socket in one
 * turn. The sockets are read in the order of the trains, so that connections of one program arrive
 * at accept in the order in which it has opened them.
 */
static void transmit_and_receive(struct rudp_engine *engine)
{
	struct own_sockets own;

	transmit(engine, &own);
	for (int i = 0; own.count && i < RUDP_HOPS_PER_TURN; i++) {
		engine->now_at_ns = rudp_clock_now_ns();
		for (int j = 0; j < own.count; j++)
			rudp_udp_receive(engine, own.udps[j]);
		run_conn_events(engine);
		transmit(engine, &own);
	}
}

static int64_t wait_ns(const struct rudp_engine *engine)
{
	int64_t deadline = rudp_time_min(rudp_endpoint_deadline_ns(engine->ep),
					 rudp_housekeeping_deadline_ns(engine));

	deadline = rudp_time_min(deadline, rudp_timer_wheel_next_at_ns(&engine->race_timers));
	deadline = rudp_time_min(deadline, rudp_app_consume_at_ns(engine));
	deadline = rudp_time_min(deadline, rudp_calls_aside_deadline_ns(engine));
	deadline = rudp_time_min(deadline, engine->heap.trim_at_ns);
	deadline = rudp_time_min(deadline, rudp_udp_spares_deadline_ns(engine));
	deadline = rudp_time_min(deadline, rudp_udp_moderated_at_ns(engine));
	deadline = rudp_time_min(deadline, rudp_qlog_deadline_ns(&engine->qlog));
	deadline = rudp_time_min(deadline, engine->roam.check_at_ns);
	deadline = rudp_time_min(deadline, rudp_identity_deadline_ns(engine));
	if (!rudp_list_is_empty(&engine->ready) || !rudp_list_is_empty(&engine->tcp_dirty) ||
	    !rudp_list_is_empty(&engine->orphan_udps) ||
	    !rudp_list_is_empty(&engine->calls_catching_up) || engine->has_conn_events)
		return 0;
	if (deadline == RUDP_NEVER)
		return RUDP_NEVER;
	deadline -= rudp_clock_now_ns();
	return deadline > 0 ? deadline : 0;
}

static int wait_ms(int64_t span_ns)
{
	if (span_ns == RUDP_NEVER)
		return -1;
	if (span_ns > 3600 * RUDP_NS_PER_S)
		return 3600 * 1000;
	return (int)((span_ns + RUDP_NS_PER_MS - 1) / RUDP_NS_PER_MS);
}

/* With nanoseconds, if the kernel has them (5.11); else in milliseconds, rounded up. */
static int wait_events(struct rudp_engine *engine, struct epoll_event *events, int64_t span_ns)
{
	static bool coarse;
	struct timespec timeout = {span_ns / RUDP_NS_PER_S, span_ns % RUDP_NS_PER_S};
	int n;

	/* For a poll without waiting the older call does less work. */
	if (span_ns == 0)
		return epoll_wait(engine->epoll_fd, events, RUDP_EVENTS_PER_TURN, 0);
	if (!coarse) {
		n = (int)syscall(SYS_epoll_pwait2, engine->epoll_fd, events, RUDP_EVENTS_PER_TURN,
				 span_ns == RUDP_NEVER ? NULL : &timeout, NULL, 0);
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		coarse = true;
	}
	return epoll_wait(engine->epoll_fd, events, RUDP_EVENTS_PER_TURN, wait_ms(span_ns));
}

static void turn(struct rudp_engine *engine, const struct epoll_event *events, int count)
{
	rudp_key_watch(engine);
	rudp_identity_watch(engine);
	for (int i = 0; i < count; i++)
		dispatch(engine, events[i].data.u64, events[i].events);
	rudp_udp_read_moderated(engine);
	if (engine->roam.check_at_ns <= engine->now_at_ns)
		rudp_roam_check(engine);
	run_ready(engine);
	rudp_app_consume_due(engine);
	if (rudp_endpoint_deadline_ns(engine->ep) <= engine->now_at_ns)
		rudp_endpoint_on_time(engine->ep, engine->now_at_ns);
	run_conn_events(engine);
	rudp_race_run_timers(engine);
	rudp_tcp_flush_all(engine);
	if (rudp_housekeeping_deadline_ns(engine) <= engine->now_at_ns)
		rudp_housekeeping(engine);
	transmit_and_receive(engine);
	rudp_calls_catch_up(engine);
	rudp_closer_due(&engine->closer, engine->now_at_ns);
	if (rudp_calls_aside_deadline_ns(engine) <= engine->now_at_ns)
		rudp_calls_aside_settle(engine);
	/* Last: the steps above may have left sockets unused, which no event reports. */
	rudp_udp_close_orphans(engine);
	rudp_udp_drop_old_spares(engine);
	rudp_qlog_run(&engine->qlog);
	/* The heap of a thread belongs to its program. */
	if (!engine->stays)
		rudp_heap_update(&engine->heap, rudp_endpoint_rest_count(engine->ep),
				 rudp_endpoint_free_count(engine->ep),
				 rudp_endpoint_budget(engine->ep)->used_bytes, engine->now_at_ns);
}

int64_t rudp_engine_busy_poll_ns(struct rudp_engine *engine)
{
	return engine->settings.has_busy_poll
		       ? engine->settings.busy_poll_ns
		       : rudp_busy_poll_span_ns(&engine->busy_poll, rudp_clock_now_ns());
}

/* Does one piece of the work that can wait until nothing else is to be done. false: nothing is
 * left. */
static bool do_idle_work(struct rudp_engine *engine)
{
	return rudp_calls_aside_serve(engine) || rudp_closer_one(&engine->closer) ||
	       rudp_sockets_make(&engine->sockets);
}

/*
 * sched_yield() lets other processes of this session run between two polls. It has no effect on
 * processes of another scheduling group (autogroup, cgroup).
 */
static int poll_for(struct rudp_engine *engine, struct epoll_event *events, int64_t span_ns)
{
	int64_t since_ns = rudp_clock_now_ns(), polled_ns = 0;
	int count = wait_events(engine, events, 0);

	if (count != 0)
		return count;
	do {
		if (wait_ns(engine) == 0)
			return 0;
		if (!do_idle_work(engine))
			sched_yield();
		count = wait_events(engine, events, 0);
		polled_ns = rudp_clock_now_ns() - since_ns;
	} while (count == 0 && polled_ns < span_ns);
	if (count > 0)
		rudp_busy_poll_on_found(&engine->busy_poll, polled_ns);
	else
		rudp_busy_poll_on_missed(&engine->busy_poll, polled_ns);
	return count;
}

static int sleep_for(struct rudp_engine *engine, struct epoll_event *events)
{
	int64_t since_ns = rudp_clock_now_ns();
	int count = wait_events(engine, events, wait_ns(engine));

	if (count > 0)
		rudp_busy_poll_on_woken(&engine->busy_poll, rudp_clock_now_ns() - since_ns);
	return count;
}

/* Prepares one key pair at a time while idle, so a new event waits for one at most. */
static int wait_or_prepare(struct rudp_engine *engine, struct epoll_event *events)
{
	int64_t span_ns;
	int count;

	while (rudp_endpoint_may_prepare(engine->ep) && wait_ns(engine) > 0) {
		count = wait_events(engine, events, 0);
		if (count != 0)
			return count;
		rudp_endpoint_prepare(engine->ep);
	}
	span_ns = rudp_engine_busy_poll_ns(engine);
	if (span_ns > 0 && (count = poll_for(engine, events, span_ns)) != 0)
		return count;
	/* Something has to be done at once, and epoll was polled already. */
	if (span_ns > 0 && wait_ns(engine) == 0)
		return 0;
	rudp_closer_all(&engine->closer);
	rudp_calls_aside_settle(engine);
	return sleep_for(engine, events);
}

void rudp_engine_run(struct rudp_engine *engine)
{
	struct epoll_event events[RUDP_EVENTS_PER_TURN];

	while (!engine->over) {
		int count = wait_or_prepare(engine, events);

		engine->now_at_ns = rudp_clock_now_ns();
		engine->turns++;
		turn(engine, events, count > 0 ? count : 0);
		if (atomic_load(&engine->leave_wanted))
			return;
	}
	/* Traces have an end record. */
	rudp_endpoint_end(engine->ep, engine->now_at_ns);
	rudp_qlog_flush(&engine->qlog);
}
