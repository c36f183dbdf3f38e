/* SPDX-License-Identifier: MIT */
#include "conversation/server/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conversation/server/secrets.h"
#include "conversation/server/config.h"
#include "conversation/server/password_input.h"
#include "conversation/store/backup.h"
#include "conversation/store/store.h"

#define REASON_SIZE (PATH_MAX + 512)

static void complain(void *of, const char *line)
{
	(void)of;
	fprintf(stderr, "apollonion: %s\n", line);
}

static int complain_of(const char *name, const char *what)
{
	fprintf(stderr, "apollonion: %s: %s\n", name, what);
	return APO_EXIT_FAILED;
}

/* The configuration, with a file of accounts; NULL after an error message. */
static struct apo_config *read_config(const char *file)
{
	struct apo_config *config = apo_config_read(file, complain, NULL);

	if (!config || config->accounts_file)
		return config;
	complain_of(file, "accounts: file is missing");
	apo_config_put(config);
	return NULL;
}

/* ---- passwords ---- */

static int read_password(char password[APO_PASSWORD_INPUT_SIZE])
{
	switch (apo_password_read(STDIN_FILENO, STDERR_FILENO, password)) {
	case APO_PASSWORD_READ:
		return APO_EXIT_FINE;
	case APO_PASSWORD_NONE:
		complain(NULL, "there is no password on the standard input");
		break;
	case APO_PASSWORD_UNFIT:
		complain(NULL, "the password is empty or too long");
		break;
	case APO_PASSWORD_DIFFERENT:
		complain(NULL, "the two passwords differ");
		break;
	}
	return APO_EXIT_USAGE;
}

/* The same limits as for REGISTER. */
static int check_account_password(const char *password, size_t len_min)
{
	size_t len = strlen(password);

	if (len >= len_min && len <= APO_PASSWORD_BYTES_MAX)
		return APO_EXIT_FINE;
	if (len < len_min)
		fprintf(stderr, "apollonion: a password has at least %zu bytes\n", len_min);
	else
		complain(NULL, "a password has at most 300 bytes");
	return APO_EXIT_FAILED;
}

/* len_min: the least length of an account's password; 0: it is no account's. */
static int read_hash(char hash[APO_SECRET_SIZE], size_t len_min, bool has_scram)
{
	char password[APO_PASSWORD_INPUT_SIZE];
	int status = read_password(password);

	if (status == APO_EXIT_FINE && len_min > 0)
		status = check_account_password(password, len_min);
	if (status == APO_EXIT_FINE && apo_secret_make(password, has_scram, hash) < 0) {
		complain(NULL, "out of memory");
		status = APO_EXIT_FAILED;
	}
	sodium_memzero(password, sizeof password);
	return status;
}

int apo_admin_hash_password(void)
{
	char hash[APO_SECRET_SIZE];
	int status = read_hash(hash, 0, false);

	if (status != APO_EXIT_FINE)
		return status;
	return puts(hash) < 0 || fflush(stdout) != 0 ? APO_EXIT_FAILED : APO_EXIT_FINE;
}

/* ---- accounts ---- */

static int change_in(struct apo_store *store, enum apo_account_change change, const char *name,
		     size_t len_min, bool has_scram)
{
	bool is_removal = change == APO_ACCOUNT_REMOVE;
	char hash[APO_SECRET_SIZE];
	int status = is_removal ? APO_EXIT_FINE : read_hash(hash, len_min, has_scram), error;

	if (status != APO_EXIT_FINE)
		return status;
	if (is_removal)
		error = apo_account_remove(store, name);
	else if (change == APO_ACCOUNT_ADD)
		error = apo_account_add(store, name, hash, time(NULL));
	else
		error = apo_account_set_hash(store, name, hash);
	if (error == -EEXIST)
		return complain_of(name, "there is an account of that name");
	if (error == -ENOENT)
		return complain_of(name, "there is no such account");
	return error < 0 ? complain_of(name, apo_store_error(store)) : APO_EXIT_FINE;
}

