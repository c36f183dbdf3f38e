/* SPDX-License-Identifier: MIT */
/* Where the files of identities are, and what of them is in force while they change. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config/identity_files.h"
#include "key_files.h"

#define LINE "rudp-x25519-private XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os=\n"
/* Keys of 32 equal bytes: 1, 2. */
#define ONE "rudp-x25519 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define TWO "rudp-x25519 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define USER 1000

static struct rudp_identity_files files;
static char text[RUDP_KEY_TEXT_SIZE], complaints[4 * RUDP_KEY_TEXT_SIZE];
static const char *variables[8][2];

static void clear(void)
{
	rudp_identity_files_wipe(&files);
	directory_remove();
}

TestSuite(identity_files, .init = directory_make, .fini = clear);

static char *get(const char *name)
{
	for (size_t i = 0; i < 8 && variables[i][0]; i++)
		if (strcmp(variables[i][0], name) == 0)
			return (char *)variables[i][1];
	return NULL;
}

static void set(const char *name, const char *value)
{
	size_t i = 0;

	while (variables[i][0])
		i++;
	variables[i][0] = name;
	variables[i][1] = value;
}

static bool load(void)
{
	rudp_identity_files_wipe(&files);
	return rudp_identity_files_place(&files, get, NULL, USER, text) &&
	       rudp_identity_files_load(&files, text);
}

static void complain(void *context, const char *said)
{
	size_t len = strlen(complaints);

	(void)context;
	snprintf(complaints + len, sizeof complaints - len, "%s\n", said);
}

static bool watch(void)
{
	complaints[0] = 0;
	return rudp_identity_files_watch(&files, complain, NULL);
}

/* All three files in the default directory. */
static void make_all(void)
{
	set("XDG_CONFIG_HOME", directory);
	cr_assert(zero(int, mkdir(path_of("rudp"), 0700)));
	make_text("rudp/id", LINE);
	make_text("rudp/known_hosts", "10.0.0.1 " ONE "\n");
	make_text("rudp/authorized_keys", ONE " alice\n");
}

/* The key of 10.0.0.HOST, port 22, as its digit; 0: unknown. */
static unsigned known(unsigned host)
{
	uint8_t key[RUDP_IDENTITY_BYTES];
	struct rudp_addr addr;
	char address[32];

	snprintf(address, sizeof address, "10.0.0.%u:22", host);
	cr_assert(zero(int, rudp_addr_parse(&addr, address)));
	return rudp_known_hosts_find(files.known_hosts, &addr, key, NULL) == RUDP_HOST_KNOWN
		       ? key[0]
		       : 0;
}

static bool is_authorized(uint8_t digit)
{
	uint8_t key[RUDP_IDENTITY_BYTES];
	struct rudp_addr from;

	memset(key, digit, sizeof key);
	cr_assert(zero(int, rudp_addr_parse(&from, "10.0.0.9:5")));
	return rudp_authorized_keys_check(files.authorized_keys, key, 22, &from, 0, NULL, NULL) ==
	       RUDP_AUTHORIZATION_OK;
}

#define EXPECT(got, wanted) cr_assert(eq(str, (char *)(got), (char *)(wanted)))
#define EXPECT_SAID(text, part) cr_assert(ne(ptr, strstr(text, part), NULL), "%s", text)

Test(identity_files, without_files_nothing_is_in_force)
{
	set("XDG_CONFIG_HOME", directory);
	cr_assert(load(), "%s", text);
	cr_assert(eq(ptr, files.identity, NULL));
	cr_assert(eq(ptr, files.known_hosts, NULL));
	cr_assert(eq(ptr, files.authorized_keys, NULL));
	cr_assert(not(watch()));
	EXPECT(complaints, "");
}

Test(identity_files, files_in_the_default_directory_are_read)
{
	make_all();
	cr_assert(load(), "%s", text);
	cr_assert(ne(ptr, files.identity, NULL));
	cr_assert(eq(u32, known(1), 1));
	cr_assert(is_authorized(1));
	cr_assert(not(watch()));
}

