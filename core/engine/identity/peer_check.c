/* SPDX-License-Identifier: MIT */
#include "engine/identity/peer_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "engine/app/app_side.h"
#include "engine/loop/engine.h"
#include "engine/ports/binding.h"
#include "engine/ports/port.h"

#define KEY_TEXT_SIZE RUDP_PUBLIC_KEY_TEXT_SIZE

static const struct rudp_identity_files *files_of(const struct rudp_engine *engine)
{
	return &engine->settings.identities;
}

static bool is_own_key(const struct rudp_engine *engine, const uint8_t *key)
{
	const struct rudp_identity *identity = files_of(engine)->identity;

	return identity && memcmp(identity->public_key, key, sizeof identity->public_key) == 0;
}

static bool is_same_host(const struct rudp_addr *local, const struct rudp_addr *remote)
{
	return rudp_addr_is_loopback(remote) || rudp_addr_same_host(local, remote);
}

bool rudp_peer_is_revoked(const struct rudp_engine *engine,
			  const uint8_t key[RUDP_STATIC_KEY_BYTES])
{
	const struct rudp_identity_files *files = files_of(engine);

	return rudp_known_hosts_is_revoked(files->known_hosts, key) ||
	       rudp_authorized_keys_is_revoked(files->authorized_keys, key);
}

char *rudp_peer_name(const struct rudp_engine *engine, const uint8_t key[RUDP_STATIC_KEY_BYTES],
		     char text[RUDP_PEER_TEXT_SIZE])
{
	const struct rudp_identity_files *files = files_of(engine);
	const char *name = rudp_authorized_keys_name(files->authorized_keys, key);

	if (!name)
		name = rudp_known_hosts_find_key(files->known_hosts, key);
	snprintf(text, RUDP_PEER_TEXT_SIZE, "%s",
		 name                      ? name
		 : is_own_key(engine, key) ? "this host"
					   : "");
	return text;
}

/* The connect side. */

static int refuse_connect(const struct rudp_addr *remote, const char *why)
{
	char text[RUDP_ADDR_TEXT_SIZE];

	rudp_log(RUDP_LOG_ERROR, "no connection to %s: %s", rudp_addr_format(remote, text), why);
	return -EACCES;
}

static int refuse_conflict(const struct rudp_engine *engine, const struct rudp_addr *remote,
			   const char *name, unsigned line, unsigned other_line)
{
	const char *path = rudp_identity_files_path(files_of(engine), RUDP_FILE_KNOWN_HOSTS);
	char why[2 * RUDP_HOST_TEXT_SIZE + RUDP_KEY_PATH_SIZE];

	if (line >= RUDP_HOST_LINE_NONE || other_line >= RUDP_HOST_LINE_NONE)
		snprintf(why, sizeof why,
			 "the known hosts (%s) have another key for this address than for its name "
			 "%s",
			 path, name);
	else
		snprintf(why, sizeof why,
			 "lines %u and %u of %s have different keys, and both apply: the program "
			 "has found this address under the name %s. If one of them is out of date, "
			 "remove it",
			 other_line, line, path, name);
	return refuse_connect(remote, why);
}

/*
 * Finds the key that all lines have which apply to the address and to its names.
 *
 * Returns  0; -EACCES: they have different keys.
 */
static int find_by_names(const struct rudp_engine *engine, const struct rudp_addr *remote,
			 const struct rudp_host_names *names, enum rudp_known_host *found,
			 uint8_t *key)
{
	const struct rudp_known_hosts *hosts = files_of(engine)->known_hosts;
	unsigned line = 0;

	*found = rudp_known_hosts_find(hosts, remote, key, &line);
	for (const char *name = names->text; name < names->text + names->bytes;
	     name += strlen(name) + 1) {
		uint8_t other_key[RUDP_STATIC_KEY_BYTES];
		unsigned other_line = 0;
		enum rudp_known_host other = rudp_known_hosts_find_name_at(
			hosts, name, rudp_addr_port(remote), other_key, &other_line);

		if (other == RUDP_HOST_UNKNOWN)
			continue;
		if (*found == RUDP_HOST_REVOKED)
			return 0;
		if (*found == RUDP_HOST_KNOWN && memcmp(key, other_key, sizeof other_key) != 0)
			return refuse_conflict(engine, remote, name, other_line, line);
		*found = other;
		line = other_line;
		memcpy(key, other_key, sizeof other_key);
	}
	return 0;
}

