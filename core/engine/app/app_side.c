/* SPDX-License-Identifier: MIT */
#include "engine/app/app_side.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/raw_syscall.h"
#include "api/socket_name.h"
#include "base/log.h"
#include "engine/connect/connect.h"
#include "engine/identity/peer_check.h"
#include "engine/ports/listener.h"
#include "engine/loop/deferred_close.h"

#define END_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)

struct rudp_app *rudp_app_find(struct rudp_engine *engine, uint64_t id)
{
	return rudp_slots_find(&engine->slots, id, RUDP_KIND_APP);
}

struct rudp_app *rudp_app_of(struct rudp_engine *engine, int fd)
{
	struct rudp_name name;

	if (!rudp_socket_connection_name(fd, &name) ||
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

/* The binding counts connections that are handed over and not accepted yet. */
static void leave_queue(struct rudp_engine *engine, struct rudp_app *app)
{
	struct rudp_binding *binding = rudp_binding_find(engine, app->binding_id);

	if (binding && app->stage == RUDP_APP_UNDECIDED)
		binding->queued--;
	if (binding && binding->waiting_id == app->id)
		binding->waiting_id = 0;
}

/*
 * If both directions are shut and nothing is unread, a close tells the program nothing: it can
 * wait.
 */
static void close_end(struct rudp_engine *engine, const struct rudp_app *app)
{
	if (app->is_joining)
		rudp_join_discard(&engine->join);
	/*
	 * The program's socket was not accepted there: the program sees a reset. Other users may
	 * have connected to that listener, too.
	 */
	rudp_deferred_close(app->join_fd);
	if (rudp_ends_is_shut(&app->ends) && app->unread_tail == 0)
		rudp_closer_take(&engine->closer, app->fd, engine->now_at_ns);
	else if (app->fd >= 0)
		close(app->fd);
}

/*
 * The peer may have early bytes of this attempt, which are not all: it must not get a FIN after
 * them.
 */
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
	/* If there is room already, epoll reports it at once. */
	if (!app->watches_epollout)
		app->watches_epollout =
			rudp_engine_rewatch(engine, app->fd, END_EVENTS | EPOLLOUT, app->id) == 0;
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

/* All that the program wrote is in the queue by now. */
static void on_closed(struct rudp_app *app, bool left_unread)
{
	rudp_ends_on_closed(&app->ends, left_unread);
	app->may_read = true;
}

/*
 * Tells by the first bytes whether they are the sentinel of the shim's accept, or data of a program
 * that accepted without the shim. Nothing may be read before this is known: a sentinel that comes
 * meanwhile would be taken for data.
 */
static void detect_sentinel(struct rudp_engine *engine, struct rudp_app *app)
{
	uint8_t first[RUDP_SENTINEL_BYTES + 1];
	ssize_t n = recv(app->fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
	bool by_shim =
		n >= RUDP_SENTINEL_BYTES && memcmp(first, &engine->nonce, RUDP_SENTINEL_BYTES) == 0;

	if (n < 0 && errno == EAGAIN)
		app->may_read = false;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* The sentinel is consumed together with the bytes that follow. */
	if (by_shim)
		app->unread_tail = RUDP_SENTINEL_BYTES;
	if (n < 0 && errno == ECONNRESET)
		on_closed(app, true); /* the listener was closed with our end in its queue */
	open_stage(engine, app);
	/*
	 * An urgent byte would have ended the peek. Else the queue is empty: new bytes raise an
	 * edge.
	 */
	if (by_shim && n == RUDP_SENTINEL_BYTES && !app->urgent)
		app->may_read = false;
}

bool rudp_app_is_accepted(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->stage == RUDP_APP_UNDECIDED)
		detect_sentinel(engine, app);
	return app->stage == RUDP_APP_OPEN;
}

/* There was no memory for bytes, and no event reports when there is some again. */
static void wait_for_memory(struct rudp_engine *engine, struct rudp_app *app)
{
	if (!rudp_list_is_linked(&app->starved_link))
		rudp_list_append(&engine->starved, &app->starved_link);
	engine->retry_at_ns = rudp_time_min(engine->retry_at_ns, engine->now_at_ns + RUDP_RETRY_NS);
}

/*
 * After all bytes the engine closes its end with unread input, so the kernel gives the program
 * ECONNRESET, as with TCP. TCP tells that also to a program that reads nothing. So the socket's
 * buffer should take all that has arrived; if it does not, a program that writes gets the error.
 */
static void end_failed(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->stage == RUDP_APP_UNDECIDED)
		return; /* a close now would look like an end of file to the accepting program */
	if (rudp_ends_may_deliver(&app->ends) && rudp_carrier_receive_available(&app->carrier) > 0)
		rudp_app_make_room(app);
	if (app->may_write)
		while (rudp_ends_may_deliver(&app->ends) && rudp_app_deliver(engine, app))
			;
	if (rudp_ends_may_deliver(&app->ends) &&
	    rudp_carrier_receive_available(&app->carrier) > 0) {
		shutdown(app->fd, SHUT_RD);
		rudp_app_discard_written(engine, app);
		if (app->may_write)
			wait_for_memory(engine, app);
		return;
	}
	rudp_app_free(engine, app);
}

/*
 * TCP resets as soon as a program closes with unread input. Here the peer first gets what the
 * program wrote, as long as it reads and the network carries something.
 */
static bool is_taken(const struct rudp_engine *engine, struct rudp_app *app)
{
	uint32_t left = (uint32_t)rudp_app_queued_bytes(app);
	int64_t limit_ns = rudp_carrier_waits_for_reader(&app->carrier) ? RUDP_NO_READER_NS
									: RUDP_FIN_TIMEOUT_NS;

	if (left != app->left_bytes || app->left_at_ns == 0) {
		app->left_bytes = left;
		app->left_at_ns = engine->now_at_ns;
	}
	return engine->now_at_ns - app->left_at_ns < limit_ns;
}

/*
 * The program has closed, or shut both directions and waits for the end of file. true: the app is
 * freed.
 */
static bool end_closed(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->ends.out == RUDP_OUT_RESETTING && app->reset_due_turn != engine->turns) {
		rudp_app_reset(engine, app);
		return true;
	}
	if (rudp_ends_close_resets(&app->ends, app->options.reset_on_close)) {
		/* The last bytes may leave in the transmit phase at the end of this turn. */
		if (app->ends.out != RUDP_OUT_RESETTING) {
			rudp_ends_on_reset_due(&app->ends);
			app->reset_due_turn = engine->turns;
		}
		rudp_app_again(engine, app);
		return false;
	}
	if (rudp_ends_may_drain(&app->ends) && !rudp_app_is_drained(app)) {
		if (!rudp_ends_left_unread(&app->ends)) {
			rudp_carrier_orphan(engine, &app->carrier);
			return false;
		}
		if (is_taken(engine, app)) {
			wait_for_memory(engine, app);
			return false;
		}
		rudp_app_reset(engine, app);
		return true;
	}
	rudp_app_consume_all(engine, app);
	rudp_app_free(engine, app);
	return true;
}

