/* SPDX-License-Identifier: MIT */
/* apollonion - the conversation service (apollonion(8)). */
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/table.h"
#include "conversation/server/checker.h"
#include "conversation/server/cloak.h"
#include "conversation/server/config.h"
#include "conversation/server/service.h"

#define DEFAULT_FILE "/etc/apollonion/apollonion.conf"
#define PASSWORD_SIZE 512

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum mode { SERVE, CHECK_CONFIG, HASH_PASSWORD };

static const char help[] =
	"usage: apollonion [--config FILE] [--check-config]\n"
	"       apollonion --hash-password <FILE\n"
	"\n"
	"  -c, --config FILE    the configuration (default " DEFAULT_FILE ")\n"
	"      --check-config   only say what is wrong with it; exit code 1 if something is\n"
	"      --hash-password  the hash of the line on the standard input, for the configuration\n"
	"      --version        the version\n"
	"  -h, --help           this\n"
	"\n"
	"SIGHUP reads the configuration anew, SIGTERM ends in an orderly way.\n";

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},  {"check-config", no_argument, NULL, 'k'},
	{"hash-password", no_argument, NULL, 'p'}, {"version", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

static void complain(void *of, const char *line)
{
	(void)of;
	fprintf(stderr, "apollonion: %s\n", line);
}

/* Names of clients are keys of tables: whoever chooses them must not know where they lie. */
static void set_table_key(void)
{
	uint8_t key[16];

	randombytes_buf(key, sizeof key);
	rudp_table_set_key(key);
}

static int hash_password(void)
{
	char password[PASSWORD_SIZE], hash[APO_HASH_SIZE];
	size_t len;

	if (!fgets(password, sizeof password, stdin)) {
		complain(NULL, "there is no password on the standard input");
		return EXIT_USAGE;
	}
	len = strcspn(password, "\n");
	if (len == 0 || len == sizeof password - 1) {
		complain(NULL, "the password is empty or too long");
		return EXIT_USAGE;
	}
	password[len] = 0;
	if (apo_checker_hash(password, hash) < 0) {
		complain(NULL, "out of memory");
		return EXIT_FAILED;
	}
	sodium_memzero(password, sizeof password);
	return puts(hash) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_FINE;
}

static int serve(const char *file, bool is_check)
{
	struct apo_config *config = apo_config_read(file, complain, NULL);

	if (!config)
		return EXIT_FAILED;
	if (!is_check)
		return apo_service_run(config, file);
	apo_config_put(config);
	printf("%s: nothing is wrong with it\n", file);
	return EXIT_FINE;
}

int main(int argc, char **argv)
{
	const char *file = DEFAULT_FILE;
	enum mode mode = SERVE;
	int option;

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
		case 'v':
			puts("apollonion " RUDP_VERSION_TEXT);
			return EXIT_FINE;
		case 'h':
			fputs(help, stdout);
			return EXIT_FINE;
		default:
			fputs("apollonion --help says how it is used\n", stderr);
			return EXIT_USAGE;
		}
	if (optind < argc) {
		fprintf(stderr,
			"apollonion: %s: what is that?\napollonion --help says how it is used\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if (apo_cloak_init() < 0) {
		complain(NULL, "libsodium cannot be used");
		return EXIT_FAILED;
	}
	set_table_key();
	return mode == HASH_PASSWORD ? hash_password() : serve(file, mode == CHECK_CONFIG);
}