static int find_host(const struct rudp_engine *engine, const struct rudp_addr *remote,
		     const struct rudp_host_names *names, const struct rudp_decision *decision,
		     enum rudp_known_host *found, uint8_t *key)
{
	if (!decision->who)
		return find_by_names(engine, remote, names, found, key);
	*found =
		rudp_known_hosts_find_name(files_of(engine)->known_hosts, decision->who, key, NULL);
	return 0;
}

/* Without a setting, keys are asked for by those who use them. */
static enum rudp_first_contact first_contact(const struct rudp_engine *engine)
{
	const struct rudp_identity_files *files = files_of(engine);
	const struct rudp_policy_settings *settings = rudp_policy_settings(engine->settings.policy);

	if (settings->has_first_contact)
		return settings->first_contact;
	return files->identity || files->known_hosts ? RUDP_CONTACT_TAKE : RUDP_CONTACT_OFF;
}

/* Programs of one host know each other by the identity of their user, and by nothing else. */
static void expect_on_this_host(const struct rudp_engine *engine,
				struct rudp_expected_peer *expected)
{
	expected->asks = files_of(engine)->identity || expected->requires_identity;
	expected->first_contact = RUDP_CONTACT_TAKE;
}

static int expect_unknown(const struct rudp_engine *engine, const struct rudp_addr *remote,
			  struct rudp_decision *decision, struct rudp_expected_peer *expected)
{
	enum rudp_first_contact contact = first_contact(engine);

	if (decision->who)
		return refuse_connect(remote, "the rule's peer is not in the file of known hosts");
	if (rudp_addr_is_loopback(remote)) {
		expect_on_this_host(engine, expected);
		return 0;
	}
	if (contact == RUDP_CONTACT_OFF && decision->requires_identity)
		return refuse_connect(remote,
				      "the rule requires an identity, the host is not known, "
				      "and first-contact is off");
	expected->asks = contact != RUDP_CONTACT_OFF;
	expected->first_contact = contact;
	if ((contact == RUDP_CONTACT_ASK || contact == RUDP_CONTACT_REFUSE) &&
	    decision->way == RUDP_WAY_AUTO)
		decision->way = RUDP_WAY_RUDP;
	return 0;
}

int rudp_peer_expect(struct rudp_engine *engine, const struct rudp_addr *remote,
		     const struct rudp_host_names *names, struct rudp_decision *decision,
		     struct rudp_expected_peer *expected)
{
	enum rudp_known_host found;
	int rc;

	*expected = (struct rudp_expected_peer){.requires_identity = decision->requires_identity};
	if (decision->way == RUDP_WAY_TCP)
		return 0;
	rc = find_host(engine, remote, names, decision, &found, expected->key);
	if (rc < 0)
		return rc;
	switch (found) {
	case RUDP_HOST_UNKNOWN:
		return expect_unknown(engine, remote, decision, expected);
	case RUDP_HOST_REVOKED:
		return refuse_connect(remote,
				      "the key of this host is revoked in the file of known hosts");
	case RUDP_HOST_KNOWN:
		break;
	}
	expected->asks = expected->has_key = true;
	decision->way = RUDP_WAY_RUDP;
	return 0;
}

static bool refuse_peer(const struct rudp_app *app, const uint8_t *key, const char *why)
{
	char remote[RUDP_ADDR_TEXT_SIZE], fingerprint[RUDP_FINGERPRINT_FULL_SIZE];

	rudp_log(RUDP_LOG_ERROR, "%s (pid %u): no connection to %s: its key %s %s",
		 app->program.name, app->program.pid, rudp_addr_format(&app->remote, remote),
		 rudp_fingerprint_full(key, fingerprint), why);
	return false;
}

