/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "engine/config/policy.h"
#include "engine/config/settings.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define SOMEBODY 65534
#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F"
#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static char text[RUDP_SETTINGS_TEXT_SIZE];

/*
 * Loads settings without a policy: the policy has its own tests, and the user's policy file must
 * not matter here.
 */
static enum rudp_settings_fault load(struct rudp_settings *settings, uint32_t uid)
{
	enum rudp_settings_fault fault;

	setenv("RUDP_POLICY_FILE", "/dev/null", 1);
	fault = rudp_settings_load(settings, getenv, uid, text);
	rudp_policy_free(settings->policy);
	settings->policy = NULL;
	return fault;
}

static enum rudp_settings_fault load_one(struct rudp_settings *settings, const char *name,
					 const char *value)
{
	clearenv();
	setenv(name, value, 1);
	return load(settings, 1000);
}

static bool parse(struct rudp_key *key, const char *content)
{
	return rudp_key_parse(key, content, strlen(content), "k", text);
}

Test(settings, without_variables_there_are_defaults)
{
	struct rudp_settings settings;

	clearenv();
	cr_assert(eq(int, load(&settings, 1000), RUDP_SETTINGS_OK));
	cr_assert(not(settings.has_psk));
	cr_assert(zero(i64, settings.connect_timeout_ns));
	cr_assert(eq(int, settings.log_level, RUDP_LOG_OFF));
	cr_assert(zero(ptr, (void *)settings.cc));
}

Test(settings, an_empty_variable_counts_as_not_set)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_CC", ""), RUDP_SETTINGS_OK));
}

Test(settings, congestion_control_is_found_by_name)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_CC", "cubic"), RUDP_SETTINGS_OK));
	cr_assert(eq(ptr, (void *)settings.cc, (void *)&rudp_cc_cubic));
}

Test(settings, the_encryption_library_is_found_by_name)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_AEAD", "ipsec-mb"), RUDP_SETTINGS_OK));
	cr_assert(eq(int, settings.aead, RUDP_AEAD_IPSEC_MB));
	cr_assert(eq(int, load_one(&settings, "RUDP_AEAD", "libcrypto"), RUDP_SETTINGS_OK));
	cr_assert(eq(int, settings.aead, RUDP_AEAD_LIBCRYPTO));
	cr_assert(eq(int, load_one(&settings, "RUDP_AEAD", "auto"), RUDP_SETTINGS_OK));
	cr_assert(eq(int, settings.aead, RUDP_AEAD_NONE));
}

Test(settings, tail_protection_is_on_unless_off)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_TAIL", ""), RUDP_SETTINGS_OK));
	cr_assert(not(settings.tail_off));
	cr_assert(not(settings.has_tail)); /* the policy decides */
	cr_assert(eq(int, load_one(&settings, "RUDP_TAIL", "on"), RUDP_SETTINGS_OK));
	cr_assert(not(settings.tail_off));
	cr_assert(settings.has_tail);
	cr_assert(eq(int, load_one(&settings, "RUDP_TAIL", "off"), RUDP_SETTINGS_OK));
	cr_assert(settings.tail_off);
}

Test(settings, busy_poll_is_in_microseconds)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_BUSY_POLL", ""), RUDP_SETTINGS_OK));
	cr_assert(not(settings.has_busy_poll), "none is not 0");
	cr_assert(eq(int, load_one(&settings, "RUDP_BUSY_POLL", "50"), RUDP_SETTINGS_OK));
	cr_assert(eq(i64, settings.busy_poll_ns, 50000));
	cr_assert(eq(int, load_one(&settings, "RUDP_BUSY_POLL", "0"), RUDP_SETTINGS_OK));
	cr_assert(settings.has_busy_poll);
	cr_assert(zero(i64, settings.busy_poll_ns));
}

Test(settings, memory_is_in_bytes_or_larger_units)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_MEMORY", ""), RUDP_SETTINGS_OK));
	cr_assert(zero(u64, settings.memory_max_bytes));
	cr_assert(eq(int, load_one(&settings, "RUDP_MEMORY", "1048576"), RUDP_SETTINGS_OK));
	cr_assert(eq(u64, settings.memory_max_bytes, 1u << 20));
	cr_assert(eq(int, load_one(&settings, "RUDP_MEMORY", "1024K"), RUDP_SETTINGS_OK));
	cr_assert(eq(u64, settings.memory_max_bytes, 1u << 20));
	cr_assert(eq(int, load_one(&settings, "RUDP_MEMORY", "512M"), RUDP_SETTINGS_OK));
	cr_assert(eq(u64, settings.memory_max_bytes, 512u << 20));
	cr_assert(eq(int, load_one(&settings, "RUDP_MEMORY", "1048576G"), RUDP_SETTINGS_OK));
	cr_assert(eq(u64, settings.memory_max_bytes, UINT64_C(1) << 50));
}

