/* SPDX-License-Identifier: MIT */
#include <sys/epoll.h>

#include "engine/control/control.h"

static struct rudp_call *call_at(struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct rudp_call, aside_link);
}

static void move_to_epoll(struct rudp_engine *engine, struct rudp_call *call)
{
	rudp_call_leave_aside(engine, call);
	if (rudp_engine_watch(engine, call->fd, EPOLLIN | EPOLLRDHUP, call->id) < 0)
		rudp_call_close(engine, call);
}

void rudp_call_leave_aside(struct rudp_engine *engine, struct rudp_call *call)
{
	if (!rudp_list_is_linked(&call->aside_link))
		return;
	rudp_list_remove(&call->aside_link);
	engine->calls_aside_count--;
}

void rudp_call_put_aside(struct rudp_engine *engine, struct rudp_call *call)
{
	/* Descriptors are scarce: epoll reports the caller's close at once. */
	if (call->fd >= engine->closer.fd_max) {
		move_to_epoll(engine, call);
		return;
	}
	if (engine->calls_aside_count == RUDP_ASIDE_MAX)
		move_to_epoll(engine, call_at(engine->calls_aside.next));
	rudp_list_append(&engine->calls_aside, &call->aside_link);
	engine->calls_aside_count++;
}

/* true: a request has come, or the caller has closed. */
static bool serve_or_close(struct rudp_engine *engine, struct rudp_call *call)
{
	uint64_t id = call->id;
	bool was_answered = call->answered;

	rudp_call_on_event(engine, call, 0);
	call = rudp_call_find(engine, id);
	return !call || call->app_id || call->answered != was_answered;
}

bool rudp_calls_aside_serve(struct rudp_engine *engine)
{
	struct rudp_list *link = engine->calls_aside.next;

	while (link != &engine->calls_aside && call_at(link)->app_id)
		link = link->next;
	return link != &engine->calls_aside && serve_or_close(engine, call_at(link));
}

void rudp_calls_aside_settle(struct rudp_engine *engine)
{
	struct rudp_list *link, *next;

	for (link = engine->calls_aside.next; link != &engine->calls_aside; link = next) {
		struct rudp_call *call = call_at(link);
		bool is_young = engine->now_at_ns - call->since_ns < RUDP_ASIDE_NS;

		next = link->next;
		if (!call->answered || (!serve_or_close(engine, call) && !is_young))
			move_to_epoll(engine, call);
	}
}

int64_t rudp_calls_aside_deadline_ns(const struct rudp_engine *engine)
{
	return engine->calls_aside_count > 0
		       ? call_at(engine->calls_aside.next)->since_ns + RUDP_ASIDE_NS
		       : RUDP_NEVER;
}
