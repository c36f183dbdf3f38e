/* SPDX-License-Identifier: MIT */
/* apollonion - the chat server (apollonion(8)). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/table.h"
#include "conversation/server/auth_thread.h"
#include "conversation/server/cloak.h"
#include "conversation/server/config.h"
#include "conversation/server/config_dry_run.h"
#include "conversation/server/service.h"
#include "conversation/store/store.h"

#define DEFAULT_FILE "/etc/apollonion/apollonion.conf"
#define PASSWORD_SIZE 512

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum mode { SERVE, CHECK_CONFIG, HASH_PASSWORD, ADD_ACCOUNT, SET_PASSWORD, REMOVE_ACCOUNT };

static const char help[] =
	"usage: apollonion [--config FILE] [--check-config]\n"
	"       apollonion --hash-password <FILE\n"
	"       apollonion [--config FILE] --add-account|--set-password NAME <FILE\n"
	"       apollonion [--config FILE] --remove-account NAME\n"
	"\n"
	"  -c, --config FILE    the configuration (default " DEFAULT_FILE ")\n"
	"      --check-config   only check the configuration; exit code 1 if it has errors\n"
	"      --hash-password  print the hash of the password on the standard input\n"
	"      --add-account NAME   add an account; its password is the line on the standard "
	"input\n"
	"      --set-password NAME  change the password of an account, likewise\n"
	"      --remove-account NAME  remove an account\n"
	"      --version        print the version\n"
	"  -h, --help           print this text\n"
	"\n"
	"SIGHUP reads the configuration again, SIGUSR2 hands over to a new process of the program\n"
	"on disk, SIGTERM ends the server gracefully.\n";

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check-config", no_argument, NULL, 'k'},
	{"hash-password", no_argument, NULL, 'p'},
	{"version", no_argument, NULL, 'v'},
	{"add-account", required_argument, NULL, 'a'},
	{"set-password", required_argument, NULL, 's'},
	{"remove-account", required_argument, NULL, 'r'},
	{"take-over", required_argument, NULL, 't'}, /* only passed by a server that hands over */
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void complain(void *of, const char *line)
{
	(void)of;
	fprintf(stderr, "apollonion: %s\n", line);
}

/* Clients choose their names, which are keys of hash tables. A random hash key prevents them from
 * choosing collisions. */
static void set_table_key(void)
{
	uint8_t key[16];

	randombytes_buf(key, sizeof key);
	rudp_table_set_key(key);
}

/* Reads the line on the standard input. Returns EXIT_FINE, or EXIT_USAGE after an error message. */
static int read_password(char password[PASSWORD_SIZE])
{
	size_t len;

	if (!fgets(password, PASSWORD_SIZE, stdin)) {
		complain(NULL, "there is no password on the standard input");
		return EXIT_USAGE;
	}
	len = strcspn(password, "\r\n");
	if (len == 0 || len == PASSWORD_SIZE - 1) {
		complain(NULL, "the password is empty or too long");
		return EXIT_USAGE;
	}
	password[len] = 0;
	return EXIT_FINE;
}

/* The same limits as for REGISTER. */
static int check_account_password(const char *password, size_t len_min)
{
	size_t len = strlen(password);

	if (len >= len_min && len <= APO_PASSWORD_BYTES_MAX)
		return EXIT_FINE;
	if (len < len_min)
		fprintf(stderr, "apollonion: a password has at least %zu bytes\n", len_min);
	else
		complain(NULL, "a password has at most 300 bytes");
	return EXIT_FAILED;
}

/* len_min: the least length of an account's password; 0: it is no account's. */
static int read_hash(char hash[APO_HASH_SIZE], size_t len_min)
{
	char password[PASSWORD_SIZE];
	int status = read_password(password);

	if (status == EXIT_FINE && len_min > 0)
		status = check_account_password(password, len_min);
	if (status == EXIT_FINE && apo_auth_thread_hash(password, hash) < 0) {
		complain(NULL, "out of memory");
		status = EXIT_FAILED;
	}
	sodium_memzero(password, sizeof password);
	return status;
}

static int hash_password(void)
{
	char hash[APO_HASH_SIZE];
	int status = read_hash(hash, 0);

	if (status != EXIT_FINE)
		return status;
	return puts(hash) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_FINE;
}