Test(identity_files, a_variable_precedes_a_setting_and_both_the_default)
{
	const char *const named[] = {"~/a", "/b", NULL};

	set("HOME", "/home/me");
	set("XDG_CONFIG_HOME", "relative");
	set("RUDP_KNOWN_HOSTS", "/c");
	cr_assert(rudp_identity_files_place(&files, get, named, USER, text), "%s", text);
	EXPECT(rudp_identity_files_path(&files, RUDP_FILE_IDENTITY), "/home/me/a");
	EXPECT(rudp_identity_files_path(&files, RUDP_FILE_KNOWN_HOSTS), "/c");
	EXPECT(rudp_identity_files_path(&files, RUDP_FILE_AUTHORIZED_KEYS),
	       "/home/me/.config/rudp/authorized_keys");
	cr_assert(eq(u32, files.places[RUDP_FILE_AUTHORIZED_KEYS].count, 1));
}

Test(identity_files, new_paths_in_the_rules_are_followed)
{
	const char *named[RUDP_IDENTITY_FILE_COUNT] = {NULL};
	char moved[RUDP_KEY_PATH_SIZE];

	make_all();
	make_text("other", TWO " bob\n");
	snprintf(moved, sizeof moved, "%s/other", directory);
	cr_assert(load(), "%s", text);
	cr_assert(rudp_identity_files_replace(&files, named, text));
	cr_assert(not(watch()));
	named[RUDP_FILE_AUTHORIZED_KEYS] = moved;
	cr_assert(rudp_identity_files_replace(&files, named, text));
	cr_assert(is_authorized(1));
	cr_assert(watch());
	cr_assert(is_authorized(2));
	cr_assert(not(is_authorized(1)));
	named[RUDP_FILE_AUTHORIZED_KEYS] = "/nowhere/keys";
	cr_assert(rudp_identity_files_replace(&files, named, text));
	cr_assert(watch());
	EXPECT_SAID(complaints, "/nowhere/keys: there is no such file");
	cr_assert(not(is_authorized(2)));
	named[RUDP_FILE_AUTHORIZED_KEYS] = NULL;
	cr_assert(rudp_identity_files_replace(&files, named, text));
	cr_assert(watch());
	cr_assert(is_authorized(1));
}

Test(identity_files, a_variable_is_not_replaced_by_a_rule)
{
	const char *named[RUDP_IDENTITY_FILE_COUNT] = {[RUDP_FILE_KNOWN_HOSTS] = "/nowhere/hosts"};

	make_all();
	set("RUDP_KNOWN_HOSTS", path_of("rudp/known_hosts"));
	cr_assert(load(), "%s", text);
	cr_assert(rudp_identity_files_replace(&files, named, text));
	cr_assert(not(watch()));
	cr_assert(eq(u32, known(1), 1));
}

Test(identity_files, root_has_files_of_the_system)
{
	enum rudp_identity_file file;

	set("HOME", "/root");
	cr_assert(rudp_identity_files_place(&files, get, NULL, 0, text), "%s", text);
	cr_assert(rudp_identity_files_has(&files, "/etc/rudp/id", &file));
	cr_assert(eq(int, (int)file, RUDP_FILE_IDENTITY));
	cr_assert(rudp_identity_files_has(&files, "/root/.config/rudp/known_hosts", &file));
	cr_assert(eq(int, (int)file, RUDP_FILE_KNOWN_HOSTS));
	cr_assert(not(rudp_identity_files_has(&files, "/etc/shadow", &file)));
}

Test(identity_files, named_files_must_exist_but_known_hosts)
{
	set("RUDP_KNOWN_HOSTS", "/nowhere/known_hosts");
	cr_assert(load(), "%s", text);
	set("RUDP_IDENTITY", "/nowhere/id");
	cr_assert(not(load()));
	EXPECT(text, "RUDP_IDENTITY: /nowhere/id: there is no such file");
}

