/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/environment.h"

static uint64_t hash_with(const char *name, const char *value)
{
	uint64_t hash;

	setenv(name, value, 1);
	hash = rudp_environment_hash();
	unsetenv(name);
	return hash;
}

Test(environment, settings_change_the_hash_and_nothing_else_does)
{
	uint64_t none;

	clearenv();
	none = rudp_environment_hash();
	cr_assert(ne(u64, hash_with("RUDP_CC", "cubic"), none));
	cr_assert(ne(u64, hash_with("RUDP_CC", "cubic"), hash_with("RUDP_CC", "bbr")));
	cr_assert(eq(u64, hash_with("RUDP_NONCE", "x"), none));
	cr_assert(eq(u64, hash_with("RUDP_ENGINE_PATH", "x"), none));
	cr_assert(eq(u64, hash_with("RUDP_DISABLE", "1"), none));
	cr_assert(eq(u64, hash_with("PATH", "/bin"), none));
}

Test(environment, order_does_not_change_the_hash)
{
	uint64_t first;

	clearenv();
	setenv("RUDP_CC", "bbr", 1);
	setenv("RUDP_LOG", "info", 1);
	first = rudp_environment_hash();
	clearenv();
	setenv("RUDP_LOG", "info", 1);
	setenv("RUDP_CC", "bbr", 1);
	cr_assert(eq(u64, rudp_environment_hash(), first));
}

Test(environment, relative_key_files_of_two_directories_differ)
{
	uint64_t in_root, in_tmp;

	clearenv();
	cr_assert(eq(int, chdir("/"), 0));
	in_root = hash_with("RUDP_KEY_FILE", "key");
	cr_assert(eq(int, chdir("/tmp"), 0));
	in_tmp = hash_with("RUDP_KEY_FILE", "key");
	cr_assert(ne(u64, in_root, in_tmp));
	cr_assert(eq(u64, hash_with("RUDP_KEY_FILE", "/tmp/key"), in_tmp));
}

Test(environment, file_names_become_absolute)
{
	static const char *const cases[][2] = {
		{"RUDP_KEY_FILE=key", "RUDP_KEY_FILE=/tmp/key"},
		{"RUDP_KEY_FILE=/a/key", "RUDP_KEY_FILE=/a/key"},
		{"RUDP_LOG=info:log/x", "RUDP_LOG=info:/tmp/log/x"},
		{"RUDP_LOG=info:/x", "RUDP_LOG=info:/x"},
		{"RUDP_LOG=info", "RUDP_LOG=info"},
		{"RUDP_LOG=info:", "RUDP_LOG=info:"},
		{"RUDP_POLICY_FILE=p/x", "RUDP_POLICY_FILE=/tmp/p/x"},
		{"RUDP_POLICY_FILE=/p/x", "RUDP_POLICY_FILE=/p/x"},
		{"RUDP_QLOG=traces", "RUDP_QLOG=/tmp/traces"},
		{"RUDP_QLOG=/traces", "RUDP_QLOG=/traces"},
		{"RUDP_POLICY=any use tcp", "RUDP_POLICY=any use tcp"},
		{"RUDP_CC=bbr", "RUDP_CC=bbr"},
	};
	char out[64];

	cr_assert(eq(int, chdir("/tmp"), 0));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t len = rudp_environment_copy(out, sizeof out, cases[i][0]);

		cr_assert(eq(sz, len, strlen(cases[i][1])));
		cr_assert(eq(str, out, (char *)cases[i][1]));
	}
}

Test(environment, what_does_not_fit_is_not_cut)
{
	const char *variable = "RUDP_KEY_FILE=key";
	const char *whole = "RUDP_KEY_FILE=/tmp/key";
	char out[64];

	cr_assert(eq(int, chdir("/tmp"), 0));
	for (size_t size = 0; size <= strlen(whole); size++)
		cr_assert(eq(sz, rudp_environment_copy(out, size, variable), 0));
	cr_assert(eq(sz, rudp_environment_copy(out, strlen(whole) + 1, variable), strlen(whole)));
}

Test(environment, what_was_remembered_holds_until_there_is_another_value)
{
	uint64_t before;

	clearenv();
	setenv("RUDP_CC", "cubic", 1);
	setenv("RUDP_KEY_FILE", "/key", 1);
	setenv("HOME", "/root", 1);
	setenv("PATH", "/bin", 1);
	before = rudp_environment_hash();
	rudp_environment_remember();
	cr_assert(eq(u64, rudp_environment_hash(), before));
	clearenv();
	cr_assert(eq(str, (char *)rudp_environment_get("RUDP_KEY_FILE"), "/key"));
	cr_assert(eq(str, (char *)rudp_environment_get("HOME"), "/root"));
	cr_assert(eq(ptr, (void *)rudp_environment_get("PATH"), NULL));
	cr_assert(eq(u64, rudp_environment_hash(), before));
	setenv("RUDP_CC", "bbr", 1);
	cr_assert(eq(str, (char *)rudp_environment_get("RUDP_CC"), "bbr"));
	cr_assert(ne(u64, rudp_environment_hash(), before));
	setenv("RUDP_KEY_FILE", "", 1);
	cr_assert(eq(ptr, (void *)rudp_environment_get("RUDP_KEY_FILE"), NULL));
}

