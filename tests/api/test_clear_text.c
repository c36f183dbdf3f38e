/* SPDX-License-Identifier: MIT */
/* Whether sockets may be kernel TCP if there is no engine. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/clear_text.h"

static char home[] = "/tmp/rudp-clear-text.XXXXXX";

/* The current user has no file in the system's directory that matters here. */
static void make_home(void)
{
	char path[256];

	cr_assert(ne(ptr, mkdtemp(home), NULL));
	snprintf(path, sizeof path, "%s/.config", home);
	cr_assert(eq(int, mkdir(path, 0700), 0));
	snprintf(path, sizeof path, "%s/.config/rudp", home);
	cr_assert(eq(int, mkdir(path, 0700), 0));
	clearenv();
	setenv("HOME", home, 1);
	setenv("RUDP_POLICY_FILE", "/dev/null", 1);
}

static void path_of(char path[256], const char *file)
{
	snprintf(path, 256, "%s/.config/rudp/%s", home, file);
}

static void write_file(const char *file, const char *text)
{
	char path[256];
	FILE *out;

	path_of(path, file);
	out = fopen(path, "w");
	cr_assert(ne(ptr, out, NULL));
	fputs(text, out);
	fclose(out);
}

static void remove_file(const char *file)
{
	char path[256];

	path_of(path, file);
	cr_assert(eq(int, unlink(path), 0));
}

static void remove_home(void)
{
	char path[256];

	path_of(path, "");
	cr_assert(eq(int, rmdir(path), 0));
	snprintf(path, sizeof path, "%s/.config", home);
	cr_assert(eq(int, rmdir(path), 0));
	cr_assert(eq(int, rmdir(home), 0));
}

static bool is_forbidden_with(const char *file, const char *text)
{
	bool forbidden;

	write_file(file, text);
	forbidden = rudp_clear_text_is_forbidden();
	remove_file(file);
	return forbidden;
}

static bool is_forbidden_by(const char *variable, const char *value)
{
	bool forbidden;

	setenv(variable, value, 1);
	forbidden = rudp_clear_text_is_forbidden();
	unsetenv(variable);
	return forbidden;
}

TestSuite(clear_text, .init = make_home, .fini = remove_home);

Test(clear_text, is_allowed_to_a_user_without_settings)
{
	cr_assert(not(rudp_clear_text_is_forbidden()));
	unsetenv("HOME");
	cr_assert(not(rudp_clear_text_is_forbidden()));
	setenv("HOME", "relative", 1);
	cr_assert(not(rudp_clear_text_is_forbidden()));
}

Test(clear_text, is_forbidden_by_variables_that_name_keys)
{
	cr_assert(is_forbidden_by("RUDP_KEY_FILE", "/key"));
	cr_assert(is_forbidden_by("RUDP_KEY", "x"));
	cr_assert(is_forbidden_by("RUDP_IDENTITY", "/id"));
	cr_assert(is_forbidden_by("RUDP_KNOWN_HOSTS", "/known_hosts"));
	cr_assert(is_forbidden_by("RUDP_AUTHORIZED_KEYS", "/authorized_keys"));
	cr_assert(not(is_forbidden_by("RUDP_KEY_FILE", "")));
	cr_assert(not(is_forbidden_by("RUDP_CC", "bbr")));
}

Test(clear_text, is_forbidden_by_known_hosts)
{
	cr_assert(is_forbidden_with("known_hosts", "# mine\n192.0.2.1 rudp-x25519 AAAA\n"));
	cr_assert(is_forbidden_with("known_hosts", "192.0.2.1"));
	cr_assert(not(is_forbidden_with("known_hosts", "")));
	cr_assert(not(is_forbidden_with("known_hosts", "# 192.0.2.1 rudp-x25519 AAAA\n\n \t\r\n")));
}

Test(clear_text, is_forbidden_by_authorized_keys_even_if_there_are_none)
{
	cr_assert(is_forbidden_with("authorized_keys", ""));
}

Test(clear_text, is_not_forbidden_by_an_identity_alone)
{
	cr_assert(not(is_forbidden_with("id", "rudp-x25519-secret AAAA\n")));
}

