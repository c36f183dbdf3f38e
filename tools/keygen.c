/* SPDX-License-Identifier: MIT */
/* rudp keygen: makes a key file with 32 random bytes, or checks a key file. */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/config/settings.h"
#include "fingerprint.h"
#include "tool.h"

#define LINE_BYTES (2 * RUDP_PSK_BYTES + 1)
#define CONTENT_SIZE 192 /* the line of the key and the lines of two times */

/* Keys of options that have no short name. */
enum { NOT_BEFORE = 256, NOT_AFTER };

struct keygen {
	const char *file; /* NULL: stdout */
	const char *check;
	const char *not_before, *not_after; /* as they stand in the file; NULL: not said */
};

static const struct argp_option options[] = {
	{"not-before", NOT_BEFORE, "TIME", 0,
	 "the new key is not valid before this time (UTC, as 2026-12-01T00:00:00Z)", 0},
	{"not-after", NOT_AFTER, "TIME", 0, "the new key is not valid from this time on", 0},
	{"check", 'c', "FILE", 0,
	 "check that FILE can be used, and print its fingerprint: equal keys have equal "
	 "fingerprints",
	 0},
	{0},
};

/* An option may be given once, and its value must have the form of a key file. */
static void set_time(struct argp_state *state, const char **time, const char *option,
		     const char *value)
{
	int64_t time_s;

	if (*time)
		argp_error(state, "--%s was given twice", option);
	if (!rudp_key_time_parse(value, strlen(value), &time_s))
		argp_error(state,
			   "--%s: '%s' is not a valid time; expected a time in UTC, as "
			   "2026-12-01T00:00:00Z",
			   option, value);
	*time = value;
}