Test(settings, a_wrong_value_is_reported_with_variable_and_allowed_values)
{
	struct rudp_settings settings;
	const char *const wrong[][2] = {
		{"RUDP_CC", "vegas"},
		{"RUDP_TAIL", "maybe"},
		{"RUDP_ENGINE", "threads"},
		{"RUDP_AEAD", "openssl"},
		{"RUDP_BUSY_POLL", "10001"},
		{"RUDP_BUSY_POLL", "-1"},
		{"RUDP_BUSY_POLL", "50us"},
		{"RUDP_MEMORY", "lots"},
		{"RUDP_MEMORY", "0"},
		{"RUDP_MEMORY", "-1"},
		{"RUDP_MEMORY", "1023K"},
		{"RUDP_MEMORY", "1048577G"},
		{"RUDP_MEMORY", "1125899906842624G"},
		{"RUDP_MEMORY", "99999999999999999999"},
		{"RUDP_MEMORY", "512MB"},
		{"RUDP_MEMORY", "512T"},
		{"RUDP_LOG", "loud"},
		{"RUDP_LOG", ":/tmp/x"},
		{"RUDP_CONNECT_TIMEOUT", "soon"},
		{"RUDP_CONNECT_TIMEOUT", "0"},
		{"RUDP_CONNECT_TIMEOUT", "-3"},
		{"RUDP_CONNECT_TIMEOUT", "5s"},
		{"RUDP_CONNECT_TIMEOUT", "nan"},
		{"RUDP_CONNECT_TIMEOUT", "86401"},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		cr_assert(eq(int, load_one(&settings, wrong[i][0], wrong[i][1]),
			     RUDP_SETTINGS_BAD_VALUE));
		cr_assert(not(zero(ptr, strstr(text, wrong[i][0]))));
		cr_assert(not(zero(ptr, strstr(text, wrong[i][1]))));
	}
}

Test(settings, connect_timeout_accepts_fractions)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_CONNECT_TIMEOUT", "2.5"), RUDP_SETTINGS_OK));
	cr_assert(eq(i64, settings.connect_timeout_ns, 2500 * RUDP_NS_PER_MS));
}

Test(settings, log_file_follows_a_colon_and_has_a_default)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_LOG", "info:/var/a:b"), RUDP_SETTINGS_OK));
	cr_assert(eq(int, settings.log_level, RUDP_LOG_INFO));
	cr_assert(eq(str, settings.log_path, "/var/a:b"));
	cr_assert(eq(int, load_one(&settings, "RUDP_LOG", "warn"), RUDP_SETTINGS_OK));
	cr_assert(eq(str, settings.log_path, "/tmp/rudp-engine-1000.log"));
	setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
	cr_assert(eq(int, load(&settings, 1000), RUDP_SETTINGS_OK));
	cr_assert(eq(str, settings.log_path, "/run/user/1000/rudp-engine-1000.log"));
}

Test(settings, a_key_in_the_environment_is_refused)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_KEY", HEX), RUDP_SETTINGS_BAD_KEY));
}

Test(key, hex_and_base64_give_the_same_key)
{
	struct rudp_key a, b;

	cr_assert(parse(&a, HEX));
	cr_assert(parse(&b, "# ours\n\n  " BASE64 " \r\n"));
	for (unsigned i = 0; i < 32; i++) {
		cr_assert(eq(u8, a.psk[i], (uint8_t)i));
		cr_assert(eq(u8, b.psk[i], (uint8_t)i));
	}
}

static void expect_fault(const char *content, const char *place)
{
	struct rudp_key key;

	cr_assert(not(parse(&key, content)));
	cr_assert(not(zero(ptr, strstr(text, place))), "%s", text);
}

