/* SPDX-License-Identifier: MIT */
/* apollonion - the chat server (apollonion(8)). */
#include <fcntl.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/table.h"
#include "conversation/server/admin.h"
#include "conversation/server/cloak.h"
#include "conversation/server/config.h"
#include "conversation/server/config_dry_run.h"
#include "conversation/server/doctor.h"
#include "conversation/server/service.h"

#define DEFAULT_FILE "/etc/apollonion/apollonion.conf"

enum mode { SERVE, CHECK_CONFIG, DOCTOR, HASH_PASSWORD, CHANGE_ACCOUNT, EXPORT, IMPORT };

static const char help[] =
	"usage: apollonion [--config FILE] [--check-config]\n"
	"       apollonion [--config FILE] doctor\n"
	"       apollonion --hash-password [<FILE]\n"
	"       apollonion [--config FILE] --add-account|--set-password NAME [<FILE]\n"
	"       apollonion [--config FILE] --remove-account NAME\n"
	"       apollonion [--config FILE] --export|--import FILE\n"
	"\n"
	"  -c, --config FILE    the configuration (default " DEFAULT_FILE ")\n"
	"      --check-config   only check the configuration; exit code 1 if it has errors\n"
	"  doctor               examine also TLS, rights, descriptors and the cluster, and say "
	"what to\n"
	"                       do; exit code 1 if there is a problem\n"
	"      --hash-password  ask for a password, or read a line, and print its hash\n"
	"      --add-account NAME   add an account; its password is read in the same way\n"
	"      --set-password NAME  change the password of an account, in the same way\n"
	"      --remove-account NAME  remove an account\n"
	"      --export FILE    write accounts, channels and history as lines of JSON (- for the\n"
	"                       standard output); the server may be running\n"
	"      --import FILE    read them into an empty file of accounts (- for the standard "
	"input)\n"
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
	{"export", required_argument, NULL, 'e'},
	{"import", required_argument, NULL, 'i'},
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
		return APO_EXIT_FAILED;
	if (!is_check)
		return apo_service_run(config, file, upgrade_fd);
	is_fine = apo_config_dry_run(config, complain, mention, NULL);
	apo_config_put(config);
	if (is_fine)
		printf("%s: no errors\n", file);
	return is_fine ? APO_EXIT_FINE : APO_EXIT_FAILED;
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
		exit(APO_EXIT_USAGE);
	}
	return fd;
}

/* The things that the command line asks for. */
struct request {
	enum mode mode;
	const char *config_file, *argument; /* of the mode: an account, a file */
	enum apo_account_change change;
	int upgrade_fd;
};

static void set_mode(struct request *request, enum mode mode, const char *argument)
{
	request->mode = mode;
	request->argument = argument;
}

/* Returns -1, or the exit status if the program ends here. */
static int on_option(struct request *request, int option)
{
	switch (option) {
	case 'c':
		request->config_file = optarg;
		break;
	case 'k':
		set_mode(request, CHECK_CONFIG, NULL);
		break;
	case 'p':
		set_mode(request, HASH_PASSWORD, NULL);
		break;
	case 'a':
	case 's':
	case 'r':
		set_mode(request, CHANGE_ACCOUNT, optarg);
		request->change = option == 'a'   ? APO_ACCOUNT_ADD
				  : option == 's' ? APO_ACCOUNT_SET_PASSWORD
						  : APO_ACCOUNT_REMOVE;
		break;
	case 'e':
	case 'i':
		set_mode(request, option == 'e' ? EXPORT : IMPORT, optarg);
		break;
	case 't':
		request->upgrade_fd = upgrade_of(optarg);
		break;
	case 'v':
		puts("apollonion " RUDP_VERSION_TEXT);
		return APO_EXIT_FINE;
	case 'h':
		fputs(help, stdout);
		return APO_EXIT_FINE;
	default:
		fputs("Try apollonion --help\n", stderr);
		return APO_EXIT_USAGE;
	}
	return -1;
}

static int run(const struct request *request)
{
	switch (request->mode) {
	case SERVE:
	case CHECK_CONFIG:
		break;
	case DOCTOR:
		return apo_doctor(request->config_file);
	case HASH_PASSWORD:
		return apo_admin_hash_password();
	case CHANGE_ACCOUNT:
		return apo_admin_change_account(request->config_file, request->change,
						request->argument);
	case EXPORT:
		return apo_admin_export(request->config_file, request->argument);
	case IMPORT:
		return apo_admin_import(request->config_file, request->argument);
	}
	return serve(request->config_file, request->mode == CHECK_CONFIG, request->upgrade_fd);
}

int main(int argc, char **argv)
{
	struct request request = {.config_file = DEFAULT_FILE, .upgrade_fd = -1};
	int option, status;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
		if ((status = on_option(&request, option)) >= 0)
			return status;
	if (optind + 1 == argc && request.mode == SERVE && strcmp(argv[optind], "doctor") == 0) {
		request.mode = DOCTOR;
	} else if (optind < argc) {
		fprintf(stderr, "apollonion: unexpected argument %s\nTry apollonion --help\n",
			argv[optind]);
		return APO_EXIT_USAGE;
	}
	if (apo_cloak_init() < 0) {
		complain(NULL, "libsodium cannot be used");
		return APO_EXIT_FAILED;
	}
	set_table_key();
	return run(&request);
}
