/* SPDX-License-Identifier: MIT */
#include "api/clear_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/environment.h"
#include "api/raw_syscall.h"

#define PATH_SIZE 1024
#define READ_BYTES 256 /* on the stack, which may be that of a signal handler */
#define WORD_SIZE 24   /* longer than any word that is searched */
#define SYSTEM_DIRECTORY "/etc/rudp"

enum demand {
	DEMAND_EXISTS, /* the file */
	DEMAND_WORD,   /* any word outside comments */
	DEMAND_RULE,   /* one of the words in rule_words */
};

static const char *const variables[] = {
	"RUDP_KEY_FILE", "RUDP_KEY", "RUDP_IDENTITY", "RUDP_KNOWN_HOSTS", "RUDP_AUTHORIZED_KEYS",
};
/* "use rudp", "require identity", "set first-contact ask" or "refuse", "set known-hosts FILE":
 * rudp.conf(5). */
static const char *const rule_words[] = {
	"rudp", "require", "ask", "refuse", "known-hosts", "authorized-keys",
};

/* A search in a text that comes in pieces. */
struct scan {
	enum demand demand;
	char word[WORD_SIZE]; /* the one that is being read; longer ones are cut */
	size_t len;
	bool in_comment, found;
};

static bool is_demand(const struct scan *scan)
{
	if (scan->demand == DEMAND_WORD)
		return scan->len > 0;
	for (size_t i = 0; i < sizeof rule_words / sizeof rule_words[0]; i++)
		if (strlen(rule_words[i]) == scan->len &&
		    memcmp(rule_words[i], scan->word, scan->len) == 0)
			return true;
	return false;
}

static void scan_character(struct scan *scan, char c)
{
	if (c == '\n')
		scan->in_comment = false;
	else if (c == '#')
		scan->in_comment = true;
	if (!scan->in_comment && c && !strchr(" \t\r\n;", c)) {
		if (scan->len < WORD_SIZE)
			scan->word[scan->len++] = c;
		return;
	}
	scan->found = scan->found || is_demand(scan);
	scan->len = 0;
}

static bool text_demands_rudp(const char *text)
{
	struct scan scan = {.demand = DEMAND_RULE};

	for (; *text; text++)
		scan_character(&scan, *text);
	scan_character(&scan, 0);
	return scan.found;
}

static bool content_demands(int fd, enum demand demand)
{
	struct scan scan = {.demand = demand};
	char piece[READ_BYTES];
	long n, left = RUDP_CLEAR_TEXT_FILE_BYTES_MAX;

	do {
		n = rudp_raw_syscall(SYS_read, fd, (long)piece, sizeof piece, 0, 0, 0);
		for (long i = 0; i < n; i++)
			scan_character(&scan, piece[i]);
		left -= n > 0 ? n : 0;
	} while ((n > 0 || n == -EINTR) && left > 0);
	scan_character(&scan, 0);
	return scan.found || n != 0;
}

/*
 * A directory that may not be searched is another user's home, so it has no file of ours. A
 * symbolic link that leads nowhere exists, as for the engine (file_stamp.h).
 */
static bool exists(const char *path)
{
	char target[1];

	return rudp_raw_syscall(SYS_faccessat, AT_FDCWD, (long)path, F_OK, 0, 0, 0) == 0 ||
	       rudp_raw_syscall(SYS_readlinkat, AT_FDCWD, (long)path, (long)target, sizeof target,
				0, 0) > 0;
}

static bool file_demands(const char *path, enum demand demand)
{
	bool demands;
	int fd;

	if (!exists(path))
		return false;
	if (demand == DEMAND_EXISTS)
		return true;
	fd = (int)rudp_raw_syscall(SYS_openat, AT_FDCWD, (long)path,
				   O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0, 0);
	if (fd < 0)
		return true;
	demands = content_demands(fd, demand);
	rudp_raw_close(fd);
	return demands;
}

/* Returns false if there is no such directory in the environment, or its name is too long. */
static bool path_of_user(char path[PATH_SIZE], const char *file)
{
	const char *config = rudp_environment_get("XDG_CONFIG_HOME");
	const char *home = rudp_environment_get("HOME");
	const char *directory = config && *config == '/' ? config : home;
	const char *folder = directory == config ? "/rudp/" : "/.config/rudp/";

	if (!directory || *directory != '/' ||
	    strlen(directory) + strlen(folder) + strlen(file) >= PATH_SIZE)
		return false;
	stpcpy(stpcpy(stpcpy(path, directory), folder), file);
	return true;
}

/* A file of the user; the one of the system only for root. */
static bool user_file_demands(const char *file, const char *of_system, enum demand demand)
{
	char path[PATH_SIZE];

	return (path_of_user(path, file) && file_demands(path, demand)) ||
	       (geteuid() == 0 && file_demands(of_system, demand));
}

/* The engine uses the first file that exists. */
static bool policy_demands(void)
{
	const char *text = rudp_environment_get("RUDP_POLICY");
	const char *file = rudp_environment_get("RUDP_POLICY_FILE");
	char path[PATH_SIZE];

	if (text && text_demands_rudp(text))
		return true;
	if (file)
		return file_demands(file, DEMAND_RULE);
	if (path_of_user(path, "rudp.conf") && exists(path))
		return file_demands(path, DEMAND_RULE);
	return file_demands(SYSTEM_DIRECTORY "/rudp.conf", DEMAND_RULE);
}

bool rudp_clear_text_is_forbidden(void)
{
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		if (rudp_environment_get(variables[i]))
			return true;
	return user_file_demands("known_hosts", SYSTEM_DIRECTORY "/known_hosts", DEMAND_WORD) ||
	       user_file_demands("authorized_keys", SYSTEM_DIRECTORY "/authorized_keys",
				 DEMAND_EXISTS) ||
	       policy_demands();
}