/* Passes the peer's FIN on to the program, after all bytes of the peer. */
static void send_eof(struct rudp_app *app)
{
	if (!rudp_ends_owes_eof(&app->ends) || !rudp_carrier_receive_eof(&app->carrier))
		return;
	rudp_ends_on_eof_sent(&app->ends);
	shutdown(app->fd, SHUT_WR);
}

/* true: the app is freed. */
static bool handle_ends(struct rudp_engine *engine, struct rudp_app *app)
{
	if (rudp_ends_is_closed(&app->ends))
		return end_closed(engine, app);
	if (app->stage == RUDP_APP_OPEN && rudp_ends_owes_fin(&app->ends) &&
	    rudp_app_is_drained(app)) {
		rudp_ends_on_fin_sent(&app->ends);
		rudp_carrier_shutdown_send(engine, &app->carrier);
	}
	send_eof(app);
	if (!rudp_ends_is_over(&app->ends))
		return false;
	rudp_app_consume_all(engine, app);
	rudp_app_free(engine, app);
	return true;
}

/* The handshake is over and its event is pending: the peer must get the bytes after the gate. */
static bool is_about_to_open(const struct rudp_app *app)
{
	enum rudp_state state = app->stage == RUDP_APP_CONNECTING && app->carrier.conn
					? rudp_conn_state(app->carrier.conn)
					: RUDP_STATE_CLOSED;

	return state == RUDP_STATE_ESTABLISHED || state == RUDP_STATE_CLOSE_WAIT;
}

/* Bytes wait in one direction or the other, and only memory is missing. */
static bool is_starved(const struct rudp_app *app)
{
	bool from_program = app->may_read && app->stage == RUDP_APP_OPEN &&
			    rudp_ends_may_drain(&app->ends) &&
			    rudp_carrier_send_room(&app->carrier) > 0;

	bool from_network = app->may_write && rudp_carrier_receive_available(&app->carrier) > 0;

	return from_program || (rudp_ends_may_deliver(&app->ends) &&
				(from_network || rudp_carrier_is_starved(&app->carrier)));
}

void rudp_app_retry_all(struct rudp_engine *engine)
{
	struct rudp_list turn, *link;

	/* Pumping may free any app, which then leaves this list. */
	rudp_list_init(&turn);
	rudp_list_move_all(&engine->starved, &turn);
	while ((link = rudp_list_pop(&turn)))
		rudp_app_pump(engine, RUDP_LIST_OWNER(link, struct rudp_app, starved_link));
}

