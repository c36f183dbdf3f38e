/* SPDX-License-Identifier: MIT */
#include "engine/connect/race_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/mark.h"
#include "base/log.h"
#include "engine/app/app_side.h"
#include "engine/carrier/tcp.h"
#include "engine/connect/connect.h"
#include "engine/ports/binding.h"
#include "engine/udp/udp.h"

void rudp_race_arm(struct rudp_engine *engine, struct rudp_app *app)
{
	const struct rudp_race *race = &app->race;

	rudp_timer_arm(&engine->race_timers, &app->race.timer,
		       rudp_time_min(rudp_time_min(race->tcp_due_at_ns, race->give_up_at_ns),
				     race->report_at_ns));
}

static int connect_tcp(struct rudp_engine *engine, struct rudp_app *app)
{
	const struct rudp_binding *binding = rudp_binding_find(engine, app->race.binding_id);
	const struct rudp_tcp_from from = {.bound_fd = binding ? binding->tcp_fd : -1,
					   .local = binding ? &binding->local : &app->local,
					   .stored = app->race.stored,
					   .options = &app->options};

	return rudp_tcp_connect(engine, app->id, &from, &app->remote, &app->carrier.tcp);
}

static int begin_tcp(struct rudp_engine *engine, struct rudp_app *app)
{
	app->race.tcp_due_at_ns = RUDP_NEVER;
	app->race.give_up_at_ns = rudp_race_limit_at_ns(app);
	rudp_race_arm(engine, app);
	/* Otherwise the kernel could still connect to a listener that its program has just
	 * closed. */
	rudp_binding_probe_port(engine, &app->remote);
	return connect_tcp(engine, app);
}

static void learn_tcp_local(struct rudp_engine *engine, struct rudp_app *app)
{
	struct rudp_addr local;
	struct sockaddr_in6 name;
	socklen_t len = sizeof name;

	if (getsockname(app->carrier.tcp->fd, (struct sockaddr *)&name, &len) == 0 &&
	    rudp_addr_from_sockaddr(&local, (struct sockaddr *)&name, len) == 0)
		rudp_race_set_local(engine, app, &local);
}

static bool find_in_route_cache(struct rudp_engine *engine, const struct rudp_app *app, bool *tcp,
				int64_t *rtt_ns)
{
	return rudp_route_cache_find(&engine->route_cache, &app->remote,
				     rudp_policy_settings(engine->settings.policy)->remember_ns,
				     engine->now_at_ns, tcp, rtt_ns);
}

/*
 * Stores the result of a race. The result of a rule is always the same, so it is not stored, except
 * for rules with "early": they need to know whether the peer answers.
 */
static void store_result(struct rudp_engine *engine, const struct rudp_app *app, bool tcp)
{
	struct rudp_conn_stats stats = {0};

	if (app->race.way != RUDP_WAY_AUTO && !app->race.early)
		return;
	if (!tcp)
		rudp_conn_stats(app->carrier.conn, &stats);
	rudp_route_cache_put(&engine->route_cache, &app->remote, &app->local, tcp, stats.srtt_ns,
			     engine->now_at_ns);
}

static int begin_only_tcp(struct rudp_engine *engine, struct rudp_app *app)
{
	int rc = begin_tcp(engine, app);

	if (rc == 0)
		learn_tcp_local(engine, app);
	return rc;
}

static int begin_auto(struct rudp_engine *engine, struct rudp_app *app,
		      const struct rudp_binding *binding)
{
	int64_t head_start_ns = rudp_policy_settings(engine->settings.policy)->head_start_ns;
	int64_t rtt_ns = 0;
	bool tcp = false;
	int rc;

	if (find_in_route_cache(engine, app, &tcp, &rtt_ns) && tcp) {
		app->reason = RUDP_REASON_REMEMBERED;
		return begin_only_tcp(engine, app);
	}
	if (RUDP_RACE_RTTS * rtt_ns > head_start_ns)
		head_start_ns = RUDP_RACE_RTTS * rtt_ns;
	app->transport = RUDP_TRANSPORT_RACING;
	app->race.tcp_due_at_ns = engine->now_at_ns + head_start_ns;
	rc = rudp_race_begin_rudp(engine, app, binding);
	if (rc == 0)
		rudp_race_arm(engine, app);
	if (rc == 0 || (binding && rc == -EADDRNOTAVAIL))
		return rc;
	app->reason = RUDP_REASON_REFUSED;
	return begin_only_tcp(engine, app);
}

