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
	before = rudp_environment_hash();
	rudp_environment_remember();
	cr_assert(eq(u64, rudp_environment_hash(), before));
	clearenv();
	cr_assert(eq(str, (char *)rudp_environment_get("RUDP_KEY_FILE"), "/key"));
	cr_assert(eq(ptr, (void *)rudp_environment_get("HOME"), NULL));
	cr_assert(rudp_environment_want_key());
	cr_assert(eq(u64, rudp_environment_hash(), before));
	setenv("RUDP_CC", "bbr", 1);
	cr_assert(eq(str, (char *)rudp_environment_get("RUDP_CC"), "bbr"));
	cr_assert(ne(u64, rudp_environment_hash(), before));
	setenv("RUDP_KEY_FILE", "", 1);
	cr_assert(eq(ptr, (void *)rudp_environment_get("RUDP_KEY_FILE"), NULL));
}

/* Each character of the variables' contents, overwritten as setproctitle does it. */
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

Test(environment, an_engine_gets_the_settings_and_where_its_log_goes)
{
	cr_assert(rudp_environment_is_for_engine("RUDP_CC=bbr"));
	cr_assert(rudp_environment_is_for_engine("XDG_RUNTIME_DIR=/run/user/0"));
	cr_assert(not(rudp_environment_is_for_engine("RUDP_TOKEN=x")));
	cr_assert(not(rudp_environment_is_for_engine("LD_PRELOAD=x.so")));
	cr_assert(not(rudp_environment_is_for_engine("HOME=/root")));
}
