/* SPDX-License-Identifier: MIT */
/* rudp key new, show, check: the own identity. */
#include "engine/config/file_stamp.h"
#include "engine/config/policy.h"
#include "identity.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HOST_NAME_SIZE 256
#define PUBLIC_SUFFIX ".pub"
#define PATH_SIZE (RUDP_KEY_PATH_SIZE + sizeof PUBLIC_SUFFIX)
#define PUBLIC_LINE_SIZE (RUDP_PUBLIC_KEY_TEXT_SIZE + RUDP_AUTHORIZED_NAME_SIZE + 2)

bool rudp_identity_places(struct rudp_identity_files *files)
{
	const char *named[RUDP_IDENTITY_FILE_COUNT];
	char text[RUDP_KEY_TEXT_SIZE];
	struct rudp_policy *policy = rudp_policy_load(getenv, text);
	bool ok = policy;

	*files = (struct rudp_identity_files){.identity = NULL};
	for (unsigned i = 0; ok && i < RUDP_IDENTITY_FILE_COUNT; i++)
		named[i] = rudp_policy_identity_path(policy, i);
	ok = ok && rudp_identity_files_place(files, getenv, named, geteuid(), text);
	if (!ok)
		warnx("%s", text);
	rudp_policy_free(policy);
	return ok;
}

const char *rudp_identity_find(const struct rudp_identity_files *files,
			       enum rudp_identity_file file)
{
	const struct rudp_identity_place *place = &files->places[file];

	for (unsigned i = 0; i < place->count; i++)
		if (access(place->paths[i], F_OK) == 0)
			return place->paths[i];
	return rudp_identity_files_path(files, file);
}