/* The peer has answered recently, so the program may be told that it is connected. */
static bool is_expected_to_answer(struct rudp_engine *engine, const struct rudp_app *app)
{
	int64_t rtt_ns = 0;
	bool tcp = false;

	return find_in_route_cache(engine, app, &tcp, &rtt_ns) && !tcp;
}

/*
 * Early data is sent only if rudp is the only choice: the peer must not receive the same data again
 * over TCP (docs/protocol.md section 6.8).
 */
static bool may_be_early(struct rudp_engine *engine, const struct rudp_app *app,
			 const struct rudp_race_entry *entry)
{
	struct rudp_addr wire = rudp_race_wire_address(engine, &app->remote);
	bool asked = entry->defer || entry->early_bytes > 0;

	return (asked || (app->race.early && is_expected_to_answer(engine, app))) &&
	       rudp_endpoint_may_send_early(engine->ep, &wire, engine->now_at_ns);
}

static int begin_only_rudp(struct rudp_engine *engine, struct rudp_app *app,
			   const struct rudp_race_entry *entry)
{
	struct rudp_conn_options *options = &app->options.conn;
	int rc;

	options->early = may_be_early(engine, app, entry);
	options->deferred = options->early && entry->early_bytes == 0;
	options->deferred_max_ns = entry->defer ? 0 : RUDP_RACE_DEFER_NS;
	rc = rudp_race_begin_rudp(engine, app, entry->binding);
	/* A program that may write before the SYN leaves does not wait for an answer. */
	if (options->deferred)
		app->race.report_at_ns = RUDP_NEVER;
	if (rc == 0)
		rudp_race_arm(engine, app);
	if (rc == 0 && options->early)
		app->early_bytes = (uint32_t)rudp_conn_write(app->carrier.conn, entry->early,
							     entry->early_bytes, engine->now_at_ns);
	return rc;
}

static void copy_stored_options(struct rudp_race *race, const struct rudp_race_entry *entry)
{
	if (!(entry->mark_flags & RUDP_MARK_STORED_OPTIONS) || race->way == RUDP_WAY_RUDP)
		return;
	race->stored = calloc(1, sizeof *race->stored);
	if (race->stored)
		rudp_stored_options_get(entry->options_fd, race->stored);
}

/*
 * Keeps the engine running after its last program. What it has learned (rudp or TCP, the path, the
 * association) saves a later program one or more round trips. And a user may ask for the reason of
 * a failure some time later (failures.h). For loopback there is nothing to save.
 */
static void extend_engine_life(struct rudp_engine *engine, const struct rudp_app *app)
{
	if (!rudp_addr_is_loopback(&app->remote))
		engine->keep_until_ns = engine->now_at_ns +
					rudp_policy_settings(engine->settings.policy)->remember_ns;
}

/* The kernel refuses to send: there is no route, or a local firewall forbids it. */
static void note_refusal(struct rudp_engine *engine, const struct rudp_app *app, int error)
{
	enum rudp_failure_cause cause = rudp_failure_cause_of(error);
	char remote[RUDP_ADDR_TEXT_SIZE];

	if (cause != RUDP_FAILURE_UNREACHABLE && cause != RUDP_FAILURE_FILTERED)
		return; /* an error of the call, which only the program can correct */
	extend_engine_life(engine, app);
	rudp_app_note_failure(engine, app, cause, error);
	if (rudp_log_wants(RUDP_LOG_INFO))
		rudp_log(RUDP_LOG_INFO, "%s (pid %u): no connection to %s: %s", app->program.name,
			 app->program.pid, rudp_addr_format(&app->remote, remote),
			 strerrordesc_np(error));
}