Test(identity_files, a_link_that_leads_nowhere_is_no_missing_file)
{
	set("XDG_CONFIG_HOME", directory);
	cr_assert(zero(int, mkdir(path_of("rudp"), 0700)));
	cr_assert(zero(int, symlink("/nowhere/keys", path_of("rudp/authorized_keys"))));
	cr_assert(not(load()));
	EXPECT_SAID(text, "/rudp/authorized_keys: is there, but cannot be read: No such file");
	cr_assert(zero(int, unlink(path_of("rudp/authorized_keys"))));
	cr_assert(zero(int, symlink("authorized_keys", path_of("rudp/authorized_keys"))));
	cr_assert(not(load()));
	EXPECT_SAID(text, "Too many levels of symbolic links");
	cr_assert(zero(int, unlink(path_of("rudp/authorized_keys"))));
	make_text("elsewhere", ONE " alice\n");
	cr_assert(zero(int, symlink("../elsewhere", path_of("rudp/authorized_keys"))));
	cr_assert(load(), "%s", text);
	cr_assert(is_authorized(1));
}

Test(identity_files, one_wrong_file_leaves_nothing_in_force)
{
	make_all();
	make_text("rudp/authorized_keys", "[until=today] " ONE " alice\n");
	cr_assert(not(load()));
	EXPECT_SAID(text, "/rudp/authorized_keys:1:2: unknown option");
	cr_assert(eq(ptr, files.identity, NULL));
	cr_assert(eq(ptr, files.known_hosts, NULL));
}

Test(identity_files, a_changed_file_is_read_again)
{
	make_all();
	cr_assert(load(), "%s", text);
	make_text("rudp/known_hosts", "10.0.0.1 " TWO "\n");
	make_text("rudp/authorized_keys", TWO " bob\n@revoked " ONE "\n");
	cr_assert(watch());
	cr_assert(eq(u32, known(1), 2));
	cr_assert(not(is_authorized(1)));
	cr_assert(is_authorized(2));
	cr_assert(not(watch()));
	EXPECT(complaints, "");
}

Test(identity_files, a_wrong_new_file_is_reported_once_and_the_old_one_counts)
{
	make_all();
	cr_assert(load(), "%s", text);
	make_text("rudp/known_hosts", "10.0.0.1 " TWO "\n10.0.0 " TWO "\n");
	cr_assert(not(watch()));
	EXPECT_SAID(complaints, "/rudp/known_hosts:2:1: this is not a valid address");
	EXPECT_SAID(complaints, "what the file said before stays in force");
	cr_assert(not(watch()));
	EXPECT(complaints, "");
	cr_assert(eq(u32, known(1), 1));
	make_text("rudp/known_hosts", "10.0.0.1 " TWO "\n");
	cr_assert(watch());
	cr_assert(eq(u32, known(1), 2));
}

/* As on a file system whose clock has not advanced since the file was read. */
static void keep_stamp(enum rudp_identity_file file)
{
	struct rudp_identity_place *place = &files.places[file];

	place->stamp = rudp_file_stamp_at(place->paths[place->index]);
}

Test(identity_files, a_file_changed_twice_in_a_tick_is_read_again)
{
	make_all();
	cr_assert(load());
	make_text("rudp/known_hosts", "10.0.0.1 " TWO "\n");
	keep_stamp(RUDP_FILE_KNOWN_HOSTS);
	cr_assert(watch());
	cr_assert(eq(uint, known(1), 2));
	for (int i = 0; i < RUDP_FILE_COMPARISONS; i++)
		cr_assert(not(watch()));
	make_text("rudp/known_hosts", "10.0.0.1 " ONE "\n");
	keep_stamp(RUDP_FILE_KNOWN_HOSTS);
	cr_assert(not(watch()));
}

