/* SPDX-License-Identifier: MIT */
/*
 * Connects that wait until a person has said whether the key of a host is the right one (set
 * first-contact ask). The attempt that has shown the key is over. After the answer, a second one
 * from the same UDP socket demands the key.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "engine/app/app_side.h"
#include "engine/connect/race_private.h"
#include "engine/ports/binding.h"
#include "engine/udp/udp.h"

int64_t rudp_race_limit_at_ns(const struct rudp_app *app)
{
	int64_t limit_ns = app->options.conn.connect_timeout_ns;
	int64_t user_ns = app->options.conn.user_timeout_ns;

	if (user_ns > 0)
		user_ns = rudp_time_max(user_ns, RUDP_CONNECT_TIMEOUT_LEAST_NS);
	if (limit_ns > 0 && (user_ns == 0 || limit_ns < user_ns))
		user_ns = limit_ns;
	return user_ns > 0 ? app->race.started_at_ns + user_ns : RUDP_NEVER;
}

void rudp_race_on_unknown_key(struct rudp_app *app)
{
	struct rudp_race *race = &app->race;

	race->asked_udp = rudp_conn_socket(app->carrier.conn);
	rudp_udp_hold(race->asked_udp);
}

void rudp_race_ask(struct rudp_engine *engine, struct rudp_app *app)
{
	struct rudp_race *race = &app->race;
	char remote[RUDP_ADDR_TEXT_SIZE], fingerprint[RUDP_FINGERPRINT_FULL_SIZE];

	if (app->reason == RUDP_REASON_ASKED)
		return; /* another event of the attempt that is over */
	app->reason = RUDP_REASON_ASKED;
	race->error = EACCES; /* if there is no answer in time */
	race->report_at_ns = RUDP_NEVER;
	race->give_up_at_ns = rudp_time_min(engine->now_at_ns + RUDP_RACE_QUESTION_NS,
					    rudp_race_limit_at_ns(app));
	rudp_race_arm(engine, app);
	rudp_log(RUDP_LOG_WARN,
		 "%s (pid %u): %s is not known; its key is %s. The connection waits for %lld s: "
		 "'rudp key ask' asks whether this is the right key",
		 app->program.name, app->program.pid, rudp_addr_format(&app->remote, remote),
		 rudp_fingerprint_full(race->shown_key, fingerprint),
		 (long long)(RUDP_RACE_QUESTION_NS / RUDP_NS_PER_S));
}

static void refuse(struct rudp_engine *engine, struct rudp_app *app)
{
	app->race.is_identity_refused = true;
	rudp_race_fail(engine, app, EACCES);
}

static void go_on(struct rudp_engine *engine, struct rudp_app *app)
{
	struct rudp_race *race = &app->race;
	struct rudp_udp *udp = race->asked_udp;
	int rc;

	rudp_race_drop_conn(engine, app);
	race->asked_udp = NULL;
	race->expects_key = true;
	memcpy(race->key, race->shown_key, sizeof race->key);
	race->error = 0;
	race->give_up_at_ns = RUDP_NEVER;
	race->report_at_ns = engine->now_at_ns + RUDP_RACE_REPORT_NS;
	app->reason = app->policy_line ? RUDP_REASON_POLICY : RUDP_REASON_DEFAULT;
	app->options.conn.peer_key = race->key;
	rc = rudp_race_begin_conn(engine, app, udp);
	app->options.conn.peer_key = NULL;
	if (rc < 0)
		rudp_race_fail(engine, app, -rc);
	else
		rudp_race_arm(engine, app);
}

static bool waits_for(const struct rudp_app *app, const struct rudp_addr *remote,
		      const uint8_t *key)
{
	return app->race.asked_udp && rudp_addr_equal(&app->remote, remote) &&
	       memcmp(app->race.shown_key, key, sizeof app->race.shown_key) == 0;
}

int rudp_race_answer(struct rudp_engine *engine, uint64_t id,
		     const uint8_t key[RUDP_STATIC_KEY_BYTES], bool is_accepted)
{
	struct rudp_app *app = rudp_app_find(engine, id);
	struct rudp_addr remote;
	uint32_t place = 0;
	enum rudp_kind kind;

	if (!app || !waits_for(app, &app->remote, key))
		return -ENOENT;
	remote = app->remote;
	if (is_accepted)
		rudp_peer_remember(engine, &remote, key);
	while ((app = rudp_slots_next(&engine->slots, &place, RUDP_KIND_APP, RUDP_KIND_APP,
				      &kind))) {
		if (!waits_for(app, &remote, key))
			continue;
		if (is_accepted)
			go_on(engine, app);
		else
			refuse(engine, app);
	}
	return 0;
}

bool rudp_race_look(struct rudp_engine *engine, struct rudp_app *app)
{
	struct rudp_race *race = &app->race;
	struct rudp_conn *refused = app->carrier.conn;

	if (race->is_asking_key)
		return false;
	app->options.conn.asks_peer = true;
	app->carrier.conn = NULL;
	if (rudp_race_begin_rudp(engine, app, rudp_binding_find(engine, race->binding_id)) < 0) {
		app->carrier.conn = refused;
		return false;
	}
	rudp_conn_abandon(refused, engine->now_at_ns);
	race->is_asking_key = true;
	race->error = EACCES;
	race->report_at_ns = RUDP_NEVER;
	race->give_up_at_ns =
		rudp_time_min(engine->now_at_ns + RUDP_RACE_LOOK_NS, rudp_race_limit_at_ns(app));
	rudp_race_arm(engine, app);
	return true;
}
