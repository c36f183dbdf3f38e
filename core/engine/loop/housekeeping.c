/* SPDX-License-Identifier: MIT */
/*
 * What nobody tells the engine: sockets closed, programs gone, itself no longer needed.
 */
#include <errno.h>
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

/* A living process that has asked for this engine. */
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
	for (struct rudp_list *link = engine->clients.next; link != &engine->clients;
	     link = link->next)
		if (RUDP_LIST_OWNER(link, struct client, link)->pid == pid)
			return true;
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

/* Where this fails the engine just ends earlier, and the program's next socket starts another. */
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
	/* Its listeners may have ended with it: plain TCP peers should be refused from now on. */
	rudp_binding_probe_all(engine);
	if (pid == engine->pid_before)
		rudp_ports_leaving_end(engine);
}

static void close_stale_calls(struct rudp_engine *engine, struct rudp_list *calls)
{
	struct rudp_list *link, *next;

	for (link = calls->next; link != calls; link = next) {
		struct rudp_call *call = RUDP_LIST_OWNER(link, struct rudp_call, link);

		next = link->next;
		if (!call->app_id && engine->now_at_ns - call->since_ns > RUDP_CALL_LINGER_NS)
			rudp_call_close(engine, call);
	}
}

bool rudp_engine_is_idle(const struct rudp_engine *engine)
{
	return engine->call_count == 0 && engine->app_count == 0 && engine->binding_count == 0 &&
	       engine->client_count == 0 && engine->tcp_count == 0 &&
	       rudp_endpoint_conn_count(engine->ep) == 0;
}

/*
 * A caller that is just coming must not be lost: the control listener is shut first (connect is
 * refused from then on, and the shim starts another engine), then those who came before are let in,
 * and only then does the name go. If somebody was there, the engine stays for that one, without its
 * well-known name.
 */
static void leave(struct rudp_engine *engine)
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

static bool is_kept(const struct rudp_engine *engine)
{
	return !engine->is_moved && engine->now_at_ns < engine->keep_until_ns;
}

/*
 * Between two looks somebody may have come and gone: an engine that serves short connections
 * is idle at the moment of each look, and would leave in the middle of them.
 */
static bool has_served(struct rudp_engine *engine)
{
	bool served = engine->apps_made != engine->apps_at_look;

	engine->apps_at_look = engine->apps_made;
	return served;
}

static void look_for_end(struct rudp_engine *engine)
{
	if (!ends_by_itself(engine))
		return;
	if (has_served(engine) || !rudp_engine_is_idle(engine) || is_kept(engine)) {
		engine->idle_since_ns = RUDP_NEVER;
		return;
	}
	if (engine->idle_since_ns == RUDP_NEVER)
		engine->idle_since_ns = engine->now_at_ns;
	if (engine->now_at_ns - engine->idle_since_ns >= RUDP_IDLE_END_NS)
		leave(engine);
}

static void begin_to_stop(struct rudp_engine *engine, int64_t max_ns)
{
	engine->stopping = true;
	engine->stop_at_ns = engine->now_at_ns + max_ns;
	engine->housekeeping_at_ns = engine->now_at_ns;
	rudp_log(RUDP_LOG_INFO, "ends as asked, with %u connections", engine->app_count);
}

void rudp_engine_stop(struct rudp_engine *engine)
{
	if (!engine->stopping)
		begin_to_stop(engine, RUDP_DRAIN_MAX_NS);
}

/* What its program has not ended, or is not delivered, must not look like all there was. */
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
	leave(engine);
}

static bool is_delivered(struct rudp_engine *engine, const struct rudp_app *app)
{
	struct rudp_conn_stats stats;

	(void)engine;
	if (app->ends.out == RUDP_OUT_LOST || app->stage != RUDP_APP_OPEN)
		return true;
	rudp_carrier_stats(&app->carrier, &stats);
	return rudp_app_is_drained(app) && stats.unacked_bytes == 0;
}

/* As the end of the program would: what it has not read makes it a reset. */
static void close_as_program(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->stage == RUDP_APP_OPEN && app->ends.out != RUDP_OUT_LOST &&
	    (rudp_app_unread(app) > 0 || rudp_carrier_receive_available(&app->carrier) > 0))
		rudp_app_reset(engine, app);
	else
		rudp_app_free(engine, app);
}

/* The program ends with us: everything written so far has arrived, so its connections are closed. */
static void close_delivered(struct rudp_engine *engine)
{
	struct rudp_list *link, *next;

	for (link = engine->apps.next; link != &engine->apps; link = next) {
		struct rudp_app *app = RUDP_LIST_OWNER(link, struct rudp_app, link);

		next = link->next;
		if (is_delivered(engine, app))
			close_as_program(engine, app);
	}
}

/* Who retires has time to acknowledge what peers repeat; a program that ends is being waited for. */
static bool has_done_all(const struct rudp_engine *engine)
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
	if (late || has_done_all(engine))
		rudp_engine_end(engine);
}

#define DRAIN_STEP_NS (5 * RUDP_NS_PER_MS)

/* Descriptors, memory, room in an accept queue: nothing tells that there is some again. */
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
	if (engine->housekeeping_at_ns > engine->now_at_ns)
		return;
	rudp_drop_log_report(&engine->drop_log, rudp_endpoint_verdicts(engine->ep),
			     engine->now_at_ns);
	rudp_binding_probe_all(engine);
	close_stale_calls(engine, &engine->calls);
	close_stale_calls(engine, &engine->unauthenticated_calls);
	rudp_deferred_close_go_on();
	if (engine->stopping)
		drain(engine);
	else
		look_for_end(engine);
	engine->housekeeping_at_ns =
		engine->now_at_ns + (engine->stopping ? DRAIN_STEP_NS : RUDP_HOUSEKEEPING_NS);
}

/* A quiet engine that nothing can happen to unheard sleeps. */
int64_t rudp_housekeeping_deadline_ns(const struct rudp_engine *engine)
{
	bool ends = ends_by_itself(engine) && rudp_engine_is_idle(engine);
	bool needed = engine->binding_count || engine->call_count ||
		      engine->unauthenticated_count || engine->stopping ||
		      rudp_deferred_close_is_short() || (ends && !is_kept(engine));
	int64_t deadline = rudp_time_min(engine->retry_at_ns, engine->listeners_open_at_ns);

	if (ends && is_kept(engine))
		deadline = rudp_time_min(deadline, engine->keep_until_ns);
	return needed ? rudp_time_min(deadline, engine->housekeeping_at_ns) : deadline;
}
