/* SPDX-License-Identifier: MIT */
/* Finds what no event reports: closed sockets, ended programs, and that the engine is not
 * needed. */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/app/app_side.h"
#include "engine/control/control.h"
#include "engine/failover/failover_state.h"
#include "engine/loop/deferred_close.h"
#include "engine/loop/loop.h"
#include "engine/ports/binding.h"
#include "engine/ports/listener.h"
#include "engine/ports/port_leaving.h"
#include "engine/udp/udp_spare.h"

/* A live process that has asked for this engine. */
struct client {
	uint64_t id;
	int fd; /* pidfd: readable when it has ended */
	uint32_t pid;
	struct rudp_list link;
};

static bool ends_by_itself(const struct rudp_engine *engine)
{
	return !engine->stays || engine->is_moved;
}

static bool is_client(struct rudp_engine *engine, uint32_t pid)
{
	RUDP_LIST_EACH(const struct client, client, &engine->clients, link) {
		if (client->pid == pid)
			return true;
	}
	return false;
}

static void client_free(struct rudp_engine *engine, struct client *client)
{
	rudp_slots_remove(&engine->slots, client->id);
	rudp_list_remove(&client->link);
	close(client->fd);
	engine->client_count--;
	free(client);
}

/* On failure the engine only ends earlier, and the program's next socket starts another one. */
void rudp_client_add(struct rudp_engine *engine, uint32_t pid)
{
	struct client *client;

	if (!ends_by_itself(engine) || engine->client_count >= RUDP_CLIENTS_MAX ||
	    is_client(engine, pid))
		return;
	client = calloc(1, sizeof *client);
	if (!client)
		return;
	client->pid = pid;
	client->fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (client->fd < 0) {
		free(client);
		return;
	}
	client->id = rudp_slots_add(&engine->slots, RUDP_KIND_CLIENT, client);
	rudp_list_append(&engine->clients, &client->link);
	engine->client_count++;
	if (!client->id || rudp_engine_watch(engine, client->fd, EPOLLIN, client->id) < 0)
		client_free(engine, client);
}

void rudp_client_on_event(struct rudp_engine *engine, uint64_t id)
{
	struct client *client = rudp_slots_find(&engine->slots, id, RUDP_KIND_CLIENT);
	uint32_t pid;

	if (!client)
		return;
	pid = client->pid;
	client_free(engine, client);
	/* Its listeners may have closed with it: plain TCP peers should be refused from now on. */
	rudp_binding_probe_all(engine);
	if (pid == engine->pid_before)
		rudp_ports_leaving_end(engine);
}

/* Closes at most RUDP_CALLS_PER_PASS of them. true: there may be more. */
static bool close_some_stale(struct rudp_engine *engine, struct rudp_list *calls)
{
	int count = 0;

	RUDP_LIST_EACH_SAFE(struct rudp_call, call, calls, link) {
		if (call->app_id || engine->now_at_ns - call->since_ns <= RUDP_CALL_LINGER_NS)
			continue;
		rudp_call_close(engine, call);
		if (++count == RUDP_CALLS_PER_PASS)
			return true;
	}
	return false;
}

/* The rest follows in the next turn, as thousands would delay this one. */
static void close_stale_calls(struct rudp_engine *engine)
{
	bool is_more = close_some_stale(engine, &engine->calls);

	is_more |= close_some_stale(engine, &engine->unauthenticated_calls);
	engine->stale_calls_at_ns = engine->now_at_ns + (is_more ? 0 : RUDP_HOUSEKEEPING_NS);
}

bool rudp_engine_is_idle(const struct rudp_engine *engine)
{
	return engine->call_count == 0 && engine->app_count == 0 && engine->binding_count == 0 &&
	       engine->client_count == 0 && engine->tcp_count == 0 &&
	       rudp_endpoint_conn_count(engine->ep) == 0;
}

/*
 * A caller that is about to connect must not be lost. First the listener is shut down: connects are
 * refused from now on, and the shim starts another engine. Then the callers in its queue are
 * served, and only then the name is given up. If there were callers, the engine continues to serve
 * them, without its well-known name.
 */
static void try_to_end(struct rudp_engine *engine)
{
	struct rudp_control_listener *listener = rudp_control_listener_well_known(engine);
	uint64_t before;

	if (listener) {
		rudp_failover_forget_control_listener(engine, listener);
		shutdown(listener->fd, SHUT_RDWR);
	}
	while (listener) {
		before = engine->callers_count;
		rudp_control_listener_on_event(engine, listener);
		if (engine->callers_count == before)
			rudp_engine_unpublish(engine);
		listener = rudp_control_listener_well_known(engine);
	}
	engine->over = rudp_engine_is_idle(engine);
}

static bool has_knowledge_to_keep(const struct rudp_engine *engine)
{
	return !engine->is_moved && engine->now_at_ns < engine->keep_until_ns;
}

/*
 * Connections may have come and gone since the last check. An engine with short connections is idle
 * at each check, and would end between two of them.
 */
static bool has_served_since_check(struct rudp_engine *engine)
{
	bool served = engine->apps_made != engine->apps_at_check;

	engine->apps_at_check = engine->apps_made;
	return served;
}

