/* SPDX-License-Identifier: MIT */
#include "conversation/server/config_dry_run.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conversation/server/acceptor.h"
#include "conversation/server/metrics.h"
#include "conversation/store/store.h"

struct dry_run {
	const struct apo_config *config;
	apo_complain *complain, *mention;
	void *of;
	bool is_fine;
};

/* error: a negative errno value. An address in use is only mentioned. */
static void tell(struct dry_run *dry_run, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void tell(struct dry_run *dry_run, int error, const char *format, ...)
{
	char what[PATH_MAX], line[PATH_MAX + 128];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	snprintf(line, sizeof line, "%s: %s", what, strerror(-error));
	if (error == -EADDRINUSE) {
		dry_run->mention(dry_run->of, line);
		return;
	}
	dry_run->complain(dry_run->of, line);
	dry_run->is_fine = false;
}

/* Returns 0 if a file could be created there. */
static int can_make(const char *file)
{
	char path[PATH_MAX];

	if (strlen(file) >= sizeof path)
		return -ENAMETOOLONG;
	strcpy(path, file);
	return faccessat(AT_FDCWD, dirname(path), W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static void try_log(struct dry_run *dry_run)
{
	const char *file = dry_run->config->log_file;
	struct stat there;
	int error = 0;

	if (!file)
		return;
	if (stat(file, &there) < 0)
		error = errno == ENOENT ? can_make(file) : -errno;
	else if (S_ISDIR(there.st_mode))
		error = -EISDIR;
	else if (faccessat(AT_FDCWD, file, W_OK, AT_EACCESS) < 0)
		error = -errno;
	if (error < 0)
		tell(dry_run, error, "server: log %s", file);
}

/* Returns 0 if no process serves the socket and its file can be replaced. */
static int try_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat there;
	int fd, error;

	if (strlen(path) >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	if (lstat(path, &there) < 0)
		return errno == ENOENT ? can_make(path) : -errno;
	if (!S_ISSOCK(there.st_mode))
		return -EEXIST;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
	close(fd);
	return error == ECONNREFUSED           ? can_make(path)
	       : error == 0 || error == EAGAIN ? -EADDRINUSE
					       : -error;
}

/* Binds and closes again without listening, so no client can notice. */
static int try_address(const struct rudp_addr *address, int type)
{
	int fd = apo_bind_socket(address, type);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void try_metrics(struct dry_run *dry_run)
{
	const char *path = dry_run->config->metrics_path;
	struct rudp_addr address;
	bool is_address = path && apo_metrics_is_address(path, &address);
	int error = is_address ? try_address(&address, SOCK_STREAM) : path ? try_socket(path) : 0;

	if (error < 0)
		tell(dry_run, error, "server: metrics %s", path);
}

static void try_listeners(struct dry_run *dry_run)
{
	const struct apo_config *config = dry_run->config;
	char text[RUDP_ADDR_TEXT_SIZE];
	unsigned i;
	int error;

	for (i = 0; i < config->listen_count; i++) {
		error = try_address(&config->listens[i].address, SOCK_STREAM);
		if (error < 0)
			tell(dry_run, error, "listen: %s",
			     rudp_addr_format(&config->listens[i].address, text));
	}
}

static void try_peers(struct dry_run *dry_run)
{
	struct rudp_addr address = {
		.in4 = {.sin_family = AF_INET, .sin_port = htons(dry_run->config->peers_port)}};
	int error = dry_run->config->peers_port ? try_address(&address, SOCK_DGRAM) : 0;

	if (error < 0)
		tell(dry_run, error, "peers: port %u", (unsigned)dry_run->config->peers_port);
}

static void try_store(struct dry_run *dry_run)
{
	const char *file = dry_run->config->accounts_file;
	char line[PATH_MAX + 128], reason[PATH_MAX];
	int error = 0;

	if (!file)
		return;
	if (faccessat(AT_FDCWD, file, R_OK | W_OK, AT_EACCESS) < 0 && errno != ENOENT)
		error = -errno;
	else /* SQLite creates files in the same directory */
		error = can_make(file);
	if (error < 0) {
		tell(dry_run, error, "accounts: file %s", file);
	} else if (access(file, F_OK) == 0 && !apo_store_try(file, reason, sizeof reason)) {
		snprintf(line, sizeof line, "accounts: file %s", reason);
		dry_run->complain(dry_run->of, line);
		dry_run->is_fine = false;
	}
}

bool apo_config_dry_run(const struct apo_config *config, apo_complain *complain,
			apo_complain *mention, void *of)
{
	struct dry_run dry_run = {.config = config,
				  .complain = complain,
				  .mention = mention,
				  .of = of,
				  .is_fine = true};

	try_log(&dry_run);
	try_metrics(&dry_run);
	try_listeners(&dry_run);
	try_peers(&dry_run);
	try_store(&dry_run);
	return dry_run.is_fine;
}
