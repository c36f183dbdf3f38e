/* SPDX-License-Identifier: MIT */
/* An engine follows changes of its key files, in virtual time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config/key_files.h"
#include "engine/control/info.h"
#include "engine/loop/engine.h"
#include "engine/udp/udp.h"

static struct rudp_engine engine;

static void begin(const char *key_path)
{
	char text[RUDP_SETTINGS_TEXT_SIZE];
	static struct rudp_settings settings;

	setenv("RUDP_KEY_FILE", key_path, 1);
	cr_assert(eq(int, rudp_settings_load(&settings, getenv, geteuid(), text), RUDP_SETTINGS_OK),
		  "%s", text);
	cr_assert(zero(int, rudp_engine_init(&engine, &settings)));
}

static void init(void)
{
	directory_make();
	make("a", '1', "");
}

static void fini(void)
{
	rudp_engine_fini(&engine);
	directory_remove();
}

TestSuite(key_watch, .init = init, .fini = fini);

static uint64_t id_of(char digit)
{
	uint8_t psk[RUDP_PSK_BYTES];

	memset(psk, (digit - '0') * 0x11, sizeof psk);
	return rudp_key_id(psk);
}

/* Time passes until the next check. */
static void look(void)
{
	engine.now_at_ns += RUDP_KEY_CHECK_NS;
	rudp_key_watch(&engine);
}

static void expect_keys(const char *digits)
{
	const struct rudp_key_use *use = &engine.key_use;

	cr_assert(not(use->is_withdrawn));
	cr_assert(eq(uint, use->count, (unsigned)strlen(digits)));
	for (unsigned i = 0; i < use->count; i++)
		cr_assert(eq(u64, use->ids[i], id_of(digits[i])));
}

/* A connection that starts now; no datagram is sent. */
static struct rudp_conn *connect_now(void)
{
	struct rudp_addr local, remote;
	static struct rudp_udp socket = {.fd = -1, .share_fd = -1};
	int error;

	cr_assert(zero(int, rudp_addr_parse(&local, "10.0.0.1:1000")));
	cr_assert(zero(int, rudp_addr_parse(&remote, "10.0.0.2:80")));
	return rudp_endpoint_connect(engine.ep, &socket, &local, &remote, 80, NULL,
				     engine.now_at_ns, &error);
}

Test(key_watch, an_added_key_is_used_and_a_removed_one_is_not)
{
	begin(directory);
	expect_keys("1");
	make("b", '2', "");
	look();
	expect_keys("21");
	cr_assert(zero(int, unlink(path_of("a"))));
	look();
	expect_keys("2");
}

Test(key_watch, the_files_are_checked_at_intervals)
{
	begin(directory);
	look();
	make("b", '2', "");
	rudp_key_watch(&engine);
	expect_keys("1");
}

Test(key_watch, times_of_keys_take_effect_without_a_change_of_files)
{
	struct rudp_key *key;

	make("b", '2', "not-before 2020-01-01T00:00:00Z\n");
	begin(directory);
	expect_keys("21");
	for (int i = 0; i < RUDP_FILE_COMPARISONS; i++)
		look();
	key = &engine.settings.keys.entries[1].key;
	key->not_after_s = key->not_before_s + 1; /* as if that second was now */
	look();
	expect_keys("1");
	key->not_after_s = INT64_MAX;
	look();
	expect_keys("21");
}

Test(key_watch, without_a_valid_key_a_random_one_is_used)
{
	begin(directory);
	make("a", '1', "not-after 2020-01-01T00:00:00Z\n");
	look();
	cr_assert(engine.key_use.is_withdrawn);
	cr_assert(all(eq(uint, engine.key_use.count, 1), ne(u64, engine.key_use.ids[0], id_of('1')),
		      not(rudp_key_is_used(&engine, engine.key_use.ids[0]))));
	make("a", '1', "");
	look();
	expect_keys("1");
}

Test(key_watch, a_file_that_replaces_another_is_read)
{
	char single[128];

	snprintf(single, sizeof single, "%s", path_of("a"));
	begin(single);
	expect_keys("1");
	make("b", '3', "");
	cr_assert(zero(int, rename(path_of("b"), single)));
	look();
	expect_keys("3");
	cr_assert(zero(int, chmod(single, 0644)));
	look();
	cr_assert(engine.key_use.is_withdrawn);
}

/* As on a file system whose clock has not advanced since the file was read. */
static void keep_stamp(unsigned index, const char *name)
{
	engine.settings.keys.entries[index].key.stamp = rudp_file_stamp_at(path_of(name));
}

Test(key_watch, a_file_changed_twice_in_a_tick_is_read_again)
{
	make("b", '2', "");
	begin(directory);
	look();
	make("b", '3', "");
	keep_stamp(1, "b");
	look();
	expect_keys("31");
	make("b", '3', "revoked\n");
	keep_stamp(1, "b");
	look();
	expect_keys("1");
}

Test(key_watch, files_that_keep_their_stamps_are_soon_not_read_any_more)
{
	make("b", '2', "");
	begin(directory);
	for (int i = 0; i < RUDP_FILE_COMPARISONS; i++)
		look();
	make("b", '3', "");
	keep_stamp(1, "b");
	look();
	expect_keys("21");
}

