/* SPDX-License-Identifier: MIT */
/* One key file or a directory of them: which keys are good at which time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/config/key_ring.h"
#include "key_files.h"

#define SOMEBODY 12345
#define NOON_S 1796126400 /* 2026-12-01T12:00:00Z */
#define NOON "2026-12-01T12:00:00Z"
#define ONE "2026-12-01T13:00:00Z"
#define HOUR_S 3600

static struct rudp_key_ring ring;
static char ratelimit[4096];
static struct rudp_psk psks[RUDP_PSKS_MAX];

TestSuite(key_ring, .init = directory_make, .fini = directory_remove);

static void note(void *context, const char *text)
{
	size_t len = strlen(ratelimit);

	(void)context;
	snprintf(ratelimit + len, sizeof ratelimit - len, "%s\n", text);
}

static bool load(const char *path)
{
	ratelimit[0] = 0;
	return rudp_key_ring_load(&ring, path, note, NULL);
}

/* The keys that are good then, as their digits. */
static const char *good_at(int64_t now_s)
{
	static char digits[RUDP_PSKS_MAX + 1];
	unsigned count = rudp_key_ring_choose(&ring, now_s, psks);

	for (unsigned i = 0; i < count; i++)
		digits[i] = "0123456789abcdef"[psks[i].bytes[0] & 15];
	digits[count] = 0;
	return digits;
}

static void expect_good(int64_t now_s, const char *digits)
{
	cr_assert(eq(str, (char *)good_at(now_s), (char *)digits));
}

static void expect_fault(const char *more, const char *said)
{
	make("a", '1', more);
	cr_assert(not(load(path_of("a"))));
	cr_assert(ne(ptr, strstr(ratelimit, said), NULL), "%s", ratelimit);
}

Test(key_ring, one_file_is_one_key)
{
	make("a", '1', "");
	cr_assert(load(path_of("a")), "%s", ratelimit);
	expect_good(0, "1");
	expect_good(NOON_S, "1");
	cr_assert(eq(u64, psks[0].id, rudp_key_id(psks[0].bytes)));
}

Test(key_ring, a_key_is_valid_between_its_times)
{
	make("a", '1', "# ours\nnot-after \t" ONE "\n  not-before " NOON " \n");
	cr_assert(load(path_of("a")), "%s", ratelimit);
	expect_good(NOON_S - 1, "");
	expect_good(NOON_S, "1");
	expect_good(NOON_S + HOUR_S - 1, "1");
	expect_good(NOON_S + HOUR_S, "");
}

Test(key_ring, faults_say_the_line_and_what_is_expected)
{
	expect_fault("not-before tomorrow\n", "/a:2:12: this is no time; expected is a time in UTC");
	expect_fault("not-after 2026-06-31T00:00:00Z\n", "/a:2:11: this is no time");
	expect_fault("not-after 2026-12-01\n", "as 2026-12-01T00:00:00Z");
	expect_fault("\nnot-after " NOON "\nnot-after " ONE "\n", "/a:4:1: this is said twice");
	expect_fault("not-before " ONE "\nnot-after " NOON "\n", "is never valid");
	expect_fault("valid for ever\n", "/a:2:1: this means nothing here; expected are not-before");
	expect_fault("revoke\n", "there is more than one key");
}

Test(key_ring, a_revoked_key_is_never_valid)
{
	char text[RUDP_KEY_TEXT_SIZE];

	make("a", '1', "revoked\n");
	cr_assert(load(path_of("a")));
	expect_good(NOON_S, "");
	rudp_key_ring_explain(&ring, NOON_S, text);
	cr_assert(ne(ptr, strstr(text, "/a: is revoked"), NULL), "%s", text);
	make("b", '1', ""); /* the same, under another name */
	cr_assert(load(directory));
	expect_good(NOON_S, "");
}

Test(key_ring, the_newest_is_sent_and_all_valid_ones_are_taken)
{
	make("a", '1', "");
	make("b", '2', "not-before " NOON "\n");
	make("c", '3', "");
	make("d", '4', "not-before " NOON "\nnot-after " ONE "\n");
	cr_assert(load(directory), "%s", ratelimit);
	expect_good(NOON_S - HOUR_S, "31");
	expect_good(NOON_S, "4231");
	expect_good(NOON_S + HOUR_S, "231");
}

/* The clock of a peer may be ahead. */
Test(key_ring, a_key_is_taken_a_minute_before_it_is_sent)
{
	make("a", '1', "");
	make("b", '2', "not-before " NOON "\n");
	cr_assert(load(directory));
	expect_good(NOON_S - RUDP_KEY_EARLY_S - 1, "1");
	expect_good(NOON_S - RUDP_KEY_EARLY_S, "12");
	expect_good(NOON_S, "21");
	cr_assert(zero(int, unlink(path_of("a"))));
	cr_assert(load(directory));
	expect_good(NOON_S - 1, ""); /* nothing to send */
}

Test(key_ring, the_same_key_twice_is_one)
{
	make("a", '1', "");
	make("b", '1', "");
	make("c", '2', "");
	cr_assert(load(directory));
	expect_good(NOON_S, "21");
}