static bool refuse_unknown(const struct rudp_app *app, const uint8_t *key)
{
	char host[RUDP_HOST_TEXT_SIZE], text[KEY_TEXT_SIZE],
		why[RUDP_PEER_TEXT_SIZE + KEY_TEXT_SIZE];

	snprintf(why, sizeof why,
		 "is not known, and first-contact is refuse; if it is the right one, add this line "
		 "to the file of known hosts: %s %s",
		 rudp_known_hosts_format(&app->remote, host), rudp_public_key_format(key, text));
	return refuse_peer(app, key, why);
}

void rudp_peer_remember(struct rudp_engine *engine, const struct rudp_addr *addr,
			const uint8_t key[RUDP_STATIC_KEY_BYTES])
{
	struct rudp_identity_files *files = &engine->settings.identities;
	char remote[RUDP_ADDR_TEXT_SIZE], fingerprint[RUDP_FINGERPRINT_FULL_SIZE];
	const char *path = rudp_identity_files_path(files, RUDP_FILE_KNOWN_HOSTS);
	int rc = rudp_identity_files_remember(files, addr, key);

	rudp_addr_format(addr, remote);
	rudp_fingerprint_full(key, fingerprint);
	if (rc == 0)
		rudp_log(RUDP_LOG_WARN,
			 "first contact with %s: its key %s is accepted and added to %s", remote,
			 fingerprint, path);
	else
		rudp_log(RUDP_LOG_ERROR,
			 "first contact with %s: its key %s is accepted, but not stored in %s: %s",
			 remote, fingerprint, path ? path : "a file", strerrordesc_np(-rc));
}

/* A listener without an identity shows a key that lasts only until it ends. */
static bool accept_unknown(struct rudp_engine *engine, struct rudp_app *app,
			   const struct rudp_credentials *credentials)
{
	const uint8_t *key = credentials->peer_key;

	if (!credentials->peer_key_lasts)
		return (!app->race.requires_identity &&
			app->race.first_contact == RUDP_CONTACT_TAKE) ||
		       refuse_peer(
			       app, key,
			       "is not an identity: the listener has none, and one is required");
	if (rudp_addr_is_loopback(&app->remote))
		return true;
	switch (app->race.first_contact) {
	case RUDP_CONTACT_TAKE:
		rudp_peer_remember(engine, &app->remote, key);
		return true;
	case RUDP_CONTACT_ASK:
		rudp_race_on_unknown_key(app);
		return false;
	case RUDP_CONTACT_OFF:
	case RUDP_CONTACT_REFUSE:
		break;
	}
	return refuse_unknown(app, key);
}

/* The listener has answered. Files may have changed since the SYN left. */
static bool is_expected(struct rudp_engine *engine, struct rudp_app *app,
			const struct rudp_credentials *credentials)
{
	const uint8_t *key = credentials->peer_key;
	uint8_t known[RUDP_STATIC_KEY_BYTES];

	if (!credentials->has_peer_key)
		return true; /* none was asked for */
	if (rudp_peer_is_revoked(engine, key))
		return refuse_peer(app, key, "is revoked");
	if (is_own_key(engine, key) && !is_same_host(&app->local, &app->remote))
		return refuse_peer(app, key, "is that of this host itself");
	if (app->race.expects_key)
		return true;
	switch (rudp_known_hosts_find(files_of(engine)->known_hosts, &app->remote, known, NULL)) {
	case RUDP_HOST_KNOWN:
		return memcmp(known, key, sizeof known) == 0 ||
		       refuse_peer(app, key, "is not the one that the file of known hosts has");
	case RUDP_HOST_REVOKED:
		return refuse_peer(app, key, "is that of a host whose key is revoked");
	case RUDP_HOST_UNKNOWN:
		break;
	}
	return accept_unknown(engine, app, credentials);
}

static bool has_key(const uint8_t key[RUDP_STATIC_KEY_BYTES])
{
	static const uint8_t none[RUDP_STATIC_KEY_BYTES];

	return memcmp(key, none, sizeof none) != 0;
}