Test(clear_text, is_forbidden_by_rules_that_demand_rudp)
{
	cr_assert(is_forbidden_by("RUDP_POLICY", "any use rudp"));
	cr_assert(is_forbidden_by("RUDP_POLICY",
				  "connect port 53 use tcp;any use\trudp;listen use tcp"));
	cr_assert(is_forbidden_by("RUDP_POLICY", "connect use auto require identity"));
	cr_assert(is_forbidden_by("RUDP_POLICY", "set first-contact refuse"));
	cr_assert(is_forbidden_by("RUDP_POLICY", "set first-contact ask"));
	cr_assert(is_forbidden_by("RUDP_POLICY", "set known-hosts /home/me/hosts"));
	cr_assert(is_forbidden_by("RUDP_POLICY", "set authorized-keys /home/me/keys"));
	cr_assert(not(is_forbidden_by("RUDP_POLICY", "any use auto; set head-start 100ms")));
	cr_assert(not(is_forbidden_by("RUDP_POLICY", "connect to rudp.example use tcp")));
	cr_assert(not(
		is_forbidden_by("RUDP_POLICY", "any use tcp # not rudp; not require identity")));
	cr_assert(is_forbidden_by("RUDP_POLICY", "any use tcp # not\nany use rudp"));
}

Test(clear_text, is_forbidden_by_the_policy_file_that_is_used)
{
	char path[256];

	cr_assert(not(is_forbidden_with("rudp.conf", "any use rudp\n")), "another file is named");
	path_of(path, "other.conf");
	setenv("RUDP_POLICY_FILE", path, 1);
	cr_assert(is_forbidden_with("other.conf", "any use rudp"));
	cr_assert(not(is_forbidden_with("other.conf", "any use auto")));
	unsetenv("RUDP_POLICY_FILE");
	cr_assert(is_forbidden_with("rudp.conf", "any use rudp\n"));
	cr_assert(not(is_forbidden_with("rudp.conf", "any use auto\n")));
}

Test(clear_text, is_searched_below_the_configuration_directory)
{
	char config[256], path[256];

	snprintf(config, sizeof config, "%s/.config", home);
	snprintf(path, sizeof path, "%s/nothing", home);
	setenv("XDG_CONFIG_HOME", path, 1);
	cr_assert(not(is_forbidden_with("authorized_keys", "")));
	setenv("HOME", path, 1);
	setenv("XDG_CONFIG_HOME", config, 1);
	cr_assert(is_forbidden_with("authorized_keys", ""));
}

Test(clear_text, a_word_at_the_edge_of_two_pieces_is_found)
{
	char text[2048];

	for (size_t before = 240; before < 270; before++) {
		memset(text, ' ', before);
		strcpy(text + before, "use rudp\n");
		setenv("RUDP_POLICY_FILE", "", 1);
		cr_assert(is_forbidden_with("rudp.conf", text), "%zu blanks", before);
		memset(text, 'x', before);
		cr_assert(is_forbidden_with("rudp.conf", text), "a word of %zu", before);
		strcpy(text + before, "rudp\n");
		cr_assert(not(is_forbidden_with("rudp.conf", text)), "one word of %zu", before);
	}
}

Test(clear_text, a_file_without_an_end_forbids_it)
{
	setenv("RUDP_POLICY_FILE", "/dev/zero", 1);
	cr_assert(rudp_clear_text_is_forbidden());
}

Test(clear_text, a_pipe_without_a_writer_does_not_block)
{
	char path[256];

	path_of(path, "known_hosts");
	cr_assert(eq(int, mkfifo(path, 0600), 0));
	cr_assert(not(rudp_clear_text_is_forbidden()));
	remove_file("known_hosts");
}

Test(clear_text, a_link_that_leads_nowhere_forbids_it)
{
	static const char *const files[] = {"known_hosts", "authorized_keys", "rudp.conf"};
	char path[256];

	setenv("RUDP_POLICY_FILE", "", 1);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		path_of(path, files[i]);
		cr_assert(eq(int, symlink("nowhere", path), 0));
		cr_assert(rudp_clear_text_is_forbidden(), "%s", files[i]);
		remove_file(files[i]);
	}
}