Test(environment, an_engine_handed_on_is_kept_in_another_home)
{
	char *root[] = {"HOME=/root", "RUDP_CC=bbr", NULL};
	char *user[] = {"HOME=/home/user", "XDG_CONFIG_HOME=/config", "RUDP_CC=bbr", NULL};
	char *other[] = {"HOME=/root", "RUDP_CC=cubic", NULL};
	uint64_t written, whole;

	environ = root;
	written = rudp_environment_hash_written();
	whole = rudp_environment_hash();
	environ = user;
	cr_assert(eq(u64, rudp_environment_hash_written(), written));
	cr_assert(ne(u64, rudp_environment_hash(), whole));
	environ = other;
	cr_assert(ne(u64, rudp_environment_hash_written(), written));
}

/* Overwrites each character of the variables' text, as setproctitle does. */
Test(environment, what_was_remembered_is_a_copy)
{
	static char variable[] = "RUDP_KEY_FILE=/key";
	char *list[] = {variable, NULL};

	environ = list;
	rudp_environment_remember();
	memset(variable, 'x', sizeof variable - 1);
	cr_assert(eq(str, (char *)rudp_environment_get("RUDP_KEY_FILE"), "/key"));
}

Test(environment, more_than_can_be_remembered_is_left_out_whole)
{
	static char texts[RUDP_ENVIRONMENT_REMEMBERED_MAX + 2][32];
	static char big[RUDP_ENVIRONMENT_BYTES_MAX + 16] = "RUDP_BIG=";
	char *list[RUDP_ENVIRONMENT_REMEMBERED_MAX + 4] = {big};
	struct rudp_environment_walk walk;
	size_t count = 0;

	memset(big + strlen(big), 'x', RUDP_ENVIRONMENT_BYTES_MAX);
	for (int i = 0; i < RUDP_ENVIRONMENT_REMEMBERED_MAX + 2; i++) {
		snprintf(texts[i], sizeof texts[i], "RUDP_%d=1", i);
		list[i + 1] = texts[i];
	}
	environ = list;
	rudp_environment_remember();
	clearenv();
	rudp_environment_begin(&walk);
	while (rudp_environment_next(&walk))
		count++;
	cr_assert(eq(sz, count, RUDP_ENVIRONMENT_REMEMBERED_MAX));
	cr_assert(eq(ptr, (void *)rudp_environment_get("RUDP_BIG"), NULL));
	cr_assert(eq(str, (char *)rudp_environment_get("RUDP_0"), "1"));
}

Test(environment, empty_variable_is_not_set)
{
	clearenv();
	setenv("RUDP_CC", "", 1);
	cr_assert(eq(ptr, (void *)rudp_environment_get("RUDP_CC"), NULL));
}

Test(environment, a_long_policy_takes_the_place_of_nothing_else)
{
	static char policy[RUDP_ENVIRONMENT_BYTES_MAX - 8] = "RUDP_POLICY=";
	static char key[] = "RUDP_KEY_FILE=/key";
	char *list[] = {policy, key, NULL};

	memset(policy + strlen(policy), ' ', sizeof policy - 1 - strlen(policy));
	environ = list;
	rudp_environment_remember();
	clearenv();
	cr_assert(eq(str, (char *)rudp_environment_get("RUDP_KEY_FILE"), "/key"));
	cr_assert(eq(ptr, (void *)rudp_environment_get("RUDP_POLICY"), NULL));
}

Test(environment, the_directory_of_the_policy_is_part_of_the_hash)
{
	uint64_t none, home, config;

	clearenv();
	none = rudp_environment_hash();
	home = hash_with("HOME", "/home/a");
	config = hash_with("XDG_CONFIG_HOME", "/home/a");
	cr_assert(ne(u64, home, none));
	cr_assert(ne(u64, config, none));
	cr_assert(ne(u64, config, home));
	cr_assert(ne(u64, hash_with("HOME", "/home/b"), home));
	cr_assert(eq(u64, hash_with("HOME", "relative"), none));
	cr_assert(eq(u64, hash_with("XDG_CONFIG_HOME", "relative"), none));
	setenv("XDG_CONFIG_HOME", "/home/a", 1);
	cr_assert(eq(u64, hash_with("HOME", "/home/b"), config));
}

Test(environment, with_a_policy_file_its_directory_does_not_matter)
{
	uint64_t named;

	clearenv();
	setenv("RUDP_POLICY_FILE", "/p", 1);
	named = rudp_environment_hash();
	cr_assert(eq(u64, hash_with("HOME", "/home/a"), named));
	cr_assert(eq(u64, hash_with("XDG_CONFIG_HOME", "/home/a"), named));
	setenv("RUDP_POLICY_FILE", "", 1);
	cr_assert(ne(u64, hash_with("HOME", "/home/a"), hash_with("HOME", "/home/b")));
}

Test(environment, an_engine_gets_the_settings_and_where_its_log_and_policy_are)
{
	cr_assert(rudp_environment_is_for_engine("RUDP_CC=bbr"));
	cr_assert(rudp_environment_is_for_engine("XDG_RUNTIME_DIR=/run/user/0"));
	cr_assert(not(rudp_environment_is_for_engine("RUDP_TOKEN=x")));
	cr_assert(not(rudp_environment_is_for_engine("LD_PRELOAD=x.so")));
	cr_assert(rudp_environment_is_for_engine("XDG_CONFIG_HOME=/root/.config"));
	cr_assert(rudp_environment_is_for_engine("HOME=/root"));
	cr_assert(rudp_environment_is_for_engine("RUDP_POLICY=any use tcp"));
	cr_assert(not(rudp_environment_is_for_engine("PATH=/bin")));
	cr_assert(not(rudp_environment_is_setting("HOME=/root")));
}
