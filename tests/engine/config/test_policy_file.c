/* SPDX-License-Identifier: MIT */
/* Where a policy file is searched, which files are refused, and that a policy follows its file. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "engine/config/policy.h"
#include "engine/config/settings.h"

#define NOBODY 65534

static char directory[] = "/tmp/rudp-test-policy-XXXXXX";
static char path[sizeof directory + 32];
static char error[RUDP_POLICY_TEXT_SIZE];

static char logged[RUDP_POLICY_TEXT_SIZE + 64];
static unsigned logged_count;

static void keep_line(void *context, enum rudp_log_level level, const char *text)
{
	(void)context;
	(void)level;
	snprintf(logged, sizeof logged, "%s", text);
	logged_count++;
}

static void write_to(const char *name, const char *content)
{
	FILE *file = fopen(name, "w");

	cr_assert(ne(ptr, file, NULL), "%s", name);
	cr_assert(ge(int, fputs(content, file), 0));
	fclose(file);
}

static void set_up(void)
{
	clearenv();
	umask(022); /* the modes below must not depend on the caller's umask */
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(path, sizeof path, "%s/p", directory);
	rudp_log_set(keep_line, NULL, RUDP_LOG_INFO);
}

static void tear_down(void)
{
	char command[sizeof directory + 16];

	snprintf(command, sizeof command, "rm -rf %s", directory);
	cr_assert(zero(int, system(command)));
}

/* Gives files equal timestamps, as if they were written in the same clock tick. */
static void set_time(const char *name, time_t seconds)
{
	const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};

	cr_assert(zero(int, utimensat(AT_FDCWD, name, times, 0)));
}

static struct rudp_policy *load_file(const char *content)
{
	struct rudp_policy *policy;

	write_to(path, content);
	setenv("RUDP_POLICY_FILE", path, 1);
	policy = rudp_policy_load(getenv, error);
	cr_assert(ne(ptr, policy, NULL), "%s", error);
	return policy;
}

static void expect_fault(const char *before, const char *name, const char *after)
{
	struct rudp_policy *policy = rudp_policy_load(getenv, error);
	char expected[RUDP_POLICY_TEXT_SIZE];

	snprintf(expected, sizeof expected, "%s%s%s", before, name, after);
	cr_assert(eq(ptr, policy, NULL));
	cr_assert(eq(str, error, expected));
}

TestSuite(policy_file, .init = set_up, .fini = tear_down);

Test(policy_file, named_by_the_variable_must_exist)
{
	setenv("RUDP_POLICY_FILE", path, 1);
	expect_fault("RUDP_POLICY_FILE: ", path, ": No such file or directory");
}

Test(policy_file, errors_say_its_name_line_and_column)
{
	write_to(path, "any use tcp\nany use  udp\n");
	setenv("RUDP_POLICY_FILE", path, 1);
	expect_fault("", path, ":2:10: found 'udp', expected rudp, tcp or auto");
}

Test(policy_file, errors_in_the_environment_say_its_line_and_column)
{
	setenv("RUDP_POLICY", "any use tcp; any usetcp", 1);
	setenv("RUDP_POLICY_FILE", "/dev/null", 1);
	expect_fault("RUDP_POLICY:1:18: found 'usetcp', expected to, on, address, port, "
		     "program or use",
		     "", "");
}

Test(policy_file, must_be_a_regular_file)
{
	setenv("RUDP_POLICY_FILE", directory, 1);
	expect_fault("RUDP_POLICY_FILE: ", directory, ": is not a regular file");
	cr_assert(zero(int, mkfifo(path, 0600)));
	setenv("RUDP_POLICY_FILE", path, 1);
	expect_fault("RUDP_POLICY_FILE: ", path, ": is not a regular file");
}

Test(policy_file, dev_null_is_an_empty_policy)
{
	struct rudp_policy *policy;
	char text[RUDP_POLICY_TEXT_SIZE];

	setenv("RUDP_POLICY_FILE", "/dev/null", 1);
	policy = rudp_policy_load(getenv, error);
	cr_assert(ne(ptr, policy, NULL));
	rudp_policy_describe(policy, text, sizeof text);
	cr_assert(ne(ptr, strstr(text, "0 rules in /dev/null;"), NULL));
	rudp_policy_free(policy);
}

