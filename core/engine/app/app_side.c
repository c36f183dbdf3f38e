/* SPDX-License-Identifier: MIT */
#include "engine/app/app_side.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mark.h"
#include "base/log.h"
#include "engine/connect/connect.h"
#include "engine/ports/listener.h"
#include "engine/loop/deferred_close.h"

#define END_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)

struct rudp_app *rudp_app_find(struct rudp_engine *engine, uint64_t id)
{
	return rudp_slots_find(&engine->slots, id, RUDP_KIND_APP);
}

struct rudp_app *rudp_app_of(struct rudp_engine *engine, int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof un;
	struct rudp_name name;

	if (getpeername(fd, (struct sockaddr *)&un, &len) < 0 ||
	    rudp_name_parse(&name, &un, len) != RUDP_NAME_CONNECTION ||
	    memcmp(&name.nonce, &engine->nonce, sizeof name.nonce) != 0)
		return NULL;
	return rudp_app_find(engine, name.id);
}

struct rudp_app *rudp_app_new(struct rudp_engine *engine, const struct rudp_sock_options *options,
			      const struct rudp_addr *local, const struct rudp_addr *remote)
{
	struct rudp_app *app = rudp_pool_take(&engine->app_pool);

	if (!app)
		return NULL;
	app->id = rudp_slots_add(&engine->slots, RUDP_KIND_APP, app);
	if (!app->id) {
		rudp_pool_give(&engine->app_pool, app);
		return NULL;
	}
	app->fd = app->join_fd = -1;
	app->options = *options;
	app->local = *local;
	app->remote = *remote;
	rudp_list_append(&engine->apps, &app->link);
	engine->app_count++;
	engine->apps_made++;
	return app;
}

void rudp_app_take_conn(struct rudp_app *app, struct rudp_conn *conn)
{
	app->carrier.conn = conn;
	rudp_conn_set_user(conn, (void *)(uintptr_t)app->id);
}

/* Its binding counts it among those that no accept has taken yet. */
static void leave_queue(struct rudp_engine *engine, struct rudp_app *app)
{
	struct rudp_binding *binding = rudp_binding_find(engine, app->binding_id);

	if (binding && app->stage == RUDP_APP_UNDECIDED)
		binding->queued--;
	if (binding && binding->waiting_id == app->id)
		binding->waiting_id = 0;
	if (app->waiting_counted)
		engine->waiting_count--;
	app->waiting_counted = false;
}

/* Where both directions are shut and nothing is left unread, a close tells the program nothing. */
static void close_end(struct rudp_engine *engine, const struct rudp_app *app)
{
	/* The program sees a reset: nobody has taken what it was connected to. */
	rudp_deferred_close(app->join_fd); /* unauthenticated callers may have come there */
	if (rudp_ends_is_shut(&app->ends) && app->unread_tail == 0)
		rudp_closer_take(&engine->closer, app->fd, engine->now_at_ns);
	else if (app->fd >= 0)
		close(app->fd);
}

/* What the peer has of an attempt that is given up is not all there was: no end of file behind it. */
static void abandon_attempt(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->stage != RUDP_APP_CONNECTING || app->early_bytes == 0 || !app->carrier.conn)
		return;
	rudp_conn_abandon(app->carrier.conn, engine->now_at_ns);
	app->carrier.conn = NULL;
}

void rudp_app_free(struct rudp_engine *engine, struct rudp_app *app)
{
	abandon_attempt(engine, app);
	leave_queue(engine, app);
	rudp_race_fini(engine, app);
	rudp_carrier_close(engine, &app->carrier, rudp_ends_left_unread(&app->ends));
	close_end(engine, app);
	rudp_list_remove(&app->ready_link);
	rudp_list_remove(&app->unread_link);
	rudp_list_remove(&app->starved_link);
	rudp_list_remove(&app->link);
	rudp_slots_remove(&engine->slots, app->id);
	engine->app_count--;
	rudp_pool_give(&engine->app_pool, app);
}

void rudp_app_reset(struct rudp_engine *engine, struct rudp_app *app)
{
	rudp_carrier_reset(engine, &app->carrier);
	rudp_app_free(engine, app);
}

socklen_t rudp_app_name(const struct rudp_engine *engine, const struct rudp_app *app,
			struct sockaddr_un *un)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONNECTION,
				 .nonce = engine->nonce,
				 .id = app->id,
				 .local = app->local,
				 .remote = app->remote};

	return rudp_name_write(&name, un);
}

int rudp_app_attach(struct rudp_engine *engine, struct rudp_app *app, int fd)
{
	int on = 1;
	int rc;

	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
	rc = rudp_engine_watch(engine, fd, END_EVENTS, app->id);
	if (rc < 0)
		return rc;
	app->fd = fd;
	app->may_write = true;
	return 0;
}

