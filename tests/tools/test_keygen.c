/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../tools/fingerprint.h"
#include "engine/config/key_file.h"
#include "files.h"

TestSuite(keygen, .init = files_init, .fini = files_fini);

static char output[OUTPUT_BYTES_MAX];

Test(keygen, a_new_key_is_private_whatever_the_mask_and_can_be_used)
{
	struct stat st;

	cr_assert(eq(int, files_run("umask 0; $RUDP keygen $FILES/key 2>$FILES/said", output), 0),
		  "%s", output);
	cr_assert(eq(str, output, ""));
	cr_assert(zero(int, stat(files_path("key"), &st)));
	cr_assert(eq(int, (int)(st.st_mode & 07777), 0600));
	cr_assert(eq(int, files_run("$RUDP keygen --check $FILES/key", output), 0), "%s", output);
	cr_assert(ne(ptr, strstr(output, "fingerprint "), NULL));
}

Test(keygen, a_new_key_comes_with_its_fingerprint_and_the_next_step)
{
	char *fingerprint;

	cr_assert(eq(int, files_run("$RUDP keygen $FILES/key 2>&1 >/dev/null", output), 0), "%s",
		  output);
	cr_assert(ne(ptr, strstr(output, "scp -p "), NULL), "%s", output);
	cr_assert(ne(ptr, strstr(output, "rudp run --key "), NULL), "%s", output);
	fingerprint = strstr(output, "fingerprint ");
	cr_assert(ne(ptr, fingerprint, NULL), "%s", output);
	fingerprint[strlen("fingerprint ") + 19] = 0;
	setenv("FINGERPRINT", fingerprint, 1);
	cr_assert(
		eq(int,
		   files_run("$RUDP keygen --check $FILES/key | grep -q \"$FINGERPRINT\"", output),
		   0),
		"%s", output);
	cr_assert(eq(int, files_run("$RUDP keygen - 2>&1 >/dev/null", output), 0));
	cr_assert(eq(str, output, ""));
}

Test(keygen, an_existing_file_stays_as_it_is)
{
	files_text("there", "precious", 0644);
	cr_assert(eq(int, files_run("$RUDP keygen $FILES/there", output), 1));
	cr_assert(eq(int, files_run("cat $FILES/there", output), 0));
	cr_assert(eq(str, output, "precious"));
}

Test(keygen, two_keys_differ_and_a_copy_has_the_same_fingerprint)
{
	cr_assert(eq(int,
		     files_run("cd $FILES && $RUDP keygen a 2>said && $RUDP keygen - >b && "
			       "chmod 600 b && cp -p a c",
			       output),
		     0),
		  "%s", output);
	cr_assert(eq(int,
		     files_run("cd $FILES && for f in a b c; do $RUDP keygen --check $f; done | "
			       "sed 's/.* //' | uniq | wc -l",
			       output),
		     0));
	cr_assert(eq(str, output, "3\n"));
	cr_assert(eq(int,
		     files_run("cd $FILES && for f in a c; do $RUDP keygen --check $f; done | "
			       "sed 's/.* //' | uniq | wc -l",
			       output),
		     0));
	cr_assert(eq(str, output, "1\n"));
}

Test(keygen, a_key_that_others_can_read_or_that_is_none_is_refused)
{
	char key[65];

	memset(key, 'a', 64);
	key[64] = 0;
	files_text("open", key, 0644);
	cr_assert(eq(int, files_run("$RUDP keygen --check $FILES/open", output), 1));
	cr_assert(ne(ptr, strstr(output, "chmod 600"), NULL), "%s", output);
	files_text("short", "abc\n", 0600);
	cr_assert(eq(int, files_run("$RUDP keygen --check $FILES/short", output), 1));
	cr_assert(ne(ptr, strstr(output, "too short"), NULL), "%s", output);
	cr_assert(eq(int, files_run("$RUDP keygen --check $FILES/none", output), 1));
}