Test(policy_file, may_be_256_kb_long_and_no_longer)
{
	static char content[RUDP_POLICY_FILE_BYTES_MAX + 2];

	memset(content, '#', RUDP_POLICY_FILE_BYTES_MAX);
	rudp_policy_free(load_file(content));
	memset(content, '#', RUDP_POLICY_FILE_BYTES_MAX + 1);
	write_to(path, content);
	expect_fault("RUDP_POLICY_FILE: ", path, ": is longer than 256 KB");
}

/* Root could read any file, so become an unprivileged user. */
static void become_ordinary(void)
{
	if (geteuid() == 0)
		cr_assert(zero(int, seteuid(NOBODY)));
}

static void become_again(void)
{
	if (getuid() == 0)
		cr_assert(zero(int, seteuid(0)));
}

Test(policy_file, writable_by_others_is_refused_whoever_owns_it)
{
	static const char why[] =
		": can be changed by others; remove their write permission (chmod go-w)";

	rudp_policy_free(load_file("any use tcp"));
	cr_assert(zero(int, chmod(directory, 0755)));
	cr_assert(zero(int, chmod(path, 0666)));
	expect_fault("RUDP_POLICY_FILE: ", path, why);
	cr_assert(zero(int, chmod(path, 0620)));
	expect_fault("RUDP_POLICY_FILE: ", path, why);
	cr_assert(zero(int, chmod(path, 0644)));
	rudp_policy_free(rudp_policy_load(getenv, error));
	cr_assert(zero(sz, strlen(error)));
	if (geteuid() != 0)
		cr_skip_test("only root can give a file away");
	cr_assert(zero(int, chmod(path, 0666)));
	become_ordinary();
	expect_fault("RUDP_POLICY_FILE: ", path, why);
	become_again();
	cr_assert(zero(int, chown(path, NOBODY, NOBODY)));
	expect_fault("RUDP_POLICY_FILE: ", path, why);
}

static const char other_owner[] = ": belongs to user 65534, who can change it, and the engine's "
				  "user is 0; give the file to that "
				  "user or to root (chown), or use a copy";

Test(policy_file, owned_by_another_user_is_refused_but_not_by_root)
{
	if (geteuid() != 0)
		cr_skip_test("only root can give a file away");
	rudp_policy_free(load_file("any use tcp"));
	cr_assert(zero(int, chmod(directory, 0755)));
	become_ordinary();
	rudp_policy_free(rudp_policy_load(getenv, error));
	cr_assert(zero(sz, strlen(error)), "a file of root is refused: %s", error);
	become_again();
	cr_assert(zero(int, chown(path, NOBODY, NOBODY)));
	expect_fault("RUDP_POLICY_FILE: ", path, other_owner);
	become_ordinary();
	rudp_policy_free(rudp_policy_load(getenv, error));
	cr_assert(zero(sz, strlen(error)), "a file of the user is refused: %s", error);
	become_again();
}

/* The old policy stays in force, whatever the file's new owner writes. */
Test(policy_file, given_to_another_user_is_not_reloaded)
{
	struct rudp_policy *policy = load_file("set head-start 1s");

	if (geteuid() != 0)
		cr_skip_test("only root can give a file away");
	write_to(path, "set head-start 2s");
	cr_assert(zero(int, chown(path, NOBODY, NOBODY)));
	rudp_policy_refresh(policy, 2 * RUDP_NS_PER_S);
	cr_assert(eq(i64, rudp_policy_settings(policy)->head_start_ns, RUDP_NS_PER_S));
	cr_assert(ne(ptr, strstr(logged, "belongs to user 65534"), NULL), "logged: %s", logged);
	cr_assert(ne(ptr, strstr(logged, "the old policy stays in force"), NULL), "logged: %s",
		  logged);
	cr_assert(zero(int, chown(path, 0, 0)));
	rudp_policy_refresh(policy, 4 * RUDP_NS_PER_S);
	cr_assert(eq(i64, rudp_policy_settings(policy)->head_start_ns, 2 * RUDP_NS_PER_S));
	rudp_policy_free(policy);
}