static void check_for_end(struct rudp_engine *engine)
{
	if (!ends_by_itself(engine))
		return;
	if (has_served_since_check(engine) || !rudp_engine_is_idle(engine) ||
	    has_knowledge_to_keep(engine)) {
		engine->idle_since_ns = RUDP_NEVER;
		return;
	}
	if (engine->idle_since_ns == RUDP_NEVER)
		engine->idle_since_ns = engine->now_at_ns;
	if (engine->now_at_ns - engine->idle_since_ns >= RUDP_IDLE_END_NS)
		try_to_end(engine);
}

static void begin_to_stop(struct rudp_engine *engine, int64_t max_ns)
{
	engine->stopping = true;
	engine->stop_at_ns = engine->now_at_ns + max_ns;
	engine->housekeeping_at_ns = engine->now_at_ns;
	rudp_log(RUDP_LOG_INFO, "ending on request; %u connections are open", engine->app_count);
}

void rudp_engine_stop(struct rudp_engine *engine)
{
	if (!engine->stopping)
		begin_to_stop(engine, RUDP_DRAIN_MAX_NS);
}

/* A connection that is not finished must not look like a complete one, so it is reset. */
void rudp_engine_end(struct rudp_engine *engine)
{
	while (!rudp_list_is_empty(&engine->apps))
		rudp_app_reset(engine, RUDP_LIST_OWNER(engine->apps.next, struct rudp_app, link));
	engine->over = true;
}

void rudp_engine_retire(struct rudp_engine *engine)
{
	if (engine->stopping)
		return;
	rudp_failover_end(engine);
	engine->retires = true;
	begin_to_stop(engine, RUDP_RETIRE_MAX_NS);
	try_to_end(engine);
}

static bool is_delivered(const struct rudp_app *app)
{
	struct rudp_conn_stats stats;

	if (app->ends.out == RUDP_OUT_FAILED || app->stage != RUDP_APP_OPEN)
		return true;
	rudp_carrier_stats(&app->carrier, &stats);
	return rudp_app_is_drained(app) && stats.unacked_bytes == 0;
}

/* Acts as the end of the program would: unread data makes it a reset. */
static void close_as_program(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->stage == RUDP_APP_OPEN && app->ends.out != RUDP_OUT_FAILED &&
	    (rudp_app_unread(app) > 0 || rudp_carrier_receive_available(&app->carrier) > 0))
		rudp_app_reset(engine, app);
	else
		rudp_app_free(engine, app);
}

/* The program ends, and all that it wrote has been delivered: closes its connections. */
static void close_delivered(struct rudp_engine *engine)
{
	RUDP_LIST_EACH_SAFE(struct rudp_app, app, &engine->apps, link) {
		if (is_delivered(app))
			close_as_program(engine, app);
	}
}

/*
 * An engine that retires has time to acknowledge repeated packets; a program that ends waits for
 * this one.
 */
static bool is_drained(const struct rudp_engine *engine)
{
	if (engine->app_count > 0 || engine->tcp_count > 0)
		return false;
	return engine->retires ? rudp_endpoint_conn_count(engine->ep) == 0
			       : !rudp_endpoint_owes(engine->ep);
}

static void drain(struct rudp_engine *engine)
{
	bool late = engine->now_at_ns >= engine->stop_at_ns;

	if (!engine->retires)
		close_delivered(engine);
	if (late || is_drained(engine))
		rudp_engine_end(engine);
}

#define DRAIN_STEP_NS (5 * RUDP_NS_PER_MS)

/* No event reports that there are descriptors, memory or room in an accept queue again. */
static void retry(struct rudp_engine *engine)
{
	engine->retry_at_ns = RUDP_NEVER;
	rudp_udp_drop_spares(engine);
	rudp_listener_retry_all(engine);
	rudp_app_retry_all(engine);
}

void rudp_housekeeping(struct rudp_engine *engine)
{
	if (engine->retry_at_ns <= engine->now_at_ns)
		retry(engine);
	if (engine->listeners_open_at_ns <= engine->now_at_ns)
		rudp_control_listeners_reopen(engine);
	if (engine->stale_calls_at_ns <= engine->now_at_ns)
		close_stale_calls(engine);
	if (engine->housekeeping_at_ns > engine->now_at_ns)
		return;
	rudp_drop_log_report(&engine->drop_log, rudp_endpoint_verdicts(engine->ep),
			     engine->now_at_ns);
	rudp_binding_probe_all(engine);
	rudp_deferred_close_go_on();
	if (engine->stopping)
		drain(engine);
	else
		check_for_end(engine);
	engine->housekeeping_at_ns =
		engine->now_at_ns + (engine->stopping ? DRAIN_STEP_NS : RUDP_HOUSEKEEPING_NS);
}

/* An idle engine sleeps without a deadline, unless something can change without an event. */
int64_t rudp_housekeeping_deadline_ns(const struct rudp_engine *engine)
{
	bool ends = ends_by_itself(engine) && rudp_engine_is_idle(engine);
	bool needed = engine->binding_count || engine->stopping || rudp_deferred_close_is_short() ||
		      (ends && !has_knowledge_to_keep(engine));
	int64_t deadline = rudp_time_min(engine->retry_at_ns, engine->listeners_open_at_ns);

	if (engine->call_count || engine->unauthenticated_count)
		deadline = rudp_time_min(deadline, engine->stale_calls_at_ns);
	if (ends && has_knowledge_to_keep(engine))
		deadline = rudp_time_min(deadline, engine->keep_until_ns);
	return needed ? rudp_time_min(deadline, engine->housekeeping_at_ns) : deadline;
}