/* The line of the address, or that of a name. After a change of the file there may be none. */
static void log_other_key(const struct rudp_engine *engine, const struct rudp_app *app,
			  const char *remote)
{
	const struct rudp_identity_files *files = files_of(engine);
	const uint8_t *wanted = app->race.key;
	char fingerprint[RUDP_FINGERPRINT_FULL_SIZE], shown[RUDP_FINGERPRINT_FULL_SIZE],
		at[16] = "";
	uint8_t known[RUDP_STATIC_KEY_BYTES];
	unsigned line = RUDP_HOST_LINE_NONE;
	const char *host = rudp_known_hosts_find_key(files->known_hosts, wanted);

	if (rudp_known_hosts_find(files->known_hosts, &app->remote, known, &line) ==
		    RUDP_HOST_KNOWN &&
	    memcmp(known, wanted, sizeof known) == 0)
		host = remote;
	else
		line = RUDP_HOST_LINE_NONE;
	if (line < RUDP_HOST_LINE_NONE)
		snprintf(at, sizeof at, ":%u", line);
	rudp_log(RUDP_LOG_ERROR,
		 "%s is known as %s (%s%s), but %s shows %s now. If its owner has changed it, "
		 "change that line, or use 'rudp key forget' and 'rudp key enroll'",
		 host ? host : "the host", rudp_fingerprint_full(wanted, fingerprint),
		 rudp_identity_files_path(files, RUDP_FILE_KNOWN_HOSTS), at, remote,
		 has_key(app->race.shown_key) ? rudp_fingerprint_full(app->race.shown_key, shown)
					      : "another key or none");
}

static void log_not_authorized(const struct rudp_engine *engine, const char *remote)
{
	const struct rudp_identity *identity = files_of(engine)->identity;
	char fingerprint[RUDP_FINGERPRINT_FULL_SIZE];

	if (identity)
		rudp_log(RUDP_LOG_ERROR,
			 "%s needs the key of this side, %s, in its file of authorized keys ('rudp "
			 "key show' prints the line)",
			 remote, rudp_fingerprint_full(identity->public_key, fingerprint));
	else
		rudp_log(RUDP_LOG_ERROR,
			 "this side has no identity to show to %s; 'rudp key new' makes one",
			 remote);
}

void rudp_peer_log_refusal(const struct rudp_engine *engine, const struct rudp_app *app)
{
	char remote[RUDP_ADDR_TEXT_SIZE];

	rudp_addr_format(&app->remote, remote);
	if (app->race.is_asking_key) {
		log_other_key(engine, app, remote);
		return;
	}
	switch (rudp_conn_refusal(app->carrier.conn)) {
	case RUDP_REFUSAL_OTHER_KEY:
		log_other_key(engine, app, remote);
		break;
	case RUDP_REFUSAL_NOT_AUTHORIZED:
		log_not_authorized(engine, remote);
		break;
	default:
		/* Else rudp_peer_authorize() has said why. */
		if (app->stage != RUDP_APP_CONNECTING)
			log_not_authorized(engine, remote);
	}
}

/* The listening side. */

static bool is_allowed_anyone(const struct rudp_decision *decision)
{
	return decision->who && strcmp(decision->who, RUDP_POLICY_ANYONE) == 0;
}

bool rudp_peer_is_asked(const struct rudp_engine *engine, const struct rudp_decision *decision)
{
	if (decision->way == RUDP_WAY_TCP)
		return false;
	return decision->requires_identity ||
	       (!is_allowed_anyone(decision) &&
		(decision->who || files_of(engine)->authorized_keys));
}