Test(identity_files, rights_that_became_wrong_change_nothing)
{
	make_all();
	cr_assert(load(), "%s", text);
	cr_assert(zero(int, chmod(path_of("rudp/id"), 0644)));
	cr_assert(zero(int, chmod(path_of("rudp/authorized_keys"), 0666)));
	cr_assert(not(watch()));
	EXPECT_SAID(complaints, "/rudp/id: can be read or changed by others");
	EXPECT_SAID(complaints, "/rudp/authorized_keys: can be changed by others");
	cr_assert(ne(ptr, files.identity, NULL));
	cr_assert(is_authorized(1));
}

Test(identity_files, files_that_disappear_allow_nothing_more)
{
	make_all();
	cr_assert(load(), "%s", text);
	cr_assert(zero(int, unlink(path_of("rudp/id"))));
	cr_assert(zero(int, unlink(path_of("rudp/known_hosts"))));
	cr_assert(not(watch()));
	EXPECT_SAID(complaints, "/rudp/id: there is no such file any more");
	EXPECT_SAID(complaints, "/rudp/known_hosts: there is no such file any more");
	cr_assert(not(watch()));
	EXPECT(complaints, "");
	cr_assert(ne(ptr, files.identity, NULL));
	cr_assert(eq(u32, known(1), 1));
	cr_assert(zero(int, unlink(path_of("rudp/authorized_keys"))));
	cr_assert(watch());
	EXPECT_SAID(complaints, "no peer is authorized");
	cr_assert(ne(ptr, files.authorized_keys, NULL));
	cr_assert(not(is_authorized(1)));
	make_text("rudp/authorized_keys", ONE " alice\n");
	cr_assert(watch());
	cr_assert(is_authorized(1));
}

Test(identity_files, files_that_appear_are_read)
{
	set("XDG_CONFIG_HOME", directory);
	cr_assert(load(), "%s", text);
	make_all();
	cr_assert(watch());
	EXPECT(complaints, "");
	cr_assert(ne(ptr, files.identity, NULL));
	cr_assert(eq(u32, known(1), 1));
	cr_assert(is_authorized(1));
}

static int remember(unsigned host, uint8_t digit)
{
	uint8_t key[RUDP_IDENTITY_BYTES];
	struct rudp_addr addr;
	char address[32];

	memset(key, digit, sizeof key);
	snprintf(address, sizeof address, "10.0.0.%u:22", host);
	cr_assert(zero(int, rudp_addr_parse(&addr, address)));
	return rudp_identity_files_remember(&files, &addr, key);
}

Test(identity_files, a_host_met_for_the_first_time_is_in_force_and_in_the_file)
{
	set("XDG_CONFIG_HOME", directory);
	cr_assert(zero(int, mkdir(path_of("rudp"), 0700)));
	cr_assert(load(), "%s", text);
	cr_assert(zero(int, remember(7, 2)));
	cr_assert(eq(u32, known(7), 2));
	cr_assert(watch());
	EXPECT(complaints, "");
	cr_assert(eq(u32, known(7), 2));
	cr_assert(load(), "%s", text);
	cr_assert(eq(u32, known(7), 2));
}

Test(identity_files, a_host_that_cannot_be_written_stays_in_force)
{
	set("XDG_CONFIG_HOME", directory);
	cr_assert(load(), "%s", text);
	cr_assert(eq(int, remember(7, 2), -ENOENT));
	cr_assert(eq(int, remember(7, 1), -ENOENT));
	cr_assert(eq(u32, known(7), 1));
	make_all();
	cr_assert(watch());
	cr_assert(eq(u32, known(1), 1));
	cr_assert(eq(u32, known(7), 1));
}

Test(identity_files, hosts_that_cannot_be_written_are_limited)
{
	set("XDG_CONFIG_HOME", directory);
	cr_assert(load(), "%s", text);
	for (unsigned i = 0; i < RUDP_IDENTITY_UNSAVED_MAX; i++)
		cr_assert(eq(int, remember(i % 256, 1), -ENOENT));
	cr_assert(eq(int, remember(1, 2), -ENOSPC));
}
