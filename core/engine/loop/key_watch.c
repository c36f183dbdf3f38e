/* SPDX-License-Identifier: MIT */
#include "engine/loop/key_watch.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/loop/engine.h"
#include "engine/loop/random.h"
#include "proto/conn/endpoint.h"

static void set_keys(struct rudp_engine *engine, const struct rudp_psk *psks, unsigned count)
{
	struct rudp_key_use *use = &engine->key_use;
	unsigned ended = rudp_endpoint_set_psks(engine->ep, psks, count);

	use->count = count;
	for (unsigned i = 0; i < count; i++)
		use->ids[i] = psks[i].id;
	use->ended_associations += ended;
	if (ended)
		rudp_log(RUDP_LOG_INFO, "%u associations have ended with their keys", ended);
}

/* Uses a random key that no peer has: no handshake is answered, and nothing is sent without a
 * key. */
static void withdraw_keys(struct rudp_engine *engine)
{
	char text[RUDP_KEY_TEXT_SIZE];
	struct rudp_psk unknown_key;

	if (engine->key_use.is_withdrawn)
		return;
	engine->key_use.is_withdrawn = true;
	rudp_key_ring_explain(&engine->settings.keys, time(NULL), text);
	rudp_log(RUDP_LOG_ERROR, "%s: no new connections until a key is valid", text);
	rudp_random_fill(&unknown_key, sizeof unknown_key);
	unknown_key.id |= 1;
	set_keys(engine, &unknown_key, 1);
	explicit_bzero(&unknown_key, sizeof unknown_key);
}

static bool are_in_use(const struct rudp_key_use *use, const struct rudp_psk *psks, unsigned count)
{
	for (unsigned i = 0; i < count && i < use->count; i++)
		if (use->ids[i] != psks[i].id)
			return false;
	return count == use->count;
}

static void use_keys(struct rudp_engine *engine)
{
	struct rudp_psk psks[RUDP_PSKS_MAX];
	unsigned count = rudp_key_ring_choose(&engine->settings.keys, time(NULL), psks);
	char id[RUDP_KEY_ID_SIZE];

	if (count == 0) {
		withdraw_keys(engine);
	} else if (!are_in_use(&engine->key_use, psks, count)) {
		set_keys(engine, psks, count);
		rudp_log(RUDP_LOG_WARN,
			 "keys have changed: new connections use the key %s of %s; %u of its "
			 "keys are accepted",
			 rudp_key_id_format(psks[0].id, id), engine->settings.keys.path, count);
	}
	if (count > 0)
		engine->key_use.is_withdrawn = false;
	explicit_bzero(psks, sizeof psks);
}

static unsigned end_conns(struct rudp_engine *engine, uint64_t id)
{
	unsigned ended = rudp_endpoint_reset_psk(engine->ep, id, engine->now_at_ns);
	char text[RUDP_KEY_ID_SIZE];

	engine->key_use.ended_conns += ended;
	if (ended)
		rudp_log(RUDP_LOG_WARN, "the key %s is revoked: its %u connections are reset",
			 rudp_key_id_format(id, text), ended);
	return ended;
}

static void complain(void *context, const char *text)
{
	(void)context;
	rudp_log(RUDP_LOG_ERROR, "%s", text);
}

static void apply_revocations(struct rudp_engine *engine)
{
	struct rudp_key_ring *ring = &engine->settings.keys;

	for (unsigned i = 0; i < RUDP_KEYS_REVOKED_MAX; i++)
		if (engine->key_use.revoked[i])
			rudp_key_ring_revoke(ring, engine->key_use.revoked[i]);
	for (unsigned i = 0; i < ring->count; i++)
		if (ring->entries[i].key.id && ring->entries[i].key.is_revoked)
			end_conns(engine, ring->entries[i].key.id);
}

static void read_keys(struct rudp_engine *engine)
{
	struct rudp_key_ring *ring = &engine->settings.keys;

	engine->key_use.must_read = false;
	engine->key_use.comparisons_left = RUDP_FILE_COMPARISONS;
	rudp_key_ring_load(ring, ring->path, complain, NULL);
	apply_revocations(engine);
}

void rudp_key_begin(struct rudp_engine *engine)
{
	struct rudp_psk psks[RUDP_PSKS_MAX];
	struct stat root;
	unsigned count;

	if (stat("/", &root) == 0) {
		engine->key_use.root_device = root.st_dev;
		engine->key_use.root_inode = root.st_ino;
	}
	if (!engine->settings.has_psk)
		return;
	/* Errors in the files were found before the log was open: read them again to log the
	 * errors. */
	engine->key_use.must_read = engine->settings.keys.has_refused;
	engine->key_use.comparisons_left = RUDP_FILE_COMPARISONS;
	count = rudp_key_ring_choose(&engine->settings.keys, time(NULL), psks);
	if (count > 0)
		set_keys(engine, psks, count);
	else
		withdraw_keys(engine);
	explicit_bzero(psks, sizeof psks);
}

bool rudp_key_may_read_files(const struct rudp_engine *engine)
{
	struct stat root;

	return !engine->stays || (geteuid() == engine->uid && stat("/", &root) == 0 &&
				  root.st_dev == engine->key_use.root_device &&
				  root.st_ino == engine->key_use.root_inode);
}

static bool have_changed(struct rudp_engine *engine)
{
	struct rudp_key_use *use = &engine->key_use;

	if (use->must_read || rudp_key_ring_is_stale(&engine->settings.keys))
		return true;
	if (use->comparisons_left == 0)
		return false;
	use->comparisons_left--;
	return rudp_key_ring_differs(&engine->settings.keys);
}

void rudp_key_watch(struct rudp_engine *engine)
{
	struct rudp_key_use *use = &engine->key_use;

	if (!engine->settings.has_psk || engine->now_at_ns < use->check_at_ns)
		return;
	use->check_at_ns = engine->now_at_ns + RUDP_KEY_CHECK_NS;
	if (rudp_key_may_read_files(engine) && have_changed(engine))
		read_keys(engine);
	use_keys(engine);
}

/* A key that has a file would be valid again if it was forgotten. */
static void note_revoked(struct rudp_engine *engine, uint64_t id)
{
	struct rudp_key_use *use = &engine->key_use;
	uint64_t *place;

	for (unsigned i = 0; i < RUDP_KEYS_REVOKED_MAX; i++)
		if (use->revoked[i] == id)
			return;
	do
		place = &use->revoked[use->revocations++ % RUDP_KEYS_REVOKED_MAX];
	while (*place && rudp_key_ring_has(&engine->settings.keys, *place));
	*place = id;
}

unsigned rudp_key_revoke(struct rudp_engine *engine, uint64_t id)
{
	note_revoked(engine, id);
	rudp_key_ring_revoke(&engine->settings.keys, id);
	use_keys(engine);
	return end_conns(engine, id);
}

bool rudp_key_is_used(const struct rudp_engine *engine, uint64_t id)
{
	const struct rudp_key_use *use = &engine->key_use;

	for (unsigned i = 0; i < use->count && !use->is_withdrawn; i++)
		if (use->ids[i] == id)
			return true;
	return false;
}
