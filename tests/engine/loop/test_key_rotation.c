/* SPDX-License-Identifier: MIT */
/*
 * Keys of a directory rotate a thousand times while connections are set up, in virtual time. Two
 * engines read one directory, or two that change at different moments; the test is the network.
 *
 * A rotation adds a key that is accepted but not sent, makes it the newest, and removes the one
 * before it. Each step begins when both engines have seen the last one.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "engine/config/key_files.h"
#include "engine/loop/engine.h"
#include "proto/pair.h"

#define ROTATIONS 1000
#define REVOCATIONS 200
#define FLIGHT_NS (20 * RUDP_NS_PER_MS)
#define FLIGHTS_MAX 8   /* a resumption that is refused, then a full handshake */
#define LAG_MS_MAX 1200 /* between the changes of two directories; a look is due each 500 ms */
#define DAY_S 86400     /* of 1970; key n is sent from day 2n + 2 on, and accepted from 2n - 1 on */

static struct pair pair;
static struct rudp_engine engines[2];
static struct random random_state;
static bool is_shared;
static int64_t change_at_ns[2]; /* of each directory; RUDP_NEVER: it has changed */
static unsigned number, step;   /* of the key that is being introduced; of the rotation */

enum { ADD, SEND, REMOVE, STEPS };

static const char *path_in(int side, unsigned key)
{
	char name[32];

	snprintf(name, sizeof name, "%d/%u", is_shared ? 0 : side, key);
	return path_of(name);
}

static uint64_t id_of(unsigned key)
{
	uint8_t psk[RUDP_PSK_BYTES] = {1};

	psk[30] = (uint8_t)(key >> 8);
	psk[31] = (uint8_t)key;
	return rudp_key_id(psk);
}

/* Replaces the file as a whole, as an administrator would. */
static void write_key(int side, unsigned key, unsigned day)
{
	char next[128], content[128], from[RUDP_KEY_TIME_SIZE], path[128];

	snprintf(path, sizeof path, "%s", path_in(side, key));
	snprintf(next, sizeof next, "%s", path_of("next"));
	snprintf(content, sizeof content, "01%058x%04x\nnot-before %s\n", 0, key,
		 rudp_key_time_format((int64_t)day * DAY_S, from));
	make_text("next", content);
	cr_assert(zero(int, rename(next, path)));
}

static void change(int side)
{
	change_at_ns[side] = RUDP_NEVER;
	if (side == 1 && is_shared)
		return;
	if (step == ADD)
		write_key(side, number, 2 * number - 1);
	else if (step == SEND)
		write_key(side, number, 2 * number + 2);
	else
		cr_assert(zero(int, unlink(path_in(side, number - 1))));
}

static bool has_seen(const struct rudp_engine *engine)
{
	const struct rudp_key_use *use = &engine->key_use;

	if (step == SEND)
		return use->ids[0] == id_of(number);
	return step == ADD ? rudp_key_is_used(engine, id_of(number))
			   : !rudp_key_is_used(engine, id_of(number - 1));
}

static void begin_step(unsigned next)
{
	step = next;
	for (int side = 0; side < 2; side++)
		change_at_ns[side] =
			pair.now_ns +
			(int64_t)random_below(&random_state, LAG_MS_MAX) * RUDP_NS_PER_MS;
}

static void rotate(void)
{
	for (int side = 0; side < 2; side++)
		if (pair.now_ns >= change_at_ns[side])
			change(side);
	for (int side = 0; side < 2; side++) {
		engines[side].now_at_ns = pair.now_ns;
		rudp_key_watch(&engines[side]);
	}
	if (change_at_ns[0] != RUDP_NEVER || change_at_ns[1] != RUDP_NEVER ||
	    !has_seen(&engines[0]) || !has_seen(&engines[1]))
		return;
	number += step + 1 == STEPS;
	begin_step((step + 1) % STEPS);
}

static void engine_begin(int side)
{
	struct rudp_engine *engine = &engines[side];
	char text[RUDP_SETTINGS_TEXT_SIZE], path[128];

	snprintf(path, sizeof path, "%s/%d", directory, is_shared ? 0 : side);
	setenv("RUDP_KEY_FILE", path, 1);
	cr_assert(eq(int, rudp_settings_load(&engine->settings, getenv, geteuid(), text),
		     RUDP_SETTINGS_OK),
		  "%s", text);
	engine->ep = pair.ep[side];
	engine->now_at_ns = pair.now_ns;
	rudp_key_begin(engine);
}

static void begin(bool shared)
{
	is_shared = shared;
	number = 1;
	for (int side = 0; side < 2 - shared; side++) {
		cr_assert(zero(int, mkdir(path_of(side ? "1" : "0"), 0700)));
		write_key(side, 0, 2);
	}
	for (int side = 0; side < 2; side++)
		engine_begin(side);
	begin_step(ADD);
}

static void init(void)
{
	directory_make();
	pair_init(&pair, 1, 1);
}