void rudp_app_await_reading(struct rudp_engine *engine, struct rudp_app *app)
{
	/* Room that has come since is told at once. */
	if (!app->awaits_reading)
		app->awaits_reading = rudp_engine_rewatch(engine, app->fd, END_EVENTS | EPOLLOUT,
							  app->id) == 0;
}

void rudp_app_again(struct rudp_engine *engine, struct rudp_app *app)
{
	if (!rudp_list_is_linked(&app->ready_link))
		rudp_list_append(&engine->ready, &app->ready_link);
}

static void open_stage(struct rudp_engine *engine, struct rudp_app *app)
{
	uint64_t binding_id = app->binding_id;

	leave_queue(engine, app);
	app->stage = RUDP_APP_OPEN;
	app->may_read = true;
	rudp_listener_retry(engine, binding_id);
}

/* What it has written is all there by then. */
static void on_closed(struct rudp_app *app, bool left_unread)
{
	rudp_ends_on_closed(&app->ends, left_unread);
	app->may_read = true;
}

/*
 * Has the shim's accept put its sentinel in, or is the first thing there data of somebody else's
 * accept? Nothing may be read before this is known, or a nonce that comes meanwhile passes for data.
 */
static void decide(struct rudp_engine *engine, struct rudp_app *app)
{
	uint8_t first[RUDP_SENTINEL_BYTES + 1];
	ssize_t n = recv(app->fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
	bool by_shim = n >= RUDP_SENTINEL_BYTES &&
		       memcmp(first, &engine->nonce, RUDP_SENTINEL_BYTES) == 0;

	if (n < 0 && errno == EAGAIN)
		app->may_read = false;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* It is read off together with what will come behind it. */
	if (by_shim)
		app->unread_tail = RUDP_SENTINEL_BYTES;
	if (n < 0 && errno == ECONNRESET)
		on_closed(app, true); /* the listener was closed with us in its queue */
	open_stage(engine, app);
	/* An urgent byte would have ended the look. Else nothing is there: what comes raises an edge. */
	if (by_shim && n == RUDP_SENTINEL_BYTES && !app->urgent)
		app->may_read = false;
}

/* Bytes have found no memory, and no event tells when there is some again. */
static void wait_for_memory(struct rudp_engine *engine, struct rudp_app *app)
{
	if (!rudp_list_is_linked(&app->starved_link))
		rudp_list_append(&engine->starved, &app->starved_link);
	engine->retry_at_ns =
		rudp_time_min(engine->retry_at_ns, engine->now_at_ns + RUDP_RETRY_NS);
}

/*
 * The kernel gives the program ECONNRESET since something unread is left in our end; as with TCP after
 * all that came before. Who writes is told at once.
 */
static void end_failed(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->stage == RUDP_APP_UNDECIDED)
		return; /* closed now, the accept would see a plain end of file */
	if (app->may_write)
		while (rudp_ends_gives(&app->ends) && rudp_app_deliver(engine, app))
			;
	if (rudp_ends_gives(&app->ends) && rudp_carrier_receive_available(&app->carrier) > 0) {
		shutdown(app->fd, SHUT_RD);
		if (app->may_write)
			wait_for_memory(engine, app);
		return;
	}
	rudp_app_free(engine, app);
}

bool rudp_app_close_resets(const struct rudp_app *app)
{
	return rudp_ends_close_resets(&app->ends, app->options.reset_on_close);
}

/* The program has closed, or shut both ways and then wants to read an end. true: the app is gone. */
static bool end_closed(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->ends.out == RUDP_OUT_RESETS && app->last_call_turn != engine->turns) {
		rudp_app_reset(engine, app);
		return true;
	}
	if (rudp_app_close_resets(app)) {
		/* What it wrote last gets the chance that the transmit at the end of this turn gives. */
		if (app->ends.out != RUDP_OUT_RESETS) {
			rudp_ends_on_last_call(&app->ends);
			app->last_call_turn = engine->turns;
		}
		rudp_app_again(engine, app);
		return false;
	}
	if (rudp_ends_takes(&app->ends) && !rudp_app_is_drained(app))
		return false;
	rudp_app_consume_all(engine, app);
	rudp_app_free(engine, app);
	return true;
}

/*
 * The peer's end of file goes to the program. When the program has half-closed already, both ends shut
 * are a hang-up, which some programs take for "nothing to read": so only when it has read everything.
 */
static void tell_end(struct rudp_engine *engine, struct rudp_app *app)
{
	if (!rudp_ends_owes_telling(&app->ends) || !rudp_carrier_receive_eof(&app->carrier))
		return;
	if (rudp_ends_has_last_words(&app->ends) && rudp_app_unread(app) > 0) {
		rudp_app_await_reading(engine, app);
		return;
	}
	rudp_ends_on_told(&app->ends);
	shutdown(app->fd, SHUT_WR);
}