static int begin_by_way(struct rudp_engine *engine, struct rudp_app *app,
			const struct rudp_race_entry *entry)
{
	switch (app->race.way) {
	case RUDP_WAY_AUTO:
		return begin_auto(engine, app, entry->binding);
	case RUDP_WAY_RUDP:
	case RUDP_WAY_TCP:
		break;
	}
	app->reason = app->policy_line ? RUDP_REASON_POLICY : RUDP_REASON_DEFAULT;
	if (app->race.way == RUDP_WAY_RUDP)
		return begin_only_rudp(engine, app, entry);
	app->transport = RUDP_TRANSPORT_TCP;
	return begin_only_tcp(engine, app);
}

int rudp_race_begin(struct rudp_engine *engine, struct rudp_app *app,
		    const struct rudp_race_entry *entry)
{
	struct rudp_race *race = &app->race;
	int rc;

	race->way = entry->decision.way;
	race->early = entry->decision.early;
	race->requires_identity = entry->expected.requires_identity;
	race->first_contact = entry->expected.first_contact;
	race->expects_key = entry->expected.has_key;
	memcpy(race->key, entry->expected.key, sizeof race->key);
	race->started_at_ns = engine->now_at_ns;
	race->tcp_due_at_ns = race->give_up_at_ns = RUDP_NEVER;
	race->report_at_ns = engine->now_at_ns + RUDP_RACE_REPORT_NS;
	race->binding_id = entry->binding ? entry->binding->id : 0;
	app->policy_line = entry->decision.line;
	copy_stored_options(race, entry);
	app->options.conn.asks_peer = entry->expected.asks;
	app->options.conn.peer_key = entry->expected.has_key ? entry->expected.key : NULL;
	rc = begin_by_way(engine, app, entry);
	app->options.conn.peer_key = NULL; /* the entry does not last */
	if (rc < 0)
		note_refusal(engine, app, -rc);
	return rc;
}

/* The refused key is the real cause: a listener with a key refuses TCP because of it. */
void rudp_race_fail(struct rudp_engine *engine, struct rudp_app *app, int error)
{
	if (app->race.key_is_refused)
		error = EKEYREJECTED;
	extend_engine_life(engine, app);
	rudp_route_cache_forget(&engine->route_cache, &app->remote);
	rudp_app_fail(engine, app, error);
}

static void drop_tcp(struct rudp_engine *engine, struct rudp_app *app)
{
	if (app->carrier.tcp)
		rudp_tcp_close(engine, app->carrier.tcp);
	app->carrier.tcp = NULL;
}

void rudp_race_drop_conn(struct rudp_engine *engine, struct rudp_app *app)
{
	rudp_conn_abandon(app->carrier.conn, engine->now_at_ns);
	app->carrier.conn = NULL;
}

static void drop_stored(struct rudp_race *race)
{
	free(race->stored);
	race->stored = NULL;
}

static void on_answer(struct rudp_engine *engine, const struct rudp_app *app)
{
	store_result(engine, app, false);
	extend_engine_life(engine, app);
}

static void on_rudp_established(struct rudp_engine *engine, struct rudp_app *app)
{
	drop_tcp(engine, app);
	drop_stored(&app->race);
	app->race.tcp_due_at_ns = app->race.give_up_at_ns = app->race.report_at_ns = RUDP_NEVER;
	rudp_race_arm(engine, app);
	on_answer(engine, app);
	app->transport = RUDP_TRANSPORT_RUDP;
	if (app->race.way == RUDP_WAY_AUTO)
		app->reason = RUDP_REASON_ANSWERED;
	if (app->fd < 0)
		rudp_race_set_local(engine, app, rudp_conn_local(app->carrier.conn));
	rudp_connect_on_established(engine, app);
}

/* The binding's duplicate would keep the connection open after a close, so the binding drops it. */
static void take_socket_from_binding(struct rudp_engine *engine, struct rudp_app *app)
{
	struct rudp_binding *binding = rudp_binding_find(engine, app->race.binding_id);

	if (!app->carrier.tcp->shared)
		return;
	rudp_tcp_own(app->carrier.tcp);
	if (binding)
		rudp_binding_drop_tcp(binding);
}