int rudp_make_parents(const char *path)
{
	char directory[RUDP_KEY_PATH_SIZE];

	if (strlen(path) >= sizeof directory)
		return -ENAMETOOLONG;
	strcpy(directory, path);
	for (char *slash = strchr(directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(directory, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* The path given, or that of the own identity, new or not. NULL: an error was printed. */
static const char *choose_path(struct rudp_identity_files *files, const char *file, bool is_new)
{
	const char *path = file;

	if (!path && !rudp_identity_places(files))
		return NULL;
	if (!path)
		path = (is_new ? rudp_identity_files_path : rudp_identity_find)(files,
										RUDP_FILE_IDENTITY);
	if (!path)
		warnx("HOME is not set; name the file");
	else if (strlen(path) >= RUDP_KEY_PATH_SIZE)
		warnx("%.200s...: the path is too long", path);
	else
		return path;
	return NULL;
}

void rudp_identity_own_name(char name[RUDP_AUTHORIZED_NAME_SIZE])
{
	const struct passwd *user = getpwuid(geteuid());
	char host[HOST_NAME_SIZE] = "";
	int len;

	gethostname(host, sizeof host - 1);
	len = snprintf(name, RUDP_AUTHORIZED_NAME_SIZE, "%s@%s", user ? user->pw_name : "user",
		       host);
	if (len < 0 || len >= RUDP_AUTHORIZED_NAME_SIZE ||
	    !rudp_authorized_is_name(name, (size_t)len))
		strcpy(name, "user");
}

static void complain_of_open(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (errno == ENOENT && slash && slash > path)
		warnx("%s: %s; mkdir -p %.*s makes its directory", path, strerror(errno),
		      (int)(slash - path), path);
	else
		warnx("%s: %s", path,
		      errno == EEXIST ? "already exists and was not changed" : strerror(errno));
}

static int write_new(const char *path, mode_t mode, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	ssize_t len = (ssize_t)strlen(content);

	if (fd < 0) {
		complain_of_open(path);
		return -1;
	}
	if (fchmod(fd, mode) < 0 || write(fd, content, (size_t)len) != len || fsync(fd) < 0) {
		warnx("%s: %s", path, strerror(errno));
		close(fd);
		unlink(path);
		return -1;
	}
	close(fd);
	return 0;
}

static void print_fingerprints(const uint8_t key[RUDP_IDENTITY_BYTES])
{
	char full[RUDP_FINGERPRINT_FULL_SIZE], shorter[RUDP_FINGERPRINT_SHORT_SIZE];
	char words[RUDP_FINGERPRINT_WORDS_SIZE];

	printf("%s\n%s\n%s\n", rudp_fingerprint_full(key, full),
	       rudp_fingerprint_short(key, shorter), rudp_fingerprint_words(key, words));
}

static int write_pair(const struct rudp_identity *identity, const char *path)
{
	char public_path[PATH_SIZE], name[RUDP_AUTHORIZED_NAME_SIZE];
	char secret[RUDP_IDENTITY_TEXT_SIZE], key[RUDP_PUBLIC_KEY_TEXT_SIZE],
		line[PUBLIC_LINE_SIZE];
	int rc;

	rudp_identity_own_name(name);
	snprintf(public_path, sizeof public_path, "%s" PUBLIC_SUFFIX, path);
	snprintf(line, sizeof line, "%s %s\n", rudp_public_key_format(identity->public_key, key),
		 name);
	if (access(public_path, F_OK) == 0) {
		warnx("%s: already exists and was not changed", public_path);
		return 1;
	}
	rc = write_new(path, 0600, rudp_identity_format(identity, secret));
	explicit_bzero(secret, sizeof secret);
	if (rc < 0)
		return 1;
	if (write_new(public_path, 0644, line) < 0) {
		unlink(path);
		return 1;
	}
	printf("%s: a new identity; its public key is in %s:\n%s", path, public_path, line);
	print_fingerprints(identity->public_key);
	return fflush(stdout) == EOF ? 1 : 0;
}

int rudp_key_new(const struct rudp_key_arguments *arguments)
{
	struct rudp_identity_files files;
	struct rudp_identity identity = {.private_key = {0}};
	const char *path = choose_path(&files, arguments->what, true);
	uint8_t bytes[RUDP_IDENTITY_BYTES];
	int rc = arguments->what || !path ? 0 : rudp_make_parents(path);

	if (!path)
		return 1;
	if (rc < 0) {
		warnx("%s: %s", path, strerror(-rc));
		return 1;
	}
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes ||
	    !rudp_identity_init(&identity, bytes)) {
		warnx("cannot make a key: %s", strerror(errno));
		return 1;
	}
	rc = write_pair(&identity, path);
	explicit_bzero(bytes, sizeof bytes);
	rudp_identity_wipe(&identity);
	return rc;
}

static bool is_public_path(const char *path)
{
	size_t len = strlen(path), suffix = sizeof PUBLIC_SUFFIX - 1;

	return len > suffix && strcmp(path + len - suffix, PUBLIC_SUFFIX) == 0;
}

static bool load_public(uint8_t key[RUDP_IDENTITY_BYTES], const char *path, char *text)
{
	char *content;
	size_t len;
	bool ok;

	if (rudp_key_content_read(&content, &len, path, RUDP_KEY_FILE_PUBLIC,
				  RUDP_IDENTITY_FILE_BYTES_MAX, NULL, text) < 0)
		return false;
	ok = rudp_public_key_parse(key, content, len, path, text);
	rudp_key_content_free(content, len);
	return ok;
}

static bool load_private(uint8_t key[RUDP_IDENTITY_BYTES], const char *path, char *text)
{
	struct rudp_identity identity;
	bool ok = rudp_identity_load(&identity, path, text);

	memcpy(key, identity.public_key, RUDP_IDENTITY_BYTES);
	rudp_identity_wipe(&identity);
	return ok;
}

int rudp_key_show(const struct rudp_key_arguments *arguments)
{
	struct rudp_identity_files files;
	const char *path = choose_path(&files, arguments->what, false);
	char text[RUDP_KEY_TEXT_SIZE], line[RUDP_PUBLIC_KEY_TEXT_SIZE],
		name[RUDP_AUTHORIZED_NAME_SIZE];
	uint8_t key[RUDP_IDENTITY_BYTES];

	if (!path)
		return 1;
	if (!(is_public_path(path) ? load_public : load_private)(key, path, text)) {
		warnx("%s%s", text,
		      access(path, F_OK) < 0 ? "; 'rudp key new' makes an identity" : "");
		return 1;
	}
	rudp_identity_own_name(name);
	printf("%s%s%s\n", rudp_public_key_format(key, line), is_public_path(path) ? "" : " ",
	       is_public_path(path) ? "" : name);
	print_fingerprints(key);
	return fflush(stdout) == EOF ? 1 : 0;
}

/* Each prints what is in a file. false: an error was printed. */
static bool check_identity(const char *path)
{
	char text[RUDP_KEY_TEXT_SIZE], public_path[PATH_SIZE], full[RUDP_FINGERPRINT_FULL_SIZE];
	uint8_t key[RUDP_IDENTITY_BYTES], other[RUDP_IDENTITY_BYTES];

	snprintf(public_path, sizeof public_path, "%s" PUBLIC_SUFFIX, path);
	if (!load_private(key, path, text)) {
		warnx("%s", text);
		return false;
	}
	if (access(public_path, F_OK) == 0) {
		if (!load_public(other, public_path, text)) {
			warnx("%s", text);
			return false;
		}
		if (memcmp(key, other, sizeof key) != 0) {
			warnx("%s: is not the public key of %s; 'rudp key show' prints that",
			      public_path, path);
			return false;
		}
	}
	printf("%s: identity %s\n", path, rudp_fingerprint_full(key, full));
	return true;
}

static bool check_known_hosts(const char *path)
{
	struct rudp_known_hosts hosts;
	char text[RUDP_KEY_TEXT_SIZE];
	unsigned revoked = 0;

	if (!rudp_known_hosts_load(&hosts, path, text)) {
		warnx("%s", text);
		return false;
	}
	for (unsigned i = 0; i < hosts.count; i++)
		revoked += hosts.entries[i].kind == RUDP_HOST_REVOKED_KEY;
	printf("%s: known hosts: %u, revoked keys: %u\n", path, hosts.count - revoked, revoked);
	rudp_known_hosts_fini(&hosts);
	return true;
}

static bool check_authorized_keys(const char *path)
{
	struct rudp_authorized_keys keys;
	struct rudp_authorized_line line;
	unsigned count = 0, revoked = 0, expired = 0;
	char text[RUDP_KEY_TEXT_SIZE];
	int64_t now_s = time(NULL);

	if (!rudp_authorized_keys_load(&keys, path, text)) {
		warnx("%s", text);
		return false;
	}
	while (rudp_authorized_keys_line(&keys, count, &line)) {
		revoked += line.is_revoked;
		expired += !line.is_revoked && line.expires_s <= now_s;
		count++;
	}
	printf("%s: authorized keys: %u, revoked keys: %u, expired lines: %u\n", path,
	       count - revoked, revoked, expired);
	rudp_authorized_keys_fini(&keys);
	return true;
}

int rudp_key_check(const struct rudp_key_arguments *arguments)
{
	static bool (*const checks[RUDP_IDENTITY_FILE_COUNT])(const char *path) = {
		[RUDP_FILE_IDENTITY] = check_identity,
		[RUDP_FILE_KNOWN_HOSTS] = check_known_hosts,
		[RUDP_FILE_AUTHORIZED_KEYS] = check_authorized_keys,
	};
	struct rudp_identity_files files;
	bool ok = true;

	(void)arguments;
	if (!rudp_identity_places(&files))
		return 1;
	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++) {
		const struct rudp_identity_place *place = &files.places[i];
		bool must_exist = place->named_by && i != RUDP_FILE_KNOWN_HOSTS;
		unsigned at = 0;

		while (at < place->count && rudp_file_is_missing(place->paths[at]))
			at++;
		if (at < place->count)
			ok = checks[i](place->paths[at]) && ok;
		else if (must_exist)
			warnx("%s: %s: there is no such file", place->named_by, place->paths[0]);
		else if (place->count)
			printf("%s: does not exist\n", place->paths[0]);
		ok = ok && (at < place->count || !must_exist);
	}
	return ok && fflush(stdout) != EOF ? 0 : 1;
}