/* NULL: the peer is admitted; else the log's text after "the key ...". */
static const char *why_not(struct rudp_engine *engine, const struct rudp_conn *conn,
			   const struct rudp_credentials *credentials,
			   const struct rudp_addr *local, const struct rudp_client_program *program)
{
	struct rudp_decision decision =
		rudp_engine_find_rule(engine, RUDP_DIRECTION_LISTEN, local, program);
	enum rudp_authorization authorization;
	const uint8_t *key = credentials->peer_key;
	bool is_local = is_same_host(rudp_conn_local(conn), rudp_conn_remote(conn));

	if (credentials->has_peer_key && rudp_peer_is_revoked(engine, key))
		return "is revoked";
	if (credentials->has_peer_key && is_own_key(engine, key) && !is_local)
		return "is that of this host itself";
	if (!rudp_peer_is_asked(engine, &decision))
		return NULL;
	if (!credentials->has_peer_key)
		return "was not shown";
	if (is_own_key(engine, key))
		return NULL;
	if (is_allowed_anyone(&decision) || (!decision.who && !files_of(engine)->authorized_keys))
		return NULL;
	authorization = rudp_authorized_keys_check(files_of(engine)->authorized_keys, key,
						   rudp_addr_port(local), rudp_conn_remote(conn),
						   time(NULL), decision.who, NULL);
	return authorization == RUDP_AUTHORIZATION_OK ? NULL
						      : rudp_authorization_text(authorization);
}

static void note_refused_peer(struct rudp_engine *engine, const struct rudp_conn *conn,
			      const struct rudp_credentials *credentials,
			      const struct rudp_binding *binding, const char *why)
{
	struct rudp_failure failure = {.at_ns = engine->now_at_ns,
				       .cause = RUDP_FAILURE_IDENTITY_OF_PEER,
				       .local = *rudp_conn_local(conn),
				       .remote = *rudp_conn_remote(conn),
				       .why = why};
	char remote[RUDP_ADDR_TEXT_SIZE],
		fingerprint[RUDP_FINGERPRINT_FULL_SIZE] = "of its identity";

	rudp_addr_set_port(&failure.local, rudp_addr_port(&binding->local));
	if (credentials->has_peer_key)
		memcpy(failure.peer_key, credentials->peer_key, sizeof failure.peer_key);
	rudp_failures_add(&engine->failures, &failure);
	if (!rudp_log_ratelimit_allows(&engine->ratelimit, engine->now_at_ns))
		return;
	if (credentials->has_peer_key)
		rudp_fingerprint_full(credentials->peer_key, fingerprint);
	rudp_log(RUDP_LOG_WARN, "%s (pid %u): a peer at %s is refused: the key %s %s",
		 binding->program.name, binding->program.pid,
		 rudp_addr_format(&failure.remote, remote), fingerprint, why);
}

/* Any binding of the port may get the connection, so all of them must admit the peer. */
static bool is_admitted(struct rudp_engine *engine, const struct rudp_conn *conn,
			const struct rudp_credentials *credentials, const struct rudp_port *port)
{
	RUDP_LIST_EACH(const struct rudp_binding, binding, &port->bindings, link) {
		const char *why;

		if (!rudp_binding_serves_rudp(binding))
			continue;
		why = why_not(engine, conn, credentials, &binding->local, &binding->program);
		if (why) {
			note_refused_peer(engine, conn, credentials, binding, why);
			return false;
		}
	}
	return true;
}

const char *rudp_peer_why_removed(struct rudp_engine *engine, const struct rudp_conn *conn)
{
	const struct rudp_app *app =
		rudp_app_find(engine, (uint64_t)(uintptr_t)rudp_conn_user(conn));
	const struct rudp_binding *binding;

	if (!app || !app->binding_id)
		return NULL;
	binding = rudp_binding_find(engine, app->binding_id);
	return why_not(engine, conn, rudp_conn_credentials(conn),
		       binding ? &binding->local : &app->local, &app->program);
}

bool rudp_peer_authorize(void *context, const struct rudp_conn *conn,
			 const struct rudp_credentials *credentials, void *listener_user)
{
	struct rudp_engine *engine = context;
	struct rudp_app *app;

	if (listener_user)
		return is_admitted(engine, conn, credentials, listener_user);
	app = rudp_app_find(engine, (uint64_t)(uintptr_t)rudp_conn_user(conn));
	/* Without an app no program uses the connection; it only shows that the peer answers. */
	if (!app)
		return true;
	memcpy(app->race.shown_key, credentials->peer_key, sizeof app->race.shown_key);
	if (!app->race.is_asking_key && is_expected(engine, app, credentials)) {
		memset(app->race.shown_key, 0, sizeof app->race.shown_key);
		return true;
	}
	app->race.is_identity_refused = !app->race.asked_udp;
	return false;
}