Test(key, errors_say_line_and_column)
{
	expect_fault("", "k:1:1:");
	expect_fault("# only words\n", "k:1:1:");
	expect_fault("\n  00010203g405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
		     "k:2:11:");
	expect_fault("abc", "too short");
	expect_fault(HEX "0", "too long");
	expect_fault(HEX "\n# fine\n" HEX, "k:3:1:");
	expect_fault("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A", "k:1:44:");
	expect_fault(ZEROS, "all zeros");
	expect_fault("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "all zeros");
	expect_fault("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", "k:1:43:");
}

static void write_file(const char *path, mode_t mode)
{
	FILE *file = fopen(path, "w");

	fputs(HEX "\n", file);
	fclose(file);
	chmod(path, mode);
}

Test(key, only_a_private_regular_file_is_accepted)
{
	struct rudp_settings settings;
	char path[] = "/tmp/rudp-test-key-XXXXXX";
	char directory[] = "/tmp/rudp-test-dir-XXXXXX";

	close(mkstemp(path));
	cr_assert(not(zero(ptr, mkdtemp(directory))));
	write_file(path, 0600);
	cr_assert(eq(int, load_one(&settings, "RUDP_KEY_FILE", path), RUDP_SETTINGS_OK));
	cr_assert(settings.has_psk);
	cr_assert(eq(u8, settings.psk[31], 31));
	write_file(path, 0640);
	cr_assert(eq(int, load_one(&settings, "RUDP_KEY_FILE", path), RUDP_SETTINGS_BAD_KEY));
	cr_assert(not(zero(ptr, strstr(text, "chmod 600"))));
	write_file(path, 0600);
	if (geteuid() == 0) {
		cr_assert(zero(int, chown(path, SOMEBODY, SOMEBODY)));
		cr_assert(
			eq(int, load_one(&settings, "RUDP_KEY_FILE", path), RUDP_SETTINGS_BAD_KEY));
		cr_assert(not(zero(ptr, strstr(text, "another user"))));
	}
	unlink(path);
	cr_assert(eq(int, load_one(&settings, "RUDP_KEY_FILE", path), RUDP_SETTINGS_BAD_KEY));
	cr_assert(eq(int, load_one(&settings, "RUDP_KEY_FILE", directory), RUDP_SETTINGS_BAD_KEY));
	rmdir(directory);
}

Test(settings, errors_are_written_to_the_configured_log)
{
	struct rudp_settings settings;
	char path[] = "/tmp/rudp-settings-XXXXXX", log[64], content[1024] = "";
	FILE *file;
	int fd = mkstemp(path);

	cr_assert(ge(int, fd, 0));
	close(fd);
	snprintf(log, sizeof log, "error:%s", path);
	setenv("RUDP_LOG", log, 1);
	setenv("RUDP_KEY_FILE", "/nonexistent/key", 1);
	cr_assert(eq(int, load(&settings, 0), RUDP_SETTINGS_BAD_KEY));
	rudp_settings_complain(&settings, text);
	file = fopen(path, "r");
	cr_assert(ne(ptr, file, NULL));
	cr_assert(ne(ptr, fgets(content, sizeof content, file), NULL));
	fclose(file);
	unlink(path);
	cr_assert(ne(ptr, strstr(content, "RUDP_KEY_FILE: /nonexistent/key: No such file"), NULL));
}

Test(settings, a_misspelled_variable_is_reported_with_a_suggestion)
{
	static const struct {
		char *variable;
		const char *meant;
	} cases[] = {
		/* clang-format off */
		{"RUDP_KEYFILE=x", "RUDP_KEY_FILE"}, {"RUDP_KEY_FILES=x", "RUDP_KEY_FILE"},
		{"RUDP_PSK_FILE=x", "RUDP_KEY_FILE"}, {"RUDP_LOGS=x", "RUDP_LOG"},
		{"RUDP_DISABLED=1", "RUDP_DISABLE"}, {"RUDP_ENGIN_PATH=x", "RUDP_ENGINE_PATH"},
		{"RUDP_POLICYFILE=x", "RUDP_POLICY_FILE"}, {"RUDP_MEMROY=1M", "RUDP_MEMORY"},
		{"RUDP_=x", NULL}, {"RUDP_X=x", NULL}, {"RUDP_WINDOW_SCALE=x", NULL},
		{"RUDP_A_NAME_LONGER_THAN_ANY_THAT_THERE_IS_BY_FAR_AND_MORE_OF_IT=x", NULL},
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *const environment[] = {cases[i].variable, NULL};
		char expected[128];
		size_t at = 0;

		snprintf(expected, sizeof expected, "unknown variable %.*s%s%s%s",
			 (int)strcspn(cases[i].variable, "="), cases[i].variable,
			 cases[i].meant ? "; did you mean " : "",
			 cases[i].meant ? cases[i].meant : "", cases[i].meant ? "?" : "");
		cr_assert(rudp_settings_unknown(environment, &at, text));
		cr_assert(eq(str, text, expected));
		cr_assert(not(rudp_settings_unknown(environment, &at, text)));
	}
}

Test(settings, known_empty_and_foreign_variables_are_not_reported)
{
	char known[32][64];
	char *environment[40] = {"PATH=/bin",    "RUDPKEY=x",    "RUDP_KEYFILE=",  "RUDP_KEYFILE",
				 "RUDP_NONCE=1", "RUDP_TOKEN=1", "RUDP_SETTINGS=1"};
	size_t count = 7, at = 0;

	for (size_t i = 0; rudp_settings_name(i); i++) {
		cr_assert(lt(sz, i, sizeof known / sizeof known[0]));
		snprintf(known[i], sizeof known[i], "%s=x", rudp_settings_name(i));
		environment[count++] = known[i];
	}
	cr_assert(not(rudp_settings_unknown(environment, &at, text)));
	environment[count] = "RUDP_KEYFILE=x";
	at = 0;
	cr_assert(rudp_settings_unknown(environment, &at, text));
	cr_assert(eq(sz, at, count + 1));
}

static int check_log(const char *path)
{
	struct rudp_settings settings;
	char value[128];

	snprintf(value, sizeof value, "info:%s", path);
	cr_assert(eq(int, load_one(&settings, "RUDP_LOG", value), RUDP_SETTINGS_OK));
	return rudp_log_file_check(&settings);
}

Test(settings, a_log_check_creates_no_file)
{
	char directory[] = "/tmp/rudp-test-log-XXXXXX", path[64], below[80];
	FILE *file;

	cr_assert(not(zero(ptr, mkdtemp(directory))));
	snprintf(path, sizeof path, "%s/log", directory);
	cr_assert(zero(int, check_log(path)));
	cr_assert(eq(int, access(path, F_OK), -1));
	cr_assert(eq(int, check_log(directory), -EISDIR));
	file = fopen(path, "w");
	cr_assert(ne(ptr, file, NULL));
	fputs("line\n", file);
	fclose(file);
	cr_assert(zero(int, check_log(path)));
	snprintf(below, sizeof below, "%s/none", path);
	cr_assert(eq(int, check_log(below), -ENOTDIR));
	unlink(path);
	cr_assert(eq(int, check_log(below), -ENOENT));
	cr_assert(zero(int, symlink("/dev/null", path)));
	cr_assert(eq(int, check_log(path), -ELOOP));
	unlink(path);
	rmdir(directory);
}

Test(settings, a_log_file_of_another_user_is_refused)
{
	char directory[] = "/tmp/rudp-test-log-XXXXXX", path[64];
	int reader;

	if (geteuid() != 0)
		cr_skip_test("needs root, to give files away");
	cr_assert(not(zero(ptr, mkdtemp(directory))));
	snprintf(path, sizeof path, "%s/log", directory);
	cr_assert(zero(int, mkfifo(path, 0600)));
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	cr_assert(ge(int, reader, 0));
	cr_assert(zero(int, check_log(path)));
	cr_assert(zero(int, chown(path, 65534, 65534)));
	cr_assert(eq(int, check_log(path), -EPERM));
	close(reader);
	unlink(path);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	cr_assert(zero(int, chown(path, 65534, 65534)));
	cr_assert(eq(int, check_log(path), -EPERM));
	unlink(path);
	rmdir(directory);
	cr_assert(zero(int, check_log("/dev/null")));
}

Test(settings, confinement_is_on_unless_switched_off)
{
	struct rudp_settings settings;

	cr_assert(eq(int, load_one(&settings, "RUDP_CONFINE", "on"), RUDP_SETTINGS_OK));
	cr_assert(not(settings.confine_off));
	cr_assert(eq(int, load_one(&settings, "RUDP_CONFINE", "off"), RUDP_SETTINGS_OK));
	cr_assert(settings.confine_off);
	cr_assert(eq(int, load_one(&settings, "RUDP_CONFINE", "no"), RUDP_SETTINGS_BAD_VALUE));
	cr_assert(eq(str, text, "RUDP_CONFINE: 'no' is neither on nor off"));
}