/* true: the app is gone. */
static bool look_at_ends(struct rudp_engine *engine, struct rudp_app *app)
{
	if (rudp_ends_is_closed(&app->ends))
		return end_closed(engine, app);
	if (app->stage == RUDP_APP_OPEN && rudp_ends_owes_end(&app->ends) &&
	    rudp_app_is_drained(app)) {
		rudp_ends_on_given(&app->ends);
		rudp_carrier_shutdown_send(engine, &app->carrier);
	}
	tell_end(engine, app);
	if (!rudp_ends_is_over(&app->ends))
		return false;
	rudp_app_consume_all(engine, app);
	rudp_app_free(engine, app);
	return true;
}

/* The handshake is over, and its event is due: the peer is to have what was written behind the
 * connect gate. */
static bool is_about_to_open(const struct rudp_app *app)
{
	enum rudp_state state = app->stage == RUDP_APP_CONNECTING && app->carrier.conn
					? rudp_conn_state(app->carrier.conn)
					: RUDP_STATE_CLOSED;

	return state == RUDP_STATE_ESTABLISHED || state == RUDP_STATE_CLOSE_WAIT;
}

/* Something is there to be taken, one way or the other, and only memory for it is lacking. */
static bool is_starved(const struct rudp_app *app)
{
	bool from_program = app->may_read && app->stage == RUDP_APP_OPEN &&
			    rudp_ends_takes(&app->ends) && rudp_carrier_send_room(&app->carrier) > 0;

	bool from_network = app->may_write && rudp_carrier_receive_available(&app->carrier) > 0;

	return from_program || (rudp_ends_gives(&app->ends) &&
				(from_network || rudp_carrier_is_starved(&app->carrier)));
}

void rudp_app_retry_all(struct rudp_engine *engine)
{
	struct rudp_list turn, *link;

	/* Any of them may go meanwhile, and leaves the list then. */
	rudp_list_init(&turn);
	while ((link = rudp_list_pop(&engine->starved)))
		rudp_list_append(&turn, link);
	while ((link = rudp_list_pop(&turn)))
		rudp_app_pump(engine, RUDP_LIST_OWNER(link, struct rudp_app, starved_link));
}

void rudp_app_pump(struct rudp_engine *engine, struct rudp_app *app)
{
	bool more = false;

	if (app->stage == RUDP_APP_CONNECTING || app->stage == RUDP_APP_WAITING) {
		/* The peer may have the first bytes: those behind the connect gate follow them. */
		if (rudp_ends_is_closed(&app->ends) && app->early_bytes == 0 && !is_about_to_open(app))
			rudp_app_free(engine, app);
		return;
	}
	if (app->stage == RUDP_APP_UNDECIDED && app->may_read)
		decide(engine, app);
	if (app->ends.out == RUDP_OUT_LOST) {
		end_failed(engine, app);
		return;
	}
	if (app->may_read && app->stage == RUDP_APP_OPEN && rudp_ends_takes(&app->ends))
		more = rudp_app_drain(engine, app);
	if (app->may_write && rudp_ends_gives(&app->ends))
		more |= rudp_app_deliver(engine, app);
	if (!rudp_ends_gives(&app->ends))
		more |= rudp_carrier_discard(&app->carrier);
	/* Reading on has found what no event told, since there was no room for what came before it. */
	if (app->carrier.by_tcp && rudp_carrier_error(&app->carrier)) {
		rudp_app_fail(engine, app, rudp_carrier_error(&app->carrier));
		return;
	}
	if (look_at_ends(engine, app))
		return;
	if (more)
		rudp_app_again(engine, app);
	else if (is_starved(app))
		wait_for_memory(engine, app);
}

static bool shows(const struct rudp_app *app, short bit)
{
	struct pollfd one = {.fd = app->fd, .events = bit};

	return app->fd >= 0 && poll(&one, 1, 0) > 0 && one.revents & bit;
}

bool rudp_app_has_half_closed(const struct rudp_app *app)
{
	return rudp_ends_has_last_words(&app->ends) || shows(app, POLLRDHUP);
}

static bool hangup_is_close(const struct rudp_app *app)
{
	return rudp_ends_hangup_is_close(&app->ends, app->options.reset_on_close);
}

void rudp_app_on_epoll(struct rudp_engine *engine, struct rudp_app *app, uint32_t events)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP))
		app->may_read = true;
	app->urgent = events & EPOLLPRI;
	if (events & EPOLLOUT)
		app->may_write = true;
	if (events & EPOLLRDHUP)
		rudp_ends_on_last_words(&app->ends);
	if (events & EPOLLERR && getsockopt(app->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error)
		on_closed(app, true);
	else if (events & EPOLLHUP && hangup_is_close(app))
		on_closed(app, false);
	rudp_app_pump(engine, app);
}

