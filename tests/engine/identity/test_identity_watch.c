/* SPDX-License-Identifier: MIT */
/* An engine follows changes of its files of identities, in virtual time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <unistd.h>

#include "engine/config/key_files.h"
#include "engine/identity/peer_check.h"
#include "engine/loop/engine.h"

/* A key of 32 bytes with the value 1. */
#define ONE "rudp-x25519 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static struct rudp_engine engine;

static void init(void)
{
	char text[RUDP_SETTINGS_TEXT_SIZE];
	static struct rudp_settings settings;

	directory_make();
	make_text("authorized_keys", ONE " alice\n");
	setenv("RUDP_AUTHORIZED_KEYS", path_of("authorized_keys"), 1);
	cr_assert(eq(int, rudp_settings_load(&settings, getenv, geteuid(), text), RUDP_SETTINGS_OK),
		  "%s", text);
	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
	engine.now_at_ns = RUDP_NS_PER_S;
	rudp_identity_watch(&engine);
}

static void fini(void)
{
	rudp_engine_fini(&engine);
	directory_remove();
}

TestSuite(identity_watch, .init = init, .fini = fini);

static bool is_revoked(void)
{
	uint8_t one[RUDP_STATIC_KEY_BYTES];

	memset(one, 1, sizeof one);
	return rudp_peer_is_revoked(&engine, one);
}

Test(identity_watch, without_events_a_revocation_is_seen_within_a_second_of_the_last_look)
{
	int64_t looked_at_ns = engine.now_at_ns, deadline_ns;

	engine.app_count = 1; /* as if a connection was open; nothing happens on it */
	make_text("authorized_keys", "@revoked " ONE "\n");
	deadline_ns = rudp_identity_deadline_ns(&engine);
	cr_assert(le(i64, deadline_ns, looked_at_ns + RUDP_NS_PER_S));
	engine.now_at_ns = deadline_ns;
	cr_assert(not(is_revoked()));
	rudp_identity_watch(&engine);
	cr_assert(is_revoked());
	cr_assert(le(i64, rudp_identity_deadline_ns(&engine), deadline_ns + RUDP_NS_PER_S));
	engine.app_count = 0;
}

Test(identity_watch, without_connections_the_engine_is_not_woken)
{
	cr_assert(eq(i64, rudp_identity_deadline_ns(&engine), RUDP_NEVER));
}