/* Lists that TCP was used, since the program cannot see it. */
static void note_tcp_used(struct rudp_engine *engine, const struct rudp_app *app)
{
	if (app->race.key_is_refused)
		rudp_app_note_failure(engine, app, RUDP_FAILURE_KEY, 0);
	else if (app->reason == RUDP_REASON_SILENT)
		rudp_app_note_failure(engine, app, RUDP_FAILURE_TCP_SILENT, 0);
	else if (app->reason == RUDP_REASON_REFUSED)
		rudp_app_note_failure(engine, app, RUDP_FAILURE_TCP_REFUSED, 0);
}

static void on_tcp_established(struct rudp_engine *engine, struct rudp_app *app)
{
	drop_stored(&app->race);
	app->race.give_up_at_ns = app->race.report_at_ns = RUDP_NEVER;
	if (app->carrier.conn) {
		app->reason = RUDP_REASON_SILENT;
		app->race.give_up_at_ns = app->race.started_at_ns + RUDP_RACE_LATE_NS;
		extend_engine_life(engine, app);
	}
	rudp_race_arm(engine, app);
	store_result(engine, app, true);
	app->carrier.by_tcp = true;
	app->transport = RUDP_TRANSPORT_TCP;
	note_tcp_used(engine, app);
	take_socket_from_binding(engine, app);
	if (app->fd < 0)
		learn_tcp_local(engine, app);
	rudp_connect_on_established(engine, app);
}

/* TCP carries the connection already; a late answer over rudp only updates the route cache. */
static void on_late_answer(struct rudp_engine *engine, struct rudp_app *app, unsigned events)
{
	if (events & RUDP_EVENT_ESTABLISHED)
		store_result(engine, app, false);
	if (events & RUDP_EVENT_ESTABLISHED || rudp_conn_error(app->carrier.conn))
		rudp_race_drop_conn(engine, app);
}

/* A firewall gives EACCES, too. */
static bool is_identity_refused_by_listener(const struct rudp_conn *conn)
{
	uint8_t refusal = rudp_conn_refusal(conn);

	return refusal == RUDP_REFUSAL_OTHER_KEY || refusal == RUDP_REFUSAL_NOT_AUTHORIZED;
}

/* rudp has failed: continue with TCP if that is possible. */
static void on_rudp_failed(struct rudp_engine *engine, struct rudp_app *app)
{
	int error = rudp_conn_error(app->carrier.conn);
	int rc = 0;

	if (is_identity_refused_by_listener(app->carrier.conn))
		app->race.is_identity_refused = true;
	if (rudp_conn_refusal(app->carrier.conn) == RUDP_REFUSAL_OTHER_KEY &&
	    rudp_race_look(engine, app))
		return;
	if (app->race.is_identity_refused)
		rudp_peer_log_refusal(engine, app);
	/* A listener that asks for identities does not serve TCP, so TCP would lead elsewhere. */
	if (app->race.way != RUDP_WAY_AUTO || app->race.error || app->race.is_identity_refused) {
		rudp_race_fail(engine, app, app->race.error ? app->race.error : error);
		return;
	}
	rudp_race_drop_conn(engine, app);
	app->race.key_is_refused = error == EKEYREJECTED;
	app->reason = error == ETIMEDOUT ? RUDP_REASON_SILENT : RUDP_REASON_REFUSED;
	if (!app->carrier.tcp)
		rc = begin_tcp(engine, app);
	if (rc < 0)
		rudp_race_fail(engine, app, -rc);
}

void rudp_race_on_conn(struct rudp_engine *engine, struct rudp_app *app, unsigned events)
{
	if (!app->carrier.conn)
		return;
	if (app->carrier.by_tcp)
		on_late_answer(engine, app, events);
	else if (app->race.asked_udp)
		rudp_race_ask(engine, app);
	else if (rudp_conn_error(app->carrier.conn))
		on_rudp_failed(engine, app);
	else if (events & RUDP_EVENT_ESTABLISHED)
		on_rudp_established(engine, app);
}