Test(policy_file, unreadable_is_refused_named_or_default)
{
	char name[sizeof directory + 32];

	snprintf(name, sizeof name, "%s/rudp", directory);
	cr_assert(zero(int, mkdir(name, 0755)));
	cr_assert(zero(int, chmod(directory, 0755)));
	snprintf(name, sizeof name, "%s/rudp/rudp.conf", directory);
	write_to(name, "any use tcp");
	cr_assert(zero(int, chmod(name, 0)));
	become_ordinary();
	setenv("RUDP_POLICY_FILE", name, 1);
	expect_fault("RUDP_POLICY_FILE: ", name, ": Permission denied");
	unsetenv("RUDP_POLICY_FILE");
	setenv("XDG_CONFIG_HOME", directory, 1);
	expect_fault("", name, ": Permission denied");
	become_again();
}

static char *source_of(struct rudp_policy *policy)
{
	static char source[RUDP_POLICY_PATH_SIZE];
	struct rudp_addr addr;
	struct rudp_policy_question question = {.addr = &addr};
	struct rudp_decision decision;

	rudp_addr_parse(&addr, "1.1.1.1:1");
	decision = rudp_policy_decide(policy, &question);
	snprintf(source, sizeof source, "%s", decision.source ? decision.source : "none");
	return source;
}

static unsigned line_of(struct rudp_policy *policy)
{
	struct rudp_addr addr;
	struct rudp_policy_question question = {.addr = &addr};

	rudp_addr_parse(&addr, "1.1.1.1:1");
	return rudp_policy_decide(policy, &question).line;
}

static void expect_source(const char *expected)
{
	struct rudp_policy *policy = rudp_policy_load(getenv, error);

	cr_assert(ne(ptr, policy, NULL), "%s", error);
	cr_assert(eq(str, source_of(policy), (char *)expected));
	rudp_policy_free(policy);
}

static void make_default(char name[64], const char *below)
{
	char command[128];

	snprintf(command, sizeof command, "mkdir -p %s/%s/rudp", directory, below);
	cr_assert(zero(int, system(command)));
	snprintf(name, 64, "%s/%s/rudp/rudp.conf", directory, below);
	write_to(name, "any use tcp");
}

Test(policy_file, a_link_that_leads_nowhere_is_no_missing_file)
{
	char name[64];

	make_default(name, "x");
	cr_assert(zero(int, unlink(name)));
	cr_assert(zero(int, symlink("/nowhere/rules", name)));
	*strstr(name, "/rudp/rudp.conf") = 0;
	setenv("XDG_CONFIG_HOME", name, 1);
	cr_assert(eq(ptr, rudp_policy_load(getenv, error), NULL));
	cr_assert(ne(ptr, strstr(error, "/rudp/rudp.conf: No such file or directory"), NULL), "%s",
		  error);
}

/* A home directory of another user: as seen by a program that has changed its user. */
Test(policy_file, is_searched_in_the_config_directory_then_in_etc)
{
	char config[64], home[64], directory_of_config[64];

	if (access(RUDP_POLICY_SYSTEM_FILE, F_OK) == 0)
		cr_skip_test("this machine has " RUDP_POLICY_SYSTEM_FILE);
	make_default(config, "x");
	make_default(home, ".config");
	snprintf(directory_of_config, sizeof directory_of_config, "%s/x", directory);
	setenv("HOME", directory, 1);
	expect_source(home);
	setenv("XDG_CONFIG_HOME", "x", 1);
	expect_source(home);
	setenv("XDG_CONFIG_HOME", directory_of_config, 1);
	expect_source(config);
	unlink(config);
	expect_source("none");
	setenv("RUDP_POLICY", "any use rudp", 1);
	expect_source("RUDP_POLICY");
	unsetenv("RUDP_POLICY");
	unsetenv("XDG_CONFIG_HOME");
	cr_assert(zero(int, chmod(directory, 0700)));
	if (geteuid() == 0) {
		become_ordinary();
		expect_source("none");
		become_again();
	}
}