Test(keygen, the_fingerprint_is_a_function_of_the_key_and_does_not_show_it)
{
	uint8_t key[RUDP_PSK_BYTES] = {0};
	char text[RUDP_FINGERPRINT_SIZE];

	/* hmac.new(bytes(32), b"rudp key fingerprint, version 1", "sha256") */
	cr_assert(rudp_fingerprint(key, text));
	cr_assert(eq(str, text, "2a42-b4ae-9c24-d144"));
}

Test(keygen, the_times_of_a_key_are_those_that_were_given)
{
	struct rudp_key key;
	char text[RUDP_KEY_TEXT_SIZE];

	cr_assert(eq(int,
		     files_run("$RUDP keygen $FILES/key --not-before 2098-12-01T00:00:00Z "
			       "--not-after=2099-06-30T23:59:59Z 2>&1",
			       output),
		     0),
		  "%s", output);
	cr_assert(ne(ptr, strstr(output, ", not before 2098-12-01T00:00:00Z, not after 2099-06-30"),
		     NULL),
		  "%s", output);
	cr_assert(ne(ptr, strstr(output, "directory of keys"), NULL), "%s", output);
	cr_assert(rudp_key_load(&key, files_path("key"), text), "%s", text);
	cr_assert(eq(i64, key.not_before_s, 4068230400));
	cr_assert(eq(i64, key.not_after_s, 4086547199));
	cr_assert(eq(int, files_run("$RUDP keygen --check $FILES/key", output), 0), "%s", output);
	cr_assert(ne(ptr,
		     strstr(output, "  not before 2098-12-01T00:00:00Z\n"
				    "  not after  2099-06-30T23:59:59Z\n"),
		     NULL),
		  "%s", output);
	cr_assert(eq(int, files_run("RUDP_KEY_FILE=$FILES/key $RUDP key --json list", output), 0),
		  "%s", output);
	cr_assert(ne(ptr, strstr(output, "\"state\": \"not yet valid\""), NULL), "%s", output);
	cr_assert(ne(ptr, strstr(output, "\"not_before\": \"2098-12-01T00:00:00Z\""), NULL), "%s",
		  output);
	cr_assert(eq(int,
		     files_run("$RUDP keygen --not-after 2099-01-01T00:00:00Z | tail -n 1", output),
		     0));
	cr_assert(eq(str, output, "not-after 2099-01-01T00:00:00Z\n"));
}

Test(keygen, times_that_make_no_sense_make_no_key)
{
	static const struct {
		const char *options, *says;
	} wrong[] = {
		{"--not-before tomorrow",
		 "--not-before: 'tomorrow' is not a valid time; expected a time"},
		{"--not-after 2099-02-29T00:00:00Z",
		 "--not-after: '2099-02-29T00:00:00Z' is not a valid time"},
		{"--not-after 2099-01-01T00:00:00", "is not a valid time"},
		{"--not-after '2099-01-01T00:00:00Z '", "is not a valid time"},
		{"--not-after 2001-01-01T00:00:00Z",
		 "--not-after 2001-01-01T00:00:00Z is in the past"},
		{"--not-before 2099-01-01T00:00:00Z --not-after 2099-01-01T00:00:00Z",
		 "--not-after 2099-01-01T00:00:00Z is not after --not-before 2099-01-01T00:00:00Z"},
		{"--not-before 2099-01-01T00:00:00Z --not-before 2099-01-01T00:00:00Z",
		 "--not-before was given twice"},
		{"--not-before 2099-01-01T00:00:00Z --check", "not for --check"},
	};
	char command[256];

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		snprintf(command, sizeof command, "$RUDP keygen %s $FILES/key 2>&1",
			 wrong[i].options);
		cr_assert(eq(int, files_run(command, output), 2), "%s: %s", command, output);
		cr_assert(ne(ptr, strstr(output, wrong[i].says), NULL), "%s: %s", command, output);
		cr_assert(eq(int, files_run("ls -A $FILES/key 2>/dev/null", output), 2));
	}
}