int apo_admin_change_account(const char *config_file, enum apo_account_change change,
			     const char *name)
{
	struct apo_config *config = read_config(config_file);
	struct apo_store *store = NULL;
	char reason[REASON_SIZE];
	int status = APO_EXIT_FAILED;

	if (!config)
		return APO_EXIT_FAILED;
	if (!apo_nick_is_valid(name, config->model.nick_len_max))
		complain_of(name, "is no valid nick");
	else if (!(store = apo_store_open(config->accounts_file, reason, sizeof reason)))
		complain(NULL, reason);
	else
		status = change_in(store, change, name, config->model.password_len_min,
				   config->model.scram);
	if (store)
		apo_store_close(store);
	apo_config_put(config);
	return status;
}

/* ---- export and import ---- */

static bool write_export(const char *store_file, FILE *out, const char *out_name)
{
	char reason[REASON_SIZE];
	uint64_t count;

	if (apo_backup_export(store_file, out, &count, reason, sizeof reason)) {
		fprintf(stderr, "apollonion: %s: %" PRIu64 " records\n", out_name, count);
		return true;
	}
	complain(NULL, reason);
	return false;
}

/* Writes to a new file beside it, and puts that in its place when all is on the disk. So there is
 * never half an export, and a failure keeps the previous one. */
static bool export_to(const char *store_file, const char *file)
{
	struct stat there;
	char path[PATH_MAX];
	int fd, n = snprintf(path, sizeof path, "%s.XXXXXX", file);
	FILE *out = NULL;
	bool is_done;

	if (lstat(file, &there) == 0 && !S_ISREG(there.st_mode)) {
		complain_of(file, "is no regular file; - is the standard output");
		return false;
	}
	fd = n < (int)sizeof path ? mkostemp(path, O_CLOEXEC) : -1; /* mode 600: it has hashes */
	if (fd < 0 || !(out = fdopen(fd, "w"))) {
		complain_of(file, strerror(n < (int)sizeof path ? errno : ENAMETOOLONG));
		if (fd < 0)
			return false;
		close(fd);
		(void)unlink(path);
		return false;
	}
	is_done = write_export(store_file, out, file);
	if (is_done && (fsync(fd) < 0 || rename(path, file) < 0)) {
		complain_of(file, strerror(errno));
		is_done = false;
	}
	fclose(out);
	if (!is_done)
		(void)unlink(path);
	return is_done;
}

int apo_admin_export(const char *config_file, const char *file)
{
	struct apo_config *config = read_config(config_file);
	bool is_done;

	if (!config)
		return APO_EXIT_FAILED;
	if (strcmp(file, "-") == 0)
		is_done = write_export(config->accounts_file, stdout, "standard output");
	else
		is_done = export_to(config->accounts_file, file);
	apo_config_put(config);
	return is_done ? APO_EXIT_FINE : APO_EXIT_FAILED;
}

static bool import_from(const char *store_file, FILE *in, const char *in_name)
{
	char reason[REASON_SIZE];
	uint64_t count;

	if (apo_backup_import(store_file, in, in_name, &count, reason, sizeof reason)) {
		fprintf(stderr, "apollonion: %s: %" PRIu64 " records\n", store_file, count);
		return true;
	}
	complain(NULL, reason);
	return false;
}

int apo_admin_import(const char *config_file, const char *file)
{
	bool is_stdin = strcmp(file, "-") == 0, is_done = false;
	struct apo_config *config = read_config(config_file);
	FILE *in = !config ? NULL : is_stdin ? stdin : fopen(file, "re");

	if (in)
		is_done =
			import_from(config->accounts_file, in, is_stdin ? "standard input" : file);
	else if (config)
		complain_of(file, strerror(errno));
	if (in && !is_stdin)
		fclose(in);
	apo_config_put(config);
	return is_done ? APO_EXIT_FINE : APO_EXIT_FAILED;
}
