/* SPDX-License-Identifier: MIT */
#include "engine/key_watch.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine.h"
#include "engine/random.h"
#include "proto/endpoint.h"

static void take_key(struct rudp_engine *engine, const uint8_t psk[RUDP_PSK_BYTES])
{
	struct rudp_psk key = {.id = RUDP_PSK_ID_FIRST + ++engine->key_changes};

	memcpy(engine->settings.psk, psk, RUDP_PSK_BYTES);
	memcpy(key.bytes, psk, sizeof key.bytes);
	rudp_endpoint_set_psks(engine->ep, &key, 1);
	explicit_bzero(&key, sizeof key);
}

/* A key that nobody has: no handshake is answered, and nothing goes out without a key. */
static void withdraw_key(struct rudp_engine *engine, const char *text)
{
	uint8_t nobodys[RUDP_PSK_BYTES];

	rudp_log(RUDP_LOG_ERROR, "%s: no connection can begin until there is a key again", text);
	rudp_random_fill(nobodys, sizeof nobodys);
	take_key(engine, nobodys);
	explicit_bzero(nobodys, sizeof nobodys);
	engine->key_is_withdrawn = true;
}

static void load_key(struct rudp_engine *engine)
{
	char text[RUDP_SETTINGS_TEXT_SIZE];
	uint8_t psk[RUDP_PSK_BYTES];
	bool loaded = rudp_key_load(psk, engine->settings.key_path, text);

	if (!loaded && !engine->key_is_withdrawn)
		withdraw_key(engine, text);
	if (loaded && CRYPTO_memcmp(psk, engine->settings.psk, sizeof psk) != 0) {
		rudp_log(RUDP_LOG_WARN, "%s has changed: connections that begin now use its key",
			 engine->settings.key_path);
		take_key(engine, psk);
	}
	if (loaded)
		engine->key_is_withdrawn = false;
	explicit_bzero(psk, sizeof psk);
}

void rudp_key_watch(struct rudp_engine *engine)
{
	struct rudp_file_stamp stamp;

	if (!engine->settings.has_psk || engine->stays ||
	    engine->now_at_ns < engine->key_look_at_ns)
		return;
	engine->key_look_at_ns = engine->now_at_ns + RUDP_KEY_LOOK_NS;
	stamp = rudp_file_stamp_at(engine->settings.key_path);
	if (rudp_file_stamp_equal(&stamp, &engine->settings.key_stamp) &&
	    !engine->key_is_withdrawn)
		return;
	engine->settings.key_stamp = stamp;
	load_key(engine);
}