static void fini(void)
{
	for (int side = 0; side < 2; side++)
		rudp_settings_fini(&engines[side].settings);
	pair_fini(&pair);
	directory_remove();
}

TestSuite(key_rotation, .init = init, .fini = fini);

static void close_both(void)
{
	for (int side = 0; side < 2; side++)
		if (pair.conn[side])
			rudp_conn_close(pair.conn[side], pair.now_ns);
	pair_settle(&pair);
}

static void accept_one(void)
{
	pair.conn[1] = rudp_listener_accept(pair.listener);
	if (pair.conn[1])
		rudp_conn_set_user(pair.conn[1], &pair);
}

static void set_up_while_keys_rotate(void)
{
	pair_connect(&pair, PAIR_PORT);
	pair.conn[1] = NULL;
	for (int flight = 0; flight < FLIGHTS_MAX && !pair.conn[1]; flight++) {
		rotate();
		pair_travel(&pair, FLIGHT_NS);
		accept_one();
	}
	pair_settle(&pair);
	cr_assert(ne(ptr, pair.conn[1], NULL), "key %u, step %u: %s", number, step,
		  strerrordesc_np(rudp_conn_error(pair.conn[0])));
	cr_assert(eq(int, rudp_conn_state(pair.conn[0]), RUDP_STATE_ESTABLISHED));
	pair_events(&pair, 0);
	pair_events(&pair, 1);
	close_both();
}

static unsigned count_descriptors(void)
{
	DIR *listing = opendir("/proc/self/fd");
	unsigned count = 0;

	cr_assert(ne(ptr, listing, NULL));
	while (readdir(listing))
		count++;
	closedir(listing);
	return count;
}

static void expect_nothing_left(void)
{
	pair_run(&pair, 60 * RUDP_NS_PER_S);
	for (int side = 0; side < 2; side++)
		cr_assert(zero(uint, rudp_endpoint_conn_count(pair.ep[side])));
}

static void rotate_a_thousand_times(bool shared)
{
	unsigned descriptors, set_ups = 0;

	begin(shared);
	descriptors = count_descriptors();
	for (; number <= ROTATIONS; set_ups++) {
		set_up_while_keys_rotate();
		pair.now_ns += (int64_t)random_below(&random_state, 300) * RUDP_NS_PER_MS;
	}
	cr_assert(ge(uint, set_ups, ROTATIONS));
	for (int side = 0; side < 2; side++)
		cr_assert(zero(u64, pair_verdicts(&pair, side, RUDP_VERDICT_KEY_MISMATCH)));
	expect_nothing_left();
	cr_assert(eq(uint, count_descriptors(), descriptors));
}

Test(key_rotation, of_a_shared_directory_fails_no_connect, .timeout = 120)
{
	rotate_a_thousand_times(true);
}

Test(key_rotation, of_two_directories_fails_no_connect, .timeout = 120)
{
	rotate_a_thousand_times(false);
}

static void expect_ended(uint64_t id)
{
	pair_settle(&pair);
	for (int side = 0; side < 2; side++)
		cr_assert(zero(uint, rudp_endpoint_count_psk(pair.ep[side], id)));
}

static bool is_sent(unsigned key)
{
	return engines[0].key_use.ids[0] == id_of(key) && engines[1].key_use.ids[0] == id_of(key);
}

/* Both engines revoke the key at random moments of a set-up and of the transfer after it. */
static void revoke_during_a_set_up(uint64_t id)
{
	uint64_t moments[2];
	int error;

	for (int side = 0; side < 2; side++)
		moments[side] = random_below(&random_state, 8);
	pair_connect(&pair, PAIR_PORT);
	pair.conn[1] = NULL;
	for (uint64_t flight = 0; flight < 8; flight++) {
		for (int side = 0; side < 2; side++)
			if (moments[side] == flight)
				rudp_key_revoke(&engines[side], id);
		if (rudp_conn_state(pair.conn[0]) == RUDP_STATE_ESTABLISHED)
			rudp_conn_write(pair.conn[0], "x", 1, pair.now_ns);
		pair_travel(&pair, FLIGHT_NS);
		if (!pair.conn[1])
			accept_one();
	}
	error = rudp_conn_error(pair.conn[0]);
	if (error != EKEYREJECTED) /* the listener revoked it first */
		cr_assert(eq(int, error, ECONNRESET));
	expect_ended(id);
	pair_events(&pair, 0);
	pair_events(&pair, 1);
	close_both();
}

Test(key_rotation, a_revoked_key_leaves_no_connection, .timeout = 120)
{
	unsigned revoked = 0, last = 0;

	begin(false);
	while (revoked < REVOCATIONS) {
		set_up_while_keys_rotate();
		if (step != SEND || number == last || !is_sent(number - 1))
			continue;
		last = number;
		revoke_during_a_set_up(id_of(number - 1));
		revoked++;
	}
	expect_nothing_left();
}