Test(key_watch, a_key_revoked_in_its_file_resets_its_connections)
{
	make("b", '2', "");
	begin(directory);
	cr_assert(ne(ptr, connect_now(), NULL));
	make("b", '2', "revoked\n");
	look();
	expect_keys("1");
	cr_assert(eq(u64, engine.key_use.ended_conns, 1));
	cr_assert(zero(uint, rudp_endpoint_count_psk(engine.ep, id_of('2'))));
}

Test(key_watch, connections_of_a_withdrawn_key_continue)
{
	make("b", '2', "");
	begin(directory);
	cr_assert(ne(ptr, connect_now(), NULL));
	cr_assert(zero(int, unlink(path_of("b"))));
	look();
	expect_keys("1");
	cr_assert(eq(uint, rudp_endpoint_count_psk(engine.ep, id_of('2')), 1));
	cr_assert(eq(uint, rudp_key_revoke(&engine, id_of('2')), 1)); /* revoked only by command */
	cr_assert(eq(uint, rudp_key_revoke(&engine, id_of('2')), 0));
}

/* The key in file b is revoked by command. */
static void begin_with_revoked(void)
{
	make("b", '2', "");
	begin(directory);
	rudp_key_revoke(&engine, id_of('2'));
}

/* File b is written again. */
static void expect_still_revoked(const char *rest)
{
	make("b", '2', rest);
	look();
	expect_keys("1");
}

Test(key_watch, a_key_revoked_by_command_does_not_come_back)
{
	begin_with_revoked();
	expect_keys("1");
	expect_still_revoked("# touched\n");
}

Test(key_watch, of_many_revoked_keys_those_with_a_file_do_not_come_back)
{
	begin_with_revoked();
	for (uint64_t other = 1; other <= 4 * RUDP_KEYS_REVOKED_MAX; other++)
		rudp_key_revoke(&engine, other);
	expect_still_revoked("# touched\n");
}

Test(key_watch, revoking_a_key_again_brings_none_back)
{
	begin_with_revoked();
	cr_assert(zero(int, unlink(path_of("b"))));
	look();
	for (int i = 0; i < 2 * RUDP_KEYS_REVOKED_MAX; i++)
		rudp_key_revoke(&engine, 1);
	expect_still_revoked("");
}

/* The next key of the list. */
static struct rudp_control_key listed(uint64_t *cursor)
{
	struct rudp_control_key info;

	cr_assert(rudp_info_next_key(&engine, cursor, &info));
	return info;
}

Test(key_watch, keys_are_listed_with_their_state)
{
	static const struct {
		const char *name, *more;
		enum rudp_key_state state;
	} keys[] = {{"b", "not-before 2020-01-01T00:00:00Z\n", RUDP_KEY_SENT},
		    {"c", "not-before 2999-01-01T00:00:00Z\n", RUDP_KEY_FUTURE},
		    {"d", "not-after 2020-01-01T00:00:00Z\n", RUDP_KEY_EXPIRED},
		    {"e", "revoked\n", RUDP_KEY_REVOKED}};
	struct rudp_control_key info;
	uint64_t cursor = 0;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		make(keys[i].name, (char)('2' + i), keys[i].more);
	make("f", '7', "nonsense here\n");
	begin(directory);
	info = listed(&cursor);
	cr_assert(all(eq(u64, info.id, id_of('1')), eq(uint, info.state, RUDP_KEY_TAKEN),
		      eq(str, info.file, (char *)path_of("a"))));
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		info = listed(&cursor);
		cr_assert(all(eq(u64, info.id, id_of((char)('2' + i))),
			      eq(uint, info.state, keys[i].state)));
	}
	cr_assert(not(rudp_info_next_key(&engine, &cursor, &info)));
	cr_assert(zero(u64, cursor));
}

Test(key_watch, a_withdrawn_key_is_listed_while_it_has_connections)
{
	struct rudp_control_key info;
	uint64_t cursor = 0;

	make("b", '2', "");
	begin(directory);
	cr_assert(ne(ptr, connect_now(), NULL));
	cr_assert(zero(int, unlink(path_of("b"))));
	look();
	cr_assert(eq(u64, listed(&cursor).id, id_of('1')));
	info = listed(&cursor);
	cr_assert(all(eq(u64, info.id, id_of('2')), eq(uint, info.state, RUDP_KEY_WITHDRAWN),
		      eq(uint, info.connections, 1)));
	cr_assert(not(rudp_info_next_key(&engine, &cursor, &info)));
}

Test(key_watch, an_engine_in_a_thread_checks_until_user_or_root_change)
{
	begin(directory);
	engine.stays = true;
	make("b", '2', "");
	look();
	expect_keys("21");
	engine.uid++; /* as if the program had changed its user */
	make("c", '3', "");
	look();
	expect_keys("21");
	engine.uid--;
	engine.key_use.root_inode++;
	look();
	expect_keys("21");
	engine.key_use.root_inode--;
	look();
	expect_keys("321");
}
