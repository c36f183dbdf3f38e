/* SPDX-License-Identifier: MIT */
#include "engine/identity/identity_watch.h"

#include <string.h>

#include "base/log.h"
#include "engine/identity/peer_check.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"
#include "engine/ports/listener.h"

#define IDLE_CHECK_NS RUDP_NS_PER_S

/* Returns 0, or -errno with nothing changed. */
static int use_identity(struct rudp_engine *engine)
{
	const struct rudp_identity *identity = engine->settings.identities.identity;
	struct rudp_identity_use *use = &engine->identity_use;
	char fingerprint[RUDP_FINGERPRINT_FULL_SIZE];
	bool had_another = use->has_identity;
	int rc;

	if (!identity || (use->has_identity && memcmp(use->public_key, identity->public_key,
						      sizeof use->public_key) == 0))
		return 0;
	rc = rudp_endpoint_set_identity(engine->ep, identity->private_key);
	if (rc < 0)
		return rc;
	use->has_identity = true;
	memcpy(use->public_key, identity->public_key, sizeof use->public_key);
	if (had_another)
		rudp_endpoint_forget_host(engine->ep, NULL);
	rudp_log(RUDP_LOG_INFO, "the identity of this engine is %s",
		 rudp_fingerprint_full(use->public_key, fingerprint));
	return 0;
}

static const char *why_bad(struct rudp_engine *engine, const struct rudp_conn *conn)
{
	const struct rudp_credentials *credentials = rudp_conn_credentials(conn);

	if (credentials->has_peer_key && rudp_peer_is_revoked(engine, credentials->peer_key))
		return "is revoked";
	return rudp_policy_settings(engine->settings.policy)->removed_peers == RUDP_REMOVED_RESET
		       ? rudp_peer_why_removed(engine, conn)
		       : NULL;
}

static bool is_bad(void *context, const struct rudp_conn *conn)
{
	const struct rudp_credentials *credentials = rudp_conn_credentials(conn);
	char fingerprint[RUDP_FINGERPRINT_FULL_SIZE] = "of its identity",
	     remote[RUDP_ADDR_TEXT_SIZE];
	const char *why = why_bad(context, conn);

	if (!why)
		return false;
	if (credentials->has_peer_key)
		rudp_fingerprint_full(credentials->peer_key, fingerprint);
	rudp_log(RUDP_LOG_INFO, "a connection with %s is reset: the key %s %s",
		 rudp_addr_format(rudp_conn_remote(conn), remote), fingerprint, why);
	return true;
}

static void end_bad(struct rudp_engine *engine)
{
	unsigned ended = rudp_endpoint_reset_bad(engine->ep, is_bad, engine, engine->now_at_ns);

	if (ended)
		rudp_log(RUDP_LOG_WARN,
			 "identities have changed: %u connections are reset, as their peers are "
			 "revoked or removed",
			 ended);
}

/* A peer that no file names proves its key again in a full handshake. */
static bool is_good(const void *context, const struct rudp_credentials *credentials)
{
	const struct rudp_engine *engine = context;
	char name[RUDP_PEER_TEXT_SIZE];

	return !credentials->has_peer_key ||
	       (!rudp_peer_is_revoked(engine, credentials->peer_key) &&
		*rudp_peer_name(engine, credentials->peer_key, name));
}

static void withdraw_rights(struct rudp_engine *engine)
{
	unsigned ended =
		rudp_endpoint_withdraw_rights(engine->ep, is_good, engine, engine->now_at_ns);

	if (ended)
		rudp_log(RUDP_LOG_INFO,
			 "identities have changed: %u associations and connections that wait for "
			 "their program have ended",
			 ended);
}

static void review_listeners(struct rudp_engine *engine)
{
	RUDP_LIST_EACH(struct rudp_binding, binding, &engine->bindings, all_link) {
		struct rudp_decision decision;

		if (!binding->listening || binding->way != RUDP_WAY_AUTO)
			continue;
		decision = rudp_engine_find_rule(engine, RUDP_DIRECTION_LISTEN, &binding->local,
						 &binding->program);
		if (rudp_peer_is_asked(engine, &decision))
			rudp_listener_forbid_tcp(engine, binding);
	}
}

static void complain(void *context, const char *text)
{
	(void)context;
	rudp_log(RUDP_LOG_ERROR, "%s", text);
}

int rudp_identity_begin(struct rudp_engine *engine)
{
	/* An engine that takes over from a killed one has read the files long ago. */
	if (engine->succeeds)
		rudp_identity_files_watch(&engine->settings.identities, complain, NULL);
	return use_identity(engine);
}

void rudp_identity_watch(struct rudp_engine *engine)
{
	struct rudp_identity_use *use = &engine->identity_use;
	int rc;

	if (engine->now_at_ns < use->check_at_ns)
		return;
	use->check_at_ns = engine->now_at_ns + RUDP_KEY_CHECK_NS;
	if (rudp_key_may_read_files(engine)) {
		rudp_engine_follow_policy(engine);
		if (rudp_identity_files_watch(&engine->settings.identities, complain, NULL))
			use->must_apply = true;
	}
	if (!use->must_apply)
		return;
	use->must_apply = false;
	rc = use_identity(engine);
	if (rc < 0)
		rudp_log(RUDP_LOG_ERROR, "the new identity is not used: %s", strerrordesc_np(-rc));
	end_bad(engine);
	withdraw_rights(engine);
	review_listeners(engine);
}

int64_t rudp_identity_deadline_ns(const struct rudp_engine *engine)
{
	const struct rudp_identity_files *files = &engine->settings.identities;

	if (engine->app_count == 0 || (!files->known_hosts && !files->authorized_keys))
		return RUDP_NEVER;
	return engine->identity_use.check_at_ns - RUDP_KEY_CHECK_NS + IDLE_CHECK_NS;
}