/* ---- accounts ---- */

static int complain_of(const char *name, const char *what)
{
	fprintf(stderr, "apollonion: %s: %s\n", name, what);
	return EXIT_FAILED;
}

static int change_in(struct apo_store *store, enum mode mode, const char *name, size_t len_min)
{
	char hash[APO_HASH_SIZE];
	int status = mode == REMOVE_ACCOUNT ? EXIT_FINE : read_hash(hash, len_min), error;

	if (status != EXIT_FINE)
		return status;
	if (mode == REMOVE_ACCOUNT)
		error = apo_account_remove(store, name);
	else if (mode == ADD_ACCOUNT)
		error = apo_account_add(store, name, hash, time(NULL));
	else
		error = apo_account_set_hash(store, name, hash);
	if (error == -EEXIST)
		return complain_of(name, "there is an account of that name");
	if (error == -ENOENT)
		return complain_of(name, "there is no such account");
	return error < 0 ? complain_of(name, apo_store_error(store)) : EXIT_FINE;
}

static int change_account(const char *file, enum mode mode, const char *name)
{
	struct apo_config *config = apo_config_read(file, complain, NULL);
	struct apo_store *store = NULL;
	char reason[512];
	int status = EXIT_FAILED;

	if (!config)
		return EXIT_FAILED;
	if (!config->accounts_file)
		complain_of(file, "accounts: file is missing");
	else if (!apo_nick_is_valid(name, config->model.nick_len_max))
		complain_of(name, "is no valid nick");
	else if (!(store = apo_store_open(config->accounts_file, reason, sizeof reason)))
		complain(NULL, reason);
	else
		status = change_in(store, mode, name, config->model.password_len_min);
	if (store)
		apo_store_close(store);
	apo_config_put(config);
	return status;
}

static void mention(void *of, const char *line)
{
	(void)of;
	fprintf(stderr,
		"apollonion: %s (perhaps by a running server; a second one could not start)\n",
		line);
}

static int serve(const char *file, bool is_check, int upgrade_fd)
{
	struct apo_config *config = apo_config_read(file, complain, NULL);
	bool is_fine;

	if (!config)
		return EXIT_FAILED;
	if (!is_check)
		return apo_service_run(config, file, upgrade_fd);
	is_fine = apo_config_dry_run(config, complain, mention, NULL);
	apo_config_put(config);
	if (is_fine)
		printf("%s: no errors\n", file);
	return is_fine ? EXIT_FINE : EXIT_FAILED;
}

/* The descriptor of the upgrade channel. If it is no socket of that type, the option was not passed
 * by a server. */
static int upgrade_of(const char *number)
{
	int fd = (int)strtol(number, NULL, 10), type = 0;
	socklen_t len = sizeof type;

	if (fd < 3 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_SEQPACKET || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		complain(NULL, "--take-over is only for a server that hands over");
		exit(EXIT_USAGE);
	}
	return fd;
}

int main(int argc, char **argv)
{
	const char *file = DEFAULT_FILE, *account = NULL;
	enum mode mode = SERVE;
	int option, upgrade_fd = -1;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 'k':
			mode = CHECK_CONFIG;
			break;
		case 'p':
			mode = HASH_PASSWORD;
			break;
		case 'a':
		case 's':
		case 'r':
			mode = option == 'a'   ? ADD_ACCOUNT
			       : option == 's' ? SET_PASSWORD
					       : REMOVE_ACCOUNT;
			account = optarg;
			break;
		case 't':
			upgrade_fd = upgrade_of(optarg);
			break;
		case 'v':
			puts("apollonion " RUDP_VERSION_TEXT);
			return EXIT_FINE;
		case 'h':
			fputs(help, stdout);
			return EXIT_FINE;
		default:
			fputs("Try apollonion --help\n", stderr);
			return EXIT_USAGE;
		}
	if (optind < argc) {
		fprintf(stderr, "apollonion: unexpected argument %s\nTry apollonion --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if (apo_cloak_init() < 0) {
		complain(NULL, "libsodium cannot be used");
		return EXIT_FAILED;
	}
	set_table_key();
	if (account)
		return change_account(file, mode, account);
	return mode == HASH_PASSWORD ? hash_password()
				     : serve(file, mode == CHECK_CONFIG, upgrade_fd);
}