void rudp_app_pump(struct rudp_engine *engine, struct rudp_app *app)
{
	bool more = false;

	if (app->stage == RUDP_APP_CONNECTING || app->stage == RUDP_APP_WAITING) {
		/* The peer may have the early bytes: the bytes after the gate must follow. */
		if (rudp_ends_is_closed(&app->ends) && app->early_bytes == 0 &&
		    !is_about_to_open(app))
			rudp_app_free(engine, app);
		return;
	}
	if (app->stage == RUDP_APP_UNDECIDED && app->may_read)
		detect_sentinel(engine, app);
	if (app->ends.out == RUDP_OUT_FAILED) {
		end_failed(engine, app);
		return;
	}
	if (app->may_read && app->stage == RUDP_APP_OPEN && rudp_ends_may_drain(&app->ends))
		more = rudp_app_drain(engine, app);
	if (app->may_write && rudp_ends_may_deliver(&app->ends))
		more |= rudp_app_deliver(engine, app);
	if (!rudp_ends_may_deliver(&app->ends))
		more |= rudp_carrier_discard(&app->carrier);
	/*
	 * Reading may have met an error that no event reported, as earlier bytes had no room then.
	 */
	if (app->carrier.by_tcp && rudp_carrier_error(&app->carrier)) {
		rudp_app_fail(engine, app, rudp_carrier_error(&app->carrier));
		return;
	}
	if (handle_ends(engine, app))
		return;
	if (more)
		rudp_app_again(engine, app);
	else if (is_starved(app))
		wait_for_memory(engine, app);
}

static bool has_poll_bit(const struct rudp_app *app, short bit)
{
	struct pollfd one = {.fd = app->fd, .events = bit};

	return app->fd >= 0 && poll(&one, 1, 0) > 0 && one.revents & bit;
}

bool rudp_app_has_half_closed(const struct rudp_app *app)
{
	return rudp_ends_has_write_ended(&app->ends) || has_poll_bit(app, POLLRDHUP);
}

static bool hangup_is_close(const struct rudp_app *app)
{
	return rudp_ends_hangup_is_close(&app->ends, app->options.reset_on_close);
}

void rudp_app_on_epoll(struct rudp_engine *engine, struct rudp_app *app, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP))
		app->may_read = true;
	app->urgent = events & EPOLLPRI;
	if (events & EPOLLOUT)
		app->may_write = true;
	if (events & EPOLLRDHUP)
		rudp_ends_on_write_end(&app->ends);
	if (events & EPOLLERR && rudp_raw_option(app->fd, SOL_SOCKET, SO_ERROR) > 0)
		on_closed(app, true);
	else if (events & EPOLLHUP && hangup_is_close(app))
		on_closed(app, false);
	rudp_app_pump(engine, app);
}

/* Iterates over slots, as an event may free any app. Looks at each app once. */
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
		if (!rudp_ends_is_closed(&app->ends) && hangup_is_close(app) &&
		    has_poll_bit(app, POLLHUP))
			rudp_app_on_epoll(engine, app, EPOLLHUP | EPOLLIN | EPOLLERR);
		/* An app that resets would take two turns. */
		app = rudp_app_find(engine, id);
		if (app && app->ends.out == RUDP_OUT_RESETTING)
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
	if (cause == RUDP_FAILURE_IDENTITY) {
		memcpy(failure.peer_key, app->race.shown_key, sizeof failure.peer_key);
		if (app->race.expects_key)
			memcpy(failure.known_key, app->race.key, sizeof failure.known_key);
	}
	rudp_failures_add(&engine->failures, &failure);
}

/* The peer may reset for good reasons: after the handshake only silence is recorded. */
static void note_end(struct rudp_engine *engine, const struct rudp_app *app, int error)
{
	enum rudp_failure_cause cause = app->race.is_identity_refused
						? RUDP_FAILURE_IDENTITY
						: rudp_failure_cause_of(error);

	if (app->stage == RUDP_APP_CONNECTING && app->race.reported_error == error)
		return;
	if (app->stage == RUDP_APP_CONNECTING) {
		rudp_app_note_failure(engine, app, cause, error);
	} else if (error == EACCES && app->carrier.conn &&
		   rudp_conn_timeout_error(app->carrier.conn) != EACCES) {
		/* On first contact the listener gets the identity with the first data. */
		rudp_app_note_failure(engine, app, RUDP_FAILURE_IDENTITY, error);
		rudp_peer_log_refusal(engine, app);
	} else if (cause == RUDP_FAILURE_SILENT || cause == RUDP_FAILURE_UNREACHABLE) {
		rudp_app_note_failure(engine, app, RUDP_FAILURE_LOST, error);
	}
}

void rudp_app_fail(struct rudp_engine *engine, struct rudp_app *app, int error)
{
	char remote[RUDP_ADDR_TEXT_SIZE];

	rudp_ends_on_failed(&app->ends, error);
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

/* Events of an established connection, whatever carries it. */
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
	if (app->ends.out != RUDP_OUT_FAILED)
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
	if (app->ends.out != RUDP_OUT_FAILED)
		on_carrier(engine, app);
}