Test(key_ring, what_is_wrong_with_one_file_leaves_the_others_in_force)
{
	make("a", '1', "");
	make("b", '2', "nonsense\n");
	make("c", '3', "");
	make(".hidden", '4', "nonsense\n");
	cr_assert(zero(int, chmod(path_of("c"), 0640)));
	cr_assert(zero(int, mkdir(path_of("d"), 0700)));
	cr_assert(load(directory));
	expect_good(NOON_S, "1");
	cr_assert(ne(ptr, strstr(ratelimit, "/b:2:1: "), NULL), "%s", ratelimit);
	cr_assert(ne(ptr, strstr(ratelimit, "/c: can be read or changed by others"), NULL));
	cr_assert(ne(ptr, strstr(ratelimit, "/d: is not a regular file"), NULL));
	cr_assert(eq(ptr, strstr(ratelimit, "hidden"), NULL));
	cr_assert(ring.has_refused);
}

/* That the other key is not valid yet is right, and no help. */
Test(key_ring, without_a_valid_key_the_file_that_is_refused_is_the_reason)
{
	uint8_t psk[RUDP_PSK_BYTES];
	char text[RUDP_KEY_TEXT_SIZE];

	make("a", '1', "");
	make("b", '2', "not-before 2098-01-01T00:00:00Z\n");
	cr_assert(zero(int, chmod(path_of("a"), 0644)));
	cr_assert(not(rudp_key_load_sent(psk, directory, text)));
	cr_assert(ne(ptr, strstr(text, "/a: can be read or changed by others"), NULL), "%s", text);
	cr_assert(zero(int, unlink(path_of("a"))));
	cr_assert(not(rudp_key_load_sent(psk, directory, text)));
	cr_assert(ne(ptr, strstr(text, "none of its keys is valid now"), NULL), "%s", text);
}

Test(key_ring, only_the_first_files_by_name_are_keys)
{
	for (char digit = '9'; digit >= '1'; digit--)
		make((char[]){digit, 0}, digit, "");
	cr_assert(load(directory));
	expect_good(NOON_S, "87654321");
	cr_assert(ne(ptr, strstr(ratelimit, "more than 8 files"), NULL), "%s", ratelimit);
}

Test(key_ring, the_directory_must_be_private_too)
{
	make("a", '1', "");
	cr_assert(zero(int, chmod(directory, 0750)));
	cr_assert(not(load(directory)));
	cr_assert(ne(ptr, strstr(ratelimit, "chmod 700"), NULL), "%s", ratelimit);
	cr_assert(zero(int, chmod(directory, 0700)));
	if (geteuid() == 0) {
		cr_assert(zero(int, chown(directory, SOMEBODY, SOMEBODY)));
		cr_assert(not(load(directory)));
		cr_assert(ne(ptr, strstr(ratelimit, "another user"), NULL));
	}
}

Test(key_ring, a_directory_without_a_key_is_none)
{
	cr_assert(not(load(directory)));
	cr_assert(ne(ptr, strstr(ratelimit, "no usable key"), NULL), "%s", ratelimit);
	cr_assert(not(load(path_of("nowhere"))));
	cr_assert(ne(ptr, strstr(ratelimit, "No such file"), NULL), "%s", ratelimit);
}

Test(key_ring, every_change_of_a_file_is_seen)
{
	make("a", '1', "");
	cr_assert(load(directory));
	cr_assert(not(rudp_key_ring_is_stale(&ring)));
	make("a", '1', "revoked\n"); /* in place */
	cr_assert(rudp_key_ring_is_stale(&ring));
	cr_assert(load(directory));
	make("b", '2', "x y\n");
	cr_assert(rudp_key_ring_is_stale(&ring));
	cr_assert(load(directory));
	cr_assert(not(rudp_key_ring_is_stale(&ring)));
	make("b", '2', ""); /* one that was refused is mended */
	cr_assert(rudp_key_ring_is_stale(&ring));
	cr_assert(load(directory));
	cr_assert(zero(int, chmod(path_of("b"), 0644)));
	cr_assert(rudp_key_ring_is_stale(&ring));
	cr_assert(load(directory));
	cr_assert(zero(int, unlink(path_of("b"))));
	cr_assert(rudp_key_ring_is_stale(&ring));
}

Test(key_ring, a_key_that_is_revoked_by_word_stays_so)
{
	make("a", '1', "");
	make("b", '2', "");
	cr_assert(load(directory));
	expect_good(NOON_S, "21");
	rudp_key_ring_revoke(&ring, psks[0].id);
	expect_good(NOON_S, "1");
}

Test(key_ring, times_have_one_text)
{
	char text[RUDP_KEY_TIME_SIZE];
	int64_t time_s;

	cr_assert(rudp_key_time_parse(NOON, strlen(NOON), &time_s));
	cr_assert(eq(i64, time_s, NOON_S));
	cr_assert(eq(str, (char *)rudp_key_time_format(NOON_S, text), NOON));
	cr_assert(not(rudp_key_time_parse("2026-12-01T24:00:00Z", 20, &time_s)));
	cr_assert(not(rudp_key_time_parse("2026-12-01 12:00:00Z", 20, &time_s)));
	cr_assert(not(rudp_key_time_parse("2026-12-01T12:00:60Z", 20, &time_s)));
}