Test(policy_file, with_relative_path_is_found_after_chdir)
{
	struct rudp_policy *policy;
	char here[512];

	write_to(path, "any use tcp");
	setenv("RUDP_POLICY_FILE", "p", 1);
	cr_assert(ne(ptr, getcwd(here, sizeof here), NULL));
	cr_assert(zero(int, chdir(directory)));
	policy = rudp_policy_load(getenv, error);
	cr_assert(ne(ptr, policy, NULL), "%s", error);
	cr_assert(zero(int, chdir("/")));
	cr_assert(eq(str, source_of(policy), path));
	cr_assert(rudp_policy_reload(policy, error));
	rudp_policy_free(policy);
	cr_assert(zero(int, chdir(here)));
}

Test(policy_file, with_too_long_a_path_is_refused)
{
	static char name[RUDP_POLICY_PATH_SIZE + 1];

	memset(name, 'n', sizeof name - 1);
	setenv("RUDP_POLICY_FILE", name, 1);
	cr_assert(eq(ptr, rudp_policy_load(getenv, error), NULL));
	cr_assert(ne(ptr, strstr(error, "the path is too long"), NULL));
	name[0] = '/';
	setenv("RUDP_POLICY_FILE", name, 1);
	cr_assert(eq(ptr, rudp_policy_load(getenv, error), NULL));
	cr_assert(ne(ptr, strstr(error, "the path is too long"), NULL));
	unsetenv("RUDP_POLICY_FILE");
	setenv("HOME", name, 1);
	cr_assert(eq(ptr, rudp_policy_load(getenv, error), NULL));
	cr_assert(ne(ptr, strstr(error, "the path is too long"), NULL));
}

Test(policy_file, is_reloaded_after_a_change)
{
	struct rudp_policy *policy = load_file("any use tcp");
	int64_t now_ns = 5 * RUDP_NS_PER_S;

	rudp_policy_refresh(policy, now_ns);
	cr_assert(zero(u32, logged_count));
	write_to(path, "# another size\nany use tcp\nset head-start 1s\n");
	rudp_policy_refresh(policy, now_ns + RUDP_NS_PER_S - 1);
	cr_assert(eq(u32, line_of(policy), 1));
	rudp_policy_refresh(policy, now_ns + RUDP_NS_PER_S);
	cr_assert(eq(u32, line_of(policy), 2));
	cr_assert(eq(i64, rudp_policy_settings(policy)->head_start_ns, RUDP_NS_PER_S));
	cr_assert(eq(u32, logged_count, 1));
	rudp_policy_refresh(policy, now_ns + 9 * RUDP_NS_PER_S);
	cr_assert(eq(u32, logged_count, 1));
	rudp_policy_free(policy);
}

/* One difference at a time: another file, another length, another time. */
Test(policy_file, replaced_by_another_file_is_reloaded)
{
	struct rudp_policy *policy = load_file("\nany use tcp");
	char other[sizeof path + 1];

	set_time(path, 1);
	rudp_policy_refresh(policy, 0);
	snprintf(other, sizeof other, "%s2", path);
	write_to(other, "any use tcp\n");
	set_time(other, 1);
	cr_assert(zero(int, rename(other, path)));
	rudp_policy_refresh(policy, 2 * RUDP_NS_PER_S);
	cr_assert(eq(u32, line_of(policy), 1));
	rudp_policy_free(policy);
}

Test(policy_file, with_another_length_is_reloaded)
{
	struct rudp_policy *policy = load_file("any use tcp");

	set_time(path, 1);
	rudp_policy_refresh(policy, 0);
	write_to(path, "\nany use tcp");
	set_time(path, 1);
	rudp_policy_refresh(policy, 2 * RUDP_NS_PER_S);
	cr_assert(eq(u32, line_of(policy), 2));
	rudp_policy_free(policy);
}