void rudp_race_on_deferred(struct rudp_engine *engine, struct rudp_app *app, unsigned events)
{
	if (!app->race.early)
		return;
	if (rudp_conn_error(app->carrier.conn))
		rudp_route_cache_forget(&engine->route_cache, &app->remote);
	else if (events & RUDP_EVENT_ESTABLISHED)
		on_answer(engine, app);
	else
		return;
	app->race.early = false;
}

/*
 * ECONNREFUSED is an answer of the host, so the connect fails as it would with TCP alone. After
 * other failures (a firewall that blocks TCP, no descriptors) rudp gets one more head start. If it
 * fails too, the program gets the error of TCP.
 */
static void on_tcp_failed(struct rudp_engine *engine, struct rudp_app *app, int error)
{
	drop_tcp(engine, app);
	if (!app->carrier.conn || error == ECONNREFUSED) {
		rudp_race_fail(engine, app, error);
		return;
	}
	app->race.error = error;
	app->race.give_up_at_ns =
		engine->now_at_ns + rudp_policy_settings(engine->settings.policy)->head_start_ns;
	rudp_race_arm(engine, app);
}

void rudp_race_on_tcp(struct rudp_engine *engine, struct rudp_app *app)
{
	const struct rudp_tcp *tcp = app->carrier.tcp;

	if (tcp->error)
		on_tcp_failed(engine, app, tcp->error);
	else if (!tcp->connecting)
		on_tcp_established(engine, app);
}

static int give_up_error(const struct rudp_app *app)
{
	if (app->race.error)
		return app->race.error;
	return app->carrier.conn ? rudp_conn_timeout_error(app->carrier.conn) : ETIMEDOUT;
}

/* For a user who examines a program that hangs: report in the log and in `rudp ss --failed`. */
static void report_silence(struct rudp_engine *engine, struct rudp_app *app)
{
	const struct rudp_conn *conn = app->carrier.conn;
	int error = conn ? rudp_conn_timeout_error(conn) : ETIMEDOUT;
	char remote[RUDP_ADDR_TEXT_SIZE];

	app->race.report_at_ns = RUDP_NEVER;
	rudp_race_arm(engine, app);
	app->race.reported_error = error;
	extend_engine_life(engine, app);
	rudp_app_note_failure(engine, app, rudp_failure_cause_of(error), error);
	rudp_log(RUDP_LOG_WARN,
		 "%s (pid %u): no answer from %s for %lld s over %s (%s); still trying",
		 app->program.name, app->program.pid, rudp_addr_format(&app->remote, remote),
		 (long long)(RUDP_RACE_REPORT_NS / RUDP_NS_PER_S),
		 !conn              ? "TCP"
		 : app->carrier.tcp ? "UDP and TCP"
				    : "UDP",
		 strerrordesc_np(error));
}

static void on_timer(struct rudp_engine *engine, struct rudp_app *app)
{
	int rc;

	if (app->carrier.by_tcp) {
		if (app->carrier.conn)
			rudp_race_drop_conn(engine, app);
	} else if (engine->now_at_ns >= app->race.give_up_at_ns) {
		if (app->race.is_asking_key)
			rudp_peer_log_refusal(engine, app);
		rudp_race_fail(engine, app, give_up_error(app));
	} else if (engine->now_at_ns >= app->race.tcp_due_at_ns) {
		rc = begin_tcp(engine, app);
		if (rc < 0)
			on_tcp_failed(engine, app, -rc);
	} else if (engine->now_at_ns >= app->race.report_at_ns) {
		report_silence(engine, app);
	}
}

void rudp_race_run_timers(struct rudp_engine *engine)
{
	struct rudp_timer *timer;

	while ((timer = rudp_timer_wheel_pop(&engine->race_timers, engine->now_at_ns)))
		on_timer(engine, RUDP_LIST_OWNER(timer, struct rudp_app, race.timer));
}

void rudp_race_fini(struct rudp_engine *engine, struct rudp_app *app)
{
	rudp_timer_cancel(&engine->race_timers, &app->race.timer);
	drop_stored(&app->race);
	if (app->race.asked_udp)
		rudp_udp_release(engine, app->race.asked_udp);
	rudp_connection_tuple_remove(&engine->tuples, &app->tuple);
}