static void check_times(struct argp_state *state, const struct keygen *keygen)
{
	int64_t from_s = INT64_MIN, until_s = INT64_MAX;

	if (keygen->check && (keygen->not_before || keygen->not_after))
		argp_error(state,
			   "--not-before and --not-after are for a new key, not for --check");
	if (keygen->not_before)
		rudp_key_time_parse(keygen->not_before, strlen(keygen->not_before), &from_s);
	if (keygen->not_after)
		rudp_key_time_parse(keygen->not_after, strlen(keygen->not_after), &until_s);
	if (until_s <= time(NULL))
		argp_error(state, "--not-after %s is in the past: the key would never be valid",
			   keygen->not_after);
	if (from_s >= until_s)
		argp_error(state,
			   "--not-after %s is not after --not-before %s: the key would never "
			   "be valid",
			   keygen->not_after, keygen->not_before);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct keygen *keygen = state->input;

	switch (key) {
	case NOT_BEFORE:
		set_time(state, &keygen->not_before, "not-before", value);
		return 0;
	case NOT_AFTER:
		set_time(state, &keygen->not_after, "not-after", value);
		return 0;
	case ARGP_KEY_END:
		check_times(state, keygen);
		return 0;
	case 'c':
		keygen->check = value;
		return 0;
	case ARGP_KEY_ARG:
		if (keygen->file || keygen->check)
			argp_error(state, "one file at a time");
		keygen->file = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[FILE]",
	.doc = "Writes a new key to the new file FILE, which only you can read, or to stdout.\v"
	       "Copy the file to the other machine over a secure channel (scp), and name it on "
	       "both sides with rudp run --key FILE.",
};

/* Printed to stderr, because stdout may be a file. */
static void print_next_step(const uint8_t key[RUDP_PSK_BYTES], const struct keygen *keygen)
{
	char fingerprint[RUDP_FINGERPRINT_SIZE];
	const char *file = keygen->file;

	if (rudp_fingerprint(key, fingerprint))
		warnx("%s: a new key, fingerprint %s%s%s%s%s", file, fingerprint,
		      keygen->not_before ? ", not before " : "",
		      keygen->not_before ? keygen->not_before : "",
		      keygen->not_after ? ", not after " : "",
		      keygen->not_after ? keygen->not_after : "");
	if (keygen->not_before)
		warnx("next: copy it into the directory of keys of both machines before that "
		      "time (scp -p %s HOST:DIRECTORY/); engines load it by themselves",
		      file);
	else
		warnx("next: copy it to the other machine (scp -p %s HOST:), and start the "
		      "programs at both ends with rudp run --key %s",
		      file, file);
}

static bool make_line(uint8_t key[RUDP_PSK_BYTES], char line[LINE_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	if (getrandom(key, RUDP_PSK_BYTES, 0) != RUDP_PSK_BYTES)
		return false;
	for (size_t i = 0; i < RUDP_PSK_BYTES; i++) {
		line[2 * i] = digits[key[i] >> 4];
		line[2 * i + 1] = digits[key[i] & 15];
	}
	line[LINE_BYTES - 1] = '\n';
	return true;
}

/* Appends the times to the line of the key. Returns the total length. */
static size_t add_times(char content[CONTENT_SIZE], const struct keygen *keygen)
{
	size_t len = LINE_BYTES;

	if (keygen->not_before)
		len += (size_t)snprintf(content + len, CONTENT_SIZE - len, "not-before %s\n",
					keygen->not_before);
	if (keygen->not_after)
		len += (size_t)snprintf(content + len, CONTENT_SIZE - len, "not-after %s\n",
					keygen->not_after);
	return len;
}

static int write_file(const char *file, const char *content, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) {
		warnx("%s: %s", file,
		      errno == EEXIST ? "already exists and was not changed" : strerror(errno));
		return 1;
	}
	if (fchmod(fd, 0600) < 0 || write(fd, content, len) != (ssize_t)len || fsync(fd) < 0) {
		warnx("%s: %s", file, strerror(errno));
		close(fd);
		unlink(file);
		return 1;
	}
	close(fd);
	return 0;
}

static int write_stdout(const char *content, size_t len)
{
	if (write(STDOUT_FILENO, content, len) != (ssize_t)len) {
		warnx("stdout: %s", strerror(errno));
		return 1;
	}
	if (isatty(STDOUT_FILENO))
		warnx("this key is visible on your screen; `rudp keygen FILE' writes one to a "
		      "file that only you can read");
	return 0;
}

static int make(const struct keygen *keygen)
{
	bool to_file = keygen->file && strcmp(keygen->file, "-") != 0;
	uint8_t key[RUDP_PSK_BYTES];
	char content[CONTENT_SIZE];
	size_t len;
	int rc;

	if (!make_line(key, content)) {
		warnx("the kernel gives no random bytes: %s", strerror(errno));
		return 1;
	}
	len = add_times(content, keygen);
	rc = to_file ? write_file(keygen->file, content, len) : write_stdout(content, len);
	if (rc == 0 && to_file)
		print_next_step(key, keygen);
	explicit_bzero(key, sizeof key);
	explicit_bzero(content, sizeof content);
	return rc;
}

bool rudp_fingerprint(const uint8_t psk[RUDP_PSK_BYTES], char text[RUDP_FINGERPRINT_SIZE])
{
	uint64_t id = rudp_key_id(psk);

	rudp_key_id_format(id, text);
	return id != 0;
}

static void print_times(const struct rudp_key *key)
{
	char time[RUDP_KEY_TIME_SIZE];

	if (key->not_before_s != INT64_MIN)
		printf("  not before %s\n", rudp_key_time_format(key->not_before_s, time));
	if (key->not_after_s != INT64_MAX)
		printf("  not after  %s\n", rudp_key_time_format(key->not_after_s, time));
	if (key->is_revoked)
		printf("  revoked\n");
}

static int check(const char *file)
{
	char text[RUDP_SETTINGS_TEXT_SIZE], fingerprint[RUDP_FINGERPRINT_SIZE];
	struct rudp_key key;
	bool ok = rudp_key_load(&key, file, text);

	explicit_bzero(key.psk, sizeof key.psk);
	if (!ok) {
		warnx("%s", rudp_key_without_variable(text));
		return 1;
	}
	printf("%s: is usable and private, fingerprint %s\n", file,
	       rudp_key_id_format(key.id, fingerprint));
	print_times(&key);
	return 0;
}

int rudp_tool_keygen(int argc, char **argv)
{
	struct keygen keygen = {.file = NULL};

	argp_parse(&argp, argc, argv, 0, NULL, &keygen);
	return keygen.check ? check(keygen.check) : make(&keygen);
}
