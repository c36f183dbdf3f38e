/* SPDX-License-Identifier: MIT */
/* What --check-config tries: it reports what a start would fail on, and leaves nothing behind. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conversation/server/config.h"
#include "conversation/server/config_dry_run.h"
#include "conversation/store/store.h"

static char directory[] = "/tmp/apollonion-rehearsal.XXXXXX", said[1000], mentioned[1000];
static char at[3][80]; /* the paths of "log", "socket", "db" there */
static struct apo_config config;

static void begin(void)
{
	static const char *const names[] = {"log", "socket", "db"};
	unsigned i;

	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	for (i = 0; i < 3; i++)
		snprintf(at[i], sizeof at[i], "%s/%s", directory, names[i]);
	config.log_file = at[0];
	config.metrics_path = at[1];
	config.accounts_file = at[2];
	config.listen_count = 1;
	config.listens[0].address.in4 = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void end(void)
{
	cr_assert(eq(int, rmdir(directory), 0), "something was left behind");
}

TestSuite(dry_run, .init = begin, .fini = end, .timeout = 60);

static void note(void *of, const char *line)
{
	strncat(of, line, 400);
}

static void complain(void *of, const char *line)
{
	(void)of;
	note(said, line);
}

static void mention(void *of, const char *line)
{
	(void)of;
	note(mentioned, line);
}

static bool dry_run_it(void)
{
	said[0] = mentioned[0] = 0;
	return apo_config_dry_run(&config, complain, mention, NULL);
}

#define TELLS(words)                                                                               \
	do {                                                                                       \
		cr_assert(not(dry_run_it()));                                                      \
		cr_assert(ne(ptr, strstr(said, words), NULL), "%s", said);                         \
	} while (0)

static void write_file(const char *file, const char *text)
{
	FILE *stream = fopen(file, "w");

	cr_assert(ne(ptr, stream, NULL));
	fputs(text, stream);
	fclose(stream);
}

static unsigned count_files(void)
{
	DIR *dir = opendir(directory);
	unsigned count = 0;

	cr_assert(ne(ptr, dir, NULL));
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

Test(dry_run, a_first_start_is_fine_and_creates_nothing)
{
	cr_assert(dry_run_it(), "%s", said);
	cr_assert(eq(str, mentioned, (char *)""));
	cr_assert(eq(uint, count_files(), 0));
}

Test(dry_run, a_missing_directory_is_reported)
{
	config.log_file = "/nowhere/log";
	config.metrics_path = "/nowhere/socket";
	config.accounts_file = "/nowhere/db";
	TELLS("server: log /nowhere/log: No such file");
	TELLS("server: metrics /nowhere/socket: No such file");
	TELLS("accounts: file /nowhere/db: No such file");
}

Test(dry_run, directories_in_place_of_files_are_reported)
{
	char *path = directory;

	config.log_file = config.metrics_path = path;
	config.accounts_file = NULL;
	TELLS("server: log");
	TELLS("Is a directory");
	TELLS("server: metrics");
}

Test(dry_run, a_database_of_another_program_is_reported)
{
	write_file(at[2],
		   "this is no database, whatever its name is, and it is long enough for a head "
		   "of 100 bytes and more");
	TELLS("is no SQLite database");
	cr_assert(eq(uint, count_files(), 1));
	cr_assert(eq(int, unlink(at[2]), 0));
}

Test(dry_run, our_database_is_checked_and_not_changed)
{
	struct apo_store *store;
	char reason[200];
	struct stat before, after;
	unsigned files;

	store = apo_store_open(at[2], reason, sizeof reason);
	cr_assert(ne(ptr, store, NULL));
	cr_assert(eq(int, apo_account_add(store, "dan", "hash", 1), 0));
	files = count_files();
	cr_assert(dry_run_it(), "%s", said);
	cr_assert(eq(uint, count_files(), files));
	apo_store_close(store);
	cr_assert(eq(uint, count_files(), 1));
	cr_assert(eq(int, stat(at[2], &before), 0));
	cr_assert(dry_run_it(), "%s", said);
	cr_assert(eq(int, stat(at[2], &after), 0));
	cr_assert(eq(i64, before.st_mtim.tv_nsec, after.st_mtim.tv_nsec));
	cr_assert(eq(uint, count_files(), 1));
	cr_assert(eq(int, truncate(at[2], before.st_size - 4096), 0));
	TELLS("is damaged");
	cr_assert(eq(uint, count_files(), 1));
	cr_assert(eq(int, unlink(at[2]), 0));
}

/* The usual next step is SIGHUP. */
Test(dry_run, resources_of_a_running_server_are_only_mentioned)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct sockaddr_in *in = &config.listens[0].address.in4;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof *in;

	memcpy(address.sun_path, at[1], sizeof at[1]);
	cr_assert(eq(int, bind(fd, (struct sockaddr *)&address, sizeof address), 0));
	cr_assert(eq(int, listen(fd, 5), 0));
	cr_assert(eq(int, bind(listener, (struct sockaddr *)in, sizeof *in), 0));
	cr_assert(eq(int, listen(listener, 5), 0));
	cr_assert(eq(int, getsockname(listener, (struct sockaddr *)in, &len), 0));
	cr_assert(dry_run_it(), "%s", said);
	cr_assert(ne(ptr, strstr(mentioned, "server: metrics "), NULL));
	cr_assert(ne(ptr, strstr(mentioned, "listen: 127.0.0.1:"), NULL));
	close(listener);
	close(fd);
	cr_assert(dry_run_it(), "%s", said); /* its process was killed */
	cr_assert(eq(str, mentioned, (char *)""));
	cr_assert(eq(int, unlink(at[1]), 0));
}

Test(dry_run, an_address_of_another_host_is_reported)
{
	config.listens[0].address.in4.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
	TELLS("listen: 192.0.2.1:0: Cannot assign requested address");
}