Test(policy_file, with_another_timestamp_is_reloaded)
{
	struct rudp_policy *policy = load_file("any use tcp\n");

	set_time(path, 1);
	rudp_policy_refresh(policy, 0);
	write_to(path, "\nany use tcp");
	set_time(path, 2);
	rudp_policy_refresh(policy, 2 * RUDP_NS_PER_S);
	cr_assert(eq(u32, line_of(policy), 2));
	rudp_policy_free(policy);
}

Test(policy_file, with_a_new_error_is_logged_once_and_not_applied)
{
	struct rudp_policy *policy = load_file("\n\nany use tcp; set udp-port 7");
	char expected[256];

	write_to(path, "set udp-port 8\nany use");
	rudp_policy_refresh(policy, 0);
	rudp_policy_refresh(policy, 9 * RUDP_NS_PER_S);
	cr_assert(eq(u32, logged_count, 1));
	snprintf(expected, sizeof expected,
		 "policy: %s:2:8: found the end of the statement, expected rudp, tcp or auto; "
		 "the old policy stays in force",
		 path);
	cr_assert(eq(str, logged, expected));
	cr_assert(eq(u32, line_of(policy), 3));
	cr_assert(eq(u16, rudp_policy_settings(policy)->udp_port, 7));
	write_to(path, "any use tcp # right again");
	rudp_policy_refresh(policy, 19 * RUDP_NS_PER_S);
	cr_assert(eq(u32, line_of(policy), 1));
	cr_assert(zero(u16, rudp_policy_settings(policy)->udp_port));
	rudp_policy_free(policy);
}

Test(policy_file, removed_is_logged_once_and_stays_in_force)
{
	struct rudp_policy *policy = load_file("any use tcp");

	unlink(path);
	rudp_policy_refresh(policy, 0);
	rudp_policy_refresh(policy, 9 * RUDP_NS_PER_S);
	cr_assert(eq(u32, logged_count, 1));
	cr_assert(ne(ptr, strstr(logged, "No such file"), NULL));
	cr_assert(eq(u32, line_of(policy), 1));
	cr_assert(not(rudp_policy_reload(policy, error)));
	rudp_policy_free(policy);
}

Test(policy_file, at_a_default_path_may_appear_and_disappear)
{
	struct rudp_policy *policy;
	char name[64];

	if (access(RUDP_POLICY_SYSTEM_FILE, F_OK) == 0)
		cr_skip_test("this machine has " RUDP_POLICY_SYSTEM_FILE);
	setenv("HOME", directory, 1);
	policy = rudp_policy_load(getenv, error);
	cr_assert(ne(ptr, policy, NULL), "%s", error);
	cr_assert(eq(str, source_of(policy), "none"));
	make_default(name, ".config");
	rudp_policy_refresh(policy, 0);
	cr_assert(eq(str, source_of(policy), name));
	unlink(name);
	rudp_policy_refresh(policy, 9 * RUDP_NS_PER_S);
	cr_assert(eq(str, source_of(policy), "none"));
	rudp_policy_free(policy);
}

Test(policy_file, reload_without_a_file_does_nothing)
{
	struct rudp_policy *policy = rudp_policy_new();

	cr_assert(rudp_policy_parse(policy, true, "any use tcp", 11, "x", error));
	cr_assert(rudp_policy_reload(policy, error));
	rudp_policy_refresh(policy, 0);
	rudp_policy_refresh(NULL, 0);
	cr_assert(eq(u32, line_of(policy), 1));
	rudp_policy_free(policy);
}

Test(policy_file, settings_own_a_policy_and_fail_with_it)
{
	struct rudp_settings settings;

	setenv("RUDP_POLICY_FILE", "/dev/null", 1);
	cr_assert(eq(int, rudp_settings_load(&settings, getenv, 0, error), RUDP_SETTINGS_OK));
	cr_assert(ne(ptr, settings.policy, NULL));
	rudp_settings_fini(&settings);
	cr_assert(eq(ptr, settings.policy, NULL));
	setenv("RUDP_POLICY", "any", 1);
	cr_assert(
		eq(int, rudp_settings_load(&settings, getenv, 0, error), RUDP_SETTINGS_BAD_VALUE));
	cr_assert(eq(ptr, settings.policy, NULL));
	rudp_settings_fini(&settings);
}