/* Once for each, by their places, which hold whatever goes meanwhile. */
void rudp_app_look_for_hangups(struct rudp_engine *engine, uint16_t port)
{
	uint32_t place = 0;
	enum rudp_kind kind;
	struct rudp_app *app;

	while ((app = rudp_slots_next(&engine->slots, &place, RUDP_KIND_APP, RUDP_KIND_APP,
				      &kind))) {
		uint64_t id = app->id;

		if (rudp_addr_port(&app->local) != port)
			continue;
		if (!rudp_ends_is_closed(&app->ends) && hangup_is_close(app) && shows(app, POLLHUP))
			rudp_app_on_epoll(engine, app, EPOLLHUP | EPOLLIN | EPOLLERR);
		/* One that resets would take two turns. */
		app = rudp_app_find(engine, id);
		if (app && app->ends.out == RUDP_OUT_RESETS)
			rudp_app_reset(engine, app);
	}
}

void rudp_app_note_failure(struct rudp_engine *engine, const struct rudp_app *app,
			   enum rudp_failure_cause cause, int error)
{
	struct rudp_failure failure = {.at_ns = engine->now_at_ns,
				       .cause = cause,
				       .transport = app->transport,
				       .error = error,
				       .pid = app->program.pid,
				       .remote = app->remote};

	memcpy(failure.program, app->program.name, sizeof failure.program);
	rudp_failures_add(&engine->failures, &failure);
}

/* A reset is the peer's word, and common: only silence is worth a note once a connection stood. */
static void note_end(struct rudp_engine *engine, const struct rudp_app *app, int error)
{
	enum rudp_failure_cause cause = rudp_failure_cause_of(error);

	if (app->stage == RUDP_APP_CONNECTING && app->race.told_error == error)
		return;
	if (app->stage == RUDP_APP_CONNECTING)
		rudp_app_note_failure(engine, app, cause, error);
	else if (cause == RUDP_FAILURE_SILENT || cause == RUDP_FAILURE_UNREACHABLE)
		rudp_app_note_failure(engine, app, RUDP_FAILURE_LOST, error);
}

void rudp_app_fail(struct rudp_engine *engine, struct rudp_app *app, int error)
{
	char remote[RUDP_ADDR_TEXT_SIZE];

	rudp_ends_on_lost(&app->ends, error);
	rudp_closed_errors_put(&engine->closed_errors, app->id, app->ends.error);
	note_end(engine, app, app->ends.error);
	if (rudp_log_wants(RUDP_LOG_INFO))
		rudp_log(RUDP_LOG_INFO, "%s (pid %u): %s %s: %s", app->program.name,
			 app->program.pid,
			 app->stage == RUDP_APP_CONNECTING ? "no connection to"
							   : "lost the connection to",
			 rudp_addr_format(&app->remote, remote), strerrordesc_np(app->ends.error));
	switch (app->stage) {
	case RUDP_APP_CONNECTING:
		rudp_connect_on_failed(engine, app);
		break;
	case RUDP_APP_WAITING:
		rudp_app_free(engine, app);
		break;
	case RUDP_APP_UNDECIDED:
	case RUDP_APP_OPEN:
		rudp_app_pump(engine, app);
		break;
	}
}

/* The facts of an established connection, whatever carries it. */
static void on_carrier(struct rudp_engine *engine, struct rudp_app *app)
{
	int error = rudp_carrier_error(&app->carrier);

	if (error)
		rudp_app_fail(engine, app, error);
	else
		rudp_app_pump(engine, app);
}

void rudp_app_on_conn(struct rudp_engine *engine, struct rudp_app *app, unsigned events)
{
	uint64_t id = app->id;

	if (app->stage == RUDP_APP_CONNECTING || app->carrier.by_tcp) {
		rudp_race_on_conn(engine, app, events);
		app = rudp_app_find(engine, id);
		if (!app || app->stage == RUDP_APP_CONNECTING || app->carrier.by_tcp)
			return;
	} else if (app->options.conn.deferred && app->carrier.conn) {
		rudp_race_on_deferred(engine, app, events);
	}
	if (app->ends.out != RUDP_OUT_LOST)
		on_carrier(engine, app);
}

void rudp_app_on_tcp(struct rudp_engine *engine, struct rudp_app *app)
{
	uint64_t id = app->id;

	if (app->stage == RUDP_APP_CONNECTING) {
		rudp_race_on_tcp(engine, app);
		app = rudp_app_find(engine, id);
		if (!app || app->stage == RUDP_APP_CONNECTING)
			return;
	}
	if (app->ends.out != RUDP_OUT_LOST)
		on_carrier(engine, app);
}
